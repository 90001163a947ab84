"""Columns side by side: what was consumed stands on zero, what was injected hangs below it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

from markupsafe import Markup

from bridge.web.pictures.frame import HOLE, THEN, Caption, Mark, Scale, anchor, below, framed, paint

_FLATTEST = Decimal("0.1")  # from the bottom to the top
_FEWEST = 6  # columns, for which there is always room, lest a single one fills the plot
_CAP = 8  # pixels: of what is unknown above what is known
_NOTHING = Decimal(0)

Across = tuple[float, float]  # percent: from the left, and how wide


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a column."""

    look: str  # classes, such as `consumption high`
    amount: Decimal  # above zero it stands on those before it; below, it hangs


@dataclass(frozen=True, slots=True)
class Column:
    """What was counted in some time."""

    words: str  # what it says, for who points at it
    blocks: Sequence[Block] = ()
    is_hole: bool = False  # something of it is unknown
    then: Sequence[Decimal] = ()  # the same a year before, up and down, beside it
    then_is_hole: bool = False
    note: str = ""  # above it


def columns(columns: Sequence[Column], marks: Sequence[Mark], caption: Caption) -> Markup:
    """Draw them in this order, one at least, with the marks below."""
    scale = _scale(columns, caption.unit)
    width = 100 / max(len(columns), _FEWEST)
    drawn = [_column(caption.key, each, scale, place * width, width) for place, each in enumerate(columns)]
    notes = [_note(each, scale, (place + 0.5) * width) for place, each in enumerate(columns) if each.note]
    parts = [*scale.axis(caption.number), *drawn, scale.zero, *notes, *below(marks, width)]
    return framed(caption, parts, _looks(columns))


def _looks(columns: Sequence[Column]) -> list[str]:
    """Those that were drawn, consumption before injection."""
    looks = {block.look for column in columns for block in column.blocks if block.amount}
    has_then = any(any(column.then) for column in columns)
    has_holes = any(column.is_hole or column.then_is_hole for column in columns)
    return [*sorted(looks), *[THEN] * has_then, *[HOLE] * has_holes]


def middles(words: Sequence[str]) -> list[Mark]:
    """Words below columns, each in its middle."""
    return [Mark(place + 0.5, word) for place, word in enumerate(words)]


def _scale(columns: Sequence[Column], unit: str) -> Scale:
    up = (sum((each.amount for each in column.blocks if each.amount > 0), _NOTHING) for column in columns)
    down = (sum((each.amount for each in column.blocks if each.amount < 0), _NOTHING) for column in columns)
    then = [amount for column in columns for amount in column.then]
    return Scale.around(min(chain(down, then)), max(chain(up, then)), unit, _FLATTEST)


def _column(key: str, column: Column, scale: Scale, left: float, width: float) -> Markup:
    bar = (left + width * 0.36, width * 0.56) if column.then else (left + width * 0.08, width * 0.84)
    beside = left + width * 0.1, width * 0.26
    shapes = [
        _rect(Markup('class="then"'), beside, *_ends(scale, _NOTHING, amount)) for amount in column.then
    ]
    up, down = _NOTHING, _NOTHING
    for block in column.blocks:
        end = up if block.amount > 0 else down
        if block.amount:
            shapes.append(_rect(paint(key, block.look), bar, *_ends(scale, end, end + block.amount)))
        up, down = up + max(block.amount, _NOTHING), down + min(block.amount, _NOTHING)
    if column.is_hole and column.blocks:
        shapes.append(_cap(key, bar, scale.y(up)))
    elif column.is_hole:
        shapes.append(_rect(paint(key, HOLE), (left, width), 0, 100))
    if column.then_is_hole and column.then:
        shapes.append(_cap(key, beside, scale.y(max(column.then))))
    hit = _rect(Markup('class="hit"'), (left, width), 0, 100)
    return Markup('<g class="column"><title>{}</title>{}{}</g>').format(
        column.words, hit, Markup().join(shapes)
    )


def _cap(key: str, across: Across, top: float) -> Markup:
    """Of what is known: it is not all."""
    return Markup(
        '<rect {} transform="translate(0 -{})" x="{:.3f}%" width="{:.3f}%" y="{:g}%" height="{}"/>'
    ).format(paint(key, HOLE), _CAP, *across, top, _CAP)


def _ends(scale: Scale, one: Decimal, other: Decimal) -> tuple[float, float]:
    top, bottom = scale.y(max(one, other)), scale.y(min(one, other))
    return top, bottom - top


def _rect(attributes: Markup, across: Across, top: float, height: float) -> Markup:
    return Markup('<rect {} x="{:.3f}%" width="{:.3f}%" y="{:g}%" height="{:.4g}%"/>').format(
        attributes, *across, top, height
    )


def _note(column: Column, scale: Scale, middle: float) -> Markup:
    top = sum((each.amount for each in column.blocks if each.amount > 0), _NOTHING)
    return Markup('<text class="note" x="{:.2f}%" y="{:g}%" dy="-0.5em" text-anchor="{}">{}</text>').format(
        middle, scale.y(top), anchor(middle), column.note
    )
