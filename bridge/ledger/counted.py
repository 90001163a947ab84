"""The days as costs are worked out of them: their amounts, and their intervals where these count."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from bridge.ledger.checksums import Checksums
from bridge.ledger.days import Days
from bridge.ledger.errors import reporting_damage_while_read
from bridge.ledger.part import Part
from bridge.ledger.readings import Readings
from bridge.ledger.store import Store
from bridge.ledger.units import to_amount, to_instant, to_seconds
from bridge.metering import meterday
from bridge.metering.model import Meter, Register
from bridge.metering.pricing import CountedDay

_PORTION = 31  # days, read at once

_amount = lru_cache(maxsize=4096)(to_amount)  # most quarter-hours count one of a few hundred amounts


class CountedDays(Part):
    """Days that have daily amounts, complete or not. Spans of days include both ends."""

    def __init__(self, store: Store, checks: Checksums, readings: Readings, days: Days) -> None:
        super().__init__(store)
        self._checks, self._readings, self._days = checks, readings, days

    @reporting_damage_while_read
    def during(self, meter: Meter, first: date, last: date) -> Iterator[CountedDay]:
        """Those of a span, oldest first. A day that the bounds cut is there once its part is complete."""
        known = self._readings.known_span(meter)
        first, last = meterday.span_within(meter, first, last)
        if known is None or not (first := max(first, known[0])) <= (last := min(last, known[1])):
            return
        days = meterday.span(first, last)
        for i in range(0, len(days), _PORTION):
            yield from self._portion(meter, days[i], days[min(i + _PORTION, len(days)) - 1])

    def _portion(self, meter: Meter, first: date, last: date) -> Iterator[CountedDay]:
        self._checks.raise_if_damaged(meter, first, last)
        daily = self._days.amounts(meter, first, last)
        doubtful = self._days.days_in_doubt(meter, first, last)
        intervals = self._intervals(meter, first, last)
        for day in sorted(daily):
            yield CountedDay(day, daily[day], {} if day in doubtful else intervals.get(day, {}))

    def _intervals(
        self, meter: Meter, first: date, last: date
    ) -> dict[date, dict[Register, dict[datetime, Decimal]]]:
        """The intervals of each day that count, by register."""
        bounds = meterday.bounds_of(meter, first)[0], meterday.bounds_of(meter, last)[1]
        rows = self._rows(
            "SELECT register, start, SUM(amount) FROM reading"
            " WHERE meter = ? AND daily = 0 AND start >= ? AND start < ? GROUP BY start, register",
            (self._meter(meter), *map(to_seconds, bounds)),
        )
        found: dict[date, dict[int, dict[datetime, Decimal]]] = defaultdict(lambda: defaultdict(dict))
        before, ends = -1, 0
        for register, start, amount in rows:
            if start != before:  # most starts are those of several registers
                before, instant = start, to_instant(start)
            if start >= ends:
                day = meterday.day_of(instant, meter.energy)
                ends, of_day = to_seconds(meterday.end_of(day, meter.energy)), found[day]
            of_day[register][instant] = _amount(amount)
        registers = self._store.names.registers
        return {
            day: {registers[number]: amounts for number, amounts in of_day.items()}
            for day, of_day in found.items()
        }
