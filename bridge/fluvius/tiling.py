"""Days that begin elsewhere than ours: at 00:00 UTC, at the instant asked for, those of gas at 22:00 UTC.

Where their quarter-hours or hours are there, those decide: what falls into a meter day of ours is added up,
and the day that was given is only compared with what it holds. Without them it is the day that its middle
lies in.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from bridge.fluvius.values import Span
from bridge.metering import agreement, meterday
from bridge.metering.agreement import flow_of
from bridge.metering.model import Energy, Reading, Register, Tariff

_SHORTEST, _LONGEST = timedelta(hours=23), timedelta(hours=25)
_AN_INSTANT = timedelta(microseconds=1)


@dataclass
class Days:
    """What some readings come to."""

    readings: list[Reading]  # of meter days and their intervals, and of no other spans
    contradicted: set[date] = field(default_factory=set)  # by the intervals of the days that were given
    undecided: set[date] = field(default_factory=set)  # of which some intervals are there and some are not


def is_ours(span: Span, energy: Energy) -> bool:
    """Whether a span is that of a meter day."""
    return span == _span_of(meterday.day_of(span[0], energy), energy)


def may_be_a_day(span: Span) -> bool:
    """Whether a span is as long as days are."""
    return _SHORTEST <= span[1] - span[0] <= _LONGEST


def named(span: Span, energy: Energy) -> date:
    """The meter day that the middle of a span lies in."""
    return meterday.day_of(span[0] + (span[1] - span[0]) // 2, energy)


def stands_for(span: Span, energy: Energy) -> Span | None:
    """The meter day that a day of other edges stands for: the one its middle lies in."""
    if not may_be_a_day(span) or is_ours(span, energy):
        return None
    return _span_of(named(span, energy), energy)


def to_meter_days(readings: Sequence[Reading], energy: Energy, *, by_middle: bool = True) -> Days:
    """Other days than ours to ours; what is of ours stays as it is.

    Args:
        readings: what one connection, or one installation behind it, counted; perhaps by several meters.
        energy: what is counted.
        by_middle: whether a day without its intervals counts at all.
    """
    length = meterday.interval_length(energy)
    given: dict[Span, list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.length != length and not is_ours((reading.start, reading.end), energy):
            given[reading.start, reading.end].append(reading)
    if not given:
        return Days(list(readings))
    found = Days([reading for reading in readings if (reading.start, reading.end) not in given])
    intervals: dict[datetime, list[Reading]] = defaultdict(list)
    for reading in found.readings:
        if reading.length == length:
            intervals[reading.start].append(reading)
    known = {meterday.day_of(each.start, energy) for each in found.readings if each.length != length}
    for day, spans in _shared_in(given, energy).items():
        if day in known:
            continue
        counted = [intervals.get(start, []) for start in meterday.intervals_of(day, energy)]
        of_the_day = [reading for span in spans for reading in given[span]]
        if any(_is_contradicted(given[span], intervals, span, energy) for span in spans):
            found.contradicted.add(day)
        elif all(counted):
            parts = [each for slot in counted for each in slot]
            found.readings += _added_up(day, energy, parts, of_the_day)
        else:
            found.undecided |= {day} if any(counted) else set()
            found.readings += in_the_middle(day, energy, of_the_day) if by_middle else []
    return found


def in_the_middle(day: date, energy: Energy, given: Iterable[Reading]) -> list[Reading]:
    """The amounts of the span as long as a day whose middle lies in a meter day; none if two do."""
    span = _span_of(day, energy)
    named_so = [each for each in given if named((each.start, each.end), energy) == day]
    if len({(each.start, each.end) for each in named_so}) != 1:
        return []
    return [_moved(each, span) for each in named_so]


def _shared_in(spans: Collection[Span], energy: Energy) -> Mapping[date, list[Span]]:
    """The meter days that some spans share in, and which do."""
    shared: dict[date, list[Span]] = defaultdict(list)
    for start, end in spans:
        for day in {meterday.day_of(start, energy), meterday.day_of(end - _AN_INSTANT, energy)}:
            shared[day].append((start, end))
    return shared


def _is_contradicted(
    given: Sequence[Reading], intervals: Mapping[datetime, Sequence[Reading]], span: Span, energy: Energy
) -> bool:
    """Whether the intervals that tile a span come to something other than was given for it."""
    starts = [start for start in intervals if span[0] <= start < span[1]]
    if len(starts) != (span[1] - span[0]) / meterday.interval_length(energy):
        return False
    slots = [{each.register: each.amount} for start in starts for each in intervals[start]]
    return bool(agreement.disagreements(_sums(given), slots, energy, is_whole=True))


def _added_up(
    day: date, energy: Energy, counted: Sequence[Reading], given: Sequence[Reading]
) -> list[Reading]:
    """A meter day by its intervals. A tariff that was given and that they do not name was not in force."""
    span = _span_of(day, energy)
    parts: dict[tuple[str, Register], list[Reading]] = defaultdict(list)
    for each in counted:
        parts[each.serial, each.register].append(each)
    by_tariff = {
        (serial, flow_of(register)) for serial, register in parts if register.tariff is not Tariff.TOTAL
    }
    silent = {
        (each.serial, each.register): _moved(each, span)._replace(amount=Decimal(0))
        for each in given
        if (each.serial, flow_of(each.register)) in by_tariff
        and each.register.tariff is not Tariff.TOTAL
        and (each.serial, each.register) not in parts
    }
    return [*silent.values(), *(_sum(each, span) for each in parts.values())]


def _sum(parts: Sequence[Reading], span: Span) -> Reading:
    return Reading(
        *span,
        parts[0].register,
        sum((each.amount for each in parts), Decimal(0)),
        all(each.validated for each in parts),
        parts[0].serial,
        provisional=any(each.provisional for each in parts),
    )


def _span_of(day: date, energy: Energy) -> Span:
    return meterday.start_of(day, energy), meterday.end_of(day, energy)


def _moved(given: Reading, span: Span) -> Reading:
    return given._replace(start=span[0], end=span[1])


def _sums(readings: Iterable[Reading]) -> dict[Register, Decimal]:
    sums: dict[Register, Decimal] = defaultdict(Decimal)
    for each in readings:
        sums[each.register] += each.amount
    return sums
