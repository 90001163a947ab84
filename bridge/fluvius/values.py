"""What the slots of both services have in common: times, amounts, and totals beside their parts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from bridge.metering.model import MAX_AMOUNT, Direction, Register, Tariff, Unit

IMPOSSIBLE = "amount that no connection can have"

_NUMBERS = {int, Decimal}
_ROUNDING = Decimal("0.002")  # of three amounts with three decimals
_PARTS = {  # of totals
    Register(direction, Tariff.TOTAL, unit): (
        Register(direction, Tariff.HIGH, unit),
        Register(direction, Tariff.LOW, unit),
    )
    for direction in Direction
    for unit in Unit
}

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
    if not isinstance(text, str):
        raise NotUnderstood
    return _instant(text)


@lru_cache(maxsize=1024)  # where a slot ends the next one starts, and the next meter's are the same
def _instant(text: str) -> datetime:
    try:
        read = datetime.fromisoformat(text)
        if read.tzinfo is None:
            raise NotUnderstood
        return read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotUnderstood from None


def amount(value: Any, at_most: Decimal) -> Decimal:
    """An amount that a meter can count.

    Args:
        value: as Fluvius wrote it.
        at_most: what the connection can let through, in the same unit.

    Raises:
        NotUnderstood: it is none, or more than that.
    """
    if type(value) not in _NUMBERS or not 0 <= value < MAX_AMOUNT:
        raise NotUnderstood
    if value > at_most:
        raise NotUnderstood(IMPOSSIBLE)
    return Decimal(value)


def is_final(calorific_value: Any) -> bool | None:
    """Whether the calorific value that gas kWh stand on does not change any more; None: that is not said."""
    word = calorific_value.strip().casefold() if isinstance(calorific_value, str) else ""
    return True if word in _FINAL else False if word in _PROVISIONAL else None


class Counting(NamedTuple):
    """Which of the registers of a slot count."""

    counted: Sequence[Register]
    summed: Sequence[Sequence[Register]]  # each total that does not, with its two parts
    alone: Mapping[Register, Register]  # each total that counts in the place of one part, and this part


def without_double_totals(amounts: Mapping[Register, Decimal], *, is_day: bool) -> Sequence[Register]:
    """The registers that count: a total beside both of its parts would count twice; beside one, it says more.

    In an interval it says less than a part of the same amount, which is then the tariff in force. Of a day it
    says besides that nothing else is to come.

    Raises:
        NotUnderstood: the parts do not add up to the total.
    """
    counted, summed, alone = counting(tuple(amounts))
    check_totals(amounts, summed)
    if is_day or not alone:
        return counted
    return [
        alone[each] if each in alone and amounts[alone[each]] == amounts[each] else each for each in counted
    ]


def check_totals(amounts: Mapping[Register, Decimal], summed: Sequence[Sequence[Register]]) -> None:
    """Compare each total with its parts, as `counting` names them.

    Raises:
        NotUnderstood: the parts do not add up to the total.
    """
    for total, high, low in summed:
        if abs(amounts[high] + amounts[low] - amounts[total]) > _ROUNDING:
            raise NotUnderstood


@lru_cache(maxsize=256)  # few meters have other registers than most
def counting(registers: Sequence[Register]) -> Counting:
    """Which of some registers count, as far as that can be said without their amounts."""
    counted, summed = set(registers), list[Sequence[Register]]()
    alone: dict[Register, Register] = {}
    for total, parts in _PARTS.items():
        known = counted.intersection(parts) if total in counted else ()
        if len(known) == 2:
            summed.append((total, *parts))
            counted.remove(total)
        elif known:
            (alone[total],) = known
            counted.remove(alone[total])
    return Counting(sorted(counted), summed, alone)
