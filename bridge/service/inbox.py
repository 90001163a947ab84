"""What other threads hand over to the one that works: events of the broker, and the wish to stop."""

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress

from bridge.config.prices import LARGEST_LIST
from bridge.mqtt import Command, Event, PricesGiven, PricesLost
from bridge.service.answers import refused

_log = logging.getLogger(__name__)

_WAITING_COMMANDS = 100  # more than that is a flood
_WAITING_PRICES = 5 * LARGEST_LIST  # bytes
_AROUND_A_LIST = 256  # bytes that it takes to keep a list of none
_TOO_MUCH = "too much is asked for at once; ask again in a minute"


class Stopped(Exception):
    """Someone asked the bridge to stop."""


class Inbox:
    """`put` and `stop` may be called from any thread, the others are for the one that works."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._room_for_commands = threading.Semaphore(_WAITING_COMMANDS)
        self._prices_put, self._prices_taken = 0, 0  # bytes, each counted by one thread alone
        self._prices_lost = threading.Event()

    def put(self, event: Event) -> None:
        """Hand over what happened; prices from one thread only."""
        if isinstance(event, PricesGiven):
            self._put_prices(event)
        elif isinstance(event, Command) and not self._room_for_commands.acquire(blocking=False):
            _refuse(event)
        else:
            self._queue.put(event)

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
                self._make_room_after(event)
                yield event
        self.check()
        if self._prices_lost.is_set() and self._queue.empty():  # now no list that waited hides that
            self._prices_lost.clear()
            yield PricesLost()

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

    def _put_prices(self, given: PricesGiven) -> None:
        if self._prices_put - self._prices_taken < _WAITING_PRICES:
            self._prices_put += _size(given)
            self._queue.put(given)
        else:
            self._prices_lost.set()

    def _make_room_after(self, event: Event) -> None:
        if isinstance(event, PricesGiven):
            self._prices_taken += _size(event)
        elif isinstance(event, Command):
            self._room_for_commands.release()

    def _there(self, within: float) -> Iterator[Event | None]:
        with suppress(queue.Empty):
            yield self._queue.get(timeout=within)
            for _ in range(self._queue.qsize()):
                yield self._queue.get_nowait()


def _size(given: PricesGiven) -> int:
    return len(given.payload) + _AROUND_A_LIST


def _refuse(command: Command) -> None:
    if command.answer:
        command.answer(refused(command, _TOO_MUCH))
    else:
        _log.warning("Ignored a request on MQTT to %s: %s", command.name, _TOO_MUCH)
