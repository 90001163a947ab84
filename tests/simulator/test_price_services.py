"""The simulated price services behave as prices.md says, and misbehave when told to."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from bridge.simulator import Simulator
from bridge.simulator.faults.table import FAULTS
from tests.rig.world import Clock

MARKET = "contract_MarketAgreement.type"
ZONE = "10YBE----------2"
TESTS = Path(__file__).parent.parent


@pytest.fixture
def simulator(clock: Clock) -> Iterator[Simulator]:
    with Simulator(now=clock) as simulator:
        yield simulator


def energy_charts(simulator: Simulator, first: str, last: str, **changes: str) -> requests.Response:
    query = {"bzn": "BE", "start": first, "end": last} | changes
    return requests.get(f"{simulator.url}/price", params=query, timeout=5)


def entsoe(simulator: Simulator, start: str, end: str, **changes: str) -> requests.Response:
    query = {
        "securityToken": simulator.day_ahead.token,
        "documentType": "A44",
        MARKET: "A01",
        "in_Domain": ZONE,
        "out_Domain": ZONE,
        "periodStart": start,
        "periodEnd": end,
    }
    return requests.get(f"{simulator.url}/api", params=query | changes, timeout=5)


def points(document: str) -> list[tuple[int, str]]:
    found = re.findall(r"<position>(\d+)</position>\s*<price.amount>(.*?)</price.amount>", document)
    return [(int(position), price) for position, price in found]


def test_a_day_is_two_lists_of_quarter_hours(simulator: Simulator) -> None:
    answer = energy_charts(simulator, "2026-11-20", "2026-11-20").json()
    starts = answer["unix_seconds"]
    assert starts == list(range(starts[0], starts[0] + 24 * 3600, 900))
    assert datetime.fromtimestamp(starts[0], UTC) == datetime(2026, 11, 19, 23, tzinfo=UTC)
    assert (len(answer["price"]), answer["unit"]) == (96, "EUR / MWh")


@pytest.mark.parametrize(
    ("day", "steps", "seconds"),
    [
        ("2025-09-30", 24, 3600),
        ("2025-10-01", 96, 900),
        ("2025-03-30", 23, 3600),
        ("2025-10-26", 100, 900),
        ("2026-03-29", 92, 900),
    ],
)
def test_hours_became_quarter_hours(simulator: Simulator, day: str, steps: int, seconds: int) -> None:
    starts = energy_charts(simulator, day, day).json()["unix_seconds"]
    assert (len(starts), starts[1] - starts[0]) == (steps, seconds)


def test_the_same_question_has_the_same_answer(simulator: Simulator, clock: Clock) -> None:
    before = energy_charts(simulator, "2026-11-01", "2026-11-20").text
    clock.pass_by(days=10)
    assert energy_charts(simulator, "2026-11-01", "2026-11-20").text == before


@pytest.mark.parametrize(("local", "known"), [("2026-11-21 12:59", 96), ("2026-11-21 13:00", 192)])
def test_tomorrow_is_there_from_13_00_on(simulator: Simulator, clock: Clock, local: str, known: int) -> None:
    clock.move_to(local)
    assert len(energy_charts(simulator, "2026-11-21", "2026-11-30").json()["price"]) == known
    assert entsoe(simulator, "202611202300", "202611302300").text.count("<TimeSeries>") == known // 96


def test_some_noons_are_negative(simulator: Simulator) -> None:
    prices = simulator.day_ahead.prices(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
    noons = [price for start, price in prices.items() if start.hour == 11]
    assert min(noons) < 0 < max(noons)
    assert min(price for start, price in prices.items() if start.hour == 18) > 0


def test_both_services_say_the_truth(simulator: Simulator) -> None:
    start, end = datetime(2026, 11, 19, 23, tzinfo=UTC), datetime(2026, 11, 20, 23, tzinfo=UTC)
    truth = [price * 1000 for price in simulator.day_ahead.prices(start, end).values()]
    answer = energy_charts(simulator, "2026-11-20", "2026-11-20").json()
    assert [Decimal(str(price)) for price in answer["price"]] == truth
    told = dict(points(entsoe(simulator, "202611192300", "202611202300").text))
    assert len(told) < 96  # what stays is not told again
    latest = ""
    for i, price in enumerate(truth, 1):
        latest = told.get(i, latest)
        assert Decimal(latest) == price


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"bzn": "NL"}, 422),
        ({"start": "yesterday"}, 422),
        ({"end": ""}, 422),
    ],
)
def test_energy_charts_is_strict(simulator: Simulator, changes: dict[str, str], status: int) -> None:
    assert energy_charts(simulator, "2026-11-20", "2026-11-20", **changes).status_code == status


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"securityToken": "wrong"}, 401),
        ({"documentType": "A65"}, 400),
        ({MARKET: "A05"}, 400),
        ({"in_Domain": "10YNL----------L"}, 400),
        ({"periodStart": "20261119"}, 400),
        ({"periodStart": "202411192300"}, 400),  # more than a year
        ({"periodStart": "202611202300"}, 400),
        ({"periodStart": "202612012300", "periodEnd": "202612022300"}, 200),  # no data
    ],
)
def test_entsoe_acknowledges_what_it_does_not_answer(
    simulator: Simulator, changes: dict[str, str], status: int
) -> None:
    answer = entsoe(simulator, "202611192300", "202611202300", **changes)
    assert answer.status_code == status
    assert "<Acknowledgement_MarketDocument" in answer.text
    assert "<code>999</code>" in answer.text


def test_prices_need_no_browser_and_are_no_requests_to_fluvius(simulator: Simulator) -> None:
    energy_charts(simulator, "2026-11-20", "2026-11-20")
    entsoe(simulator, "202611192300", "202611202300")
    assert [simulator.count(each) for each in ("energy-charts", "entsoe", "day-ahead", "all")] == [1, 1, 2, 0]


@pytest.mark.parametrize(
    ("fault", "parameters", "where"),
    [
        ("prices-null", {}, "day-ahead"),
        ("prices-hole", {"first": 10}, "day-ahead"),
        ("prices-other-unit", {}, "day-ahead"),
        ("prices-hourly", {}, "day-ahead"),
        ("prices-empty", {}, "day-ahead"),
        ("prices-other-day", {}, "day-ahead"),
        ("prices-unequal", {}, "energy-charts"),
        ("prices-twice", {}, "energy-charts"),
        ("prices-other-zone", {}, "entsoe"),
        ("prices-token-refused", {}, "entsoe"),
        ("unavailable", {}, "day-ahead"),
        ("maintenance", {}, "day-ahead"),
        ("too-many-requests", {}, "day-ahead"),
    ],
)
def test_a_fault_changes_the_answer_until_it_is_cleared(
    simulator: Simulator, fault: str, parameters: dict[str, Any], where: str
) -> None:
    def answers() -> dict[str, tuple[int, str]]:
        both = {
            "energy-charts": energy_charts(simulator, "2026-11-20", "2026-11-20"),
            "entsoe": entsoe(simulator, "202611192300", "202611202300"),
        }
        return {name: (answer.status_code, answer.text) for name, answer in both.items()}

    honest = answers()
    simulator.fault(fault, where=where, **parameters)
    odd = answers()
    changed = {name for name in honest if odd[name] != honest[name]}
    assert changed == ({where} if where in honest else set(honest))
    simulator.clear()
    assert answers() == honest


def test_who_does_not_ask_for_the_day_ahead_market_has_intraday_auctions_too(simulator: Simulator) -> None:
    query = {
        "documentType": "A44",
        "in_Domain": ZONE,
        "out_Domain": ZONE,
        "securityToken": simulator.day_ahead.token,
    }
    times = {"periodStart": "202611192300", "periodEnd": "202611202300"}
    document = requests.get(f"{simulator.url}/api", params=query | times, timeout=5).text
    assert re.findall(f"<{MARKET}>(.*?)<", document) == ["A01", "A07"]


def test_a_hole_is_a_hole_for_both(simulator: Simulator) -> None:
    simulator.fault("prices-hole", first=10, steps=6)
    assert len(energy_charts(simulator, "2026-11-20", "2026-11-20").json()["price"]) == 90
    document = entsoe(simulator, "202611192300", "202611202300").text
    assert document.count("<Period>") == 2
    assert "<end>2026-11-20T01:30Z</end>" in document
    assert "<start>2026-11-20T03:00Z</start>" in document


def test_every_fault_of_prices_has_a_test_of_what_it_does_to_us() -> None:
    tests = (TESTS / "fetching" / "test_day_ahead_prices.py").read_text("utf-8")
    names = [name for name in FAULTS if name.startswith("prices-")]
    assert len(names) == 10
    assert [name for name in names if f'"{name}"' not in tests] == []


def test_the_future_of_the_market_is_a_day_long(simulator: Simulator, clock: Clock) -> None:
    clock.move_to("2026-11-21 23:59")
    answer = energy_charts(simulator, "2026-11-21", "2027-11-21").json()
    latest = datetime.fromtimestamp(answer["unix_seconds"][-1], UTC)
    assert latest + timedelta(minutes=15) == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert date(2026, 11, 22) == latest.date()
