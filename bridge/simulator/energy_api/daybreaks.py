"""Where the days of the Energy API may begin as well: not with meter days, but still 23 to 25 hours each."""

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta

from bridge.simulator.household import date_of, meter_day

Edges = tuple[datetime, datetime]
Daybreak = Callable[[datetime, datetime], Edges]
"""The day around an instant, by an instant and by the one that was asked from; UTC."""

ONE_DAY = timedelta(days=1)


def in_utc(instant: datetime, _asked_from: datetime) -> Edges:
    """From 00:00 UTC."""
    start = datetime.combine(instant.date(), time(tzinfo=instant.tzinfo))
    return start, start + ONE_DAY


def from_asked(instant: datetime, asked_from: datetime) -> Edges:
    """From the time of day that was asked from, or the hour in which it lies."""
    base = asked_from.replace(minute=0, second=0, microsecond=0)
    start = base + (instant - base) // ONE_DAY * ONE_DAY
    return start, start + ONE_DAY


def from_midnight(instant: datetime, _asked_from: datetime) -> Edges:
    """From midnight, where gas has another day."""
    return meter_day("electricity", date_of("electricity", instant))


DAYBREAKS: Mapping[str, Daybreak] = {
    "api-utc-days": in_utc,
    "api-days-from-asked": from_asked,
    "api-gas-days-from-midnight": from_midnight,
}
