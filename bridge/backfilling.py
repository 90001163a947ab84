"""History → ledger: one request at a time, oldest first, at a pace that nobody at Fluvius notices."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

from bridge import history, meterday
from bridge.arguments import UsageError, day, meters_named
from bridge.fetching import Fetcher, record_at_once
from bridge.health import State
from bridge.history import LEAP_OF_DAYS, LEAP_OF_SPANS, SPAN, Plan
from bridge.ledger import Ledger
from bridge.meterday import ONE_DAY
from bridge.model import BRUSSELS, Backfill, Meter

if TYPE_CHECKING:
    from bridge.fluvius.source import Source
    from bridge.planning import DayFacts

log = logging.getLogger(__name__)

_ODD_ANSWERS = 3
_PACE = 3.0  # seconds between two requests, at most: a year of quarter-hours takes some ten minutes


@dataclass(frozen=True, slots=True)
class Order:
    """Which history someone wants."""

    meters: tuple[Meter, ...]
    first: date
    last: date

    @classmethod
    def of(cls, request: Mapping[str, Any], meters: Sequence[Meter], now: datetime) -> Self:
        """Understand a request.

        Args:
            request: `from`, and perhaps `to` (dates; the newest by default) and `meter` (a name or an EAN).
            meters: those that there are.
            now: the present instant, aware.

        Raises:
            UsageError: it cannot be understood, or is for no past time, or for a meter that is not there.
        """
        newest = now.astimezone(BRUSSELS).date() - ONE_DAY
        if not request.get("from"):
            raise UsageError("from is missing; write a date such as 2025-01-01")
        if not meters:
            raise UsageError("there is no meter yet; start the bridge once, so that it learns the mandates")
        first, last = day(str(request["from"])), day(str(request.get("to") or newest))
        if first > newest or last > newest:
            raise UsageError(f"{max(first, last)} is not over yet; the newest day is {newest}")
        if first > last:
            raise UsageError(f"from, {first}, comes after to, {last}")
        name = request.get("meter")
        return cls(meters_named(meters, None if name is None else str(name)), first, last)


class Backfiller:
    """Works on the backfills that the ledger holds.

    Args:
        ledger: where they are, and where readings go.
        fetcher: knows the meters, and visits Fluvius.
        now: the present instant, aware.
    """

    def __init__(self, ledger: Ledger, fetcher: Fetcher, now: Callable[[], datetime]) -> None:
        self._ledger, self._fetcher, self._now = ledger, fetcher, now
        self._known: tuple[int, dict[date, DayFacts]] = (0, {})  # the job's number, and its days
        self._odd: set[date] = set()  # days, and first days of spans, that were answered oddly in this run
        self._odd_answers = 0  # in a row
        self.trouble: Exception | None = None  # what ended the last visit early

    @property
    def job(self) -> Backfill | None:
        """The one that is worked on, or comes next."""
        return next(iter(self._ledger.open_backfills()), None)

    def is_due(self) -> bool:
        """Whether there is one, and Fluvius may be asked."""
        job = self.job
        if job is None:
            self._fetcher.visits.let_go()
            return False
        meter = self._meter(job)
        if meter is None:
            return True
        health = self._fetcher.health[meter.source]
        if self.trouble and health.state is State.REFUSED:
            return False
        return health.may_be_asked(self._now())

    def not_before(self) -> datetime:
        """When Fluvius may be asked again after trouble."""
        return max(
            (
                until
                for each in self._fetcher.health.values()
                for until in (each.not_before, each.retry_at)
                if until
            ),
            default=self._now(),
        )

    def step(self) -> Backfill | None:
        """Make the next request, and keep what came of it; returns how far its job has come."""
        job = self.job
        if job is None:
            return None
        meter = self._meter(job)
        if meter is None:
            return self._ended(job, "failed", "its meter is not in the configuration any more")
        if forbidden := self._fetcher.forbidden(meter, self._now()):
            return self._ended(job, "failed", forbidden)
        if postponed := self._fetcher.visits.too_early(meter.source, self._now()):
            self.trouble = postponed
            return self._kept(replace(job, words=str(postponed)))
        return self._gone_on(meter, job)

    def _gone_on(self, meter: Meter, job: Backfill) -> Backfill:
        if job.begun_at > self._now():  # the clock was put back; no answer would ever seem to be new
            job = self._kept(replace(job, begun_at=self._now().replace(microsecond=0)))
        plan = self._plan(meter, job)
        if not plan.facts:
            return self._ended(job, "failed", "no day of that time is within its bounds or its mandate")
        question = _next_question(plan)
        if question is None:
            return self._finished(meter, job, plan)
        return self._asked(meter, job, question)

    def _asked(self, meter: Meter, job: Backfill, question: tuple[date, date | None]) -> Backfill:
        from bridge.fluvius.errors import NotYourMeter, ShapeChanged  # noqa: PLC0415

        failure: Exception | None = None
        with self._fetcher.visits.to(meter.source, self._now(), asked=False, keep_open=True) as visit:
            visit.http.longest_pause = _PACE
            try:
                self._ask(visit.open_source(), meter, *question)
                self._odd_answers = 0
            except NotYourMeter as error:
                failure = error
            except ShapeChanged as error:
                failure = self._passed_over(meter, question, error)
        self.trouble = visit.error
        if failure:
            return self._ended(job, "failed", str(failure))
        if visit.error:
            return self._kept(replace(job, words=str(visit.error)))
        first, last = question
        answered = job.answered | ({first} if last and first not in self._odd else set())
        job = replace(job, answered=answered, words=None)
        done, of_all = self._plan(meter, job).progress()
        return self._kept(replace(job, done=done, of_all=of_all))

    def _passed_over(
        self, meter: Meter, question: tuple[date, date | None], error: Exception
    ) -> Exception | None:
        """One odd answer keeps no other day waiting. Several in a row are no accident, and end the job."""
        self._odd_answers += 1
        if self._odd_answers >= _ODD_ANSWERS:
            self._odd_answers = 0
            return error
        log.warning("%s: %s: %s", meter.name, question[0], error)
        self._odd.add(question[0])
        return None

    def _ask(self, source: "Source", meter: Meter, first: date, last: date | None) -> None:
        """Ask for daily amounts from the first to the last day; without a last one, for a day's intervals."""
        from bridge.fluvius.source import AtOnce  # noqa: PLC0415

        now = self._now().replace(microsecond=0)
        if isinstance(source, AtOnce):
            answer = source.readings(meter, self._fetcher.reference(meter), first, last or first, None)
            days = meterday.span(first, last or first)
            asked = set() if meter.days_only else set(days)
            record_at_once(self._ledger, meter, answer.readings, asked, now, only_new=False)
        elif last:
            self._ledger.record_days(meter, source.days(meter, first, last).readings, now)
        else:
            self._ledger.record_intervals(meter, first, source.intervals(meter, first).readings, now)
        self._settle(meter, first, last or first)

    def _settle(self, meter: Meter, first: date, last: date, silent: Sequence[date] = ()) -> None:
        """Find out what became complete; the days around them show which registers a meter has."""
        around = ONE_DAY * (SPAN // 2)
        days = meterday.span(first - around, last + around)
        self._ledger.settle(meter, days, self._now().replace(microsecond=0), silent)
        self._learn(meter, first - around, last + around)

    def _finished(self, meter: Meter, job: Backfill, plan: Plan) -> Backfill:
        since = self._ledger.first_with_intervals(meter)
        silent = sorted(history.silent_days(plan, since, meter.energy, self._now()))
        for first, last in plan.spans():
            within = [day for day in silent if first <= day <= last]
            if within:
                self._settle(meter, first, last, within)
        plan = self._plan(meter, job)
        words = "\n".join(history.in_words(plan, meter.energy, self._now()))
        for line in words.splitlines():
            log.info("%s: %s", meter.name, line)
        found = any(day.daily for day in plan.facts.values())
        return self._ended(replace(job, done=job.of_all), "done" if found else "failed", words)

    def _ended(self, job: Backfill, state: str, words: str) -> Backfill:
        self._known = (0, {})
        self._odd.clear()
        if state == "failed":
            log.warning("backfill of %s: %s", job.ean, words)
        return self._kept(replace(job, state=state, words=words))

    def _kept(self, job: Backfill) -> Backfill:
        self._ledger.keep_backfill(job)
        return job

    def _meter(self, job: Backfill) -> Meter | None:
        known = (
            meter for meter in self._fetcher.meters if (meter.ean, meter.energy) == (job.ean, job.energy)
        )
        return next(known, None)

    def _plan(self, meter: Meter, job: Backfill) -> Plan:
        if self._known[0] != job.number:
            first = max(job.first, meter.first or date.min)
            last = min(job.last, meter.last or date.max)
            days = meterday.span(*meterday.span_within(meter, first, last))
            self._known = job.number, {day.date: day for day in self._ledger.facts(meter, days)}
        at_once = meter.source == "energy_api" or meter.days_only
        return Plan(self._known[1], job.answered, job.begun_at, at_once, self._odd)

    def _learn(self, meter: Meter, first: date, last: date) -> None:
        """What the ledger knows now of days that changed."""
        facts = self._known[1]
        days = [day for day in meterday.span(first, last) if day in facts]
        facts.update({day.date: day for day in self._ledger.facts(meter, days)})


def _next_question(plan: Plan) -> tuple[date, date | None] | None:
    """A span of daily amounts, or a day of intervals; None when all is asked."""
    place = history.next_to_ask(plan.spans_heard(), LEAP_OF_SPANS)
    if place is not None:
        return plan.spans()[place]
    place = history.next_to_ask(plan.days_heard(), LEAP_OF_DAYS)
    return None if place is None else (plan.days_with_amounts()[place], None)
