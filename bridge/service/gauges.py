"""The bridge's own figures, for whoever watches many bridges."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from bridge.fetching.cycle import Cycle, Fetcher
from bridge.mqtt import Broker
from bridge.publishing.publisher import Publisher
from bridge.service.window import Figures


class Gauges:
    """Counts cycles, and reads what others count.

    Args:
        fetcher: knows meters and sources.
        publisher: what is not on the broker yet.
        broker: whether it is there.
        now: the present instant, aware.
    """

    def __init__(
        self, fetcher: Fetcher, publisher: Publisher, broker: Broker, now: Callable[[], datetime]
    ) -> None:
        self._fetcher, self._publisher, self._broker, self._now = fetcher, publisher, broker, now
        self._cycles = Counter({"ok": 0, "incomplete": 0})
        self._began, self._seconds = 0.0, 0.0
        self._last: datetime | None = None

    def begun(self) -> None:
        """A cycle begins."""
        self._began = time.monotonic()

    def ended(self, cycle: Cycle) -> None:
        """It is over, with all that follows from it."""
        self._cycles["incomplete" if cycle.errors else "ok"] += 1
        self._last, self._seconds = self._now(), time.monotonic() - self._began

    def read(self) -> Figures:
        """All of them; takes no longer with thousands of meters."""
        visits = self._fetcher.visits
        return Figures(
            at=self._now(),
            requests={
                (source, outcome): count
                for source, outcomes in visits.requests.items()
                for outcome, count in outcomes.items()
            },
            refusals=dict(visits.refusals),
            cycles=dict(self._cycles),
            last_cycle=self._last,
            last_cycle_seconds=self._seconds,
            unpublished=self._publisher.waiting(self._fetcher.meters),
            connected=self._broker.problem is None,
        )
