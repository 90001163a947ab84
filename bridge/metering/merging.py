"""How an answer from Fluvius and what was known before become one: pure rules for single slots."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.metering.model import OF_THE_CONNECTION, Direction, Register, Tariff, Unit


@dataclass(frozen=True, slots=True)
class Row:
    """What one register counted in one slot."""

    amount: int  # billionths of the register's unit
    validated: bool


# One slot's rows, by the physical meter (a device's number) and the register that counted.
Slot = dict[tuple[int, Register], Row]


def replace(before: Slot, fresh: Slot, *, daily: bool, other_devices: bool) -> Slot:
    """One slot's rows after an answer: what the answer says, and what it leaves standing.

    An interval has one tariff, so another one for the same flow gives way; and a total gives way to its
    parts or the parts to a total. A tariff that a daily answer merely leaves out stays: nothing is lost.
    """
    devices = {device for device, _ in fresh}

    def gives_way(device: int, register: Register) -> bool:
        if device not in devices:
            return other_devices and register.direction in OF_THE_CONNECTION
        tariffs = {
            each.tariff
            for _, each in fresh
            if (each.direction, each.unit) == (register.direction, register.unit)
        }
        return bool(tariffs) and (not daily or (Tariff.TOTAL in tariffs) != (register.tariff is Tariff.TOTAL))

    return {key: row for key, row in before.items() if not gives_way(*key)} | fresh


def claimed_by_two_meters(answer: Mapping[int, Slot], known: Mapping[int, Slot]) -> set[int]:
    """The starts of slots that were known under another serial already and are the same energy.

    Two physical meters never count on one connection point at the same time: after an exchange they share
    the one slot in which it happened, and its amount is the sum of both. More shared slots, or equal
    amounts, mean that the source answers for the connection point whatever the serial.
    """
    shared, equal = set(), False
    for start, fresh in answer.items():
        devices = {device for device, _ in fresh}
        others = {key: row for key, row in known.get(start, {}).items() if key[0] not in devices}
        if not others:
            continue
        theirs, ours = _by_flow(others), _by_flow(fresh)
        if common := theirs.keys() & ours.keys():
            shared.add(start)
            equal |= all(theirs[flow] == ours[flow] for flow in common)
    return shared if equal or len(shared) > 1 else set()


def _by_flow(slot: Slot) -> dict[tuple[Direction, Unit], int]:
    """What went through the connection, whatever the tariffs: one answer may know them and another not."""
    totals: dict[tuple[Direction, Unit], int] = defaultdict(int)
    for (_, register), row in slot.items():
        if register.direction in OF_THE_CONNECTION:
            totals[register.direction, register.unit] += row.amount
    return {flow: amount for flow, amount in totals.items() if amount}


def totals_by_register(slot: Slot) -> dict[Register, int]:
    """A slot's amounts, over all physical meters."""
    totals: dict[Register, int] = defaultdict(int)
    for (_, register), row in slot.items():
        totals[register] += row.amount
    return dict(totals)
