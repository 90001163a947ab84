"""Today's and tomorrow's prices, for their page."""

from datetime import timedelta

from bridge.metering import meterday
from bridge.metering.costs import Price, parts_at, price_at
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Energy
from bridge.web.readings import PriceCurve
from bridge.web.readings.history import History

_QUARTER_HOUR = timedelta(minutes=15)


def price_curve(history: History) -> PriceCurve | None:
    """What a kilowatt-hour costs and brings by the meter's contracts; None while no contract holds.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    today = meterday.day_of(history.now, Energy.ELECTRICITY)
    start, tomorrow = (meterday.start_of(each, Energy.ELECTRICITY) for each in (today, today + ONE_DAY))
    end = meterday.end_of(today + ONE_DAY, Energy.ELECTRICITY)
    day_ahead = history.records.prices.during(start, end)
    now = price_at(history.timeline, history.now, day_ahead)
    if now is None:
        return None
    quarters = tuple(
        price_at(history.timeline, start + _QUARTER_HOUR * number, day_ahead)
        for number in range((end - start) // _QUARTER_HOUR)
    )
    known = [each.start for each in quarters if each and _is_known(each)]
    return PriceCurve(
        now=now,
        parts=parts_at(history.timeline, now, day_ahead),
        quarters=quarters,
        start=start,
        tomorrow=tomorrow,
        end=end,
        is_dynamic=any(
            span.contract and span.contract.is_dynamic for span in history.timeline.during(start, end)
        ),
        known_until=max(known, default=start - _QUARTER_HOUR) + _QUARTER_HOUR,
    )


def _is_known(price: Price) -> bool:
    return None not in {*price.consumption.values(), *price.injection.values()}
