"""`fluvius2mqtt export --costs`: days by part, readings with their price; what is unknown is empty."""

import csv
import io
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.rig.cards import DYNAMIC, FIXED, GAS_CARD, KW, dynamic_day, fixed_day, is_near, prices_of
from tests.rig.commands import DONE, WRONG
from tests.rig.reading import Reader
from tests.rig.world import GAS, HOME

PARTS = ("energy", "grid", "levies", "capacity", "fees", "vat", "compensation", "total")
FIRST = date(2026, 11, 14)  # a Saturday: high and low, and injection
SPAN = ["--from", "2026-11-14", "--to", "2026-11-17"]
HOME_ONLY = ["--meter", "home", *SPAN]
QUARTERS = ["--resolution", "interval"]


@pytest.fixture
def priced(reader: Reader) -> Reader:
    """A month is known, under a fixed contract."""
    reader.fetch()
    reader.world.changes |= {"prices": [FIXED, GAS_CARD], "capacity_tariff.floor_kw": KW}
    return reader


@pytest.fixture
def dynamic(priced: Reader) -> Reader:
    """The same under a dynamic contract; the prices of Sunday did not come."""
    priced.world.changes["prices"] = [DYNAMIC]
    with priced.world.ledger() as ledger:
        for each in (0, 2, 3):
            ledger.prices.keep(prices_of(FIRST + timedelta(each)))
    return priced


def csv_of(reader: Reader, *words: str) -> list[dict[str, str]]:
    ended = reader.types("export", "--costs", "--format", "csv", *words)
    assert ended.status == DONE
    assert ended.out.isascii()
    return list(csv.DictReader(io.StringIO(ended.out, newline="")))


def json_of(reader: Reader, *words: str) -> list[dict[str, Any]]:
    ended = reader.types("export", "--costs", "--format", "json", *words)
    assert ended.status == DONE
    lines: list[dict[str, Any]] = json.loads(ended.out, parse_float=Decimal)
    return lines


def test_each_part_of_a_day_is_a_column(priced: Reader) -> None:
    lines = csv_of(priced, *HOME_ONLY)
    assert [line["date"] for line in lines] == ["2026-11-14", "2026-11-15", "2026-11-16", "2026-11-17"]
    assert {line["ean"] for line in lines} == {f"EAN {HOME['ean']}"}
    for line in lines:
        true = fixed_day(priced.simulator, HOME["ean"], date.fromisoformat(line["date"]))
        assert all(is_near(line[part], true[part], 6) for part in PARTS)
        assert (line["currency"], line["unknown"]) == ("EUR", "")


def test_json_says_the_same_as_csv(dynamic: Reader) -> None:
    for form in ([], QUARTERS):
        rows = csv_of(dynamic, *HOME_ONLY, *form)
        as_json = json_of(dynamic, *HOME_ONLY, *form)
        assert len(rows) == len(as_json) > 3
        for row, line in zip(rows, as_json, strict=True):
            for name in ("total", "energy", "price", "cost"):
                if name in row:
                    assert (Decimal(row[name]) if row[name] else None) == line[name]


def test_spreadsheets_may_have_their_comma(priced: Reader) -> None:
    ended = priced.types("export", "--costs", "--format", "csv", "--decimal", "comma", *HOME_ONLY)
    [line, *_] = csv.DictReader(io.StringIO(ended.out, newline=""), delimiter=";")
    assert is_near(
        line["total"].replace(",", "."), fixed_day(priced.simulator, HOME["ean"], FIRST)["total"], 6
    )


def test_an_unknown_day_is_empty_and_its_reason_is_said(dynamic: Reader) -> None:
    ended = dynamic.types("export", "--costs", "--format", "csv", *HOME_ONLY)
    unknown = "home: what 1 of these days cost is not known: a day-ahead price is not known"
    assert unknown in ended.complaint
    for line in csv_of(dynamic, *HOME_ONLY):
        true = dynamic_day(dynamic.simulator, HOME["ean"], date.fromisoformat(line["date"]))
        if line["date"] == "2026-11-15":
            assert (line["energy"], line["vat"], line["total"]) == ("", "", "")
            assert is_near(line["grid"], true["grid"], 6)
            assert line["unknown"] == "a day-ahead price is not known"
        else:
            assert all(is_near(line[part], true[part], 6) for part in PARTS)


def test_each_reading_has_its_price_and_its_cost(dynamic: Reader) -> None:
    lines = [line for line in csv_of(dynamic, *HOME_ONLY, *QUARTERS) if line["date"] != "2026-11-15"]
    market = {
        start: price for each in (0, 2, 3) for start, price in prices_of(FIRST + timedelta(each)).items()
    }
    for line in lines:
        price = Fraction(market[datetime.fromisoformat(line["start"])])
        if line["direction"] == "consumption":
            true = (price * Fraction("1.04") + Fraction("0.0089") + Fraction("0.0531")) * Fraction("1.21")
        else:
            true = price * Fraction("0.95") - Fraction("0.012")
        assert Fraction(line["price"]) == true
        assert Fraction(line["cost"]) == true * Fraction(line["amount"])
    assert {line["direction"] for line in lines} == {"consumption", "injection"}


def test_readings_of_a_day_cost_together_what_the_day_cost(dynamic: Reader) -> None:
    lines = [line for line in csv_of(dynamic, *HOME_ONLY, *QUARTERS) if line["date"] == "2026-11-16"]
    cost = {
        direction: sum(Fraction(line["cost"]) for line in lines if line["direction"] == direction)
        for direction in ("consumption", "injection")
    }
    true = dynamic_day(dynamic.simulator, HOME["ean"], date(2026, 11, 16))
    assert cost == {
        "consumption": true["energy"] + true["grid"] + true["vat"],
        "injection": true["compensation"],
    }


def test_a_reading_without_its_price_has_no_cost(dynamic: Reader) -> None:
    lines = [line for line in csv_of(dynamic, *HOME_ONLY, *QUARTERS) if line["date"] == "2026-11-15"]
    assert {line["price"] for line in lines} == {""}
    used = [line for line in lines if Decimal(line["amount"])]
    assert used
    assert {line["cost"] for line in used} == {""}
    assert {line["cost"] for line in lines if not Decimal(line["amount"])} == {"0"}
    said = dynamic.types("export", "--costs", "--format", "csv", *HOME_ONLY, *QUARTERS).complaint
    assert [each for each in said if f"what {len(used)} of these readings cost is not known" in each]


def test_a_contract_that_changes_within_the_day_changes_the_price(priced: Reader) -> None:
    noon = "2026-11-16T12:00:00+01:00"
    flat = {**FIXED, "consumption": {"energy": "0.2"}, "from": noon}
    priced.world.changes["prices"] = [FIXED, flat]
    for line in csv_of(priced, *HOME_ONLY, *QUARTERS):
        if line["direction"] == "consumption":
            before = "0.1342" if line["tariff"] == "high" else "0.1105"
            is_later = datetime.fromisoformat(line["start"]) >= datetime.fromisoformat(noon)
            rate = Decimal("0.2") if is_later else Decimal(before) + Decimal("0.1038")
            assert Decimal(line["price"]) == rate * Decimal("1.06")


def test_cubic_metres_have_no_price(priced: Reader) -> None:
    lines = csv_of(priced, "--meter", "gas", "--from", "2026-11-14", *QUARTERS)
    assert {(line["unit"], line["price"]) for line in lines} == {("kWh", "0.0636"), ("m3", "")}
    assert {line["cost"] for line in lines if line["unit"] == "m3"} == {""}
    assert {line["ean"] for line in lines} == {f"EAN {GAS['ean']}"}


def test_a_file_tells_of_days_and_not_of_readings(priced: Reader) -> None:
    file = priced.world.folder / "costs.csv"
    ended = priced.types("export", "--costs", "--format", "csv", "--output", str(file), *HOME_ONLY)
    assert ended.complaint == [f"{file}: 4 days, from 2026-11-14 to 2026-11-17"]


def test_what_fluvius_says_itself_has_no_costs(priced: Reader) -> None:
    ended = priced.types("export", "--raw", "--fetch", "--costs")
    assert (ended.status, ended.out, len(ended.complaint)) == (WRONG, "", 1)
    assert "--costs goes with what the ledger knows" in ended.error


def test_without_costs_the_columns_are_what_they_were(priced: Reader) -> None:
    head = priced.types("export", "--format", "csv", *HOME_ONLY).out.splitlines()[0]
    assert head == "meter,ean,date,start,end,direction,tariff,amount,unit,validated,complete"
