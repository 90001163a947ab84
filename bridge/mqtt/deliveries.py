"""Messages that are under way to the broker, until each is acknowledged."""

import logging
import queue
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from bridge.config import MqttSettings
from bridge.mqtt.allowance import Allowance, Doubts, packet_size
from bridge.mqtt.messages import BrokerAway, Message, PublishRefused

UNDER_WAY = 1000  # messages at once
# So much fits into the socket's buffer whole (paho loses a packet that a websocket takes only in part), and
# gets through a line of 1.5 kB/s before a ping that waits behind it is missed.
BYTES_UNDER_WAY = 64 * 1024
_BEAT = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class _Lost:
    """In place of an answer: there will be none."""

    reason: int | None = None


class Deliveries:
    """Sends messages and waits for what the broker says to each.

    Args:
        settings: the protocol.
        meanwhile: called every few seconds while the broker is waited for.
        level: of what is said in the log about messages that are left out.

    Attributes:
        doubts: what is left out, and why.
        largest: the largest message under way, topic and bytes; for the log.

    `answered`, `lost` and `wake` may be called from anywhere; the rest is for one thread.
    """

    def __init__(
        self, settings: MqttSettings, meanwhile: Callable[[], object], level: int = logging.WARNING
    ) -> None:
        self.doubts: Final = Doubts(level)
        self.largest: tuple[int, str] | None = None
        self._settings, self._meanwhile = settings, meanwhile
        self._beat_at = 0.0
        self._answers: queue.SimpleQueue[tuple[int, ReasonCode | None] | _Lost] = queue.SimpleQueue()
        self._waiting: dict[int, tuple[Message, int]] = {}  # by packet identifier; and bytes
        self._bytes = 0

    def answered(self, mid: int, reason: ReasonCode | None) -> None:
        """The broker said something to a packet of ours."""
        self._answers.put((mid, reason))

    def lost(self, reason: int | None) -> None:
        """The connection is gone."""
        self._answers.put(_Lost(reason))

    def wake(self) -> None:
        """End whatever waits."""
        self._answers.put(_Lost())

    def begin(self) -> None:
        """Forget what was said before."""
        while not self._answers.empty():
            self._answers.get()
        self._waiting.clear()
        self._bytes, self.largest = 0, None

    def deliver(
        self,
        client: paho.Client,
        allowance: Allowance,
        messages: Iterable[Message],
        patience: float,
        acknowledged: Callable[[Message], object],
    ) -> list[PublishRefused]:
        """Send messages, and return what was refused when all were answered. Some are left out, see `doubts`.

        Args:
            client: a connected one.
            allowance: what the broker allows.
            messages: in this order.
            patience: seconds without any acknowledgement after which the broker is given up.
            acknowledged: told of each message that the broker took; not of what it refused or is left out.

        Raises:
            TimeoutError: the broker said nothing for so long.
            BrokerAway: the connection was lost.
        """
        refusals: list[PublishRefused] = []
        at_once = min(allowance.under_way, UNDER_WAY)

        def settle(messages: int, room: int = 0) -> None:
            while len(self._waiting) > messages or (self._waiting and self._bytes + room > BYTES_UNDER_WAY):
                if refusal := self._settle_one(patience, acknowledged):
                    refusals.append(refusal)

        for message in messages:
            size = packet_size(message, self._settings)
            if self.doubts.leaves_out(message.topic, size, allowance, empty=not message.payload):
                continue
            alone = self.doubts.is_suspect(message.topic)
            settle(0 if alone else at_once - 1, size)
            if not self._sent(client, message, size):
                while True:  # until the loss itself, which follows what was said before it
                    self._settle_one(patience, acknowledged)
            if alone:
                settle(0)
        settle(0)
        return refusals

    def answer_to(self, mid: int, patience: float) -> ReasonCode | None:
        """What the broker says to a packet that is no message, such as a subscription.

        Raises:
            TimeoutError: nothing.
            BrokerAway: the connection was lost.
        """
        while True:
            answered, reason = self._next_answer(patience)
            if answered == mid:
                return reason

    def _sent(self, client: paho.Client, message: Message, size: int) -> bool:
        before = self.largest
        if before is None or size > before[0]:
            self.largest = size, message.topic  # before it is sent: the broker may hang up on it at once
        info = client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self.largest = before
            return False
        self._waiting[info.mid] = message, size
        self._bytes += size
        return True

    def _settle_one(
        self, patience: float, acknowledged: Callable[[Message], object]
    ) -> PublishRefused | None:
        mid, reason = self._next_answer(patience)
        if mid not in self._waiting:
            return None
        message, size = self._waiting.pop(mid)
        self._bytes -= size
        if not self._waiting:
            self.largest = None
        self.doubts.taken(message.topic, size)
        if reason is not None and reason.is_failure:
            return PublishRefused(message.topic, str(reason).lower())
        acknowledged(message)
        return None

    def _next_answer(self, patience: float) -> tuple[int, ReasonCode | None]:
        give_up = time.monotonic() + patience
        while True:
            now = time.monotonic()
            if now >= self._beat_at:
                self._beat_at = now + _BEAT
                self._meanwhile()
            try:
                answer = self._answers.get(timeout=max(0.0, min(give_up - now, _BEAT)))
            except queue.Empty:
                if now < give_up:
                    continue
                self._blame(None)
                raise TimeoutError from None
            if isinstance(answer, _Lost):
                self._blame(answer.reason)
                raise BrokerAway("The connection to the broker was lost.")
            return answer

    def _blame(self, reason: int | None) -> None:
        self.doubts.lost([(message.topic, size) for message, size in self._waiting.values()], reason)
