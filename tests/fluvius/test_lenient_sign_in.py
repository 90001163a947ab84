"""What the sign-in does not insist on, and what it still refuses."""

import json
from collections.abc import Mapping
from email.message import Message
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from bridge.fluvius.errors import CredentialsRefused, ShapeChanged, StepNeeded, TryLater
from bridge.fluvius.http import Response
from bridge.fluvius.portal import pages
from bridge.ledger.health import State
from bridge.simulator import Simulator
from tests.rig.world import Clock, World

SIGN_IN = "https://login.fluvius.be/klanten.onmicrosoft.com/B2C_1A_x/authorize"
SETTINGS = {"csrf": "c", "transId": "t", "api": "A", "hosts": {"tenant": "/x.onmicrosoft.com/B2C_1A_x"}}
FIELDS = {"AttributeFields": [{"ID": "who"}, {"ID": "secret", "IS_PASSWORD": True}]}


def page(*assignments: str) -> pages.Page:
    response = Response(200, CaseInsensitiveDict(), SIGN_IN, f"<script>{' '.join(assignments)}</script>")
    return pages.sign_in_page(response, "https://mijn.fluvius.be")


@pytest.mark.parametrize(
    "declared",
    ["var {} = {};", "let {} = {};", "const {}={};", 'window["{}"] = {};', '({{"{}": {}}})', "x.{} = {}"],
)
def test_the_pages_objects_may_be_declared_in_any_way(declared: str) -> None:
    texts = (json.dumps(each) for each in (SETTINGS, FIELDS))
    found = page(
        *(declared.format(name, text) for name, text in zip(("SETTINGS", "SA_FIELDS"), texts, strict=True))
    )
    assert (found.login_field, found.password_field, found.csrf) == ("who", "secret", "c")


def test_a_policy_that_is_not_said_is_the_tenants() -> None:
    found = page(f"var SETTINGS = {json.dumps(SETTINGS)};", f"var SA_FIELDS = {json.dumps(FIELDS)};")
    assert found.policy == "B2C_1A_x"


@pytest.mark.parametrize(
    "mark", [{"IS_PASSWORD": "true"}, {"IS_PASSWORD": True}, {"UX_INPUT_TYPE": "Password"}]
)
def test_a_password_field_may_be_marked_in_several_ways(mark: Mapping[str, Any]) -> None:
    fields = {"AttributeFields": [{"ID": "secret", **mark}, {"ID": "who", "UX_INPUT_TYPE": "TextBox"}]}
    found = page(f"var SETTINGS = {json.dumps(SETTINGS)};", f"var SA_FIELDS = {json.dumps(fields)};")
    assert (found.login_field, found.password_field) == ("who", "secret")


class Insistent(Simulator):
    """Looks at the password as always, and words its answer otherwise."""

    words: Mapping[str, object] = {}

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Any:
        answer = super().answer(method, target, headers, body)
        if "SelfAsserted" in target and answer.body == b'{"status": "200"}':
            answer.body = json.dumps(self.words).encode()
        return answer


@pytest.fixture
def insistent(desk: World, clock: Clock) -> Any:
    with Insistent(now=clock) as simulator:
        desk.simulator = simulator
        yield desk


@pytest.mark.parametrize(
    "words", [{"status": 200}, {"status": "OK"}, {"status": "success"}, {"success": True}, {}]
)
def test_a_right_password_may_be_answered_in_other_words(insistent: World, words: dict[str, object]) -> None:
    insistent.simulator.words = words  # type: ignore[attr-defined]
    assert not insistent.fetch().errors


@pytest.mark.parametrize("words", [{}, {"success": True}])
def test_an_answer_that_says_nothing_is_none_where_the_next_step_fails(
    desk: World, words: dict[str, object]
) -> None:
    desk.simulator.fault("replace", where="self-asserted", body=json.dumps(words))
    [error] = desk.fetch().errors
    assert isinstance(error, TryLater)
    assert "its answer to the password" in str(error)
    assert desk.simulator.count("sign-in") == 1


@pytest.mark.parametrize(
    "words",
    [
        {"status": "400", "errorCode": "AADB2C90054"},
        {"status": "OK", "errorCode": "AADB2C90054"},
        {"errorCode": "AADB2C90054"},
    ],
)
def test_a_refusal_is_one_in_whatever_words(desk: World, words: dict[str, object]) -> None:
    desk.simulator.fault("replace", where="self-asserted", body=json.dumps(words))
    [error] = desk.fetch().errors
    assert isinstance(error, CredentialsRefused)
    assert not isinstance(error, StepNeeded)
    assert desk.simulator.count("confirmed") == 0


@pytest.mark.parametrize(
    ("fault", "word"), [("wrong-state", "the state differs"), ("wrong-nonce", "the nonce differs")]
)
@pytest.mark.parametrize("variant", ["strict-sign-in", "braces-in-strings", "browsers-only"])
def test_another_sign_in_than_ours_is_still_refused(desk: World, fault: str, word: str, variant: str) -> None:
    desk.simulator.fault(variant)
    desk.simulator.fault(fault)
    [error] = desk.fetch().errors
    assert word in str(error)
    assert desk.simulator.count("readings") == 0


@pytest.mark.parametrize(
    ("tenant", "word"),
    [("http://login.fluvius.be/x", "not secure"), ("https://login.example.org/x", "neither Fluvius's nor")],
)
def test_a_page_that_leads_elsewhere_is_still_refused(tenant: str, word: str) -> None:
    settings = {**SETTINGS, "hosts": {"tenant": tenant}}
    with pytest.raises(ShapeChanged, match=word):
        page(f'window["SETTINGS"] = {json.dumps(settings)};', f"const SA_FIELDS = {json.dumps(FIELDS)};")


def test_it_asks_like_a_browser_in_flanders(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Message] = []
    honest = desk.simulator.answer

    def answer(method: str, target: str, headers: Message, body: bytes) -> Any:
        heard.append(headers)
        return honest(method, target, headers, body)

    monkeypatch.setattr(desk.simulator, "answer", answer)
    desk.fetch()
    assert {headers["Accept-Language"] for headers in heard} == {"nl-BE,nl;q=0.9,en;q=0.8"}
    assert heard[1]["Accept"].startswith("text/html")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"statusCode": 400, "message": "Too long"}, "Too long"),
        ({"error": {"code": "BadRequest", "message": "Too long"}}, "Too long"),
        ({"error": {"code": "BadRequest"}}, "BadRequest"),
        ({"error": "invalid_grant", "error_description": "Gone"}, "Gone"),
        ({"message": "No", "validationErrorMessages": ["'to'", "'from'"]}, "No; 'to'; 'from'"),
        ({"Message": "No", "ValidationErrorMessages": "'to'"}, "No; 'to'"),
        ({"title": "Bad Request", "detail": "Too long"}, "Too long"),
        ([1], ""),
        ({"message": {"a": 1}}, ""),
    ],
)
def test_what_fluvius_or_its_gateway_says_is_read(body: Any, words: str) -> None:
    assert Response(400, CaseInsensitiveDict(), "", json.dumps(body)).words() == words


def test_what_the_gateway_says_is_told(desk: World) -> None:
    desk.simulator.fault(
        "replace", status=400, body=json.dumps({"error": {"code": "X", "message": "Range of 400 days"}})
    )
    desk.fetch()
    with desk.at_work() as (_, fetcher):
        assert fetcher.visits.health["portal"].state is not State.OK
        assert "Range of 400 days" in (fetcher.progress(desk.meter()).error or "")
