from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.metering import meterday
from bridge.metering.model import Energy

ELECTRICITY, GAS = Energy.ELECTRICITY, Energy.GAS
YEARS = st.dates(date(2015, 1, 1), date(2045, 12, 31))
ENERGIES = st.sampled_from(Energy)
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # the clock changes in their early hours


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (date(2026, 6, 1), 24), (AUTUMN, 25)])
def test_an_electricity_day_has_four_quarters_for_each_of_its_23_24_or_25_hours(
    day: date, hours: int
) -> None:
    starts = meterday.intervals_of(day, ELECTRICITY)
    assert len(starts) == 4 * hours
    assert starts[0] == meterday.start_of(day, ELECTRICITY)
    assert starts[-1] + timedelta(minutes=15) == meterday.end_of(day, ELECTRICITY)


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (SPRING - meterday.ONE_DAY, 23),
        (SPRING, 24),
        (AUTUMN - meterday.ONE_DAY, 25),
        (AUTUMN, 24),
    ],
)
def test_the_gas_day_before_the_clock_changes_is_the_short_or_the_long_one(day: date, hours: int) -> None:
    assert len(meterday.intervals_of(day, GAS)) == hours


def test_an_electricity_day_starts_at_local_midnight() -> None:
    assert meterday.start_of(date(2026, 1, 15), ELECTRICITY) == utc(2026, 1, 14, 23)
    assert meterday.start_of(date(2026, 7, 15), ELECTRICITY) == utc(2026, 7, 14, 22)
    assert meterday.start_of(AUTUMN, ELECTRICITY) == utc(2026, 10, 24, 22)
    assert meterday.end_of(AUTUMN, ELECTRICITY) == utc(2026, 10, 25, 23)


def test_a_gas_day_starts_at_six_in_the_morning_local_time() -> None:
    assert meterday.start_of(date(2026, 1, 15), GAS) == utc(2026, 1, 15, 5)
    assert meterday.start_of(date(2026, 7, 15), GAS) == utc(2026, 7, 15, 4)
    assert meterday.start_of(SPRING - meterday.ONE_DAY, GAS) == utc(2026, 3, 28, 5)
    assert meterday.end_of(SPRING - meterday.ONE_DAY, GAS) == utc(2026, 3, 29, 4)


def test_gas_used_before_six_belongs_to_the_day_before() -> None:
    assert meterday.day_of(utc(2026, 1, 15, 4, 59), GAS) == date(2026, 1, 14)
    assert meterday.day_of(utc(2026, 1, 15, 5), GAS) == date(2026, 1, 15)


@given(YEARS, ENERGIES)
def test_a_day_is_found_again_by_its_first_and_its_last_instant(day: date, energy: Energy) -> None:
    start, end = meterday.start_of(day, energy), meterday.end_of(day, energy)
    assert meterday.day_of(start, energy) == day
    assert meterday.day_of(end - timedelta(microseconds=1), energy) == day
    assert meterday.day_of(end, energy) == day + meterday.ONE_DAY
    assert meterday.day_of(start - timedelta(microseconds=1), energy) == day - meterday.ONE_DAY


@given(YEARS, ENERGIES, st.timedeltas(timedelta(0), timedelta(hours=23)))
def test_every_instant_lies_in_the_day_that_it_is_said_to_fall_in(
    day: date, energy: Energy, later: timedelta
) -> None:
    instant = meterday.start_of(day, energy) + later
    found = meterday.day_of(instant, energy)
    assert meterday.start_of(found, energy) <= instant < meterday.end_of(found, energy)


@given(YEARS, ENERGIES)
def test_the_intervals_of_a_day_touch_one_another_and_fill_it(day: date, energy: Energy) -> None:
    starts = meterday.intervals_of(day, energy)
    length = meterday.interval_length(energy)
    assert len(starts) in ({92, 96, 100} if energy is ELECTRICITY else {23, 24, 25})
    assert [start + length for start in starts] == [*starts[1:], meterday.end_of(day, energy)]
    assert {meterday.day_of(start, energy) for start in starts} == {day}


def test_all_days_of_thirty_years_follow_on_one_another_without_a_gap() -> None:
    for energy in Energy:
        days = meterday.span(date(2015, 1, 1), date(2044, 12, 31))
        lengths = [meterday.end_of(day, energy) - meterday.start_of(day, energy) for day in days]
        assert sum(lengths, timedelta(0)) == timedelta(days=len(days))
        assert lengths.count(timedelta(hours=23)) == lengths.count(timedelta(hours=25)) == 30


def test_instants_come_out_in_utc() -> None:
    for energy in Energy:
        instants = [meterday.start_of(AUTUMN, energy), meterday.end_of(AUTUMN, energy)]
        assert {instant.tzinfo for instant in instants + meterday.intervals_of(AUTUMN, energy)} == {UTC}


def test_at_local_midnight_yesterday_is_the_latest_day_that_has_ended() -> None:
    assert meterday.latest_ended(utc(2026, 1, 14, 22, 59), ELECTRICITY) == date(2026, 1, 13)
    assert meterday.latest_ended(utc(2026, 1, 14, 23), ELECTRICITY) == date(2026, 1, 14)
    assert meterday.latest_ended(utc(2026, 1, 15, 4, 59), GAS) == date(2026, 1, 13)
    assert meterday.latest_ended(utc(2026, 1, 15, 5), GAS) == date(2026, 1, 14)


def test_electricity_may_be_published_when_the_day_is_over_and_gas_66_hours_later() -> None:
    midnight, six = utc(2026, 1, 14, 23), utc(2026, 1, 15, 5)
    assert meterday.latest_published(midnight, ELECTRICITY) == date(2026, 1, 14)
    assert meterday.latest_published(six + timedelta(hours=65), GAS) == date(2026, 1, 13)
    assert meterday.latest_published(six + timedelta(hours=66), GAS) == date(2026, 1, 14)


@given(YEARS, ENERGIES, st.timedeltas(timedelta(0), timedelta(days=10)))
def test_a_day_is_late_four_days_after_it_could_have_been_published(
    day: date, energy: Energy, later: timedelta
) -> None:
    now = meterday.end_of(day, energy) + later
    delay = timedelta(hours=66 if energy is GAS else 0)
    assert meterday.is_late(day, energy, now) == (later >= delay + timedelta(days=4))


@given(YEARS, st.integers(-3, 40))
def test_a_span_holds_both_its_ends_and_nothing_when_it_is_the_wrong_way_round(
    first: date, days: int
) -> None:
    found = meterday.span(first, first + meterday.ONE_DAY * days)
    assert found == [first + timedelta(days=i) for i in range(days + 1)]
