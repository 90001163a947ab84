"""History in trouble: clocks that jump, full disks, bad tokens, two at once; and what Fluvius notices."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.commands import backfill
from bridge.fetching.backfill import Backfiller
from bridge.fetching.due import Occasion
from bridge.folder.claim import claim
from bridge.ledger import LedgerError
from bridge.ledger.answers import Answers
from bridge.ledger.health import State
from bridge.ledger.jobs import Jobs
from bridge.ledger.notes import Notes
from bridge.metering.meterday import ONE_DAY, span
from bridge.metering.model import BRUSSELS, Backfill
from bridge.service import bridge as service
from bridge.service.bridge import Bridge
from bridge.simulator import Simulator
from tests.rig.commands import environment
from tests.rig.history import (
    DAY_REQUESTS,
    DAYS,
    FIRST,
    LAST,
    REQUEST,
    RESPONSE,
    at_work,
    begin,
    change,
    command,
    days_of,
    ended,
    work,
)
from tests.rig.ledgers import damage
from tests.rig.mosquitto import Ear, Mosquitto, eventually
from tests.rig.provider import Provider
from tests.rig.waiting import is_at_rest
from tests.rig.world import GAS, HOME, SHED, Clock, World

NOVEMBER = date(2026, 11, 1)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_LOOK_AROUND", 0.05)
    monkeypatch.setattr(backfill, "_LOOK_AGAIN", 0.01)


def job_of(world: World, number: int = 1) -> Backfill:
    with world.ledger() as ledger:
        return ledger.jobs.backfill(number)


def complete(world: World, first: date = FIRST, last: date = LAST) -> list[date]:
    with world.ledger() as ledger:
        return ledger.days.complete_days(world.meter(world.meters[0]["name"]), first, last)


def asked_for(world: World) -> list[tuple[str, str, str]]:
    """What Fluvius was asked for, in that order."""
    return [
        (record.endpoint.removeprefix("readings-"), record.query["historyFrom"][:10], record.ean or "")
        for record in world.simulator.requests
        if record.endpoint.startswith("readings")
    ]


# --- what Fluvius notices


def test_nothing_is_asked_for_twice_and_oldest_first(desk: World) -> None:
    desk.meters = [HOME, GAS]
    begin(desk, date(2026, 9, 1), date(2026, 10, 31))
    work(desk)
    asked = asked_for(desk)
    assert len(asked) == len(set(asked)) == 2 * (2 + 61)
    for ean in (HOME["ean"], GAS["ean"]):
        mine = [(what, day) for what, day, of in asked if of == ean]
        assert mine == [
            ("day", "2026-09-01"),
            ("day", "2026-10-02"),
            *(("interval", day.isoformat()) for day in span(date(2026, 9, 1), date(2026, 10, 31))),
        ]


def test_requests_are_some_seconds_apart(desk: World) -> None:
    pauses: list[float] = []
    assert_done(command(desk, "2026-11-01", pauses.append))
    requests = desk.simulator.count("readings")
    assert requests - 3 <= len(pauses) <= requests
    assert all(0.5 < pause <= 3 for pause in pauses)
    assert sum(pauses) / len(pauses) > 1


def assert_done(status: int) -> None:
    assert status == 0


def test_tokens_that_are_expired_when_they_come_lead_to_no_second_sign_in(desk: World) -> None:
    desk.simulator.fault("expired-token")
    desk.simulator.fault("refresh-refused")
    begin(desk)
    with at_work(desk) as backfiller:
        while backfiller.is_due():
            backfiller.step()
    assert desk.simulator.count("sign-in") == 1


def test_a_token_that_runs_out_in_the_middle_is_renewed(desk: World) -> None:
    begin(desk)
    with at_work(desk) as backfiller:
        while backfiller.is_due():
            backfiller.step()
            desk.clock.pass_by(minutes=5)
    assert desk.total() == desk.truth(HOME["ean"], FIRST, LAST)
    assert (desk.simulator.count("sign-in"), desk.simulator.count("renewal")) == (1, 2)


def test_a_scheduled_run_in_the_middle_is_as_quick_as_ever_and_shares_the_token(desk: World) -> None:
    pauses: list[float] = []
    begin(desk)
    with desk.at_work() as (ledger, fetcher):
        fetcher.visits._pause = pauses.append
        backfiller = Backfiller(ledger, fetcher, desk.clock)
        for _ in range(6):
            backfiller.step()
        pauses.clear()
        fetcher.fetch(Occasion.SCHEDULE)
        assert max(pauses) <= 1.2
        while backfiller.is_due():
            backfiller.step()
    assert desk.simulator.count("sign-in") == 1
    assert desk.total() == desk.truth(HOME["ean"], FIRST, LAST)


def test_a_connection_that_went_stale_costs_nothing(desk: World) -> None:
    begin(desk, NOVEMBER)
    with at_work(desk) as backfiller:
        for _ in range(5):
            assert backfiller.step()
        desk.simulator._server.break_connections()  # type: ignore[union-attr]
        while backfiller.is_due():
            backfiller.step()
    assert desk.total() == desk.truth(HOME["ean"], NOVEMBER, LAST)


def test_while_it_waits_no_connection_stays_open(desk: World) -> None:
    begin(desk, NOVEMBER)
    with at_work(desk) as backfiller:
        backfiller.step()
        assert backfiller._fetcher.visits._kept
        desk.simulator.fault("server-error")
        backfiller.step()
        assert backfiller._fetcher.visits._kept is None


def test_a_retry_after_counts_for_the_next_command_too(desk: World, said: list[str]) -> None:
    desk.simulator.fault("too-many-requests", times=1, retry_after=7200)
    ended(desk, "2026-11-01")
    desk.simulator.forget_requests()
    for _ in range(3):
        desk.clock.pass_by(minutes=30)
        status, why = ended(desk, "2026-11-01")
        assert status == 1
        assert "fewer requests" in why
        assert "run the same command again after 2026-11-21T11:0" in why
    assert desk.simulator.count() == 0
    desk.clock.pass_by(minutes=31)
    assert_done(command(desk, "2026-11-01"))
    assert said[-1].endswith("20 complete")


@pytest.mark.usefixtures("said")
def test_a_clock_that_is_set_back_while_a_command_waits_makes_it_wait_no_longer(desk: World) -> None:
    desk.simulator.fault("too-many-requests", times=1, retry_after=600)
    waited = list[float]()

    def pause(seconds: float) -> None:
        waited.append(seconds)
        desk.clock.pass_by(seconds=seconds)
        if len(waited) == 10:
            desk.clock.pass_by(hours=-20)

    assert_done(command(desk, "2026-11-01", pause))
    assert sum(waited) < 3600


@pytest.mark.usefixtures("said")
def test_a_network_that_was_away_is_tried_again_by_the_next_command_at_once(desk: World) -> None:
    port = desk.simulator.port
    desk.simulator.stop()
    status, why = ended(desk, "2026-11-01", lambda seconds: desk.clock.pass_by(seconds=seconds))
    assert status == 1
    assert "cannot be reached" in why
    desk.simulator.port = port
    desk.simulator.start()
    assert_done(command(desk, "2026-11-01"))
    assert days_of(desk) == 20


def test_a_pause_that_was_noted_by_a_clock_in_the_future_is_not_waited_for(desk: World) -> None:
    desk.clock.pass_by(days=3650)
    desk.simulator.fault("server-error")
    desk.fetch()
    desk.simulator.clear()
    desk.clock.pass_by(days=-3650)
    begin(desk, NOVEMBER)
    work(desk)
    assert days_of(desk) == 20


# --- clocks that jump


@pytest.mark.parametrize("days", [400, -400])
def test_a_clock_that_was_wrong_when_it_was_asked_for_makes_nothing_be_asked_for_twice(
    desk: World, days: int
) -> None:
    desk.meters = [SHED]
    with desk.ledger() as ledger:
        ledger.jobs.begin_backfill(desk.meter("shed"), NOVEMBER, LAST, desk.clock() + timedelta(days=days))
    work(desk, 60)
    assert job_of(desk).state == "done"
    assert len(asked_for(desk)) == len(set(asked_for(desk)))


def test_a_clock_that_falls_back_in_the_middle_makes_nothing_be_asked_for_twice(desk: World) -> None:
    desk.meters = [SHED]
    begin(desk)
    work(desk, 5)
    desk.clock.pass_by(hours=-5)
    desk.simulator.sign_in.accepts = lambda *_: True  # type: ignore[method-assign]
    work(desk, 60)
    assert job_of(desk).state == "done"


# --- completeness


def test_no_day_is_complete_before_its_quarter_hours_were_asked_for(desk: World) -> None:
    desk.simulator.fault("replace", times=1, where="readings-interval")  # []: the first day has a hole
    begin(desk, NOVEMBER)
    work(desk, 2)
    assert complete(desk) == []
    work(desk, 1)
    assert complete(desk) == [date(2026, 11, 2)]


def test_half_a_day_after_a_hole_is_never_complete(desk: World) -> None:
    desk.simulator.fault("replace", times=1, where="readings-interval")
    desk.simulator.fault(
        "late-intervals", times=1, after=1, where="readings-interval", hours=9999, partial=True
    )
    begin(desk, NOVEMBER)
    work(desk)
    assert date(2026, 11, 2) not in complete(desk)
    assert desk.invented() == []
    desk.clock.pass_by(minutes=1)
    begin(desk, NOVEMBER)
    work(desk)
    assert desk.total() == desk.truth(HOME["ean"], NOVEMBER, LAST)


def test_quarter_hours_that_are_only_late_are_awaited_although_all_that_is_known_are_days(
    desk: World,
) -> None:
    for day in span(date(2026, 11, 18), LAST):
        desk.simulator.delay(HOME["ean"], day, intervals_until=desk.clock() + timedelta(hours=5))
    begin(desk, date(2026, 11, 18))
    work(desk)
    assert complete(desk) == []
    assert job_of(desk).words == (
        "3 days from 2026-11-18 to 2026-11-20: none complete\n"
        "missing: 2026-11-18 to 2026-11-20, 3 days: Fluvius has no quarter-hours"
    )
    desk.clock.pass_by(hours=6)
    desk.fetch()
    assert days_of(desk) == 7


def test_history_that_has_a_damaged_day_in_it_costs_fluvius_nothing_and_keeps_no_other_waiting(
    desk: World,
) -> None:
    desk.meters = [HOME, GAS]
    desk.fetch()
    damage(desk, date(2026, 11, 15))
    desk.simulator.forget_requests()
    begin(desk, NOVEMBER)
    work(desk)
    job = job_of(desk)
    assert job.state == "failed"
    assert "is damaged" in (job.words or "")
    assert "2026-11-15" in (job.words or "")
    assert desk.simulator.count("readings", ean=HOME["ean"]) == 0
    assert job_of(desk, 2).state == "done"


def test_a_known_day_that_turns_out_corrected_has_its_quarter_hours_asked_for_again(desk: World) -> None:
    begin(desk, NOVEMBER, date(2026, 11, 10))
    work(desk)
    desk.simulator.correct(HOME["ean"], date(2026, 11, 5), delta_wh=700)
    desk.simulator.forget_requests()
    desk.clock.pass_by(minutes=1)
    begin(desk, NOVEMBER)
    work(desk)
    assert desk.simulator.count("readings-interval") == 10 + 1
    assert desk.total() == desk.truth(HOME["ean"], NOVEMBER, LAST)
    assert desk.invented() == []


@pytest.mark.parametrize("first", [date(2026, 3, 28), date(2026, 10, 24)])
@pytest.mark.parametrize("meter", [HOME, GAS, SHED], ids=["home", "gas", "shed"])
def test_days_of_23_and_25_hours(desk: World, first: date, meter: dict[str, str]) -> None:
    desk.meters = [meter]
    begin(desk, first, first + ONE_DAY * 2)
    work(desk)
    assert desk.total(meter["name"]) == desk.truth(meter["ean"], first, first + ONE_DAY * 2)
    assert desk.invented() == []


def test_a_single_day_at_the_edge_of_everything(desk: World) -> None:
    desk.meters = [HOME, SHED]
    begin(desk, LAST, LAST)
    work(desk)
    assert complete(desk) == [LAST]
    assert days_of(desk, "shed") == 0  # that it has no quarter-hours is not known yet


def test_an_answer_with_its_neighbours_and_everything_twice_counts_once(desk: World) -> None:
    desk.simulator.fault("overlapping-slots")
    desk.simulator.fault("duplicate-slots")
    desk.simulator.fault("shuffled-slots")
    begin(desk, date(2026, 10, 1))
    work(desk)
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 10, 1), LAST)
    assert desk.invented() == []


# --- meters


NEW = {**HOME, "serial": "1SAG1100099999"}
NOON = datetime(2026, 10, 10, 12, tzinfo=BRUSSELS)


def test_of_the_time_before_an_exchange_only_the_old_serial_has_history(desk: World) -> None:
    first = date(2026, 10, 1)
    desk.simulator.exchange(HOME["ean"], NOON, NEW["serial"])
    begin(desk, first)
    work(desk)
    assert complete(desk, first)[-1] == date(2026, 10, 9)
    desk.meters = [NEW]
    desk.clock.pass_by(minutes=1)
    begin(desk, first)
    work(desk)
    assert desk.total() == desk.truth(HOME["ean"], first, LAST)
    assert desk.invented() == []


def test_where_fluvius_knows_the_meter_only_since_some_day_the_rest_is_still_found(desk: World) -> None:
    """404 for a time is no reason to give up all of it."""
    desk.simulator.fault("not-found", times=2, where="readings-day")
    begin(desk, date(2026, 9, 1))
    job = work(desk)
    assert job
    assert job.state == "done"
    assert complete(desk, date(2026, 9, 1))[0] == date(2026, 11, 2)
    assert "missing: 2026-09-01 to 2026-11-01, 62 days: Fluvius has nothing for that time" in str(job.words)


def test_a_wrong_serial_costs_few_requests_and_is_said(desk: World) -> None:
    desk.meters = [{**HOME, "serial": "another"}]
    begin(desk, date(2016, 1, 1))
    job = work(desk)
    assert job
    assert job.state == "failed"
    assert "does not know meter ANOTHER" in str(job.words)
    assert desk.simulator.count("readings") < 30


def test_after_the_serial_was_corrected_everything_is_asked_for(desk: World) -> None:
    desk.meters = [{**HOME, "serial": "another"}]
    begin(desk)
    work(desk)
    desk.meters = [HOME]
    begin(desk)
    work(desk)
    assert desk.total() == desk.truth(HOME["ean"], FIRST, LAST)


def test_a_source_that_refuses_us_keeps_no_other_waiting(desk: World) -> None:
    portal = {"email": desk.email, "password": "wrong", "url": desk.simulator.url}
    Provider(desk)
    desk.changes["fluvius"]["portal"] = portal
    desk.meters = [
        {**HOME, "source": "portal"},
        {"name": "cellar", "ean": GAS["ean"], "energy": "gas", "source": "energy_api"},
    ]
    with desk.at_work() as (ledger, fetcher):
        assert fetcher.learn_mandates() is None
        for meter in fetcher.meters:
            ledger.jobs.begin_backfill(meter, NOVEMBER, LAST, desk.clock())
        backfiller = Backfiller(ledger, fetcher, desk.clock)
        turns = 0
        while backfiller.is_due():
            backfiller.step()
            turns += 1
        assert [ledger.jobs.backfill(number).state for number in (1, 2)] == ["open", "done"]
    assert turns < 10
    assert desk.simulator.count("sign-in") == 1


def test_a_meter_of_which_the_mandate_has_ended_fails_and_says_so(desk: World) -> None:
    provider = Provider(desk)
    provider.world.meters = [{"name": "home", "ean": HOME["ean"]}]
    provider.only(HOME["ean"], expires=desk.clock() + timedelta(days=1))
    provider.fetch()
    begin(desk, NOVEMBER)
    desk.clock.pass_by(days=2)
    provider.asked()
    job = work(desk)
    assert job
    assert job.state == "failed"
    assert "has expired" in str(job.words)
    assert provider.asked()["energy"] == 0


def test_a_mandate_for_the_past_alone_gives_its_history(desk: World) -> None:
    provider = Provider(desk)
    desk.meters = [{"name": "home", "ean": HOME["ean"]}]
    provider.only(HOME["ean"], period_from=date(2026, 4, 1), period_to=date(2026, 6, 1))
    provider.fetch()
    begin(desk, date(2026, 3, 1))
    job = work(desk)
    assert job
    assert job.state == "done"
    with desk.at_work() as (ledger, fetcher):
        total = ledger.sums.total(provider.meters(fetcher)[HOME["ean"]])
    assert total
    assert (total.since, total.until, total.days) == (date(2026, 4, 1), date(2026, 5, 31), 61)


def test_nothing_outside_a_mandate_is_asked_for(desk: World) -> None:
    provider = Provider(desk)
    desk.meters = [{"name": "home", "ean": HOME["ean"]}]
    provider.only(HOME["ean"], period_from=date(2026, 10, 1))
    provider.fetch()
    provider.asked()
    begin(desk, date(2026, 9, 1))
    work(desk)
    assert provider.asked()["energy"] == 2
    with desk.at_work() as (ledger, fetcher):
        total = ledger.sums.total(provider.meters(fetcher)[HOME["ean"]])
    assert total
    assert (total.since, total.days) == (date(2026, 10, 1), 51)


def test_a_customer_without_quarter_hours_has_days_by_the_official_api_too(desk: World) -> None:
    provider = Provider(desk)
    desk.meters = [{"name": "shed", "ean": SHED["ean"]}]
    provider.only(SHED["ean"], service="VH_kwartier_uur")
    with desk.at_work() as (_, fetcher):
        fetcher.learn_mandates()
    begin(desk)
    work(desk)
    assert days_of(desk, "shed") == DAYS


@pytest.mark.usefixtures("said")
def test_the_command_learns_the_mandates_itself(desk: World) -> None:
    provider = Provider(desk)
    assert_done(command(desk, "2026-10-01", meter=HOME["ean"]))
    assert provider.asked() == {"api-token": 1, "mandates": 1, "energy": 2}


@pytest.mark.usefixtures("said")
def test_refused_by_the_official_api_the_command_says_so(desk: World) -> None:
    Provider(desk).configure(environment="sandbox", client_secret="wrong")
    status, why = ended(desk, "2026-10-01")
    assert status == 3
    assert "refuses us" in why


# --- refused, or unreachable, and nothing else due


def test_a_refusal_is_not_tried_again_for_history_either(desk: World) -> None:
    desk.meters = [{**HOME, "until": "2026-11-01"}]
    desk.password = "wrong"
    begin(desk, date(2026, 10, 20), date(2026, 10, 31))
    with at_work(desk) as backfiller:
        turns = 0
        for _ in range(26):
            while backfiller.is_due():
                backfiller.step()
                turns += 1
            desk.clock.pass_by(hours=1)
            backfiller._fetcher.fetch(Occasion.SCHEDULE)
        assert (desk.simulator.count("sign-in"), turns) == (1, 2)


def test_unreachable_it_is_tried_again_by_itself_and_seldom(desk: World) -> None:
    desk.meters = [{**HOME, "until": "2026-11-01"}]
    begin(desk, date(2026, 10, 20), date(2026, 10, 31))
    desk.simulator.fault("server-error")
    with at_work(desk) as backfiller:
        turns = 0
        for minute in range(24 * 60):
            if minute == 20 * 60:
                desk.simulator.clear()
            while backfiller.is_due():
                backfiller.step()
                turns += minute < 20 * 60
            desk.clock.pass_by(minutes=1)
        assert turns < 16
        assert backfiller._fetcher.health["portal"].state is State.OK
    assert days_of(desk) == 12


# --- disks that are full


class FullDisk:
    """The ledger as it is on a disk that is full; counts how often someone tries to write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full, self.tries = False, 0
        remember, begin_backfill = Notes.remember, Jobs.begin_backfill

        def heed() -> None:
            if self.is_full:
                self.tries += 1
                raise LedgerError("the ledger cannot be written: the disk is full")

        def remembering(notes: Notes, key: str, value: Any) -> None:
            heed()
            remember(notes, key, value)

        def beginning(jobs: Jobs, *arguments: Any) -> Backfill:
            heed()
            return begin_backfill(jobs, *arguments)

        monkeypatch.setattr(Notes, "remember", remembering)
        monkeypatch.setattr(Jobs, "begin_backfill", beginning)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    return FullDisk(monkeypatch)


def counted_turns(bridge: Bridge) -> Callable[[], int]:
    turns: list[None] = []
    attend = bridge._attend

    def counting(seconds: float) -> None:
        turns.append(None)
        attend(seconds)

    bridge._attend = counting  # type: ignore[method-assign]
    return lambda: len(turns)


@pytest.mark.usefixtures("_quick")
def test_a_full_disk_does_not_make_the_loop_spin(home: World, mosquitto: Mosquitto, disk: FullDisk) -> None:
    begin(home)
    with home.running() as bridge:
        eventually(lambda: home.simulator.count("readings-interval") > 10, 10)
        disk.is_full = True
        eventually(lambda: '"ledger"' in mosquitto.retained().get("fluvius/bridge/health", "") or disk.tries)
        turns, requests = counted_turns(bridge), home.simulator.count()
        mosquitto.publish("fluvius/bridge/request/republish", "")
        eventually(lambda: turns() >= 3)
        tries = disk.tries
        eventually(lambda: turns() >= 8)
        assert disk.tries == tries
        assert home.simulator.count() <= requests + 1
        disk.is_full = False
        home.clock.pass_by(minutes=6)
        eventually(lambda: f'"days": {DAYS}' in mosquitto.retained().get("fluvius/home/total", ""), 20)
    assert home.total() == home.truth(HOME["ean"], FIRST, LAST)


@pytest.mark.usefixtures("_quick")
def test_a_request_for_history_on_a_full_disk_is_refused_and_ends_nothing(
    home: World, mosquitto: Mosquitto, disk: FullDisk
) -> None:
    with mosquitto.listen("fluvius/bridge/response/#") as ear, home.running():
        eventually(lambda: is_at_rest(mosquitto), 10)
        disk.is_full = True
        mosquitto.publish(REQUEST, '{"from": "2026-11-01", "transaction": 1}')
        ear.wait_for(lambda heard: len(heard) == 1)
        answer = json.loads(ear.messages[0].payload)
        assert (answer["status"], answer["transaction"]) == ("error", 1)
        assert "the disk is full" in answer["error"]
        disk.is_full = False
        mosquitto.publish("fluvius/bridge/request/republish", "")
        ear.wait_for(lambda heard: len(heard) == 2)


def test_what_was_kept_in_part_is_found_by_the_next_step(
    desk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(desk, NOVEMBER)
    settle = Answers.settle

    def failing(*_: Any) -> None:
        raise LedgerError("the disk is full")

    with at_work(desk) as backfiller:
        monkeypatch.setattr(Answers, "settle", failing)
        with pytest.raises(LedgerError):
            backfiller.step()
        monkeypatch.setattr(Answers, "settle", settle)
        while backfiller.is_due():
            backfiller.step()
    assert desk.simulator.count("readings-day") == 1
    assert desk.total() == desk.truth(HOME["ean"], NOVEMBER, LAST)


# --- a bridge that runs


def asked_by(mosquitto: Mosquitto, *payloads: dict[str, Any]) -> None:
    mosquitto.publish_all([(REQUEST, json.dumps(payload)) for payload in payloads])


def answers(ear: Ear, state: str) -> list[dict[str, Any]]:
    found = [json.loads(payload) for payload in ear.payloads(RESPONSE)]
    return [answer for answer in found if answer["data"].get("state") == state]


@pytest.mark.usefixtures("_quick")
def test_each_who_asked_for_the_same_is_answered(home: World, mosquitto: Mosquitto) -> None:
    begin(home, date(2026, 10, 20))  # someone at a terminal, too
    home.simulator.fault("stall", where="readings-interval", seconds=0.02)
    with mosquitto.listen(RESPONSE) as ear, home.running():
        eventually(lambda: is_at_rest(mosquitto), 10)
        asked_by(mosquitto, *({"from": "2026-10-20", "transaction": name} for name in ("a", "b", "b")))
        ear.wait_for(lambda _: len(answers(ear, "done")) >= 2, 20)
        home.clock.pass_by(seconds=1)
        mosquitto.publish("fluvius/bridge/request/republish", "")
    assert len(answers(ear, "started")) == 3
    assert {answer["transaction"] for answer in answers(ear, "done")} == {"a", "b"}


@pytest.mark.usefixtures("_quick")
def test_who_asked_is_answered_after_a_restart_of_the_bridge_too(home: World, mosquitto: Mosquitto) -> None:
    with mosquitto.listen(RESPONSE) as ear:
        with home.running():
            eventually(lambda: is_at_rest(mosquitto), 10)
            home.simulator.fault("server-error", after=5)
            asked_by(mosquitto, {"from": "2026-10-20", "transaction": [1, {"deep": None}]})
            eventually(lambda: "unreachable" in mosquitto.retained().get("fluvius/bridge/health", "x"), 10)
        home.simulator.clear()
        home.clock.pass_by(minutes=30)
        with home.running():
            ear.wait_for(lambda _: answers(ear, "done"), 20)
    assert answers(ear, "done")[0]["transaction"] == [1, {"deep": None}]
    assert home.total() == home.truth(HOME["ean"], date(2026, 10, 20), LAST)


@pytest.mark.usefixtures("_quick")
def test_who_asked_is_answered_when_the_broker_is_back(home: World, mosquitto: Mosquitto) -> None:
    with home.running():
        eventually(lambda: is_at_rest(mosquitto), 10)
        home.simulator.fault("server-error")
        asked_by(mosquitto, {"from": "2026-10-20", "transaction": "attic-8"})
        eventually(lambda: "unreachable" in mosquitto.retained().get("fluvius/bridge/health", "x"), 10)
        mosquitto.stop()
        home.simulator.clear()
        home.clock.pass_by(minutes=30)
        eventually(lambda: job_of(home).state == "done", 20)
    mosquitto.start()
    with mosquitto.listen(RESPONSE) as ear:
        with home.running():
            ear.wait_for(lambda _: answers(ear, "done"), 20)
            eventually(lambda: not job_of(home).marks)  # it was stopped before, and answered twice
        home.once()
    assert [answer["transaction"] for answer in answers(ear, "done")] == ["attic-8"]


@pytest.mark.usefixtures("_quick")
def test_a_refresh_is_answered_in_the_middle_of_a_backfill(home: World, mosquitto: Mosquitto) -> None:
    with mosquitto.listen("fluvius/bridge/response/#") as ear, home.running():
        eventually(lambda: is_at_rest(mosquitto), 10)
        home.clock.pass_by(minutes=6)
        home.simulator.fault("stall", where="readings-interval", seconds=0.02)
        asked_by(mosquitto, {"from": "2026-08-01"})
        eventually(lambda: home.simulator.count("readings-interval") > 7 + 5, 10)
        mosquitto.publish("fluvius/bridge/request/refresh", '{"transaction": 7}')
        ear.wait_for(lambda heard: len(heard) == 2, 10)
        answer = json.loads(ear.messages[1].payload)
        assert (answer["status"], answer["transaction"]) == ("ok", 7)
        mosquitto.publish("fluvius/bridge/request/refresh", "")
        ear.wait_for(lambda heard: len(heard) == 3, 10)
        assert "at most once in five minutes" in ear.messages[2].payload


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(
    "payload",
    [
        b"\xff\xfe",
        b"null",
        b'"2026-11-01"',
        b'{"from": null}',
        b'{"from": ""}',
        b'{"from": true}',
        b'{"from": {"from": "2026-11-01"}}',
        b'{"from": 1e999}',
        b'{"from": "' + b"x" * 60_000 + b'"}',
        b'{"from": "2026-11-01", "to": ""}',
        b'{"from": "2026-11-01", "to": "2026-10-01"}',
        b'{"from": "2026-11-01", "meter": {"name": "home"}}',
        b'{"from": "2026-11-01", "meter": ""}',
        b'{"from": "2026-11-01", "meter": "\\ud800"}',
        b'{"from": "2026-11-01", "meter": "' + b"home" * 10_000 + b'"}',
        b'{"transaction": ' + b"[" * 300 + b"]" * 300 + b"}",
    ],
    ids=range(16),
)
def test_whatever_is_sent_is_answered_shortly_and_begins_nothing(
    home: World, mosquitto: Mosquitto, payload: bytes
) -> None:
    with mosquitto.listen(RESPONSE) as ear, home.running():
        eventually(lambda: is_at_rest(mosquitto), 10)
        mosquitto.publish(REQUEST, payload)
        ear.wait_for(lambda heard: len(heard) == 1)
    answer = ear.messages[0].payload
    assert json.loads(answer)["status"] == "error"
    assert len(answer) < 500
    with home.ledger() as ledger:
        assert ledger.jobs.open_backfills() == []


@pytest.mark.usefixtures("_quick")
def test_it_is_shown_while_it_goes_on(home: World, mosquitto: Mosquitto) -> None:
    with home.running():
        eventually(lambda: is_at_rest(mosquitto), 10)
        home.simulator.fault("stall", where="readings-interval", seconds=0.02)
        asked_by(mosquitto, {"from": "2026-08-01"})
        eventually(lambda: home.simulator.count("readings-interval") > 7 + 5, 10)
        home.clock.pass_by(minutes=2)
        eventually(lambda: "backfill" in json.loads(mosquitto.retained()["fluvius/bridge/info"]))
        shown = json.loads(mosquitto.retained()["fluvius/bridge/info"])["backfill"]
    assert (shown["meter"], shown["from"], shown["of"]) == ("home", "2026-08-01", 4 + 112)
    assert 4 < shown["done"] < shown["of"]


# --- two at once


@contextmanager
def held(world: World) -> Iterator[Callable[[], None]]:
    """Another process works in the folder; gives what lets go of it."""
    world.data_dir.mkdir(exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(claim(world.data_dir))
        yield stack.close


def test_what_a_bridge_learnt_meanwhile_is_known_when_the_command_takes_over(
    desk: World, said: list[str]
) -> None:
    with held(desk) as let_go:

        def bridge_works_and_stops(_: float) -> None:
            if desk.simulator.count() == 0:
                desk.fetch()  # which makes the registers, too
                let_go()

        assert_done(command(desk, "2026-11-01", bridge_works_and_stops))
    assert said[-1].endswith("20 complete")
    assert desk.simulator.count("readings-interval") == 20
    assert desk.simulator.count("sign-in") == 1


def test_what_fluvius_asked_a_bridge_is_heeded_when_the_command_takes_over(desk: World) -> None:
    with held(desk) as let_go:

        def bridge_is_sent_away(_: float) -> None:
            desk.simulator.fault("too-many-requests", times=1, retry_after=7200)
            desk.fetch()
            desk.simulator.forget_requests()
            let_go()

        status, why = ended(desk, "2026-11-01", bridge_is_sent_away)
    assert status == 1
    assert "run the same command again after" in why
    assert desk.simulator.count() == 0


def test_who_comes_a_moment_too_late_watches(
    desk: World, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "is_claimed", lambda _: False)
    with held(desk) as let_go:
        assert_done(command(desk, "2026-11-01", lambda _: let_go()))
    assert said[0].startswith("The bridge that runs here")
    assert days_of(desk) == 20


@pytest.mark.usefixtures("said")
def test_the_command_works_on_what_it_was_asked_for_and_on_nothing_else(desk: World) -> None:
    begin(desk, date(2020, 1, 1))
    assert_done(command(desk, "2026-11-01"))
    assert (job_of(desk, 1).state, job_of(desk, 2).state) == ("open", "done")
    assert desk.simulator.count("readings") == 1 + 20


def test_a_bridge_that_is_refused_is_not_watched_for_ever(desk: World, said: list[str]) -> None:
    desk.password = "wrong"

    def bridge_tries(_: float) -> None:
        work(desk)

    with held(desk):
        assert ended(desk, "2026-11-01", bridge_tries)[0] == 3
    assert "does not accept this password" in said[-1]


def test_what_is_in_the_way_of_a_bridge_is_said_to_who_watches(desk: World, said: list[str]) -> None:
    desk.simulator.fault("too-many-requests", times=1, retry_after=300)
    with held(desk):

        def bridge_goes_on(_: float) -> None:
            work(desk)
            desk.clock.pass_by(minutes=3)

        assert_done(command(desk, "2026-11-01", bridge_goes_on))
    assert len([line for line in said if "fewer requests" in line]) == 1


def test_who_stops_watching_stops_nothing(desk: World, said: list[str]) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with held(desk):
        status, why = ended(desk, "2026-11-01", interrupt)
    assert (status, why.partition(";")[0]) == (1, "the bridge goes on with it")
    assert job_of(desk).state == "open"
    assert len(said) == 1


def test_what_another_stopped_is_said_to_who_watches(desk: World) -> None:
    with held(desk):

        def stop(_: float) -> None:
            with desk.ledger() as ledger:
                ledger.jobs.keep_backfill(replace(ledger.jobs.backfill(1), state="stopped"))

        assert "someone stopped it" in ended(desk, "2026-11-01", stop)[1]


def test_the_same_command_on_the_next_day_goes_on_with_the_one_of_yesterday(
    desk: World, said: list[str]
) -> None:
    change(desk, HOME["ean"], since=date(2026, 10, 1))

    def interrupt(_: float) -> None:
        if days_of(desk) > 3:
            raise KeyboardInterrupt

    ended(desk, "2026-01-01", interrupt)
    for _ in range(3):
        desk.clock.pass_by(days=1)
        ended(desk, "2026-01-01", interrupt)
    assert_done(command(desk, "2026-01-01"))
    assert job_of(desk).last == date(2026, 11, 23)
    assert said[-2].startswith("home: missing: 2026-01-01 to 2026-09-30, 273 days: Fluvius has nothing")
    assert said[-1] == "home: not asked for one by one, because no day near them has readings: 62 days"
    intervals = [asked for asked in asked_for(desk) if asked[0] == "interval"]
    assert len(intervals) == len(set(intervals)) == 54
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 10, 1), date(2026, 11, 23))


def test_another_span_is_another_one(desk: World) -> None:
    begin(desk, NOVEMBER, date(2026, 11, 10))
    work(desk, 3)
    begin(desk, NOVEMBER, date(2026, 11, 15))
    begin(desk, NOVEMBER)
    assert [job_of(desk, number).last.day for number in (1, 2, 3)] == [10, 15, 20]


def test_asked_for_again_while_it_is_worked_on_it_loses_nothing(desk: World) -> None:
    begin(desk)
    with at_work(desk) as backfiller:
        while backfiller.is_due():
            backfiller.step()
            if days_of(desk) < 20:
                begin(desk)
    assert job_of(desk).state == "done"
    assert len(asked_for(desk)) == len(set(asked_for(desk))) == DAY_REQUESTS + DAYS


def test_extended_while_it_is_worked_on_it_comes_to_the_new_end(desk: World) -> None:
    begin(desk, NOVEMBER)
    with at_work(desk) as backfiller:
        for _ in range(15):
            backfiller.step()
        desk.clock.pass_by(days=1)
        stale = backfiller.current
        assert stale
        begin(desk, NOVEMBER, LAST + ONE_DAY)
        backfiller._kept(replace(stale, state="done"))  # who had not noticed yet
        while backfiller.is_due():
            backfiller.step()
    assert desk.total() == desk.truth(HOME["ean"], NOVEMBER, LAST + ONE_DAY)


# --- real processes


class Typed:
    """`fluvius2mqtt backfill`, typed at a machine on which it is today."""

    def __init__(self, folder: Path) -> None:
        self.simulator = Simulator()
        clock = Clock("2000-01-01 00:00")
        clock.instant = datetime.now(UTC)
        self.world = World(folder, self.simulator, clock, 1)
        self.first = clock().astimezone(BRUSSELS).date() - timedelta(days=12)

    def start(self, *words: str, **options: Any) -> "subprocess.Popen[str]":
        begin = [sys.executable, "-m", "bridge", "backfill", "--from", str(self.first)]
        return subprocess.Popen(
            [*begin, "--config", str(self.world.write_configuration()), *words],
            env=environment(),
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    def until_in_the_middle(self) -> None:
        before = self.simulator.count("readings-interval")
        eventually(lambda: self.simulator.count("readings-interval") >= before + 2, 30)


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[Typed]:
    typed = Typed(tmp_path)
    with typed.simulator:
        yield typed


@pytest.mark.parametrize(
    ("number", "words", "state"),
    [
        (signal.SIGINT, "fluvius2mqtt: stopped; the same command goes on where it was\n", "stopped"),
        (signal.SIGTERM, "fluvius2mqtt: SIGTERM; a bridge, or the same command, goes on from here\n", "open"),
        (signal.SIGHUP, "fluvius2mqtt: SIGHUP; a bridge, or the same command, goes on from here\n", "open"),
    ],
)
def test_stopped_it_ends_at_once_and_says_what_becomes_of_it(
    typed: Typed, number: signal.Signals, words: str, state: str
) -> None:
    with typed.start() as process:
        typed.until_in_the_middle()
        process.send_signal(number)
        _, error = process.communicate(timeout=5)
    assert (process.returncode, error) == (1, words)
    assert job_of(typed.world).state == state
    done = typed.simulator.count("readings-interval")
    begin(typed.world, typed.first, job_of(typed.world).last)
    work(typed.world)
    assert typed.simulator.count("readings-interval") - done <= 12 - 1
    assert typed.world.invented() == []


def test_two_commands_at_once_share_the_work(typed: Typed) -> None:
    typed.first += ONE_DAY * 7
    with typed.start() as one, typed.start() as other:
        typed.until_in_the_middle()
        one.send_signal(signal.SIGKILL)
        one.wait(5)
        out, error = other.communicate(timeout=60)
    if other.returncode == 1:  # the one that was killed had been watching
        raise AssertionError(error)
    assert (other.returncode, error) == (0, "")
    assert "5 days from" in out
    assert typed.simulator.count("readings-day") <= 2
    assert typed.simulator.count("readings-interval") <= 5 + 1
    assert typed.world.invented() == []


def test_in_a_terminal_there_is_a_bar_and_the_cursor_comes_back(typed: Typed) -> None:
    controller, terminal = pty.openpty()
    with typed.start(stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        typed.until_in_the_middle()
        process.send_signal(signal.SIGTERM)
        shown = b"".join(iter(lambda: read(controller), b""))
    os.close(controller)
    assert "home" in shown.decode()
    assert re.search(r"━ \d+ of \d+ steps", re.sub(r"\x1b\[[\d;]*m", "", shown.decode()))
    assert "?  " not in shown.decode()  # of those that wait, nobody knows how many there will be
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h") == 1
    assert "fluvius2mqtt: SIGTERM" in shown.decode().splitlines()[-1]


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize(
    ("words", "says_so"),
    [
        (["--from", ""], "nothing is not a date"),
        (["--from", "soon"], "soon is not a date"),
        (["--from", "2026-02-30"], "2026-02-30 is not a date"),
        (["--from", "2999-01-01"], "2999-01-01"),
        (["--from", "1999-01-01"], "1999-01-01"),
        (["--from", "2026-01-01", "--to", ""], "nothing is not a date"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "comes after"),
        (["--from", "2026-01-01", "--to", "2199-01-01"], "not over yet"),
        (["--from", "2026-01-01", "--meter", "attic"], "there is home"),
        (["--from", "2026-01-01", "--meter", ""], "there is home"),
        ([], "--from"),
        (["--from"], "--from"),
        (["--from", "2026-01-01", "yesterday"], "yesterday"),
    ],
)
def test_wrong_words_are_one_clear_line_and_ask_nothing(
    desk: World, capsys: pytest.CaptureFixture[str], words: list[str], says_so: str
) -> None:
    from bridge.commands import main  # noqa: PLC0415

    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        status = main(["backfill", "--config", str(desk.write_configuration()), *words])
    except SystemExit as end:
        status = int(end.code or 0)
    for each, handler in before.items():
        signal.signal(each, handler)
    complaint = capsys.readouterr().err
    assert status == 2
    assert says_so in complaint
    assert complaint.count("fluvius2mqtt: ") <= 1
    assert desk.simulator.count() == 0


def test_a_folder_that_cannot_be_used_is_said(desk: World) -> None:
    desk.data_dir.write_text("a file")
    from bridge.folder.claim import FolderError  # noqa: PLC0415

    with pytest.raises(FolderError, match="data"):
        command(desk, "2026-11-01")


def test_ten_years_are_a_handful_of_requests_where_there_is_nothing(desk: World) -> None:
    change(desk, HOME["ean"], since=date(2026, 11, 10), intervals_since=date(2026, 11, 15))
    begin(desk, date(2016, 11, 21))
    job = work(desk)
    assert job
    assert job.state == "done"
    assert desk.simulator.count("readings-day") < 35
    assert desk.simulator.count("readings-interval") < 15
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 10), LAST)
