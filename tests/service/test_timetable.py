"""The schedule library asks this machine's clock, so the clock is what these tests move."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from itertools import pairwise

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from bridge.ledger.health import SourceHealth, State
from bridge.metering.model import BRUSSELS
from bridge.service.timetable import Timetable
from bridge.text.words import to_json

ZONES = ("UTC", "Europe/Brussels", "America/New_York", "Asia/Kolkata")
BELL = clock_time(6, 15)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
CLOCK_CHANGES = (
    date(2026, 3, 8),  # New York, spring
    date(2026, 3, 29),  # Brussels, spring
    date(2026, 10, 25),  # Brussels, autumn
    date(2026, 11, 1),  # New York, autumn
)
NIGHT = ("00:00", "01:55", "02:00", "02:30", "03:00", "06:15", "07:15", "07:45", "23:55")


@pytest.fixture(params=ZONES)
def machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """A machine whose own clock is in some time zone."""
    zone: str = request.param
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    yield zone
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """The present instant; moved by timestamp, because a datetime would change the machine's zone too."""
    with time_machine.travel(utc(2026, 1, 1).timestamp(), tick=False) as traveller:
        yield traveller


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def move(clock: time_machine.Traveller, instant: datetime) -> None:
    clock.move_to(instant.timestamp())


def rings(
    timetable: Timetable,
    clock: time_machine.Traveller,
    first: datetime,
    last: datetime,
    every: timedelta = MINUTE,
) -> list[datetime]:
    """When a run was due, for a loop that looks again and again."""
    due = []
    now = first
    while now < last:
        move(clock, now)
        if timetable.is_due():
            due.append(now)
        now += every
    return due


def in_brussels(instants: list[datetime]) -> list[str]:
    return [f"{instant.astimezone(BRUSSELS):%H:%M}" for instant in instants]


@pytest.mark.usefixtures("machine")
def test_every_time_rings_exactly_once_a_day_for_three_years(clock: time_machine.Traveller) -> None:
    move(clock, utc(2025, 12, 31, 23))
    timetable = Timetable(["06:15", "09:15", "12:15", "18:15"], 0)
    due = []
    while timetable.next_run < utc(2028, 12, 31, 23):
        moment = timetable.next_run
        move(clock, moment - SECOND)
        assert not timetable.is_due()
        move(clock, moment)
        assert timetable.is_due()
        assert not timetable.is_due()
        due.append(moment.astimezone(BRUSSELS))
    days = Counter(moment.date() for moment in due)
    assert set(days) == {date(2026, 1, 1) + DAY * i for i in range(1096)}
    assert set(days.values()) == {4}
    assert Counter(f"{moment:%H:%M:%S}" for moment in due) == dict.fromkeys(
        ("06:15:00", "09:15:00", "12:15:00", "18:15:00"), 1096
    )


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("day", CLOCK_CHANGES)
@pytest.mark.parametrize("at", NIGHT)
def test_a_time_rings_once_on_each_day_around_a_clock_change(
    day: date, at: str, clock: time_machine.Traveller
) -> None:
    first = datetime.combine(day - DAY, datetime.min.time(), BRUSSELS).astimezone(UTC)
    last = datetime.combine(day + 2 * DAY, datetime.min.time(), BRUSSELS).astimezone(UTC)
    move(clock, first - MINUTE)
    due = rings(Timetable([at], 0), clock, first, last, every=5 * MINUTE)
    assert [moment.astimezone(BRUSSELS).date() for moment in due] == [day - DAY, day, day + DAY]


@pytest.mark.usefixtures("machine")
def test_a_time_that_the_spring_clock_skips_rings_an_hour_later(clock: time_machine.Traveller) -> None:
    move(clock, utc(2026, 3, 28, 12))
    due = rings(Timetable(["02:30"], 0), clock, utc(2026, 3, 28, 12), utc(2026, 3, 30, 12))
    assert in_brussels(due) == ["03:30", "02:30"]


@pytest.mark.usefixtures("machine")
def test_a_time_in_the_doubled_autumn_hour_rings_in_the_first_of_the_two(
    clock: time_machine.Traveller,
) -> None:
    move(clock, utc(2026, 10, 24, 12))
    due = rings(Timetable(["02:30"], 0), clock, utc(2026, 10, 24, 12), utc(2026, 10, 26, 12))
    assert due == [utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30)]


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("day", CLOCK_CHANGES)
def test_a_run_is_never_due_twice_within_an_hour_of_a_clock_change(
    day: date, clock: time_machine.Traveller
) -> None:
    first = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=6)
    move(clock, first)
    due = rings(Timetable(["06:15", "07:15", "07:45"], 0), clock, first, first + timedelta(hours=36))
    assert all(later - earlier >= timedelta(minutes=30) for earlier, later in pairwise(due))


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("day", [date(2026, 1, 15), *CLOCK_CHANGES])
def test_the_next_run_is_aware_ahead_and_when_the_run_comes(day: date, clock: time_machine.Traveller) -> None:
    first = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=6)
    move(clock, first)
    timetable = Timetable(["02:30", "07:15"], 0)
    for minutes in range(0, 60 * 36, 7):
        now = first + MINUTE * minutes
        move(clock, now)
        timetable.is_due()
        promised = timetable.next_run
        assert promised.tzinfo is UTC
        assert now < promised <= now + timedelta(hours=25)
        assert f"{promised.astimezone(BRUSSELS):%H:%M}" in {"02:30", "03:30", "07:15"}


@pytest.mark.usefixtures("machine")
def test_a_run_begins_within_the_jitter_and_at_different_moments(clock: time_machine.Traveller) -> None:
    move(clock, utc(2026, 1, 1))
    timetable = Timetable(["06:15"], 10)
    late = []
    for day in range(200):
        moment = datetime.combine(date(2026, 1, 1) + DAY * day, BELL, BRUSSELS).astimezone(UTC)
        move(clock, moment)
        timetable.is_due()
        begin = timetable.next_run
        move(clock, begin - SECOND)
        assert begin < moment + SECOND or not timetable.is_due()
        move(clock, begin + SECOND)
        assert timetable.is_due()
        late.append(begin - moment)
    assert min(late) >= timedelta(0)
    assert max(late) <= timedelta(minutes=10)
    assert min(late) < timedelta(minutes=1)
    assert max(late) > timedelta(minutes=9)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("jitter", [0, 10])
def test_a_machine_that_slept_for_three_days_has_one_run_due(
    jitter: int, clock: time_machine.Traveller
) -> None:
    move(clock, utc(2026, 3, 27, 12))
    timetable = Timetable(["06:15", "09:15", "12:15", "18:15"], jitter)
    assert not timetable.is_due()
    move(clock, utc(2026, 3, 30, 13))
    woken = rings(timetable, clock, utc(2026, 3, 30, 13), utc(2026, 3, 30, 16))
    assert len(woken) == 1
    assert woken[0] <= utc(2026, 3, 30, 13, jitter)
    assert timetable.next_run == utc(2026, 3, 30, 16, 15)


def test_a_machine_that_slept_while_a_run_was_about_to_begin_has_that_one_due(
    clock: time_machine.Traveller,
) -> None:
    timetable = Timetable(["06:15"], 180)
    move(clock, utc(2026, 1, 1, 5, 15))
    timetable.is_due()
    due = rings(timetable, clock, utc(2026, 1, 4, 12), utc(2026, 1, 4, 18))
    assert len(due) == 1


@pytest.mark.parametrize("jitter", [0, 10])
def test_a_new_timetable_has_nothing_due(jitter: int, clock: time_machine.Traveller) -> None:
    move(clock, utc(2026, 1, 1, 5, 15))
    timetable = Timetable(["06:15"], jitter)
    assert not timetable.is_due()
    assert timetable.next_run == utc(2026, 1, 2, 5, 15)


@pytest.mark.usefixtures("machine")
def test_a_clock_that_is_put_right_by_years_leaves_one_run_due(clock: time_machine.Traveller) -> None:
    move(clock, utc(2000, 1, 1))
    timetable = Timetable(["06:15"], 0)
    due = rings(timetable, clock, utc(2026, 6, 1, 12), utc(2026, 6, 2, 12))
    assert due == [utc(2026, 6, 1, 12), utc(2026, 6, 2, 4, 15)]


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(hours=20), DAY, 3 * DAY, 400 * DAY])
@pytest.mark.parametrize("hour", range(0, 24, 6))
@pytest.mark.parametrize("day", [date(2026, 11, 21), date(2026, 10, 24), date(2026, 3, 28)])
def test_no_run_is_missed_after_a_moment_of_a_clock_that_is_ahead(
    day: date, hour: int, ahead: timedelta, clock: time_machine.Traveller
) -> None:
    at = ["02:30", "06:15", "12:15", "18:15"]
    right = datetime.combine(day, clock_time(hour, 30), UTC)
    move(clock, right)
    expected = rings(Timetable(at, 0), clock, right, right + 2 * DAY, every=5 * MINUTE)
    move(clock, right - MINUTE)
    timetable = Timetable(at, 0)
    move(clock, right + ahead)
    timetable.is_due()
    timetable.is_due()
    assert rings(timetable, clock, right, right + 2 * DAY, every=5 * MINUTE) == expected


def test_a_clock_that_is_put_right_by_minutes_rings_no_time_again(clock: time_machine.Traveller) -> None:
    move(clock, utc(2026, 11, 21, 5))
    timetable = Timetable(["06:15"], 0)
    move(clock, utc(2026, 11, 21, 5, 20))
    assert timetable.is_due()
    due = rings(timetable, clock, utc(2026, 11, 21, 5), utc(2026, 11, 22, 5))
    assert due == []


# How a source does


NOW = utc(2026, 11, 21, 8)


def test_a_source_that_answered_is_ok_and_forgets_its_failures() -> None:
    health = SourceHealth()
    health.postponed("away", NOW, asked_for=None, reached=True)
    health.succeeded(NOW)
    payload = health.to_payload(NOW)
    assert payload["state"] == "ok"
    assert payload["last_success"] == "2026-11-21T09:00:00+01:00"
    assert payload["last_error"] is None
    assert payload["failures_in_a_row"] == 0
    assert payload["not_before"] is None
    assert health.retry_at is None


def test_pauses_grow_from_five_minutes_to_three_hours() -> None:
    health = SourceHealth()
    pauses = []
    for _ in range(40):
        health.postponed("away", NOW, asked_for=None, reached=False)
        assert health.retry_at
        pauses.append(health.retry_at - NOW)
    assert timedelta(minutes=4) <= pauses[0] <= timedelta(minutes=6)
    assert timedelta(minutes=8) <= pauses[1] <= timedelta(minutes=12)
    assert all(timedelta(hours=2.4) <= pause <= timedelta(hours=3.6) for pause in pauses[10:])
    assert len(set(pauses[10:])) > 1
    assert health.failures_in_a_row == 40


def test_what_fluvius_asks_for_is_heeded_whatever_our_own_patience() -> None:
    health = SourceHealth()
    tomorrow = NOW + DAY
    health.postponed("too many requests", NOW, asked_for=tomorrow, reached=True)
    assert health.state is State.WAITING
    assert health.not_before == tomorrow
    assert health.retry_at
    assert tomorrow < health.retry_at <= tomorrow + MINUTE
    assert health.to_payload(NOW)["not_before"] == "2026-11-22T09:00:00+01:00"
    assert health.to_payload(tomorrow)["not_before"] is None


def test_a_source_that_was_not_reached_may_be_asked_again_at_once() -> None:
    health = SourceHealth()
    health.postponed("no network", NOW, asked_for=None, reached=False)
    assert health.state is State.UNREACHABLE
    assert health.not_before is None


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=1), timedelta(days=400)])
@pytest.mark.parametrize("is_asked_for", [False, True])
def test_nobody_waits_by_an_instant_of_a_clock_that_was_ahead(ahead: timedelta, is_asked_for: bool) -> None:
    health = SourceHealth()
    then = NOW + ahead
    asked_for = then + timedelta(hours=3) if is_asked_for else None
    health.postponed("away", then, asked_for=asked_for, reached=True)
    for until in health.retry_at, health.not_before:
        assert health.waits_until(until, then)
        assert not health.waits_until(until, NOW)
    assert health.may_be_retried_at(NOW) == NOW
    assert health.to_payload(NOW)["not_before"] is None


def test_a_clock_that_is_put_right_by_minutes_makes_nobody_impatient() -> None:
    health = SourceHealth()
    health.postponed("too many requests", NOW, asked_for=NOW + timedelta(hours=3), reached=True)
    a_little_earlier = NOW - 20 * MINUTE
    assert health.waits_until(health.not_before, a_little_earlier)
    assert health.may_be_retried_at(a_little_earlier) == health.retry_at


def test_refused_credentials_leave_no_wait_of_a_clock_that_was_ahead() -> None:
    health = SourceHealth()
    health.postponed("away", NOW + 2 * DAY, asked_for=None, reached=True)
    health.refused("wrong password", NOW, tried=True)
    assert not health.waits_until(health.not_before, NOW)


def test_what_has_failed_since_a_clock_was_ahead_is_a_problem_too() -> None:
    health = SourceHealth()
    health.succeeded(NOW + 400 * DAY)
    for _ in range(3):
        assert health.problem(NOW) is None
        health.postponed("away", NOW, asked_for=None, reached=False)
    assert health.problem(NOW) == "away"


def test_refused_credentials_plan_nothing() -> None:
    health = SourceHealth()
    health.postponed("away", NOW, asked_for=None, reached=False)
    health.refused("wrong password", NOW, tried=True)
    assert health.state is State.REFUSED
    assert health.retry_at is None
    assert health.last_error == "wrong password"


def test_requests_are_counted_by_the_day_in_brussels() -> None:
    health = SourceHealth()
    evening = utc(2026, 11, 21, 22, 50)
    health.count_requests(2, evening)
    health.count_requests(3, evening)
    assert health.to_payload(evening)["requests_today"] == 5
    assert health.to_payload(evening + timedelta(minutes=10))["requests_today"] == 0
    health.count_requests(1, evening + timedelta(minutes=10))
    assert health.to_payload(evening + timedelta(minutes=10))["requests_today"] == 1


INSTANTS = st.none() | st.datetimes(timezones=st.just(UTC))


@given(
    st.builds(
        SourceHealth,
        state=st.sampled_from(State),
        last_attempt=INSTANTS,
        last_success=INSTANTS,
        last_error=st.none() | st.text(),
        failures_in_a_row=st.integers(0, 1000),
        retry_at=INSTANTS,
        not_before=INSTANTS,
        requests_on=st.none() | st.dates().map(str),
        requests=st.integers(0, 1000),
    )
)
def test_health_survives_a_restart(health: SourceHealth) -> None:
    note = health.to_note()
    assert to_json(note)
    assert SourceHealth.from_note(note) == health


@pytest.mark.parametrize(
    "note",
    [
        None,
        [],
        "ok",
        3,
        {},
        {"more": 1},
        {"state": "of another version"},
        {"retry_at": "soon"},
        {"retry_at": 5},
    ],
)
def test_a_note_of_another_kind_is_a_fresh_start(note: object) -> None:
    assert SourceHealth.from_note(note) == SourceHealth()
