"""How moments, dates, amounts and bytes are read and written."""

from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from bridge.simulator.household import BRUSSELS


def parse_moment(value: Any) -> datetime:
    """An aware moment in UTC.

    Raises:
        ValueError: it is no moment, or it has no offset.
    """
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value} has no offset: write for example {value}+01:00")
    return moment.astimezone(UTC)


def parse_moment_or_date(text: str) -> date | datetime:
    """A date such as 2026-11-21, or a moment with its offset.

    Raises:
        ValueError: it is neither.
    """
    return date.fromisoformat(text) if len(text) == 10 else parse_moment(text)


def first_instant(value: date | datetime) -> datetime:
    """A moment in UTC; a date stands for its first instant in Brussels."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(0, tzinfo=BRUSSELS))
    return parse_moment(value)


@lru_cache(maxsize=4096)  # the quarter-hours of a day are those of every meter
def text(moment: datetime) -> str:
    """A moment as Fluvius writes it: 2026-11-20T23:00:00Z."""
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z"


def http_date(moment: datetime) -> str:
    """A moment as HTTP's headers have it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def dates(first: date, last: date) -> list[date]:
    """The dates from first to last, both included."""
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]


def number(thousandths: int) -> float:
    """An amount as JSON writes it shortest: 9.133, 2.2, 0."""
    whole, rest = divmod(thousandths, 1000)
    return thousandths / 1000 if rest else whole


def base64url(content: bytes) -> str:
    """Without padding, as OAuth and JSON Web Tokens have it."""
    return urlsafe_b64encode(content).decode().rstrip("=")
