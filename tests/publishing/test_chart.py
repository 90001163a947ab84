"""The picture of a day, read as a browser reads it."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from math import isfinite
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.metering import meterday
from bridge.metering.model import MAX_AMOUNT, Day, Direction, Energy, Interval, Meter, Register, Tariff, Unit
from bridge.publishing import chart
from bridge.simulator.household import DEFAULT_METERS, slots
from tests.rig.registers import HIGH, INJECTED, INJECTED_HIGH, LOW, PRODUCED, TOTAL, VOLUME, Amounts

HOME = Meter("home", "541448820000000008", Energy.ELECTRICITY)
STOVE = Meter("stove", "541448820000000015", Energy.GAS)
FRIDAY = date(2026, 11, 20)
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # summer time begins and ends
FETCHED = datetime(2026, 11, 21, 8, tzinfo=UTC)


Box = tuple[float, float]  # from, to


class Picture:
    """What there is to see."""

    def __init__(self, svg: str) -> None:
        self.svg, self.root = svg, ET.fromstring(svg)

    def every(self, what: str) -> list[ET.Element]:
        return list(self.root.iterfind(f".//{{http://www.w3.org/2000/svg}}{what}"))

    def words(self, of: str) -> list[str]:
        return ["".join(text.itertext()) for text in self.every("text") if of in text.get("class", "")]

    def line(self, number: int) -> ET.Element:
        return self.every("text")[number]

    @property
    def title(self) -> str:
        return "".join(self.line(0).itertext())

    @property
    def totals(self) -> list[str]:
        return "".join(self.line(1).itertext()).split("\u2003")

    def labels(self, axis: str) -> list[str]:
        [group] = [group for group in self.every("g") if axis in group.get("class", "")]
        return [label.text or "" for label in group]

    def path(self, name: str) -> str:
        [path] = [path for path in self.every("path") if path.get("class") == name]
        return path.get("d", "")

    @property
    def zero(self) -> float:
        return float(self.path("zero").partition(" ")[2].partition("H")[0])

    @property
    def plot(self) -> Box:
        return float(self.path("zero")[1:].partition(" ")[0]), float(self.path("zero").partition("H")[2])

    def bars(self, flow: str) -> list[Box]:
        """Where they are from left to right."""
        return [
            (float(left), float(right)) for left, right in re.findall(r"M(\S+) \S+H(\S+)V", self.path(flow))
        ]

    def heights(self, flow: str) -> list[float]:
        """How far they reach above zero."""
        return [self.zero - float(end) for end in re.findall(r"M\S+ \S+V(\S+)H", self.path(flow))]

    def stretches(self) -> list[Box]:
        """Where the tariff is low."""
        return [
            (float(rect.get("x", "")), float(rect.get("x", "")) + float(rect.get("width", "")))
            for rect in self.every("rect")
            if rect.get("class") == "low"
        ]


def draw(counted: Sequence[Amounts], meter: Meter = HOME, on: date = FRIDAY, first: int = 0) -> Picture:
    """The picture of a day, or of a part of it from some interval on, that amounts to what was counted."""
    length = meterday.interval_length(meter.energy)
    starts = meterday.intervals_of(on, meter.energy)[first : first + len(counted)]
    intervals = [
        Interval(start, start + length, amounts, validated=True, revision=1)
        for start, amounts in zip(starts, counted, strict=True)
    ]
    sums: Amounts = {}
    for amounts in counted:
        for register, amount in amounts.items():
            sums[register] = sums.get(register, Decimal(0)) + amount
    start, end = meterday.start_of(on, meter.energy), meterday.end_of(on, meter.energy)
    day = Day(on, start, end, sums, validated=True, revision=1, fetched_at=FETCHED)
    return Picture(chart.svg(meter, day, intervals))


def silent(*registers: Register, meter: Meter = HOME, on: date = FRIDAY) -> list[Amounts]:
    """A day on which nothing was counted."""
    number = len(meterday.intervals_of(on, meter.energy))
    return [dict.fromkeys(registers, Decimal(0)) for _ in range(number)]


def counted_at(hour: int, minute: int = 0, **amounts: str) -> list[Amounts]:
    """A day on which something was counted in one quarter-hour only."""
    registers = {globals()[name]: Decimal(amount) for name, amount in amounts.items()}
    day = silent(*registers)
    day[hour * 4 + minute // 15] = registers
    return day


def simulated(number: int, on: date) -> list[Amounts]:
    """What one of the simulated meters counted."""
    directions = {1: Direction.CONSUMPTION, 2: Direction.INJECTION}
    tariffs = {0: Tariff.TOTAL, 1: Tariff.HIGH, 2: Tariff.LOW}
    units = {3: Unit.KWH, 5: Unit.M3}
    return [
        {
            Register(directions[t], tariffs[dc], units[u]): Decimal(amount) / 1000
            for (t, dc, u), amount in slot.amounts.items()
        }
        for slot in slots(DEFAULT_METERS[number], on)
    ]


def test_its_title_is_the_meter_and_the_date_in_words() -> None:
    assert draw(silent(TOTAL)).title == "home · Friday 20 November 2026"
    assert draw(silent(TOTAL, on=date(2026, 5, 1)), on=date(2026, 5, 1)).title == "home · Friday 1 May 2026"


def test_totals_are_exact() -> None:
    day = [{HIGH: Decimal("9.133"), INJECTED_HIGH: Decimal("12.421")}, {LOW: Decimal("2.200")}]
    assert 9.133 + 2.2 != 11.333
    assert draw(day).totals == ["▲ consumption 11.333 kWh", "▼ injection 12.421 kWh", "net -1.088 kWh"]


def test_gas_is_told_in_both_its_units() -> None:
    day = [{TOTAL: Decimal("33.512"), VOLUME: Decimal("3.021")}]
    assert draw(day, STOVE).totals == ["▲ consumption 33.512 kWh", "volume 3.021 m³"]


def test_a_screen_reader_says_the_same() -> None:
    seen = draw([{TOTAL: Decimal("1.5"), INJECTED: Decimal("0.5")}])
    assert seen.root.get("role") == "img"
    assert [title.text for title in seen.every("title")] == [
        "home · Friday 20 November 2026: consumption 1.5 kWh, injection 0.5 kWh, net 1 kWh"
    ]


def test_every_interval_that_counted_has_its_bar() -> None:
    seen = draw(simulated(0, FRIDAY))
    counted = simulated(0, FRIDAY)
    assert len(counted) == 96
    for flow in (Direction.CONSUMPTION, Direction.INJECTION):
        powers = [sum(a for register, a in each.items() if register.direction is flow) for each in counted]
        assert len(seen.bars(flow)) == sum(power > 0 for power in powers) > 0


def test_bars_stand_side_by_side_from_the_first_instant_to_the_last() -> None:
    bars = draw([{TOTAL: Decimal(1)}] * 96).bars("consumption")
    left, right = draw([{TOTAL: Decimal(1)}] * 96).plot
    assert all(one[1] < next_one[0] for one, next_one in pairwise(bars))
    assert bars[0][0] == pytest.approx(left, abs=1)
    assert bars[-1][1] == pytest.approx(right, abs=1)


def test_twice_as_much_is_twice_as_high() -> None:
    one, two, four = draw([{TOTAL: Decimal(amount)} for amount in (1, 2, 4)]).heights("consumption")
    assert two == pytest.approx(2 * one, abs=0.2)
    assert four == pytest.approx(4 * one, abs=0.2)


def test_injection_hangs_below_zero_on_the_same_scale() -> None:
    seen = draw([{TOTAL: Decimal(3), INJECTED: Decimal(0)}, {TOTAL: Decimal(0), INJECTED: Decimal(1)}])
    [up], [down] = seen.heights("consumption"), seen.heights("injection")
    assert up == pytest.approx(-3 * down, abs=0.2)


def test_both_tariffs_of_an_interval_are_one_bar() -> None:
    both, single = draw([{HIGH: Decimal(1), LOW: Decimal(2)}, {HIGH: Decimal(3)}]).heights("consumption")
    assert both == single


def test_the_highest_quarter_hour_is_told_in_kw_with_its_local_time() -> None:
    seen = draw(counted_at(19, 15, HIGH="0.8035"))
    assert seen.words("peak") == ["3.214 kW at 19:15"]


def test_the_highest_hour_of_gas_is_told_as_it_was_counted() -> None:
    day = silent(TOTAL, VOLUME, meter=STOVE)
    day[20] = {TOTAL: Decimal("7.701"), VOLUME: Decimal("0.7")}
    assert draw(day, STOVE).words("peak") == ["7.701 kWh/h at 02:00"]


def test_of_equal_peaks_the_first_is_told() -> None:
    assert draw([{TOTAL: Decimal(1)}] * 96).words("peak") == ["4 kW at 00:00"]


def test_injection_is_no_peak() -> None:
    assert draw(counted_at(12, INJECTED="1.5", TOTAL="0.1")).words("peak") == ["0.4 kW at 12:00"]
    assert draw(counted_at(12, INJECTED="1.5")).words("peak") == []


@pytest.mark.parametrize("hour", [0, 12, 23])
def test_the_peak_is_marked_on_its_bar_and_its_words_stay_in_the_picture(hour: int) -> None:
    seen = draw(counted_at(hour, TOTAL="1.2345"))
    [(left, right)] = seen.bars("consumption")
    [mark], [label] = (
        seen.every("circle"),
        [each for each in seen.every("text") if each.get("class") == "peak"],
    )
    assert left < float(mark.get("cx", "")) < right
    half = 0.6 * 20 * len(label.text or "") / 2
    assert float(label.get("x", "")) - half > 0
    assert float(label.get("x", "")) + half < 800


@pytest.mark.parametrize(
    ("meter", "on", "hours"),
    [
        (HOME, FRIDAY, "00 03 06 09 12 15 18 21 00"),
        (HOME, SPRING, "00 03 06 09 12 15 18 21 00"),
        (HOME, AUTUMN, "00 02 02 03 06 09 12 15 18 21 00"),
        (STOVE, FRIDAY, "06 09 12 15 18 21 00 03 06"),
        (STOVE, date(2026, 10, 24), "06 09 12 15 18 21 00 02 02 03 06"),
    ],
)
def test_hours_are_those_of_the_clock(meter: Meter, on: date, hours: str) -> None:
    assert draw(silent(TOTAL, meter=meter, on=on), meter, on).labels("hours") == hours.split()


@pytest.mark.parametrize(("on", "hours"), [(FRIDAY, 3), (SPRING, 2), (AUTUMN, 4)])
def test_three_o_clock_is_as_far_from_midnight_as_it_was(on: date, hours: int) -> None:
    seen = draw([{TOTAL: Decimal(1)} for _ in silent(on=on)], on=on)
    three = next(label for label in seen.every("text") if label.text == "03")
    first_at_three = seen.bars("consumption")[hours * 4]
    assert float(three.get("x", "")) == pytest.approx(first_at_three[0], abs=1)


def test_low_tariff_is_in_the_shade_and_both_are_named() -> None:
    day = [{LOW: Decimal(1)}] * 28 + [{HIGH: Decimal(1)}] * 60 + [{LOW: Decimal(1)}] * 8
    seen = draw(day)
    bars = seen.bars("consumption")
    night, evening = seen.stretches()
    assert night == pytest.approx((bars[0][0], bars[28][0]), abs=1)
    assert evening == pytest.approx((bars[88][0], bars[95][1]), abs=1)
    assert seen.words("tariff") == ["low", "high", "low"]


def test_an_interval_in_which_nothing_counted_has_its_neighbours_tariff() -> None:
    day = [{LOW: Decimal(1), HIGH: Decimal(0)} for _ in range(96)]
    day[0] = day[50] = {LOW: Decimal(0), HIGH: Decimal(0)}
    seen = draw(day)
    assert seen.stretches() == [pytest.approx(seen.plot, abs=0.1)]


def test_what_was_produced_is_not_drawn_and_has_no_say_in_the_tariff() -> None:
    with_it = draw([{LOW: Decimal(1), PRODUCED: Decimal(5)}] * 96)
    assert with_it.svg == draw([{LOW: Decimal(1)}] * 96).svg


def test_a_meter_that_only_produces_has_an_empty_picture() -> None:
    seen = draw([{PRODUCED: Decimal(5)}] * 96)
    assert (seen.bars("consumption"), seen.bars("injection"), seen.totals) == ([], [], [""])


@pytest.mark.parametrize(("meter", "registers"), [(HOME, (TOTAL, INJECTED)), (STOVE, (TOTAL, VOLUME))])
def test_where_there_is_one_tariff_none_is_spoken_of(meter: Meter, registers: tuple[Register, ...]) -> None:
    day = [dict.fromkeys(registers, Decimal(1)) for _ in silent(meter=meter)]
    seen = draw(day, meter)
    assert (seen.stretches(), seen.words("tariff")) == ([], [])


@pytest.mark.parametrize("registers", [(TOTAL,), (TOTAL, INJECTED)])
def test_without_injection_there_is_nothing_below_zero(registers: tuple[Register, ...]) -> None:
    day = [{**dict.fromkeys(registers, Decimal(0)), TOTAL: Decimal(1)} for _ in range(96)]
    seen = draw(day)
    assert seen.bars("injection") == []
    assert seen.labels("levels")[0] == "0"


def test_a_day_of_nothing_is_a_calm_picture() -> None:
    seen = draw(silent(HIGH, LOW))
    assert (seen.bars("consumption"), seen.bars("injection"), seen.words("peak")) == ([], [], [])
    assert seen.totals == ["▲ consumption 0 kWh"]
    assert seen.labels("levels") == ["0", "0.02", "0.04", "0.06", "0.08", "0.1"]


@pytest.mark.parametrize(
    ("consumption", "injection", "levels"),
    [
        ("0.75", "0", "0 1 2 3"),
        ("0.3", "0.275", "1 0.5 0 0.5 1"),
        ("1200", "0", "0 1000 2000 3000 4000"),
        ("1200", "525", "2000 0 2000 4000"),
        ("0", "1.6", "6 4 2 0"),
    ],
)
def test_levels_are_round(consumption: str, injection: str, levels: str) -> None:
    seen = draw(counted_at(9, TOTAL=consumption, INJECTED=injection))
    assert seen.labels("levels") == levels.split()


def test_levels_are_in_kw_and_of_gas_in_kwh_per_hour() -> None:
    assert draw(silent(TOTAL)).words("unit") == ["kW"]
    assert draw(silent(TOTAL, meter=STOVE), STOVE).words("unit") == ["kWh/h"]


def test_most_days_have_their_hours_at_the_same_place() -> None:
    days = [draw(simulated(0, date(2026, month, 20)), on=date(2026, month, 20)) for month in range(1, 13)]
    assert len({day.plot for day in days}) == 1


def test_a_large_customer_s_levels_have_room() -> None:
    seen = draw(counted_at(9, TOTAL=str(MAX_AMOUNT)))
    widest = 0.6 * 20 * len(max(seen.labels("levels"), key=len))
    assert seen.labels("levels")[-1] == "4000000000"
    assert seen.plot[0] - 10 - widest > 0


def test_a_part_of_a_day_fills_the_picture() -> None:
    seen = draw([{TOTAL: Decimal(1)}] * 46, first=50)
    left, right = seen.plot
    assert seen.labels("hours") == ["15", "18", "21", "00"]
    assert seen.bars("consumption")[0][0] == pytest.approx(left, abs=2)
    assert seen.bars("consumption")[-1][1] == pytest.approx(right, abs=2)


def test_a_few_hours_are_all_named() -> None:
    assert draw([{TOTAL: Decimal(1)}] * 10, first=50).labels("hours") == ["13", "14", "15"]


def test_it_has_a_size_where_nobody_gives_it_one_and_a_shape_where_somebody_does() -> None:
    root = draw(silent(TOTAL)).root
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"


def test_names_are_escaped() -> None:
    meter = Meter('<b>"R&D"</b>', HOME.ean, Energy.ELECTRICITY)
    seen = draw(silent(TOTAL), meter)
    assert seen.title == '<b>"R&D"</b> · Friday 20 November 2026'
    assert seen.every("b") == []


def test_a_long_name_is_written_smaller() -> None:
    usual = draw(silent(TOTAL)).line(0)
    title = draw(silent(TOTAL), Meter("x" * 200, HOME.ean, Energy.ELECTRICITY)).line(0)
    assert float(title.get("font-size", "")) < float(usual.get("font-size", ""))
    assert float(title.get("font-size", "")) * 0.6 * len("".join(title.itertext())) < 800


def test_the_same_day_is_the_same_picture() -> None:
    day = simulated(0, FRIDAY)
    turned = [dict(reversed(each.items())) for each in day]
    assert draw(day).svg == draw(turned).svg


def test_a_picture_is_small() -> None:
    day = [{HIGH: Decimal(f"{n}.123456789"), INJECTED_HIGH: Decimal(f"{n}.987654321")} for n in range(1, 101)]
    assert len(draw(day, on=AUTUMN).svg.encode()) < 10_000


def test_every_colour_has_another_one_in_the_dark() -> None:
    [style] = draw(silent(TOTAL)).every("style")
    light, dark = (style.text or "").split("@media(prefers-color-scheme:dark)")
    colours = [dict(re.findall(r"([.\w]+)\{\w+:(#\w+)\}", part)) for part in (light, dark)]
    assert colours[0].keys() == colours[1].keys()
    assert all(colours[0][name] != colours[1][name] for name in colours[0])


ANY_AMOUNT = st.decimals(min_value=0, max_value=MAX_AMOUNT, places=9)
ANY_REGISTER = st.sampled_from([HIGH, LOW, TOTAL, INJECTED_HIGH, INJECTED, PRODUCED, VOLUME])
ANY_AMOUNTS = st.dictionaries(ANY_REGISTER, ANY_AMOUNT)


@given(st.lists(ANY_AMOUNTS, min_size=1, max_size=96))
def test_whatever_was_counted_is_drawn_inside_the_picture(day: list[Amounts]) -> None:
    seen = draw(day)
    left, right = seen.plot
    for flow in ("consumption", "injection"):
        for bar in seen.bars(flow):
            assert left <= bar[0] < bar[1] <= right
        assert all(seen.zero - 372 - 0.1 <= height <= seen.zero - 152 + 0.1 for height in seen.heights(flow))
    for element in seen.root.iter():
        for name in ("x", "y", "cx", "cy", "width", "height", "font-size"):
            assert isfinite(float(element.get(name, 0)))


@given(st.lists(ANY_AMOUNTS, min_size=1, max_size=24))
def test_whatever_was_counted_there_are_some_levels_and_zero_is_among_them(day: list[Amounts]) -> None:
    levels = draw(day, STOVE).labels("levels")
    assert "0" in levels
    assert 2 <= len(levels) <= 6
