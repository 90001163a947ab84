"""What people write behind a command: dates, numbers of days, names of meters."""

from collections.abc import Sequence
from datetime import date, datetime

from bridge.config import ConfigError
from bridge.metering.model import BRUSSELS, Meter
from bridge.text.words import slug

_NAMED = 10  # meters in one message
_YEARS = range(2000, 2200)


class UsageError(ConfigError):
    """The command line asks for what cannot be; the message says what to write instead."""


def day(text: str) -> date:
    """A date.

    Raises:
        UsageError: it is none of the calendar's, or of another century.
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text or 'nothing'} is no date; write it as 2026-11-20") from None
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
        raise UsageError(f"{text} is no number of days; write 14, say")
    return number


def meters_named(meters: Sequence[Meter], name: str | None) -> tuple[Meter, ...]:
    """Those that a person means.

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


def _listed(meters: Sequence[Meter]) -> str:
    names = [meter.label for meter in meters[:_NAMED]]
    if len(meters) > _NAMED:
        return f"there are {len(meters)}, such as {', '.join(names)}"
    return f"there is {names[0]}" if len(names) == 1 else f"there are {', '.join(names) or 'none yet'}"
