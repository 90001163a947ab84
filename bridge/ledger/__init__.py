"""The ledger: the truth, of which everything that is published is a view."""

from pathlib import Path
from typing import Self

from bridge.ledger.answers import Answers
from bridge.ledger.bills import Bills
from bridge.ledger.bounds import Bounds
from bridge.ledger.calendar import Calendar
from bridge.ledger.changes import Changes, KnownChanges
from bridge.ledger.checksums import Checksums, Seals
from bridge.ledger.corrections import Correction, Corrections, KnownCorrections
from bridge.ledger.costs import Costs, KnownCosts
from bridge.ledger.counted import CountedDays
from bridge.ledger.day_ahead import KnownPrices, Prices
from bridge.ledger.days import Days
from bridge.ledger.errors import (
    ADVICE_ON_DAMAGE,
    Damaged,
    Held,
    LedgerError,
    LedgerOutdated,
    LedgerUnavailable,
)
from bridge.ledger.figures import Figures
from bridge.ledger.jobs import Jobs, KnownJobs
from bridge.ledger.listing import Listing
from bridge.ledger.notes import KnownNotes, Notes
from bridge.ledger.outbox import Outbox
from bridge.ledger.peaks import KnownPeaks, Peaks
from bridge.ledger.readings import Readings
from bridge.ledger.retention import Retention
from bridge.ledger.reviews import Reviews
from bridge.ledger.slots import Slots
from bridge.ledger.store import Store
from bridge.ledger.sums import Sums

__all__ = [
    "ADVICE_ON_DAMAGE",
    "Correction",
    "Damaged",
    "Held",
    "Ledger",
    "LedgerError",
    "LedgerOutdated",
    "LedgerUnavailable",
    "Records",
]


class Records:
    """What the ledger knows, for others who read beside the bridge: no part of it can write."""

    def __init__(self, path: Path) -> None:
        store = Store(path, read_only=True)
        self._hold(store, Checksums(store), KnownNotes(store), KnownPrices(store))

    def _hold(self, store: Store, checks: Checksums, notes: KnownNotes, prices: KnownPrices) -> None:
        self.store, self.checks, self.notes, self.prices = store, checks, notes, prices
        self.readings = Readings(store)
        self.days = Days(store, checks, self.readings)
        self.sums = Sums(store, checks, self.readings, self.days)
        self.counted = CountedDays(store, checks, self.readings, self.days)
        self.costs = KnownCosts(store, self.readings, self.counted, prices)
        self.peaks = KnownPeaks(store, checks, self.days)
        self.bills = Bills(self.costs, self.peaks, self.days)
        self.listing = Listing(store, checks, self.readings, self.days)
        self.calendar = Calendar(store, checks, self.days)
        self.corrections = KnownCorrections(store)
        self.jobs = KnownJobs(store)
        self.changes = KnownChanges(store, notes)
        self.figures = Figures(store)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        return str(self.store)

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()


class Ledger(Records):
    """Readings, days and notes of all meters, in one file in which one process works."""

    checks: Seals
    notes: Notes
    prices: Prices
    costs: Costs
    peaks: Peaks
    corrections: Corrections
    jobs: Jobs
    changes: Changes

    def __init__(self, path: Path, *, stream: bool = False) -> None:
        """Open or create.

        Args:
            path: the SQLite file.
            stream: whether new and corrected intervals wait to be taken by `outbox.unstreamed`.
        """
        store = Store(path)
        checks, notes = Seals(store), Notes(store)
        self._hold(store, checks, notes, Prices(store))
        self.jobs, self.reviews = Jobs(store), Reviews(store)
        self.changes = Changes(store, checks, notes)
        self.outbox = Outbox(store, checks, self.readings, stream=stream)
        self.costs = Costs(
            store,
            readings=self.readings,
            counted=self.counted,
            prices=self.prices,
            outbox=self.outbox,
            notes=notes,
        )
        self.peaks = Peaks(store, checks, self.days, self.outbox)
        self.bills = Bills(self.costs, self.peaks, self.days)
        self.bounds = Bounds(store, self.peaks, self.outbox, notes)
        self.retention = Retention(store, checks, self.days, self.peaks)
        self.corrections = Corrections(store)
        self.slots = Slots(
            store,
            checks,
            readings=self.readings,
            sums=self.sums,
            peaks=self.peaks,
            outbox=self.outbox,
            corrections=self.corrections,
        )
        self.answers = Answers(
            store, checks, readings=self.readings, days=self.days, slots=self.slots, outbox=self.outbox
        )
