"""The Energy API's `mandate/installation`: what there is at a connection point."""

from datetime import timedelta
from random import Random
from typing import Any

from bridge.simulator.energy_api.headpoints import Shape, vreg_id
from bridge.simulator.household import CONSUMPTION, INJECTION, SimulatedMeter
from bridge.simulator.writing import first_instant, text

A_YEAR = timedelta(days=365)


def installation(meter: SimulatedMeter, shape: Shape) -> dict[str, Any]:
    """What Fluvius says of a connection point: its meter, what produces there, what it uses in a year."""
    directions = {direction for direction, _, _ in meter.registers}
    eans = [ean for kind, ean in shape.subs if kind == "production"]
    eans = eans or ([meter.ean] if INJECTION in directions else [])
    return {
        "energyType": "G" if meter.energy == "gas" else "E",
        "meterType": "DM",
        "smr3": meter.intervals,
        "localProductionInstallations": [
            {
                "vregId": vreg_id(ean),
                "type": "PV",
                "converterPower": 4.0,
                "converterPowerUnit": "kVA",
                "inspectionDate": text(first_instant(meter.since)),
            }
            for ean in eans
        ],
        "estimatedVolumes": [
            {
                "type": "EAV",
                "calculatedRegister": "OfftakeTotalHours" if each == CONSUMPTION else "InjectionTotalHours",
                "value": Random(f"{meter.ean}/{each}").randint(1500, 6000),
                "unit": "kWh",
                "consumptionStartDate": text(first_instant(meter.since)),
                "consumptionEndDate": text(first_instant(meter.since) + A_YEAR),
            }
            for each in sorted(directions & {CONSUMPTION, INJECTION})
        ],
    }
