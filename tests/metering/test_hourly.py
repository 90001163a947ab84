"""A day's amounts over its hours: nothing is lost on the way and nothing added."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bridge.metering.hours import HourlyDay, spread
from bridge.metering.model import Register
from tests.rig.registers import HIGH, LOW, TOTAL, VOLUME
from tests.rig.registers import INJECTED_HIGH as INJECTED

START = datetime(2026, 11, 19, 23, tzinfo=UTC)


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


def amounts(**by_name: str) -> dict[Register, Decimal]:
    names = {"high": HIGH, "low": LOW, "total": TOTAL, "injected": INJECTED, "volume": VOLUME}
    return {names[name]: Decimal(amount) for name, amount in by_name.items()}


def test_hours_that_add_up_stay_as_they_are() -> None:
    hours = {hour(0): amounts(low="0.1"), hour(1): amounts(low="0.2"), hour(2): amounts(high="0.7")}
    found = spread(HourlyDay(START, amounts(low="0.3", high="0.7"), hours))
    assert found[LOW] == {hour(0): Decimal("0.1"), hour(1): Decimal("0.2"), hour(2): Decimal(0)}
    assert found[HIGH] == {hour(0): Decimal(0), hour(1): Decimal(0), hour(2): Decimal("0.7")}


def test_a_day_without_hours_is_its_first_hour() -> None:
    assert spread(HourlyDay(START, amounts(total="8.4"), {})) == {TOTAL: {START: Decimal("8.4")}}


def test_what_the_hours_do_not_account_for_goes_to_the_first() -> None:
    found = spread(HourlyDay(START, amounts(total="2"), {hour(5): amounts(total="1.5")}))
    assert found[TOTAL] == {hour(0): Decimal("0.5"), hour(5): Decimal("1.5")}


def test_what_the_hours_have_too_much_is_taken_from_the_first_of_them() -> None:
    hours = {hour(0): amounts(total="0.1"), hour(1): amounts(total="0.5"), hour(2): amounts(total="1")}
    found = spread(HourlyDay(START, amounts(total="1.2"), hours))
    assert found[TOTAL] == {hour(0): Decimal(0), hour(1): Decimal("0.2"), hour(2): Decimal(1)}


def test_a_total_counts_hours_of_both_tariffs() -> None:
    hours = {hour(0): amounts(low="0.4"), hour(9): amounts(high="0.6")}
    found = spread(HourlyDay(START, amounts(total="1"), hours))
    assert found == {TOTAL: {hour(0): Decimal("0.4"), hour(9): Decimal("0.6")}}


def test_a_total_beside_its_tariffs_counts_its_own_hours_alone() -> None:
    hours = {hour(0): amounts(total="0.4"), hour(13): amounts(high="0.5"), hour(23): amounts(low="0.1")}
    found = spread(HourlyDay(START, amounts(total="0.4", high="0.5", low="0.1"), hours))
    assert {register: [of[hour(number)] for number in (0, 13, 23)] for register, of in found.items()} == {
        TOTAL: [Decimal("0.4"), 0, 0],
        HIGH: [0, Decimal("0.5"), 0],
        LOW: [0, 0, Decimal("0.1")],
    }


def test_directions_and_units_do_not_mix() -> None:
    hours = {hour(3): amounts(total="1", volume="0.1", injected="5")}
    found = spread(HourlyDay(START, amounts(total="1", volume="0.1"), hours))
    assert found[TOTAL] == {hour(0): Decimal(0), hour(3): Decimal(1)}
    assert found[VOLUME] == {hour(0): Decimal(0), hour(3): Decimal("0.1")}


AMOUNTS = st.decimals(min_value=0, max_value=1000, places=3)
REGISTERS = st.dictionaries(st.sampled_from([HIGH, LOW, TOTAL, INJECTED, VOLUME]), AMOUNTS)


@given(REGISTERS, st.dictionaries(st.integers(0, 24).map(hour), REGISTERS))
def test_a_day_s_hours_always_add_up_to_the_day(
    daily: dict[Register, Decimal], hours: dict[datetime, dict[Register, Decimal]]
) -> None:
    found = spread(HourlyDay(START, daily, hours))
    assert {register: sum(each.values()) for register, each in found.items()} == daily
    assert all(amount >= 0 for each in found.values() for amount in each.values())
    assert all(list(each) == sorted(each) for each in found.values())
