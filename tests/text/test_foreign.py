"""Other people's texts: no control character and no forged line reaches a log, terminal, topic or file."""

import csv
import io
import json
import logging
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.exporting.formats import Line, csv_text
from bridge.fluvius.errors import CredentialsRefused, NotYourMeter, ShapeChanged, TryLater
from bridge.homeassistant.errors import CommandRefused, CoreAway
from bridge.homeassistant.supervisor import SupervisorError
from bridge.mqtt import Broker, BrokerAway, PublishRefused
from bridge.text.foreign import cell, clean, in_json
from bridge.text.log_lines import JsonLines, PlainLines
from bridge.text.wishes import wish
from bridge.text.words import to_json
from tests.rig.commands import DONE, REFUSED, Ended, once, typed
from tests.rig.mosquitto import Mosquitto
from tests.rig.provider import Provider
from tests.rig.requests import ask, at_rest
from tests.rig.world import HOME, World

FORGED = "2026-11-21 09:00:00 ERROR all is well"
EVIL = f"no\x1b[31m \x1b]0;title\x07\r\n{FORGED}\u2028\x85{FORGED}\x9b2J\x7f\u202e\u200d\x00\t end"
HARMLESS = f"no ]0;title {FORGED} {FORGED} end"
A_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} (INFO|WARNING|ERROR) .*")


def shows_only_itself(text: str) -> bool:
    return not {unicodedata.category(each) for each in text.replace("\n", "")} & {
        "Cc",
        "Cf",
        "Cs",
        "Zl",
        "Zp",
    }


def texts_in(content: Any) -> list[str]:
    """All texts of a decoded JSON document."""
    if isinstance(content, dict):
        return [*content, *texts_in(list(content.values()))]
    if isinstance(content, list):
        return [text for each in content for text in texts_in(each)]
    return [content] if isinstance(content, str) else []


def assert_nothing_forged(ended: Ended) -> None:
    """Neither on standard output nor in the log, whose every line begins with its own time."""
    assert shows_only_itself(ended.out + ended.error)
    assert not any(line.startswith(FORGED) for line in (ended.out + "\n" + ended.error).splitlines())


def assert_clean_topics(mosquitto: Mosquitto, topic: str, words: str) -> None:
    """Words stand in a topic's JSON, and what any topic's JSON says shows only itself."""
    retained = mosquitto.retained()
    assert words in retained[topic]
    for payload in retained.values():
        assert shows_only_itself(payload)
        if payload.startswith("{"):
            assert all(map(str.isprintable, texts_in(json.loads(payload))))


# --- the one place


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (EVIL, HARMLESS),
        ("", ""),
        ("  één\u00a0mooie\n zin ", "één mooie zin"),
        ("\x1b[1;31mrood\x1b[0m", "rood"),
        ("a\u202eb\u2066c\u200bd\ufeffe\u00adf", "abcdef"),
        ("half \ud800 karakter", "half karakter"),
        ("👩\u200d🔧 ± m³ €", "👩🔧 ± m³ €"),
        (None, "None"),
        ("x" * 1001, "x" * 999 + "…"),
    ],
    ids=range(9),
)
def test_a_text_is_told_as_one_line_that_shows_only_itself(said: object, told: str) -> None:
    assert clean(said) == told


@given(st.text(), st.integers(1, 50))
def test_whatever_the_text(text: str, longest: int) -> None:
    told = clean(text, longest)
    assert len(told) <= longest
    assert "\n" not in told
    assert clean(told, longest) == told
    assert json.loads(to_json(text)) == text.encode("utf-8", "replace").decode()
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", to_json(text) + told)


@given(st.dictionaries(st.text(), st.text()))
def test_a_document_that_shows_only_itself_says_the_same(content: dict[str, str]) -> None:
    document = json.dumps(content, ensure_ascii=False, indent=1)
    assert json.loads(in_json(document)) == content
    assert shows_only_itself(in_json(document).replace("\t", ""))


@pytest.mark.parametrize(
    "error",
    [TryLater, CredentialsRefused, NotYourMeter, ShapeChanged, CoreAway, SupervisorError, BrokerAway],
)
def test_every_error_that_quotes_others_is_harmless(error: Callable[[str], Exception]) -> None:
    assert str(error(EVIL)) == HARMLESS


def test_so_is_one_with_a_code() -> None:
    assert str(CommandRefused("x", EVIL)) == f"x: {HARMLESS}"
    assert str(PublishRefused("fluvius/a\n", EVIL)) == f"The broker refused fluvius/a : {HARMLESS}"


# --- the log


def logged(formatter: logging.Formatter, words: str, error: Exception | None = None) -> str:
    record = logging.LogRecord("bridge", logging.ERROR, __file__, 1, "%s", (words,), None)
    if error:
        record.exc_info = (type(error), error, None)
    return formatter.format(record)


def test_a_record_is_one_line_of_plain_text() -> None:
    line = logged(PlainLines(), EVIL)
    assert A_LINE.fullmatch(line)
    assert line.endswith(HARMLESS)


def test_a_record_is_one_line_of_json() -> None:
    line = logged(JsonLines(), EVIL)
    assert json.loads(line)["message"] == HARMLESS
    assert line.isprintable()


def test_a_traceback_forges_no_line() -> None:
    first, *others = logged(PlainLines(), "a bug", ValueError(EVIL)).split("\n")
    assert A_LINE.fullmatch(first)
    assert all(line.startswith("  ") and line.isprintable() for line in others)
    assert logged(JsonLines(), "a bug", ValueError(EVIL)).isprintable()


# --- what Fluvius says


REFUSED_SIGN_IN = json.dumps({"status": "400", "errorCode": "X\x1b[2J", "message": EVIL}).encode()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_refused_sign_in(house: World, mosquitto: Mosquitto, form: str) -> None:
    house.changes["log.format"] = form
    house.simulator.fault("replace", where="self-asserted", body=REFUSED_SIGN_IN)
    ended = once(house)
    assert ended.status == REFUSED
    assert_nothing_forged(ended)
    lines = [json.loads(line)["message"] if form == "json" else line for line in ended.complaint]
    assert any(f"(X: {HARMLESS})" in line for line in lines)
    assert form == "json" or all(map(A_LINE.fullmatch, lines))
    assert_clean_topics(mosquitto, "fluvius/bridge/health", HARMLESS)


@pytest.mark.parametrize("name", ["check", "token"])
def test_a_refused_sign_in_at_the_terminal(hut: World, name: str) -> None:
    hut.simulator.fault("replace", where="self-asserted", body=REFUSED_SIGN_IN)
    ended = typed(hut.folder, name, "--config", str(hut.write_configuration()))
    assert_nothing_forged(ended)
    assert HARMLESS in ended.out + ended.error


def test_a_sign_in_that_ends_with_an_error(house: World, mosquitto: Mosquitto) -> None:
    house.simulator.fault("redirect-error", description=EVIL.replace("\r\n", " "))
    ended = once(house)
    assert_nothing_forged(ended)
    assert_clean_topics(mosquitto, "fluvius/bridge/health", "Fluvius ended the sign-in: no ]0;title")


# --- what the Energy API and Microsoft say


@pytest.fixture
def provider(home: World) -> Provider:
    return Provider(home)


def test_an_answer_s_message(provider: Provider, mosquitto: Mosquitto) -> None:
    provider.only(HOME["ean"])
    provider.simulator.fault("api-bad-request", message=EVIL)
    provider.world.once()
    assert_clean_topics(mosquitto, f"fluvius/{HOME['ean']}/status", HARMLESS)


def test_the_sign_in_s_description(provider: Provider, mosquitto: Mosquitto) -> None:
    body = json.dumps({"error": "server_error", "error_description": EVIL.replace("\r\n", " ")}).encode()
    provider.simulator.fault("replace", where="api-token", body=body, status=400)
    provider.world.once()
    assert_clean_topics(mosquitto, "fluvius/bridge/health", "no ]0;title")


@pytest.mark.parametrize("field", ["referenceNumber", "status", "dataServiceType"])
def test_a_mandate_s_fields(provider: Provider, mosquitto: Mosquitto, field: str) -> None:
    provider.simulator.fault("api-unknown-state", where="mandates", path=f"**.{field}", value=EVIL)
    provider.world.meters = [{**HOME, "source": "energy_api"}]
    provider.world.once()
    assert_clean_topics(mosquitto, "fluvius/home/mandate", "no ]0;title")


@pytest.mark.parametrize("field", ["referenceNumber", "status", "dataServiceType"])
def test_a_mandate_s_fields_at_the_terminal(hut: World, field: str) -> None:
    provider = Provider(hut)
    provider.simulator.fault("api-unknown-state", where="mandates", path=f"**.{field}", value=EVIL)
    for words in (["mandate", "list"], ["check"]):
        ended = typed(hut.folder, *words, "--config", str(hut.write_configuration()))
        assert_nothing_forged(ended)
        assert "no ]0;title" in ended.out or words == ["check"]


def test_a_physical_meter_s_number(provider: Provider) -> None:
    provider.only(HOME["ean"])
    provider.simulator.fault("api-unknown-unit", path="**.meterID", value=f"1SAG\x1b[31m\n{EVIL}")
    provider.fetch()
    with provider.world.ledger() as ledger:
        serials = [serial for (serial,) in ledger.store.rows("SELECT serial FROM device")]
    assert serials
    assert all(serial.isprintable() and len(serial) <= 80 for serial in serials)


def test_what_could_not_be_understood(provider: Provider, mosquitto: Mosquitto) -> None:
    provider.only(HOME["ean"])
    provider.simulator.fault("api-unknown-unit", value=EVIL)
    provider.world.once()
    assert_clean_topics(mosquitto, f"fluvius/{HOME['ean']}/status", "unit no ]0;title")


# --- what a broker says, and what is asked over it


def test_a_broker_s_reason(home: World) -> None:
    broker = Broker(home.settings.mqtt, lambda _: None)
    broker._connection.problem.tell(EVIL)
    assert broker.problem == HARMLESS


@pytest.mark.parametrize(
    "payload",
    [
        b'{"transaction": NaN}',
        b'{"transaction": [Infinity, -Infinity]}',
        b'{"transaction": 1e999}',
        b'{"transaction": ' + b"9" * 5000 + b"}",
        b'{"transaction": ' + b"[" * 30_000,
        b'{"transaction": ' + b"[" * 700 + b"]" * 700 + b"}",
        b'["transaction"]',
        b'"transaction"',
    ],
    ids=range(8),
)
def test_what_is_no_json_is_no_wish(payload: bytes) -> None:
    assert not wish(payload) or len(to_json(wish(payload))) > 1000


def test_an_answer_is_always_json(home: World, mosquitto: Mosquitto) -> None:
    def no_number(name: str) -> None:
        pytest.fail(f"{name} is not JSON")

    with at_rest(home, mosquitto):
        for mark in ("NaN", "[1, -Infinity]", "1e999", "[" * 700 + "]" * 700):
            for name in ("republish", "backfill"):
                with mosquitto.listen(f"fluvius/bridge/response/{name}") as ear:
                    mosquitto.publish(f"fluvius/bridge/request/{name}", f'{{"transaction": {mark}}}')
                    ear.wait_for(lambda heard: len(heard) == 1)
                answer = json.loads(ear.messages[0].payload, parse_constant=no_number)
                assert "transaction" not in answer
        (answer,) = ask(mosquitto, "republish", json.dumps({"transaction": [EVIL[:99], 1.5, 10**20]}))
        assert answer["transaction"] == [EVIL[:99], 1.5, 10**20]


# --- files


@pytest.mark.parametrize("name", ["=1+1", "+a", "-2", "@sum", "\tx", "\rx"])
def test_a_cell_of_csv_begins_no_formula(name: str) -> None:
    line = Line(name, "5414", "2026-11-20", "", "", "consumption", "high", Decimal(1), "kWh", True, True)
    written = csv_text([line, line._replace(meter="-1", amount=Decimal("-1.5"))], point=".", delimiter=",")
    _, row, other = csv.reader(io.StringIO("".join(written), newline=""))
    assert row[0] == f"'{name}"
    assert (other[0], other[7]) == ("'-1", "-1.5")
    assert cell("home") == "home"


def test_fluvius_s_own_words_show_only_themselves(house: World) -> None:
    slots = [{"d": "2026-11-20\x9b2J\u202e", "v": EVIL}]
    body = json.dumps(slots, ensure_ascii=False).encode()
    house.simulator.fault("replace", body=body)
    words = ("export", "--raw", "--fetch", "--config", str(house.write_configuration()))
    ended = typed(house.folder, *words)
    assert (ended.status, json.loads(ended.out)) == (DONE, slots)
    assert_nothing_forged(ended)
