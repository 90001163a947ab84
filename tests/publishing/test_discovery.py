"""What Home Assistant and openHAB find on the broker. `make interop` shows that a real one agrees."""

import json
from datetime import date

import pytest

from bridge import __version__
from bridge.service import bridge
from tests.rig.discovery import entities, told
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.world import GAS, HOME, SHED, World

BRIDGE = {
    *("state", "problem", "version", "portal_last_success", "next_run", "refresh", "republish", "answer"),
    *("history_from", "fetch_history", "stop_history", "history"),
}
OF_DAY = {
    *("day_consumption", "day_consumption_high", "day_consumption_low"),
    *("day_injection", "day_injection_high", "day_injection_low", "day_net"),
}
RUNNING = {
    *("total_consumption", "total_consumption_high", "total_consumption_low"),
    *("total_injection", "total_injection_high", "total_injection_low"),
}
OF_MONTH = {"month_consumption", "month_injection", "month_net"}
PEAKS = {"peak", "peak_mean", "last_month_peak", "peak_threshold"}
ABOUT = {"latest_day", "latest_day_age", "new_day", "problem"}


@pytest.fixture(params=["components", "device"])
def whole_house(request: pytest.FixtureRequest, home: World) -> World:
    """Three meters, in one format and in the other."""
    home.meters = [HOME, GAS, SHED]
    home.changes["homeassistant.discovery_format"] = request.param
    return home


def test_only_what_a_meter_has(whole_house: World, mosquitto: Mosquitto) -> None:
    whole_house.once()
    configs = told(mosquitto)
    assert set(entities(configs, HOME["ean"])) == OF_DAY | OF_MONTH | PEAKS | RUNNING | ABOUT | {"chart"}
    assert set(entities(configs, GAS["ean"])) == ABOUT | {
        *("day_consumption", "day_volume", "total_consumption", "total_volume"),
        *("month_consumption", "month_volume", "chart"),
    }
    assert set(entities(configs, SHED["ean"])) == ABOUT | PEAKS | {
        *("day_consumption", "month_consumption", "total_consumption")
    }
    assert set(entities(configs, "bridge")) == BRIDGE


def test_every_entity_points_at_a_topic_that_is_there(whole_house: World, mosquitto: Mosquitto) -> None:
    whole_house.once()
    configs, retained = told(mosquitto), mosquitto.retained()
    for meter in ("bridge", HOME["ean"], GAS["ean"], SHED["ean"]):
        for key, entity in entities(configs, meter).items():
            if key in {"new_day", "answer"}:  # events are not retained
                continue
            shown = [entity[name] for name in ("state_topic", "image_topic") if name in entity]
            assert set(shown) <= retained.keys(), key
            assert shown or "command_topic" in entity, key


def test_an_amount_of_a_day(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    assert told(mosquitto)[f"sensor/fluvius_{HOME['ean']}/day_consumption_high/config"] == {
        "name": "Day high consumption",
        "unique_id": f"fluvius_{HOME['ean']}_day_consumption_high",
        "default_entity_id": "sensor.fluvius_home_day_consumption_high",
        "object_id": "fluvius_home_day_consumption_high",
        "qos": 1,
        "state_topic": "fluvius/home/day",
        "device_class": "energy",
        "unit_of_measurement": "kWh",
        "value_template": "{{ value_json.consumption.high }}",
        "json_attributes_topic": "fluvius/home/day",
        "json_attributes_template": (
            "{{ {'date': value_json.date, 'validated': value_json.validated} | tojson }}"
        ),
        "device": {
            "identifiers": [f"fluvius_{HOME['ean']}"],
            "name": "home",
            "manufacturer": "Fluvius",
            "model": "Electricity meter",
            "serial_number": HOME["serial"],
            "configuration_url": "https://mijn.fluvius.be",
            "via_device": "fluvius_bridge",
        },
        "origin": {
            "name": "fluvius2mqtt",
            "sw_version": __version__,
            "support_url": "https://github.com/fluvius2mqtt/fluvius2mqtt",
        },
    }


def test_home_assistant_is_given_nothing_to_make_statistics_of(
    whole_house: World, mosquitto: Mosquitto
) -> None:
    whole_house.once()
    for meter in ("bridge", HOME["ean"], GAS["ean"], SHED["ean"]):
        for entity in entities(told(mosquitto), meter).values():
            assert not {"state_class", "last_reset_value_template"} & entity.keys()


def test_a_volume_of_gas(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [GAS]
    home.once()
    volume = entities(told(mosquitto), GAS["ean"])["day_volume"]
    assert (volume["device_class"], volume["unit_of_measurement"]) == ("gas", "m³")
    assert volume["device"]["model"] == "Gas meter"


def test_what_a_running_bridge_says_is_unavailable_without_it(
    whole_house: World, mosquitto: Mosquitto
) -> None:
    with whole_house.running():
        eventually(lambda: '"ok"' in mosquitto.retained().get("fluvius/bridge/health", ""), 10)
        configs = told(mosquitto)
    for meter in ("bridge", HOME["ean"], GAS["ean"], SHED["ean"]):
        for key, entity in entities(configs, meter).items():
            expected = None if (meter, key) == ("bridge", "state") else "fluvius/bridge/state"
            assert entity.get("availability_topic") == expected


def test_what_a_cron_job_says_stands_between_two_runs(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    configs = told(mosquitto)
    assert not any("availability_topic" in each for each in entities(configs, HOME["ean"]).values())


def test_the_quarter_hours_are_small_attributes_of_one_entity(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [HOME, SHED]
    home.once()
    configs = told(mosquitto)
    assert entities(configs, HOME["ean"])["latest_day"]["json_attributes_topic"] == "fluvius/home/intervals"
    assert "json_attributes_topic" not in entities(configs, SHED["ean"])["latest_day"]


# --- what changes


def test_a_renamed_meter_keeps_its_entities(whole_house: World, mosquitto: Mosquitto) -> None:
    whole_house.once()
    before = told(mosquitto)
    whole_house.meters = [{**HOME, "name": "Ons huis"}, GAS, SHED]
    whole_house.once()
    after = told(mosquitto)
    assert after.keys() == before.keys()
    mine = entities(after, HOME["ean"])
    assert {key: each["unique_id"] for key, each in mine.items()} == {
        key: each["unique_id"] for key, each in entities(before, HOME["ean"]).items()
    }
    assert mine["day_net"]["state_topic"] == "fluvius/ons_huis/day"
    assert not [topic for topic in mosquitto.retained() if topic.startswith("fluvius/home/")]


def test_two_meters_may_swap_their_names(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [HOME, {**SHED, "name": "shed"}]
    home.once()
    first = mosquitto.retained()
    home.meters = [{**HOME, "name": "shed"}, {**SHED, "name": "home"}]
    home.once()
    second = mosquitto.retained()
    assert second["fluvius/shed/day/consumption/high"] == first["fluvius/home/day/consumption/high"]
    assert second["fluvius/home/day/consumption/total"] == first["fluvius/shed/day/consumption/total"]
    assert "fluvius/home/day/consumption/high" not in second


def test_a_meter_that_left_the_configuration_is_taken_away(whole_house: World, mosquitto: Mosquitto) -> None:
    whole_house.once()
    whole_house.meters = [HOME]
    whole_house.once()
    assert entities(told(mosquitto), HOME["ean"])
    assert not [topic for topic in mosquitto.retained() if GAS["ean"] in topic or "/gas/" in topic]


def test_discovery_that_was_switched_off_is_taken_away(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    home.changes["homeassistant.discovery"] = False
    home.once()
    assert told(mosquitto) == {}


def test_another_discovery_prefix(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    home.changes["homeassistant.discovery_prefix"] = "ha/found"
    home.once()
    assert told(mosquitto) == {}
    assert set(
        entities(told(mosquitto, "ha/found"), HOME["ean"])
    ) == OF_DAY | OF_MONTH | PEAKS | RUNNING | ABOUT | {"chart"}


@pytest.mark.parametrize(("one", "other"), [("components", "device"), ("device", "components")])
def test_another_format_takes_the_entities_over(
    home: World, mosquitto: Mosquitto, one: str, other: str
) -> None:
    home.changes["homeassistant.discovery_format"] = one
    home.once()
    before = set(told(mosquitto))
    home.changes["homeassistant.discovery_format"] = other
    with mosquitto.listen("homeassistant/#") as ear:
        home.once()
        ear.wait_for(lambda messages: len(messages) > 3 * min(len(before), 2))
        heard = [(message.topic.removeprefix("homeassistant/"), message.payload) for message in ear.messages]
    after = set(told(mosquitto))
    assert after.isdisjoint(before)
    assert set(entities(told(mosquitto), HOME["ean"])) == OF_DAY | OF_MONTH | PEAKS | RUNNING | ABOUT | {
        "chart"
    }
    for topic in before:
        said = [payload for each, payload in heard if each == topic]
        assert said[-2:] == ['{"migrate_discovery": true}', ""]


def test_what_the_device_format_lacks_is_named_as_gone(home: World, mosquitto: Mosquitto) -> None:
    home.changes["homeassistant.discovery_format"] = "device"
    home.meters = [SHED]
    home.once()
    components = told(mosquitto)[f"device/fluvius_{SHED['ean']}/config"]["components"]
    assert components["day_injection"] == {"platform": "sensor"}


def test_two_bridges_in_one_home_assistant(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    home.changes |= {
        "mqtt.base_topic": "attic/fluvius",
        "mqtt.client_id": "attic",
        "data_dir": str(home.folder / "attic"),
    }
    home.once()
    configs = told(mosquitto)
    ids = [each["unique_id"] for each in configs.values()]
    assert len(ids) == len(set(ids)) == 2 * (25 + 12)
    assert {each["device"]["name"] for each in configs.values()} == {
        *("home", "home (attic/fluvius)", "Fluvius", "Fluvius (attic/fluvius)")
    }


def test_home_assistant_is_told_again_when_it_has_started(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "_LOOK_AROUND", 0.05)
    home.meters = [HOME, GAS]
    home.changes["homeassistant.discovery_prefix"] = "ha"
    with home.running():
        eventually(lambda: '"ok"' in mosquitto.retained().get("fluvius/bridge/health", ""), 10)
        before = told(mosquitto, "ha")
        with mosquitto.listen("#") as ear:
            mosquitto.publish("homeassistant/status", "online")

            def all_was_told() -> bool:
                home.clock.pass_by(seconds=0.2)
                fresh = {message.topic for message in ear.messages if not message.retain}
                return {f"ha/{topic}" for topic in before} <= fresh

            assert not all_was_told()
            eventually(all_was_told)
            fresh = [message.topic for message in ear.messages if not message.retain]
    assert not [topic for topic in fresh if topic.startswith(("fluvius/home/", "fluvius/gas/"))]


def test_the_age_of_the_latest_day_grows_at_midnight(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "_LOOK_AROUND", 0.05)

    def age() -> int | None:
        status = mosquitto.retained().get("fluvius/home/status")
        return json.loads(status)["age_days"] if status else None

    with home.running():
        eventually(lambda: age() == 1, 10)
        home.clock.move_to("2026-11-22 00:00")
        eventually(lambda: age() == 2)


# --- the problem


def test_a_day_that_is_later_than_ever_is_a_problem(home: World, mosquitto: Mosquitto) -> None:
    def problem() -> bool:
        return bool(json.loads(mosquitto.retained()["fluvius/home/status"])["problem"])

    home.once()
    assert not problem()
    home.simulator.delay(HOME["ean"], date(2026, 11, 21), home.clock.move_to("2027-01-01 00:00"))
    home.clock.move_to("2026-11-25 12:00")
    home.once()
    assert not problem()
    home.clock.move_to("2026-11-26 12:00")
    home.once()
    assert problem()
