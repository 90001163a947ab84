"""What the ledger knows: for the bridge itself, and for others who read beside it.

A meter's bounds decide which of its readings count; the others stay in the ledger.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

from bridge.ledger.reviews import Reviews
from bridge.ledger.store import (
    THE_END,
    heeding_damage,
    heeding_damage_while_read,
    to_amount,
    to_instant,
    to_seconds,
)
from bridge.metering import completeness, meterday
from bridge.metering.completeness import DayFacts
from bridge.metering.hours import HourlyDay, Standing
from bridge.metering.merging import Row, Slot, by_register
from bridge.metering.model import Counted, Day, Interval, Meter, Month, Register, Total

_NOTHING = Decimal(0)
_TWO_MONTHS = timedelta(days=62)


class Records(Reviews):
    """Readings and days of all meters, and what history was asked for."""

    def __init__(self, path: Path, *, read_only: bool = True) -> None:
        self._long_ago: dict[int, tuple[tuple[date, date], list[Total]]] = {}  # meter → span, its total
        self._proved: set[int] = set()  # meters
        super().__init__(path, read_only=read_only)

    @heeding_damage
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
        rows = {
            row[0]: row[1:]
            for row in self._rows(
                "SELECT date, complete, corrected, disagrees, intervals, asked_at FROM day"
                " WHERE meter = ? AND date BETWEEN ? AND ?",
                (self._meter(meter), days[0].isoformat(), days[-1].isoformat()),
            )
        }
        daily = self._sums(meter, days[0], days[-1], daily=True)
        cut = meterday.cut_days(meter)
        facts = []
        for day in days:
            complete, corrected, disagrees, count, asked_at = rows.get(day.isoformat(), (0, 0, 0, 0, None))
            if day in cut:
                complete = self._part_of(meter, day) is not None
            facts.append(
                DayFacts(
                    date=day,
                    daily=daily.get(meterday.start_of(day, meter.energy), {}),
                    intervals=self._slots(meter, day) if count and (disagrees or not complete) else {},
                    interval_count=count,
                    complete=bool(complete),
                    corrected=bool(corrected),
                    disagrees=bool(disagrees),
                    asked_at=_not_later(asked_at, now),
                )
            )
        return facts

    @heeding_damage
    def latest_complete_day(self, meter: Meter) -> Day | None:
        """The newest complete meter day, at any age."""
        latest = self._latest_whole(meter, *meterday.whole_within(meter))
        found = [*([latest] if latest else ()), *self._complete_parts(meter)]
        return self.complete_day(meter, max(found)) if found else None

    @heeding_damage
    def complete_day(self, meter: Meter, day: date) -> Day:
        """A day that is complete."""
        ((revision, fetched_at, disagrees),) = self._rows(
            "SELECT revision, fetched_at, disagrees FROM day WHERE meter = ? AND date = ?",
            (self._meter(meter), day.isoformat()),
        )
        self.heed_damage(meter, day, day)
        start = meterday.start_of(day, meter.energy)
        part = self._part_of(meter, day) if day in meterday.cut_days(meter) else None
        bounds = meterday.bounds_of(meter, day)
        return Day(
            date=day,
            start=bounds[0],
            end=bounds[1],
            amounts=self._sums(meter, day, day, daily=True)[start] if part is None else part,
            validated=self._is_validated(meter, start)
            if part is None
            else all(each.validated for each in self.intervals(meter, day)),
            revision=revision,
            fetched_at=to_instant(fetched_at),
            intervals_count=not disagrees,
        )

    @heeding_damage
    def intervals(self, meter: Meter, day: date) -> list[Interval]:
        """A day's known intervals that count, in order of time."""
        return self._intervals_between(meter, *meterday.bounds_of(meter, day))

    @heeding_damage
    def total(self, meter: Meter, first: date = date.min, last: date = date.max) -> Total | None:
        """The exact sum of the complete days, of all or from the first to the last; None if there is none.

        All daily amounts of the meter are proved to be as they were written, the first time.
        """
        key = self._meter(meter)
        if key not in self._proved:
            self.heed_damage(meter, date.min, date.max, intervals_too=False)
            self._proved.add(key)
        parts = self._complete_parts(meter, first, last)
        totals = [Total(day, day, 1, part) for day, part in parts.items()]
        totals += self._of_whole_days(meter, *meterday.whole_within(meter, first, last))
        return reduce(_together, totals) if totals else None

    @heeding_damage
    def complete_days(self, meter: Meter, first: date, last: date) -> list[date]:
        """Which days of a span are complete, oldest first."""
        rows = self._rows(
            # +: of the table, which has checksums, and not of an index
            "SELECT date FROM day WHERE meter = ? AND +complete = 1 AND date BETWEEN ? AND ? ORDER BY date",
            (self._meter(meter), *self._whole(meter, first, last)),
        )
        return sorted(
            [*(date.fromisoformat(day) for (day,) in rows), *self._complete_parts(meter, first, last)]
        )

    @heeding_damage
    def days_in_doubt(self, meter: Meter, first: date = date.min, last: date = date.max) -> set[date]:
        """Which days of a span have intervals that do not add up to their daily amounts, and do not count."""
        rows = self._rows(
            "SELECT date FROM day WHERE meter = ? AND disagrees AND date BETWEEN ? AND ?",
            (self._meter(meter), first.isoformat(), last.isoformat()),
        )
        return {date.fromisoformat(day) for (day,) in rows}

    @heeding_damage
    def month(self, meter: Meter, month: date, now: datetime) -> Month:
        """A month's complete days: their exact sum, and how many are missing that Fluvius may have published.

        Args:
            meter: the meter.
            month: its first day.
            now: the present instant, aware.
        """
        last = meterday.last_of(month)
        total = self.total(meter, month, last)
        published = min(last, meterday.latest_published(now, meter.energy))
        expected = meterday.span(*meterday.span_within(meter, month, published))
        missing = set(expected) - set(self.complete_days(meter, month, last))
        return Month(month, total.days if total else 0, len(missing), total.amounts if total else {})

    @heeding_damage
    def known_span(self, meter: Meter) -> tuple[date, date] | None:
        """The first and the last day of which anything is known, whatever the bounds."""
        ((first, last),) = self._rows(
            "SELECT MIN(start), MAX(start) FROM reading WHERE meter = ? AND daily = 1", (self._meter(meter),)
        )
        if first is None:
            return None
        return (
            meterday.day_of(to_instant(first), meter.energy),
            meterday.day_of(to_instant(last), meter.energy),
        )

    @heeding_damage
    def first_with_intervals(self, meter: Meter) -> date | None:
        """The first day of which an interval is known, whatever the bounds."""
        ((start,),) = self._rows(
            "SELECT MIN(start) FROM reading WHERE meter = ? AND daily = 0", (self._meter(meter),)
        )
        return None if start is None else meterday.day_of(to_instant(start), meter.energy)

    @heeding_damage
    def standings(self, meter: Meter, before: datetime) -> dict[Register, Standing]:
        """Where each register stands at an instant, by its daily amounts, of complete days and others."""
        start, end = _seconds(meter, *meterday.whole_within(meter))
        rows = self._rows(  # in two parts, each of which stays within 64 bits
            "SELECT register, MIN(start), MAX(start), SUM(amount / 1000000000), SUM(amount % 1000000000)"
            " FROM reading WHERE meter = ? AND daily = 1 AND start >= ? AND start < ? GROUP BY register",
            (self._meter(meter), start, min(end, to_seconds(before))),
        )
        standings = {
            self._registers[number]: Standing(
                to_instant(first), to_instant(last), to_amount(whole * 10**9 + rest)
            )
            for number, first, last, whole, rest in rows
        }
        for day, part in self._complete_parts(meter).items():
            at = meterday.start_of(day, meter.energy)
            for register, amount in part.items() if at < before else ():
                known = standings.get(register, Standing(at, at, Decimal(0)))
                standings[register] = Standing(min(known.first, at), max(known.last, at), known.sum + amount)
        return standings

    @heeding_damage
    def hourly(self, meter: Meter, first: date, last: date) -> list[HourlyDay]:
        """The days of a span that have daily amounts, oldest first, with what is known of their hours.

        Hours that do not add up to their day say nothing of it.
        """
        first, last = meterday.span_within(meter, first, last)
        if first > last:
            return []
        self.heed_damage(meter, first, last)
        bounds = meterday.bounds_of(meter, first)[0], meterday.bounds_of(meter, last)[1]
        hours: dict[date, dict[datetime, dict[Register, Decimal]]] = defaultdict(lambda: defaultdict(dict))
        rows = self._rows(
            "SELECT start / 3600 * 3600 AS hour, register, SUM(amount) FROM reading"
            " WHERE meter = ? AND daily = 0 AND start >= ? AND start < ? GROUP BY hour, register",
            (self._meter(meter), *map(to_seconds, bounds)),
        )
        for hour, register, amount in rows:
            day = meterday.day_of(to_instant(hour), meter.energy)
            hours[day][to_instant(hour)][self._registers[register]] = to_amount(amount)
        daily = {
            meterday.day_of(start, meter.energy): amounts
            for start, amounts in self._sums(meter, first, last, daily=True).items()
        }
        for day in meterday.cut_days(meter):
            daily.pop(day, None)
        daily |= self._complete_parts(meter, first, last)
        for day in self.days_in_doubt(meter, first, last):
            hours.pop(day, None)
        return [
            HourlyDay(_on_the_hour(meterday.bounds_of(meter, day)[0]), daily[day], hours[day])
            for day in sorted(daily)
        ]

    @heeding_damage_while_read
    def counted(self, meter: Meter, first: date, last: date, *, daily: bool) -> Iterator[Counted]:
        """The readings of a span of days, one by one, in order of time: days, or quarter-hours (gas: hours).

        Of days that are not complete, what is known. Intervals that do not add up to their day are never
        complete. A day that the bounds cut in two counts, as a day, when
        its part is complete.
        """
        known = self.known_span(meter)
        first, last = meterday.span_within(meter, first, last)
        if known is None or not (first := max(first, known[0])) <= (last := min(last, known[1])):
            return
        self.heed_damage(meter, first, last)
        complete = set(self.complete_days(meter, first, last))
        if not daily:
            complete -= self.days_in_doubt(meter, first, last)
            bounds = meterday.bounds_of(meter, first)[0], meterday.bounds_of(meter, last)[1]
            yield from self._read_out(meter, to_seconds(bounds[0]), to_seconds(bounds[1]), complete, daily)
            return
        cut = [day for day in meterday.cut_days(meter) if day in complete]
        yield from self._counted_parts(meter, [day for day in cut if meter.since and day == first])
        whole = _seconds(meter, *meterday.whole_within(meter, first, last))
        yield from self._read_out(meter, *whole, complete, daily)
        yield from self._counted_parts(meter, [day for day in cut if not (meter.since and day == first)])

    @heeding_damage
    def recall(self, key: str) -> Any:
        """The JSON value remembered under a key, or None."""
        for (value,) in self._rows("SELECT value FROM note WHERE key = ?", (key,)):
            return json.loads(value)
        return None

    # Inside

    def _forget(self) -> None:
        super()._forget()
        self._long_ago.clear()
        self._proved.clear()

    @staticmethod
    def _whole(meter: Meter, first: date = date.min, last: date = date.max) -> tuple[str, str]:
        """The days of a span that the bounds leave whole, as the ledger names days."""
        first, last = meterday.whole_within(meter, first, last)
        return first.isoformat(), last.isoformat()

    def _complete_parts(
        self, meter: Meter, first: date = date.min, last: date = date.max
    ) -> dict[date, dict[Register, Decimal]]:
        """Of a span of days, those that the bounds cut and of which nothing is missing that counts."""
        parts = {day: self._part_of(meter, day) for day in meterday.cut_days(meter) if first <= day <= last}
        return {day: part for day, part in parts.items() if part is not None}

    def _part_of(self, meter: Meter, day: date) -> dict[Register, Decimal] | None:
        """The sum of those intervals of a day that count; None while one is missing, or in doubt."""
        self.heed_damage(meter, day, day)
        if self.days_in_doubt(meter, day, day):
            return None
        whole = self._sums(meter, day, day, daily=True).get(meterday.start_of(day, meter.energy), {})
        slots = self._slots(meter, day)
        starts = meterday.intervals_within(meter, day)
        if not (whole and completeness.has_every_interval(DayFacts(day, whole, slots), meter.energy, starts)):
            return None
        part: dict[Register, Decimal] = dict.fromkeys(whole, Decimal(0))
        for start in starts:
            for register, amount in slots[start].items():
                part[register] = part.get(register, Decimal(0)) + amount
        return part

    def _counted_parts(self, meter: Meter, days: Iterable[date]) -> Iterator[Counted]:
        for day in (self.complete_day(meter, each) for each in days):
            for register, amount in sorted(day.amounts.items()):
                yield Counted(day.start, day.end, register, amount, day.validated, complete=True)

    def _read_out(
        self, meter: Meter, start: int, end: int, complete: AbstractSet[date], daily: bool
    ) -> Iterator[Counted]:
        """Row by row, so that ten years need no more memory than a day."""
        day, day_ends = date.min, 0
        step = length = int(meterday.interval_length(meter.energy).total_seconds())
        with self._explained():
            rows = self._db.execute(
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
                    self._registers[register],
                    to_amount(amount),
                    bool(validated),
                    complete=day in complete,
                )

    def _known(
        self, key: int, first: int, last: int, *, daily: bool
    ) -> tuple[dict[int, Slot], dict[int, int]]:
        slots: dict[int, Slot] = defaultdict(dict)
        revisions: dict[int, int] = {}
        rows = self._rows(
            "SELECT start, device, register, amount, validated, revision FROM reading"
            " WHERE meter = ? AND daily = ? AND start BETWEEN ? AND ?",
            (key, daily, first, last),
        )
        for start, device, register, amount, validated, revision in rows:
            slots[start][device, self._registers[register]] = Row(amount, bool(validated))
            revisions[start] = max(revision, revisions.get(start, 0))
        return slots, revisions

    def _sums(
        self, meter: Meter, first: date, last: date, *, daily: bool
    ) -> dict[datetime, dict[Register, Decimal]]:
        """The amounts of each slot of a span of days, by register, over all physical meters."""
        bounds = meterday.start_of(first, meter.energy), meterday.end_of(last, meter.energy)
        slots, _ = self._known(
            self._meter(meter), to_seconds(bounds[0]), to_seconds(bounds[1]) - 1, daily=daily
        )
        return {
            to_instant(start): {register: to_amount(total) for register, total in by_register(slot).items()}
            for start, slot in slots.items()
        }

    def _slots(self, meter: Meter, day: date) -> dict[datetime, dict[Register, Decimal]]:
        return self._sums(meter, day, day, daily=False)

    def _intervals_between(self, meter: Meter, start: datetime, end: datetime) -> list[Interval]:
        slots, revisions = self._known(
            self._meter(meter), to_seconds(start), to_seconds(end) - 1, daily=False
        )
        length = meterday.interval_length(meter.energy)
        return [
            Interval(
                start=to_instant(at),
                end=to_instant(at) + length,
                amounts={register: to_amount(total) for register, total in by_register(slot).items()},
                validated=all(row.validated for row in slot.values()),
                revision=revisions[at],
            )
            for at, slot in slots.items()
        ]

    def _is_validated(self, meter: Meter, start: datetime) -> bool:
        at = to_seconds(start)
        slots, _ = self._known(self._meter(meter), at, at, daily=True)
        return all(row.validated for row in slots[at].values())

    def _latest_whole(self, meter: Meter, first: date, last: date) -> date | None:
        """The newest of a span's complete days."""
        ((latest,),) = self._rows(
            "SELECT MAX(date) FROM day WHERE meter = ? AND complete = 1 AND date BETWEEN ? AND ?",
            (self._meter(meter), first.isoformat(), last.isoformat()),
        )
        return date.fromisoformat(latest) if latest else None

    def _of_whole_days(self, meter: Meter, first: date, last: date) -> list[Total]:
        """Totals of complete days. What lies months back is summed once and kept in memory."""
        latest = self._latest_whole(meter, first, last)
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
            (key, *_seconds(meter, first, last), key),
        )
        amounts = {self._registers[number]: to_amount(whole * 10**9 + rest) for number, whole, rest in rows}
        return [Total(date.fromisoformat(since), date.fromisoformat(until), days, amounts)]


def _together(one: Total, other: Total) -> Total:
    amounts = {
        register: one.amounts.get(register, _NOTHING) + other.amounts.get(register, _NOTHING)
        for register in {**one.amounts, **other.amounts}
    }
    since, until = min(one.since, other.since), max(one.until, other.until)
    return Total(since, until, one.days + other.days, amounts)


def _seconds(meter: Meter, first: date, last: date) -> tuple[int, int]:
    """A span of days as instants: from the first until the second."""
    start = 0 if first == date.min else to_seconds(meterday.start_of(first, meter.energy))
    end = THE_END if last == date.max else to_seconds(meterday.end_of(last, meter.energy))
    return start, end


def _not_later(seconds: int | None, now: datetime | None) -> datetime | None:
    """An instant of the file, unless it lies in the future: a clock was wrong."""
    instant = None if seconds is None else to_instant(seconds)
    return None if instant and now and instant > now else instant


def _on_the_hour(instant: datetime) -> datetime:
    return instant.replace(minute=0)
