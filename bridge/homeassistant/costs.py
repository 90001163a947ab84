"""The statistics of what it cost, or brought, hour by hour; and of what each day costs by itself."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from operator import add

from bridge.homeassistant.energy import key_of
from bridge.homeassistant.series import ALWAYS, EUR, Book, Exact, Hours, Naming, RunningSum, Series, exactly
from bridge.ledger import Ledger
from bridge.metering import meterday
from bridge.metering.contract import Timeline
from bridge.metering.model import Direction, Meter, Register, Tariff, Unit
from bridge.text import names

_HOUR = timedelta(hours=1)
_REGISTERS = [Register(direction, tariff, Unit.KWH) for direction in Direction for tariff in Tariff]


class Costs:
    """What the kilowatt-hours of each register cost hour by hour, with VAT.

    An hour whose costs are unknown has no row. Without contracts there is nothing, and what Home Assistant
    has from other times stays.
    """

    def __init__(self, ledger: Ledger, naming: Naming, timeline: Callable[[Meter], Timeline]) -> None:
        self._ledger, self._naming, self._timeline = ledger, naming, timeline

    def every(self, meter: Meter) -> list[Series]:
        """One for each register in kWh."""
        has_any = self._timeline(meter).contracts
        return [self._series(meter, register) for register in _REGISTERS] if has_any else []

    def running_sums(self, meter: Meter, before: datetime) -> dict[Series, RunningSum]:
        """By what was worked out of each day."""
        series = {key_of(each): self._series(meter, each) for each in self._agreed(meter)}
        sums: dict[Series, dict[date, Decimal]] = defaultdict(dict)
        known = self._ledger.costs.known(meter, _first(meter, self._timeline(meter))) if series else {}
        for day, costs in known.items():
            if meterday.start_of(day, meter.energy) < before:
                for key in costs.registers.keys() & series.keys():
                    sums[series[key]][day] = costs.registers[key]
        return {each: _running_sum(meter, days) for each, days in sums.items()}

    def days(self, meter: Meter, first: date, last: date) -> Iterator[Hours]:
        """Those of a span that have prices, worked out anew."""
        timeline = self._timeline(meter)
        series = {each: self._series(meter, each) for each in self._agreed(meter)}
        first = max(first, _first(meter, timeline))
        for day in self._ledger.costs.priced(meter, timeline, first, last) if series else ():
            yield {
                series[register]: known
                for register, hours in day.hours.items()
                if register in series
                and (known := {hour: cost for hour, cost in hours.items() if cost is not None})
            }

    def _agreed(self, meter: Meter) -> list[Register]:
        """The registers of which a contract says anything."""
        contracts = self._timeline(meter).contracts
        return [each for each in _REGISTERS if any(known.lines(each.direction) for known in contracts)]

    def _series(self, meter: Meter, register: Register) -> Series:
        key = key_of(register)
        what = "cost" if register.direction is Direction.CONSUMPTION else "compensation"
        words = names.of_cost(what, key.removesuffix("_total"), self._naming.language)
        return self._naming.series(meter, f"{key}_{what}", words, EUR)


class StandingCosts:
    """What each complete day costs without using anything, spread over its hours, with VAT."""

    def __init__(
        self, ledger: Ledger, naming: Naming, timeline: Callable[[Meter], Timeline], floor: Decimal
    ) -> None:
        self._ledger, self._naming, self._timeline, self._floor = ledger, naming, timeline, floor

    def every(self, meter: Meter) -> list[Series]:
        """One for a meter."""
        return [self._series(meter)] if self._timeline(meter).contracts else []

    def running_sums(self, meter: Meter, before: datetime) -> dict[Series, RunningSum]:
        """By the bills of days."""
        last = meterday.day_of(before, meter.energy) if before < ALWAYS else date.max
        days = {
            day: cost
            for day, cost in self._costs(meter, date.min, last).items()
            if meterday.start_of(day, meter.energy) < before
        }
        return {self._series(meter): _running_sum(meter, days)} if days else {}

    def days(self, meter: Meter, first: date, last: date) -> Iterator[Hours]:
        """Each hour of a day costs the same."""
        for day, cost in self._costs(meter, first, last).items():
            if first <= day <= last:
                hours = _hours(*meterday.bounds_of(meter, day))
                yield {self._series(meter): dict.fromkeys(hours, cost / len(hours))}

    def _costs(self, meter: Meter, first: date, last: date) -> dict[date, Fraction]:
        """Of the days of whole months, oldest first."""
        timeline = self._timeline(meter)
        if not any(each.fees_per_year or each.capacity for each in timeline.contracts):
            return {}
        first, last = max(first, _first(meter, timeline)), last if last == date.max else _month_end(last)
        bills = self._ledger.bills.known(meter, timeline, self._floor, meterday.month_of(first), last)
        return {day: cost for day, bill in bills.items() if (cost := bill.standing.total) is not None}

    def _series(self, meter: Meter) -> Series:
        words = names.of_cost("standing_cost", "", self._naming.language)
        return self._naming.series(meter, "standing_cost", words, EUR, Fraction)


class Remembered:
    """A book whose running_sums of all days are worked out once, until something of the meter changes."""

    def __init__(self, book: Book, ledger: Ledger) -> None:
        self._book, self._ledger = book, ledger
        self._ends: dict[Meter, tuple[int, Mapping[Series, RunningSum]]] = {}  # with the ledger's edition
        self.every, self.days = book.every, book.days

    def running_sums(self, meter: Meter, before: datetime) -> Mapping[Series, RunningSum]:
        """Those of the book."""
        if before < ALWAYS:
            return self._book.running_sums(meter, before)
        edition = self._ledger.outbox.edition(meter)
        if self._ends.get(meter, (None,))[0] != edition:
            self._ends[meter] = edition, self._book.running_sums(meter, before)
        return self._ends[meter][1]


def _first(meter: Meter, timeline: Timeline) -> date:
    """The first day on which a contract holds; days before it have hours in which nothing was used, too."""
    contracts = timeline.contracts
    return meterday.day_of(contracts[0].since, meter.energy) if contracts else date.max


def _month_end(day: date) -> date:
    return meterday.last_of(meterday.month_of(day))


def _running_sum(meter: Meter, days: Mapping[date, Exact]) -> RunningSum:
    first, last = (meterday.start_of(day, meter.energy) for day in (min(days), max(days)))
    with exactly():
        return RunningSum(first, last, reduce(add, days.values()))


def _hours(start: datetime, end: datetime) -> list[datetime]:
    """The hours of which any part lies between two instants."""
    hour, hours = start.replace(minute=0), []
    while hour < end:
        hours.append(hour)
        hour += _HOUR
    return hours
