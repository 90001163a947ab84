"""What every source of readings offers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from bridge.metering.mandate import Mandate
from bridge.metering.model import Meter, Peak, Reading


@dataclass(frozen=True, slots=True)
class Answer:
    """The readings that a source gave, and what else there is to say about them."""

    readings: Sequence[Reading]
    remark: str | None = None  # for the user: what was found instead of what was asked
    is_whole: bool = True  # nothing was null, and everything was understood
    behind: Sequence[Mapping[str, str]] = ()  # what is behind the connection: kind, ean, type, vreg_id
    told_at: datetime | None = None  # when, by Fluvius's own clock, if it says so (aware)


def left_out_in_words(quantities: Iterable[str]) -> str:
    """What the user is told of what a meter counts and nothing is kept of."""
    return f"Fluvius also gives what is not kept here, and left out: {', '.join(quantities)}"


class Stepwise(Protocol):
    """Yields a meter's readings step by step. All methods make requests and raise `FluviusError`."""

    def days(self, meter: Meter, first: date, last: date) -> Answer:
        """The daily amounts of a span of meter days, both ends included."""

    def intervals(self, meter: Meter, day: date) -> Answer:
        """The quarter-hours (electricity) or hours (gas) of one meter day."""

    def peaks(self, meter: Meter, first: date, last: date) -> Sequence[Peak]:
        """The monthly peaks that Fluvius says itself, from the month of one day to that of another."""


class AtOnce(Protocol):
    """Yields days and intervals together, for meters that gave a mandate.

    All methods make requests and raise `FluviusError`.
    """

    def mandates(self, since: datetime | None = None) -> list[Mandate]:
        """What customers allow: all of it, or what changed since an instant (aware)."""

    def readings(
        self, meter: Meter, reference: str, first: date, last: date, since: datetime | None
    ) -> Answer:
        """A span of meter days, both ends included; or, with `since`, what was stored since then."""


Source = Stepwise | AtOnce


class Memory(Protocol):
    """What a source wants to know again in its next run."""

    def recall(self, key: str) -> Any:
        """The JSON value kept under a key, or None."""

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON value."""
