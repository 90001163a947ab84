"""Which register an amount of the Energy API is of, and how final it is, by the words around it."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any, NamedTuple

from bridge.fluvius import values
from bridge.fluvius.values import NotThereYet, NotUnderstood
from bridge.metering.model import Direction, Energy, Register, Tariff, Unit

DIRECTIONS = {
    "offtake": Direction.CONSUMPTION,
    "injection": Direction.INJECTION,
    "production": Direction.PRODUCTION,
    "auxiliary": Direction.AUXILIARY,
}
TARIFFS = {"total": Tariff.TOTAL, "day": Tariff.HIGH, "night": Tariff.LOW}
_UNITS = {"kwh": Unit.KWH, "m3": Unit.M3, "m³": Unit.M3}  # in whatever case
_FINAL = {"READ", "VAL"}
_NOT_FINAL = {"EST", "NVAL"}


class Said(NamedTuple):
    """What the words say that stand around an amount."""

    register: Register | None
    unit: Unit | None
    validated: bool
    provisional: bool  # changes with the calorific value of gas, as far as that is said
    strange: str  # what of it is not known; empty where all is


def said_of(name: str, part: str, counted: Mapping[str, Any], energy: Energy) -> Said:
    """What is said of an amount.

    Args:
        name: of its direction, as Fluvius writes it.
        part: of its tariff, the same.
        counted: the amount, with its unit and state.
        energy: what the meter counts.
    """
    unit, state = str(counted.get("unit")), str(counted.get("validationState"))
    return _understood((name, part), unit, state, str(counted.get("gasConversionFactor")), energy)


@lru_cache(maxsize=256)  # the same few words stand around thousands of amounts
def _understood(
    name: tuple[str, str], unit_name: str, state: str, calorific_value: str, energy: Energy
) -> Said:
    direction, tariff = DIRECTIONS.get(name[0]), TARIFFS.get(name[1])
    unit = _UNITS.get(unit_name.strip().casefold())
    is_final = values.is_final(calorific_value) if (energy, unit) == (Energy.GAS, Unit.KWH) else True
    validated = state.upper() in _FINAL and is_final is not False
    if unit is None:
        return Said(None, None, validated, not is_final, f"unit {unit_name}")
    strange = "" if state.upper() in _FINAL | _NOT_FINAL else f"validationState {state}"
    register = Register(direction, tariff, unit) if direction and tariff else None
    return Said(register, unit, validated, not is_final, strange)


def make_sure_of_all(
    registers: Collection[Register],
    silent: AbstractSet[tuple[Direction, Unit | None]],
    others: Mapping[str, Direction | None],
) -> None:
    """Nothing may be missing from a slot, unless a total says what there is with it.

    Raises:
        NotThereYet: of something the amount is not known.
        NotUnderstood: it has a part in kWh that we do not know.
    """
    if not (silent or others):
        return
    totals = [each for each in registers if each.tariff is Tariff.TOTAL]
    if silent - {(each.direction, unit) for each in totals for unit in (each.unit, None)}:
        raise NotThereYet
    with_total = {each.direction for each in totals}
    for name, direction in others.items():
        if direction and direction not in with_total:
            raise NotUnderstood(f"register {name}")
