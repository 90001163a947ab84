"""However Fluvius may be, where nobody knows it for sure: every day is there in the end, and exact."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bridge.fetching.due import Occasion
from bridge.fluvius.errors import NotYourMeter
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import open_energy_api
from bridge.metering.agreement import Flow, totals
from bridge.metering.meterday import span
from bridge.metering.model import Direction, Unit
from bridge.simulator.energy_api.customers import with_check_digit
from bridge.simulator.faults.variants import VARIANTS
from bridge.simulator.household import meter_day
from tests.rig.provider import Provider
from tests.rig.world import GAS, HOME, SHED, World

DAYS = 5  # for which the bridge runs, twice a day
DIRECTIONS, UNITS = {1: Direction.CONSUMPTION, 2: Direction.INJECTION}, {3: Unit.KWH, 5: Unit.M3}
PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "gas-delay": [{"hours": 24}, {"hours": 72}],
    "api-other-errors": [{"writing": "camel"}, {"writing": "gateway"}],
}
CASES = [(name, each) for name in VARIANTS for each in PARAMETERS.get(name, [{}])]
OF_THE_PORTAL = [case for case in CASES if not case[0].startswith("api-")]
OF_THE_API = [
    case for case in CASES if case[0].startswith("api-") or case[0] in {"gas-delay", "accept-demanded"}
]


def live(world: World, days: int = DAYS) -> None:
    """Some days of two scheduled runs each."""
    with world.at_work() as (_, fetcher):
        for _ in range(2 * days):
            fetcher.fetch(Occasion.SCHEDULE)
            world.clock.pass_by(hours=12)


def by_the_api(world: World) -> World:
    """An energy service provider with mandates for the same meters."""
    Provider(world)
    world.meters = [
        {name: value for name, value in meter.items() if name != "serial"} for meter in (HOME, GAS, SHED)
    ]
    return world


def unlike_the_truth(world: World, *names: str) -> list[str]:
    """What is missing or differs: every day from the first one known to the last published."""
    found = []
    for name in names:
        meter = world.meter(name)
        with world.ledger() as ledger:
            total = ledger.sums.total(meter)
            assert total, f"nothing of {name}"
            for day in span(total.since, total.until):
                known = {each.start: totals([each.amounts]) for each in ledger.days.intervals(meter, day)}
                counted = world.simulator.slot_amounts(meter.ean, day)
                if known and known != {start: in_flows(amounts) for start, amounts in counted.items()}:
                    found.append(f"{name}: the intervals of {day}")
        latest = world.simulator.latest_day(meter.ean)
        behind = 3 if meter.energy == "gas" else 1  # it is asked for after 66 hours
        if total.until < latest - timedelta(days=behind):
            found.append(f"{name}: until {total.until} and not {latest}")
        if total.days != (total.until - total.since).days + 1 or total.days < DAYS:
            found.append(f"{name}: {total.days} days from {total.since} to {total.until}")
        if world.total(name) != world.truth(meter.ean, total.since, total.until):
            found.append(f"{name}: {world.total(name)}")
    return found


def in_flows(counted: Mapping[tuple[int, int, int], Decimal]) -> dict[Flow, Decimal]:
    flows: dict[Flow, Decimal] = defaultdict(Decimal)
    for (t, _, u), amount in counted.items():
        flows[DIRECTIONS[t], UNITS[u]] += amount
    return flows


@pytest.mark.parametrize(("name", "parameters"), OF_THE_PORTAL)
def test_by_the_portal_every_day_is_there_and_exact(
    desk: World, name: str, parameters: dict[str, Any]
) -> None:
    desk.meters = [HOME, GAS, SHED]
    desk.simulator.fault(name, **parameters)
    live(desk)
    assert unlike_the_truth(desk, "home", "gas", "shed") == []
    assert desk.invented() == []


@pytest.mark.parametrize(("name", "parameters"), OF_THE_API)
def test_by_the_energy_api_every_day_is_there_and_exact(
    desk: World, name: str, parameters: dict[str, Any]
) -> None:
    by_the_api(desk).simulator.fault(name, **parameters)
    live(desk)
    assert unlike_the_truth(desk, "home", "gas") == []


def test_days_only_that_begin_elsewhere_are_named_by_their_middle(desk: World) -> None:
    by_the_api(desk).simulator.fault("api-utc-days")
    live(desk)
    meter = desk.meter("shed")
    with desk.ledger() as ledger:
        total = ledger.sums.total(meter)
    assert total
    assert total.days == (total.until - total.since).days + 1 >= DAYS
    slots: dict[Any, Decimal] = {}
    for day in range(-1, total.days + 1):
        for start, counted in desk.simulator.slot_amounts(
            meter.ean, total.since + timedelta(days=day)
        ).items():
            slots[start] = counted[1, 0, 3]
    since, until = (meter_day("electricity", each)[0].date() for each in (total.since, total.until))
    in_utc = sum(
        (amount for start, amount in slots.items() if since < start.date() <= until + timedelta(days=1)),
        Decimal(0),
    )
    assert list(total.amounts.values()) == [in_utc]


OTHER_DAYS = ["api-utc-days", "api-days-from-asked", "api-gas-days-from-midnight"]


@pytest.mark.parametrize("name", OTHER_DAYS)
@pytest.mark.parametrize("today", ["2026-10-24 09:00", "2027-03-27 09:00"])
def test_days_that_begin_elsewhere_are_exact_when_the_clocks_change(
    desk: World, name: str, today: str
) -> None:
    desk.clock.move_to(today)
    by_the_api(desk).simulator.fault(name)
    live(desk, days=6)
    assert unlike_the_truth(desk, "home", "gas") == []


@pytest.mark.parametrize("name", OTHER_DAYS)
def test_days_that_begin_elsewhere_are_corrected_exactly(desk: World, name: str) -> None:
    by_the_api(desk).simulator.fault(name)
    live(desk, days=2)
    for meter, days_ago, delta in ((HOME, 3, -700), (HOME, 6, 450), (GAS, 6, 2000)):
        day = desk.clock().date() - timedelta(days=days_ago)
        desk.simulator.correct(meter["ean"], day, delta_wh=delta, at=desk.clock() + timedelta(hours=2))
    live(desk, days=3)
    assert unlike_the_truth(desk, "home", "gas") == []


@pytest.mark.parametrize("name", OTHER_DAYS)
def test_days_that_begin_elsewhere_are_exact_when_the_meter_is_exchanged(desk: World, name: str) -> None:
    by_the_api(desk).simulator.fault(name)
    live(desk, days=1)
    desk.simulator.exchange(HOME["ean"], desk.clock() + timedelta(hours=5), "1SAG1100099999")
    live(desk, days=4)
    assert unlike_the_truth(desk, "home", "gas") == []


def test_days_that_begin_elsewhere_cost_no_request_more(desk: World) -> None:
    by_the_api(desk).meters.pop()  # a meter of days only, which are over an hour later than ours
    live(desk)
    usual = desk.simulator.count("energy")
    desk.data_dir.joinpath("ledger.sqlite").unlink()
    desk.clock.pass_by(days=-DAYS)
    desk.simulator.forget_requests()
    desk.simulator.fault("api-utc-days")
    live(desk)
    assert desk.simulator.count("energy") == usual


@pytest.mark.parametrize("variant", ["", "no-running-month"])
def test_the_months_peaks_are_the_same_when_they_come_late(desk: World, variant: str) -> None:
    desk.clock.move_to("2026-11-27 09:00")
    if variant:
        desk.simulator.fault(variant)
    live(desk, days=6)
    with desk.ledger() as ledger:
        [november] = ledger.peaks.peak_months(desk.meter(), [date(2026, 11, 1)])
    highest = max(
        amounts.get((1, 1, 3), Decimal(0)) + amounts.get((1, 2, 3), Decimal(0))
        for day in range(1, 31)
        for amounts in desk.simulator.slot_amounts(HOME["ean"], date(2026, 11, day)).values()
    )
    assert november.given
    assert november.given.power == highest * 4


@pytest.mark.parametrize("writing", ["camel", "gateway"])
def test_what_the_energy_api_says_in_other_words_is_told(desk: World, writing: str) -> None:
    by_the_api(desk).simulator.fault("api-other-errors", writing=writing)
    desk.simulator.energy_api.mandate(HOME["ean"]).finish(desk.clock() + timedelta(hours=1))
    desk.clock.pass_by(hours=1)
    desk.data_dir.mkdir()
    source = open_energy_api(desk.settings, PoliteSession(now=desk.clock), desk.clock)
    with pytest.raises(NotYourMeter, match="no approved mandate for this EAN"):
        source.readings(desk.meter(), "simulated", date(2026, 11, 20), date(2026, 11, 20), None)


@pytest.mark.parametrize("variant", ["", "unknown-ean-forbidden"])
def test_a_meter_that_is_not_the_account_s_is_named_and_keeps_no_other_waiting(
    desk: World, variant: str
) -> None:
    stranger = with_check_digit("54144882000000003")
    desk.meters = [{"name": "stranger", "ean": stranger, "serial": "1SAG1100042099"}, HOME]
    if variant:
        desk.simulator.fault(variant)
    with desk.at_work() as (_, fetcher):
        fetcher.fetch(Occasion.SCHEDULE)
        of_stranger, of_home = (fetcher.progress(meter) for meter in fetcher.meters)
    assert f"does not know meter 1SAG1100042099 at EAN {stranger}" in str(of_stranger.error)
    assert (of_home.error, list(of_home.awaited)) == (None, [])
