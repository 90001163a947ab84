"""How Home Assistant is greeted when it starts: told everything again, a little later and not all at once."""

import random
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from bridge.config import Settings
from bridge.publishing.discovery import HOME_ASSISTANT_STATUS

_LET_IT_START = (3.0, 10.0)  # seconds: it says that it starts when it is busiest


class Greeting:
    """What is still to be told."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._begins_at = now, now()
        self._words: deque[Callable[[], None]] = deque()

    @property
    def next_at(self) -> datetime | None:
        """When to go on."""
        return self._begins_at if self._words else None

    def begin(self, words: Iterable[Callable[[], None]]) -> None:
        """Tell all of this, from the beginning."""
        self._words = deque(words)
        self._begins_at = self._now() + timedelta(seconds=random.uniform(*_LET_IT_START))

    def go_on(self) -> None:
        """Tell the next thing, when it is time."""
        now = self._now()
        if self._begins_at > now + timedelta(seconds=_LET_IT_START[1]):  # the clock was set back
            self._begins_at = now
        if self._words and self._begins_at <= now:
            self._words.popleft()()


def births(settings: Settings) -> set[str]:
    """The topics on which Home Assistant says that it started."""
    wanted = settings.homeassistant
    if not (settings.discovers or wanted.statistics):
        return set()
    return {HOME_ASSISTANT_STATUS, f"{wanted.discovery_prefix}/status"}
