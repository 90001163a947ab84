"""The demo's picture: story, chart, amounts and messages, laid out for any size of terminal."""

import json
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from bridge.demo.events import Arrived, Event, Remark, Sentence
from bridge.terminal.chart import AXIS, FAINT, GIVEN, USED, bars, chart, highest

SIDE = 19  # columns for the day's amounts

_FRESH = 2.5  # seconds
_BOLD = Style(bold=True)
_TITLE = Style(bold=True, color="color(202)")
_TOPIC = Style(color="color(32)")
_ATTENTION = Style(bold=True, color="color(166)")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Line:
    arrived: float
    topic: str
    payload: str


class Stage:
    """A picture of what was heard so far.

    Attributes:
        base: the base topic.
        listen: a command that shows the same messages.
    """

    def __init__(self) -> None:
        self.base = self.listen = ""
        self._sentence = Sentence("")
        self._latest: dict[str, Json] = {}
        self._changed: dict[str, float] = {}
        self._coming: deque[tuple[str, str]] = deque()  # messages that come in a burst are shown one by one
        self._lines: deque[_Line] = deque(maxlen=200)

    def show(self, event: Event) -> None:
        """Take an event."""
        match event:
            case Sentence():
                self._sentence = event
            case Remark(text):
                self._coming.append(("", text))
            case Arrived(topic, payload):
                name = topic.removeprefix(f"{self.base}/")
                self._coming.append((name, payload))
                if payload.startswith("{"):
                    self._latest[name] = json.loads(payload, parse_float=Decimal, parse_int=Decimal)
                    self._changed[name] = time.monotonic()

    @property
    def is_moving(self) -> bool:
        """Whether there are messages yet to be shown."""
        return bool(self._coming)

    def move_on(self) -> None:
        """Show some more of the messages that came in."""
        for _ in range(min(len(self._coming), 1 + len(self._coming) // 8)):
            self._lines.append(_Line(time.monotonic(), *self._coming.popleft()))

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.height or options.max_height
        tall = max(3, min(18, 9 + (height - 24) // 2))
        above = [
            self._header(width),
            *_wrapped(self._sentence.text, width - 2, 2),
            *self._home(width, tall),
            *self._others(),
        ]
        below = [Text(f" {self.listen}   Ctrl-C ends", FAINT)]
        room = max(0, height - len(above) - len(below) - 1)
        newest = list(self._lines)[-room:] if room else []
        lines = [*above, _rule("messages", width), *map(self._message, newest)]
        lines += [Text()] * (height - len(lines) - len(below)) + below
        for number, line in enumerate(lines[:height]):
            if number:
                yield Segment.line()
            line.truncate(width, overflow="ellipsis", pad=True)
            line.end = ""
            yield line

    def _header(self, width: int) -> Text:
        line = Text.assemble((" fluvius2mqtt ", _TITLE), ("demo", _BOLD))
        when = f"{self._sentence.at:%A %d %B %Y, %H:%M} " if self._sentence.at else ""
        line.append(f"{when:>{max(0, width - len(line))}}", _BOLD)
        return line

    def _home(self, width: int, tall: int) -> list[Text]:
        day, quarters = self._latest.get("home/day"), self._latest.get("home/intervals")
        total, status = self._latest.get("home/total", {}), self._latest.get("home/status", {})
        if not day or not quarters:
            return [_rule("home", width), *[Text()] * (tall + 1)]
        room = width - SIDE - AXIS - 1
        found = bars(quarters["intervals"], room)
        left = chart(found, highest(quarters["intervals"]), tall, room)
        right = _amounts(day, total, status, self._fresh("home/day"))
        gap = " " * min(5, 1 + room - len(found) * max(1, room // len(found)))
        widest = max(len(line) for line in left[:-1])
        lines = []
        for one, other in zip_longest(left, right[: len(left)], fillvalue=Text()):
            blank = " " * (widest - len(one))
            lines.append(Text.assemble(one, blank, gap, other))
        legend = Text.assemble(
            ("used ", FAINT), ("■", USED["high"]), (" high ", FAINT), ("■", USED["low"]), (" low   ", FAINT),
            ("given ", FAINT), ("■", GIVEN["high"]), (" high ", FAINT), ("■", GIVEN["low"]), (" low", FAINT),
        )  # fmt: skip
        return [_rule(f"home, {_day(day['date'])}", width, legend), *lines]

    def _others(self) -> Iterable[Text]:
        for name in ("gas", "shed"):
            day, total = self._latest.get(f"{name}/day"), self._latest.get(f"{name}/total")
            line = Text.assemble((f" {name:5}", _BOLD))
            if day and total:
                style = _BOLD if self._fresh(f"{name}/day") else ""
                volume = f"{day['volume']['total']:7.3f} m³" if "volume" in day else " " * 10
                line.append(f"{_day(day['date'], short=True):11}", FAINT)
                line.append(f"{day['consumption']['total']:8.3f} kWh {volume}", style)
                line.append(f"   since {_day(total['since'], short=True)[4:]:7}", FAINT)
                line.append(f"{total['consumption']['total']:9.3f} kWh", style)
            yield line

    def _message(self, line: _Line) -> Text:
        fresh = time.monotonic() - line.arrived < _FRESH
        if not line.topic:
            return Text(f" ! {line.payload}", _ATTENTION)
        return Text.assemble(
            (" ▸ " if fresh else "   ", _ATTENTION),
            (f"{self.base}/", FAINT),
            (line.topic, _TOPIC + _BOLD if fresh else _TOPIC),
            (f" {line.payload}", _BOLD if fresh else ""),
        )

    def _fresh(self, topic: str) -> bool:
        return time.monotonic() - self._changed.get(topic, 0) < _FRESH


def _amounts(day: Json, total: Json, status: Json, fresh: bool) -> Sequence[Text]:
    """The day per tariff and direction, and all days together."""
    used, given = day["consumption"], day.get("injection", {})
    style = _BOLD if fresh else Style()
    lines = [Text.assemble(("kWh", FAINT), ("     used", USED["high"]), ("  given", GIVEN["high"]))]
    lines += [
        Text(f"{tariff:5}{used[tariff]:7.3f}{given.get(tariff, Decimal(0)):7.3f}", style)
        for tariff in ("high", "low", "total")
        if tariff in used
    ]
    lines.append(Text(f"{'net':5}{day.get('net', used['total']):14.3f}", style))
    if status.get("days_awaited"):
        lines.append(Text(f"awaits {_day(status['days_awaited'][-1], short=True)}", _ATTENTION))
    else:
        lines.append(Text(f"revision {day['revision']}", _ATTENTION if day["revision"] > 1 else FAINT))
    if total:
        since = date.fromisoformat(total["since"])
        lines.append(Text(f"since {since.day} {since:%B}", FAINT))
        lines += [
            Text(f"{word:5}{total[flow]['total']:14.3f}", style)
            for word, flow in (("used", "consumption"), ("given", "injection"))
            if flow in total
        ]
    return lines


def _rule(title: str, width: int, legend: Text | None = None) -> Text:
    legend = legend or Text()
    line = Text.assemble((f" {title} ", _BOLD))
    line.append("─" * max(0, width - len(line) - len(legend) - 2), FAINT)
    return Text.assemble(line, " ", legend)


def _wrapped(text: str, width: int, height: int) -> list[Text]:
    lines = Text(text).wrap(Console(width=max(10, width)), max(10, width))
    found = [Text(f" {line.plain.rstrip()}") for line in lines][:height]
    return found + [Text()] * (height - len(found))


def _day(text: str, *, short: bool = False) -> str:
    day = date.fromisoformat(text)
    return f"{day:%a} {day.day} {day:%b}" if short else f"{day:%A} {day.day} {day:%B}"
