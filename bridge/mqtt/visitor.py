"""A look at what a broker remembers."""

import threading
import time
from collections.abc import Callable, Sequence

from paho.mqtt import client as paho

from bridge.config import MqttSettings
from bridge.mqtt import topics
from bridge.mqtt.client import Broker, Event, Message, PublishRefused

_QUIET = 0.5  # seconds without a message: some brokers hand over what they remember bit by bit


class Visitor(Broker):
    """A connection under a client id of its own, for looking around: no state, no last will, no commands.

    Args:
        settings: where the broker is and how to get in.
        hand_over: see `Broker`.
    """

    def __init__(self, settings: MqttSettings, hand_over: Callable[[Event], None]) -> None:
        super().__init__(settings, hand_over, visitor=True)
        self._echo_topic = topics.response(settings.base_topic, "remove")
        self._echoes = True  # as far as is known: an access list hides, and says nothing

    def retained(self, filters: Sequence[str], within: float) -> tuple[dict[str, bytes], list[str]]:
        """What is retained below some topics, and of which of them the broker does not let us see it.

        An echo of our own marks the end, over slow lines too, for brokers deliver in order.

        Args:
            filters: may hold wildcards.
            within: seconds to wait for each answer, and for the next message.

        Raises:
            BrokerAway: not connected, or lost meanwhile: there are brokers that hang up on a wildcard.
        """
        found: dict[str, bytes] = {}
        echoed, heard_at = threading.Event(), 0.0

        def hear(_client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
            nonlocal heard_at
            heard_at = time.monotonic()
            if message.topic == self._echo_topic:
                echoed.set()
            elif message.retain and message.payload:
                found[message.topic] = bytes(message.payload)

        self._make_ready()
        self._client.on_message = hear
        blind = [each for each in filters if not self._may_listen(each, within)]
        try:
            self._echoes = self._echoes and self._may_echo(within)
            heard_at = time.monotonic()
            while time.monotonic() - heard_at < (within if self._echoes and not echoed.is_set() else _QUIET):
                time.sleep(0.01)
                if not self.connected:
                    self._make_ready()
        finally:
            self._client.unsubscribe([*filters, self._echo_topic])
            self._client.on_message = None
        was_hidden = self._echoes and not echoed.is_set()
        self._echoes &= not was_hidden
        return (found, list(filters)) if was_hidden and not found else (found, blind)

    def _may_listen(self, topic_filter: str, within: float) -> bool:
        _, number = self._client.subscribe(topic_filter, qos=0)  # at QoS 1 Mosquitto drops more than 1,000
        return not self._settle({number or 0: topic_filter}, 0, time.monotonic() + within)

    def _may_echo(self, within: float) -> bool:
        try:
            if not self._may_listen(self._echo_topic, within):
                return False
            self._deliver([Message(self._echo_topic, "", retain=False)], time.monotonic() + within)
        except PublishRefused:
            return False
        return True
