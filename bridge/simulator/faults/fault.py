"""What a fault is, and what it is to be hit by one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from bridge.simulator.meters import Meters
from bridge.simulator.response import Response

Parameters = Mapping[str, Any]
Answer = Callable[[Parameters, datetime], Response]  # the moment is the request's
Alteration = Callable[[Any, "Strike"], Any]
Event = Callable[[Meters, str | None, Parameters], None]  # the text is an EAN

_Variant = TypeVar("_Variant")


@dataclass(frozen=True)
class Fault:
    """One way to misbehave: a row of the table.

    Its kind is told by the one of `answer`, `slots`, `document` and `event` that it has. A fault with none of
    them only has a name: the sign-in, the portal or the Energy API asks for it where it makes a difference.
    """

    description: str
    where: str  # endpoint or group; empty for an event
    parameters: Parameters = field(default_factory=dict)  # and their defaults: of a tuple the first
    times: int | None = None  # how many requests it hits unless told otherwise; None: until cleared
    answer: Answer | None = None  # what is answered in place of the real thing
    slots: Alteration | None = None  # changes the slots that the portal would answer
    document: Alteration | None = None  # changes the document that the Energy API would answer
    event: Event | None = None  # happens at once instead of hitting requests; clearing does not undo it
    name: str = ""  # as the table calls it

    @property
    def summary(self) -> str:
        """One line: what it does, where, and its parameters with their defaults."""
        parameters = ", ".join(f"{name}={_plain(value)}" for name, value in self.complete({}).items())
        details = "; ".join(filter(None, (self.where, parameters)))
        return f"{self.description} [{details}]"

    def complete(self, given: Parameters) -> Parameters:
        """The given parameters in the type of their defaults, and the defaults of the others.

        Raises:
            ValueError: unknown parameter or wrong type.
        """
        for name in given:
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none of its own"
                raise ValueError(f"{self.name} has no parameter {name!r}; it has: {known}")
        return {name: self._value(name, given) for name in self.parameters}

    def _value(self, name: str, given: Parameters) -> Any:
        default = self.parameters[name]
        if isinstance(default, tuple):
            value = given.get(name, default[0])
            if value not in default:
                raise ValueError(f"{self.name}: {name} must be one of {', '.join(default)}")
            return value
        return _like(default, given[name]) if name in given else default


def _like(default: Any, value: Any) -> Any:
    if isinstance(default, bool):
        return str(value).lower() in ("true", "yes", "1")
    if isinstance(default, bytes):
        return value.encode() if isinstance(value, str) else value
    if isinstance(default, int | float):
        return type(default)(value)
    return value


def _plain(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class Strike(NamedTuple):
    """A fault that hits one request."""

    fault: Fault
    parameters: Parameters
    number: int  # of requests that it hit before this one

    def variant(self, variants: Mapping[str, _Variant]) -> _Variant:
        """The variant that its parameters name; with `each` a next one for every request."""
        name = self.parameters["variant"]
        return variants[list(variants)[self.number % len(variants)] if name == "each" else name]


@dataclass
class ActiveFault:
    """A fault that is switched on."""

    fault: Fault
    parameters: Parameters
    where: tuple[str, ...]  # endpoints
    times: int | None  # how many requests it hits; None: until cleared
    after: int  # how many matching requests it lets pass first
    ean: str | None  # hits the requests about this meter only
    hits: int = 0
    passed: int = 0

    def strike(self, endpoint: str, ean: str | None) -> Strike | None:
        """What hits this request, if anything does; counts the requests."""
        is_spent = self.times is not None and self.hits >= self.times
        if endpoint not in self.where or self.ean not in (None, ean) or is_spent:
            return None
        if self.passed < self.after:
            self.passed += 1
            return None
        self.hits += 1
        return Strike(self.fault, self.parameters, self.hits - 1)
