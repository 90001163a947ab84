"""What the bridge listens to: requests, prices, Home Assistant's births, and its own state.

All of it on paho's thread.
"""

import logging
import re
from collections.abc import Callable, Collection
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.reasoncodes import ReasonCode

from bridge.config.prices import LARGEST_LIST
from bridge.mqtt import topics
from bridge.mqtt.allowance import Allowance
from bridge.mqtt.messages import Command, Event, HomeAssistantStarted, PricesGiven

_log = logging.getLogger(__name__)

LARGEST_COMMAND = 64 * 1024  # bytes


class Listening:
    """Hands over what others say.

    Args:
        base: the base topic.
        births: topics on which Home Assistant says `online` when it starts.
        hand_over: takes an event; called on paho's thread.

    Attributes:
        contradiction: what someone else wrote to `bridge/state`, where we are online; None while it says so.
    """

    def __init__(self, base: str, births: Collection[str], hand_over: Callable[[Event], None]) -> None:
        self.contradiction: str | None = None
        self._base, self._births, self._hand_over = base, births, hand_over
        self._commands_subscriptions: set[int | None] = set()

    def attach(self, client: paho.Client) -> None:
        """Take what a client receives."""
        client.message_callback_add(topics.request(self._base, "+"), self._on_command)
        client.message_callback_add(topics.bridge_state(self._base), self._on_state)
        client.message_callback_add(topics.price_set(self._base), self._on_prices)
        for topic in self._births:
            client.message_callback_add(topic, self._on_birth)

    def subscribe(self, client: paho.Client, allowance: Allowance) -> None:
        """Ask the broker for it, on every new connection."""
        self.contradiction = None
        self._commands_subscriptions = {
            client.subscribe(topic, qos=1)[1] for topic in topics.requests(self._base, allowance.wildcards)
        }
        for topic in (topics.bridge_state(self._base), topics.price_set(self._base), *self._births):
            client.subscribe(topic, qos=1)

    def on_subscribe(self, mid: int, reason: ReasonCode | None) -> None:
        """The broker answers a subscription."""
        if mid in self._commands_subscriptions and reason is not None and reason.is_failure:
            self._commands_subscriptions = set()
            _log.warning(
                "The broker does not let us listen to %s: no command will arrive. Look at its access list.",
                topics.request(self._base, "+"),
            )

    def _on_command(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        if message.retain:  # a `refresh` that someone retained would ask Fluvius at every connect
            _log.info("Ignored what is retained on %s: commands must not be retained.", message.topic)
        elif not re.fullmatch("[a-z_]{1,32}", message.topic.rpartition("/")[2]):
            _log.info("Ignored a request without a name.")
        elif len(message.payload) > LARGEST_COMMAND:
            _log.info("Ignored %d bytes on %s: that is too much.", len(message.payload), message.topic)
        else:
            self._hand_over(Command(message.topic.rpartition("/")[2], bytes(message.payload)))

    def _on_prices(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        if message.payload:  # retained ones too: they are prices still
            self._hand_over(PricesGiven(bytes(message.payload[: LARGEST_LIST + 1])))

    def _on_birth(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        if message.payload == b"online" and not message.retain:  # if retained, it started before we did
            self._hand_over(HomeAssistantStarted())

    def _on_state(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        online = message.payload == b"online"
        self.contradiction = None if online else repr(message.payload[:20].decode(errors="replace"))
