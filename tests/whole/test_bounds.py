"""A meter that is followed from, or until: what lies within counts, exactly, and nothing else does.

The truth is the simulator's own: its intervals within the bounds, summed.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bridge.commands import backfill
from bridge.fetching.due import Occasion
from bridge.homeassistant.books import books
from bridge.homeassistant.core import Core as Connection
from bridge.homeassistant.series import Naming
from bridge.homeassistant.statistics import Statistics
from bridge.ledger import Ledger
from bridge.metering.hours import spread
from bridge.metering.meterday import ONE_DAY, day_of, end_of, interval_length, intervals_of, span, start_of
from bridge.metering.model import BRUSSELS, Meter, Register
from bridge.simulator import SimulatedMeter, Simulator
from tests.rig.chance import often
from tests.rig.core import TOKEN, Core
from tests.rig.mosquitto import Mosquitto
from tests.rig.provider import Provider
from tests.rig.world import GAS, HOME, SHED, Clock, World, says
from tests.rig.years import fill

SINGLE = {"name": "single", "ean": "541448820000000039", "serial": "1SAG1100042064"}
FIRST, LAST = date(2026, 11, 14), date(2026, 11, 20)  # of electricity, on the morning of the world's clock

Sums = dict[tuple[str, str, str], Decimal]
Hours = dict[tuple[str, datetime], Decimal]
Bounds = tuple[str | None, str | None]


def at(text: str) -> datetime:
    """A local time, with an offset where the clock shows it twice."""
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=BRUSSELS)).astimezone(UTC)


def bounded(meter: dict[str, str], since: str | None = None, until: str | None = None) -> dict[str, str]:
    """The meter as it is written in the configuration."""
    return {**meter, **{key: text for key, text in (("from", since), ("until", until)) if text}}


@pytest.fixture(autouse=True)
def _single(request: pytest.FixtureRequest) -> None:
    """A meter with one tariff."""
    if "simulator" in request.fixturenames:
        with_single(request.getfixturevalue("simulator"))


def with_single(simulator: Simulator) -> Simulator:
    meter = SimulatedMeter(SINGLE["ean"], SINGLE["serial"], tariffs="single")
    simulator.measurements.meters[meter.ean] = meter
    return simulator


def truth(world: World, name: str, first: date, last: date) -> Sums:
    """What a meter counted on those days as far as its bounds go, interval by interval."""
    meter = world.meter(name)
    sums: Sums = {}
    for day in span(first, last):
        for start, amounts in world.simulator.slot_amounts(meter.ean, day).items():
            if (meter.since is None or start >= meter.since) and (meter.until is None or start < meter.until):
                for (t, dc, u), amount in amounts.items():
                    key = in_our_words(t, dc, u)
                    sums[key] = sums.get(key, Decimal(0)) + amount
    return without_zeros(sums)


def in_our_words(t: int, dc: int, u: int) -> tuple[str, str, str]:
    directions, tariffs = {1: "consumption", 2: "injection"}, {0: "total", 1: "high", 2: "low"}
    return directions[t], tariffs[dc], {3: "kWh", 5: "m³"}[u]


def without_zeros(sums: Mapping[Any, Decimal]) -> dict[Any, Decimal]:
    return {key: amount for key, amount in sums.items() if amount}


def counted(world: World, name: str) -> Sums:
    return without_zeros(world.total(name))


def known_days(world: World, name: str) -> list[date]:
    """Those that count, in whole or in part."""
    with world.ledger() as ledger:
        return ledger.days.complete_days(world.meter(name), date.min, date.max)


def readings(world: World) -> set[Any]:
    """All rows of the ledger that hold an amount."""
    with closing(sqlite3.connect(world.data_dir / "ledger.sqlite")) as db:
        return set(db.execute("SELECT meter, daily, start, register, device, amount FROM reading"))


# --- what counts


MIDDLE: list[tuple[dict[str, str], str, Bounds, tuple[str, str]]] = [
    # the meter, now, from and until, and the first and the last day of which anything is within
    (HOME, "2026-11-21 09:00", ("2026-11-16", None), ("2026-11-16", "2026-11-20")),
    (HOME, "2026-11-21 09:00", (None, "2026-11-16"), ("2026-11-14", "2026-11-15")),
    (HOME, "2026-11-21 09:00", ("2026-11-16T14:30", None), ("2026-11-16", "2026-11-20")),
    (HOME, "2026-11-21 09:00", (None, "2026-11-16 14:30"), ("2026-11-14", "2026-11-16")),
    (HOME, "2026-11-21 09:00", ("2026-11-15T23:45", "2026-11-18T00:15"), ("2026-11-15", "2026-11-18")),
    (HOME, "2026-11-21 09:00", ("2026-11-16T06:15", "2026-11-16T19:45"), ("2026-11-16", "2026-11-16")),
    (HOME, "2026-11-21 09:00", ("2026-11-16T06:15", "2026-11-16T06:30"), ("2026-11-16", "2026-11-16")),
    (HOME, "2026-11-21 09:00", ("2026-11-16", "2026-11-17"), ("2026-11-16", "2026-11-16")),
    (HOME, "2026-11-21 09:00", ("2026-11-16T00:00", "2026-11-16T00:15"), ("2026-11-16", "2026-11-16")),
    (SINGLE, "2026-11-21 09:00", ("2026-11-16T06:15", "2026-11-19T19:45"), ("2026-11-16", "2026-11-19")),
    (GAS, "2026-11-21 09:00", ("2026-11-12", "2026-11-15"), ("2026-11-12", "2026-11-14")),
    (GAS, "2026-11-21 09:00", ("2026-11-12T05:00", "2026-11-15T07:00"), ("2026-11-11", "2026-11-15")),
    (GAS, "2026-11-21 09:00", ("2026-11-12T19:00", "2026-11-12T20:00"), ("2026-11-12", "2026-11-12")),
    # the night on which the clock goes back, and the day of 25 hours around it
    (HOME, "2026-10-29 09:00", ("2026-10-25T02:30+02:00", None), ("2026-10-25", "2026-10-28")),
    (HOME, "2026-10-29 09:00", ("2026-10-25T02:30+01:00", None), ("2026-10-25", "2026-10-28")),
    (HOME, "2026-10-29 09:00", (None, "2026-10-25T02:15+01:00"), ("2026-10-22", "2026-10-25")),
    (
        HOME,
        "2026-10-29 09:00",
        ("2026-10-25T02:45+02:00", "2026-10-25T02:15+01:00"),
        ("2026-10-25", "2026-10-25"),
    ),
    (HOME, "2026-10-29 09:00", ("2026-10-25", "2026-10-26"), ("2026-10-25", "2026-10-25")),
    (SINGLE, "2026-10-29 09:00", ("2026-10-25T02:00+01:00", None), ("2026-10-25", "2026-10-28")),
    (
        GAS,
        "2026-10-29 09:00",
        ("2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"),
        ("2026-10-24", "2026-10-24"),
    ),
    (GAS, "2026-10-29 09:00", ("2026-10-25T02:00+01:00", None), ("2026-10-24", "2026-10-25")),
    # the night on which it goes forward, and the day of 23
    (HOME, "2026-04-01 09:00", ("2026-03-29T01:45", None), ("2026-03-29", "2026-03-31")),
    (HOME, "2026-04-01 09:00", ("2026-03-29T03:00", None), ("2026-03-29", "2026-03-31")),
    (HOME, "2026-04-01 09:00", ("2026-03-29", "2026-03-30"), ("2026-03-29", "2026-03-29")),
    (HOME, "2026-04-01 09:00", ("2026-03-29T01:45", "2026-03-29T03:15"), ("2026-03-29", "2026-03-29")),
    (GAS, "2026-04-01 09:00", ("2026-03-29T01:00", "2026-03-29T06:00"), ("2026-03-28", "2026-03-28")),
    (GAS, "2026-04-01 09:00", (None, "2026-03-29T03:00"), ("2026-03-22", "2026-03-28")),
]


@pytest.mark.parametrize(
    ("meter", "now", "bounds", "within"), MIDDLE, ids=[f"{m[0]['name']}-{m[2]}" for m in MIDDLE]
)
def test_what_lies_within_is_counted_to_the_last_digit(
    desk: World, meter: dict[str, str], now: str, bounds: Bounds, within: tuple[str, str]
) -> None:
    desk.clock.move_to(now)
    desk.meters = [bounded(meter, *bounds)]
    name = meter["name"]
    assert not desk.fetch().errors
    days = span(*map(date.fromisoformat, within))
    assert known_days(desk, name) == days
    assert counted(desk, name) == truth(desk, name, days[0], days[-1])
    with desk.ledger() as ledger:
        total, latest = ledger.sums.total(desk.meter(name)), ledger.days.latest_complete_day(desk.meter(name))
        assert total
        assert (total.since, total.until, total.days) == (days[0], days[-1], len(days))
        assert latest
        assert latest.date == days[-1]
        of_the_day = without_zeros(latest.amounts)
        assert of_the_day == truth(desk, name, days[-1], days[-1])
    assert desk.invented() == []


def test_only_the_days_that_bounds_leave_or_cut_are_asked_for(desk: World) -> None:
    desk.meters = [bounded(HOME, "2026-11-16T14:30", "2026-11-18T14:30")]
    desk.fetch()
    asked = [record.query for record in desk.simulator.requests if record.endpoint.startswith("readings")]
    assert {query["historyFrom"][:10] for query in asked} == {"2026-11-16", "2026-11-17", "2026-11-18"}
    assert {query["historyUntil"][:10] for query in asked} == {"2026-11-16", "2026-11-17", "2026-11-18"}


def test_a_day_that_is_cut_waits_for_those_of_its_intervals_that_count(desk: World) -> None:
    slots = desk.simulator
    desk.meters = [bounded(HOME, None, "2026-11-20T10:00")]
    slots.fault("late-intervals", partial=True, hours=30)
    desk.fetch()
    assert known_days(desk, "home")[-1] == LAST  # its first half is enough
    desk.meters = [bounded(HOME, "2026-11-20T10:00")]
    desk.clock.pass_by(hours=3)
    desk.fetch()
    assert known_days(desk, "home") == []  # its last half is not there
    slots.clear()
    desk.clock.pass_by(hours=3)
    desk.fetch()
    assert known_days(desk, "home") == [LAST]
    assert counted(desk, "home") == truth(desk, "home", LAST, LAST)


def test_a_correction_of_a_day_that_is_cut_counts_as_far_as_it_lies_within(desk: World) -> None:
    desk.meters = [bounded(HOME, "2026-11-18T19:00")]
    desk.fetch()
    before = counted(desk, "home")
    desk.simulator.correct(HOME["ean"], date(2026, 11, 18), delta_wh=4000, over=96)
    desk.clock.pass_by(days=1)
    desk.fetch()
    assert counted(desk, "home") == truth(desk, "home", date(2026, 11, 18), date(2026, 11, 21))
    with desk.ledger() as ledger:
        part = ledger.days.complete_day(desk.meter(), date(2026, 11, 18))
    assert without_zeros(part.amounts) == truth(desk, "home", part.date, part.date)
    assert part.revision == 2
    assert before


# --- any two bounds


@pytest.fixture(scope="module")
def autumn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two weeks with a day of 25 hours, of three meters."""
    clock = Clock("2026-10-31 09:00")
    with with_single(Simulator(now=clock)) as simulator:
        world = World(tmp_path_factory.mktemp("autumn"), simulator, clock, broker_port=1)
        world.meters = [HOME, GAS, SINGLE]
        world.changes["schedule.lookback_days"] = 14
        world.fetch()
        yield world


@pytest.fixture(scope="module")
def kept(autumn: World) -> Iterator[Ledger]:
    with autumn.ledger() as ledger:
        yield ledger


NAMES = st.sampled_from(["home", "gas", "single"])
PLACES = st.lists(st.integers(0, 14 * 96 + 4), min_size=1, max_size=2, unique=True).map(sorted)


def parts_of(meter: Meter, places: list[int]) -> list[Meter]:
    """The meter in two or three parts that meet at slots' edges."""
    length = interval_length(meter.energy)
    begin = start_of(day_of(at("2026-10-31 00:00"), meter.energy) - 17 * ONE_DAY, meter.energy)
    edges = [begin + length * (place if meter.energy == "electricity" else place // 4) for place in places]
    cuts = [None, *dict.fromkeys(edges), None]
    return [replace(meter, since=since, until=until) for since, until in pairwise(cuts)]


def summed(parts: Sequence[Mapping[Any, Decimal]]) -> dict[Any, Decimal]:
    sums: dict[Any, Decimal] = {}
    for part in parts:
        for key, amount in part.items():
            sums[key] = sums.get(key, Decimal(0)) + amount
    return without_zeros(sums)


def in_hours(ledger: Ledger, meter: Meter) -> dict[tuple[Register, datetime], Decimal]:
    """What goes into statistics."""
    return {
        (register, hour): amount
        for day in ledger.sums.hourly(meter, date(2026, 1, 1), date(2026, 12, 31))
        for register, hours in spread(day).items()
        for hour, amount in hours.items()
    }


@given(NAMES, PLACES)
@hypothesis_settings(max_examples=often(60, soak=600), deadline=None)
def test_the_parts_of_any_division_add_up_to_the_whole(
    autumn: World, kept: Ledger, name: str, places: list[int]
) -> None:
    whole = autumn.meter(name)
    parts = parts_of(whole, places)
    totals = [total.amounts for part in parts if (total := kept.sums.total(part))]
    assert summed(totals) == summed([kept.sums.total(whole).amounts])  # type: ignore[union-attr]
    for month in (date(2026, 10, 1), date(2026, 9, 1)):
        months = [kept.sums.month(part, month, autumn.clock()).amounts for part in parts]
        assert summed(months) == summed([kept.sums.month(whole, month, autumn.clock()).amounts])
    assert summed([in_hours(kept, part) for part in parts]) == summed([in_hours(kept, whole)])


@given(NAMES, PLACES)
@hypothesis_settings(max_examples=often(40, soak=400), deadline=None)
def test_every_part_agrees_with_itself(autumn: World, kept: Ledger, name: str, places: list[int]) -> None:
    """The total, the days, the running_sums, the hours and the lines of an export are the same energy."""
    for part in parts_of(autumn.meter(name), places):
        total = kept.sums.total(part)
        days = kept.days.complete_days(part, date.min, date.max)
        assert (total.days if total else 0) == len(days)
        amounts = summed([total.amounts if total else {}])
        assert summed([kept.days.complete_day(part, day).amounts for day in days]) == amounts
        far = datetime(9999, 1, 1, tzinfo=UTC)
        running_sums = kept.sums.running_sums(part, far)
        assert without_zeros({register: each.sum for register, each in running_sums.items()}) == amounts
        intervals = [each.amounts for day in days for each in kept.days.intervals(part, day)]
        assert summed(intervals) == amounts
        for daily in (True, False):
            lines = list(kept.listing.counted(part, date(2026, 10, 1), date(2026, 11, 1), daily=daily))
            assert summed([{line.register: line.amount} for line in lines]) == amounts
            assert all(line.complete for line in lines)
            assert [line.start for line in lines] == sorted(line.start for line in lines)
        facts = kept.days.facts(part, days)
        assert all(each.complete for each in facts)


def test_days_before_an_end_come_though_the_bridge_was_off_when_it_passed(desk: World) -> None:
    desk.meters = [bounded(HOME, None, "2026-11-18T12:00")]
    desk.clock.move_to("2026-11-16 09:00")
    desk.fetch()
    desk.clock.move_to("2026-11-23 09:00")  # all of them are late by now, and none comes after them
    desk.fetch()
    assert known_days(desk, "home") == span(date(2026, 11, 9), date(2026, 11, 18))
    desk.simulator.forget_requests()
    for _ in range(8):
        desk.clock.pass_by(hours=6)
        desk.fetch()
    assert desk.simulator.requests == []


@pytest.mark.parametrize("source", ["portal", "energy_api"])
def test_a_hole_before_an_end_is_asked_for_once_a_day_while_it_is_in_the_window(
    desk: World, source: str
) -> None:
    """A hole before the first day known is none: the meter was not there."""
    never = at("2030-01-01")
    for day in (date(2026, 11, 13), date(2026, 11, 17)):
        desk.simulator.delay(HOME["ean"], day, days_until=never)
    if source == "energy_api":
        configured(Provider(desk), None, "2026-11-19")
        desk.meters = [meter for meter in desk.meters if meter["name"] == "home"]
    else:
        desk.meters = [bounded(HOME, None, "2026-11-19")]
    desk.clock.move_to("2026-11-19 09:00")
    asked = []
    for _ in range(10):
        desk.simulator.forget_requests()
        for _ in range(4):
            desk.fetch()
            desk.clock.pass_by(hours=6)
        asked.append(desk.simulator.count("readings-day") + desk.simulator.count("energy"))
    assert max(asked[3:]) <= 2
    assert asked[-4:] == [0, 0, 0, 0], "it has left the window"


# --- bounds that are moved


MOVES: list[Bounds] = [
    (None, None),
    ("2026-11-16T14:30", None),
    ("2026-11-16T14:30", "2026-11-18T08:15"),
    ("2026-11-18T08:15", None),
    (None, "2026-11-16"),
    ("2026-11-19", "2026-11-19T00:15"),
    ("2026-11-15", "2026-11-20"),
    (None, None),
]


def test_moving_bounds_recounts_and_loses_nothing(desk: World) -> None:
    desk.fetch()
    rows, whole = readings(desk), counted(desk, "home")
    for bounds in MOVES:
        desk.meters = [bounded(HOME, *bounds)]
        desk.clock.pass_by(minutes=10)
        assert not desk.fetch(Occasion.START).errors
        assert counted(desk, "home") == truth(desk, "home", FIRST, LAST), bounds
        assert readings(desk) == rows
    assert counted(desk, "home") == whole


def test_moving_bounds_asks_nothing_for_what_is_known(desk: World) -> None:
    desk.fetch()
    desk.simulator.forget_requests()
    for bounds in MOVES[1:]:
        desk.meters = [bounded(HOME, *bounds)]
        desk.clock.pass_by(minutes=10)
        desk.fetch(Occasion.START)
    assert desk.simulator.count("readings") == 0


def test_what_wider_bounds_bring_into_the_window_is_fetched(desk: World) -> None:
    desk.meters = [bounded(HOME, "2026-11-19T12:00")]
    desk.fetch()
    assert known_days(desk, "home") == [date(2026, 11, 19), LAST]
    desk.meters = [HOME]
    desk.clock.pass_by(minutes=10)
    desk.fetch(Occasion.START)
    assert counted(desk, "home") == truth(desk, "home", FIRST, LAST)


def test_an_end_that_is_taken_away_brings_the_days_since_then(desk: World) -> None:
    desk.meters = [bounded(HOME, None, "2026-11-18T12:00")]
    desk.fetch()
    desk.clock.move_to("2026-12-05 09:00")
    desk.fetch()
    assert known_days(desk, "home")[-1] == date(2026, 11, 18)
    desk.meters = [HOME]
    desk.fetch(Occasion.START)
    assert known_days(desk, "home") == span(FIRST, date(2026, 12, 4))
    assert counted(desk, "home") == truth(desk, "home", FIRST, date(2026, 12, 4))


def test_the_first_thing_that_is_published_keeps_to_the_new_bounds(home: World, mosquitto: Mosquitto) -> None:
    """Also what was worked out before, such as peaks, and what waited to be streamed."""
    home.changes["mqtt.stream"] = True
    home.fetch()  # whose intervals wait for a broker
    home.once()
    before = says(mosquitto.retained(), "fluvius/home/peak")
    home.meters = [bounded(HOME, "2026-11-20")]
    home.simulator.fault("unavailable")
    with mosquitto.listen("fluvius/home/peak") as ear, home.running():
        ear.wait_for(lambda heard: any(not each.retain for each in heard))
    said = [each.payload for each in ear.messages if not each.retain]
    assert all('"start": "2026-11-20' in each for each in said)
    assert before["start"] < "2026-11-20"


# --- on the broker


def test_a_day_that_is_cut_is_published_as_far_as_it_counts(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [bounded(HOME, "2026-11-18T14:30", "2026-11-20T10:15")]
    home.once()
    retained = mosquitto.retained()
    day, intervals = says(retained, "fluvius/home/day"), says(retained, "fluvius/home/intervals")
    assert (day["date"], day["start"], day["end"]) == (
        *("2026-11-20", "2026-11-20T00:00:00+01:00", "2026-11-20T10:15:00+01:00"),
    )
    assert len(intervals["intervals"]) == 41
    for side in ("consumption", "injection"):
        assert sum(each[side] for each in intervals["intervals"]) == day[side]["total"]
    status = says(retained, "fluvius/home/status")
    assert (status["from"], status["until"]) == ("2026-11-18T14:30:00+01:00", "2026-11-20T10:15:00+01:00")
    assert (status["days_awaited"], status["problem"], status["error"]) == ([], False, None)
    total = says(retained, "fluvius/home/total")
    assert (total["since"], total["until"], total["days"]) == ("2026-11-18", "2026-11-20", 3)
    assert total["consumption"]["total"] == sum(
        amount for (side, _, _), amount in truth(home, "home", FIRST, LAST).items() if side == "consumption"
    )
    assert retained["fluvius/home/chart"].startswith("<svg")


@pytest.mark.parametrize("bounds", [("2026-11-20T13:00", "2026-11-20T13:15"), (None, "2026-11-20T00:15")])
def test_a_single_quarter_hour_makes_a_day_an_interval_and_a_picture(
    home: World, mosquitto: Mosquitto, bounds: Bounds
) -> None:
    home.meters = [bounded(HOME, *bounds)]
    home.once()
    retained = mosquitto.retained()
    [interval] = says(retained, "fluvius/home/intervals")["intervals"]
    assert interval["consumption"] == says(retained, "fluvius/home/day")["consumption"]["total"]
    assert retained["fluvius/home/chart"].startswith("<svg")


def test_bounds_that_leave_nothing_take_the_topics_away(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    assert "fluvius/home/day" in mosquitto.retained()
    home.meters = [bounded(HOME, "2030-01-01")]
    home.clock.pass_by(minutes=10)
    home.once()
    retained = mosquitto.retained()
    assert {topic for topic in retained if topic.startswith("fluvius/home/")} == {"fluvius/home/status"}
    assert not any("day_consumption" in topic for topic in retained)


@pytest.mark.parametrize("bounds", [(None, "2026-10-01"), ("2030-01-01", None), ("2026-11-21T09:00", None)])
def test_where_nothing_lies_within_nothing_is_asked_and_the_bridge_is_calm(
    home: World, mosquitto: Mosquitto, bounds: Bounds, caplog: pytest.LogCaptureFixture
) -> None:
    home.meters = [bounded(HOME, *bounds)]
    for _ in range(3):
        assert not home.once().errors
        home.clock.pass_by(hours=6)
    assert home.simulator.requests == []
    retained = mosquitto.retained()
    status, health = says(retained, "fluvius/home/status"), says(retained, "fluvius/bridge/health")
    assert (status["problem"], status["error"], status["advice"]) == (False, None, None)
    assert (status["days_awaited"], status["latest_complete_day"]) == ([], None)
    assert (health["portal"]["last_error"], health["portal"]["failures_in_a_row"]) == (None, 0)
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


def test_a_refresh_does_not_ask_for_what_lies_outside_either(desk: World) -> None:
    desk.meters = [bounded(HOME, None, "2026-10-01")]
    assert not desk.fetch(Occasion.ASKED).errors
    assert desk.simulator.requests == []


def test_a_meter_whose_time_is_over_stays_as_it_was(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [bounded(HOME, None, "2026-11-19T12:00")]
    home.once()
    before = says(mosquitto.retained(), "fluvius/home/total")
    home.clock.move_to("2027-02-03 09:00")
    home.simulator.forget_requests()
    home.once()
    assert home.simulator.requests == []
    retained = mosquitto.retained()
    assert says(retained, "fluvius/home/total") == before
    assert says(retained, "fluvius/home/status")["problem"] is False
    month = says(retained, "fluvius/home/month")
    assert (month["month"], month["days"], month["days_missing"]) == ("2027-02", 0, 0)
    assert (month["last"]["days"], month["last"]["days_missing"]) == (0, 0)


# --- a meter without intervals


@pytest.mark.parametrize("bounds", [("2026-11-16T12:00", None), (None, "2026-11-17T12:00")])
def test_of_a_meter_without_intervals_a_day_that_is_cut_never_counts_and_is_no_problem(
    home: World, mosquitto: Mosquitto, bounds: Bounds
) -> None:
    home.meters = [bounded(SHED, *bounds)]
    for _ in range(8):
        home.once()
        status = says(mosquitto.retained(), "fluvius/shed/status")
        assert (status["problem"], status["days_awaited"]) == (False, []), home.clock()
        home.clock.pass_by(hours=12)
    meter = home.meter("shed")
    whole = [
        day
        for day in span(FIRST, date(2026, 11, 23))
        if (meter.since is None or start_of(day, meter.energy) >= meter.since)
        and (meter.until is None or end_of(day, meter.energy) <= meter.until)
    ]
    assert known_days(home, "shed") == whole
    days = [home.truth(SHED["ean"], day, day) for day in whole]
    assert counted(home, "shed") == summed(days)


def test_of_a_meter_without_intervals_a_day_that_is_cut_costs_no_more_requests(desk: World) -> None:
    desk.meters = [bounded(SHED, "2026-11-16T12:00")]
    for _ in range(6):
        desk.fetch()
        desk.clock.pass_by(hours=6)
    plain = desk.simulator.count("readings")
    desk.simulator.forget_requests()
    desk.clock.move_to("2026-11-21 09:00")
    desk.meters = [SHED]
    desk.changes["data_dir"] = str(desk.folder / "other")
    for _ in range(6):
        desk.fetch()
        desk.clock.pass_by(hours=6)
    assert plain <= desk.simulator.count("readings")


# --- the stream


def streamed(world: World, mosquitto: Mosquitto, name: str = "home") -> list[str]:
    """The starts that one run streams, in UTC."""
    topic = f"fluvius/{name}/reading"
    with mosquitto.listen("fluvius/#") as ear:
        world.once()
        mosquitto.publish("fluvius/the-end", "")
        ear.wait_for(lambda heard: any(each.topic == "fluvius/the-end" for each in heard))
    payloads = [payload for payload in ear.payloads(topic) if payload]
    return [at(says({"": payload}, "")["start"]).isoformat() for payload in payloads]


def starts_within(world: World, first: date, last: date, since: str | None, until: str | None) -> list[str]:
    begin, end = at(since or "2000-01-01"), at(until or "2100-01-01")
    energy = world.meter().energy
    starts = [start for day in span(first, last) for start in intervals_of(day, energy)]
    return [start.isoformat() for start in starts if begin <= start < end]


def test_the_stream_says_each_interval_within_once(home: World, mosquitto: Mosquitto) -> None:
    home.changes["mqtt.stream"] = True
    bounds = ("2026-11-16T14:30", "2026-11-18T08:15")
    home.meters = [bounded(HOME, *bounds)]
    assert streamed(home, mosquitto) == starts_within(home, FIRST, LAST, *bounds)
    home.clock.pass_by(hours=3)
    assert streamed(home, mosquitto) == []


def test_what_wider_bounds_bring_is_streamed_once(home: World, mosquitto: Mosquitto) -> None:
    home.changes["mqtt.stream"] = True
    home.meters = [bounded(HOME, "2026-11-16T14:30")]
    first = streamed(home, mosquitto)
    home.meters = [bounded(HOME, "2026-11-15T12:00")]
    home.clock.pass_by(minutes=10)
    second = streamed(home, mosquitto)
    home.meters = [HOME]
    home.clock.pass_by(minutes=10)
    third = streamed(home, mosquitto)
    everything = starts_within(home, FIRST, LAST, None, None)
    assert sorted(first + second + third) == everything
    assert first == starts_within(home, FIRST, LAST, "2026-11-16T14:30", None)
    assert sorted(second) == starts_within(home, FIRST, LAST, "2026-11-15T12:00", "2026-11-16T14:30")


def test_what_narrower_bounds_leave_out_is_not_streamed_any_more(home: World, mosquitto: Mosquitto) -> None:
    home.changes["mqtt.stream"] = True
    home.fetch()
    home.meters = [bounded(HOME, "2026-11-19T12:00")]
    home.clock.pass_by(minutes=10)
    assert streamed(home, mosquitto) == starts_within(home, FIRST, LAST, "2026-11-19T12:00", None)


def test_bounds_that_move_there_and_back_stream_nothing_twice(home: World, mosquitto: Mosquitto) -> None:
    home.changes["mqtt.stream"] = True
    said = streamed(home, mosquitto)
    for bounds in (("2026-11-18T12:00",), (), (None, "2026-11-18T06:00"), ("2026-11-17", "2026-11-19"), ()):
        home.meters = [bounded(HOME, *bounds)]
        home.clock.pass_by(minutes=10)
        said += streamed(home, mosquitto)
    assert said == starts_within(home, FIRST, LAST, None, None)


# --- statistics


def statistics(core: Core, world: World) -> World:
    world.changes["homeassistant.statistics"] = {"url": core.url, "token": TOKEN}
    return world


def shown(core: Core, prefix: str) -> Hours:
    """What Home Assistant shows of the statistics that are called so, as far as it is not zero."""
    return {
        (each.removeprefix(prefix), hour): Decimal(str(amount))
        for each in core.statistics
        if each.startswith(prefix)
        for hour, amount in core.hours(each).items()
        if amount
    }


def in_true_hours(world: World, name: str, first: date, last: date) -> Hours:
    """The same by the simulator."""
    meter = world.meter(name)
    hours: Hours = {}
    for day in span(first, last):
        for start, amounts in world.simulator.slot_amounts(meter.ean, day).items():
            if (meter.since and start < meter.since) or (meter.until and start >= meter.until):
                continue
            for (t, dc, u), amount in amounts.items():
                direction, tariff, unit = in_our_words(t, dc, u)
                side = "volume" if unit == "m³" else direction
                key = f"{meter.ean}_{side}_{tariff}", start.replace(minute=0)
                hours[key] = hours.get(key, Decimal(0)) + amount
    return without_zeros(hours)


@pytest.mark.parametrize("meter", [HOME, GAS, SINGLE], ids=["double", "gas", "single"])
@pytest.mark.parametrize("day", [date(2026, 10, 25), date(2026, 3, 29)])
def test_statistics_are_those_of_the_span_wherever_bounds_are_moved(
    desk: World, core: Core, meter: dict[str, str], day: date
) -> None:
    world, name = statistics(core, desk), meter["name"]
    world.clock.move_to(f"{day + 4 * ONE_DAY} 09:00")
    world.meters = [meter]
    world.once()
    days = known_days(world, name)
    for bounds in (
        (None, None),
        (f"{day}T11:00", None),
        (f"{day - ONE_DAY}", f"{day}T05:00"),
        (f"{day}T04:00", f"{day}T05:00"),
        (None, f"{day}T23:00"),
        (f"{day}", f"{day + ONE_DAY}"),
        (None, None),
    ):
        world.meters = [bounded(meter, *bounds)]
        world.clock.pass_by(minutes=10)
        world.once()
        assert shown(core, "fluvius:") == in_true_hours(world, name, days[0], days[-1]), bounds
        assert summed_rows(core) == summed_ledger(world, name), bounds


def summed_rows(core: Core) -> dict[str, Decimal]:
    """Where each of Home Assistant's sums ends, and how far it is from where it began."""
    sums = {}
    for each, rows in core.statistics.items():
        ordered = [total for _, (_, total) in sorted(rows.items())]
        sums[each] = Decimal(str(round(ordered[-1] - ordered[0], 6)))
        assert ordered == sorted(ordered), "a sum never falls"
    return without_zeros(sums)


def summed_ledger(world: World, name: str) -> dict[str, Decimal]:
    ean = world.meter(name).ean
    return {
        f"fluvius:{ean}_{'volume' if unit == 'm³' else side}_{tariff}": amount
        for (side, tariff, unit), amount in counted(world, name).items()
    }


@pytest.mark.parametrize("instant", ["2026-11-17T14:30", "2026-11-17T14:45", "2026-11-17"])
def test_two_sources_that_meet_at_an_instant_are_the_whole(desk: World, core: Core, instant: str) -> None:
    world = statistics(core, desk)
    for base, bounds in {"old": (None, instant), "new": (instant, None), "both": (None, None)}.items():
        world.changes |= {"mqtt.base_topic": base, "data_dir": str(world.folder / base)}
        world.meters = [bounded(HOME, *bounds)]
        world.clock.pass_by(minutes=10)
        world.once()
    whole = in_true_hours(world, "home", FIRST, LAST)
    hours: Hours = {}
    for base in ("old", "new"):
        for key, amount in shown(core, f"fluvius:{base}_").items():
            hours[key] = hours.get(key, Decimal(0)) + amount
    assert hours == shown(core, "fluvius:both_") == whole


def test_statistics_over_months_follow_bounds_that_are_moved(desk: World, core: Core) -> None:
    """They are sent in portions of a month, of which bounds may leave nothing."""
    meter = desk.meter()
    with desk.ledger() as ledger:
        fill(ledger, meter, until=LAST, days=100)
        for since, until in (
            (None, None),
            ("2026-10-01T12:30", None),
            (None, "2026-09-01T12:30"),
            (None,) * 2,
        ):
            moved = replace(meter, since=at(since) if since else None, until=at(until) if until else None)
            ledger.bounds.keep_to(moved)
            for imports in (True, False):  # the second time all of it is there
                core.asked.clear()
                with Connection(core.url, TOKEN) as connection:
                    Statistics(connection, ledger, books(ledger, Naming())).bring_up_to_date(
                        moved, at("2000-01-01")
                    )
                assert bool(core.imports) == imports
            of_ours = {
                (f"{meter.ean}_{register.direction}_{register.tariff}", hour): amount
                for (register, hour), amount in in_hours(ledger, moved).items()
            }
            assert shown(core, "fluvius:") == without_zeros(of_ours)


# --- the official API


def configured(provider: Provider, since: str | None = None, until: str | None = None) -> None:
    meters = [{"name": name, "ean": each["ean"]} for name, each in (("home", HOME), ("gas", GAS))]
    meters[1]["energy"] = "gas"
    provider.world.meters = [bounded(meter, since, until) for meter in meters]


def by_flow(sums: Sums) -> dict[Any, Decimal]:
    """The official API's quarter-hours do not say their tariff."""
    return summed([{(side, unit): amount} for (side, _, unit), amount in sums.items()])


def test_bounds_are_kept_with_the_official_api_too(provider: Provider) -> None:
    world = provider.world
    configured(provider, "2026-11-16T14:00", "2026-11-19T08:00")
    assert not provider.fetch().errors
    assert known_days(world, "home") == span(date(2026, 11, 16), date(2026, 11, 19))
    assert by_flow(counted(world, "home")) == by_flow(truth(world, "home", FIRST, LAST))
    assert known_days(world, "gas") == span(date(2026, 11, 16), date(2026, 11, 17))
    assert counted(world, "gas") == truth(world, "gas", date(2026, 11, 16), date(2026, 11, 17))


def test_what_wider_bounds_bring_into_the_window_is_fetched_from_the_official_api_too(
    provider: Provider,
) -> None:
    configured(provider, "2026-11-19T12:00")
    provider.fetch()
    provider.clock.pass_by(days=1)
    provider.fetch()
    configured(provider)
    provider.clock.pass_by(days=1)
    provider.fetch()
    assert known_days(provider.world, "home") == span(date(2026, 11, 16), date(2026, 11, 22))


@pytest.mark.parametrize("bounds", [(None, "2026-10-01"), ("2030-01-01", None)])
def test_where_nothing_lies_within_the_official_api_is_not_asked_for_readings(
    provider: Provider, bounds: Bounds
) -> None:
    configured(provider, *bounds)
    for _ in range(3):
        assert not provider.fetch().errors
        provider.clock.pass_by(hours=6)
    assert provider.asked()["energy"] == 0


def test_an_end_that_was_taken_away_brings_what_the_official_api_stored_since(provider: Provider) -> None:
    configured(provider, None, "2026-11-18T12:00")
    provider.fetch()
    provider.clock.move_to("2026-12-05 09:00")
    provider.fetch()
    configured(provider)
    provider.fetch(Occasion.START)
    assert known_days(provider.world, "home") == span(FIRST, date(2026, 12, 4))
    assert by_flow(counted(provider.world, "home")) == by_flow(
        truth(provider.world, "home", FIRST, date(2026, 12, 4))
    )


# --- the other commands


def test_a_backfill_by_itself_keeps_to_bounds_that_were_moved(desk: World) -> None:
    desk.fetch()
    desk.meters = [bounded(HOME, "2026-11-10T12:00", "2026-11-18T12:00")]
    with desk.ledger() as ledger:
        ledger.outbox.caught_up(desk.meter(), at("2000-01-01"))
    assert backfill.run(desk.settings, {"from": "2026-11-01"}, desk.clock, lambda _: None) == 0
    assert known_days(desk, "home") == span(date(2026, 11, 10), date(2026, 11, 18))
    assert counted(desk, "home") == truth(desk, "home", date(2026, 11, 1), LAST)
    with desk.ledger() as ledger:
        assert ledger.outbox.restated_since(desk.meter()) == datetime(1970, 1, 1, tzinfo=UTC)
