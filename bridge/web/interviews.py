"""The conversations that people have with the page about the configuration: kept here, and nowhere else."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from bridge.setup.interview import Interview
from bridge.setup.sign_ins import SignIns

_REMEMBERED = timedelta(hours=1)
_MOST = 20


class Interviews:
    """One for each browser; forgotten when nobody went on with it for an hour. May be used from any thread.

    Args:
        now: the present instant, aware.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.sign_ins = SignIns(now)
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Interview, datetime]] = {}  # by session, the latest last

    def of(self, session: str) -> Interview | None:
        """What a browser is being asked; None if nothing is."""
        self.tidy()
        with self._lock:
            held = self._held.pop(session, None)
            if held is None:
                return None
            self._held[session] = held[0], self._now()
            return held[0]

    def begin(self, session: str, interview: Interview) -> Interview:
        """Ask a browser something else."""
        self.end(session)
        with self._lock:
            self._held[session] = interview, self._now()
        self.tidy()
        return interview

    def end(self, session: str, *, is_written: bool = False) -> None:
        """Ask it nothing any more."""
        with self._lock:
            held = self._held.pop(session, None)
        if held:
            held[0].forget(is_written=is_written)

    def tidy(self) -> None:
        """Forget those with whom nobody goes on."""
        now = self._now()
        with self._lock:
            ages = {session: abs(now - at) for session, (_, at) in self._held.items()}
            old = [session for session, age in ages.items() if age >= _REMEMBERED]
            old = old or list(ages)[: max(len(ages) - _MOST, 0)]
        for session in old:
            self.end(session)
