"""What is complete, and what to ask Fluvius for: pure decisions about the days of a window.

The rules come from how Fluvius was seen to publish: a day may first appear as a daily amount without its
intervals, or with part of them, up to four days late; and a household that did not switch on quarter-hours
has daily amounts only, for ever.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from bridge.metering import agreement, meterday
from bridge.metering.agreement import Amounts, Flow
from bridge.metering.model import Energy, Register, Tariff

_A_MONTH = 31  # days: what one request may span
_AGAIN_AFTER = timedelta(hours=20)  # how soon a day that is late already is asked for again


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What the ledger knows of one meter day."""

    date: date
    daily: Amounts = field(default_factory=dict)
    intervals: Mapping[datetime, Amounts] = field(default_factory=dict)
    interval_count: int = 0  # also where `intervals` was not loaded, because the day is complete
    complete: bool = False
    corrected: bool = False  # the daily amounts changed after the intervals were fetched
    disagrees: bool = False  # day and intervals do not add up; `intervals` is loaded then
    asked_at: datetime | None = None  # when Fluvius was last asked for the intervals


def window(energy: Energy, now: datetime, lookback_days: int, behind_since: date | None = None) -> list[date]:
    """The meter days that are looked at, oldest first: those awaited, and newer ones that may come early.

    Args:
        energy: what the meter counts.
        now: the present instant, aware.
        lookback_days: how many days Fluvius may have published are looked at.
        behind_since: the first day missed while the bridge was switched off; looked at too, if it is not
            more than a month ago, so that it costs no request of its own.
    """
    newest = meterday.latest_published(now, energy)
    first = newest - meterday.ONE_DAY * (lookback_days - 1)
    if behind_since:
        first = max(min(first, behind_since), newest - meterday.ONE_DAY * (_A_MONTH - 1))
    return meterday.span(first, meterday.latest_ended(now, energy))


def awaited(days: Iterable[DayFacts], energy: Energy, now: datetime) -> list[date]:
    """The days that Fluvius may have published, and that are not complete here."""
    newest = meterday.latest_published(now, energy)
    return [day.date for day in days if not day.complete and day.date <= newest]


def overdue(days: Sequence[DayFacts], energy: Energy, now: datetime) -> list[date]:
    """The awaited days that are later than Fluvius ever was, since the first day known."""
    first = min((day.date for day in days if day.daily), default=date.min)
    return [day for day in awaited(days, energy, now) if first < day and meterday.is_late(day, energy, now)]


def days_only(days: Sequence[DayFacts], energy: Energy) -> bool:
    """Whether the meter shows itself to have no interval readings.

    The evidence is a day with daily amounts whose intervals were asked for, in vain, when they were
    overdue, while no other day of the window has any either; or a day that counted as complete on such
    evidence before.
    """
    return not any(day.interval_count for day in days) and any(
        day.complete or (day.daily and day.asked_at and meterday.is_late(day.date, energy, day.asked_at))
        for day in days
    )


def usual_registers(days: Iterable[DayFacts]) -> frozenset[Register]:
    """The registers that this meter has been seen to have."""
    return frozenset(register for day in days for register in day.daily)


def is_complete(
    day: DayFacts,
    energy: Energy,
    usual: frozenset[Register],
    *,
    without_intervals: bool,
    is_late: bool = False,
) -> bool:
    """Whether every amount of the day is there: daily amounts, and intervals where the meter has them.

    Intervals that do not add up to their day are waited for, until it is late: then the day counts without
    them.
    """
    if day.interval_count or not without_intervals:
        whole = has_every_interval(day, energy)
        if not whole or (not is_late and disagreements(day, energy)):
            return False
    return _has_daily_amounts(day, energy, usual)


def in_doubt(days: Iterable[DayFacts], energy: Energy) -> dict[date, list[agreement.Disagreement]]:
    """The days whose intervals do not add up to them, and what they come to."""
    return {day.date: found for day in days if (found := disagreements(day, energy))}


def disagreements(day: DayFacts, energy: Energy) -> list[agreement.Disagreement]:
    """What the intervals of a day come to otherwise than its daily amounts."""
    if not (day.daily and day.intervals):
        return []
    return agreement.disagreements(
        day.daily, day.intervals.values(), energy, is_whole=has_every_interval(day, energy)
    )


def days_are_due(days: Sequence[DayFacts], energy: Energy, now: datetime, *, late_too: bool = False) -> bool:
    """Whether a request for daily amounts is worth making.

    A day that is later than Fluvius ever was does not make a request of its own, unless with `late_too`: the
    request for the next new day spans the whole window and brings it along.
    """
    usual, missing = usual_registers(days), set(awaited(days, energy, now))
    return any(
        day.date in missing
        and (late_too or not meterday.is_late(day.date, energy, now))
        and not _has_daily_amounts(day, energy, usual)
        for day in days
    )


def without_amounts(days: Iterable[DayFacts], energy: Energy, now: datetime) -> list[date]:
    """The awaited days of which not even a daily amount is known."""
    return awaited((day for day in days if not day.daily), energy, now)


def next_intervals_due(
    days: Sequence[DayFacts], energy: Energy, now: datetime, *, oldest_first: bool = False
) -> date | None:
    """The day whose intervals to ask for next, newest first unless told otherwise; None when nothing is due.

    What the cycle that began now asked for already is not due.

    While no interval was ever seen, the oldest day goes second: its silence proves that the meter has
    none, and saves asking for all the days between. Later only the newest day is tried, once.

    Those that were given and do not add up to their day come last, the one that waits longest, and one only
    in each cycle: however many there are, they cost one request.
    """
    known = [day for day in days if day.daily]
    if known and known[-1].asked_at is None and not known[-1].interval_count:
        return known[-1].date
    due = [day for day in known if _intervals_due(day, energy, now) or _was_misjudged(day, known, now)]
    in_doubt = {day.date: day.asked_at for day in due if day.disagrees and day.asked_at}
    due = [day for day in due if day.date not in in_doubt]
    if not due and in_doubt and not any(day.disagrees and _asked_in(day, now) for day in known):
        return min(in_doubt, key=lambda day: in_doubt[day])
    if not due or days_only(days, energy):
        return None
    newest_first = any(day.interval_count for day in days) and not oldest_first
    return due[-1 if newest_first else 0].date


def _was_misjudged(day: DayFacts, days: Sequence[DayFacts], now: datetime) -> bool:
    """Whether a day counted as complete without intervals before others showed that the meter has them.

    An instant in the future is of a clock that was wrong, and proves nothing.
    """
    proofs = [
        other.asked_at for other in days if other.interval_count and other.asked_at and other.asked_at <= now
    ]
    misjudged = bool(proofs) and day.complete and not day.interval_count
    return misjudged and (day.asked_at is None or not min(proofs) <= day.asked_at <= now)


def _intervals_due(day: DayFacts, energy: Energy, now: datetime) -> bool:
    if day.complete and not (day.corrected or day.disagrees):
        return False
    return (
        day.asked_at is None
        or (not meterday.is_late(day.date, energy, now) and not _asked_in(day, now))
        or abs(now - day.asked_at) > _AGAIN_AFTER  # a clock that was wrong does not silence us for years
    )


def _asked_in(day: DayFacts, now: datetime) -> bool:
    """Whether the cycle that began at this instant asked already."""
    return day.asked_at == now.replace(microsecond=0)


def has_every_interval(day: DayFacts, energy: Energy, starts: Iterable[datetime] | None = None) -> bool:
    """No slot lacks a flow, unless the day's amount of that flow is zero: then so is each slot's.

    Args:
        day: the day.
        energy: what the meter counts.
        starts: the slots that count; all of the day's, if not given.
    """
    flows = {flow for flow in agreement.flows(day.daily) if agreement.total(day.daily, flow)}
    starts = meterday.intervals_of(day.date, energy) if starts is None else starts
    return all(start in day.intervals and flows <= agreement.flows(day.intervals[start]) for start in starts)


def _has_daily_amounts(day: DayFacts, energy: Energy, usual: frozenset[Register]) -> bool:
    return bool(day.daily) and all(_is_whole(day, flow, energy, usual) for flow in agreement.flows(usual))


def _is_whole(day: DayFacts, flow: Flow, energy: Energy, usual: frozenset[Register]) -> bool:
    """Whether no register of a flow is missing from the daily amounts.

    A day on which only one of two tariffs is mentioned (a Sunday, say) is whole when its intervals add up
    to it, and know of no other tariff either.
    """
    tariffs = {register.tariff for register in day.daily if agreement.flow_of(register) == flow}
    usual_tariffs = {register.tariff for register in usual if agreement.flow_of(register) == flow}
    if not tariffs:
        return False
    if Tariff.TOTAL in tariffs or tariffs >= usual_tariffs - {Tariff.TOTAL}:
        return True
    if not has_every_interval(day, energy):
        return False
    counted = {
        register.tariff
        for amounts in day.intervals.values()
        for register, amount in amounts.items()
        if amount and agreement.flow_of(register) == flow
    }
    if counted <= tariffs:
        return all(each.flow != flow for each in disagreements(day, energy))
    by_interval = sum((agreement.total(amounts, flow) for amounts in day.intervals.values()), Decimal(0))
    return counted == {Tariff.TOTAL} and by_interval == agreement.total(day.daily, flow)
