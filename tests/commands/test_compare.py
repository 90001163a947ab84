"""`fluvius2mqtt compare`: the same days under other contracts, by an independent sum."""

import json
import sys
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
import yaml

from tests.rig.cards import DYNAMIC, FIXED, GAS_CARD, KW, dynamic_day, fixed_day, prices_of, together
from tests.rig.commands import COULD_NOT, DONE, WRONG, typed
from tests.rig.reading import Reader
from tests.rig.world import HOME

PARTS = ("energy", "grid", "levies", "capacity", "fees", "vat", "compensation", "total")
FIRST, LAST = date(2026, 10, 21), date(2026, 11, 20)
CENT = Fraction("0.005")


@pytest.fixture
def priced(reader: Reader) -> Reader:
    """A month is known, under a fixed contract, and so are its day-ahead prices."""
    reader.fetch()
    reader.world.changes |= {"prices": [FIXED], "capacity_tariff.floor_kw": KW}
    keep_prices(reader, 31)
    return reader


def keep_prices(reader: Reader, days: int) -> None:
    with reader.world.ledger() as ledger:
        for each in range(days):
            ledger.prices.keep(prices_of(FIRST + timedelta(each)))


def file_of(reader: Reader, name: str, *cards: Any) -> str:
    file = reader.world.folder / name
    file.write_text(yaml.safe_dump({"prices": list(cards)}), "utf-8")
    return str(file)


def columns_of(table: str) -> dict[str, dict[str, Fraction]]:
    """The amounts below each head."""
    lines = [line.split() for line in table.splitlines()]
    start = next(number for number, words in enumerate(lines) if words[:1] == ["EUR"])
    heads = lines[start][1:]
    found: dict[str, dict[str, Fraction]] = {head: {} for head in heads}
    for words in lines[start + 1 :]:
        if not words:
            break
        name, amounts = " ".join(words[: -len(heads)]), words[-len(heads) :]
        if words[0] in ("difference", "in"):
            name, amounts = words[0], ["0", *words[len(words) - len(heads) + 1 :]]
        for head, amount in zip(heads, amounts, strict=True):
            found[head][name.lower()] = Fraction(amount)
    return found


def days_known() -> list[date]:
    return [FIRST + timedelta(each) for each in range((LAST - FIRST).days + 1)]


def test_each_column_is_an_independent_sum_over_the_same_days(priced: Reader) -> None:
    ended = priced.types("compare", "--prices", file_of(priced, "dynamic.yaml", DYNAMIC), "--meter", "home")
    assert (ended.status, ended.error) == (DONE, "")
    found = columns_of(ended.out)
    ean = HOME["ean"]
    true = {
        "configured": together([fixed_day(priced.simulator, ean, day) for day in days_known()]),
        "dynamic": together([dynamic_day(priced.simulator, ean, day) for day in days_known()]),
    }
    for name, parts in true.items():
        signed = parts | {"compensation": -parts["compensation"]}
        assert all(abs(found[name][part] - signed[part]) <= CENT for part in PARTS)
    difference = true["dynamic"]["total"] - true["configured"]["total"]
    assert abs(found["dynamic"]["difference"] - difference) <= CENT
    assert abs(found["dynamic"]["in"] - difference * 365 / 31) <= CENT
    assert "31 days from 2026-10-21 to 2026-11-20" in ended.out
    assert "the year is estimated from 31 days" in ended.out


@pytest.mark.parametrize(("first", "days", "is_reckoned"), [(22, 30, True), (23, 29, False)])
def test_a_year_is_reckoned_from_a_month_at_least(
    priced: Reader, first: int, days: int, is_reckoned: bool
) -> None:
    words = ["--prices", file_of(priced, "other.yaml", {**FIXED, "vat": 21}), "--meter", "home"]
    ended = priced.types("compare", *words, "--from", f"2026-10-{first}")
    assert f"{days} days from" in ended.out
    assert ("in a year" in ended.out) is is_reckoned
    assert ("too few days to say what a year would differ by" in ended.out) is not is_reckoned


def test_the_same_contract_differs_by_nothing(priced: Reader) -> None:
    ended = priced.types("compare", "--prices", file_of(priced, "same.yaml", FIXED), "--meter", "home")
    found = columns_of(ended.out)
    assert found["same"] == found["configured"] | {"difference": 0, "in": 0}


def test_days_unknown_under_one_contract_are_left_out_of_all(priced: Reader) -> None:
    other = {**FIXED, "from": "2026-11-01", "vat": 21}
    words = ["--prices", file_of(priced, "late.yaml", other), "--meter", "home"]
    ended = priced.types("compare", *words)
    true = together([fixed_day(priced.simulator, HOME["ean"], day) for day in days_known()[11:]])
    assert abs(columns_of(ended.out)["configured"]["total"] - true["total"]) <= CENT
    assert "20 of 31 days" in ended.out
    assert "left out: 11 days, unknown under late: no price of the configuration holds yet" in " ".join(
        ended.out.split()
    )


def test_missing_day_ahead_prices_are_said_and_not_asked_for(reader: Reader) -> None:
    reader.fetch()
    reader.world.changes |= {"prices": [FIXED], "capacity_tariff.floor_kw": KW}
    keep_prices(reader, 10)
    reader.simulator.requests.clear()
    ended = reader.types("compare", "--prices", file_of(reader, "dynamic.yaml", DYNAMIC), "--meter", "home")
    assert "10 of 31 days" in ended.out
    assert "left out: 21 days, unknown under dynamic: a day-ahead price is not known" in " ".join(
        ended.out.split()
    )
    assert reader.world.asked() == 0


def test_where_no_day_is_known_nothing_is_compared(priced: Reader) -> None:
    future = {**FIXED, "from": "2027-01-01"}
    ended = priced.types("compare", "--prices", file_of(priced, "next.yaml", future), "--meter", "home")
    assert ended.status == COULD_NOT
    assert "no day can be compared" in ended.out
    assert "EUR" not in ended.out


def test_a_span_is_a_span(priced: Reader) -> None:
    span = ["--from", "2026-11-02", "--to", "2026-11-03"]
    ended = priced.types("compare", "--prices", file_of(priced, "d.yaml", DYNAMIC), "--meter", "home", *span)
    true = together([dynamic_day(priced.simulator, HOME["ean"], date(2026, 11, each)) for each in (2, 3)])
    assert abs(columns_of(ended.out)["d"]["total"] - true["total"]) <= CENT


def test_without_prices_in_the_configuration_files_are_compared_with_each_other(priced: Reader) -> None:
    del priced.world.changes["prices"]
    files = [file_of(priced, "one.yaml", FIXED), file_of(priced, "two.yaml", DYNAMIC)]
    ended = priced.types("compare", "--prices", *files, "--meter", "home")
    assert list(columns_of(ended.out)) == ["one", "two"]


def test_only_meters_that_a_file_has_prices_of_are_shown(priced: Reader) -> None:
    priced.world.changes["prices"] = [FIXED, GAS_CARD]
    ended = priced.types("compare", "--prices", file_of(priced, "gas.yaml", {**GAS_CARD, "vat": 21}))
    assert [line.split()[0] for line in ended.out.splitlines() if "541448" in line] == ["gas"]
    refused = priced.types("compare", "--prices", file_of(priced, "gas.yaml", GAS_CARD), "--meter", "home")
    assert (refused.status, len(refused.complaint)) == (WRONG, 1)
    assert "no prices of home" in refused.error


def test_every_mistake_in_every_file_is_said_at_once(priced: Reader) -> None:
    bad = priced.world.folder / "bad.yaml"
    bad.write_text(
        json.dumps(
            {
                "mqtt": {},
                "prices": [
                    {"from": "2026-01-01", "meters": ["hut"], "consumption": {"energy": 13.42}, "vta": 6}
                ],
            }
        )
    )
    empty = priced.world.folder / "empty.yaml"
    empty.write_text("prices: []\n")
    absent = priced.world.folder / "absent.yaml"
    ended = priced.types("compare", "--prices", str(bad), str(empty), str(absent))
    assert (ended.status, ended.out) == (WRONG, "")
    for words in (
        f"{bad}: mqtt: does not belong here",
        f"{bad}: prices[0].consumption.energy: 13.42 is out of range; write euros for a kWh",
        f"{bad}: prices[0].vat: is missing; write the percent of VAT",
        f"{bad}: prices[0].vta: unknown key; did you mean vat?",
        f"{bad}: prices[0].meters[0]: is not one of the meters",
        f"{empty}: prices: is empty; write a list of prices",
        f"{absent}: cannot be read",
    ):
        assert words in ended.error
    assert len(ended.complaint) == 7


def test_it_needs_no_rich(priced: Reader) -> None:
    file = file_of(priced, "dynamic.yaml", DYNAMIC)
    without = "import sys; sys.modules['rich'] = None; from bridge.commands import main; sys.exit(main())"
    words = ["compare", "--prices", file, "--config", str(priced.world.write_configuration())]
    ended = typed(priced.world.folder, *words, program=[sys.executable, "-c", without])
    assert (ended.status, ended.error) == (DONE, "")


def test_five_contracts_fit_80_columns(priced: Reader) -> None:
    files = [file_of(priced, f"contract-{number}.yaml", FIXED) for number in range(4)]
    ended = priced.types("compare", "--prices", *files, "--meter", "home")
    assert max(map(len, ended.out.splitlines())) <= 80


def test_compensation_is_taken_away(priced: Reader) -> None:
    amounts = columns_of(
        priced.types("compare", "--prices", file_of(priced, "x.yaml", DYNAMIC), "--meter", "home").out
    )["configured"]
    parts = sum(amounts[part] for part in PARTS if part != "total")
    assert amounts["compensation"] < 0
    assert abs(parts - amounts["total"]) <= 4 * CENT
