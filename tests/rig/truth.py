"""What the simulated meters counted, beside what was published and what the ledger holds."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from bridge.metering.model import Direction, Register, Tariff, Unit
from bridge.simulator import Simulator
from bridge.simulator.household import BRUSSELS, date_of, meter_day
from tests.rig.registers import Amounts

Registers = Mapping[tuple[int, int, int], Decimal]  # (t, dc, u) as in Fluvius's answers

_SIDES = {("consumption", 1, 3), ("injection", 2, 3), ("volume", 1, 5)}
_TARIFFS = {1: "high", 2: "low", 0: "total"}
_AMOUNTS = ("consumption", "injection", "volume", "net")


def in_words(registers: Registers) -> dict[str, Any]:
    """Amounts as `day` and `total` show them."""
    words: dict[str, Any] = {}
    for side, t, u in _SIDES:
        parts = {_TARIFFS[dc]: amount for (t_, dc, u_), amount in registers.items() if (t_, u_) == (t, u)}
        if parts:
            words[side] = {**parts, "total": sum(parts.values(), Decimal(0))}
    if "injection" in words:
        words["net"] = words["consumption"]["total"] - words["injection"]["total"]
    return words


def in_our_words(amounts: Registers) -> Amounts:
    """Amounts as the ledger has them."""
    directions = {1: Direction.CONSUMPTION, 2: Direction.INJECTION}
    tariffs = {0: Tariff.TOTAL, 1: Tariff.HIGH, 2: Tariff.LOW}
    units = {3: Unit.KWH, 5: Unit.M3}
    return {Register(directions[t], tariffs[dc], units[u]): amount for (t, dc, u), amount in amounts.items()}


def amounts_in(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The amounts of a payload, without what else it says."""
    return {name: payload[name] for name in _AMOUNTS if name in payload}


def hourly(simulator: Simulator, ean: str, register: str, first: date, last: date) -> dict[datetime, Decimal]:
    """What a register such as `consumption_high` or `volume_total` counted, hour by hour."""
    side, _, tariff = register.partition("_")
    [key] = [
        (t, dc, u) for name, t, u in _SIDES if name == side for dc, each in _TARIFFS.items() if each == tariff
    ]
    hours: dict[datetime, Decimal] = defaultdict(Decimal)
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        for start, amounts in simulator.slot_amounts(ean, date.fromordinal(ordinal)).items():
            hours[start.replace(minute=0)] += amounts.get(key, Decimal(0))
    return hours


class Truth:
    """What the simulator's meters counted, to compare with.

    Args:
        simulator: whose meters they are.
        meters: name → EAN and energy.
    """

    def __init__(self, simulator: Simulator, meters: Mapping[str, tuple[str, str]]) -> None:
        self._simulator, self._meters = simulator, meters
        self._slots, self._days = cache(simulator.slot_amounts), cache(simulator.day_amounts)

    def unlike(self, payloads: Iterable[tuple[str, str]]) -> Iterator[str]:
        """The messages that say something else."""
        for topic, payload in payloads:
            name, _, what = topic.partition("/")
            if name not in self._meters or not payload:
                continue
            if what in {"day", "total", "intervals", "reading"}:
                content = json.loads(payload, parse_float=Decimal)
                said, true = _said(what, content), self._true(name, what, content)
                partly = what == "reading" and said and said.items() <= true.items()
                if said != true and not partly:
                    yield f"{topic}: {said}, but counted was {true}"

    def unlike_rows(self, ledger: Path) -> Iterator[str]:
        """The ledger's rows that say something else."""
        for ean, energy, daily, start, direction, tariff, unit, serial, amount in _rows(ledger):
            begin = datetime.fromtimestamp(start, UTC)
            day = date_of(energy, begin)
            if daily:
                counted = self._days(ean, day, serial=serial)
                assert begin == meter_day(energy, day)[0]
            else:
                counted = self._slots(ean, day, serial=serial).get(begin, {})
            register = (
                {"consumption": 1, "injection": 2}[direction],
                {"total": 0, "high": 1, "low": 2}[tariff],
                {"kWh": 3, "m³": 5}[unit],
            )
            if Decimal(amount).scaleb(-9) != counted.get(register):
                yield f"ledger: {ean} {begin} {direction} {tariff} {amount}, but counted was {counted}"

    def _true(self, name: str, what: str, content: Mapping[str, Any]) -> Any:
        ean, energy = self._meters[name]
        match what:
            case "day":
                return in_words(self._simulator.day_amounts(ean, date.fromisoformat(content["date"])))
            case "total":
                since, until = (date.fromisoformat(content[key]) for key in ("since", "until"))
                whole = (until - since).days + 1 == content["days"]
                return (
                    in_words(self._simulator.total_amounts(ean, since, until))
                    if whole
                    else _said(what, content)
                )
            case "intervals":
                slots = self._slots(ean, date.fromisoformat(content["date"]))
                return [(_local(start), _flat(amounts)) for start, amounts in slots.items()]
            case _:
                start = datetime.fromisoformat(content["start"]).astimezone(UTC)
                return _flat(self._slots(ean, date_of(energy, start))[start])  # type: ignore[arg-type]


def _said(what: str, content: Mapping[str, Any]) -> Any:
    if what == "intervals":
        return [(each["start"], amounts_in(each)) for each in content["intervals"]]
    return amounts_in(content)


def _flat(registers: Registers) -> dict[str, Decimal]:
    """An interval's amounts: one number for each side."""
    return {side: each["total"] for side, each in in_words(registers).items() if side != "net"}


def _local(start: datetime) -> str:
    return start.astimezone(BRUSSELS).isoformat(timespec="seconds")


def _rows(ledger: Path) -> list[Any]:
    if not ledger.exists():
        return []
    with closing(sqlite3.connect(ledger)) as database:
        return database.execute(
            "SELECT ean, energy, daily, start, direction, tariff, unit, serial, amount FROM reading"
            " JOIN meter ON meter.id = meter JOIN register ON register.id = register"
            " JOIN device ON device.id = device"
        ).fetchall()
