"""What a broker allows: what it said, and what had to be learnt because it said nothing."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Self

from bridge.config import MqttSettings
from bridge.mqtt.messages import Message

_log = logging.getLogger(__name__)

# The reason codes of DISCONNECT in MQTT 5 by which a broker ends a connection for what was sent. paho 2.2
# also says 130 when it does not know an acknowledgement's code: 149,
# by which Mosquitto refuses a payload that is too large.
_BLAMES = {130, 144, 149, 153}
# Or for something else: not available, busy, shutting down, keep alive, taken over, by administration.
_EXCUSES = {136, 137, 139, 141, 142, 152}
_IN_A_ROW = 600.0  # seconds between two losses; after so long a broker has other reasons


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a broker says in CONNACK of MQTT 5 (part 3.2.2.3); where it says nothing, all is allowed."""

    largest_packet: int | None = None  # bytes
    under_way: int = 65_535  # messages that wait for their acknowledgement
    qos: int = 2  # at most
    retain: bool = True
    wildcards: bool = True  # in subscriptions

    @classmethod
    def of(cls, properties: Any) -> Self:
        """Read paho's `Properties` of a CONNACK; None stands for MQTT 3.1.1."""
        return cls(
            largest_packet=getattr(properties, "MaximumPacketSize", None),
            under_way=getattr(properties, "ReceiveMaximum", 65_535),
            qos=getattr(properties, "MaximumQoS", 2),
            retain=bool(getattr(properties, "RetainAvailable", 1)),
            wildcards=bool(getattr(properties, "WildcardSubscriptionAvailable", 1)),
        )

    @property
    def refusal(self) -> int | None:
        """The reason code (154, 155) by which a broker that allows only this would best turn us away."""
        if not self.retain:
            return 154
        return 155 if self.qos < 1 else None


def packet_size(message: Message, settings: MqttSettings) -> int:
    """Bytes of the PUBLISH packet at QoS 1 (MQTT 3.1.1 and 5, part 3.3)."""
    identifier_and_properties = 3 if settings.protocol == "5" else 2
    rest = 2 + _length(message.topic) + identifier_and_properties + _length(message.payload)
    digits = 1 + (rest > 127) + (rest > 16_383) + (rest > 2_097_151)
    return 1 + digits + rest


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


class Doubts:
    """Messages that a broker seems to hang up on, or never to acknowledge.

    One that was under way at each of the last losses of the connection is a suspect, and sent alone. One that
    was alone under way at two of them in a row is left out; and if it is larger than all that was ever
    acknowledged, so is everything that is as large. So one message never holds up the others.
    """

    def __init__(self, level: int = logging.WARNING) -> None:
        """Say what is left out in the log, at a level."""
        self._level = level
        self.left_out: dict[str, str] = {}  # topic → why
        self._told: set[str] = set()
        self._largest_taken = 0  # bytes
        self._too_large: int | None = None  # bytes, as it seems
        self._unwanted: set[str] = set()  # topics, whatever their size
        self._suspects: frozenset[str] = frozenset()
        self._careful = False  # whether suspects are sent alone
        self._alone: dict[str, float] = {}  # topic → at which loss, by the clock of this process
        self._convicted_before: set[str] = set()

    def leaves_out(self, topic: str, size: int, allowance: Allowance, *, empty: bool = False) -> bool:
        """Whether to leave a message out; says so once. One that only empties its topic proves nothing."""
        if allowance.largest_packet is not None and size > allowance.largest_packet:
            why = f"it takes {size} bytes, and the broker accepts {allowance.largest_packet}"
        elif self._too_large is not None and size >= self._too_large:
            why = f"the broker seems not to accept its {size} bytes"
        elif topic in self._unwanted:
            why = "the broker seems not to accept this topic"
        else:
            if not empty:
                self.left_out.pop(topic, None)
            return False
        self._tell(topic, why)
        return True

    def is_suspect(self, topic: str) -> bool:
        """Whether to send it alone."""
        return self._careful and topic in self._suspects

    def taken(self, topic: str, size: int) -> None:
        """The broker acknowledged it."""
        self._largest_taken = max(self._largest_taken, size)
        if topic in self._suspects:
            self._suspects -= {topic}
        self._alone.pop(topic, None)
        self._convicted_before.discard(topic)

    def lost(self, under_way: Collection[tuple[str, int]], reason: int | None) -> None:
        """The connection was lost, or the broker fell silent.

        Args:
            under_way: topic and bytes of each message that was not acknowledged.
            reason: a reason code of MQTT 5, if there is one.
        """
        if not under_way or reason in _EXCUSES:
            return
        topics = frozenset(topic for topic, _ in under_way)
        common = self._suspects & topics
        self._careful = bool(common) or reason in _BLAMES
        self._suspects = common or topics
        if len(under_way) > 1:
            return
        ((topic, size),) = under_way
        before, self._alone[topic] = self._alone.get(topic), monotonic()
        is_again = before is not None and monotonic() - before < _IN_A_ROW
        if is_again or reason in _BLAMES or topic in self._convicted_before:
            self._convict(topic, size)

    def forgive(self) -> None:
        """Try again what was left out: alone, and once."""
        self._convicted_before |= self.left_out.keys()
        self._suspects, self._careful = frozenset(self.left_out), True
        self._too_large = None
        self._unwanted.clear()
        self.left_out.clear()

    def _convict(self, topic: str, size: int) -> None:
        if size > self._largest_taken:
            self._too_large = size
        else:
            self._unwanted.add(topic)
        self._suspects -= {topic}
        self._tell(topic, f"the broker ends the connection, or falls silent, at its {size} bytes")

    def _tell(self, topic: str, why: str) -> None:
        self.left_out[topic] = why
        if topic not in self._told:
            self._told.add(topic)
            _log.log(
                self._level,
                "%s is left out: %s. Look at the broker's limits and its access list.",
                topic,
                why,
            )


def in_words(left_out: Mapping[str, str], at_most: int = 10) -> str:
    """What is left out, in one line."""
    told: Iterable[str] = [f"{topic}: {why}" for topic, why in left_out.items()][:at_most]
    more = len(left_out) - at_most
    return "; ".join(told) + (f"; and {more} more" if more > 0 else "")
