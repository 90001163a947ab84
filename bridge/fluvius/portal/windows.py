"""The windows of time that the portal is asked about, and how it wants them written."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from bridge.fluvius.values import Span
from bridge.metering import meterday
from bridge.metering.model import BRUSSELS, Energy, Meter

_ONE_MILLISECOND = timedelta(milliseconds=1)


def parameters(meter: Meter, spans: Sequence[Span], *, by_calendar: bool = False) -> dict[str, str]:
    """What every question about consecutive spans says.

    Args:
        meter: the meter.
        spans: of meter days, or within one of them.
        by_calendar: whether gas days are asked for by the calendar days of their names.
    """
    start, end = spans[0][0], spans[-1][1]
    if by_calendar:
        first, last = (meterday.day_of(each, meter.energy) for each in (start, spans[-1][0]))
        start = meterday.start_of(first, Energy.ELECTRICITY)
        end = meterday.end_of(last, Energy.ELECTRICITY)
    return {
        "historyFrom": _local(start),
        "historyUntil": _local(end - _ONE_MILLISECOND),
        "asServiceProvider": "false",
        "meterSerialNumber": meter.serial,
    }


def days(first: date, last: date, energy: Energy) -> list[Span]:
    """The meter days from one to another, both included."""
    return [
        (meterday.start_of(day, energy), meterday.end_of(day, energy)) for day in meterday.span(first, last)
    ]


def months(first: date, last: date, energy: Energy) -> list[Span]:
    """The months from that of one day to that of another, of which no more than until this day."""
    begin = meterday.month_of(first)
    firsts = []
    while begin <= last:
        firsts.append(begin)
        begin = meterday.last_of(begin) + meterday.ONE_DAY
    ends = [min(meterday.last_of(each), last) for each in firsts]
    return [
        (meterday.start_of(each, energy), meterday.end_of(end, energy))
        for each, end in zip(firsts, ends, strict=True)
    ]


def intervals(day: date, energy: Energy) -> list[Span]:
    """The quarter-hours (electricity) or hours (gas) of a meter day."""
    length = meterday.interval_length(energy)
    return [(start, start + length) for start in meterday.intervals_of(day, energy)]


def _local(instant: datetime) -> str:
    """Local time with its own offset and milliseconds: the two ends of a clock-change day differ in it."""
    return instant.astimezone(BRUSSELS).isoformat(timespec="milliseconds")
