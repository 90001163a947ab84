"""What a day costs without using anything: fees, and its part of the capacity tariff."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from bridge.metering import meterday
from bridge.metering.contract import Capacity, Contract, Part, Timeline
from bridge.metering.model import Meter
from bridge.metering.pricing import PricedDay, Why


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
        return all_of((self.capacity, self.fees, self.vat))


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
    by_contract: dict[Contract | None, list[PricedDay]] = {}
    for day in days:
        contract = timeline.at(meterday.bounds_of(meter, day.date)[0])
        by_contract.setdefault(contract, []).append(day)
    found: dict[date, Standing] = {}
    for contract, its_days in by_contract.items():
        each = _standing(contract, its_days, peaks, floor)
        found |= {day.date: each for day in its_days}
    return found


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


def all_of(amounts: Iterable[Fraction | None]) -> Fraction | None:
    """The sum of some amounts; None as soon as one is unknown."""
    total = Fraction(0)
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def _standing(
    contract: Contract | None, days: Sequence[PricedDay], peaks: Mapping[date, Decimal], floor: Decimal
) -> Standing:
    """What each of these days costs besides, all of one month and under one contract."""
    if contract is None:
        return Standing(None, None, None, why=frozenset({Why.NO_CONTRACT}))
    month = meterday.month_of(days[0].date)
    days_of_year = (month.replace(year=month.year + 1, month=1) - month.replace(month=1)).days
    fees = Fraction(sum(contract.fees_per_year.values(), Decimal(0))) / days_of_year
    capacity: Fraction | None = Fraction(0)
    months, why = 0, frozenset[Why]()
    if contract.capacity:
        billed = [max(peaks[each], floor) for each in meterday.months_until(month, 12) if each in peaks]
        months = len(billed)
        capacity = _capacity(contract.capacity, days, billed, days_of_year)
        if capacity is None:
            why = frozenset(why for day in days for why in day.why) if billed else frozenset({Why.NO_PEAK})
    vat = Fraction(contract.vat) / 100
    on_capacity = capacity * vat if capacity is not None else None if vat else Fraction(0)
    return Standing(capacity, fees, all_of((on_capacity, fees * vat)), months, why)


def _capacity(
    tariff: Capacity, days: Sequence[PricedDay], billed: Sequence[Decimal], days_of_year: int
) -> Fraction | None:
    """What the capacity of one of the days costs, without VAT."""
    if not billed:
        return None
    mean = sum(map(Fraction, billed), Fraction(0)) / len(billed)
    uncapped = Fraction(tariff.per_kw_year) * mean / days_of_year
    if tariff.maximum_per_kwh is None:
        return uncapped
    grid = all_of(None if (cost := day.parts[Part.GRID]) is None else Fraction(cost) for day in days)
    if grid is None:
        return None
    used = sum((Fraction(day.consumption) for day in days), Fraction(0))
    left = Fraction(tariff.maximum_per_kwh) * used - grid
    return min(uncapped, max(left, Fraction(0)) / len(days))
