"""What it cost: a meter's readings, and the prices that held.

Amounts of money are EUR, exact: `Decimal` where only multiplied and added, `Fraction` where a year is divided
into days. What is unknown is None, never zero; only what was not used costs nothing at any price. Instants
are aware and in UTC.

A day goes in by itself (`priced`), its fees and its part of the capacity tariff with the days of its month
(`standing`); both together are its bill (`bill`), and bills are added up (`summed`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple, TypeVar

from bridge.metering import meterday
from bridge.metering.contract import (
    ByTariff,
    Capacity,
    Contract,
    Dynamic,
    Part,
    Per,
    Rate,
    Span,
    Timeline,
    price_of,
)
from bridge.metering.hours import Amounts, HourlyDay, spread
from bridge.metering.model import OF_THE_CONNECTION, Direction, Meter, Register, Tariff, Unit

DayAhead = Mapping[
    datetime, Decimal
]  # start of each quarter-hour → EUR/kWh; hourly prices stand there four times
Hours = Mapping[datetime, Decimal | None]  # starts, on the hour
_Key = TypeVar("_Key")

_EXACT = Context(prec=200)  # more digits than readings and prices together ever have
_NOTHING = Decimal(0)
_UNKNOWN = Decimal("NaN")  # spreads through sums by itself
_QUARTER_HOUR = timedelta(minutes=15)
_QUARTERS = tuple(_QUARTER_HOUR * place for place in range(4))
_A_FOURTH = Decimal("0.25")
_PERCENT = Decimal("0.01")
_PARTS = {
    Direction.CONSUMPTION: (Part.ENERGY, Part.GRID, Part.LEVIES),
    Direction.INJECTION: (Part.COMPENSATION,),
}


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
    with localcontext(_EXACT):
        return _Pricing(meter, timeline, day, day_ahead).result()


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


def bill(day: PricedDay, standing: Standing) -> Bill:
    """All parts of a day."""
    known = {part: amount if amount is None else Fraction(amount) for part, amount in day.parts.items()}
    parts = known | {
        Part.CAPACITY: standing.capacity,
        Part.FEES: standing.fees,
        Part.VAT: _all_of((known[Part.VAT], standing.vat)),
    }
    return Bill({part: parts[part] for part in Part}, day.why | standing.why)


def summed(bills: Iterable[Bill]) -> Bill:
    """Several days together; a part that is unknown for one of them is unknown. No days cost nothing."""
    together = list(bills)
    return Bill(
        {part: _all_of(each.parts[part] for each in together) for part in Part},
        frozenset(why for each in together for why in each.why),
    )


def price_at(timeline: Timeline, instant: datetime, day_ahead: DayAhead) -> Price | None:
    """What holds at an instant, from the beginning of its quarter-hour; None while no contract does."""
    contract = timeline.at(instant)
    if contract is None:
        return None
    start = instant.replace(minute=instant.minute // 15 * 15, second=0, microsecond=0)
    with localcontext(_EXACT):
        return Price(start, *(_all_in(contract, each, start, day_ahead) for each in _PARTS))


def prices_known(timeline: Timeline, start: datetime, end: datetime, day_ahead: DayAhead) -> list[Price]:
    """The quarter-hours from one instant until another that follow the day-ahead price, where it is known."""
    found = []
    while start < end:
        contract = timeline.at(start)
        price = price_at(timeline, start, day_ahead) if contract and contract.is_dynamic else None
        if price and None not in {*price.consumption.values(), *price.injection.values()}:
            found.append(price)
        start += _QUARTER_HOUR
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


class _Counted(NamedTuple):
    """What a register counted during a day."""

    hours: Mapping[datetime, Decimal]  # that add up to the day
    intervals: Mapping[datetime, Decimal]
    is_whole: bool  # it is known when all of it flowed


class _Pricing:
    """A day on its way to its costs."""

    def __init__(self, meter: Meter, timeline: Timeline, day: CountedDay, day_ahead: DayAhead) -> None:
        start, end = meterday.bounds_of(meter, day.date)
        self._day, self._day_ahead = day, day_ahead
        self._begun = start.replace(minute=0)
        self._spans = timeline.during(self._begun, end)
        self._hour_of = {each: each.replace(minute=0) for each in meterday.intervals_within(meter, day.date)}
        self._daily = {register: amount for register, amount in day.daily.items() if _has_price(register)}
        self._intervals = {
            register: amounts for register, amounts in day.intervals.items() if _has_price(register)
        }
        self._prices: dict[Dynamic, dict[datetime, Decimal]] = {}
        self._parts = dict.fromkeys((*_PARTS[Direction.CONSUMPTION], Part.VAT, Part.COMPENSATION), _NOTHING)
        self._why: set[Why] = set()

    def result(self) -> PricedDay:
        """The day's costs."""
        hours = {register: self._hours(register, counted) for register, counted in self._counted().items()}
        used = (amount for each, amount in self._daily.items() if each.direction is Direction.CONSUMPTION)
        return PricedDay(
            date=self._day.date,
            parts=_known(self._parts),
            hours=hours,
            consumption=sum(used, _NOTHING),
            why=frozenset(self._why),
        )

    def _counted(self) -> dict[Register, _Counted]:
        hourly: dict[datetime, dict[Register, Decimal]] = defaultdict(dict)
        for register, amounts in self._intervals.items():
            for start, amount in amounts.items():
                hour = hourly[self._hour_of[start]]
                hour[register] = hour.get(register, _NOTHING) + amount
        hours = spread(HourlyDay(self._begun, self._daily, hourly))
        whole = {direction: self._is_whole(direction) for direction in _PARTS}
        return {
            register: _Counted(hours[register], self._intervals_of(register), whole[register.direction])
            for register in self._daily
        }

    def _is_whole(self, direction: Direction) -> bool:
        """Whether it is known of all that flowed when it did, and in which tariff."""
        day = {
            register: amount for register, amount in self._daily.items() if register.direction is direction
        }
        flow = self._flow(direction)
        starts = set[datetime]().union(*flow.values())
        in_use = {register for register, amounts in flow.items() if any(amounts.values())}
        fits = in_use <= day.keys() or any(register.tariff is Tariff.TOTAL for register in day)
        return not any(day.values()) or (fits and self._hour_of.keys() <= starts)

    def _intervals_of(self, register: Register) -> Mapping[datetime, Decimal]:
        """A register's intervals: those of all tariffs where the day has only a total."""
        if register.tariff is not Tariff.TOTAL:
            return self._intervals.get(register, {})
        together: dict[datetime, Decimal] = {}
        for amounts in self._flow(register.direction).values():
            for start, amount in amounts.items():
                together[start] = together.get(start, _NOTHING) + amount
        return together

    def _flow(self, direction: Direction) -> dict[Register, Mapping[datetime, Decimal]]:
        return {each: amounts for each, amounts in self._intervals.items() if each.direction is direction}

    def _hours(self, register: Register, counted: _Counted) -> Hours:
        """A register's hours with VAT; their parts are added to the day's."""
        costs = dict.fromkeys(counted.hours, _NOTHING)
        for span in self._spans:
            vat = span.contract.vat_on(register.direction) * _PERCENT if span.contract else _UNKNOWN
            for part, price in self._lines(register, counted, span.contract):
                line = self._line(price, counted, span)
                total = sum(line.values(), _NOTHING)
                self._parts[part] += total
                if total and vat:
                    self._parts[Part.VAT] += total * (-vat if part is Part.COMPENSATION else vat)
                if total.is_nan():
                    self._why.add(price if isinstance(price, Why) else Why.NO_DAY_AHEAD)
                for hour, cost in line.items():
                    costs[hour] += cost * (1 + vat)
        return _known(costs)

    def _lines(
        self, register: Register, counted: _Counted, contract: Contract | None
    ) -> list[tuple[Part, Decimal | Dynamic | Why]]:
        """The register's parts, each with its price, or why it has none."""
        lines = contract.lines(register.direction) if contract else ()
        if not lines or (len(self._spans) > 1 and not counted.is_whole):
            why = Why.NO_INTERVALS if lines else Why.NO_INJECTION if contract else Why.NO_CONTRACT
            return [(part, why) for part in _PARTS[register.direction]]
        return [(part, _price(rate, register.tariff, counted)) for part, rate in lines]

    def _line(self, price: Decimal | Dynamic | Why, counted: _Counted, span: Span) -> dict[datetime, Decimal]:
        """What those hours of a span cost in which something was used."""
        if not isinstance(price, Dynamic):
            price = _UNKNOWN if isinstance(price, Why) else price
            return {
                hour: amount * price
                for hour, amount in counted.hours.items()
                if amount and span.start <= hour < span.end
            }
        prices = self._dynamic(price)
        costs: dict[datetime, Decimal] = {}
        for start, amount in counted.intervals.items():
            if amount and span.start <= start < span.end:
                hour = self._hour_of[start]
                costs[hour] = costs.get(hour, _NOTHING) + amount * prices[start]
        return costs

    def _dynamic(self, rate: Dynamic) -> dict[datetime, Decimal]:
        """The price of each of the day's intervals."""
        if rate not in self._prices:
            self._prices[rate] = {start: _dynamic(rate, start, self._day_ahead) for start in self._hour_of}
        return self._prices[rate]


def _price(rate: Rate, tariff: Tariff, counted: _Counted) -> Decimal | Dynamic | Why:
    if isinstance(rate, Dynamic):
        return rate if counted.is_whole else Why.NO_INTERVALS
    price = price_of(rate, tariff)
    return Why.NO_TARIFF if price is None else price


def _dynamic(rate: Dynamic, start: datetime, day_ahead: DayAhead) -> Decimal:
    """EUR/kWh in the interval that begins then."""
    if rate.per is Per.HOUR:
        hour = start.replace(minute=0)
        known = sum((day_ahead.get(hour + quarter, _UNKNOWN) for quarter in _QUARTERS), _NOTHING) * _A_FOURTH
    else:
        known = day_ahead.get(start, _UNKNOWN)
    return rate.factor * known + rate.base


def _all_in(
    contract: Contract, direction: Direction, start: datetime, day_ahead: DayAhead
) -> dict[Tariff, Decimal | None]:
    """EUR/kWh with VAT, by tariff."""
    rates = [line.rate for line in contract.lines(direction)]
    factor = 1 + contract.vat_on(direction) * _PERCENT
    by_tariff = any(isinstance(rate, ByTariff) for rate in rates)
    prices = {}
    for tariff in ((Tariff.HIGH, Tariff.LOW) if by_tariff else (Tariff.TOTAL,)) if rates else ():
        each = (
            _dynamic(rate, start, day_ahead) if isinstance(rate, Dynamic) else price_of(rate, tariff)
            for rate in rates
        )
        prices[tariff] = sum((_UNKNOWN if price is None else price for price in each), _NOTHING) * factor
    return _known(prices)


def _standing(
    contract: Contract | None, days: Sequence[PricedDay], peaks: Mapping[date, Decimal], floor: Decimal
) -> Standing:
    """A day of a month's days under one contract."""
    if contract is None:
        return Standing(None, None, None, why=frozenset({Why.NO_CONTRACT}))
    month = meterday.month_of(days[0].date)
    days_of_year = (month.replace(year=month.year + 1, month=1) - month.replace(month=1)).days
    fees = Fraction(sum(contract.fees_per_year.values(), _NOTHING)) / days_of_year
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
    return Standing(capacity, fees, _all_of((on_capacity, fees * vat)), months, why)


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
    grid = _all_of(None if (cost := day.parts[Part.GRID]) is None else Fraction(cost) for day in days)
    if grid is None:
        return None
    used = sum((Fraction(day.consumption) for day in days), Fraction(0))
    left = Fraction(tariff.maximum_per_kwh) * used - grid
    return min(uncapped, max(left, Fraction(0)) / len(days))


def _has_price(register: Register) -> bool:
    return register.unit is Unit.KWH and register.direction in OF_THE_CONNECTION


def _known(amounts: Mapping[_Key, Decimal]) -> dict[_Key, Decimal | None]:
    return {key: None if amount.is_nan() else amount for key, amount in amounts.items()}


def _all_of(amounts: Iterable[Fraction | None]) -> Fraction | None:
    total = Fraction(0)
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total
