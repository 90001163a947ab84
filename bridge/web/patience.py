"""How long somebody waits who guesses at the password."""

from collections.abc import Callable
from datetime import datetime, timedelta

_FREE = 3  # wrong ones that cost nothing: a person mistypes
_FREE_FOR_ALL = 30  # together, wherever they come from
_FIRST, _LONGEST = timedelta(seconds=5), timedelta(minutes=15)
_REMEMBERED = 1000  # addresses
_ALL = ""


class Patience:
    """Each wrong password doubles the pause of an address, and of all addresses together after many.

    Args:
        now: the present instant, aware.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._wrong: dict[str, tuple[int, datetime]] = {}  # address → how many in a row, and the last

    def pause(self, address: str) -> timedelta:
        """How long it is still not worth trying; zero when it is."""
        pauses = self._left(address, _FREE), self._left(_ALL, _FREE_FOR_ALL)
        return max(*pauses, timedelta())

    def wrong(self, address: str) -> None:
        """One more."""
        for each in address, _ALL:
            count, _ = self._wrong.pop(each, (0, None))
            self._wrong[each] = count + 1, self._now()
        while len(self._wrong) > _REMEMBERED:
            del self._wrong[next(iter(self._wrong))]

    def right(self, address: str) -> None:
        """All is forgiven, to this address."""
        self._wrong.pop(address, None)

    def _left(self, address: str, free: int) -> timedelta:
        count, last = self._wrong.get(address, (0, self._now()))
        if count < free:
            return timedelta()
        pause: timedelta = _FIRST * 2 ** min(count - free, 10)
        return last + min(pause, _LONGEST) - self._now()
