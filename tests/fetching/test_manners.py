"""What Fluvius sees of us, counted in requests."""

from datetime import date

import pytest

from bridge.fetching.due import Occasion
from bridge.fluvius.errors import CredentialsRefused, StepNeeded, TryLater
from tests.rig.world import GAS, HOME, SHED, World


def requests_of(world: World, occasion: Occasion = Occasion.SCHEDULE) -> dict[str, int]:
    """What one cycle costs."""
    world.simulator.forget_requests()
    world.fetch(occasion)
    groups = ("readings-day", "readings-interval", "sign-in", "renewal", "all")
    return {group: world.simulator.count(group) for group in groups}


def test_with_every_day_complete_a_scheduled_run_makes_no_request(desk: World) -> None:
    desk.meters = [HOME, GAS, SHED]
    desk.fetch()
    desk.clock.pass_by(hours=3)
    assert requests_of(desk)["all"] == 0


def test_a_new_day_costs_two_requests_a_renewal_and_no_sign_in(desk: World) -> None:
    desk.fetch()
    desk.clock.pass_by(days=1)
    cost = requests_of(desk)
    assert (cost["readings-day"], cost["readings-interval"]) == (1, 1)
    assert (cost["renewal"], cost["sign-in"]) == (1, 0)
    assert cost["all"] == 3


def test_a_first_start_signs_in_once_and_asks_for_each_day_once(desk: World) -> None:
    cost = requests_of(desk, Occasion.START)
    assert (cost["sign-in"], cost["readings-day"], cost["readings-interval"]) == (1, 1, 7)


def test_a_meter_without_quarter_hours_costs_three_requests_at_first_and_two_a_day(desk: World) -> None:
    desk.meters = [SHED]
    cost = requests_of(desk)
    assert (cost["readings-day"], cost["readings-interval"]) == (1, 2)
    desk.clock.pass_by(days=1)
    cost = requests_of(desk)
    assert (cost["readings-day"], cost["readings-interval"]) == (1, 1)
    desk.clock.pass_by(hours=3)
    assert requests_of(desk)["all"] == 0


def test_gas_costs_two_requests_a_day_although_it_is_three_days_late(desk: World) -> None:
    desk.meters = [GAS]
    desk.fetch()
    for _ in range(3):
        desk.clock.pass_by(days=1)
        cost = requests_of(desk)
        assert (cost["readings-day"], cost["readings-interval"]) == (1, 1)
        desk.clock.pass_by(hours=3)
        assert requests_of(desk)["all"] == 0
        desk.clock.pass_by(hours=-3)


def test_a_correction_costs_one_more_request(desk: World) -> None:
    desk.fetch()
    desk.simulator.fault("correction-up", date="2026-11-18")
    desk.clock.pass_by(days=1)
    cost = requests_of(desk)
    assert (cost["readings-day"], cost["readings-interval"]) == (1, 2)


def test_the_token_is_used_again_by_the_next_run(desk: World) -> None:
    desk.fetch()
    desk.clock.pass_by(minutes=30)
    cost = requests_of(desk, Occasion.ASKED)
    assert (cost["all"], cost["readings-day"]) == (1, 1)


def test_a_refused_renewal_leads_to_one_sign_in(desk: World) -> None:
    desk.fetch()
    desk.clock.pass_by(days=1)
    desk.simulator.fault("refresh-refused")
    cost = requests_of(desk)
    assert (cost["renewal"], cost["sign-in"], cost["readings-interval"]) == (1, 1, 1)


def test_a_401_in_the_middle_of_a_run_is_mended_by_a_renewal(desk: World) -> None:
    desk.simulator.fault("unauthorized", after=3)
    cost = requests_of(desk)
    assert (cost["sign-in"], cost["renewal"], cost["readings-interval"]) == (1, 1, 8)


def test_tokens_that_never_work_do_not_lead_to_a_second_sign_in(desk: World) -> None:
    desk.simulator.fault("unauthorized", times=100)
    cycle = desk.fetch()
    assert isinstance(cycle.errors[0], TryLater)
    assert desk.simulator.count("sign-in") == 1


@pytest.mark.parametrize("occasion", [Occasion.START, Occasion.SCHEDULE, Occasion.ONCE])
def test_a_wrong_password_is_tried_once_however_often_the_bridge_is_restarted(
    desk: World, occasion: Occasion
) -> None:
    desk.password = "wrong"
    for _ in range(10):
        (error,) = desk.fetch(occasion).errors
        assert isinstance(error, CredentialsRefused)
        desk.clock.pass_by(minutes=20)
    assert desk.simulator.count("sign-in") == 1


def test_another_password_is_tried_at_once(desk: World) -> None:
    desk.password = "wrong"
    desk.fetch()
    desk.password = "simulated"
    assert not desk.fetch().errors


def test_after_a_refusal_someone_may_ask_for_one_more_try(desk: World) -> None:
    desk.password = "wrong"
    desk.fetch()
    desk.fetch(Occasion.ASKED)
    desk.fetch()
    assert desk.simulator.count("sign-in") == 2


def test_a_step_that_only_the_user_can_take_is_not_asked_for_again(desk: World) -> None:
    desk.simulator.fault("extra-step")
    (error,) = desk.fetch().errors
    assert isinstance(error, StepNeeded)
    desk.simulator.clear()
    (error,) = desk.fetch().errors
    assert isinstance(error, StepNeeded)
    assert desk.simulator.count("sign-in") == 1
    assert not desk.fetch(Occasion.ASKED).errors


@pytest.mark.parametrize("fault", ["too-many-requests", "too-many-requests-date"])
def test_retry_after_is_honoured_across_restarts(desk: World, fault: str) -> None:
    desk.simulator.fault(fault, times=1, retry_after=7200)
    (error,) = desk.fetch().errors
    assert isinstance(error, TryLater)
    for minutes in (1, 58, 60):
        desk.clock.pass_by(minutes=minutes)
        assert requests_of(desk, Occasion.START)["all"] == 0
        assert requests_of(desk, Occasion.ASKED)["all"] == 0
    desk.clock.pass_by(minutes=2)
    assert requests_of(desk)["readings-interval"] == 7


def test_a_short_retry_after_is_waited_for(desk: World) -> None:
    desk.simulator.fault("too-many-requests", times=1, retry_after=5)
    assert not desk.fetch().errors


@pytest.mark.parametrize("fault", ["server-error", "bad-gateway", "cut"])
def test_one_hiccup_is_forgiven_within_the_run(desk: World, fault: str) -> None:
    desk.simulator.fault(fault, times=1)
    assert not desk.fetch().errors


def test_trouble_that_lasts_is_left_alone_for_longer_and_longer(desk: World) -> None:
    desk.simulator.fault("server-error")
    waits = []
    desk.fetch()
    for _ in range(6):
        begin = desk.clock()
        while requests_of(desk)["all"] == 0:
            desk.clock.pass_by(minutes=1)
        waits.append((desk.clock() - begin).total_seconds() / 60)
    assert waits == sorted(waits)
    assert waits[0] >= 4
    assert waits[-1] > 60


def test_two_weeks_without_the_bridge_cost_one_request_more_for_each_day_and_lose_none(desk: World) -> None:
    desk.fetch()
    desk.clock.pass_by(days=14)
    cost = requests_of(desk)
    assert (cost["readings-day"], cost["readings-interval"]) == (1, 14)
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 14), date(2026, 12, 4))


def test_what_was_missed_is_still_fetched_when_the_first_run_after_it_breaks_off(desk: World) -> None:
    desk.fetch()
    desk.clock.pass_by(days=14)
    desk.simulator.fault("too-many-requests", after=3, times=1, retry_after=600)
    assert desk.fetch().errors
    desk.clock.pass_by(minutes=20)
    assert not desk.fetch().errors
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 14), date(2026, 12, 4))


def test_nothing_is_asked_when_a_retry_finds_nothing_missing(desk: World) -> None:
    desk.fetch()
    desk.simulator.fault("server-error")
    desk.fetch(Occasion.ASKED)
    desk.clock.pass_by(hours=1)
    assert requests_of(desk)["all"] == 0


def test_late_quarter_hours_are_asked_for_once_in_a_run_whatever_the_clock_says(desk: World) -> None:
    desk.clock.pass_by(microseconds=345_000)
    desk.simulator.fault("late-intervals", hours=48)
    assert requests_of(desk)["readings-interval"] <= 7


def test_a_run_that_was_killed_after_its_last_answer_is_well_when_nothing_is_missing(desk: World) -> None:
    desk.fetch()
    with desk.ledger() as ledger:
        desk.clock.pass_by(hours=3)
        ledger.notes.remember("source/portal", {"last_attempt": desk.clock().isoformat()})
    with desk.at_work() as (_, fetcher):
        fetcher.fetch(Occasion.SCHEDULE)
        assert fetcher.health["portal"].state == "ok"
