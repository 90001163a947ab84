"""Prices by their steps: how long each holds, and what no market ever said."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

from bridge.metering.model import BRUSSELS
from bridge.prices.errors import NotUnderstood

QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
HIGHEST = Decimal(10)  # EUR/kWh, either way: the coupled markets of Europe stop at some 5, and at -0.5

Span = tuple[datetime, datetime]  # aware, UTC: from the first until the second
Prices = Mapping[datetime, Decimal]  # start of each quarter-hour, aware, UTC → EUR/kWh

EMPTY, CONTRADICTORY, ODD_LENGTH = "has no price", "has two prices", "has no length that is known"
_PLURAL = {
    EMPTY: "have no price",
    CONTRADICTORY: "have two prices",
    ODD_LENGTH: "are neither hours nor quarter-hours",
}


class Answer(NamedTuple):
    """What was understood, and the steps of which nothing was kept, with the reason."""

    prices: Prices
    left_out: Mapping[datetime, str] = MappingProxyType({})

    @property
    def remarks(self) -> list[str]:
        """A sentence for each reason."""
        starts: dict[str, list[datetime]] = {}
        for start, why in sorted(self.left_out.items()):
            starts.setdefault(why, []).append(start.astimezone(BRUSSELS))
        return [
            f"{len(each)} steps, from {each[0]:%Y-%m-%d %H:%M} to {each[-1]:%Y-%m-%d %H:%M}, {_PLURAL[why]}"
            if len(each) > 1
            else f"1 step, of {each[0]:%Y-%m-%d %H:%M}, {why}"
            for why, each in starts.items()
        ]

    def within(self, span: Span) -> "Answer":
        """As much of it as lies in a span."""
        start, end = span
        return Answer(
            {each: price for each, price in self.prices.items() if start <= each < end},
            {each: why for each, why in self.left_out.items() if start <= each < end},
        )


def per_mwh(value: Any) -> Decimal:
    """A price in EUR/MWh, in EUR/kWh.

    Raises:
        NotUnderstood: see `per_kwh`.
    """
    return _bounded(_number(value), 1000).scaleb(-3)


def per_kwh(value: Any) -> Decimal:
    """A price in EUR/kWh.

    Args:
        value: a number, or a number's text.

    Raises:
        NotUnderstood: it is no number, or none that a market can have said.
    """
    return _bounded(_number(value), 1)


def by_distance(points: Iterable[tuple[datetime, Decimal | None]]) -> Answer:
    """Prices of which only the starts are told: each day's steps are as long as the shortest way between two.

    Args:
        points: a start (aware, UTC) and the price in EUR/kWh; None: it is said that there is none.

    Raises:
        NotUnderstood: a step does not begin where a quarter-hour, or an hour, does.
    """
    said: dict[datetime, Decimal | None] = {}
    left_out: dict[datetime, str] = {}
    for start, price in points:
        if said.setdefault(start, price) != price:
            left_out[start] = CONTRADICTORY
    lengths = _lengths(sorted(said))
    prices: dict[datetime, Decimal] = {}
    for start, price in said.items():
        length = lengths[_date(start)]
        if start in left_out:
            continue
        if price is None:
            left_out[start] = EMPTY
        elif length not in (QUARTER, HOUR):
            left_out[start] = ODD_LENGTH
        else:
            prices |= dict.fromkeys(quarters(start, length), price)
    return Answer(prices, left_out)


def quarters(start: datetime, length: timedelta) -> list[datetime]:
    """The starts of the quarter-hours of a step, which is so long.

    Raises:
        NotUnderstood: it does not begin where such a step does.
    """
    if start.timestamp() % length.total_seconds():
        raise NotUnderstood(f"steps of {length} cannot begin at {start:%Y-%m-%d %H:%M:%S} UTC")
    return [start + QUARTER * i for i in range(length // QUARTER)]


def _number(value: Any) -> Decimal:
    try:
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
            number = Decimal(value)
            if number.is_finite():
                return number
    except InvalidOperation:
        pass
    raise NotUnderstood(f"{str(value)[:40]} is not a price")


def _bounded(price: Decimal, per: int) -> Decimal:
    if not -HIGHEST * per <= price <= HIGHEST * per:
        unit = "EUR/kWh; perhaps it is in EUR/MWh" if per == 1 else "EUR/MWh"
        raise NotUnderstood(f"no market has a price of {str(price)[:20]} {unit}")
    return price


def _lengths(starts: Sequence[datetime]) -> dict[date, timedelta | None]:
    """By local day, for hours became quarter-hours at a midnight; one that is alone has its neighbours'."""
    of_day: dict[date, list[timedelta]] = {_date(start): [] for start in starts}
    across: dict[date, list[timedelta]] = {}
    for one, other in pairwise(starts):
        first, last = _date(one), _date(other)
        if first == last:
            of_day[first].append(other - one)
        else:
            across.setdefault(first, []).append(other - one)
            across.setdefault(last, []).append(other - one)
    return {day: min(within or across.get(day, []), default=None) for day, within in of_day.items()}


def _date(instant: datetime) -> date:
    return instant.astimezone(BRUSSELS).date()
