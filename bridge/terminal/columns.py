"""Text in columns, as plain lines."""

from collections.abc import Sequence

_GAPS = (3, 2, 1)


def aligned(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """A line for each row: the first cell to the left, the others to the right, with room between.

    Args:
        rows: all of the same length.
        width: columns of the terminal, more than which are taken only where nothing else is possible.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = width - sum(widths)
    gap = next((gap for gap in _GAPS if gap * (len(widths) - 1) <= room), 1)
    return [
        (" " * gap)
        .join(
            f"{cell:<{width}}" if place == 0 else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        .rstrip()
        for row in rows
    ]


def width_of(rows: Sequence[Sequence[str]]) -> int:
    """The columns that rows need at least."""
    return sum(max(map(len, column)) + 1 for column in zip(*rows, strict=True)) - 1
