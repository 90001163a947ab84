"""Amounts in columns, by direction and tariff: as many columns as there is room for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from rich.style import Style
from rich.text import Text

from bridge.terminal.chart import FAINT, GIVEN, USED
from bridge.text.words import Payload

_SIDES = {  # in this order: unit, and colour
    "consumption": ("kWh", USED["high"]),
    "volume": ("m³", USED["high"]),
    "injection": ("kWh", GIVEN["high"]),
    "production": ("kWh", GIVEN["high"]),
    "auxiliary": ("kWh", USED["high"]),
    "net": ("kWh", ""),
}
_TARIFFS = ("high", "low", "total")
_GAPS = (3, 2, 1)


class Row(NamedTuple):
    """One line."""

    label: str
    amounts: Payload | str  # as payloads have them, or a word instead of any
    style: Style | str = ""
    weekday: str = ""  # in front of the label, where there is room


class _Side(NamedTuple):
    """The columns of one direction."""

    name: str
    tariffs: tuple[str, ...]

    @property
    def heads(self) -> tuple[str, ...]:
        return self.tariffs if len(self.tariffs) > 1 else (_SIDES[self.name][0],)

    def cells(self, amounts: Payload | str) -> list[str]:
        known = _by_tariff(amounts, self.name)
        return [f"{known[each]:.3f}" if each in known else "" for each in self.tariffs]


# What may be left out for want of room; totals and tariffs add up, so neither hides anything.
_VARIANTS: tuple[Callable[[_Side], _Side], ...] = (
    lambda side: side,
    lambda side: side._replace(tariffs=side.tariffs[:-1] or side.tariffs),
    lambda side: side._replace(tariffs=side.tariffs[-1:]),
)


@dataclass(frozen=True)
class _Layout:
    rows: Sequence[Row]
    sides: Sequence[_Side]
    gap: int
    has_weekdays: bool

    @cached_property
    def width(self) -> int:
        return self._label + sum(self.gap + 1 + self._width(widths) for widths in self._widths)

    def heads(self) -> Iterator[Text]:
        """The directions, and their tariffs or units below."""
        names, heads = Text(" " * self._label), Text(" " * self._label)
        for side, widths in zip(self.sides, self._widths, strict=True):
            name = f"{side.name:^{self._width(widths)}}" if len(widths) > 1 else f"{side.name:>{widths[0]}}"
            names.append(" " * (self.gap + 1)).append(name, _SIDES[side.name][1])
            heads.append(" " * (self.gap + 1)).append(self._cells(side.heads, widths), FAINT)
        yield from (names, heads)

    def line(self, row: Row) -> Text:
        """One row's amounts, or its word behind a dash."""
        line = Text(f"{self._labelled(row):<{self._label}}", row.style)
        for side, widths in zip(self.sides, self._widths, strict=True):
            line.append(" " * (self.gap + 1)).append(self._cells(side.cells(row.amounts), widths))
        if isinstance(row.amounts, str):
            line.truncate(self._label + self.gap + self._first)
            line.append(f"—  {row.amounts}")
        return line

    @cached_property
    def _label(self) -> int:
        return max(len(self._labelled(row)) for row in self.rows)

    @cached_property
    def _widths(self) -> list[list[int]]:
        return [self._widths_of(side) for side in self.sides]

    @cached_property
    def _first(self) -> int:
        return self._widths[0][0] if self._widths else 1

    def _labelled(self, row: Row) -> str:
        return row.weekday * self.has_weekdays + row.label

    def _widths_of(self, side: _Side) -> list[int]:
        columns = zip(side.heads, *(side.cells(row.amounts) for row in self.rows), strict=True)
        widths = [max(map(len, column)) for column in columns]
        widths[0] += max(0, len(side.name) - self._width(widths))
        return widths

    def _width(self, widths: Sequence[int]) -> int:
        return sum(widths) + self.gap * (len(widths) - 1)

    def _cells(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        return (" " * self.gap).join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def table(above: Sequence[Row], below: Sequence[Row], width: int) -> Iterator[Text]:
    """Rows, and others under them, with the directions and tariffs that any of them has.

    Args:
        above: rows.
        below: rows.
        width: columns of the terminal, more than which are taken only where nothing more can be left out.
    """
    rows = [*above, *below]
    layout = _layout(rows, width)
    yield from layout.heads()
    yield from map(layout.line, above)
    yield Text()
    yield from map(layout.line, below)


def _layout(rows: Sequence[Row], width: int) -> _Layout:
    """The most generous that fits."""
    sides = _sides(rows)
    layouts = (
        _Layout(rows, [variant(side) for side in sides], gap, has_weekdays)
        for variant in _VARIANTS
        for has_weekdays in (True, False)
        for gap in _GAPS
    )
    layout = next(layouts)
    while layout.width > width and (smaller := next(layouts, None)):
        layout = smaller
    return layout


def _sides(rows: Sequence[Row]) -> list[_Side]:
    found = []
    for name in _SIDES:
        known = {tariff for row in rows for tariff in _by_tariff(row.amounts, name)}
        if known:
            found.append(_Side(name, tuple(tariff for tariff in _TARIFFS if tariff in known)))
    return found


def _by_tariff(amounts: Payload | str, name: str) -> Mapping[str, Decimal]:
    """The amounts of one direction, where there are any; the net knows no tariffs."""
    if isinstance(amounts, str) or name not in amounts:
        return {}
    return {"total": amounts[name]} if isinstance(amounts[name], Decimal) else amounts[name]
