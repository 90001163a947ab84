"""The words of the field as plain values."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

BRUSSELS = ZoneInfo("Europe/Brussels")
SUMMED_UP = datetime.fromtimestamp(1, UTC)  # `filed_at` of a day's amounts that are sums of its intervals
MAX_AMOUNT = Decimal(1_000_000_000)  # far above any connection point's day, far below what 64 bits hold


class Energy(StrEnum):
    """What flows through a meter."""

    ELECTRICITY = "electricity"
    GAS = "gas"


class Direction(StrEnum):
    """Which way it flows: from the grid, or into it."""

    CONSUMPTION = "consumption"
    INJECTION = "injection"
    # behind the connection point, where a service provider may look:
    PRODUCTION = "production"
    AUXILIARY = "auxiliary"


# Behind a connection there may be several installations that produce, side by side.
OF_THE_CONNECTION = frozenset({Direction.CONSUMPTION, Direction.INJECTION})


class Tariff(StrEnum):
    """When it flows. A single-tariff or gas meter knows only a total."""

    HIGH = "high"
    LOW = "low"
    TOTAL = "total"


class Unit(StrEnum):
    """What it is counted in. Gas is counted in both."""

    KWH = "kWh"
    M3 = "m³"


@dataclass(frozen=True, slots=True)
class Meter:
    """A connection point that the user wants to follow."""

    name: str  # a slug: the topic level
    ean: str  # 18 digits
    energy: Energy
    serial: str = ""  # the physical meter; empty where the source needs none
    source: str = "portal"
    days_only: bool = False  # intervals may not be asked for
    first: date | None = None  # the meter days that may be asked for, both included
    last: date | None = None
    since: datetime | None = None  # what was counted before is somebody else's; aware, UTC, a slot's edge
    until: datetime | None = None  # what is counted from here on is somebody else's; aware too
    label: str = ""  # what people call it, where a person reads; by default the name

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.name)


def without_bounds(meter: Meter) -> Meter:
    """The same meter, followed for as long as there was one."""
    return replace(meter, since=None, until=None)


SIDES = {  # how a direction and a unit are called in topics and payloads
    "consumption": (Direction.CONSUMPTION, Unit.KWH),
    "injection": (Direction.INJECTION, Unit.KWH),
    "volume": (Direction.CONSUMPTION, Unit.M3),
    "production": (Direction.PRODUCTION, Unit.KWH),
    "auxiliary": (Direction.AUXILIARY, Unit.KWH),
}


class Register(NamedTuple):
    """One counter of a meter; a tuple, because it is looked up more often than anything else."""

    direction: Direction
    tariff: Tariff
    unit: Unit


class Reading(NamedTuple):
    """The amount that one register counted during one slot; a tuple, because an answer has thousands."""

    start: datetime  # aware, UTC
    end: datetime  # aware, UTC
    register: Register
    amount: Decimal  # in register.unit, never negative
    validated: bool
    serial: str = ""  # the physical meter that counted it
    provisional: bool = False  # may still be corrected weeks later, even where it looks final
    filed_at: datetime | None = None  # aware: when the file was written that says it; None: Fluvius said it
    estimated: bool = False  # a file says so

    @property
    def length(self) -> timedelta:
        """How long the slot lasts."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Interval:
    """One quarter-hour (electricity) or hour (gas) of a meter, its registers side by side."""

    start: datetime  # aware, UTC
    end: datetime  # aware, UTC
    amounts: dict[Register, Decimal]
    validated: bool
    revision: int  # 1 when first known, one more after every correction


@dataclass(frozen=True, slots=True)
class Day:
    """A complete meter day."""

    date: date  # the local date on which it starts
    start: datetime  # aware, UTC
    end: datetime  # aware, UTC
    amounts: dict[Register, Decimal]
    validated: bool
    revision: int  # 1 when first complete, one more after every correction
    fetched_at: datetime  # aware, UTC: when its amounts last changed here
    intervals_count: bool = True  # False: those that are known do not add up to it


@dataclass(frozen=True, slots=True)
class Total:
    """All complete days in the ledger, summed."""

    since: date  # the first complete day
    until: date  # the latest complete day
    days: int
    amounts: dict[Register, Decimal]


class Counted(NamedTuple):
    """What one register counted during one slot, over all physical meters; a line of an export."""

    start: datetime  # aware, UTC
    end: datetime  # aware, UTC
    register: Register
    amount: Decimal  # in register.unit
    validated: bool
    complete: bool  # nothing of its meter day is missing


@dataclass(frozen=True, slots=True)
class Month:
    """A local month of meter days; of the present one, as far as it has come."""

    first: date  # its first day
    days: int  # complete, and counted
    missing: int  # not complete here, and older than Fluvius was ever late
    amounts: dict[Register, Decimal]  # the sum of the complete days


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest quarter-hour of a month."""

    start: datetime  # aware, UTC
    power: Decimal  # kW, the mean over the quarter-hour
    source: str  # "ledger", or "portal" where Fluvius said so itself


@dataclass(frozen=True, slots=True)
class PeakMonth:
    """A month's peak by the ledger's quarter-hours, and by Fluvius's own account."""

    first: date  # the month's first day
    counted: Peak | None
    given: Peak | None
    is_whole: bool  # every day of the month is there, with its quarter-hours

    @property
    def billed(self) -> Peak | None:
        """The one that counts: Fluvius's own word, where it is known."""
        return self.given or self.counted


@dataclass(frozen=True, slots=True)
class Backfill:
    """History of one meter that someone asked for, and how far it has come."""

    number: int
    ean: str
    energy: Energy
    first: date
    last: date
    begun_at: datetime  # aware, UTC: what was asked for since then is not asked for again
    state: str = "open"  # "open", "stopped" until someone asks again, "done", "failed"
    done: int = 0
    of_all: int = 0  # 0 while it is not known
    answered: frozenset[date] = frozenset()  # the first days of the spans whose daily amounts were asked for
    step: str | None = None  # what was asked for last, for the user
    words: str | None = None  # what it came to, or what is in its way, for the user
    marks: tuple[object, ...] = ()  # by which those who asked recognise their answers
