"""What entities in Home Assistant say, and what their names are. `make interop` shows them in real ones."""

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest

from bridge.fetching.due import Occasion
from bridge.ledger.health import SourceHealth
from bridge.publishing.bridge_entities import OF_BRIDGE
from bridge.publishing.entities import OF_METER
from bridge.text import names
from bridge.text.names import Language
from tests.rig.core import TOKEN, Core
from tests.rig.discovery import entities, told
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.reading import Reader
from tests.rig.requests import RESPONSE, ask, at_rest
from tests.rig.world import GAS, HOME, SHED, World, says

LANGUAGES = get_args(Language)
SEEN = 18  # characters of a name on a device page
HISTORY = "fluvius/bridge/history"


pytestmark = pytest.mark.usefixtures("_quick")


# --- names


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("table", [OF_METER, OF_BRIDGE], ids=["meter", "bridge"])
def test_no_two_names_look_alike_where_they_are_cut(table: Any, language: Language) -> None:
    seen = [names.of_entity(entity.key, language)[:SEEN] for entity in table]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("table", [names.OTHERS, names.MODELS], ids=["entities", "models"])
def test_every_name_is_there_in_every_language(table: Any) -> None:
    assert {tuple(sorted(words)) for words in table.values()} == {tuple(sorted(LANGUAGES))}


def test_names_as_people_say_them() -> None:
    said = {language: names.of_entity("day_consumption_high", language) for language in LANGUAGES}
    assert said == {
        "en": "Day high consumption",
        "nl": "Dagafname hoog",
        "fr": "Jour\u202f: HP prélèvement",
        "de": "Tag: HT-Bezug",
    }
    assert names.of_entity("last_month_injection", "de") == "Vormonat: Einspeisung"


def test_another_language_changes_names_and_nothing_else(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    before = told(mosquitto)
    home.changes["language"] = "nl"
    home.once()
    after = told(mosquitto)
    assert after.keys() == before.keys()
    assert entities(after, HOME["ean"])["day_net"]["name"] == "Dagsaldo"
    assert entities(after, HOME["ean"])["day_net"]["device"]["model"] == "Elektriciteitsmeter"
    for topic, config in before.items():
        for key in ("unique_id", "default_entity_id", "object_id", "state_topic"):
            assert config.get(key) == after[topic].get(key)


# --- months, peaks and ages


def test_the_last_month_and_how_much_of_it_is_known(home: World, mosquitto: Mosquitto) -> None:
    home.clock.move_to("2026-12-02 09:00")
    home.once()
    mine = entities(told(mosquitto), HOME["ean"])
    assert mine["last_month_consumption"]["value_template"] == "{{ value_json.last.consumption.total }}"
    last = says(mosquitto.retained(), "fluvius/home/month")["last"]
    assert (last["month"], last["days"], last["days_missing"]) == ("2026-11", 6, 24)
    assert "value_json.last.days_missing" in mine["last_month_consumption"]["json_attributes_template"]
    assert "value_json.since" in mine["total_consumption_high"]["json_attributes_template"]
    assert mine["total_consumption_high"]["json_attributes_topic"] == "fluvius/home/total"


def test_in_the_first_days_of_a_month_the_last_known_peak_stands(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    november = says(mosquitto.retained(), "fluvius/home/peak")
    assert november["latest"] == {name: november[name] for name in ("month", "peak", "start", "end")}
    home.clock.move_to("2026-12-01 05:00")
    home.once()
    december = says(mosquitto.retained(), "fluvius/home/peak")
    assert (december["month"], december["peak"]) == ("2026-12", None)
    assert december["latest"]["month"] == december["last"]["month"] == "2026-11"
    assert december["latest"]["peak"] >= november["peak"]


def test_a_last_month_without_a_peak_is_unknown_and_not_another_months(
    home: World, mosquitto: Mosquitto
) -> None:
    home.simulator.fault("server-error", where="spikes")
    home.clock.move_to("2026-12-20 09:00")
    home.once()
    peak = says(mosquitto.retained(), "fluvius/home/peak")
    assert peak["last"] == {"month": "2026-11", "peak": None, "start": None, "end": None}
    assert peak["latest"]["month"] == "2026-12"


def test_the_age_stops_when_no_newer_day_can_come(home: World, mosquitto: Mosquitto) -> None:
    def age() -> int:
        home.once()
        status: dict[str, Any] = says(mosquitto.retained(), "fluvius/home/status")
        return int(status["age_days"])

    assert age() == 1
    home.meters = [{**HOME, "until": "2026-11-21"}]
    ages = []
    for _ in range(4):
        ages.append(age())
        home.clock.pass_by(days=40)
    assert ages == [1, 1, 1, 1]


# --- events


def events(world: World, mosquitto: Mosquitto, **passing: float) -> list[dict[str, Any]]:
    """What is said once, by a run some time later."""
    world.clock.pass_by(**passing)
    with mosquitto.listen("fluvius/#") as ear:
        world.once()
        ear.wait_for(lambda _: ear.payloads("fluvius/bridge/state")[-1:] == ["offline"])
        return [json.loads(payload) for payload in ear.payloads("fluvius/home/event")]


def test_a_new_day_is_said_once(home: World, mosquitto: Mosquitto) -> None:
    assert [each["date"] for each in events(home, mosquitto)] == ["2026-11-20"]
    assert events(home, mosquitto, hours=1) == [], "after a restart"
    (event,) = events(home, mosquitto, days=1)
    assert (event["event_type"], event["date"]) == ("new_day", "2026-11-21")
    assert "fluvius/home/event" not in mosquitto.retained()


def test_after_days_without_the_bridge_the_newest_is_said(home: World, mosquitto: Mosquitto) -> None:
    events(home, mosquitto)
    (event,) = events(home, mosquitto, days=5)
    assert event["date"] == "2026-11-25"


def test_a_correction_of_the_latest_day_is_said(home: World, mosquitto: Mosquitto) -> None:
    events(home, mosquitto)
    home.simulator.correct(HOME["ean"], date(2026, 11, 20), delta_wh=500, at=home.clock())
    home.clock.pass_by(hours=1)
    home.fetch(Occasion.ASKED)
    (event,) = events(home, mosquitto, minutes=6)
    assert (event["event_type"], event["date"]) == ("corrected_day", "2026-11-20")


def test_what_was_published_again_is_no_event(home: World, mosquitto: Mosquitto) -> None:
    with at_rest(home, mosquitto), mosquitto.listen("fluvius/home/event") as ear:
        ask(mosquitto, "republish")
        assert ear.messages == []


# --- the bridge's problem


def problem(mosquitto: Mosquitto) -> dict[str, Any]:
    payload: dict[str, Any] = says(mosquitto.retained(), "fluvius/bridge/problem")
    return payload


def test_a_password_that_is_refused_is_a_problem_of_the_bridge(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    assert problem(mosquitto)["problem"] is False
    home.password = "wrong"
    home.clock.pass_by(days=1)
    (home.data_dir / "token.json").unlink()
    home.once()
    said = problem(mosquitto)
    assert said["problem"] is True
    assert "does not accept this password" in said["portal"]


def test_a_token_that_home_assistant_refuses_is_a_problem_of_the_bridge(
    home: World, mosquitto: Mosquitto
) -> None:
    with Core().open() as core:
        home.changes["homeassistant.statistics"] = {"url": core.url, "token": TOKEN + "x"}
        home.once()
    said = problem(mosquitto)
    assert said["problem"] is True
    assert "token" in said["statistics"]
    assert said["advice"] is None


def test_a_bad_hour_at_fluvius_is_no_problem_and_bad_days_are(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    home.simulator.fault("unavailable")
    home.clock.pass_by(days=1)
    home.once()
    assert problem(mosquitto)["problem"] is False
    home.clock.pass_by(days=2)
    home.once()
    assert "portal" in problem(mosquitto)


def test_a_source_that_never_worked_is_a_problem_after_three_failures(home: World) -> None:
    health, now = SourceHealth(), home.clock()
    found = []
    for _ in range(4):
        health.postponed("Fluvius cannot be reached", now, asked_for=None, reached=False)
        found.append(health.problem(now) is not None)
        now += timedelta(hours=1)
    assert found == [False, False, True, True]


def test_without_statistics_the_bridge_says_what_the_dashboard_needs(
    home: World, mosquitto: Mosquitto, reader: Reader
) -> None:
    home.once()
    said = problem(mosquitto)
    assert said["problem"] is False
    assert "homeassistant.statistics" in said["advice"]
    assert "homeassistant.statistics" in reader.types("check").out
    home.changes["homeassistant.discovery"] = False
    home.once()
    assert problem(mosquitto)["advice"] is None


# --- history


def press(mosquitto: Mosquitto, key: str, payload: str = "PRESS") -> dict[str, Any]:
    """What Home Assistant does when someone presses a button, or fills in a text."""
    command = entities(told(mosquitto), "bridge")[key]["command_topic"]
    name = command.rpartition("/")[2]
    with mosquitto.listen(f"{RESPONSE}/{name}") as ear:
        mosquitto.publish(command, payload)
        ear.wait_for(lambda heard: len(heard) == 1)
        answer: dict[str, Any] = json.loads(ear.messages[0].payload)
    return answer


def history(mosquitto: Mosquitto) -> dict[str, Any]:
    payload: dict[str, Any] = says(mosquitto.retained(), HISTORY)
    return payload


def test_history_is_fetched_from_the_day_that_was_filled_in(home: World, mosquitto: Mosquitto) -> None:
    with at_rest(home, mosquitto):
        assert history(mosquitto) == {
            "from": "2025-01-01",
            "state": "idle",
            "progress": None,
            "backfill": None,
            "words": None,
        }
        assert press(mosquitto, "history_from", "2026-11-01")["data"] == {"from": "2026-11-01"}
        with mosquitto.listen(HISTORY) as ear:
            assert press(mosquitto, "fetch_history")["data"]["from"] == "2026-11-01"
            eventually(lambda: says(mosquitto.retained(), "fluvius/home/total")["since"] == "2026-11-01", 20)
            eventually(lambda: history(mosquitto)["state"] == "idle", 20)
            shown = [json.loads(payload)["progress"] for payload in ear.payloads(HISTORY)]
        moved = [each for each in shown if each is not None]
        assert len(set(moved)) > 5
        assert moved == sorted(moved)
    assert home.total() == home.truth(HOME["ean"], date(2026, 11, 1), date(2026, 11, 20))


@pytest.mark.parametrize(
    "text", ["1.1.2024", "yesterday", "2026-02-30", "2026-11-21", "2099-01-01", "", "é" * 99]
)
def test_a_day_that_cannot_be_is_refused_in_words_and_changes_nothing(
    home: World, mosquitto: Mosquitto, text: str
) -> None:
    with at_rest(home, mosquitto):
        press(mosquitto, "history_from", "2026-11-01")
        answer = press(mosquitto, "history_from", text)
        assert answer["status"] == "error"
        assert answer["error"]
        assert history(mosquitto)["from"] == "2026-11-01"


def test_history_can_be_stopped_and_goes_on_after_a_restart(home: World, mosquitto: Mosquitto) -> None:
    with at_rest(home, mosquitto):
        press(mosquitto, "history_from", "2024-01-01")
        press(mosquitto, "fetch_history")
        eventually(lambda: (history(mosquitto)["backfill"] or {"done": 0})["done"] > 3, 20)
        assert press(mosquitto, "stop_history")["data"] == {"stopped": 1}
        assert history(mosquitto)["state"] == "idle"
        assert "no history" in press(mosquitto, "stop_history")["error"]
        press(mosquitto, "fetch_history")
        eventually(lambda: history(mosquitto)["state"] == "fetching", 20)
        before = history(mosquitto)["backfill"]["done"]
    with home.running():
        eventually(lambda: history(mosquitto)["backfill"]["done"] > before, 20)


def test_two_presses_are_one_backfill(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [HOME, SHED]
    with at_rest(home, mosquitto):
        press(mosquitto, "history_from", "2026-11-10")
        for _ in range(2):
            assert press(mosquitto, "fetch_history")["data"]["meters"] == ["home", "shed"]
        with home.ledger() as ledger:
            assert len(ledger.jobs.open_backfills()) <= 2


# --- answers


def test_a_button_that_is_refused_says_so_where_home_assistant_listens(
    home: World, mosquitto: Mosquitto
) -> None:
    with at_rest(home, mosquitto):
        answer = entities(told(mosquitto), "bridge")["answer"]
        with mosquitto.listen(answer["state_topic"]) as ear:
            press(mosquitto, "refresh")
            press(mosquitto, "refresh")
            said = [json.loads(message.payload) for message in ear.messages]
        assert [each["status"] for each in said] == answer["event_types"]
        assert "once in five minutes" in said[1]["error"]


def test_gas_has_no_peaks_and_its_volume_is_said_once(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [GAS]
    home.once()
    mine = entities(told(mosquitto), GAS["ean"])
    assert not {key for key in mine if "peak" in key}
    assert mine["day_volume"]["name"] == "Day volume"
    assert Decimal(mosquitto.retained()["fluvius/gas/day/volume/total"]) > 0
