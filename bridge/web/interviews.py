"""The conversations that people have with the page about the configuration: kept here, and nowhere else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        self._ended: list[tuple[Interview, bool]] = []  # and whether it was written: to be forgotten

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

    @contextmanager
    def alone_with(self, interview: Interview, *, patience: float) -> Iterator[bool]:
        """Nobody else goes on with it meanwhile; whether that was to be had within some seconds."""
        is_alone = interview.lock.acquire(timeout=patience)
        try:
            yield is_alone and self._goes_on(interview)
        finally:
            if is_alone:
                interview.lock.release()
                self.tidy()

    def end(self, session: str, *, is_written: bool = False) -> None:
        """Ask it nothing any more."""
        with self._lock:
            if held := self._held.pop(session, None):
                self._ended.append((held[0], is_written))
        self._forget_ended()

    def tidy(self) -> None:
        """Forget those with whom nobody goes on; of too many, first those in which nothing was answered."""
        now = self._now()
        with self._lock:
            old = [session for session, (_, at) in self._held.items() if abs(now - at) >= _REMEMBERED]
            others = sorted(list(self._held)[:-1], key=lambda session: bool(self._held[session][0].passed))
            for session in old or others[: max(len(self._held) - _MOST, 0)]:
                self._ended.append((self._held.pop(session)[0], False))
        self._forget_ended()

    def _goes_on(self, interview: Interview) -> bool:
        with self._lock:
            return any(each is interview for each, _ in self._held.values())

    def _forget_ended(self) -> None:
        """Except those in which an answer is being tried: they leave traces until it was."""
        with self._lock:
            ended, self._ended = self._ended, []
            for interview, is_written in ended:
                if interview.lock.acquire(blocking=False):
                    try:
                        interview.forget(is_written=is_written)
                    finally:
                        interview.lock.release()
                else:
                    self._ended.append((interview, is_written))
