"""What it cost: a meter's readings, and the prices that held.

Amounts of money are EUR, exact: `Decimal` where only multiplied and added, `Fraction` where a year is divided
into days. What is unknown is None, never zero; only what was not used costs nothing at any price. Instants
are aware and in UTC.

A day goes in by itself (`priced`), its fees and its part of the capacity tariff with the days of its month
(`standing`); both together are its bill (`bill`), and days are added up (`together`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from bridge.metering.contract import Part
from bridge.metering.price import PartsOfPrice, Price, parts_at, price_at, prices_known
from bridge.metering.pricing import (
    EXACT,
    UNKNOWN,
    CountedDay,
    DayAhead,
    Hours,
    Intervals,
    PricedDay,
    Why,
    priced,
)
from bridge.metering.standing import Standing, all_of, per_kw, standing, threshold

__all__ = [
    "Bill",
    "BilledDay",
    "CountedDay",
    "DayAhead",
    "Hours",
    "Intervals",
    "PartsOfPrice",
    "Price",
    "PricedDay",
    "Standing",
    "Why",
    "bill",
    "parts_at",
    "per_kw",
    "price_at",
    "priced",
    "prices_known",
    "standing",
    "summed",
    "threshold",
    "together",
]


@dataclass(frozen=True, slots=True)
class Bill:
    """What some days cost, by part."""

    parts: Mapping[Part, Fraction | None]  # all of them
    why: frozenset[Why] = frozenset()

    @property
    def total(self) -> Fraction | None:
        """All that is paid, less the compensation; unknown as soon as one part is."""
        signed = (
            amount if part is not Part.COMPENSATION or amount is None else -amount
            for part, amount in self.parts.items()
        )
        return all_of(signed)


@dataclass(frozen=True, slots=True)
class BilledDay:
    """A complete day, and what it cost: its energy, and its share of fees and capacity."""

    energy: PricedDay
    standing: Standing

    @property
    def bill(self) -> Bill:
        """Both together."""
        return bill(self.energy, self.standing)


def bill(day: PricedDay, standing: Standing) -> Bill:
    """All parts of a day."""
    return together([BilledDay(day, standing)])


def together(days: Iterable[BilledDay]) -> Bill:
    """Several days; a part that is unknown for one of them is unknown. No days cost nothing."""
    energy: dict[Part, Decimal] = dict.fromkeys(Part, Decimal(0))
    shares: dict[int, tuple[Standing, int]] = {}  # those of a month are the same one
    why: set[Why] = set()
    with localcontext(EXACT):
        for day in days:
            for part, cost in day.energy.parts.items():
                energy[part] += UNKNOWN if cost is None else cost
            _, count = shares.get(id(day.standing), (day.standing, 0))
            shares[id(day.standing)] = day.standing, count + 1
            why |= day.energy.why | day.standing.why
    parts = {part: None if cost.is_nan() else Fraction(cost) for part, cost in energy.items()}
    for part, of_share in _STANDING.items():
        of_shares = (_times(of_share(share), count) for share, count in shares.values())
        parts[part] = all_of((parts[part], *of_shares))
    return Bill(parts, frozenset(why))


def _times(amount: Fraction | None, count: int) -> Fraction | None:
    return None if amount is None else amount * count


_STANDING: Mapping[Part, Callable[[Standing], Fraction | None]] = {
    Part.CAPACITY: lambda share: share.capacity,
    Part.FEES: lambda share: share.fees,
    Part.VAT: lambda share: share.vat,
}


def summed(bills: Iterable[Bill]) -> Bill:
    """Several days together; a part that is unknown for one of them is unknown. No days cost nothing."""
    together = list(bills)
    return Bill(
        {part: all_of(each.parts[part] for each in together) for part in Part},
        frozenset(why for each in together for why in each.why),
    )
