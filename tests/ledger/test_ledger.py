"""Every reading once: in a real file, against a plain dictionary of decimals."""

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.ledger import Ledger, LedgerError, Records
from bridge.metering import meterday
from bridge.metering.model import Direction, Energy, Interval, Meter, Reading, Total
from tests.rig.chance import often
from tests.rig.ledgers import a_ledger_of_the_first_version, a_used_ledger, fill, used_ledger
from tests.rig.readings import (
    AFTER,
    BEFORE,
    DAY,
    HOME,
    LATER,
    LATEST,
    NOW,
    STOVE,
    all_intervals,
    daily,
    interval,
    whole_day,
)
from tests.rig.registers import HIGH, INJECTED, LOW, TOTAL, Amounts, kwh


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger(path, stream=True) as ledger:
        yield ledger


def amounts(ledger: Ledger, meter: Meter = HOME) -> Amounts:
    total = ledger.sums.total(meter)
    return total.amounts if total else {}


def revision(ledger: Ledger, meter: Meter = HOME) -> int:
    day = ledger.days.latest_complete_day(meter)
    assert day
    return day.revision


def waiting(ledger: Ledger) -> list[Interval]:
    """What the stream has to say, said."""
    found = ledger.outbox.unstreamed(HOME)
    ledger.outbox.streamed(HOME, found)
    return found


def contents(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


# New, again, corrected


def test_a_day_is_complete_when_all_of_it_is_there(ledger: Ledger) -> None:
    assert ledger.days.latest_complete_day(HOME) is None
    assert ledger.sums.total(HOME) is None
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=96)), NOW)
    ledger.answers.settle(HOME, [DAY], NOW)
    assert ledger.days.latest_complete_day(HOME) is None
    ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL=1), numbers=range(1, 96)), NOW)
    ledger.answers.settle(HOME, [DAY], NOW)
    assert ledger.days.latest_complete_day(HOME) is None
    ledger.answers.record_intervals(HOME, DAY, interval(0, kwh(TOTAL=1)), LATER)
    ledger.answers.settle(HOME, [DAY], LATER)
    day = ledger.days.latest_complete_day(HOME)
    assert day
    assert (day.date, day.amounts, day.validated, day.revision) == (DAY, kwh(TOTAL=96), True, 1)
    assert (day.start, day.end) == (
        datetime(2026, 11, 19, 23, tzinfo=UTC),
        datetime(2026, 11, 20, 23, tzinfo=UTC),
    )
    assert day.fetched_at == LATER
    assert ledger.sums.total(HOME) == Total(DAY, DAY, 1, kwh(TOTAL=96))


def test_the_same_again_changes_nothing_at_all(ledger: Ledger, path: Path) -> None:
    whole_day(ledger, kwh(HIGH="0.1", INJECTED=0))
    waiting(ledger)
    before = contents(path)
    whole_day(ledger, kwh(HIGH="0.1", INJECTED=0))
    assert contents(path) == before
    whole_day(ledger, kwh(HIGH="0.1000", INJECTED="-0.0"), now=LATER)
    assert waiting(ledger) == []
    day = ledger.days.latest_complete_day(HOME)
    assert day
    assert (day.revision, day.fetched_at) == (1, NOW)


@pytest.mark.parametrize("to", ["0.5", "0", "2.125"])
def test_a_correction_up_or_down_replaces_the_amount_and_raises_the_revision(ledger: Ledger, to: str) -> None:
    whole_day(ledger, kwh(TOTAL=1), BEFORE)
    whole_day(ledger, kwh(TOTAL=1))
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=Decimal(to) * 96)), LATER)
    day = ledger.days.latest_complete_day(HOME)
    assert day
    assert (day.revision, day.fetched_at) == (2, LATER)
    assert day.amounts == kwh(TOTAL=Decimal(to) * 96)
    assert amounts(ledger) == kwh(TOTAL=Decimal(to) * 96 + 96)


def test_a_correction_raises_the_revision_once_when_its_intervals_follow(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=192)), LATER)
    (facts,) = ledger.days.facts(HOME, [DAY])
    assert facts.corrected
    ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL=2), numbers=range(1, 50)), LATER)
    assert ledger.days.facts(HOME, [DAY])[0].corrected
    ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL=2)), LATEST)
    assert not ledger.days.facts(HOME, [DAY])[0].corrected
    assert revision(ledger) == 2
    assert {each.revision for each in ledger.days.intervals(HOME, DAY)} == {2}
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=193)), LATEST)
    ledger.answers.record_intervals(
        HOME, DAY, all_intervals(kwh(TOTAL=2)) + interval(3, kwh(TOTAL=3)), LATEST
    )
    assert revision(ledger) == 3


def test_intervals_that_are_corrected_on_their_own_raise_the_revision(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    ledger.answers.record_intervals(HOME, DAY, interval(3, kwh(TOTAL=2)), LATER)
    assert revision(ledger) == 2


def test_what_changes_before_a_day_is_complete_is_no_correction(ledger: Ledger) -> None:
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=5)), NOW)
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=96)), LATER)
    whole_day(ledger, kwh(TOTAL=1), now=LATEST)
    assert revision(ledger) == 1


def test_being_validated_is_no_correction(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1), validated=False)
    waiting(ledger)
    day = ledger.days.latest_complete_day(HOME)
    assert day
    assert not day.validated
    whole_day(ledger, kwh(TOTAL=1), now=LATER)
    day = ledger.days.latest_complete_day(HOME)
    assert day
    assert (day.validated, day.revision, day.fetched_at) == (True, 1, NOW)
    assert all(each.validated and each.revision == 1 for each in ledger.days.intervals(HOME, DAY))
    assert waiting(ledger) == []


def test_a_day_is_validated_when_each_of_its_amounts_is(ledger: Ledger) -> None:
    whole_day(ledger, kwh(HIGH=1, INJECTED=1))
    ledger.answers.record_days(HOME, daily(kwh(INJECTED=96), validated=False), LATER)
    day = ledger.days.latest_complete_day(HOME)
    assert day
    assert not day.validated


def test_what_an_answer_leaves_out_stays(ledger: Ledger) -> None:
    whole_day(ledger, kwh(HIGH=1, INJECTED=2))
    ledger.answers.record_days(HOME, [], LATER)
    ledger.answers.record_days(HOME, daily(kwh(HIGH=96)), LATER)
    ledger.answers.record_intervals(HOME, DAY, [], LATER)
    ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(HIGH=1)), LATER)
    assert amounts(ledger) == kwh(HIGH=96, INJECTED=192)
    assert revision(ledger) == 1
    assert len(ledger.days.intervals(HOME, DAY)) == 96


def test_a_day_once_complete_stays_complete(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1), BEFORE)
    whole_day(ledger, kwh(TOTAL=1))
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=96, INJECTED=5)), LATER)
    ledger.answers.settle(HOME, [BEFORE, DAY], LATER)
    latest = ledger.days.latest_complete_day(HOME)
    assert latest
    assert latest.date == DAY


def a_day_that_counted_without_intervals(ledger: Ledger) -> None:
    days = meterday.span(DAY - timedelta(days=6), DAY)
    for day in days:
        ledger.answers.record_days(HOME, daily(kwh(TOTAL=96), day), NOW)
    ledger.answers.record_intervals(HOME, days[0], [], NOW)
    ledger.answers.settle(HOME, days, NOW)
    latest = ledger.days.latest_complete_day(HOME)
    assert latest
    assert latest.date == DAY


def test_a_day_that_counted_without_intervals_and_gets_some_of_them_is_asked_for_again(
    ledger: Ledger,
) -> None:
    a_day_that_counted_without_intervals(ledger)
    ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL=1), numbers=range(40)), LATER)
    (facts,) = ledger.days.facts(HOME, [DAY])
    assert facts.corrected or not facts.complete


def test_a_day_that_counted_without_intervals_and_gets_them_was_not_corrected(ledger: Ledger) -> None:
    a_day_that_counted_without_intervals(ledger)
    ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL=1), numbers=range(40)), LATER)
    ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL=1)), LATEST)
    assert len(ledger.days.intervals(HOME, DAY)) == 96
    assert revision(ledger) == 1


def test_a_whole_day_that_is_answered_in_part_is_not_asked_for_again(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    for readings in ([], all_intervals(kwh(TOTAL=1), numbers=range(40))):
        ledger.answers.record_intervals(HOME, DAY, readings, LATER)
        assert not ledger.days.facts(HOME, [DAY])[0].corrected


# Tariffs


def test_a_tariff_that_is_relabelled_in_an_interval_never_counts_twice(ledger: Ledger) -> None:
    ledger.answers.record_intervals(HOME, DAY, interval(0, kwh(HIGH=1, INJECTED=1)), NOW)
    ledger.answers.record_intervals(HOME, DAY, interval(0, kwh(LOW=1)), LATER)
    (found,) = ledger.days.intervals(HOME, DAY)
    assert found.amounts == kwh(LOW=1, INJECTED=1)
    ledger.answers.record_intervals(HOME, DAY, interval(0, kwh(TOTAL=1)), LATEST)
    (found,) = ledger.days.intervals(HOME, DAY)
    assert found.amounts == kwh(TOTAL=1, INJECTED=1)
    assert found.revision == 3


def test_an_interval_with_two_tariffs_keeps_both(ledger: Ledger) -> None:
    ledger.answers.record_intervals(HOME, DAY, interval(0, kwh(HIGH=1, LOW=0)), NOW)
    ledger.answers.record_intervals(HOME, DAY, interval(0, kwh(HIGH=0, LOW=1)), LATER)
    (found,) = ledger.days.intervals(HOME, DAY)
    assert found.amounts == kwh(HIGH=0, LOW=1)


def test_a_total_gives_way_to_its_parts_and_the_parts_to_a_total(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1, INJECTED=1))
    ledger.answers.record_days(HOME, daily(kwh(HIGH=60, LOW=36)), LATER)
    assert amounts(ledger) == kwh(HIGH=60, LOW=36, INJECTED=96)
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=97)), LATEST)
    assert amounts(ledger) == kwh(TOTAL=97, INJECTED=96)


def test_a_tariff_that_a_daily_answer_leaves_out_stays(ledger: Ledger) -> None:
    whole_day(ledger, kwh(HIGH=1, LOW=2))
    ledger.answers.record_days(HOME, daily(kwh(HIGH=100)), LATER)
    assert amounts(ledger) == kwh(HIGH=100, LOW=192)


# Meters


def test_meters_do_not_mix_nor_do_energies(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    ledger.answers.record_days(STOVE, daily(kwh(TOTAL=24, VOLUME="2.4"), meter=STOVE, serial="G"), NOW)
    hours = [r for n in range(24) for r in interval(n, kwh(TOTAL=1, VOLUME="0.1"), meter=STOVE, serial="G")]
    ledger.answers.record_intervals(STOVE, DAY, hours, NOW)
    ledger.answers.settle(STOVE, [DAY], NOW)
    assert amounts(ledger) == kwh(TOTAL=96)
    assert amounts(ledger, STOVE) == kwh(TOTAL=24, VOLUME="2.4")
    assert [each.end - each.start for each in ledger.days.intervals(STOVE, DAY)] == [timedelta(hours=1)] * 24
    renamed = Meter("kitchen", STOVE.ean, Energy.GAS, "other serial")
    assert amounts(ledger, renamed) == amounts(ledger, STOVE)


def test_on_the_day_of_a_meter_exchange_both_meters_count(ledger: Ledger) -> None:
    old, new = Meter("home", HOME.ean, HOME.energy, "A"), Meter("home", HOME.ean, HOME.energy, "B")
    whole_day(ledger, kwh(TOTAL=1), BEFORE)
    ledger.answers.record_days(old, daily(kwh(TOTAL="30.25")), NOW)
    first = all_intervals(kwh(TOTAL=1), numbers=range(30)) + interval(30, kwh(TOTAL="0.25"))
    ledger.answers.record_intervals(old, DAY, first, NOW)
    for _ in range(2):
        both = daily(kwh(TOTAL="65.5"), serial="B") + daily(kwh(TOTAL=96), AFTER, serial="B")
        ledger.answers.record_days(new, both, LATER)
        second = interval(30, kwh(TOTAL="0.5"), serial="B")
        second += all_intervals(kwh(TOTAL=1), numbers=range(31, 96), serial="B")
        ledger.answers.record_intervals(new, DAY, second, LATER)
        ledger.answers.settle(new, [BEFORE, DAY, AFTER], LATER)
        assert amounts(ledger) == kwh(TOTAL=96 + 96 - 0.25)
        found = ledger.days.intervals(new, DAY)
        assert len(found) == 96
        assert found[30].amounts == kwh(TOTAL="0.75")


def test_a_source_that_ignores_the_serial_is_not_counted_twice(ledger: Ledger) -> None:
    for day in (BEFORE, DAY):
        whole_day(ledger, kwh(HIGH=1, INJECTED=2), day)
    waiting(ledger)
    for day in (BEFORE, DAY):
        ledger.answers.record_intervals(
            HOME, day, all_intervals(kwh(HIGH=1, INJECTED=2), day, serial="B"), LATER
        )
    sums = kwh(HIGH=96, INJECTED=192)
    ledger.answers.record_days(HOME, daily(sums, BEFORE, serial="B") + daily(sums, serial="B"), LATER)
    assert amounts(ledger) == kwh(HIGH=192, INJECTED=384)
    assert revision(ledger) == 1
    assert waiting(ledger) == []


def test_a_source_that_ignores_the_serial_and_corrects_meanwhile_is_not_counted_twice(
    ledger: Ledger,
) -> None:
    for day in (BEFORE, DAY):
        whole_day(ledger, kwh(TOTAL=1), day)
    ledger.answers.record_days(
        HOME, daily(kwh(TOTAL=95), BEFORE, serial="B") + daily(kwh(TOTAL=94), serial="B"), LATER
    )
    assert amounts(ledger) == kwh(TOTAL=95 + 94)


# Asking over the edges


def test_answers_that_overlap_count_each_day_once(ledger: Ledger) -> None:
    days = meterday.span(BEFORE, AFTER)
    for first, last in ((0, 2), (1, 3), (0, 3)):
        answer = [reading for day in days[first:last] for reading in daily(kwh(TOTAL=5), day)]
        ledger.answers.record_days(HOME, answer, NOW)
    assert [facts.daily for facts in ledger.days.facts(HOME, days)] == [kwh(TOTAL=5)] * 3


def test_facts_name_every_day_that_was_asked_about(ledger: Ledger) -> None:
    ledger.answers.record_intervals(HOME, DAY, [], NOW)
    before, day, after = ledger.days.facts(HOME, [BEFORE, DAY, AFTER])
    assert (before.date, day.date, after.date) == (BEFORE, DAY, AFTER)
    assert (before.asked_at, day.asked_at) == (None, NOW)
    assert (day.interval_count, day.complete, day.corrected, day.daily) == (0, False, False, {})
    assert ledger.days.facts(HOME, []) == []


@pytest.mark.parametrize(("day", "count"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_a_clock_change_day_is_complete_with_all_its_quarter_hours(
    ledger: Ledger, day: date, count: int
) -> None:
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=count), day), NOW)
    ledger.answers.record_intervals(HOME, day, all_intervals(kwh(TOTAL=1), day), NOW)
    ledger.answers.settle(HOME, [day], NOW)
    assert amounts(ledger) == kwh(TOTAL=count)
    assert len(ledger.days.intervals(HOME, day)) == count


# Amounts


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("11.332999999999998", "11.332999999999998"),
        ("0.000000001", "1E-9"),
        ("0.0000000004", "0"),
        ("999999999.999999999", "999999999.999999999"),
        ("1E-999999", "0"),
    ],
)
def test_amounts_are_kept_to_the_billionth(ledger: Ledger, given: str, kept: str) -> None:
    whole_day(ledger, kwh(TOTAL=0))
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=given)), LATER)
    expected = Decimal(kept).quantize(Decimal("1E-9"))
    assert amounts(ledger)[TOTAL] == expected


@pytest.mark.parametrize("amount", ["-0.001", "1000000000", "1E+20"])
def test_what_is_no_amount_is_not_kept(ledger: Ledger, amount: str) -> None:
    with pytest.raises(ValueError, match="not an amount of energy"):
        ledger.answers.record_days(HOME, daily(kwh(TOTAL=5), BEFORE) + daily(kwh(TOTAL=amount)), NOW)
    assert ledger.days.facts(HOME, [BEFORE])[0].daily == {}


def test_the_largest_amounts_add_up_too(ledger: Ledger) -> None:
    days = meterday.span(DAY - timedelta(days=11), DAY)
    largest = Decimal("999999999.999")
    ledger.answers.record_days(HOME, [r for day in days for r in daily(kwh(TOTAL=largest), day)], NOW)
    ledger.answers.record_intervals(HOME, days[0], [], NOW)
    ledger.answers.settle(HOME, days, NOW)
    assert amounts(ledger) == {TOTAL: largest * 12}


# The stream


def test_an_interval_is_streamed_once_when_new_and_once_when_corrected(ledger: Ledger) -> None:
    ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL=1)), NOW)
    first = waiting(ledger)
    assert [each.start for each in first] == meterday.intervals_of(DAY, HOME.energy)
    assert {each.revision for each in first} == {1}
    ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL=1)), NOW)
    assert waiting(ledger) == []
    corrected = interval(3, kwh(TOTAL=2)) + interval(90, kwh(TOTAL=0))
    ledger.answers.record_intervals(HOME, DAY, corrected, LATER)
    assert [(each.amounts, each.revision) for each in waiting(ledger)] == [
        (kwh(TOTAL=2), 2),
        (kwh(TOTAL=0), 2),
    ]
    assert waiting(ledger) == []


def test_a_revision_of_an_interval_never_has_two_amounts(ledger: Ledger) -> None:
    """By which a database knows a second copy: corrections, an exchange, bounds that move, other tariffs."""
    said: dict[tuple[datetime, int], Amounts] = {}

    def listen(meter: Meter = HOME) -> int:
        found = ledger.outbox.unstreamed(meter)  # and killed before that is noted, so that it comes again
        for each in [*found, *ledger.outbox.unstreamed(meter)]:
            assert said.setdefault((each.start, each.revision), each.amounts) == each.amounts
        ledger.outbox.streamed(meter, found)
        return len(found)

    def answer(*readings: list[Reading]) -> None:
        ledger.answers.record_intervals(HOME, DAY, [each for slot in readings for each in slot], LATER)

    ledger.answers.record_intervals(
        HOME, DAY, all_intervals(kwh(TOTAL=1)), NOW
    )  # of a day whose amount is not known
    assert listen() == 96
    for amount in 2, 1, 2:  # down again, too
        answer(interval(3, kwh(TOTAL=amount)))
        assert listen() == 1
    answer(interval(3, kwh(TOTAL=5), serial="B"))  # the exchange, in this slot
    answer(
        interval(4, kwh(TOTAL=1), serial="B"), interval(5, kwh(TOTAL=1), serial="B")
    )  # whatever the serial
    answer(interval(3, kwh(TOTAL=6), serial="B"), interval(4, kwh(TOTAL=4), serial="B"))
    assert listen() > 0
    answer(interval(5, kwh(HIGH=1)), interval(6, kwh(HIGH=1), validated=False))
    answer(interval(6, kwh(HIGH=1, INJECTED=1)))
    later = replace(HOME, since=meterday.intervals_of(DAY, HOME.energy)[50])
    ledger.bounds.keep_to(later)
    listen(later)
    answer(interval(49, kwh(TOTAL=3)), interval(50, kwh(TOTAL=3)))
    answer(interval(49, kwh(TOTAL=4)), interval(50, kwh(TOTAL=3)))
    assert listen(later) == 1
    ledger.bounds.keep_to(HOME)
    assert listen() > 0
    highest = {start: max(number for at, number in said if at == start) for start, _ in said}
    now = {each.start: each for each in ledger.days.intervals(HOME, DAY)}
    assert {start: said[start, number] for start, number in highest.items()} == {
        start: each.amounts for start, each in now.items()
    }


def test_what_was_not_streamed_waits_for_the_next_start(path: Path) -> None:
    with Ledger(path, stream=True) as ledger:
        ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL=1)), NOW)
        ledger.outbox.streamed(HOME, ledger.outbox.unstreamed(HOME, at_most=90))
    with Ledger(path, stream=True) as ledger:
        assert [each.start for each in waiting(ledger)] == meterday.intervals_of(DAY, HOME.energy)[90:]


def test_without_a_stream_nothing_waits_for_it(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL=1)), NOW)
    with Ledger(path, stream=True) as ledger:
        assert waiting(ledger) == []


def test_the_stream_of_one_meter_does_not_wait_for_another(ledger: Ledger) -> None:
    ledger.answers.record_intervals(STOVE, DAY, interval(0, kwh(TOTAL=1), meter=STOVE), NOW)
    assert waiting(ledger) == []
    assert len(ledger.outbox.unstreamed(STOVE)) == 1


# Notes and topics


def test_notes_and_topics_are_there_after_a_restart(path: Path) -> None:
    with Ledger(path) as ledger:
        assert ledger.notes.recall("code") is None
        for note in (1, {"a": [None, "é"]}):
            ledger.notes.remember("code", note)
        ledger.outbox.add_published_topics("home", ["a", "b"])
        ledger.outbox.add_published_topics("gas", ["b", "c"])
        ledger.outbox.remove_published_topics(["a", "never"])
    with Ledger(path) as ledger:
        assert ledger.notes.recall("code") == {"a": [None, "é"]}
        assert ledger.outbox.published_topics() == {"b": "gas", "c": "gas"}


# Against a plain dictionary

BOOKED = st.integers(0, 10**12).map(lambda billionths: Decimal(billionths).scaleb(-9)) | st.sampled_from(
    [Decimal(0), Decimal("9.133"), Decimal("2.2"), Decimal("0.1"), Decimal("0.000000001")]
)
REGISTERS = st.lists(
    st.sampled_from([HIGH, LOW, TOTAL, INJECTED]), min_size=1, max_size=3, unique=True
).filter(lambda found: not (TOTAL in found and (HIGH in found or LOW in found)))
SLOT = REGISTERS.flatmap(lambda found: st.fixed_dictionaries(dict.fromkeys(found, BOOKED)))
ANSWERS = st.lists(
    st.dictionaries(st.integers(0, 6), SLOT, max_size=5).map(lambda answer: dict(sorted(answer.items()))),
    max_size=8,
)
FIRST = DAY - timedelta(days=6)


def expected(answers: Iterable[dict[int, Amounts]]) -> dict[int, Amounts]:
    """What the slots hold after some daily answers, said as simply as can be."""
    slots: dict[int, Amounts] = {}
    for answer in answers:
        for number, fresh in answer.items():
            held = slots.setdefault(number, {})
            for register in fresh:
                if register.direction is Direction.CONSUMPTION:
                    for other in (HIGH, LOW) if register is TOTAL else (TOTAL,):
                        held.pop(other, None)
            held.update(fresh)
    return slots


@given(ANSWERS)
@settings(max_examples=often(30, soak=300), deadline=None)
def test_whatever_is_answered_in_whatever_order_the_totals_are_those_of_a_plain_dictionary(
    answers: list[dict[int, Amounts]],
) -> None:
    days = meterday.span(FIRST, DAY)
    with TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        for answer in answers:
            for _ in range(2):
                readings = [r for number, slot in answer.items() for r in daily(slot, days[number])]
                ledger.answers.record_days(HOME, readings, NOW)
        slots = expected(answers)
        known = {facts.date: facts.daily for facts in ledger.days.facts(HOME, days) if facts.daily}
        assert known == {days[number]: slot for number, slot in slots.items()}
        ledger.store.execute("UPDATE day SET complete = 1")
        ledger.checks.seal(HOME, days[0], days[-1])
        sums: Amounts = {}
        for slot in slots.values():
            for register, amount in slot.items():
                sums[register] = sums.get(register, Decimal(0)) + amount
        assert amounts(ledger) == sums


@given(ANSWERS, st.randoms(use_true_random=False))
@settings(max_examples=often(12, soak=120), deadline=None)
def test_the_order_of_days_that_are_answered_once_makes_no_difference(
    answers: list[dict[int, Amounts]], chance: random.Random
) -> None:
    once = list(expected(answers).items())
    found = []
    for _ in range(2):
        chance.shuffle(once)
        with TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
            for number, slot in once:
                readings = daily(slot, FIRST + timedelta(days=number))
                chance.shuffle(readings)
                ledger.answers.record_days(HOME, readings, NOW)
            found.append(ledger.days.facts(HOME, meterday.span(FIRST, DAY)))
    assert found[0] == found[1]


@given(st.lists(st.dictionaries(st.integers(0, 9), SLOT, max_size=6), max_size=6))
@settings(max_examples=often(30, soak=300), deadline=None)
def test_an_interval_holds_the_latest_answer_and_what_that_left_out(
    answers: list[dict[int, Amounts]],
) -> None:
    slots: dict[int, Amounts] = {}
    starts = meterday.intervals_of(DAY, HOME.energy)
    with TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite", stream=True) as ledger:
        for answer in answers:
            before = {number: dict(slot) for number, slot in slots.items()}
            for number, fresh in answer.items():
                flows = {register.direction for register in fresh}
                held = slots.get(number, {})
                kept = {register: of for register, of in held.items() if register.direction not in flows}
                slots[number] = kept | fresh
            readings = [r for number, slot in answer.items() for r in interval(number, slot)]
            ledger.answers.record_intervals(HOME, DAY, readings, NOW)
            ledger.answers.record_intervals(HOME, DAY, readings, NOW)
            changed = {starts[number] for number in slots if slots[number] != before.get(number)}
            assert {each.start for each in waiting(ledger)} == changed
        found = {each.start: each.amounts for each in ledger.days.intervals(HOME, DAY)}
        assert found == {starts[number]: slot for number, slot in slots.items()}
        assert ledger.days.facts(HOME, [DAY])[0].interval_count == len(slots)


# Bad files


def use(path: Path) -> list[Any]:
    """Everything that can be read from a ledger."""
    days = meterday.span(DAY - timedelta(days=6), DAY)
    with Ledger(path, stream=True) as ledger:
        ledger.answers.settle(HOME, days, NOW)
        return [
            ledger.days.facts(HOME, days),
            ledger.days.latest_complete_day(HOME),
            ledger.sums.total(HOME),
            [ledger.days.intervals(HOME, day) for day in days],
            ledger.notes.recall("note"),
            ledger.outbox.published_topics(),
            ledger.outbox.unstreamed(HOME),
            ledger.sums.running_sums(HOME, NOW),
            ledger.sums.hourly(HOME, days[0], days[-1]),
            ledger.outbox.restated_since(HOME),
        ]


def test_a_file_of_garbage_is_said_and_left_alone(path: Path) -> None:
    path.write_bytes(b"this is not a ledger " * 1000)
    with pytest.raises(
        LedgerError, match=r"ledger\.sqlite is damaged, or is not a ledger\. Restore a backup"
    ):
        Ledger(path)
    assert path.read_bytes() == b"this is not a ledger " * 1000
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_a_file_that_was_cut_short_is_said_and_left_alone(path: Path, share: float) -> None:
    a_used_ledger(path)
    cut = path.read_bytes()[: int(path.stat().st_size * share)]
    path.write_bytes(cut)
    with pytest.raises(LedgerError, match="damaged"):
        use(path)
    assert path.read_bytes() == cut


def test_flipped_bytes_are_said_or_harmless_and_never_a_crash(tmp_path: Path) -> None:
    a_used_ledger(tmp_path / "good.sqlite")
    good = (tmp_path / "good.sqlite").read_bytes()
    chance = random.Random(2026)
    told = 0
    for number in range(80):
        bad = bytearray(good)
        for _ in range(chance.choice([1, 5, 50])):
            at = chance.randrange(16, len(bad))
            bad[at] ^= 1 << chance.randrange(8)
        path = tmp_path / f"bad-{number}.sqlite"
        path.write_bytes(bad)
        try:
            use(path)
        except LedgerError as error:
            assert str(path) in str(error)  # noqa: PT017 - the message is what counts, if there is one
            told += 1
        path.unlink()
    assert told > 10


@pytest.mark.parametrize("page", range(12))
def test_a_page_of_noise_is_said_and_left_alone(path: Path, page: int) -> None:
    a_used_ledger(path)
    known = use(path)
    bad = bytearray(path.read_bytes())
    here = slice(page * 4096 + 100 * (page == 0), (page + 1) * 4096)
    bad[here] = random.Random(page).randbytes(here.stop - here.start)
    path.write_bytes(bad)
    with suppress(LedgerError):
        assert use(path) == known  # a page that is not needed
    assert path.read_bytes() == bytes(bad)


def test_a_text_that_is_no_word_of_ours_is_said(path: Path) -> None:
    a_used_ledger(path)
    for text, other in ((b"injection", b"inj\xc3\xa9tion"), (b"consumption", b"cons'mption")):
        path.write_bytes(path.read_bytes().replace(text, other))
        with pytest.raises(LedgerError, match="damaged"):
            use(path)


def test_somebody_else_s_database_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE states (entity TEXT)")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"is not a ledger of fluvius2mqtt; set data_dir"):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_ledger_of_a_newer_version_is_left_alone(path: Path) -> None:
    a_used_ledger(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
        db.execute("CREATE TABLE invention (of, the, future)")
        db.execute("PRAGMA journal_mode = DELETE")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="written by a newer fluvius2mqtt; install that version again"):
        Ledger(path)
    assert path.read_bytes() == before


def test_the_first_version_of_the_ledger_opens(path: Path) -> None:
    a_ledger_of_the_first_version(path)
    with Ledger(path) as ledger:
        assert ledger.outbox.restated_since(HOME)
        assert ledger.outbox.published_topics() == {"fluvius/home/day": ""}
        whole_day(ledger, kwh(TOTAL=1))
        assert amounts(ledger) == kwh(TOTAL=96)


@pytest.mark.parametrize("version", [0, 1])
def test_many_who_open_a_ledger_at_the_same_moment_make_it_once(tmp_path: Path, version: int) -> None:
    for number in range(20):
        path = tmp_path / f"{number}.sqlite"
        if version:
            a_ledger_of_the_first_version(path)
        together = Barrier(4)

        def opened(path: Path = path, together: Barrier = together) -> dict[str, str]:
            together.wait()
            with Ledger(path) as ledger:
                return ledger.outbox.published_topics()

        with ThreadPoolExecutor(4) as others:
            answers = [others.submit(opened) for _ in range(4)]
        known = {"fluvius/home/day": ""} if version else {}
        assert [answer.result() for answer in answers] == [known] * 4
        for copy in tmp_path.glob(f"{path.name}.before-*"):
            with closing(sqlite3.connect(copy)) as before:
                assert before.execute("PRAGMA user_version").fetchone() == (version,)


def test_what_changed_is_remembered_from_the_first_change_on(ledger: Ledger) -> None:
    assert ledger.outbox.restated_since(HOME) is None
    whole_day(ledger, kwh(TOTAL=1))
    midnight = meterday.start_of(DAY, HOME.energy)
    assert ledger.outbox.restated_since(HOME) == midnight
    ledger.outbox.caught_up(HOME, midnight)
    assert ledger.outbox.restated_since(HOME) is None
    whole_day(ledger, kwh(TOTAL=1))
    assert ledger.outbox.restated_since(HOME) is None
    whole_day(ledger, kwh(TOTAL=2))
    assert ledger.outbox.restated_since(HOME) == midnight


def test_what_changed_meanwhile_is_not_forgotten(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    since = ledger.outbox.restated_since(HOME)
    assert since
    whole_day(ledger, kwh(TOTAL=1), DAY - timedelta(days=1))
    ledger.outbox.caught_up(HOME, since)
    assert ledger.outbox.restated_since(HOME) == since - timedelta(days=1)


@pytest.mark.parametrize("opens", [Ledger, Records])
def test_a_ledger_without_a_byte_was_emptied_and_is_no_new_one(path: Path, opens: type[Records]) -> None:
    path.touch()
    with pytest.raises(LedgerError, match=r"was emptied: .* Restore a backup, or remove the file"):
        opens(path)
    assert path.read_bytes() == b""


def test_a_folder_where_the_ledger_should_be_is_said(path: Path) -> None:
    path.mkdir()
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(path)


def test_a_ledger_in_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be opened; let this user write in its folder"):
        Ledger(tmp_path / "gone" / "ledger.sqlite")


ORDINARY_USER = """
import os, sys
from datetime import UTC, date, datetime
from pathlib import Path
from bridge.ledger import Ledger, LedgerError
from bridge.metering.model import Energy, Meter
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
meter = Meter("home", "541448820000000008", Energy.ELECTRICITY, "A")
try:
    with Ledger(Path(sys.argv[1])) as ledger:
        ledger.notes.remember("note", 1)
    print("done")
except LedgerError as error:
    print(error)
"""


@pytest.mark.parametrize("used", [True, False])
def test_a_read_only_folder_is_said(used: bool) -> None:
    with TemporaryDirectory() as folder:  # unlike pytest's own, one that an ordinary user can reach
        path = Path(folder) / "ledger.sqlite"
        if used:
            a_used_ledger(path)
            path.chmod(0o444)
        Path(folder).chmod(0o555)
        arguments = [sys.executable, "-c", ORDINARY_USER, str(path)]
        ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
        Path(folder).chmod(0o755)
        assert ended.stderr == ""
        assert "ledger.sqlite cannot be" in ended.stdout
        assert "let this user write" in ended.stdout
        if used:
            assert path.read_bytes() == used_ledger()


def test_a_full_disk_is_said_and_loses_nothing(ledger: Ledger, path: Path) -> None:
    whole_day(ledger, kwh(TOTAL=1), BEFORE)
    ((pages,),) = ledger.store.rows("PRAGMA page_count")
    ledger.store.rows(f"PRAGMA max_page_count = {pages + 2}")
    ledger.answers.record_days(HOME, daily(kwh(HIGH=50, LOW=46), serial="new"), NOW)
    answers = ((DAY - timedelta(days=2 + back), kwh(INJECTED=2)) for back in range(100))
    lost = BEFORE
    with pytest.raises(LedgerError, match=r"the disk is full\. Make room; nothing that was kept is lost"):  # noqa: PT012 - some of them fit
        for lost, each in answers:
            ledger.answers.record_intervals(HOME, lost, all_intervals(each, lost, serial="newer"), NOW)
    assert amounts(ledger) == kwh(TOTAL=96)
    assert ledger.days.intervals(HOME, lost) == []
    ledger.store.rows(f"PRAGMA max_page_count = {pages + 10_000}")
    ledger.answers.record_intervals(HOME, lost, all_intervals(kwh(INJECTED=2), lost, serial="newer"), NOW)
    with Ledger(path) as again:
        assert [each.amounts for each in again.days.intervals(HOME, lost)] == [kwh(INJECTED=2)] * 96


def test_a_ledger_that_was_interrupted_while_it_was_made_is_made_again(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
    fill(path)
    assert use(path)


# Others who read, and sudden ends


READ = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=0)
for _ in range(1000):
    ((total, number),) = db.execute("SELECT SUM(amount), COUNT(*) FROM reading WHERE daily = 0")
    assert number == 96 and total % 96 == 0, (total, number)
"""


def test_another_process_reads_while_this_one_writes(ledger: Ledger, path: Path) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    with subprocess.Popen([sys.executable, "-c", READ, str(path)]) as reader:
        number = 0
        while reader.poll() is None:
            number += 1
            ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL=number % 7 + 1)), NOW)
        assert reader.returncode == 0


def test_who_reads_beside_sees_one_moment(ledger: Ledger, path: Path) -> None:
    """Also when a register appears that was not there before."""
    whole_day(ledger, kwh(TOTAL=1))
    with Records(path) as reader:
        before = list(reader.listing.counted(HOME, DAY, DAY, daily=False))
        whole_day(ledger, kwh(TOTAL=2, INJECTED=1))
        assert list(reader.listing.counted(HOME, DAY, DAY, daily=False)) == before
    with Records(path) as reader:
        assert len(list(reader.listing.counted(HOME, DAY, DAY, daily=False))) == 2 * len(before)


def test_a_file_that_another_program_holds_is_said(path: Path) -> None:
    a_used_ledger(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with Ledger(path, stream=True) as ledger:
            ledger.store.rows("PRAGMA busy_timeout = 50")
            with pytest.raises(LedgerError, match="locked by another program; stop that program first"):
                ledger.answers.record_days(HOME, daily(kwh(TOTAL=1)), NOW)
        other.execute("ROLLBACK")
    use(path)


RECORD = """
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from bridge.metering import meterday
from bridge.ledger import Ledger
from bridge.metering.model import Direction, Energy, Meter, Reading, Register, Tariff, Unit

home = Meter("home", "541448820000000008", Energy.ELECTRICITY, "A")
register = Register(Direction.CONSUMPTION, Tariff.TOTAL, Unit.KWH)
now = datetime(2026, 11, 21, 8, tzinfo=UTC)
with Ledger(Path(sys.argv[1]), stream=True) as ledger:
    print("ready", flush=True)
    for again in range(int(sys.argv[2])):
        for back in range(10):
            day = date(2026, 11, 20) - timedelta(days=back)
            starts = [*meterday.intervals_of(day, home.energy), meterday.end_of(day, home.energy)]
            amount = Decimal("0.1")
            quarters = [Reading(a, b, register, amount, True, "A") for a, b in zip(starts, starts[1:])]
            whole = Reading(starts[0], starts[-1], register, amount * 96, True, "A")
            ledger.answers.record_days(home, [whole], now)
            ledger.answers.record_intervals(home, day, quarters, now)
            ledger.answers.settle(home, [day], now)
"""
TEN_DAYS = meterday.span(DAY - timedelta(days=9), DAY)


def recording(path: Path, times: int) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", RECORD, str(path), str(times)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    return process


def test_thirty_sudden_deaths_while_recording_lose_nothing_and_add_nothing(tmp_path: Path) -> None:
    undisturbed, path = tmp_path / "undisturbed.sqlite", tmp_path / "ledger.sqlite"
    with recording(undisturbed, 1) as process:
        process.wait()
    chance = random.Random(1)
    days = 0
    for number in range(30):
        if number % 10 == 0:
            for file in tmp_path.glob("ledger.sqlite*"):
                file.unlink()
            days = 0
        with recording(path, 1000) as process:
            time.sleep(chance.uniform(0, 0.06))
            process.send_signal(signal.SIGKILL)
        survivors = shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-{number}")
        with Ledger(survivors / "ledger.sqlite", stream=True) as ledger:
            assert ledger.store.rows("PRAGMA integrity_check") == [("ok",)]
            total = ledger.sums.total(HOME)
            assert days <= (total.days if total else 0)
            days = total.days if total else 0
            assert amounts(ledger) == (kwh(TOTAL=Decimal("9.6") * days) if days else {})
            for day in TEN_DAYS:
                found = ledger.days.intervals(HOME, day)
                assert len(found) in {0, 96}
                assert {each.revision for each in found} <= {1}
        shutil.rmtree(survivors)
    with recording(path, 1) as process:
        process.wait()
    assert contents(path) == contents(undisturbed)
