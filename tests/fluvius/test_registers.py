"""Registers and meters of other kinds: each works, or what is left out of it is said in one line."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bridge.fluvius.energy_api import headpoints
from bridge.fluvius.errors import ShapeChanged
from bridge.fluvius.portal import slots
from bridge.metering import meterday
from bridge.metering.model import Direction, Energy, Meter, Register, Tariff, Unit
from tests.rig.provider import Provider
from tests.rig.world import HOME, World

FIRST, LAST = date(2026, 11, 14), date(2026, 11, 20)
DAY = meterday.start_of(LAST, Energy.ELECTRICITY), meterday.end_of(LAST, Energy.ELECTRICITY)
QUARTER = DAY[0], DAY[0] + timedelta(minutes=15)
CONSUMED, INJECTED = Direction.CONSUMPTION, Direction.INJECTION


def of_kwh(direction: Direction, tariff: Tariff) -> Register:
    return Register(direction, tariff, Unit.KWH)


def value(amount: str, dc: int, t: int, u: int = 3) -> dict[str, Any]:
    return {"dc": dc, "t": t, "st": 0, "v": Decimal(amount), "vs": 2, "u": u, "gcuv": None}


def on_the_portal(*values: dict[str, Any], span: Any = DAY) -> slots.Slots:
    slot = {"d": span[0].isoformat(), "de": span[1].isoformat(), "v": list(values)}
    return slots.read([slot], {span}, "1")


def by_the_api(offtake: dict[str, Any], span: Any = DAY, **content: Any) -> headpoints.Found:
    slot = {"start": span[0].isoformat(), "end": span[1].isoformat(), "measurements": [{"offtake": offtake}]}
    energy = "dailyEnergy" if span == DAY else "quarterHourlyEnergy"
    point = {"$type": "metering-on-headpoint", energy: [slot], **content}
    return headpoints.read({"headpoint": point}, Meter("m", HOME["ean"], Energy.ELECTRICITY))


def register(amount: str, unit: str = "kWh") -> dict[str, Any]:
    return {"value": Decimal(amount), "unit": unit, "validationState": "VAL"}


NULL = {"value": None, "unit": "kWh", "validationState": None}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # single tariff with injection
        ([("5", 0, 1), ("3", 0, 2)], {(CONSUMED, Tariff.TOTAL): "5", (INJECTED, Tariff.TOTAL): "3"}),
        # without injection
        ([("5", 1, 1), ("2", 2, 1)], {(CONSUMED, Tariff.HIGH): "5", (CONSUMED, Tariff.LOW): "2"}),
        # exclusive night, a meter of its own that counts by night
        ([("5", 2, 1)], {(CONSUMED, Tariff.LOW): "5"}),
        # single tariff, injection by tariff
        (
            [("5", 0, 1), ("2", 1, 2), ("1", 2, 2)],
            {(CONSUMED, Tariff.TOTAL): "5", (INJECTED, Tariff.HIGH): "2", (INJECTED, Tariff.LOW): "1"},
        ),
    ],
)
def test_meters_of_a_household(values: list[Any], expected: dict[Any, str]) -> None:
    found = on_the_portal(*(value(*each) for each in values))
    amounts = {(each.register.direction, each.register.tariff): each.amount for each in found.readings}
    assert amounts == {key: Decimal(amount) for key, amount in expected.items()}
    assert found.left_out == ()


def test_a_three_phase_meter_at_its_limit_counts() -> None:
    found = on_the_portal(value("17.25", 0, 1), span=QUARTER)  # 3 x 100 A, which is 69 kW
    assert [each.amount for each in found.readings] == [Decimal("17.25")]


def test_a_large_meter_counts_by_the_energy_api() -> None:
    found = by_the_api({"total": register("480000")}, meterType="AMR")
    assert [each.amount for each in found.readings] == [Decimal(480_000)]
    assert found.is_whole


def test_what_a_large_meter_counts_is_said_to_be_too_much_for_the_portal() -> None:
    with pytest.raises(ShapeChanged, match="no connection can have"):
        on_the_portal(value("480000", 0, 1))


def test_reactive_energy_is_left_out_and_said_on_the_portal() -> None:
    found = on_the_portal(value("5", 0, 1), value("2", 0, 1, u=4), value("1", 0, 3))
    assert [each.amount for each in found.readings] == [Decimal(5)]
    assert found.left_out == ("direction t 1 in unit u 4", "direction t 3 in unit u 3")


def test_reactive_energy_is_left_out_and_said_by_the_api() -> None:
    found = by_the_api({"total": register("5"), "reactive": register("2", "kVArh")})
    assert [each.amount for each in found.readings] == [Decimal(5)]
    assert found.left_out == {"offtake reactive"}
    assert found.is_whole


@pytest.mark.parametrize(
    ("span", "high", "total", "tariff"),
    [
        (QUARTER, "0.3", "0.3", Tariff.HIGH),
        (QUARTER, "0", "0", Tariff.HIGH),
        (QUARTER, "0", "0.3", Tariff.TOTAL),
        (QUARTER, "0.2", "0.3", Tariff.TOTAL),
        (DAY, "5", "5", Tariff.TOTAL),  # which says that there is no low tariff to wait for
    ],
)
def test_a_quarter_hour_that_is_all_of_one_tariff_has_that_tariff(
    span: Any, high: str, total: str, tariff: Tariff
) -> None:
    expected = [(of_kwh(CONSUMED, tariff), Decimal(total))]
    on_the_page = on_the_portal(value(high, 1, 1), value(total, 0, 1), span=span)
    assert [(each.register, each.amount) for each in on_the_page.readings] == expected
    by_mandate = by_the_api({"day": register(high), "night": NULL, "total": register(total)}, span)
    assert [(each.register, each.amount) for each in by_mandate.readings] == expected


def test_an_unknown_part_beside_a_total_is_left_out_and_said() -> None:
    found = by_the_api({"total": register("5"), "exclusiveNight": register("2")})
    assert [each.amount for each in found.readings] == [Decimal(5)]
    assert found.left_out == {"offtake exclusiveNight"}


def test_an_unknown_part_without_a_total_makes_no_smaller_day() -> None:
    found = by_the_api({"day": register("5"), "night": register("1"), "exclusiveNight": register("2")})
    assert found.readings == []
    assert found.strange == {"register offtake exclusiveNight": 1}


def test_an_unknown_tariff_makes_no_smaller_day_and_is_named() -> None:
    with pytest.raises(ShapeChanged, match="an unknown tariff, dc 3"):
        on_the_portal(value("5", 1, 1), value("1", 2, 1), value("2", 3, 1))


@pytest.mark.parametrize(("unit", "expected"), [("KWH", Unit.KWH), ("m³", Unit.M3), ("M3", Unit.M3)])
def test_units_may_be_written_otherwise(unit: str, expected: Unit) -> None:
    found = by_the_api({"total": register("5", unit)})
    assert [each.register.unit for each in found.readings] == [expected]


def test_a_headpoint_that_says_no_type_is_read_by_its_content() -> None:
    assert len(by_the_api({"total": register("5")}, **{"$type": None}).readings) == 1
    assert by_the_api({"total": register("5")}, **{"$type": "metering-on-moon"}).readings == []


@pytest.mark.parametrize("injection", [True, False])
@pytest.mark.parametrize("tariffs", ["single", "double"])
def test_every_kind_of_household_has_every_day_exactly(desk: World, tariffs: Any, injection: bool) -> None:
    meter = desk.simulator.meters[0]
    desk.simulator.measurements.put(replace(meter, tariffs=tariffs, injection=injection))
    assert not desk.fetch().errors
    assert desk.total() == desk.truth(HOME["ean"], FIRST, LAST)
    assert desk.invented() == []


def test_what_is_left_out_is_on_the_status_and_everything_else_is_there(desk: World) -> None:
    desk.simulator.fault("reactive-energy")
    desk.fetch()
    with desk.at_work() as (_, fetcher):
        progress = fetcher.progress(desk.meter())
    assert progress.error is None
    assert "left out: direction t 1 in unit u 4" in (progress.advice or "")
    assert desk.total() == desk.truth(HOME["ean"], FIRST, LAST)


def test_what_is_behind_a_large_connection_is_on_its_status(desk: World) -> None:
    provider = Provider(desk)
    provider.only(HOME["ean"])
    eans = provider.api.shape(HOME["ean"], "metering-on-headpoint", subs=["production", "auxiliary"])
    provider.fetch()
    _, progress, _ = provider.look()
    assert [(each["kind"], each["ean"]) for each in progress.behind] == list(eans.items())
    assert progress.behind[0]["vreg_id"].startswith("PVZG")
    assert progress.behind[0]["type"] == "PV"
