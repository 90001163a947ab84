"""When to work: some times a day in Europe/Brussels, each a little later by chance.

The chance is for Fluvius's sake: thousands of bridges with the same example configuration shall not knock
in the same second.
"""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import schedule

from bridge.ledger.health import noted_ahead
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import BRUSSELS


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
        self._looked_at = datetime.now(UTC)
        self._schedule = _Scheduler()
        for each in at:
            self._schedule.every().day.at(each).do(self._ring)

    @property
    def next_run(self) -> datetime:
        """When the next run begins, as far as known (aware, UTC)."""
        return self._begin_at or min(job.next_run for job in self._schedule.jobs if job.next_run)

    def is_due(self) -> bool:
        """Whether a run should begin now. True once for each run."""
        now = datetime.now(UTC)
        if noted_ahead(self._looked_at, now):
            for job in self._schedule.jobs:
                job._schedule_next_run()  # noqa: SLF001 - our own, below
        self._looked_at = now
        self._schedule.run_pending()
        if self._begin_at and self._begin_at > now + self._jitter:
            self._begin_at = now
        if self._begin_at is None or now < self._begin_at:
            return False
        self._begin_at = None
        return True

    def _ring(self) -> None:
        if self._begin_at is None:
            self._begin_at = datetime.now(UTC) + self._jitter * random.random()


class _Job(schedule.Job):
    """A daily job at a time in Europe/Brussels, whose next run is an instant.

    The library (1.2.2) keeps a time of this machine's own zone, without offset: where that clock goes back, a
    job runs again and again for an hour, and a job at a time that the clock skips runs twice.
    """

    def _schedule_next_run(self) -> None:
        now = datetime.now(UTC)
        today = now.astimezone(BRUSSELS).date()
        instants = (_instant(today + ONE_DAY * days, self.at_time) for days in range(3))
        self.next_run = next(instant for instant in instants if instant > now)

    @property
    def should_run(self) -> bool:
        return self.next_run is not None and datetime.now(UTC) >= self.next_run


class _Scheduler(schedule.Scheduler):
    def every(self, interval: int = 1) -> _Job:
        return _Job(interval, self)


def _instant(day: date, at: time | None) -> datetime:
    """A local time of a day; an hour later where the clock skips it, the first of two where it is doubled."""
    return datetime.combine(day, at or time(), BRUSSELS).astimezone(UTC)
