"""Prices, step by step: lines over time, below zero too, and where on them we are."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from bridge.web.pictures.frame import HOLE, Caption, Mark, Scale, anchor, below, framed, paint

_FLATTEST = Decimal("0.01")
_TALL = 1000  # of the box in which lines are drawn, before it is stretched


@dataclass(frozen=True, slots=True)
class Line:
    """A price at each step."""

    look: str  # classes, such as `line consumption total`
    prices: Sequence[Decimal | None]  # None: unknown


@dataclass(frozen=True, slots=True)
class Now:
    """The step that holds at present, and what is written at it."""

    step: int
    words: str


def curve(
    lines: Sequence[Line], words: Sequence[str], marks: Sequence[Mark], now: Now, caption: Caption
) -> Markup:
    """Draw them.

    Args:
        lines: one or more, of equally many steps.
        words: what each step says, for who points at it.
        marks: the words below.
        now: where on them we are.
        caption: what is said of the picture.
    """
    known = [price for line in lines for price in line.prices if price is not None] or [Decimal(0)]
    scale = Scale.around(min(known), max(known), caption.unit, _FLATTEST)
    count = len(words)
    holes = [place for place in range(count) if all(line.prices[place] is None for line in lines)]
    parts = [
        *scale.axis(caption.number, signed=True),
        *(_hole(caption.key, first, last, count) for first, last in _runs(holes)),
        *(_step(said, place, count) for place, said in enumerate(words)),
        _stretched([_path(line, scale) for line in lines], count),
        scale.zero,
        *_present(now, count),
        *below(marks, 100 / count),
    ]
    looks = [line.look for line in lines if any(price is not None for price in line.prices)]
    return framed(caption, parts, [*looks, *[HOLE] * bool(holes)])


def _present(now: Now, count: int) -> list[Markup]:
    at = f"{100 * (now.step + 0.5) / count:.2f}%"
    return [
        Markup('<line class="now" x1="{0}" x2="{0}" y2="100%"/>').format(at),
        Markup('<text class="note" x="{}" dy="-0.8em" text-anchor="{}">{}</text>').format(
            at, anchor(100 * now.step / count), now.words
        ),
    ]


def _step(words: str, place: int, count: int) -> Markup:
    return Markup('<g class="column"><title>{}</title>{}</g>').format(
        words,
        Markup('<rect class="hit" x="{:.3f}%" width="{:.3f}%" height="100%"/>').format(
            100 * place / count, 100 / count
        ),
    )


def _hole(key: str, first: int, last: int, count: int) -> Markup:
    return Markup('<rect {} x="{:.3f}%" width="{:.3f}%" height="100%"/>').format(
        paint(key, HOLE), 100 * first / count, 100 * (last - first + 1) / count
    )


def _stretched(paths: Sequence[Markup], count: int) -> Markup:
    """A path cannot be in percents: its box is stretched, and its line is as thin as before."""
    return Markup(
        '<svg class="lines" viewBox="0 0 {} {}" width="100%" height="100%" preserveAspectRatio="none">'
        "{}</svg>"
    ).format(count, _TALL, Markup().join(paths))


def _path(line: Line, scale: Scale) -> Markup:
    """Steps, and nothing where no price is known."""
    drawn, before = [], None
    for place, price in enumerate(line.prices):
        if price is not None:
            y = f"{scale.y(price) * _TALL / 100:.4g}"
            drawn.append(f"{f'M{place} ' if before is None else 'V'}{y}H{place + 1}")
        before = price
    return Markup('<path class="{}" vector-effect="non-scaling-stroke" d="{}"/>').format(
        line.look, "".join(drawn)
    )


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Those that follow each other, as first and last."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place - 1:
            runs[-1] = runs[-1][0], place
        else:
            runs.append((place, place))
    return runs
