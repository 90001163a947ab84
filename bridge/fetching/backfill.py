"""History → ledger: one request at a time, oldest first, at a pace that nobody at Fluvius notices."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

from bridge.config.asked import UsageError, day, meters_named
from bridge.fetching.cycle import Fetcher
from bridge.fetching.energy_api import record_at_once
from bridge.fetching.sources import SOURCES
from bridge.fluvius.errors import CredentialsRefused, NotYourMeter, ShapeChanged
from bridge.ledger import Damaged, Ledger
from bridge.ledger.health import State
from bridge.metering import meterday, silence
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import BRUSSELS, Backfill, Meter, Reading
from bridge.metering.silence import SPAN, Plan

if TYPE_CHECKING:
    from bridge.metering.completeness import DayFacts

log = logging.getLogger(__name__)

_LONGEST_WORD = 100  # of a request that a complaint repeats
_ODD_ANSWERS = 3
_GONE = "its meter is not in the configuration any more, or its mandate has ended"
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
        if not meters:
            raise UsageError("there are no meters yet; start the bridge once, so that it learns the mandates")
        newest = now.astimezone(BRUSSELS).date() - ONE_DAY
        first, last = (_day(request, name) for name in ("from", "to"))
        if first is None:
            raise UsageError("from is missing; write a date such as 2025-01-01")
        last = last or newest
        if first > newest or last > newest:
            raise UsageError(f"{max(first, last)} is not over yet; the newest day is {newest}")
        if first > last:
            raise UsageError(f"from, {first}, comes after to, {last}")
        name = request.get("meter")
        return cls(meters_named(meters, None if name is None else str(name)[:_LONGEST_WORD]), first, last)


def _day(request: Mapping[str, Any], name: str) -> date | None:
    value = request.get(name)
    return None if value is None else day(str(value)[:_LONGEST_WORD])


class Backfiller:
    """Works on the backfills that the ledger holds.

    Args:
        ledger: where they are, and where readings go.
        fetcher: knows the meters, and visits Fluvius.
        now: the present instant, aware.
        numbers: of the backfills to work on; None: all.
        asked: whether a person waits for them.
    """

    def __init__(
        self,
        ledger: Ledger,
        fetcher: Fetcher,
        now: Callable[[], datetime],
        numbers: Collection[int] | None = None,
        *,
        asked: bool = False,
    ) -> None:
        self._ledger, self._fetcher, self._now, self._numbers = ledger, fetcher, now, numbers
        self._someone_waits = asked
        self._known: tuple[object, dict[date, DayFacts]] = (None, {})  # what makes a job's days, and they
        self._odd: set[date] = set()  # days, and first days of spans, that were answered oddly in this run
        self._odd_answers = 0  # in a row
        self._refused_at: dict[str, datetime] = {}  # when sources refused our credentials, in this run
        self.trouble: Exception | None = None  # what ended the last visit early

    @property
    def job(self) -> Backfill | None:
        """The one that is worked on, or comes next."""
        return next(self._jobs(), None)

    def meter_of(self, job: Backfill) -> Meter | None:
        """Whose history it is; None if its meter is not followed any more."""
        known = (
            meter for meter in self._fetcher.meters if (meter.ean, meter.energy) == (job.ean, job.energy)
        )
        return next(known, None)

    def is_due(self) -> bool:
        """Whether there is one, and Fluvius may be asked."""
        if self._due():
            return True
        self._fetcher.visits.let_go()
        return False

    def not_before(self) -> datetime:
        """When Fluvius may be asked again for the one that comes next, after trouble."""
        meter = self.meter_of(self.job) if self.job else None
        health = self._fetcher.health[meter.source] if meter else None
        instants = (health.not_before, health.retry_at) if health else ()
        return max(filter(None, instants), default=self._now())

    def step(self) -> Backfill | None:
        """Make the next request, and keep what came of it; returns how far its job has come.

        Raises:
            FolderError, LedgerError: that could not be kept.
        """
        job = self._due()
        if job is None:
            return None
        try:
            return self._stepped(replace(job, begun_at=min(job.begun_at, self._second())))
        except BaseException:
            self._known = (None, {})  # it may be known only in part
            raise

    def _jobs(self) -> Iterator[Backfill]:
        for job in self._ledger.open_backfills():
            if self._numbers is None or job.number in self._numbers:
                yield job

    def _due(self) -> Backfill | None:
        """The first of those whose source may be asked."""
        return next((job for job in self._jobs() if self._may_be_asked(job)), None)

    def _may_be_asked(self, job: Backfill) -> bool:
        meter = self.meter_of(job)
        if meter is None:
            return True  # for its end
        now, refused_at = self._now(), self._refused_at.get(meter.source)
        is_refused = self._fetcher.health[meter.source].state is State.REFUSED
        if is_refused and refused_at and abs(now - refused_at) < ONE_DAY:
            return False
        return self._fetcher.visits.may_be_asked(meter.source, now)

    def _stepped(self, job: Backfill) -> Backfill:
        meter = self.meter_of(job)
        if meter is None:
            return self._ended(job, "failed", _GONE)
        if forbidden := self._fetcher.mandates.forbidden(meter, self._now(), history=True):
            return self._ended(job, "failed", forbidden)
        plan = self._plan(meter, job)
        if not plan.facts:
            return self._ended(job, "failed", "no day of that time is within its bounds or its mandate")
        question = plan.next_question()
        if question is None:
            return self._finished(meter, job, plan)
        return self._asked(meter, job, question)

    def _asked(self, meter: Meter, job: Backfill, question: tuple[date, date | None]) -> Backfill:
        try:  # what could not be kept is not asked for
            self._ledger.heed_damage(meter, question[0], question[1] or question[0])
        except Damaged as error:
            return self._ended(job, "failed", str(error))
        failure: Exception | None = None
        words: str | None = None
        with self._fetcher.visits.to(
            meter.source, self._now(), asked=self._someone_waits, keep_open=True
        ) as visit:
            visit.http.longest_pause = _PACE
            try:
                self._ask(visit.open_source(), meter, *question)
                self._odd_answers = 0
            except NotYourMeter as error:  # or not of that time: another meter may have hung there
                words = str(error)
                self._keep(meter, [], *question)
            except ShapeChanged as error:
                failure = self._passed_over(meter, question, error)
        job = replace(job, step=_in_words(meter, *question))
        self.trouble = visit.error
        if isinstance(visit.error, CredentialsRefused):
            self._refused_at[meter.source] = self._now()
        if failure:
            return self._ended(job, "failed", str(failure))
        if visit.error:
            return self._kept(replace(job, words=str(visit.error)))
        first, last = question
        answered = job.answered | ({first} if last and first not in self._odd else set())
        job = replace(job, answered=answered, words=words)
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

    def _ask(self, source: Any, meter: Meter, first: date, last: date | None) -> None:
        """Ask for daily amounts from the first to the last day; without a last one, for a day's intervals."""
        if SOURCES[meter.source].at_once:
            reference = self._fetcher.mandates.reference(meter)
            answer = source.readings(meter, reference, first, last or first, None)
        else:
            answer = source.days(meter, first, last) if last else source.intervals(meter, first)
        self._keep(meter, answer.readings, first, last)

    def _keep(self, meter: Meter, readings: Sequence[Reading], first: date, last: date | None) -> None:
        """Keep what was answered to a question."""
        now = self._second()
        if _is_at_once(meter):
            days = set() if meter.days_only else set(meterday.span(first, last or first))
            record_at_once(self._ledger, meter, readings, days, now, only_new=False)
        elif last:
            self._ledger.record_days(meter, readings, now)
        else:
            self._ledger.record_intervals(meter, first, readings, now)
        self._settle(meter, first, last or first)

    def _settle(self, meter: Meter, first: date, last: date, silent: Collection[date] = ()) -> None:
        """Find out what became complete; the days around them show which registers a meter has."""
        around = ONE_DAY * (SPAN // 2)
        days = meterday.span(first - around, last + around)
        self._ledger.settle(meter, days, self._second(), silent)
        self._learn(meter, first - around, last + around)

    def _second(self) -> datetime:
        """The present instant as exactly as the ledger remembers it."""
        return self._now().replace(microsecond=0)

    def _finished(self, meter: Meter, job: Backfill, plan: Plan) -> Backfill:
        since = self._ledger.first_with_intervals(meter)
        silent = sorted(silence.silent_days(plan, since, meter.energy, self._now()))
        for first, last in plan.spans():
            within = [day for day in silent if first <= day <= last]
            if within:
                self._settle(meter, first, last, within)
        plan = self._plan(meter, job)
        lines = [*([job.words] if job.words else ()), *silence.in_words(plan, meter.energy, self._now())]
        for line in lines:
            log.info("%s: %s", meter.name, line)
        found = any(day.daily for day in plan.facts.values())
        return self._ended(replace(job, done=job.of_all), "done" if found else "failed", "\n".join(lines))

    def _ended(self, job: Backfill, state: str, words: str) -> Backfill:
        self._known = (None, {})
        self._odd.clear()
        self.trouble = None
        if state == "failed":
            log.warning("backfill of %s: %s", job.ean, words)
        return self._kept(replace(job, state=state, words=words))

    def _kept(self, job: Backfill) -> Backfill:
        self._ledger.keep_backfill(job)
        return job

    def _plan(self, meter: Meter, job: Backfill) -> Plan:
        first = max(job.first, meter.first or date.min)
        last = min(job.last, meter.last or date.max)
        if self._known[0] != (key := (job.number, meter, first, last)):
            days = meterday.span(*meterday.span_within(meter, first, last))
            self._known = key, {day.date: day for day in self._ledger.facts(meter, days, self._now())}
            self._odd.clear()
        settled = meterday.latest_settled(job.begun_at, meter.energy)  # whenever it was asked for since
        return Plan(self._known[1], job.answered, job.begun_at, _is_at_once(meter), self._odd, settled)

    def _learn(self, meter: Meter, first: date, last: date) -> None:
        """What the ledger knows now of days that changed."""
        facts = self._known[1]
        days = [day for day in meterday.span(first, last) if day in facts]
        facts.update({day.date: day for day in self._ledger.facts(meter, days, self._now())})


def _is_at_once(meter: Meter) -> bool:
    """Whether intervals come with the days, or may not be asked for."""
    return SOURCES[meter.source].at_once or meter.days_only


def _in_words(meter: Meter, first: date, last: date | None) -> str:
    return f"days from {first}" if last else f"{silence.INTERVALS[meter.energy]} of {first}"
