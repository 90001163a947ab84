"""What other threads hand over to the one that works: events of the broker, and the wish to stop."""

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress

from bridge.mqtt import Command, Event, PricesGiven
from bridge.service.answers import refused

_WAITING_COMMANDS = 100  # more than that is a flood
_WAITING_PRICES = 5  # each of which may be megabytes


class Stopped(Exception):
    """Someone asked the bridge to stop."""


class Inbox:
    """`put` and `stop` may be called from any thread, the others are for the one that works."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

    def put(self, event: Event) -> None:
        """Hand over what happened."""
        most = {Command: _WAITING_COMMANDS, PricesGiven: _WAITING_PRICES}.get(type(event))
        if most is None or self._queue.qsize() < most:
            self._queue.put(event)
        elif isinstance(event, Command) and event.answer:
            event.answer(refused(event, "too much is asked for at once; ask again in a minute"))

    def stop(self) -> None:
        """Have whoever waits here, or looks, end with `Stopped`."""
        self._stopping.set()
        self._queue.put(None)

    def events(self, within: float = 0.0) -> Iterator[Event]:
        """The events that are there now: more may come meanwhile, for ever.

        Args:
            within: seconds to wait for the first.

        Raises:
            Stopped: someone asked for that.
        """
        for event in self._there(within):
            self.check()
            if event:
                yield event
        self.check()

    def check(self) -> None:
        """Whether to go on.

        Raises:
            Stopped: not any more.
        """
        if self._stopping.is_set():
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Do nothing for some seconds.

        Raises:
            Stopped: someone asked for that, and it ended early.
        """
        if self._stopping.wait(seconds):
            raise Stopped

    def _there(self, within: float) -> Iterator[Event | None]:
        with suppress(queue.Empty):
            yield self._queue.get(timeout=within)
            for _ in range(self._queue.qsize()):
                yield self._queue.get_nowait()
