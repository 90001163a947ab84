"""What changed, numbered: so that a database which says how far it was told can be told the rest.

Triggers note it, whoever writes the ledger, in tables that are there from the moment a database is
configured until it is not any more. What changes again gets a new number, and its old one is gone: the list
is as long as the ledger's days.

A database keeps the number of the last change that it was told, and the token of the edition to which that
belongs. Each opening of the file begins an edition. So a copy of the ledger that was put in its place, and
went on from an older number by itself, does not know that token, and tells everything again.
"""

import secrets
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from bridge.ledger.checksums import Checksums
from bridge.ledger.errors import reporting_damage
from bridge.ledger.notes import KnownNotes, Notes
from bridge.ledger.part import Part
from bridge.ledger.store import Store
from bridge.ledger.units import seconds_of
from bridge.metering import meterday
from bridge.metering.model import Energy, Meter

What = Literal["day", "peak", "cost"]
_NAME = "ledger"  # the note of it
_MAY_BE_OLDER = "ledger_may_be_older"  # the note of what stood in it when it was found to be another one
_JUDGED_OTHERWISE = (
    "WHEN (old.provisional, old.disagrees, old.complete) != (new.provisional, new.disagrees, new.complete)"
)
_TRIGGERS = {  # a day is sealed whenever a reading of it was written
    "of_new_day": ("INSERT ON day", "", "'day', new.meter, new.date"),
    "of_sealed_day": ("UPDATE OF checksum ON day", "", "'day', new.meter, new.date"),
    "of_judged_day": (
        "UPDATE OF provisional, disagrees, complete ON day",
        _JUDGED_OTHERWISE,
        "'day', new.meter, new.date",
    ),
    "of_peak": ("INSERT ON peak", "WHEN new.source != 'ledger'", "'peak', new.meter, new.month"),
    "of_cost": ("INSERT ON cost", "", "'cost', new.meter, new.date"),
}
_TABLES = {
    # the last change of each meter's day, month's peak and day's costs
    "change": (
        "number INTEGER PRIMARY KEY AUTOINCREMENT,"
        " what TEXT NOT NULL, meter INTEGER NOT NULL, at TEXT NOT NULL, UNIQUE (what, meter, at)"
    ),
    "edition": "first INTEGER PRIMARY KEY, token TEXT NOT NULL",
}
_EVERYTHING = (
    "SELECT 'day', meter, date FROM day ORDER BY meter, date",
    "SELECT DISTINCT 'peak', meter, month FROM peak WHERE source != 'ledger'",
    "SELECT 'cost', meter, date FROM cost ORDER BY meter, date",
)


class Place(NamedTuple):
    """How far somebody was told."""

    number: int  # of the last change
    edition: str  # to which that belongs


THE_START = Place(0, "")


class Change(NamedTuple):
    """Something of a meter is new or other than it was."""

    number: int
    what: What
    meter: Meter  # by its EAN alone, without bounds
    at: date  # of a peak the month's first day


# What one register counted in one slot, over all physical meters, as the file has it: start (seconds since
# 1970), number of the register, billionths, whether validated, whether estimated, revision.
Counted = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChangedDay:
    """A meter day as it stands, complete or not, with all that is known of it."""

    date: date
    complete: bool
    in_doubt: bool  # its intervals do not add up to it, or did and were dropped before it was corrected
    provisional: bool
    whole: Sequence[Counted]  # the day's own amounts
    slots: Sequence[Counted]  # its intervals


class KnownChanges(Part):
    """The list as it is read. Nothing is on it while nobody keeps it."""

    def __init__(self, store: Store, notes: KnownNotes) -> None:
        super().__init__(store)
        self._known_notes = notes

    @property
    def known_name(self) -> str | None:
        """By which databases tell this ledger from others, if one was told anything."""
        name = self._known_notes.recall(_NAME)
        return name if isinstance(name, str) else None

    def waiting(self, after: int) -> int:
        """How many changes come after a number."""
        if not self._is_kept():
            return 0
        return int(self._rows("SELECT COUNT(*) FROM change WHERE number > ?", (after,))[0][0])

    def _is_kept(self) -> bool:
        return bool(self._rows("SELECT 1 FROM sqlite_schema WHERE name = 'change'"))


class Changes(KnownChanges):
    """The list as it is kept."""

    def __init__(self, store: Store, checks: Checksums, notes: Notes) -> None:
        super().__init__(store, notes)
        self._checks, self._notes = checks, notes
        if self._is_kept():
            self._begin_edition()

    def keep(self) -> bool:
        """Note from now on what changes; the first time, all is new. Says whether it was noted before."""
        if self._is_kept():
            return True
        with self._store.transaction():
            for table, columns in _TABLES.items():
                self._execute(f"CREATE TABLE {table} ({columns})")
            for name, (event, condition, row) in _TRIGGERS.items():
                # not INSERT OR REPLACE: the words of whoever fires a trigger go before those inside
                self._execute(
                    f"CREATE TRIGGER change_{name} AFTER {event} {condition} BEGIN"  # noqa: S608 - our own words
                    f" DELETE FROM change WHERE (what, meter, at) = ({row});"
                    f" INSERT INTO change (what, meter, at) VALUES ({row}); END"
                )
            self._begin_edition()
            for rows in _EVERYTHING:
                self._execute(f"INSERT INTO change (what, meter, at) {rows}")
        return False

    def stop(self) -> None:
        """Nobody wants to know any more."""
        if not self._is_kept():
            return
        with self._store.transaction():
            for name in _TRIGGERS:
                self._execute(f"DROP TRIGGER change_{name}")
            for table in _TABLES:
                self._execute(f"DROP TABLE {table}")

    @property
    def name(self) -> str:
        """By which databases tell this ledger from others."""
        return self.known_name or self.take_another_name()

    def take_another_name(self, stood: int = 0) -> str:
        """Be another ledger: of what a database was told under the old name, this one knows too little.

        Args:
            stood: the number of the last change that may be older than what the database was told.
        """
        name = secrets.token_hex(8)
        self._notes.remember(_NAME, name)
        self._notes.remember(_MAY_BE_OLDER, stood)
        return name

    @property
    def may_be_older_until(self) -> int:
        """The number of the last change of which a database may have been told something newer."""
        return int(self._notes.recall(_MAY_BE_OLDER) or 0)

    def place(self, number: int) -> Place:
        """Where somebody is who was told everything up to a number."""
        tokens = self._rows(
            "SELECT token FROM edition WHERE first <= ? ORDER BY first DESC LIMIT 1", (number,)
        )
        return Place(number, tokens[0][0]) if number and tokens else THE_START

    @property
    def latest_number(self) -> int:
        """That of the last change."""
        ((number,),) = self._rows("SELECT COALESCE(MAX(number), 0) FROM change")
        return int(number)

    def are_waiting(self, after: int) -> bool:
        """Whether there are any."""
        return bool(self._rows("SELECT 1 FROM change WHERE number > ? LIMIT 1", (after,)))

    def days_after(self, number: int, meter: Meter, first: date, last: date) -> set[date]:
        """The days of a span that changed after a number."""
        rows = self._rows(
            "SELECT at FROM change WHERE what = 'day' AND meter = ? AND at BETWEEN ? AND ? AND number > ?",
            (self._meter(meter), first.isoformat(), last.isoformat(), number),
        )
        return {date.fromisoformat(day) for (day,) in rows}

    @reporting_damage
    def next(self, after: int, at_most: int) -> list[Change]:
        """The oldest ones after a number."""
        rows = self._rows(
            "SELECT number, what, ean, energy, at FROM change JOIN meter ON meter.id = meter"
            " WHERE number > ? ORDER BY number LIMIT ?",
            (after, at_most),
        )
        return [
            Change(number, what, Meter(ean, ean, Energy(energy)), date.fromisoformat(at))
            for number, what, ean, energy, at in rows
        ]

    @reporting_damage
    def days(self, meter: Meter, days: Iterable[date]) -> tuple[list[ChangedDay], list[date]]:
        """Days of a meter as they stand, and which of them are left out: those not as they were written."""
        found, left_out = list[ChangedDay](), list[date]()
        for first, last in meterday.runs(sorted(days)):
            damaged = self._checks.damaged_days(meter, first, last)
            left_out += damaged
            found += [day for day in self._between(meter, first, last) if day.date not in damaged]
        return found, left_out

    def _between(self, meter: Meter, first: date, last: date) -> Iterator[ChangedDay]:
        key = self._meter(meter)
        start, end = seconds_of(meter, first, last)
        whole, slots = (self._counted(key, start, end, daily) for daily in (1, 0))
        rows = self._rows(
            "SELECT date, complete, disagrees OR dropped = 2, provisional FROM day"
            " WHERE meter = ? AND date BETWEEN ? AND ?",
            (key, first.isoformat(), last.isoformat()),
        )
        for name, complete, in_doubt, provisional in rows:
            day = date.fromisoformat(name)
            bounds = seconds_of(meter, day, day)
            of_day = (_within(each, *bounds) for each in (whole, slots))
            yield ChangedDay(day, bool(complete), bool(in_doubt), bool(provisional), *of_day)

    def _counted(self, key: int, start: int, end: int, daily: int) -> list[Counted]:
        return self._rows(
            "SELECT start, register, SUM(amount), MIN(validated), MAX(estimated), MAX(revision) FROM reading"
            " WHERE meter = ? AND daily = ? AND start >= ? AND start < ? GROUP BY start, register",
            (key, daily, start, end),
        )

    def _begin_edition(self) -> None:
        """From the next change on; one in which nothing was written is forgotten."""
        self._execute(
            "INSERT OR REPLACE INTO edition VALUES"
            " (COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'change'), 0) + 1, ?)",
            (secrets.token_hex(8),),
        )


def _within(rows: Sequence[Counted], start: int, end: int) -> Sequence[Counted]:
    """Of rows in order of time, those that start in a span."""
    return rows[bisect_left(rows, (start,)) : bisect_left(rows, (end,))]
