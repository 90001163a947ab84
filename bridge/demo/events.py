"""What happens on the stage."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Sentence:
    """The story goes on."""

    text: str
    at: datetime | None = None  # the demo's moment, local; None: outside the story


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message came over MQTT."""

    topic: str
    payload: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that the bridge or the simulator logged."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Someone wants the demo to end, or something broke."""

    failure: BaseException | None = None


Event = Sentence | Arrived | Remark | Ended
