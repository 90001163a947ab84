"""What a kilowatt-hour costs at an instant, and what those of a day cost.

What is unknown is NaN on the way, which spreads through sums by itself, and None when it is handed out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from enum import StrEnum
from typing import NamedTuple, TypeVar

from bridge.metering import meterday
from bridge.metering.contract import Contract, Dynamic, Part, Per, Rate, Span, Timeline, price_of
from bridge.metering.hours import Amounts, parts_of, settled
from bridge.metering.model import Direction, Energy, Meter, Register, Tariff, Unit

DayAhead = Mapping[datetime, Decimal]  # EUR/kWh by quarter-hour; an hourly price stands there four times
Intervals = Mapping[Register, Mapping[datetime, Decimal]]  # by their starts, quarter-hours (gas: hours)
Hours = Mapping[datetime, Decimal | None]  # starts, on the hour

_Key = TypeVar("_Key")
_Any = TypeVar("_Any")

EXACT = Context(prec=200)  # more digits than readings and prices together ever have
_NOTHING = Decimal(0)
UNKNOWN = Decimal("NaN")  # spreads through sums by itself
_QUARTER_HOUR = timedelta(minutes=15)
_HOUR = timedelta(hours=1)
_QUARTERS = tuple(_QUARTER_HOUR * place for place in range(4))
_A_FOURTH = Decimal("0.25")
PERCENT = Decimal("0.01")
PARTS = {
    Direction.CONSUMPTION: (Part.ENERGY, Part.GRID, Part.LEVIES),
    Direction.INJECTION: (Part.COMPENSATION,),
}
PARTS_OF_A_DAY = (*PARTS[Direction.CONSUMPTION], Part.VAT, *PARTS[Direction.INJECTION])


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
    intervals: Intervals = field(default_factory=dict)  # none of a day whose intervals do not add up to it


@dataclass(frozen=True, slots=True)
class PricedDay:
    """What the energy of a meter day cost, without fees and capacity."""

    date: date
    parts: Mapping[Part, Decimal | None]  # energy, grid, levies, compensation, and VAT on these
    hours: Mapping[Register, Hours]  # with VAT: what consumption cost, and what injection brought
    consumption: Decimal  # kWh
    why: frozenset[Why] = frozenset()  # why something is unknown


def priced(meter: Meter, timeline: Timeline, day: CountedDay, day_ahead: DayAhead) -> PricedDay:
    """What the energy of a meter day cost, by part, and by hour and register.

    Fixed prices apply to the hours of `metering.hours.spread`, which add up to the day's amount, whatever is
    known of its intervals; but where the contract changes during the day, the intervals must all be there.
    Dynamic prices apply to each interval, and these must all be there. Elsewhere the part is unknown.
    Of a day by tariff whose intervals are in total it is known, but not what the hours of each tariff cost.
    Registers other than kWh of the connection have no costs.

    Args:
        meter: whose day it is; its bounds count.
        timeline: its contracts.
        day: what was counted.
        day_ahead: the prices of that day at least, as far as they are known.
    """
    with localcontext(EXACT):
        return _Pricing(meter, timeline, day, day_ahead).result()


class _Counted(NamedTuple):
    """What a register counted during a day."""

    hours: Mapping[datetime, Decimal]  # that add up to the day
    intervals: Mapping[datetime, Decimal]  # those of no register of the day are with the first
    is_timed: bool  # it is known when all that went its way flowed,
    is_whole: bool  # and in which tariff


class _Line(NamedTuple):
    """A part of the bill with its price."""

    part: Part
    price: Decimal | Dynamic  # EUR/kWh
    why: Why  # the price is unknown, where it is


class _Pricing:
    """A day on its way to its costs.

    Registers are looked up seldom: that takes longer than a multiplication.
    """

    def __init__(self, meter: Meter, timeline: Timeline, day: CountedDay, day_ahead: DayAhead) -> None:
        start, end = meterday.bounds_of(meter, day.date)
        self._day, self._day_ahead = day, day_ahead
        self._first = start.replace(minute=0)
        self._hour_of = _hours_of(start, end, meter.energy)
        self._spans = timeline.during(self._first, end)
        self._prices: dict[Dynamic, Mapping[datetime, Decimal]] = {}
        self._parts = dict.fromkeys(PARTS_OF_A_DAY, _NOTHING)
        self._why: set[Why] = set()

    def result(self) -> PricedDay:
        """The day's costs."""
        hours = {
            register: self._hours(register, counted)
            for direction in PARTS
            for register, counted in self._counted(direction)
        }
        consumption = sum(_of_flow(self._day.daily, Direction.CONSUMPTION).values(), _NOTHING)
        return PricedDay(self._day.date, known_only(self._parts), hours, consumption, frozenset(self._why))

    def _counted(self, direction: Direction) -> Iterator[tuple[Register, _Counted]]:
        daily, flow = _of_flow(self._day.daily, direction), _of_flow(self._day.intervals, direction)
        hourly = {register: self._by_hour(amounts) for register, amounts in flow.items()}
        hours = sorted({self._first}.union(*hourly.values()))
        its = {register: parts_of(register, flow, daily) for register in daily}
        strays = flow.keys() - set().union(*its.values())
        is_timed = self._hour_of.keys() <= set().union(*flow.values())
        is_whole = is_timed and not any(any(flow[each].values()) for each in strays)
        for register, amount in daily.items():
            known = _together([hourly[each] for each in its[register]])
            of_hours = settled({hour: known.get(hour, _NOTHING) for hour in hours}, amount)
            intervals = _together([flow[each] for each in (*its[register], *strays)])
            strays = set()  # the first one has them
            yield register, _Counted(of_hours, intervals, is_timed, is_whole)

    def _by_hour(self, intervals: Mapping[datetime, Decimal]) -> dict[datetime, Decimal]:
        hours: dict[datetime, Decimal] = {}
        for start, amount in intervals.items():
            hour = self._hour_of[start]
            hours[hour] = hours.get(hour, _NOTHING) + amount
        return hours

    def _hours(self, register: Register, counted: _Counted) -> Hours:
        """A register's hours with VAT; their parts are added to the day's."""
        costs = dict.fromkeys(counted.hours, _NOTHING)
        for span in self._spans:
            hours, intervals = self._within(span, counted.hours), self._within(span, counted.intervals)
            vat = span.contract.vat_on(register.direction) * PERCENT if span.contract else UNKNOWN
            used, fixed = sum(hours.values(), _NOTHING), _NOTHING
            for line in self._lines(register, counted, span.contract):
                if isinstance(line.price, Dynamic):
                    moving = self._moving(line.price, intervals)
                    self._add(line, sum(moving.values(), _NOTHING), vat)
                    if counted.is_whole:
                        for hour, cost in moving.items():
                            costs[hour] += cost * (1 + vat)
                    else:
                        fixed = UNKNOWN
                elif used:
                    self._add(line, used * line.price, vat)
                    fixed += line.price
            fixed *= 1 + vat
            for hour, amount in hours.items():
                if amount:
                    costs[hour] += amount * fixed
        return known_only(costs)

    def _within(self, span: Span, amounts: Mapping[datetime, Decimal]) -> Mapping[datetime, Decimal]:
        if len(self._spans) == 1:
            return amounts
        return {start: amount for start, amount in amounts.items() if span.start <= start < span.end}

    def _lines(self, register: Register, counted: _Counted, contract: Contract | None) -> list[_Line]:
        """The register's parts, each with its price."""
        lines = contract.lines(register.direction) if contract else ()
        if not lines or (len(self._spans) > 1 and not counted.is_whole):
            why = Why.NO_INTERVALS if lines else Why.NO_INJECTION if contract else Why.NO_CONTRACT
            return [_Line(part, UNKNOWN, why) for part in PARTS[register.direction]]
        return [_line(part, rate, register.tariff, is_timed=counted.is_timed) for part, rate in lines]

    def _moving(self, rate: Dynamic, intervals: Mapping[datetime, Decimal]) -> dict[datetime, Decimal]:
        """What the hours cost in which something was used."""
        if rate not in self._prices:
            self._prices[rate] = dynamic_prices(rate, self._hour_of, self._day_ahead)
        prices = self._prices[rate]
        costs: dict[datetime, Decimal] = {}
        for start, amount in intervals.items():
            if amount:
                hour = self._hour_of[start]
                costs[hour] = costs.get(hour, _NOTHING) + amount * prices[start]
        return costs

    def _add(self, line: _Line, cost: Decimal, vat: Decimal) -> None:
        self._parts[line.part] += cost
        if vat:
            self._parts[Part.VAT] += cost * (-vat if line.part is Part.COMPENSATION else vat)
        if cost.is_nan():
            self._why.add(line.why)


def _line(part: Part, rate: Rate, tariff: Tariff, *, is_timed: bool) -> _Line:
    if isinstance(rate, Dynamic):
        return _Line(part, rate, Why.NO_DAY_AHEAD) if is_timed else _Line(part, UNKNOWN, Why.NO_INTERVALS)
    price = price_of(rate, tariff)
    return _Line(part, UNKNOWN if price is None else price, Why.NO_TARIFF)


def dynamic_prices(
    rate: Dynamic, hour_of: Mapping[datetime, datetime], day_ahead: DayAhead
) -> dict[datetime, Decimal]:
    """EUR/kWh in each interval, by the hour in which it lies."""
    if rate.per is Per.QUARTER_HOUR:
        return {start: rate.factor * day_ahead.get(start, UNKNOWN) + rate.base for start in hour_of}
    hours = {}
    for hour in set(hour_of.values()):
        quarters = (day_ahead.get(hour + quarter, UNKNOWN) for quarter in _QUARTERS)
        hours[hour] = rate.factor * (sum(quarters, _NOTHING) * _A_FOURTH) + rate.base
    return {start: hours[hour] for start, hour in hour_of.items()}


def _hours_of(start: datetime, end: datetime, energy: Energy) -> dict[datetime, datetime]:
    """The intervals from one instant until another, each with the hour in which it lies."""
    hours: dict[datetime, datetime] = {}
    hour, quarters = start.replace(minute=0), _QUARTERS if energy is Energy.ELECTRICITY else _QUARTERS[:1]
    while hour < end:
        hours |= dict.fromkeys([hour + quarter for quarter in quarters], hour)
        hour += _HOUR
    if start.minute or end.minute:
        return {slot: hour for slot, hour in hours.items() if start <= slot < end}
    return hours


def _of_flow(amounts: Mapping[Register, _Any], direction: Direction) -> dict[Register, _Any]:
    """What is known of the kWh in a direction."""
    return {
        register: each
        for register, each in amounts.items()
        if register.direction is direction and register.unit is Unit.KWH
    }


def _together(columns: Sequence[Mapping[datetime, Decimal]]) -> Mapping[datetime, Decimal]:
    if len(columns) == 1:
        return columns[0]
    sums: dict[datetime, Decimal] = {}
    for column in columns:
        for start, amount in column.items():
            sums[start] = sums.get(start, _NOTHING) + amount
    return sums


def known_only(amounts: Mapping[_Key, Decimal]) -> dict[_Key, Decimal | None]:
    """What is not a number is None."""
    return {key: None if amount.is_nan() else amount for key, amount in amounts.items()}
