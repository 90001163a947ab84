"""Statistics that were lost come back by themselves, and those that Home Assistant made of our sensors go."""

import logging
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.homeassistant.books import books
from bridge.homeassistant.core import Core as Connection
from bridge.homeassistant.series import Naming
from bridge.homeassistant.statistics import Statistics
from bridge.ledger import Ledger
from bridge.metering.meterday import start_of
from bridge.metering.model import Direction, Energy, Meter, Reading, Register, Tariff, Unit
from bridge.service import bridge
from tests.rig.core import TOKEN, Core
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.recorder import FIRST, HIGH, LAST, LOW, TOTAL, at, is_right
from tests.rig.requests import ask
from tests.rig.world import GAS, HOME, World, says

LAST_OF_GAS = date(2026, 11, 17)


@pytest.fixture
def months(world: World) -> World:
    """The same, with two months of which Home Assistant knows."""
    world.changes["schedule.lookback_days"] = 31
    world.clock.move_to("2026-10-21 09:00")
    world.fetch()
    world.clock.move_to("2026-11-21 09:00")
    world.once()
    return world


OLDEST = date(2026, 9, 20)


def whole(core: Core) -> dict[str, dict[Any, Any]]:
    return {each: dict(rows) for each, rows in core.statistics.items()}


# --- what a cycle finds by itself


@pytest.mark.parametrize("which", [(HIGH,), (HIGH, LOW), "all"])
def test_what_the_user_cleared_is_back_after_a_cycle(world: World, core: Core, which: Any) -> None:
    world.meters = [HOME, GAS]
    world.once()
    core.clear(list(core.statistics) if which == "all" else which)
    world.clock.pass_by(hours=3)
    world.once()
    is_right(world, core, HOME, FIRST, LAST)
    is_right(world, core, GAS, date(2026, 11, 11), LAST_OF_GAS)


def test_what_was_cleared_while_home_assistant_could_not_be_reached_is_back_too(
    world: World, core: Core
) -> None:
    world.once()
    core.clear([HIGH])
    reachable = world.changes["homeassistant.statistics"]
    world.changes["homeassistant.statistics"] = {**reachable, "url": "ws://127.0.0.1:1/api/websocket"}
    world.clock.pass_by(days=1)
    world.once()
    world.changes["homeassistant.statistics"] = reachable
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core, HOME, FIRST, LAST + timedelta(days=1))


@pytest.mark.parametrize("days", [0, 1])
def test_a_backup_that_is_a_month_old_is_completed(months: World, core: Core, days: int) -> None:
    core.loses(at("2026-10-22T00:00+02:00"))
    months.clock.pass_by(days=days, hours=3)
    months.once()
    is_right(months, core, HOME, OLDEST, LAST + timedelta(days=days))


def test_an_hour_that_is_missing_at_the_end_is_noticed(world: World, core: Core) -> None:
    world.once()
    before = whole(core)
    core.loses(at("2026-11-20T20:00+01:00"))
    world.clock.pass_by(hours=3)
    world.once()
    assert core.statistics == before


def test_sums_that_are_others_are_put_right(world: World, core: Core) -> None:
    world.once()
    before = whole(core)
    for start, (state, total) in core.statistics[LOW].items():
        core.statistics[LOW][start] = (state, total + 1000)
    world.clock.pass_by(hours=3)
    world.once()
    assert core.statistics == before


def test_home_assistant_is_away_for_a_week_and_then_has_everything(
    world: World, core: Core, caplog: pytest.LogCaptureFixture
) -> None:
    world.once()
    reachable = world.changes["homeassistant.statistics"]
    world.changes["homeassistant.statistics"] = {**reachable, "url": "ws://127.0.0.1:1/api/websocket"}
    caplog.clear()
    for _ in range(7 * 4):
        world.clock.pass_by(hours=6)
        assert "Connection refused" in " ".join(map(str, world.once().errors))
    complaints = [line for line in caplog.messages if line.startswith("statistics: ")]
    assert len(complaints) == 7 * 4
    with world.ledger() as ledger:
        assert ledger.notes.recall("statistics")["state"] == "unreachable"
    world.changes["homeassistant.statistics"] = reachable
    world.clock.pass_by(hours=6)
    world.once()
    is_right(world, core, HOME, FIRST, LAST + timedelta(days=7))


def test_each_of_two_home_assistants_gets_what_it_has_not(world: World, core: Core) -> None:
    world.once()
    ours = world.changes["homeassistant.statistics"]
    with Core().open() as another:
        world.changes["homeassistant.statistics"] = {"url": another.url, "token": TOKEN}
        world.clock.pass_by(days=1)
        world.once()
        is_right(world, another, HOME, FIRST, LAST + timedelta(days=1))
    world.changes["homeassistant.statistics"] = ours
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core, HOME, FIRST, LAST + timedelta(days=1))


@pytest.mark.parametrize("number", [1, 2, 5])
def test_home_assistant_dies_while_it_gets_back_what_it_lost(months: World, core: Core, number: int) -> None:
    core.clear(list(core.statistics))
    core.asked.clear()
    core.close_at_import = number
    months.clock.pass_by(hours=3)
    months.once()
    assert not core.close_at_import
    months.clock.pass_by(hours=3)
    months.once()
    is_right(months, core, HOME, OLDEST, LAST)


def test_a_cycle_asks_about_days_and_never_about_years(tmp_path: Path, core: Core) -> None:
    """A register that was silent for long is in the same question as one of yesterday."""
    total, high = (Register(Direction.CONSUMPTION, each, Unit.KWH) for each in (Tariff.TOTAL, Tariff.HIGH))
    meter = Meter("home", HOME["ean"], Energy.ELECTRICITY)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for day, register in ((date(2024, 11, 20), total), (LAST - timedelta(days=9), high), (LAST, high)):
            start = start_of(day, Energy.ELECTRICITY)
            reading = Reading(start, start + timedelta(days=1), register, Decimal(8), validated=True)
            ledger.answers.record_days(meter, [reading], start + timedelta(days=2))
        with Connection(core.url, TOKEN) as connection:
            statistics = Statistics(connection, ledger, books(ledger, Naming()))
            assert statistics.lacking([meter]) == {meter}
            statistics.bring_up_to_date(meter, None)
            core.asked.clear()
            assert statistics.lacking([meter]) == set()
            core.clear([TOTAL])
            assert Statistics(connection, ledger, books(ledger, Naming())).lacking([meter]) == {meter}
    asked = [message for message in core.asked if message["type"] == "recorder/statistics_during_period"]
    assert {message["start_time"] for message in asked} == {start_of(LAST, Energy.ELECTRICITY).isoformat()}


# --- what is asked for


@pytest.fixture
def house(world: World, home: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The household with Home Assistant, and a broker."""
    monkeypatch.setattr(bridge, "_LOOK_AROUND", 0.05)
    home.changes |= world.changes
    return home


def are_well(mosquitto: Mosquitto) -> bool:
    health = mosquitto.retained().get("fluvius/bridge/health", "")
    return bool(health) and says({"health": health}, "health")["statistics"]["state"] == "ok"


@pytest.mark.parametrize("command", ["refresh", "republish"])
@pytest.mark.parametrize("lost", ["a statistic", "hours in between"])
def test_what_is_lost_comes_back_when_someone_asks(
    house: World, core: Core, mosquitto: Mosquitto, command: str, lost: str
) -> None:
    with house.running():
        eventually(lambda: are_well(mosquitto), 10)
        before = whole(core)
        if lost == "a statistic":
            core.clear([HIGH])
        else:
            core.loses(at("2026-11-16T10:00+01:00"), at("2026-11-16T15:00+01:00"))
        house.clock.pass_by(minutes=6)
        (answer,) = ask(mosquitto, command)
        assert (answer["status"], core.statistics) == ("ok", before)


def test_what_is_lost_comes_back_also_by_a_refresh_that_is_too_early_for_fluvius(
    house: World, core: Core, mosquitto: Mosquitto
) -> None:
    with house.running():
        eventually(lambda: are_well(mosquitto), 10)
        before = whole(core)
        core.clear([HIGH])
        (answer,) = ask(mosquitto, "refresh")
        assert (answer["status"], core.statistics) == ("error", before)


def test_a_republish_finds_hours_that_are_missing_anywhere(
    house: World, core: Core, mosquitto: Mosquitto
) -> None:
    house.changes["schedule.lookback_days"] = 31
    house.clock.move_to("2026-10-21 09:00")
    house.fetch()
    house.clock.move_to("2026-11-21 09:00")
    with house.running():
        eventually(lambda: are_well(mosquitto), 10)
        before = whole(core)
        core.loses(at("2026-09-25T10:00+02:00"), at("2026-09-27T10:00+02:00"))
        (answer,) = ask(mosquitto, "republish")
        assert (answer["status"], core.statistics) == ("ok", before)


@pytest.mark.parametrize("command", ["refresh", "republish"])
def test_who_asked_hears_that_home_assistant_did_not_take_them(
    house: World, core: Core, mosquitto: Mosquitto, command: str
) -> None:
    with house.running():
        eventually(lambda: are_well(mosquitto), 10)
        core.clear([HIGH])
        core.refused_ids = HIGH
        house.clock.pass_by(minutes=6)
        (answer,) = ask(mosquitto, command)
        assert answer["status"] == "error"
        assert "not all statistics are there: home_assistant_error: Invalid statistic_id" in answer["error"]
        assert not are_well(mosquitto)
        core.refused_ids = "none"
        house.clock.pass_by(minutes=6)  # then the bridge tries by itself too, and may be busy with it
        eventually(lambda: ask(mosquitto, command)[0]["status"] == "ok", 10)
        assert are_well(mosquitto)


def test_health_is_not_well_while_they_are_gone(house: World, core: Core, mosquitto: Mosquitto) -> None:
    house.once()
    assert are_well(mosquitto)
    core.clear([HIGH])
    core.close_at_import = len(core.imports) + 1
    house.clock.pass_by(hours=3)
    house.once()
    assert HIGH not in core.statistics
    assert not are_well(mosquitto)
    house.clock.pass_by(hours=3)
    house.once()
    assert HIGH in core.statistics
    assert are_well(mosquitto)


def test_a_meter_whose_readings_rotted_keeps_no_other_waiting(
    house: World, core: Core, mosquitto: Mosquitto
) -> None:
    house.meters = [HOME, GAS]
    house.once()
    before = whole(core)
    with closing(sqlite3.connect(house.data_dir / "ledger.sqlite")) as database, database:
        home = "(SELECT meter FROM reading GROUP BY meter ORDER BY COUNT(*) DESC LIMIT 1)"
        assert database.execute(f"UPDATE reading SET amount = 2 * amount WHERE meter = {home}").rowcount
    core.clear([each for each in before if GAS["ean"] in each])
    house.clock.pass_by(hours=3)
    house.once()
    assert core.statistics == before
    assert not are_well(mosquitto)


def test_health_is_not_well_while_they_are_being_brought_back(
    house: World, core: Core, mosquitto: Mosquitto
) -> None:
    house.once()
    core.clear([HIGH])
    core.forgets_imports = True
    house.clock.pass_by(hours=3)
    with house.running():
        eventually(lambda: len(core.imports) > 4)
        assert not are_well(mosquitto)
        core.forgets_imports = False
    with house.ledger() as ledger:
        assert ledger.notes.recall("statistics")["state"] == "waiting"
    house.clock.pass_by(hours=3)
    house.once()
    assert HIGH in core.statistics
    assert are_well(mosquitto)


# --- what they are called


@pytest.mark.parametrize("version", ["2025.4.4", "2026.11.0"])
def test_the_statistics_of_a_renamed_meter_are_renamed_and_nothing_else_is_sent(
    world: World, core: Core, version: str
) -> None:
    core.version = version
    world.once()
    before = whole(core)
    world.meters = [{**HOME, "name": "Ons huis"}]
    nothing: list[Any] = []
    for sent in ([nothing] * 4, nothing):
        core.asked.clear()
        world.clock.pass_by(minutes=10)
        world.once()
        assert [message["stats"] for message in core.imports] == sent
    assert core.metadata[HIGH]["name"].startswith("Ons huis")
    assert len({each["name"] for each in core.metadata.values()}) == 4
    assert core.statistics == before


def test_the_statistics_are_called_in_the_language_of_the_configuration(world: World, core: Core) -> None:
    world.meters = [HOME, GAS]
    world.once()
    before = whole(core)
    world.changes["language"] = "nl"
    world.clock.pass_by(minutes=10)
    world.once()
    assert {each["name"] for each in core.metadata.values()} == {
        "home: Afname hoog",
        "home: Afname laag",
        "home: Injectie hoog",
        "home: Injectie laag",
        "gas: Afname",
        "gas: Volume",
    }
    assert core.statistics == before


def test_a_unit_that_was_changed_is_put_right(world: World, core: Core) -> None:
    world.once()
    core.metadata[HIGH]["unit_of_measurement"] = "MWh"
    world.clock.pass_by(hours=3)
    world.once()
    assert core.metadata[HIGH]["unit_of_measurement"] == "kWh"
    is_right(world, core, HOME, FIRST, LAST)


def test_each_bridge_calls_its_own_so_that_they_are_told_apart(world: World, core: Core) -> None:
    world.once()
    world.meters = [{**HOME, "name": "Thuis"}]
    world.changes |= {"mqtt.base_topic": "attic", "data_dir": str(world.folder / "attic")}
    world.once()
    called = [core.metadata[each]["name"] for each in (HIGH, HIGH.replace(":", ":attic_"))]
    assert called == ["home: High consumption", "Thuis (attic): High consumption"]


# --- statistics that Home Assistant made of our sensors


OURS = f"fluvius_{HOME['ean']}"
ADVICE = "the Energy dashboard still shows sensor.fluvius_home_total_consumption"


def asks_of_sensors(core: Core) -> bool:
    return "config/entity_registry/list" in {message["type"] for message in core.asked}


def test_exactly_our_sensors_that_have_statistics_are_cleared_and_once(
    world: World, core: Core, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    core.has_sensor(f"{OURS}_total_consumption", "sensor.fluvius_home_total_consumption")
    core.has_sensor(f"{OURS}_day_net", "sensor.what_its_user_calls_it")
    core.entities.append(
        {"entity_id": "sensor.fluvius_home_peak", "platform": "mqtt", "unique_id": f"{OURS}_peak"}
    )
    theirs = {
        "sensor.kitchen": ("kitchen_consumption", "mqtt"),
        "sensor.fluvius_home_day_consumption": (f"{OURS}_day_consumption", "template"),
        "sensor.of_the_attic": (f"attic_{OURS}_day_consumption", "mqtt"),
        "sensor.of_another_meter": (f"fluvius_{GAS['ean']}_day_consumption", "mqtt"),
        "sensor.made_by_the_user": (f"{OURS}_day_consumption_in_euros", "mqtt"),
    }
    for entity_id, (unique_id, platform) in theirs.items():
        core.has_sensor(unique_id, entity_id, platform=platform)
    world.once()
    assert core.cleared == ["sensor.fluvius_home_total_consumption", "sensor.what_its_user_calls_it"]
    assert theirs.keys() < core.statistics.keys()
    (line,) = [line for line in caplog.messages if "cleared" in line]
    assert line.endswith(": sensor.fluvius_home_total_consumption, sensor.what_its_user_calls_it")
    is_right(world, core, HOME, FIRST, LAST)
    world.clock.pass_by(hours=3)
    world.once()
    core.asked.clear()
    world.clock.pass_by(hours=3)
    world.once()
    assert len(core.asked) == 2


def test_where_there_is_nothing_to_clear_it_is_asked_for_once(world: World, core: Core) -> None:
    world.once()
    assert asks_of_sensors(core)
    core.asked.clear()
    world.clock.pass_by(hours=3)
    world.once()
    assert not asks_of_sensors(core)


def test_a_sensor_that_has_its_state_class_still_is_left_until_it_has_none(world: World, core: Core) -> None:
    sensor = "sensor.fluvius_home_total_consumption"
    core.has_sensor(f"{OURS}_total_consumption", sensor, state_class="total")
    world.once()
    assert sensor in core.statistics
    del core.state_classes[sensor]  # Home Assistant heard of the change
    world.clock.pass_by(hours=3)
    world.once()
    assert sensor not in core.statistics
    core.has_sensor(f"{OURS}_day_net", "sensor.of_a_user", state_class="total")
    world.clock.pass_by(hours=3)
    world.once()
    assert core.cleared == [sensor]


@pytest.mark.parametrize(
    "preferences",
    [
        {"energy_sources": [{"type": "grid", "flow_from": [{"stat_energy_from": "SENSOR"}], "flow_to": []}]},
        {"energy_sources": [{"type": "grid", "stat_energy_from": None, "stat_energy_to": "SENSOR"}]},
        {"energy_sources": [], "device_consumption": [{"stat_consumption": "SENSOR", "name": "all"}]},
    ],
)
def test_one_that_the_energy_dashboard_shows_is_kept_until_its_user_chose_another(
    house: World, core: Core, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture, preferences: Any
) -> None:
    sensor = "sensor.fluvius_home_total_consumption"
    core.has_sensor(f"{OURS}_total_consumption", sensor)
    core.has_sensor(f"{OURS}_day_net", "sensor.fluvius_home_day_net")
    core.preferences = with_sensor(preferences, sensor)
    for _ in range(2):
        house.once()
        house.clock.pass_by(hours=3)
    assert core.cleared == ["sensor.fluvius_home_day_net"]
    assert sum(ADVICE in line for line in caplog.messages) == 1
    retained = mosquitto.retained()
    health, problem = (says(retained, f"fluvius/bridge/{each}") for each in ("health", "problem"))
    assert health["statistics"]["state"] == "ok"
    assert ADVICE in health["statistics"]["advice"]
    assert "choose the statistic of the same meter" in problem["advice"]
    assert problem["problem"] is False
    core.preferences = with_sensor(preferences, HIGH)
    house.once()
    assert sensor not in core.statistics
    retained = mosquitto.retained()
    assert "advice" not in says(retained, "fluvius/bridge/health")["statistics"]
    assert says(retained, "fluvius/bridge/problem")["advice"] is None


def with_sensor(preferences: Any, sensor: str) -> Any:
    match preferences:
        case dict():
            return {key: with_sensor(each, sensor) for key, each in preferences.items()}
        case list():
            return [with_sensor(each, sensor) for each in preferences]
        case "SENSOR":
            return sensor
        case _:
            return preferences


def test_a_sensor_that_its_user_disabled_is_cleared_too(world: World, core: Core) -> None:
    core.has_sensor(f"{OURS}_total_consumption", "sensor.fluvius_home_total_consumption")
    core.issue = "no_state"
    world.once()
    assert core.cleared == ["sensor.fluvius_home_total_consumption"]


def test_a_sensor_with_another_complaint_is_left_alone(world: World, core: Core) -> None:
    core.has_sensor(f"{OURS}_total_consumption", "sensor.fluvius_home_total_consumption")
    core.issue = "units_changed"
    world.once()
    assert core.cleared == []


@pytest.mark.parametrize(
    "command", ["config/entity_registry/list", "recorder/validate_statistics", "recorder/clear_statistics"]
)
def test_clearing_that_was_cut_off_is_done_again(world: World, core: Core, command: str) -> None:
    core.has_sensor(f"{OURS}_total_consumption", "sensor.fluvius_home_total_consumption")
    core.closes_after = command
    world.once()
    assert not core.closes_after
    for _ in range(2):
        world.clock.pass_by(hours=3)
        world.once()
    assert not any(each.startswith("sensor.") for each in core.statistics)
    is_right(world, core, HOME, FIRST, LAST)


def test_what_a_restored_backup_brings_back_is_cleared_again(
    house: World, core: Core, mosquitto: Mosquitto
) -> None:
    sensor = "sensor.fluvius_home_total_consumption"
    with house.running():
        eventually(lambda: are_well(mosquitto), 10)
        core.has_sensor(f"{OURS}_total_consumption", sensor)
        mosquitto.publish("homeassistant/status", "online")

        def is_cleared() -> bool:
            house.clock.pass_by(seconds=0.5)
            return core.cleared == [sensor]

        eventually(is_cleared, 10)


@pytest.mark.usefixtures("core")
def test_another_home_assistant_is_tidied_up_too(world: World) -> None:
    world.once()
    with Core().open() as another:
        another.has_sensor(f"{OURS}_total_consumption", "sensor.fluvius_home_total_consumption")
        world.changes["homeassistant.statistics"] = {"url": another.url, "token": TOKEN}
        world.clock.pass_by(hours=3)
        world.once()
        assert another.cleared


def test_a_home_assistant_that_does_not_want_to_clear_has_its_statistics(
    world: World, core: Core, caplog: pytest.LogCaptureFixture
) -> None:
    core.has_sensor(f"{OURS}_total_consumption", "sensor.fluvius_home_total_consumption")
    core.unknown = "recorder/clear_statistics"
    world.once()
    assert "is not cleared: unknown_command" in caplog.text
    is_right(world, core, HOME, FIRST, LAST)
    with world.ledger() as ledger:
        assert ledger.notes.recall("statistics")["state"] == "ok"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("config/entity_registry/list", None),
        ("config/entity_registry/list", [{}]),
        ("recorder/validate_statistics", None),
        ("recorder/validate_statistics", {"sensor.fluvius_home_total_consumption": [{}]}),
    ],
)
def test_an_odd_answer_clears_nothing(world: World, core: Core, command: str, answer: Any) -> None:
    core.has_sensor(f"{OURS}_total_consumption", "sensor.fluvius_home_total_consumption")
    core.odd_answers[command] = answer
    world.once()
    assert core.cleared == []
    is_right(world, core, HOME, FIRST, LAST)
    core.odd_answers.clear()
    world.clock.pass_by(hours=1)
    world.once()
    assert core.cleared == ["sensor.fluvius_home_total_consumption"]
