"""What the reading pages show, out of ledgers as they come about."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.ledger import Damaged, Ledger
from bridge.metering import meterday
from bridge.metering.contract import ByTariff, Capacity, Contract, Dynamic, Part, Per, Timeline
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Energy, Meter, Tariff
from bridge.web.readings import Day, Lack, Period, State, days, periods
from bridge.web.readings.curves import price_curve
from bridge.web.readings.history import History
from bridge.web.speech import speech
from bridge.web.tables import of_period
from tests.rig.readings import BEFORE, DAY, HOME, NOW, STOVE, all_intervals, daily, interval, whole_day
from tests.rig.registers import INJECTED, Amounts, kwh

NO_PRICES = Timeline()
FLOOR = Decimal("2.5")
FIXED = Contract(
    meterday.start_of(date(2020, 1, 1), Energy.ELECTRICITY),
    energy=ByTariff(Decimal("0.2"), Decimal("0.1")),
    grid=Decimal("0.05"),
    injection=Decimal("0.03"),
    fees_per_year={"supplier": Decimal(365)},
    capacity=Capacity(Decimal(40)),
    vat=Decimal(6),
)
BOTH = kwh(HIGH="0.1", LOW="0.2", INJECTED_HIGH="0.05", INJECTED_LOW="0.01")


def history(
    ledger: Ledger, meter: Meter = HOME, now: datetime = NOW, timeline: Timeline = NO_PRICES
) -> History:
    return History(ledger, meter, now, timeline, FLOOR)


def shown(ledger: Ledger, on: date = DAY, meter: Meter = HOME, now: datetime = NOW) -> Day:
    return days.day(history(ledger, meter, now), on)


def month(ledger: Ledger, of: date = DAY, now: datetime = NOW) -> Period:
    return periods.month(history(ledger, now=now), meterday.month_of(of))


def only_days(ledger: Ledger, counted: Mapping[date, Amounts], meter: Meter = HOME) -> None:
    """Days of a meter without intervals, which are complete by their daily amounts."""
    for on, amounts in counted.items():
        ledger.answers.record_days(meter, daily(amounts, on, meter), NOW)
    ledger.answers.settle(meter, meterday.span(min(counted), max(counted)), NOW, silent=counted)


def a_year_of(each: Amounts, first: date, last: date) -> dict[date, Amounts]:
    return dict.fromkeys(meterday.span(first, last), each)


def test_a_complete_day_is_there_quarter_hour_by_quarter_hour(ledger: Ledger) -> None:
    whole_day(ledger, BOTH)
    day = shown(ledger)
    assert (day.state, day.lacks, len(day.slots), day.clock) == (State.COMPLETE, None, 96, 0)
    assert day.amounts
    assert day.amounts.sides["consumption"] == {
        "high": Decimal("9.6"),
        "low": Decimal("19.2"),
        "total": Decimal("28.8"),
    }
    assert day.amounts.of("injection") == Decimal("5.76")
    assert day.amounts.net == Decimal("23.04")
    assert all(slot.is_whole and slot.amounts for slot in day.slots)
    assert (day.slots[0].start, day.slots[-1].end) == (
        datetime(2026, 11, 19, 23, tzinfo=UTC),
        datetime(2026, 11, 20, 23, tzinfo=UTC),
    )
    assert (day.validated, day.revision, day.changed_at, day.costs) == (True, 1, NOW, None)


@pytest.mark.parametrize(
    ("meter", "on", "slots", "clock"),
    [
        (HOME, date(2026, 3, 29), 92, -1),
        (HOME, date(2026, 10, 25), 100, 1),
        (STOVE, date(2026, 3, 28), 23, -1),
        (STOVE, date(2026, 10, 24), 25, 1),
        (STOVE, date(2026, 10, 25), 24, 0),
    ],
)
def test_a_day_on_which_the_clocks_change_has_the_slots_that_it_has_and_says_so(
    ledger: Ledger, meter: Meter, on: date, slots: int, clock: int
) -> None:
    starts = meterday.intervals_of(on, meter.energy)
    ledger.answers.record_days(meter, daily(kwh(TOTAL=len(starts)), on, meter), NOW)
    readings = [each for n in range(len(starts)) for each in interval(n, kwh(TOTAL=1), on, meter)]
    ledger.answers.record_intervals(meter, on, readings, NOW)
    ledger.answers.settle(meter, [on], NOW)
    day = shown(ledger, on, meter)
    assert (day.state, len(day.slots), day.clock) == (State.COMPLETE, slots, clock)


def test_gas_has_hours_in_both_its_units(ledger: Ledger) -> None:
    each = kwh(TOTAL="1.1", VOLUME="0.1")
    on = date(2026, 11, 17)
    ledger.answers.record_days(STOVE, daily({k: v * 24 for k, v in each.items()}, on, STOVE), NOW)
    ledger.answers.record_intervals(
        STOVE, on, [r for n in range(24) for r in interval(n, each, on, STOVE)], NOW
    )
    ledger.answers.settle(STOVE, [on], NOW)
    day = shown(ledger, on, STOVE)
    assert day.amounts
    assert (day.amounts.of("consumption"), day.amounts.of("volume")) == (Decimal("26.4"), Decimal("2.4"))
    assert day.slots[0].start == datetime(2026, 11, 17, 5, tzinfo=UTC)
    assert len(day.slots) == 24
    assert day.amounts.net is None


def test_the_peak_is_the_first_of_the_highest_quarter_hours(ledger: Ledger) -> None:
    readings = all_intervals(kwh(TOTAL="0.1"))
    for number in (40, 70):
        readings[number] = readings[number]._replace(amount=Decimal("0.9"))
    ledger.answers.record_days(HOME, daily(kwh(TOTAL="11.2")), NOW)
    ledger.answers.record_intervals(HOME, DAY, readings, NOW)
    ledger.answers.settle(HOME, [DAY], NOW)
    peak = shown(ledger).peak
    assert peak
    assert peak.start == datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize("each", [kwh(TOTAL="0.1"), kwh(INJECTED="0.1")])
def test_a_single_tariff_has_a_total_alone(ledger: Ledger, each: Amounts) -> None:
    whole_day(ledger, each)
    amounts = shown(ledger).amounts
    assert amounts
    [side] = amounts.sides.values()
    assert side == {"total": Decimal("9.6")}
    assert amounts.net is None


def test_a_day_of_injection_alone_has_no_peak(ledger: Ledger) -> None:
    whole_day(ledger, kwh(INJECTED="0.1"))
    assert shown(ledger).peak is None


def test_a_tariff_that_a_sunday_does_not_mention_counted_nothing(ledger: Ledger) -> None:
    whole_day(ledger, BOTH, BEFORE)
    whole_day(ledger, kwh(LOW="0.1", INJECTED_LOW="0"))
    amounts = shown(ledger).amounts
    assert amounts
    assert amounts.of("consumption", "high") == 0
    [row] = [row for row in month(ledger).rows if row.first == DAY]
    assert row.amounts
    assert row.amounts.of("injection", "high") == 0


def test_a_quarter_hour_that_is_missing_is_a_hole(ledger: Ledger) -> None:
    ledger.answers.record_days(HOME, daily(kwh(TOTAL="9.6")), NOW)
    ledger.answers.record_intervals(
        HOME, DAY, all_intervals(kwh(TOTAL="0.1"), numbers=[*range(50), *range(51, 96)]), NOW
    )
    ledger.answers.settle(HOME, [DAY], NOW)
    day = shown(ledger)
    assert (day.state, day.lacks, len(day.slots)) == (State.AWAITED, Lack.SOME_INTERVALS, 96)
    assert [number for number, slot in enumerate(day.slots) if slot.amounts is None] == [50]
    assert day.peak is None


def test_a_quarter_hour_of_which_one_flow_is_null_is_not_whole(ledger: Ledger) -> None:
    both = kwh(TOTAL="0.1", INJECTED="0.2")
    readings = [each for each in all_intervals(both) if each.register is not INJECTED]
    injected = [each for each in all_intervals(both) if each.register is INJECTED]
    ledger.answers.record_days(HOME, daily({register: 96 * a for register, a in both.items()}), NOW)
    ledger.answers.record_intervals(HOME, DAY, [*readings, *injected[:30], *injected[31:]], NOW)
    ledger.answers.settle(HOME, [DAY], NOW)
    day = shown(ledger)
    assert (day.state, day.lacks) == (State.AWAITED, Lack.SOME_INTERVALS)
    assert [number for number, slot in enumerate(day.slots) if not slot.is_whole] == [30]
    assert day.slots[30].amounts
    assert day.slots[30].amounts.of("injection") is None


def test_a_flow_that_a_complete_day_counted_nowhere_is_zero_everywhere(ledger: Ledger) -> None:
    ledger.answers.record_days(HOME, daily(kwh(TOTAL="9.6", INJECTED=0)), NOW)
    ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL="0.1")), NOW)
    ledger.answers.settle(HOME, [DAY], NOW)
    day = shown(ledger)
    assert day.state is State.COMPLETE
    assert {slot.amounts and slot.amounts.of("injection") for slot in day.slots} == {Decimal(0)}


def test_a_day_without_its_quarter_hours_shows_what_is_known(ledger: Ledger) -> None:
    ledger.answers.record_days(HOME, daily(BOTH), NOW)
    day = shown(ledger)
    assert (day.state, day.lacks, day.slots) == (State.AWAITED, Lack.INTERVALS, ())
    assert day.amounts


def test_quarter_hours_that_do_not_add_up_are_said(ledger: Ledger) -> None:
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=20)), NOW)
    ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL="0.1")), NOW)
    ledger.answers.settle(HOME, [DAY], NOW)
    day = shown(ledger)
    assert (day.state, day.lacks, day.in_doubt) == (State.AWAITED, Lack.AGREEMENT, True)


def test_quarter_hours_that_never_came_to_add_up_are_shown_and_give_no_peak(ledger: Ledger) -> None:
    on = date(2026, 11, 3)
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=20), on), NOW)
    ledger.answers.record_intervals(HOME, on, all_intervals(kwh(TOTAL="0.1"), on), NOW)
    ledger.answers.settle(HOME, [on], NOW)
    day = shown(ledger, on)
    assert (day.state, day.in_doubt, len(day.slots), day.peak) == (State.COMPLETE, True, 96, None)


def test_a_meter_without_quarter_hours_is_complete_by_its_daily_amounts(ledger: Ledger) -> None:
    only_days(ledger, {DAY: kwh(TOTAL=9)})
    day = shown(ledger)
    assert (day.state, day.slots, day.peak) == (State.COMPLETE, (), None)
    assert day.amounts
    assert day.amounts.of("consumption") == 9


def test_a_day_whose_quarter_hours_were_dropped_says_so_and_keeps_its_amounts(ledger: Ledger) -> None:
    for day in BEFORE, DAY:
        whole_day(ledger, BOTH, day)
    before = shown(ledger, BEFORE)
    assert not before.dropped
    assert ledger.retention.drop(HOME, meterday.month_of(DAY)) == [BEFORE]
    after = shown(ledger, BEFORE)
    assert (after.dropped, after.slots, after.state, after.lacks) == (True, (), State.COMPLETE, None)
    assert after.amounts == before.amounts
    assert not shown(ledger).dropped


def test_a_corrected_day_says_when(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL="0.1"))
    whole_day(ledger, kwh(TOTAL="0.2"), now=NOW + timedelta(hours=3))
    day = shown(ledger)
    assert (day.revision, day.changed_at) == (2, NOW + timedelta(hours=3))
    assert month(ledger).sum.corrected == 1
    assert {row.first for row in month(ledger).rows if row.corrected} == {DAY}


def test_without_anything_there_is_nothing_and_no_zero(ledger: Ledger) -> None:
    ledger.store.names.meter(HOME)
    nothing = history(ledger)
    assert (nothing.latest, periods.years(nothing)) == (None, None)
    day = days.day(nothing, DAY)
    assert (day.state, day.lacks, day.amounts, day.slots) == (State.AWAITED, Lack.ALL, None, ())
    assert (day.previous, day.next) == (None, None)
    period = month(ledger)
    assert period.sum.amounts is None
    assert {row.amounts for row in period.rows} == {None}
    assert (period.sum.days, period.sum.missing, period.comparison) == (0, 20, None)


@pytest.mark.parametrize(
    ("on", "state"),
    [
        (DAY + ONE_DAY, State.NOT_YET),
        (date(2027, 5, 1), State.NOT_YET),
        (DAY, State.AWAITED),
        (date(2026, 11, 3), State.MISSING),
        (date(2026, 10, 31), State.BEFORE),
    ],
)
def test_a_day_of_which_nothing_is_known_says_why(ledger: Ledger, on: date, state: State) -> None:
    only_days(ledger, {date(2026, 11, 1): kwh(TOTAL=1), date(2026, 11, 10): kwh(TOTAL=1)})
    assert shown(ledger, on).state is state
    [row] = [row for row in month(ledger, on).rows if row.first == on]
    assert (row.state, row.amounts) == (state, None)
    assert row.missing == (state is not State.NOT_YET)


def test_a_day_that_may_not_be_asked_for_is_not_missing(ledger: Ledger) -> None:
    meter = replace(HOME, last=date(2026, 11, 18))
    only_days(ledger, {date(2026, 11, 18): kwh(TOTAL=1)})
    assert shown(ledger, DAY, meter).state is State.ELSEWHERE
    assert shown(ledger, date(2026, 11, 18), meter).next is None


def test_a_day_of_which_only_quarter_hours_are_known_is_one_to_step_to(ledger: Ledger) -> None:
    on = date(2026, 10, 1)
    ledger.answers.record_intervals(HOME, on, all_intervals(kwh(TOTAL="0.1"), on), NOW)
    day = shown(ledger, on)
    assert (day.lacks, day.amounts, len(day.slots)) == (Lack.AMOUNTS, None, 96)
    assert shown(ledger, date(2026, 10, 20)).previous == on


def test_a_day_that_is_not_complete_is_in_no_sum(ledger: Ledger) -> None:
    whole_day(ledger, BOTH, BEFORE)
    ledger.answers.record_days(HOME, daily(BOTH), NOW)
    past = history(ledger)
    every = [periods.month(past, date(2026, 11, 1)), periods.year(past, 2026), periods.years(past)]
    for period in every:
        assert period
        assert period.sum.amounts
        assert (period.sum.days, period.sum.amounts.of("consumption")) == (1, Decimal("28.8"))


def test_a_day_on_which_the_meter_is_somebody_else_s_is_not_missing(ledger: Ledger) -> None:
    meter = replace(HOME, since=meterday.start_of(date(2026, 11, 10), Energy.ELECTRICITY))
    day = shown(ledger, date(2026, 11, 9), meter)
    assert day.state is State.ELSEWHERE
    period = periods.month(history(ledger, meter), date(2026, 11, 1))
    assert period.sum.missing == 11
    assert period.rows[8].missing == 0


def test_of_a_day_that_a_move_cuts_only_what_counts_is_shown(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL="0.1"))
    noon = datetime(2026, 11, 20, 11, tzinfo=UTC)
    moved_in = history(ledger, replace(HOME, since=noon))
    day = days.day(moved_in, DAY)
    assert (day.state, len(day.slots), day.slots[0].start) == (State.COMPLETE, 48, noon)
    for period in (periods.month(moved_in, date(2026, 11, 1)), periods.year(moved_in, 2026)):
        assert period.sum.amounts
        assert (period.sum.days, period.sum.amounts.of("consumption")) == (1, Decimal("4.8"))


def test_one_steps_to_what_is_known_and_to_what_is_awaited(ledger: Ledger) -> None:
    only_days(ledger, dict.fromkeys((date(2025, 1, 1), date(2026, 11, 2), date(2026, 11, 17)), kwh(TOTAL=1)))
    known, awaited = shown(ledger, date(2026, 11, 2)), shown(ledger, DAY)
    assert (known.previous, known.next) == (date(2025, 1, 1), date(2026, 11, 17))
    assert (awaited.previous, awaited.next) == (date(2026, 11, 19), None)
    assert shown(ledger, date(2026, 11, 17)).next == date(2026, 11, 18)
    assert (month(ledger).previous, month(ledger).next) == (date(2025, 1, 1), None)
    assert month(ledger, date(2025, 1, 1)).next == date(2026, 11, 1)
    assert periods.year(history(ledger), 2025).next == date(2026, 1, 1)
    assert history(ledger).latest == date(2026, 11, 17)


def test_a_year_with_holes_has_holes(ledger: Ledger) -> None:
    counted = a_year_of(kwh(HIGH=2, LOW=1), date(2025, 1, 1), date(2025, 12, 31))
    for hole in [date(2025, 2, 3), *meterday.span(date(2025, 6, 1), date(2025, 6, 30))]:
        del counted[hole]
    only_days(ledger, counted)
    year = periods.year(history(ledger), 2025)
    assert [(row.days, row.missing) for row in year.rows[:7]] == [
        (31, 0),
        (27, 1),
        (31, 0),
        (30, 0),
        (31, 0),
        (0, 30),
        (31, 0),
    ]
    assert (year.rows[5].amounts, year.rows[5].state, year.rows[1].state) == (
        None,
        State.MISSING,
        State.MISSING,
    )
    total = ledger.sums.total(HOME, date(2025, 1, 1), date(2025, 12, 31))
    assert total
    assert year.sum.amounts
    assert year.sum.amounts.of("consumption") == sum(total.amounts.values()) == 3 * 334
    assert (year.sum.days, year.sum.missing) == (334, 31)


def test_what_is_before_the_first_reading_is_not_said_to_be_missing(ledger: Ledger) -> None:
    counted = a_year_of(kwh(HIGH=2, LOW=1), date(2025, 3, 11), date(2025, 12, 31))
    del counted[date(2025, 3, 20)], counted[date(2025, 5, 1)]
    only_days(ledger, counted)

    def notes(period: Period | None) -> list[str]:
        assert period
        rows = len(period.rows)
        return [
            row.note for row in of_period(speech("en"), period, [""] * (rows + 1), [None] * rows, "").rows
        ]

    assert notes(periods.years(history(ledger))) == ["69 days before the first reading, 2 days are missing"]
    assert notes(periods.year(history(ledger), 2025))[:6] == [
        "Before the first reading",
        "Before the first reading",
        "10 days before the first reading, 1 day is missing",
        "",
        "1 day is missing",
        "",
    ]
    assert notes(month(ledger, date(2025, 3, 1)))[8:11] == ["Before the first reading"] * 2 + [""]


def test_a_month_says_what_the_broker_is_told_of_it(ledger: Ledger) -> None:
    only_days(
        ledger, {on: kwh(HIGH="1.1", LOW=2) for on in meterday.span(date(2026, 10, 12), DAY) if on.day % 7}
    )
    for first in (date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1)):
        told, period = ledger.sums.month(HOME, first, NOW), month(ledger, first)
        assert (period.sum.days, period.sum.missing) == (told.days, told.missing)
        assert (period.sum.amounts.of("consumption") if period.sum.amounts else None) == (
            sum(told.amounts.values()) or None
        )
        assert sum(row.days for row in period.rows) == told.days
        assert sum(row.missing for row in period.rows) == told.missing


def test_all_years_are_there_from_the_first_one_on(ledger: Ledger) -> None:
    only_days(ledger, {date(2023, 12, 31): kwh(TOTAL=1), date(2026, 1, 1): kwh(TOTAL=2), DAY: kwh(TOTAL=4)})
    years = periods.years(history(ledger))
    assert years
    consumed = [row.amounts.of("consumption") if row.amounts else None for row in years.rows]
    assert consumed == [1, None, None, 6]
    assert years.sum.amounts
    assert years.sum.amounts.of("consumption") == 7
    assert years.comparison is None


def test_a_month_that_is_not_over_stands_beside_the_same_days_alone(ledger: Ledger) -> None:
    only_days(ledger, a_year_of(kwh(TOTAL=3), date(2025, 11, 1), date(2025, 11, 30)))
    only_days(ledger, a_year_of(kwh(TOTAL=2), date(2026, 11, 1), DAY))
    compared = month(ledger).comparison
    assert compared
    assert (compared.this.days, compared.that.days, compared.is_whole) == (20, 20, False)
    assert compared.this.amounts
    assert compared.that.amounts
    assert compared.this.amounts.of("consumption") == 40
    assert compared.that.amounts.of("consumption") == 60
    assert len(compared.rows) == 30


def test_a_hole_in_either_year_is_in_neither_sum(ledger: Ledger) -> None:
    only_days(ledger, a_year_of(kwh(TOTAL=3), date(2025, 10, 2), date(2025, 10, 31)))
    counted = a_year_of(kwh(TOTAL=2), date(2026, 10, 1), date(2026, 10, 31))
    del counted[date(2026, 10, 8)]
    only_days(ledger, counted)
    compared = month(ledger, date(2026, 10, 1)).comparison
    assert compared
    assert (compared.this.days, compared.that.days, compared.is_whole) == (29, 29, False)
    assert compared.rows[7]
    assert (compared.rows[0] and compared.rows[0].amounts, compared.rows[7].days) == (None, 1)


def test_two_whole_months_are_compared_as_a_whole(ledger: Ledger) -> None:
    only_days(ledger, a_year_of(kwh(TOTAL=3), date(2025, 10, 1), date(2025, 10, 31)))
    only_days(ledger, a_year_of(kwh(TOTAL=2), date(2026, 10, 1), date(2026, 10, 31)))
    compared = month(ledger, date(2026, 10, 1)).comparison
    assert compared
    assert compared.is_whole


def test_29_february_has_no_day_beside_it(ledger: Ledger) -> None:
    only_days(ledger, a_year_of(kwh(TOTAL=1), date(2023, 1, 1), date(2024, 12, 31)))
    compared = month(ledger, date(2024, 2, 1)).comparison
    assert compared
    assert (len(compared.rows), compared.rows[28], compared.this.days) == (29, None, 28)
    year = periods.year(history(ledger), 2024).comparison
    assert year
    assert (year.this.days, year.that.days) == (365, 365)


def test_costs_of_days_add_up_to_their_month(ledger: Ledger) -> None:
    for back in range(3):
        whole_day(ledger, BOTH, DAY - ONE_DAY * back)
    prices = Timeline((FIXED,))
    ledger.costs.bring_up_to_date(HOME, prices)
    past = history(ledger, timeline=prices)
    one = days.day(past, DAY).costs
    assert one
    assert one.parts[Part.ENERGY] == Decimal("3.84")
    assert sum(amount or 0 for amount in one.signed.values()) == pytest.approx(
        one.total, abs=Decimal("0.001")
    )
    assert one.total
    period = periods.month(past, date(2026, 11, 1))
    assert period.sum.costs
    assert (period.sum.costs.days, period.sum.costs.parts[Part.ENERGY]) == (3, Decimal("11.52"))
    assert period.sum.costs.total == pytest.approx(3 * one.total, abs=Decimal("0.001"))
    assert sum(row.costs is not None for row in period.rows) == 3


def test_two_years_are_compared_by_what_the_days_cost_that_have_a_price_both_times(ledger: Ledger) -> None:
    only_days(ledger, a_year_of(BOTH, date(2025, 11, 1), DAY))
    since = meterday.start_of(date(2025, 11, 16), Energy.ELECTRICITY)
    prices = Timeline((replace(FIXED, since=since, capacity=None),))
    ledger.costs.bring_up_to_date(HOME, prices)
    compared = periods.month(history(ledger, timeline=prices), date(2026, 11, 1)).comparison
    assert compared
    assert compared.this.costs
    assert compared.that.costs
    assert (compared.this.days, compared.this.costs.days, compared.that.costs.days) == (20, 5, 5)
    assert compared.this.costs.total == compared.that.costs.total


def test_what_something_cost_is_unknown_where_a_price_is(ledger: Ledger) -> None:
    whole_day(ledger, BOTH)
    dynamic = Dynamic(Decimal(1), Decimal(0), Per.QUARTER_HOUR)
    prices = Timeline((replace(FIXED, energy=dynamic),))
    ledger.costs.bring_up_to_date(HOME, prices)
    costs = days.day(history(ledger, timeline=prices), DAY).costs
    assert costs
    assert (costs.parts[Part.ENERGY], costs.total) == (None, None)
    assert costs.parts[Part.GRID]
    assert costs.why


def test_a_day_that_rotted_is_said_and_not_shown(ledger: Ledger, tmp_path: Path) -> None:
    whole_day(ledger, BOTH)
    whole_day(ledger, BOTH, BEFORE)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as database, database:
        start = int(meterday.start_of(DAY, Energy.ELECTRICITY).timestamp())
        database.execute("UPDATE reading SET amount = amount + 1 WHERE start = ?", (start,))
    with pytest.raises(Damaged):
        shown(ledger)
    with pytest.raises(Damaged):
        month(ledger)
    assert shown(ledger, BEFORE).amounts


def test_so_is_a_day_that_was_not_complete(ledger: Ledger, tmp_path: Path) -> None:
    ledger.answers.record_days(HOME, daily(BOTH), NOW)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as database, database:
        database.execute("UPDATE reading SET amount = amount + 1")
    with pytest.raises(Damaged):
        shown(ledger)


def test_prices_of_today_and_tomorrow_go_below_zero_and_end_where_nothing_is_known(ledger: Ledger) -> None:
    start = datetime(2026, 11, 20, 23, tzinfo=UTC)
    market = {start + timedelta(minutes=15) * n: Decimal(n - 50) / 1000 for n in range(110)}
    ledger.prices.keep(market)
    dynamic = Dynamic(Decimal(1), Decimal("0.01"), Per.QUARTER_HOUR)
    prices = Timeline((replace(FIXED, energy=dynamic, injection=dynamic),))
    curve = price_curve(history(ledger, timeline=prices))
    assert curve
    assert len(curve.quarters) == 192
    costs = [each and each.consumption[Tariff.TOTAL] for each in curve.quarters]
    assert costs[0] == (Decimal("-0.05") + Decimal("0.06")) * Decimal("1.06")
    brings = [each and each.injection[Tariff.TOTAL] for each in curve.quarters]
    assert brings[0] == Decimal("-0.04")
    assert costs[110:] == [None] * 82
    assert curve.known_until == start + timedelta(minutes=15) * 110
    assert curve.now.start == NOW
    [parts] = curve.parts.values()
    assert sum(each for each in parts.values() if each is not None) == curve.now.consumption[Tariff.TOTAL]


def test_prices_are_known_as_long_as_those_of_both_directions_are(ledger: Ledger) -> None:
    prices = Timeline((replace(FIXED, injection=Dynamic(Decimal(1), Decimal(0), Per.QUARTER_HOUR)),))
    curve = price_curve(history(ledger, timeline=prices))
    assert curve
    assert (curve.known_until, curve.has_tomorrow, curve.changes) == (curve.start, False, True)


@pytest.mark.parametrize(("today", "quarters"), [("2026-03-28", 188), ("2026-10-25", 196)])
def test_prices_know_the_clock(ledger: Ledger, today: str, quarters: int) -> None:
    now = datetime.fromisoformat(f"{today}T09:00:00+00:00")
    curve = price_curve(history(ledger, now=now, timeline=Timeline((FIXED,))))
    assert curve
    assert len(curve.quarters) == quarters
    assert curve.now.consumption.keys() == {Tariff.HIGH, Tariff.LOW}


def test_without_a_contract_there_is_no_price(ledger: Ledger) -> None:
    assert price_curve(history(ledger)) is None
