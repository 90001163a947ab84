"""`mqtt.publish.meters: false`: the bridge says how it does, and nothing of meters."""

import json
from datetime import date

import pytest

from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.requests import ask
from tests.rig.waiting import until_healthy
from tests.rig.world import GAS, HOME, World, says

OWN = {f"fluvius/bridge/{name}" for name in ("state", "info", "health", "problem", "history")}
DAY = 96  # quarter-hours


@pytest.fixture
def alone(home: World) -> World:
    home.meters = [HOME, GAS]
    home.changes["mqtt.publish.meters"] = False
    return home


def switch(world: World, *, on: bool) -> None:
    world.changes["mqtt.publish.meters"] = on


def test_readings_are_fetched_and_kept_and_none_is_published(alone: World, mosquitto: Mosquitto) -> None:
    with mosquitto.listen("fluvius/#", "homeassistant/#") as ear:
        cycle = alone.once()
        ear.wait_for(lambda _: ear.payloads("fluvius/bridge/state") == ["online", "offline"])
    assert cycle.errors == []
    assert cycle.new_days.keys() == {"home", "gas"}
    assert {message.topic for message in ear.messages} == OWN == mosquitto.retained().keys()
    assert says(mosquitto.retained(), "fluvius/bridge/health")["portal"]["state"] == "ok"
    assert json.loads(mosquitto.retained()["fluvius/bridge/problem"])["advice"] is None  # of Home Assistant


def test_what_was_published_before_is_taken_away_and_comes_back(alone: World, mosquitto: Mosquitto) -> None:
    switch(alone, on=True)
    alone.once()
    before = mosquitto.retained()
    assert {topic.split("/")[0] for topic in before} == {"fluvius", "homeassistant"}
    switch(alone, on=False)
    mosquitto.publish("fluvius/home/notes", "somebody else's", retain=True)
    alone.once()
    assert mosquitto.retained().keys() == OWN | {"fluvius/home/notes"}
    switch(alone, on=True)
    alone.once()
    back = mosquitto.retained()
    assert back.keys() == before.keys() | {"fluvius/home/notes"}
    assert back["fluvius/home/total"] == before["fluvius/home/total"]


def test_what_a_broker_did_not_let_go_of_is_taken_away_later(alone: World, mosquitto: Mosquitto) -> None:
    switch(alone, on=True)
    alone.once()
    switch(alone, on=False)
    port, alone.broker_port, alone.greeting = alone.broker_port, 1, 0.05
    assert alone.once().errors  # the broker is away
    alone.broker_port, alone.greeting = port, 10.0
    alone.once()
    assert mosquitto.retained().keys() == OWN


@pytest.mark.usefixtures("_quick")
def test_commands_answer_and_touch_no_meter(alone: World, mosquitto: Mosquitto) -> None:
    with alone.running():
        until_healthy(mosquitto)
        alone.clock.pass_by(minutes=6)
        (refreshed,) = ask(mosquitto, "refresh")
        assert (refreshed["status"], refreshed["data"]["new_days"]) == ("ok", {})
        (republished,) = ask(mosquitto, "republish", '{"transaction": 4}')
        assert republished == {"status": "ok", "data": {}, "transaction": 4}
        begun, done = ask(mosquitto, "backfill", '{"from": "2026-11-10", "meter": "home"}', answers=2)
        assert (begun["data"]["state"], done["data"]["state"]) == ("started", "done")
        mosquitto.publish("homeassistant/status", "online")
        assert mosquitto.retained().keys() == OWN
    assert alone.total() == alone.truth(HOME["ean"], date(2026, 11, 10), date(2026, 11, 20))


def test_the_stream_is_a_switch_of_its_own(alone: World, mosquitto: Mosquitto) -> None:
    alone.meters = [HOME]
    alone.changes["mqtt.stream"] = True
    with mosquitto.listen("fluvius/home/#") as ear:
        for days in 7, 8:
            alone.once()
            eventually(lambda: len(ear.messages) == days * DAY, 10)  # noqa: B023 - in this turn
            alone.clock.pass_by(days=1)
    assert {message.topic for message in ear.messages} == {"fluvius/home/reading"}
    assert mosquitto.retained("fluvius/home/#") == {}
