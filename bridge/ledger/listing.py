"""Every reading that counts, one by one."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import date

from bridge.ledger.checksums import Checksums
from bridge.ledger.days import Days
from bridge.ledger.errors import reporting_damage_while_read
from bridge.ledger.part import Part
from bridge.ledger.readings import Readings
from bridge.ledger.store import Store
from bridge.ledger.units import seconds_of, to_amount, to_instant, to_seconds
from bridge.metering import meterday
from bridge.metering.model import Counted, Meter


class Listing(Part):
    """What is exported."""

    def __init__(self, store: Store, checks: Checksums, readings: Readings, days: Days) -> None:
        super().__init__(store)
        self._checks, self._readings, self._days = checks, readings, days

    @reporting_damage_while_read
    def counted(self, meter: Meter, first: date, last: date, *, daily: bool) -> Iterator[Counted]:
        """The readings of a span of days, one by one, in order of time: days, or quarter-hours (gas: hours).

        Of days that are not complete, what is known. Intervals that do not add up to their day are never
        complete. A day that the bounds cut in two counts, as a day, when
        its part is complete.
        """
        first, last = meterday.span_within(meter, first, last)
        self._checks.raise_if_damaged(meter, first, last)  # before what there is may look like nothing
        known = self._readings.known_span(meter)
        if known is None or not (first := max(first, known[0])) <= (last := min(last, known[1])):
            return
        complete = set(self._days.complete_days(meter, first, last))
        if not daily:
            complete -= self._days.days_in_doubt(meter, first, last)
            bounds = meterday.bounds_of(meter, first)[0], meterday.bounds_of(meter, last)[1]
            yield from self._read_out(meter, to_seconds(bounds[0]), to_seconds(bounds[1]), complete, daily)
            return
        cut = [day for day in meterday.cut_days(meter) if day in complete]
        yield from self._counted_parts(meter, [day for day in cut if meter.since and day == first])
        whole = seconds_of(meter, *meterday.whole_within(meter, first, last))
        yield from self._read_out(meter, *whole, complete, daily)
        yield from self._counted_parts(meter, [day for day in cut if not (meter.since and day == first)])

    def _counted_parts(self, meter: Meter, days: Iterable[date]) -> Iterator[Counted]:
        for day in (self._days.complete_day(meter, each) for each in days):
            for register, amount in sorted(day.amounts.items()):
                yield Counted(day.start, day.end, register, amount, day.validated, complete=True)

    def _read_out(
        self, meter: Meter, start: int, end: int, complete: AbstractSet[date], daily: bool
    ) -> Iterator[Counted]:
        """Row by row, so that ten years need no more memory than a day."""
        day, day_ends = date.min, 0
        step = length = int(meterday.interval_length(meter.energy).total_seconds())
        with self._store.explained():
            rows = self._store.db.execute(
                "SELECT start, register, SUM(amount), MIN(validated) FROM reading"
                " WHERE meter = ? AND daily = ? AND start >= ? AND start < ?"
                " GROUP BY start, register ORDER BY start, register",
                (self._meter(meter), daily, start, end),
            )
            for at, register, amount, validated in rows:
                if at >= day_ends:
                    day = meterday.day_of(to_instant(at), meter.energy)
                    day_ends = to_seconds(meterday.end_of(day, meter.energy))
                    length = day_ends - at if daily else step
                yield Counted(
                    to_instant(at),
                    to_instant(at + length),
                    self._store.names.registers[register],
                    to_amount(amount),
                    bool(validated),
                    complete=day in complete,
                )
