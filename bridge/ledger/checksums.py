"""Two checksums of each meter day: a file that rots must not say other amounts than Fluvius did.

One is of its daily amounts and what else is known of the day, the other of its intervals.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from bridge.ledger.errors import ADVICE_ON_DAMAGE, Damaged, reporting_damage
from bridge.ledger.migrations import OF_READINGS, OF_THE_DAY
from bridge.ledger.part import Part
from bridge.ledger.store import Store
from bridge.ledger.units import THE_END, to_instant, to_seconds
from bridge.metering import meterday
from bridge.metering.model import Energy, Meter

_A_MONTH = 31  # days
# Every reading lies within a day of the table, so each of them reaches to the next one's start.
_DAYS = (
    "(SELECT date, LEAD(start, 1, ?4) OVER (ORDER BY start) AS end FROM day"
    " WHERE meter = ?1 AND date BETWEEN ?2 AND ?3) AS span"
)
_OF_ITS = (
    f"(SELECT {OF_READINGS} FROM reading WHERE reading.meter = ?1"  # noqa: S608 - our own words
    " AND reading.start >= day.start AND reading.start < span.end AND daily = "
)
_CHECKSUM, _INTERVALS_CHECKSUM = f"{OF_THE_DAY} + {_OF_ITS} 1)", f"{_OF_ITS} 0)"


@dataclass(frozen=True, slots=True)
class _Proof:
    """A span of a meter's days is as it was written."""

    key: int  # the meter's number
    first: date
    last: date
    of_intervals_too: bool

    def holds(self, key: int, first: date, last: date, intervals_too: bool) -> bool:
        """Whether it proves another span."""
        is_within = self.key == key and self.first <= first and last <= self.last
        return is_within and (self.of_intervals_too or not intervals_too)


class Checksums(Part):
    """Whether what is read is what was written. Spans of days include both ends."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._proofs: list[_Proof] | None = None  # None: each counts for the moment alone
        store.on_rollback.append(self._doubt)

    @contextmanager
    def proving_once(self) -> Iterator[None]:
        """Within this, a day that was proved, or sealed, is not proved again: it is a matter of seconds."""
        self._proofs = []
        try:
            yield
        finally:
            self._proofs = None

    def damaged_days(
        self, meter: Meter, first: date, last: date, *, intervals_too: bool = True
    ) -> list[date]:
        """The days of a span that are not as they were written, or are gone."""
        of_intervals = f" OR intervals_checksum IS NOT {_INTERVALS_CHECKSUM}" if intervals_too else ""
        rows = self._rows(
            f"SELECT day.start FROM day, {_DAYS} WHERE meter = ?1 AND day.date = span.date"  # noqa: S608 - our own words
            f" AND (checksum IS NOT {_CHECKSUM}{of_intervals}) UNION"
            " SELECT start FROM reading WHERE meter = ?1 AND daily = 1 AND start >= ?5 AND start < ?4"
            " AND start NOT IN"
            " (SELECT start FROM day WHERE meter = ?1 AND date BETWEEN ?2 AND ?3) ORDER BY 1",
            (
                *self._of_span(meter, first, last),
                0 if first == date.min else to_seconds(meterday.start_of(first, meter.energy)),
            ),
        )
        return [meterday.day_of(to_instant(start), meter.energy) for (start,) in rows]

    def raise_if_damaged(self, meter: Meter, first: date, last: date, *, intervals_too: bool = True) -> None:
        """Make sure of some days before they are read.

        Raises:
            Damaged: one of them is not as it was written.
        """
        if any(proof.holds(self._meter(meter), first, last, intervals_too) for proof in self._proofs or ()):
            return
        if days := self.damaged_days(meter, first, last, intervals_too=intervals_too):
            raise Damaged(f"the ledger {self} {ADVICE_ON_DAMAGE} ({meter.label}: {days[0]})")
        self._proved(meter, first, last, intervals_too)

    @reporting_damage
    def known_meters(self) -> list[Meter]:
        """All of which there is something, by their EANs alone."""
        rows = self._rows("SELECT ean, energy FROM meter WHERE id IN (SELECT meter FROM day) ORDER BY id")
        return [Meter(ean, ean, Energy(energy)) for ean, energy in rows]

    def examination(self) -> Iterator[None]:
        """Make sure of the whole ledger, a month of a meter at each step.

        Raises:
            LedgerError: it is damaged.
        """
        for meter in self.known_meters():
            bounds = self._rows(
                "SELECT MIN(start), MAX(start) FROM day WHERE meter = ?", (self._meter(meter),)
            )
            days = meterday.span(*(meterday.day_of(to_instant(each), meter.energy) for each in bounds[0]))
            for i in range(0, len(days), _A_MONTH):
                self.raise_if_damaged(meter, days[i], days[min(i + _A_MONTH, len(days)) - 1])
                yield

    def problems(self) -> str:
        """What SQLite itself finds wrong in the file; empty when it is nothing."""
        found = [text for (text,) in self._rows("PRAGMA integrity_check(5)") if text != "ok"]
        return f"{self} {ADVICE_ON_DAMAGE}. SQLite says: {'; '.join(found)}" if found else ""

    def _proved(self, meter: Meter, first: date, last: date, intervals_too: bool) -> None:
        if self._proofs is not None:
            self._proofs.append(_Proof(self._meter(meter), first, last, intervals_too))

    def _doubt(self) -> None:
        if self._proofs:
            self._proofs.clear()

    def _of_span(self, meter: Meter, first: date, last: date) -> tuple[object, ...]:
        end = THE_END if last == date.max else to_seconds(meterday.end_of(last, meter.energy))
        return self._meter(meter), first.isoformat(), last.isoformat(), end


class Seals(Checksums):
    """The checksums as they are written."""

    def seal(self, meter: Meter, first: date, last: date) -> None:
        """What stands there now is what was written."""
        self._execute(
            f"UPDATE day SET checksum = {_CHECKSUM}, intervals_checksum = {_INTERVALS_CHECKSUM} FROM {_DAYS}"  # noqa: S608 - our own words
            " WHERE meter = ?1 AND day.date = span.date",
            self._of_span(meter, first, last),
        )
        self._proved(meter, first, last, intervals_too=True)
