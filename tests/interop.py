"""fluvius2mqtt and a real Home Assistant Core: `make interop`.

Installs Home Assistant in a virtual environment of its own (the newest that this machine's newest Python
takes), starts it with a real Mosquitto, the simulator and the bridge, and asks its API what became of it.
Prints a line for each thing that was found to be so; exit status 1 if one was not.
"""

import argparse
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from bridge import __version__
from bridge.fetching.due import Occasion
from bridge.homeassistant.books import books
from bridge.homeassistant.core import Core
from bridge.homeassistant.leftovers import clear, find
from bridge.homeassistant.series import Naming
from bridge.homeassistant.statistics import Statistics
from bridge.ledger import Ledger
from bridge.metering.contract import Timeline
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import BRUSSELS, Energy, Meter
from bridge.publishing.discovery import unique_ids
from bridge.service import bridge as service
from bridge.simulator import Simulator
from tests.bench import import_everything
from tests.rig.core import Core as Stand
from tests.rig.cost_truth import (
    COSTS,
    HIGH,
    LOW,
    PRICES,
    Years,
    contract,
    cost,
    settle,
    standing,
)
from tests.rig.cost_truth import gas as gas_price
from tests.rig.energy_page import add_connections, days_back, looking, totals
from tests.rig.grid_connections import NAME, PAGES, connections_of
from tests.rig.homeassistant import HomeAssistant, energy_preferences, has_grid_connections, install
from tests.rig.mosquitto import Mosquitto
from tests.rig.truth import hourly, in_words
from tests.rig.world import GAS, HOME, SHED, Clock, World, says
from tests.rig.years import fill

INSTALLED = Path(".interop")
PICTURES = Path("docs")
PYTHONS = ("python3.15", "python3.14", "python3.13", "python3")
LAST, LAST_OF_GAS = date(2026, 11, 20), date(2026, 11, 17)  # the latest days on the world's first morning
FIRST, FIRST_OF_GAS = date(2026, 11, 14), date(2026, 11, 11)
NOISE = re.compile(  # in Home Assistant's log, and nothing of ours
    r"No device components to cleanup|"  # it has let go of them already, as it was asked to
    r"Cannot migrate history for entity_id|"  # older ones, of a sensor that was just renamed
    r"aiohttp_fast_zlib|[Tt]urbo ?[Jj]peg|ffmpeg|haffmpeg|^\S+ \S+ WARNING .*custom integration"
)
SATURDAY = 5
CENT = Fraction(1, 100)  # and ten watt-hours: what the dashboard rounds to
QUARTER_HOUR = 900  # seconds
BLUEPRINT = Path(__file__).parents[1] / "blueprints" / "automation" / "fluvius2mqtt" / "peak.yaml"
WARNED, PASSED = "finished", "failed_conditions"  # how Home Assistant calls the end of a run
P1_DISCOVERY = "homeassistant/sensor/p1/average_demand/config"
P1_READER = {
    "name": "P1 average demand",
    "unique_id": "p1_average_demand",
    "state_topic": "p1/mean",
    "availability_topic": "p1/state",
    "device_class": "power",
    "unit_of_measurement": "W",
}
ABOUT_US = r"fluvius|helpers\.template|mqtt\.(?!client|util)|components\.(automation|recorder|energy|sensor)"
PROGRESS = "_bridge_history"  # unknown while there is none
UNITS = {"energy": "kWh", "gas": "m³", "duration": "d", "power": "kW"}


class TickingClock(Clock):
    """Goes on from where it is moved to."""

    def __init__(self, local: str) -> None:
        self._begin = time.monotonic()
        super().__init__(local)

    def __call__(self) -> datetime:
        return self.instant + timedelta(seconds=time.monotonic() - self._begin)


class Stage:
    """A house with a broker, a bridge, a simulated Fluvius, and Home Assistant."""

    def __init__(self, world: World, broker: Mosquitto, ha: HomeAssistant) -> None:
        self.world, self.broker, self.ha = world, broker, ha

    def expected(self, meter: dict[str, str]) -> dict[str, str]:
        """Every entity of a meter and its state, from the simulator's own sums."""
        simulator, ean = self.world.simulator, meter["ean"]
        gas = meter is GAS
        last, first = (LAST_OF_GAS, FIRST_OF_GAS) if gas else (LAST, FIRST)
        day = in_words(simulator.day_amounts(ean, last))
        total = in_words(simulator.total_amounts(ean, first, last))
        age = (self.world.clock().astimezone(BRUSSELS).date() - last).days
        states = {"latest_day": last.isoformat(), "latest_day_age": str(age), "problem": "off"}
        for name, words in (("day", day), ("total", total)):
            for side, amounts in words.items():
                if side == "net":
                    states |= {"day_net": str(amounts)} if name == "day" else {}
                    continue
                for tariff, amount in amounts.items():
                    states[f"{name}_{side}_{tariff}".removesuffix("_total")] = str(amount)
        for side, amounts in total.items():  # all of its days are of one month
            states[f"month_{side}"] = str(amounts if side == "net" else amounts["total"])
        return states | self.shown(meter)

    def shown(self, meter: dict[str, str]) -> dict[str, str]:
        """The states of what is no sum: peaks as they were published; and that there is a picture."""
        retained = self.broker.retained()
        topics = [topic for topic, payload in retained.items() if meter["ean"] in payload]
        mine = next((topic.removesuffix("/month") for topic in topics if topic.endswith("/month")), None)
        if mine is None:
            return {}  # nothing was published yet
        states = {}
        if peak := retained.get(f"{mine}/peak"):
            told = json.loads(peak, parse_float=str)
            states = {name: told[name.removeprefix("peak_")] for name in ("peak_mean", "peak_threshold")}
            states["peak"] = told["latest"]["peak"]
            states["last_month_peak"] = told["last"]["peak"] or "unknown"
        month = json.loads(retained[f"{mine}/month"], parse_float=str)
        for side, amounts in month["last"].items():
            if side in {"consumption", "injection", "volume"}:
                states[f"last_month_{side}"] = amounts["total"]
            elif side == "net":
                states["last_month_net"] = amounts
        if f"{mine}/chart" in retained:
            states["chart"] = "a picture"
        return states

    def entity(self, meter: dict[str, str], key: str) -> str:
        platform = "binary_sensor" if key == "problem" else "sensor"
        return f"{platform}.fluvius_{meter['name']}_{key}"

    def unavailable(self) -> list[str]:
        """Our entities that show nothing."""
        return [
            each
            for each, state in self.ha.states().items()
            if "fluvius_" in each and not each.startswith(("button.", "event."))
            if not each.endswith(PROGRESS)
            if state["state"] in {"unavailable", "unknown"}
        ]

    def ours(self) -> set[str]:
        """All entities that came by MQTT."""
        return {each for each, entry in self.ha.entities().items() if entry["platform"] == "mqtt"}


def entities(stage: Stage) -> Iterator[str]:
    """Point 1: everything is there and right."""
    for meter in (HOME, GAS, SHED):
        show_what_was_counted(stage, meter)
        number = len(stage.expected(meter))
        yield f"{meter['name']}: {number} entities, each with the simulator's own amount"
    states, registry, devices = stage.ha.states(), stage.ha.entities(), stage.ha.devices()
    for entity_id in stage.ours():
        attributes = states[entity_id]["attributes"]
        device_class = attributes.get("device_class")
        unit = "%" if entity_id.endswith(PROGRESS) else UNITS.get(device_class)
        assert attributes.get("unit_of_measurement") == unit, entity_id
        assert not {"state_class", "last_reset"} & attributes.keys(), entity_id
        diagnostic = registry[entity_id]["entity_category"] == "diagnostic"
        about_the_bridge = "_bridge_(state|problem|version|portal|next_run)"
        expected_to_be = bool(re.search(f"_age|problem|{about_the_bridge}", entity_id))
        assert diagnostic == expected_to_be, entity_id
    yield f"{len(stage.ours())} entities with the right unit, class and category"
    by_name = {each["name"]: each for each in devices if each["manufacturer"] in {"Fluvius", "fluvius2mqtt"}}
    assert set(by_name) == {"Fluvius", "home", "gas", "shed"}, by_name
    for meter in (HOME, GAS, SHED):
        device = by_name[meter["name"]]
        assert device["via_device_id"] == by_name["Fluvius"]["id"]
        assert device["serial_number"] == meter["serial"]
        assert registry[stage.entity(meter, "latest_day")]["device_id"] == device["id"]
    yield "a device for each meter, reached by way of the bridge's"
    slots = states["sensor.fluvius_home_latest_day"]["attributes"]
    truth = stage.world.simulator.slot_amounts(HOME["ean"], LAST)
    for side, t in (("consumption", 1), ("injection", 2)):
        counted = [sum(amount for key, amount in each.items() if key[0] == t) for each in truth.values()]
        assert slots[side] == [float(each) for each in counted], side
    assert len(json.dumps(slots)) < 2500
    yield f"the day's 96 quarter-hours are attributes of one entity, {len(json.dumps(slots))} bytes"
    assert states["binary_sensor.fluvius_bridge_state"]["state"] == "on"
    assert states["sensor.fluvius_bridge_version"]["state"] == __version__
    assert stage.unavailable() == []
    yield "the bridge is connected, and nothing is unavailable or unknown"


def buttons(stage: Stage) -> Iterator[str]:
    """What is pressed, and what is said of it."""
    ha = stage.ha

    def answer() -> dict[str, Any]:
        attributes: dict[str, Any] = ha.states()["event.fluvius_bridge_answer"]["attributes"]
        return attributes

    stage.world.clock.pass_by(minutes=6)
    stage.world.simulator.forget_requests()
    ha.press("button.fluvius_bridge_refresh")
    until(lambda: stage.world.simulator.requests, lambda: "Fluvius was not asked")
    until(lambda: answer().get("event_type") == "ok", answer)
    yield "the button asks Fluvius, and the answer is an event"
    ha.press("button.fluvius_bridge_refresh")
    until(lambda: "once in five minutes" in str(answer().get("error")), answer)
    yield f"pressed again, it says: {answer()['error']}"
    ha.press("button.fluvius_bridge_republish")
    until(lambda: answer().get("event_type") == "ok", answer)
    problem = ha.states()["binary_sensor.fluvius_bridge_problem"]
    assert (problem["state"], "statistics" in problem["attributes"]["advice"]) == ("off", True), problem
    yield "nothing is a problem of the bridge, and it says what the Energy dashboard needs"


def history(stage: Stage, folder: Path) -> Iterator[str]:
    """Fetched without a line of JSON, by a second bridge, so that nothing else changes."""
    folder.mkdir()
    world = World(folder, stage.world.simulator, stage.world.clock, stage.broker.port)
    world.changes = {"mqtt.base_topic": "loft", "mqtt.client_id": "loft", "language": "nl"}
    first = LAST - 200 * ONE_DAY

    def state(entity: str) -> str:
        return str(stage.ha.states().get(entity, {}).get("state"))

    with world.running():
        until(lambda: state("text.loft_bridge_history_from") == "2025-01-01", stage.ha.states)
        until(lambda: state("sensor.loft_home_day_consumption") not in {"None", "unknown"}, stage.ha.states)
        name = stage.ha.states()["sensor.loft_home_day_consumption"]["attributes"]["friendly_name"]
        assert name == "home (loft) Dagafname", name
        yield f"a second bridge is told apart, in Dutch: {name}"
        stage.ha.fill_in("text.loft_bridge_history_from", "31-12-99")
        error = stage.ha.states  # the state stays
        until(
            lambda: stage.ha.states()["event.loft_bridge_answer"]["attributes"].get("error"),
            lambda: error()["event.loft_bridge_answer"],
        )
        said = stage.ha.states()["event.loft_bridge_answer"]["attributes"]["error"]
        assert state("text.loft_bridge_history_from") == "2025-01-01"
        yield f"a day that is none changes nothing, and it says: {said}"
        stage.ha.fill_in("text.loft_bridge_history_from", first.isoformat())
        until(lambda: state("text.loft_bridge_history_from") == first.isoformat(), stage.ha.states)
        stage.ha.press("button.loft_bridge_fetch_history")
        until(lambda: state("sensor.loft_bridge_history").isdecimal(), lambda: "no progress", 60)
        since = stage.ha.states
        until(
            lambda: since()["sensor.loft_home_total_consumption"]["attributes"]["since"] == first.isoformat(),
            lambda: since()["sensor.loft_home_total_consumption"],
            120,
        )
        until(lambda: state("sensor.loft_bridge_history") == "unknown", stage.ha.states, 120)
        yield f"history from {first} on by a text, a button and a sensor in percent"
        assert not recorded_by_itself(stage), recorded_by_itself(stage)
        yield "and Home Assistant made no statistics of its own of it"
    world.changes["homeassistant.discovery"] = False
    world.once()
    until(lambda: not any("loft" in each for each in stage.ha.states()), stage.ha.states)


def recorded_by_itself(stage: Stage) -> list[str]:
    """Statistics that Home Assistant made of our entities."""
    ours = stage.ours()
    listed = stage.ha.ask("recorder/list_statistic_ids")
    return [each["statistic_id"] for each in listed if each["statistic_id"] in ours]


def a_months_end(stage: Stage) -> Iterator[str]:
    """Days that come late, together and out of order over the end of a month, with corrections."""
    world = stage.world
    with running(stage):
        for day, correction in ((1, 700), (3, -300), (6, 1200)):
            world.clock.move_to(f"2026-12-{day:02} 22:00")
            world.simulator.correct(HOME["ean"], LAST, delta_wh=correction, at=world.clock())
            newest = f"{date(2026, 12, day) - ONE_DAY}"

            def newest_is_there(newest: str = newest) -> bool:
                world.clock.pass_by(minutes=6)
                stage.ha.press("button.fluvius_bridge_refresh")
                time.sleep(1)
                return bool(stage.ha.states()["sensor.fluvius_home_latest_day"]["state"] == newest)

            until(newest_is_there, lambda: stage.ha.states()["sensor.fluvius_home_latest_day"])
        last = stage.ha.states()["sensor.fluvius_home_last_month_consumption"]
        said = {key: last["attributes"][key] for key in ("month", "days", "days_missing")}
        truth = in_words(world.simulator.total_amounts(HOME["ean"], date(2026, 11, 1), date(2026, 11, 30)))
        assert Decimal(last["state"]) == truth["consumption"]["total"], (last, truth)
        assert said["month"] == "2026-11", said
        until(
            lambda: "T" in stage.ha.states()["event.fluvius_home_new_day"]["state"],
            lambda: stage.ha.states()["event.fluvius_home_new_day"],
        )
        event = stage.ha.states()["event.fluvius_home_new_day"]["attributes"]
        assert (event["event_type"], event["date"]) == ("new_day", newest), event
    assert not recorded_by_itself(stage), recorded_by_itself(stage)
    yield f"over a month's end, late and corrected: last month is right ({said}), no statistics but ours"


def formats(stage: Stage) -> Iterator[str]:
    """The other format, and back: people's own names for entities survive."""
    ha, renamed = stage.ha, "sensor.fluvius_home_day_net"
    ha.ask("config/entity_registry/update", entity_id=renamed, name="My own name")
    before = {each: entry["unique_id"] for each, entry in ha.entities().items()}
    for other in ("device", "components"):
        stage.world.changes["homeassistant.discovery_format"] = other
        with running(stage):
            until(lambda: not stage.unavailable(), stage.unavailable)
            until(
                lambda: {each: entry["unique_id"] for each, entry in ha.entities().items()} == before,
                lambda: set(ha.entities()) ^ set(before),
            )
            assert ha.entities()[renamed]["name"] == "My own name"
            yield from (f"{other}: {line}" for line in entities(stage))
            yield f"{other}: every entity was taken over, with the name that its owner gave it"
            ha.restart()
            until(lambda: not stage.unavailable(), stage.unavailable)
            yield f"{other}: and all is there after a restart of Home Assistant"


def restarts(stage: Stage) -> Iterator[str]:
    """Home Assistant, the broker and the bridge, in every order."""
    for order in itertools.permutations(("Home Assistant", "broker", "bridge")):
        with ExitStack() as bridge:
            bridge.enter_context(running(stage))
            until(lambda: not stage.unavailable(), stage.unavailable)
            for who in order:
                if who == "Home Assistant":
                    stage.ha.restart()
                elif who == "broker":
                    stage.broker.restart(keep_memory=order[0] == "broker")
                else:
                    bridge.close()
                    bridge.enter_context(running(stage))
            until(lambda: not stage.unavailable(), stage.unavailable)
            show_what_was_counted(stage, HOME)
        yield f"restarted: {', '.join(order)}; nothing is unavailable"


def changes(stage: Stage) -> Iterator[str]:
    world, ha = stage.world, stage.ha
    before = {
        entry["unique_id"]: each for each, entry in ha.entities().items() if HOME["ean"] in entry["unique_id"]
    }
    world.meters = [{**HOME, "name": "Ons huis"}, GAS]
    with running(stage):
        until(lambda: not any("shed" in each for each in ha.entities()), lambda: sorted(ha.entities()))
        until(lambda: "shed" not in {each["name"] for each in ha.devices()}, ha.devices)
        yield "a meter that left the configuration is gone, its device too"
        until(lambda: "Ons huis" in {each["name"] for each in ha.devices()}, ha.devices)
        after = {
            entry["unique_id"]: each
            for each, entry in ha.entities().items()
            if HOME["ean"] in entry["unique_id"]
        }
        assert after == before
        until(lambda: not stage.unavailable(), stage.unavailable)
        show_what_was_counted(stage, HOME)
        yield "a renamed meter kept its entities"
    world.meters = [HOME, GAS, SHED]


def two_bridges(stage: Stage, folder: Path) -> Iterator[str]:
    """A second one, with another base topic, on the same meter."""
    folder.mkdir()
    attic = World(folder, stage.world.simulator, stage.world.clock, stage.broker.port)
    attic.changes = {"mqtt.base_topic": "attic/fluvius", "mqtt.client_id": "attic"}
    with running(stage), attic.running():
        theirs = "sensor.attic_fluvius_home_day_consumption"
        until(
            lambda: stage.ha.states().get(theirs, {}).get("state") not in {None, "unknown"}, stage.ha.states
        )
        until(lambda: not stage.unavailable(), stage.unavailable)
        assert (
            stage.ha.states()[theirs]["state"]
            == stage.ha.states()["sensor.fluvius_home_day_consumption"]["state"]
        )
        assert "unique id" not in stage.ha.log().lower()
        yield "two bridges, each with entities of its own"
    attic.changes["homeassistant.discovery"] = False
    attic.once()
    until(lambda: not any(each.startswith("sensor.attic") for each in stage.ha.states()), stage.ha.states)
    yield "and the second one's vanish with its discovery"


def statistics(stage: Stage) -> Iterator[str]:
    """Point 2: hour by hour what the simulated meters counted, whatever happened before."""
    world, ha = stage.world, stage.ha
    world.changes["homeassistant.statistics"] = {"url": ha.websocket_url, "token": ha.token}
    world.once()
    yield hours(stage, FIRST, LAST)
    world.changes["schedule.lookback_days"] = 31
    world.clock.pass_by(minutes=10)
    world.fetch(Occasion.ASKED)
    world.once()
    yield "older days, before the first, over a clock change: " + hours(stage, LAST - 30 * ONE_DAY, LAST)
    world.simulator.correct(HOME["ean"], date(2026, 10, 25), delta_wh=2345)
    world.simulator.correct(HOME["ean"], date(2026, 11, 3), delta_wh=-600)
    world.simulator.correct(HOME["ean"], date(2026, 11, 19), delta_wh=-210, direction=2)
    world.clock.pass_by(days=1)  # corrected quarter-hours are asked for once a day
    world.fetch(Occasion.ASKED)
    world.once()
    yield "corrections up and down: " + hours(stage, LAST - 30 * ONE_DAY, LAST + ONE_DAY)
    with world.ledger() as ledger:
        for meter in world.settings.followed:
            ledger.outbox.restate(ledger.store.names.meter(meter), 0)
    world.clock.pass_by(minutes=10)
    world.once()
    yield "imported twice: " + hours(stage, LAST - 30 * ONE_DAY, LAST + ONE_DAY)
    world.clock.pass_by(days=1)
    ha.stop()
    world.once()
    ha.start()
    world.clock.pass_by(hours=1)
    world.once()
    last = LAST + 2 * ONE_DAY
    yield "a new day came while Home Assistant was away: " + hours(stage, LAST - 30 * ONE_DAY, last)
    ha.ask("recorder/clear_statistics", statistic_ids=[f"fluvius:{HOME['ean']}_consumption_low"])
    with running(stage):
        until(lambda: agrees(stage, LAST - 30 * ONE_DAY, last), lambda: "not repaired")
    yield "deleted statistics are back after a restart of the bridge"


def lost(stage: Stage) -> Iterator[str]:
    """A cycle finds what Home Assistant lost, and what it calls otherwise."""
    world, ha, first, last = stage.world, stage.ha, LAST - 30 * ONE_DAY, LAST + 2 * ONE_DAY
    high = f"fluvius:{HOME['ean']}_consumption_high"
    ha.ask("recorder/clear_statistics", statistic_ids=[high, high.replace("high", "low")])
    world.clock.pass_by(minutes=10)
    world.once()
    yield "deleted statistics are back after a cycle: " + hours(stage, first, last)
    for name in ("Ons huis", "home"):
        world.meters = [{**HOME, "name": name}, GAS]
        world.clock.pass_by(minutes=10)
        world.once()
        called = {each["statistic_id"]: each["name"] for each in ha.ask("recorder/list_statistic_ids")}[high]
        assert called.startswith(name), called
        yield f"they are called as the meter is, {called}: " + hours(stage, first, last)


def leftovers(stage: Stage) -> Iterator[str]:
    """What Home Assistant counted of our sensors goes, and nothing else."""
    world, ha, topic = stage.world, stage.ha, f"homeassistant/sensor/fluvius_{HOME['ean']}/month_net/config"
    keys = ("total_consumption", "day_net", "month_net", "latest_day_age")
    total, net, late, age = (f"sensor.fluvius_home_{key}" for key in keys)
    others = counted(ha)
    with at_rest(stage):
        until(lambda: shows(ha, total, net, late, age), ha.states)
        ha.ask("config/entity_registry/update", entity_id=net, new_entity_id="sensor.mine")
        ha.ask("config/entity_registry/update", entity_id=age, disabled_by="user")
        told = stage.broker.retained()[topic]
        stage.broker.publish(topic, json.dumps({**json.loads(told), "state_class": "total"}), retain=True)
        until(lambda: "state_class" in ha.states()[late]["attributes"], ha.states)
        until(lambda: age not in ha.states(), ha.states)
        for each in (total, "sensor.mine", late, age, "sensor.of_another"):
            count(ha, each)
        until(lambda: len(counted(ha) - others) == 5, lambda: counted(ha))
        save_preferences(ha, [total])
        until(lambda: to_repair(ha) >= {total, "sensor.mine"}, lambda: to_repair(ha))
        yield f"Home Assistant wants repaired what it counted of {', '.join(sorted(to_repair(ha)))}"
        with Core(ha.websocket_url, ha.token) as core:
            assert clear(core, find(core, unique_ids("fluvius", world.meter()))) == {total}
        assert counted(ha) - others == {total, late, "sensor.of_another"}, counted(ha)
        yield "cleared, but not what the Energy dashboard shows, has its class still, or is not ours"
        stage.broker.publish(topic, told, retain=True)
        until(lambda: "state_class" not in ha.states()[late]["attributes"], ha.states)
    with world.ledger() as ledger:
        ledger.notes.remember("statistics", {**ledger.notes.recall("statistics"), "tidy": False})
    with running(stage):
        until(lambda: shows(ha, total, "sensor.mine", late), ha.states)
        stage.broker.publish("fluvius/bridge/request/republish", "")
        until(lambda: counted(ha) - others == {total, "sensor.of_another"}, lambda: counted(ha))
        until(
            lambda: total in says(stage.broker.retained(), "fluvius/bridge/problem")["advice"], lambda: total
        )
        save_preferences(ha, [f"fluvius:{HOME['ean']}_consumption_high"])
        stage.broker.publish("fluvius/bridge/request/republish", "")
        until(lambda: counted(ha) - others == {"sensor.of_another"}, lambda: counted(ha))
        until(lambda: not to_repair(ha), lambda: to_repair(ha))
        yield "the bridge advises to choose the statistic instead; then there is nothing left to repair"
    ha.ask("recorder/clear_statistics", statistic_ids=["sensor.of_another"])
    ha.ask("config/entity_registry/update", entity_id="sensor.mine", new_entity_id=net)
    ha.ask("config/entity_registry/update", entity_id=age, disabled_by=None)


@contextmanager
def at_rest(stage: Stage) -> Iterator[None]:
    """The bridge after its first cycle, which looks at Home Assistant and clears what it finds."""

    def last_success() -> str:
        success: str = says(stage.broker.retained(), "fluvius/bridge/health")["statistics"]["last_success"]
        return success

    before = last_success()
    stage.world.clock.pass_by(minutes=1)
    with running(stage):
        until(lambda: last_success() != before, last_success)
        yield


def count(ha: HomeAssistant, sensor: str) -> None:
    """As it did when our sensors had a state class."""
    release = [int(part) for part in ha.version.split(".")[:2]]
    newer = {"mean_type": 0, "unit_class": "energy"} if release >= [2025, 11] else {}
    metadata = {"source": "recorder", "statistic_id": sensor, "name": None, "unit_of_measurement": "kWh"}
    row = {"start": "2026-11-01T00:00:00+00:00", "state": 1, "sum": 1}
    ha.ask(
        "recorder/import_statistics",
        metadata={**metadata, "has_sum": True, "has_mean": False, **newer},
        stats=[row],
    )


def shows(ha: HomeAssistant, *sensors: str) -> bool:
    """Whether all of them show a number."""
    states = ha.states()
    return all(each in states and re.fullmatch(r"-?[0-9.]+", states[each]["state"]) for each in sensors)


def counted(ha: HomeAssistant) -> set[str]:
    listed = ha.ask("recorder/list_statistic_ids")
    return {each["statistic_id"] for each in listed if each["source"] == "recorder"}


def to_repair(ha: HomeAssistant) -> set[str]:
    """Sensors of which it asks what is to become of their statistics."""
    ha.ask("recorder/update_statistics_issues")
    issues = [each["issue_id"] for each in ha.ask("repairs/list_issues")["issues"]]
    return {each.removeprefix("state_class_removed_") for each in issues if "state_class_removed" in each}


def save_preferences(ha: HomeAssistant, consumption: Sequence[str]) -> None:
    ha.ask("energy/save_prefs", **energy_preferences(ha.version, consumption, [], [], {}))


def hours(stage: Stage, first: date, last: date) -> str:
    """Compare every hour of every statistic; gas is three days behind."""
    count, kwh = 0, Decimal(0)
    for meter, register, counted in truths(stage, first, last):
        shown = changes_of(stage, f"fluvius:{meter['ean']}_{register}")
        assert shown == counted, (meter["name"], register, set(shown.items()) ^ set(counted.items()))
        count += len(counted)
        kwh += sum((Decimal(str(each)) for each in counted.values()), Decimal(0))
    return f"{count} hours with {kwh} kWh and m³, each as the simulator counted it"


def agrees(stage: Stage, first: date, last: date) -> bool:
    return all(
        changes_of(stage, f"fluvius:{meter['ean']}_{register}") == counted
        for meter, register, counted in truths(stage, first, last)
    )


def truths(
    stage: Stage, first: date, last: date
) -> Iterator[tuple[dict[str, str], str, dict[datetime, float]]]:
    tariffs = [f"{side}_{tariff}" for side in ("consumption", "injection") for tariff in ("high", "low")]
    for meter, registers, behind in ((HOME, tariffs, 0), (GAS, ["consumption_total", "volume_total"], 3)):
        shift = ONE_DAY * behind
        for register in registers:
            counted = hourly(stage.world.simulator, meter["ean"], register, first - shift, last - shift)
            yield meter, register, {hour: float(amount) for hour, amount in counted.items() if amount}


def changes_of(
    stage: Stage, statistic: str, begin: datetime = datetime(2026, 1, 1, tzinfo=UTC)
) -> dict[datetime, float]:
    """What the Energy dashboard draws."""
    rows = stage.ha.statistics([statistic], begin).get(statistic, [])
    changes = {datetime.fromtimestamp(row["start"] / 1000, UTC): round(row["change"], 6) for row in rows}
    return {start: change for start, change in changes.items() if change}


def a_year(stage: Stage, folder: Path) -> Iterator[str]:
    """How long a year of hours for four series takes."""
    folder.mkdir()
    world = World(folder, stage.world.simulator, stage.world.clock, stage.broker.port)
    world.meters = [{"name": "year", "ean": "541448820000000039", "serial": "1SAG1100042064"}]
    with world.ledger() as ledger:
        fill(ledger, world.meter("year"), until=LAST, days=365)
        begin = time.monotonic()
        import_everything(stage.ha.websocket_url, stage.ha.token, ledger, world.meter("year"))
        seconds = time.monotonic() - begin
    yield f"a year of hours for four series, imported and readable, in {seconds:.1f} s"


def costs(stage: Stage) -> Iterator[str]:
    """Dynamic prices of the simulated market, and fixed ones for gas: hour by hour what they came to."""
    world, first, last = stage.world, LAST - 30 * ONE_DAY, LAST + 2 * ONE_DAY
    priced = {
        "prices": PRICES,
        "day_ahead": {"source": "energy-charts", "url": world.simulator.url},
        "capacity_tariff.floor_kw": 50,
    }
    world.changes |= priced
    world.clock.pass_by(minutes=10)
    world.once()
    true = {
        f"fluvius:{HOME['ean']}_{key}": cost(world, HOME, counts, first, last)
        for key, counts in COSTS.items()
    }
    of_gas = cost(world, GAS, "gas", first - 3 * ONE_DAY, last - 3 * ONE_DAY, price=gas_price)
    true[f"fluvius:{GAS['ean']}_consumption_total_cost"] = of_gas
    true[f"fluvius:{HOME['ean']}_standing_cost"] = standing(first, last)
    for statistic, hours_of_it in true.items():
        unlike = differences(changes_of(stage, statistic), hours_of_it)
        assert not unlike, (statistic, unlike)
    amounts = [amount for each in true.values() for amount in each.values()]
    negative = [amount for amount in amounts if amount < 0]
    yield (
        f"{len(amounts)} hours with {float(sum(amounts)):.2f} EUR ({len(negative)} of them negative),"
        " each as worked out apart"
    )
    yield from energy_dashboard(stage, with_costs=True)
    if has_grid_connections(stage.ha.version):
        yield from grid_connections(stage)
    for key in priced:
        del world.changes[key]


def differences(shown: dict[datetime, float], true: Mapping[datetime, Fraction]) -> dict[datetime, Any]:
    """The hours in which Home Assistant shows another amount; it keeps binary floats."""
    return {
        hour: (shown.get(hour), amount)
        for hour in shown.keys() | true.keys()
        if abs(shown.get(hour, 0) - (amount := float(true.get(hour, 0)))) > 3e-6
    }


def two_years_ago(stage: Stage, folder: Path) -> Iterator[str]:
    """A price of then is another one: every sum since."""
    folder.mkdir()
    meter = Meter("older", "541448820000000039", Energy.ELECTRICITY, "1SAG1100042064")
    begin, end = date(2024, 11, 1), LAST
    contracts = [contract("2024-11-01", "0.1342", "0.1105"), contract("2025-11-10", "0.1511", "0.1207")]
    with Ledger(folder / "ledger.sqlite") as ledger:
        fill(ledger, meter, until=end, days=(end - begin).days + 1)
        settle(ledger, meter, begin, end)
        years = Years(ledger, Stand(), meter, contracts)
        for what in ("two years of costs imported", "a price of two years ago changed, right again"):
            every = books(ledger, Naming("older"), lambda _: Timeline(tuple(contracts)), Decimal("2.5"))
            moment = time.monotonic()
            ledger.costs.bring_up_to_date(meter, Timeline(tuple(contracts)))
            since = ledger.outbox.restated_since(meter)
            with Core(stage.ha.websocket_url, stage.ha.token) as core:
                Statistics(core, ledger, every[1:]).bring_up_to_date(meter, since)
            seconds = time.monotonic() - moment
            rows = 0
            for key, register in (("high", HIGH), ("low", LOW)):
                statistic = f"fluvius:older_{meter.ean}_consumption_{key}_cost"
                shown = changes_of(stage, statistic, datetime(2024, 1, 1, tzinfo=UTC))
                true = years.true(register)
                assert not differences(shown, true), statistic
                rows += len(true)
            yield f"{what}: {rows} hours, in {seconds:.1f} s"
            contracts[0] = contract("2024-11-01", "0.1243", "0.1005")


def blueprint(stage: Stage) -> Iterator[str]:
    """A made-up P1 reader's quarter-hour comes near the month's peak; every run says what it did."""
    ha, publish, reader = stage.ha, stage.broker.publish, "sensor.p1_average_demand"
    folder = ha.folder / "blueprints" / "automation" / "fluvius2mqtt"
    folder.mkdir(parents=True)
    shutil.copy(BLUEPRINT, folder)
    said: list[tuple[str, str]] = []

    def warning() -> str | None:
        waiting = {each["notification_id"]: each["message"] for each in ha.ask("persistent_notification/get")}
        return waiting.get("fluvius2mqtt_peak")

    def comes(topic: str, payload: str, expected: str) -> None:
        """The reader says something, and the automation ends a run so."""
        said.append((payload, expected))
        publish(topic, payload, retain=True)
        until(lambda: len(ha.runs("peak")) == len(said), lambda: (said, ha.runs("peak")))
        assert ha.runs("peak") == [each for _, each in said], (said, ha.runs("peak"))

    with running(stage):
        until(lambda: re.match(r"\d", of(stage, HOME).get("peak_threshold", "")), lambda: of(stage, HOME))
        publish(P1_DISCOVERY, json.dumps(P1_READER), retain=True)
        until(lambda: ha.states().get(reader, {}).get("state") == "unavailable", ha.states)
        of_home = f"fluvius_{HOME['ean']}_peak_threshold"
        entity = next(each for each, entry in ha.entities().items() if entry["unique_id"] == of_home)
        inputs = {"mean": reader, "threshold": entity}
        ha.automate("peak", "fluvius2mqtt/peak.yaml", inputs)
        ha.automate("aimless", "fluvius2mqtt/peak.yaml", {**inputs, "threshold": "sensor.not_there"})
        threshold = Decimal(ha.states()[entity]["state"])
        until(lambda: time.time() % QUARTER_HOUR < QUARTER_HOUR - 20, lambda: "time stands still", 30)
        comes("p1/state", "online", PASSED)
        assert ha.states()[reader]["state"] == "unknown"
        for far_below in (Decimal("0.1"), threshold / 2, threshold - Decimal("0.31")):
            comes("p1/mean", f"{far_below * 1000:.0f}", PASSED)
        assert warning() is None
        yield f"blueprint: no warning while the P1 reader is far below {threshold} kW, or says nothing"
        comes("p1/mean", f"{(near := threshold - Decimal('0.29')) * 1000:.0f}", WARNED)
        until(warning, ha.states)
        message = str(warning())
        assert {f"{near:.2f}", f"{threshold:.2f}"} <= set(re.findall(r"\d+\.\d+", message)), message
        yield f"blueprint: near it, it says: {message}"
        ha.dismiss("fluvius2mqtt_peak")
        comes("p1/mean", f"{(threshold + 1) * 1000:.0f}", PASSED)
        comes("p1/state", "offline", PASSED)
        comes("p1/state", "online", PASSED)
        assert warning() is None
        assert set(ha.runs("aimless")) == {PASSED}, ha.runs("aimless")
        yield "blueprint: once in a quarter-hour, and never while the threshold is unknown"
        [*_, not_yet] = yaml.safe_load(re.sub("!input", "", BLUEPRINT.read_text()))["conditions"]
        for ago, expected in ((0, "False"), (QUARTER_HOUR, "True")):
            triggered = datetime.fromtimestamp(time.time() - ago, UTC).isoformat()
            variables = {"this": {"attributes": {"last_triggered": triggered}}}
            assert ha.rendered(not_yet["value_template"], variables) == expected
        yield "blueprint: and again in the next one"
        for each in ("peak", "aimless"):
            ha.automate_no_more(each)
        for topic in (P1_DISCOVERY, "p1/mean", "p1/state"):
            publish(topic, "", retain=True)
        until(lambda: reader not in ha.states(), ha.states)


def energy_dashboard(stage: Stage, *, with_costs: bool = False) -> Iterator[str]:
    stage.ha.ask("energy/save_prefs", **preferences(stage, with_costs=with_costs))
    validate(stage.ha)
    what = "the statistics and their costs" if with_costs else "the statistics"
    yield f"the Energy dashboard takes {what} and has nothing to complain of"


def preferences(stage: Stage, *, with_costs: bool) -> dict[str, Any]:
    """All meters and tariffs in the Energy dashboard."""
    consumption = [f"fluvius:{HOME['ean']}_consumption_{tariff}" for tariff in ("high", "low")]
    injection = [f"fluvius:{HOME['ean']}_injection_{tariff}" for tariff in ("high", "low")]
    gas = [f"fluvius:{GAS['ean']}_volume_total"]
    costs = {each: f"{each}_cost" for each in consumption} | {
        **{each: f"{each}_compensation" for each in injection},
        gas[0]: f"fluvius:{GAS['ean']}_consumption_total_cost",
    }
    return energy_preferences(stage.ha.version, consumption, injection, gas, costs if with_costs else {})


def validate(ha: HomeAssistant) -> None:
    """Home Assistant finds no fault with what the Energy dashboard is to show."""
    issues = [issue for issues in ha.ask("energy/validate").values() for each in issues for issue in each]
    assert not issues, issues


def grid_connections(stage: Stage, picture: Path | None = None) -> Iterator[str]:
    """The form of a grid connection, filled in with nothing but the words of our pages."""
    ha, wanted = stage.ha, connections_of(PAGES[0])
    all_sources = preferences(stage, with_costs=True)["energy_sources"]
    expected = [source for source in all_sources if source["type"] == "grid"]
    ha.ask("energy/save_prefs", energy_sources=[s for s in all_sources if s not in expected])
    add_connections(ha, wanted, picture)
    saved = [source for source in ha.ask("energy/get_prefs")["energy_sources"] if source["type"] == "grid"]
    for source, meant, connection in zip(saved, expected, wanted, strict=True):
        assert source.items() >= {**meant, "name": connection[NAME]}.items(), (source, meant)
    validate(ha)
    yield f"grid connections filled in as our pages say: {', '.join(each[NAME] for each in wanted)}"


def demo(stage: Stage) -> Iterator[str]:
    """`fluvius2mqtt demo` on the same broker: its devices come, and go with it."""
    command = [sys.executable, "-m", "bridge", "demo", "--broker", f"127.0.0.1:{stage.broker.port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        until(lambda: "sensor.fluvius_demo_gas_day_volume" in stage.ha.states(), lambda: "no entities", 60)
        found = [each for each in stage.ha.states() if "fluvius_demo" in each]
        process.terminate()
        process.communicate(timeout=30)
    until(lambda: not any("fluvius_demo" in each for each in stage.ha.states()), lambda: "they stayed")
    yield f"the demo's {len(found)} entities came, and went with it"


def quiet(stage: Stage) -> Iterator[str]:
    complaints = [
        line
        for line in stage.ha.log().splitlines()
        if re.search("WARNING|ERROR", line) and not NOISE.search(line)
    ]
    about_us = [line for line in complaints if re.search(ABOUT_US, line)]
    assert not about_us, about_us
    repairs = [each["domain"] for each in stage.ha.ask("repairs/list_issues")["issues"]]
    assert not {"mqtt", "recorder", "energy"} & set(repairs), repairs
    yield f"nor does it ask for repairs ({', '.join(repairs) or 'none'} of others)"
    yield f"Home Assistant's log has nothing to say about us ({len(complaints)} other lines)"


def another_prefix(stage: Stage, command: Sequence[str], folder: Path) -> Iterator[str]:
    """A second Home Assistant that listens elsewhere; the bridge moves there."""
    stage.world.changes["homeassistant.discovery_prefix"] = "found/elsewhere"
    with HomeAssistant(command, folder) as ha, running(stage):
        ha.add_mqtt(stage.broker.port, "found/elsewhere")
        moved = Stage(stage.world, stage.broker, ha)
        until(lambda: set(of(moved, GAS)) == set(stage.expected(GAS)), lambda: of(moved, GAS))
        until(lambda: not stage.ours(), stage.ours)
        yield "with another discovery prefix the entities are there, and gone where they were"


# Tools


def show_what_was_counted(stage: Stage, meter: dict[str, str]) -> None:
    until(
        lambda: same(of(stage, meter), stage.expected(meter)),
        lambda: (of(stage, meter), stage.expected(meter)),
    )


def of(stage: Stage, meter: dict[str, str]) -> dict[str, str]:
    """A meter's entities in Home Assistant, by the key that we gave them, with their states; no events."""
    states = stage.ha.states()
    prefix = f"fluvius_{meter['ean']}_"
    return {
        entry["unique_id"].removeprefix(prefix): state_of(states[each])
        for each, entry in stage.ha.entities().items()
        if entry["unique_id"].startswith(prefix) and each in states and not each.startswith("event.")
    }


def state_of(entity: dict[str, Any]) -> str:
    """A picture's state is the moment at which it came."""
    is_picture = entity["entity_id"].startswith("image.") and entity["state"].startswith("20")
    return "a picture" if is_picture else str(entity["state"])


def same(shown: dict[str, str], expected: dict[str, str]) -> bool:
    def plain(text: str) -> Decimal | str:
        return Decimal(text) if re.fullmatch(r"-?[0-9.]+", text) else text

    return {key: plain(each) for key, each in shown.items()} == {
        key: plain(each) for key, each in expected.items()
    }


def until(condition: Callable[[], object], what: Callable[[], object], within: float = 45) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {within} s: {what()}"
        time.sleep(0.2)


@contextmanager
def running(stage: Stage) -> Iterator[None]:
    """The bridge, on a clock that goes on."""
    with stage.world.running():
        until(lambda: stage.broker.retained().get("fluvius/bridge/state") == "online", lambda: "not online")
        yield


def pictures(command: Sequence[str], folder: Path) -> Iterator[str]:
    """Those in the documentation: a month of a household, as of now."""
    clock = TickingClock(f"{datetime.now(BRUSSELS):%Y-%m-%d} 12:00")
    with house(command, folder, clock) as stage:
        stage.ha.add_mqtt(stage.broker.port)
        world, ha = stage.world, stage.ha
        assert has_grid_connections(ha.version), f"Home Assistant {ha.version} is too old for the pictures"
        world.meters = [HOME, GAS]
        world.changes["homeassistant.statistics"] = {"url": ha.websocket_url, "token": ha.token}
        world.changes["schedule.lookback_days"] = 31
        world.changes["prices"] = PRICES
        world.changes["day_ahead"] = {"source": "energy-charts", "url": world.simulator.url}
        with running(stage):
            until(lambda: "sensor.fluvius_gas_day_volume" in ha.states(), ha.states)
            until(lambda: statistics_state(stage) == "ok", lambda: "statistics were not imported")
            ha.ignore_repairs()
            list(energy_dashboard(stage, with_costs=True))
            yield from grid_connections(stage, PICTURES / "homeassistant-grid.png")
            yield from dashboard_shows(stage, latest_working_day(clock()))
            device = next(each["id"] for each in ha.devices() if each["name"] == "home")
            with looking(ha, f"/config/devices/device/{device}", height=1000) as tab:
                tab.get_by_text("Day consumption").wait_for()
                tab.wait_for_timeout(2000)
                tab.screenshot(path=PICTURES / "homeassistant-device.png")
    yield f"pictures of the device page and the Energy dashboard are in {PICTURES}"


def dashboard_shows(stage: Stage, day: date) -> Iterator[str]:
    """The Energy dashboard's own table has what the simulated meters counted that day, and what it cost."""
    back = (stage.world.clock().astimezone(BRUSSELS).date() - day).days
    for view in ("overview", "electricity"):
        picture = PICTURES / f"homeassistant-{'energy' if view == 'overview' else view}.png"
        with looking(stage.ha, f"/energy/{view}", width=1280, height=1000) as tab:
            days_back(tab, back)
            tab.wait_for_timeout(2000)
            tab.screenshot(path=picture)
            shown = totals(tab)
    counted = in_words(stage.world.simulator.day_amounts(HOME["ean"], day))
    for side, verb, sign in (("consumption", "imported", 1), ("injection", "exported", -1)):
        for tariff in ("high", "low"):
            energy, money = shown[f"{tariff.capitalize()} tariff {verb}"]
            [counts] = [each for key, each in COSTS.items() if key.startswith(f"{side}_{tariff}")]
            true = sum(cost(stage.world, HOME, counts, day, day).values(), Fraction(0))
            assert abs(Fraction(energy) - sign * Fraction(counted[side][tariff])) <= CENT, (shown, counted)
            assert abs(Fraction(money) - sign * true) <= CENT, (shown, true)
    table = ", ".join(f"{name} {energy} kWh" for name, (energy, _) in shown.items())
    yield f"the dashboard's table of {day} is right: {table}"


def latest_working_day(now: datetime) -> date:
    """The latest, for it has both tariffs, of which gas is known."""
    today = now.astimezone(BRUSSELS).date()
    days = (today - days * ONE_DAY for days in itertools.count(4))
    return next(day for day in days if day.weekday() < SATURDAY)


def statistics_state(stage: Stage) -> str:
    state: str = says(stage.broker.retained(), "fluvius/bridge/health")["statistics"]["state"]
    return state


@contextmanager
def house(command: Sequence[str], folder: Path, clock: Clock) -> Iterator[Stage]:
    (folder / "house").mkdir()
    with (
        Simulator(now=clock) as simulator,
        Mosquitto(folder / "mosquitto") as broker,
        HomeAssistant(command, folder / "homeassistant") as ha,
    ):
        yield Stage(World(folder / "house", simulator, clock, broker.port), broker, ha)


def play(command: Sequence[str], folder: Path) -> Iterator[str]:
    with house(command, folder, TickingClock("2026-11-21 09:00")) as stage:
        yield f"Home Assistant {stage.ha.version} runs"
        stage.ha.add_mqtt(stage.broker.port)
        stage.world.meters = [HOME, GAS, SHED]
        with running(stage):
            yield from entities(stage)
            yield from buttons(stage)
        yield from formats(stage)
        yield from restarts(stage)
        yield from changes(stage)
        yield from two_bridges(stage, folder / "attic")
        yield from history(stage, folder / "loft")
        yield from demo(stage)
        yield from statistics(stage)
        yield from lost(stage)
        yield from leftovers(stage)
        yield from energy_dashboard(stage)
        yield from costs(stage)
        yield from blueprint(stage)
        yield from a_year(stage, folder / "year")
        yield from two_years_ago(stage, folder / "older")
        yield from a_months_end(stage)
        yield from quiet(stage)
        yield from another_prefix(stage, command, folder / "other")


def newest_python() -> str:
    return next(found for name in PYTHONS if (found := shutil.which(name)))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop", description=__doc__)
    parser.add_argument("--python", help="the Python for Home Assistant; default: the newest on the path")
    parser.add_argument("--version", help="Home Assistant's version; default: the newest that installs")
    parser.add_argument("--hass", help="a command that runs an installed Home Assistant, instead")
    parser.add_argument("--pictures", action="store_true", help="make the pictures of the documentation anew")
    asked = parser.parse_args()
    if asked.hass:
        command = shlex.split(asked.hass)
    else:
        python = asked.python or newest_python()
        command = install(python, INSTALLED.resolve() / Path(python).name, asked.version)
    service._LOOK_AROUND = 0.05
    with tempfile.TemporaryDirectory() as name:
        try:
            for line in (pictures if asked.pictures else play)(command, Path(name)):
                sys.stdout.write(f"ok  {line}\n")
                sys.stdout.flush()
        except AssertionError as error:
            sys.stdout.write(f"NO  {error}\n")
            raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
