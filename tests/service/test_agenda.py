"""When Fluvius is asked next, by a clock that was wrong."""

from datetime import timedelta

import pytest
import time_machine

from bridge.service.agenda import Agenda
from bridge.service.trouble import Trouble
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.world import Clock, World, says

SOON = timedelta(minutes=5)


def test_what_failed_by_a_clock_that_was_ahead_is_tried_soon_after_that_is_right(desk: World) -> None:
    right = desk.clock()
    with desk.at_work() as (_, fetcher), time_machine.travel(right.timestamp(), tick=False):
        desk.clock.pass_by(days=3)
        agenda = Agenda(desk.settings.schedule, fetcher.visits, Trouble(), desk.clock)
        fetcher.health["portal"].postponed("away", desk.clock(), asked_for=None, reached=True)
        desk.clock.instant = right
        assert not agenda.is_due()
        assert agenda.next_run() == right + SOON
        desk.clock.pass_by(minutes=4)
        assert not agenda.is_due()
        desk.clock.pass_by(minutes=1)
        assert agenda.is_due()


@pytest.mark.usefixtures("_quick")
def test_a_bridge_that_starts_by_a_clock_that_is_ahead_catches_up_when_that_is_right(
    home: World, mosquitto: Mosquitto
) -> None:
    home.simulator.now = Clock("2026-11-21 09:00")
    home.clock.pass_by(days=3)

    def is_caught_up_a_minute_later() -> bool:
        home.clock.pass_by(minutes=1)
        return mosquitto.retained().get("fluvius/home/day/date") == "2026-11-20"

    with home.running():
        eventually(lambda: "clock says" in mosquitto.retained().get("fluvius/bridge/health", ""))
        home.clock.move_to("2026-11-21 09:01")
        eventually(is_caught_up_a_minute_later, 15)
        eventually(lambda: says(mosquitto.retained(), "fluvius/bridge/health")["portal"]["state"] == "ok", 15)
