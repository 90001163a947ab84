"""What a fault is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bridge.simulator.web import Request, Response, Strike

Parameters = Mapping[str, Any]
Answer = Callable[[Parameters, Request], Response]
Alteration = Callable[[Any, Strike], Any]


_Variant = TypeVar("_Variant")


def variant(variants: Mapping[str, _Variant], strike: Strike) -> _Variant:
    """The variant that a strike asks for by name; for `each` they take turns."""
    name = strike.parameters["variant"]
    return variants[list(variants)[strike.number % len(variants)] if name == "each" else name]


@dataclass(frozen=True)
class Fault:
    """One way to misbehave.

    A fault with an `answer` is answered in place of the real thing; one with an `alteration` changes
    what would be answered; the others are looked up by name where they matter (sign-in, portal, simulator).
    """

    name: str
    description: str
    where: str  # endpoint or group; empty for an event
    parameters: Parameters = field(default_factory=dict)  # with their defaults
    times: int | None = None  # how many requests it hits unless told otherwise; None: until cleared
    answer: Answer | None = None
    alteration: Alteration | None = None
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # what a parameter may be

    @property
    def is_event(self) -> bool:
        """Whether it happens at once instead of hitting requests; clearing does not undo it."""
        return not self.where
