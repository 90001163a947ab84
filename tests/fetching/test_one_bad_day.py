"""The quarter-hours of one day cannot be had, or come late: the other days do not suffer."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from bridge.fetching.due import Occasion
from bridge.simulator.request import Request
from bridge.simulator.response import Response, as_json, gateway_error
from tests.rig.world import HOME, World

BAD, LATE = date(2026, 11, 15), date(2026, 11, 14)
ANSWERS = {
    "nonsense": lambda: as_json([{"d": "?", "de": "?", "v": [{"dc": 7, "t": 1}]}]),
    "unknown": lambda: gateway_error(404, "nothing"),
    "trouble": lambda: gateway_error(500, "broken"),
}
LONG_AGO, NONSENSE_FROM = datetime(2000, 1, 1, tzinfo=UTC), datetime(2026, 11, 18, 12, tzinfo=UTC)
TIMES = ("06:15", "09:15", "12:15", "18:15")


@pytest.fixture
def world(desk: World) -> World:
    desk.clock.move_to("2026-11-13 09:00")
    desk.fetch(Occasion.START)
    return desk


def days_of(world: World, first: date, last: date, times: tuple[str, ...] = TIMES) -> int:
    """Go through some days; returns the most requests of one of them."""
    most, day = 0, first
    while day <= last:
        before = world.asked()
        for time in times:
            world.clock.move_to(f"{day} {time}")
            world.fetch()
        most = max(most, world.asked() - before)
        day += timedelta(days=1)
    return most


def missing(world: World, first: date, last: date) -> set[date]:
    with world.ledger() as ledger:
        complete = ledger.days.complete_days(world.meter(), first, last)
    return {first + timedelta(days=n) for n in range((last - first).days + 1)} - set(complete)


@pytest.fixture
def answers_badly(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Fluvius's answer about the quarter-hours of a day, from an instant on."""
    honest = world.simulator._honest_answer

    def begin(day: date, kind: str, after: datetime = LONG_AGO) -> None:
        def answer(request: Request, endpoint: str, ean: str | None) -> Response:
            is_bad = request.query.get("historyFrom", "").startswith(str(day))
            if endpoint == "readings-interval" and is_bad and world.clock() > after:
                return ANSWERS[kind]()
            return honest(request, endpoint, ean)

        monkeypatch.setattr(world.simulator, "_honest_answer", answer)

    return begin


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_day_that_cannot_be_read_costs_no_other_day(
    world: World, answers_badly: Callable[..., None], kind: str
) -> None:
    answers_badly(BAD, kind)
    world.simulator.delay(HOME["ean"], LATE, None, datetime(2026, 11, 16, 12, tzinfo=UTC))
    days_of(world, LATE, BAD + timedelta(days=10))
    assert missing(world, LATE, BAD + timedelta(days=8)) <= {BAD}


@pytest.mark.parametrize("back_on", [18, 20, 24, 30])
def test_a_day_that_was_awaited_when_the_bridge_was_switched_off_is_fetched_afterwards(
    world: World, back_on: int
) -> None:
    world.simulator.delay(HOME["ean"], LATE, None, datetime(2026, 11, 17, 12, tzinfo=UTC))
    days_of(world, LATE, date(2026, 11, 16), times=("09:15",))
    back = date(2026, 11, back_on)
    most = days_of(world, back, back + timedelta(days=1))
    assert missing(world, LATE, back - timedelta(days=2)) == set()
    assert most <= (back - LATE).days + 4, "a request for each day's quarter-hours, one for all days"


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_day_that_stays_unreadable_is_let_go_with_the_window(
    world: World, answers_badly: Callable[..., None], kind: str
) -> None:
    """Though no run since has been without a fault: the bridge was not off."""
    answers_badly(LATE, kind, after=NONSENSE_FROM)
    world.simulator.delay(HOME["ean"], LATE, None, NONSENSE_FROM)
    days_of(world, LATE, LATE + timedelta(days=8))
    world.simulator.forget_requests()
    days_of(world, LATE + timedelta(days=9), LATE + timedelta(days=13))
    asked = [each for each in world.simulator.requests if each.endpoint == "readings-interval"]
    assert asked
    assert not [each for each in asked if each.query["historyFrom"].startswith(str(LATE))]
