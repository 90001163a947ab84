"""The pages' pictures, read as a browser reads them."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bridge.web
from bridge.metering import meterday
from bridge.metering.costs import Price
from bridge.metering.model import BRUSSELS, MAX_AMOUNT, Energy, Meter, Tariff
from bridge.text.words import plain
from bridge.web.pictures import drawings
from bridge.web.pictures.columns import Block, Column, columns, middles
from bridge.web.pictures.frame import Caption
from bridge.web.readings import Amounts, Comparison, Day, Period, PriceCurve, Slot, State, Sum

HOME = Meter("home", "541448820000000008", Energy.ELECTRICITY)
STOVE = Meter("stove", "541448820000000015", Energy.GAS)
FRIDAY = date(2026, 11, 20)
NAMES = {
    "consumption high": "consumption by day",
    "consumption low": "consumption by night",
    "consumption total": "consumption",
    "injection high": "injection by day",
    "injection low": "injection by night",
    "injection total": "injection",
    "line consumption total": "costs",
    "line injection total": "brings",
    "hole": "unknown",
    "then": "a year before",
    State.MISSING: "missing",
    State.NOT_YET: "not yet",
}
STYLE = Path(bridge.web.__file__).with_name("static") / "pictures.css"


class Picture:
    """What there is to see."""

    def __init__(self, markup: str) -> None:
        self.markup, self.root = markup, ET.fromstring(markup)

    def every(self, what: str, of: str = "") -> list[ET.Element]:
        return [each for each in self.root.iter(what) if of in each.get("class", "").split() or not of]

    def words(self, of: str) -> list[str]:
        return ["".join(each.itertext()) for each in self.every("text", of)]

    @property
    def legend(self) -> list[str]:
        return ["".join(each.itertext()).strip() for each in self.every("li")]

    @property
    def told(self) -> list[str]:
        return [each.findtext("title") or "" for each in self.every("g", "column")]

    @property
    def zero(self) -> float:
        [line] = self.every("line", "zero")
        return percent(line, "y1")

    def bars(self, look: str) -> list[ET.Element]:
        """Those of a look, whether it is a class or a pattern."""
        return [
            each
            for column in self.every("g", "column")
            for each in column.iter("rect")
            if each.get("class") == look or each.get("fill") == f"url(#key-{look.replace(' ', '-')})"
        ]

    def heights(self, look: str) -> list[float]:
        return [percent(each, "height") for each in self.bars(look)]


def percent(element: ET.Element, name: str) -> float:
    return float(element.get(name, "").removesuffix("%"))


def caption(**of: Any) -> Caption:
    known = {"key": "key", "title": "A title", "description": "In words", "unit": "kWh", "names": NAMES}
    return Caption(**{**known, "number": plain, **of})


def draw(drawn: Sequence[Column], **of: Any) -> Picture:
    return Picture(columns(drawn, middles([str(n) for n in range(1, len(drawn) + 1)]), caption(**of)))


def column(high: str = "0", injected: str = "0", low: str = "0", **of: Any) -> Column:
    blocks = (
        Block("consumption high", Decimal(high)),
        Block("consumption low", Decimal(low)),
        Block("injection high", -Decimal(injected)),
    )
    return Column("said", blocks, **of)


def sides(consumption: str | None = None, injection: str | None = None) -> Amounts:
    given = {"consumption": consumption, "injection": injection}
    return Amounts({side: {"total": Decimal(amount)} for side, amount in given.items() if amount})


def a_day(counted: Sequence[Amounts | None], meter: Meter = HOME, on: date = FRIDAY) -> Day:
    length = meterday.interval_length(meter.energy)
    starts = meterday.intervals_of(on, meter.energy)[: len(counted)]
    slots = tuple(
        Slot(start, start + length, amounts, is_whole=amounts is not None)
        for start, amounts in zip(starts, counted, strict=True)
    )
    known = [slot for slot in slots if slot.amounts]
    peak = max(known, key=lambda slot: slot.amounts.of("consumption") or 0) if known else None  # type: ignore[union-attr]
    return Day(meter, on, None, None, State.COMPLETE, slots=slots, peak=peak)


def draw_day(day: Day) -> Picture:
    return Picture(drawings.day(day, caption(unit=drawings.POWER[day.meter.energy]), in_brussels))


def a_weekday(instant: datetime) -> str:
    return f"{instant.astimezone(BRUSSELS):%a}"


def in_brussels(instant: datetime) -> str:
    return f"{instant.astimezone(BRUSSELS):%H:%M}"


def a_row(on: date, amounts: Amounts | None, missing: int = 0, state: State = State.COMPLETE) -> Sum:
    return Sum(on, on, state, days=int(amounts is not None), missing=missing, corrected=0, amounts=amounts)


def draw_month(rows: Sequence[Sum], before: Sequence[Sum | None] = ()) -> Picture:
    compared = Comparison(tuple(before), rows[0], rows[0], is_whole=False) if before else None
    period = Period(HOME, rows[0], tuple(rows), comparison=compared)
    return Picture(drawings.period(period, caption(), date.isoformat, lambda day: str(day.day)))


def a_curve(prices: Sequence[str | None], now: int = 33) -> PriceCurve:
    start, tomorrow, end = (
        meterday.start_of(FRIDAY + timedelta(days=n), Energy.ELECTRICITY) for n in range(3)
    )
    quarters = tuple(
        None if price is None else a_price(start + timedelta(minutes=15) * n, Decimal(price))
        for n, price in enumerate(prices)
    )
    present = quarters[now]
    assert present
    return PriceCurve(present, {}, quarters, start, tomorrow, end, end, is_dynamic=True)


def a_price(start: datetime, price: Decimal) -> Price:
    return Price(start, {Tariff.TOTAL: price}, {Tariff.TOTAL: price / 2})


def draw_prices(curve: PriceCurve) -> Picture:
    return Picture(drawings.prices(curve, caption(unit="EUR/kWh"), in_brussels, a_weekday, "now"))


def the_path(seen: Picture, look: str) -> str:
    [path] = [each for each in seen.every("path") if each.get("class") == look]
    return path.get("d", "")


# --- peaks


def test_peaks_stand_beside_each_other_and_what_is_billed_at_least_on_those_below_it() -> None:
    months = meterday.months_until(date(2026, 11, 1), 3)
    said = {
        "months": [{"month": "2026-10", "peak": Decimal("1.5")}],
        "month": "2026-11",
        "peak": Decimal(5),
        "floor": Decimal("2.5"),
    }
    names = {"consumption high": "peak", "consumption low": "at least", "hole": "unknown"}
    told = caption(unit="kW", names=names)
    seen = Picture(drawings.peaks(months, said, told, lambda each: f"{each:%b}", lambda each: f"{each:%b}"))
    assert seen.told == ["Sep: unknown", "Oct: peak 1.5 kW, at least 2.5 kW", "Nov: peak 5 kW"]
    assert seen.heights("consumption high") == [30, 100]
    assert seen.heights("consumption low") == [20]
    assert seen.legend == ["peak", "at least", "unknown"]


# --- columns


def test_twice_as_much_is_twice_as_high_and_injection_hangs_below_zero() -> None:
    seen = draw([column("1", "2"), column("2"), column("4")])
    one, two, four = seen.heights("consumption high")
    assert (two, four) == pytest.approx((2 * one, 4 * one), abs=0.05)
    [down] = seen.bars("injection high")
    assert percent(down, "height") == pytest.approx(two, abs=0.05)
    assert percent(down, "y") == seen.zero
    assert all(
        percent(bar, "y") + percent(bar, "height") == pytest.approx(seen.zero, abs=0.05)
        for bar in seen.bars("consumption high")
    )


def test_tariffs_are_piled_up_and_told_apart_by_stripes_too() -> None:
    seen = draw([column("1", low="3")])
    [high], [low] = seen.bars("consumption high"), seen.bars("consumption low")
    assert percent(low, "y") + percent(low, "height") == pytest.approx(percent(high, "y"), abs=0.05)
    assert low.get("fill", "").startswith("url(#")
    [pattern] = seen.every("pattern")
    assert f"url(#{pattern.get('id')})" == low.get("fill")
    assert seen.legend == ["consumption by day", "consumption by night"]


def test_columns_stand_side_by_side_from_edge_to_edge() -> None:
    seen = draw([column("1")] * 31)
    bars = [(percent(bar, "x"), percent(bar, "width")) for bar in seen.bars("consumption high")]
    assert 0 < bars[0][0] < 1
    assert 99 < bars[-1][0] + bars[-1][1] < 100
    assert all(x + width < following for (x, width), (following, _) in pairwise(bars))


def test_a_single_column_does_not_fill_the_plot() -> None:
    [bar] = draw([column("1")]).bars("consumption high")
    assert percent(bar, "width") < 20


def test_what_is_unknown_is_a_hole_from_top_to_bottom_and_never_a_bar() -> None:
    seen = draw([column("1"), Column("unknown", is_hole=True)])
    [hole] = seen.bars("hole")
    assert (percent(hole, "y"), percent(hole, "height")) == (0, 100)
    assert len(seen.bars("consumption high")) == 1
    assert "unknown" in seen.legend


def test_what_is_known_in_part_has_a_cap_of_what_is_not() -> None:
    seen = draw([column("1", is_hole=True), column("2")])
    [cap] = seen.bars("hole")
    assert percent(cap, "y") == percent(seen.bars("consumption high")[0], "y")
    assert cap.get("height") == "8"


def test_the_year_before_stands_beside_it() -> None:
    seen = draw([column("1", then=(Decimal(2), Decimal(-1))), column("1")])
    up, down = seen.bars("then")
    [now, alone] = seen.bars("consumption high")
    assert percent(up, "x") + percent(up, "width") <= percent(now, "x")
    assert percent(up, "height") == pytest.approx(2 * percent(now, "height"), abs=0.05)
    assert percent(down, "y") == seen.zero
    assert percent(alone, "width") > percent(now, "width")
    assert seen.legend[-1] == "a year before"


def test_levels_are_round_and_said_in_a_unit_that_suits_them() -> None:
    assert draw([column("19.2", "11")]).words("level") == ["10", "0", "10"]
    assert draw([column("26000")]).words("level") == ["0", "10", "20"]
    assert draw([column("26000")]).words("unit") == ["MWh"]
    assert draw([column("26000", "0")], unit="m³").words("unit") == ["m³"]


def test_nothing_at_all_is_a_calm_picture() -> None:
    seen = draw([column()] * 3)
    assert (seen.bars("consumption high"), seen.legend) == ([], [])
    assert "0" in seen.words("level")


def test_a_phone_has_fewer_words_below_and_none_that_touch() -> None:
    seen = draw([column("1")] * 31)
    marks = {kind: [int(word) for word in seen.words(kind)] for kind in ("mark", "narrow", "wide")}
    on_a_phone = [each for each in marks["mark"] if each not in marks["wide"]]
    assert on_a_phone == list(range(1, 32, 3))
    assert [each for each in marks["mark"] if each not in marks["narrow"]] == list(range(1, 32))


# --- accessible, and nothing that a strict policy forbids


def test_a_screen_reader_is_told_what_it_is_and_what_each_column_says() -> None:
    seen = draw([column("1"), column("2")], title="November", description="Less than last year")
    [plot] = seen.every("svg", "plot")
    assert plot.get("role") == "img"
    named = {each.get("id"): "".join(each.itertext()) for each in seen.root.iter() if each.get("id")}
    told = [named[each] for each in plot.get("aria-labelledby", "").split()]
    assert told == ["November", "Less than last year"]
    assert seen.told == ["said", "said"]


def test_two_pictures_on_a_page_share_no_id() -> None:
    drawn = [column("1", "1", "1", is_hole=True)]
    found = [
        {each.get("id") for each in draw(drawn, key=key).root.iter() if each.get("id")} for key in ("a", "b")
    ]
    assert found[0]
    assert not found[0] & found[1]


def test_nothing_is_styled_or_run_or_fetched() -> None:
    seen = [draw([column("1", "1", "1", is_hole=True, note="x")]), draw_prices(a_curve(["0.1"] * 192))]
    for element in (each for picture in seen for each in picture.root.iter()):
        assert element.tag not in {"style", "script", "image", "use", "foreignObject", "a"}
        assert not {name for name in element.attrib if name == "style" or name.startswith("on")}
        assert not any("://" in value for value in element.attrib.values())


@pytest.mark.parametrize("name", ['<script>alert("1")</script>', 'Mémé\'s "huis" & <b>'])
def test_names_are_escaped_wherever_they_stand(name: str) -> None:
    names = dict.fromkeys(NAMES, name)
    drawn = [Column(name, (Block("consumption high", Decimal(1)),), note=name)]
    seen = Picture(
        columns(drawn, middles([name]), caption(names=names, title=name, description=name, unit=name))
    )
    assert seen.every("script") == seen.every("b") == []
    assert (seen.told, seen.words("note"), seen.words("mark"), seen.words("unit")) == (
        [name],
        [name],
        [name],
        [name],
    )
    assert seen.legend == [name]


def test_every_class_has_its_rule() -> None:
    styled = set(re.findall(r"\.([a-z]+)", STYLE.read_text()))
    seen = [
        draw([column("1", "1", "1", is_hole=True, note="x", then=(Decimal(1),))] * 31),
        draw_prices(a_curve([*["0.1"] * 100, *[None] * 92])),
    ]
    used = {
        name for picture in seen for each in picture.root.iter() for name in each.get("class", "").split()
    }
    assert used - {"high", "total", "column", "lines", "level", "unit", "mark"} <= styled


def test_colours_stand_out_from_what_they_lie_on_and_differ_in_the_dark() -> None:
    pages, schemes = colours(STYLE.with_name("style.css")), colours(STYLE)
    assert schemes[0].keys() == schemes[1].keys()
    for page, scheme in zip(pages, schemes, strict=True):
        for name in ("consumption", "injection", "then", "unknown"):
            for paper in ("paper", "card"):
                assert contrast(scheme[name], page[paper]) >= 3, (name, paper)
        for name in ("consumption", "injection"):
            assert contrast(scheme[name], scheme[f"{name}-pale"]) >= 1.5, name


def colours(style: Path) -> list[dict[str, str]]:
    """By name, in the light and in the dark; in full where they are written short."""
    return [
        {
            name: "#" + (digits if len(digits) == 6 else "".join(2 * each for each in digits))
            for name, digits in re.findall(r"--([a-z-]+): #([0-9a-f]+);", part)
        }
        for part in style.read_text().split("prefers-color-scheme: dark")[:2]
    ]


def contrast(one: str, other: str) -> float:
    """As WCAG 2 has it."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# --- days


def test_a_day_is_drawn_in_kw_with_its_peak() -> None:
    counted = [sides("0.25", "0.1")] * 96
    counted[30] = sides("0.8035")
    seen = draw_day(a_day(counted))
    assert seen.words("unit") == ["kW"]
    assert seen.words("note") == ["3.214 kW, 07:30"]
    assert seen.told[0] == "00:00: consumption 1 kW, injection 0.4 kW"
    assert len(seen.bars("consumption total")) == 96


def test_gas_is_drawn_as_it_was_counted() -> None:
    seen = draw_day(a_day([sides("4.2")] * 24, STOVE))
    assert seen.words("unit") == ["kWh/h"]
    assert seen.told[0] == "06:00: consumption 4.2 kWh/h"
    assert seen.words("mark") == ["06", "09", "12", "15", "18", "21", "00", "03", "06"]


@pytest.mark.parametrize(
    ("on", "slots", "hours"),
    [
        (date(2026, 3, 29), 92, "00 03 06 09 12 15 18 21 00"),
        (date(2026, 10, 25), 100, "00 02 02 03 06 09 12 15 18 21 00"),
    ],
)
def test_hours_are_those_of_the_clock_when_it_changes(on: date, slots: int, hours: str) -> None:
    seen = draw_day(a_day([sides("1")] * slots, on=on))
    assert len(seen.told) == slots
    on_a_wide_page = [
        "".join(each.itertext())
        for each in seen.every("text", "mark")
        if "narrow" not in each.get("class", "")
    ]
    assert on_a_wide_page == hours.split()


def test_a_quarter_hour_that_is_not_known_is_a_hole_of_its_width() -> None:
    seen = draw_day(a_day([*[sides("1")] * 50, None, *[sides("1")] * 45]))
    [hole] = seen.bars("hole")
    assert percent(hole, "x") == pytest.approx(100 * 50 / 96, abs=0.01)
    assert percent(hole, "width") == pytest.approx(100 / 96, abs=0.01)
    assert seen.told[50] == "12:30: unknown"


def test_a_day_without_quarter_hours_has_no_picture() -> None:
    assert drawings.day(a_day([]), caption(), in_brussels) == ""


def test_a_day_of_injection_alone_has_nothing_above_zero() -> None:
    seen = draw_day(a_day([sides(None, "0.5")] * 96))
    assert (seen.bars("consumption total"), seen.words("note")) == ([], [])
    assert len(seen.bars("injection total")) == 96


# --- months and years


def test_a_month_has_a_column_for_each_day_and_says_what_it_is() -> None:
    days = meterday.span(date(2026, 11, 1), date(2026, 11, 30))
    rows = [a_row(day, sides("8", "2")) for day in days[:20]]
    rows[4] = a_row(days[4], None, missing=1, state=State.MISSING)
    rows += [a_row(day, None, state=State.NOT_YET) for day in days[20:]]
    before = [a_row(day.replace(year=2025), sides("10")) for day in days]
    seen = draw_month(rows, before)
    assert len(seen.bars("consumption total")) == 19
    assert len(seen.bars("then")) == 30
    assert len(seen.bars("hole")) == 1
    assert seen.told[0] == "2026-11-01: consumption 8 kWh, injection 2 kWh, a year before 10 kWh"
    assert seen.told[4] == "2026-11-05: missing, a year before 10 kWh"
    assert seen.told[29].startswith("2026-11-30: not yet")


def test_a_month_that_is_known_in_part_says_so_and_so_does_that_of_last_year() -> None:
    part = a_row(date(2026, 10, 1), sides("8"), missing=2, state=State.MISSING)
    then = a_row(date(2025, 10, 1), sides("9"), missing=5, state=State.MISSING)
    seen = draw_month([part, a_row(date(2026, 11, 1), sides("8"))], [then, None])
    assert len(seen.bars("hole")) == 2
    assert seen.told[0] == "2026-10-01: consumption 8 kWh, missing, a year before 9 kWh"


# --- prices


def test_prices_are_steps_and_go_below_zero() -> None:
    seen = draw_prices(a_curve([*["0.1"] * 40, *["-0.05"] * 20, *["0.1"] * 132]))
    assert the_path(seen, "line consumption total") == "M0 0H1V0H2" + "".join(
        f"V{0 if not 40 <= n < 60 else 1000}H{n + 1}" for n in range(2, 192)
    )
    assert seen.zero == pytest.approx(100 * 0.1 / 0.15, abs=0.01)
    assert "-0.05" in seen.words("level")
    assert seen.told[40] == "10:00: costs -0.05 EUR/kWh, brings -0.025 EUR/kWh"
    assert seen.legend == ["costs", "brings"]


def test_tomorrow_that_is_not_known_yet_is_a_hole() -> None:
    seen = draw_prices(a_curve([*["0.1"] * 96, *[None] * 96]))
    [hole] = [each for each in seen.every("rect") if each.get("fill") == "url(#key-hole)" and each.get("x")]
    assert (percent(hole, "x"), percent(hole, "width")) == (50, 50)
    assert the_path(seen, "line consumption total").endswith("H96")
    assert seen.told[-1] == "23:45: unknown"


def test_the_present_is_marked() -> None:
    seen = draw_prices(a_curve(["0.1"] * 192, now=96))
    [line] = seen.every("line", "now")
    assert percent(line, "x1") == pytest.approx(100 * 96.5 / 192, abs=0.01)
    assert seen.words("note") == ["now"]


def test_each_of_the_two_days_is_named_where_it_begins() -> None:
    seen = draw_prices(a_curve(["0.1"] * 192))
    assert seen.words("mark") == ["Fri", "06", "12", "18", "Sat", "06", "12", "18", "00"]


def test_a_price_that_is_missing_in_the_middle_breaks_the_line() -> None:
    seen = draw_prices(a_curve([*["0.1"] * 50, None, *["0.2"] * 141]))
    assert the_path(seen, "line consumption total").count("M") == 2


# --- whatever comes

ANY_AMOUNT = st.decimals(min_value=0, max_value=MAX_AMOUNT, places=9)


@given(st.lists(st.tuples(ANY_AMOUNT, ANY_AMOUNT, ANY_AMOUNT, st.booleans()), min_size=1, max_size=31))
def test_whatever_was_counted_is_drawn_inside_the_plot(
    counted: list[tuple[Decimal, Decimal, Decimal, bool]],
) -> None:
    seen = draw(
        [
            column(str(high), str(injected), str(low), is_hole=is_hole, then=(low, -high))
            for high, injected, low, is_hole in counted
        ]
    )
    for each in seen.root.iter("rect"):
        for start, length in (("x", "width"), ("y", "height")):
            if each.get(length, "").endswith("%"):
                end = percent(each, length) + (percent(each, start) if each.get(start) else 0)
                assert -0.05 <= end <= 100.05
    assert 2 <= len(seen.words("level")) <= 6


@given(st.lists(st.none() | st.decimals(-100, 100, places=5), min_size=1, max_size=96))
def test_whatever_prices_there_are_they_are_drawn_inside_the_plot(prices: list[Decimal | None]) -> None:
    texts = [None if price is None else str(price) for price in prices]
    seen = draw_prices(a_curve(["0.1", *texts, *["0.2"] * (191 - len(texts))], now=0))
    ys = [float(y) for y in re.findall(r"(?:M\d+ |V)([^HMV]+)", the_path(seen, "line consumption total"))]
    assert all(0 <= y <= 1000 for y in ys)
