"""Backfill: one request at a time, oldest first, at a pace that nobody at Fluvius notices."""

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
from bridge.metering.silence import SPAN, Plan, Question

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
        self._known: tuple[object, dict[date, DayFacts]] = (None, {})  # what makes a span, and its days
        self._odd: set[date] = set()  # days, and first days of spans, that were answered oddly in this run
        self._odd_answers = 0  # in a row
        self._refused_at: dict[str, datetime] = {}  # when sources refused our credentials, in this run
        self.trouble: Exception | None = None  # what ended the last visit early

    @property
    def current(self) -> Backfill | None:
        """The one that is worked on, or comes next."""
        return next(self._open(), None)

    def meter_of(self, backfill: Backfill) -> Meter | None:
        """Whose history it is; None if its meter is not followed any more."""
        known = (
            meter
            for meter in self._fetcher.meters
            if (meter.ean, meter.energy) == (backfill.ean, backfill.energy)
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
        meter = self.meter_of(self.current) if self.current else None
        health = self._fetcher.health[meter.source] if meter else None
        instants = (health.not_before, health.retry_at) if health else ()
        return max(filter(None, instants), default=self._now())

    def step(self) -> Backfill | None:
        """Make the next request, and keep what came of it; returns how far it has come.

        Raises:
            FolderError, LedgerError: that could not be kept.
        """
        backfill = self._due()
        if backfill is None:
            return None
        try:
            return self._stepped(replace(backfill, begun_at=min(backfill.begun_at, self._second())))
        except BaseException:
            self._known = (None, {})  # it may be known only in part
            raise

    def _open(self) -> Iterator[Backfill]:
        for backfill in self._ledger.jobs.open_backfills():
            if self._numbers is None or backfill.number in self._numbers:
                yield backfill

    def _due(self) -> Backfill | None:
        """The first of those whose source may be asked."""
        return next((backfill for backfill in self._open() if self._may_be_asked(backfill)), None)

    def _may_be_asked(self, backfill: Backfill) -> bool:
        meter = self.meter_of(backfill)
        if meter is None:
            return True  # for its end
        now, refused_at = self._now(), self._refused_at.get(meter.source)
        is_refused = self._fetcher.health[meter.source].state is State.REFUSED
        if is_refused and refused_at and abs(now - refused_at) < ONE_DAY:
            return False
        return self._fetcher.visits.may_be_asked(meter.source, now)

    def _stepped(self, backfill: Backfill) -> Backfill:
        meter = self.meter_of(backfill)
        if meter is None:
            return self._ended(backfill, "failed", _GONE)
        if forbidden := self._fetcher.mandates.forbidden(meter, self._now(), history=True):
            return self._ended(backfill, "failed", forbidden)
        plan = self._plan(meter, backfill)
        if not plan.facts:
            return self._ended(backfill, "failed", "no day of that time is within its bounds or its mandate")
        question = plan.next_question()
        if question is None:
            return self._finished(meter, backfill, plan)
        return self._asked(meter, backfill, question)

    def _asked(self, meter: Meter, backfill: Backfill, question: Question) -> Backfill:
        try:  # what could not be kept is not asked for
            self._ledger.checks.heed_damage(meter, question.first, question.last)
        except Damaged as error:
            return self._ended(backfill, "failed", str(error))
        failure: Exception | None = None
        words: str | None = None
        with self._fetcher.visits.to(
            meter.source, self._now(), asked=self._someone_waits, keep_open=True
        ) as visit:
            visit.http.longest_pause = _PACE
            try:
                self._ask(visit.open_source(), meter, question)
                self._odd_answers = 0
            except NotYourMeter as error:  # or not of that time: another meter may have hung there
                words = str(error)
                self._keep(meter, [], question)
            except ShapeChanged as error:
                failure = self._passed_over(meter, question, error)
        backfill = replace(backfill, step=_in_words(meter, question))
        self.trouble = visit.error
        if isinstance(visit.error, CredentialsRefused):
            self._refused_at[meter.source] = self._now()
        if failure:
            return self._ended(backfill, "failed", str(failure))
        if visit.error:
            return self._kept(replace(backfill, words=str(visit.error)))
        is_answered = not question.of_intervals and question.first not in self._odd
        answered = backfill.answered | ({question.first} if is_answered else set())
        backfill = replace(backfill, answered=answered, words=words)
        done, of_all = self._plan(meter, backfill).progress()
        return self._kept(replace(backfill, done=done, of_all=of_all))

    def _passed_over(self, meter: Meter, question: Question, error: Exception) -> Exception | None:
        """One odd answer keeps no other day waiting. Several in a row are no accident, and end it."""
        self._odd_answers += 1
        if self._odd_answers >= _ODD_ANSWERS:
            self._odd_answers = 0
            return error
        log.warning("%s: %s: %s", meter.name, question.first, error)
        self._odd.add(question.first)
        return None

    def _ask(self, source: Any, meter: Meter, question: Question) -> None:
        first, last = question.first, question.last
        if SOURCES[meter.source].at_once:
            reference = self._fetcher.mandates.reference(meter)
            answer = source.readings(meter, reference, first, last, None)
        else:
            answer = (
                source.intervals(meter, first) if question.of_intervals else source.days(meter, first, last)
            )
        self._keep(meter, answer.readings, question)

    def _keep(self, meter: Meter, readings: Sequence[Reading], question: Question) -> None:
        """Keep what was answered to a question."""
        now, first, last = self._second(), question.first, question.last
        if _is_at_once(meter):
            days = set() if meter.days_only else set(meterday.span(first, last))
            record_at_once(self._ledger, meter, readings, days, now, only_new=False)
        elif question.of_intervals:
            self._ledger.answers.record_intervals(meter, first, readings, now)
        else:
            self._ledger.answers.record_days(meter, readings, now)
        self._settle(meter, first, last)

    def _settle(self, meter: Meter, first: date, last: date, silent: Collection[date] = ()) -> None:
        """Find out what became complete; the days around them show which registers a meter has."""
        around = ONE_DAY * (SPAN // 2)
        days = meterday.span(first - around, last + around)
        self._ledger.answers.settle(meter, days, self._second(), silent)
        self._learn(meter, first - around, last + around)

    def _second(self) -> datetime:
        """The present instant as exactly as the ledger remembers it."""
        return self._now().replace(microsecond=0)

    def _finished(self, meter: Meter, backfill: Backfill, plan: Plan) -> Backfill:
        since = self._ledger.readings.first_with_intervals(meter)
        silent = sorted(silence.silent_days(plan, since, meter.energy, self._now()))
        for first, last in plan.spans():
            within = [day for day in silent if first <= day <= last]
            if within:
                self._settle(meter, first, last, within)
        plan = self._plan(meter, backfill)
        lines = [
            *([backfill.words] if backfill.words else ()),
            *silence.in_words(plan, meter.energy, self._now()),
        ]
        for line in lines:
            log.info("%s: %s", meter.name, line)
        found = any(day.daily for day in plan.facts.values())
        return self._ended(
            replace(backfill, done=backfill.of_all), "done" if found else "failed", "\n".join(lines)
        )

    def _ended(self, backfill: Backfill, state: str, words: str) -> Backfill:
        self._known = (None, {})
        self._odd.clear()
        self.trouble = None
        if state == "failed":
            log.warning("backfill of %s: %s", backfill.ean, words)
        return self._kept(replace(backfill, state=state, words=words))

    def _kept(self, backfill: Backfill) -> Backfill:
        self._ledger.jobs.keep_backfill(backfill)
        return backfill

    def _plan(self, meter: Meter, backfill: Backfill) -> Plan:
        first = max(backfill.first, meter.first or date.min)
        last = min(backfill.last, meter.last or date.max)
        if self._known[0] != (key := (backfill.number, meter, first, last)):
            days = meterday.span(*meterday.span_within(meter, first, last))
            self._known = key, {day.date: day for day in self._ledger.days.facts(meter, days, self._now())}
            self._odd.clear()
        settled = meterday.latest_settled(backfill.begun_at, meter.energy)  # whenever it was asked for since
        return Plan(
            self._known[1], backfill.answered, backfill.begun_at, _is_at_once(meter), self._odd, settled
        )

    def _learn(self, meter: Meter, first: date, last: date) -> None:
        """What the ledger knows now of days that changed."""
        facts = self._known[1]
        days = [day for day in meterday.span(first, last) if day in facts]
        facts.update({day.date: day for day in self._ledger.days.facts(meter, days, self._now())})


def _is_at_once(meter: Meter) -> bool:
    """Whether intervals come with the days, or may not be asked for."""
    return SOURCES[meter.source].at_once or meter.days_only


def _in_words(meter: Meter, question: Question) -> str:
    if question.of_intervals:
        return f"{silence.INTERVALS[meter.energy]} of {question.first}"
    return f"days from {question.first}"
