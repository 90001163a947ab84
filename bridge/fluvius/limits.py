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

from bridge.model import Unit

Limits = Mapping[Unit, int]  # in one hour: kW, and m³/h

ON_THE_PORTAL: Limits = {Unit.KWH: 1_000, Unit.M3: 80}  # households and small firms: low voltage
OF_THE_GRID: Limits = {Unit.KWH: 200_000, Unit.M3: 16_000}  # whoever may give a mandate: medium voltage too


def during(length: timedelta, limits: Limits, unit: Unit) -> Decimal:
    """The largest amount that can be counted in so much time, in its unit."""
    return Decimal(limits[unit] * (length // timedelta(seconds=1))) / 3600
