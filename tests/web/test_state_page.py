"""How everything is, also while nothing is."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from bridge.service.window import Window
from tests.rig.ledgers import damage
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.newcomer import arriving
from tests.rig.pages import page_of, words_of
from tests.rig.world import World

METER = """\
web: true
mqtt: {host: 127.0.0.1, port: 1}
meters: [{name: home, ean: "541448820000000008", source: file}]
"""


def test_a_bridge_that_cannot_start_says_why_on_every_page_that_needs_it(tmp_path: Path) -> None:
    ledger = tmp_path / "data" / "ledger.sqlite"
    ledger.parent.mkdir()
    ledger.write_bytes(b"rot" * 1000)
    with arriving(tmp_path, text=METER) as newcomer:
        eventually(lambda: newcomer.keeper.trouble, 10)
        for path in "/state", "/settings":
            said = newcomer.look(path).words
            assert "Restore a backup, or move it away" in said, path
            assert "restart the bridge" in said, path
        assert "just started" not in newcomer.look("/state").words
        meters = newcomer.browser.get("/meters")
        assert (meters.status_code, "Restore a backup" in words_of(meters)) == (503, True)


def test_a_bridge_that_just_started_looks_around(desk: World) -> None:
    with page_of(desk, log=["a line"]) as browser:
        said = words_of(browser.get("/state"))
    assert "The bridge has just started; it looks around." in said
    assert "a line" in said


@pytest.mark.usefixtures("_quick")
def test_the_broker_is_well_or_away_since_a_time(home: World, mosquitto: Mosquitto) -> None:
    window = Window()
    with home.running(window=window), page_of(home, window=window) as browser:
        eventually(lambda: window.broker.since and not window.broker.wrong and window.status, 15)
        assert "MQTT 127.0.0.1 Works , since 21 Nov 2026, 09:00" in words_of(browser.get("/state"))
        home.clock.pass_by(minutes=3)
        mosquitto.stop()
        eventually(lambda: window.broker.wrong, 15)
        home.clock.pass_by(minutes=3)
        said = words_of(browser.get("/state"))
        assert "MQTT 127.0.0.1 Cannot be reached , since 21 Nov 2026, 09:03" in said


def test_what_never_answered_is_said_to_have_never(desk: World) -> None:
    desk.simulator.fault("unavailable")
    window = Window()
    with desk.running(window=window), page_of(desk, window=window) as browser:
        eventually(lambda: window.status and window.status.health["portal"]["last_error"], 15)
        assert "Mijn Fluvius Cannot be reached , no answer yet" in words_of(browser.get("/state"))


@pytest.mark.usefixtures("_quick")
def test_a_ledger_that_rots_while_the_bridge_runs_is_said_at_once(home: World) -> None:
    window = Window()
    with home.running(window=window) as bridge, page_of(home, window=window, wish=bridge.wish) as browser:
        eventually(lambda: window.status and window.status.health["portal"]["state"] == "ok", 15)
        assert "Ledger" not in words_of(browser.get("/state"))
        with closing(sqlite3.connect(home.data_dir / "ledger.sqlite")) as database, database:
            database.execute("DROP TABLE note")
        browser.post("/state/ask/republish")
        eventually(
            lambda: "Ledger Cannot be used , noticed on 21 Nov 2026, 09:00" in words_of(browser.get("/state"))
        )


def cycles(window: Window) -> int:
    return sum(window.figures.cycles.values()) if window.figures else 0


@pytest.mark.usefixtures("_quick")
def test_a_ledger_that_another_program_held_for_a_while_is_said_to_be_free_at_once(home: World) -> None:
    window = Window()
    with home.running(window=window) as bridge, page_of(home, window=window, wish=bridge.wish) as browser:
        eventually(lambda: window.status and window.status.health["portal"]["state"] == "ok", 15)
        bridge._ledger.store.rows("PRAGMA busy_timeout = 50")
        home.clock.pass_by(minutes=6)
        with closing(sqlite3.connect(home.data_dir / "ledger.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            browser.post("/state/ask/refresh")
            eventually(lambda: "locked by another program" in words_of(browser.get("/state")), 10)
            other.execute("ROLLBACK")
        eventually(lambda: "locked by another program" not in words_of(browser.get("/state")), 10)
        assert bridge._ledger.store.rows("PRAGMA busy_timeout") == [(50,)]
        before = cycles(window)
        home.clock.pass_by(minutes=6)
        eventually(lambda: cycles(window) > before, 10)  # what came to nothing is done again


def test_what_a_page_finds_damaged_is_said_with_everything_else(desk: World) -> None:
    desk.fetch()
    damage(desk, date(2026, 11, 20))
    with page_of(desk) as browser:
        assert "Ledger" not in words_of(browser.get("/state"))
        assert browser.get("/meters/home/day/2026-11-20").status_code == 503
        desk.clock.pass_by(minutes=2)
        said = words_of(browser.get("/state"))
    assert "Ledger Damaged , noticed on 21 Nov 2026, 09:00" in said
    assert "(home: 2026-11-20)" in said


def test_a_ledger_that_cannot_be_read_now_is_said(desk: World) -> None:
    desk.fetch()
    (desk.data_dir / "ledger.sqlite").write_bytes(b"rot" * 1000)
    with page_of(desk) as browser:
        assert "Ledger Cannot be used , noticed on 21 Nov 2026, 09:00" in words_of(browser.get("/state"))


def test_the_log_is_told_at_belgium_s_time(desk: World) -> None:
    with page_of(
        desk, log=["2026-07-01 22:30:00+0000 INFO    at 2026-07-01 22:30:00+0000", "  more"]
    ) as browser:
        said, alone = words_of(browser.get("/state")), browser.get("/state/log").text
    for each in said, alone:
        assert "2026-07-02 00:30:00+0200 INFO at 2026-07-01 22:30:00+0000 more" in " ".join(each.split())
