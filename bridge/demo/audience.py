"""A program on the broker, as any user may write one: it listens, asks for a refresh, and tidies up."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from bridge.config import MqttSettings
from bridge.demo.broker import NoBroker
from bridge.demo.events import Arrived

_SECONDS_TO_CONNECT = 4.0


class Audience:
    """Hears everything below the base topic.

    Args:
        settings: where the broker is.
        hear: takes every message; called on paho's thread.

    Attributes:
        latest: what was last said on each topic, without the base.
    """

    def __init__(self, settings: MqttSettings, hear: Callable[[Arrived], None]) -> None:
        self.latest: dict[str, str] = {}
        self._settings, self._hear = settings, hear
        self._subscribed = threading.Event()
        self._refusal: str | None = None
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.connect_timeout = _SECONDS_TO_CONNECT
        if settings.username is not None:
            password = settings.password.get_secret_value() if settings.password else None
            self._client.username_pw_set(settings.username, password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message

    def join(self) -> None:
        """Connect, and return when everything that is published from now on will be heard.

        Raises:
            NoBroker: not within a few seconds.
        """
        place = f"{self._settings.host}:{self._settings.port}"
        try:
            self._client.connect(self._settings.host, self._settings.port)
        except OSError as error:
            raise NoBroker(f"no MQTT broker answers at {place}: {error.strerror or error}") from None
        self._client.loop_start()
        if self._subscribed.wait(_SECONDS_TO_CONNECT) and not self._refusal:
            return
        self.leave()
        raise NoBroker(
            f"the broker at {place} refuses the connection: {self._refusal}; give its user name and password"
            " in FLUVIUS2MQTT_MQTT__USERNAME and FLUVIUS2MQTT_MQTT__PASSWORD"
            if self._refusal
            else f"what listens at {place} does not answer as an MQTT broker would"
        )

    def leave(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: str) -> None:
        """Publish something below the base topic, once."""
        self._client.publish(f"{self._settings.base_topic}/{topic}", payload, qos=1)

    def payload(self, topic: str) -> dict[str, Any]:
        """The JSON last said on a topic; empty if nothing was."""
        found: dict[str, Any] = json.loads(self.latest.get(topic, "{}"))
        return found

    def take_away(self, topics: Iterable[str], within: float) -> bool:
        """Remove retained topics; returns whether the broker has acknowledged it.

        Args:
            topics: in full.
            within: seconds.
        """
        removals = [self._client.publish(topic, "", qos=1, retain=True) for topic in topics]
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if all(removal.rc == paho.MQTT_ERR_SUCCESS and removal.is_published() for removal in removals):
                return True
            time.sleep(0.01)
        return False

    # On paho's thread

    def _on_connect(
        self, client: paho.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._refusal = str(reason).lower()
            self._subscribed.set()
        else:
            client.subscribe(f"{self._settings.base_topic}/#", qos=1)

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        payload = message.payload.decode(errors="replace")
        self.latest[message.topic.removeprefix(f"{self._settings.base_topic}/")] = payload
        self._hear(Arrived(message.topic, payload))
