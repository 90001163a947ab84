"""What to ask Fluvius for, and when a day is complete."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.config import ScheduleSettings
from bridge.ledger import Ledger
from bridge.metering import completeness, meterday
from bridge.metering.completeness import DayFacts
from bridge.metering.model import Energy, Meter, Reading, Register
from tests.rig.registers import HIGH, INJECTED, INJECTED_HIGH, INJECTED_LOW, LOW, TOTAL, VOLUME

ELECTRICITY, GAS = Energy.ELECTRICITY, Energy.GAS
DOUBLE = frozenset({HIGH, LOW})

SUNDAY = date(2026, 11, 15)
FRIDAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 8, 15, tzinfo=UTC)  # the Saturday after; a run counts whole seconds
DAY = timedelta(days=1)

Amounts = Mapping[Register, Decimal]


def kwh(**of: Any) -> Amounts:
    return {globals()[name]: Decimal(str(amount)) for name, amount in of.items()}


def quarters(each: Amounts, day: date = FRIDAY, energy: Energy = ELECTRICITY) -> dict[datetime, Amounts]:
    return dict.fromkeys(meterday.intervals_of(day, energy), each)


def facts(day: date = FRIDAY, **of: Any) -> DayFacts:
    intervals = of.get("intervals", {})
    return DayFacts(**{"date": day, "interval_count": len(intervals), **of})


def complete(day: DayFacts, usual: Iterable[Register] = (TOTAL,), **of: Any) -> bool:
    arguments: dict[str, Any] = {"energy": ELECTRICITY, "without_intervals": False, **of}
    return completeness.is_complete(day, usual=frozenset(usual), **arguments)


# The window


def test_the_window_holds_the_last_seven_days_oldest_first() -> None:
    assert completeness.window(ELECTRICITY, NOW, 7) == [FRIDAY - DAY * back for back in range(6, -1, -1)]


def test_the_window_of_gas_reaches_back_from_the_day_that_may_be_published() -> None:
    window = completeness.window(GAS, NOW, 7)
    published = meterday.latest_published(NOW, GAS)
    assert published == date(2026, 11, 17)
    assert window[0] == published - 6 * DAY
    assert window[-1] == meterday.latest_ended(NOW, GAS)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 31),
    st.sampled_from(Energy),
)
def test_the_window_holds_as_many_published_days_as_were_asked_for(
    now: datetime, lookback: int, energy: Energy
) -> None:
    window = completeness.window(energy, now, lookback)
    assert sum(day <= meterday.latest_published(now, energy) for day in window) == lookback
    assert all(meterday.end_of(day, energy) <= now for day in window)


# When a day is complete


def test_a_day_is_complete_with_its_daily_amounts_and_every_interval() -> None:
    assert complete(facts(daily=kwh(TOTAL=96), intervals=quarters(kwh(TOTAL=1))))


def test_a_day_without_one_of_its_quarter_hours_is_not_complete() -> None:
    intervals = quarters(kwh(TOTAL=1))
    intervals.popitem()
    assert not complete(facts(daily=kwh(TOTAL=96), intervals=intervals))


@pytest.mark.parametrize(
    ("day", "energy"),
    [
        (date(2026, 3, 29), ELECTRICITY),
        (date(2026, 10, 25), ELECTRICITY),
        (date(2026, 3, 28), GAS),
        (date(2026, 10, 24), GAS),
    ],
)
def test_a_clock_change_day_is_complete_with_its_own_number_of_intervals(day: date, energy: Energy) -> None:
    intervals = quarters(kwh(TOTAL=1), day, energy)
    whole = facts(day, daily=kwh(TOTAL=len(intervals)), intervals=intervals)
    assert complete(whole, energy=energy)
    for start in list(intervals)[:3] + list(intervals)[-3:]:
        fewer = {each: amounts for each, amounts in intervals.items() if each != start}
        assert not complete(facts(day, daily=whole.daily, intervals=fewer), energy=energy)


def test_a_day_of_intervals_alone_is_not_complete() -> None:
    assert not complete(facts(intervals=quarters(kwh(TOTAL=1))))


def test_a_day_of_daily_amounts_alone_is_complete_for_a_meter_without_intervals_only() -> None:
    assert complete(facts(daily=kwh(TOTAL=5)), without_intervals=True)
    assert not complete(facts(daily=kwh(TOTAL=5)))


def test_a_meter_that_has_some_intervals_of_a_day_has_them_all_or_the_day_is_awaited() -> None:
    intervals = dict(list(quarters(kwh(TOTAL=1)).items())[:40])
    assert not complete(facts(daily=kwh(TOTAL=96), intervals=intervals), without_intervals=True)


def test_an_interval_that_lacks_the_injection_of_a_sunny_day_is_not_there() -> None:
    intervals = quarters(kwh(TOTAL=1, INJECTED=1))
    intervals[next(iter(intervals))] = kwh(TOTAL=1)
    day = facts(daily=kwh(TOTAL=96, INJECTED=95), intervals=intervals)
    assert not complete(day, {TOTAL, INJECTED})


def test_intervals_need_not_mention_an_injection_that_is_zero_all_day() -> None:
    day = facts(daily=kwh(TOTAL=96, INJECTED=0), intervals=quarters(kwh(TOTAL=1)))
    assert complete(day, {TOTAL, INJECTED})


def test_a_day_whose_usual_injection_is_missing_is_awaited() -> None:
    day = facts(daily=kwh(TOTAL=96), intervals=quarters(kwh(TOTAL=1, INJECTED=1)))
    assert not complete(day, {TOTAL, INJECTED})


def test_a_gas_day_whose_cubic_metres_are_missing_is_awaited() -> None:
    day = facts(daily=kwh(TOTAL=24), intervals=quarters(kwh(TOTAL=1, VOLUME=1), energy=GAS))
    assert not complete(day, {TOTAL, VOLUME}, energy=GAS)


def test_a_sunday_with_one_of_two_tariffs_is_complete_when_its_intervals_add_up_to_it() -> None:
    assert complete(facts(SUNDAY, daily=kwh(LOW=96), intervals=quarters(kwh(LOW=1), SUNDAY)), DOUBLE)


def test_a_day_that_lacks_a_tariff_is_awaited_when_its_intervals_add_up_to_more() -> None:
    intervals = {
        **quarters(kwh(LOW=1)),
        meterday.start_of(FRIDAY, ELECTRICITY): kwh(HIGH="0.001"),
    }
    assert not complete(facts(daily=kwh(LOW=95), intervals=intervals), DOUBLE)


def test_a_day_that_lacks_a_tariff_is_awaited_while_its_intervals_are() -> None:
    intervals = quarters(kwh(LOW=1))
    intervals.popitem()
    assert not complete(facts(daily=kwh(LOW=95), intervals=intervals), DOUBLE)
    assert not complete(facts(daily=kwh(LOW=95)), DOUBLE, without_intervals=True)


def test_a_meter_that_goes_from_two_tariffs_to_one_has_complete_days() -> None:
    assert complete(facts(daily=kwh(TOTAL=96), intervals=quarters(kwh(TOTAL=1))), DOUBLE)
    assert complete(facts(daily=kwh(TOTAL=96), intervals=quarters(kwh(HIGH=1))), DOUBLE | {TOTAL})


def test_a_meter_that_goes_from_one_tariff_to_two_has_complete_days() -> None:
    day = facts(daily=kwh(HIGH=60, LOW=36), intervals=quarters(kwh(HIGH=1)))
    assert complete(day, {TOTAL})
    assert complete(day, DOUBLE | {TOTAL})


def test_each_direction_is_judged_by_its_own_tariffs() -> None:
    intervals = quarters(kwh(HIGH=1, INJECTED_HIGH=1))
    day = facts(daily=kwh(HIGH=60, LOW=36, INJECTED_HIGH=96), intervals=intervals)
    assert complete(day, {*DOUBLE, INJECTED_HIGH})
    assert complete(day, {*DOUBLE, INJECTED_HIGH, INJECTED_LOW})
    less = replace(day, daily={**day.daily, INJECTED_HIGH: Decimal(95)})
    assert not complete(less, {*DOUBLE, INJECTED_HIGH, INJECTED_LOW})


def test_what_a_meter_usually_has_is_what_its_days_mention() -> None:
    days = [facts(daily=kwh(HIGH=1)), facts(daily=kwh(LOW=0)), facts()]
    assert completeness.usual_registers(days) == {HIGH, LOW}


# What is awaited


def test_days_that_may_be_there_and_are_not_complete_are_awaited() -> None:
    days = [facts(FRIDAY - 2 * DAY, complete=True), facts(FRIDAY - DAY), facts(daily=kwh(TOTAL=1))]
    assert completeness.awaited(days, ELECTRICITY, NOW) == [FRIDAY - DAY, FRIDAY]


def test_gas_days_are_not_awaited_before_they_may_be_published() -> None:
    days = [facts(day) for day in completeness.window(GAS, NOW, 2)]
    assert completeness.awaited(days, GAS, NOW) == [date(2026, 11, 16), date(2026, 11, 17)]


# Whether to ask for daily amounts


def window_of(
    energy: Energy = ELECTRICITY, lookback: int = 7, **but: Callable[[DayFacts], DayFacts]
) -> list[DayFacts]:
    """A window that is complete, but for days that are named by how long ago they were: `_0`, `_1`, ..."""
    published = meterday.latest_published(NOW, energy)
    days = []
    for day in completeness.window(energy, NOW, lookback):
        here = day <= published
        whole = facts(day, daily=kwh(TOTAL=96) if here else {}, interval_count=96 * here, complete=here)
        days.append(but.get(f"_{(published - day).days}", as_it_is)(whole))
    return days


def as_it_is(day: DayFacts) -> DayFacts:
    return day


def missing(day: DayFacts) -> DayFacts:
    return facts(day.date)


def bare(day: DayFacts) -> DayFacts:
    """With daily amounts, without intervals, and nobody asked for them."""
    return facts(day.date, daily=day.daily)


def asked(ago: timedelta) -> Callable[[DayFacts], DayFacts]:
    return lambda day: facts(day.date, daily=day.daily, asked_at=NOW - ago)


@pytest.mark.parametrize("energy", Energy)
def test_a_window_that_is_complete_asks_for_nothing(energy: Energy) -> None:
    days = window_of(energy)
    assert completeness.awaited(days, energy, NOW) == []
    assert not completeness.days_are_due(days, energy, NOW)
    assert completeness.next_intervals_due(days, energy, NOW) is None


@pytest.mark.parametrize("energy", Energy)
def test_a_published_day_without_amounts_makes_a_request(energy: Energy) -> None:
    assert completeness.days_are_due(window_of(energy, _0=missing), energy, NOW)
    assert completeness.days_are_due(window_of(energy, _3=missing), energy, NOW)


def test_a_day_later_than_fluvius_ever_was_makes_no_request_of_its_own() -> None:
    assert completeness.days_are_due(window_of(_3=missing), ELECTRICITY, NOW)
    assert not completeness.days_are_due(window_of(_4=missing), ELECTRICITY, NOW)
    assert not completeness.days_are_due(window_of(_6=missing), ELECTRICITY, NOW)


def test_a_day_that_lacks_a_usual_register_makes_a_request() -> None:
    days = window_of(_1=lambda day: facts(day.date, daily=kwh(TOTAL=96, INJECTED=1), complete=True), _0=bare)
    assert completeness.days_are_due(days, ELECTRICITY, NOW)


def test_a_day_that_only_lacks_its_intervals_makes_no_request_for_days() -> None:
    assert not completeness.days_are_due(window_of(_0=bare), ELECTRICITY, NOW)


# Which intervals to ask for


def test_intervals_are_asked_for_newest_day_first() -> None:
    days = window_of(_0=bare, _2=bare, _5=bare)
    assert completeness.next_intervals_due(days, ELECTRICITY, NOW) == FRIDAY
    days = window_of(_2=bare, _5=bare)
    assert completeness.next_intervals_due(days, ELECTRICITY, NOW) == FRIDAY - 2 * DAY


def test_intervals_of_a_day_without_daily_amounts_are_not_asked_for() -> None:
    assert completeness.next_intervals_due(window_of(_0=missing), ELECTRICITY, NOW) is None


def test_while_no_interval_was_ever_seen_the_oldest_day_goes_second() -> None:
    days = [facts(day, daily=kwh(TOTAL=5)) for day in completeness.window(ELECTRICITY, NOW, 7)]
    assert completeness.next_intervals_due(days, ELECTRICITY, NOW) == FRIDAY
    days[-1] = replace(days[-1], asked_at=NOW)
    assert completeness.next_intervals_due(days, ELECTRICITY, NOW) == FRIDAY - 6 * DAY
    days[0] = replace(days[0], asked_at=NOW)
    assert completeness.days_only(days, ELECTRICITY)
    assert completeness.next_intervals_due(days, ELECTRICITY, NOW) is None


def test_intervals_that_did_not_come_are_asked_for_again_in_the_next_run() -> None:
    assert (
        completeness.next_intervals_due(window_of(_0=asked(timedelta(hours=3))), ELECTRICITY, NOW) == FRIDAY
    )


@pytest.mark.parametrize("energy", Energy)
def test_intervals_that_did_not_come_are_not_asked_for_twice_in_one_run(energy: Energy) -> None:
    days = window_of(energy, _0=asked(timedelta(0)), _5=asked(timedelta(0)))
    assert completeness.next_intervals_due(days, energy, NOW) is None


def test_intervals_of_a_day_that_is_late_are_asked_for_once_a_day() -> None:
    due = completeness.next_intervals_due
    assert due(window_of(_5=asked(timedelta(hours=12))), ELECTRICITY, NOW) is None
    assert due(window_of(_5=asked(timedelta(hours=24))), ELECTRICITY, NOW) == FRIDAY - 5 * DAY


def test_a_corrected_day_is_asked_for_again_until_its_intervals_have_followed() -> None:
    days = window_of(_2=lambda day: replace(day, corrected=True))
    assert completeness.next_intervals_due(days, ELECTRICITY, NOW) == FRIDAY - 2 * DAY


# Meters without intervals


def test_silence_proves_nothing_before_the_intervals_are_overdue() -> None:
    days = [facts(daily=kwh(TOTAL=5), asked_at=NOW)]
    assert not completeness.days_only(days, ELECTRICITY)


def test_silence_about_an_old_day_proves_that_a_meter_has_no_intervals() -> None:
    old = facts(FRIDAY - 5 * DAY, daily=kwh(TOTAL=5), asked_at=NOW)
    assert completeness.days_only([old, facts(daily=kwh(TOTAL=5))], ELECTRICITY)


def test_one_day_with_intervals_proves_that_a_meter_has_them() -> None:
    old = facts(FRIDAY - 5 * DAY, daily=kwh(TOTAL=5), asked_at=NOW)
    assert not completeness.days_only([old, facts(interval_count=1)], ELECTRICITY)


def test_silence_about_a_day_without_daily_amounts_proves_nothing() -> None:
    assert not completeness.days_only([facts(FRIDAY - 5 * DAY, asked_at=NOW)], ELECTRICITY)


# Weeks of runs, with a real ledger


@dataclass
class Household:
    """What Fluvius has of a meter, and how often it was asked."""

    ledger: Ledger
    energy: Energy = ELECTRICITY
    lookback: int = 7
    days_after: timedelta = timedelta(hours=5)  # how long after a day its daily amounts appear
    intervals_after: timedelta | None = timedelta(hours=5)  # None: never
    requests: list[datetime] = field(default_factory=list)

    @property
    def meter(self) -> Meter:
        return Meter("home", "541448820000000008", self.energy, "1SAG1100042062")

    def run(self, now: datetime) -> None:
        """A scheduled run, as the bridge makes it."""
        window = completeness.window(self.energy, now, self.lookback)
        self.ledger.answers.settle(self.meter, window, now)
        if completeness.days_are_due(self.facts(now), self.energy, now):
            self._asked(now)
            self.ledger.answers.record_days(self.meter, list(self._days(window, now)), now)
            self.ledger.answers.settle(self.meter, window, now)
        while day := completeness.next_intervals_due(self.facts(now), self.energy, now):
            self._asked(now)
            self.ledger.answers.record_intervals(self.meter, day, list(self._intervals(day, now)), now)
            self.ledger.answers.settle(self.meter, window, now)

    def facts(self, now: datetime) -> list[DayFacts]:
        return self.ledger.days.facts(self.meter, completeness.window(self.energy, now, self.lookback))

    def awaited(self, now: datetime) -> list[date]:
        return completeness.awaited(self.facts(now), self.energy, now)

    def _asked(self, now: datetime) -> None:
        self.requests.append(now)
        assert self.requests.count(now) < 40, "Fluvius is asked without end"

    def _days(self, window: list[date], now: datetime) -> Iterator[Reading]:
        for day in window:
            start, end = meterday.start_of(day, self.energy), meterday.end_of(day, self.energy)
            if now >= end + self.days_after:
                hours = (end - start) // timedelta(hours=1)
                yield Reading(start, end, TOTAL, Decimal(hours), validated=True, serial="A")

    def _intervals(self, day: date, now: datetime) -> Iterator[Reading]:
        length = meterday.interval_length(self.energy)
        delay = self.intervals_after
        if delay is not None and now >= meterday.end_of(day, self.energy) + delay:
            for start in meterday.intervals_of(day, self.energy):
                amount = Decimal(length / timedelta(hours=1))
                yield Reading(start, start + length, TOTAL, amount, validated=True, serial="A")


def runs(days: int, since: datetime = NOW) -> list[datetime]:
    """Four runs a day."""
    return [since + DAY * day + timedelta(hours=hour) for day in range(days) for hour in (0, 3, 6, 12)]


@contextmanager
def counting(household: Household) -> Iterator[list[datetime]]:
    household.requests.clear()
    yield household.requests


def test_a_new_day_costs_two_requests(ledger: Ledger) -> None:
    home = Household(ledger)
    home.run(NOW)
    for now in runs(30, NOW + DAY):
        with counting(home) as requests:
            home.run(now)
            assert len(requests) == (2 if now.hour == NOW.hour else 0)
        assert home.awaited(now) == []


def test_a_meter_without_intervals_costs_two_requests_a_day_and_waits_for_none_of_them(
    ledger: Ledger,
) -> None:
    home = Household(ledger, intervals_after=None)
    home.run(NOW)
    late = []
    with counting(home) as requests:
        for now in runs(40, NOW + DAY):
            home.run(now)
            late += [(now, day) for day in home.awaited(now)]
        assert late == []
        assert len(requests) <= 2 * 40


@pytest.mark.parametrize("lookback", [1, 2, 3, 4, 5, 31])
def test_a_meter_without_intervals_is_understood_in_every_window_that_may_be_configured(
    ledger: Ledger, lookback: int
) -> None:
    try:
        ScheduleSettings(lookback_days=lookback)
    except ValidationError:
        return
    home = Household(ledger, intervals_after=None, lookback=lookback)
    for now in runs(14):
        home.run(now)
    assert ledger.days.latest_complete_day(home.meter) is not None
    assert home.awaited(now) == []


def test_gas_costs_two_requests_a_day_although_it_comes_after_three(ledger: Ledger) -> None:
    home = Household(ledger, GAS, days_after=timedelta(hours=66), intervals_after=timedelta(hours=66))
    home.run(NOW)
    with counting(home) as requests:
        for now in runs(30, NOW + DAY):
            home.run(now)
            assert home.awaited(now) == []
        assert len(requests) <= 2 * 30


@pytest.mark.parametrize("energy", Energy)
@pytest.mark.parametrize("hours", [30, 75])
def test_intervals_that_come_after_their_day_are_waited_for_without_haste(
    ledger: Ledger, energy: Energy, hours: int
) -> None:
    usual = timedelta(hours=66 if energy is GAS else 5)
    home = Household(ledger, energy, days_after=usual, intervals_after=usual + timedelta(hours=hours))
    for now in runs(21):
        home.run(now)
        assert home.requests.count(now) <= 2 + 7
    behind = meterday.latest_published(now - timedelta(hours=hours), energy)
    latest = ledger.days.latest_complete_day(home.meter)
    assert latest
    assert latest.date >= behind - DAY


def test_a_household_that_switches_its_quarter_hours_on_gets_them(ledger: Ledger) -> None:
    home = Household(ledger, intervals_after=None)
    for now in runs(10):
        home.run(now)
    home.intervals_after = timedelta(hours=5)
    for now in runs(3, NOW + 10 * DAY):
        home.run(now)
    latest = ledger.days.latest_complete_day(home.meter)
    assert latest
    assert len(ledger.days.intervals(home.meter, latest.date)) == 96


def test_a_bridge_that_was_off_for_a_month_catches_up_with_its_window(ledger: Ledger) -> None:
    home = Household(ledger)
    home.run(NOW)
    with counting(home) as requests:
        home.run(NOW + 30 * DAY)
        assert len(requests) == 1 + 7
    assert home.awaited(NOW + 30 * DAY) == []
