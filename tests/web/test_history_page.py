"""History is fetched, watched and stopped on the page."""

import re
from datetime import date
from html import unescape
from urllib.parse import urljoin

import pytest

from bridge.service.window import Window
from tests.rig.mosquitto import eventually
from tests.rig.pages import page_of, words_of
from tests.rig.world import GAS, HOME, World

pytestmark = pytest.mark.usefixtures("_quick")


def test_it_is_fetched_and_what_it_came_to_is_said(home: World) -> None:
    window = Window()
    with home.running(window=window) as bridge, page_of(home, window=window, wish=bridge.wish) as browser:
        eventually(lambda: window.status and window.status.health["portal"]["state"] == "ok", 15)
        form = browser.get("/data").text
        assert 'name="from" required value="2025-01-01" max="2026-11-20"' in form
        begun = browser.post("/data/fetch-history", {"from": "2026-10-01", "to": "", "meter": "home"})
        path = begun.url.removeprefix(browser.root)
        eventually(lambda: "Begun" in words_of(browser.get(path)), 5)
        eventually(lambda: "Done" in words_of(browser.get("/data/history")), 20)
        said = words_of(browser.get("/data/history"))
        assert "data-live" not in browser.get("/data/history").text
    assert "From Thursday, 1 October 2026 to Friday, 20 November 2026 Done" in said
    assert home.total() == home.truth(HOME["ean"], date(2026, 10, 1), date(2026, 11, 20))


def test_a_bar_shows_how_far_it_is_and_a_button_stops_it(home: World) -> None:
    home.meters = [HOME, GAS]
    window = Window()
    with home.ledger() as ledger:
        meters = [home.meter(), home.meter("gas")]
        jobs = ledger.jobs.begin_backfills(meters, date(2025, 1, 1), date(2026, 11, 20), home.clock())
        ledger.jobs.keep_backfill(
            type(jobs[0])(
                jobs[0].number, jobs[0].ean, jobs[0].energy, jobs[0].first, jobs[0].last, jobs[0].begun_at,
                done=20, of_all=80, words="Fluvius asks for patience until 10:00",
            )
        )  # fmt: skip
    with page_of(home, window=window, wish=lambda _: None) as browser:
        page = browser.get("/data/history")
        assert '<progress aria-labelledby="job-1" value="20" max="80">' in page.text
        assert "20 of 80 requests Fluvius asks for patience until 10:00" in words_of(page)
        assert "Its turn comes." in words_of(page)
        assert "data-live" in page.text
        assert "Stop all" in words_of(page)
    home.simulator.fault("unavailable")
    with home.running(window=window) as bridge, page_of(home, window=window, wish=bridge.wish) as browser:
        stopped = browser.post("/data/stop-history").url.removeprefix(browser.root)
        eventually(lambda: "Stopped. What is fetched stays" in words_of(browser.get(stopped)), 10)
        assert words_of(browser.get("/data/history")).count("Stopped") == 2
        assert 'form="stop"' not in browser.get("/data/history").text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"from": "2026-12-01"},
            "That day is not over yet: Tuesday, 1 December 2026. The newest one is Friday",
        ),
        ({"from": "2026-11-01", "to": "2026-10-01"}, "The first day comes after the last one."),
        ({"from": ""}, "The first day is missing."),
        ({"from": "2026-10-01", "meter": "<b>attic</b>"}, "There is no meter <b>attic</b>"),
    ],
)
def test_what_cannot_be_fetched_is_said(home: World, fields: dict[str, str], why: str) -> None:
    with home.running() as bridge, page_of(home, wish=bridge.wish) as browser:
        path = browser.post("/data/fetch-history", fields).url.removeprefix(browser.root)
        eventually(lambda: "data-live" not in browser.get(path).text, 15)
        assert f"Not done {why}" in words_of(browser.get(path))


def test_a_name_with_markup_is_only_a_name(desk: World) -> None:
    name = '<script>alert("1")</script>'
    desk.meters = [HOME | {"name": name}, GAS]
    with desk.ledger() as ledger:
        ledger.jobs.begin_backfill(
            desk.settings.followed[0], date(2026, 1, 1), date(2026, 2, 1), desk.clock()
        )
    with page_of(desk) as browser:
        for path in "/data/history", "/data/export":
            page = browser.get(path)
            assert name in words_of(page)
            assert "<script>alert" not in page.text


def test_a_household_of_files_is_shown_the_way_to_them(desk: World) -> None:
    desk.meters = [{"name": "home", "ean": HOME["ean"], "source": "file"}]
    desk.changes = {"fluvius": {}}
    with page_of(desk) as browser:
        page = browser.get("/data/history")
    assert "the history of yours comes from files" in words_of(page)
    assert 'name="from"' not in page.text


def test_a_hole_leads_to_where_it_can_be_fetched(desk: World) -> None:
    desk.meters = [HOME, GAS]
    desk.fetch()
    with page_of(desk) as browser:
        page = browser.get("/meters/home/day/2026-10-05", headers={"Accept-Language": "en"})
        link = re.findall(r'<a href="([^"]+)">Fetch history</a>', page.text)[0]
        form = browser.session.get(urljoin(page.url, unescape(link))).text
        assert 'name="from" required value="2026-10-05"' in form
        assert 'name="to" value="2026-10-05"' in form
        assert '<option value="home" selected>' in form
        assert "Fetch history" not in browser.get("/meters/home/day/2026-11-20").text
        assert "Fetch history" not in browser.get("/meters/home/day/2020-10-05").text


def test_totals_of_some_days_of_a_span_say_of_how_many_and_which_are_missing(desk: World) -> None:
    desk.fetch()
    with page_of(desk) as browser:
        said = words_of(browser.get("/meters/home/month/2026-11", headers={"Accept-Language": "en"}))
        dutch = words_of(browser.get("/meters/home/year/2026", headers={"Accept-Language": "nl"}))
    assert "The totals are of 7 days : 13 days before the first reading. Fetch history Consumption" in said
    assert "De totalen zijn van 7 dagen : 317 dagen" in dutch
