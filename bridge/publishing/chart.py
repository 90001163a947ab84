"""A meter's day as a picture: an SVG for phones and walls, for light rooms and dark ones.

Plain strings, and nothing imported that the bridge does not hold in memory anyway. Instants are aware and in
UTC; what is written is local (Europe/Brussels). Powers are in kW, for gas in kWh/h, which is the same number.
Lengths are in units of which the picture is 800 wide.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from bridge.metering import agreement
from bridge.metering.model import BRUSSELS, SIDES, Day, Energy, Interval, Meter, Tariff, Unit
from bridge.publishing import payloads
from bridge.publishing.scale import hours_of_the_clock, round_levels
from bridge.text.words import plain

_WIDTH, _HEIGHT, _EDGE = 800, 420, 24
_RIGHT = _WIDTH - _EDGE
_SKY, _TOP, _BOTTOM = 96, 152, 372  # bars end at the top; the tariffs' names and the peak's label are above
_TITLE_LINE, _TOTALS_LINE, _TARIFFS_LINE, _HOURS_LINE = 44, 78, 117, 400
_TITLE_SIZE, _SIZE = 26, 20
_LETTER = 0.6  # of its size: how wide a letter is on average in the widest of the usual fonts
_GAP = 0.14  # between two bars: of an interval's width
_LABEL = 3  # letters, as in 2.5, for which there is always room, so that most days look alike
_ROOM = 50  # that a tariff's name needs

_FLATTEST = Decimal("0.1")  # from the bottom to the top: a day of nearly nothing looks like it
_HOUR = timedelta(hours=1)
_UP_AND_DOWN = SIDES["consumption"], SIDES["injection"]
_POWER = {Energy.ELECTRICITY: "kW", Energy.GAS: "kWh/h"}
_TOTALS = {
    "consumption": ("consumption/total", Unit.KWH),
    "injection": ("injection/total", Unit.KWH),
    "volume": ("volume/total", Unit.M3),
    "net": ("net", Unit.KWH),
}
_MARKS = {"consumption": "▲", "injection": "▼"}
_EM_SPACE = "\u2003"
_TAG = re.compile("<[^>]*>")

# The standard library's own escaping comes with tables of a third of a megabyte.
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

_OPENING = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}"'
    f' height="{_HEIGHT}" role="img" lang="en" font-family="sans-serif" font-size="{_SIZE}">'
)

# The paper is painted too: Home Assistant can be dark in a light browser, and the other way round.
_STYLE = """
svg{fill:#333b47}.faint{fill:#6b7380}.paper{fill:#fff}.low{fill:#eef1f7}
.grid{stroke:#d9dde4}.zero{stroke:#8b93a1}.consumption{fill:#f57c00}.injection{fill:#3c9a4e}
@media(prefers-color-scheme:dark){
svg{fill:#e4e6ea}.faint{fill:#9ba1ac}.paper{fill:#1c1c1e}.low{fill:#282c35}
.grid{stroke:#3d4048}.zero{stroke:#7b818c}.consumption{fill:#ff9433}.injection{fill:#55b56a}}
"""


class _Bar(NamedTuple):
    """The mean power of an interval."""

    start: datetime
    end: datetime
    consumption: Decimal
    injection: Decimal


class _Stretch(NamedTuple):
    """Intervals of the same tariff."""

    start: datetime
    end: datetime
    tariff: Tariff | None  # None: not known


class _Frame:
    """Where instants and powers are.

    Args:
        left: where the picture begins.
        start: at the left.
        end: at the right.
        lowest: at the bottom; injection is below zero.
        highest: at the top.
    """

    def __init__(
        self, left: float, start: datetime, end: datetime, lowest: Decimal, highest: Decimal
    ) -> None:
        self.left, self.start, self.end, self.lowest, self.highest = left, start, end, lowest, highest
        self._a_second = (_RIGHT - left) / (end - start).total_seconds()
        self._a_kilowatt = (_BOTTOM - _TOP) / float(highest - lowest)
        self.zero = self.y(Decimal(0))

    def x(self, instant: datetime) -> float:
        """How far from the left an instant is."""
        return self.left + self._a_second * (instant - self.start).total_seconds()

    def y(self, power: Decimal) -> float:
        """How far from the top a power is."""
        return _TOP + self._a_kilowatt * float(self.highest - power)


def svg(meter: Meter, day: Day, intervals: Sequence[Interval]) -> str:
    """Draw a day: consumption upwards, injection downwards, its peak, its tariffs and its totals.

    Args:
        meter: whose day it is.
        day: the day, whose totals are written exactly.
        intervals: its quarter-hours or hours in order of time, at least one. What they span is drawn: a day
            of 23 or 25 hours, or a part of one.
    """
    an_hour = _HOUR // (intervals[0].end - intervals[0].start)
    bars = [_bar(interval, an_hour) for interval in intervals]
    frame, unit = _frame(bars), _POWER[meter.energy]
    name, date = meter.label.translate(_ESCAPED), f"{day.date:%A} {day.date.day} {day.date:%B %Y}"
    totals = _totals(day)
    parts = [
        _OPENING,
        f"<title>{name} · {date}: {', '.join(totals.values())}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}" rx="12"/>',
        _line(f'<tspan font-weight="bold">{name}</tspan> · {date}', _TITLE_LINE, _TITLE_SIZE),
        _line(_legend(totals), _TOTALS_LINE, _SIZE),
        *_tariffs(_stretches(intervals), frame),
        *_levels(frame, unit),
        *_bars(bars, frame),
        *_hours(frame),
        *_peak(max(bars, key=lambda bar: bar.consumption), frame, unit),
        "</svg>",
    ]
    return "\n".join(parts)


def _bar(interval: Interval, an_hour: int) -> _Bar:
    """An interval's energy by its length: four times the kWh of a quarter-hour."""
    consumption, injection = (agreement.total(interval.amounts, flow) * an_hour for flow in _UP_AND_DOWN)
    return _Bar(interval.start, interval.end, consumption, injection)


def _frame(bars: Sequence[_Bar]) -> _Frame:
    lowest = -max(bar.injection for bar in bars)
    highest = max(lowest + _FLATTEST, *(bar.consumption for bar in bars))
    letters = max(_LABEL, *(len(_label(level)) for level in round_levels(lowest, highest)))
    return _Frame(_EDGE + (letters + 1) * _LETTER * _SIZE, bars[0].start, bars[-1].end, lowest, highest)


def _label(level: Decimal) -> str:
    return plain(abs(level))


def _totals(day: Day) -> dict[str, str]:
    """What the day amounts to, in words."""
    leaves = payloads.leaves(payloads.amounts(day.amounts))
    return {name: f"{name} {leaves[leaf]} {unit}" for name, (leaf, unit) in _TOTALS.items() if leaf in leaves}


def _legend(totals: Mapping[str, str]) -> str:
    """The totals, marked with the colours and the directions in which they are drawn."""
    return _EM_SPACE.join(
        f'<tspan class="{name}">{_MARKS[name]}</tspan> {words}' if name in _MARKS else words
        for name, words in totals.items()
    )


def _line(markup: str, baseline: int, size: int) -> str:
    """A line of text from the left edge; smaller where it would not end before the right one."""
    letters = max(1, len(_TAG.sub("", markup)))
    fitting = min(size, (_RIGHT - _EDGE) / (_LETTER * letters))
    return f'<text x="{_EDGE}" y="{baseline}" font-size="{fitting:.3g}">{markup}</text>'


def _stretches(intervals: Sequence[Interval]) -> list[_Stretch]:
    """The tariffs one after the other; an interval that knows none has its neighbours'."""
    found: list[_Stretch] = []
    for interval in intervals:
        start, tariff = interval.start, _tariff(interval)
        if found and len({tariff, found[-1].tariff} - {None}) < 2:
            before = found.pop()
            start, tariff = before.start, before.tariff or tariff
        found.append(_Stretch(start, interval.end, tariff))
    return found


def _tariff(interval: Interval) -> Tariff | None:
    """The tariff that counted, or the only one that could have."""
    mentioned = {register.tariff for register in interval.amounts} - {Tariff.TOTAL}
    counted = {register.tariff for register, amount in interval.amounts.items() if amount} & mentioned
    candidates = counted or mentioned
    return candidates.pop() if len(candidates) == 1 else None


def _tariffs(stretches: Sequence[_Stretch], frame: _Frame) -> Iterator[str]:
    """Their names, and a shade where the tariff is low."""
    for start, end, tariff in stretches:
        left, right = frame.x(start), frame.x(end)
        if tariff is Tariff.LOW:
            yield (
                f'<rect class="low" x="{left:.1f}" y="{_SKY}" width="{right - left:.1f}"'
                f' height="{_BOTTOM - _SKY}"/>'
            )
        if tariff and right - left >= _ROOM:
            yield (
                f'<text class="faint tariff" x="{(left + right) / 2:.1f}" y="{_TARIFFS_LINE}"'
                f' text-anchor="middle">{tariff}</text>'
            )


def _levels(frame: _Frame, unit: str) -> Iterator[str]:
    levels = round_levels(frame.lowest, frame.highest)
    lines = "".join(f"M{frame.left:.1f} {frame.y(level):.1f}H{_RIGHT}" for level in levels)
    yield f'<path class="grid" d="{lines}"/>'
    yield f'<text class="faint unit" x="{_EDGE}" y="{_TARIFFS_LINE}">{unit}</text>'
    yield '<g class="faint levels" text-anchor="end">'
    for level in levels:
        yield f'<text x="{frame.left - _SIZE / 2:.1f}" y="{frame.y(level) + 7:.1f}">{_label(level)}</text>'
    yield "</g>"


def _bars(bars: Sequence[_Bar], frame: _Frame) -> Iterator[str]:
    up = "".join(_column(bar, bar.consumption, frame) for bar in bars if bar.consumption)
    down = "".join(_column(bar, -bar.injection, frame) for bar in bars if bar.injection)
    yield f'<path class="consumption" d="{up}"/>'
    yield f'<path class="injection" d="{down}"/>'
    yield f'<path class="zero" d="M{frame.left:.1f} {frame.zero:.1f}H{_RIGHT}"/>'


def _column(bar: _Bar, power: Decimal, frame: _Frame) -> str:
    """The outline of a bar from zero to a power."""
    left, right, zero = frame.x(bar.start), frame.x(bar.end), frame.zero
    gap = (right - left) * _GAP / 2
    return f"M{left + gap:.1f} {zero:.1f}V{frame.y(power):.1f}H{right - gap:.1f}V{zero:.1f}z"


def _hours(frame: _Frame) -> Iterator[str]:
    """Every third hour of the clock; of a few hours, each."""
    every = 3 if frame.end - frame.start > 8 * _HOUR else 1
    yield '<g class="faint hours" text-anchor="middle">'
    for instant, hour in hours_of_the_clock(frame.start, frame.end, every):
        yield f'<text x="{frame.x(instant):.1f}" y="{_HOURS_LINE}">{hour}</text>'
    yield "</g>"


def _peak(bar: _Bar, frame: _Frame, unit: str) -> Iterator[str]:
    """The highest bar's power and time, over it as far as there is room."""
    if bar.consumption:
        words = f"{plain(bar.consumption)} {unit} at {bar.start.astimezone(BRUSSELS):%H:%M}"
        half = _LETTER * _SIZE * len(words) / 2
        x, y = frame.x(bar.start + (bar.end - bar.start) / 2), frame.y(bar.consumption)
        between = min(max(x, frame.left + half), _RIGHT - half)
        yield f'<circle class="peak" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        yield f'<text class="peak" x="{between:.1f}" y="{y - 11:.1f}" text-anchor="middle">{words}</text>'
