"""The days of a meter, and what of them counts.

A meter's bounds decide which of its readings count; the others stay in the ledger.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from bridge.ledger.checksums import Checksums
from bridge.ledger.errors import reporting_damage
from bridge.ledger.part import Part
from bridge.ledger.readings import Readings
from bridge.ledger.store import Store
from bridge.ledger.units import to_amount, to_instant
from bridge.metering import completeness, meterday
from bridge.metering.completeness import DayFacts
from bridge.metering.model import Day, Interval, Meter, Register


class Days(Part):
    """Meter days. Spans include both ends."""

    def __init__(self, store: Store, checks: Checksums, readings: Readings) -> None:
        super().__init__(store)
        self._checks, self._readings = checks, readings

    @reporting_damage
    def facts(self, meter: Meter, days: Sequence[date], now: datetime | None = None) -> list[DayFacts]:
        """What is known of some consecutive days, oldest first.

        Complete ones come without their intervals, unless these do not add up.

        Args:
            meter: whose days they are.
            days: the days.
            now: the present instant, aware: what is said to have been asked later proves nothing.
        """
        if not days:
            return []
        rows = self._rows(
            "SELECT date, complete, corrected, disagrees, intervals, asked_at, register, SUM(amount) FROM day"
            " LEFT JOIN reading ON reading.meter = day.meter AND daily = 1 AND reading.start = day.start"
            " WHERE day.meter = ? AND date BETWEEN ? AND ? GROUP BY date, register",
            (self._meter(meter), days[0].isoformat(), days[-1].isoformat()),
        )
        known = {row[0]: row[1:6] for row in rows}
        daily: dict[str, dict[Register, Decimal]] = defaultdict(dict)
        for date_, *_, register, amount in rows:
            if register is not None:
                daily[date_][self._store.names.registers[register]] = to_amount(amount)
        cut = meterday.cut_days(meter)
        facts = []
        for day in days:
            complete, corrected, disagrees, count, asked_at = known.get(day.isoformat(), (0, 0, 0, 0, None))
            if day in cut:
                complete = self._part_of(meter, day) is not None
            facts.append(
                DayFacts(
                    date=day,
                    daily=daily.get(day.isoformat(), {}),
                    intervals=self._readings.slots(meter, day)
                    if count and (disagrees or not complete)
                    else {},
                    interval_count=count,
                    complete=bool(complete),
                    corrected=bool(corrected),
                    disagrees=bool(disagrees),
                    asked_at=_not_later(asked_at, now),
                )
            )
        return facts

    @reporting_damage
    def latest_complete_day(self, meter: Meter) -> Day | None:
        """The newest complete meter day, at any age."""
        latest = self.latest_whole(meter, *meterday.whole_within(meter))
        found = [*([latest] if latest else ()), *self.complete_parts(meter)]
        return self.complete_day(meter, max(found)) if found else None

    @reporting_damage
    def complete_day(self, meter: Meter, day: date) -> Day:
        """A day that is complete."""
        ((revision, fetched_at, disagrees),) = self._rows(
            "SELECT revision, fetched_at, disagrees FROM day WHERE meter = ? AND date = ?",
            (self._meter(meter), day.isoformat()),
        )
        self._checks.raise_if_damaged(meter, day, day)
        start = meterday.start_of(day, meter.energy)
        part = self._part_of(meter, day) if day in meterday.cut_days(meter) else None
        bounds = meterday.bounds_of(meter, day)
        return Day(
            date=day,
            start=bounds[0],
            end=bounds[1],
            amounts=self._readings.whole(meter, day) if part is None else part,
            validated=self._readings.is_validated(meter, start)
            if part is None
            else all(each.validated for each in self.intervals(meter, day)),
            revision=revision,
            fetched_at=to_instant(fetched_at),
            intervals_count=not disagrees,
        )

    @reporting_damage
    def intervals(self, meter: Meter, day: date) -> list[Interval]:
        """A day's known intervals that count, in order of time."""
        return self._readings.between(meter, *meterday.bounds_of(meter, day))

    def all_intervals(self, meter: Meter, day: Day) -> list[Interval]:
        """Those of a complete day, in order of time; none where one is missing, or they do not count."""
        found = self.intervals(meter, day.date) if day.intervals_count else []
        return found if len(found) == len(meterday.intervals_within(meter, day.date)) else []

    @reporting_damage
    def complete_days(self, meter: Meter, first: date, last: date) -> list[date]:
        """Which days of a span are complete, oldest first."""
        rows = self._rows(
            # +: of the table, which has checksums, and not of an index
            "SELECT date FROM day WHERE meter = ? AND +complete = 1 AND date BETWEEN ? AND ? ORDER BY date",
            (self._meter(meter), *self._whole(meter, first, last)),
        )
        return sorted(
            [*(date.fromisoformat(day) for (day,) in rows), *self.complete_parts(meter, first, last)]
        )

    @reporting_damage
    def days_in_doubt(self, meter: Meter, first: date = date.min, last: date = date.max) -> set[date]:
        """Which days of a span have intervals that do not add up to their daily amounts, and do not count."""
        rows = self._rows(
            "SELECT date FROM day WHERE meter = ? AND disagrees AND date BETWEEN ? AND ?",
            (self._meter(meter), first.isoformat(), last.isoformat()),
        )
        return {date.fromisoformat(day) for (day,) in rows}

    @reporting_damage
    def dropped(self, meter: Meter, first: date, last: date) -> set[date]:
        """Which days of a span had intervals that were dropped, for they are old."""
        rows = self._rows(
            "SELECT date FROM day WHERE meter = ? AND dropped AND date BETWEEN ? AND ?",
            (self._meter(meter), first.isoformat(), last.isoformat()),
        )
        return {date.fromisoformat(day) for (day,) in rows}

    def with_intervals(self, meter: Meter, first: date, last: date) -> dict[date, int]:
        """How many complete days of a span have intervals which count, by the months that have any."""
        rows = self._rows(
            "SELECT substr(date, 1, 7) || '-01', COUNT(*) FROM day"
            " WHERE meter = ? AND complete = 1 AND date BETWEEN ? AND ?"
            " AND intervals > 0 AND NOT disagrees GROUP BY 1",
            (self._meter(meter), *self._whole(meter, first, last)),
        )
        return {date.fromisoformat(month): days for month, days in rows}

    def complete_parts(
        self, meter: Meter, first: date = date.min, last: date = date.max
    ) -> dict[date, dict[Register, Decimal]]:
        """Of a span of days, those that the bounds cut and of which nothing is missing that counts."""
        parts = {day: self._part_of(meter, day) for day in meterday.cut_days(meter) if first <= day <= last}
        return {day: part for day, part in parts.items() if part is not None}

    def amounts(self, meter: Meter, first: date, last: date) -> dict[date, dict[Register, Decimal]]:
        """The daily amounts of a span that count, of complete days or not; of cut days their parts."""
        daily = {
            meterday.day_of(start, meter.energy): amounts
            for start, amounts in self._readings.amounts(meter, first, last, daily=True).items()
        }
        for day in meterday.cut_days(meter):
            daily.pop(day, None)
        return daily | self.complete_parts(meter, first, last)

    def latest_whole(self, meter: Meter, first: date, last: date) -> date | None:
        """The newest of a span's complete days."""
        ((latest,),) = self._rows(
            "SELECT MAX(date) FROM day WHERE meter = ? AND complete = 1 AND date BETWEEN ? AND ?",
            (self._meter(meter), first.isoformat(), last.isoformat()),
        )
        return date.fromisoformat(latest) if latest else None

    def _part_of(self, meter: Meter, day: date) -> dict[Register, Decimal] | None:
        """The sum of those intervals of a day that count; None while one is missing, or in doubt."""
        self._checks.raise_if_damaged(meter, day, day)
        if self.days_in_doubt(meter, day, day):
            return None
        whole, slots = self._readings.of_day(meter, day)
        starts = meterday.intervals_within(meter, day)
        if not (whole and completeness.has_every_interval(DayFacts(day, whole, slots), meter.energy, starts)):
            return None
        part: dict[Register, Decimal] = dict.fromkeys(whole, Decimal(0))
        for start in starts:
            for register, amount in slots[start].items():
                part[register] = part.get(register, Decimal(0)) + amount
        return part

    @staticmethod
    def _whole(meter: Meter, first: date = date.min, last: date = date.max) -> tuple[str, str]:
        """The days of a span that the bounds leave whole, as the ledger names days."""
        first, last = meterday.whole_within(meter, first, last)
        return first.isoformat(), last.isoformat()


def _not_later(seconds: int | None, now: datetime | None) -> datetime | None:
    """An instant of the file, unless it lies in the future: a clock was wrong."""
    instant = None if seconds is None else to_instant(seconds)
    return None if instant and now and instant > now else instant
