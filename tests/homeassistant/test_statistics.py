"""The Energy dashboard's statistics: every kilowatt-hour at the hour it was used, whatever happens."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.fetching.due import Occasion
from bridge.homeassistant import statistics
from bridge.homeassistant.books import books
from bridge.homeassistant.core import Core as Connection
from bridge.homeassistant.series import Naming
from bridge.homeassistant.statistics import Statistics
from bridge.ledger import Ledger, LedgerError
from bridge.ledger.outbox import Outbox
from bridge.metering.meterday import end_of, span, start_of
from bridge.metering.model import BRUSSELS, Direction, Energy, Meter, Reading, Register, Tariff, Unit
from bridge.service import bridge as service
from tests.rig.core import TOKEN, Core
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.provider import HOME_EAN, Provider
from tests.rig.recorder import (
    FIRST,
    HIGH,
    LAST,
    LOW,
    TOTAL,
    at,
    counted,
    is_right,
    shown,
)
from tests.rig.world import GAS, HOME, SHED, Clock, World, says

# --- the import


def test_each_direction_and_tariff_of_a_meter_hour_by_hour(world: World, core: Core) -> None:
    world.once()
    is_right(world, core, HOME, FIRST, LAST)
    assert core.metadata[HIGH] == {
        "source": "fluvius",
        "statistic_id": HIGH,
        "name": "home: High consumption",
        "unit_of_measurement": "kWh",
        "unit_class": "energy",
        "has_sum": True,
        "has_mean": False,
        "mean_type": 0,
    }


def test_each_hour_of_a_service_providers_customer(world: World, core: Core) -> None:
    Provider(world).only(HOME_EAN)
    world.once()
    is_right(world, core, HOME, FIRST, LAST)


def test_gas_in_kwh_and_in_cubic_metres(world: World, core: Core) -> None:
    world.meters = [GAS]
    world.once()
    is_right(world, core, GAS, date(2026, 11, 11), date(2026, 11, 17))
    volume = core.metadata[f"fluvius:{GAS['ean']}_volume_total"]
    assert (volume["unit_of_measurement"], volume["unit_class"]) == ("m³", "volume")


def test_the_sums_are_exact_and_begin_with_a_zero_one_hour_before(world: World, core: Core) -> None:
    world.once()
    rows = sorted(core.statistics[LOW].items())
    assert rows[0][0] == at("2026-11-13T23:00+01:00")
    assert sum(rows[0][1]) == 0
    total = Decimal(0)
    for _, (state, running) in rows:
        total += Decimal(str(state))
        assert Decimal(str(running)) == total
    assert total == world.truth(HOME["ean"], FIRST, LAST)["consumption", "low", "kWh"]


@pytest.mark.parametrize(
    ("today", "day", "hours"),
    [("2026-10-26 12:00", "2026-10-25", 25), ("2026-03-30 12:00", "2026-03-29", 23)],
)
def test_a_clock_change(world: World, core: Core, today: str, day: str, hours: int) -> None:
    world.clock.move_to(today)
    world.meters = [HOME, GAS]
    world.once()
    changed = date.fromisoformat(day)
    is_right(world, core, HOME, changed - timedelta(days=6), changed)
    bounds = [edge(changed, Energy.ELECTRICITY) for edge in (start_of, end_of)]
    assert len([start for start in core.statistics[LOW] if bounds[0] <= start < bounds[1]]) == hours


def test_a_day_without_quarter_hours_is_put_in_its_first_hour(world: World, core: Core) -> None:
    world.meters = [SHED]
    world.once()
    amounts = [world.simulator.day_amounts(SHED["ean"], day) for day in span(FIRST, LAST)]
    assert shown(core, SHED, "consumption_total") == {
        at(f"{day}T00:00+01:00"): float(each[1, 0, 3])
        for day, each in zip(span(FIRST, LAST), amounts, strict=True)
    }


def test_a_day_is_spread_when_its_quarter_hours_come(world: World, core: Core) -> None:
    world.simulator.delay(HOME["ean"], LAST, intervals_until=world.clock() + timedelta(hours=3))
    world.once()
    midnight = at("2026-11-20T00:00+01:00")
    day = world.simulator.day_amounts(HOME["ean"], LAST)
    late = {
        hour: amount for hour, amount in shown(core, HOME, "consumption_high").items() if hour >= midnight
    }
    assert late == {midnight: float(day[1, 1, 3])}
    world.clock.pass_by(hours=4)
    world.once()
    is_right(world, core, HOME, FIRST, LAST)


def test_a_new_day_is_imported_alone(world: World, core: Core) -> None:
    world.once()
    core.asked.clear()
    world.clock.pass_by(days=1)
    world.once()
    assert {len(message["stats"]) for message in core.imports} == {24}
    is_right(world, core, HOME, FIRST, LAST + timedelta(days=1))


@pytest.mark.parametrize("delta", [5000, -700])
def test_a_correction_changes_its_hours_and_every_sum_after_it(world: World, core: Core, delta: int) -> None:
    world.once()
    corrected = date(2026, 11, 17)
    before = counted(world, HOME, "consumption_high", corrected, corrected)
    world.simulator.correct(HOME["ean"], corrected, delta_wh=delta)
    after = counted(world, HOME, "consumption_high", corrected, corrected)
    world.clock.pass_by(days=1)
    core.asked.clear()
    world.once()
    starts = [at(row["start"]) for message in core.imports for row in message["stats"]]
    assert min(starts) == min(hour for hour in after if after[hour] != before[hour])
    is_right(world, core, HOME, FIRST, LAST + timedelta(days=1))


def test_older_days_raise_every_sum_after_them(world: World, core: Core) -> None:
    world.meters = [HOME, GAS]
    world.once()
    world.changes["schedule.lookback_days"] = 31
    world.clock.pass_by(minutes=10)
    world.fetch(Occasion.ASKED)
    world.once()
    is_right(world, core, HOME, date(2026, 10, 21), LAST)
    is_right(world, core, GAS, date(2026, 10, 18), date(2026, 11, 17))


def test_older_days_with_a_gap_leave_no_dip_behind(world: World, core: Core) -> None:
    world.once()
    world.clock.move_to("2026-11-05 09:00")
    world.fetch(Occasion.ASKED)
    world.clock.move_to("2026-11-21 12:00")
    world.once()
    assert all(amount >= 0 for amount in core.hours(LOW).values())
    assert sum(core.hours(LOW).values()) == pytest.approx(float(world.total()["consumption", "low", "kWh"]))


def test_nothing_changed_nothing_imported_and_two_questions_asked(world: World, core: Core) -> None:
    world.meters = [HOME, GAS]
    world.once()
    assert core.imports
    core.asked.clear()
    world.clock.pass_by(hours=3)
    world.once()
    assert [message["type"] for message in core.asked] == [
        "recorder/list_statistic_ids",
        "recorder/statistics_during_period",
    ]


def test_importing_twice_changes_nothing(world: World, core: Core) -> None:
    world.once()
    before = {each: dict(rows) for each, rows in core.statistics.items()}
    assert len(before) == 4
    core.asked.clear()
    with world.ledger() as ledger:
        ledger.outbox.restate(ledger.store.names.meter(world.meter()), 0)
    world.clock.pass_by(hours=3)
    world.once()
    assert core.asked
    assert core.imports == []  # all of it is there
    assert core.statistics == before


def test_a_ledger_that_was_filled_before_statistics_were_switched_on(world: World, core: Core) -> None:
    wanted = world.changes.pop("homeassistant.statistics")
    world.once()
    world.changes["homeassistant.statistics"] = wanted
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core, HOME, FIRST, LAST)


def test_two_bridges_keep_statistics_of_their_own(world: World, core: Core) -> None:
    world.once()
    world.changes |= {"mqtt.base_topic": "attic/fluvius", "data_dir": str(world.folder / "attic")}
    world.once()
    assert f"fluvius:attic_fluvius_{HOME['ean']}_consumption_high" in core.statistics
    is_right(world, core, HOME, FIRST, LAST)


@dataclass
class Kept:
    """A ledger without Fluvius: a day's amounts as somebody says, and Home Assistant."""

    ledger: Ledger
    core: Core
    meter: Meter

    def day(self, number: int, **amounts: str) -> None:
        start = start_of(date(2026, 11, number), Energy.ELECTRICITY)
        readings = [
            Reading(start, start + timedelta(days=1), KEPT[name], Decimal(amount), validated=True)
            for name, amount in amounts.items()
        ]
        self.ledger.answers.record_days(self.meter, readings, start + timedelta(days=2))

    def bring_up_to_date(self) -> None:
        since = self.ledger.outbox.restated_since(self.meter)
        with Connection(self.core.url, TOKEN) as connection:
            Statistics(connection, self.ledger, books(self.ledger, Naming())).bring_up_to_date(
                self.meter, since
            )
        if since:
            self.ledger.outbox.caught_up(self.meter, since)

    def lacking(self) -> set[Meter]:
        with Connection(self.core.url, TOKEN) as connection:
            return Statistics(connection, self.ledger, books(self.ledger, Naming())).lacking([self.meter])

    def shown(self, register: str) -> dict[int, float]:
        """By day of November."""
        hours = shown(self.core, HOME, register)
        return {hour.astimezone(BRUSSELS).day: amount for hour, amount in hours.items()}


KEPT = {
    "total": Register(Direction.CONSUMPTION, Tariff.TOTAL, Unit.KWH),
    "high": Register(Direction.CONSUMPTION, Tariff.HIGH, Unit.KWH),
    "low": Register(Direction.CONSUMPTION, Tariff.LOW, Unit.KWH),
    "injected": Register(Direction.INJECTION, Tariff.TOTAL, Unit.KWH),
}


@pytest.fixture
def kept(tmp_path: Path, core: Core) -> Iterator[Kept]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield Kept(ledger, core, Meter("home", HOME["ean"], Energy.ELECTRICITY))


def test_a_day_whose_total_turns_out_to_have_tariffs_is_not_counted_twice(kept: Kept) -> None:
    for number in range(10, 20):
        kept.day(number, total="10")
    kept.bring_up_to_date()
    kept.day(15, high="6", low="4")
    kept.bring_up_to_date()
    assert kept.shown("consumption_total") == {each: 10 for each in range(10, 20) if each != 15}
    assert (kept.shown("consumption_high"), kept.shown("consumption_low")) == ({15: 6}, {15: 4})


def test_a_register_that_turns_out_to_be_older_begins_earlier(kept: Kept) -> None:
    for number in range(10, 20):
        kept.day(number, total="10", **({"injected": "3"} if number > 16 else {}))
    kept.bring_up_to_date()
    kept.day(15, injected="2")
    kept.bring_up_to_date()
    assert kept.shown("injection_total") == {15: 2, 17: 3, 18: 3, 19: 3}


def test_a_lost_ledger_loses_no_history_of_home_assistant(kept: Kept, tmp_path: Path) -> None:
    for number in range(1, 20):
        kept.day(number, total="10")
    kept.bring_up_to_date()
    with Ledger(tmp_path / "another.sqlite") as kept.ledger:
        for number in range(15, 21):
            kept.day(number, total="11")
        kept.bring_up_to_date()
        kept.day(17, total="12")
        kept.bring_up_to_date()
    assert kept.shown("consumption_total") == {
        **dict.fromkeys(range(1, 15), 10),
        **dict.fromkeys(range(15, 21), 11),
        17: 12,
    }


def test_after_a_lost_ledger_too_nothing_lacks_when_nothing_changed(kept: Kept, tmp_path: Path) -> None:
    for number in range(1, 20):
        kept.day(number, total="10")
    kept.bring_up_to_date()
    with Ledger(tmp_path / "another.sqlite") as kept.ledger:
        for number in range(15, 21):
            kept.day(number, total="11")
        kept.bring_up_to_date()
        assert kept.lacking() == set()
        kept.core.loses(at("2026-11-20T00:00+01:00"))
        assert kept.lacking() == {kept.meter}


def test_hours_that_home_assistant_lost_in_the_last_month_are_noticed(kept: Kept) -> None:
    for number in range(1, 20):
        kept.day(number, total="10")
    kept.bring_up_to_date()
    whole = dict(kept.core.statistics[TOTAL])
    for start in sorted(whole)[5:8]:
        del kept.core.statistics[TOTAL][start]
    kept.bring_up_to_date()
    assert kept.core.statistics[TOTAL] == whole


def test_energy_that_moved_between_two_hours_is_waited_for(kept: Kept) -> None:
    kept.day(10, total="10")
    kept.bring_up_to_date()
    [begin] = [start for start, (state, _) in kept.core.statistics[TOTAL].items() if state]
    kept.core.statistics[TOTAL][begin + timedelta(hours=2)] = (4, 10)
    kept.core.statistics[TOTAL][begin] = (6, 6)
    kept.bring_up_to_date()
    assert kept.shown("consumption_total") == {10: 10}


# --- other Home Assistants


@pytest.mark.parametrize(
    "version", ["2024.12.5", "2025.4.4", "2025.10.4", "2025.11.0b3", "2025.11.0", "2026.11.0"]
)
def test_each_home_assistant_is_told_what_its_version_takes(world: World, core: Core, version: str) -> None:
    core.version = version
    world.once()
    assert core.refused == []
    assert ("mean_type" in core.metadata[HIGH]) == ("unit_class" in core.metadata[HIGH]) == core.is_new
    is_right(world, core, HOME, FIRST, LAST)


@pytest.mark.parametrize("version", ["", "dev", "2026.11.0"])
def test_one_that_does_not_know_the_newer_keys_whatever_its_version_says_is_asked_without(
    world: World, core: Core, version: str
) -> None:
    core.version, core.knows_newer_keys = version, False
    world.once()
    assert core.refused == ["recorder/import_statistics"]
    is_right(world, core, HOME, FIRST, LAST)


def test_one_that_was_restored_from_an_older_backup_gets_everything_again(
    world: World, core: Core, home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_LOOK_AROUND", 0.05)
    home.changes |= world.changes
    with home.running():
        eventually(lambda: len(core.statistics) == 4)
        eventually(lambda: '"ok"' in mosquitto.retained().get("fluvius/bridge/health", ""), 10)
        whole = {each: dict(rows) for each, rows in core.statistics.items()}
        for rows in core.statistics.values():
            for start in [start for start in rows if start >= at("2026-11-18T00:00+01:00")]:
                del rows[start]
        mosquitto.publish("homeassistant/status", "online")

        def is_whole_again() -> bool:
            home.clock.pass_by(seconds=0.5)
            return core.statistics == whole

        eventually(is_whole_again, 10)


def test_one_whose_statistics_were_deleted_gets_them_again_at_the_next_start(
    world: World, core: Core, home: World
) -> None:
    world.once()
    core.statistics.clear()
    core.metadata.clear()
    home.changes |= world.changes
    with home.running():
        eventually(lambda: len(core.statistics) == 4)
    is_right(world, core, HOME, FIRST, LAST)


# --- bad days


def test_a_home_assistant_that_is_away_gets_everything_later(desk: World, core: Core) -> None:
    desk.changes["homeassistant.statistics"] = {"url": "ws://127.0.0.1:1/api/websocket", "token": TOKEN}
    cycle = desk.once()
    assert cycle.new_days
    assert "Connection refused" in str(cycle.errors[-1])
    desk.changes["homeassistant.statistics"] = {"url": core.url, "token": TOKEN}
    desk.clock.pass_by(hours=1)
    desk.once()
    is_right(desk, core, HOME, FIRST, LAST)


def test_a_refused_token_is_tried_once_also_by_ten_restarts(
    world: World, core: Core, caplog: pytest.LogCaptureFixture
) -> None:
    world.changes["homeassistant.statistics"] = {"url": core.url, "token": "wrong"}
    for _ in range(10):
        world.once()
        world.clock.pass_by(minutes=10)
    assert core.sign_ins == 1
    assert "make a long-lived access token" in caplog.text
    world.changes["homeassistant.statistics"] = {"url": core.url, "token": TOKEN}
    world.once()
    is_right(world, core, HOME, FIRST, LAST)


def test_a_token_that_is_no_administrators_says_so(
    world: World, core: Core, caplog: pytest.LogCaptureFixture
) -> None:
    core.admin = False
    world.once()
    assert "not an administrator's" in caplog.text
    assert core.statistics == {}


@pytest.mark.parametrize("days", [1, 40])
def test_what_waits_by_a_clock_that_was_ahead_is_there_when_that_is_right(
    world: World, core: Core, days: int
) -> None:
    world.once()
    core.unknown = "recorder/list_statistic_ids"
    world.clock.pass_by(days=1)
    right = world.simulator.now = Clock("2026-11-22 09:00")
    world.clock.pass_by(days=days)
    world.once()
    core.unknown = None
    world.clock.instant = right()
    world.once()
    is_right(world, core, HOME, FIRST, LAST + timedelta(days=1))


@pytest.mark.parametrize("number", [1, 3, 6])
def test_a_connection_that_closes_in_the_middle_of_an_import(world: World, core: Core, number: int) -> None:
    world.changes["schedule.lookback_days"] = 31
    world.once()
    world.simulator.correct(HOME["ean"], date(2026, 10, 23), delta_wh=900)
    world.clock.pass_by(days=1)
    core.asked.clear()
    core.close_at_import = number
    world.once()
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core, HOME, date(2026, 10, 21), LAST + timedelta(days=1))


def test_what_was_taken_and_not_written_is_sent_again(
    world: World, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "_PATIENCE", 0.1)
    core.forgets_imports = True
    world.once()
    core.forgets_imports = False
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core, HOME, FIRST, LAST)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("recorder/list_statistic_ids", None),
        ("recorder/list_statistic_ids", [{}]),
        ("recorder/statistics_during_period", None),
        ("recorder/statistics_during_period", {"fluvius:odd": [{"start": "soon"}]}),
        ("recorder/statistics_during_period", {"fluvius:odd": [{"start": 1e30, "sum": 1}]}),
    ],
)
def test_an_odd_answer_is_tried_again_later(world: World, core: Core, command: str, answer: Any) -> None:
    world.once()
    world.clock.pass_by(days=1)
    core.odd_answers[command] = answer
    world.once()
    core.odd_answers.clear()
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core, HOME, FIRST, LAST + timedelta(days=1))


@pytest.mark.parametrize("answer", [{"type": "auth_required"}, {"type": "result", "success": False}, {}, []])
def test_an_odd_answer_to_the_token_is_no_refusal(world: World, core: Core, answer: Any) -> None:
    core.odd_welcome = answer
    assert "answers something unexpected" in str(world.once().errors[-1])
    core.odd_welcome = None
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core, HOME, FIRST, LAST)


def test_a_meter_that_is_refused_keeps_no_other_waiting(world: World, core: Core) -> None:
    world.meters = [HOME, GAS]
    core.refused_ids = HOME["ean"]
    world.once()
    is_right(world, core, GAS, date(2026, 11, 11), date(2026, 11, 17))
    core.refused_ids = "none"
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core, HOME, FIRST, LAST)


def test_a_full_disk_does_not_make_the_bridge_knock_again_and_again(
    world: World, core: Core, home: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(service, "_LOOK_AROUND", 0.01)
    monkeypatch.setattr(Outbox, "caught_up", full)
    home.changes |= world.changes
    with home.running() as bridge:
        eventually(lambda: core.statistics)
        eventually(lambda: bridge._trouble.unusable)
        asked = len(core.asked)
        home.clock.pass_by(seconds=1)
        turns: list[None] = []
        monkeypatch.setattr(bridge, "_beat", lambda: turns.append(None))
        eventually(lambda: len(turns) > 20)
        assert core.sign_ins == 1
    assert len(core.asked) == asked


@pytest.mark.parametrize("base", ["home/-fluvius", "energy - fluvius", "energie/Fluvius", "家"])
def test_any_base_topic_makes_an_id_that_home_assistant_takes(world: World, core: Core, base: str) -> None:
    world.changes["mqtt.base_topic"] = base
    world.once()
    assert len(core.statistics) == 4
    assert all(re.fullmatch(r"fluvius:(?!.*__)[a-z0-9_]+[a-z0-9]", each) for each in core.statistics)


def test_something_else_than_home_assistant_answers(
    desk: World, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"ws://127.0.0.1:{mosquitto.port}/api/websocket"
    desk.changes["homeassistant.statistics"] = {"url": address, "token": TOKEN}
    desk.once()
    assert "cannot be reached" in caplog.text


def test_that_home_assistant_is_not_there_is_said_in_words(
    desk: World, caplog: pytest.LogCaptureFixture
) -> None:
    address = "ws://127.0.0.1:1/api/websocket"
    desk.changes["homeassistant.statistics"] = {"url": address, "token": TOKEN}
    desk.once()
    assert "Home Assistant at 127.0.0.1:1 cannot be reached: Connection refused" in caplog.text


def test_the_bridge_stops_while_home_assistant_is_silent(world: World, core: Core, home: World) -> None:
    core.is_silent = True
    home.changes |= world.changes
    with home.running():
        eventually(lambda: core.asked)
        begin = time.monotonic()
    assert time.monotonic() - begin < 5


def test_health_says_how_the_statistics_do(
    world: World, core: Core, home: World, mosquitto: Mosquitto
) -> None:
    home.changes |= world.changes
    home.once()
    health = says(mosquitto.retained(), "fluvius/bridge/health")
    assert core.statistics
    assert (health["statistics"]["state"], health["statistics"]["last_error"]) == ("ok", None)
