"""A report for a bug is made on the page, looked through, and saved."""

import io
import random
import zipfile
from html import unescape

import pytest

from tests.rig.mosquitto import eventually
from tests.rig.pages import Browser, page_of, words_of
from tests.rig.world import HOME, World


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)


def made(browser: Browser) -> str:
    browser.post("/state/make-report")
    eventually(lambda: "data-live" not in browser.get("/state/report").text, 20)
    return words_of(browser.get("/state/report"))


def test_it_is_made_looked_through_and_saved(hut: World) -> None:
    with page_of(hut) as browser:
        said = made(browser)
        assert "Works Sign in: Fluvius accepts" in said
        assert "What the report holds manifest.json 001.json" in said
        page = browser.get("/state/report/001.json")
        saved = browser.get("/state/fluvius2mqtt-report.zip")
    assert page.headers["Content-Type"].startswith("text/html")
    assert words_of(page).count("Back to the report") == 2
    shown = unescape(page.text.partition("<pre")[2].partition(">")[2].partition("</pre>")[0])
    assert saved.headers["Content-Disposition"] == "attachment; filename=fluvius2mqtt-report.zip"
    with zipfile.ZipFile(io.BytesIO(saved.content)) as archive:
        assert archive.read("001.json").decode().strip() == shown.strip()
        whole = b"".join(map(archive.read, archive.namelist())).decode()
    for secret in (hut.email, hut.password, HOME["ean"], HOME["serial"]):
        assert secret not in whole


def test_fluvius_is_asked_once_in_five_minutes(hut: World) -> None:
    with page_of(hut) as browser:
        made(browser)
        hut.simulator.forget_requests()
        refused = browser.post("/state/make-report")
        assert "at most once in five minutes" in words_of(refused)
        assert hut.asked() == 0


def test_one_that_comes_to_nothing_says_why(hut: World) -> None:
    hut.simulator.fault("wrong-password")
    with page_of(hut) as browser:
        said = made(browser)
        assert "Does not work Sign in:" in said


def test_before_there_is_one_there_is_nothing_to_save(hut: World) -> None:
    with page_of(hut) as browser:
        assert browser.get("/state/report/001.json").status_code == 404
        assert browser.get("/state/fluvius2mqtt-report.zip").status_code == 404
        assert "Report a problem" in words_of(browser.get("/state"))


def test_a_household_of_files_has_nothing_to_record(hut: World) -> None:
    hut.meters = [{"name": "home", "ean": HOME["ean"], "source": "file"}]
    hut.changes = {"fluvius": {}}
    with page_of(hut) as browser:
        assert "nothing to record" in words_of(browser.get("/state/report"))
