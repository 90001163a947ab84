"""Amounts, dates and times as the files have them: a comma, and the day first."""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from bridge.metering import meterday
from bridge.metering.model import BRUSSELS, Energy
from bridge.text.foreign import clean

_HOUR, _TOO_LONG = timedelta(hours=1), timedelta(hours=26)


@lru_cache(maxsize=4096)
def amount_of(volume: str) -> Decimal:
    """An amount with a comma.

    Raises:
        ValueError: it is none; says why.
    """
    if re.fullmatch(r"-?[0-9]+(,[0-9]+)?", volume):
        return Decimal(volume.replace(",", "."))
    if re.fullmatch(r"-?[0-9.]+\.[0-9]+(,[0-9]+)?", volume):
        raise ValueError(
            f"{clean(volume, 30)} has a decimal point where Fluvius writes a comma: a spreadsheet has changed"
            " the file; download it again"
        )
    raise ValueError(f"{clean(volume, 30)} is not an amount")


@lru_cache(maxsize=16)  # the registers of a slot stand next to each other
def slot_of(
    written: tuple[str, str, str, str], step: timedelta, energy: Energy
) -> tuple[datetime, datetime, bool]:
    """Start and end (UTC), and whether there is no other slot that these words may mean: an hour later.

    Raises:
        ValueError: they are no slot.
    """
    since, until = (datetime.combine(_date(day), _time(at)) for day, at in (written[:2], written[2:]))
    if until - since == meterday.ONE_DAY and since.time() in (time(0), time(6)):
        day = since.date()
        return meterday.start_of(day, energy), meterday.end_of(day, energy), True
    found = [
        (start, end)
        for start in _instants(since)
        for end in _instants(until)
        if end - start in (step, _HOUR) and start.timestamp() % step.seconds == 0
    ]
    exact = [span for span in found if span[1] - span[0] == step] or found
    if exact:
        return *exact[0], len(exact) == 1
    said = " ".join(written[:2]), " ".join(written[2:])
    if abs(until - since) > _TOO_LONG:
        raise ValueError(
            f"from {said[0]} until {said[1]} is not a quarter-hour, an hour or a day: a date is written"
            " with the day first (01-02-2024 is the first of February); download the file again"
        )
    raise ValueError(f"from {said[0]} until {said[1]} is not a quarter-hour, an hour or a day")


def _instants(wall: datetime) -> list[datetime]:
    """The instants (UTC) at which the clocks of Brussels show this: one, in October two, in March none."""
    both = {wall.replace(tzinfo=BRUSSELS, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(each for each in both if each.astimezone(BRUSSELS).replace(tzinfo=None) == wall)


@lru_cache(maxsize=64)
def _date(written: str) -> date:
    if found := re.fullmatch(r"\s*([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})\s*", written):
        day, month, year = map(int, found.groups())
    elif found := re.fullmatch(r"\s*([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})\s*", written):
        year, month, day = map(int, found.groups())
    else:
        raise ValueError(f"{clean(written, 30) or 'nothing'} is not a date")
    try:
        if not 2000 <= year < 2200:
            raise ValueError  # noqa: TRY301 - said below
        return date(year, month, day)
    except ValueError:
        raise ValueError(
            f"{clean(written, 30)} is not a date with the day first; download the file again"
        ) from None


@lru_cache(maxsize=128)
def _time(written: str) -> time:
    found = re.fullmatch(r"\s*([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?\s*", written)
    try:
        if found:
            hour, minute, second = (int(each or 0) for each in found.groups())
            return time(hour, minute, second)
    except ValueError:
        pass
    raise ValueError(f"{clean(written, 30) or 'nothing'} is not a time of day")
