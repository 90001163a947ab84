"""Whether this machine's clock is right, by the `Date` of Fluvius's answers (RFC 9110).

A clock that is wrong makes us ask for days that are long gone or yet to come, and believe the answers.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bridge.fluvius.errors import ClockWrong
from bridge.metering.model import BRUSSELS

APART = timedelta(days=1)  # by which two clocks that are right never differ


def compare(headers: Mapping[str, str], now: datetime) -> None:
    """Look at the time of an answer, before anything else of it; one that says none is as good as another.

    Raises:
        ClockWrong: it is more than a day from ours.
    """
    said = said_by(headers)
    if said and abs(said - now) > APART:
        raise ClockWrong(
            f"this machine's clock says {_local(now)}, Fluvius says {_local(said)}: nothing is asked until it"
            " is right"
        )


def doubted(now: datetime, known: datetime) -> ClockWrong:
    """What there is to say where Fluvius does not tell the time, and the ledger knows of a later one."""
    return ClockWrong(
        f"this machine's clock says {_local(now)}, but the ledger has notes of {_local(known)}, and Fluvius"
        " does not say what time it is: Fluvius is not asked until that is right"
    )


def said_by(headers: Mapping[str, str]) -> datetime | None:
    """The present instant by an answer, aware; one that was kept on the way says how old it is in `Age`."""
    date, age = headers.get("Date"), headers.get("Age", "0").strip()
    said = http_date(date) if date else None
    if said is None or not (age.isascii() and age.isdecimal()):
        return None
    try:
        return said + timedelta(seconds=int(age[:10]))
    except OverflowError:
        return None


def http_date(text: str) -> datetime | None:
    """An instant as headers write it, aware; None if it is none."""
    try:
        named = parsedate_to_datetime(text)
        return named.astimezone(UTC) if named.tzinfo else named.replace(tzinfo=UTC)
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError):  # it raises all of these
        return None


def _local(instant: datetime) -> str:
    return f"{instant.astimezone(BRUSSELS):%Y-%m-%d %H:%M}"
