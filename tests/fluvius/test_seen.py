"""What is kept of Fluvius's answers: shapes of the odd ones, and codes; never what they say of a person."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from bridge.fetching.due import Occasion
from bridge.fluvius.http import Response
from bridge.fluvius.seen import KNOWN, Seen, shape
from tests.rig.commands import checked
from tests.rig.mosquitto import Mosquitto
from tests.rig.provider import Provider
from tests.rig.world import GAS, HOME, World, says

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
URL = f"https://mijn.fluvius.be/verbruik/api/meter-measurement-history/{HOME['ean']}?meterSerialNumber=1SAG1"


def answer(text: str, status: int = 200) -> Response:
    return Response(status, CaseInsensitiveDict({"Content-Type": "application/json"}), URL, text)


def test_a_shape_has_fields_and_kinds_and_no_values() -> None:
    document = [
        {
            "d": "2026-11-20T23:00:00Z",
            "v": [{"dc": 1, "v": 9.133}, {"dc": "1", "v": None}],
            "Jan Peeters": True,
        },
        {"d": None, "more": {}},
    ]
    assert shape(document) == [
        {
            "d": "null or text",
            "v": [{"dc": "number or text", "v": "null or number"}],
            "…": "true or false",
            "more": {},
        }
    ]


def test_shapes_are_bounded() -> None:
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    wide = {letters(i): i for i in range(1000)}
    bushy: Any = 1
    for _ in range(4):
        bushy = {letters(i): bushy for i in range(30)}
    assert len(json.dumps(shape(deep))) < 100
    for large in ([wide, {f"{name}x": 0 for name in wide}], bushy, [bushy, wide]):
        assert 100 < len(json.dumps(shape(large))) < 5000


def letters(number: int) -> str:
    """A field's name."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


@pytest.mark.parametrize("key", ["jan.janssens", "Jan Peeters", "SAG1100042062", HOME["ean"], "é", ""])
def test_a_key_that_may_be_somebody_is_not_kept(key: str) -> None:
    assert shape({key: 1}) == {"…": "number"}


SECRETS = ("Peeters", "9.133", "12.345", "1SAG1100042062", "you@example.com", "Kerkstraat", HOME["ean"])


def test_nothing_of_a_person_or_an_amount_is_kept() -> None:
    seen = Seen()
    document = {"name": "Peeters", "v": 9.133, "x": ["1SAG1100042062", "Kerkstraat 1"]}
    seen.keep(answer(json.dumps(document)), NOW, "why")
    seen.keep(answer("<html>you@example.com 9.133</html>"), NOW, f"asked about {HOME['ean']}")
    seen.keep(answer("{}"), NOW, "It is refused (HTTP 400): Peeters, Kerkstraat 12, 12.345 kWh")
    seen.count([{"vs": "Peeters@x.be", "dc": "1SAG1100042062", "t": 9.133, "u": HOME["ean"], "gcuv": 11}])
    seen.count(
        [{"validationState": "Jan Peeters 12.345", "unit": "Kerkstraat", "$type": "Peeters", "st": 857}]
    )
    note = seen.to_note()
    for odd in note["odd"]:
        odd.pop("about")  # the meter that it is shown at
    assert [each for each in SECRETS if each in json.dumps(note)] == []
    assert "857" not in json.dumps(note)
    assert seen.new_codes["gcuv 11"] == 0


def test_what_fluvius_says_of_a_person_stays_with_fluvius(desk: World) -> None:
    words = "Klant Jan Peeters, Kerkstraat 12, you@example.com, 12.345 kWh"
    body = json.dumps({"message": words}).encode()
    desk.simulator.fault("replace", where="readings-day", status=400, body=body)
    with desk.at_work() as (ledger, fetcher):
        fetcher.fetch(Occasion.SCHEDULE)
        note = json.dumps(ledger.notes.recall("seen/portal")["odd"][0]["why"])
    assert "does not accept" in note
    assert [each for each in SECRETS if each in note] == []


@pytest.mark.parametrize("where", ["authorize", "self-asserted", "token"])
def test_an_odd_sign_in_leaves_its_shape(desk: World, where: str) -> None:
    desk.simulator.fault("replace", where=where)
    with desk.at_work() as (ledger, fetcher):
        fetcher.fetch(Occasion.SCHEDULE)
        odd = ledger.notes.recall("seen/portal")["odd"]
    assert [each["status"] for each in odd] == [200]


def test_peaks_and_mandates_that_are_not_understood_leave_their_shape(desk: World) -> None:
    desk.simulator.fault("replace", where="spikes", body=b'[{"from": "2026-11-01", "peak": 2.5}]')
    with desk.at_work() as (ledger, fetcher):
        fetcher.fetch(Occasion.SCHEDULE)
        [odd] = ledger.notes.recall("seen/portal")["odd"]
    assert odd["shape"] == [{"from": "text", "peak": "number"}]
    provider = Provider(desk)
    body = b'{"data": {"mandates": [{"eanGsrn": "541448820000000008"}]}}'
    desk.simulator.fault("replace", where="mandates", body=body)
    provider.fetch()
    with desk.ledger() as ledger:
        [odd] = ledger.notes.recall("seen/energy_api")["odd"]
    assert odd["why"] == "mandates in a form that is not known"


def test_the_last_ten_are_kept_and_the_same_one_is_counted() -> None:
    seen = Seen()
    for i in range(20):
        seen.keep(answer(json.dumps({letters(i): i})), NOW, "why")
    for _ in range(3):
        seen.keep(answer("{}"), NOW, "why")
    assert len(seen.odd) == 10
    assert (seen.odd[-1].times, seen.odd[-1].shape) == (3, {})
    again = Seen.from_note(json.loads(json.dumps(seen.to_note())))
    assert again.odd == seen.odd


@pytest.mark.parametrize(
    "note", [None, [], {"odd": 1, "codes": {}}, {"odd": [{"x": 1}], "codes": {}}, {"codes": []}]
)
def test_a_note_that_is_none_is_a_fresh_start(note: Any) -> None:
    assert Seen.from_note(note).odd == []


def test_a_new_code_is_worth_a_line_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    seen = Seen()
    for _ in range(2):
        seen.count([{"v": [{"vs": 7, "dc": 1}]}])
    again = Seen.from_note(json.loads(json.dumps(seen.to_note())))
    again.count([{"v": [{"vs": 7}]}])
    assert [each.message for each in caplog.records] == ["Fluvius writes vs 7, which was not seen before"]
    assert again.codes["vs"] == {"7": 3}
    assert again.codes["dc"] == {"1": 2}


def test_codes_that_never_end_are_not_all_kept() -> None:
    seen = Seen()
    seen.count([{"gcuv": i} for i in range(500)])
    assert len(seen.codes["gcuv"]) <= 30


def test_everything_that_the_simulator_writes_is_known(desk: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    desk.meters = [HOME, GAS]
    with desk.at_work() as (ledger, fetcher):
        fetcher.fetch(Occasion.SCHEDULE)
        codes = ledger.notes.recall("seen/portal")["codes"]
    assert codes["vs"]["2"] > 96
    assert all(set(codes[name]) <= KNOWN[name] for name in codes)
    assert "not seen before" not in caplog.text


def test_an_odd_answer_is_on_the_status_of_its_meter_alone(home: World, mosquitto: Mosquitto) -> None:
    home.simulator.fault("renamed-fields")
    home.once()
    [odd] = says(mosquitto.retained("fluvius/home/status"), "fluvius/home/status")["odd_answers"]
    assert odd["request"] == "verbruik/api/meter-measurement-history/…"
    assert (odd["status"], odd["times"]) == (200, 1)
    assert odd["why"].startswith("Fluvius has changed how it writes readings")
    assert odd["shape"] != []
    assert HOME["ean"] not in json.dumps(odd)
    home.simulator.clear()
    home.clock.pass_by(days=1)
    home.once()
    assert "odd_answers" in says(mosquitto.retained("fluvius/home/status"), "fluvius/home/status")


def test_without_odd_answers_nothing_is_said_of_them(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    assert "odd_answers" not in says(mosquitto.retained("fluvius/home/status"), "fluvius/home/status")


def test_check_tells_what_was_odd_and_new(home: World) -> None:
    home.simulator.fault("renamed-fields")
    home.once()
    ended = checked(home)
    [odd] = [line for line in ended.out.splitlines() if "odd answer" in line]
    assert odd.startswith("ok  odd answer")
    assert "meter-measurement-history" in ended.out
    assert HOME["ean"] not in ended.out
