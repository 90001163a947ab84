"""The kWh of gas stand on a calorific value that is provisional for weeks: later corrections come too."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from bridge.fetching.due import Occasion
from bridge.metering import meterday
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Energy
from bridge.mqtt import Command
from bridge.simulator import RequestRecord
from bridge.simulator.measurements import WRITINGS
from tests.rig.ledgers import damage
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.provider import Provider
from tests.rig.truth import in_our_words
from tests.rig.world import GAS, HOME, SHED, World, says

SIX_WEEKS = timedelta(weeks=6)
FIRST = date(2026, 11, 11)  # the first gas day of the first window


@pytest.fixture
def gas(desk: World) -> World:
    """A household with gas, whose kWh are provisional for six weeks."""
    desk.meters = [GAS]
    desk.simulator.provisional_gas(SIX_WEEKS)
    return desk


def live(world: World, days: int) -> None:
    """So many mornings more."""
    with world.at_work() as (_, fetcher):
        for _ in range(days):
            world.clock.pass_by(days=1)
            assert not fetcher.fetch(Occasion.SCHEDULE).errors


def spans(world: World) -> list[tuple[date, date, datetime]]:
    """The spans of days that were asked for, and when."""
    return [(*span_of(each), each.at) for each in world.simulator.requests if each.endpoint == "readings-day"]


def span_of(record: RequestRecord) -> tuple[date, date]:
    first, last = (datetime.fromisoformat(record.query[name]) for name in ("historyFrom", "historyUntil"))
    return first.date(), last.date() - ONE_DAY


def length_of(record: RequestRecord) -> timedelta:
    first, last = (datetime.fromisoformat(record.query[name]) for name in ("historyFrom", "historyUntil"))
    return last - first + timedelta(milliseconds=1)


def unlike_fluvius(world: World, days: list[date]) -> Iterator[date]:
    """Days of which the ledger holds other amounts or hours than Fluvius has now."""
    meter = world.meter("gas")
    with world.ledger() as ledger:
        for day in days:
            (facts,) = ledger.days.facts(meter, [day])
            hours = {each.start: each.amounts for each in ledger.days.intervals(meter, day)}
            slots = world.simulator.slot_amounts(meter.ean, day)
            if dict(facts.daily) != in_our_words(world.simulator.day_amounts(meter.ean, day)) or hours != {
                start: in_our_words(amounts) for start, amounts in slots.items()
            }:
                yield day


def definitive_for(world: World, days: int) -> date:
    """The newest gas day whose kWh have been definitive for so many days."""
    now = world.clock() - timedelta(days=days) - SIX_WEEKS - timedelta(hours=72)
    return meterday.latest_ended(now, Energy.GAS)


@pytest.mark.parametrize("writing", WRITINGS)
def test_definitive_kwh_replace_provisional_ones_within_a_week_however_they_are_written(
    gas: World, writing: str
) -> None:
    gas.simulator.provisional_gas(SIX_WEEKS, writing=writing)
    gas.fetch()
    before = gas.simulator.day_amounts(GAS["ean"], FIRST)
    live(gas, 70)
    assert gas.simulator.day_amounts(GAS["ean"], FIRST) != before
    settled = definitive_for(gas, 8)
    assert settled > FIRST + 14 * ONE_DAY
    assert list(unlike_fluvius(gas, meterday.span(FIRST, settled))) == []
    newest = meterday.latest_published(gas.clock(), Energy.GAS)
    assert list(unlike_fluvius(gas, meterday.span(settled + 9 * ONE_DAY, newest))) == []


def test_what_is_not_final_costs_a_request_a_week_for_each_31_days(gas: World) -> None:
    gas.fetch()
    gas.simulator.forget_requests()
    live(gas, 105)
    asked = spans(gas)
    older = [each for each in asked if each[1] < meterday.day_of(each[2], Energy.GAS) - 31 * ONE_DAY]
    assert len(asked) - len(older) == 105
    assert 0 < len(older) <= 2 * 15
    for first, last, at in older:
        again = [each for each in older if (each[0], each[1]) != (first, last) and each[0] <= last <= each[1]]
        assert all(abs((each[2] - at).days) >= 7 for each in again)
    hours = [each for each in gas.simulator.requests if each.endpoint == "readings-interval"]
    corrected = definitive_for(gas, 0) - FIRST
    assert 105 < len(hours) <= 105 + corrected.days + 1, "only what was corrected is asked for again"


def test_the_same_run_later_in_the_day_asks_for_nothing(gas: World) -> None:
    gas.simulator.provisional_gas(SIX_WEEKS, writing="null")
    gas.fetch()
    live(gas, 60)
    for _ in range(14):
        live(gas, 1)
        gas.simulator.forget_requests()
        gas.clock.pass_by(hours=3)
        gas.fetch()
        assert gas.asked() == 0
        gas.clock.pass_by(hours=-3)


def test_days_that_never_become_final_are_left_alone_after_a_hundred_days(gas: World) -> None:
    gas.simulator.provisional_gas(SIX_WEEKS, writing="number")
    gas.fetch()
    live(gas, 130)
    oldest = [(meterday.day_of(at, Energy.GAS) - first).days for first, _, at in spans(gas)]
    assert max(oldest) == 100


def test_a_meter_that_is_followed_no_longer_is_still_looked_at_until_its_kwh_are_final(gas: World) -> None:
    gas.fetch()
    gas.meters = [{**GAS, "until": "2026-11-18"}]
    live(gas, 70)
    assert list(unlike_fluvius(gas, meterday.span(FIRST, date(2026, 11, 17)))) == []
    until = date(2026, 11, 17)
    since = [span for span in spans(gas) if span[2] > gas.clock() - timedelta(days=69)]
    assert all(last <= until for _, last, _ in since)
    assert len([span for span in since if span[2] > gas.clock() - timedelta(days=56)]) <= 8
    gas.simulator.forget_requests()
    live(gas, 20)
    assert gas.asked() == 0, "all is final"


def test_days_before_the_first_window_stay_unknown(desk: World) -> None:
    desk.meters = [HOME, GAS]
    desk.fetch()
    live(desk, 3)
    days = [each for each in desk.simulator.requests if each.endpoint == "readings-day"]
    assert {length_of(each).days for each in days} == {31}
    with desk.ledger() as ledger:
        for name, first in (("home", date(2026, 11, 14)), ("gas", FIRST)):
            total = ledger.sums.total(desk.meter(name))
            assert total
            assert total.since == first
            assert ledger.readings.known_span(desk.meter(name)) == (first, total.until)


@pytest.mark.parametrize("days", [8, 25, 29])
def test_a_correction_that_is_weeks_late_is_seen_in_the_request_for_a_new_day(desk: World, days: int) -> None:
    desk.fetch()
    live(desk, days)
    day = date(2026, 11, 20)
    desk.simulator.correct(HOME["ean"], day, delta_wh=700)
    desk.simulator.forget_requests()
    live(desk, 1)
    assert (desk.asked("readings-day"), desk.asked("readings-interval")) == (1, 2)
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 14), day + (days + 1) * ONE_DAY)
    assert desk.invented() == []


def test_intervals_of_an_old_correction_that_do_not_come_are_asked_for_once_a_week(desk: World) -> None:
    desk.fetch()
    live(desk, 20)
    desk.simulator.correct(HOME["ean"], date(2026, 11, 20), delta_wh=700)
    desk.simulator.fault("replace", where="readings-interval", body=b"[]")
    desk.simulator.forget_requests()
    live(desk, 1)
    again = [each for each in desk.simulator.requests if asked_about(each, date(2026, 11, 20))]
    assert len(again) == 1
    live(desk, 6)
    again = [each for each in desk.simulator.requests if asked_about(each, date(2026, 11, 20))]
    assert len(again) == 1
    desk.simulator.clear()
    live(desk, 2)
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 14), date(2026, 12, 19))
    assert desk.invented() == []


def asked_about(record: RequestRecord, day: date) -> bool:
    return record.endpoint == "readings-interval" and record.query["historyFrom"].startswith(day.isoformat())


def test_a_day_that_is_not_validated_becomes_so_weeks_later_without_a_request_for_its_intervals(
    home: World, mosquitto: Mosquitto
) -> None:
    home.simulator.fault("not-validated")
    home.once()
    assert says(mosquitto.retained(), "fluvius/home/day")["validated"] is False
    home.changes["schedule.at"] = ["09:15"]
    home.meters = [{**HOME, "until": "2026-11-21"}]
    for _ in range(6):
        home.clock.pass_by(days=1)
        home.simulator.forget_requests()
        home.fetch()
        assert home.asked("readings") == 0
    home.simulator.clear()
    home.clock.pass_by(days=1)
    home.simulator.forget_requests()
    home.once()
    assert (home.asked("readings-day"), home.asked("readings-interval")) == (1, 0)
    assert says(mosquitto.retained(), "fluvius/home/day")["validated"] is True
    assert says(mosquitto.retained(), "fluvius/home/intervals")["validated"] is True


def test_provisional_kwh_are_published_as_not_validated_until_they_are_definitive(
    home: World, mosquitto: Mosquitto
) -> None:
    home.meters = [GAS]
    home.simulator.provisional_gas(timedelta(days=2), writing="words")
    home.once()
    assert says(mosquitto.retained(), "fluvius/gas/day")["validated"] is False
    first = says(mosquitto.retained(), "fluvius/gas/day")
    home.simulator.forget_requests()
    home.meters = [{**GAS, "until": "2026-11-18"}]
    home.clock.pass_by(days=7)
    home.once()
    last = says(mosquitto.retained(), "fluvius/gas/day")
    assert (last["date"], last["validated"], last["revision"]) == (first["date"], True, 2)
    assert last["volume"] == first["volume"]
    assert last["consumption"] != first["consumption"]
    assert home.total("gas") == home.truth(GAS["ean"], FIRST, date(2026, 11, 17))


# --- the Energy API


def test_the_energy_api_brings_definitive_kwh_in_the_one_request_for_what_was_stored(desk: World) -> None:
    provider = Provider(desk)
    provider.only(GAS["ean"])
    provider.simulator.provisional_gas(SIX_WEEKS)
    provider.fetch()
    live(desk, 41)
    assert provider.totals()[GAS["ean"]] == desk.truth(GAS["ean"], FIRST, date(2026, 12, 28))
    for _ in range(14):
        provider.simulator.forget_requests()
        live(desk, 1)
        assert provider.asked()["energy"] == 1
    last = meterday.latest_published(desk.clock(), Energy.GAS)
    assert definitive_for(desk, 0) > FIRST + 7 * ONE_DAY
    assert provider.totals()[GAS["ean"]] == desk.truth(GAS["ean"], FIRST, last)
    with desk.at_work() as (ledger, fetcher):
        (meter,) = fetcher.meters
        for day, validated in ((FIRST, True), (last, False)):
            assert ledger.days.complete_day(meter, day).validated is validated
            assert {each.validated for each in ledger.days.intervals(meter, day)} == {validated}


def test_days_that_are_stored_anew_and_were_never_asked_for_do_not_begin_a_total(desk: World) -> None:
    provider = Provider(desk)
    provider.only(GAS["ean"])
    provider.simulator.provisional_gas(timedelta(weeks=2))
    provider.fetch()
    live(desk, 10)
    with desk.at_work() as (ledger, fetcher):
        total = ledger.sums.total(fetcher.meters[0])
    assert total
    assert total.since == FIRST
    assert total.days == 17


# --- what the ledger cannot keep, and what Fluvius cannot say


def test_a_damaged_day_is_not_asked_about_and_holds_up_no_other_meter(desk: World) -> None:
    desk.meters = [HOME, SHED]
    desk.fetch()
    live(desk, 5)
    damage(desk, date(2026, 11, 20))
    desk.clock.pass_by(days=1)
    desk.simulator.forget_requests()
    for _ in range(24):
        cycle = desk.fetch()
        assert "is damaged" in str(cycle.errors[0])
        desk.clock.pass_by(minutes=5)
    assert desk.simulator.count("readings-day", ean=HOME["ean"]) == 0
    assert desk.simulator.count("readings-day", ean=SHED["ean"]) == 1
    with desk.ledger() as ledger:
        shed = ledger.days.latest_complete_day(desk.meter("shed"))
    assert shed
    assert shed.date == date(2026, 11, 26)


def test_a_damaged_day_that_a_new_customer_shares_holds_up_no_other_meter(desk: World) -> None:
    desk.meters = [{**HOME, "from": "2026-11-20T12:00:00+01:00"}, SHED]
    desk.fetch()
    damage(desk, date(2026, 11, 20))
    desk.clock.pass_by(days=1)
    cycle = desk.fetch()
    assert [str(error) for error in cycle.errors if "is damaged" in str(error)]
    with desk.ledger() as ledger:
        shed = ledger.days.latest_complete_day(desk.meter("shed"))
    assert shed
    assert shed.date == date(2026, 11, 21)


def test_a_bridge_that_finds_a_damaged_day_of_a_new_customer_goes_on(
    home: World, mosquitto: Mosquitto
) -> None:
    home.meters = [{**HOME, "from": "2026-11-20T12:00:00+01:00"}, SHED]
    home.fetch()
    damage(home, date(2026, 11, 20))
    home.clock.pass_by(minutes=2)  # so short after a run that nothing is asked
    with home.running() as bridge:
        eventually(lambda: "is damaged" in mosquitto.retained().get("fluvius/bridge/health", ""))
        bridge.wish(Command("refresh", b""))
        eventually(lambda: mosquitto.retained().get("fluvius/shed/day/date") == "2026-11-20")


def test_a_total_is_not_published_of_amounts_that_are_not_as_they_were_written(
    home: World, mosquitto: Mosquitto
) -> None:
    home.meters = [HOME, SHED]
    home.fetch()
    damage(home, date(2026, 11, 15))
    home.once()
    topics = mosquitto.retained()
    assert "fluvius/home/total" not in topics
    assert "fluvius/shed/total" in topics
    assert "is damaged" in topics["fluvius/bridge/health"]


def test_quarter_hours_that_lag_behind_an_old_correction_are_asked_for_again(desk: World) -> None:
    desk.fetch()
    live(desk, 20)
    day = date(2026, 11, 20)
    desk.simulator.correct(HOME["ean"], day, delta_wh=700)
    desk.simulator.fault("uncorrected-intervals")
    live(desk, 1)
    desk.simulator.clear()
    live(desk, 15)
    assert is_settled(desk, day)


@pytest.mark.parametrize(
    "fault", [{"name": "replace", "body": b'{"slots": 3}'}, {"name": "not-found"}], ids=lambda it: it["name"]
)
def test_one_old_correction_that_is_answered_oddly_keeps_no_other_waiting(
    desk: World, fault: dict[str, Any]
) -> None:
    desk.fetch()
    live(desk, 20)
    odd, other = date(2026, 11, 20), date(2026, 11, 18)  # in the order in which they are asked for
    for day in (odd, other):
        desk.simulator.correct(HOME["ean"], day, delta_wh=700)
    desk.simulator.fault(**fault, where="readings-interval", after=1, times=1)
    desk.simulator.forget_requests()
    live(desk, 1)
    assert desk.simulator.count("readings-interval") == 3
    assert (is_settled(desk, odd), is_settled(desk, other)) == (False, True)
    live(desk, 8)
    assert is_settled(desk, odd)
    again = [each for each in desk.simulator.requests if asked_about(each, odd)]
    assert len(again) == 2, "again after a week"


def test_a_correction_that_waits_when_the_meter_s_time_is_over_is_not_forgotten(desk: World) -> None:
    day = date(2026, 11, 20)
    desk.fetch()
    desk.simulator.correct(HOME["ean"], day, delta_wh=700)
    desk.simulator.fault("replace", where="readings-interval", body=b"[]")
    live(desk, 1)
    desk.meters = [{**HOME, "until": "2026-11-21"}]
    live(desk, 8)
    desk.simulator.forget_requests()
    live(desk, 14)
    assert not is_settled(desk, day)
    assert desk.simulator.count("readings-interval") == 2, "once a week at most"
    desk.simulator.clear()
    live(desk, 8)
    assert is_settled(desk, day)
    desk.simulator.forget_requests()
    live(desk, 14)
    assert desk.asked() == 0


def is_settled(world: World, day: date) -> bool:
    """Whether a day's intervals have followed its daily amounts."""
    with world.ledger() as ledger:
        (facts,) = ledger.days.facts(world.meter(), [day])
    return (facts.complete, facts.corrected, facts.disagrees) == (True, False, False)


def test_the_final_kwh_of_a_month_cost_a_few_requests_a_day(desk: World) -> None:
    desk.meters = [GAS]
    desk.simulator.provisional_gas(SIX_WEEKS)
    desk.fetch()
    most = 0
    for _ in range(80):
        desk.simulator.forget_requests()
        live(desk, 1)
        most = max(most, desk.asked("readings-interval"))
    assert most <= 7 + 7 + 1
