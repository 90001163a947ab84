"""Visits to Fluvius: politely, one source at a time, and remembering across restarts how it went."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Protocol, cast

from bridge.config import Settings
from bridge.fluvius import clock
from bridge.fluvius.errors import AccountLocked, ClockWrong, CredentialsRefused, TryLater
from bridge.fluvius.http import OUTCOMES, PoliteSession
from bridge.fluvius.open import address_of_the_time, open_source
from bridge.fluvius.seen import Seen
from bridge.fluvius.source import AtOnce, Stepwise
from bridge.ledger import Ledger
from bridge.ledger.health import SourceHealth, State
from bridge.text.words import local

log = logging.getLogger(__name__)


class Postponed(Exception):
    """Something is missing, and it is too early to ask Fluvius for it."""


class Source(Stepwise, AtOnce, Protocol):
    """An opened source: all that any of them offers, of which `SOURCES` says what this one does."""


@dataclass
class Visit:
    """One visit to one source, and what came of it."""

    http: PoliteSession
    open_source: Callable[[], Source]  # raises FluviusError, which ends the visit
    requests: int = 0  # when it is over
    trouble: Exception | None = None  # with every meter, so that it is worth another visit
    error: Exception | None = None  # that ended it


class Visits:
    """Who may be visited, and how the last visits went.

    Args:
        settings: the configuration.
        ledger: where it is remembered.
        now: the present instant, aware.
        pause: waits that many seconds between two requests; may raise to end the visit.
        names: the sources, `portal` and `energy_api`.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        now: Callable[[], datetime],
        pause: Callable[[float], None],
        names: Iterable[str],
    ) -> None:
        self._settings, self._ledger, self._now, self._pause = settings, ledger, now, pause
        self._kept: tuple[str, Visit] | None = None  # the source's name, and the visit that stays open
        self.requests = {name: Counter(dict.fromkeys(OUTCOMES, 0)) for name in names}  # since the start
        self.refusals = Counter(dict.fromkeys(self.requests, 0))  # of credentials that were tried
        self.seen = {name: Seen.from_note(ledger.notes.recall(f"seen/{name}")) for name in self.requests}
        self.health = {name: SourceHealth.from_note(ledger.notes.recall(f"source/{name}")) for name in names}

    def too_early(self, name: str, now: datetime) -> Postponed | None:
        """Why a source is to be left in peace; None if it may be asked."""
        health = self.health[name]
        if health.not_before is None or not health.waits_until(health.not_before, now):
            return None
        return Postponed(f"{name} is not asked again before {local(health.not_before)}: {health.last_error}")

    def may_be_asked(self, name: str, now: datetime) -> bool:
        """Whether neither Fluvius's word nor our own patience speaks against it."""
        health = self.health[name]
        return not any(health.waits_until(each, now) for each in (health.not_before, health.retry_at))

    def asked_last(self) -> datetime | None:
        """When Fluvius was last asked for anything."""
        return max(
            (health.last_attempt for health in self.health.values() if health.last_attempt), default=None
        )

    def retry_at(self) -> datetime | None:
        """When to try again what failed."""
        now = self._now()
        plans = (health.may_be_retried_at(now) for health in self.health.values())
        return min(filter(None, plans), default=None)

    def let_go(self) -> None:
        """Close the connection that the last visit kept open."""
        if self._kept:
            self._kept[1].http.close()
            self._kept = None

    @contextmanager
    def to(self, name: str, now: datetime, *, asked: bool, keep_open: bool = False) -> Iterator[Visit]:
        """Visit a source. What ends the visit early is no error here, but said by the visit.

        Args:
            name: of the source.
            now: when the visit begins, aware.
            asked: whether a person waits for it, and so for another try with refused credentials.
            keep_open: whether the next visit, which follows soon, is a part of this one: with the same
                connection and token, and nothing that a person who asks for more has to wait for.

        Raises:
            LedgerError: what Fluvius answers could not be kept, so it is not asked.
        """
        health = self.health[name]
        asked_before = health.last_attempt
        health.last_attempt = now
        self._ledger.notes.remember(f"source/{name}", health.to_note())  # proves that answers can be kept
        visit = self._visit(name, asked=asked, keep_open=keep_open)
        before = visit.http.count
        try:
            yield visit
            if visit.trouble:
                health.postponed(str(visit.trouble), self._now(), asked_for=None, reached=True)
            else:
                health.succeeded(self._now())
        except CredentialsRefused as error:
            log.error("%s", error)  # noqa: TRY400 - the user needs the sentence, not the stack
            retry_at = error.retry_at if isinstance(error, AccountLocked) else None
            health.refused(str(error), self._now(), tried=visit.http.count > before, retry_at=retry_at)
            self.refusals[name] += visit.http.count > before
            visit.error = error
        except TryLater as error:
            health.postponed(str(error), self._now(), asked_for=error.not_before, reached=error.reached)
            log.warning("%s; trying again at %s", error, health.retry_at and local(health.retry_at))
            visit.error = error
            if isinstance(error, ClockWrong):
                health.state = State.WAITING
        finally:
            visit.requests = visit.http.count - before
            if (keep_open or not visit.requests) and not isinstance(visit.error, ClockWrong):
                health.last_attempt = asked_before
            if visit.error or not keep_open:
                self.let_go()
            health.count_requests(visit.requests, now)
            self._ledger.notes.remember(f"source/{name}", health.to_note())
            self._ledger.notes.remember(f"seen/{name}", self.seen[name].to_note())

    def _visit(self, name: str, *, asked: bool, keep_open: bool) -> Visit:
        """A new one, unless the last one stays open for this."""
        if self._kept and keep_open and self._kept[0] == name:
            return replace(self._kept[1], requests=0, trouble=None, error=None)
        self.let_go()
        http = PoliteSession(self._pause, self._now, seen=self.seen[name], outcomes=self.requests[name])

        @cache
        def opened() -> Source:
            self._make_sure_of_the_time(name, http)
            source = open_source(name, self._settings, http, self._ledger.notes, self._now, asked=asked)
            return cast("Source", source)

        self._kept = name, Visit(http, opened)
        return self._kept[1]

    def _make_sure_of_the_time(self, name: str, http: PoliteSession) -> None:
        """Where the ledger has notes of a day to come: has Fluvius say what time it is, before all else.

        Raises:
            ClockWrong: our clock is behind. Otherwise it was ahead once, and those notes prove nothing.
            TryLater: see there.
        """
        now = self._now()
        successes = [health.last_success for health in self.health.values()]
        newest = max(filter(None, [self._ledger.reviews.newest_trace(), *successes]), default=now)
        if newest <= now + clock.APART:
            return
        answer = http.get(address_of_the_time(name, self._settings))
        if clock.said_by(answer.headers) is None:
            raise clock.doubted(now, newest)
        log.warning("the clock was wrong once: notes of %s, which is yet to come, are ignored", local(newest))
        self._ledger.reviews.disbelieve(now)
        for health in self.health.values():
            if health.last_success and health.last_success > now:
                health.last_success = None
