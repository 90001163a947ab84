"""How a line of the log is written: one record is one line, whatever stands in it."""

import logging
from collections import deque
from datetime import UTC, datetime
from textwrap import indent
from types import TracebackType

from bridge.text.foreign import clean, clean_lines
from bridge.text.words import to_json

_KEPT = 100  # lines, for the page
_LONGEST = 10_000  # characters; a household's log names each meter, a provider's all of them

_ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class PlainLines(logging.Formatter):
    """For people. A traceback, which is a bug, follows indented."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S%z")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The time, the level, and one line of words."""
        record.message = clean(record.message, _LONGEST)
        return super().formatMessage(record)

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802 - logging's name
        """Indented, so that no line of it looks like one of the log."""
        return indent(clean_lines(super().formatException(ei)), "  ")


class LastLines(logging.Handler):
    """Keeps the last lines, for whoever looks. May be read from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(PlainLines())
        self._lines: deque[str] = deque(maxlen=_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one more."""
        self._lines.append(self.format(record))

    def lines(self) -> list[str]:
        """Oldest first."""
        return list(self._lines.copy())  # a copy is made at once, while others append


class JsonLines(logging.Formatter):
    """For programs: a JSON object on each line."""

    def format(self, record: logging.LogRecord) -> str:
        """The time in UTC, the level, the logger, the words, and a traceback where there is one."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage(), _LONGEST),
        }
        if record.exc_info:
            line["traceback"] = clean_lines(self.formatException(record.exc_info))
        return to_json(line)
