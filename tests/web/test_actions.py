"""What the bridge is asked for on the page, and what it answers."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.service.keeper import Keeper
from bridge.service.window import Window
from tests.rig.mosquitto import eventually
from tests.rig.pages import Browser, page_of, words_of
from tests.rig.world import GAS, HOME, World

pytestmark = pytest.mark.usefixtures("_quick")


@contextmanager
def at_work(world: World) -> Iterator[Browser]:
    """The page of a bridge that has caught up; six minutes later."""
    window = Window()
    with world.running(window=window) as bridge, page_of(world, window=window, wish=bridge.wish) as browser:
        eventually(lambda: window.status and window.status.health["portal"]["state"] == "ok", 15)
        world.clock.pass_by(minutes=6)
        world.simulator.forget_requests()
        yield browser


def answered(browser: Browser, name: str) -> str:
    """What the page says when it has been answered."""
    response = browser.post(f"/state/ask/{name}")
    path = response.url.removeprefix(browser.root)
    eventually(lambda: "data-live" not in browser.get(path).text, 10)
    return words_of(browser.get(path))


def test_fluvius_is_asked_and_what_came_of_it_is_said(home: World) -> None:
    home.changes = {"schedule.at": ["23:00"]}
    home.clock.move_to("2026-11-21 02:00")
    with at_work(home) as browser:
        home.clock.move_to("2026-11-21 09:00")
        said = answered(browser, "refresh")
        asked = home.asked("readings")
    assert asked > 0
    assert (
        f"Done : Fluvius had {home.simulator.count()} requests. home: 1 new day, Friday, 20 November 2026"
        in said
    )


def test_within_five_minutes_it_is_refused_and_said_before_and_after(home: World) -> None:
    with at_work(home) as browser:
        assert "at most once in five minutes" in words_of(browser.get("/state"))
        answered(browser, "refresh")
        home.simulator.forget_requests()
        said = answered(browser, "refresh")
        assert "can be asked again from 09:11 on" in words_of(browser.get("/state"))
    assert "Not done Fluvius was asked at 2026-11-21T09:06:00+01:00; it is asked at most once" in said
    assert home.asked() == 0


def test_everything_is_published_again(home: World) -> None:
    with at_work(home) as browser:
        assert "Done : everything is on the broker again." in answered(browser, "republish")
        assert home.asked() == 0


def test_a_broker_that_is_away_is_the_reason_that_is_given(desk: World) -> None:
    with at_work(desk) as browser:
        said = answered(browser, "republish")
    assert "Not done not everything could be published:" in said


def test_what_fluvius_gave_is_kept_while_the_broker_is_away_and_both_are_said(desk: World) -> None:
    with at_work(desk) as browser:
        said = answered(browser, "refresh")
    assert desk.asked() > 0
    assert "Done in part Fluvius was asked, and what it answered is kept here. what Fluvius" in said
    assert "Not done" not in said


def test_a_colon_stands_alone_in_french(home: World) -> None:
    with at_work(home) as browser:
        browser.session.headers["Accept-Language"] = "fr"
        path = browser.post("/state/ask/republish").url.removeprefix(browser.root)
        eventually(lambda: "data-live" not in browser.get(path).text, 10)
        assert "<strong>Terminé</strong>\N{NARROW NO-BREAK SPACE}: " in browser.get(path).text
        day = browser.get("/meters/home/day").text
    assert re.search(r"\w: ", re.sub("<[^>]*>", "", day.partition("<main")[2])) is None


def test_two_people_at_once_have_an_answer_each(home: World) -> None:
    with at_work(home) as browser:
        other = Browser(int(browser.root.rpartition(":")[2]))
        both = [each.post("/state/ask/refresh").url.removeprefix(browser.root) for each in (browser, other)]
        assert both[0] != both[1]
        eventually(lambda: not any("data-live" in browser.get(path).text for path in both), 10)
        said = [words_of(browser.get(path)) for path in both]
    assert "Done" in said[0]
    assert "Not done" in said[1]


def test_a_bridge_that_is_busy_says_so_and_is_not_kept_from_its_work(home: World) -> None:
    home.meters = [HOME, GAS]
    home.changes = {"schedule.lookback_days": 5}
    home.simulator.fault("stall", seconds=0.2)
    with home.running() as bridge, page_of(home, wish=bridge.wish) as browser:
        eventually(lambda: home.simulator.count("readings"), 10)
        assert "Not done busy just now; ask again in a minute" in answered(browser, "refresh")


def test_without_a_bridge_that_is_said_at_once(desk: World) -> None:
    keeper = Keeper(desk.settings)
    with page_of(desk, wish=keeper.wish) as browser:
        assert "Not done the bridge does not run: it is just starting" in answered(browser, "refresh")


def test_who_gets_no_answer_is_told_so_after_a_while(desk: World) -> None:
    with page_of(desk) as browser:
        path = browser.post("/state/ask/refresh").url.removeprefix(browser.root)
        assert "the bridge works on it" in words_of(browser.get(path))
        desk.clock.pass_by(minutes=11)
        assert "Perhaps the bridge was started anew" in words_of(browser.get(path))
        assert browser.get("/state/asked/nonsense").status_code == 404


def test_only_what_stands_on_the_page_can_be_asked_for_there_and_only_by_its_forms(desk: World) -> None:
    asked: list[object] = []
    with page_of(desk, wish=asked.append) as browser:
        assert browser.post("/state/ask/remove").status_code == 404
        assert browser.get("/state/ask/refresh").status_code == 405
        assert browser.session.post(f"{browser.root}/state/ask/refresh", timeout=10).status_code == 403
        foreign = browser.post("/state/ask/refresh", headers={"Origin": "http://attacker.example"})
        assert foreign.status_code == 403
    assert asked == []


def test_what_a_database_lacks_is_said(home: World) -> None:
    home.changes = {"sinks.postgresql": {"dsn": "postgresql://127.0.0.1:1/energy"}}
    with at_work(home) as browser:
        eventually(lambda: "PostgreSQL Cannot be reached" in words_of(browser.get("/state")))
        assert "changes are not there yet" in words_of(browser.get("/state"))
