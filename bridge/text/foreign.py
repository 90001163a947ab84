"""Other people's texts: what Fluvius, Microsoft, a broker or Home Assistant say, before anyone is shown it.

A line end in such a text forges a second line of the log, an escape sequence moves the terminal's cursor, and
a turn of the direction of writing makes one thing look like another.
"""

import json
import re
import unicodedata

from bridge.text.endings import ForTheUser

LONGEST = 1000  # characters
LONGEST_NAME = 80  # of a number, a reference, a version

_SEQUENCE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]")  # ECMA-48: colours, movements
_SEPARATING = {"Cc", "Zl", "Zp"}  # controls, and what ends lines and paragraphs
_INVISIBLE = {
    "Cf",
    "Cs",
}  # turns of direction and joiners (an emoji of several shows as several), half characters
_NUMBER = re.compile(r"\[Errno -?[0-9]+\] ")  # which the system has for what it says
_BEGIN_A_FORMULA = tuple("=+-@\t\r")


def clean(text: object, longest: int = LONGEST) -> str:
    """Anything as one line of characters that only show themselves, one blank between two words.

    Args:
        text: what was said.
        longest: how many characters of it are told; instead of the rest there is an ellipsis.
    """
    told = " ".join(_shown(str(text)).split())
    return told if len(told) <= longest else f"{told[: longest - 1]}…"


def clean_lines(text: object) -> str:
    """A text that has several lines on purpose, each of them as it shows itself, however long."""
    return "\n".join(map(_shown, str(text).split("\n")))


def in_json(document: str) -> str:
    """A JSON document with an escape for whatever does not show itself: the same to programs."""
    if document.isprintable():
        return document
    return "".join(
        each if each.isprintable() or each in "\n\r\t" else json.dumps(each)[1:-1] for each in document
    )


def cell(text: str) -> str:
    """A text in a CSV file that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_BEGIN_A_FORMULA) else text


class Quoting(ForTheUser):
    """An error that may quote others in its message, which is cleaned and so may be shown anywhere."""

    def __init__(self, message: object) -> None:
        super().__init__(clean(_NUMBER.sub("", str(message))))


def _shown(text: str) -> str:
    return text if text.isprintable() else "".join(map(_harmless, _SEQUENCE.sub("", text)))


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category in _SEPARATING:
        return " "
    return "" if category in _INVISIBLE else character
