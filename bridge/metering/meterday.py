"""Calendar days, gas days, and days of 23 and 25 hours.

A meter day is named after the local date (Europe/Brussels) on which it starts. Electricity days run from
00:00 to 00:00, gas days from 06:00 to 06:00 (Fluvius's portal and the Belgian gas market). All instants
that go in or come out are aware and in UTC; only names of days are local.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from bridge.metering.model import BRUSSELS, Energy, Meter

ONE_DAY = timedelta(days=1)

_STARTS_AT = {Energy.ELECTRICITY: time(0), Energy.GAS: time(6)}
_INTERVAL = {Energy.ELECTRICITY: timedelta(minutes=15), Energy.GAS: timedelta(hours=1)}

# Electricity appears during the next day, gas "after about 72 hours" (observed); asking a little early
# catches the first scheduled run of that morning.
_NOT_BEFORE = {Energy.ELECTRICITY: timedelta(0), Energy.GAS: timedelta(hours=66)}

# How long after that a late day was still seen to come.
_LATE_AT_MOST = timedelta(days=4)


@lru_cache(maxsize=1024)
def start_of(day: date, energy: Energy) -> datetime:
    """The first instant of a meter day."""
    return datetime.combine(day, _STARTS_AT[energy], BRUSSELS).astimezone(UTC)


def end_of(day: date, energy: Energy) -> datetime:
    """The first instant after a meter day."""
    return start_of(day + ONE_DAY, energy)


@lru_cache(maxsize=4096)  # asked for each slot, which all meters have in common
def day_of(instant: datetime, energy: Energy) -> date:
    """The meter day in which an instant falls."""
    local = instant.astimezone(BRUSSELS)
    return local.date() if local.time() >= _STARTS_AT[energy] else local.date() - ONE_DAY


def interval_length(energy: Energy) -> timedelta:
    """A quarter-hour for electricity, an hour for gas."""
    return _INTERVAL[energy]


def intervals_of(day: date, energy: Energy) -> list[datetime]:
    """The starts of a meter day's intervals: 92, 96 or 100 quarter-hours, 23, 24 or 25 gas hours."""
    return list(_intervals_of(day, energy))


@lru_cache(maxsize=40)  # a window's, which are looked at again and again in a cycle
def _intervals_of(day: date, energy: Energy) -> tuple[datetime, ...]:
    start, length = start_of(day, energy), _INTERVAL[energy]
    return tuple(start + length * i for i in range((end_of(day, energy) - start) // length))


def latest_ended(now: datetime, energy: Energy) -> date:
    """The newest meter day that is over."""
    return day_of(now, energy) - ONE_DAY


def latest_published(now: datetime, energy: Energy) -> date:
    """The newest meter day that Fluvius may have published by now."""
    return latest_ended(now - _NOT_BEFORE[energy], energy)


def is_late(day: date, energy: Energy, now: datetime) -> bool:
    """Whether a day is so old that Fluvius has normally published all it ever will of it."""
    return day <= latest_settled(now, energy)


def latest_settled(now: datetime, energy: Energy) -> date:
    """The newest day that is so old."""
    return latest_ended(now - _NOT_BEFORE[energy] - _LATE_AT_MOST, energy)


def span(first: date, last: date) -> list[date]:
    """All dates from the first to the last, both included; none when they are the wrong way round."""
    return [first + ONE_DAY * i for i in range((last - first).days + 1)]


def runs(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Days in order of time, as spans of those that follow each other."""
    run: list[date] = []
    for day in days:
        if run and day - run[-1] != ONE_DAY:
            yield run[0], run[-1]
            run = []
        run.append(day)
    if run:
        yield run[0], run[-1]


def month_of(day: date) -> date:
    """The first day of a day's month: a month of meter days is called by it."""
    return day.replace(day=1)


def last_of(month: date) -> date:
    """The last day of a month, by its first."""
    return month_of(month + ONE_DAY * 31) - ONE_DAY


def months_until(month: date, count: int) -> list[date]:
    """The first days of so many months, oldest first, of which the given one is the last."""
    months = [month]
    while len(months) < count:
        months.append(month_of(months[-1] - ONE_DAY))
    return months[::-1]


def span_within(meter: Meter, first: date = date.min, last: date = date.max) -> tuple[date, date]:
    """The first and last of some meter days of which the meter's bounds leave anything; crossed if none."""
    if meter.since:
        first = max(first, day_of(meter.since, meter.energy))
    if meter.until:
        last = min(last, day_of(meter.until - timedelta(microseconds=1), meter.energy))
    return first, last


def allowed_within(meter: Meter, first: date = date.min, last: date = date.max) -> tuple[date, date]:
    """The first and last of some meter days that may be asked for, whatever the bounds; crossed if none."""
    return max(first, meter.first or first), min(last, meter.last or last)


def whole_within(meter: Meter, first: date = date.min, last: date = date.max) -> tuple[date, date]:
    """The first and the last of those days of a span that the bounds leave whole."""
    first, last = span_within(meter, first, last)
    return first + ONE_DAY * (first in (cut := cut_days(meter))), last - ONE_DAY * (last in cut)


def cut_days(meter: Meter) -> list[date]:
    """The days in the middle of which the meter is followed from, or until: two at most, oldest first."""
    named = [(day_of(bound, meter.energy), bound) for bound in (meter.since, meter.until) if bound]
    return sorted({day for day, bound in named if start_of(day, meter.energy) < bound})


def bounds_of(meter: Meter, day: date) -> tuple[datetime, datetime]:
    """The first instant of a meter day that counts, and the first that does not count any more."""
    start, end = start_of(day, meter.energy), end_of(day, meter.energy)
    return max(start, meter.since or start), min(end, meter.until or end)


def intervals_within(meter: Meter, day: date) -> list[datetime]:
    """The starts of those of a day's intervals that count."""
    start, end = bounds_of(meter, day)
    return [each for each in intervals_of(day, meter.energy) if start <= each < end]
