"""What the slots of both services have in common: times, amounts, and totals beside their parts."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bridge.metering.model import MAX_AMOUNT, Direction, Reading, Register, Tariff, Unit

IMPOSSIBLE = "amount that no connection can have"

_ROUNDING = Decimal("0.002")  # of three amounts with three decimals

# What a gas amount in kWh says of the calorific value that it stands on: codes of the Energy API (predictive,
# definitive, constant), words of the files that people download.
_PROVISIONAL = {"p", "voorlopig", "provisional", "predictive"}
_FINAL = {"d", "definitief", "definitive", "c", "constant"}

Span = tuple[datetime, datetime]  # start and end, aware, UTC


class NotThereYet(Exception):
    """Fluvius says that it does not know the amount."""


class NotUnderstood(Exception):
    """We do not know what Fluvius says."""


def instant(text: Any) -> datetime:
    """An instant in ISO 8601, in UTC.

    Raises:
        NotUnderstood: it is none, or says no time zone.
    """
    try:
        read = datetime.fromisoformat(text)
        if read.tzinfo is None:
            raise NotUnderstood
        return read.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise NotUnderstood from None


def amount(value: Any, at_most: Decimal) -> Decimal:
    """An amount that a meter can count.

    Args:
        value: as Fluvius wrote it.
        at_most: what the connection can let through, in the same unit.

    Raises:
        NotUnderstood: it is none, or more than that.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value < MAX_AMOUNT:
        raise NotUnderstood
    if value > at_most:
        raise NotUnderstood(IMPOSSIBLE)
    return Decimal(value)


def is_final(calorific_value: Any) -> bool | None:
    """Whether the calorific value that gas kWh stand on does not change any more; None: that is not said."""
    word = calorific_value.strip().casefold() if isinstance(calorific_value, str) else ""
    return True if word in _FINAL else False if word in _PROVISIONAL else None


def without_double_totals(readings: Mapping[Register, Reading]) -> list[Reading]:
    """A total that stands beside both of its parts would count them twice; beside one, it says more.

    Raises:
        NotUnderstood: the parts do not add up to the total.
    """
    flows: dict[tuple[Direction, Unit], dict[Tariff, Reading]] = {}
    for register, reading in readings.items():
        flows.setdefault((register.direction, register.unit), {})[register.tariff] = reading
    kept: list[Reading] = []
    for parts in flows.values():
        total = parts.pop(Tariff.TOTAL, None)
        if total and len(parts) == 2:
            counted = sum(part.amount for part in parts.values())
            if abs(counted - total.amount) > _ROUNDING:
                raise NotUnderstood
        kept += [total] if total and len(parts) < 2 else parts.values()
    return sorted(kept, key=lambda reading: reading.register)
