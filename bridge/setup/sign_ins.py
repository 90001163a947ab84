"""Sign-ins tried out while people answer."""

import threading

from bridge.fluvius.open import Now
from bridge.setup import tries
from bridge.setup.answers import Answers
from bridge.setup.tries import Found


class SignIns:
    """Those of everybody who answers here. May be used from any thread; two are never tried at once.

    Args:
        now: the present instant, aware.
    """

    def __init__(self, now: Now) -> None:
        self._now = now
        self._one_at_a_time = threading.Lock()

    def attempt(self, answers: Answers) -> Found:
        """Sign in, unless somebody else does, or too many were refused within a day."""
        if not self._one_at_a_time.acquire(blocking=False):
            return Found(works=False, words="somebody else signs in just now; try again in a minute")
        try:
            return tries.sign_in(answers, self._now)
        finally:
            self._one_at_a_time.release()
