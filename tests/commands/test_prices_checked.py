"""`fluvius2mqtt check`: what a kWh costs today, and whether its day-ahead price comes."""

from decimal import Decimal
from typing import Any

import pytest

from bridge.folder.claim import claim
from bridge.simulator import Simulator
from tests.rig.cards import DYNAMIC, FIXED, GAS_CARD
from tests.rig.reading import Reader
from tests.rig.world import GAS, HOME


@pytest.fixture
def household(reader: Reader) -> Reader:
    """A month is known of a meter that injects; nothing is known of prices."""
    reader.world.meters = [HOME, GAS]
    reader.fetch()
    reader.simulator.requests.clear()
    reader.world.changes["day_ahead"] = {"source": "energy-charts", "url": reader.simulator.url}
    return reader


def rows_of(reader: Reader, *prices: dict[str, Any]) -> dict[str, str]:
    """What `check` says, by what it is about: `ok` or `NO`, and words."""
    reader.world.changes["prices"] = list(prices)
    found: dict[str, str] = {}
    last = ""
    for line in reader.types("check").out.splitlines():
        if line[:3].strip():
            last = line[4:18].strip()
            found[last] = f"{line[:2]} {line[19:]}"
        else:
            found[last] += f" {line.strip()}"
    return found


def asked(simulator: Simulator) -> int:
    return simulator.count("day-ahead")


def test_a_fixed_price_is_that_of_each_tariff_with_everything(household: Reader) -> None:
    rows = rows_of(household, FIXED, GAS_CARD)
    high, low = ((Decimal(each) + Decimal("0.1038")) * Decimal("1.06") for each in ("0.1342", "0.1105"))
    assert rows["price home"] == (
        f"ok {round(high, 4)} EUR/kWh high, {round(low, 4)} EUR/kWh low;"
        " injection brings 0.03 EUR/kWh; all-in, with VAT"
    )
    assert rows["price gas"].startswith("ok 0.0636 EUR/kWh; all-in")
    assert "day_ahead" not in rows
    assert asked(household.simulator) == 0


def test_a_dynamic_price_is_asked_for_once_a_day(household: Reader) -> None:
    rows = rows_of(household, DYNAMIC)
    assert rows["day_ahead"] == (
        "ok last from Energy-Charts, 2026-11-21T09:00:00+01:00; known until 2026-11-22T00:00:00+01:00"
    )
    assert rows["price home"].startswith("ok ")
    assert ", today " in rows["price home"]
    assert asked(household.simulator) == 1
    assert rows_of(household, DYNAMIC) == rows
    assert asked(household.simulator) == 1


def test_beside_a_bridge_nothing_is_asked(household: Reader) -> None:
    with claim(household.world.data_dir):
        rows = rows_of(household, DYNAMIC)
    assert rows["day_ahead"] == "NO from Energy-Charts; none is known"
    assert rows["price home"].startswith("NO unknown")
    assert asked(household.simulator) == 0


def test_a_refused_token_says_what_to_write(household: Reader) -> None:
    household.world.changes["day_ahead"] = {
        "source": "entsoe",
        "token": "wrong",
        "url": household.simulator.url,
    }
    household.simulator.fault("prices-token-refused")
    for _ in range(2):
        rows = rows_of(household, DYNAMIC)
        assert rows["day_ahead"].startswith("NO what ENTSO-E answers is of no use")
        assert "day_ahead.token" in rows["day_ahead"]
        assert "transparency.entsoe.eu" in rows["day_ahead"]
    assert asked(household.simulator) == 1


def test_a_source_that_is_away_is_said_beside_what_is_known(household: Reader) -> None:
    rows_of(household, DYNAMIC)
    household.clock.move_to("2026-11-21 14:00")
    household.world.changes["day_ahead"] = {"source": "energy-charts", "url": "http://127.0.0.1:1"}
    rows = rows_of(household, DYNAMIC)
    assert rows["day_ahead"].startswith("NO Energy-Charts cannot be reached")
    assert rows["day_ahead"].endswith("known until 2026-11-22T00:00:00+01:00")
    assert rows["price home"].startswith("ok ")


def test_a_meter_that_injects_without_a_price_for_it_is_told_what_to_write(household: Reader) -> None:
    rows = rows_of(household, {key: value for key, value in FIXED.items() if key != "injection"})
    assert rows["price home"].startswith("NO it injects")
    assert "write injection: {energy: 0.03}" in rows["price home"]


def test_a_meter_without_tariffs_under_prices_of_high_and_low(reader: Reader) -> None:
    reader.fetch()
    rows = rows_of(reader, FIXED)
    assert rows["price shed"].startswith("NO its prices have a high and a low tariff")


def test_prices_that_begin_later_are_said(household: Reader) -> None:
    rows = rows_of(household, {**FIXED, "from": "2027-01-01"})
    assert rows["price home"] == (
        "NO none holds today, the first only from 2027-01-01 on; write an entry from an earlier day"
    )


def test_prices_by_mqtt_are_awaited(household: Reader) -> None:
    household.world.changes["day_ahead"] = {"source": "mqtt"}
    rows = rows_of(household, DYNAMIC)
    assert rows["day_ahead"] == "NO from MQTT, fluvius/price/set; none is known"


def test_without_prices_nothing_is_said_of_them(household: Reader) -> None:
    assert not {name for name in rows_of(household) if name.startswith(("price", "day_ahead"))}
