"""A Fluvius on your desk: the portal, the Energy API, and a household that uses energy.

The other side of everything in `bridge.fluvius`, written from the facts and not from our code.
"""

from bridge.simulator.energy_api import EnergyApi
from bridge.simulator.fluvius import RequestRecord
from bridge.simulator.household import DEFAULT_METERS, SimulatedMeter
from bridge.simulator.simulator import Simulator

__all__ = ["DEFAULT_METERS", "EnergyApi", "RequestRecord", "SimulatedMeter", "Simulator"]
