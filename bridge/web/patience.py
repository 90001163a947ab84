"""How long somebody waits who guesses at the password."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

log = logging.getLogger(__name__)

_FREE = 3  # wrong ones that cost nothing: a person mistypes
_FREE_FOR_ALL = 30  # together, wherever they come from
_FIRST, _LONGEST = timedelta(seconds=5), timedelta(minutes=15)
_LONGEST_FOR_ALL = timedelta(seconds=30)  # or whoever guesses would lock everybody out
_FORGIVEN_AFTER = timedelta(hours=1)  # without another one
_REMEMBERED = 1000  # addresses
_STRANGERS = ""


class Patience:
    """Each wrong password doubles the pause of an address, and after many that of all strangers.

    Strangers are addresses that never had the right one. May be used from any thread.

    Args:
        now: the present instant, aware.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._wrong: dict[str, tuple[int, datetime]] = {}  # address → how many in a row, and the last
        self._knew: dict[str, None] = {}  # addresses, the latest last

    def pause(self, address: str) -> timedelta:
        """How long it is still not worth trying; zero when it is."""
        with self._lock:
            pauses = [timedelta(), self._left(address, _FREE, _LONGEST)]
            if address not in self._knew:
                pauses.append(self._left(_STRANGERS, _FREE_FOR_ALL, _LONGEST_FOR_ALL))
            return max(pauses)

    def judged(self, address: str, password_of: str, *, is_right: bool) -> bool:
        """Whether it was the right one, which counts; a wrong one is said in the log too."""
        if is_right:
            self.right(address)
        else:
            self.wrong(address)
            log.warning("somebody at %s tried a wrong password for %s", address, password_of)
        return is_right

    def wrong(self, address: str) -> None:
        """One more."""
        with self._lock:
            for each in address, _STRANGERS:
                count = self._count(each)
                self._wrong.pop(each, None)
                self._wrong[each] = count + 1, self._now()
            _forget_oldest(self._wrong)

    def right(self, address: str) -> None:
        """All is forgiven, to this address."""
        with self._lock:
            self._wrong.pop(address, None)
            self._knew.pop(address, None)
            self._knew[address] = None
            _forget_oldest(self._knew)

    def _left(self, address: str, free: int, longest: timedelta) -> timedelta:
        count = self._count(address)
        if count < free:
            return timedelta()
        pause: timedelta = _FIRST * 2 ** min(count - free, 10)
        return self._wrong[address][1] + min(pause, longest) - self._now()

    def _count(self, address: str) -> int:
        count, last = self._wrong.get(address, (0, self._now()))
        return 0 if abs(self._now() - last) > _FORGIVEN_AFTER else count


def _forget_oldest(known: dict[str, Any]) -> None:
    while len(known) > _REMEMBERED:
        del known[next(iter(known))]
