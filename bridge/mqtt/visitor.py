"""The broker, looked at beside a running bridge."""

import queue
import threading
import time
from collections.abc import Collection
from contextlib import suppress

from paho.mqtt import client as paho

from bridge.config import MqttSettings
from bridge.mqtt import topics
from bridge.mqtt.client import PAUSES, Broker
from bridge.mqtt.messages import BrokerAway, Message, PublishRefused, RoundTrip, SubscriptionRefused


class Visitor(Broker):
    """A connection for a short while, under a client id of its own: it says no state and hears no commands.

    Its last will takes away what `round_trip` leaves when it is cut off.

    Args:
        settings: where the broker is and how to get in.
        pauses: as of `Broker`.

    Raises:
        ConfigError: a TLS file can not be used.
    """

    def __init__(self, settings: MqttSettings, pauses: tuple[float, float] = PAUSES) -> None:
        self._arrived = threading.Event()  # or was turned away
        own = settings.model_copy(update={"client_id": f"{settings.client_id}-check"})
        super().__init__(own, lambda _: self._arrived.set(), pauses, failed=self._arrived.set, visitor=True)

    def arrive(self, within: float) -> None:
        """Wait for the connection, or for the next one after it was lost, some seconds or one attempt.

        Raises:
            BrokerAway: there is none.
        """
        if self._arrived.wait(within):
            self._arrived.clear()
        if not self.connected:
            raise BrokerAway(self.problem or "The broker does not answer.")

    def round_trip(
        self,
        topic: str | None = None,
        payload: str = "check",
        *,
        retain: bool = False,
        within: float = 3.0,
    ) -> RoundTrip:
        """Send a message to ourselves, for MQTT 3.1.1 acknowledges what it throws away.

        Args:
            topic: to try. Default: `bridge/check`.
            payload: to send.
            retain: whether the broker should keep it; it is taken away again.
            within: seconds for each of the steps.

        Raises:
            BrokerAway: as in `publish`.
        """
        topic = topic or topics.bridge_check(self._settings.base_topic)
        message, heard = Message(topic, payload, retain), threading.Event()
        client = self._ready_client()
        client.message_callback_add(
            topic, lambda _client, _userdata, it: heard.set() if it.payload == payload.encode() else None
        )
        try:
            if retain:  # listened to afterwards, it only arrives if it was kept
                self._deliver([message], within)
            if self._subscribe(client, topic, within):
                return RoundTrip.SUBSCRIBE_REFUSED
            if not retain:
                self._deliver([message], within)
            if topic in self.left_out:
                return RoundTrip.TOO_LARGE
            return RoundTrip.ARRIVED if heard.wait(within) else RoundTrip.LOST
        except PublishRefused:
            return RoundTrip.PUBLISH_REFUSED
        finally:
            client.unsubscribe(topic)
            client.message_callback_remove(topic)
            if retain:
                with suppress(BrokerAway, PublishRefused):
                    self._deliver([Message(topic, "")], within)

    def may_listen(self, topic_filter: str, within: float = 3.0) -> bool:
        """Whether the broker lets us subscribe.

        Raises:
            BrokerAway: as in `publish`.
        """
        client = self._ready_client()
        refused = self._subscribe(client, topic_filter, within)
        client.unsubscribe(topic_filter)
        return not refused

    def retained(
        self, topic_filters: Collection[str], within: float = 30.0, quiet: float = 1.0
    ) -> dict[str, bytes]:
        """What the broker remembers below some topics, by topic.

        Args:
            topic_filters: with or without wildcards.
            within: seconds in all.
            quiet: when nothing came for so many seconds, that was all; MQTT has no other end.

        Raises:
            BrokerAway: as in `publish`, or more was still coming at the end.
            SubscriptionRefused: names the first filter that the broker does not let us listen to.
        """
        deadline = time.monotonic() + within
        arrived: queue.SimpleQueue[paho.MQTTMessage] = queue.SimpleQueue()
        client = self._ready_client()
        for topic_filter in topic_filters:
            client.message_callback_add(topic_filter, lambda _client, _userdata, it: arrived.put(it))
        try:
            for topic_filter in topic_filters:
                if why := self._subscribe(client, topic_filter, within):
                    raise SubscriptionRefused(topic_filter, why)
            return self._gathered(arrived, deadline, quiet)
        finally:
            for topic_filter in topic_filters:
                client.unsubscribe(topic_filter)
                client.message_callback_remove(topic_filter)

    def _subscribe(self, client: paho.Client, topic_filter: str, patience: float) -> str | None:
        """Why the broker does not want us to, if it does not."""
        _, mid = client.subscribe(topic_filter, qos=1)
        if mid is None:
            raise BrokerAway(self.problem or "The connection to the broker was lost.")
        try:
            reason = self._deliveries.answer_to(mid, patience)
        except TimeoutError:
            raise BrokerAway("The broker did not answer in time.") from None
        return str(reason).lower() if reason is not None and reason.is_failure else None

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
