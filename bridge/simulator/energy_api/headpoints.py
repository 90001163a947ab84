"""How the Energy API writes what was counted: shapes of headpoint, slots and registers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bridge.simulator.household import (
    AUXILIARY,
    CONSUMPTION,
    CUBIC_METRE,
    HIGH,
    INJECTION,
    KWH,
    LOW,
    PRODUCTION,
    TOTAL,
    Register,
    SimulatedMeter,
    Slot,
)
from bridge.simulator.writing import number, text

Type = Literal["metering-on-meter", "metering-on-headpoint", "metering-on-headpoint-and-meter"]
Registers = Literal["all", "day-night", "total-in-intervals"]
Sub = Literal["offtake", "production", "auxiliary"]
State = Literal["READ", "VAL", "EST", "NVAL"]

DIRECTIONS = {
    CONSUMPTION: "offtake",
    INJECTION: "injection",
    PRODUCTION: "production",
    AUXILIARY: "auxiliary",
}
TARIFFS = {HIGH: "day", LOW: "night", TOTAL: "total"}


def vreg_id(ean: str) -> str:
    """The number under which the regulator knows what produces at a connection point."""
    return f"PVZG{ean[-9:]}"


@dataclass(frozen=True)
class Shape:
    """How a headpoint is written.

    Args:
        type: `$type`. With `-headpoint-and-meter` the same amounts stand in both places.
        registers: of a double-tariff meter: day, night and total; day and night only; or day, night and total
            in the days but nothing but the total in the quarter-hours.
        subs: the sub-headpoints and their EANs.
    """

    type: Type = "metering-on-meter"
    registers: Registers = "all"
    subs: tuple[tuple[Sub, str], ...] = ()

    @property
    def has_meters(self) -> bool:
        """Whether there are physicalMeters."""
        return self.type != "metering-on-headpoint"

    @property
    def has_headpoint(self) -> bool:
        """Whether there are amounts on the headpoint and sub-headpoints."""
        return self.type != "metering-on-meter"


def reactive_amounts(active: int) -> dict[str, int]:
    """Varh that go with so many Wh: an invention, but always the same."""
    inductive, capacitive = active * 3 // 10, active // 50
    return {"reactive": inductive - capacitive, "inductive": inductive, "capacitive": capacitive}


class Writer:
    """Writes a meter's slots.

    Args:
        meter: whose they are.
        shape: says which registers there are.
        kinds: `active`, `reactive` or both.
    """

    def __init__(self, meter: SimulatedMeter, shape: Shape, kinds: Collection[str]) -> None:
        self.is_gas = meter.energy == "gas"
        self.registers = shape.registers if meter.tariffs == "double" else "all"
        self.kinds = kinds

    def slot(self, slot: Slot, state: State, *, is_day: bool, is_provisional: bool = False) -> dict[str, Any]:
        """A slot with its measurements; the kWh of gas may stand on a provisional calorific value."""
        if self.is_gas:
            measurements = self._gas(slot.amounts, state, is_provisional=is_provisional)
        else:
            measurements = [self._electricity(slot.amounts, state, is_day=is_day)]
        return {"start": text(slot.start), "end": text(slot.end), "measurements": measurements}

    def _gas(
        self, amounts: Mapping[Register, int], state: State, *, is_provisional: bool
    ) -> list[dict[str, Any]]:
        if "active" not in self.kinds:
            return []
        factor = "D" if state == "VAL" and not is_provisional else "P"
        volume = _register(amounts[CONSUMPTION, TOTAL, CUBIC_METRE], "m3", state)
        energy = _register(amounts[CONSUMPTION, TOTAL, KWH], "kWh", state, factor)
        return [{"offtake": {"total": volume}}, {"offtake": {"total": energy}}]

    def _electricity(self, amounts: Mapping[Register, int], state: State, *, is_day: bool) -> dict[str, Any]:
        only_total = self.registers == "total-in-intervals" and not is_day
        measurement: dict[str, dict[str, Any]] = {}
        totals: dict[str, int] = {}
        for (direction, tariff, _), amount in amounts.items():
            name = DIRECTIONS[direction]
            totals[name] = totals.get(name, 0) + amount
            written = measurement.setdefault(name, {})
            if "active" in self.kinds and tariff != TOTAL and not only_total:
                written[TARIFFS[tariff]] = _register(amount, "kWh", state)
        for name, total in totals.items():
            if "active" in self.kinds and (self.registers != "day-night"):
                measurement[name]["total"] = _register(total, "kWh", state)
            if "reactive" in self.kinds:
                for kind, amount in reactive_amounts(total).items():
                    measurement[name][kind] = _register(amount, "kVArh", state)
        return measurement


def _register(thousandths: int, unit: str, state: State, factor: str | None = None) -> dict[str, Any]:
    return {
        "value": number(thousandths),
        "unit": unit,
        "validationState": state,
        "gasConversionFactor": factor,
    }
