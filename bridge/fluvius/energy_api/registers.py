"""Which register an amount of the Energy API is of, and how final it is, by the words around it."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any, NamedTuple

from bridge.fluvius import values
from bridge.metering.model import Direction, Energy, Register, Tariff, Unit
from bridge.text.foreign import LONGEST_NAME, clean

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


# What stands around an amount, as Fluvius writes it: direction, tariff, unit, state and calorific value; and
# whether there is none. A bare tuple, because one is made for each amount.
Words = tuple[str, str, str, str, str, bool]


class Said(NamedTuple):
    """What the words say that stand around an amount."""

    register: Register | None
    unit: Unit | None
    validated: bool
    provisional: bool  # changes with the calorific value of gas, as far as that is said
    strange: str  # what of it is not known; empty where all is


class Kept(NamedTuple):
    """A register that counts, and how final its amount is."""

    register: Register
    validated: bool
    provisional: bool  # changes with the calorific value of gas, as far as that is said


class Form(NamedTuple):
    """What the words of a slot say of its amounts: which of these count, and what is missing beside them."""

    counted: Sequence[tuple[int, Register]]  # the place of each amount that counts
    kept: Sequence[Kept]  # but totals whose parts are there
    alone: Sequence[Kept]  # the same, with the one part that is there for its total; none where no part is
    totals: Sequence[Sequence[Register]]  # each of those totals, and its two parts
    contradictory: bool  # a register is there twice, with other words
    strange: Sequence[str]  # what is not known
    left_out: AbstractSet[str]  # quantities that we do not keep
    awaits_more: bool  # of something the amount is not known, and no total says what there is with it
    unknown: str  # a part in kWh that we do not know, and that no total says with the others


def words_of(direction: str, tariff: str, counted: Mapping[str, Any]) -> Words:
    """What stands around an amount.

    Args:
        direction: the name under which it stands.
        tariff: the same.
        counted: the amount, with its unit and state.
    """
    said = counted.get
    unit, state, calorific_value = said("unit"), said("validationState"), said("gasConversionFactor")
    return direction, tariff, str(unit), str(state), str(calorific_value), said("value") is None


@lru_cache(maxsize=256)  # thousands of slots have the same few forms
def form_of(slot: Sequence[Words], directions: AbstractSet[str], energy: Energy) -> Form:
    """What the words of a slot say.

    Args:
        slot: those around each of its amounts.
        directions: the directions that count there.
        energy: what the meter counts.
    """
    counted: list[tuple[int, Register]] = []
    registers: dict[Register, Said] = {}
    contradictory = False
    strange: list[str] = []
    silent: set[tuple[Direction, Unit | None]] = set()  # of which something is not known
    others: dict[str, Direction | None] = {}  # what else has an amount; in kWh: and of which direction
    for place, words in enumerate(slot):
        (name, part, *_, is_null), said = words, _understood(words, energy)
        if name not in directions or part not in TARIFFS:
            if not is_null:
                is_ours = name in directions and said.unit
                others[clean(f"{name} {part}", LONGEST_NAME)] = DIRECTIONS[name] if is_ours else None
            continue
        if said.strange and not is_null:
            strange.append(said.strange)
        if is_null or said.register is None:
            silent.add((DIRECTIONS[name], said.unit))
        else:
            counted.append((place, said.register))
            contradictory |= registers.setdefault(said.register, said) != said
    totals = [each for each in registers if each.tariff is Tariff.TOTAL]
    awaits_more = bool(silent - {(each.direction, unit) for each in totals for unit in (each.unit, None)})
    with_total = {None, *(each.direction for each in totals)}
    unknown = next((f"register {name}" for name, each in others.items() if each not in with_total), "")
    kept = {each: Kept(each, said.validated, said.provisional) for each, said in registers.items()}
    counting = values.counting(tuple(registers))
    return Form(
        counted,
        [kept[each] for each in counting.counted],
        [kept[counting.alone.get(each, each)] for each in counting.counted] if counting.alone else (),
        counting.summed,
        contradictory,
        strange,
        frozenset(others),
        awaits_more,
        unknown,
    )


def _understood(words: Words, energy: Energy) -> Said:
    name, part, unit_name, state, calorific_value, _ = words
    direction, tariff = DIRECTIONS.get(name), TARIFFS.get(part)
    unit = _UNITS.get(unit_name.strip().casefold())
    is_final = values.is_final(calorific_value) if (energy, unit) == (Energy.GAS, Unit.KWH) else True
    validated = state.upper() in _FINAL and is_final is not False
    if unit is None:
        return Said(None, None, validated, not is_final, f"unit {unit_name}")
    strange = "" if state.upper() in _FINAL | _NOT_FINAL else f"validationState {state}"
    register = Register(direction, tariff, unit) if direction and tariff else None
    return Said(register, unit, validated, not is_final, strange)
