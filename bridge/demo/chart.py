"""A day's quarter-hours as coloured bars: what was used upwards, what was given downwards."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich.style import Style
from rich.text import Text

AXIS = 4  # columns for the scale

# Mid-tones, to be seen on dark terminals and on light ones.
USED = {"high": "color(202)", "low": "color(214)", "total": "color(208)"}
GIVEN = {"high": "color(28)", "low": "color(71)", "total": "color(34)"}
FAINT = Style(color="color(244)")

_EIGHTHS = " ▁▂▃▄▅▆▇█"


class Bar(NamedTuple):
    """The mean power over a stretch of the day, in kW."""

    hour: int | None  # that begins here
    tariff: str
    used: float
    given: float


def bars(intervals: Sequence[Mapping[str, Any]], room: int) -> list[Bar]:
    """As many bars as fit: quarter-hours, half-hours or hours.

    Args:
        intervals: of `M/intervals`.
        room: columns.
    """
    together = next((n for n in (1, 2) if len(intervals) <= n * room), 4)
    found = []
    for first in range(0, len(intervals), together):
        some = intervals[first : first + together]
        hour, minute = some[0]["start"][11:13], some[0]["start"][14:16]
        used, given = (
            float(sum(each.get(flow, 0) for each in some)) * 4 / len(some)
            for flow in ("consumption", "injection")
        )
        found.append(Bar(int(hour) if minute == "00" else None, some[0]["tariff"], used, given))
    return found


def chart(day: Sequence[Bar], height: int, room: int) -> list[Text]:
    """The lines of the chart, the hours below.

    Args:
        day: its bars.
        height: lines for the bars.
        room: columns for the bars.
    """
    width = max(1, room // max(1, len(day)))
    up, down, unit = _scale(max(bar.used for bar in day), max(bar.given for bar in day), height)
    lines = []
    for row in reversed(range(up)):
        label = f"{up * unit:.1f}" if row == up - 1 else "kW" if row == up - 2 else ""
        line = Text(f"{label:>{AXIS - 1}} ", FAINT)
        for bar in day:
            line.append(*_upwards(bar, row, unit, width))
        lines.append(line)
    for row in range(down):
        line = Text(f"{f'{down * unit:.1f}' if row == down - 1 else '':>{AXIS - 1}} ", FAINT)
        for bar in day:
            line.append(*_downwards(bar, row, unit, width))
        lines.append(line)
    return [*lines, _hours(day, width)]


def _scale(used: float, given: float, height: int) -> tuple[int, int, float]:
    """Lines above and below zero, and the kW of one line."""
    down = 0 if given == 0 else min(max(1, round(height * given / (used + given))), height - 1)
    up = height - down
    return up, down, max(used / up, given / down if down else 0, 0.001)


def _upwards(bar: Bar, row: int, unit: float, width: int) -> tuple[str, Style]:
    eighths = _filled(bar.used, row, unit)
    if eighths == 0:
        return (_EIGHTHS[row == 0] * width, FAINT)
    colour = USED[bar.tariff]
    if eighths == 8:  # a coloured blank has no seams, whatever the font
        return (" " * width, Style(color=colour, reverse=True))
    return (_EIGHTHS[eighths] * width, Style(color=colour))


def _downwards(bar: Bar, row: int, unit: float, width: int) -> tuple[str, Style]:
    eighths = _filled(bar.given, row, unit)
    if eighths == 0:
        return (" " * width, FAINT)
    return (_EIGHTHS[8 - eighths] * width, Style(color=GIVEN[bar.tariff], reverse=True))


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
