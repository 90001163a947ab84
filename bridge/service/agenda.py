"""When Fluvius is asked next: by the timetable, and sooner where something failed."""

from collections.abc import Callable
from datetime import datetime

from bridge.config import ScheduleSettings
from bridge.fetching.mandates import AT_MOST_EVERY
from bridge.fetching.visits import Visits
from bridge.service.timetable import Timetable
from bridge.service.trouble import Trouble

_AT_LEAST = 0.05  # seconds


class Agenda:
    """The next cycle.

    Args:
        schedule: the timetable.
        visits: whether one failed.
        trouble: with the ledger.
        now: the present instant, aware.
    """

    def __init__(
        self, schedule: ScheduleSettings, visits: Visits, trouble: Trouble, now: Callable[[], datetime]
    ) -> None:
        self._timetable = Timetable(schedule.at, schedule.jitter_minutes)
        self._visits, self._trouble, self._now = visits, trouble, now
        self._last_cycle = now()

    def begun(self, at: datetime) -> None:
        """A cycle begins."""
        self._last_cycle = at

    def is_due(self) -> bool:
        """Whether a cycle should begin now. True once for each time of the timetable."""
        if self._timetable.is_due():
            return True
        retry_at = self._retry_at()
        return retry_at is not None and retry_at <= self._now()

    def next_run(self) -> datetime:
        """When the next cycle begins, as far as known (aware)."""
        return min(filter(None, (self._timetable.next_run, self._retry_at())))

    def seconds_until_next(self, *others: datetime | None) -> float:
        """How long to wait for the next cycle, or for the first of some other plans: a moment at least."""
        next_plan = min(filter(None, (self.next_run(), *others)))
        return max((next_plan - self._now()).total_seconds(), _AT_LEAST)

    def _retry_at(self) -> datetime | None:
        self._last_cycle = min(self._last_cycle, self._now())  # or a clock that was ahead is waited for
        soonest = self._last_cycle + AT_MOST_EVERY
        retry_at = self._visits.retry_at()
        if retry_at is None:
            return soonest if self._trouble.owes_a_cycle else None
        return max(retry_at, soonest)
