"""Which spans of days to ask Fluvius for, and which days to look at again: pure decisions.

A request for daily amounts costs the same for one day as for 31, so it always spans as many: what Fluvius
corrected meanwhile comes along. Amounts that are not final (the kWh of gas stand on a calorific value that is
provisional for some weeks) are looked at again until they are.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from bridge.metering import meterday
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import BRUSSELS, Meter
from bridge.metering.silence import SPAN

EVERY = timedelta(days=7)  # how often a day makes a request for itself, at most

_WATCHED = 100  # days: for how long after it a day may be looked at again

Span = tuple[date, date]  # the first and the last day


def watched(meter: Meter, now: datetime) -> Span:
    """The first and the last day that may be asked for now; crossed where the bounds leave none."""
    today = meterday.day_of(now, meter.energy)
    first, last = meterday.span_within(meter, *meterday.allowed_within(meter))
    return max(first, today - ONE_DAY * _WATCHED), min(last, today - ONE_DAY)


def spans_with(days: Collection[date], first: date, last: date) -> list[Span]:
    """The spans of one request each that hold any of some days, counted back from the last: newest first."""
    ends = [last - ONE_DAY * back for back in range(0, (last - first).days + 1, SPAN)]
    spans = [(max(first, end - ONE_DAY * (SPAN - 1)), end) for end in ends]
    return [span for span in spans if any(span[0] <= day <= span[1] for day in days)]


def is_due(looked_at: datetime | None, now: datetime) -> bool:
    """Whether a day that is not final makes a request, by when its amounts came last.

    It is counted in dates, so that it goes with the request that the same run of the day makes anyway.
    """
    if looked_at is None or looked_at > now:
        return True
    return now.astimezone(BRUSSELS).date() - looked_at.astimezone(BRUSSELS).date() >= EVERY
