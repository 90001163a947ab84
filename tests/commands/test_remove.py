"""`fluvius2mqtt remove`: everything of ours leaves the broker, and nothing of anyone else's."""

import io
import json
import os
import pty
import shutil
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from bridge.commands import main
from bridge.commands import remove as removing
from tests.rig.commands import COULD_NOT, DONE, Ended, command, environment, run
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.world import GAS, HOME, World

STRANGERS = {
    "fluvius/power": "312",
    "fluvius/home/power": "0.312",  # a P1 reader with the same root
    "fluvius/home/total/gas": "17",
    "fluvius/p1/status": "online",
    "fluvius/p1/day": '{"meter": "p1", "consumption": 3}',
    "fluvius/p1/day/consumption/total": "3",
    "fluvius/attic/day/notes": "x",
    "fluvius/P1 meter/status": '{"meter": "P1 meter", "ean": "541448820000000008"}',
    "fluvius_2/home/day": '{"meter": "home", "ean": "541448820000000008"}',
    "homeassistant/sensor/zigbee/config": '{"state_topic": "zigbee2mqtt/lamp"}',
    "homeassistant/sensor/p1/power/config": '{"state_topic": "fluvius/power"}',
    "homeassistant/sensor/fluvius_bridge/mine/config": '{"state_topic": "other/x"}',
    "homeassistant/status": "online",
}


@pytest.fixture
def house(home: World, mosquitto: Mosquitto) -> World:
    """Two meters, of which everything is published, beside what others have."""
    home.meters = [HOME, GAS]
    mosquitto.publish_all(list(STRANGERS.items()), retain=True)
    home.once()
    return home


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker on this machine needs little patience."""
    monkeypatch.setattr(removing, "_PATIENCE", 1.0)
    monkeypatch.setattr(removing, "_QUIET", 0.3)


def remove(world: World, *words: str) -> Ended:
    """The command, typed where nobody can be asked."""
    out, error = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        status = main(["remove", "--config", str(world.write_configuration()), *words])
    return Ended(status, out.getvalue(), error.getvalue())


def lose_the_data(world: World) -> None:
    shutil.rmtree(world.data_dir)


@pytest.mark.parametrize("form", ["components", "device"])
@pytest.mark.parametrize("lost", [False, True], ids=["remembered", "lost"])
def test_everything_of_ours_is_taken_and_nothing_of_others(
    house: World, mosquitto: Mosquitto, form: str, lost: bool
) -> None:
    house.changes["homeassistant.discovery_format"] = form
    house.once()
    count = len(mosquitto.retained()) - len(STRANGERS)
    if lost:
        lose_the_data(house)
    ended = remove(house, "--yes")
    assert (ended.status, ended.error) == (DONE, "")
    assert f"{count} topics were removed" in ended.out
    assert mosquitto.retained() == STRANGERS
    assert remove(house, "--yes").out.startswith("nothing of fluvius2mqtt is there")


def test_without_a_yes_it_only_says_what_it_would_take(house: World, mosquitto: Mosquitto) -> None:
    before = mosquitto.retained()
    ended = remove(house)
    assert ended.status == COULD_NOT
    mine = sum(topic.startswith("fluvius/gas/") for topic in before)
    assert f"  {mine} topics of gas, such as fluvius/gas/" in ended.out
    assert "  5 topics of the bridge, such as fluvius/bridge/health" in ended.out
    assert "of Home Assistant's discovery, such as homeassistant/" in ended.out
    assert "add --yes" in ended.out
    assert mosquitto.retained() == before


@pytest.mark.parametrize(("answer", "taken"), [("y\n", True), ("\n", False), ("\x04", False)])
def test_at_a_terminal_it_asks(house: World, mosquitto: Mosquitto, answer: str, taken: bool) -> None:
    ours, theirs = pty.openpty()
    words = command("remove", "--config", str(house.write_configuration()))
    with subprocess.Popen(words, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.write(ours, answer.encode())
        assert process.wait(20) == (DONE if taken else COULD_NOT)
    assert b"[y/N]" in os.read(ours, 10_000)
    os.close(ours)
    os.close(theirs)
    assert (mosquitto.retained() == STRANGERS) is taken


def test_home_assistant_is_told_first(house: World, mosquitto: Mosquitto) -> None:
    with mosquitto.listen("fluvius/#", "homeassistant/#") as ear:
        remove(house, "--yes")
    gone = [each.topic for each in ear.messages if not each.retain and not each.payload]
    gone = [topic for topic in gone if "/response/" not in topic]
    kinds = [topic.endswith("/config") for topic in gone]
    assert kinds == sorted(kinds, reverse=True)
    assert any(kinds)


def test_a_later_run_publishes_everything_again(house: World, mosquitto: Mosquitto) -> None:
    before = set(mosquitto.retained())
    remove(house, "--yes")
    house.clock.pass_by(minutes=10)
    house.once()
    assert set(mosquitto.retained()) == before


def test_another_bridge_with_another_base_topic_stays(house: World, mosquitto: Mosquitto) -> None:
    mine = dict(house.changes)
    for base in ("attic/fluvius", "fluvius/attic", "fluvius_b"):
        data = {
            "mqtt.client_id": base.replace("/", "-"),
            "data_dir": str(house.folder / base.replace("/", "-")),
        }
        house.changes = {**mine, "mqtt.base_topic": base, **data}
        house.once()
    house.changes = mine
    before = mosquitto.retained()
    lose_the_data(house)
    assert remove(house, "--yes").status == DONE
    left = mosquitto.retained()
    gone = before.keys() - left.keys()
    assert left.items() <= before.items()
    assert gone
    assert not [topic for topic in gone if "attic" in topic or "fluvius_b/" in topic or "fluvius_b_" in topic]
    house.changes = {**mine, "mqtt.base_topic": "attic/fluvius", "data_dir": str(house.folder / "lost")}
    assert remove(house, "--yes").status == DONE
    assert not [
        topic for topic in mosquitto.retained() if topic.startswith("attic/") or "attic_fluvius" in topic
    ]
    assert [topic for topic in mosquitto.retained() if topic.startswith("fluvius/attic/home/")]


def test_what_was_published_under_other_names_is_remembered(house: World, mosquitto: Mosquitto) -> None:
    house.changes |= {"mqtt.base_topic": "energy", "homeassistant.discovery_prefix": "ha"}
    assert "does not show" in remove(house, "--yes").out
    assert mosquitto.retained() == STRANGERS


def test_beside_a_bridge_that_runs_it_refuses(house: World, mosquitto: Mosquitto) -> None:
    before = set(mosquitto.retained())
    with run(house) as running:
        running.until_says("Connected to the broker")
        ended = remove(house, "--yes")
    assert ended.status == COULD_NOT
    assert "would publish everything again; stop it first" in ended.error
    assert before <= set(mosquitto.retained())


def test_a_bridge_that_runs_elsewhere_is_noticed(house: World, mosquitto: Mosquitto) -> None:
    lose_the_data(house)
    mosquitto.publish("fluvius/bridge/state", "online", retain=True)
    ended = remove(house, "--yes")
    assert ended.status == DONE
    assert "a bridge is online" in ended.error


def test_a_broker_that_is_away(house: World, mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    ended = remove(house, "--yes")
    assert ended.status == COULD_NOT
    assert "mqtt.host and mqtt.port" in ended.error
    with house.ledger() as ledger:
        assert ledger.outbox.published_topics()


def test_a_damaged_ledger_is_no_hindrance(house: World, mosquitto: Mosquitto) -> None:
    (house.data_dir / "ledger.sqlite").write_bytes(b"no ledger" * 1000)
    ended = remove(house, "--yes")
    assert ended.status == DONE
    assert "damaged" in ended.error
    assert mosquitto.retained() == STRANGERS


# --- brokers that do not let us look


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_a_broker_that_refuses_to_be_looked_at_loses_what_the_ledger_remembers(
    tmp_path: Path, home: World, protocol: str
) -> None:
    with Mosquitto(tmp_path / "blind", refuse_subscriptions=True) as mosquitto:
        home.broker_port = mosquitto.port
        home.changes["mqtt.protocol"] = protocol
        home.once()
        ended = remove(home, "--yes")
        assert ended.status == DONE
        assert "does not show us fluvius/#" in ended.error
        assert "that the ledger remembers and the broker does not show" in ended.out
        lose_the_data(home)
        ended = remove(home, "--yes")
        assert ended.status == COULD_NOT
        assert "no ledger remembers" in ended.error
    with Mosquitto(tmp_path / "blind") as mosquitto:  # the same memory
        assert mosquitto.retained() == {}


def test_a_broker_that_hides_messages_is_not_called_empty(tmp_path: Path, home: World) -> None:
    with Mosquitto(
        tmp_path / "hiding", users={"bridge": "right"}, access="user bridge\ntopic write #"
    ) as mosquitto:
        home.broker_port = mosquitto.port
        home.changes |= {"mqtt.username": "bridge", "mqtt.password": "right"}
        home.once()
        kept = home.folder / "kept"
        shutil.move(home.data_dir, kept)
        ended = remove(home, "--yes")
        assert ended.status == COULD_NOT
        assert "does not show us fluvius/#" in ended.error
        shutil.move(kept, home.data_dir)
        assert remove(home, "--yes").status == DONE
        assert mosquitto.retained() == {}


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_what_the_broker_does_not_let_go_of_is_said(tmp_path: Path, home: World, protocol: str) -> None:
    access = (
        "user bridge\ntopic readwrite #\nuser guest\ntopic readwrite homeassistant/#\ntopic read fluvius/#"
    )
    users = {"bridge": "right", "guest": "right"}
    with Mosquitto(tmp_path / "strict", users=users, access=access) as mosquitto:
        home.broker_port = mosquitto.port
        home.changes |= {"mqtt.username": "bridge", "mqtt.password": "right", "mqtt.protocol": protocol}
        home.once()
        home.changes["mqtt.username"] = "guest"
        ended = remove(home, "--yes")
        assert ended.status == COULD_NOT
        assert "could not be removed, such as fluvius/" in ended.error
        home.changes["mqtt.username"] = "bridge"
        assert remove(home, "--yes").status == DONE
        assert mosquitto.retained() == {}


def test_thousands_of_topics(house: World, mosquitto: Mosquitto) -> None:
    many = {f"fluvius/m{n}/status": json.dumps({"meter": f"m{n}", "ean": f"{n:018}"}) for n in range(3000)}
    mosquitto.publish_all(list(many.items()), retain=True)
    assert remove(house, "--yes").status == DONE
    assert mosquitto.retained() == STRANGERS


def test_messages_left_from_a_change_of_the_format_are_ours(home: World, mosquitto: Mosquitto) -> None:
    topic = f"homeassistant/sensor/fluvius_{HOME['ean']}/day_net/config"
    mosquitto.publish(topic, '{"migrate_discovery": true}', retain=True)
    old = {
        "name": "Net",
        "state_topic": "fluvius/home/day",
        "device": {"identifiers": f"fluvius_{HOME['ean']}"},
    }
    mosquitto.publish(f"homeassistant/sensor/fluvius_{HOME['ean']}/old/config", json.dumps(old), retain=True)
    assert remove(home, "--yes").status == DONE
    eventually(lambda: mosquitto.retained() == {})
