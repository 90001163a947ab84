"""How much one question asks for: what others are seen to live with, and half of it where that is refused."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from bridge.fluvius.errors import QuestionRefused
from bridge.fluvius.values import Span

_Answer = TypeVar("_Answer")

ONE_DAY = timedelta(days=1)


def in_days(start: datetime, end: datetime) -> list[Span]:
    """A span in pieces of a day, of which the last may be shorter."""
    pieces = []
    while start < end:
        pieces.append((start, min(start + ONE_DAY, end)))
        start += ONE_DAY
    return pieces


def in_pieces(spans: Sequence[Span], at_once: int) -> list[Sequence[Span]]:
    """Consecutive spans in as many questions as they take, oldest first."""
    return [spans[i : i + at_once] for i in range(0, len(spans), at_once)]


def halved_if_refused(ask: Callable[[Sequence[Span]], _Answer], spans: Sequence[Span]) -> list[_Answer]:
    """What is answered about consecutive spans: at once, or in two halves where Fluvius refuses that.

    Raises:
        QuestionRefused: a half is refused too, or there is nothing to halve.
    """
    try:
        return [ask(spans)]
    except QuestionRefused:
        middle = len(spans) // 2
        if not middle:
            raise
    return [ask(spans[:middle]), ask(spans[middle:])]
