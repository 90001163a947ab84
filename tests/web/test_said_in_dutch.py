"""What is refused is said in the visitor's language, and names no command of a terminal."""

import ast
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

import bridge.web
from bridge.config import ConfigError
from bridge.config.asked import WantedHistory
from bridge.fetching.readable import nothing_fetched, nothing_known
from bridge.folder.files import OutputError
from bridge.metering.model import Energy, Meter
from bridge.setup import sections
from bridge.setup.interview import Interview
from bridge.setup.place import Place
from bridge.setup.sign_ins import SignIns
from bridge.setup.writer import put_in_place
from bridge.text.endings import ForTheUser
from bridge.web.pages import export
from bridge.web.speech import speech
from tests.rig.pages import Browser, page_of, words_of
from tests.rig.world import GAS, HOME, World

DUTCH = {"Accept-Language": "nl"}
WEB = Path(str(bridge.web.__file__)).parent
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def notes_of(page: requests.Response) -> str:
    """What is above the form, or instead of a page."""
    assert 'lang="en"' not in page.text, page.text
    return words_of(page)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"from": "gisteren"}, "gisteren is geen datum."),
        ({"from": "1999-01-01"}, "1999-01-01 is geen datum."),
        ({"from": "2026-11-19", "to": "2026-11-16"}, "De eerste dag valt na de laatste."),
        ({"from": "2027-01-01"}, "Die dag moet nog komen: vrijdag 1 januari 2027."),
        (
            {"to": "2020-01-01"},
            "Van deze dagen is niets bekend van home, enkel van zaterdag 14 november 2026 tot en met vrijdag",
        ),
        ({"meter": "zolder"}, "Er is geen meter zolder."),
        ({"costs": "1"}, "Er zijn geen prijzen ingesteld."),
    ],
)
def test_an_export_that_cannot_be_had(desk: World, asked: dict[str, str], why: str) -> None:
    desk.fetch()
    with page_of(desk) as browser:
        page = browser.get("/data/export/readings", params=asked, headers=DUTCH)
    assert page.status_code == 400
    assert why in notes_of(page)


def test_an_export_of_nothing_and_one_beside_others(desk: World) -> None:
    with page_of(desk) as browser:
        page = browser.get("/data/export/readings", headers=DUTCH)
        assert "Er is nog niets opgehaald." in notes_of(page)
        with export._under_way, export._under_way:
            page = browser.get("/data/export/readings", headers=DUTCH)
    assert page.status_code == 503
    assert "Anderen zijn nu aan het downloaden." in notes_of(page)


@pytest.mark.parametrize(
    ("ask", "status", "why"),
    [
        (
            lambda browser: browser.session.post(f"{browser.root}/state/ask/refresh"),
            403,
            "Dit formulier is te oud",
        ),
        (
            lambda browser: browser.post(
                "/state/ask/refresh", headers={"Origin": "http://elsewhere.example"}
            ),
            403,
            "Dit werd verstuurd vanaf http://elsewhere.example, maar hier heet de pagina 127.0.0.1:",
        ),
        (
            lambda browser: browser.get("/data/export/readings?form=exe"),
            400,
            "begrijpt niet wat er gevraagd werd",
        ),
        (
            lambda browser: browser.session.put(f"{browser.root}/meters"),
            405,
            "begrijpt niet wat er gevraagd werd",
        ),
        (
            lambda browser: browser.session.post(
                f"{browser.root}/state/ask/refresh", data={"form": "x" * 99_999}
            ),
            413,
            "Dat is meer dan de pagina aanneemt.",
        ),
    ],
)
def test_a_request_that_is_none_of_the_pages(
    desk: World, ask: Callable[[Browser], requests.Response], status: int, why: str
) -> None:
    with page_of(desk) as browser:
        browser.session.headers.update(DUTCH)
        page = ask(browser)
    assert page.status_code == status
    assert why in notes_of(page)


def test_all_that_the_page_refuses_by_itself_is_translated() -> None:
    raised = [
        node.args[0].value
        for file in WEB.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"Forbidden", "BadRequest", "NotFound", "Conflict"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ]
    assert raised
    assert [words for words in map(str, raised) if speech("nl").told(words) in (None, words)] == []


METERS = (Meter("home", HOME["ean"], Energy.ELECTRICITY),)
SIGN_INS = SignIns(lambda: NOW)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"from": "x"},
        {"from": "2999-01-01"},
        {"from": "2026-11-21"},
        {"from": "2026-01-02", "to": "2026-01-01"},
        {"from": "2026-01-01", "meter": "x"},
    ],
)
def test_history_that_cannot_be_had(asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        WantedHistory.of(asked, METERS, NOW)
    prove_said(str(refused.value))


def prove_said(words: str) -> None:
    for language in ("en", "nl", "fr", "de"):
        said = speech(language).told(words)
        assert said, words
        assert "--" not in said
        assert "fluvius2mqtt " not in said
        assert (said != speech("en").told(words)) == (language != "en")


@pytest.mark.parametrize(
    "error",
    [
        nothing_fetched(),
        nothing_fetched(METERS),
        nothing_known(METERS[0], (date(2026, 1, 1), date(2026, 2, 1))),
    ],
)
def test_a_ledger_without_it(error: ForTheUser) -> None:
    prove_said(str(error))


def test_a_long_text_that_was_typed_is_not_pondered() -> None:
    began = time.process_time()
    assert speech("nl").told(": " * 32_000) is None
    assert time.process_time() - began < 2


FILE = f"""\
fluvius: {{portal: {{email: me@home.be, password: secret}}}}
meters:
  - {{name: home, ean: "{HOME["ean"]}", serial: "{HOME["serial"]}"}}
  - {{name: gas, ean: "{GAS["ean"]}", serial: "{GAS["serial"]}", energy: gas}}
"""
GOOD = {
    "prices.electricity": "parts",
    "prices.gas": "as it is",
    "statistics": "yes",
    "meters[2].ean": "541448820000000022",
    "prices.0.consumption.energy": "0.3",
}


@pytest.mark.parametrize(
    ("section", "question", "typed"),
    [
        ("account", "email", "me"),
        ("account", "email", ""),
        ("account", "password", ""),
        ("broker", "host", "a b"),
        ("broker", "host", "broker:99999"),
        ("meters", "ean", "5414"),
        ("meters", "ean", "541448820000000009"),
        ("meters", "ean", HOME["ean"]),
        ("meters", "serial", ""),
        ("names", "[1].name", "home"),
        ("names", "[1].name", "bridge"),
        ("names", "[1].name", "???"),
        ("names", "[1].name", "a\x01"),
        ("schedule", "at", "7 uur"),
        ("schedule", "at", "07:00 07:00"),
        ("statistics", "url", "a b"),
        ("statistics", "token", ""),
        ("prices", "from", "gisteren"),
        ("prices", "from", "2026-02-30"),
        ("prices", "from", "1999-01-01"),
        ("prices", "energy", "duur"),
        ("prices", "energy", "31"),
        ("prices", "vat", "veel"),
        ("prices", "vat", "200"),
    ],
)
def test_an_answer_that_does_not_fit(tmp_path: Path, section: str, question: str, typed: str) -> None:
    place = Place(tmp_path / "fluvius2mqtt.yaml", {})
    place.file.write_text(FILE, "utf-8")
    answers = place.answers()
    for step in sections.section(section, place, "nl", SIGN_INS)(answers):
        for each in step.questions(answers):
            if each.key.endswith(question):
                prove_said(each.take(answers, typed) or "nothing is wrong")
                return
            each.take(answers, GOOD.get(each.key, each.default))
    pytest.fail("that is not asked")


def test_a_file_that_was_changed_meanwhile_or_cannot_be_changed(tmp_path: Path) -> None:
    place = Place(tmp_path / "fluvius2mqtt.yaml", {})
    place.file.write_text(FILE, "utf-8")
    interview = Interview("language", place, lambda _: iter(()))
    place.file.write_text(f"{FILE}language: nl\n", "utf-8")
    with pytest.raises(ConfigError) as refused:
        interview.write()
    prove_said(str(refused.value))
    with pytest.raises(OutputError) as cannot:
        put_in_place({tmp_path / "nowhere" / "file": ""})
    prove_said(str(cannot.value))
