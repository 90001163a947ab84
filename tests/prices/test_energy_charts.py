"""Odd answers of Energy-Charts."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.prices.errors import NotUnderstood
from bridge.simulator import Simulator
from tests.rig.price_questions import DAY, QUARTER, answer_of, answer_to, days, euros

START = int(days(DAY)[0].timestamp())
HONEST: dict[str, Any] = {
    "unix_seconds": [START, START + 900, START + 1800],
    "price": [85.2, -0.01, 0],
    "unit": "EUR / MWh",
}


def test_three_quarter_hours(simulator: Simulator) -> None:
    answer = answer_to(simulator, "energy-charts", json.dumps(HONEST))
    start = days(DAY)[0]
    assert list(answer.prices) == [start, start + QUARTER, start + 2 * QUARTER]
    assert list(answer.prices.values()) == euros("0.0852", "-0.00001", "0")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"price": [85.2, 1]}, "2 prices for 3 starts"),
        ({"price": None}, "no list"),
        ({"price": {"0": 1}}, "no list"),
        ({"unix_seconds": "now"}, "no list"),
        ({"unit": None}, "in None"),
        ({"unit": "EUR / kWh"}, "in EUR / kWh"),
        ({"unit": "GBP / MWh"}, "in GBP / MWh"),
        ({"price": [True, 1, 2]}, "True is not a price"),
        ({"price": [[], 1, 2]}, "is not a price"),
        ({"price": ["much", 1, 2]}, "much is not a price"),
        ({"price": [10_000.01, 1, 2]}, "no market has a price"),
        ({"price": [-10_000.01, 1, 2]}, "no market has a price"),
        ({"unix_seconds": [START + 1, START + 901, START + 1801]}, "cannot begin at"),
        ({"unix_seconds": [START + 900, START + 4500, START + 8100]}, "cannot begin at"),
        ({"unix_seconds": [float(START), START + 900, START + 1800]}, "is not an instant"),
        ({"unix_seconds": [str(START), START + 900, START + 1800]}, "is not an instant"),
        ({"unix_seconds": [1000 * START, START + 900, START + 1800]}, "is not an instant"),
        ({"unix_seconds": [-1, START + 900, START + 1800]}, "is not an instant"),
        ({"unix_seconds": [10**400, START + 900, START + 1800]}, "is not an instant"),
    ],
)
def test_what_is_odd_is_refused_as_a_whole(simulator: Simulator, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NotUnderstood) as caught:
        answer_to(simulator, "energy-charts", json.dumps(HONEST | changes))
    assert words in str(caught.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999999999", "9" * 5000])
def test_a_number_that_no_market_says_is_refused(simulator: Simulator, number: str) -> None:
    document = json.dumps(HONEST).replace("85.2", number)
    with pytest.raises(NotUnderstood) as caught:
        answer_to(simulator, "energy-charts", document)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("document", ["[]", "null", "85.2", "[[[", "", '"<html>"', "{}"])
def test_a_document_of_another_shape_is_refused(simulator: Simulator, document: str) -> None:
    with pytest.raises(NotUnderstood, match="what Energy-Charts answers is of no use"):
        answer_to(simulator, "energy-charts", document)


def test_an_exact_price_stays_exact(simulator: Simulator) -> None:
    document = json.dumps(HONEST).replace("85.2", "85.20000000000000001")
    assert (
        euros("0.08520000000000000001")[0] in answer_to(simulator, "energy-charts", document).prices.values()
    )


def test_steps_told_twice_count_once(simulator: Simulator) -> None:
    simulator.fault("prices-twice")
    answer = answer_of(simulator, "energy-charts")
    assert answer == (simulator.day_ahead.prices(*days(DAY)), {})


def test_steps_that_contradict_each_other_are_left_out(simulator: Simulator) -> None:
    doubled = {key: [*HONEST[key], *HONEST[key][1:2]] for key in ("unix_seconds", "price")}
    doubled["price"][-1] = 0.5
    answer = answer_to(simulator, "energy-charts", json.dumps(HONEST | doubled))
    start = days(DAY)[0]
    assert list(answer.prices) == [start, start + 2 * QUARTER]
    assert answer.remarks == ["1 step, of 2026-11-20 00:15, has two prices"]


def test_the_order_does_not_matter(simulator: Simulator) -> None:
    turned = {key: HONEST[key][::-1] for key in ("unix_seconds", "price")}
    straight = answer_to(simulator, "energy-charts", json.dumps(HONEST))
    assert answer_to(simulator, "energy-charts", json.dumps(HONEST | turned)).prices == straight.prices


def test_lists_of_unequal_length_are_refused(simulator: Simulator) -> None:
    simulator.fault("prices-unequal")
    with pytest.raises(NotUnderstood, match="287 prices for 288 starts"):
        answer_of(simulator, "energy-charts")


def test_nothing_there_may_be_said_with_404(simulator: Simulator) -> None:
    simulator.fault("prices-empty", status=404)
    assert answer_of(simulator, "energy-charts") == ({}, {})


def test_a_hole_of_less_than_an_hour_is_no_hour(simulator: Simulator) -> None:
    """From 00:15 to 01:15 is the way of an hour, on a day of quarter-hours."""
    starts = [START, START + 900, START + 4500, START + 5400]
    answer = answer_to(
        simulator,
        "energy-charts",
        json.dumps(HONEST | {"unix_seconds": starts, "price": [1, 2, 3, 4]}),
    )
    assert list(answer.prices) == [datetime.fromtimestamp(each, UTC) for each in starts]


def test_steps_of_half_an_hour_are_left_out(simulator: Simulator) -> None:
    starts = [START, START + 1800, START + 3600]
    answer = answer_to(simulator, "energy-charts", json.dumps(HONEST | {"unix_seconds": starts}))
    assert answer.prices == {}
    assert "neither hours nor quarter-hours" in answer.remarks[0]


def test_a_single_step_has_no_length(simulator: Simulator) -> None:
    document = json.dumps(HONEST | {"unix_seconds": [START], "price": [1]})
    assert answer_to(simulator, "energy-charts", document).prices == {}
