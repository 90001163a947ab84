"""Requests to a running bridge over MQTT, and its answers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bridge.service.bridge import Bridge
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.waiting import until_healthy
from tests.rig.world import World

REQUEST, RESPONSE = "fluvius/bridge/request", "fluvius/bridge/response"


@contextmanager
def at_rest(world: World, mosquitto: Mosquitto) -> Iterator[Bridge]:
    """A bridge that has caught up; six minutes later."""
    with world.running() as bridge:
        eventually(lambda: '"days": 7' in mosquitto.retained().get("fluvius/home/total", ""), 10)
        until_healthy(mosquitto)
        world.clock.pass_by(minutes=6)
        world.simulator.forget_requests()
        yield bridge


def ask(
    mosquitto: Mosquitto, name: str, payload: str | bytes = "", *, answers: int = 1
) -> list[dict[str, Any]]:
    """The answers to one command."""
    with mosquitto.listen(f"{RESPONSE}/#") as ear:
        mosquitto.publish(f"{REQUEST}/{name}", payload)
        ear.wait_for(lambda heard: len(heard) == answers)
        assert not any(message.retain for message in ear.messages)
        return [json.loads(payload) for payload in ear.payloads(f"{RESPONSE}/{name}")]
