"""History: fetched once, oldest first, interrupted at any moment, by whoever works in the folder."""

import json
import logging
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.commands import backfill
from bridge.config.asked import UsageError, WantedHistory
from bridge.fetching.backfill import Backfiller
from bridge.fetching.due import Occasion
from bridge.fluvius import http
from bridge.folder.claim import claim
from bridge.ledger import LedgerError
from bridge.ledger.answers import Answers
from bridge.ledger.jobs import Jobs
from bridge.metering.meterday import span
from bridge.simulator import Simulator
from tests.rig.commands import environment
from tests.rig.core import TOKEN, Core
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
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.provider import Provider
from tests.rig.truth import hourly
from tests.rig.waiting import is_at_rest
from tests.rig.world import GAS, HOME, SHED, Clock, World, says


def test_history_is_fetched_once_oldest_first_days_before_quarter_hours(desk: World) -> None:
    begin(desk)
    job = work(desk)
    assert job
    assert (job.state, job.done, job.of_all) == ("done", DAY_REQUESTS + DAYS, DAY_REQUESTS + DAYS)
    assert job.words == f"{DAYS} days from {FIRST} to {LAST}: {DAYS} complete"
    assert desk.total() == desk.truth(HOME["ean"], FIRST, LAST)
    assert desk.invented() == []
    counts = [desk.simulator.count(group) for group in ("readings-day", "readings-interval", "sign-in")]
    assert counts == [DAY_REQUESTS, DAYS, 1]


def test_what_is_known_is_not_asked_for_again(desk: World) -> None:
    desk.fetch()
    desk.simulator.forget_requests()
    begin(desk)
    work(desk)
    assert desk.simulator.count("readings-interval") == DAYS - 7
    assert desk.total() == desk.truth(HOME["ean"], FIRST, LAST)
    begin(desk)
    desk.simulator.forget_requests()
    work(desk)
    assert desk.simulator.count() == 0


@pytest.mark.parametrize("steps", [1, 3, 16])
def test_an_interrupted_one_goes_on_where_it_was_in_another_run(desk: World, steps: int) -> None:
    begin(desk)
    work(desk, steps)
    desk.clock.pass_by(minutes=30)
    begin(desk)
    job = work(desk)
    assert job
    assert (job.number, job.state) == (1, "done")
    counts = [desk.simulator.count(group) for group in ("readings-day", "readings-interval")]
    assert counts == [DAY_REQUESTS, DAYS]
    assert desk.total() == desk.truth(HOME["ean"], FIRST, LAST)


def test_gas_over_a_change_of_the_clocks(desk: World) -> None:
    desk.meters = [GAS]
    begin(desk, date(2026, 10, 20), date(2026, 11, 20))
    job = work(desk)
    assert job
    assert job.words == (
        "32 days from 2026-10-20 to 2026-11-20: 29 complete\n"
        "missing: 2026-11-18 to 2026-11-20, 3 days: not published yet"
    )
    assert desk.total("gas") == desk.truth(GAS["ean"], date(2026, 10, 20), date(2026, 11, 17))
    assert desk.invented() == []


def test_before_the_meter_was_there_fluvius_is_asked_little(desk: World) -> None:
    ean = HOME["ean"]
    change(desk, ean, since=date(2026, 11, 1))
    begin(desk, date(2010, 1, 1))
    job = work(desk)
    assert job
    assert desk.simulator.count("readings-day") < 50
    assert desk.total() == desk.truth(ean, date(2026, 11, 1), LAST)
    assert "missing: 2010-01-01 to 2026-10-31, 6148 days: Fluvius has nothing for that time" in (
        job.words or ""
    )


def test_where_nothing_is_found_it_failed(desk: World) -> None:
    change(desk, HOME["ean"], since=date(2026, 11, 1))
    begin(desk, date(2026, 1, 1), date(2026, 3, 1))
    job = work(desk)
    assert job
    assert job.state == "failed"
    assert "was the meter installed then?" in (job.words or "")


def test_days_before_quarter_hours_were_switched_on_count_by_their_amounts(desk: World) -> None:
    change(desk, HOME["ean"], intervals_since=date(2026, 11, 10))
    begin(desk, date(2026, 1, 1))
    job = work(desk)
    assert job
    assert (job.words or "").startswith(
        "324 days from 2026-01-01 to 2026-11-20: 324 complete, 313 of them without"
    )
    assert desk.simulator.count("readings-interval") < 11 + 313 / 31 + 5 + 6
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 1, 1), LAST)


def test_a_meter_without_quarter_hours_costs_a_request_a_month(desk: World) -> None:
    desk.meters = [SHED]
    begin(desk, date(2025, 11, 21), LAST)
    work(desk)
    assert days_of(desk, "shed") == 365
    still_to_come = 4  # days, of which each is asked for
    assert desk.simulator.count("readings-interval") <= 3 + 365 / 31 + 2 + still_to_come


def test_a_day_with_a_hole_is_missing_and_said(desk: World) -> None:
    desk.simulator.fault("null-amounts", times=1, where="readings-interval")
    begin(desk, date(2026, 11, 1))
    job = work(desk)
    assert job
    assert job.words == (
        "20 days from 2026-11-01 to 2026-11-20: 19 complete\n"
        "missing: 2026-11-01: Fluvius does not have all amounts and quarter-hours"
    )
    desk.clock.pass_by(minutes=1)
    begin(desk, date(2026, 11, 1))
    work(desk)
    assert days_of(desk) == 20
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 1), LAST)


def test_an_odd_answer_keeps_no_other_day_waiting(desk: World) -> None:
    desk.simulator.fault("replace", body='{"slots": 3}', times=1, where="readings-interval")
    begin(desk, date(2026, 11, 1))
    job = work(desk)
    assert job
    assert (job.state, days_of(desk)) == ("done", 19)
    assert "missing: 2026-11-01: Fluvius's answer could not be understood" in (job.words or "")
    begin(desk, date(2026, 11, 1))
    work(desk)
    assert days_of(desk) == 20


def test_nothing_but_odd_answers_end_it_soon(desk: World) -> None:
    desk.simulator.fault("replace", body='{"slots": 3}', where="readings")
    begin(desk)
    job = work(desk)
    assert job
    assert job.state == "failed"
    assert desk.simulator.count("readings") <= 3


def test_a_span_of_which_nothing_is_complete_for_odd_answers_could_not_be_fetched(desk: World) -> None:
    desk.simulator.fault("odd-json", where="readings-interval")
    begin(desk, date(2026, 11, 16), date(2026, 11, 17))
    job = work(desk)
    assert job
    assert job.words == (
        "2 days from 2026-11-16 to 2026-11-17: none complete\n"
        "missing: 2026-11-16 to 2026-11-17, 2 days: Fluvius's answer could not be understood; try again later"
    )
    assert job.state == "failed"


def test_of_amounts_that_could_not_be_understood_every_day_says_so(desk: World) -> None:
    desk.simulator.fault("odd-json", where="readings-day")
    begin(desk, date(2026, 11, 1))
    job = work(desk)
    assert job
    assert "missing: 2026-11-01 to 2026-11-20, 20 days: Fluvius's answer could not be" in (job.words or "")


def test_days_that_fluvius_refused_are_not_said_to_be_published_later(desk: World) -> None:
    desk.simulator.fault("forbidden", where="readings")
    begin(desk, LAST)
    job = work(desk)
    assert job
    assert (job.words or "").endswith("missing: 2026-11-20: Fluvius refused it")


@pytest.mark.parametrize("fault", ["server-error", "too-many-requests", "maintenance", "cut", "stall"])
def test_trouble_in_the_middle_is_left_alone_and_then_goes_on(
    desk: World, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_SILENCE_SECONDS", 1.0)
    begin(desk, date(2026, 11, 1))
    work(desk, 5)
    desk.simulator.fault(fault, where="readings-interval")
    with at_work(desk) as backfiller:
        while backfiller.is_due():
            job = backfiller.step()
            assert job
            assert job.state == "open"
        assert backfiller.trouble
        desk.simulator.clear()
        desk.clock.pass_by(hours=4)
        while backfiller.is_due():
            backfiller.step()
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 1), LAST)
    assert desk.invented() == []


def test_a_clock_that_was_put_back_makes_nothing_asked_for_twice(desk: World) -> None:
    change(desk, HOME["ean"], intervals_since=date(2026, 11, 10))
    begin(desk, date(2026, 11, 1))
    desk.clock.pass_by(hours=-1)
    job = work(desk, 100)
    assert job
    assert job.state == "done"
    assert desk.simulator.count("readings-interval") <= 20


def test_what_failed_is_asked_for_anew(desk: World) -> None:
    for there, since in ((False, date(2026, 11, 1)), (True, date(2020, 1, 1))):
        change(desk, HOME["ean"], since=since)
        begin(desk, date(2026, 9, 1), date(2026, 9, 30))
        job = work(desk)
        assert job
        assert job.state == ("done" if there else "failed")


@pytest.mark.parametrize("days", range(341, 346))  # the last request's span has 31 days, 1, 2, 3, or 4
def test_what_comes_after_a_long_silence_is_found_whatever_is_not_published_yet(
    desk: World, days: int
) -> None:
    """Gas is three days late."""
    desk.meters, since = [GAS], date(2026, 10, 1)
    change(desk, GAS["ean"], since=since)
    begin(desk, LAST - timedelta(days=days - 1))
    work(desk)
    with desk.ledger() as ledger:
        total = ledger.sums.total(desk.meter("gas"))
    assert total
    assert (total.since, total.until, total.days) == (since, date(2026, 11, 17), 48)


@pytest.mark.parametrize("first", [date(2026, 9, day) for day in (15, 20, 24)])
def test_quarter_hours_that_were_switched_on_lately_are_found_although_yesterday_has_none_yet(
    desk: World, first: date
) -> None:
    switched_on = date(2026, 11, 2)
    change(desk, HOME["ean"], intervals_since=switched_on)
    desk.simulator.delay(HOME["ean"], LAST, intervals_until=desk.clock() + timedelta(hours=5))
    begin(desk, first)
    work(desk)
    with desk.ledger() as ledger:
        facts = ledger.days.facts(desk.meter(), span(switched_on, LAST))
    assert [each.interval_count for each in facts] == [96] * 18 + [0]
    assert not facts[-1].complete


def test_everyone_who_asked_for_the_same_is_answered(desk: World) -> None:
    marks = [{"transaction": 1}, {"transaction": 2}]
    with desk.ledger() as ledger:
        for mark in (None, *marks, None):
            job = ledger.jobs.begin_backfill(desk.meter(), FIRST, LAST, desk.clock(), mark)
        assert (job.number, list(job.marks)) == (1, marks)


def test_the_connection_is_kept_open_only_as_long_as_it_goes_well(desk: World) -> None:
    begin(desk)
    with at_work(desk) as backfiller:
        backfiller.step()
        assert backfiller._fetcher.visits._kept is not None
        desk.simulator.fault("server-error", where="readings")
        backfiller.step()
        assert backfiller._fetcher.visits._kept is None


def test_refused_credentials_are_tried_once_in_all_runs(desk: World) -> None:
    desk.password = "wrong"
    begin(desk, date(2026, 11, 1))
    for _ in range(5):
        work(desk, 20)
    assert desk.simulator.count("sign-in") == 1
    desk.password = "simulated"
    work(desk)
    assert days_of(desk) == 20


def test_an_unknown_meter_fails_and_keeps_no_other_waiting(desk: World) -> None:
    desk.meters = [{**HOME, "serial": "another"}, GAS]
    begin(desk, date(2026, 11, 1))
    work(desk)
    with desk.ledger() as ledger:
        states = [ledger.jobs.backfill(number).state for number in (1, 2)]
    assert states == ["failed", "done"]


def test_a_meter_that_left_the_configuration_fails(desk: World) -> None:
    desk.meters = [HOME, GAS]
    begin(desk, date(2026, 11, 1))
    desk.meters = [GAS]
    work(desk)
    with desk.ledger() as ledger:
        assert "not in the configuration" in (ledger.jobs.backfill(1).words or "")
        assert ledger.jobs.backfill(2).state == "done"


def test_nothing_outside_a_meters_bounds_is_asked_for(desk: World) -> None:
    desk.meters = [{**HOME, "from": "2026-10-01", "until": "2026-11-01"}]
    begin(desk, date(2026, 9, 1))
    work(desk)
    assert desk.simulator.count("readings-interval") == 31
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 10, 1), date(2026, 10, 31))


def test_the_energy_api_gives_days_and_quarter_hours_at_once(desk: World) -> None:
    Provider(desk)
    desk.fetch()
    desk.simulator.forget_requests()
    with desk.at_work() as (ledger, fetcher):
        meter = next(each for each in fetcher.meters if each.ean == HOME["ean"])
        ledger.jobs.begin_backfill(meter, FIRST, LAST, desk.clock())
        backfiller = Backfiller(ledger, fetcher, desk.clock)
        while backfiller.is_due():
            job = backfiller.step()
        total = ledger.sums.total(meter)
    assert job
    assert (job.state, total and total.days) == ("done", DAYS)
    assert desk.simulator.count("energy") == 1


# --- what may be asked for


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({}, "from is missing"),
        ({"from": "yesterday"}, "yesterday is not a date"),
        ({"from": "2026-02-30"}, "is not a date"),
        ({"from": 1.5}, "1.5 is not a date"),
        ({"from": ["2026-11-01"]}, "is not a date"),
        ({"from": "2026-11-10", "to": "2026-11-01"}, "comes after"),
        ({"from": "2026-11-01", "to": "2026-11-21"}, "2026-11-21 is not over yet"),
        ({"from": "2027-01-01"}, "not over yet"),
        ({"from": "1999-12-31"}, "not between the years 2000"),
        ({"from": "2026-11-01", "meter": "attic"}, "there are home, gas"),
    ],
)
def test_what_cannot_be_asked_for(desk: World, request_: dict[str, Any], why: str) -> None:
    desk.meters = [HOME, GAS]
    with pytest.raises(UsageError, match=why):
        WantedHistory.of(request_, desk.settings.followed, desk.clock())


def test_a_meter_is_meant_by_its_name_or_its_ean(desk: World) -> None:
    desk.meters = [{**HOME, "name": "My Home"}, GAS]
    for name in ("My Home", "my_home", HOME["ean"]):
        wanted = WantedHistory.of({"from": "2026-11-01", "meter": name}, desk.settings.followed, desk.clock())
        assert [meter.name for meter in wanted.meters] == ["my_home"]
        assert (wanted.first, wanted.last) == (date(2026, 11, 1), date(2026, 11, 20))


# --- a bridge that runs


@pytest.mark.usefixtures("_quick")
def test_a_request_is_answered_when_it_begins_and_when_it_ends(home: World, mosquitto: Mosquitto) -> None:
    with mosquitto.listen("fluvius/bridge/response/#") as ear, home.running():
        eventually(lambda: is_at_rest(mosquitto), 10)
        request = {"from": "2026-10-20", "transaction": "attic-7"}
        mosquitto.publish(REQUEST, json.dumps(request))
        ear.wait_for(lambda heard: len(heard) == 2, 20)
        begun, ended = (json.loads(payload) for payload in ear.payloads(RESPONSE))
        span = {"from": "2026-10-20", "to": "2026-11-20"}
        assert begun == {
            "status": "ok",
            "data": {"state": "started", "meters": ["home"], **span},
            "transaction": "attic-7",
        }
        found = ["32 days from 2026-10-20 to 2026-11-20: 32 complete"]
        assert ended == {
            "status": "ok",
            "data": {"state": "done", "meter": "home", **span, "found": found},
            "transaction": "attic-7",
        }
    total = says(mosquitto.retained(), "fluvius/home/total")
    assert (total["since"], total["days"]) == ("2026-10-20", 32)
    assert home.simulator.count("readings-interval") == 32
    assert home.invented(ear.messages) == []


@pytest.mark.usefixtures("_quick")
def test_a_request_that_cannot_be_understood_is_answered(home: World, mosquitto: Mosquitto) -> None:
    with mosquitto.listen("fluvius/bridge/response/#") as ear, home.running():
        eventually(lambda: is_at_rest(mosquitto), 10)
        payloads = ["{", "[]", "", '{"from": "soon", "transaction": 1}', "[" * 5000]
        for payload in payloads:
            mosquitto.publish(REQUEST, payload)
        ear.wait_for(lambda heard: len(heard) == len(payloads))
        answers = [json.loads(payload) for payload in ear.payloads(RESPONSE)]
    assert {answer["status"] for answer in answers} == {"error"}
    assert "soon" in answers[3]["error"]
    assert answers[3]["transaction"] == 1


@pytest.mark.usefixtures("_quick")
def test_others_are_served_while_history_is_fetched(home: World, mosquitto: Mosquitto) -> None:
    with mosquitto.listen("fluvius/bridge/response/#") as ear, home.running():
        eventually(lambda: is_at_rest(mosquitto), 10)
        home.clock.pass_by(minutes=6)
        home.simulator.fault("stall", where="readings-interval", seconds=0.02)
        mosquitto.publish(REQUEST, '{"from": "2026-08-01"}')
        mosquitto.publish("fluvius/bridge/request/refresh", "{}")
        ear.wait_for(lambda heard: len(heard) == 2, 10)
        assert [message.topic.rpartition("/")[2] for message in ear.messages] == ["backfill", "refresh"]
        assert json.loads(ear.messages[1].payload)["status"] == "ok"
        eventually(lambda: "backfill" in mosquitto.retained().get("fluvius/bridge/info", ""), 10)


@pytest.mark.usefixtures("_quick")
def test_a_bridge_that_starts_goes_on_with_what_another_process_left(
    home: World, mosquitto: Mosquitto
) -> None:
    begin(home, date(2026, 10, 1))
    work(home, 10)
    with home.running():
        eventually(lambda: '"days": 51' in mosquitto.retained().get("fluvius/home/total", ""), 20)
    assert home.simulator.count("readings-day") == 2  # of which it needs none again; the window is known too
    assert home.simulator.count("readings-interval") == 51
    assert home.total() == home.truth(HOME["ean"], date(2026, 10, 1), LAST)


@pytest.mark.usefixtures("_quick")
def test_each_interval_of_history_is_streamed_once(home: World, mosquitto: Mosquitto) -> None:
    home.changes["mqtt.stream"] = True
    with mosquitto.listen("fluvius/home/reading") as ear:
        begin(home, date(2026, 11, 1))
        with home.running():
            eventually(lambda: '"days": 20' in mosquitto.retained().get("fluvius/home/total", ""), 20)
            ear.wait_for(lambda heard: len(heard) >= 20 * 96)
        starts = [json.loads(message.payload)["start"] for message in ear.messages]
    assert len(starts) == len(set(starts)) == 20 * 96


@pytest.mark.usefixtures("_quick")
def test_statistics_have_history_at_the_hour_at_which_it_was_used(home: World, mosquitto: Mosquitto) -> None:
    with Core().open() as core:
        home.changes["homeassistant.statistics"] = {"url": core.url, "token": TOKEN}
        with home.running():
            eventually(lambda: is_at_rest(mosquitto), 10)
            mosquitto.publish(REQUEST, '{"from": "2026-10-20"}')
            hours = hourly(home.simulator, HOME["ean"], "consumption_high", date(2026, 10, 20), LAST)
            name = f"fluvius:{HOME['ean']}_consumption_high"
            total = float(sum(hours.values()))
            eventually(lambda: abs(last_sum(core, name) - total) < 1e-6, 20)


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(("part", "what"), [(Answers, "record_days"), (Jobs, "keep_backfill")])
def test_what_cannot_be_kept_is_not_asked_for_again_and_again(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, part: type, what: str
) -> None:
    with home.running():
        eventually(lambda: is_at_rest(mosquitto), 10)
        home.simulator.forget_requests()
        with monkeypatch.context() as full:
            full.setattr(part, what, no_room)
            mosquitto.publish(REQUEST, '{"from": "2026-10-20"}')
            eventually(lambda: home.simulator.count("readings") > 0, 10)
            time.sleep(0.5)  # some ten turns of the loop
            assert home.simulator.count("readings") <= 2
        home.clock.pass_by(minutes=6)
        eventually(lambda: '"days": 32' in mosquitto.retained().get("fluvius/home/total", ""), 20)


@pytest.mark.usefixtures("_quick")
def test_a_request_that_cannot_be_noted_is_answered(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Jobs, "begin_backfill", no_room)
    with mosquitto.listen("fluvius/bridge/response/#") as ear, home.running():
        eventually(lambda: is_at_rest(mosquitto), 10)
        mosquitto.publish(REQUEST, '{"from": "2026-10-20"}')
        ear.wait_for(lambda heard: len(heard) == 1)
        answer = json.loads(ear.payloads(RESPONSE)[0])
    assert (answer["status"], answer["error"]) == ("error", "the disk is full")


def no_room(*_: object) -> None:
    raise LedgerError("the disk is full")


def last_sum(core: Core, name: str) -> float:
    rows = core.statistics.get(name, {})
    return rows[max(rows)][1] if rows else 0.0


def test_a_first_start_says_how_to_get_more(desk: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    desk.once()
    assert "the last 7 days are fetched" in caplog.text
    assert "backfill --from DATE" in caplog.text
    caplog.clear()
    desk.once()
    assert "the ledger is empty" not in caplog.text


# --- the command


def test_the_command_says_what_it_found(desk: World, said: list[str]) -> None:
    desk.meters = [HOME, GAS]
    assert command(desk, "2026-11-01", meter="home") == 0
    assert said[-1] == "home: 20 days from 2026-11-01 to 2026-11-20: 20 complete"


def test_the_command_waits_through_a_short_pause(desk: World, said: list[str]) -> None:
    desk.simulator.fault("too-many-requests", times=1, retry_after=300)

    def pause(seconds: float) -> None:
        desk.clock.pass_by(seconds=seconds)

    assert backfill.run(desk.settings, {"from": "2026-11-01"}, desk.clock, pause) == 0
    assert any("going on at" in line for line in said)
    assert days_of(desk) == 20


@pytest.mark.usefixtures("said")
def test_the_command_does_not_wait_for_hours(desk: World) -> None:
    desk.simulator.fault("too-many-requests", times=1, retry_after=7200)
    status, why = ended(desk, "2026-11-01")
    assert status == 1
    assert "run the same command again after" in why
    desk.clock.pass_by(hours=3)
    assert command(desk, "2026-11-01") == 0
    assert days_of(desk) == 20


@pytest.mark.usefixtures("said")
def test_the_command_does_not_ask_before_fluvius_may_be_asked_again(desk: World) -> None:
    desk.simulator.fault("too-many-requests", times=1, retry_after=7200)
    for _ in range(3):
        with pytest.raises(backfill.Ended, match="run the same command again after"):
            command(desk, "2026-11-01")
    assert desk.simulator.count("readings") == 1


@pytest.mark.usefixtures("said")
def test_where_mandates_make_the_meters_the_command_learns_them(desk: World) -> None:
    Provider(desk)
    assert command(desk, "2026-11-01") == 0
    assert desk.simulator.count("energy") == 3


@pytest.mark.usefixtures("said")
def test_refused_credentials_end_the_command(desk: World) -> None:
    desk.email = "nobody@example.com"
    for tries in (1, 2, 2):
        status, why = ended(desk, "2026-11-01")
        assert status == 3
        assert "fluvius.portal.email" in why
        assert desk.simulator.count("sign-in") == tries
    assert "not before 2026-11-22 09:00" in why


@pytest.mark.usefixtures("said")
def test_what_was_stopped_by_hand_waits_for_the_same_command(desk: World) -> None:
    def interrupt(_: float) -> None:
        if days_of(desk) > 3:
            raise KeyboardInterrupt

    assert ended(desk, "2026-11-01", interrupt) == (1, "stopped; the same command goes on where it was")
    assert work(desk) is None
    assert command(desk, "2026-11-01") == 0
    assert desk.simulator.count("readings-interval") == 20


@pytest.mark.usefixtures("_quick")
def test_a_running_bridge_does_the_work_and_the_command_watches(
    home: World, mosquitto: Mosquitto, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "_LOOK_AGAIN", 0.01)
    with claim(home.data_dir), home.running():
        eventually(lambda: is_at_rest(mosquitto), 10)
        status = backfill.run(home.settings, {"from": "2026-10-20"}, home.clock)
    assert status == 0
    assert said[0] == "The bridge that runs here fetches it; this only watches."
    assert said[-1] == "home: 32 days from 2026-10-20 to 2026-11-20: 32 complete"
    assert home.simulator.count("sign-in") == 1
    assert home.simulator.count("readings-interval") == 32


def test_when_the_bridge_stops_the_command_goes_on_itself(desk: World, said: list[str]) -> None:
    desk.data_dir.mkdir()
    holder = claim(desk.data_dir)
    holder.__enter__()
    looks = 0

    def pause(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            holder.__exit__(None, None, None)

    assert backfill.run(desk.settings, {"from": "2026-11-01"}, desk.clock, pause) == 0
    assert said[0].startswith("The bridge that runs here")
    assert days_of(desk) == 20


def test_killed_in_the_middle_it_loses_nothing(tmp_path: Path) -> None:
    """A real process, killed without a word; another one goes on."""
    with Simulator() as simulator:
        clock = Clock("2000-01-01 00:00")
        clock.instant = datetime.now(UTC)
        world = World(tmp_path, simulator, clock, 1)
        first = clock().date() - timedelta(days=10)
        words = [sys.executable, "-m", "bridge", "backfill", "--from", str(first)]
        arguments = [*words, "--config", str(world.write_configuration())]
        with subprocess.Popen(arguments, env=environment(), stdout=subprocess.DEVNULL) as process:
            eventually(lambda: simulator.count("readings-interval") >= 2, 20)
            process.send_signal(signal.SIGKILL)
        done = simulator.count("readings-interval")
        job = work(world)
        assert job
        assert job.state == "done"
        assert simulator.count("readings-interval") - done <= 9
        assert world.invented() == []


def test_a_scheduled_run_is_not_held_up(desk: World) -> None:
    begin(desk)
    with desk.at_work() as (ledger, fetcher):
        backfiller = Backfiller(ledger, fetcher, desk.clock)
        for _ in range(5):
            backfiller.step()
        assert not fetcher.fetch(Occasion.SCHEDULE).errors
        while backfiller.is_due():
            backfiller.step()
    assert desk.total() == desk.truth(HOME["ean"], FIRST, LAST)
    assert desk.simulator.count("sign-in") == 1
