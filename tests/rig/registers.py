"""What a meter counts, by short names, and amounts of it."""

from decimal import Decimal
from typing import Any

from bridge.metering.model import Direction, Register, Tariff, Unit

HIGH = Register(Direction.CONSUMPTION, Tariff.HIGH, Unit.KWH)
LOW = Register(Direction.CONSUMPTION, Tariff.LOW, Unit.KWH)
TOTAL = Register(Direction.CONSUMPTION, Tariff.TOTAL, Unit.KWH)
INJECTED_HIGH = Register(Direction.INJECTION, Tariff.HIGH, Unit.KWH)
INJECTED_LOW = Register(Direction.INJECTION, Tariff.LOW, Unit.KWH)
INJECTED = Register(Direction.INJECTION, Tariff.TOTAL, Unit.KWH)
PRODUCED = Register(Direction.PRODUCTION, Tariff.TOTAL, Unit.KWH)
VOLUME = Register(Direction.CONSUMPTION, Tariff.TOTAL, Unit.M3)

Amounts = dict[Register, Decimal]


def kwh(**of: Any) -> Amounts:
    return {globals()[name]: Decimal(str(amount)) for name, amount in of.items()}
