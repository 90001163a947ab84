"""Several changes of one text, one beside the other: a long file is read once, and not once for each."""

from bisect import bisect_left
from collections.abc import Iterable

from bridge.setup.layout import Span


def together(text: str, changed: Iterable[str]) -> str:
    """A text with all changes that do not touch each other; of those that do, with the last.

    Args:
        text: as it was.
        changed: the same, each time with another change.
    """
    parts, begin = list[str](), len(text)
    for span, new in sorted((_otherwise(text, each) for each in changed), reverse=True):
        if span.end < begin or (begin == len(text) and not parts):
            parts += [text[span.end : begin], new]
            begin = span.begin
    return "".join([text[:begin], *reversed(parts)])


def _otherwise(text: str, changed: str) -> tuple[Span, str]:
    """From where to where it is otherwise, and what stands there instead."""
    shorter = min(len(text), len(changed))
    begin = bisect_left(range(shorter), True, key=lambda end: text[: end + 1] != changed[: end + 1])
    rest = bisect_left(
        range(shorter - begin), True, key=lambda size: text[-size - 1 :] != changed[-size - 1 :]
    )
    return Span(begin, len(text) - rest), changed[begin : len(changed) - rest]
