"""Day-ahead prices in the end: complete and true, by few requests, whatever a service does meanwhile."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.fetching.day_ahead import Asked, DayAhead, may_be_asked, next_request, wanted
from bridge.ledger import Ledger, LedgerError
from bridge.ledger.health import SourceHealth, State
from bridge.metering.model import BRUSSELS
from bridge.prices import http
from bridge.prices.errors import NotUnderstood
from bridge.prices.services import SERVICES
from bridge.prices.steps import Span
from bridge.simulator import Simulator
from tests.rig.chance import often
from tests.rig.mosquitto import eventually
from tests.rig.price_questions import QUARTER, days
from tests.rig.world import Clock

BOTH = pytest.mark.parametrize("service", SERVICES)
TODAY = date(2026, 11, 21)
TOMORROW = TODAY + timedelta(days=1)
YEAR = timedelta(days=365)


class Household:
    """One that is restarted before each step, and needs prices for what its contracts cover."""

    def __init__(self, simulator: Simulator, clock: Clock, path: Path) -> None:
        self.simulator, self.clock, self.path = simulator, clock, path
        self.service = "energy-charts"
        self.covered: list[Span] = []
        self.token, self.url = simulator.day_ahead.token, simulator.url
        self.changed: list[datetime] = []

    @contextmanager
    def prices(self, **options: Any) -> Iterator[DayAhead]:
        options = {"pause": lambda _: None, "changed": self.changed.extend, **options}
        with Ledger(self.path) as ledger:
            yield DayAhead(ledger, self.service, self.clock, token=self.token, url=self.url, **options)

    def fetch(self) -> int:
        with self.prices() as prices:
            return prices.fetch(self.covered)

    def fetch_hourly(self, *, days: int) -> list[date]:
        """The days, which begin at 13:00, on which something was asked for, once for each request."""
        asked = []
        for _ in range(24 * days):
            asked += [(self.clock().astimezone(BRUSSELS) - timedelta(hours=13)).date()] * self.fetch()
            self.clock.pass_by(hours=1)
        return asked

    @property
    def health(self) -> SourceHealth:
        with self.prices() as prices:
            return prices.health

    @property
    def told(self) -> str:
        """What it says of prices."""
        health = self.health
        return f"{health.last_error or ''} {health.advice or ''}"

    def known(self, start: datetime | None = None) -> dict[datetime, Decimal]:
        with Ledger(self.path) as ledger:
            return ledger.prices.during(start or datetime(2000, 1, 1, tzinfo=UTC), days(TOMORROW)[1] + YEAR)

    def invented(self) -> dict[datetime, Decimal]:
        """Prices that the market did not have."""
        known = self.known()
        truth = self.simulator.day_ahead.prices(min(known), max(known) + QUARTER) if known else {}
        return {each: price for each, price in known.items() if truth.get(each) != price}

    def missing(self) -> list[Span]:
        with Ledger(self.path) as ledger:
            spans = wanted(self.covered, self.clock())
            return [gap for span in spans for gap in ledger.prices.missing(*span)]

    @property
    def requests(self) -> int:
        return self.simulator.count("day-ahead")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_SILENCE_SECONDS", 1.0)


@pytest.fixture
def household(simulator: Simulator, clock: Clock, tmp_path: Path) -> Household:
    return Household(simulator, clock, tmp_path / "ledger.sqlite")


# --- what is wanted, and when


def at(local: str) -> datetime:
    return Clock(local)()


def test_in_the_morning_today_is_wanted_and_from_13_00_on_tomorrow() -> None:
    assert wanted([], at("2026-11-21 00:00")) == [days(TODAY)]
    assert wanted([], at("2026-11-21 12:59")) == [days(TODAY)]
    assert wanted([], at("2026-11-21 13:00")) == [days(TODAY, TOMORROW)]
    assert wanted([], at("2026-11-21 23:59")) == [days(TODAY, TOMORROW)]


@pytest.mark.parametrize(
    ("local", "hours"), [("2026-03-29 09:00", 23), ("2026-10-25 09:00", 25), ("2026-10-24 13:00", 24 + 25)]
)
def test_days_are_as_long_as_they_are(local: str, hours: int) -> None:
    ((start, end),) = wanted([], at(local))
    assert end - start == timedelta(hours=hours)


def test_what_contracts_cover_is_wanted_as_far_as_there_are_prices() -> None:
    long_ago, may = days(date(2024, 5, 1), date(2024, 5, 31)), days(date(2026, 5, 1))
    until_2030 = days(date(2026, 11, 1), date(2030, 1, 1))
    spans = wanted([until_2030, may, long_ago, may], at("2026-11-21 14:00"))
    assert spans == [long_ago, may, days(date(2026, 11, 1), TOMORROW)]


def test_what_only_the_future_covers_is_not_wanted_yet() -> None:
    assert wanted([days(date(2027, 1, 1), date(2027, 12, 31))], at("2026-11-21 14:00")) == [
        days(TODAY, TOMORROW)
    ]


def test_nothing_is_asked_for_where_nothing_is_missing() -> None:
    assert next_request([], YEAR) is None


def test_all_that_is_missing_is_one_span_while_it_is_no_longer_than_a_year() -> None:
    may = days(date(2026, 5, 1))
    assert next_request([may, days(TODAY)], YEAR) == (may[0], days(TODAY)[1])


def test_the_newest_comes_first() -> None:
    now, all_of_it = at("2026-11-21 09:00"), days(date(2024, 1, 1), TODAY)
    asked, spans = Asked(), []
    while span := next_request(may_be_asked([all_of_it], asked, now), YEAR):
        spans.append(span)
        asked = Asked(down_to=span[0], again_at=now + timedelta(hours=4))
    assert spans[0] == (all_of_it[1] - YEAR, all_of_it[1])
    assert [one[0] for one in spans[:-1]] == [other[1] for other in spans[1:]]
    assert (spans[-1][0], len(spans)) == (all_of_it[0], 3)


def test_between_the_years_only_what_is_missing_is_asked_for() -> None:
    long_ago = days(date(2024, 5, 1))
    assert next_request([long_ago, days(TODAY)], YEAR) == days(TODAY)


def test_when_the_day_is_over_all_may_be_asked_for_again() -> None:
    asked = Asked(days(TODAY)[0], at("2026-11-21 13:07"))
    both = days(date(2026, 11, 1), TOMORROW)
    assert may_be_asked([both], asked, at("2026-11-21 13:06")) == [
        days(date(2026, 11, 1), date(2026, 11, 20))
    ]
    assert may_be_asked([both], asked, at("2026-11-21 13:07")) == [both]


def test_of_what_is_asked_for_again_sooner_all_but_today_and_tomorrow_is_left_out() -> None:
    asked = Asked(datetime(2000, 1, 1, tzinfo=UTC), at("2026-11-22 13:07"), (), (at("2026-11-21 15:07"),))
    may = days(date(2026, 5, 1))
    spans = [may, days(date(2026, 11, 20), TOMORROW)]
    assert may_be_asked(spans, asked, at("2026-11-21 15:06")) == []
    assert may_be_asked(spans, asked, at("2026-11-21 15:07")) == [days(TODAY, TOMORROW)]


def test_what_was_not_there_long_ago_is_asked_for_again_after_a_week() -> None:
    may, all_of_it = days(date(2026, 5, 1)), days(date(2026, 4, 30), date(2026, 5, 2))
    asked = Asked(absent=((*may, at("2026-11-14 09:01")),))
    around = [days(date(2026, 4, 30)), days(date(2026, 5, 2))]
    assert may_be_asked([all_of_it], asked, at("2026-11-21 09:00")) == around
    assert may_be_asked([all_of_it], asked, at("2026-11-21 09:01")) == [all_of_it]


@pytest.mark.parametrize("note", [None, 3, [], {}, {"down_to": "x"}, {"absent": [[1]]}, "yesterday"])
def test_a_note_of_nobody_is_a_fresh_start(note: Any) -> None:
    assert Asked.from_note(note) == Asked()


def test_a_note_is_read_as_it_was_written() -> None:
    now = at("2026-11-21 09:00")
    asked = Asked(now, now, ((now, now, now), (now, now, now)), (now, now), now)
    assert Asked.from_note(json.loads(json.dumps(asked.to_note()))) == asked


# --- how much is asked


@BOTH
def test_one_request_brings_today_and_the_next_one_tomorrow(household: Household, service: str) -> None:
    household.service = service
    assert household.fetch() == 1
    assert household.known() == household.simulator.day_ahead.prices(*days(TODAY))
    assert household.fetch() == 0
    household.clock.move_to("2026-11-21 13:20")
    assert household.fetch() == 1
    assert household.known() == household.simulator.day_ahead.prices(*days(TODAY, TOMORROW))
    assert (household.health.state, household.told.strip()) == (State.OK, "")


@BOTH
@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=1), timedelta(days=3)])
def test_tomorrow_comes_in_time_after_a_moment_of_a_clock_that_is_ahead(
    household: Household, service: str, ahead: timedelta
) -> None:
    household.service = service
    household.simulator.now = right = Clock("2026-11-21 10:30")
    household.fetch()
    household.clock.instant = right() + ahead
    household.fetch()
    household.clock.instant = right()
    household.fetch()
    household.clock.move_to("2026-11-21 13:20")
    right.move_to("2026-11-21 13:20")
    household.fetch()
    assert household.known() == household.simulator.day_ahead.prices(*days(TODAY, TOMORROW))


def test_a_clock_that_is_put_right_by_minutes_has_nothing_asked_twice(household: Household) -> None:
    household.clock.move_to("2026-11-21 13:20")
    household.simulator.fault("prices-empty")
    household.fetch()
    household.clock.pass_by(minutes=-10)
    assert household.fetch() == 0


@BOTH
def test_a_day_costs_one_request_in_the_afternoon(household: Household, service: str) -> None:
    household.service = service
    household.fetch()
    household.clock.move_to("2026-11-21 13:30")
    dates = household.fetch_hourly(days=6)
    assert dates == [TODAY + timedelta(days=i) for i in range(6)]
    assert household.requests == 7
    assert household.invented() == {}


def test_not_all_households_ask_at_the_same_moment(household: Household) -> None:
    moments = set()
    for _ in range(20):
        household.path.unlink(missing_ok=True)
        household.fetch()
        with household.prices() as prices:
            moments.add(prices.again_at)
    first, last = at("2026-11-21 13:00"), at("2026-11-21 13:15")
    assert len(moments) == 20
    assert all(moment and first <= moment <= last for moment in moments)


@BOTH
def test_years_of_history_take_as_few_requests_as_can_be(household: Household, service: str) -> None:
    """Across the change from hours to quarter-hours, and four changes of the clock."""
    household.service, household.covered = service, [days(date(2024, 9, 1), TODAY)]
    pauses: list[float] = []
    with household.prices(pause=pauses.append) as prices:
        assert prices.fetch(household.covered) == 3
    assert len(pauses) == 2
    assert all(0 < pause <= 2 for pause in pauses)
    assert household.known() == household.simulator.day_ahead.prices(*days(date(2024, 9, 1), TODAY))
    assert household.changed[0] == days(TODAY)[1] - YEAR  # the newest first
    assert len(set(household.changed)) == len(household.changed) == len(household.known())
    assert household.fetch() == 0


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
@BOTH
def test_both_changes_of_the_clock(household: Household, service: str, day: date) -> None:
    household.service = service
    household.clock.move_to(f"{day - timedelta(days=1)} 13:30")
    household.fetch()
    household.clock.move_to(f"{day} 12:30")
    assert household.fetch() == 0
    household.clock.move_to(f"{day} 13:30")
    assert household.fetch() == 1
    span = days(day - timedelta(days=1), day + timedelta(days=1))
    assert household.known() == household.simulator.day_ahead.prices(*span)


def test_a_contract_that_begins_earlier_is_made_up_for_at_once(household: Household) -> None:
    household.fetch()
    household.covered = [days(date(2026, 11, 1), TODAY)]
    assert household.fetch() == 1
    assert household.missing() == []


def test_a_hole_of_long_ago_is_asked_for_once_a_week(household: Household) -> None:
    household.covered = [days(date(2026, 5, 1))]
    household.simulator.fault("prices-hole", first=100, times=1)  # after a day that is only for safety
    household.fetch()
    assert household.missing() == [tuple(days(date(2026, 5, 1))[0] + i * QUARTER for i in (4, 10))]
    household.clock.move_to("2026-11-21 13:30")
    household.simulator.forget_requests()
    household.fetch_hourly(days=6)
    first_days = [record.query["start"] for record in household.simulator.requests]
    assert first_days == [(TODAY + timedelta(days=i)).isoformat() for i in range(6)]
    household.clock.pass_by(days=1)
    household.fetch()
    assert household.simulator.requests[-1].query["start"] == "2026-04-30"
    assert (household.missing(), household.invented()) == ([], {})


def test_after_an_empty_answer_the_rest_is_asked_for_the_next_day(household: Household) -> None:
    household.covered = [days(date(2023, 1, 1), TODAY)]
    household.simulator.fault("prices-empty", after=1, times=1)
    assert [household.fetch(), household.fetch()] == [2, 0]
    household.clock.move_to("2026-11-21 13:30")
    dates = household.fetch_hourly(days=6)
    assert [dates.count(TODAY + timedelta(days=i)) for i in range(6)] == [3, 1, 1, 1, 1, 1]
    household.clock.pass_by(days=1)
    household.fetch()
    assert (household.missing(), household.invented()) == ([], {})


def test_a_service_in_trouble_is_not_asked_for_the_rest_either(household: Household) -> None:
    household.covered = [days(date(2023, 1, 1), TODAY)]
    household.simulator.fault("unavailable", where="day-ahead", times=1)
    assert [household.fetch(), household.fetch()] == [1, 0]
    household.clock.move_to("2026-11-21 13:30")
    assert household.fetch() == 4
    assert household.missing() == []


# --- what goes wrong

FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("unavailable", {}, "an error of its own (HTTP 503)"),
    ("unavailable", {"retry_after": 600}, "an error of its own (HTTP 503)"),
    ("too-many-requests", {"retry_after": 600}, "fewer requests"),
    ("too-many-requests-date", {"retry_after": 600}, "fewer requests"),
    ("server-error", {}, "an error of its own (HTTP 500)"),
    ("bad-request", {}, "of no use"),
    ("maintenance", {}, "a page instead of prices"),
    ("stall", {"seconds": 3}, "does not answer in time"),
    ("cut", {}, "cut the connection"),
    ("replace", {"body": b"85.2"}, "of no use"),
    ("prices-null", {}, "steps, from"),
    ("prices-null", {"every": 1}, "steps, from"),
    ("prices-hole", {"first": 100, "steps": 9}, "has no prices from"),
    ("prices-other-unit", {}, "kWh"),
    ("prices-other-day", {}, "of other days"),
    ("prices-empty", {}, "has no prices from"),
    ("prices-empty", {"status": 404}, "has no prices from"),
]
OF_ONE: list[tuple[str, str, dict[str, Any], str]] = [
    ("energy-charts", "prices-unequal", {}, "starts"),
    ("energy-charts", "prices-twice", {"difference": 0.01}, "have two prices"),
    ("entsoe", "prices-other-zone", {}, "10YNL----------L"),
    ("entsoe", "prices-token-refused", {}, "day_ahead.token"),
]
CASES = [
    *OF_ONE,
    *((service, *fault) for service in SERVICES for fault in FAULTS),
]


NEVER_LATE = {"bad-request", "replace", "prices-other-unit", "prices-other-day", "prices-unequal"}
NEVER_LATE |= {"prices-other-zone", "prices-token-refused"}


@pytest.mark.parametrize(("service", "fault", "parameters", "words"), CASES)
def test_a_fault_invents_nothing_says_what_is_wrong_and_costs_three_requests_a_day_where_waiting_may_help(
    household: Household, service: str, fault: str, parameters: dict[str, Any], words: str
) -> None:
    household.service = service
    household.covered = [days(TODAY - timedelta(days=2), TODAY)]
    household.simulator.fault(fault, where=service, **parameters)
    assert household.fetch() == 1
    assert words.casefold() in household.told.casefold()
    assert household.token not in household.told
    assert household.missing() != []
    assert household.invented() == {}

    household.clock.move_to("2026-11-21 13:30")
    dates = household.fetch_hourly(days=3)
    assert sorted({*dates}) == [TODAY + timedelta(days=i) for i in range(3)]
    assert max(map(dates.count, dates)) <= (1 if fault in NEVER_LATE else 3)
    assert household.invented() == {}

    household.simulator.clear()
    household.clock.move_to("2026-11-24 13:30")
    assert household.fetch() == 1
    assert (household.missing(), household.invented()) == ([], {})
    assert (household.health.state, household.told.strip()) == (State.OK, "")


@BOTH
def test_hours_where_there_were_quarter_hours_are_what_the_service_said(
    household: Household, service: str
) -> None:
    household.service = service
    household.simulator.fault("prices-hourly")
    household.fetch()
    known, truth = household.known(), household.simulator.day_ahead.prices(*days(TODAY))
    assert known.keys() == truth.keys()
    assert sum(known.values()) == sum(truth.values())


@BOTH
def test_when_to_come_back_is_kept_to(household: Household, service: str) -> None:
    household.service = service
    household.simulator.fault("too-many-requests", where="day-ahead", retry_after=50 * 3600, times=1)
    household.fetch()
    assert household.health.state is State.WAITING
    dates = household.fetch_hourly(days=4)
    assert dates == [date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24)]
    assert household.missing() == []


LATE: list[tuple[str, dict[str, Any]]] = [
    ("unavailable", {}),
    ("too-many-requests", {"retry_after": 600}),
    ("prices-empty", {}),
    ("prices-null", {}),
]


@pytest.mark.parametrize(("fault", "parameters"), LATE)
@BOTH
def test_tomorrow_s_prices_that_come_late_are_there_in_the_evening(
    household: Household, service: str, fault: str, parameters: dict[str, Any]
) -> None:
    household.service = service
    household.fetch()
    household.clock.move_to("2026-11-21 13:20")
    household.simulator.fault(fault, where=service, times=1, **parameters)
    assert household.fetch() == 1
    household.clock.pass_by(hours=1.5)
    assert household.fetch() == 0
    household.clock.pass_by(hours=1)
    assert household.fetch() == 1
    assert (household.missing(), household.invented()) == ([], {})
    assert (household.health.state, household.told.strip()) == (State.OK, "")
    household.clock.pass_by(hours=4)
    assert household.fetch() == 0


def test_when_to_come_back_is_kept_to_where_tomorrow_s_prices_are_late(household: Household) -> None:
    household.simulator.fault("unavailable", where="day-ahead", retry_after=3 * 3600, times=1)
    household.clock.move_to("2026-11-21 13:20")
    household.fetch()
    said = household.health.not_before
    assert said is not None
    assert at("2026-11-21 16:20") < said < at("2026-11-21 18:20")
    household.clock.move_to("2026-11-21 16:20")
    assert household.fetch() == 0
    household.clock.move_to("2026-11-21 18:20")
    assert household.fetch() == 1
    assert household.missing() == []


def test_history_is_not_asked_for_again_because_tomorrow_is_late(household: Household) -> None:
    household.covered = [days(date(2026, 5, 1))]
    household.simulator.fault("prices-empty", where="day-ahead", times=1)
    household.clock.move_to("2026-11-21 13:20")
    household.fetch()
    household.clock.pass_by(hours=2.5)
    assert household.fetch() == 1
    assert household.missing() == household.covered


def test_a_service_that_answers_nothing_but_errors_for_a_week_is_asked_at_most_three_times_a_day(
    household: Household,
) -> None:
    household.fetch()
    household.simulator.fault("unavailable", where="energy-charts", times=100)
    household.clock.move_to("2026-11-21 13:30")
    dates = household.fetch_hourly(days=7)
    assert sorted({*dates}) == [TODAY + timedelta(days=i) for i in range(7)]
    assert (dates.count(TODAY), max(map(dates.count, dates))) == (3, 3)
    assert "an error of its own" in household.told
    assert household.health.failures_in_a_row == len(dates)
    assert household.health.problem(household.clock()) is not None
    household.simulator.clear()
    assert household.fetch() == 1
    assert (household.missing(), household.invented()) == ([], {})


def test_without_internet_for_a_moment_the_price_of_now_is_not_unknown_until_tomorrow(
    household: Household,
) -> None:
    household.url = "http://127.0.0.1:1"
    household.clock.move_to("2026-11-21 13:20")
    assert household.fetch() == 1
    assert household.fetch() == 0
    household.url = household.simulator.url
    household.clock.pass_by(minutes=7)
    assert household.fetch() == 1
    assert (household.missing(), household.invented()) == ([], {})
    household.clock.pass_by(hours=8)
    assert household.fetch() == 0


def test_without_internet_for_a_week_it_is_tried_about_every_three_hours(household: Household) -> None:
    household.fetch()
    household.url = "http://127.0.0.1:1"
    household.clock.move_to("2026-11-21 13:30")
    asked = household.fetch_hourly(days=7)
    assert 7 * 6 <= len(asked) <= 7 * 12
    assert "cannot be reached" in household.told
    assert household.health.problem(household.clock()) is not None
    household.url = household.simulator.url
    household.clock.pass_by(hours=4)
    assert household.fetch() == 1
    assert (household.missing(), household.invented()) == ([], {})


def test_another_token_is_tried_at_once(household: Household) -> None:
    household.service, household.token = "entsoe", "wrong"
    household.fetch()
    assert household.health.state == "refused"
    assert household.fetch() == 0
    household.token = household.simulator.day_ahead.token
    assert household.fetch() == 1
    assert household.health.state is State.OK


def test_another_service_is_asked_at_once(household: Household) -> None:
    household.simulator.fault("unavailable", where="energy-charts")
    household.fetch()
    household.service = "entsoe"
    assert household.fetch() == 1
    assert household.missing() == []


def test_the_token_is_not_in_the_ledger(household: Household) -> None:
    household.service = "entsoe"
    household.fetch()
    files = household.path.parent.glob("ledger.sqlite*")
    assert [file for file in files if household.token.encode() in file.read_bytes()] == []


@pytest.mark.parametrize("ahead", [timedelta(days=30), timedelta(days=2000)])
def test_notes_of_a_clock_that_was_ahead_keep_nobody_waiting(household: Household, ahead: timedelta) -> None:
    household.simulator.fault("unavailable", where="day-ahead", times=1)
    household.clock.instant += ahead
    household.fetch()
    household.clock.instant -= ahead
    assert household.fetch() == 1
    assert household.missing() == []


def test_a_clock_that_goes_back_an_hour_asks_nothing_twice(household: Household) -> None:
    household.clock.move_to("2026-11-21 13:30")
    household.fetch()
    household.clock.pass_by(hours=-1)
    assert household.fetch() == 0
    household.clock.pass_by(hours=1)
    assert household.fetch() == 0


def test_costs_that_cannot_be_worked_out_again_are_prices_that_are_not_kept(household: Household) -> None:
    def full(_: Sequence[datetime]) -> None:
        raise LedgerError("the disk is full")

    with household.prices(changed=full) as prices, pytest.raises(LedgerError):
        prices.fetch([])
    assert household.known() == {}
    household.clock.move_to("2026-11-21 13:30")
    assert household.fetch() == 1
    assert household.missing() == []


# --- kill -9

WORK = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from bridge.fetching.day_ahead import DayAhead
from bridge.ledger import Ledger

path, url, service, token, now, start, end = sys.argv[1:]
with Ledger(Path(path)) as ledger:
    prices = DayAhead(
        ledger,
        service,
        lambda: datetime.fromisoformat(now),
        token=token,
        url=url,
        pause=lambda _: os.kill(os.getpid(), signal.SIGKILL),
    )
    prices.fetch([(datetime.fromisoformat(start), datetime.fromisoformat(end))])
"""


@contextmanager
def at_work(household: Household) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that kills itself between two requests; in the end it was killed."""
    arguments = (str(household.path), household.url, household.service, household.token)
    (span,) = household.covered
    instants = (each.isoformat() for each in (household.clock(), *span))
    with subprocess.Popen([sys.executable, "-c", WORK, *arguments, *instants]) as process:
        yield process
        assert process.wait(60) == -signal.SIGKILL


@BOTH
def test_killed_between_two_requests_the_next_one_goes_on(household: Household, service: str) -> None:
    household.service, household.covered = service, [days(date(2025, 1, 1), TODAY)]
    with at_work(household):
        pass
    assert household.requests == 1
    assert len(household.known()) == 365 * 96
    assert household.fetch() == 1
    assert household.known() == household.simulator.day_ahead.prices(*days(date(2025, 1, 1), TODAY))


def test_killed_while_it_waits_for_an_answer_it_does_not_ask_again_that_day(household: Household) -> None:
    household.covered = [days(TODAY)]
    household.simulator.fault("stall", where="day-ahead", seconds=60.0)
    with at_work(household) as process:
        eventually(lambda: household.requests == 1, within=30)
        process.kill()
    household.simulator.clear()
    assert household.fetch() == 0
    household.clock.move_to("2026-11-21 13:30")
    assert household.fetch() == 1
    assert household.missing() == []


# --- given by somebody


def published(start: datetime, *prices: float) -> bytes:
    return json.dumps(
        [{"start": (start + QUARTER * i).isoformat(), "price": price} for i, price in enumerate(prices)]
    ).encode()


def test_what_somebody_publishes_is_kept_and_nobody_is_asked(household: Household) -> None:
    household.service = "mqtt"
    start = days(TODAY)[0]
    with household.prices() as prices:
        answer = prices.take(published(start, 0.1, -0.02, 0.3))
    assert len(answer.prices) == 3
    assert list(household.known().values()) == [Decimal("0.1"), Decimal("-0.02"), Decimal("0.3")]
    assert household.changed == list(household.known())
    assert household.health.state is State.OK
    assert household.fetch() == 0
    assert household.requests == 0


def test_the_same_again_changes_nothing_and_a_correction_what_it_corrects(household: Household) -> None:
    household.service = "mqtt"
    start = days(TODAY)[0]
    with household.prices() as prices:
        prices.take(published(start, 0.1, 0.2))
        household.changed.clear()
        prices.take(published(start, 0.1, 0.2))
        assert household.changed == []
        prices.take(published(start, 0.1, 0.25))
    assert household.changed == [start + QUARTER]


def test_what_is_no_list_is_said_and_keeps_what_there_is(household: Household) -> None:
    household.service = "mqtt"
    start = days(TODAY)[0]
    with household.prices() as prices:
        prices.take(published(start, 0.1, 0.2))
        with pytest.raises(NotUnderstood):
            prices.take(published(start, 85.2, 90.1))
    assert "perhaps it is in EUR/MWh" in household.told
    assert len(household.known()) == 2


# --- chance


@pytest.mark.parametrize("seed", range(often(3, soak=60)))
def test_faults_that_come_and_go_leave_the_truth(household: Household, seed: int) -> None:
    """Three weeks with contracts of the past; every request may meet a fault, every day has few of them."""
    chance = random.Random(seed)
    household.service = chance.choice(list(SERVICES))
    household.covered = [days(date(2026, 9, 1), TODAY + timedelta(days=60))]
    usable = [(name, p) for name, p, _ in FAULTS if name != "stall"]
    for _ in range(21):
        name, parameters = chance.choice(usable)
        if chance.random() < 0.6:
            household.simulator.fault(name, where=household.service, times=1, **parameters)
        before = household.requests
        for _ in range(chance.randint(1, 5)):
            household.fetch()
        assert household.requests - before <= 2
        assert household.invented() == {}
        household.simulator.clear()
        household.clock.pass_by(hours=chance.choice((20, 24, 24, 28)))
    for _ in range(9):
        household.clock.pass_by(days=1)
        household.fetch()
    household.clock.move_to(f"{household.clock().date() + timedelta(days=1)} 14:00")
    household.fetch()
    assert (household.missing(), household.invented()) == ([], {})
