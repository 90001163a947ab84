"""How much can flow through a connection: what is more is no amount, whoever says it.

The technical regulation of the Flemish distribution grid (article 2.2.3) puts less than 250 kVA on low
voltage, and has connections of 25 MVA and more made on the transport grid, where Fluvius measures nothing. A
digital meter without current transformers counts up to 3 x 100 A, which is 69 kW; a household's gas meter up
to some 10 m³/h, that of a large building 65. The limits are several times what there is, so that no honest
meter reaches them, and what does is a mistake. The kWh of gas have the same limits as those of electricity: a
cubic metre holds at most 12.8 of them.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from bridge.metering.model import Unit


class Limits(NamedTuple):
    """What can flow in one hour."""

    kwh: int
    m3: int


ON_THE_PORTAL = Limits(kwh=1_000, m3=80)  # households and small firms: low voltage
OF_THE_GRID = Limits(kwh=200_000, m3=16_000)  # whoever may give a mandate: medium voltage too


@lru_cache(maxsize=64)  # asked for each slot of an answer
def during(length: timedelta, limits: Limits) -> Mapping[Unit, Decimal]:
    """The largest amounts that can be counted in so much time, by their unit."""
    hours = Decimal(length // timedelta(seconds=1)) / 3600
    return {Unit.KWH: limits.kwh * hours, Unit.M3: limits.m3 * hours}
