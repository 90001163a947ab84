"""Day-ahead prices: what is missing of them → a price service → ledger, once a day.

A day begins here at 13:00 local time, when tomorrow's prices come. In one such day nothing is asked twice,
but what is missing of today and tomorrow, for it may come late: at most twice more. A question that did not
get there, without internet say, is soon asked again.
"""

import hashlib
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Self

from bridge.ledger import Ledger
from bridge.ledger.health import SourceHealth, noted_ahead
from bridge.metering import meterday
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import BRUSSELS, Energy
from bridge.prices import given
from bridge.prices.errors import NotUnderstood, PricesError, TokenRefused, TryLater
from bridge.prices.services import SERVICES, Service, ask
from bridge.prices.steps import Answer, Span
from bridge.text.words import Payload, local

log = logging.getLogger(__name__)

_PUBLISHED_AT = time(13)  # local, of the day before
_RETRIES = 2.0, 4.0  # hours, about, after the first request of a day
_JITTER = 15 * 60.0  # seconds: not all households ask at the same moment
_PAUSE = 2.0  # seconds, at most, between two requests
_A_WEEK = timedelta(days=7)  # after which what was not there comes late, if ever
_LONGEST_WAIT = timedelta(days=9)  # a note that says more was made while the clock was wrong
_BEGINNING, _END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_NOTE, _HEALTH = "day_ahead", "source/day_ahead"


@dataclass(frozen=True)
class Asked:
    """What was asked for, kept across restarts. All instants are aware."""

    down_to: datetime | None = None  # what lies later was asked for since the last 13:00
    again_at: datetime | None = None  # when all may be asked for again
    absent: tuple[tuple[datetime, datetime, datetime], ...] = ()  # spans of long ago, and when they were told
    retries: tuple[datetime, ...] = ()  # when today's and tomorrow's may be asked for again, before that
    asked_at: datetime | None = None  # when that was last noted

    @classmethod
    def from_note(cls, note: Any) -> Self:
        """Read back what `to_note` wrote; anything else is a fresh start."""
        try:
            down_to, again_at = (
                note[key] and datetime.fromisoformat(note[key]) for key in ("down_to", "again_at")
            )
            spans = [tuple(map(datetime.fromisoformat, each)) for each in note["absent"]]
            absent = tuple((start, end, told) for start, end, told in spans)
            retries = tuple(map(datetime.fromisoformat, note.get("retries", ())))
            asked_at = note.get("asked_at") and datetime.fromisoformat(note["asked_at"])
            return cls(down_to, again_at, absent, retries, asked_at)
        except (KeyError, TypeError, ValueError):
            return cls()

    def to_note(self) -> Payload:
        """As JSON, for the ledger."""
        return {
            "down_to": self.down_to and self.down_to.isoformat(),
            "again_at": self.again_at and self.again_at.isoformat(),
            "absent": [[each.isoformat() for each in span] for span in self.absent],
            "retries": [each.isoformat() for each in self.retries],
            "asked_at": self.asked_at and self.asked_at.isoformat(),
        }

    def waits(self, now: datetime) -> bool:
        """Whether the day is not over yet."""
        is_believed = not noted_ahead(self.asked_at, now)
        return is_believed and self.again_at is not None and now < self.again_at < now + _LONGEST_WAIT


def wanted(covered: Iterable[Span], now: datetime) -> list[Span]:
    """The spans whose prices should be known: those of contracts as far as there are prices, and today's.

    Args:
        covered: when contracts need prices, aware, where quarter-hours begin; may lie in the future.
        now: the present instant, aware.

    Returns:
        Spans that do not touch, in UTC, oldest first. From 13:00 local time on, tomorrow is among them.
    """
    today = meterday.day_of(now, Energy.ELECTRICITY)
    is_afternoon = now.astimezone(BRUSSELS).time() >= _PUBLISHED_AT
    end = meterday.end_of(today + ONE_DAY * is_afternoon, Energy.ELECTRICITY)
    merged: list[Span] = []
    for first, last in sorted([*covered, (meterday.start_of(today, Energy.ELECTRICITY), end)]):
        start, stop = first.astimezone(UTC), min(last, end).astimezone(UTC)
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(stop, merged[-1][1])
        elif start < stop:
            merged.append((start, stop))
    return merged


def may_be_asked(spans: Iterable[Span], asked: Asked, now: datetime) -> list[Span]:
    """The parts of some spans that were not asked for lately, oldest first."""
    lately = [(start, end) for start, end, told in asked.absent if abs(now - told) < _A_WEEK]
    if asked.waits(now):
        down_to = asked.down_to or _BEGINNING
        is_retry = any(each <= now for each in asked.retries)
        lately.append((down_to, max(down_to, _begin_of_today(now)) if is_retry else _END))
    return _without(spans, lately)


def next_request(missing: Sequence[Span], longest: timedelta) -> Span | None:
    """The span to ask for: as much as may be asked for at once, the newest first; None: nothing.

    Args:
        missing: what the ledger lacks of what may be asked for, oldest first.
        longest: what may be asked for at once.
    """
    if not missing:
        return None
    end = missing[-1][1]
    return max(end - longest, min(start for start, stop in missing if stop > end - longest)), end


class DayAhead:
    """Keeps the ledger's day-ahead prices complete. Give it to whoever has a schedule.

    Args:
        ledger: where prices, and how it went, are kept.
        source: a name of `prices.services.SERVICES`; any other is never asked, and somebody gives prices.
        now: the present instant, aware.
        token: of services that need one.
        url: the service's address, where it is another than the usual one.
        pause: waits that many seconds between two requests; may raise to end the work.
        changed: called within the ledger's transaction with the starts (UTC, oldest first) of the
            quarter-hours whose prices are new or other than before.
    """

    def __init__(
        self,
        ledger: Ledger,
        source: str,
        now: Callable[[], datetime],
        *,
        token: str = "",
        url: str = "",
        pause: Callable[[float], None],
        changed: Callable[[Sequence[datetime]], None] = lambda _: None,
    ) -> None:
        self._ledger, self._now, self._pause, self._changed = ledger, now, pause, changed
        self._service, self._token, self._url = SERVICES.get(source), token, url
        whose = hashlib.sha256(f"{source} {token} {url}".encode()).hexdigest()[:16]
        note = ledger.notes.recall(_NOTE) or {}
        is_same = isinstance(note, dict) and note.get("whose") == whose
        self._asked = Asked.from_note(note) if is_same else Asked()
        self._whose = whose
        self.health = SourceHealth.from_note(ledger.notes.recall(_HEALTH)) if is_same else SourceHealth()

    @property
    def again_at(self) -> datetime | None:
        """From when on it is worth to fetch again; None: at any time."""
        return self._asked.again_at if self._asked.waits(self._now()) else None

    def fetch(self, covered: Iterable[Span]) -> int:
        """Ask for what is missing, if it is time; returns how many requests that took.

        Args:
            covered: see `wanted`.

        Raises:
            LedgerError: what comes could not be kept, so it is not asked for.
        """
        if self._service is None:
            return 0
        spans, requests = tuple(covered), 0
        if noted_ahead(self._asked.asked_at, self._now()):  # for good: in some hours it seems to be of now
            self._asked = Asked(absent=self._asked.absent)
            self._remember()
        while span := next_request(self._missing(spans), self._service.longest):
            if requests:
                self._pause(_PAUSE * random.uniform(0.5, 1))
            else:
                self.health.advice = None
            requests += 1
            if not self._ask(self._service, span):
                break
        if not requests and not self._asked.waits(self._now()):
            self.health.at_rest()
        return requests

    def take(self, payload: bytes) -> Answer:
        """Keep what somebody gives; returns what was understood of it.

        Raises:
            NotUnderstood: none of it was.
            LedgerError: it could not be kept.
        """
        now = self._now()
        self.health.last_attempt = now
        try:
            answer = given.read(payload, now)
        except NotUnderstood as error:
            self.lose(str(error))
            raise
        self.health.advice = None
        self._keep(answer, "what was published")
        return answer

    def lose(self, why: str) -> None:
        """Say why what somebody gave is not kept."""
        log.warning("day-ahead prices: %s", why)
        self.health.postponed(why, self._now(), asked_for=None, reached=True)
        self.health.retry_at = self.health.not_before = None
        self._remember()

    def _missing(self, covered: Iterable[Span]) -> list[Span]:
        """What may be asked for, and is not there."""
        now = self._now()
        spans = may_be_asked(wanted(covered, now), self._asked, now)
        return [gap for span in spans for gap in self._ledger.prices.missing(*span)]

    def _ask(self, service: Service, span: Span) -> bool:
        """One request; returns whether another may follow today."""
        now = self._now().replace(microsecond=0)
        if not self._asked.waits(now):
            self._asked = Asked(None, _next_day(now), self._asked.absent, _retries(now))
        down_to = min(span[0], self._asked.down_to or _END)
        retries = tuple(each for each in self._asked.retries if each > now)
        self._asked = replace(self._asked, down_to=down_to, retries=retries, asked_at=now)
        self.health.last_attempt = now
        self.health.count_requests(1, now)
        self._remember()  # proves that answers can be kept, and whoever is killed now does not ask again
        try:
            answer = ask(service, span, now, token=self._token, url=self._url)
        except PricesError as error:
            self._failed(error, span)
            return False
        if not answer.prices:
            self._asked = replace(self._asked, down_to=_BEGINNING)
        self._asked = _told(self._asked, span, now)
        self._keep(answer, service.label, span)
        return bool(answer.prices)

    def _failed(self, error: PricesError, span: Span) -> None:
        now = self._now()
        if isinstance(error, TokenRefused):
            self.health.refused(str(error), now, tried=True)
            times = [self._asked.again_at]
        else:
            asked_for = error.not_before if isinstance(error, TryLater) else None
            reached = not isinstance(error, TryLater) or error.reached
            self.health.postponed(str(error), now, asked_for=asked_for, reached=reached)
            times = [self.health.retry_at, self._asked.again_at if reached else None]
        again_at = max(filter(None, times))
        may_come_late = isinstance(error, TryLater) and span[1] > _begin_of_today(now)
        earliest = self.health.retry_at if may_come_late else None
        retries = tuple(each for each in self._asked.retries if earliest and each > earliest)
        self._asked = replace(self._asked, down_to=_BEGINNING, again_at=again_at, retries=retries)
        next_at = min((again_at, *retries))
        self.health.retry_at = self.health.not_before = next_at
        log.warning("%s; trying again at %s", error, local(next_at))
        self._remember()

    def _keep(self, answer: Answer, whose: str, span: Span | None = None) -> None:
        """Keep what was understood, and say what is not there; of a span also what was passed over."""
        with self._ledger.store.transaction():
            if changed := self._ledger.prices.keep(answer.prices):
                self._changed(changed)
            remarks = [f"of {whose}, {each}" for each in answer.remarks]
            if span and not remarks and (gaps := self._ledger.prices.missing(*span)):
                more = f", and {len(gaps) - 1} gaps more" if gaps[1:] else ""
                remarks = [f"{whose} has no prices from {local(gaps[0][0])} to {local(gaps[0][1])}{more}"]
            self.health.succeeded(self._now())
            self.health.advice = "; ".join(filter(None, (self.health.advice, *remarks))) or None
            self._remember()
        for remark in remarks:
            log.warning("%s", remark)

    def _remember(self) -> None:
        self._ledger.notes.remember(_NOTE, {**self._asked.to_note(), "whose": self._whose})
        self._ledger.notes.remember(_HEALTH, self.health.to_note())


def _next_day(now: datetime) -> datetime:
    """A moment of the next afternoon, soon after prices come."""
    at = now.astimezone(BRUSSELS)
    day = at.date() + ONE_DAY * (at.time() >= _PUBLISHED_AT)
    begin = datetime.combine(day, _PUBLISHED_AT, BRUSSELS).astimezone(UTC)
    return begin + timedelta(seconds=random.uniform(0, _JITTER))


def _retries(now: datetime) -> tuple[datetime, ...]:
    """When to look whether what is late has come."""
    return tuple(now + timedelta(hours=random.uniform(0.85, 1.15) * each) for each in _RETRIES)


def _begin_of_today(now: datetime) -> datetime:
    return meterday.start_of(meterday.day_of(now, Energy.ELECTRICITY), Energy.ELECTRICITY)


def _told(asked: Asked, span: Span, now: datetime) -> Asked:
    """Of what lies long back, all was told that is there: it is not asked for again for a week."""
    absent = [each for each in asked.absent if abs(now - each[2]) < _A_WEEK]
    if span[0] < now - _A_WEEK:
        absent.append((span[0], min(span[1], now - _A_WEEK), now))
    return replace(asked, absent=tuple(absent))


def _without(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """What is left of spans without others."""
    left = list(spans)
    for start, end in others:
        parts = [
            part for first, last in left for part in ((first, min(last, start)), (max(first, end), last))
        ]
        left = [(first, last) for first, last in parts if first < last]
    return sorted(left)
