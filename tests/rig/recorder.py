"""What Home Assistant's recorder was given, beside what the meters counted, hour by hour."""

from datetime import UTC, date, datetime
from typing import Any

from tests.rig.core import Core
from tests.rig.truth import hourly
from tests.rig.world import HOME, World

FIRST, LAST = date(2026, 11, 14), date(2026, 11, 20)
HIGH, LOW = f"fluvius:{HOME['ean']}_consumption_high", f"fluvius:{HOME['ean']}_consumption_low"
TOTAL = f"fluvius:{HOME['ean']}_consumption_total"


def counted(world: World, meter: dict[str, str], register: str, first: date, last: date) -> dict[Any, float]:
    hours = hourly(world.simulator, meter["ean"], register, first, last)
    return {hour: float(amount) for hour, amount in hours.items() if amount}


def shown(core: Core, meter: dict[str, str], register: str) -> dict[Any, float]:
    """Home Assistant's hours, as far as they are not zero."""
    hours = core.hours(f"fluvius:{meter['ean']}_{register}")
    return {hour: amount for hour, amount in hours.items() if amount}


def registers(core: Core, meter: dict[str, str]) -> set[str]:
    prefix = f"fluvius:{meter['ean']}_"
    return {each.removeprefix(prefix) for each in core.statistics if each.startswith(prefix)}


REGISTERS = {
    "home": {"consumption_high", "consumption_low", "injection_high", "injection_low"},
    "gas": {"consumption_total", "volume_total"},
}


def is_right(world: World, core: Core, meter: dict[str, str], first: date, last: date) -> None:
    """Hour by hour, for each register."""
    assert registers(core, meter) == REGISTERS[meter["name"]]
    for register in registers(core, meter):
        assert shown(core, meter, register) == counted(world, meter, register, first, last), register


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
