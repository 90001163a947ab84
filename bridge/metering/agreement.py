"""Whether a day's intervals add up to its daily amounts: a pure rule, used wherever the two meet.

Fluvius gives both with three decimals, rounded or cut off, so that each amount may be a thousandth away from
what was counted. A larger difference is none of rounding: one of the two is wrong, or not corrected yet.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from bridge.metering.model import Direction, Energy, Register, Unit

Amounts = Mapping[Register, Decimal]
Flow = tuple[Direction, Unit]

_NOTHING = Decimal(0)
_LAST_DECIMAL = Decimal("0.001")  # kWh or m³

# The kWh of gas stand on its m³, in which the last decimal holds up to so many times as much: 12.79 kWh in a
# cubic metre of the richest gas in Belgium, as the operator of Brussels says (energids.be, question 24).
_RICHEST_GAS = 13  # kWh/m³


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What the intervals of a flow come to otherwise than its daily amounts, in its unit."""

    flow: Flow
    day: Decimal
    intervals: Decimal

    @property
    def difference(self) -> Decimal:
        """How much more the intervals say; less when it is negative."""
        return self.intervals - self.day


def disagreements(
    daily: Amounts, intervals: Collection[Amounts], energy: Energy, *, is_whole: bool
) -> list[Disagreement]:
    """The flows of a day whose intervals do not add up to its daily amounts.

    Args:
        daily: the daily amounts. A flow that they lack is not compared.
        intervals: the amounts of each slot.
        energy: what the meter counts.
        is_whole: whether no slot is missing. Of a part, only too much is a contradiction.
    """
    found = []
    of_day, of_intervals = totals([daily]), totals(intervals)
    for flow, day in sorted(of_day.items()):
        counted = of_intervals.get(flow, Decimal(0))
        difference = counted - day
        amounts_rounded = len(intervals) + sum(flow_of(register) == flow for register in daily)
        tolerance = amounts_rounded * _LAST_DECIMAL
        if (energy, flow[1]) == (Energy.GAS, Unit.KWH):
            tolerance *= _RICHEST_GAS
        if difference > tolerance or (is_whole and difference < -tolerance):
            found.append(Disagreement(flow, day, counted))
    return found


def flow_of(register: Register) -> Flow:
    """What a register counts, whatever the tariff."""
    return register.direction, register.unit


def flows(registers: Iterable[Register]) -> AbstractSet[Flow]:
    """What some registers count."""
    return _flows(tuple(registers))


@lru_cache(maxsize=256)  # the slots of most meters have the same few registers
def _flows(registers: tuple[Register, ...]) -> frozenset[Flow]:
    return frozenset(map(flow_of, registers))


def totals(slots: Iterable[Amounts]) -> dict[Flow, Decimal]:
    """The sums of all flows over some slots."""
    by_register: dict[Register, Decimal] = defaultdict(Decimal)
    for amounts in slots:
        for register, amount in amounts.items():
            by_register[register] += amount
    sums: dict[Flow, Decimal] = defaultdict(Decimal)
    for register, amount in by_register.items():
        sums[flow_of(register)] += amount
    return dict(sums)


def total(amounts: Amounts, flow: Flow) -> Decimal:
    """The sum of a flow's registers."""
    counted = [amount for (direction, _, unit), amount in amounts.items() if (direction, unit) == flow]
    return sum(counted, _NOTHING)
