"""The days of the backfill that is worked on: what is known of them, read once and kept up to date."""

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from bridge.fetching.energy_api import record_at_once
from bridge.fetching.sources import SOURCES
from bridge.ledger import Ledger
from bridge.metering import meterday
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Backfill, Meter, Reading
from bridge.metering.silence import SPAN, Plan, Question

if TYPE_CHECKING:
    from bridge.metering.completeness import DayFacts


class History:
    """Of one backfill at a time; of thousands of days, of which an answer changes some.

    Args:
        ledger: where the days are, and where readings go.
        now: the present instant, aware.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._ledger, self._now = ledger, now
        self._known: tuple[object, dict[date, DayFacts]] = (None, {})  # what makes a span, and its days
        self._odd: set[Question] = set()  # in this run
        self._refused: set[Question] = set()

    def plan(self, meter: Meter, backfill: Backfill) -> Plan:
        """What is to be asked of a backfill's days, within the meter's bounds and mandate."""
        first, last = meterday.allowed_within(meter, backfill.first, backfill.last)
        if self._known[0] != (key := (backfill.number, meter, first, last)):
            days = meterday.span(*meterday.span_within(meter, first, last))
            self._known = key, {day.date: day for day in self._ledger.days.facts(meter, days, self._now())}
            self._forget_answers()
        settled = meterday.latest_settled(backfill.begun_at, meter.energy)  # whenever it was asked for since
        return Plan(
            self._known[1],
            backfill.answered,
            backfill.begun_at,
            _is_at_once(meter),
            self._odd,
            self._refused,
            settled,
        )

    def keep(self, meter: Meter, readings: Sequence[Reading], question: Question) -> None:
        """Keep what was answered to a question."""
        now, first, last = self._now().replace(microsecond=0), question.first, question.last
        if _is_at_once(meter):
            days = set() if meter.days_only else set(meterday.span(first, last))
            record_at_once(self._ledger, meter, readings, days, now, only_new=False)
        elif question.of_intervals:
            self._ledger.answers.record_intervals(meter, first, readings, now)
        else:
            self._ledger.answers.record_days(meter, readings, now)
        self.settle(meter, first, last)

    def settle(self, meter: Meter, first: date, last: date, silent: Collection[date] = ()) -> None:
        """Find out what became complete; the days around them show which registers a meter has.

        Args:
            meter: the meter.
            first: the first day that may have changed.
            last: the last one.
            silent: days on which the meter had no intervals.
        """
        around = ONE_DAY * (SPAN // 2)
        days = meterday.span(*meterday.allowed_within(meter, first - around, last + around))
        found = self._ledger.answers.settle(meter, days, self._now().replace(microsecond=0), silent)
        facts = self._known[1]
        facts.update({day.date: day for day in found if day.date in facts})

    def note_as_odd(self, question: Question) -> None:
        """Its answer could not be understood: it is not asked again in this run."""
        self._odd.add(question)

    def note_as_refused(self, question: Question) -> None:
        """Fluvius did not allow it: its days have nothing."""
        self._refused.add(question)

    def is_odd(self, question: Question) -> bool:
        """Whether that was noted."""
        return question in self._odd

    def forget(self) -> None:
        """Read the ledger again before the next question."""
        self._known = (None, {})
        self._forget_answers()

    def _forget_answers(self) -> None:
        self._odd.clear()
        self._refused.clear()


def _is_at_once(meter: Meter) -> bool:
    """Whether intervals come with the days, or may not be asked for."""
    return SOURCES[meter.source].at_once or meter.days_only
