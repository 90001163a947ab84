"""What people asked the bridge for on the page, and what it answered."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.mqtt import Command
from bridge.text.words import Payload, to_json

_KEPT = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    name: str  # of the command
    at: datetime  # aware
    answer: Payload | None = None  # None until there is one

    @property
    def refusal(self) -> str | None:
        """Why it was not done, in the bridge's English; None while it is not known, or when it was done."""
        return None if self.answer is None or self.answer["status"] == "ok" else str(self.answer["error"])


class Answers:
    """The latest of them. May be used from any thread: the page's ask, the bridge's answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, Asked] = {}  # by their marks, oldest first

    def ask(self, wish: Callable[[Command], None], name: str, now: datetime, **request: str) -> str:
        """Ask for something; returns the mark by which the answer is found.

        Args:
            wish: hands it to the bridge.
            name: of the command.
            now: the present instant, aware.
            request: what the command is given; where that is nothing, nothing.
        """
        mark = secrets.token_urlsafe(9)
        with self._lock:
            self._asked[mark] = Asked(name, now)
            while len(self._asked) > _KEPT:
                del self._asked[next(iter(self._asked))]
        payload = to_json(request).encode() if request else b""
        wish(Command(name, payload, lambda answer: self._answered(mark, answer)))
        return mark

    def of(self, mark: str) -> Asked | None:
        """What was asked, and the answer; None if that is long ago, or never was."""
        return self._asked.get(mark)

    def _answered(self, mark: str, answer: Payload) -> None:
        with self._lock:
            if asked := self._asked.get(mark):
                self._asked[mark] = replace(asked, answer=answer)
