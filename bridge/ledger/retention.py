"""Quarter-hours (gas: hours) that are old enough are dropped. What was made of them stays as it is.

Days, totals, peaks, and what days cost are kept beside them, and not worked out of them again. So only those
are dropped of which all of that is known: of complete days that they add up to, whose costs are worked out.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from datetime import date

from bridge.ledger.checksums import Checksums
from bridge.ledger.days import Days
from bridge.ledger.errors import reporting_damage
from bridge.ledger.part import Part
from bridge.ledger.peaks import Peaks
from bridge.ledger.store import Store
from bridge.ledger.units import seconds_of
from bridge.metering import meterday
from bridge.metering.model import Energy, Meter
from bridge.metering.pricing import Why

# Who passes readings on says of which days of a span, both ends included, it does not have everything yet.
Lacks = Callable[[Meter, date, date], AbstractSet[date]]

_INCREMENTAL = 2  # what SQLite calls it
_PAGES = 256  # given back at once: a megabyte, some milliseconds
_TO_BE_DROPPED = (
    " FROM day WHERE meter = ? AND date BETWEEN ? AND ? AND complete AND intervals > 0 AND NOT dropped"
    " AND NOT disagrees AND NOT corrected"
)
_NO_PRICE_YET = f'"{Why.NO_DAY_AHEAD}"'  # in the words of what a day cost
_PRICED = (  # or nobody wants to know
    " AND NOT EXISTS (SELECT 1 FROM cost WHERE cost.meter = day.meter AND cost.date = day.date"
    " AND (basis LIKE '~%' OR instr(priced, ?) OR cost.checksum IS NOT day.checksum"
    " OR cost.intervals_checksum IS NOT day.intervals_checksum))"
)


class Retention(Part):
    """Dropped month by month of a meter, each in one transaction."""

    def __init__(self, store: Store, checks: Checksums, days: Days, peaks: Peaks) -> None:
        super().__init__(store)
        self._checks, self._days, self._peaks = checks, days, peaks

    @reporting_damage
    def newest_day(self) -> date | None:
        """The newest complete day of all meters."""
        ((newest,),) = self._rows(
            "SELECT MAX((SELECT MAX(date) FROM day WHERE day.meter = meter.id AND complete = 1)) FROM meter"
        )
        return date.fromisoformat(newest) if newest else None

    @reporting_damage
    def months(self, meter: Meter, before: date) -> list[date]:
        """The months before one of which there is something to drop, oldest first, by their first days."""
        rows = self._rows(
            f"SELECT DISTINCT substr(date, 1, 7) || '-01'{_TO_BE_DROPPED} ORDER BY 1",
            (self._meter(meter), date.min.isoformat(), (before - meterday.ONE_DAY).isoformat()),
        )
        return [date.fromisoformat(month) for (month,) in rows]

    @reporting_damage
    def drop(self, meter: Meter, month: date, sinks: Iterable[Lacks] = ()) -> list[date]:
        """Drop the quarter-hours of a month's days, but of those that are still needed; says of which days.

        Those of days that the meter's bounds cut, of its latest complete day, and of those that a sink lacks,
        stay.

        Raises:
            Damaged: one of the days is not as it was written; nothing is dropped.
        """
        last = meterday.last_of(month)
        with self._store.transaction():
            key = self._meter(meter)
            rows = self._rows(
                f"SELECT date{_TO_BE_DROPPED}{_PRICED} ORDER BY date",
                (key, month.isoformat(), last.isoformat(), _NO_PRICE_YET),
            )
            needed = {*meterday.cut_days(meter)}.union(*(lacks(meter, month, last) for lacks in sinks))
            latest = self._days.latest_whole(meter, *meterday.whole_within(meter))
            days = [day for (name,) in rows if (day := date.fromisoformat(name)) not in {*needed, latest}]
            if days:
                self._checks.raise_if_damaged(meter, month, last)
                if meter.energy is Energy.ELECTRICITY:
                    self._peaks.keep_for_good(meter, month)
                for day in days:
                    self._drop_day(key, day, *seconds_of(meter, day, day))
        return days

    def _drop_day(self, key: int, day: date, start: int, end: int) -> None:
        of_its = key, start, end
        self._execute(
            "DELETE FROM reading WHERE meter = ? AND daily = 0 AND start >= ? AND start < ?", of_its
        )
        self._execute("DELETE FROM unstreamed WHERE meter = ? AND start >= ? AND start < ?", of_its)
        for table in "cost", "day":  # not sealed again: its own amounts are as they were
            self._execute(
                f"UPDATE {table} SET intervals_checksum = 0 WHERE meter = ? AND date = ?",  # noqa: S608 - our own words
                (key, day.isoformat()),
            )
        self._execute("UPDATE day SET dropped = 1 WHERE meter = ? AND date = ?", (key, day.isoformat()))

    def give_back(self) -> bool:
        """Make the file smaller by a little of what is free in it; whether there is more to give back.

        The file of a ledger that an older version made stays as large as it is: new readings go where the old
        ones were.
        """
        ((mode,),) = self._rows("PRAGMA auto_vacuum")
        if mode != _INCREMENTAL:
            return False
        with self._store.explained():  # a script, for of a query Python would give back the first page alone
            self._store.db.executescript(f"PRAGMA incremental_vacuum({_PAGES})")
        ((free,),) = self._rows("PRAGMA freelist_count")
        return bool(free)
