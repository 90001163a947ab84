"""`fluvius2mqtt show`: what a person sees in a terminal, and what a program reads."""

import json
import os
import pty
import re
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from bridge.folder.claim import claim
from bridge.metering.model import BRUSSELS
from bridge.terminal.chart import Bar, chart
from tests.rig.commands import COULD_NOT, DONE, WRONG, environment, shown_in, typed
from tests.rig.provider import Provider
from tests.rig.reading import Reader
from tests.rig.readings import daily, interval
from tests.rig.registers import kwh
from tests.rig.truth import amounts_in, in_words
from tests.rig.world import GAS, HOME, SHED

AMOUNT = re.compile(r"-?\d+\.\d{3}")
LATEST = date(2026, 11, 20)


def shown(reader: Reader, *words: str) -> dict[str, dict[str, Any]]:
    """What `--json` says of each meter, numbers exact."""
    ended = reader.types("show", "--json", *words)
    assert (ended.status, ended.error) == (DONE, "")
    return {each["meter"]: each for each in json.loads(ended.out, parse_float=Decimal)["meters"]}


def line_of(text: str, begin: str) -> str:
    return next(line for line in text.splitlines() if begin in line)


def words_of(reader: Reader, *words: str) -> list[str]:
    return ["show", *words, "--config", str(reader.world.write_configuration())]


# --- for programs


def test_days_and_their_sum_are_the_meters_own(reader: Reader) -> None:
    reader.fetch()
    found = shown(reader)
    latest = {"home": LATEST, "gas": date(2026, 11, 17), "shed": LATEST}
    for meter in (HOME, GAS, SHED):
        name, ean = meter["name"], meter["ean"]
        days = {date.fromisoformat(day["date"]): amounts_in(day) for day in found[name]["days"]}
        assert days == {day: in_words(reader.simulator.day_amounts(ean, day)) for day in days}
        assert (max(days), len(days)) == (latest[name], 14)
        assert amounts_in(found[name]["sum"]) == in_words(
            reader.simulator.total_amounts(ean, min(days), max(days))
        )


def test_months_are_the_meters_own_and_say_what_is_missing(reader: Reader) -> None:
    reader.fetch("2026-11-01 09:00", "2026-11-21 09:00")
    month = shown(reader)["home"]["month"]
    assert (month["days"], month["days_missing"]) == (20, 0)
    total = reader.simulator.total_amounts(HOME["ean"], date(2026, 11, 1), LATEST)
    assert amounts_in(month) == in_words(total)
    last = reader.simulator.total_amounts(HOME["ean"], date(2026, 10, 1), date(2026, 10, 31))
    assert (month["last"]["days"], amounts_in(month["last"])) == (31, in_words(last))


@pytest.mark.parametrize(("meter", "an_hour"), [(HOME, 4), (GAS, 1)], ids=["home", "gas"])
def test_the_peak_is_the_highest_interval_s_power(
    reader: Reader, meter: dict[str, str], an_hour: int
) -> None:
    reader.fetch()
    latest = shown(reader)[meter["name"]]["latest"]
    slots = reader.simulator.slot_amounts(meter["ean"], date.fromisoformat(latest["date"]))
    consumed = {
        start: sum(amount for (t, _, u), amount in amounts.items() if (t, u) == (1, 3))
        for start, amounts in slots.items()
    }
    assert [each["consumption"] for each in latest["intervals"]] == list(consumed.values())
    start, amount = max(consumed.items(), key=lambda each: each[1])
    peak = latest["peak"]
    assert (datetime.fromisoformat(peak["start"]), peak["power"]) == (start, amount * an_hour)


def test_a_terminal_that_says_it_has_no_columns(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.fetch()
    as_usual = reader.types("show").out
    monkeypatch.setenv("COLUMNS", "0")
    assert reader.types("show").out == as_usual


def test_a_month_of_which_nothing_is_known_shows_no_zeros(reader: Reader) -> None:
    reader.world.changes["schedule.lookback_days"] = 7
    reader.fetch()
    table = reader.types("show", "--meter", "home").out
    [line] = [line for line in table.splitlines() if line.startswith("October") and "counted" not in line]
    assert "0.000" not in line
    assert "no days known" in line


def test_a_meter_without_intervals_has_no_latest_chart(reader: Reader) -> None:
    reader.fetch()
    assert shown(reader)["shed"]["latest"] is None


def test_of_a_day_with_a_part_of_its_intervals_no_chart_is_drawn(reader: Reader) -> None:
    world = reader.world
    world.fetch()
    meter, now = world.meter("home"), world.clock()
    with world.ledger() as ledger:
        day = date(2026, 11, 21)
        ledger.answers.record_days(meter, daily(kwh(TOTAL=10), day, meter), now)
        ledger.answers.settle(meter, [day], now, [day])
        ledger.answers.record_intervals(meter, day, interval(3, kwh(TOTAL=1), day, meter), now)
    assert shown(reader)["home"]["latest"] is None


def test_so_many_days_as_were_asked_for_and_not_more_than_are_known(reader: Reader) -> None:
    reader.fetch()
    for asked, given in ((1, 1), (30, 30), (365, 31), (10**30, 31)):
        assert len(shown(reader, "--days", str(asked), "--meter", "home")["home"]["days"]) == given


def test_programs_need_no_rich(reader: Reader) -> None:
    reader.fetch()
    without = "import sys; sys.modules['rich'] = None; from bridge.commands import main; sys.exit(main())"
    program = [sys.executable, "-c", without]
    ended = typed(reader.world.folder, *words_of(reader), program=program)
    assert (ended.status, ended.out, len(ended.complaint)) == (COULD_NOT, "", 1)
    assert "-m pip install '.[terminal]'" in ended.error
    ended = typed(reader.world.folder, *words_of(reader, "--json"), program=program)
    assert ended.status == DONE
    assert len(json.loads(ended.out)["meters"]) == 3


def test_nothing_of_fluvius_and_mqtt_is_loaded(reader: Reader) -> None:
    reader.fetch()
    program = (
        "import sys; from bridge.commands import main; main();"
        "heavy = {'paho', 'requests', 'schedule', 'bridge.fluvius', 'bridge.mqtt'} & set(sys.modules);"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    missing = r"(\w+: \d+ of these \d+ days are missing or not complete\n){3}"
    exported = ["export", "--format", "csv", *words_of(reader)[1:]]
    for words, said in ((words_of(reader), ""), (exported, missing)):
        ended = typed(reader.world.folder, *words, program=[sys.executable, "-c", program])
        assert (ended.status, bool(re.fullmatch(said, ended.error))) == (DONE, True), ended.error


# --- for people


@pytest.mark.parametrize("columns", [46, 60, 80, 120, 200])
def test_it_fits_the_terminal_and_shows_each_amount_whole(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    reader.fetch()
    text = reader.types("show").out
    assert max(map(len, text.splitlines())) <= columns
    day = in_words(reader.simulator.day_amounts(HOME["ean"], LATEST))
    amounts = [Decimal(amount) for amount in AMOUNT.findall(line_of(text, "2026-11-20"))]
    parts = [[day[side][tariff] for tariff in ("high", "low")] for side in ("consumption", "injection")]
    totals = [day[side]["total"] for side in ("consumption", "injection")]
    narrow = {46: [*totals, day["net"]], 60: [*parts[0], *parts[1], day["net"]]}
    whole = [*parts[0], totals[0], *parts[1], totals[1], day["net"]]
    assert amounts == narrow.get(columns, whole)


def test_under_the_days_is_their_sum_and_then_the_months(reader: Reader) -> None:
    reader.fetch()
    text = reader.types("show", "--meter", "home").out
    total = in_words(reader.simulator.total_amounts(HOME["ean"], date(2026, 11, 7), LATEST))
    amounts = [Decimal(amount) for amount in AMOUNT.findall(line_of(text, "14 days"))]
    assert amounts == [*total["consumption"].values(), *total["injection"].values(), total["net"]]
    months = [line for line in text.splitlines() if line.startswith(("November", "October"))]
    assert [line.split()[0] for line in months[:2]] == ["November", "October"]
    assert months[2:] == [
        "November so far: 20 days counted, none missing",
        "October: 11 days counted, 20 missing",
    ]


def test_a_day_that_is_not_complete_is_a_dash_and_a_word(reader: Reader) -> None:
    later = datetime(2026, 12, 1, tzinfo=BRUSSELS)
    reader.simulator.delay(HOME["ean"], LATEST, intervals_until=later)
    reader.simulator.delay(HOME["ean"], date(2026, 11, 10), days_until=later)
    reader.fetch()
    lines = reader.types("show", "--meter", "home").out
    assert line_of(lines, "2026-11-20").split() == ["Fri", "2026-11-20", "—", "awaited"]
    assert line_of(lines, "2026-11-10").split() == ["Tue", "2026-11-10", "—", "missing"]
    assert "12 of 14 days" in lines
    assert "Thu 2026-11-19, peak " in lines
    states = {day["date"]: day["state"] for day in shown(reader)["home"]["days"]}
    assert (states["2026-11-20"], states["2026-11-10"]) == ("awaited", "missing")
    assert list(states.values()).count("complete") == 12


def test_a_single_tariff_and_gas_have_columns_of_their_own(reader: Reader) -> None:
    reader.fetch()
    gas, shed = (reader.types("show", "--meter", name).out.splitlines() for name in ("gas", "shed"))
    assert [line.split() for line in gas[2:4]] == [["consumption", "volume"], ["kWh", "m³"]]
    assert [line.split() for line in shed[2:4]] == [["consumption"], ["kWh"]]
    assert "peak" not in "".join(shed)


def test_the_chart_has_injection_below_and_hours_under_it(reader: Reader) -> None:
    reader.fetch()
    chart = reader.types("show", "--meter", "home").out.partition("peak")[2].splitlines()
    assert chart[-2].split() == ["00", "03", "06", "09", "12", "15", "18", "21"]
    assert chart[-1].strip() == "consumption up  injection down"
    assert any("▀" in line or "▔" in line for line in chart)
    assert len(chart[1:-2]) == 10


def test_the_chart_has_a_line_of_zero_and_a_round_scale_whatever_the_width(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.fetch()
    scales = []
    for columns in 40, 60, 80, 120, 200:
        monkeypatch.setenv("COLUMNS", str(columns))
        chart = reader.types("show", "--meter", "home").out.partition("peak")[2].splitlines()[1:-2]
        scales.append([line[:3].strip() for line in chart])
        [zero] = [line for line in chart if line.startswith("  0 ")]
        assert set(zero[4:]) == {"─"}
    assert scales == [scales[0]] * 5
    line_of_zero = scales[0].index("0")
    rows = {
        abs(place - line_of_zero): float(label)
        for place, label in enumerate(scales[0])
        if label not in {"", "kW"}
    }
    assert "kW" in scales[0]
    assert [label for label in rows.values() if not is_round(label)] == []
    units = {label / row for row, label in rows.items() if row}
    assert max(units) == pytest.approx(min(units))
    peak = max(shown(reader)["home"]["latest"]["intervals"], key=lambda each: each["consumption"])
    assert max(rows.values()) / 2 < 4 * float(peak["consumption"]) <= line_of_zero * max(units)


@pytest.mark.parametrize("peak", [0.01, 0.4, 1.86, 5.814, 9.2, 17.3, 250.0, 31_000.0])
def test_a_chart_has_a_round_number_beside_it(peak: float) -> None:
    for given in 0.0, peak / 3, 2 * peak:
        lines = chart([Bar(0, "high", peak, given)], (peak, given), 10, 1)[:-1]
        assert {line.plain[3] for line in lines} == {" "}
        labels = {line.plain[:3].strip() for line in lines} - {"", "kW", "MW", "0"}
        assert [number for number in labels if not is_round(float(number))] == []
        assert labels


def is_round(number: float) -> bool:
    """One digit, or half of it: 2, 0.3, 1.5."""
    return any(each == float(f"{each:.1g}") for each in (number, 2 * number))


@pytest.mark.parametrize(("morning", "day"), [("2026-10-26", "2026-10-25"), ("2026-03-30", "2026-03-29")])
def test_days_of_23_and_25_hours_are_drawn(reader: Reader, morning: str, day: str) -> None:
    reader.fetch(f"{morning} 09:00")
    assert f"Sun {day}, peak " in reader.types("show", "--days", "3", "--meter", "home").out


def test_without_utf_there_is_only_ascii(reader: Reader) -> None:
    reader.fetch()
    ended = typed(reader.world.folder, *words_of(reader, "--days", "300"), PYTHONIOENCODING="ascii")
    assert ended.status == DONE
    assert ended.out.isascii()
    assert "m3" in ended.out
    assert "#" in ended.out


def test_piped_there_are_neither_colours_nor_blanks_at_the_ends(reader: Reader) -> None:
    reader.fetch()
    ended = typed(reader.world.folder, *words_of(reader), COLUMNS="100")
    assert ended.status == DONE
    assert "\x1b" not in ended.out
    assert [line for line in ended.out.splitlines() if line != line.rstrip()] == []


def in_a_terminal(reader: Reader, **env: str) -> str:
    """What is written to one."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", *words_of(reader)],
        env=environment(TERM="xterm-256color", **env),
        stdout=theirs,
    ) as process:
        os.close(theirs)
        seen = shown_in(ours)
        assert process.wait(10) == DONE
    return seen


def test_a_terminal_has_colours_unless_nobody_wants_them(reader: Reader) -> None:
    reader.fetch()
    assert "\x1b[38;5;202m" in in_a_terminal(reader)
    assert "\x1b[38;" not in in_a_terminal(reader, NO_COLOR="1")


# --- what cannot be shown


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (["--days", "0"], WRONG, "0 is not a number of days; write a number such as 14"),
        (["--days", "-3"], WRONG, "-3 is not a number of days"),
        (["--days", "many"], WRONG, "many is not a number of days"),
        (["--meter", "attic"], WRONG, "there is no meter attic; there are home, gas, shed"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_line(
    reader: Reader, words: list[str], status: int, complaint: str
) -> None:
    reader.fetch()
    ended = reader.types("show", *words)
    assert (ended.status, ended.out, len(ended.complaint)) == (status, "", 1)
    assert complaint in ended.error


def test_before_anything_was_fetched_it_says_what_to_do(reader: Reader) -> None:
    reader.world.meters = [HOME]
    reader.fetch()
    reader.world.meters = [HOME, GAS]
    ended = reader.types("show", "--meter", "gas")
    assert (ended.status, ended.out) == (COULD_NOT, "")
    assert "nothing has been fetched yet for gas; start the bridge" in ended.error
    both = reader.types("show")
    assert both.status == DONE
    assert both.out.endswith(f"gas  gas, {GAS['ean']}\n\nnothing has been fetched yet\n")


def test_before_a_day_is_complete_all_of_them_are_awaited(reader: Reader) -> None:
    reader.world.changes["schedule.lookback_days"] = 5
    later = datetime(2026, 12, 1, tzinfo=BRUSSELS)
    reader.simulator.delay(HOME["ean"], date(2026, 11, 16), days_until=later)
    for day in range(17, 21):
        reader.simulator.delay(HOME["ean"], date(2026, 11, day), intervals_until=later)
    reader.fetch()
    found = shown(reader)["home"]
    assert [day["state"] for day in found["days"]] == ["awaited"] * 4
    assert (found["sum"], found["latest"]) == ({"days": 0}, None)
    text = reader.types("show", "--meter", "home").out
    assert AMOUNT.findall(text) == []
    assert "0 of 4 days" in text


def test_meters_that_mandates_made_are_called_by_their_eans(reader: Reader) -> None:
    reader.world.changes = {}
    Provider(reader.world)
    reader.fetch()
    assert shown(reader).keys() == {HOME["ean"], GAS["ean"], SHED["ean"]}
    assert shown(reader, "--meter", GAS["ean"]).keys() == {GAS["ean"]}


def test_it_shows_beside_a_bridge(reader: Reader) -> None:
    reader.fetch()
    with reader.world.ledger() as ledger, claim(reader.world.data_dir), ledger.store.transaction():
        ledger.store.execute("UPDATE reading SET amount = 0")
        total = in_words(reader.simulator.total_amounts(HOME["ean"], date(2026, 11, 7), LATEST))
        assert amounts_in(shown(reader)["home"]["sum"]) == total
