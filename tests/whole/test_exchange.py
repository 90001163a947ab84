"""A meter is exchanged for another in the middle of a day; nothing is lost and nothing counted twice."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from bridge.fetching.due import Occasion
from bridge.metering.model import BRUSSELS
from tests.rig.mosquitto import Mosquitto
from tests.rig.world import GAS, HOME, SHED, World, says

NEW = {**HOME, "serial": "1SAG1100099999"}
NOON = datetime(2026, 11, 21, 12, tzinfo=BRUSSELS)
FIRST = date(2026, 11, 14)  # of the window on the first day


def exchange(world: World) -> None:
    """The household is known; its meter is exchanged at noon of the 21st; now it is the next morning."""
    world.fetch()
    world.simulator.exchange(HOME["ean"], NOON, NEW["serial"])
    world.clock.pass_by(days=1)


def days_in(world: World) -> list[tuple[str, int]]:
    """The complete days in the ledger, with their revisions."""
    with world.ledger() as ledger:
        rows: list[tuple[str, int]] = ledger.store.rows(
            "SELECT date, revision FROM day WHERE complete ORDER BY 1"
        )
    return rows


def test_the_day_of_the_exchange_is_the_sum_of_both_meters(desk: World) -> None:
    exchange(desk)
    desk.fetch()
    assert days_in(desk)[-1] == ("2026-11-20", 1)  # half a day is no day
    desk.meters = [NEW]
    desk.clock.pass_by(hours=3)
    desk.fetch()
    assert days_in(desk)[-1] == ("2026-11-21", 1)
    assert desk.total() == desk.truth(HOME["ean"], FIRST, date(2026, 11, 21))
    assert desk.invented() == []


def test_half_a_day_is_never_published(home: World, mosquitto: Mosquitto) -> None:
    exchange(home)
    with mosquitto.listen("fluvius/#") as ear:
        home.once()
        home.meters = [NEW]
        for _ in range(8):
            home.clock.pass_by(hours=3)
            home.once()
        retained = mosquitto.retained()
    assert home.invented(ear.messages) == []
    assert retained["fluvius/home/day/date"] == "2026-11-22"
    assert says(retained, "fluvius/home/status")["days_awaited"] == []
    assert home.total() == home.truth(HOME["ean"], FIRST, date(2026, 11, 22))


def test_days_before_the_exchange_are_not_counted_twice(desk: World) -> None:
    exchange(desk)
    desk.fetch()
    desk.meters = [NEW]
    for _ in range(4):
        desk.clock.pass_by(days=1)
        desk.fetch(Occasion.ASKED)
    assert desk.total() == desk.truth(HOME["ean"], FIRST, date(2026, 11, 25))
    assert {revision for _, revision in days_in(desk)} == {1}


@pytest.mark.parametrize("days_late", [1, 2, 3, 4, 5])
def test_a_serial_that_is_changed_late_loses_nothing(desk: World, days_late: int) -> None:
    exchange(desk)
    desk.fetch()
    for _ in range(days_late):
        desk.clock.pass_by(days=1)
        desk.fetch()
    assert days_in(desk)[-1] == ("2026-11-20", 1)
    desk.meters = [NEW]
    for _ in range(2):
        desk.clock.pass_by(days=1)
        desk.fetch()
    assert desk.total() == desk.truth(HOME["ean"], FIRST, desk.simulator.latest_day(HOME["ean"]))
    assert desk.invented() == []


def test_a_new_serial_is_asked_for_its_days_at_once(desk: World) -> None:
    exchange(desk)
    desk.fetch()
    desk.clock.pass_by(days=1)
    desk.fetch()
    desk.meters = [NEW]
    desk.fetch(Occasion.START)
    assert desk.total() == desk.truth(HOME["ean"], FIRST, date(2026, 11, 22))


def test_a_serial_that_is_changed_on_the_day_of_the_exchange_loses_no_other_day(desk: World) -> None:
    desk.fetch()
    desk.simulator.exchange(HOME["ean"], NOON, NEW["serial"])
    desk.clock.move_to("2026-11-21 13:00")
    desk.meters = [NEW]
    for _ in range(3):
        desk.fetch()
        desk.clock.pass_by(days=1)
    assert desk.invented() == []
    dates = [day for day, _ in days_in(desk)]
    assert {"2026-11-20", "2026-11-22"} <= set(dates)


def test_a_corrected_exchange_day_is_the_truth_in_the_end(desk: World) -> None:
    exchange(desk)
    desk.fetch()
    desk.meters = [NEW]
    desk.clock.pass_by(hours=3)
    desk.fetch()
    desk.simulator.correct(HOME["ean"], date(2026, 11, 21), delta_wh=400)
    desk.clock.pass_by(days=1)
    desk.fetch()
    counted_by_new = desk.simulator.day_amounts(HOME["ean"], date(2026, 11, 21), serial=NEW["serial"])
    with desk.ledger() as ledger:
        latest = ledger.days.facts(desk.meter(), [date(2026, 11, 21)])[0]
    assert sum(latest.daily.values()) >= sum(counted_by_new.values())


def test_an_exchanged_meter_without_quarter_hours_has_every_day_right_in_the_end(desk: World) -> None:
    desk.meters = [SHED]
    new = {**SHED, "serial": "1SAG1100088888"}
    desk.fetch()
    desk.simulator.exchange(SHED["ean"], NOON, new["serial"])
    desk.clock.pass_by(days=1)
    desk.fetch()
    desk.meters = [new]
    for _ in range(2):
        desk.clock.pass_by(days=1)
        desk.fetch()
    assert desk.total("shed") == desk.truth(SHED["ean"], FIRST, date(2026, 11, 23))


def test_an_exchanged_gas_meter_has_every_day_right_in_the_end(desk: World) -> None:
    desk.meters = [GAS]
    new = {**GAS, "serial": "7FLO2100099999"}
    desk.fetch()
    desk.simulator.exchange(GAS["ean"], NOON, new["serial"])
    for _ in range(4):
        desk.clock.pass_by(days=1)
        desk.fetch()
    assert days_in(desk)[-1][0] == "2026-11-20"
    desk.meters = [new]
    for _ in range(2):
        desk.clock.pass_by(days=1)
        desk.fetch()
    assert desk.total("gas") == desk.truth(GAS["ean"], date(2026, 11, 11), date(2026, 11, 23))


def test_a_source_that_answers_for_the_connection_whatever_the_serial_counts_once(desk: World) -> None:
    """Some portals were seen to ignore the serial."""
    desk.fetch()
    before = desk.total()
    meters = desk.simulator.measurements.meters
    meters[HOME["ean"]] = replace(meters[HOME["ean"]], serial=NEW["serial"])
    desk.meters = [NEW]
    desk.clock.pass_by(hours=3)
    desk.fetch(Occasion.ASKED)
    assert desk.total() == before
