"""Which of many days to ask for next: few requests for long silences, and nothing that is there is missed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import log2
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.metering import meterday, silence
from bridge.metering.completeness import DayFacts
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Energy
from bridge.metering.silence import LEAP_OF_DAYS, Plan, in_words, next_to_ask, silences, silent_days
from tests.rig.registers import TOTAL

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
FIRST = date(2026, 10, 1)


def asked(
    there: list[bool], leap: int, known: list[bool | None] | None = None
) -> tuple[list[int], list[bool | None]]:
    """The order in which all is asked for, and what is known in the end."""
    heard = list(known or [None] * len(there))
    order = []
    while (place := next_to_ask(heard, leap, len(heard))) is not None:
        assert heard[place] is None, "asked twice"
        heard[place] = there[place]
        order.append(place)
    return order, heard


def test_what_is_there_is_asked_for_oldest_first() -> None:
    assert asked([True] * 50, 31)[0] == list(range(50))


def test_a_short_silence_is_asked_through() -> None:
    there = [True, False, False, True]
    assert asked(there, 31)[0] == [0, 1, 2, 3]


def test_a_long_silence_is_crossed_in_leaps() -> None:
    order, heard = asked([False] * 365, 31)
    assert order == [0, 1, 2, *range(33, 365, 31), 364]
    assert silences(heard, 31, len(heard)) == set(range(365))


def test_the_end_of_a_silence_is_found_by_halving() -> None:
    order, _ = asked([False] * 100 + [True] * 10, 31)
    assert len(order) <= 3 + 100 / 31 + log2(31) + 2 + 10
    assert order[-8:] == sorted(order[-8:])


@settings(deadline=None)
@given(silent=st.integers(0, 400), there=st.integers(0, 60), leap=st.integers(2, 40))
def test_whenever_it_was_switched_on_all_of_it_is_found_with_few_requests(
    silent: int, there: int, leap: int
) -> None:
    order, heard = asked([False] * silent + [True] * there, leap)
    assert all(heard[silent:])
    assert len(order) <= there + silent / leap + log2(leap) + 6
    assert silences(heard, leap, len(heard)) == set(range(silent))


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([None, None, "known"]))), st.integers(1, 40))
def test_whatever_is_there_it_comes_to_an_end_and_misses_only_what_lies_within_silence(
    days: list[tuple[bool, str | None]], leap: int
) -> None:
    there = [each for each, _ in days]
    order, heard = asked(there, leap, [each if known else None for each, known in days])
    assert len(order) == len(set(order))
    for place, answer in enumerate(heard):
        assert answer is not None or place in silences(heard, leap, len(heard))


@given(
    before=st.integers(0, 150), there=st.integers(0, 150), young=st.integers(1, 9), leap=st.integers(2, 40)
)
def test_what_is_not_published_yet_hides_nothing(before: int, there: int, young: int, leap: int) -> None:
    says = [False] * before + [True] * there + [False] * young
    heard: list[bool | None] = [None] * len(says)
    settled = before + there
    while (place := next_to_ask(heard, leap, settled)) is not None:
        heard[place] = says[place]
    assert all(heard[before:settled])
    assert heard[settled:] == [False] * young
    assert silences(heard, leap, settled) == {*range(before), *range(settled, len(says))}


def test_two_silences_prove_nothing_of_what_lies_between_them() -> None:
    """The schedule may have asked for the second one meanwhile."""
    known: list[bool | None] = [None] * 20
    known[12] = False
    order, _ = asked([place != 3 for place in range(20)], 31, known)
    assert set(order) == set(range(20)) - {12}


def test_silences_that_are_farther_apart_than_a_leap_prove_nothing_either() -> None:
    assert silences([False, False, False, *[None] * 60, False], 31, 64) == {0, 1, 2, 63}


@settings(deadline=None)
@given(silent=st.integers(0, 150), there=st.integers(1, 150), known=st.sets(st.integers(0, 299)))
def test_what_is_known_already_hides_nothing_else(silent: int, there: int, known: set[int]) -> None:
    says = [False] * silent + [True] * there
    _, heard = asked(says, 31, [each if place in known else None for place, each in enumerate(says)])
    assert all(heard[silent:])


def facts(day: date, *, amounts: bool = True, intervals: int = 96, complete: bool | None = None) -> DayFacts:
    daily = {TOTAL: Decimal(1)} if amounts else {}
    whole = amounts and intervals == 96 if complete is None else complete
    return DayFacts(day, daily, interval_count=intervals, complete=whole, asked_at=NOW)


def plan(*days: DayFacts, at_once: bool = False) -> Plan:
    return Plan({day.date: day for day in days}, frozenset(), NOW, at_once)


def test_what_was_found_is_said_in_words() -> None:
    days = [
        facts(FIRST, amounts=False, intervals=0),
        facts(FIRST + ONE_DAY, amounts=False, intervals=0),
        facts(FIRST + 2 * ONE_DAY, intervals=0, complete=True),
        facts(FIRST + 3 * ONE_DAY),
        facts(FIRST + 4 * ONE_DAY, intervals=95),
        facts(FIRST + 5 * ONE_DAY, amounts=False, intervals=0),
        facts(FIRST + 6 * ONE_DAY, intervals=0),
    ]
    assert in_words(plan(*days), Energy.ELECTRICITY, NOW) == [
        "7 days from 2026-10-01 to 2026-10-07: 2 complete, 1 of them without quarter-hours",
        (
            "missing: 2026-10-01 to 2026-10-02, 2 days:"
            " Fluvius has nothing for that time; was the meter installed then?"
        ),
        "missing: 2026-10-05: Fluvius does not have all amounts and quarter-hours",
        "missing: 2026-10-06: Fluvius has no readings",
        "missing: 2026-10-07: Fluvius has no quarter-hours",
    ]


def test_days_that_are_too_young_are_not_published_yet() -> None:
    days = [facts(date(2026, 11, 20)), facts(date(2026, 11, 21), amounts=False, intervals=0)]
    assert in_words(plan(*days), Energy.ELECTRICITY, NOW)[1:] == ["missing: 2026-11-21: not published yet"]


def test_only_days_before_the_first_intervals_count_without_them() -> None:
    silent = [facts(FIRST + ONE_DAY * i, intervals=0) for i in range(3)]
    there = [facts(FIRST + ONE_DAY * 3)]
    hole = [facts(FIRST + ONE_DAY * 4, intervals=0)]
    found = silent_days(plan(*silent, *there, *hole), FIRST + ONE_DAY * 3, Energy.ELECTRICITY, NOW)
    assert found == {FIRST + ONE_DAY * i for i in range(3)}


def test_progress_never_goes_back_and_ends_at_its_end() -> None:
    days = meterday.span(FIRST, FIRST + timedelta(days=69))
    known: dict[date, DayFacts] = {day: DayFacts(day) for day in days}
    answered: set[date] = set()
    steps = []

    def now() -> Plan:
        return Plan(known, frozenset(answered), NOW, at_once=False)

    while (place := next_to_ask(heard := now().spans_heard(), 6, len(heard))) is not None:
        first, last = now().spans()[place]
        answered.add(first)
        known |= {day: facts(day, intervals=0, complete=False) for day in meterday.span(first, last)}
        known |= {day: DayFacts(day, known[day].daily) for day in meterday.span(first, last)}
        steps.append(now().progress())
    while (place := next_to_ask(heard := now().days_heard(), LEAP_OF_DAYS, len(heard))) is not None:
        day = now().days_with_amounts()[place]
        known[day] = facts(day)
        steps.append(now().progress())
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert len({of_all for _, of_all in steps}) == 1
    assert steps[-1][0] == steps[-1][1] == 3 + 70


BEGUN = NOW - timedelta(hours=1)
BEFORE = BEGUN - timedelta(hours=1)


@pytest.mark.parametrize(
    ("known", "heard"),
    [
        ({}, None),
        ({"asked_at": BEFORE}, None),
        ({"asked_at": BEGUN}, False),
        ({"asked_at": NOW}, False),
        ({"interval_count": 96, "complete": True, "asked_at": BEFORE}, True),
        ({"interval_count": 48, "asked_at": NOW}, True),
        ({"interval_count": 48, "asked_at": BEFORE}, None),
        ({"complete": True, "asked_at": BEFORE}, None),
        ({"interval_count": 96, "complete": True, "corrected": True, "asked_at": BEFORE}, None),
        ({"interval_count": 96, "complete": True, "corrected": True, "asked_at": NOW}, True),
    ],
    ids=[
        "new",
        "asked-before",
        "asked-as-it-began",
        "asked-in-vain",
        "complete",
        "half",
        "half-before",
        "bare-before",
        "corrected",
        "corrected-and-asked",
    ],
)
def test_what_came_of_a_day(known: dict[str, Any], heard: bool | None) -> None:
    day = DayFacts(FIRST, {TOTAL: Decimal(1)}, **known)
    assert Plan({FIRST: day}, (), BEGUN, at_once=False).days_heard() == [heard]


def test_intervals_that_may_still_come_are_no_proof_that_there_are_none() -> None:
    young = [facts(day, intervals=0) for day in meterday.span(date(2026, 11, 17), date(2026, 11, 20))]
    assert silent_days(plan(*young), None, Energy.ELECTRICITY, NOW) == set()
    late = facts(date(2026, 11, 16), intervals=0)
    assert len(silent_days(plan(late, *young), None, Energy.ELECTRICITY, NOW)) == 5
    assert silent_days(plan(late, *young), NOW.date(), Energy.ELECTRICITY, NOW) == {late.date}


def test_days_that_were_leapt_over_are_said() -> None:
    """Three silent days, and one a leap later."""
    days = [facts(FIRST + ONE_DAY * i, intervals=0) for i in range(34)]
    days[3:33] = [replace(day, asked_at=None) for day in days[3:33]]
    assert in_words(plan(*days), Energy.ELECTRICITY, NOW)[1:] == [
        "missing: 2026-10-01 to 2026-11-03, 34 days: Fluvius has no quarter-hours",
        "not asked for one by one, because no day near them has readings: 30 days",
    ]


def test_many_holes_are_counted_rather_than_listed() -> None:
    days = [facts(FIRST - ONE_DAY * 200 + ONE_DAY * i, amounts=i % 2 == 0) for i in range(200)]
    said = in_words(plan(*days), Energy.ELECTRICITY, NOW)
    assert len(said) == 2 + silence.LISTED
    assert said[-1] == f"missing: {100 - silence.LISTED} more days"
