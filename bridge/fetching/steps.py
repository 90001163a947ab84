"""One meter's questions to the portal in one cycle: none of them twice, and never without end."""

from collections.abc import Callable, Sequence
from datetime import date, datetime

from bridge.fluvius.errors import ShapeChanged
from bridge.fluvius.source import Stepwise
from bridge.ledger import Ledger
from bridge.metering import meterday
from bridge.metering.model import Meter, Reading

_FOR_A_QUESTION = 3  # requests: one that fails is made again twice
_FOR_A_VISIT = 40  # requests more, for a sign-in with its redirects, renewals and codes that are tried


class Steps:
    """Asks, and keeps what is answered.

    Args:
        ledger: where it is kept.
        source: whom to ask.
        meter: about which meter.
        now: the present instant of the cycle, aware.
        since: the first day that may be new to the ledger.
        planned: how many questions there may be; `more` adds to them.
        count: how many requests were made in all.
        kept: called after each answer that was kept.
    """

    def __init__(
        self,
        ledger: Ledger,
        source: Stepwise,
        meter: Meter,
        now: datetime,
        *,
        since: date,
        planned: int,
        count: Callable[[], int],
        kept: Callable[[], None],
    ) -> None:
        self._ledger, self._source, self._meter, self._now = ledger, source, meter, now
        self._since, self._planned, self._count, self._kept = since, planned, count, kept
        self._begun_at = count()
        self._remarks: list[str | None] = []
        self.asked: set[date] = set()  # the days whose intervals were asked for

    @property
    def remark(self) -> str | None:
        """The first thing that there is to say about the answers."""
        return next(filter(None, self._remarks), None)

    def more(self, questions: int) -> None:
        """So many more questions may come."""
        self._planned += questions

    def days(self, first: date, last: date) -> None:
        """Ask for the daily amounts of a span of days, both ends included.

        Raises:
            FluviusError: see its kinds. `ShapeChanged` also where there were too many requests.
        """
        self._keep_within_reason()
        # what could not be kept is not asked for
        self._ledger.checks.raise_if_damaged(self._meter, first, last, intervals_too=False)
        answer = self._source.days(self._meter, first, last)
        readings = known_days_only(self._ledger, self._meter, answer.readings, self._since)
        self._ledger.answers.record_days(self._meter, readings, self._now)
        self._ledger.reviews.looked_at(self._meter, first, last, self._now)
        self._remarks.append(answer.remark)
        self._kept()

    def intervals(self, day: date) -> None:
        """Ask for the intervals of one day.

        Raises:
            FluviusError: as for `days`.
        """
        self._keep_within_reason()
        self._ledger.checks.raise_if_damaged(self._meter, day, day)
        self.asked.add(day)
        answer = self._source.intervals(self._meter, day)
        self._ledger.answers.record_intervals(self._meter, day, answer.readings, self._now)
        self._remarks.append(answer.remark)
        self._kept()

    def _keep_within_reason(self) -> None:
        requests = self._count() - self._begun_at
        if requests >= _FOR_A_VISIT + _FOR_A_QUESTION * self._planned:
            raise ShapeChanged(
                f"{requests} requests in one run are more than any meter needs: it is left alone until the"
                " next run. Please report this, with the log of a run with --verbose"
            )


def known_days_only(
    ledger: Ledger, meter: Meter, readings: Sequence[Reading], since: date
) -> Sequence[Reading]:
    """Without days before the first that is awaited, unless the ledger knows them: those are compared.

    Others would begin `total` earlier than anyone asked for, with holes.
    """
    days = {meterday.day_of(reading.start, meter.energy) for reading in readings}
    if not any(day < since for day in days):
        return readings
    known = ledger.readings.days_with_amounts(meter, min(days), max(days))
    return [
        reading
        for reading in readings
        if (day := meterday.day_of(reading.start, meter.energy)) >= since or day in known
    ]
