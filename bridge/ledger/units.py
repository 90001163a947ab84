"""Amounts and instants as the file has them.

Amounts are kept as whole billionths of their unit, so that the database can sum them exactly; Fluvius gives
three decimals, and its own binary noise (11.332999999999998) lies far below the ninth. Instants are seconds
since 1970, UTC.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

from bridge.metering import meterday
from bridge.metering.model import MAX_AMOUNT, Meter

THE_END = 2**40  # seconds since 1970


def to_seconds(instant: datetime) -> int:
    """An instant as the file has it."""
    return int(instant.timestamp())


@lru_cache(maxsize=256)  # those of a day or two, which all meters have in common
def to_instant(seconds: int) -> datetime:
    """An instant of the file, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(maxsize=4096)  # those of quarter-hours are small, and many are the same
def to_billionths(amount: Decimal) -> int:
    """An amount as the file has it."""
    if not 0 <= amount < MAX_AMOUNT:
        raise ValueError(f"{amount} is not an amount of energy")
    return round(amount.scaleb(9))  # half to even


@lru_cache(maxsize=4096)
def to_amount(billionths: int) -> Decimal:
    """An amount of the file, exact."""
    return Decimal(billionths).scaleb(-9).normalize()


def seconds_of(meter: Meter, first: date, last: date) -> tuple[int, int]:
    """A span of days as instants: from the first until the second."""
    start = 0 if first == date.min else to_seconds(meterday.start_of(first, meter.energy))
    end = THE_END if last == date.max else to_seconds(meterday.end_of(last, meter.energy))
    return start, end


def seconds_between(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """Instants that bound something, where there are any."""
    return to_seconds(since) if since else 0, to_seconds(until) if until else THE_END
