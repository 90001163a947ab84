"""What the page about the stream promises to those who put it into a database."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.rig.mosquitto import Mosquitto
from tests.rig.world import HOME, World

PAGE = Path(__file__).parents[2] / "docs" / "stream.md"
READING = "fluvius/home/reading"


def streamed(world: World, mosquitto: Mosquitto) -> list[dict[str, Any]]:
    """What one run streams."""
    with mosquitto.listen(READING, "the-end") as ear:
        world.once()
        mosquitto.publish("the-end", "")
        ear.wait_for(lambda heard: any(each.topic == "the-end" for each in heard))
    return [json.loads(payload) for payload in ear.payloads(READING)]


def test_a_database_has_each_interval_once_as_it_was_corrected_last(
    home: World, mosquitto: Mosquitto
) -> None:
    home.changes["mqtt.stream"] = True
    messages = streamed(home, mosquitto)
    home.simulator.correct(HOME["ean"], date(2026, 11, 18), delta_wh=500, at=home.clock())
    home.clock.pass_by(days=1)
    corrected = streamed(home, mosquitto)
    assert {each["revision"] for each in corrected} == {1, 2}
    heard = [*messages, *messages[:96], *corrected, *corrected[-96:]]  # as after a crash
    assert len({each["id"] for each in heard}) == len(messages) + len(corrected)

    create, insert = re.findall(r"(?:CREATE|INSERT) [^;]*;", PAGE.read_text("utf-8"))
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(create)
        database.executemany(insert, heard)
        ((count, total),) = database.execute("SELECT COUNT(*), SUM(consumption) FROM reading").fetchall()
    truth = home.truth(HOME["ean"], date(2026, 11, 14), date(2026, 11, 21))
    consumption = sum(amount for (direction, *_), amount in truth.items() if direction == "consumption")
    assert (count, total) == (8 * 96, pytest.approx(float(consumption)))


@pytest.mark.parametrize("topic", ["reading", "event"])
def test_what_the_broker_refuses_is_said_when_it_is_allowed(home: World, tmp_path: Path, topic: str) -> None:
    home.changes |= {"mqtt.stream": True, "mqtt.protocol": "5"}
    home.changes |= {"mqtt.username": "bridge", "mqtt.password": "right"}
    allowed = "user bridge\ntopic readwrite #"
    users = {"bridge": "right"}
    denied = Mosquitto(tmp_path / "denied", users, access=f"{allowed}\ntopic deny fluvius/home/{topic}")
    with denied as mosquitto:
        home.broker_port = mosquitto.port
        home.once()
    with Mosquitto(tmp_path / "allowed", users, access=allowed) as mosquitto:
        home.broker_port = mosquitto.port
        with mosquitto.listen(f"fluvius/home/{topic}") as ear:
            home.once()
    assert len(ear.messages) == (7 * 96 if topic == "reading" else 1)
