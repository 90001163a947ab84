"""What a kilowatt-hour, a kilowatt and a year cost, and from when on.

All prices are without VAT; instants are aware and in UTC.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from bridge.metering.model import Direction, Tariff


class Part(StrEnum):
    """A part of the bill. All but the last are paid, the last is received."""

    ENERGY = "energy"
    GRID = "grid"
    LEVIES = "levies"
    CAPACITY = "capacity"
    FEES = "fees"
    VAT = "vat"
    COMPENSATION = "compensation"


class Per(StrEnum):
    """How often a dynamic price is a new one."""

    QUARTER_HOUR = "quarter-hour"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class ByTariff:
    """EUR/kWh for each of two tariffs."""

    high: Decimal
    low: Decimal


@dataclass(frozen=True, slots=True)
class Dynamic:
    """EUR/kWh that follow the day-ahead price: factor times that, plus base."""

    factor: Decimal
    base: Decimal  # EUR/kWh
    per: Per


Fixed = Decimal | ByTariff
Rate = Fixed | Dynamic


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the monthly peaks cost."""

    per_kw_year: Decimal  # EUR per kW of the twelve months' mean, and year
    maximum_per_kwh: Decimal | None = None  # EUR/kWh: what capacity and grid come to together at most


class Line(NamedTuple):
    """A part of the bill that depends on what is used or injected."""

    part: Part
    rate: Rate


@dataclass(frozen=True, slots=True)
class Contract:
    """The prices of a meter from an instant on."""

    since: datetime  # on the hour
    energy: Rate
    grid: Fixed = Decimal(0)
    levies: Fixed = Decimal(0)
    injection: Rate | None = None  # None: nothing is agreed
    fees_per_year: Mapping[str, Decimal] = field(
        default_factory=dict, hash=False
    )  # EUR, by what they are for
    capacity: Capacity | None = None
    vat: Decimal = Decimal(0)  # percent, on all but injection
    injection_vat: Decimal = Decimal(0)  # percent

    def lines(self, direction: Direction) -> tuple[Line, ...]:
        """What a kilowatt-hour in a direction comes to, line by line; none where nothing is agreed."""
        if direction is Direction.INJECTION:
            return (Line(Part.COMPENSATION, self.injection),) if self.injection is not None else ()
        return Line(Part.ENERGY, self.energy), Line(Part.GRID, self.grid), Line(Part.LEVIES, self.levies)

    def vat_on(self, direction: Direction) -> Decimal:
        """The percent of VAT on what flows in a direction."""
        return self.injection_vat if direction is Direction.INJECTION else self.vat

    @property
    def is_dynamic(self) -> bool:
        """Whether day-ahead prices are needed."""
        return isinstance(self.energy, Dynamic) or isinstance(self.injection, Dynamic)


def price_of(rate: Fixed, tariff: Tariff) -> Decimal | None:
    """EUR/kWh in a tariff; None where the rate is by tariff, and the meter knows none."""
    if isinstance(rate, Decimal):
        return rate
    return {Tariff.HIGH: rate.high, Tariff.LOW: rate.low}.get(tariff)


class Span(NamedTuple):
    """From one instant until another the same contract holds, or none."""

    start: datetime
    end: datetime
    contract: Contract | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The contracts of one meter, oldest first; each holds until the next begins."""

    contracts: tuple[Contract, ...] = ()

    def at(self, instant: datetime) -> Contract | None:
        """The contract that holds at an instant; None before the first."""
        place = bisect_right(self.contracts, instant, key=lambda each: each.since)
        return self.contracts[place - 1] if place else None

    def during(self, start: datetime, end: datetime) -> list[Span]:
        """What holds from one instant until another, in order of time and without gaps."""
        edges = [start, *(each.since for each in self.contracts if start < each.since < end), end]
        return [Span(a, b, self.at(a)) for a, b in pairwise(edges)]
