"""A day and its quarter-hours say the same, or one of them does not count. Over HTTP, with a broker."""

import csv
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.fetching.due import Occasion
from bridge.metering import agreement, completeness
from bridge.metering.completeness import DayFacts
from bridge.metering.hours import spread
from bridge.metering.meterday import ONE_DAY, intervals_of, span, start_of
from bridge.metering.model import Direction, Energy, Register, Tariff, Unit
from tests.rig.mosquitto import Ear, Mosquitto
from tests.rig.reading import Reader
from tests.rig.registers import TOTAL
from tests.rig.world import GAS, HOME, World, says

EAN = HOME["ean"]
DAY = date(2026, 11, 20)  # the newest one, when the clock begins
FIRST = date(2026, 11, 14)
HIGH, LOW = (TOTAL._replace(tariff=tariff) for tariff in (Tariff.HIGH, Tariff.LOW))
VOLUME = TOTAL._replace(unit=Unit.M3)
CONSUMED, COUNTED_IN_M3 = (Direction.CONSUMPTION, Unit.KWH), (Direction.CONSUMPTION, Unit.M3)

# The rule


def differ(
    daily: Mapping[Register, Any],
    each: Mapping[Register, Any],
    slots: int = 96,
    energy: Energy = Energy.ELECTRICITY,
    *,
    is_whole: bool = True,
) -> dict[agreement.Flow, Decimal]:
    intervals = [{register: Decimal(amount) for register, amount in each.items()}] * slots
    amounts = {register: Decimal(amount) for register, amount in daily.items()}
    found = agreement.disagreements(amounts, intervals, energy, is_whole=is_whole)
    return {one.flow: one.difference for one in found}


def test_a_last_decimal_for_each_amount_is_rounding_and_more_is_not() -> None:
    assert differ({TOTAL: "9.697"}, {TOTAL: "0.1"}) == {}
    assert differ({TOTAL: "9.503"}, {TOTAL: "0.1"}) == {}
    assert differ({TOTAL: "9.698"}, {TOTAL: "0.1"}) == {CONSUMED: Decimal("-0.098")}
    assert differ({TOTAL: "9.502"}, {TOTAL: "0.1"}) == {CONSUMED: Decimal("0.098")}


def test_tariffs_are_compared_as_one_flow() -> None:
    assert differ({HIGH: 60, LOW: 36}, {TOTAL: 1}) == {}
    assert differ({TOTAL: 96}, {LOW: 1}) == {}


def test_cubic_metres_are_compared_beside_the_kilowatt_hours() -> None:
    assert differ({TOTAL: 240, VOLUME: 24}, {TOTAL: 10, VOLUME: 1}, 24, Energy.GAS) == {}
    assert differ({TOTAL: 240, VOLUME: 25}, {TOTAL: 10, VOLUME: 1}, 24, Energy.GAS) == {
        COUNTED_IN_M3: Decimal(-1)
    }


def test_the_kilowatt_hours_of_gas_are_as_exact_as_its_cubic_metres() -> None:
    assert differ({TOTAL: "240.3"}, {TOTAL: 10}, 24, Energy.GAS) == {}
    assert differ({TOTAL: "240.4"}, {TOTAL: 10}, 24, Energy.GAS) == {CONSUMED: Decimal("-0.4")}


def test_a_part_of_a_day_contradicts_it_only_by_too_much() -> None:
    assert differ({TOTAL: 96}, {TOTAL: 1}, 40, is_whole=False) == {}
    assert differ({TOTAL: 30}, {TOTAL: 1}, 40, is_whole=False) == {CONSUMED: Decimal(10)}


@given(st.lists(st.decimals(0, 100, places=6), min_size=92, max_size=100), st.sampled_from([0, 1]))
def test_what_was_rounded_or_cut_off_always_agrees(counted: list[Decimal], cut_off: int) -> None:
    rounding = ["ROUND_HALF_UP", "ROUND_DOWN"][cut_off]
    last = Decimal("0.001")
    intervals = [{TOTAL: amount.quantize(last, rounding)} for amount in counted]
    daily = {TOTAL: sum(counted, Decimal(0)).quantize(last, rounding)}
    assert agreement.disagreements(daily, intervals, Energy.ELECTRICITY, is_whole=True) == []


def test_a_tariff_that_quarter_hours_know_is_not_rounding() -> None:
    """A day of the low tariff alone is whole when its intervals know of no other."""
    starts = intervals_of(DAY, Energy.ELECTRICITY)
    low = {start: {LOW: Decimal("1.0001")} for start in starts}
    day = DayFacts(DAY, {LOW: Decimal(96)}, low, 96)
    usual = frozenset({HIGH, LOW})
    assert completeness.is_complete(day, Energy.ELECTRICITY, usual, without_intervals=False)
    both = replace(day, intervals={**low, starts[0]: {HIGH: Decimal("0.01")}})
    assert not completeness.is_complete(both, Energy.ELECTRICITY, usual, without_intervals=False)


# A new day whose quarter-hours are wrong


def run(home: World, mosquitto: Mosquitto, occasion: Occasion | None = None) -> dict[str, str]:
    """A cycle; what the broker then has, without the base topic."""
    if occasion:
        home.fetch(occasion)
    home.once()
    return {
        topic.removeprefix("fluvius/"): payload for topic, payload in mosquitto.retained("fluvius/#").items()
    }


def asked(home: World) -> tuple[int, int]:
    """Requests for days and for intervals since this was last asked."""
    counted = home.asked("readings-day"), home.asked("readings-interval")
    home.simulator.forget_requests()
    return counted


def known(home: World) -> None:
    """Every day but the newest is there."""
    home.clock.move_to("2026-11-20 09:00")
    assert not home.fetch().errors
    home.clock.move_to("2026-11-21 06:15")
    home.simulator.forget_requests()


def test_a_day_whose_quarter_hours_say_more_is_awaited_and_status_says_by_how_much(
    home: World, mosquitto: Mosquitto
) -> None:
    known(home)
    home.simulator.fault("disagreeing-intervals", amount=1000)
    retained = run(home, mosquitto)
    status = says(retained, "home/status")
    daily = home.truth(EAN, DAY, DAY)
    consumed = daily["consumption", "high", "kWh"] + daily["consumption", "low", "kWh"]
    assert status["disagreements"] == [
        {
            "date": "2026-11-20",
            "flow": "consumption",
            "day": consumed,
            "intervals": consumed + 1,
            "difference": 1,
        }
    ]
    assert (status["problem"], status["days_awaited"]) == (True, ["2026-11-20"])
    assert "do not add up" in status["advice"]
    assert retained["home/day/date"] == "2026-11-19"
    home.simulator.clear()
    home.clock.move_to("2026-11-21 09:15")
    retained = run(home, mosquitto)
    status = says(retained, "home/status")
    assert "disagreements" not in status
    assert (status["problem"], status["days_awaited"]) == (False, [])
    assert says(retained, "home/intervals")["date"] == retained["home/day/date"] == "2026-11-20"


def test_an_impossible_quarter_hour_is_never_believed(home: World, mosquitto: Mosquitto) -> None:
    known(home)
    home.simulator.fault("impossible-amounts")
    retained = run(home, mosquitto)
    assert says(retained, "home/status")["days_awaited"] == ["2026-11-20"]
    assert says(retained, "home/peak")["peak"] < 20
    assert home.invented() == []


def test_a_day_in_doubt_costs_one_request_in_each_run(home: World) -> None:
    known(home)
    home.simulator.fault("disagreeing-intervals")
    home.fetch()
    assert asked(home) == (1, 1)
    for hour in ("09:15", "12:15", "18:15"):
        home.clock.move_to(f"2026-11-21 {hour}")
        home.fetch()
        assert asked(home) == (0, 1)
    home.fetch()
    assert asked(home) == (0, 0), "twice in one cycle"


def test_many_days_in_doubt_cost_one_request_too(home: World) -> None:
    home.simulator.fault("disagreeing-intervals")
    home.fetch()
    home.simulator.forget_requests()
    for hours in range(1, 4):
        home.clock.pass_by(hours=hours)
        home.fetch()
        assert asked(home) == (0, 1)
    for day in range(22, 30):
        home.clock.move_to(f"2026-11-{day} 09:15")
        home.fetch()
        days, intervals = asked(home)
        assert (days, intervals <= 2) == (1, True)


def until_late(home: World) -> None:
    """Four runs a day until Fluvius was never later with the twentieth."""
    for day in range(21, 26):
        for hour in ("06:15", "09:15", "12:15", "18:15"):
            home.clock.move_to(f"2026-11-{day} {hour}")
            home.fetch()


def only_of(home: World, day: date) -> None:
    """Fluvius is wrong about that day's quarter-hours for ever: it counts them before a correction."""
    home.simulator.correct(EAN, day, delta_wh=-2000)
    home.simulator.fault("uncorrected-intervals")


def test_after_the_usual_wait_the_day_counts_and_its_quarter_hours_do_not(
    home: World, mosquitto: Mosquitto
) -> None:
    known(home)
    only_of(home, DAY)
    until_late(home)
    retained = run(home, mosquitto)
    status = says(retained, "home/status")
    assert (status["days_awaited"], status["problem"]) == ([], True)
    assert [each["date"] for each in status["disagreements"]] == ["2026-11-20"]
    assert status["disagreements"][0]["difference"] == 2
    assert "the day's amount counts" in status["advice"]
    assert home.total() == home.truth(EAN, date(2026, 11, 13), date(2026, 11, 24))
    with home.ledger() as ledger:
        meter = home.meter()
        [hours] = [spread(day) for day in ledger.sums.hourly(meter, DAY, DAY)]
        assert all(set(each) == {start_of(DAY, meter.energy)} for each in hours.values())
        [peaks] = ledger.peaks.peak_months(meter, [date(2026, 11, 1)])
        assert peaks.counted
        assert peaks.counted.start.date() != DAY


@pytest.fixture
def reader(reader: Reader) -> Reader:
    """One who has one meter."""
    reader.world.meters, reader.world.changes = [HOME], {}
    return reader


def exported(reader: Reader, resolution: str) -> dict[str, set[str]]:
    """By date, what `complete` says."""
    ended = reader.types("export", "--format", "csv", "--resolution", resolution)
    found: dict[str, set[str]] = {}
    for line in csv.DictReader(StringIO(ended.out)):
        found.setdefault(line["date"], set()).add(line["complete"])
    return found


def test_an_export_of_quarter_hours_says_that_they_do_not_count(reader: Reader) -> None:
    known(reader.world)
    only_of(reader.world, DAY)
    reader.world.fetch()
    assert exported(reader, "day")[str(DAY)] == exported(reader, "interval")[str(DAY)] == {"false"}
    until_late(reader.world)
    assert exported(reader, "day")[str(DAY)] == {"true"}
    assert exported(reader, "interval")[str(DAY)] == {"false"}
    assert exported(reader, "interval")["2026-11-19"] == {"true"}


def test_the_intervals_topic_never_shows_quarter_hours_that_do_not_add_up(
    home: World, mosquitto: Mosquitto
) -> None:
    home.fetch()
    only_of(home, DAY)
    retained = run(home, mosquitto, Occasion.ASKED)
    assert says(retained, "home/day")["consumption"]["total"] == sum(
        amount for (side, _, _), amount in home.truth(EAN, DAY, DAY).items() if side == "consumption"
    )
    assert "home/intervals" not in retained
    home.simulator.clear()
    home.clock.pass_by(hours=3)
    retained = run(home, mosquitto)
    assert says(retained, "home/intervals")["date"] == "2026-11-20"
    assert says(retained, "home/day")["revision"] == 2, "it was corrected once"


def streamed(ear: Ear, day: date) -> list[str]:
    """The starts of a day's quarter-hours that were streamed."""
    starts = [str(json.loads(message.payload)["start"]) for message in ear.messages]
    return [start for start in starts if start.startswith(str(day))]


def test_quarter_hours_that_do_not_add_up_are_not_streamed_until_they_do(
    home: World, mosquitto: Mosquitto
) -> None:
    home.changes["mqtt.stream"] = True
    known(home)
    home.simulator.fault("disagreeing-intervals")
    with mosquitto.listen("fluvius/home/reading") as ear:
        home.once()
        assert streamed(ear, DAY) == []
        home.simulator.clear()
        home.clock.pass_by(hours=3)
        home.once()
        starts = streamed(ear, DAY)
    assert len(starts) == len(set(starts)) == 96
    assert home.invented(ear.messages) == []


# A correction


def hours_of(home: World, day: date) -> dict[Any, Decimal]:
    with home.ledger() as ledger:
        [found] = ledger.sums.hourly(home.meter(), day, day)
    amounts: dict[Any, Decimal] = defaultdict(Decimal)
    for each in spread(found).values():
        for hour, amount in each.items():
            amounts[hour] += amount
    return dict(amounts)


@pytest.mark.parametrize("ago", [1, 5])
def test_a_corrected_day_gets_its_quarter_hours_in_the_same_visit_however_lately_they_were_asked_for(
    home: World, ago: int
) -> None:
    day = DAY - ONE_DAY * ago
    home.fetch()
    home.simulator.correct(EAN, day, delta_wh=-250, at=home.clock() + timedelta(minutes=30))
    home.clock.pass_by(hours=1)
    asked(home)
    home.fetch(Occasion.ASKED)
    assert asked(home) == (1, 1)
    with home.ledger() as ledger:
        [facts] = ledger.days.facts(home.meter(), [day])
        assert (facts.complete, facts.corrected, facts.disagrees) == (True, False, False)
        intervals = {each.start: each.amounts for each in ledger.days.intervals(home.meter(), day)}
    slots = home.simulator.slot_amounts(EAN, day)
    assert {start: sum(each.values()) for start, each in intervals.items()} == {
        start: sum(each.values()) for start, each in slots.items()
    }


def test_a_correction_whose_quarter_hours_do_not_follow_leaves_no_silly_first_hour(reader: Reader) -> None:
    home, day = reader.world, DAY - 5 * ONE_DAY
    home.fetch()
    before = hours_of(home, day)
    home.simulator.correct(EAN, day, delta_wh=-250)
    home.simulator.fault("uncorrected-intervals")
    home.clock.pass_by(hours=1)
    asked(home)
    home.fetch(Occasion.ASKED)
    assert asked(home) == (1, 1)
    after = hours_of(home, day)
    assert after != before
    assert list(after) == [start_of(day, Energy.ELECTRICITY)], "hours that do not add up say nothing"
    assert exported(reader, "day")[str(day)] == {"true"}
    assert exported(reader, "interval")[str(day)] == {"false"}
    assert home.total() == home.truth(EAN, FIRST, DAY)
    home.simulator.clear()
    home.clock.pass_by(hours=21)
    home.fetch()
    assert exported(reader, "interval")[str(day)] == {"true"}
    assert len(hours_of(home, day)) == 24


# Beyond


def test_a_day_that_the_bounds_cut_counts_when_its_quarter_hours_add_up(home: World) -> None:
    home.meters = [{**HOME, "from": "2026-11-20T12:00"}]
    home.simulator.fault("disagreeing-intervals")
    home.fetch()
    assert home.total() == {}
    home.simulator.clear()
    home.clock.pass_by(hours=3)
    home.fetch()
    with home.ledger() as ledger:
        assert ledger.days.complete_days(home.meter(), FIRST, DAY) == [DAY]


def test_gas_hours_are_compared_with_their_day(home: World) -> None:
    home.meters = [GAS]
    home.simulator.fault("disagreeing-intervals", amount=5000)
    home.fetch()
    with home.at_work() as (_, fetcher):
        found = fetcher.progress(home.meter("gas")).disagreements
    assert date(2026, 11, 17) in found
    home.simulator.clear()
    home.clock.pass_by(hours=3)
    home.fetch()
    with home.ledger() as ledger:
        latest = ledger.days.latest_complete_day(home.meter("gas"))
    assert latest
    assert latest.date == date(2026, 11, 17)


def test_history_says_which_days_do_not_add_up(reader: Reader) -> None:
    reader.world.simulator.fault("disagreeing-intervals")
    ended = reader.types("backfill", "--from", "2026-10-01", "--to", "2026-10-03")
    assert "whose quarter-hours do not add up to the day, and do not count: 3 days" in ended.out
    reader.world.simulator.clear()
    reader.world.clock.pass_by(hours=1)
    reader.types("backfill", "--from", "2026-10-01", "--to", "2026-10-03")
    with reader.world.ledger() as ledger:
        days = span(date(2026, 10, 1), date(2026, 10, 3))
        assert not any(day.disagrees for day in ledger.days.facts(reader.world.meter(), days))
