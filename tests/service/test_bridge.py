"""The whole bridge at work: in a thread as `run` has it, with brokers that come, go, forget and refuse."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from bridge.fluvius import http
from bridge.ledger import LedgerError
from bridge.metering.model import BRUSSELS
from bridge.mqtt import BrokerAway
from bridge.service.bridge import Bridge
from bridge.simulator import Simulator
from tests.rig.connection import both_protocols
from tests.rig.mosquitto import Certificates, Mosquitto, eventually
from tests.rig.waiting import until_healthy, until_published
from tests.rig.world import GAS, HOME, Clock, World, says

STATE = "fluvius/bridge/state"
DAY = "fluvius/home/day/date"

# paho leaves the socket of a failed TLS or websocket handshake to the garbage collector
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.usefixtures("_short_greeting"),
]


@pytest.fixture
def late_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that has its port, and is not there yet."""
    broker = Mosquitto(tmp_path / "mosquitto")
    broker.reserve_port()
    yield broker
    broker.stop()


class Gate:
    """A pause between two requests that lasts until the test opens it."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, _seconds: float) -> None:
        self.reached.set()
        assert self.open.wait(10)


def everything(mosquitto: Mosquitto) -> dict[str, str]:
    """What the broker remembers of the meters."""
    return {
        topic: payload
        for topic, payload in mosquitto.retained("fluvius/#").items()
        if not topic.startswith("fluvius/bridge/")
    }


# --- the life of a run


def test_what_the_ledger_has_is_published_before_fluvius_is_asked(home: World, mosquitto: Mosquitto) -> None:
    home.fetch()
    home.clock.pass_by(days=1)
    home.simulator.forget_requests()
    with home.running():
        with home.simulator.lock:  # it cannot answer
            until_published(mosquitto)
            assert home.simulator.requests == []
        until_published(mosquitto, "2026-11-21", days=8)


def test_a_first_start_catches_up(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [HOME, GAS]
    with mosquitto.listen("fluvius/#") as ear, home.running():
        until_published(mosquitto)
        assert mosquitto.retained()[STATE] == "online"
    assert home.invented(ear.messages) == []
    assert home.total() == home.truth(HOME["ean"], date(2026, 11, 14), date(2026, 11, 20))


def test_a_restart_asks_nothing_and_publishes_everything_again(home: World, mosquitto: Mosquitto) -> None:
    with home.running():
        until_published(mosquitto)
    before = everything(mosquitto)
    mosquitto.restart(keep_memory=False)
    home.simulator.forget_requests()
    with home.running():
        eventually(lambda: everything(mosquitto) == before)
    assert home.simulator.requests == []


def test_the_bridge_says_offline_when_it_stops(home: World, mosquitto: Mosquitto) -> None:
    with mosquitto.listen(STATE) as ear:
        with home.running():
            ear.wait_for(lambda _: ear.payloads(STATE) == ["online"])
        ear.wait_for(lambda _: ear.payloads(STATE) == ["online", "offline"])


def test_the_day_is_published_before_the_older_ones_are_fetched(home: World, mosquitto: Mosquitto) -> None:
    gate = Gate()
    with home.running(pause=gate):
        assert gate.reached.wait(5)
        assert mosquitto.retained()[DAY] == "2026-11-20"
        assert home.simulator.count("readings") == 2
        gate.open.set()
        until_published(mosquitto)


def test_a_stop_in_the_middle_of_a_cycle_keeps_what_was_fetched(home: World) -> None:
    gate = Gate()
    with home.running(pause=gate) as bridge:
        assert gate.reached.wait(5)
        bridge.stop()
        gate.open.set()
    assert home.simulator.count("readings-interval") < 7
    home.once()
    assert home.simulator.count("readings-interval") == 7
    assert home.total() == home.truth(HOME["ean"], date(2026, 11, 14), date(2026, 11, 20))


def test_trouble_is_tried_again_when_its_time_has_come(home: World, mosquitto: Mosquitto) -> None:
    home.simulator.fault("server-error")
    with home.running():
        eventually(lambda: "unreachable" in mosquitto.retained().get("fluvius/bridge/health", ""))
        home.simulator.clear()
        requests = home.simulator.count()
        home.clock.pass_by(minutes=2)
        mosquitto.publish(
            "fluvius/bridge/request/republish", ""
        )  # the loop has gone round when this is there
        eventually(lambda: '"failures_in_a_row": 1' in mosquitto.retained()["fluvius/bridge/health"])
        assert home.simulator.count() == requests
        home.clock.pass_by(minutes=10)
        until_healthy(mosquitto)
        health = says(mosquitto.retained(), "fluvius/bridge/health")["portal"]
        assert (health["state"], health["failures_in_a_row"], health["last_error"]) == ("ok", 0, None)


def test_refused_credentials_end_nothing_but_the_asking(home: World, mosquitto: Mosquitto) -> None:
    home.password = "wrong"
    with home.running():
        eventually(lambda: "refused" in mosquitto.retained().get("fluvius/bridge/health", ""))
        home.clock.pass_by(hours=3)
        mosquitto.publish("fluvius/bridge/request/republish", "")
        assert mosquitto.retained()[STATE] == "online"
    assert home.simulator.count("sign-in") == 1


def test_a_stalled_answer_does_not_stall_the_bridge_for_ever(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_SILENCE_SECONDS", 0.3)
    home.simulator.fault("stall", times=1)
    with home.running():
        eventually(lambda: "does not answer in time" in mosquitto.retained().get("fluvius/bridge/health", ""))
        home.clock.pass_by(minutes=10)
        until_published(mosquitto)


# --- the schedule


def real_now() -> datetime:
    return datetime.now(UTC)


def test_the_schedule_rings_and_one_cycle_runs(home: World, mosquitto: Mosquitto) -> None:
    home.changes["schedule"] = {"at": ["06:15", "12:15"], "jitter_minutes": 0}
    home.simulator.now = real_now
    with (
        time_machine.travel(datetime(2026, 11, 21, 9, tzinfo=BRUSSELS)) as traveller,
        home.running(now=real_now),
    ):
        until_published(mosquitto)
        for moment, requests in (
            ("21T12:15:01", 0),
            ("22T06:14:58", 0),
            ("22T06:15:01", 2),
            ("22T12:15:01", 0),
        ):
            home.simulator.forget_requests()
            upcoming = next_run(mosquitto)
            arrival = datetime.fromisoformat(f"2026-11-{moment}+01:00")
            traveller.move_to(arrival)
            if arrival >= upcoming:
                eventually(lambda: next_run(mosquitto) > upcoming)  # noqa: B023 - called at once
            assert home.simulator.count("readings") == requests, moment
        until_published(mosquitto, "2026-11-21", days=8)


def next_run(mosquitto: Mosquitto) -> datetime:
    return datetime.fromisoformat(says(mosquitto.retained(), "fluvius/bridge/info")["next_run"])


def test_a_machine_that_slept_for_days_runs_once_when_it_wakes(home: World, mosquitto: Mosquitto) -> None:
    home.changes["schedule.jitter_minutes"] = 0
    home.simulator.now = real_now
    with (
        time_machine.travel(datetime(2026, 11, 21, 9, tzinfo=BRUSSELS)) as traveller,
        home.running(now=real_now),
    ):
        until_published(mosquitto)
        home.simulator.forget_requests()
        traveller.move_to(datetime(2026, 11, 24, 13, tzinfo=BRUSSELS))
        until_published(mosquitto, "2026-11-23", days=10)
        assert (home.simulator.count("readings-day"), home.simulator.count("readings-interval")) == (1, 3)


# --- brokers that come and go


def test_a_broker_that_comes_later_is_told_everything(
    tmp_path: Path, simulator: Simulator, clock: Clock, late_broker: Mosquitto
) -> None:
    world = World(tmp_path, simulator, clock, late_broker.port)
    with world.running():
        eventually(lambda: simulator.count("readings-interval") == 7)
        late_broker.start()
        until_published(late_broker)
        assert late_broker.retained()[STATE] == "online"


@pytest.mark.parametrize("keep_memory", [True, False])
def test_a_broker_that_is_restarted_at_rest_has_everything_again(
    home: World, mosquitto: Mosquitto, keep_memory: bool
) -> None:
    home.meters = [HOME, GAS]
    with home.running():
        until_healthy(mosquitto)
        before = everything(mosquitto)
        mosquitto.restart(keep_memory)
        eventually(lambda: mosquitto.retained().get(STATE) == "online" and everything(mosquitto) == before)


@pytest.mark.parametrize("keep_memory", [True, False])
def test_a_broker_that_is_restarted_in_the_middle_of_a_cycle_has_everything_again(
    home: World, mosquitto: Mosquitto, keep_memory: bool
) -> None:
    gate = Gate()
    with home.running(pause=gate):
        assert gate.reached.wait(5)
        mosquitto.restart(keep_memory)
        gate.open.set()
        until_published(mosquitto)
        eventually(lambda: mosquitto.retained().get(STATE) == "online")
    there = everything(mosquitto)
    mosquitto.restart(keep_memory=False)
    home.once()
    assert everything(mosquitto) == there


def test_a_broker_that_goes_away_does_not_stop_the_fetching(home: World, mosquitto: Mosquitto) -> None:
    gate = Gate()
    with home.running(pause=gate):
        assert gate.reached.wait(5)
        mosquitto.kill()
        gate.open.set()
        eventually(lambda: home.simulator.count("readings-interval") == 7)
        mosquitto.start()
        until_published(mosquitto)


def test_a_broker_that_is_away_for_long_gets_the_newest(home: World, mosquitto: Mosquitto) -> None:
    home.changes["mqtt.stream"] = True
    home.once()
    mosquitto.stop()
    for _ in range(3):
        home.clock.pass_by(days=1)
        home.fetch()
    mosquitto.start()
    with mosquitto.listen("fluvius/home/reading") as ear, home.running():
        until_published(mosquitto, "2026-11-23", days=10)
        ear.wait_for(lambda heard: len(heard) == 3 * 96)


# --- brokers that refuse


@both_protocols
def test_a_broker_that_refuses_the_password_gets_everything_when_it_is_right(
    tmp_path: Path, simulator: Simulator, clock: Clock, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Mosquitto(tmp_path / "mosquitto", users={"bridge": "right"}) as mosquitto:
        world = World(tmp_path, simulator, clock, mosquitto.port)
        world.greeting = 0.5
        world.changes = {
            "mqtt.username": "bridge",
            "mqtt.password": "correct horse",
            "mqtt.protocol": protocol,
        }
        cycle = world.once()
        assert "mqtt.password" in str(cycle.errors[0])
        assert "correct horse" not in caplog.text + str(cycle.errors)
        assert simulator.count("readings-interval") == 7
        world.changes["mqtt.password"] = "right"
        world.greeting = 10
        assert not world.once().errors
        assert mosquitto.retained()[DAY] == "2026-11-20"
        assert simulator.count("readings-interval") == 7


@both_protocols
def test_a_broker_that_refuses_some_topics_gets_the_others(
    tmp_path: Path, simulator: Simulator, clock: Clock, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    access = "user bridge\ntopic readwrite fluvius/bridge/#\ntopic readwrite fluvius/gas/#\n"
    with Mosquitto(tmp_path / "mosquitto", users={"bridge": "right"}, access=access) as mosquitto:
        world = World(tmp_path, simulator, clock, mosquitto.port)
        world.meters = [HOME, GAS]
        world.changes = {"mqtt.username": "bridge", "mqtt.password": "right", "mqtt.protocol": protocol}
        assert not world.once().errors
        retained = mosquitto.retained("fluvius/#")
    assert "fluvius/gas/day" in retained
    assert "fluvius/bridge/health" in retained
    assert "fluvius/home/day" not in retained
    if protocol == "5":  # 3.1.1 has no way to say it
        assert "access list" in caplog.text
    assert world.total() == world.truth(HOME["ean"], date(2026, 11, 14), date(2026, 11, 20))


# --- ways to the broker


@pytest.fixture
def tls(certificates: Certificates) -> dict[str, str]:
    return {
        "ca_file": str(certificates.ca),
        "cert_file": str(certificates.certificate("client")),
        "key_file": str(certificates.key("client")),
    }


def carries_everything(desk: World, broker: Mosquitto, **mqtt: Any) -> None:
    """Whether a way to the broker does."""
    with broker as mosquitto:
        world = World(desk.folder, desk.simulator, desk.clock, mosquitto.port)
        world.meters = [HOME, GAS]
        world.changes = {f"mqtt.{name}": value for name, value in {"stream": True, **mqtt}.items()}
        with mosquitto.listen("fluvius/#") as ear, world.running():
            until_healthy(mosquitto)
            ear.wait_for(lambda _: len(ear.payloads("fluvius/home/reading")) == 7 * 96)
        assert world.invented(ear.messages) == []
        retained = mosquitto.retained()
    assert (retained[STATE], retained[DAY]) == ("offline", "2026-11-20")


def test_mqtt_5_carries_everything(desk: World) -> None:
    carries_everything(desk, Mosquitto(desk.folder / "mosquitto"), protocol="5")


@both_protocols
def test_websockets_carry_everything(desk: World, protocol: str) -> None:
    broker = Mosquitto(desk.folder / "mosquitto", websockets=True)
    carries_everything(desk, broker, transport="websockets", protocol=protocol)


def test_tls_carries_everything(desk: World, certificates: Certificates, tls: dict[str, str]) -> None:
    broker = Mosquitto(desk.folder / "mosquitto", certificates=certificates)
    carries_everything(desk, broker, tls={"ca_file": tls["ca_file"]})


def test_tls_with_a_client_certificate_and_mqtt_5_carries_everything(
    desk: World, certificates: Certificates, tls: dict[str, str]
) -> None:
    broker = Mosquitto(desk.folder / "mosquitto", certificates=certificates, client_certificates=True)
    carries_everything(desk, broker, tls=tls, protocol="5")


# --- once


def test_once_with_the_broker_away_keeps_everything_and_publishes_it_next_time(
    tmp_path: Path, simulator: Simulator, clock: Clock, late_broker: Mosquitto
) -> None:
    world = World(tmp_path, simulator, clock, late_broker.port)
    world.greeting = 0.1
    (error,) = world.once().errors
    assert isinstance(error, BrokerAway)
    assert simulator.count("readings-interval") == 7
    late_broker.start()
    world.greeting = 10
    simulator.forget_requests()
    assert not world.once().errors
    until_published(late_broker)
    assert simulator.requests == []


# --- a folder that cannot be written


def test_a_full_disk_is_said_and_loses_nothing(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    home.clock.pass_by(days=7)
    with mosquitto.listen("fluvius/#") as ear:
        with home.ledger() as ledger:
            ((pages,),) = ledger.store.rows("PRAGMA page_count")
            ledger.store.rows(f"PRAGMA max_page_count = {pages}")
            (error,) = Bridge(home.settings, ledger, now=home.clock, pause=lambda _: None).once().errors
            assert isinstance(error, LedgerError)
            assert "disk is full" in str(error)
            health = says(mosquitto.retained(), "fluvius/bridge/health")
            assert "disk is full" in health["ledger"]["last_error"]
        home.clock.pass_by(hours=1)
        assert not home.once().errors
    until_published(mosquitto, "2026-11-27", days=14)
    assert "ledger" not in says(mosquitto.retained(), "fluvius/bridge/health")
    assert home.invented(ear.messages) == []
    assert home.total() == home.truth(HOME["ean"], date(2026, 11, 14), date(2026, 11, 27))


def test_a_disk_that_is_full_for_a_while_does_not_end_the_bridge(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    with home.ledger() as ledger:
        ((pages,),) = ledger.store.rows("PRAGMA page_count")
    home.clock.pass_by(days=1)
    with home.running() as bridge:
        full = bridge._publisher._ledger
        eventually(lambda: mosquitto.retained().get(STATE) == "online")
        until_published(mosquitto, "2026-11-21", days=8)
        full.store.rows(f"PRAGMA max_page_count = {pages}")
        home.clock.pass_by(days=5)
        mosquitto.publish("fluvius/bridge/request/refresh", "")
        eventually(lambda: "disk is full" in mosquitto.retained()["fluvius/bridge/health"])
        full.store.rows("PRAGMA max_page_count = 1000000")
        home.clock.pass_by(minutes=6)
        until_published(mosquitto, "2026-11-26", days=13)


def test_a_token_that_cannot_be_kept_does_not_end_the_bridge(home: World, mosquitto: Mosquitto) -> None:
    home.fetch()
    home.simulator.sign_in.forget_tokens()
    token = home.data_dir / "token.json"
    token.unlink()
    token.mkdir()  # so that no file can take its place
    home.clock.pass_by(days=1)
    with home.running():
        until_published(mosquitto)
        eventually(lambda: "cannot be read" in mosquitto.retained().get("fluvius/bridge/health", ""))
        assert home.simulator.count("sign-in") == 1  # of the first day: without a place to keep it, none
        token.rmdir()
        home.clock.pass_by(minutes=30)
        until_published(mosquitto, "2026-11-21", days=8)


def test_a_clock_that_jumps_back_does_not_stop_the_bridge(home: World, mosquitto: Mosquitto) -> None:
    home.clock.instant += timedelta(days=1)
    with home.running():
        until_published(mosquitto, "2026-11-21")
        home.clock.instant -= timedelta(days=1)
        mosquitto.publish("fluvius/bridge/request/republish", "")
        eventually(lambda: mosquitto.retained().get(STATE) == "online")
