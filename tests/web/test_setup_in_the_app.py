"""The page of the app: what is filled in among its options goes first, and nobody has to fill in anything."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.config import ConfigError, load_options
from bridge.setup.place import Place, place_of
from bridge.simulator import Simulator
from tests.rig.commands import PASSWORD
from tests.rig.core import Core
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.newcomer import Newcomer, arrived
from tests.rig.pages import words_of
from tests.rig.supervisor import Supervisor, in_the_addon, of_the_house
from tests.rig.world import GAS, HOME

WRITTEN = """\
mqtt: {host: 192.0.2.7, username: me, password: theirs}
fluvius: {portal: {email: page@example.com, password: of the page}}
meters: [{ean: "541448820000000008", serial: 1SAG1100042062}]
language: nl
schedule: {at: ["07:00"]}
homeassistant: {discovery_prefix: ha}
"""
ELSEWHERE = {"FLUVIUS2MQTT_FLUVIUS__PORTAL__URL": "http://127.0.0.1:1"}


@pytest.fixture
def supervisor(tmp_path: Path, core: Core) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "data", core=core).open() as supervisor:
        yield supervisor


def in_the_app(supervisor: Supervisor, fluvius: Simulator, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Where everything is, for this process, which is the app."""
    for name, value in in_the_addon(supervisor, fluvius).items():
        monkeypatch.setenv(name, value)
    return place_of(None, os.environ)


def both(supervisor: Supervisor, **filled_in: Any) -> dict[str, Any]:
    """What a run reads of options and the page's file."""
    supervisor.fill_in(**filled_in)
    (supervisor.data / "fluvius2mqtt.yaml").write_text(WRITTEN, "utf-8")
    settings = load_options(supervisor.options, ELSEWHERE)
    portal = settings.fluvius.portal
    assert portal
    return {
        "host": settings.mqtt.host,
        "username": settings.mqtt.username,
        "email": portal.email,
        "password": portal.password and portal.password.get_secret_value(),
        "eans": [each.ean for each in settings.meters],
        "language": settings.language,
        "at": settings.schedule.at,
        "prefix": settings.homeassistant.discovery_prefix,
    }


def test_the_pages_file_fills_in_what_is_not_among_the_options(supervisor: Supervisor) -> None:
    assert both(supervisor) == {
        "host": "192.0.2.7",
        "username": "me",
        "email": "page@example.com",
        "password": "of the page",
        "eans": [HOME["ean"]],
        "language": "nl",
        "at": ("07:00",),
        "prefix": "ha",
    }


def test_what_is_among_the_options_goes_first_and_no_password_goes_elsewhere(supervisor: Supervisor) -> None:
    found = both(
        supervisor,
        mqtt={"host": "192.0.2.1"},
        fluvius={"portal": {"email": "me@example.com", "password": "of the options"}},
        meters=[GAS],
        language="fr",
        schedule={"at": ["08:00"]},
    )
    assert found == {
        "host": "192.0.2.1",
        "username": None,
        "email": "me@example.com",
        "password": "of the options",
        "eans": [GAS["ean"]],
        "language": "fr",
        "at": ("08:00",),
        "prefix": "ha",
    }


@pytest.mark.parametrize("damage", ["mqtt: [", "unknown: key\n", "language: xx\n", "a: !secret gone\n"])
def test_a_page_file_that_cannot_be_used_blocks_no_start(supervisor: Supervisor, damage: str) -> None:
    supervisor.fill_in(fluvius={"portal": {"email": "me@example.com", "password": "x"}}, meters=[HOME])
    (supervisor.data / "fluvius2mqtt.yaml").write_text(damage, "utf-8")
    settings = load_options(supervisor.options, ELSEWHERE)
    assert settings.is_set_up
    assert [each for each in settings.warnings if "what the page wrote is left out" in each]


def test_wrong_options_are_told_beside_a_file_of_the_page(supervisor: Supervisor) -> None:
    supervisor.fill_in(meters=[{"ean": "12"}])
    (supervisor.data / "fluvius2mqtt.yaml").write_text(WRITTEN, "utf-8")
    with pytest.raises(ConfigError, match=r"Option meters\[0\]\.ean"):
        load_options(supervisor.options, ELSEWHERE)


def answer_all(newcomer: Newcomer, language: str) -> None:
    """What is asked where Home Assistant says the broker, and statistics go to itself."""
    newcomer.answer(source="account").answer(email="you@example.com", password=PASSWORD)
    assert "Fluvius knows you" in newcomer.words
    newcomer.answer(ean=HOME["ean"], serial=HOME["serial"]).answer(**{"more 1": "no"}).answer()
    newcomer.answer(prices="later").answer(language=language)


def test_from_nothing_to_readings_in_the_panel(
    supervisor: Supervisor, today: Simulator, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor.broker = of_the_house(mosquitto)
    supervisor.fill_in()
    place = in_the_app(supervisor, today, monkeypatch)
    with arrived(place, place.load()) as newcomer:
        assert "Where readings come from" in newcomer.look().words  # the broker is Home Assistant's
        answer_all(newcomer, language="nl")
        newcomer.answer(do="write")
        eventually(lambda: "fluvius/home/day" in mosquitto.retained(), 40)
        newcomer.look("/settings")
        assert "Said by Home Assistant" in newcomer.words
        assert not [each for each in newcomer.seen if PASSWORD in each]
    file = supervisor.data / "fluvius2mqtt.yaml"
    assert "mqtt:" not in file.read_text("utf-8").replace("`mqtt: ...`", "")  # its password may change
    assert "import_dir" not in file.read_text("utf-8")
    assert file.stat().st_mode & 0o777 == 0o600
    kept = {each.name for each in supervisor.data.iterdir()}
    assert kept >= {
        "ledger.sqlite",
        "token.json",
        "secrets.yaml",
    }
    assert json.loads(supervisor.options.read_text("utf-8"))["meters"] == []


def test_what_cannot_be_loaded_when_it_is_written_is_by_the_next_visit(
    supervisor: Supervisor, today: Simulator, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor.broker = of_the_house(mosquitto)
    supervisor.fill_in()
    place = in_the_app(supervisor, today, monkeypatch)
    with arrived(place, place.load()) as newcomer:
        newcomer.look()
        answer_all(newcomer, language="en")
        supervisor.answer = 500, "busy"
        fields = newcomer.form("setup").fields | {"do": "write"}
        for asked in (
            newcomer.browser.session.post(newcomer.page.url, data=fields, timeout=9),
            newcomer.browser.get("/setup"),
        ):
            assert (asked.status_code, "which broker there is" in words_of(asked)) == (503, True)
        assert not newcomer.keeper.settings.is_set_up
        supervisor.answer = None
        newcomer.look("/setup")
        assert newcomer.keeper.settings.is_set_up


def test_what_is_among_the_options_is_not_changed_on_the_page(
    supervisor: Supervisor, today: Simulator, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor.broker = of_the_house(mosquitto)
    supervisor.fill_in(fluvius={"portal": {"email": "me@example.com", "password": "x"}}, meters=[HOME])
    place = in_the_app(supervisor, today, monkeypatch)
    with arrived(place, place.load()) as newcomer:
        newcomer.look("/settings")
        assert "Said by Option meters" in newcomer.words
        assert "Said by Option fluvius.portal.email" in newcomer.words
        newcomer.press("change/schedule").answer(at="07:00").answer(do="write")
        assert newcomer.keeper.settings.schedule.at == ("07:00",)
        assert [each.ean for each in newcomer.keeper.settings.meters] == [HOME["ean"]]
