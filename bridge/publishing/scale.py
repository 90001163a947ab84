"""What is written beside and below a picture, and where."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from bridge.metering.model import BRUSSELS


def round_levels(lowest: Decimal, highest: Decimal) -> list[Decimal]:
    """Zero, and the multiples of 1, 2 or 5, or of ten times that and so on, around it: six or fewer.

    Args:
        lowest: zero or below.
        highest: zero or above, and above the lowest.
    """
    least = (highest - lowest) / 5
    ten = Decimal(1).scaleb(least.adjusted())
    step = next(ten * multiple for multiple in (1, 2, 5, 10) if ten * multiple >= least)
    return [step * number for number in range(int(lowest / step), int(highest / step) + 1)]


def hours_of_the_clock(start: datetime, end: datetime, every: int) -> Iterator[tuple[datetime, str]]:
    """The hours from one instant to another that its number divides, and the one that stands twice.

    Args:
        start: aware.
        end: aware; included.
        every: the number.

    Yields:
        The instant, and the local hour (Europe/Brussels) of two digits.
    """
    instant = start + timedelta(minutes=-start.minute % 60)
    while instant <= end:
        local = instant.astimezone(BRUSSELS)
        if local.hour % every == 0 or _stands_twice(local):
            yield instant, f"{local:%H}"
        instant += timedelta(hours=1)


def _stands_twice(local: datetime) -> bool:
    """When summer time ends."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
