"""What electricity costs on the day-ahead market of Belgium, invented but always the same.

Everything follows from the date. Prices are integers of hundredths of EUR/MWh, as the market has them.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from random import Random
from typing import NamedTuple

from bridge.simulator.household import BRUSSELS, HOUR, QUARTER

QUARTERS_SINCE = date(2025, 10, 1)  # before, there were hours
PUBLISHED_AT = time(13)  # local, of the day before

_BY_HOUR = (
    -9,
    -12,
    -14,
    -15,
    -14,
    -8,
    8,
    22,
    20,
    4,
    -12,
    -24,
    -32,
    -36,
    -32,
    -18,
    2,
    26,
    42,
    38,
    24,
    12,
    2,
    -5,
)
_SUNNY = 4  # one day in so many: at noon somebody pays to get rid of it


class Step(NamedTuple):
    """A price and for how long it holds."""

    start: datetime  # UTC
    length: timedelta
    price: int


@lru_cache(maxsize=1000)
def steps_of(day: date) -> tuple[Step, ...]:
    """A local day's prices: 92, 96 or 100 quarter-hours, or 23, 24 or 25 hours."""
    chance = Random(f"day-ahead {day}")
    base, depth = chance.randint(5500, 11500), 4 if chance.randrange(_SUNNY) == 0 else 1
    start, end = beginning_of(day), beginning_of(day + timedelta(days=1))
    length = QUARTER if day >= QUARTERS_SINCE else HOUR
    steps = []
    for i in range((end - start) // length):
        at = start + length * i
        shape = _BY_HOUR[at.astimezone(BRUSSELS).hour]
        wiggle = chance.choice((0, 0, 135, -210, 75)) if length == QUARTER else 0
        steps.append(Step(at, length, base + 100 * shape * (depth if shape < 0 else 1) + wiggle))
    return tuple(steps)


def beginning_of(day: date) -> datetime:
    """A local day's first instant, in UTC."""
    return datetime.combine(day, time(0, tzinfo=BRUSSELS)).astimezone(UTC)


def latest_published(now: datetime) -> date:
    """The latest day that has prices: tomorrow, from the early afternoon on."""
    local = now.astimezone(BRUSSELS)
    return local.date() + timedelta(days=local.time() >= PUBLISHED_AT)
