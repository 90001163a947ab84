"""From when and until when a meter is followed, as people write it."""

import re
from datetime import UTC, datetime

from bridge.metering import meterday
from bridge.metering.model import BRUSSELS, Energy

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?")
_YEARS = range(2000, 2200)


def instant_of(text: str, energy: Energy) -> datetime:
    """The instant that a bound stands for (aware, UTC): a date's is the beginning of that meter day.

    Args:
        text: a date, or an instant; without an offset, in Europe/Brussels.
        energy: what the meter counts.

    Raises:
        ValueError: it is neither, or a time that the clock shows twice or never; says which.
    """
    if _DATE.fullmatch(text):
        return meterday.start_of(_parsed(text).date(), energy)
    if not _INSTANT.fullmatch(text):
        raise ValueError("is neither a date nor an instant")
    written = _parsed(text)
    if written.tzinfo is None:
        local = written.replace(tzinfo=BRUSSELS)
        if local.utcoffset() != local.replace(fold=1).utcoffset():
            raise ValueError("comes twice or never on that day, when the clocks change")
        written = local
    return written.astimezone(UTC)


def is_edge(instant: datetime, energy: Energy) -> bool:
    """Whether one of a meter's intervals begins then."""
    length = meterday.interval_length(energy)
    return not (instant - datetime(2000, 1, 1, tzinfo=UTC)) % length


def _parsed(text: str) -> datetime:
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a date of the calendar, or not a time of the clock") from None
    if written.year not in _YEARS:
        raise ValueError(f"is not between the years {_YEARS[0]} and {_YEARS[-1]}")
    return written
