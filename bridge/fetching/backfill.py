"""Backfill: one request at a time, oldest first, at a pace that nobody at Fluvius notices."""

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import datetime

from bridge.fetching.cycle import Fetcher
from bridge.fetching.history import History
from bridge.fetching.sources import SOURCES
from bridge.fetching.visits import Source
from bridge.fluvius.errors import CredentialsRefused, NotYourMeter, ShapeChanged
from bridge.ledger import Damaged, Ledger
from bridge.ledger.health import State
from bridge.metering import meterday, silence
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Backfill, Meter
from bridge.metering.silence import Plan, Question

log = logging.getLogger(__name__)

_ODD_ANSWERS = 3
_GONE = "its meter is not in the configuration any more, or its mandate has ended"
_OF_FILES = "its readings come from files: download them on mijn.fluvius.be, and run fluvius2mqtt import"
_PACE = 3.0  # seconds between two requests, at most: a year of quarter-hours takes some ten minutes


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
        self._history = History(ledger, now)
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
        health = self._fetcher.health.get(meter.source) if meter else None
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
        second = self._now().replace(microsecond=0)  # as exactly as the ledger remembers it
        try:
            return self._stepped(replace(backfill, begun_at=min(backfill.begun_at, second)))
        except BaseException:
            self._history.forget()  # it may be known only in part
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
        if meter is None or not SOURCES[meter.source].is_asked:
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
        if not SOURCES[meter.source].is_asked:
            return self._ended(backfill, "failed", _OF_FILES)
        if forbidden := self._fetcher.mandates.forbidden(meter, self._now(), history=True):
            return self._ended(backfill, "failed", forbidden)
        meter = self._fetcher.mandates.over_all(meter, self._now())
        plan = self._history.plan(meter, backfill)
        if not plan.facts:
            return self._ended(backfill, "failed", "no day of that time is within its bounds or its mandate")
        question = plan.next_question()
        if question is None:
            return self._finished(meter, backfill, plan)
        return self._asked(meter, backfill, question)

    def _asked(self, meter: Meter, backfill: Backfill, question: Question) -> Backfill:
        try:  # what could not be kept is not asked for
            self._ledger.checks.raise_if_damaged(meter, question.first, question.last)
        except Damaged as error:
            return self._ended(backfill, "failed", str(error))
        failure: Exception | None = None
        words: str | None = None
        with self._fetcher.visits.to(
            meter.source, self._now(), asked=self._someone_waits, keep_open=True
        ) as visit:
            visit.http.longest_pause = _PACE
            try:
                words = self._ask(visit.open_source(), meter, question)
                self._odd_answers = 0
            except NotYourMeter as error:  # or not of that time: another meter may have hung there
                words = str(error)
                self._history.keep(meter, [], question)
                self._history.note_as_refused(question)
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
        is_answered = not question.of_intervals and not self._history.is_odd(question)
        answered = backfill.answered | ({question.first} if is_answered else set())
        backfill = replace(backfill, answered=answered, words=words)
        done, of_all = self._history.plan(meter, backfill).progress()
        return self._kept(replace(backfill, done=done, of_all=of_all))

    def _passed_over(self, meter: Meter, question: Question, error: Exception) -> Exception | None:
        """One odd answer keeps no other day waiting. Several in a row are no accident, and end it."""
        self._odd_answers += 1
        if self._odd_answers >= _ODD_ANSWERS:
            self._odd_answers = 0
            return error
        log.warning("%s: %s: %s", meter.name, question.first, error)
        self._history.note_as_odd(question)
        return None

    def _ask(self, source: Source, meter: Meter, question: Question) -> str | None:
        """Keep what is answered; returns what kept some of it from coming."""
        first, last, words = question.first, question.last, None
        if SOURCES[meter.source].at_once:
            for part, reference in self._fetcher.mandates.terms(meter, self._now(), history=True):
                since, until = meterday.allowed_within(part, first, last)
                if since <= until:
                    try:
                        readings = source.readings(part, reference, since, until, None).readings
                    except NotYourMeter as error:
                        words, readings = str(error), []
                    self._history.keep(part, readings, Question(since, until))
            return words
        answer = source.intervals(meter, first) if question.of_intervals else source.days(meter, first, last)
        self._history.keep(meter, answer.readings, question)
        return None

    def _finished(self, meter: Meter, backfill: Backfill, plan: Plan) -> Backfill:
        since = self._ledger.readings.first_with_intervals(meter)
        silent = sorted(silence.silent_days(plan, since, meter.energy, self._now()))
        for first, last in plan.spans():
            within = [day for day in silent if first <= day <= last]
            if within:
                self._history.settle(meter, first, last, within)
        plan = self._history.plan(meter, backfill)
        lines = [
            *([backfill.words] if backfill.words else ()),
            *silence.in_words(plan, meter.energy, self._now()),
        ]
        for line in lines:
            log.info("%s: %s", meter.name, line)
        found = any(day.complete if plan.odd else day.daily for day in plan.facts.values())
        return self._ended(
            replace(backfill, done=backfill.of_all), "done" if found else "failed", "\n".join(lines)
        )

    def _ended(self, backfill: Backfill, state: str, words: str) -> Backfill:
        self._history.forget()
        self.trouble = None
        if state == "failed":
            log.warning("backfill of %s: %s", backfill.ean, words)
        return self._kept(replace(backfill, state=state, words=words))

    def _kept(self, backfill: Backfill) -> Backfill:
        self._ledger.jobs.keep_backfill(backfill)
        return backfill


def _in_words(meter: Meter, question: Question) -> str:
    if question.of_intervals:
        return f"{silence.INTERVALS[meter.energy]} of {question.first}"
    return f"days from {question.first}"
