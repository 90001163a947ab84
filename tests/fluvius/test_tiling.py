"""Days that begin elsewhere than ours: their intervals decide, and without those the middle does."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bridge.fluvius.energy_api import headpoints
from bridge.fluvius.energy_api.headpoints import Found
from bridge.fluvius.portal import slots
from bridge.metering import meterday
from bridge.metering.model import Direction, Energy, Meter, Reading, Register, Tariff, Unit

EAN = "541448820000000008"
HIGH, LOW, TOTAL = (
    Register(Direction.CONSUMPTION, tariff, Unit.KWH) for tariff in (Tariff.HIGH, Tariff.LOW, Tariff.TOTAL)
)
VOLUME = Register(Direction.CONSUMPTION, Tariff.TOTAL, Unit.M3)
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def register(amount: Any, unit: str = "kWh") -> dict[str, Any]:
    return {"value": Decimal(amount), "unit": unit, "validationState": "VAL", "gasConversionFactor": "D"}


def slot(start: datetime, length: timedelta, *measurements: dict[str, Any]) -> dict[str, Any]:
    return {
        "start": start.isoformat(),
        "end": (start + length).isoformat(),
        "measurements": list(measurements),
    }


def of_gas(start: datetime, length: timedelta, volume: Any, energy: Any) -> dict[str, Any]:
    return slot(
        start, length, *({"offtake": {"total": each}} for each in (register(volume, "m3"), register(energy)))
    )


def of_electricity(start: datetime, length: timedelta, **tariffs: Any) -> dict[str, Any]:
    return slot(start, length, {"offtake": {name: register(amount) for name, amount in tariffs.items()}})


def read(energy: Energy, *, by_middle: bool = True, **lists: Any) -> Found:
    meter = Meter("m", EAN, energy, source="energy_api")
    point = {"seqNumber": "1", "meterID": "1", **lists}
    data = {"headpoint": {"$type": "metering-on-meter", "ean": EAN, "physicalMeters": [point]}}
    return headpoints.read(data, meter, by_middle=by_middle)


def days(found: Found, energy: Energy) -> dict[date, dict[Register, Decimal]]:
    """The daily amounts, which all begin and end with a meter day."""
    amounts: dict[date, dict[Register, Decimal]] = {}
    for each in found.readings:
        if each.length > HOUR:
            day = meterday.day_of(each.start, energy)
            assert (each.start, each.end) == (meterday.start_of(day, energy), meterday.end_of(day, energy))
            amounts.setdefault(day, {})[each.register] = each.amount
    return amounts


@pytest.mark.parametrize(
    ("energy", "begin", "day"),
    [
        (Energy.GAS, "2026-07-09T22:00", date(2026, 7, 10)),
        (Energy.GAS, "2026-11-19T23:00", date(2026, 11, 20)),
        (Energy.ELECTRICITY, "2026-11-20T00:00", date(2026, 11, 20)),
        (Energy.ELECTRICITY, "2026-07-10T00:00", date(2026, 7, 10)),
        (Energy.ELECTRICITY, "2026-11-19T17:30", date(2026, 11, 20)),  # the instant that was asked for
        (Energy.ELECTRICITY, "2026-11-20T10:00", date(2026, 11, 20)),
        (Energy.ELECTRICITY, "2026-11-20T12:00", date(2026, 11, 21)),
    ],
)
def test_a_day_without_its_intervals_is_the_one_that_its_middle_lies_in(
    energy: Energy, begin: str, day: date
) -> None:
    given = of_gas(at(begin), 24 * HOUR, "3.021", "33.5")
    expected = {TOTAL: Decimal("33.5"), VOLUME: Decimal("3.021")}
    if energy is Energy.ELECTRICITY:
        given = of_electricity(at(begin), 24 * HOUR, day="9.1", night="2.2", total="11.3")
        expected = {HIGH: Decimal("9.1"), LOW: Decimal("2.2")}
    found = read(energy, dailyEnergy=[given])
    assert days(found, energy) == {day: expected}
    assert found.is_whole


@pytest.mark.parametrize("hours", [23, 25])
def test_a_day_may_be_an_hour_shorter_or_longer(hours: int) -> None:
    given = of_electricity(at("2026-11-20T00:00"), hours * HOUR, total="5")
    assert days(read(Energy.ELECTRICITY, dailyEnergy=[given]), Energy.ELECTRICITY) == {
        date(2026, 11, 20): {TOTAL: Decimal(5)}
    }


@pytest.mark.parametrize("hours", [1, 12, 22, 26, 48])
def test_what_is_not_as_long_as_a_day_is_none(hours: int) -> None:
    given = of_electricity(at("2026-11-20T00:00"), hours * HOUR, total="5")
    found = read(Energy.ELECTRICITY, dailyEnergy=[given])
    assert (found.readings, found.strange) == ([], {"slot": 1})


def test_two_days_with_the_same_middle_are_none() -> None:
    given = [of_electricity(at(f"2026-11-20T0{hour}:00"), 24 * HOUR, total="5") for hour in (0, 1)]
    assert days(read(Energy.ELECTRICITY, dailyEnergy=given), Energy.ELECTRICITY) == {}


def test_the_day_that_is_ours_counts_where_there_are_both() -> None:
    given = [
        of_electricity(at("2026-11-19T23:00"), 24 * HOUR, total="7"),
        of_electricity(at("2026-11-20T00:00"), 24 * HOUR, total="5"),
    ]
    found = days(read(Energy.ELECTRICITY, dailyEnergy=given), Energy.ELECTRICITY)
    assert found == {date(2026, 11, 20): {TOTAL: Decimal(7)}}


def three_gas_days() -> dict[str, Any]:
    """From 22:00 UTC on three summer days, each hour another amount."""
    begin = at("2026-07-08T22:00")
    hours = [of_gas(begin + i * HOUR, HOUR, i, 11 * i) for i in range(72)]
    given = [
        of_gas(begin + 24 * i * HOUR, 24 * HOUR, volume, 11 * volume)
        for i in range(3)
        if (volume := sum(range(24 * i, 24 * i + 24)))
    ]
    return {"dailyEnergy": given, "hourlyEnergy": hours}


def test_the_hours_of_gas_decide_where_its_days_begin_at_22_00_utc() -> None:
    found = read(Energy.GAS, by_middle=False, **three_gas_days())
    # a gas day begins at 04:00 UTC in summer: six hours after the first of each day
    expected = {
        date(2026, 7, 9 + i): {
            TOTAL: Decimal(11 * sum(range(24 * i + 6, 24 * i + 30))),
            VOLUME: Decimal(sum(range(24 * i + 6, 24 * i + 30))),
        }
        for i in range(2)
    }
    assert days(found, Energy.GAS) == expected
    assert sum(each.length == HOUR for each in found.readings) == 144
    assert found.undecided == {date(2026, 7, 8), date(2026, 7, 11)}


def test_a_day_whose_hours_come_to_something_else_is_believed_by_neither() -> None:
    lists = three_gas_days()
    lists["dailyEnergy"][1]["measurements"][1]["offtake"]["total"]["value"] += 50
    found = read(Energy.GAS, **lists)
    assert date(2026, 7, 9) not in days(found, Energy.GAS)
    assert date(2026, 7, 10) not in days(found, Energy.GAS)
    assert found.strange["day that its intervals do not add up to"] == 2
    assert not found.is_whole


def quarters(begin: datetime, count: int, tariff: str) -> list[dict[str, Any]]:
    return [of_electricity(begin + i * QUARTER, QUARTER, **{tariff: 1, "total": 1}) for i in range(count)]


def test_a_tariff_that_was_not_in_force_is_zero_and_not_missing() -> None:
    sunday = at("2026-11-21T23:00")
    found = read(
        Energy.ELECTRICITY,
        dailyEnergy=[of_electricity(sunday + HOUR, 24 * HOUR, day="0", night="96", total="96")],
        quarterHourlyEnergy=quarters(sunday, 100, "night"),
    )
    assert days(found, Energy.ELECTRICITY) == {date(2026, 11, 22): {HIGH: Decimal(0), LOW: Decimal(96)}}


@pytest.mark.parametrize(("day", "count"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_a_clock_change_day_has_the_intervals_of_the_clock(day: date, count: int) -> None:
    begin = meterday.start_of(day, Energy.ELECTRICITY)
    midnight = datetime.combine(day, datetime.min.time(), UTC)
    found = read(
        Energy.ELECTRICITY,
        dailyEnergy=[
            of_electricity(midnight - 24 * HOUR, 24 * HOUR, total="96"),
            of_electricity(midnight, 24 * HOUR, total="96"),
        ],
        quarterHourlyEnergy=quarters(begin, count + 8, "night"),
    )
    assert days(found, Energy.ELECTRICITY)[day] == {LOW: Decimal(count)}


def test_half_a_day_of_quarter_hours_does_not_make_a_day() -> None:
    begin = at("2026-11-19T23:00")
    lists = {
        "dailyEnergy": [of_electricity(begin + HOUR, 24 * HOUR, total="96")],
        "quarterHourlyEnergy": quarters(begin, 48, "night"),
    }
    found = read(Energy.ELECTRICITY, by_middle=False, **lists)
    assert days(found, Energy.ELECTRICITY) == {}
    assert found.undecided == {date(2026, 11, 20)}


def test_amounts_that_are_not_final_make_no_final_day() -> None:
    lists = three_gas_days()
    hour = lists["hourlyEnergy"][30]["measurements"][1]["offtake"]["total"]
    hour |= {"validationState": "EST", "gasConversionFactor": "P"}
    found = read(Energy.GAS, by_middle=False, **lists)
    state: dict[tuple[date, Unit], tuple[bool, bool]] = {
        (meterday.day_of(each.start, Energy.GAS), each.register.unit): (each.validated, each.provisional)
        for each in found.readings
        if each.length > HOUR
    }
    assert state[date(2026, 7, 9), Unit.KWH] == (True, False)
    assert state[date(2026, 7, 10), Unit.KWH] == (False, True)
    assert state[date(2026, 7, 10), Unit.M3] == (True, False)


def test_after_an_exchange_each_meter_has_its_part_of_the_day() -> None:
    begin = at("2026-11-19T23:00")
    points = [
        {
            "meterID": serial,
            "dailyEnergy": [of_electricity(begin + HOUR, 24 * HOUR, total=amount)],
            "quarterHourlyEnergy": quarters(start, count, "night"),
        }
        for serial, start, count, amount in (("1", begin, 48, 44), ("2", begin + 12 * HOUR, 52, 52))
    ]
    data = {"headpoint": {"$type": "metering-on-meter", "physicalMeters": points}}
    found = headpoints.read(data, Meter("m", EAN, Energy.ELECTRICITY, source="energy_api"))
    whole: list[Reading] = [each for each in found.readings if each.length > HOUR]
    assert {(each.serial, each.amount) for each in whole} == {("1", Decimal(48)), ("2", Decimal(48))}


# --- on the portal, where days and intervals come in answers of their own


def on_the_portal(*days: tuple[str, float, int]) -> list[tuple[date, Decimal]]:
    """What is read of days that were asked for, each given by its begin, its hours and its amount."""
    wanted = {
        (meterday.start_of(day, Energy.GAS), meterday.end_of(day, Energy.GAS))
        for day in meterday.span(date(2026, 7, 8), date(2026, 7, 12))
    }
    answer = [
        {
            "d": f"{begin}Z",
            "de": (at(begin) + hours * HOUR).isoformat(),
            "v": [{"dc": 0, "t": 1, "st": 0, "v": amount, "vs": 2, "u": 5, "gcuv": None}],
        }
        for begin, hours, amount in days
    ]
    found = slots.read(answer, wanted, "1", Energy.GAS)
    assert {(each.start, each.end) for each in found.readings} <= wanted
    return [(meterday.day_of(each.start, Energy.GAS), each.amount) for each in found.readings]


def test_on_the_portal_a_gas_day_from_22_00_utc_is_the_one_that_its_middle_lies_in() -> None:
    found = on_the_portal(("2026-07-08T22:00", 24, 3), ("2026-07-09T22:00", 24, 4))
    assert sorted(found) == [(date(2026, 7, 9), Decimal(3)), (date(2026, 7, 10), Decimal(4))]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([("2026-07-09T22:00", 24, 3), ("2026-07-10T04:00", 24, 5)], [(date(2026, 7, 10), 5)]),
        ([("2026-07-09T22:00", 24, 3), ("2026-07-09T23:00", 24, 4)], []),
        ([("2026-07-09T22:00", 24, 3), ("2026-07-09T22:00", 24, 4)], []),
        ([("2026-07-09T22:00", 12, 3)], []),
        ([("2026-07-20T22:00", 24, 3)], []),
    ],
)
def test_on_the_portal_only_what_is_sure_counts(given: list[Any], expected: list[Any]) -> None:
    assert on_the_portal(*given) == expected
