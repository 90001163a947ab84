"""What the reading pages show of a meter: a day, a month by its days, a year by its months, all years.

Amounts are exact: kWh, of volume m³; money is EUR, rounded to a hundredth of a cent. What is unknown is None
or not there, never zero. Only complete days are summed. Instants are aware and in UTC; days are meter days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from bridge.metering.contract import Part
from bridge.metering.costs import PartsOfPrice, Price, Why
from bridge.metering.model import Meter, Tariff

Amount = TypeVar("Amount", Decimal, Fraction)

FIRST, LAST = date(2000, 1, 1), date(2199, 12, 31)  # days before and after are nobody's


class State(StrEnum):
    """How it is with a day; of a month or a year, with its days."""

    COMPLETE = "complete"
    AWAITED = "awaited"  # Fluvius may have published it
    MISSING = "missing"  # and it is later than Fluvius ever was
    NOT_YET = "not yet"  # Fluvius cannot have published it, or it is not over
    BEFORE = "before"  # before the first day that the ledger knows
    ELSEWHERE = "elsewhere"  # the meter is not followed on it, or it may not be asked for


class Lack(StrEnum):
    """What a day that is not complete lacks."""

    ALL = "all"  # nothing is known
    AMOUNTS = "amounts"  # the daily ones, or some of them
    INTERVALS = "intervals"  # every one
    SOME_INTERVALS = "some intervals"
    AGREEMENT = "agreement"  # its intervals do not add up to its daily amounts


@dataclass(frozen=True, slots=True)
class Amounts:
    """What was counted."""

    sides: Mapping[str, Mapping[str, Decimal]]  # of metering's SIDES → high, low (if there are two), total
    net: Decimal | None = None  # consumption less injection, where both are counted

    def of(self, side: str, tariff: str = "total") -> Decimal | None:
        """One of them, if it is known."""
        return self.sides.get(side, {}).get(tariff)


def signed(part: Part, amount: Amount) -> Amount:
    """So that it adds up with the others: what one gets is negative."""
    return -amount if part is Part.COMPENSATION else amount


@dataclass(frozen=True, slots=True)
class Costs:
    """What the complete days cost under the meter's prices."""

    days: int  # how many of them have a price
    parts: Mapping[Part, Decimal | None]
    total: Decimal | None
    why: frozenset[Why] = frozenset()  # something is unknown

    @property
    def signed(self) -> Mapping[Part, Decimal | None]:
        """The parts, so that they add up to the total: a compensation is negative."""
        return {part: amount and signed(part, amount) for part, amount in self.parts.items()}


@dataclass(frozen=True, slots=True)
class Slot:
    """A quarter-hour (gas: an hour) of a day."""

    start: datetime
    end: datetime
    amounts: Amounts | None  # None: nothing is known of it
    is_whole: bool = True  # nothing is missing that the day's other slots have


@dataclass(frozen=True, slots=True)
class Day:
    """A day, slot by slot."""

    meter: Meter
    on: date
    previous: date | None  # the nearest days of which something is known, or awaited
    next: date | None
    state: State
    lacks: Lack | None = None  # None of a complete day
    amounts: Amounts | None = None  # of a day that is not complete: as far as Fluvius said them
    slots: tuple[Slot, ...] = ()  # all that count: 92, 96 or 100 (gas: 23, 24 or 25); none without intervals
    clock: int = 0  # -1: summer time begins on it, so that it has an hour less; 1: it ends
    dropped: bool = False  # its slots were known, and are not kept any more
    in_doubt: bool = False  # its slots do not add up to it, and are shown without being counted
    validated: bool = False
    revision: int = 0  # above 1: it was corrected
    changed_at: datetime | None = None  # when its amounts last changed here
    costs: Costs | None = None
    peak: Slot | None = None  # in which most was consumed


@dataclass(frozen=True, slots=True)
class Sum:
    """Some days together: one line of a table, one column of a picture."""

    first: date
    last: date
    state: State
    days: int  # complete ones, which are summed
    missing: int  # that Fluvius may have published, and that are not complete here
    corrected: int  # of the complete ones: whose amounts changed since they were first complete
    amounts: Amounts | None  # None without a complete day
    costs: Costs | None = None  # None without a day that has a price
    before: int = 0  # of those that are missing: before the first day that the ledger knows


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same span a year before, and what may honestly be set side by side."""

    rows: tuple[Sum | None, ...]  # the days or months of then, beside those of now; None on 29 February
    this: Sum  # now,
    that: Sum  # and then: the days alone that are complete both times; costs: that have a price both times
    is_whole: bool  # these are all days of the span; else the two sums are of the same part of it


@dataclass(frozen=True, slots=True)
class Period:
    """A month by its days, a year by its months, or all that is known by its years."""

    meter: Meter
    sum: Sum
    rows: tuple[Sum, ...]
    previous: date | None = None  # first days of the nearest months or years of which something is known
    next: date | None = None
    comparison: Comparison | None = None  # None where nothing is known of the year before


@dataclass(frozen=True, slots=True)
class PriceCurve:
    """What a kilowatt-hour costs and brings today and tomorrow, with VAT, as far as it is known."""

    now: Price  # of the present quarter-hour
    parts: Mapping[Tariff, PartsOfPrice]  # what that is made of, by the tariffs of the contract
    quarters: tuple[
        Price | None, ...
    ]  # of today and tomorrow, from midnight on; None before the first contract
    start: datetime  # today's
    tomorrow: datetime  # where it begins
    end: datetime  # tomorrow's
    known_until: datetime  # from here on, a price of a quarter-hour is not known
    is_dynamic: bool  # it follows the day-ahead price, today or tomorrow

    @property
    def changes(self) -> bool:
        """Whether not all quarter-hours cost and bring the same, as far as anybody knows."""
        return self.is_dynamic or any(each is None or not each.is_as(self.now) for each in self.quarters)

    @property
    def has_a_course(self) -> bool:
        """Whether there is something to draw."""
        return self.changes and any(each and not each.is_unknown for each in self.quarters)

    @property
    def has_tomorrow(self) -> bool:
        """Whether all prices of tomorrow are known."""
        return self.known_until >= self.end
