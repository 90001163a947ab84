"""A day's quarter-hours as coloured bars: what was used upwards, what was given downwards."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich.style import Style
from rich.text import Text

AXIS = 4  # columns for the scale
ZERO = "─"

_UNITS = [  # kW of a line
    round(digit * 10.0**power, 2)
    for power in range(-2, 6)
    for digit in ((2, 5) if power == -2 else (1, 2, 2.5, 3, 4, 5, 6, 8))
]
_MANY = 100  # of a line, and more, are told in MW: three characters have to do
_ALMOST = 1e-9

# Mid-tones, to be seen on dark terminals and on light ones.
USED = {"high": "color(202)", "low": "color(214)", "total": "color(208)"}
GIVEN = {"high": "color(28)", "low": "color(71)", "total": "color(34)"}
FAINT = Style(color="color(244)")
ATTENTION = Style(color="color(166)")


class Brush(NamedTuple):
    """What a cell looks like when none to eight eighths of it are filled."""

    upwards: str  # from below
    downwards: str  # from above
    reversed_upwards: int = 9  # from so many eighths on, with the colours exchanged
    reversed_downwards: int = 9


# A coloured blank has no seams, whatever the font; and only reversed, blocks hang from above in eighths.
COLOURED = Brush(" ▁▂▃▄▅▆▇ ", " ▇▆▅▄▃▂▁ ", reversed_upwards=8, reversed_downwards=1)
PLAIN = Brush(" ▁▂▃▄▅▆▇█", " ▔▔▀▀▀███")


class Bar(NamedTuple):
    """The mean power over a stretch of the day, in kW."""

    hour: int | None  # that begins here
    tariff: str
    used: float
    given: float


def bars(intervals: Sequence[Mapping[str, Any]], room: int, *, an_hour: int = 4) -> list[Bar]:
    """As many bars as fit: quarter-hours, half-hours or hours.

    Args:
        intervals: of `M/intervals`.
        room: columns.
        an_hour: how many of the intervals make an hour: 4, or 1.
    """
    together = next((n for n in (1, 2) if len(intervals) <= n * room), 4)
    found = []
    for first in range(0, len(intervals), together):
        some = intervals[first : first + together]
        hour, minute = some[0]["start"][11:13], some[0]["start"][14:16]
        used, given = (
            float(sum(each.get(flow, 0) for each in some)) * an_hour / len(some)
            for flow in ("consumption", "injection")
        )
        tariff = some[0].get("tariff", "total")
        found.append(Bar(int(hour) if minute == "00" else None, tariff, used, given))
    return found


def highest(intervals: Sequence[Mapping[str, Any]], *, an_hour: int = 4) -> tuple[float, float]:
    """The highest power in and out, in kW, however many intervals a bar is made of; as of `bars`."""
    used, given = (
        max((float(each.get(flow, 0)) for each in intervals), default=0.0) * an_hour
        for flow in ("consumption", "injection")
    )
    return used, given


def chart(
    day: Sequence[Bar], reach: tuple[float, float], height: int, room: int, brush: Brush = COLOURED
) -> list[Text]:
    """The lines of the chart, the line of zero among them, and the hours below.

    Args:
        day: its bars.
        reach: what the scale has to reach up and down to, in kW.
        height: lines for the bars and zero.
        room: columns for the bars.
        brush: what to draw with.
    """
    width = max(1, room // max(1, len(day)))
    up, down, unit = _scale(*reach, height - 1)
    lines = []
    of, label, labelled = _label(up, unit)
    labels = {labelled: label, labelled + (1 if labelled < up - 1 else -1): of}
    for row in reversed(range(up)):
        line = Text(f"{labels.get(row, ''):>{AXIS - 1}} ", FAINT)
        for bar in day:
            glyph, style = _upwards(bar, row, unit, brush)
            line.append(glyph * width, style)
        lines.append(line)
    lines.append(Text(f"{'0':>{AXIS - 1}} {ZERO * width * len(day)}", FAINT))
    _, label, labelled = _label(down, unit)
    for row in range(down):
        line = Text(f"{label if row == labelled else '':>{AXIS - 1}} ", FAINT)
        for bar in day:
            glyph, style = _downwards(bar, row, unit, brush)
            line.append(glyph * width, style)
        lines.append(line)
    return [*lines, _hours(day, width)]


def _scale(used: float, given: float, height: int) -> tuple[int, int, float]:
    """Lines above and below zero, and the kW of one line: the smallest round number that has room for all."""
    for unit in _UNITS:
        down = math.ceil(given / unit - _ALMOST)
        if max(1, math.ceil(used / unit - _ALMOST)) + down <= height:
            break
    return max(1, height - down), down, unit


def _label(rows: int, unit: float) -> tuple[str, str, int]:
    """Of what the farthest round number is, the number, and beside which row it stands."""
    size, name = (1000, "MW") if unit >= _MANY else (1, "kW")
    powers = [round(row * unit / size, 5) for row in range(1, rows + 1)]
    row = max(
        (row for row, power in enumerate(powers) if _is_round(power) or _is_round(2 * power)), default=0
    )
    text = f"{powers[row]:g}" if powers else ""
    return name, text if len(text) < AXIS else text.removeprefix("0"), row


def _is_round(power: float) -> bool:
    return power == float(f"{power:.1g}")


def _upwards(bar: Bar, row: int, unit: float, brush: Brush) -> tuple[str, Style]:
    eighths = _filled(bar.used, row, unit)
    if eighths == 0:
        return brush.upwards[0], FAINT
    style = Style(color=USED[bar.tariff], reverse=eighths >= brush.reversed_upwards)
    return brush.upwards[eighths], style


def _downwards(bar: Bar, row: int, unit: float, brush: Brush) -> tuple[str, Style]:
    eighths = _filled(bar.given, row, unit)
    if eighths == 0:
        return brush.downwards[0], FAINT
    style = Style(color=GIVEN[bar.tariff], reverse=eighths >= brush.reversed_downwards)
    return brush.downwards[eighths], style


def _filled(amount: float, row: int, unit: float) -> int:
    """How many eighths of a cell; the smallest amount shows."""
    eighths = round(amount / unit * 8)
    if row == 0 and amount > 0:
        eighths = max(1, eighths)
    return min(max(eighths - 8 * row, 0), 8)


def _hours(day: Sequence[Bar], width: int) -> Text:
    line = " " * AXIS
    for place, bar in enumerate(day):
        if bar.hour is not None and bar.hour % 3 == 0:
            line = f"{line:{AXIS + place * width}}{bar.hour:02}"
    return Text(line, FAINT)
