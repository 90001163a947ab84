"""Bills to payloads: what `cost/day`, `cost/month`, `cost/year` and `cost/price` say.

Amounts are EUR, rounded here and nowhere before: to a hundredth of a cent, prices to a millionth of a euro.
What is unknown is null, and has no topic of its own. Times are local (Europe/Brussels) with their offset.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from bridge.metering import meterday
from bridge.metering.contract import Part
from bridge.metering.costs import Bill, BilledDay, Price, Why, together
from bridge.metering.model import Direction, Meter, Tariff
from bridge.publishing import payloads
from bridge.text.words import Payload, local, plain

CURRENCY = "EUR"

_NOTHING_KNOWN = Bill(dict.fromkeys(Part))
_QUARTER_HOUR = timedelta(minutes=15)
_PRICED = (Direction.CONSUMPTION, Direction.INJECTION)
_AMOUNT, _PRICE = 4, 6  # decimals
_WHY = {
    Why.NO_CONTRACT: "no price of the configuration holds yet",
    Why.NO_DAY_AHEAD: "a day-ahead price is not known",
    Why.NO_INTERVALS: "its quarter-hours are not all known, and the price depends on them",
    Why.NO_TARIFF: "the price differs for high and low, and the meter does not count them apart",
    Why.NO_INJECTION: "the prices say nothing of injection",
    Why.NO_PEAK: "no monthly peak is known",
}


def day(meter: Meter, day: BilledDay) -> Payload:
    """What the latest complete day cost; of how many monthly peaks the capacity tariff's mean is."""
    start, end = meterday.bounds_of(meter, day.energy.date)
    months = day.standing.months
    return {
        **payloads.who(meter),
        "date": day.energy.date.isoformat(),
        "start": local(start),
        "end": local(end),
        **_bill(day.bill),
        **({"capacity_months": months} if months else {}),
    }


def month(meter: Meter, this: date, last: date, days: Mapping[date, BilledDay]) -> Payload:
    """This month so far, and the last one: the complete days for which prices hold.

    Args:
        meter: whose months they are.
        this: the present month's first day.
        last: that of the one before.
        days: by date; of these months at least.
    """

    def of(first: date) -> Payload:
        until = meterday.last_of(first)
        return {"month": f"{first:%Y-%m}", **_span(meter, first, until, days)}

    return {**payloads.who(meter), **of(this), "last": of(last)}


def year(meter: Meter, this: date, days: Mapping[date, BilledDay]) -> Payload:
    """This year so far, and the last one: the complete days for which prices hold.

    Args:
        meter: whose years they are.
        this: the present year's first day.
        days: by date; of these years at least.
    """

    def of(first: date) -> Payload:
        until = first.replace(month=12, day=31)
        return {"year": f"{first:%Y}", **_span(meter, first, until, days)}

    return {**payloads.who(meter), **of(this), "last": of(this.replace(year=this.year - 1))}


def price(meter: Meter, now: Price, known: Sequence[Price]) -> Payload:
    """What a kWh costs now, with everything, and what it will cost.

    Args:
        meter: whose prices they are.
        now: that of the present quarter-hour.
        known: those of today's and tomorrow's quarter-hours that follow the day-ahead price.
    """
    return {
        **payloads.who(meter),
        "currency": CURRENCY,
        "unit": f"{CURRENCY}/kWh",
        **_price(now),
        **({"quarter_hours": [_of_quarter_hour(each) for each in known]} if known else {}),
        **({"known_until": local(known[-1].start + _QUARTER_HOUR)} if known else {}),
    }


def leaves(payload: Payload) -> dict[str, str]:
    """The amounts of a payload as sub-topics: `total`, `last/total`, `consumption/high`, ..."""
    found = _by_name({name: payload.get(name) for name in (*Part, "total")})
    for direction in _PRICED:
        prices = _by_name(payload.get(direction) or {})
        found |= {f"{direction}/{tariff}": text for tariff, text in prices.items()}
    last = leaves(payload["last"]) if "last" in payload else {}
    return found | {f"last/{leaf}": text for leaf, text in last.items()}


def prices_there_are(payload: Payload) -> list[str]:
    """The sub-topics of present prices, with those that have none while they are not known."""
    return [f"{flow}/{tariff}" for flow in _PRICED for tariff in payload.get(flow) or {}]


def _by_name(amounts: Mapping[str, Decimal | None]) -> dict[str, str]:
    return {name: plain(amount) for name, amount in amounts.items() if amount is not None}


def rounded(amount: Fraction | Decimal | None, digits: int = _AMOUNT) -> Decimal | None:
    """For show only."""
    return None if amount is None else Decimal(round(Fraction(amount) * 10**digits)).scaleb(-digits)


def in_words(why: Iterable[Why]) -> list[str]:
    """Why something is unknown, for people."""
    return [_WHY[each] for each in Why if each in set(why)]


def _span(meter: Meter, first: date, last: date, days: Mapping[date, BilledDay]) -> Payload:
    of_span = [each for day, each in days.items() if first <= day <= last]
    return {
        "start": local(meterday.start_of(first, meter.energy)),
        "end": local(meterday.end_of(last, meter.energy)),
        "days": len(of_span),
        **_bill(together(of_span) if of_span else _NOTHING_KNOWN),
    }


def _bill(bill: Bill) -> Payload:
    return {
        "currency": CURRENCY,
        **{str(part): rounded(amount) for part, amount in bill.parts.items()},
        "total": rounded(bill.total),
        **({"unknown": in_words(bill.why)} if bill.why else {}),
    }


def _price(price: Price) -> Payload:
    return {
        "start": local(price.start),
        "consumption": _by_tariff(price.consumption),
        "injection": _by_tariff(price.injection) or None,
    }


def _of_quarter_hour(price: Price) -> Payload:
    start = _price(price)
    return {"start": start.pop("start"), "end": local(price.start + _QUARTER_HOUR), **start}


def _by_tariff(prices: Mapping[Tariff, Decimal | None]) -> Payload:
    return {str(tariff): rounded(price, _PRICE) for tariff, price in prices.items()}
