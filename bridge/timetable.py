"""When to work: some times a day in Europe/Brussels, each a little later by chance.

The chance is for Fluvius's sake: thousands of bridges with the same example configuration shall not knock
in the same second.
"""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import schedule


class Timetable:
    """Tells when a scheduled run is due.

    A machine that slept through several times has one run due when it wakes.

    Args:
        at: local times, `HH:MM` or `HH:MM:SS`.
        jitter_minutes: how much later a run may begin.
    """

    def __init__(self, at: Sequence[str], jitter_minutes: int) -> None:
        self._jitter = timedelta(minutes=jitter_minutes)
        self._begin_at: datetime | None = None
        self._schedule = schedule.Scheduler()
        for time in at:
            self._schedule.every().day.at(time, "Europe/Brussels").do(self._ring)

    @property
    def next_run(self) -> datetime:
        """When the next run begins, as far as known (aware, UTC)."""
        if self._begin_at:
            return self._begin_at
        upcoming = min(job.next_run for job in self._schedule.jobs if job.next_run)
        return upcoming.astimezone(UTC)  # the library speaks in this machine's own local time

    def is_due(self) -> bool:
        """Whether a run should begin now. True once for each run."""
        self._schedule.run_pending()
        if self._begin_at is None or datetime.now(UTC) < self._begin_at:
            return False
        self._begin_at = None
        return True

    def _ring(self) -> None:
        if self._begin_at is None:
            self._begin_at = datetime.now(UTC) + self._jitter * random.random()
