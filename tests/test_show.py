"""`fluvius2mqtt show`: what a person sees at a terminal, and what a program reads."""

import json
import subprocess
import sys
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from bridge import meterday
from bridge.model import Energy
from tests.reading import COULD_NOT, DONE, WRONG, Reader
from tests.test_cli import environment
from tests.truth import in_words
from tests.world import GAS, HOME, SHED

SEPTEMBER = "2026-09-25 09:00"  # the sun still shines, and not all of it is used at home


def document(reader: Reader, *words: str) -> dict[str, Any]:
    ended = reader.types("show", "--json", *words)
    assert (ended.status, ended.error) == (DONE, "")
    meters = json.loads(ended.out, parse_float=Decimal)["meters"]
    return {meter["meter"]: meter for meter in meters}


def test_the_document_has_the_meters_own_amounts(reader: Reader) -> None:
    reader.fetch(SEPTEMBER)
    for name, meter in document(reader, "--days", "5").items():
        assert [day["state"] for day in meter["days"]] == ["complete"] * 5
        ean = {"home": HOME, "gas": GAS, "shed": SHED}[name]["ean"]
        for day in meter["days"]:
            true = in_words(reader.simulator.day_amounts(ean, date.fromisoformat(day["date"])))
            assert {side: day[side] for side in true} == true
        first, last = (date.fromisoformat(meter["days"][place]["date"]) for place in (0, -1))
        true = in_words(reader.simulator.total_amounts(ean, first, last))
        assert {side: meter["sum"][side] for side in true} == true
        assert meter["sum"]["days"] == 5


def test_the_months_are_sums_of_whole_months(reader: Reader) -> None:
    reader.world.changes["schedule.lookback_days"] = 31
    reader.fetch("2026-10-31 09:00", "2026-11-16 09:00")
    month = document(reader)["home"]["month"]
    assert (month["month"], month["days"], month["days_missing"]) == ("2026-11", 15, 0)
    assert (month["last"]["month"], month["last"]["days"]) == ("2026-10", 31)
    for each, first, last in (
        (month, date(2026, 11, 1), date(2026, 11, 15)),
        (month["last"], date(2026, 10, 1), date(2026, 10, 31)),
    ):
        true = in_words(reader.simulator.total_amounts(HOME["ean"], first, last))
        assert {side: each[side] for side in true} == true


def test_the_peak_is_the_highest_quarter_hour_of_the_latest_day(reader: Reader) -> None:
    reader.fetch()
    latest = document(reader)["home"]["latest"]
    highest = max(latest["intervals"], key=lambda each: each["consumption"])
    assert latest["peak"] == {"start": highest["start"], "power": highest["consumption"] * 4, "unit": "kW"}


@pytest.mark.parametrize("changed", [date(2026, 10, 25), date(2026, 3, 29)])
def test_a_clock_change_day_has_all_its_quarter_hours(reader: Reader, changed: date) -> None:
    reader.fetch(f"{changed + meterday.ONE_DAY} 09:00")
    latest = document(reader, "--meter", "home")["home"]["latest"]
    assert len(latest["intervals"]) == len(meterday.intervals_of(changed, Energy.ELECTRICITY)) != 96


def test_a_day_that_is_not_complete_is_awaited_and_never_zero(reader: Reader) -> None:
    reader.fetch()
    reader.simulator.fault("late-intervals", hours=48)
    reader.fetch("2026-11-22 09:00")
    latest = document(reader, "--meter", "home")["home"]["days"][-1]
    assert latest == {"state": "awaited", "date": "2026-11-21"}
    table = reader.types("show", "--meter", "home").out
    [line] = [line for line in table.splitlines() if "2026-11-21" in line]
    assert "awaited" in line
    assert "0.000" not in line


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_the_table_and_the_chart_fit(reader: Reader, columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    reader.fetch(SEPTEMBER)
    ended = reader.types("show")
    assert (ended.status, ended.error) == (DONE, "")
    assert max(map(len, ended.out.splitlines())) <= int(columns)
    assert "\x1b" not in ended.out


def test_a_terminal_that_says_it_has_no_columns(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.fetch(SEPTEMBER)
    as_usual = reader.types("show").out
    monkeypatch.setenv("COLUMNS", "0")
    assert reader.types("show").out == as_usual


def test_the_table_says_what_the_document_says(reader: Reader) -> None:
    reader.fetch(SEPTEMBER)
    day = document(reader, "--meter", "home")["home"]["days"][-1]
    table = reader.types("show", "--meter", "home").out
    [line] = [line for line in table.splitlines() if day["date"] in line and "peak" not in line]
    sides = (day["consumption"], day["injection"])
    amounts = [side[tariff] for side in sides for tariff in ("high", "low", "total")]
    assert line.split()[2:] == [f"{amount:.3f}" for amount in (*amounts, day["net"])]
    assert "consumption up" in table
    assert "injection down" in table


def test_a_month_of_which_nothing_is_known_shows_no_zeros(reader: Reader) -> None:
    reader.world.changes["schedule.lookback_days"] = 7
    reader.fetch()
    table = reader.types("show", "--meter", "home").out
    [line] = [line for line in table.splitlines() if line.startswith("October") and "counted" not in line]
    assert "0.000" not in line
    assert "no day of it is known" in line


def test_where_letters_are_ascii_so_is_everything(reader: Reader) -> None:
    reader.fetch()
    command = [sys.executable, "-m", "bridge", "show", "--config", str(reader.world.write_configuration())]
    env = environment(COLUMNS="80", PYTHONIOENCODING="ascii")
    ended = subprocess.run(command, env=env, capture_output=True, check=True, timeout=30)
    assert ended.stdout.isascii()
    assert b"2026-11-20" in ended.stdout


def test_nothing_of_mqtt_or_fluvius_is_loaded(reader: Reader) -> None:
    reader.fetch()
    words = ["show", "--json", "--config", str(reader.world.write_configuration())]
    program = (
        f"import sys; from bridge.cli import main; main({words!r}); print(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert not {"paho.mqtt.client", "requests", "rich", "schedule"} & set(ended.stderr.split())


@pytest.mark.parametrize("days", ["0", "-1", "x", "1.5", ""])
def test_a_number_of_days_that_is_none(reader: Reader, days: str) -> None:
    ended = reader.types("show", f"--days={days}")
    assert ended.status == WRONG
    assert "no number of days" in ended.error


def test_a_meter_that_is_not_there(reader: Reader) -> None:
    reader.fetch()
    ended = reader.types("show", "--meter", "attic")
    assert (ended.status, len(ended.complaint)) == (WRONG, 1)
    assert "home, gas, shed" in ended.error


def test_an_empty_ledger(reader: Reader) -> None:
    ended = reader.types("show")
    assert (ended.status, len(ended.complaint)) == (COULD_NOT, 1)
    assert "nothing was fetched yet" in ended.error
