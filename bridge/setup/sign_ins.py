"""Sign-ins tried out while people answer: few, for each refused one brings a locked account nearer."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from bridge.setup import tries
from bridge.setup.answers import Answers
from bridge.setup.tries import Found
from bridge.text.words import local

_MOST, _WITHIN = 3, timedelta(days=1)


class SignIns:
    """Those of everybody who answers here. May be used from any thread; two are never tried at once.

    Args:
        now: the present instant, aware.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._one_at_a_time = threading.Lock()
        self._refused: list[datetime] = []  # since the last that worked

    def attempt(self, answers: Answers) -> Found:
        """Sign in, unless too many were refused within a day, whoever begins again."""
        if not self._one_at_a_time.acquire(blocking=False):
            return Found(works=False, words="somebody else signs in just now; try again in a minute")
        try:
            if pause := self._pause():
                return pause
            found = tries.sign_in(answers)
            if found.is_refused:
                self._refused.append(self._now())
            elif found.works:
                self._refused.clear()
            return found._replace(is_final=found.is_final or self._pause() is not None)
        finally:
            self._one_at_a_time.release()

    def _pause(self) -> Found | None:
        if len(self._refused) < _MOST or abs(self._now() - self._refused[-_MOST]) >= _WITHIN:
            return None
        words = (
            f"Fluvius refused {_MOST} sign-ins within a day, and is not asked again before"
            f" {local(self._refused[-_MOST] + _WITHIN)}: another one may lock the account"
        )
        return Found(works=False, words=words, is_final=True)
