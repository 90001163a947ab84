"""How an answer from Fluvius and what was known before become one: pure rules for single slots."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from bridge.metering.model import OF_THE_CONNECTION, Direction, Register, Tariff, Unit


class Row(NamedTuple):
    """What one register counted in one slot; a tuple, because the ledger has so many."""

    amount: int  # billionths of the register's unit
    validated: bool
    origin: int = 0  # 0: Fluvius's own answer; 1: the sum of a day's intervals; else when a file was written
    estimated: bool = False


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


def believed(before: Slot, fresh: Slot, *, other_devices: bool) -> Slot:
    """What of an answer or a file is believed beside what is known: flow by flow, all of it or nothing.

    What is final goes before what is not, Fluvius's answer before a file of the same standing, a reading
    before an estimate, and a newer file before an older one. Of Fluvius's own answers the latest counts, and
    so does the latest sum of a day's intervals.
    """
    if not any(row.origin for slot in (before, fresh) for row in slot.values()):
        return fresh
    known = _by_meter_and_flow(before, other_devices=other_devices)
    return {
        key: row
        for flow, rows in _by_meter_and_flow(fresh, other_devices=other_devices).items()
        if flow not in known or _goes_before(rows, known[flow])
        for key, row in rows.items()
    }


def _by_meter_and_flow(slot: Slot, *, other_devices: bool) -> dict[tuple[int, Direction, Unit], Slot]:
    groups: dict[tuple[int, Direction, Unit], Slot] = defaultdict(dict)
    for key, row in slot.items():
        device, register = key
        groups[0 if other_devices else device, register.direction, register.unit][key] = row
    return groups


def _goes_before(fresh: Slot, known: Slot) -> bool:
    origins = {row.origin for slot in (fresh, known) for row in slot.values()}
    return origins in ({0}, {1}) or _standing(fresh) >= _standing(known)


def _standing(rows: Slot) -> tuple[bool, bool, bool, int, int]:
    """The higher the better; by the amounts in the end, so that the order of two files does not matter."""
    return (
        all(row.validated for row in rows.values()),
        not any(row.origin for row in rows.values()),
        not any(row.estimated for row in rows.values()),
        min(row.origin for row in rows.values()),
        sum(row.amount for row in rows.values()),
    )


def claimed_by_two_meters(answer: Mapping[int, Slot], known: Mapping[int, Slot]) -> set[int]:
    """The starts of slots that were known under another serial already and are the same energy.

    Two physical meters never count on one connection point at the same time: after an exchange they share
    the one slot in which it happened, and its amount is the sum of both. More shared slots, or equal
    amounts, mean that the source answers for the connection point whatever the serial.
    """
    shared, equal = set(), False
    for start in answer.keys() & known.keys():
        fresh = answer[start]
        devices = {device for device, _ in fresh}
        others = {key: row for key, row in known[start].items() if key[0] not in devices}
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


def corrections(before: Slot, after: Slot) -> dict[Register, tuple[int, int]]:
    """Which amounts of a slot gave way to others: what was known, and what is known now.

    What was not known before is not corrected. Where registers are gone, as when a total gave way to its
    tariffs, what they counted together is compared.
    """
    found: dict[Register, tuple[int, int]] = {}
    was, became = totals_by_register(before), totals_by_register(after)
    for flow in dict.fromkeys((each.direction, each.unit) for each in was):
        known, now = (
            {each: amount for each, amount in amounts.items() if (each.direction, each.unit) == flow}
            for amounts in (was, became)
        )
        if not known.keys() <= now.keys():
            total = Register(flow[0], Tariff.TOTAL, flow[1])
            known, now = {total: sum(known.values())}, {total: sum(now.values())}
        found |= {each: (amount, now[each]) for each, amount in known.items() if amount != now[each]}
    return found


def totals_by_register(slot: Slot) -> dict[Register, int]:
    """A slot's amounts, over all physical meters."""
    totals: dict[Register, int] = defaultdict(int)
    for (_, register), row in slot.items():
        totals[register] += row.amount
    return dict(totals)
