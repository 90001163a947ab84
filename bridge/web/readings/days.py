"""A day out of the ledger, for its page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from bridge.ledger.calendar import By
from bridge.metering import agreement, completeness, meterday
from bridge.metering.agreement import Flow
from bridge.metering.completeness import DayFacts
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import SIDES, Interval, Meter, Register
from bridge.web.readings import Amounts, Day, Lack, Slot, State
from bridge.web.readings.history import History, amounts_of, costs_of

_A_MONTH = ONE_DAY * 31
_AN_HOUR = timedelta(hours=1)
_NOTHING = Decimal(0)


def day(history: History, on: date) -> Day:
    """Any day, whether anything of it is known or not.

    Args:
        history: of a meter.
        on: the day, from `FIRST` to `LAST`.

    Raises:
        LedgerError: the ledger cannot be read, or the day is not as it was written.
    """
    meter = history.meter
    [facts] = history.records.days.facts(meter, [on], history.now)
    before, after = history.neighbours(on, on)
    length = meterday.end_of(on, meter.energy) - meterday.start_of(on, meter.energy)
    blank = Day(meter, on, before, after, State.COMPLETE, clock=(length - ONE_DAY) // _AN_HOUR)
    return _complete(history, blank) if facts.complete else _incomplete(history, blank, facts)


def lacking(history: History, days: Sequence[date]) -> dict[date, Lack | None]:
    """What each of some days lacks; None of one that became complete."""
    facts = history.records.days.facts(history.meter, days, history.now) if days else ()
    return {each.date: None if each.complete else _lack(each, history.meter) for each in facts}


def _complete(history: History, blank: Day) -> Day:
    records, meter, on = history.records, history.meter, blank.on
    known = records.days.complete_day(meter, on)
    month = records.calendar.counted(meter, on - _A_MONTH, on, By.YEAR).values()
    slots = _slots(meter, on, records.days.intervals(meter, on), known.amounts, is_complete=True)
    return replace(
        blank,
        amounts=amounts_of(known.amounts, (register for each in month for register in each.amounts)),
        slots=slots,
        dropped=bool(records.days.dropped(meter, on, on)),
        in_doubt=not known.intervals_count,
        validated=known.validated,
        revision=known.revision,
        changed_at=known.fetched_at,
        costs=costs_of(history.bills(on, on).values()),
        peak=_peak(slots) if known.intervals_count else None,
    )


def _incomplete(history: History, blank: Day, facts: DayFacts) -> Day:
    records, meter, on = history.records, history.meter, blank.on
    records.checks.raise_if_damaged(meter, on, on)
    return replace(
        blank,
        state=history.state(on, on),
        lacks=_lack(facts, meter),
        amounts=amounts_of(facts.daily) if facts.daily else None,
        slots=_slots(meter, on, records.days.intervals(meter, on), facts.daily, is_complete=False),
        in_doubt=facts.disagrees,
    )


def _lack(facts: DayFacts, meter: Meter) -> Lack:
    if not facts.interval_count:
        return Lack.INTERVALS if facts.daily else Lack.ALL
    if facts.disagrees:
        return Lack.AGREEMENT
    starts = meterday.intervals_within(meter, facts.date)
    is_whole = completeness.has_every_interval(facts, meter.energy, starts)
    return Lack.AMOUNTS if is_whole else Lack.SOME_INTERVALS


def _slots(
    meter: Meter,
    on: date,
    intervals: Sequence[Interval],
    daily: Mapping[Register, Decimal],
    *,
    is_complete: bool,
) -> tuple[Slot, ...]:
    """Every slot of the day that counts, known or not; none where no interval is known."""
    if not intervals:
        return ()
    known = {each.start: each.amounts for each in intervals}
    flows = {flow for amounts in (daily, *known.values()) for flow in agreement.flows(amounts)}
    length = meterday.interval_length(meter.energy)
    return tuple(
        _slot(start, start + length, known.get(start), flows, is_complete=is_complete)
        for start in meterday.intervals_within(meter, on)
    )


def _slot(
    start: datetime,
    end: datetime,
    counted: Mapping[Register, Decimal] | None,
    flows: set[Flow],
    *,
    is_complete: bool,
) -> Slot:
    if counted is None:
        return Slot(start, end, None, is_whole=False)
    amounts = amounts_of(counted)
    silent = [side for side, flow in SIDES.items() if flow in flows and side not in amounts.sides]
    if is_complete and silent:  # a flow that the slot does not mention is the day's zero
        amounts = Amounts({**amounts.sides, **{side: {"total": _NOTHING} for side in silent}})
    return Slot(start, end, amounts, is_whole=is_complete or not silent)


def _peak(slots: Sequence[Slot]) -> Slot | None:
    """The first of those in which most was consumed."""
    highest = max(slots, key=_consumed, default=None)
    return highest if highest and _consumed(highest) else None


def _consumed(slot: Slot) -> Decimal:
    return (slot.amounts and slot.amounts.of("consumption")) or _NOTHING
