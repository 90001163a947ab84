"""What was passed on, and what waits for it."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from bridge.ledger.checksums import Checksums
from bridge.ledger.errors import reporting_damage
from bridge.ledger.part import Part
from bridge.ledger.readings import Readings
from bridge.ledger.store import Store
from bridge.ledger.units import seconds_between, seconds_of, to_instant, to_seconds
from bridge.metering import meterday
from bridge.metering.model import Interval, Meter, without_bounds

_A_MONTH = timedelta(days=31)


class Outbox(Part):
    """Topics, the stream of intervals, and what statistics were made of."""

    def __init__(self, store: Store, checks: Checksums, readings: Readings, *, stream: bool) -> None:
        super().__init__(store)
        self._checks, self._readings = checks, readings
        self._stream = stream
        self._editions: dict[int, int] = defaultdict(int)
        if not stream:
            self._execute("DELETE FROM unstreamed")

    def edition(self, meter: Meter) -> int:
        """A number that is another one when something of a meter was written since this ledger was opened."""
        return self._editions.get(self._meter(meter), 0)

    def changed(self, meter: Meter) -> None:
        """Something of a meter is written."""
        self._editions[self._meter(meter)] += 1

    def restated_since(self, meter: Meter) -> datetime | None:
        """From when on amounts changed since `caught_up`; None if none did."""
        for (since,) in self._rows("SELECT since FROM restated WHERE meter = ?", (self._meter(meter),)):
            return to_instant(since)
        return None

    def caught_up(self, meter: Meter, since: datetime) -> None:
        """Statistics hold everything from an instant on as it is now."""
        self._execute(
            "DELETE FROM restated WHERE meter = ? AND since >= ?", (self._meter(meter), to_seconds(since))
        )

    def restate(self, key: int, since: int) -> None:
        """Amounts of a meter, by its number, change from an instant of the file on."""
        self._execute(
            "INSERT INTO restated VALUES (?, ?)"
            " ON CONFLICT (meter) DO UPDATE SET since = MIN(since, excluded.since)",
            (key, since),
        )

    @reporting_damage
    def unstreamed(self, meter: Meter, at_most: int = 1000) -> list[Interval]:
        """Intervals that are new or corrected since they were last streamed, oldest first.

        Those outside the bounds wait, in case these are moved; those of a day that does not add up; and those
        of a later month, for the next call.
        """
        rows = self._rows(
            "SELECT start FROM unstreamed"
            " WHERE meter = ? AND start >= ? AND start < ? AND NOT held ORDER BY start LIMIT ?",
            (self._meter(meter), *seconds_between(meter.since, meter.until), at_most),
        )
        starts = {to_instant(start) for (start,) in rows}
        if not starts:
            return []
        first, last = min(starts), min(max(starts), min(starts) + _A_MONTH)
        self._checks.raise_if_damaged(
            meter, meterday.day_of(first, meter.energy), meterday.day_of(last, meter.energy)
        )
        found = self._readings.between(meter, first, last + meterday.interval_length(meter.energy))
        return [each for each in found if each.start in starts]

    def days_unstreamed(self, meter: Meter, first: date, last: date) -> set[date]:
        """The days of a span of which an interval within the meter's bounds waits to be streamed."""
        (start, end), (since, until) = (
            seconds_of(meter, first, last),
            seconds_between(meter.since, meter.until),
        )
        rows = self._rows(
            "SELECT start FROM unstreamed WHERE meter = ? AND start >= ? AND start < ?",
            (self._meter(meter), max(start, since), min(end, until)),
        )
        return {meterday.day_of(to_instant(start), meter.energy) for (start,) in rows}

    def streamed(self, meter: Meter, intervals: Iterable[Interval]) -> None:
        """Forget that these were waiting."""
        key = self._meter(meter)
        with self._store.transaction():
            self._store.execute_many(
                "DELETE FROM unstreamed WHERE meter = ? AND start = ?",
                [(key, to_seconds(interval.start)) for interval in intervals],
            )

    def wait(self, key: int, starts: Iterable[int]) -> None:
        """Intervals of a meter, by its number, are new or corrected."""
        if self._stream:
            self._store.execute_many(
                "INSERT OR IGNORE INTO unstreamed (meter, start) VALUES (?, ?)",
                [(key, start) for start in starts],
            )

    def hold(self, meter: Meter, day: date, held: bool) -> None:
        """Whether a day's intervals wait until they add up."""
        if self._stream:
            self._execute(
                "UPDATE unstreamed SET held = ? WHERE meter = ? AND start >= ? AND start < ?",
                (held, self._meter(meter), *map(to_seconds, meterday.bounds_of(without_bounds(meter), day))),
            )

    def published_topics(self) -> dict[str, str]:
        """The retained topics that a broker may hold because of us, and whose they are."""
        return dict(self._rows("SELECT topic, owner FROM published"))

    def add_published_topics(self, owner: str, topics: Iterable[str]) -> None:
        """Remember topics before they are published for the first time, or by another owner."""
        with self._store.transaction():
            self._store.execute_many(
                "INSERT OR REPLACE INTO published (topic, owner) VALUES (?, ?)",
                [(topic, owner) for topic in topics],
            )

    def remove_published_topics(self, topics: Iterable[str]) -> None:
        """Forget topics that were removed from the broker."""
        with self._store.transaction():
            self._store.execute_many("DELETE FROM published WHERE topic = ?", [(topic,) for topic in topics])
