"""Gas days are asked for as gas days; where those give nothing, by the calendar, and that is remembered."""

from dataclasses import replace
from datetime import datetime

from tests.rig.world import GAS, World


def by_the_calendar(world: World, group: str) -> list[bool]:
    """Whether each request for gas so far was for calendar days."""
    return [
        datetime.fromisoformat(each.query["historyFrom"]).hour == 0
        for each in world.simulator.requests
        if each.endpoint == group
    ]


def test_what_gave_gas_once_is_asked_at_once_the_next_day(desk: World) -> None:
    desk.meters = [GAS]
    desk.simulator.fault("gas-by-calendar-days")
    desk.fetch()
    assert by_the_calendar(desk, "readings-day") == [False, True]
    assert by_the_calendar(desk, "readings-interval")[:3] == [False, True, True]
    desk.clock.pass_by(days=1)
    desk.simulator.forget_requests()
    assert not desk.fetch().errors
    assert by_the_calendar(desk, "readings-day") == [True]
    assert by_the_calendar(desk, "readings-interval") == [True]


def test_gas_days_that_are_answered_are_never_asked_for_by_the_calendar(desk: World) -> None:
    desk.meters = [GAS]
    desk.fetch()
    for _ in range(5):
        desk.clock.pass_by(days=1)
        desk.fetch()
    assert not any(by_the_calendar(desk, "readings-day") + by_the_calendar(desk, "readings-interval"))


def test_a_meter_without_hours_is_asked_the_other_way_once_a_month(desk: World) -> None:
    desk.meters = [GAS]
    desk.simulator.measurements.put(replace(desk.simulator.meters[1], intervals=False))
    for _ in range(25):
        desk.fetch()
        desk.clock.pass_by(days=1)
    assert sum(by_the_calendar(desk, "readings-interval")) == 1
    for _ in range(10):
        desk.fetch()
        desk.clock.pass_by(days=1)
    assert sum(by_the_calendar(desk, "readings-interval")) == 2
