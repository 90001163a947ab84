"""Running text in a terminal."""

import textwrap
from shutil import get_terminal_size

_WIDEST = 100  # characters: longer lines are hard to read


def paragraph(words: str, begin: str = "") -> str:
    """Words in lines that fit, those after the first below the end of `begin`."""
    width = min(max(get_terminal_size().columns - 1, 40), _WIDEST)
    return textwrap.fill(
        words,
        width,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_on_hyphens=False,
    )
