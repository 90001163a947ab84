"""Exact sums of days: totals, months, and what stands at an hour."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce

from bridge.ledger.checksums import Checksums
from bridge.ledger.days import Days
from bridge.ledger.errors import reporting_damage
from bridge.ledger.part import Part
from bridge.ledger.readings import Readings
from bridge.ledger.store import Store
from bridge.ledger.units import seconds_of, to_amount, to_instant, to_seconds
from bridge.metering import meterday
from bridge.metering.hours import HourlyDay, RunningSum
from bridge.metering.model import Meter, Month, Register, Total

_NOTHING = Decimal(0)
_TWO_MONTHS = timedelta(days=62)


class Sums(Part):
    """Of complete days, except where it says otherwise. Spans of days include both ends."""

    def __init__(self, store: Store, checks: Checksums, readings: Readings, days: Days) -> None:
        super().__init__(store)
        self._checks, self._readings, self._days = checks, readings, days
        self._long_ago: dict[int, tuple[tuple[date, date], list[Total]]] = {}  # meter → span, its total
        self._proved: set[int] = set()  # meters
        store.on_rollback += [self._long_ago.clear, self._proved.clear]

    @reporting_damage
    def total(self, meter: Meter, first: date = date.min, last: date = date.max) -> Total | None:
        """The exact sum of the complete days, of all or from the first to the last; None if there is none.

        All daily amounts of the meter are proved to be as they were written, the first time.
        """
        key = self._meter(meter)
        if key not in self._proved:
            self._checks.raise_if_damaged(meter, date.min, date.max, intervals_too=False)
            self._proved.add(key)
        parts = self._days.complete_parts(meter, first, last)
        totals = [Total(day, day, 1, part) for day, part in parts.items()]
        totals += self._of_whole_days(meter, *meterday.whole_within(meter, first, last))
        return reduce(_together, totals) if totals else None

    @reporting_damage
    def month(self, meter: Meter, month: date, now: datetime) -> Month:
        """A month's complete days: their exact sum, and how many are missing that are no longer just awaited.

        Args:
            meter: the meter.
            month: its first day.
            now: the present instant, aware.
        """
        last = meterday.last_of(month)
        total = self.total(meter, month, last)
        settled = min(last, meterday.latest_settled(now, meter.energy))
        expected = meterday.span(*meterday.span_within(meter, month, settled))
        missing = set(expected) - set(self._days.complete_days(meter, month, last))
        return Month(month, total.days if total else 0, len(missing), total.amounts if total else {})

    @reporting_damage
    def running_sums(self, meter: Meter, before: datetime) -> dict[Register, RunningSum]:
        """Where each register stands at an instant, by its daily amounts, of complete days and others."""
        start, end = seconds_of(meter, *meterday.whole_within(meter))
        rows = self._rows(  # in two parts, each of which stays within 64 bits
            "SELECT register, MIN(start), MAX(start), SUM(amount / 1000000000), SUM(amount % 1000000000)"
            " FROM reading WHERE meter = ? AND daily = 1 AND start >= ? AND start < ? GROUP BY register",
            (self._meter(meter), start, min(end, to_seconds(before))),
        )
        sums = {
            self._store.names.registers[number]: RunningSum(
                to_instant(first), to_instant(last), to_amount(whole * 10**9 + rest)
            )
            for number, first, last, whole, rest in rows
        }
        for day, part in self._days.complete_parts(meter).items():
            at = meterday.start_of(day, meter.energy)
            for register, amount in part.items() if at < before else ():
                known = sums.get(register, RunningSum(at, at, Decimal(0)))
                sums[register] = RunningSum(min(known.first, at), max(known.last, at), known.sum + amount)
        return sums

    @reporting_damage
    def hourly(self, meter: Meter, first: date, last: date) -> list[HourlyDay]:
        """The days of a span that have daily amounts, oldest first, with what is known of their hours.

        Hours that do not add up to their day say nothing of it.
        """
        first, last = meterday.span_within(meter, first, last)
        if first > last:
            return []
        self._checks.raise_if_damaged(meter, first, last)
        bounds = meterday.bounds_of(meter, first)[0], meterday.bounds_of(meter, last)[1]
        hours: dict[date, dict[datetime, dict[Register, Decimal]]] = defaultdict(lambda: defaultdict(dict))
        rows = self._rows(
            "SELECT start / 3600 * 3600 AS hour, register, SUM(amount) FROM reading"
            " WHERE meter = ? AND daily = 0 AND start >= ? AND start < ? GROUP BY hour, register",
            (self._meter(meter), *map(to_seconds, bounds)),
        )
        for hour, register, amount in rows:
            day = meterday.day_of(to_instant(hour), meter.energy)
            hours[day][to_instant(hour)][self._store.names.registers[register]] = to_amount(amount)
        daily = self._days.amounts(meter, first, last)
        for day in self._days.days_in_doubt(meter, first, last):
            hours.pop(day, None)
        return [
            HourlyDay(_on_the_hour(meterday.bounds_of(meter, day)[0]), daily[day], hours[day])
            for day in sorted(daily)
        ]

    def forget(self, meter: Meter, first: date) -> None:
        """Days from one on change: what was summed of them does not count any more."""
        key = self._meter(meter)
        if key in self._long_ago and first < self._long_ago[key][0][1]:
            del self._long_ago[key]

    def _of_whole_days(self, meter: Meter, first: date, last: date) -> list[Total]:
        """Totals of complete days. What lies months back is summed once and kept in memory."""
        latest = self._days.latest_whole(meter, first, last)
        if latest is None:
            return []
        months_back = meterday.month_of(latest - _TWO_MONTHS)
        if first >= months_back:
            return self._summed(meter, first, last)
        key, span = self._meter(meter), (first, months_back)
        if self._long_ago.get(key, (None, []))[0] != span:
            self._long_ago[key] = span, self._summed(meter, first, months_back - meterday.ONE_DAY)
        return self._long_ago[key][1] + self._summed(meter, months_back, last)

    def _summed(self, meter: Meter, first: date, last: date) -> list[Total]:
        """The total of a span's complete days, if there are any."""
        key = self._meter(meter)
        ((since, until, days),) = self._rows(
            "SELECT MIN(date), MAX(date), COUNT(*) FROM day"
            " WHERE meter = ? AND complete = 1 AND date BETWEEN ? AND ?",
            (key, first.isoformat(), last.isoformat()),
        )
        if not days:
            return []
        rows = self._rows(  # in two parts, each of which stays within 64 bits
            "SELECT register, SUM(amount / 1000000000), SUM(amount % 1000000000) FROM reading"
            " WHERE meter = ? AND daily = 1 AND start >= ? AND start < ?"
            " AND start NOT IN (SELECT start FROM day WHERE meter = ? AND complete = 0) GROUP BY register",
            (key, *seconds_of(meter, first, last), key),
        )
        amounts = {
            self._store.names.registers[number]: to_amount(whole * 10**9 + rest)
            for number, whole, rest in rows
        }
        return [Total(date.fromisoformat(since), date.fromisoformat(until), days, amounts)]


def _together(one: Total, other: Total) -> Total:
    amounts = {
        register: one.amounts.get(register, _NOTHING) + other.amounts.get(register, _NOTHING)
        for register in {**one.amounts, **other.amounts}
    }
    since, until = min(one.since, other.since), max(one.until, other.until)
    return Total(since, until, one.days + other.days, amounts)


def _on_the_hour(instant: datetime) -> datetime:
    return instant.replace(minute=0)
