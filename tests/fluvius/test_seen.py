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
    wide = {f"field{i}": i for i in range(1000)}
    assert len(json.dumps(shape(deep))) < 100
    assert len(json.dumps(shape([wide, {f"f{i}": 0 for i in range(1000)}]))) < 2000


def test_nothing_of_a_person_or_an_amount_is_kept() -> None:
    secrets = ("Peeters", "9.133", "1SAG1100042062", "you@example.com", "Kerkstraat", HOME["ean"])
    seen = Seen()
    seen.keep(
        answer(json.dumps({"name": "Peeters", "v": 9.133, "x": ["1SAG1100042062", "Kerkstraat 1"]})),
        NOW,
        "why",
    )
    seen.keep(answer("<html>you@example.com 9.133</html>"), NOW, f"asked about {HOME['ean']}")
    seen.count([{"vs": "Peeters@x.be", "dc": "1SAG1100042062", "t": 9.133, "u": HOME["ean"]}])
    note = seen.to_note()
    for odd in note["odd"]:
        odd.pop("about")  # the meter that it is shown at
    assert [each for each in secrets if each in json.dumps(note)] == []


def test_the_last_ten_are_kept_and_the_same_one_is_counted() -> None:
    seen = Seen()
    for i in range(20):
        seen.keep(answer(json.dumps({f"field{i}": i})), NOW, "why")
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
