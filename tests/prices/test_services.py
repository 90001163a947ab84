"""Both services say the same, and nothing that they did not say is believed."""

import gzip
import random
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import requests

from bridge.prices import http
from bridge.prices.errors import NotUnderstood, PricesError, TokenRefused, TryLater
from bridge.prices.services import SERVICES, ask
from bridge.prices.steps import HIGHEST
from bridge.simulator import Simulator
from tests.rig.chance import often
from tests.rig.price_questions import DAY, NOW, QUARTER, answer_of, days
from tests.rig.trickle import OK, STAGES, saying, serving

pytestmark = pytest.mark.usefixtures("impatient")
BOTH = pytest.mark.parametrize("service", SERVICES)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_SILENCE_SECONDS", 1.0)


@BOTH
@pytest.mark.parametrize(
    ("first", "last", "count"),
    [
        (DAY, DAY, 96),
        (date(2026, 3, 29), date(2026, 3, 29), 92),
        (date(2026, 10, 25), date(2026, 10, 25), 100),
        (date(2025, 3, 30), date(2025, 3, 30), 4 * 23),  # of hours
        (date(2024, 10, 27), date(2024, 10, 27), 4 * 25),
        (date(2025, 9, 30), date(2025, 10, 1), 2 * 96),  # from hours to quarter-hours
        (date(2024, 11, 22), date(2025, 11, 20), 364 * 96),
    ],
)
def test_every_quarter_hour_has_the_price_of_the_market(
    simulator: Simulator, service: str, first: date, last: date, count: int
) -> None:
    answer = answer_of(simulator, service, days(first, last))
    assert answer.prices == simulator.day_ahead.prices(*days(first, last))
    assert (len(answer.prices), answer.remarks) == (count, [])


def test_the_market_of_the_tests_has_negative_prices_and_prices_that_stay(simulator: Simulator) -> None:
    prices = list(simulator.day_ahead.prices(*days(date(2026, 6, 1), date(2026, 6, 30))).values())
    assert min(prices) < 0
    assert any(one == other for one, other in pairwise(prices))


@BOTH
def test_a_part_of_a_day_is_that_part(simulator: Simulator, service: str) -> None:
    start, end = days(DAY)
    span = start + 5 * QUARTER, end - 7 * QUARTER
    assert answer_of(simulator, service, span).prices == simulator.day_ahead.prices(*span)


@BOTH
def test_what_is_not_published_yet_is_nothing(simulator: Simulator, service: str) -> None:
    assert answer_of(simulator, service, days(date(2026, 11, 23))) == ({}, {})


@BOTH
def test_one_question_is_one_request(simulator: Simulator, service: str) -> None:
    simulator.fault("unavailable", where="day-ahead")
    with pytest.raises(TryLater):
        answer_of(simulator, service)
    assert simulator.count("day-ahead") == simulator.count(service) == 1
    assert simulator.count("all") == 0  # nothing of Fluvius


REFUSALS: list[tuple[str, dict[str, Any], tuple[type[PricesError], str]]] = [
    ("unavailable", {}, (TryLater, "an error of its own (HTTP 503)")),
    ("too-many-requests", {}, (TryLater, "asks for fewer requests")),
    ("maintenance", {}, (TryLater, "shows a page instead of prices")),
    ("cut", {}, (TryLater, "cut the connection")),
    ("stall", {"seconds": 5}, (TryLater, "does not answer in time")),
    ("bad-request", {}, (NotUnderstood, "")),
    ("prices-other-unit", {}, (NotUnderstood, "kWh")),
    ("prices-other-unit", {"unit": "GWh"}, (NotUnderstood, "GWh")),
    ("prices-other-day", {}, (NotUnderstood, "of other days")),
    ("replace", {"body": b""}, (NotUnderstood, "the answer is not")),
    ("replace", {"body": b"[" * 100_000}, (NotUnderstood, "the answer is not")),
    ("replace", {"body": b"<a>" * 100_000}, (NotUnderstood, "the answer is not")),
    ("replace", {"body": b"\xff\xfe\x00"}, (NotUnderstood, "the answer is not")),
    ("replace", {"body": b"", "status": 302}, (NotUnderstood, "of no use")),
    ("replace", {"body": b" " * (9 * 1024 * 1024)}, (NotUnderstood, "more than 8,192 kB")),
]


@BOTH
@pytest.mark.parametrize(("fault", "parameters", "expected"), REFUSALS)
def test_what_is_no_answer_says_what_is_wrong(
    simulator: Simulator,
    service: str,
    fault: str,
    parameters: dict[str, Any],
    expected: tuple[type[PricesError], str],
) -> None:
    kind, words = expected
    simulator.fault(fault, where="day-ahead", **parameters)
    with pytest.raises(kind) as caught:
        answer_of(simulator, service)
    assert words.casefold() in str(caught.value).casefold()
    assert SERVICES[service].label in str(caught.value)
    assert simulator.day_ahead.token not in str(caught.value)


@BOTH
@pytest.mark.parametrize("fault", ["too-many-requests", "too-many-requests-date"])
def test_when_to_come_back_is_heard(simulator: Simulator, service: str, fault: str) -> None:
    simulator.fault(fault, where="day-ahead", retry_after=7200)
    with pytest.raises(TryLater) as caught:
        answer_of(simulator, service)
    assert caught.value.not_before == NOW + timedelta(hours=2)


@pytest.mark.parametrize("value", ["-5", "soon", "", "٣", "Fri, 99 Nov 2026 99:00:00 GMT"])
def test_a_time_to_come_back_that_is_none_is_not(value: str) -> None:
    waits = http._retry_after(value, NOW)
    assert waits is None or NOW <= waits <= NOW + timedelta(days=7)


@BOTH
@pytest.mark.parametrize("stage", STAGES)
def test_what_trickles_is_given_up(service: str, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_EXCHANGE_SECONDS", 0.4)
    with (
        serving(saying(*STAGES[stage])) as address,
        pytest.raises(TryLater, match="does not finish its") as caught,
    ):
        ask(SERVICES[service], days(DAY), NOW, token="secret", url=f"http://{address}")
    assert caught.value.reached


def test_a_service_that_is_away_is_said_to_be() -> None:
    with pytest.raises(TryLater, match="ENTSO-E cannot be reached") as caught:
        ask(SERVICES["entsoe"], days(DAY), NOW, token="secret", url="http://127.0.0.1:1")
    assert not caught.value.reached
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None  # whose text would have the token


def test_a_redirect_is_not_followed_with_the_token() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with serving(saying(moved)) as address, pytest.raises(NotUnderstood, match="of no use"):
        ask(SERVICES["entsoe"], days(DAY), NOW, token="secret", url=f"http://{address}/")


def test_an_answer_that_is_packed_small_is_as_large_as_it_is_unpacked() -> None:

    bomb = gzip.compress(b" " * (64 * 1024 * 1024))
    head = OK + f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    with serving(saying(head + bomb)) as address, pytest.raises(NotUnderstood, match="more than"):
        ask(SERVICES["energy-charts"], days(DAY), NOW, url=f"http://{address}")


def test_a_refused_token_is_for_the_user(simulator: Simulator) -> None:
    simulator.fault("prices-token-refused")
    with pytest.raises(TokenRefused, match=r"ENTSO-E .* does not accept the token \(day_ahead.token\)"):
        answer_of(simulator, "entsoe")


def test_prices_of_another_zone_are_refused(simulator: Simulator) -> None:
    simulator.fault("prices-other-zone")
    with pytest.raises(NotUnderstood, match="10YNL----------L"):
        answer_of(simulator, "entsoe")


@BOTH
@pytest.mark.parametrize(
    ("fault", "parameters"),
    [("prices-null", {}), ("prices-hole", {"first": 100}), ("prices-hole", {"first": 150})],
)
def test_what_lacks_a_price_has_none_and_everything_else_is_right(
    simulator: Simulator, service: str, fault: str, parameters: dict[str, Any]
) -> None:
    simulator.fault(fault, **parameters)
    span = days(DAY, DAY + timedelta(days=1))
    prices = answer_of(simulator, service, span).prices
    truth = simulator.day_ahead.prices(*span)
    assert prices.items() < truth.items()
    assert len(truth) - len(prices) <= 30


@BOTH
def test_steps_without_a_price_are_told(simulator: Simulator, service: str) -> None:
    simulator.fault("prices-null", every=1)
    answer = answer_of(simulator, service)
    assert answer.prices == {}
    assert answer.remarks == ["96 steps, from 2026-11-20 00:00 to 2026-11-20 23:45, have no price"]


@BOTH
def test_hours_are_believed_by_their_distance(simulator: Simulator, service: str) -> None:
    simulator.fault("prices-hourly")
    prices, truth = answer_of(simulator, service).prices, simulator.day_ahead.prices(*days(DAY))
    for start in sorted(truth)[::4]:
        hour = [start + QUARTER * i for i in range(4)]
        assert {prices[each] for each in hour} == {sum(truth[each] for each in hour) / 4}


@BOTH
def test_whatever_happens_to_an_answer_on_its_way_it_is_an_answer_or_none(service: str) -> None:
    chance = random.Random(service)
    with Simulator(now=lambda: NOW) as simulator:
        asked = SERVICES[service].question(days(DAY), simulator.day_ahead.token)
        url = f"{simulator.url}{SERVICES[service].path}"
        honest = requests.get(url, params=asked, timeout=5).text
    understood = 0
    for _ in range(often(400, soak=20_000)):
        text = honest
        for _ in range(chance.randint(1, 3)):
            at, length = chance.randrange(len(text)), chance.choice((0, 1, 1, 5, 300))
            put = chance.choice(("", "", "9", "-", "null", "<", ">", '"', "\x00", "é", text[:at][-length:]))
            text = text[:at] + put + text[at + length :]
        try:
            prices = SERVICES[service].read(200, text).prices
        except PricesError:
            continue
        understood += 1
        assert all(abs(price) <= HIGHEST for price in prices.values())
    assert understood


def test_the_token_stands_in_no_log(simulator: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "bridge.prices")
    answer_of(simulator, "entsoe")
    assert "ENTSO-E: 200" in caplog.text
    assert simulator.day_ahead.token not in caplog.text


def test_a_span_is_asked_for_in_the_words_of_the_service() -> None:
    span = datetime.fromisoformat("2026-11-19T23:00Z"), datetime.fromisoformat("2026-11-20T23:00Z")
    assert SERVICES["entsoe"].question(span, "t") == {
        "securityToken": "t",
        "documentType": "A44",
        "contract_MarketAgreement.type": "A01",
        "in_Domain": "10YBE----------2",
        "out_Domain": "10YBE----------2",
        "periodStart": "202611192300",
        "periodEnd": "202611202300",
    }
    asked = SERVICES["energy-charts"].question(span, "")
    assert asked == {"bzn": "BE", "start": "2026-11-19", "end": "2026-11-21"}
