"""What days cost in all: their energy, their fees, and their share of the capacity tariff."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import groupby

from bridge.ledger.costs import KnownCosts
from bridge.ledger.days import Days
from bridge.ledger.peaks import KnownPeaks
from bridge.metering import meterday
from bridge.metering.contract import Timeline
from bridge.metering.costs import BilledDay
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Energy, Meter
from bridge.metering.standing import standing


class Bills:
    """Bills of complete days. Spans of days include both ends.

    Args:
        costs: what their energy cost.
        peaks: for the capacity tariff.
        days: which days are complete.
    """

    def __init__(self, costs: KnownCosts, peaks: KnownPeaks, days: Days) -> None:
        self._costs, self._peaks, self._days = costs, peaks, days

    def known(
        self, meter: Meter, timeline: Timeline, floor: Decimal, first: date, last: date
    ) -> dict[date, BilledDay]:
        """The days of whole months whose energy was priced, by the ledger's own account of it.

        Args:
            meter: whose days they are.
            timeline: its contracts, the ledger's costs are made of; days before the first have no bill.
            floor: what a month's peak counts for at least, kW.
            first: a month's first day.
            last: a month's last day.
        """
        complete = set(self._days.complete_days(meter, first, last))
        days = [
            each
            for each in self._costs.days(meter, first, last)
            if each.date in complete and timeline.at(meterday.bounds_of(meter, each.date)[0])
        ]
        peaks = self.billed_peaks(meter, days[0].date, days[-1].date) if days else {}
        found: dict[date, BilledDay] = {}
        for _, month in groupby(days, lambda each: meterday.month_of(each.date)):
            its_days = list(month)
            shares = standing(meter, timeline, its_days, peaks, floor)
            found |= {each.date: BilledDay(each, shares[each.date]) for each in its_days}
        return found

    def anew(
        self, meter: Meter, timeline: Timeline, floor: Decimal, first: date, last: date
    ) -> Iterator[BilledDay]:
        """The complete days of whole months under any contracts, oldest first, worked out month by month.

        Days before the first contract are among them: what they cost is unknown.

        Args:
            meter: whose days they are.
            timeline: contracts, the meter's own or others.
            floor: what a month's peak counts for at least, kW.
            first: a day of the first month.
            last: a day of the last month.

        Raises:
            LedgerError: while it is iterated over.
        """
        month = meterday.month_of(first)
        peaks = self.billed_peaks(meter, month, last) if any(c.capacity for c in timeline.contracts) else {}
        while month <= last:
            end = meterday.last_of(month)
            complete = set(self._days.complete_days(meter, month, end))
            days = [d for d in self._costs.priced(meter, timeline, month, end) if d.date in complete]
            shares = standing(meter, timeline, days, peaks, floor)
            for each in days:
                yield BilledDay(each, shares[each.date])
            month = end + ONE_DAY

    def billed_peaks(self, meter: Meter, first: date, last: date) -> dict[date, Decimal]:
        """The peaks, kW, of the months of a span of days and of the eleven before, by their first days."""
        if meter.energy is Energy.GAS:
            return {}
        begin, end = meterday.month_of(first), meterday.month_of(last)
        reach = meterday.months_until(end, _between(begin, end) + 12)
        known = ((each.first, each.billed) for each in self._peaks.peak_months(meter, reach))
        return {month: peak.power for month, peak in known if peak}


def _between(first: date, last: date) -> int:
    """How many months lie between two of them."""
    return 12 * (last.year - first.year) + last.month - first.month
