"""What `fluvius2mqtt show` draws: days as a table, months under it, and the latest day as a chart.

Amounts are rounded to the third decimal. Where there are no colours nothing depends on them, and where
there is only ASCII nothing else is written.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TextIO

from rich.console import Console
from rich.style import Style
from rich.text import Text

from bridge.terminal.chart import (
    ATTENTION,
    AXIS,
    COLOURED,
    FAINT,
    GIVEN,
    PLAIN,
    USED,
    Brush,
    bars,
    chart,
    highest,
)
from bridge.terminal.costs import cost_table
from bridge.terminal.table import Row, table
from bridge.text.words import Payload, plain

_BOLD = Style(bold=True)

_HEIGHT = 10  # lines of the chart
_WIDTH = 80  # columns, where the terminal says that it has none
_AN_HOUR = {"PT15M": 4, "PT1H": 1}  # intervals
_ASCII = str.maketrans("▁▂▃▄▅▆▇█▔▀—─³", "...::###'\"--3")


def draw(document: Payload, output: TextIO) -> None:
    """Write it, one meter after the other.

    Args:
        document: of `bridge.commands.show`.
        output: a terminal, or anything else.
    """
    console = Console(file=output)
    console.width = console.width or _WIDTH
    has_only_ascii = not console.encoding.startswith("utf")
    has_colours = console.color_system and not console.no_color and not has_only_ascii
    brush = COLOURED if has_colours else PLAIN
    for number, meter in enumerate(document["meters"]):
        for line in [*[Text()] * bool(number), *_meter(meter, console.width, brush)]:
            if brush is PLAIN:
                line.rstrip()
            if has_only_ascii:
                line.plain = line.plain.translate(_ASCII)
            console.print(line, soft_wrap=True)


def _meter(meter: Payload, width: int, brush: Brush) -> Iterator[Text]:
    yield Text.assemble((meter["name"], _BOLD), (f"  {meter['energy']}, {meter['ean']}", FAINT))
    yield Text()
    if not meter["days"]:
        yield Text("nothing has been fetched yet", ATTENTION)
        return
    yield from table(*_rows(meter), width)
    yield Text()
    yield Text(_month_in_words(meter["month"], " so far"), FAINT)
    yield Text(_month_in_words(meter["month"]["last"]), FAINT)
    if "costs" in meter:
        yield Text()
        yield from cost_table(meter["costs"], meter["days"], width)
    if meter["latest"]:
        yield Text()
        yield from _day(meter["latest"], width, brush)


def _rows(meter: Payload) -> tuple[list[Row], list[Row]]:
    """The days, and what stands under them."""
    days = [_row(day) for day in meter["days"]]
    month = meter["month"]
    return days, [
        Row(_counted(meter["sum"]["days"], len(days)), meter["sum"], _BOLD),
        *(Row(_month(each), each if each["days"] else "no days known") for each in (month, month["last"])),
    ]


def _row(day: Payload) -> Row:
    weekday = f"{date.fromisoformat(day['date']):%a} "
    if day["state"] == "complete":
        return Row(day["date"], day, weekday=weekday)
    return Row(day["date"], day["state"], ATTENTION, weekday)


def _counted(complete: int, days: int) -> str:
    unit = "day" if days == 1 else "days"
    return f"{days} {unit}" if complete == days else f"{complete} of {days} {unit}"


def _month_in_words(month: Payload, so_far: str = "") -> str:
    counted = _counted(month["days"], month["days"])
    return f"{_month(month)}{so_far}: {counted} counted, {month['days_missing'] or 'none'} missing"


def _month(month: Payload) -> str:
    return f"{date.fromisoformat(month['start'][:10]):%B}"


def _day(latest: Payload, width: int, brush: Brush) -> Iterator[Text]:
    """The chart, with the day above it and what is what below."""
    title = Text(f"{date.fromisoformat(latest['date']):%a} {latest['date']}", _BOLD)
    if peak := latest["peak"]:
        title.append(f", peak {plain(peak['power'])} {peak['unit']} at {peak['start'][11:16]}", "not bold")
    yield title
    room = max(1, width - AXIS)
    intervals, an_hour = latest["intervals"], _AN_HOUR[latest["resolution"]]
    reach = highest(intervals, an_hour=an_hour)
    yield from chart(bars(intervals, room, an_hour=an_hour), reach, _HEIGHT, room, brush)
    yield _legend(latest["intervals"], brush)


def _legend(intervals: Sequence[Payload], brush: Brush) -> Text:
    line = Text(" " * AXIS)
    tariffs = sorted({str(each["tariff"]) for each in intervals if "tariff" in each} - {"total"})
    for flow, way, colours in ("consumption", "up", USED), ("injection", "down", GIVEN):
        if any(each.get(flow) for each in intervals):
            line.append(f"{flow} {way}  ", FAINT)
            for tariff in tariffs if brush is COLOURED else ():
                line.append("■", colours[tariff]).append(f" {tariff}  ", FAINT)
    line.rstrip()
    return line
