"""What goes to the broker, what comes from it, and how either fails."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from bridge.text.foreign import Quoting
from bridge.text.words import Payload


@dataclass(frozen=True, slots=True)
class Message:
    """What is published, at QoS 1."""

    topic: str
    payload: str
    retain: bool = True


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker is there (again), perhaps without its memory: publish everything."""


@dataclass(frozen=True, slots=True)
class Command:
    """Someone asks for something on `bridge/request/<name>`, or on the page."""

    name: str
    payload: bytes  # at most 64 KiB
    answer: Callable[[Payload], None] | None = None  # who asked; None where the answer is published


@dataclass(frozen=True, slots=True)
class HomeAssistantStarted:
    """Home Assistant is there (again)."""


@dataclass(frozen=True, slots=True)
class PricesGiven:
    """Somebody publishes day-ahead prices."""

    payload: bytes  # cut off where it is longer than a list may be, so that it is refused


@dataclass(frozen=True, slots=True)
class PricesLost:
    """Somebody published more at once than may wait."""


Event = Connected | Command | HomeAssistantStarted | PricesGiven | PricesLost


class BrokerAway(Quoting):
    """Not everything was acknowledged. `Connected` will be handed over when it is time to publish again."""


class PublishRefused(Quoting):
    """All was acknowledged, but the broker does not want this topic, the first of some. MQTT 5 only."""

    def __init__(self, topic: str, why: str) -> None:
        super().__init__(f"The broker refused {topic}: {why}")
        self.topic = topic
        self.topics = {topic}
        self.why = why


class SubscriptionRefused(Quoting):
    """The broker does not let us listen."""

    def __init__(self, topic_filter: str, why: str) -> None:
        super().__init__(f"The broker does not let us listen to {topic_filter}: {why}")
        self.topic_filter = topic_filter
        self.why = why


class RoundTrip(Enum):
    """What became of a message that we sent to ourselves."""

    ARRIVED = "it came back"
    SUBSCRIBE_REFUSED = "the broker does not let us read the topic"
    PUBLISH_REFUSED = "the broker does not let us write the topic"
    LOST = (
        "the broker accepted it and delivered nothing: its access list forbids to write or to read the topic"
    )
    TOO_LARGE = "the broker takes no message of this size"
