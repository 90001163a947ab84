"""The connection to the broker: kept up for ever, every message acknowledged, commands handed over.

The reasons behind what looks odd here were found in the source of paho-mqtt 2.2 and are tested in
`tests/test_mqtt.py`:

- paho keeps what was not acknowledged and sends it after the next connect, even with a clean session
  and even after something newer. `Broker` drops it on every connect: its owner publishes anew.
- paho ends its thread when connecting fails with anything but an `OSError`, and does not say what failed.
- paho loses a packet that a websocket takes only in part.
"""

import logging
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bridge.config import ConfigError, MqttSettings, TlsSettings
from bridge.mqtt import problems, topics

_log = logging.getLogger(__name__)

KEEPALIVE = 60  # seconds
LARGEST_COMMAND = 64 * 1024  # bytes
PAUSES = (1.0, 120.0)  # seconds before the second attempt to connect, and at most
UNACKNOWLEDGED = 1000  # messages under way at once
UNACKNOWLEDGED_WEBSOCKETS = 4  # few enough to fit into the socket's buffer whole, see above


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
    """Someone asks for something on `bridge/request/<name>`."""

    name: str
    payload: bytes  # at most LARGEST_COMMAND


@dataclass(frozen=True, slots=True)
class HomeAssistantStarted:
    """Home Assistant is there (again)."""


Event = Connected | Command | HomeAssistantStarted


class BrokerAway(Exception):
    """Not everything was acknowledged. `Connected` will be handed over when it is time to publish again."""


class PublishRefused(Exception):
    """The broker acknowledged everything, but does not want this topic. Only MQTT 5 can say so."""

    def __init__(self, topic: str, why: str) -> None:
        super().__init__(f"The broker refused {topic}: {why}")
        self.topic = topic
        self.why = why


class SubscriptionRefused(Exception):
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


class Broker:
    """The connection to the user's broker.

    Args:
        settings: where it is and how to get in.
        hand_over: takes what happens to the worker. Called on paho's thread, so it must return at once.
        pauses: seconds between two attempts to connect: after the first, and at most.
        births: topics on which Home Assistant says `online` when it starts.
        visitor: only try the connection, under a client id of its own: no state, no last will, no commands.

    Attributes:
        connected: whether it makes sense to publish.
        problem: why not connected and what to do about it, for the user; None while connected.

    Raises:
        ConfigError: a TLS file can not be used.

    All methods but `interrupt` are for one thread: the worker's.
    """

    def __init__(
        self,
        settings: MqttSettings,
        hand_over: Callable[[Event], None],
        pauses: tuple[float, float] = PAUSES,
        *,
        births: Collection[str] = (),
        visitor: bool = False,
    ) -> None:
        if visitor:
            settings = settings.model_copy(update={"client_id": f"{settings.client_id}-check"})
        self._visitor = visitor
        self.connected = False
        self.problem: str | None = problems.of_silence(settings)
        self._settings = settings
        self._hand_over = hand_over
        self._births = births
        self._state_topic = topics.bridge_state(settings.base_topic)
        self._shortest_pause, self._longest_pause = pauses
        self._pause = 0.0
        self._connected_at = 0.0
        self._connack_seen = False
        self._told: set[str] = set()  # problems in the log since the last connection
        self._window = UNACKNOWLEDGED
        self._commands_subscription: int | None = None
        self._answers: queue.SimpleQueue[tuple[int, ReasonCode] | None] = queue.SimpleQueue()
        self._interrupted = False
        self._stopping = threading.Event()
        self._client = self._new_client()

    def start(self) -> None:
        """Begin to connect, in the background and for ever."""
        self._client.connect_async(
            self._settings.host, self._settings.port, keepalive=KEEPALIVE, clean_start=True
        )
        self._client.loop_start()

    def publish(self, messages: Iterable[Message], within: float = 10.0) -> None:
        """Publish and return when the broker has acknowledged every message.

        Args:
            messages: in this order.
            within: seconds for all of them together.

        Raises:
            BrokerAway: not connected, lost meanwhile, or not acknowledged in time. Nothing is kept to be
                sent later. A connection that did not acknowledge in time is given up.
            PublishRefused: names the first topic that the broker does not want; the others are there.
        """
        if self._interrupted:
            raise BrokerAway("The bridge is stopping.")
        self._make_ready()
        self._deliver(messages, time.monotonic() + within)

    def round_trip(self, topic: str | None = None, within: float = 3.0) -> RoundTrip:
        """Send a message to ourselves, for MQTT 3.1.1 acknowledges what it throws away.

        Args:
            topic: to try; not retained, so it leaves nothing behind. Default: `bridge/response/check`.
            within: seconds.

        Raises:
            BrokerAway: as in `publish`.
        """
        deadline = time.monotonic() + within
        topic = topic or topics.response(self._settings.base_topic, "check")
        heard = threading.Event()
        self._make_ready()
        self._client.message_callback_add(topic, lambda *_: heard.set())
        try:
            _, subscription = self._client.subscribe(topic, qos=1)
            if self._settle({subscription or 0: topic}, 0, deadline):
                return RoundTrip.SUBSCRIBE_REFUSED
            return self._echo(topic, heard, deadline)
        finally:
            self._client.unsubscribe(topic)
            self._client.message_callback_remove(topic)

    def retained(
        self, topic_filters: Collection[str], within: float = 30.0, quiet: float = 1.0
    ) -> dict[str, bytes]:
        """What the broker remembers below some topics, by topic.

        Args:
            topic_filters: with or without wildcards; none that commands arrive on, unless as a visitor.
            within: seconds in all.
            quiet: when nothing came for so many seconds, that was all; MQTT has no other end.

        Raises:
            BrokerAway: as in `publish`, or more was still coming at the end.
            SubscriptionRefused: names the first filter that the broker does not let us listen to.
        """
        deadline = time.monotonic() + within
        arrived: queue.SimpleQueue[paho.MQTTMessage] = queue.SimpleQueue()
        self._make_ready()
        for topic_filter in topic_filters:
            self._client.message_callback_add(topic_filter, lambda _client, _userdata, it: arrived.put(it))
        try:
            waiting = {self._client.subscribe(each, qos=1)[1] or 0: each for each in topic_filters}
            for refusal in self._settle(waiting, 0, deadline):
                raise SubscriptionRefused(refusal.topic, refusal.why)
            return self._gathered(arrived, deadline, quiet)
        finally:
            for topic_filter in topic_filters:
                self._client.unsubscribe(topic_filter)
                self._client.message_callback_remove(topic_filter)

    def _gathered(
        self, arrived: "queue.SimpleQueue[paho.MQTTMessage]", deadline: float, quiet: float
    ) -> dict[str, bytes]:
        found = {}
        with suppress(queue.Empty):
            while time.monotonic() < deadline:
                message = arrived.get(timeout=quiet)
                if message.retain:
                    found[message.topic] = bytes(message.payload)
            raise BrokerAway("The broker did not come to an end in time.")
        if not self.connected:
            raise BrokerAway(self.problem or "The connection to the broker was lost.")
        return found

    def interrupt(self) -> None:
        """Make a `publish` under way, and every later one, raise `BrokerAway` at once.

        For a signal handler or another thread: `stop` has to follow.
        """
        self._interrupted = True
        self._answers.put(None)

    def stop(self, within: float = 1.0) -> None:
        """Publish `offline` and disconnect.

        A broker that does not acknowledge it loses the connection instead, and publishes the last will.

        Args:
            within: seconds that it may take at most.
        """
        deadline = time.monotonic() + within
        self._interrupted = True
        self._stopping.set()
        try:
            self._make_ready()
            self._deliver([] if self._visitor else [Message(self._state_topic, "offline")], deadline)
        except (BrokerAway, PublishRefused) as why:
            _log.debug("No goodbye: %s", why)
        self._client.disconnect()
        while self.connected and time.monotonic() < deadline:
            with suppress(queue.Empty):
                self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
        self.connected = False

    def _make_ready(self) -> None:
        while not self._answers.empty():
            self._answers.get()
        if not self.connected:
            raise BrokerAway(self.problem or "Not connected to the broker.")

    def _deliver(self, messages: Iterable[Message], deadline: float) -> None:
        waiting: dict[int, str] = {}
        refusals = []
        for message in messages:
            refusals += self._settle(waiting, self._window - 1, deadline)
            info = self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise BrokerAway("The connection to the broker was lost.")
            waiting[info.mid] = message.topic
        refusals += self._settle(waiting, 0, deadline)
        if refusals:
            raise refusals[0]

    def _settle(self, waiting: dict[int, str], at_most: int, deadline: float) -> list[PublishRefused]:
        """Wait until at most so many of the topics wait for an answer; the refusals among the answers."""
        refusals = []
        while len(waiting) > at_most:
            mid, reason = self._next_answer(deadline)
            topic = waiting.pop(mid, None)
            if topic is not None and reason.is_failure:
                refusals.append(PublishRefused(topic, str(reason).lower()))
        return refusals

    def _next_answer(self, deadline: float) -> tuple[int, ReasonCode]:
        try:
            answer = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            self._cut()
            raise BrokerAway("The broker did not acknowledge in time.") from None
        if answer is None:
            raise BrokerAway(self.problem or "The connection to the broker was lost.")
        return answer

    def _echo(self, topic: str, heard: threading.Event, deadline: float) -> RoundTrip:
        try:
            self._deliver([Message(topic, "check", retain=False)], deadline)
        except PublishRefused:
            return RoundTrip.PUBLISH_REFUSED
        arrived = heard.wait(max(0.0, deadline - time.monotonic()))
        return RoundTrip.ARRIVED if arrived else RoundTrip.LOST

    def _cut(self) -> None:
        """End the connection without a goodbye, so that the broker publishes the last will."""
        if (connection := self._client.socket()) is None:
            return
        with (
            suppress(OSError),
            socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as twin,
        ):
            twin.shutdown(socket.SHUT_RDWR)

    def _new_client(self) -> "_Client":
        settings = self._settings
        client = _Client(self._may_connect, self._on_connect_failed, settings)
        client.max_inflight_messages = 0  # unlimited: `_deliver` counts, so that nothing queues inside paho
        client.reconnect_delay_set(0, 0)  # `_may_connect` pauses
        if settings.username is not None:
            password = settings.password.get_secret_value() if settings.password else None
            client.username_pw_set(settings.username, password)
        if settings.tls_settings:
            client.tls_set_context(_tls_context(settings.tls_settings))
        if not self._visitor:
            client.will_set(self._state_topic, "offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        if not self._visitor:
            client.message_callback_add(topics.request(settings.base_topic, "+"), self._on_command)
        for topic in self._births:
            client.message_callback_add(topic, self._on_birth)
        return client

    # From here on: on paho's thread.

    def _may_connect(self) -> bool:
        self.connected = False
        self._connack_seen = False
        self._stopping.wait(self._pause)
        self._pause = min(max(2 * self._pause, self._shortest_pause), self._longest_pause)
        return not self._stopping.is_set()

    def _on_connect_failed(self, error: Exception) -> None:
        self._tell(problems.of_error(error, self._settings))

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
        if self._stopping.is_set():
            client.disconnect()
        elif reason.is_failure:
            self._tell(problems.of_reason(reason, self._settings))
        else:
            self._welcome(client, getattr(properties, "ReceiveMaximum", UNACKNOWLEDGED))

    def _welcome(self, client: paho.Client, receive_maximum: int) -> None:
        websockets = self._settings.transport == "websockets"
        self._window = min(receive_maximum, UNACKNOWLEDGED_WEBSOCKETS if websockets else UNACKNOWLEDGED)
        if not self._visitor:
            client.publish(self._state_topic, "online", qos=1, retain=True)
            _, self._commands_subscription = client.subscribe(
                topics.request(self._settings.base_topic, "+"), qos=1
            )
            for topic in self._births:
                client.subscribe(topic, qos=1)
            _log.info("Connected to the broker at %s:%s.", self._settings.host, self._settings.port)
        self._told.clear()
        self._connected_at = time.monotonic()
        self.problem = None
        self.connected = True
        self._hand_over(Connected())

    def _on_disconnect(
        self,
        _client: paho.Client,
        _userdata: Any,
        flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Any,
    ) -> None:
        was_connected, self.connected = self.connected, False
        held = time.monotonic() - self._connected_at
        if was_connected and held > self._longest_pause:
            self._pause = self._shortest_pause
        if self._stopping.is_set():
            pass
        elif was_connected:
            from_broker = flags.is_disconnect_packet_from_server
            self._tell(problems.of_loss(reason, from_broker, held, self._settings))
        elif not self._connack_seen:
            self._tell(problems.of_no_answer(reason, self._settings))
        self._answers.put(None)

    def _on_publish(
        self, client: paho.Client, _userdata: Any, mid: int, reason: ReasonCode, _properties: Any
    ) -> None:
        _acknowledge_at_once(client)
        self._answers.put((mid, reason))

    def _on_subscribe(
        self, _client: paho.Client, _userdata: Any, mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        if mid == self._commands_subscription and reasons[0].is_failure:
            _log.warning(
                "The broker does not let us listen to %s: no command will arrive. Look at its access list.",
                topics.request(self._settings.base_topic, "+"),
            )
        self._answers.put((mid, reasons[0]))

    def _on_command(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        if message.retain:  # a `refresh` that someone retained would ask Fluvius at every connect
            _log.info("Ignored what is retained on %s: commands must not be retained.", message.topic)
        elif not re.fullmatch("[a-z_]{1,32}", message.topic.rpartition("/")[2]):
            _log.info("Ignored a request whose name is none.")
        elif len(message.payload) > LARGEST_COMMAND:
            _log.info("Ignored %d bytes on %s: that is too much.", len(message.payload), message.topic)
        else:
            self._hand_over(Command(message.topic.rpartition("/")[2], bytes(message.payload)))

    def _on_birth(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        if message.payload == b"online" and not message.retain:  # if retained, it started before we did
            self._hand_over(HomeAssistantStarted())

    def _tell(self, problem: str) -> None:
        self.problem = problem
        if problem not in self._told:
            self._told.add(problem)
            _log.warning("%s Trying again.", problem)


class _Client(paho.Client):
    """Paho's client, but a failed attempt to connect neither ends its thread nor goes unexplained."""

    def __init__(
        self, may_connect: Callable[[], bool], on_failed: Callable[[Exception], None], settings: MqttSettings
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            settings.client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if settings.protocol == "5" else MQTTProtocolVersion.MQTTv311,
            transport=settings.transport,
        )
        self._may_connect = may_connect
        self._on_failed = on_failed

    def reconnect(self) -> MQTTErrorCode:
        if not self._may_connect():
            return self.disconnect()
        try:
            return super().reconnect()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may succeed
            self._on_failed(error)
            return MQTTErrorCode.MQTT_ERR_NO_CONN


def _acknowledge_at_once(client: paho.Client) -> None:
    """Let the kernel not wait 40 ms with its TCP acknowledgement, for as long the broker would not go on.

    By default Mosquitto sends its next small packet only then. The option is Linux's, and it forgets it.
    """
    if hasattr(socket, "TCP_QUICKACK") and isinstance(connection := client.socket(), socket.socket):
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _tls_context(tls: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.ca_file is None:
        context.load_default_certs()
    else:
        with _blaming("ca_file", tls.ca_file, "certificates"):
            context.load_verify_locations(tls.ca_file)
    if tls.cert_file is not None:
        with _blaming(
            "cert_file", tls.cert_file, "a certificate, with its key in it or, unencrypted, in key_file"
        ):
            # an empty password, or OpenSSL would ask for one at the terminal
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    return context


@contextmanager
def _blaming(key: str, file: Path, content: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise ConfigError(f"mqtt.tls.{key}: {file} has to be a PEM file with {content} ({why}).") from error
