"""What it cost: a meter's readings, and the prices that held.

Amounts of money are EUR, exact: `Decimal` where only multiplied and added, `Fraction` where a year is divided
into days. What is unknown is None, never zero; only what was not used costs nothing at any price. Instants
are aware and in UTC.

A day goes in by itself (`priced`), its fees and its part of the capacity tariff with the days of its month
(`standing`); both together are its bill (`bill`), and bills are added up (`summed`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from bridge.metering.contract import Contract, Part, Timeline
from bridge.metering.hours import Amounts
from bridge.metering.model import Meter, Register, Tariff

DayAhead = Mapping[
    datetime, Decimal
]  # start of each quarter-hour → EUR/kWh; an hourly price stands there four times
Hours = Mapping[datetime, Decimal | None]  # starts, on the hour


class Why(StrEnum):
    """Why something is unknown."""

    NO_CONTRACT = "no contract"  # no price of the configuration holds yet
    NO_DAY_AHEAD = "no day-ahead price"
    NO_INTERVALS = "no intervals"  # the hours of what was used are not known, and the price depends on them
    NO_TARIFF = "no tariff"  # prices of high and low, and a meter that knows only a total
    NO_INJECTION = "no injection"  # the contract says nothing of it, and there was some
    NO_PEAK = "no peak"  # of any of the twelve months


@dataclass(frozen=True, slots=True)
class CountedDay:
    """A meter day as it was counted: its amounts, and those of its intervals that are known."""

    date: date
    daily: Amounts
    intervals: Mapping[Register, Mapping[datetime, Decimal]] = field(default_factory=dict)
    # by their starts, quarter-hours (gas: hours); none of a day whose intervals do not add up to it


@dataclass(frozen=True, slots=True)
class PricedDay:
    """What the energy of a meter day cost, without fees and capacity."""

    date: date
    parts: Mapping[Part, Decimal | None]  # energy, grid, levies, compensation, and VAT on these
    hours: Mapping[Register, Hours]  # with VAT: what consumption cost, and what injection brought
    consumption: Decimal  # kWh
    why: frozenset[Why] = frozenset()  # why something is unknown


@dataclass(frozen=True, slots=True)
class Standing:
    """What a day costs without using anything."""

    capacity: Fraction | None
    fees: Fraction | None
    vat: Fraction | None  # on both
    months: int = 0  # of how many months' peaks the mean is, 12 at most; 0 without a capacity tariff
    why: frozenset[Why] = frozenset()

    @property
    def total(self) -> Fraction | None:
        """With VAT."""
        return _all_of((self.capacity, self.fees, self.vat))


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
        return _all_of(signed)


@dataclass(frozen=True, slots=True)
class Price:
    """What a kilowatt-hour costs and brings from an instant on, with VAT: EUR/kWh by tariff.

    Tariffs are high and low where a price depends on them, else total alone. A price is None while its
    day-ahead price is unknown; `injection` is empty where the contract says nothing of it.
    """

    start: datetime
    consumption: Mapping[Tariff, Decimal | None]
    injection: Mapping[Tariff, Decimal | None]


def priced(meter: Meter, timeline: Timeline, day: CountedDay, day_ahead: DayAhead) -> PricedDay:
    """What the energy of a meter day cost, by part, and by hour and register.

    Fixed prices apply to the hours of `metering.hours.spread`, which add up to the day's amount, whatever is
    known of its intervals; but where the contract changes during the day, the intervals must all be there.
    Dynamic prices apply to each interval, and these must all be there. Elsewhere the part is unknown.
    Registers other than kWh of the connection have no costs.

    Args:
        meter: whose day it is; its bounds count.
        timeline: its contracts.
        day: what was counted.
        day_ahead: the prices of that day at least, as far as they are known.
    """
    raise NotImplementedError


def standing(
    meter: Meter,
    timeline: Timeline,
    days: Sequence[PricedDay],
    peaks: Mapping[date, Decimal],
    floor: Decimal,
) -> dict[date, Standing]:
    """Fees and capacity of a month, for each of its days that counts, whole or cut by the meter's bounds.

    A day's contract is that of its first instant that counts.

    Args:
        meter: whose days they are.
        timeline: its contracts.
        days: those of one month that count.
        peaks: the peaks of this month and of the eleven before, kW, by the month's first day, where known.
        floor: what each of them counts for at least, kW.
    """
    raise NotImplementedError


def bill(day: PricedDay, standing: Standing) -> Bill:
    """All parts of a day."""
    raise NotImplementedError


def summed(bills: Iterable[Bill]) -> Bill:
    """Several days together; a part that is unknown for one of them is unknown."""
    raise NotImplementedError


def price_at(timeline: Timeline, instant: datetime, day_ahead: DayAhead) -> Price | None:
    """What holds at an instant, from the beginning of its quarter-hour; None while no contract does."""
    raise NotImplementedError


def prices_known(timeline: Timeline, start: datetime, end: datetime, day_ahead: DayAhead) -> list[Price]:
    """The quarter-hours from one instant until another that follow the day-ahead price, where it is known."""
    raise NotImplementedError


def threshold(peak: Decimal | None, floor: Decimal) -> Decimal:
    """From how many kW on a quarter-hour makes the month dearer.

    Args:
        peak: the month's so far, kW.
        floor: what a month's peak counts for at least, kW.
    """
    return max(peak or Decimal(0), floor)


def per_kw(contract: Contract) -> Fraction | None:
    """What one kW above the threshold costs within a year, with VAT; None without a capacity tariff.

    A month's peak is a twelfth of the mean, and stays in it for twelve months, which are a year together:
    per_kw_year for 1/12 kW and one year. Where the maximum per kWh caps the bill, it is less.
    """
    if contract.capacity is None:
        return None
    return Fraction(contract.capacity.per_kw_year) / 12 * (1 + Fraction(contract.vat) / 100)


def _all_of(amounts: Iterable[Fraction | None]) -> Fraction | None:
    total = Fraction(0)
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total
