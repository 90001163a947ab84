"""What can be changed in the slots that the portal answers."""

from collections.abc import Callable
from random import Random
from typing import Any

from bridge.simulator.faults.alterations import leaving_out, replacing
from bridge.simulator.faults.fault import Strike

Slots = list[dict[str, Any]]

AMOUNTS = "*.v.*.v"
NAMES = {"d": "from", "de": "until", "v": "values", "dc": "register", "t": "direction", "u": "unit"}


def without_amounts(slots: Slots, strike: Strike) -> Slots:
    """One in so many amounts is left out, and a slot without amounts too."""
    return [slot for slot in leaving_out("*.v.*")(slots, strike) if slot["v"]]


def first_raised(slots: Slots, strike: Strike) -> Slots:
    """The first amount is so many Wh more."""
    for entry in [entry for slot in slots for entry in slot["v"]][:1]:
        entry["v"] = round(entry["v"] + strike.parameters["amount"] / 1000, 3)
    return slots


def with_reactive_energy(slots: Slots, _strike: Strike) -> Slots:
    """Every slot counts reactive energy too, in a unit of its own."""
    reactive = {"dc": 0, "t": 1, "st": 0, "v": 1.5, "vs": 2, "u": 4, "gcuv": None}
    return [{**slot, "v": [*slot["v"], reactive]} for slot in slots]


def renamed(slots: Slots, _strike: Strike) -> Slots:
    """Every field has another name."""
    return [
        {NAMES[key]: slot[key] for key in ("d", "de")}
        | {"values": [{NAMES.get(key, key): value for key, value in entry.items()} for entry in slot["v"]]}
        for slot in slots
    ]


def twice(slots: Slots, _strike: Strike) -> Slots:
    """Every slot twice."""
    return [slot for slot in slots for _ in range(2)]


def shuffled(slots: Slots, strike: Strike) -> Slots:
    """Slots out of order, always the same way."""
    Random(strike.number).shuffle(slots)
    return slots


ODD: dict[str, Callable[[Slots], Any]] = {
    "object": lambda slots: {"items": slots, "count": len(slots)},
    "text-amounts": replacing(AMOUNTS, lambda amount: f"{amount} kWh"),
    "unknown-codes": replacing("*.v.*", lambda entry: {**entry, "dc": 9, "t": 7, "u": 42}),
    "extra-fields": replacing("*", lambda slot: {**slot, "extra": {"v": [1, None]}, "x": "}"}),
    "null": lambda _: None,
    "nulls": replacing("*", lambda _: None),
    "values-no-list": replacing("*.v", lambda _: 9.133),
    "times-no-times": replacing("*", lambda slot: {**slot, "d": 20261118, "de": "tomorrow"}),
}
