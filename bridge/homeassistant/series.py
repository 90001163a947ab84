"""One statistic of Home Assistant: its names, its rows, and whether those that it holds are the ledger's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from itertools import pairwise
from math import isclose
from typing import Any, NamedTuple, Protocol

from bridge.metering.model import Meter, Unit
from bridge.metering.pricing import EXACT
from bridge.text import names
from bridge.text.words import Payload, identifier

ALWAYS = datetime(9999, 1, 1, tzinfo=UTC)
EUR = "EUR"
_UNIT_CLASS = {Unit.KWH: "energy", Unit.M3: "volume", EUR: None}


class Described(NamedTuple):
    """What Home Assistant knows of a statistic beside its rows."""

    source: str
    name: str | None
    unit: str | None


class Exact(Protocol):
    """A number that is never rounded: all of one statistic are `Decimal`, or all are `Fraction`; and 0."""

    def __add__(self, other: Any, /) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __float__(self) -> float: ...


Exactly = Callable[[str], Exact]  # reads such a number


class Row(NamedTuple):
    """An hour of a statistic."""

    start: datetime  # aware, UTC
    state: Exact  # what was counted in it
    sum: Exact  # and until its end, since the first hour


Held = Mapping[datetime, float | None]  # what Home Assistant has: start → sum


@dataclass(frozen=True, slots=True)
class Series:
    """One statistic: what a meter counted, or what that cost, hour by hour."""

    id: str
    name: str
    unit: str
    exact: Exactly = Decimal  # reads one of its sums

    @property
    def described(self) -> Described:
        """What Home Assistant should say of it."""
        return Described("fluvius", self.name, self.unit)

    def metadata(self) -> Payload:
        """As `recorder/import_statistics` wants it."""
        return {
            "source": self.described.source,
            "statistic_id": self.id,
            "name": self.described.name,
            "unit_of_measurement": self.described.unit,
            "unit_class": _UNIT_CLASS[self.unit],
            "has_sum": True,
            "has_mean": False,
            "mean_type": 0,
        }


class Naming:
    """How statistics are called.

    Args:
        base: the base topic, which tells this bridge's statistics from another one's.
        language: that of their names.
    """

    def __init__(self, base: str = "fluvius", language: names.Language = "en") -> None:
        self._base, self.language = base, language
        self._prefix = "fluvius:" if base == "fluvius" else f"fluvius:{identifier(base)}_"

    def series(self, meter: Meter, key: str, words: str, unit: str, exact: Exactly = Decimal) -> Series:
        """A meter's statistic by the end of its id, in words."""
        name = f"{names.told_apart(meter.label, self._base)}: {words}"
        return Series(f"{self._prefix}{meter.ean}_{key}", name, unit, exact)


class RunningSum(NamedTuple):
    """What a statistic comes to in all days before some instant."""

    first: datetime  # the start of its first day; aware, UTC
    last: datetime  # the start of its last day
    sum: Exact


Hours = Mapping[Series, Mapping[datetime, Exact]]  # by their starts, in order of time; none is empty


class Book(Protocol):
    """Statistics of one kind, as the ledger has them."""

    def every(self, meter: Meter) -> Sequence[Series]:
        """All that a meter may have, and those that it had."""

    def running_sums(self, meter: Meter, before: datetime) -> Mapping[Series, RunningSum]:
        """Where those stand at an instant that have anything before it."""

    def days(self, meter: Meter, first: date, last: date) -> Iterator[Hours]:
        """The hours of the days of a span, both included, that have any, oldest first."""


def exactly() -> AbstractContextManager[object]:
    """Within, sums of decimals are not rounded: 28 digits, as by default, may be too few for costs."""
    return localcontext(EXACT)


def with_idle_hours(rows: Sequence[Row], held: Held, total: Exact) -> list[Row]:
    """The rows, and between them those that Home Assistant has and the ledger has not, as idle ones."""
    by_start = {row.start: row for row in rows}
    merged = []
    for start in sorted(by_start.keys() | held.keys()):
        merged.append(by_start.get(start) or Row(start, 0, total))
        total = merged[-1].sum
    return merged


def as_held(
    rows: Sequence[Row],
    held: Held,
    between: tuple[datetime, datetime],
    left_off: float | None,
    exact: Exactly,
) -> list[Row]:
    """The rows, with Home Assistant's hours of a day whose own are not known any more.

    Its hours stay where they come to what the day did, whatever the sum before it; else the day stands in its
    first hour.

    Args:
        rows: of the ledger.
        held: Home Assistant's.
        between: the day's start and end.
        left_off: Home Assistant's sum before all that is held.
        exact: reads a sum.
    """
    start, end = between
    ours = [row for row in rows if start <= row.start < end]
    hours = [hour for hour in sorted(held) if start <= hour < end]
    theirs = [held[hour] for hour in hours]
    left_off = held[max(before)] if (before := [hour for hour in held if hour < start]) else left_off
    if not ours or not theirs or left_off is None or None in theirs:
        return list(rows)
    begin, theirs_begin = ours[0].sum - ours[0].state, exact(str(left_off))
    if not same(theirs[-1], theirs_begin + (ours[-1].sum - begin)):
        return list(rows)
    sums = [*(begin + (exact(str(each)) - theirs_begin) for each in theirs[:-1]), ours[-1].sum]
    of_day = [
        Row(hour, total - before, total)
        for hour, (before, total) in zip(hours, pairwise([begin, *sums]), strict=True)
    ]
    return sorted([row for row in rows if row not in ours] + of_day)


def ends_with(rows: Held, total: Exact) -> bool:
    """Whether the last of Home Assistant's rows has a sum."""
    return bool(rows) and same(rows[max(rows)], total)


def same(theirs: float | None, ours: Exact) -> bool:
    """Whether a sum of Home Assistant's, which keeps binary floats, is the ledger's."""
    return theirs is not None and isclose(theirs, ours, rel_tol=1e-9, abs_tol=1e-6)
