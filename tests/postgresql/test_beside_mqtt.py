"""The whole bridge, with a database."""

import argparse
import subprocess
import sys
import threading

import pytest

from bridge.commands.starting import settings_for
from bridge.config import ConfigError
from bridge.ledger import LedgerUnavailable
from bridge.ledger.changes import Changes
from tests.rig.deliveries import assert_equal
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.postgresql import PostgreSQL
from tests.rig.requests import ask
from tests.rig.waiting import until_published
from tests.rig.world import World, says

HEALTH = "fluvius/bridge/health"


def state(mosquitto: Mosquitto) -> tuple[str, int]:
    """Of the database, and how much waits for it."""
    if not (retained := mosquitto.retained(HEALTH)):
        return "", 0
    health = says(retained, HEALTH)["postgresql"]
    return health["state"], int(health["waiting"])


def test_psycopg_is_loaded_by_nobody_who_has_no_database() -> None:
    script = "import sys, bridge.commands.check, bridge.service.bridge; sys.exit('psycopg' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_database_without_psycopg_is_told_what_to_install(
    hut: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hut.changes["sinks.postgresql"] = {"dsn": "postgresql://localhost/energy"}
    monkeypatch.setattr(
        "bridge.commands.starting.find_spec", lambda name: None if name == "psycopg" else name
    )
    with pytest.raises(ConfigError, match=r"needs psycopg; .*postgresql"):
        settings_for(argparse.Namespace(config=hut.write_configuration(), verbose=False))


def assert_all_is_there(home: World, postgresql: PostgreSQL) -> None:
    with home.ledger() as ledger:
        assert_equal(postgresql, ledger)
    assert postgresql.ask("SELECT count(*) > 96 FROM fluvius.readings") == [(True,)]


def test_one_cycle_delivers_all_that_it_fetched(home: World, postgresql: PostgreSQL) -> None:
    home.changes = {"sinks.postgresql": {"dsn": postgresql.dsn}}
    assert not home.once().errors
    assert_all_is_there(home, postgresql)
    assert postgresql.ask("SELECT ean, energy, name FROM fluvius.meters") == [
        ("541448820000000008", "electricity", "home")
    ]


def test_one_cycle_without_the_database_says_so_and_keeps_what_it_fetched(
    home: World, mosquitto: Mosquitto, postgresql: PostgreSQL
) -> None:
    home.changes = {"sinks.postgresql": {"dsn": "postgresql://admin@127.0.0.1:1/postgres"}}
    assert len(home.once().errors) == 1
    retained = mosquitto.retained("fluvius/#")
    assert "fluvius/home/day" in retained, "who listens on the broker notices nothing"
    health = says(retained, HEALTH)["postgresql"]
    assert health["state"] == "unreachable"
    assert health["waiting"] > 0
    home.changes = {"sinks.postgresql": {"dsn": postgresql.dsn}}
    assert not home.once().errors
    assert_all_is_there(home, postgresql)


@pytest.mark.usefixtures("_quick")
def test_a_running_bridge_delivers_and_says_how_far_it_is(
    home: World, mosquitto: Mosquitto, postgresql: PostgreSQL
) -> None:
    home.changes = {"sinks.postgresql": {"dsn": postgresql.dsn}}

    with home.running():
        eventually(lambda: state(mosquitto) == ("ok", 0), within=20)
        postgresql.stop()
        home.clock.pass_by(days=1)
        try:
            ask(mosquitto, "refresh")
            eventually(lambda: state(mosquitto)[0] == "unreachable" and state(mosquitto)[1] > 0, within=20)
        finally:
            postgresql.start()
        home.clock.pass_by(hours=1)
        eventually(lambda: state(mosquitto) == ("ok", 0), within=20)
    assert_all_is_there(home, postgresql)


@pytest.mark.usefixtures("_quick")
def test_a_disk_that_fails_for_a_moment_ends_nothing(
    home: World, mosquitto: Mosquitto, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.changes = {"sinks.postgresql": {"dsn": postgresql.dsn}}
    failed = threading.Event()
    look = Changes.are_waiting

    def look_or_fail(changes: Changes, number: int) -> bool:
        if threading.current_thread().name == "bridge" and not failed.is_set():
            failed.set()
            raise LedgerUnavailable("the disk reports an error")
        return look(changes, number)

    with home.running():
        eventually(lambda: state(mosquitto) == ("ok", 0), within=20)
        monkeypatch.setattr(Changes, "are_waiting", look_or_fail)
        assert failed.wait(10)
        home.clock.pass_by(days=1)
        ask(mosquitto, "refresh")
        until_published(mosquitto, "2026-11-21", days=8)
