"""`ledger.keep_months`: what is older goes by itself, and nothing that was made of it changes."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from bridge.homeassistant.errors import CommandRefused
from bridge.homeassistant.statistics import Statistics
from bridge.ledger import Records
from bridge.metering.contract import Part
from bridge.metering.meterday import end_of, span, start_of
from bridge.metering.model import Energy, Meter
from bridge.service.retention import Retention
from bridge.service.trouble import Trouble
from tests.rig.core import TOKEN, Core
from tests.rig.history import begin, work
from tests.rig.mosquitto import eventually
from tests.rig.readings import daily
from tests.rig.registers import HIGH
from tests.rig.world import GAS, HOME, World
from tests.rig.years import fill

FIRST, LAST = date(2026, 11, 14), date(2026, 11, 20)
OLD = span(FIRST, LAST)
LATER = "2028-01-03 13:00"  # the first moment at which December 2026 is the oldest of 14 months
DYNAMIC: dict[str, Any] = {
    "from": "2025-01-01",
    "consumption": {"energy": {"dynamic": {"factor": 1.04, "base": 0.0089}}, "grid": 0.0531},
    "injection": {"energy": {"dynamic": {"factor": 0.95, "base": -0.012}}},
    "fees_per_year": {"supplier": 35},
    "vat": 6,
}


@pytest.fixture
def world(desk: World, core: Core) -> World:
    """A household with Home Assistant and dynamic prices, which keeps little."""
    desk.changes |= {
        "homeassistant.statistics": {"url": core.url, "token": TOKEN},
        "prices": [DYNAMIC],
        "day_ahead": {"source": "energy-charts", "url": desk.simulator.url},
        "ledger.keep_months": 14,
    }
    return desk


def made_of(world: World) -> list[Any]:
    """What is made of the old days' quarter-hours."""
    meter, settings = world.meter(), world.settings
    with world.ledger() as ledger:
        timeline = settings.timeline(meter)
        return [
            ledger.sums.total(meter, FIRST, LAST),
            ledger.peaks.peak_months(meter, [FIRST.replace(day=1)]),
            ledger.costs.known(meter, FIRST, LAST),
            [
                (each.energy.date, each.bill)
                for each in ledger.bills.anew(meter, timeline, settings.capacity_tariff.floor_kw, FIRST, LAST)
                if each.energy.date <= LAST
            ],
        ]


def sums(core: Core) -> dict[tuple[str, date], float]:
    """What every statistic comes to at the end of each of the old days."""
    return {
        (name, day): rows[max(start for start in rows if start < end_of(day, Energy.ELECTRICITY))][1]
        for name, rows in core.statistics.items()
        for day in OLD
    }


def hours(core: Core) -> dict[str, dict[datetime, Any]]:
    begin, end = start_of(FIRST, Energy.ELECTRICITY), end_of(LAST, Energy.ELECTRICITY)
    return {
        name: {start: row for start, row in rows.items() if begin <= start < end}
        for name, rows in core.statistics.items()
    }


def dropped(world: World) -> set[date]:
    with Records(world.data_dir / "ledger.sqlite") as records:
        return records.days.dropped(world.meter(), date.min, date.max)


def test_what_is_older_goes_and_all_that_was_made_of_it_stays(world: World, core: Core) -> None:
    world.once()
    before, in_home_assistant = made_of(world), hours(core)
    world.clock.move_to("2027-12-31 13:00")
    world.once()
    assert dropped(world) == set()
    world.clock.move_to(LATER)
    world.once()
    assert dropped(world) == {*OLD}
    assert made_of(world) == before
    assert hours(core) == in_home_assistant
    world.once()
    assert made_of(world) == before


def test_statistics_that_are_made_anew_come_to_the_same(world: World, core: Core) -> None:
    world.once()
    world.clock.move_to(LATER)
    world.once()
    before, ends = sums(core), {name: max(rows.items()) for name, rows in core.statistics.items()}
    in_home_assistant = hours(core)
    assert dropped(world) == {*OLD}
    with world.ledger() as ledger:
        ledger.outbox.restate(ledger.store.names.meter(world.meter()), 0)
    world.once()
    assert sums(core) == before
    assert hours(core) == in_home_assistant, "which knows them still"
    assert {name: max(rows.items()) for name, rows in core.statistics.items()} == ends
    core.asked.clear()
    world.once()
    assert core.imports == []


@pytest.mark.parametrize("what_comes", ["older days", "a correction"])
def test_hours_of_home_assistant_stay_whatever_comes_before_them(
    world: World, core: Core, what_comes: str
) -> None:
    del world.changes["prices"]
    world.once()
    before = by_hour(core)
    world.clock.move_to(LATER)
    world.once()
    assert dropped(world) == {*OLD}
    if what_comes == "older days":
        begin(world, date(2026, 10, 1), date(2026, 11, 13))  # more than is sent at once
        work(world)
    else:
        meter, day = world.meter(), OLD[1]
        with world.ledger() as ledger:
            known = ledger.days.complete_day(meter, day)
            dearer = {**known.amounts, HIGH: known.amounts[HIGH] + Decimal("0.5")}
            ledger.answers.record_days(meter, daily(dearer, day, serial=meter.serial), world.clock())
    world.once()
    changed = {day for day, rows in by_hour(core).items() if rows != before[day]}
    assert changed == (set() if what_comes == "older days" else {OLD[1]})
    core.asked.clear()
    world.once()
    assert core.imports == []


def by_hour(core: Core) -> dict[date, list[tuple[str, datetime, float]]]:
    """What every statistic counted in each hour of the old days."""
    return {
        day: [
            (name, start, round(state, 6))
            for name, rows in sorted(hours(core).items())
            for start, (state, _) in sorted(rows.items())
            if start_of(day, Energy.ELECTRICITY) <= start < end_of(day, Energy.ELECTRICITY)
        ]
        for day in OLD
    }


def test_statistics_that_were_lost_come_to_the_same_by_days(world: World, core: Core) -> None:
    world.once()
    world.clock.move_to(LATER)
    world.once()
    before = sums(core)
    core.loses(start_of(FIRST, Energy.ELECTRICITY))
    world.once()
    assert {each: round(total, 6) for each, total in sums(core).items()} == {
        each: round(total, 6) for each, total in before.items()
    }
    core.asked.clear()
    world.once()
    assert core.imports == []


def test_what_home_assistant_does_not_have_yet_is_not_dropped(world: World, core: Core) -> None:
    world.once()
    world.changes["homeassistant.statistics"]["url"] = "ws://127.0.0.1:1/api/websocket"
    world.clock.move_to("2026-12-05 13:00")
    world.once()
    world.clock.move_to(LATER)
    with world.ledger() as ledger:
        ledger.outbox.restate(ledger.store.names.meter(world.meter()), 0)
    world.once()
    assert dropped(world) == set()
    world.changes["homeassistant.statistics"]["url"] = core.url
    world.once()
    assert dropped(world) >= {*OLD}


def test_what_another_home_assistant_lacks_is_not_dropped(world: World, core: Core) -> None:
    world.once()
    world.changes["homeassistant.statistics"]["url"] = "ws://127.0.0.1:1/api/websocket"
    world.clock.move_to(LATER)
    for _ in range(3):
        world.once()
        world.clock.pass_by(days=1)
    assert dropped(world) == set()
    world.changes["homeassistant.statistics"]["url"] = core.url
    world.once()
    assert dropped(world) >= {*OLD}


def test_a_meter_that_home_assistant_refuses_keeps_only_its_own_quarter_hours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    del world.changes["prices"]
    world.meters = [HOME, GAS]
    world.once()
    describe = Statistics.describe

    def refusing_gas(self: Statistics, meter: Meter) -> None:
        if meter.energy is Energy.GAS:
            raise CommandRefused("invalid_format", "no")
        describe(self, meter)

    monkeypatch.setattr(Statistics, "describe", refusing_gas)
    with world.ledger() as ledger:  # another one, or it may be
        ledger.notes.remember("statistics", {**ledger.notes.recall("statistics"), "sure_of": "another"})
    world.clock.move_to(LATER)
    world.once()
    assert dropped(world) == {*OLD}
    with Records(world.data_dir / "ledger.sqlite") as records:
        assert records.days.dropped(world.meter("gas"), date.min, date.max) == set()


def test_days_whose_price_is_not_known_yet_are_not_dropped(world: World) -> None:
    del world.changes["homeassistant.statistics"]
    dynamic = world.changes.pop("prices")
    world.once()
    world.changes["prices"] = dynamic
    world.simulator.fault("unavailable", where="day-ahead", times=1)
    world.clock.move_to(LATER)
    world.once()
    assert dropped(world) == set()
    world.clock.move_to("2028-01-04 14:00")
    world.once()
    assert dropped(world) == {*OLD}
    with world.ledger() as ledger:
        known = ledger.costs.known(world.meter(), FIRST, LAST)
    assert [each.day.why for each in known.values()] == [frozenset()] * len(OLD)


@pytest.mark.parametrize("what_changes", ["how a number is written", "a fee", "all, and back"])
def test_what_dropped_days_cost_outlives_other_prices(world: World, what_changes: str) -> None:
    del world.changes["homeassistant.statistics"]
    world.once()
    world.clock.move_to(LATER)
    world.once()
    before = costs_of(world)
    assert None not in before[OLD[2]].values()
    other = deepcopy(DYNAMIC)
    match what_changes:
        case "how a number is written":
            other["consumption"]["grid"] = "0.05310"
        case "a fee":
            other["fees_per_year"] = {"supplier": 36}
        case _:
            other["consumption"]["energy"]["dynamic"]["factor"] = 1.05
            world.changes["prices"] = [other]
            world.once()
            assert costs_of(world)[OLD[2]][Part.ENERGY] is None
            other = DYNAMIC
    world.changes["prices"] = [other]
    world.once()
    assert costs_of(world) == before


def test_prices_that_are_edited_often_do_not_make_the_ledger_grow(world: World) -> None:
    """Of fixed ones nothing has to be kept; of those that follow the market a few."""
    del world.changes["homeassistant.statistics"]
    world.once()
    world.clock.move_to(LATER)
    world.once()
    sizes = []
    for number in range(12):
        other = deepcopy(DYNAMIC)
        if number < 6:
            other["consumption"]["energy"] = other["injection"]["energy"] = f"0.1{number}"
        else:
            other["consumption"]["energy"]["dynamic"]["factor"] = f"1.{number:02}"
        world.changes["prices"] = [other]
        world.once()
        with world.ledger() as ledger:
            ((size,),) = ledger.store.rows("SELECT AVG(length(priced)) FROM cost")
            sizes.append(size)
    assert sizes[5] <= sizes[0] + 5
    assert sizes[-1] <= sizes[6] + 5, "without their quarter-hours none of these is known"


def costs_of(world: World) -> dict[date, Mapping[Part, Decimal | None]]:
    with world.ledger() as ledger:
        known = ledger.costs.known(world.meter(), FIRST, LAST)
    return {day: each.day.parts for day, each in known.items()}


def test_what_waits_for_nobody_is_dropped(world: World) -> None:
    """Of a meter that was taken out while the broker was away, nothing is streamed any more."""
    del world.changes["homeassistant.statistics"], world.changes["prices"]
    world.changes["mqtt.stream"] = True
    world.once()
    world.clock.move_to(LATER)
    meter = world.meter()
    world.meters = [GAS]
    world.once()
    with Records(world.data_dir / "ledger.sqlite") as records:
        assert records.days.dropped(meter, FIRST, LAST) == {*OLD[:-1]}, "its latest day stays"


def test_room_is_given_back_before_more_is_dropped(world: World) -> None:
    """SQLite looks through all that is free for each page that it gives back."""
    del world.changes["homeassistant.statistics"], world.changes["prices"]
    world.meters = [{**HOME, "ean": f"5414488200000{number:05}", "name": f"m{number}"} for number in range(6)]
    world.clock.move_to("2028-01-03 13:00")
    free = []
    with world.at_work() as (ledger, fetcher):
        fill(ledger, *world.settings.followed, until=date(2028, 1, 1), days=460)
        retention = Retention(
            world.settings,
            ledger,
            fetcher,
            [],
            of_followed=[],
            confirm=lambda: None,
            trouble=Trouble(),
            now=world.clock,
        )
        while retention.is_due():
            retention.step()
            free.append(ledger.store.rows("PRAGMA freelist_count")[0][0])
    assert len(free) > 12
    assert free[-1] == 0
    assert max(free) <= 80, "pages: the days of a month of one meter"


def test_history_that_was_dropped_is_not_fetched_again(world: World) -> None:
    del world.changes["homeassistant.statistics"], world.changes["prices"]
    world.once()
    world.clock.move_to(LATER)
    world.once()
    assert dropped(world) == {*OLD}
    world.simulator.forget_requests()
    begin(world, FIRST, LAST)
    done = work(world)
    assert done
    assert done.state == "done"
    assert world.asked() == 0


@pytest.mark.usefixtures("_quick")
def test_the_running_bridge_does_it_in_between_once_a_day(home: World) -> None:
    home.changes["ledger.keep_months"] = 14
    home.once()
    home.clock.move_to("2027-12-31 23:00")
    home.once()
    with home.running():
        assert dropped(home) == set()
        home.clock.move_to(LATER)
        eventually(lambda: dropped(home) == {*OLD})


def test_a_clock_that_is_wrong_drops_nothing(world: World) -> None:
    del world.changes["homeassistant.statistics"], world.changes["prices"]
    world.once()
    world.simulator.fault("unavailable")  # it has no readings of a time that has not come
    world.clock.move_to("2099-01-01 13:00")
    world.once()
    assert dropped(world) == set()


def test_without_it_everything_is_kept(world: World) -> None:
    del world.changes["ledger.keep_months"]
    del world.changes["homeassistant.statistics"], world.changes["prices"]
    world.once()
    world.clock.move_to(LATER)
    world.once()
    assert dropped(world) == set()
