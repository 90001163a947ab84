"""What people write behind a command or in a request: dates, numbers of days, names of meters, history."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self

from bridge.config import ConfigError
from bridge.config.paths import dotted
from bridge.config.reasons import unknown_key
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import BRUSSELS, Meter
from bridge.text.words import slug

_NAMED = 10  # meters in one message
_LONGEST_WORD = 100  # characters of a request that a complaint repeats
_YEARS = range(2000, 2200)


class UsageError(ConfigError):
    """Someone asks for what cannot be; the message says what to write instead."""


def day(text: str) -> date:
    """A date.

    Raises:
        UsageError: it is none of the calendar's, or of another century.
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text or 'nothing'} is not a date; write it like 2026-11-20") from None
    if found.year not in _YEARS:
        raise UsageError(f"{text} is not between the years {_YEARS[0]} and {_YEARS[-1]}")
    return found


def number_of_days(text: str) -> int:
    """How many days, at least one.

    Raises:
        UsageError: it is no such number.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise UsageError(f"{text} is not a number of days; write a number such as 14")
    return number


def meters_named(meters: Sequence[Meter], name: str | None) -> tuple[Meter, ...]:
    """The meters that a person means.

    Args:
        meters: all there are.
        name: as in the configuration, as in topics, or the EAN; None for all of them.

    Raises:
        UsageError: there is no such meter; says which there are.
    """
    if name is None:
        return tuple(meters)
    called = slug(name), "".join(name.split())
    found = tuple(meter for meter in meters if meter.name == called[0] or meter.ean == called[1])
    if not found:
        raise UsageError(f"there is no meter {name}; {_listed(meters)}")
    return found


def check_span(first: date | None, last: date | None, now: datetime) -> None:
    """Whether a span of days can hold anything; an end that is not given is open.

    Raises:
        UsageError: it ends before it begins, or is in the future.
    """
    if first and last and first > last:
        raise UsageError(f"--from {first} is after --to {last}")
    if first and first > now.astimezone(BRUSSELS).date():
        raise UsageError(f"--from {first} is in the future")


def check_keys(request: Iterable[str], known: Sequence[str]) -> None:
    """Whether a request says nothing but what is understood: what is not would be done without it.

    Raises:
        UsageError: there is another key.
    """
    for key in request:
        if key not in known:
            raise UsageError(f"{dotted((key,))}: {unknown_key(key, known)}")


@dataclass(frozen=True, slots=True)
class WantedHistory:
    """The span of history that someone wants, and of which meters."""

    meters: tuple[Meter, ...]
    first: date
    last: date

    @classmethod
    def of(cls, request: Mapping[str, Any], meters: Sequence[Meter], now: datetime) -> Self:
        """Understand a request.

        Args:
            request: `from`, and perhaps `to` (dates; the newest by default) and `meter` (a name or an EAN).
            meters: those that there are.
            now: the present instant, aware.

        Raises:
            UsageError: it cannot be understood, or is for no past time, or for a meter that is not there.
        """
        if not meters:
            raise UsageError("there are no meters yet; start the bridge once, so that it learns the mandates")
        newest = now.astimezone(BRUSSELS).date() - ONE_DAY
        first, last = (_day_of(request, name) for name in ("from", "to"))
        if first is None:
            raise UsageError("from is missing; write a date such as 2025-01-01")
        last = last or newest
        if first > newest or last > newest:
            raise UsageError(f"{max(first, last)} is not over yet; the newest day is {newest}")
        if first > last:
            raise UsageError(f"from, {first}, comes after to, {last}")
        name = request.get("meter")
        return cls(meters_named(meters, None if name is None else str(name)[:_LONGEST_WORD]), first, last)


def _day_of(request: Mapping[str, Any], name: str) -> date | None:
    value = request.get(name)
    return None if value is None else day(str(value)[:_LONGEST_WORD])


def _listed(meters: Sequence[Meter]) -> str:
    names = [meter.label for meter in meters[:_NAMED]]
    if len(meters) > _NAMED:
        return f"there are {len(meters)}, such as {', '.join(names)}"
    return f"there is {names[0]}" if len(names) == 1 else f"there are {', '.join(names) or 'none yet'}"
