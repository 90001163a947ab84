"""The connection itself: kept up for ever, on paho's thread."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bridge.config import MqttSettings
from bridge.mqtt import problems
from bridge.mqtt.allowance import Allowance
from bridge.mqtt.deliveries import Deliveries
from bridge.mqtt.link import Link, tls_context
from bridge.mqtt.listening import Listening
from bridge.mqtt.messages import Message
from bridge.mqtt.pauses import Pauses
from bridge.mqtt.problems import Problem

_log = logging.getLogger(__name__)


class Connection:
    """Connects again and again, with a new client where the old one broke.

    Args:
        settings: where the broker is and how to get in.
        will: the last will.
        listening: what to subscribe to; None for a visitor, which also says nothing.
        deliveries: told what the broker answers.
        ready: called on paho's thread, when everything may be published.
        failed: called on paho's thread, when an attempt to connect has failed.
        pauses: seconds between two attempts to connect: after the first, and at most.

    Attributes:
        connected: whether it makes sense to publish.
        problem: why not.
        pauses: between two attempts to connect.
        allowance: what the broker allows.
        client: of now; to publish and subscribe while connected.

    Raises:
        ConfigError: a TLS file can not be used.
    """

    def __init__(
        self,
        settings: MqttSettings,
        will: Message,
        listening: Listening | None,
        deliveries: Deliveries,
        ready: Callable[[], None],
        *,
        failed: Callable[[], object],
        pauses: tuple[float, float],
    ) -> None:
        self.connected = False
        level = logging.WARNING if listening else logging.DEBUG  # a visitor says itself what came of it
        self.problem = Problem(problems.of_silence(settings), level)
        self.allowance = Allowance()
        self.pauses = Pauses(*pauses)
        self._settings, self._will, self._listening = settings, will, listening
        # read once: files that are away for a moment later on are in nobody's way
        self._tls = tls_context(settings.tls_settings) if settings.tls_settings else None
        self._deliveries, self._ready, self._failed = deliveries, ready, failed
        self._accepted_at: float | None = None
        self._connack_seen = False
        self._greeting: int | None = None  # the packet identifier of `online`
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self.client = self._new_client()

    def start(self) -> None:
        """Begin to connect; or again, where the thread that did so is gone."""
        try:
            self.client.loop_start()
        except Exception as error:  # noqa: BLE001 - no room for a thread, say: `revive` tries again
            self.client.gone = True
            self.problem.tell(problems.of_exception(error, self._settings))

    def revive(self) -> None:
        """Begin anew if the thread is gone."""
        if self.client.gone and not self._stopping.is_set():
            self.connected = False
            self.client = self._new_client()
            self.start()

    def give_up(self) -> None:
        """Leave a broker that is silent, without a goodbye, so that it publishes the last will."""
        self.connected, self._accepted_at = False, None
        self.problem.tell(problems.of_standstill(self._settings))
        self.client.cut()

    def hang_up(self) -> None:
        """Want no connection any more."""
        self._stopping.set()

    def end(self, within: float) -> None:
        """Say goodbye.

        Args:
            within: seconds that it may take at most.
        """
        self.client.disconnect()
        if self.connected:
            self._ended.wait(max(0.0, within))
        self.connected = False

    def _new_client(self) -> Link:
        client = Link(self._settings, self._tls, self._may_connect, self._on_connect_failed, self._on_broken)
        client.will_set(self._will.topic, self._will.payload, qos=1, retain=self._will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        if self._listening:
            self._listening.attach(client)
        return client

    # From here on: on paho's thread.

    def _may_connect(self) -> bool:
        self.connected, self._accepted_at = False, None
        self._connack_seen = False
        self._stopping.wait(self.pauses.take())
        return not self._stopping.is_set()

    def _on_connect_failed(self, error: Exception) -> None:
        self.problem.tell(problems.of_error(error, self._settings))
        self._failed()

    def _on_broken(self, error: Exception) -> None:
        _log.debug("The MQTT client failed.", exc_info=error)
        self.problem.tell(problems.of_exception(error, self._settings))
        self.connected, self._accepted_at = False, None
        self.client.cut()
        self._deliveries.lost(None)
        if not self._stopping.is_set():
            self.client = self._new_client()
            self.start()

    def _on_connect(
        self,
        client: paho.Client,
        _userdata: Any,
        _flags: Any,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._connack_seen = True
        client.drop_out_messages()
        self.allowance = Allowance.of(properties)
        if self._stopping.is_set():
            client.disconnect()
        elif reason.is_failure:
            self._turned_away(reason.value, str(reason))
        elif self.allowance.refusal:
            self._turned_away(self.allowance.refusal)
            self.client.cut()
        else:
            self._welcome(client)

    def _turned_away(self, code: int, name: str = "") -> None:
        self.problem.tell(problems.of_reason(code, name, self._settings))
        self._failed()
        if code in problems.FOR_GOOD:
            self.pauses.lengthen()

    def _welcome(self, client: paho.Client) -> None:
        self._accepted_at = time.monotonic()
        if self._listening is None:
            self._begin()
            return
        self._greeting = client.publish(self._will.topic, "online", qos=1, retain=True).mid
        self._listening.subscribe(client, self.allowance)

    def _begin(self) -> None:
        if self._listening:
            _log.info("Connected to the broker at %s:%s.", self._settings.host, self._settings.port)
        self.problem.is_over()
        self.connected = True
        self._ready()

    def _on_disconnect(
        self,
        _client: paho.Client,
        _userdata: Any,
        flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Any,
    ) -> None:
        accepted_at, self._accepted_at = self._accepted_at, None
        self.connected, self._greeting = False, None
        held = time.monotonic() - accepted_at if accepted_at is not None else 0.0
        self.pauses.held(held)
        if self._stopping.is_set():
            pass
        elif accepted_at is not None:
            from_broker, largest = flags.is_disconnect_packet_from_server, self._deliveries.largest
            self.problem.tell(problems.of_loss(reason, from_broker, held, largest, self._settings))
        elif not self._connack_seen:
            self.problem.tell(problems.of_no_answer(reason, self._settings))
            self._failed()
        self._deliveries.lost(reason.value)
        self._ended.set()

    def _on_publish(
        self, _client: paho.Client, _userdata: Any, mid: int, reason: ReasonCode, _properties: Any
    ) -> None:
        self.client.acknowledge_at_once()
        if mid == self._greeting:
            self._greeting = None
            self._begin()
        else:
            self._deliveries.answered(mid, reason)

    def _on_subscribe(
        self, _client: paho.Client, _userdata: Any, mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        reason = reasons[0] if reasons else None  # one was asked for; a broker that says nothing is believed
        if self._listening:
            self._listening.on_subscribe(mid, reason)
        self._deliveries.answered(mid, reason)
