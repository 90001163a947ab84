"""A meter's past, as far as the ledger has it, and what is said of it on every reading page."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from bridge.ledger import Records
from bridge.metering import meterday
from bridge.metering.contract import Timeline
from bridge.metering.costs import BilledDay, together
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import SIDES, Meter, Register
from bridge.publishing import payloads
from bridge.publishing.costs import rounded
from bridge.web.readings import LAST, Amounts, Costs, State


@dataclass(frozen=True)
class History:
    """What the pages of a meter are made of.

    Args:
        records: the ledger, open while pages are made.
        meter: whose past it is.
        now: the present instant, aware.
        timeline: the meter's contracts; without any, nothing has costs.
        floor: what a month's peak counts for at least, kW.

    Raises:
        LedgerError: from every method, when the ledger cannot be read.
    """

    records: Records
    meter: Meter
    now: datetime
    timeline: Timeline
    floor: Decimal

    @cached_property
    def known(self) -> tuple[date, date] | None:
        """The first and the last day of which anything is known."""
        return self.records.readings.known_span(self.meter)

    @cached_property
    def published(self) -> date:
        """The newest day that Fluvius may have published."""
        return meterday.latest_published(self.now, self.meter.energy)

    @cached_property
    def settled(self) -> date:
        """The newest day of which Fluvius has normally published all it ever will."""
        return meterday.latest_settled(self.now, self.meter.energy)

    @property
    def latest(self) -> date | None:
        """The day that is shown where none is asked for: the latest complete one, else the latest known."""
        complete = self.records.days.latest_complete_day(self.meter)
        return complete.date if complete else self.records.calendar.neighbours(self.meter, LAST, LAST)[0]

    def neighbours(self, first: date, last: date) -> tuple[date | None, date | None]:
        """The nearest days around a span that are known, or still awaited."""
        known = self.records.calendar.neighbours(self.meter, first, last)
        awaited = meterday.span(*self._followed(self.settled + ONE_DAY, self.published)) if self.known else []
        days = [*(day for day in known if day), *awaited]
        before, after = [day for day in days if day < first], [day for day in days if day > last]
        return max(before, default=None), min(after, default=None)

    def missing(self, first: date, last: date, complete: Sequence[date] = ()) -> int:
        """How many days of a span Fluvius may have published that are not complete.

        Args:
            first: the first day.
            last: the last day.
            complete: the days that are complete, in order.
        """
        first, last = self._followed(first, min(last, self.published))
        if first > last:
            return 0
        return (last - first).days + 1 - _within(first, last, complete)

    def before(self, first: date, last: date) -> int:
        """How many of the missing days of a span lie before the first one of which anything is known."""
        return self.missing(first, min(last, self.known[0] - ONE_DAY)) if self.known else 0

    def state(self, first: date, last: date, complete: Sequence[date] = ()) -> State:
        """How it is with the days of a span; the arguments are those of `missing`."""
        first, last = self._followed(first, last)
        begin = self.known[0] if self.known else LAST
        if first > last:
            return State.ELSEWHERE
        if self.missing(max(first, begin), min(last, self.settled), complete):
            return State.MISSING
        if self.missing(max(first, self.settled + ONE_DAY), last, complete):
            return State.AWAITED
        if self.missing(first, last, complete):
            return State.BEFORE
        is_complete = _within(first, last, complete) == (last - first).days + 1
        return State.COMPLETE if is_complete else State.NOT_YET

    def _followed(self, first: date, last: date) -> tuple[date, date]:
        """Those days of a span on which the meter is followed, and may be asked for; crossed if none."""
        first, last = max(first, self.meter.first or first), min(last, self.meter.last or last)
        return meterday.span_within(self.meter, first, last)

    def bills(self, first: date, last: date) -> dict[date, BilledDay]:
        """The complete days of a span that have a price, by the bridge's own account of it."""
        if not self.timeline.contracts:
            return {}
        months = meterday.month_of(first), meterday.last_of(meterday.month_of(last))
        known = self.records.bills.known(self.meter, self.timeline, self.floor, *months)
        return {day: bill for day, bill in known.items() if first <= day <= last}


def amounts_of(by_register: Mapping[Register, Decimal], registers: Iterable[Register] = ()) -> Amounts:
    """By side and tariff; 0 for a tariff of some registers that is not mentioned while another is."""
    found = payloads.amounts(payloads.with_silent_tariffs(by_register, registers))
    return Amounts({side: found[side] for side in SIDES if side in found}, found.get("net"))


def costs_of(days: Iterable[BilledDay]) -> Costs | None:
    """What some days cost together; None without any."""
    billed = list(days)
    if not billed:
        return None
    bill = together(billed)
    parts = {part: rounded(amount) for part, amount in bill.parts.items()}
    return Costs(len(billed), parts, rounded(bill.total), bill.why)


def _within(first: date, last: date, days: Sequence[date]) -> int:
    """How many of some days, in order, lie in a span."""
    return bisect_right(days, last) - bisect_left(days, first)
