"""Prices that somebody publishes on MQTT."""

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from bridge.config.prices import LARGEST_LIST
from bridge.metering.model import BRUSSELS
from bridge.prices import given
from bridge.prices.errors import NotUnderstood
from bridge.prices.steps import Answer
from tests.rig.price_questions import DAY, NOW, QUARTER, days, euros


def read(content: Any) -> Answer:
    return given.read(json.dumps(content).encode(), NOW)


def listed(*prices: Any, start: str = "2026-11-20T00:00:00+01:00", minutes: int = 15) -> list[dict[str, Any]]:
    first = datetime.fromisoformat(start)
    return [
        {"start": (first + timedelta(minutes=minutes * i)).isoformat(), "price": price}
        for i, price in enumerate(prices)
    ]


def test_quarter_hours_in_eur_per_kwh() -> None:
    answer = read(listed(0.0852, -0.012, 0))
    assert list(answer.prices) == [days(DAY)[0] + QUARTER * i for i in range(3)]
    assert list(answer.prices.values()) == euros("0.0852", "-0.012", "0")


def test_hours_stand_there_four_times() -> None:
    prices = list(read(listed(*[0.1, 0.2] * 12, minutes=60)).prices.values())
    assert prices == euros(*(["0.1"] * 4 + ["0.2"] * 4) * 12)


def test_a_few_hours_may_be_quarter_hours_with_gaps_and_are_not_believed() -> None:
    with pytest.raises(NotUnderstood, match="publish whole days"):
        read(listed(0.1, 0.2, minutes=60))


def test_a_price_that_says_its_end_needs_no_others() -> None:
    start = "2026-11-20T10:00:00+01:00"
    hour = read([{"start": start, "end": "2026-11-20T11:00:00+01:00", "price": 0.1}])
    quarter = read([{"start": start, "end": "2026-11-20T10:15:00+01:00", "price": 0.2}])
    assert list(hour.prices.values()) == euros(*["0.1"] * 4)
    assert list(quarter.prices.values()) == euros("0.2")
    with pytest.raises(NotUnderstood):
        read([{"start": start, "end": "2026-11-20T12:00:00+01:00", "price": 0.1}])


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 20), 24)]
)
def test_the_clock_may_change(day: date, hours: int) -> None:
    start, end = days(day)
    count = (end - start) // QUARTER
    starts = [(start + QUARTER * i).astimezone(BRUSSELS).isoformat() for i in range(count)]
    answer = read([{"start": each, "price": i / 1000} for i, each in enumerate(starts)])
    assert len(answer.prices) == 4 * hours
    assert list(answer.prices.values()) == euros(*[str(i / 1000) for i in range(count)])


def test_a_price_that_is_null_is_left_out() -> None:
    answer = read(listed(0.1, None, 0.3))
    assert list(answer.prices.values()) == euros("0.1", "0.3")
    assert answer.remarks == ["1 step, of 2026-11-20 00:15, has no price"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "publish a list such as"),
        ({}, "publish a list such as"),
        (None, "publish a list such as"),
        ([[]], "needs a start and a price"),
        ([{"start": "2026-11-20T00:00:00+01:00"}], "needs a start and a price"),
        (listed("0.1", 0.2), "is a text; publish a number"),
        (listed(85.2, 90), "perhaps it is in EUR/MWh"),
        (listed(True, 0.2), "True is not a price"),
        (listed([], 0.2), "is not a price"),
        (listed(float("nan"), 0.2), "not JSON"),
        (listed(0.1, 0.2, start="2026-11-20T00:00:00"), "write it with its offset"),
        ([{"start": 1_795_000_000, "price": 0.1}], "write it with its offset"),
        ([{"start": "tomorrow", "price": 0.1}], "write it with its offset"),
        ([{"start": "0001-01-01T00:00:00+14:00", "price": 0.1}], "write it with its offset"),
        (listed(0.1, 0.2, start="2026-11-20T00:07:00+01:00"), "cannot begin at"),
        (listed(0.1, 0.2, start="1726-11-20T00:00:00+01:00"), "there was no market at 1726-11-20"),
        (listed(0.1, 0.2, start="2027-11-20T00:00:00+01:00"), "nobody can know the price of 2027-11-20"),
    ],
)
def test_what_is_no_list_of_prices_is_refused_with_what_to_publish(content: Any, words: str) -> None:
    with pytest.raises(NotUnderstood) as caught:
        read(content)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"[" * 100_000, b"<html>", b"0" * LARGEST_LIST, b" " * (LARGEST_LIST + 1)]
)
def test_what_is_no_document_is_refused(payload: bytes) -> None:
    with pytest.raises(NotUnderstood):
        given.read(payload, NOW)


def test_hours_before_and_quarter_hours_after_a_midnight() -> None:
    hours = listed(*[0.1] * 24, start="2025-09-30T00:00:00+02:00", minutes=60)
    answer = read(hours + listed(*[0.2] * 96, start="2025-10-01T00:00:00+02:00"))
    assert list(answer.prices.values()) == euros(*["0.1"] * 96, *["0.2"] * 96)
    back = read(
        listed(*[0.2] * 96, start="2025-09-30T00:00:00+02:00")
        + [{**each, "start": each["start"].replace("2025-09-30", "2025-10-01")} for each in hours]
    )
    assert list(back.prices.values()) == euros(*["0.2"] * 96, *["0.1"] * 96)


@pytest.mark.parametrize("start", ["1700-01-01T00:00:00+00:00", "2006-11-20T00:00:00+01:00"])
def test_no_price_is_older_than_the_market(start: str) -> None:
    with pytest.raises(NotUnderstood, match="there was no market at"):
        read(listed(*[0.1] * 96, start=start))


def test_the_market_s_first_day_is_taken() -> None:
    assert len(read(listed(*[0.1] * 96, start="2006-11-21T00:00:00+01:00")).prices) == 96


def test_nobody_knows_prices_of_another_century() -> None:
    with pytest.raises(NotUnderstood, match="nobody can know the price"):
        read(listed(*[0.1] * 96, start="2900-01-01T00:00:00+01:00"))
