"""What Prometheus is told: true, cheap, and nothing about anybody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pytest
import requests

from bridge.metering.model import Energy, Meter
from bridge.metrics.lag import BUCKETS, lags
from bridge.service import bridge
from bridge.service.window import Window
from tests.rig.core import TOKEN
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.provider import Provider
from tests.rig.requests import ask
from tests.rig.scrapes import Samples, metrics_of, scraped
from tests.rig.waiting import until_healthy
from tests.rig.world import GAS, HOME, SHED, Clock, World

pytestmark = pytest.mark.usefixtures("_hurried")

YESTERDAY = date(2026, 11, 20)
Scrape = Callable[[], Samples]


@pytest.fixture
def _hurried(_quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bridge that starts does not wait long for a broker that is away."""
    monkeypatch.setattr(bridge, "_GREETING", 0.05)


@contextmanager
def seen(world: World) -> Iterator[Scrape]:
    """A bridge at work, and what Prometheus sees of it."""
    window = Window(shows_meters=False)
    with world.running(window=window), metrics_of(world.settings, window, world.clock) as address:
        yield lambda: scraped(address)


def until_a_run_was(scrape: Scrape, outcome: str) -> None:
    eventually(lambda: scrape().get(f'cycles_total{{outcome="{outcome}"}}') == 1, 10)


def test_a_bridge_that_is_well(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [HOME, GAS, SHED]
    with seen(home) as scrape:
        until_healthy(mosquitto)
        until_a_run_was(scrape, "ok")
        found = scrape()
        size = sum(
            path.stat().st_size for path in home.data_dir.glob("ledger.sqlite*") if "shm" not in path.name
        )
    assert found['requests_total{outcome="ok",source="portal"}'] == home.simulator.count()
    assert found['requests_total{outcome="server_error",source="portal"}'] == 0
    assert found['refusals_total{source="portal"}'] == 0
    assert found['source_state{source="portal",state="ok"}'] == 1
    assert found['source_state{source="portal",state="refused"}'] == 0
    assert found["last_cycle_timestamp_seconds"] == found["heartbeat_timestamp_seconds"]
    assert found["heartbeat_timestamp_seconds"] == home.clock().timestamp()
    assert 0 < found["last_cycle_duration_seconds"] < 60
    assert found['source_last_success_timestamp_seconds{source="portal"}'] == home.clock().timestamp()
    assert found['meters{source="portal"}'] == found['meter_lag_gcount{source="portal"}'] == 3
    assert found["broker_connected"] == found["ledger_readable"] == found['build_info{version="0.1.0"}'] == 1
    assert found['outbox_meters{sink="mqtt"}'] == 0
    assert found["ledger_size_bytes"] == size
    assert {name for name, value in found.items() if name.startswith("problem") and value} == set()
    assert found["process_resident_memory_bytes"] > 1e6


def test_days_that_are_late_show_in_the_buckets(home: World, mosquitto: Mosquitto) -> None:
    with seen(home) as scrape:
        until_healthy(mosquitto)
        assert scrape()['meter_lag_bucket{le="0.0",source="portal"}'] == 1
        home.simulator.fault("server-error")
        home.clock.pass_by(days=3)
        ask(mosquitto, "refresh")
        until_a_run_was(scrape, "incomplete")
        found = scrape()
    by_bucket = [found[f'meter_lag_bucket{{le="{days}.0",source="portal"}}'] for days in BUCKETS]
    assert by_bucket == [0, 0, 0, 1, 1, 1, 1, 1]
    assert found['meter_lag_gsum{source="portal"}'] == 3
    assert found['requests_total{outcome="server_error",source="portal"}'] == 3  # once, and twice again
    assert found['source_failures_in_a_row{source="portal"}'] == 1


def test_a_refusal_is_counted_and_is_a_problem(home: World) -> None:
    home.password = "wrong"
    with seen(home) as scrape:
        until_a_run_was(scrape, "incomplete")
        found = scrape()
    assert found['refusals_total{source="portal"}'] == 1
    assert found['source_state{source="portal",state="refused"}'] == found['problem{part="portal"}'] == 1
    assert found['problem{part="broker"}'] == found['problem{part="ledger"}'] == 0
    assert found['meter_lag_bucket{le="31.0",source="portal"}'] == 0  # nothing was ever there
    assert found['meter_lag_bucket{le="+Inf",source="portal"}'] == 1


def test_what_waits_for_a_broker_is_counted(desk: World) -> None:
    desk.meters = [HOME, GAS]
    desk.changes["mqtt.stream"] = True
    with seen(desk) as scrape:
        until_a_run_was(scrape, "ok")
        found = scrape()
    assert found["broker_connected"] == 0
    assert found['outbox_meters{sink="mqtt"}'] == 2
    assert found['outbox_readings{sink="stream"}'] == 7 * 96 + 7 * 24


@pytest.mark.parametrize("which", ["a meter that is not followed any more", "what a bound leaves out"])
def test_what_waits_for_nobody_is_not_counted(desk: World, which: str) -> None:
    desk.meters = [HOME, GAS]
    desk.changes |= {
        "mqtt.stream": True,
        "homeassistant.statistics": {"url": "ws://127.0.0.1:1/api/websocket", "token": TOKEN},
    }
    desk.once()
    bounded = {**HOME, "from": "2026-11-20T10:00"}
    desk.meters = [HOME] if which.startswith("a meter") else [bounded, GAS]
    with seen(desk) as scrape:
        until_a_run_was(scrape, "ok")
        found = scrape()
    if desk.meters == [HOME]:
        assert found['outbox_meters{sink="statistics"}'] == 1
        assert found['outbox_readings{sink="stream"}'] == 7 * 96
    else:
        assert found['outbox_meters{sink="statistics"}'] == 2
        assert found['outbox_readings{sink="stream"}'] == 56 + 7 * 24


def test_a_provider_who_publishes_no_meters_has_none_that_wait(provider: Provider) -> None:
    provider.world.changes["mqtt.publish.meters"] = False
    with seen(provider.world) as scrape:
        until_a_run_was(scrape, "ok")
        found = scrape()
    assert found['meters{source="energy_api"}'] == 3
    assert found['requests_total{outcome="ok",source="energy_api"}'] == provider.simulator.count()
    assert not any(name.startswith("outbox") for name in found)


def test_nothing_is_told_of_anybody(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [{**HOME, "name": "kitchen"}, GAS]
    home.changes["mqtt.stream"] = True
    window = Window()
    with home.running(window=window), metrics_of(home.settings, window, home.clock) as address:
        until_healthy_and_answered(home, mosquitto)
        text = requests.get(address, timeout=10).text
        labels = {name.partition("{")[2] for name in scraped(address) if "{" in name}
    for secret in ("kitchen", HOME["ean"], GAS["ean"], HOME["serial"], home.email, home.password, "541448"):
        assert secret not in text
    assert len(labels) < 60  # as with one meter, or thousands: see the next test


def until_healthy_and_answered(world: World, mosquitto: Mosquitto) -> None:
    eventually(lambda: "fluvius/kitchen/total" in mosquitto.retained(), 10)
    world.clock.pass_by(minutes=6)
    ask(mosquitto, "republish")


def test_many_meters_have_no_more_samples_than_one(provider: Provider) -> None:
    provider.only(HOME["ean"])
    with seen(provider.world) as scrape:
        until_a_run_was(scrape, "ok")
        one = scrape().keys()
    provider.api.add_meters(3)
    provider.clock.pass_by(days=8)  # when mandates are asked for again
    with seen(provider.world) as scrape:
        until_a_run_was(scrape, "ok")
        found = scrape()
    assert found['meters{source="energy_api"}'] == 4
    assert found.keys() == one


def test_a_ledger_that_cannot_be_read_is_told_beside_all_the_rest(home: World, mosquitto: Mosquitto) -> None:
    window = Window()
    with home.running(window=window):
        until_healthy(mosquitto)
    (home.data_dir / "ledger.sqlite").write_bytes(b"not a database" * 100)
    with metrics_of(home.settings, window, home.clock) as address:
        found = scraped(address)
    assert found["ledger_readable"] == 0
    assert found['requests_total{outcome="ok",source="portal"}'] > 0
    assert not any(name.startswith("meter") for name in found)


def test_before_there_is_anything_only_the_version_is_told(home: World) -> None:
    with metrics_of(home.settings, Window(), home.clock) as address:
        found = scraped(address)
    assert {name for name in found if not name.startswith("process_")} == {'build_info{version="0.1.0"}'}


def test_meters_are_behind_by_what_could_be_there(clock: Clock) -> None:
    def meter(name: str, **bounds: date) -> Meter:
        return Meter(name, name, Energy.ELECTRICITY, source="energy_api", **bounds)  # type: ignore[arg-type]

    now, days = clock(), {"there": 0, "late": 2, "old": 400, "left": 30}
    latest = {(name, "electricity"): YESTERDAY - timedelta(days=count) for name, count in days.items()}
    ended = meter("left", last=YESTERDAY - timedelta(days=30))
    found = lags([meter("there"), meter("late"), meter("old"), meter("new"), ended], latest, now)
    assert found.keys() == {"energy_api"}
    lag = found["energy_api"]
    assert (lag.meters, lag.days) == (5, 402)
    assert dict(lag.buckets()) == {
        "0.0": 2, "1.0": 2, "2.0": 3, "3.0": 3, "4.0": 3, "7.0": 3, "14.0": 3, "31.0": 3, "+Inf": 5,
    }  # fmt: skip
