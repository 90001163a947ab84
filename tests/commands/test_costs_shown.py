"""`fluvius2mqtt show --costs`: the amounts are those of an independent sum, and unknown is never zero."""

import gc
import json
import re
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from bridge.ledger import Records
from bridge.metering.pricing import PricedDay
from tests.rig.cards import DYNAMIC, FIXED, GAS_CARD, KW, dynamic_day, fixed_day, is_near, prices_of, together
from tests.rig.commands import DONE, WRONG
from tests.rig.reading import Reader
from tests.rig.world import GAS, HOME

PARTS = ("energy", "grid", "levies", "capacity", "fees", "vat", "compensation", "total")


@pytest.fixture
def priced(reader: Reader) -> Reader:
    """A month is known, under a fixed contract."""
    reader.fetch()
    reader.world.changes |= {"prices": [FIXED, GAS_CARD], "capacity_tariff.floor_kw": KW}
    return reader


def keep_prices(reader: Reader, first: date, days: int, *, without: tuple[date, ...] = ()) -> None:
    with reader.world.ledger() as ledger:
        for day in (first + timedelta(each) for each in range(days)):
            if day not in without:
                ledger.prices.keep(prices_of(day))


def shown(reader: Reader, *words: str) -> dict[str, Any]:
    ended = reader.types("show", "--json", "--costs", *words)
    assert (ended.status, ended.error) == (DONE, "")
    meters = json.loads(ended.out, parse_float=Decimal)["meters"]
    return {each["meter"]: each["costs"] for each in meters}


def test_days_cost_what_an_independent_sum_says(priced: Reader) -> None:
    costs = shown(priced)["home"]
    true = {
        day["date"]: fixed_day(priced.simulator, HOME["ean"], date.fromisoformat(day["date"]))
        for day in costs["days"]
    }
    assert len(true) == 14
    for day in costs["days"]:
        assert all(is_near(day[part], true[day["date"]][part], 4) for part in PARTS)
    total = together([*true.values()])
    assert costs["sum"]["days"] == 14
    assert all(is_near(costs["sum"][part], total[part], 4) for part in PARTS)


def test_months_are_those_of_their_days(priced: Reader) -> None:
    costs = shown(priced, "--days", "1")["home"]
    for name, first, days in (("month", date(2026, 11, 1), 20), ("last", date(2026, 10, 21), 11)):
        true = together(
            [fixed_day(priced.simulator, HOME["ean"], first + timedelta(each)) for each in range(days)]
        )
        assert costs[name]["days"] == days
        assert all(is_near(costs[name][part], true[part], 4) for part in PARTS)


def test_a_dynamic_contract_is_priced_by_the_quarter_hour(priced: Reader) -> None:
    priced.world.changes["prices"] = [DYNAMIC]
    keep_prices(priced, date(2026, 11, 6), 16)
    costs = shown(priced)["home"]
    assert len(costs["days"]) == 14
    for day in costs["days"]:
        true = dynamic_day(priced.simulator, HOME["ean"], date.fromisoformat(day["date"]))
        assert all(is_near(day[part], true[part], 4) for part in PARTS)


def test_a_day_without_its_prices_is_unknown_and_says_why(priced: Reader) -> None:
    priced.world.changes["prices"] = [DYNAMIC]
    absent = date(2026, 11, 15)
    keep_prices(priced, date(2026, 11, 1), 20, without=(absent,))
    costs = shown(priced)["home"]
    [day] = [each for each in costs["days"] if "unknown" in each]
    assert (day["date"], day["unknown"]) == (absent.isoformat(), ["a day-ahead price is not known"])
    assert (day["energy"], day["vat"], day["total"]) == (None, None, None)
    assert day["grid"] > 0
    assert (costs["sum"]["energy"], costs["sum"]["total"]) == (None, None)
    table = priced.types("show", "--costs", "--meter", "home").out
    [line] = [line for line in table.splitlines() if absent.isoformat() in line and "?" in line]
    assert line.split()[-1] == "?"
    assert "?  on 1 day: a day-ahead price is not known" in table


def test_before_the_first_price_nothing_is_known(priced: Reader) -> None:
    priced.world.changes["prices"] = [{**FIXED, "from": "2026-11-15"}]
    days = shown(priced)["home"]["days"]
    unknown = [day["date"] for day in days if day["total"] is None]
    assert unknown == [f"2026-11-{number:02}" for number in range(7, 15)]
    assert {why for day in days for why in day.get("unknown", ())} == {
        "no price of the configuration holds yet"
    }


def test_the_table_shows_each_part_to_the_cent_and_fits_80_columns(priced: Reader) -> None:
    ended = priced.types("show", "--costs", "--days", "31", "--meter", "home")
    assert ended.status == DONE
    lines = ended.out.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("EUR"))
    assert lines[head].split() == ["EUR", *("VAT" if part == "vat" else part for part in PARTS)]
    assert max(map(len, lines)) <= 80
    for line in lines[head + 1 : head + 32]:
        found = re.search(r"(\d{4}-\d\d-\d\d)(.*)", line)
        assert found
        true = fixed_day(priced.simulator, HOME["ean"], date.fromisoformat(found[1]))
        true["compensation"] = -true["compensation"]
        amounts = dict(zip(PARTS, map(Decimal, found[2].split()), strict=True))
        # half a cent, for the document that is drawn has hundredths of a cent
        assert all(abs(Fraction(amounts[part]) - true[part]) <= Fraction("0.00505") for part in PARTS)


def test_a_meter_of_which_no_prices_are_says_so(priced: Reader) -> None:
    priced.world.changes["prices"] = [{**FIXED, "meters": ["home"]}]
    assert shown(priced)["gas"] is None
    assert "the configuration has no prices of this meter" in priced.types("show", "--costs").out


def test_gas_costs_by_its_kilowatt_hours(priced: Reader) -> None:
    for day in shown(priced)["gas"]["days"]:
        amounts = priced.simulator.day_amounts(GAS["ean"], date.fromisoformat(day["date"]))
        kwh = sum(Fraction(amount) for (_, _, unit), amount in amounts.items() if unit == 3)
        assert is_near(day["total"], kwh * Fraction("0.06") * Fraction("1.06"), 4)


def test_without_prices_one_line_says_where_to_write_them(priced: Reader) -> None:
    del priced.world.changes["prices"]
    for words in (["show", "--costs"], ["export", "--costs", "--format", "csv"]):
        ended = priced.types(*words)
        assert (ended.status, ended.out, len(ended.complaint)) == (WRONG, "", 1)
        assert "no prices in the configuration" in ended.error


def test_a_folder_that_cannot_be_written_is_enough(priced: Reader) -> None:
    folder = priced.world.data_dir
    before = shown(priced)
    for file in folder.iterdir():
        file.chmod(0o400)
    folder.chmod(0o500)
    try:
        assert shown(priced) == before
    finally:
        folder.chmod(0o700)


def test_no_more_than_a_month_of_days_is_in_memory(priced: Reader) -> None:
    settings, meter = priced.world.settings, priced.world.meter()
    with Records(priced.world.data_dir / "ledger.sqlite") as records:
        days = records.bills.anew(
            meter, settings.timeline(meter), Decimal(KW), date(2026, 10, 21), date(2026, 11, 20)
        )
        alive = [sum(isinstance(each, PricedDay) for each in gc.get_objects()) for _ in days]
    assert (len(alive), max(alive) <= 21) == (31, True)
