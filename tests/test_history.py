"""Which of many days to ask for next, and what a backfill says in the end: pure decisions."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import history
from bridge.history import LEAP_OF_DAYS, Plan, in_words, next_to_ask, silences, silent_days
from bridge.meterday import ONE_DAY, span
from bridge.model import BRUSSELS, Direction, Energy, Register, Tariff, Unit
from bridge.planning import DayFacts

NOW = datetime(2026, 11, 21, 9, tzinfo=BRUSSELS)
BEGUN = datetime(2026, 11, 21, 8, tzinfo=UTC)
BEFORE, SINCE = BEGUN - timedelta(hours=1), BEGUN + timedelta(minutes=1)
FIRST = date(2026, 1, 1)
AMOUNTS = {Register(Direction.CONSUMPTION, Tariff.TOTAL, Unit.KWH): Decimal(5)}

Heard = list[bool | None]


def ask_through(heard: Heard, says: Callable[[int], bool], leap: int = LEAP_OF_DAYS) -> list[int]:
    """Ask until nothing is left to ask; returns what was asked, in that order."""
    asked: list[int] = []
    while (place := next_to_ask(heard, leap)) is not None:
        assert heard[place] is None, "asked for twice"
        asked.append(place)
        heard[place] = says(place)
    return asked


# --- which to ask for next


def test_without_silence_all_are_asked_for_oldest_first() -> None:
    assert ask_through([None] * 100, lambda _: True) == list(range(100))


def test_what_is_known_is_not_asked_for() -> None:
    heard: Heard = [True, None, True, True, None, True]
    assert ask_through(heard, lambda _: True) == [1, 4]


def test_nothing_at_all_asks_nothing() -> None:
    assert next_to_ask([], LEAP_OF_DAYS) is None


def test_a_long_silence_is_crossed_in_leaps() -> None:
    assert ask_through([None] * 100, lambda _: False) == [0, 1, 2, 33, 64, 95, 99]


def test_the_end_of_a_silence_is_found_by_halving_and_then_every_day_is_asked_for() -> None:
    heard: Heard = [None] * 60
    assert ask_through(heard, lambda place: place >= 20)[:9] == [0, 1, 2, 33, 17, 25, 21, 19, 20]
    assert all(heard[20:])
    assert silences(heard, LEAP_OF_DAYS) == set(range(20))


def test_a_few_silent_days_are_no_reason_to_leap() -> None:
    heard: Heard = [None] * 20
    assert ask_through(heard, lambda place: place not in {0, 1, 7, 8}) == list(range(20))


def test_two_silent_days_prove_nothing_of_those_between_them() -> None:
    """The schedule may have asked for the second one meanwhile."""
    heard: Heard = [None] * 20
    heard[12] = False
    asked = ask_through(heard, lambda place: place != 3)
    assert set(asked) == set(range(20)) - {12}


def test_silent_days_that_are_far_apart_prove_nothing_of_those_between_them() -> None:
    heard: Heard = [False, False, False, *[None] * 60, False]
    assert silences(heard, LEAP_OF_DAYS) == {0, 1, 2, 63}


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=200), st.integers(1, 40))
def test_asking_ends_and_asks_nothing_twice(days: list[tuple[bool, bool]], leap: int) -> None:
    heard: Heard = [says if known else None for says, known in days]
    asked = ask_through(heard, lambda place: days[place][0], leap)
    assert len(asked) == len(set(asked))
    unasked = {place for place, answer in enumerate(heard) if answer is None}
    assert unasked <= silences(heard, leap)


@settings(deadline=None)
@given(st.integers(1, 800), st.data())
def test_every_day_since_quarter_hours_were_switched_on_is_found_with_few_requests(
    count: int, data: st.DataObject
) -> None:
    since = data.draw(st.integers(0, count))
    heard: Heard = [None] * count
    asked = ask_through(heard, lambda place: place >= since)
    assert all(heard[since:])
    assert silences(heard, LEAP_OF_DAYS) == set(range(since))
    assert len(asked) - (count - since) <= 3 + since // LEAP_OF_DAYS + 1 + LEAP_OF_DAYS.bit_length()


@settings(deadline=None)
@given(st.integers(1, 300), st.data())
def test_days_that_are_known_already_hide_no_others(count: int, data: st.DataObject) -> None:
    since = data.draw(st.integers(0, count))
    known = data.draw(st.sets(st.integers(0, count - 1)))
    heard: Heard = [place >= since if place in known else None for place in range(count)]
    ask_through(heard, lambda place: place >= since)
    assert all(heard[since:])


@settings(deadline=None)
@given(st.lists(st.sampled_from([True, False]), min_size=1, max_size=150))
def test_progress_never_goes_back(says: list[bool]) -> None:
    facts = {FIRST + ONE_DAY * i: DayFacts(FIRST + ONE_DAY * i, daily=AMOUNTS) for i in range(len(says))}
    plan, done = Plan(facts, set(), BEGUN, at_once=False), [-1]
    while True:
        now, of_all = plan.progress()
        assert done[-1] <= now <= of_all
        done.append(now)
        place = next_to_ask(plan.days_heard(), LEAP_OF_DAYS)
        if place is None:
            break
        day = plan.days_with_amounts()[place]
        facts[day] = with_intervals(day, asked_at=SINCE) if says[place] else asked_in_vain(day)
    assert done[-1] == of_all


# --- a plan


def with_intervals(day: date, **more: object) -> DayFacts:
    return DayFacts(**{"date": day, "daily": AMOUNTS, "interval_count": 96, "complete": True, **more})  # type: ignore[arg-type]


def asked_in_vain(day: date, at: datetime = SINCE) -> DayFacts:
    return DayFacts(day, daily=AMOUNTS, asked_at=at)


def plan_of(*days: DayFacts, answered: Sequence[date] = (), at_once: bool = False) -> Plan:
    return Plan({day.date: day for day in days}, answered, BEGUN, at_once)


def nothing_known(first: date, last: date) -> list[DayFacts]:
    return [DayFacts(day) for day in span(first, last)]


def test_days_are_asked_for_in_spans_of_31() -> None:
    plan = plan_of(*nothing_known(FIRST, FIRST + ONE_DAY * 63))
    assert plan.spans() == [
        (FIRST, FIRST + ONE_DAY * 30),
        (FIRST + ONE_DAY * 31, FIRST + ONE_DAY * 61),
        (FIRST + ONE_DAY * 62, FIRST + ONE_DAY * 63),
    ]
    assert plan.spans_heard() == [None, None, None]


def test_a_span_without_a_gap_is_not_asked_for() -> None:
    assert plan_of(*(asked_in_vain(day) for day in span(FIRST, FIRST + ONE_DAY * 30))).spans_heard() == [True]


def test_a_span_that_was_answered_is_not_asked_for_again() -> None:
    days = nothing_known(FIRST, FIRST + ONE_DAY * 30)
    assert plan_of(*days, answered=[FIRST]).spans_heard() == [False]
    days[5] = asked_in_vain(days[5].date)
    assert plan_of(*days, answered=[FIRST]).spans_heard() == [True]
    assert plan_of(*days).spans_heard() == [None]


@pytest.mark.parametrize(
    ("day", "heard"),
    [
        (DayFacts(FIRST, daily=AMOUNTS), None),
        (asked_in_vain(FIRST, BEFORE), None),
        (asked_in_vain(FIRST, BEGUN), False),
        (asked_in_vain(FIRST), False),
        (with_intervals(FIRST), True),
        (with_intervals(FIRST, complete=False, interval_count=48, asked_at=SINCE), True),
        (with_intervals(FIRST, complete=False, interval_count=48, asked_at=BEFORE), None),
        (with_intervals(FIRST, interval_count=0, asked_at=BEFORE), None),
        (with_intervals(FIRST, corrected=True, asked_at=BEFORE), None),
        (with_intervals(FIRST, corrected=True, asked_at=SINCE), True),
    ],
    ids=[
        "new",
        "asked-before",
        "asked-as-it-began",
        "asked-in-vain",
        "known",
        "half-of-it",
        "half-of-it-before",
        "bare-before",
        "corrected",
        "corrected-and-asked",
    ],
)
def test_what_came_of_a_day(day: DayFacts, heard: bool | None) -> None:
    assert plan_of(day).days_heard() == [heard]


def test_intervals_are_asked_for_where_there_are_amounts() -> None:
    days = [DayFacts(FIRST), asked_in_vain(FIRST + ONE_DAY)]
    assert plan_of(*days).days_with_amounts() == [FIRST + ONE_DAY]
    assert plan_of(*days, at_once=True).days_with_amounts() == []


def test_progress_counts_every_day_as_long_as_it_may_have_intervals() -> None:
    days = nothing_known(FIRST, FIRST + ONE_DAY * 61)
    assert plan_of(*days).progress() == (0, 64)
    assert plan_of(*days, answered=[FIRST]).progress() == (1, 64)
    assert plan_of(*days, answered=[FIRST, FIRST + ONE_DAY * 31]).progress() == (64, 64)
    assert plan_of(*days, at_once=True).progress() == (0, 2)


# --- days before there were intervals


def test_days_before_the_first_with_intervals_had_none() -> None:
    days = [asked_in_vain(day) for day in span(FIRST, FIRST + ONE_DAY * 9)]
    days[5:] = [with_intervals(day.date) for day in days[5:]]
    plan = plan_of(*days)
    assert silent_days(plan, days[5].date, Energy.ELECTRICITY, NOW) == {day.date for day in days[:5]}


def test_a_silent_day_after_the_first_with_intervals_is_a_hole() -> None:
    plan = plan_of(asked_in_vain(FIRST))
    assert silent_days(plan, FIRST - ONE_DAY, Energy.ELECTRICITY, NOW) == set()


def test_a_silent_day_that_may_still_come_says_nothing() -> None:
    yesterday = NOW.date() - ONE_DAY
    days = [asked_in_vain(day) for day in span(yesterday - ONE_DAY * 9, yesterday)]
    silent = silent_days(plan_of(*days), None, Energy.ELECTRICITY, NOW)
    assert silent == {day.date for day in days[:-4]}


# --- in the end


def words(*days: DayFacts, energy: Energy = Energy.ELECTRICITY, now: datetime = NOW) -> list[str]:
    return in_words(plan_of(*days), energy, now)


def test_a_backfill_that_found_everything_says_so_in_one_line() -> None:
    days = [with_intervals(day) for day in span(FIRST, FIRST + ONE_DAY * 30)]
    assert words(*days) == ["31 days from 2026-01-01 to 2026-01-31: 31 complete"]


def test_days_without_quarter_hours_are_counted() -> None:
    days = [with_intervals(FIRST, interval_count=0), with_intervals(FIRST + ONE_DAY)]
    assert words(*days) == [
        "2 days from 2026-01-01 to 2026-01-02: 2 complete, 1 of them without quarter-hours,"
        " which Fluvius does not have"
    ]


def test_what_is_missing_and_why_is_said_in_lines_of_consecutive_days() -> None:
    days = [with_intervals(day) for day in span(FIRST, FIRST + ONE_DAY * 9)]
    days[0], days[1] = DayFacts(days[0].date), DayFacts(days[1].date)
    days[3] = asked_in_vain(days[3].date)
    days[5] = with_intervals(days[5].date, complete=False, interval_count=95)
    days[7] = DayFacts(days[7].date)
    assert words(*days)[1:] == [
        "missing: 2026-01-01 to 2026-01-02, 2 days: Fluvius has nothing of that time; was this meter there?",
        "missing: 2026-01-04: Fluvius has no quarter-hours",
        "missing: 2026-01-06: Fluvius does not have all amounts and quarter-hours",
        "missing: 2026-01-08: Fluvius has no readings",
    ]


def test_gas_that_is_not_published_yet_is_not_missed() -> None:
    days = [with_intervals(day) for day in span(date(2026, 11, 10), date(2026, 11, 20))]
    days[-3:] = [DayFacts(day.date) for day in days[-3:]]
    assert words(*days, energy=Energy.GAS)[1:] == [
        "missing: 2026-11-18 to 2026-11-20, 3 days: not published yet"
    ]


def test_many_holes_are_counted_rather_than_listed() -> None:
    days = [with_intervals(day) for day in span(FIRST, FIRST + ONE_DAY * 199)]
    days[1::2] = [DayFacts(day.date) for day in days[1::2]]
    said = words(*days)
    assert len(said) == 2 + history.LISTED
    assert said[-1] == f"missing: {100 - history.LISTED} more days"
