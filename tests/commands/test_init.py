"""`fluvius2mqtt init`: a person at a terminal, a real broker, and the simulated Fluvius."""

import json
import os
import stat
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from bridge.config import load
from bridge.metering.model import BRUSSELS
from bridge.simulator import Simulator
from tests.rig.chance import often
from tests.rig.commands import (
    COULD_NOT,
    DONE,
    PASSWORD,
    REFUSED,
    WITHOUT_PRIVILEGES,
    WRONG,
    linux,
    typed,
)
from tests.rig.files import Writer
from tests.rig.mosquitto import Mosquitto
from tests.rig.terminal import Session, at_a_terminal
from tests.rig.world import GAS, HOME, World

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="terminals are another matter there")
LAST_LINE = "Start it with: fluvius2mqtt run"
URL = "FLUVIUS2MQTT_FLUVIUS__PORTAL__URL"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An empty folder, in which nothing is configured."""
    folder = tmp_path / "new"
    folder.mkdir()
    return folder


@pytest.fixture
def downloads(tmp_path: Path, today: Simulator) -> Path:
    """What a household downloaded today."""
    folder = tmp_path / "my downloads"
    folder.mkdir()
    last = datetime.now(BRUSSELS).date() - timedelta(days=1)
    for of in (HOME, GAS):
        writer = Writer(today, of["ean"])
        writer.write(folder / f"{of['name']}.csv", writer.intervals(last - timedelta(days=2), last))
    return folder


def names_a_broker(person: Session, port: int) -> None:
    person.answers("Address [", f"127.0.0.1:{port}")
    person.answers("User name")


def signs_in(person: Session, password: str, email: str = "you@example.com") -> None:
    person.answers("E-mail address", email)
    person.answers("Password: (it is not shown) ", password)


def files(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_from_two_files_and_nothing_else_to_topics_on_a_broker(
    empty: Path, downloads: Path, today: Simulator, mosquitto: Mosquitto
) -> None:
    began = time.monotonic()
    with at_a_terminal(empty, "init") as person:
        names_a_broker(person, mosquitto.port)
        person.says("ok  broker")
        person.answers("Which [account]", "files")
        person.answers("Files: ", f"'{downloads}/home.csv' '{downloads}/gas.csv'")
        person.says(f"electricity meter {HOME['ean']}")
        person.answers("Name of electricity meter")
        person.answers("Name of gas meter")
        person.answers("Write them?")
        person.answers("Prices [later]")
        person.answers("are in [en]", "nl")
        assert "576" in (shown := person.says(LAST_LINE))
        assert "NO " not in shown
        assert person.ends() == DONE
        assert person.typed < 300  # a minute's typing, most of which is two files dragged into the window
    assert time.monotonic() - began < 60
    assert max(map(len, person.seen.replace(str(downloads), "").splitlines())) <= 80
    assert files(empty) == {"fluvius2mqtt.yaml", "data"}
    assert today.requests == []
    assert typed(empty, "once").status == DONE
    kept = mosquitto.retained()
    yesterday = datetime.now(BRUSSELS).date() - timedelta(days=1)
    assert json.loads(kept["fluvius/home/day"])["date"] == str(yesterday)
    counted = sum(
        amount for (flow, *_), amount in today.day_amounts(HOME["ean"], yesterday).items() if flow == 1
    )
    assert json.loads(kept["fluvius/home/day"])["consumption"]["total"] == float(counted)
    assert "fluvius/gas/day" in kept


def test_from_an_account_and_a_pasted_address_to_a_bridge_that_works(house: World, empty: Path) -> None:
    with at_a_terminal(empty, "init", **{URL: house.simulator.url}) as person:
        names_a_broker(person, house.broker_port)
        person.answers("Which [account]")
        signs_in(person, PASSWORD)
        person.says("Fluvius knows you")
        person.answers(
            "EAN, address or file",
            f"https://mijn.fluvius.be/verbruik/{HOME['ean']}/detail?tab=gemeten-historiek",
        )
        person.answers("It counts")
        person.answers("Serial number", HOME["serial"])
        person.says("96 intervals" if not _is_a_change_of_clocks() else "intervals")
        person.answers("Another meter?")
        person.answers("Name of electricity meter", "huis")
        person.answers("Write them?")
        person.answers("Prices [later]")
        person.answers("are in [en]")
        person.says(LAST_LINE)
        assert person.ends() == DONE
    assert PASSWORD not in person.seen
    assert [mode(empty / name) for name in ("fluvius2mqtt.yaml", "secrets.yaml")] == [0o600, 0o600]
    assert PASSWORD not in (empty / "fluvius2mqtt.yaml").read_text("utf-8")
    settings = load(empty / "fluvius2mqtt.yaml", {URL: house.simulator.url})
    assert settings.warnings == ()
    assert settings.fluvius.portal
    assert settings.fluvius.portal.password
    assert settings.fluvius.portal.password.get_secret_value() == PASSWORD
    assert [(each.label, each.serial) for each in settings.followed] == [("huis", HOME["serial"])]
    assert house.simulator.count("self-asserted") == 1


def _is_a_change_of_clocks() -> bool:
    yesterday = datetime.now(BRUSSELS).date() - timedelta(days=1)
    return yesterday.month in (3, 10) and yesterday.day > 24


def test_a_downloaded_file_is_as_good_as_an_ean_and_a_serial_number(
    house: World, empty: Path, downloads: Path
) -> None:
    with at_a_terminal(empty, "init", **{URL: house.simulator.url}) as person:
        names_a_broker(person, house.broker_port)
        person.answers("Which [account]")
        signs_in(person, PASSWORD)
        person.answers("EAN, address or file", str(downloads))
        person.answers("Another meter?")
        person.answers("Name of electricity meter")
        person.answers("Name of gas meter")
        person.answers("Write them?")
        person.answers("Prices [later]")
        person.answers("are in [en]")
        assert "576" in person.says(LAST_LINE)  # its history is taken too
        assert person.ends() == DONE
    followed = load(empty / "fluvius2mqtt.yaml", {URL: house.simulator.url}).followed
    assert [(each.name, each.serial) for each in followed] == [
        ("home", HOME["serial"]),
        ("gas", GAS["serial"]),
    ]


def test_a_refused_password_is_asked_for_again_once(house: World, empty: Path) -> None:
    with at_a_terminal(empty, "init", **{URL: house.simulator.url}) as person:
        names_a_broker(person, house.broker_port)
        person.answers("Which [account]")
        for attempt in range(2):
            signs_in(person, f"wrong {attempt}")
            person.says("NO  account")
        assert person.ends() == REFUSED
    assert "Fluvius is not asked again; nothing was written" in person.seen.replace("\n", "")
    assert "wrong 0" not in person.seen
    assert files(empty) == {"data"}
    assert files(empty / "data") <= {"token.json", "token.json.lock"}  # that it was refused is remembered
    with at_a_terminal(empty, "init", **{URL: house.simulator.url}) as person:  # nor does another start
        names_a_broker(person, house.broker_port)
        person.answers("Which [account]")
        signs_in(person, "wrong 2")
        assert person.ends() == REFUSED
    assert house.simulator.count("self-asserted") == 2


def test_a_locked_account_is_not_tried_again(house: World, empty: Path) -> None:
    house.simulator.fault("account-locked")
    for _ in range(2):  # another start does not forget it
        with at_a_terminal(empty, "init", **{URL: house.simulator.url}) as person:
            names_a_broker(person, house.broker_port)
            person.answers("Which [account]")
            signs_in(person, PASSWORD)
            person.says("locked this account")
            assert person.ends() == REFUSED
    assert house.simulator.count("self-asserted") == 1
    assert files(empty) == {"data"}


QUESTIONS = [
    ("Address [", "{broker}"),
    ("User name", "me"),
    ("Password: (it is not shown) ", "x"),
    ("Which [account]", ""),
    ("E-mail address", "you@example.com"),
    ("Password: (it is not shown) ", PASSWORD),
    ("EAN, address or file", HOME["ean"]),
    ("It counts", ""),
    ("Serial number", HOME["serial"]),
    ("Another meter?", ""),
    ("Name of electricity meter", ""),
    ("Write them?", ""),
    ("Prices [later]", "all-in"),
    ("From which day", ""),
    ("A kWh of electricity costs", "0,31"),
    ("A kWh into the grid brings", ""),
    ("are in [en]", ""),
]


@pytest.mark.parametrize("last", range(0, len(QUESTIONS), often(4, soak=1)))
def test_ctrl_c_at_any_question_leaves_nothing(house: World, empty: Path, last: int) -> None:
    with at_a_terminal(empty, "init", **{URL: house.simulator.url}) as person:
        for question, answer in QUESTIONS[:last]:
            person.answers(question, answer.format(broker=f"127.0.0.1:{house.broker_port}"))
        person.says(QUESTIONS[last][0])
        person.presses_ctrl_c()
        assert person.ends() == COULD_NOT
    assert person.seen.endswith("fluvius2mqtt: interrupted; nothing was written\n")
    assert files(empty) == set()


def test_ctrl_d_is_the_same(empty: Path) -> None:
    with at_a_terminal(empty, "init") as person:
        person.says("Address [")
        person.types("\x04", "")
        assert person.ends() == COULD_NOT
    assert "nothing was written" in person.seen


@pytest.mark.parametrize(("answer", "stays"), [("", True), ("yes", False)])
def test_an_existing_file_is_replaced_only_by_who_says_so(
    empty: Path, downloads: Path, mosquitto: Mosquitto, answer: str, stays: bool
) -> None:
    file = empty / "fluvius2mqtt.yaml"
    file.write_text("# mine\n", "utf-8")
    with at_a_terminal(empty, "init") as person:
        person.answers("Replace it?", answer)
        if stays:
            assert person.ends() == COULD_NOT
        else:
            names_a_broker(person, mosquitto.port)
            person.answers("Which [account]", "2")
            person.answers("Files: ", str(downloads))
            for question in ("Name of electricity", "Name of gas", "Write them?", "Prices [", "are in ["):
                person.answers(question)
            assert person.ends() == DONE
    assert (file.read_text("utf-8") == "# mine\n") == stays


def test_a_broker_that_is_away_is_said_at_once_and_may_be_kept(empty: Path) -> None:
    with at_a_terminal(empty, "init") as person:
        names_a_broker(person, 1)
        person.says("NO  broker")
        person.answers("(again/keep)")
        person.answers("Address [127.0.0.1:1]")
        person.answers("User name")
        person.answers("(again/keep)", "k")
        person.says("Which [account]")


def test_a_user_name_of_the_broker_that_was_a_slip_can_be_taken_back(empty: Path) -> None:
    with at_a_terminal(empty, "init") as person:
        person.answers("Address [", "127.0.0.1:1")
        person.answers("User name", "bob")
        person.answers("Password: (it is not shown) ", "a slip")
        person.answers("(again/keep)")
        person.answers("Address [127.0.0.1:1]")
        person.answers("User name [bob]", "-")
        assert "Password" not in person.says("(again/keep)")


def test_a_file_of_another_company_is_said_and_asked_for_again(
    empty: Path, downloads: Path, mosquitto: Mosquitto
) -> None:
    (empty / "other.csv").write_text("Datum;Stand\n1;2\n", "utf-8")
    with at_a_terminal(empty, "init") as person:
        names_a_broker(person, mosquitto.port)
        person.answers("Which [account]", "2")
        person.answers("Files: ", "other.csv")
        person.says("other.csv: it is not a history of Mijn Fluvius")
        person.answers("Files: ", str(downloads))
        person.says("Name of electricity meter")


def test_without_a_terminal_it_says_so(empty: Path) -> None:
    ended = typed(empty, "init")
    assert (ended.status, len(ended.complaint)) == (WRONG, 1)
    assert "there is no terminal here: use --answers FILE" in ended.error
    assert files(empty) == set()


@pytest.fixture
def script(tmp_path: Path, downloads: Path, mosquitto: Mosquitto) -> Path:
    """Answers that a script has written."""
    path = tmp_path / "answers.yaml"
    answers = {
        "mqtt": {"host": "127.0.0.1", "port": mosquitto.port, "username": "me", "password": PASSWORD},
        "files": [f"{downloads.name}/*.csv"],
        "language": "nl",
    }
    path.write_text(yaml.safe_dump(answers), "utf-8")
    path.chmod(0o600)
    return path


def test_a_script_answers_by_a_file_and_nothing_is_asked(empty: Path, script: Path) -> None:
    ended = typed(empty, "init", "--answers", str(script))
    assert (ended.status, ended.error) == (DONE, "")
    assert files(empty) == {"fluvius2mqtt.yaml", "secrets.yaml", "data"}
    settings = load(empty / "fluvius2mqtt.yaml", {})
    assert [each.name for each in settings.followed] == ["home", "gas"]
    before = (empty / "fluvius2mqtt.yaml").read_text("utf-8")
    ended = typed(empty, "init", "--answers", str(script))
    assert (ended.status, len(ended.complaint)) == (COULD_NOT, 1)
    assert "already exists and is left as it is" in ended.error
    assert (empty / "fluvius2mqtt.yaml").read_text("utf-8") == before


def test_answers_that_the_configuration_would_refuse_are_refused(empty: Path, script: Path) -> None:
    script.write_text("mqtt: {port: many}\nfluvius: {portal: {email: me}}\n", "utf-8")
    ended = typed(empty, "init", "--answers", str(script))
    assert ended.status == WRONG
    assert f"{script}: mqtt.port: many is not a whole number" in ended.error
    assert f"{script}: meters: is empty" in ended.error
    assert "fluvius2mqtt.yaml" not in ended.error
    assert "nothing was written" in ended.error
    assert files(empty) == set()


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_both_files_are_their_owners_alone_whatever_the_umask(empty: Path, script: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        typed(empty, "init", "--answers", str(script), program=[sys.executable, "-m", "bridge"])
    finally:
        os.umask(before)
    assert [mode(empty / name) for name in ("fluvius2mqtt.yaml", "secrets.yaml")] == [0o600, 0o600]


@linux
def test_a_folder_without_rights_is_said_before_anything_is_asked(empty: Path, script: Path) -> None:
    empty.chmod(0o500)
    program = [sys.executable, "-c", WITHOUT_PRIVILEGES]
    ended = typed(empty, "init", "--answers", str(script), program=program)
    assert (ended.status, len(ended.complaint)) == (COULD_NOT, 1)
    assert "cannot be written; go to a folder of yours; nothing was written" in ended.error


@linux
def test_a_full_disk_leaves_both_files_as_they_were(empty: Path, script: Path) -> None:
    (empty / "secrets.yaml").write_text("other: kept\n", "utf-8")
    limited = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
runpy.run_module("bridge", run_name="__main__")
"""
    ended = typed(empty, "init", "--answers", str(script), program=[sys.executable, "-c", limited])
    assert (ended.status, len(ended.complaint)) == (COULD_NOT, 1)
    assert "nothing was changed" in ended.error
    assert files(empty) == {"secrets.yaml"}
    assert (empty / "secrets.yaml").read_text("utf-8") == "other: kept\n"
