"""The whole bridge with brokers that are limited, far away, or shared with someone who writes our topics."""

import json
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho

from bridge.folder import heartbeat
from bridge.mqtt import Broker, Command, client
from bridge.publishing.publisher import BridgeStatus
from bridge.service.window import Window
from bridge.setup import broker as broker_check
from tests.rig.connection import both_protocols, no_room
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.oddbroker import CONNECT, PUBLISH, OddBroker, Packet, slow_line, usual
from tests.rig.waiting import until_healthy, until_published
from tests.rig.world import GAS, HOME, World, says

STATE = "fluvius/bridge/state"

# paho leaves the socket of a client that broke to the garbage collector
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.usefixtures("_short_greeting"),
]


# --- what is left out


@both_protocols
def test_with_a_small_limit_everything_else_is_published_and_health_says_what_is_not(
    home: World, tmp_path: Path, protocol: str
) -> None:
    home.fetch()
    home.changes["mqtt.protocol"] = protocol
    with Mosquitto(tmp_path / "small", settings="max_packet_size 10000") as small:
        home.broker_port = small.port
        with home.running():
            eventually(lambda: '"broker"' in small.retained().get("fluvius/bridge/health", ""), 15)
            retained = small.retained()
            assert retained[STATE] == "online"
    health = says(retained, "fluvius/bridge/health")["broker"]
    assert health["state"] == "limited"
    assert "fluvius/home/intervals" in health["last_error"]
    assert "fluvius/home/intervals" not in retained
    assert {"fluvius/home/day", "fluvius/home/total/net", "fluvius/home/status"} <= retained.keys()
    assert any(topic.startswith("homeassistant/") for topic in retained)


# --- the state


@pytest.mark.parametrize("written", ["offline", "", "nonsense"])
def test_the_state_says_online_again_when_someone_else_wrote_it(
    home: World, mosquitto: Mosquitto, written: str, caplog: pytest.LogCaptureFixture
) -> None:
    with home.running():
        until_healthy(mosquitto)
        mosquitto.publish(STATE, written, retain=True)
        eventually(lambda: mosquitto.retained().get(STATE) == "online", 10)
    assert mosquitto.retained()[STATE] == "offline"
    assert caplog.text.count("Does another bridge use the same mqtt.base_topic?") == 1


def test_two_who_write_the_state_do_not_fight_without_end(
    home: World, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with mosquitto.listen(STATE) as ear, home.running():
        until_healthy(mosquitto)
        for said in range(2, 4):
            mosquitto.publish(STATE, "offline", retain=True)
            if said == 2:
                ear.wait_for(lambda _: ear.payloads(STATE).count("online") == 2)
        ear.wait_for(lambda _: ear.payloads(STATE)[-1] == "offline")
        until_healthy(mosquitto)
        assert ear.payloads(STATE).count("online") == 2
    assert caplog.text.count("mqtt.base_topic") == 1


def test_republish_says_the_state_too(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_CONTRADICT", 1e9)  # nobody watches
    with home.running():
        until_healthy(mosquitto)
        mosquitto.publish(STATE, "", retain=True)
        mosquitto.publish("fluvius/bridge/request/republish", "")
        eventually(lambda: mosquitto.retained().get(STATE) == "online")


# --- lines that break and lines that are slow


def test_where_no_connection_lasts_for_everything_all_gets_through_nevertheless(home: World) -> None:
    """Each connection carries 60 messages."""
    home.changes["mqtt.stream"] = True
    home.fetch()
    home.clock.pass_by(days=1)
    home.fetch()
    carried = 0
    lock = threading.Lock()

    def at_most_60(received: Packet) -> bytes | None:
        nonlocal carried
        with lock:
            if received.kind == CONNECT:
                carried = 0
            carried += received.kind == PUBLISH
            return usual(received) if carried <= 60 else None

    with OddBroker(at_most_60).open() as odd:
        home.broker_port = odd.port
        with home.running():
            eventually(
                lambda: len(set(read(odd))) == 8 * 96 and "fluvius/bridge/health" in odd.topics(PUBLISH), 20
            )
        assert odd.connections > 2
        assert len(read(odd)) <= 8 * 96 + 60 * odd.connections
        assert {"fluvius/home/day", "fluvius/home/total/net"} <= set(odd.topics(PUBLISH))


def read(odd: OddBroker) -> list[str]:
    """When the readings begin that were streamed."""
    return [
        json.loads(each.body[4 + len("fluvius/home/reading") :])["start"]
        for each in list(odd.received)
        if each.kind == PUBLISH and each.topic == "fluvius/home/reading"
    ]


def test_on_a_slow_line_everything_gets_through(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broker.publish, "__defaults__", (0.5, *(Broker.publish.__defaults__ or ())[1:]))
    home.fetch()
    with slow_line(mosquitto.port, rate=40_000) as port, mosquitto.listen(STATE) as ear:
        home.broker_port = port
        with home.running():
            until_published(mosquitto)
            until_healthy(mosquitto)
        ear.wait_for(lambda _: ear.payloads(STATE) == ["online", "offline"])


# --- the thread


def test_a_bridge_whose_thread_cannot_be_had_again_stands_still_for_who_listens_to_its_heart(
    home: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with home.running() as bridge:
        eventually(lambda: heartbeat.problems(home.data_dir, home.clock()) == [])
        monkeypatch.setattr(paho.Client, "loop_start", no_room)
        bridge._broker._connection.client.gone = True
        eventually(lambda: not bridge._broker.alive and bridge._broker.problem)
        home.clock.pass_by(minutes=12)
        assert (
            "has given no sign of life"
            in heartbeat.problems(home.data_dir, home.clock(), only_silence=True)[0]
        )
        monkeypatch.undo()
        eventually(lambda: heartbeat.problems(home.data_dir, home.clock()) == [])


# --- check


WRITE_ONLY = "topic readwrite fluvius/#\ntopic write homeassistant/#\ntopic read homeassistant/status"
NO_METERS = "topic readwrite fluvius/bridge/#\ntopic readwrite homeassistant/#"
TOO_SMALL = "as large as a day's intervals"


@both_protocols
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, None),
        ({"access": WRITE_ONLY}, None),
        ({"access": "topic readwrite fluvius/#"}, "must allow homeassistant/# for writing"),
        ({"access": NO_METERS}, "must allow fluvius/#"),
        ({"settings": "max_packet_size 10000"}, TOO_SMALL),
        ({"settings": "message_size_limit 10000"}, TOO_SMALL),
        ({"settings": "retain_available false"}, "retained messages"),
        ({"of_listener": "max_qos 0"}, "QoS 1"),
    ],
)
def test_check_tries_what_a_run_does(
    home: World, protocol: str, options: dict[str, Any], words: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_check, "_EACH", 0.5)
    monkeypatch.setattr(broker_check, "_SLOW", 0.5)
    monkeypatch.setattr(broker_check, "_TO_CONNECT", 3.0)
    home.changes["mqtt.protocol"] = protocol
    with Mosquitto(home.folder / "other", **options) as mosquitto:
        home.broker_port = mosquitto.port
        works, said = broker_check.try_broker(home.settings)
        assert works == (words is None), said
        assert (words or "takes and delivers") in said
        if "retain_available false" not in options.values():
            assert mosquitto.retained() == {}


def test_a_check_that_is_cut_off_leaves_nothing(home: World) -> None:
    """Its last will takes away what it left."""

    def cut(received: Packet) -> bytes | None:
        return None if received.kind == PUBLISH else usual(received)

    with OddBroker(cut).open() as odd:
        home.broker_port = odd.port
        works, _ = broker_check.try_broker(home.settings)
        assert not works
        will = next(each for each in odd.received if each.kind == CONNECT).body
        assert b"\x00\x14fluvius/bridge/check\x00\x00" in will
        assert will[7] & 0b0011_1100 == 0b0010_1100  # retained, QoS 1, will


def test_a_broker_that_is_away_costs_no_look_at_every_meter_again_and_again(desk: World) -> None:
    """One is tried to be published, and no other is looked at before something is new."""
    window = Window()
    desk.meters = [HOME, GAS]

    def is_another_than(before: BridgeStatus | None) -> bool:
        return window.status is not before

    def is_left_alone() -> bool:
        latest = window.progress.get(GAS["ean"])
        for _ in range(3):
            before = window.status
            bridge.wish(Command("backfill", b"nonsense"))
            eventually(partial(is_another_than, before), 10)
        return latest is not None and window.progress[GAS["ean"]] is latest

    with desk.running(window=window) as bridge:
        eventually(is_left_alone, 15)
        latest = window.progress[GAS["ean"]]
        desk.clock.pass_by(days=1)
        eventually(lambda: window.progress[GAS["ean"]] is not latest, 10)
