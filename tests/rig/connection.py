"""The bridge's connection to a broker, of which everything is written down."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from paho.mqtt import client as paho

from bridge.config import MqttSettings
from bridge.mqtt import (
    Broker,
    Command,
    Connected,
    Event,
)
from tests.rig.mosquitto import Mosquitto, eventually

STATE = "fluvius/bridge/state"

both_protocols = pytest.mark.parametrize("protocol", ["3.1.1", "5"])


class Bridge(Broker):
    """A broker connection whose owner writes down what is handed over."""

    def __init__(self, mosquitto: Mosquitto, **settings: Any) -> None:
        self.events: list[Event] = []
        settings = {"host": mosquitto.host, "port": mosquitto.port, **settings}
        super().__init__(MqttSettings(**settings), self.events.append, pauses=(0.05, 0.2))

    @property
    def commands(self) -> list[Command]:
        return [event for event in self.events if isinstance(event, Command)]

    @property
    def connections(self) -> int:
        return self.events.count(Connected())


@contextmanager
def connected(mosquitto: Mosquitto, **settings: Any) -> Iterator[Bridge]:
    with Bridge(mosquitto, **settings) as started:
        eventually(lambda: started.connected)
        yield started


def problem_of(mosquitto: Mosquitto, containing: str, **settings: Any) -> str:
    with Bridge(mosquitto, **settings) as trying:
        eventually(lambda: containing in (trying.problem or ""))
        assert not trying.connected
        return str(trying.problem)


def shrink_send_buffer(broker: Broker) -> None:
    """As small as on a slow line."""
    connection = broker._connection.client.socket()
    assert connection is not None
    with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as twin:
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64_000)


def no_room(_: paho.Client) -> None:
    raise RuntimeError("can't start new thread")
