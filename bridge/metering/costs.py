"""What it cost: a meter's readings, and the prices that held.

Amounts of money are EUR, exact: `Decimal` where only multiplied and added, `Fraction` where a year is divided
into days. What is unknown is None, never zero; only what was not used costs nothing at any price. Instants
are aware and in UTC.

A day goes in by itself (`priced`), its fees and its part of the capacity tariff with the days of its month
(`standing`); both together are its bill (`bill`), and bills are added up (`summed`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from bridge.metering.contract import Part
from bridge.metering.pricing import (
    CountedDay,
    DayAhead,
    Hours,
    Intervals,
    Price,
    PricedDay,
    Why,
    price_at,
    priced,
    prices_known,
)
from bridge.metering.standing import Standing, all_of, per_kw, standing, threshold

__all__ = [
    "Bill",
    "CountedDay",
    "DayAhead",
    "Hours",
    "Intervals",
    "Price",
    "PricedDay",
    "Standing",
    "Why",
    "bill",
    "per_kw",
    "price_at",
    "priced",
    "prices_known",
    "standing",
    "summed",
    "threshold",
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


def bill(day: PricedDay, standing: Standing) -> Bill:
    """All parts of a day."""
    known = {part: amount if amount is None else Fraction(amount) for part, amount in day.parts.items()}
    parts = known | {
        Part.CAPACITY: standing.capacity,
        Part.FEES: standing.fees,
        Part.VAT: all_of((known[Part.VAT], standing.vat)),
    }
    return Bill({part: parts[part] for part in Part}, day.why | standing.why)


def summed(bills: Iterable[Bill]) -> Bill:
    """Several days together; a part that is unknown for one of them is unknown. No days cost nothing."""
    together = list(bills)
    return Bill(
        {part: all_of(each.parts[part] for each in together) for part in Part},
        frozenset(why for each in together for why in each.why),
    )
