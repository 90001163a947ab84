"""What the user wrote as a meter's name: shown where a person reads, while topics and ids are slugs."""

import json

import pytest

from tests.rig.commands import DONE, checked, typed
from tests.rig.core import TOKEN, Core
from tests.rig.discovery import entities, told
from tests.rig.mosquitto import Mosquitto
from tests.rig.reading import Reader
from tests.rig.world import GAS, HOME, World, says

HOUSE, STOVE = {**HOME, "name": "Thuis é 1"}, {**GAS, "name": "Gas"}


@pytest.mark.parametrize("form", ["components", "device"])
def test_devices_are_called_as_the_user_wrote_it_and_entities_keep_their_ids(
    home: World, mosquitto: Mosquitto, form: str
) -> None:
    home.meters = [HOUSE, STOVE]
    home.changes["homeassistant.discovery_format"] = form
    home.once()
    configs = told(mosquitto)
    assert {each["device"]["name"] for each in configs.values()} == {"Thuis é 1", "Gas", "Fluvius"}
    day = entities(configs, HOME["ean"])["day_net"]
    assert (day["unique_id"], day["default_entity_id"], day["state_topic"]) == (
        *(f"fluvius_{HOME['ean']}_day_net", "sensor.fluvius_thuis_e_1_day_net"),
        "fluvius/thuis_e_1/day",
    )
    retained = mosquitto.retained("fluvius/#")
    assert says(retained, "fluvius/thuis_e_1/day")["meter"] == "thuis_e_1"
    assert '<tspan font-weight="bold">Thuis é 1</tspan>' in retained["fluvius/thuis_e_1/chart"]
    assert [(each["meter"], each["name"]) for each in says(retained, "fluvius/bridge/info")["meters"]] == [
        *(("thuis_e_1", "Thuis é 1"), ("gas", "Gas"))
    ]


def test_a_meter_without_a_name_is_called_by_its_ean(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [{key: text for key, text in HOME.items() if key != "name"}]
    home.once()
    device = entities(told(mosquitto), HOME["ean"])["day_net"]["device"]
    assert device["name"] == HOME["ean"]


def test_statistics_are_called_as_the_user_wrote_it(desk: World) -> None:
    desk.meters = [STOVE]
    with Core().open() as core:
        desk.changes["homeassistant.statistics"] = {"url": core.url, "token": TOKEN}
        desk.once()
    assert core.metadata[f"fluvius:{GAS['ean']}_volume_total"]["name"] == "Gas: Volume"


def test_commands_call_a_meter_as_the_user_wrote_it(reader: Reader) -> None:
    reader.world.meters = [HOUSE, STOVE]
    reader.fetch()
    assert "Thuis é 1  electricity" in reader.types("show").out
    document = json.loads(reader.types("show", "--json", "--meter", "Thuis é 1").out)
    assert [(each["meter"], each["name"]) for each in document["meters"]] == [("thuis_e_1", "Thuis é 1")]
    assert "there are Thuis é 1, Gas" in reader.types("show", "--meter", "shed").error


def test_check_calls_a_meter_as_the_user_wrote_it(hut: World) -> None:
    hut.meters = [HOUSE, STOVE]
    ended = checked(hut)
    assert "follows Thuis é 1 (electricity), Gas (gas)" in ended.out
    assert "Thuis é 1      days up to" in ended.out


@pytest.mark.parametrize("words", [["show"], ["show", "--json"], ["check"]])
def test_a_terminal_without_these_letters_is_borne(reader: Reader, words: list[str]) -> None:
    reader.world.meters = [HOUSE]
    reader.fetch()
    file = str(reader.world.write_configuration())
    ended = typed(reader.world.folder, *words, "--config", file, PYTHONIOENCODING="ascii")
    assert ended.out.isascii()
    assert "Thuis ? 1" in ended.out
    assert ended.status == DONE or words == ["check"]  # which finds no broker here
