"""Nothing of a person is in a recording: looked for by search, wherever Fluvius may write it, and however."""

import base64
import gzip
import html
import json
import random
import re
import string
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from email.message import Message
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from bridge.fluvius.http import Response
from bridge.fluvius.recording import Recorder
from bridge.fluvius.recording.documents import Documents
from bridge.fluvius.recording.pseudonyms import Pseudonyms, with_check_digit
from bridge.fluvius.recording.texts import Texts
from bridge.fluvius.recording.vocabulary import WORDS
from bridge.simulator import SimulatedMeter
from tests.rig.provider import Provider
from tests.rig.recordings import Recording
from tests.rig.world import World

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
EAN, SERIAL = with_check_digit("54144998877665544"), "1SAG5550077123"
PERSON = {
    "first name": "Godelieve",
    "name": "Vanderstichelen",
    "street": "Zwijnaardsesteenweg",
    "town": "Oostakker",
    "phone": "0479861532",
    "e-mail": "godelieve.vds@telenet.invalid",
    "EAN": EAN,
    "serial": SERIAL,
    "password": "Brabançonne!8830",
    "customer": "8800417733",
    "birth": "1961-05-17",
    "amount": "8137.459",
}

WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.swapcase,
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent, twice": lambda text: quote("".join(f"%{byte:02X}" for byte in text.encode())),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "hex": lambda text: text.encode().hex(),
    "escapes": lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
    "entities": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "html": html.escape,
    "UTF-16": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "dashes": lambda text: "-".join(text[i : i + 4] for i in range(0, len(text), 4)),
    "blanks": lambda text: " ".join(text[i : i + 4] for i in range(0, len(text), 4)),
    "JWT": lambda text: ".".join(
        base64.urlsafe_b64encode(json.dumps({"name": text}).encode()).decode().rstrip("=") for _ in range(3)
    ),
    "deflated": lambda text: base64.b64encode(zlib.compress(text.encode())).decode(),
}


def traces(recording: str) -> list[str]:
    """What of the person is in a text, in any writing."""
    found = []
    for what, value in PERSON.items():
        for how, write in WRITTEN.items():
            written = write(value)
            looks = {written, written.casefold(), json.dumps(written)[1:-1], written.replace("\\", "\\\\")}
            if any(each.casefold() in recording.casefold() for each in looks):
                found.append(f"{what}, {how}")
    return found


def everything() -> list[str]:
    return [write(value) for value in PERSON.values() for write in WRITTEN.values()]


def planted_json() -> Any:
    """The person in every place of a document, and in every writing."""
    said = everything()
    known = ("d", "v", "dc", "unit", "ean", "meterID", "message", "status", "code", "state", "id_token", "ID")
    return {
        "values": said,
        "keys": {each: each for each in said},
        "known": [{name: each} for name in known for each in said],
        "addresses": [
            f"https://{quote(each)}.example/{quote(each)}?{quote(each)}={quote(each)}" for each in said
        ],
        "in keys of addresses": {f"https://x.example/{quote(each)}": 1 for each in said},
        "text": " ".join(said),
        "numbers": [int(EAN), int(PERSON["customer"]), int(PERSON["phone"]), Decimal(PERSON["amount"])],
        "reading": [{"v": Decimal(PERSON["amount"]), "x": Decimal(PERSON["amount"]), "y": 8137}],
    }


def planted_text() -> str:
    return json.dumps(planted_json(), default=float)


def planted_page() -> str:
    said = "\n".join(f"<p title='{each}'>{each}</p><!-- {each} -->" for each in everything())
    return f"<html>{said}<script>var SETTINGS = {planted_text()};var x='{everything()}'</script>{said}</html>"


BODIES = {
    "json": planted_text(),
    "page": planted_page(),
    "text": planted_text()[:-1],
    "words": " ".join(everything()),
    "in a message": json.dumps({"statusCode": 400, "message": " ".join(everything())}),
    "in the name of an error": json.dumps({"error": {"code": " ".join(everything())}}),
}


def recorder() -> Recorder:
    return Recorder(NOW, [PERSON["e-mail"], EAN, SERIAL, PERSON["password"]])


def answer(body: str, **headers: str) -> Response:
    return Response(200, CaseInsensitiveDict(headers), "https://mijn.fluvius.be/", body)


@pytest.mark.parametrize("name", BODIES)
def test_nothing_of_a_person_is_kept_of_a_body(name: str) -> None:
    assert traces(BODIES[name])
    kept = recorder()
    kept.answered("GET", "https://mijn.fluvius.be/x", {}, NOW, answer(BODIES[name]))
    assert traces(json.dumps(kept.exchanges)) == []
    assert kept.leaks() == []


def test_nothing_of_a_person_is_kept_of_a_question() -> None:
    kept = recorder()
    for said in everything():
        options = {
            "params": {said: said, "state": said},
            "data": {said: said, "password": said},
            "json": [said],
        }
        address = f"https://{quote(said)}.be/{quote(said)}/x?{quote(said)}={quote(said)}#{quote(said)}"
        kept.answered("POST", address, options, NOW, answer(""))
    assert traces(json.dumps(kept.exchanges)) == []


def test_nothing_of_a_person_is_kept_of_headers() -> None:
    kept = recorder()
    for said in everything():
        cookie = f"{quote(said)}={said}; Path=/{said}; Domain={said}, x-ms-cpim-trans{quote(said)}={said}"
        headers = {
            "Set-Cookie": cookie,
            "Content-Type": f"text/{said}; charset={said}",
            "Location": f"/{quote(said)}?code={quote(said)}&error_description={quote(said)}",
            "Date": said,
            "Retry-After": said,
            "X-Customer": said,
        }
        kept.answered("GET", "https://mijn.fluvius.be/", {}, NOW, answer("", **headers))
    assert traces(json.dumps(kept.exchanges)) == []


@given(st.text(string.ascii_letters, min_size=6, max_size=20), st.data())
def test_a_name_is_not_kept_wherever_it_stands(name: str, data: st.DataObject) -> None:
    alone = st.sampled_from(
        [name, f"{name}@example.org", f" {name}, 12", f"x{name}", quote(name), name[::-1]]
    )
    document = data.draw(
        st.recursive(
            alone | st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(alone, inner)
        )
    )
    kept = recorder()
    kept.answered("GET", "https://mijn.fluvius.be/x", {}, NOW, answer(json.dumps(document)))
    kept.answered("GET", "https://mijn.fluvius.be/x", {}, NOW, answer(f"<p>{document}"))
    if not any(word in name.lower() for word in WORDS if len(word) > 3):
        assert name.casefold() not in json.dumps(kept.exchanges).casefold()


def test_a_mistake_of_ours_is_noticed_in_the_end() -> None:
    kept = recorder()
    kept.exchanges.append({"response": {"text": f"for {PERSON['e-mail'].upper()}"}})
    assert kept.leaks() == [PERSON["e-mail"]]


@pytest.mark.parametrize("word", ["someone", "example", "cookie"])
def test_a_password_that_is_a_word_of_ours_is_no_leak(word: str) -> None:
    kept = Recorder(NOW, known=[word])
    form = {"password": word, "login": "jan@home.test"}
    kept.answered("POST", "https://mine.test/x", {"data": form}, NOW, answer("", **{"Set-Cookie": "mine=1"}))
    assert kept.leaks() == []
    assert kept.exchanges[0]["request"]["form"]["password"] == "password-1"


# What may be kept


def documents(seed: int = 1) -> Documents:
    names = Pseudonyms()
    return Documents(names, Texts(names), range(2022, 2028), random.Random(seed))


def test_amounts_keep_their_shape_and_not_their_size() -> None:
    content = [{"v": Decimal(text)} for text in ("9.133", "2.2", "0.000", "-4.5")]
    first, second, nothing, less = (
        each["v"] for each in documents().document([*content, {"v": None}], "x")[:4]
    )
    assert (nothing, less < 0) == (0, True)
    assert second / first == pytest.approx(2.2 / 9.133, rel=0.01)
    assert 0.1 < first / 9.133 < 0.75
    assert documents(2).document(content, "x")[0]["v"] != first
    assert all(round(each, 3) == each for each in (first, second, less))
    assert documents().document([{"v": 4}, {"v": 0}, {"v": None}], "x")[1:] == [{"v": 0}, {"v": None}]
    assert isinstance(documents().document([{"v": 40}], "x")[0]["v"], int)


def test_what_everybody_knows_tells_nothing_about_the_factor() -> None:
    kept = documents().document(
        [{"v": Decimal("2.5"), "gcuv": Decimal("11.373"), "minimum": Decimal("2.5")}], "x"
    )
    assert kept[0]["gcuv"] == 11.111
    assert kept[0]["field-1"] != kept[0]["v"]


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(-2, 2), st.randoms(use_true_random=False))
def test_what_added_up_still_does(day: int, night: int, difference: int, chance: random.Random) -> None:
    names = Pseudonyms()
    registers = {"total": day + night + difference, "day": day, "night": night}
    content = {name: {"value": Decimal(max(amount, 0)) / 1000} for name, amount in registers.items()}
    content["other"] = {"value": Decimal("0.001")}
    kept = Documents(names, Texts(names), range(2022, 2028), chance).document(content, "x")
    total, *parts = (Decimal(str(kept[name]["value"])) for name in registers)
    if day + night + difference >= 0:
        assert abs(total - sum(parts)) <= Decimal("0.002")


def test_fields_codes_and_moments_stay() -> None:
    slot = {
        "d": "2026-11-18T23:00:00Z",
        "de": "2026-11-19T23:00:00Z",
        "v": [{"dc": 1, "t": 2, "vs": 7, "u": 3}],
    }
    assert documents().document([slot], "x") == [slot]
    unknown = {"Vanderstichelen": 1, "birthDate": "1961-05-17", "readingUntil": "2026-11-18"}
    kept = documents().document([unknown, unknown], "x")
    assert kept[0] == kept[1]
    assert list(kept[0]) == ["field-1", "field-2", "readingUntil"]
    assert kept[0]["readingUntil"] == "2026-11-18"
    assert kept[0]["field-2"] == "0000-00-00"


def test_one_number_stands_for_one_number_with_a_right_check_digit() -> None:
    kept = recorder()
    for _ in range(2):
        kept.answered(
            "GET", f"https://mijn.fluvius.be/x/{EAN}", {}, NOW, answer(json.dumps([{"ean": EAN}, int(EAN)]))
        )
    [first, second] = kept.exchanges
    stand_in = first["response"]["json"][0]["ean"]
    assert first["request"]["path"] == f"/x/{stand_in}" == second["request"]["path"]
    assert first["response"]["json"][1] == int(stand_in)
    assert with_check_digit(stand_in[:-1]) == stand_in != EAN


def test_words_of_errors_stay_for_whoever_mends_it() -> None:
    texts = Texts(Pseudonyms())
    said = "AADB2C90091: The user has cancelled the sign-in, Jan."
    assert texts.text(said) == "AADB2C90091: The user has cancelled the sign-in, Xxx."


def test_a_postal_code_is_no_code() -> None:
    kept = documents().document({"postalCode": "9041", "statusCode": 404, "errorCode": "404"}, "x")
    assert kept == {"field-1": "0000", "statusCode": 404, "errorCode": "404"}


# A whole visit


@pytest.fixture
def planted(desk: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Recording:
    """A visit to a Fluvius that knows that person."""
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)
    desk.simulator.measurements.meters[EAN] = SimulatedMeter(EAN, SERIAL)
    desk.simulator.sign_in.email = desk.email = PERSON["e-mail"]
    desk.simulator.sign_in.password = desk.password = PERSON["password"]
    desk.meters = [{"name": PERSON["name"], "ean": EAN, "serial": SERIAL}]
    return Recording(desk, capsys)


def test_a_visit_tells_nothing_of_whose_it_is(planted: Recording) -> None:
    ended = planted.record("--yes")
    assert ended.status == 0, ended.out + ended.error
    assert traces(planted.text()) == []


def test_everything_that_an_honest_fluvius_writes_is_known_by_its_name(planted: Recording) -> None:
    for source in ("portal", "energy_api"):
        if source == "energy_api":
            Provider(planted.world)
        assert planted.record("--yes").status == 0
        assert re.findall(r"\b(?:field|value)-[0-9]+", planted.text()) == []
        assert not [each for each in planted.pages().values() if "part-" in str(each.get("request"))]


def test_packed_answers_are_unpacked_before_they_are_looked_at(
    planted: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = planted.world.simulator
    answer = simulator.answer

    def packed(method: str, target: str, headers: Message, body: bytes) -> Any:
        response = answer(method, target, headers, body)
        response.body = gzip.compress(response.body)
        return response.with_header("Content-Encoding", "gzip")

    monkeypatch.setattr(simulator, "answer", packed)
    simulator.fault("replace", where="spikes", body=planted_text())
    assert planted.record("--yes").status == 1
    assert "meter-measurement-spikes" in planted.text()
    assert traces(planted.text()) == []


def test_the_amounts_of_a_visit_are_those_of_somebody_else(planted: Recording) -> None:
    def amounts(pages: dict[str, Any]) -> list[float]:
        [days] = [
            each["response"]["json"]
            for each in pages.values()
            if "meter-measurement-history" in str(each.get("request")) and "'granularity': '4'" in str(each)
        ]
        return [entry["v"] for slot in days for entry in slot["v"]]

    both = []
    for _ in range(2):
        planted.record("--yes")
        both.append(amounts(planted.pages()))
    day = planted.world.simulator.latest_day(EAN)
    real = [amount / 1000 for amount in planted.world.simulator.day_amounts(EAN, day).values()]
    assert any(real)
    assert both[0] != both[1]
    assert not any(set(real) - {0} <= set(each) for each in both)


PLACES = ("config", "authorize", "redirect", "self-asserted", "confirmed", "token", "readings-day", "spikes")


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("status", [200, 302, 400])
def test_nothing_that_is_planted_in_an_answer_is_in_the_file(
    planted: Recording, where: str, status: int
) -> None:
    for content_type, body in (("application/json", planted_text()), ("text/html", planted_page())):
        planted.world.simulator.clear()
        location = f"https://127.0.0.1:1/{EAN}?code={PERSON['password'][-5:]}&state={PERSON['name']}"
        planted.world.simulator.fault(
            "replace",
            where=where,
            body=body.encode(),
            content_type=content_type,
            status=status,
            location=location if status == 302 else "",
        )
        planted.record("--yes")
        if planted.file.exists():  # it is not, where the credentials are not tried any more
            assert traces(planted.text()) == []


def test_a_customers_reference_and_the_contract_are_not_in_it(
    desk: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)
    provider = Provider(desk)
    desk.simulator.measurements.meters[EAN] = SimulatedMeter(EAN, SERIAL)
    provider.only(EAN, reference=PERSON["name"])
    recording = Recording(desk, capsys)
    assert recording.record("--yes").status == 0
    api = provider.api
    secrets = (api.tenant, api.client_id, api.client_secret, api.subscription_key, api.contract_number)
    assert traces(recording.text()) == []
    assert [each for each in secrets if each in recording.text()] == []
    assert len(recording.pages()) == 1 + 4  # the manifest, where to sign in, the token, mandates, energy
