"""Visits to Fluvius: politely, one source at a time, and remembering across restarts how it went."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from bridge.config import Settings
from bridge.health import SourceHealth
from bridge.ledger import Ledger
from bridge.views import local

if TYPE_CHECKING:
    from bridge.fluvius.http import PoliteSession
    from bridge.fluvius.source import Source

log = logging.getLogger(__name__)

_LONGEST_WAIT = timedelta(days=8)  # a note that says more was made while the clock was wrong


class Postponed(Exception):
    """Something is missing, and it is too early to ask Fluvius for it."""


@dataclass
class Visit:
    """One visit to one source, and what came of it."""

    http: "PoliteSession"
    open_source: Callable[[], "Source"]  # raises FluviusError, which ends the visit
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
        self._kept: PoliteSession | None = None
        self.health = {name: SourceHealth.from_note(ledger.recall(f"source/{name}")) for name in names}

    def too_early(self, name: str, now: datetime) -> Postponed | None:
        """Why a source is to be left in peace; None if it may be asked."""
        health = self.health[name]
        if health.not_before is None or not now < health.not_before < now + _LONGEST_WAIT:
            return None
        return Postponed(f"{name} is not asked again before {local(health.not_before)}: {health.last_error}")

    def let_go(self) -> None:
        """Close the connection that the last visit kept open."""
        if self._kept:
            self._kept.close()
            self._kept = None

    @contextmanager
    def to(self, name: str, now: datetime, *, asked: bool, keep_open: bool = False) -> Iterator[Visit]:
        """Visit a source. What ends the visit early is no error here, but said by the visit.

        Args:
            name: of the source.
            now: when the visit begins, aware.
            asked: whether a person waits for it, and so for another try with refused credentials.
            keep_open: whether the connection serves the next visit too, which follows soon.

        Raises:
            LedgerError: what Fluvius answers could not be kept, so it is not asked.
        """
        from bridge.fluvius import open_source  # noqa: PLC0415 - heavy, and with nothing due not needed
        from bridge.fluvius.errors import CredentialsRefused, TryLater  # noqa: PLC0415
        from bridge.fluvius.http import PoliteSession  # noqa: PLC0415

        health = self.health[name]
        asked_before = health.last_attempt
        health.last_attempt = now
        self._ledger.remember(f"source/{name}", health.to_note())  # proves that answers can be kept
        http = self._kept = self._kept or PoliteSession(self._pause, self._now)
        before = http.count
        opened = partial(open_source, name, self._settings, http, self._ledger, self._now, asked=asked)
        visit = Visit(http, opened)
        try:
            yield visit
            if visit.trouble:
                health.postponed(str(visit.trouble), self._now(), asked_for=None, reached=True)
            else:
                health.succeeded(self._now())
        except CredentialsRefused as error:
            log.error("%s", error)  # noqa: TRY400 - the user needs the sentence, not the stack
            health.refused(str(error), tried=http.count > before)
            visit.error = error
        except TryLater as error:
            health.postponed(str(error), self._now(), asked_for=error.not_before, reached=error.reached)
            log.warning("%s; trying again at %s", error, health.retry_at and local(health.retry_at))
            visit.error = error
        finally:
            visit.requests = http.count - before
            if not visit.requests:
                health.last_attempt = asked_before
            if not keep_open:
                self.let_go()
            health.count_requests(visit.requests, now)
            self._ledger.remember(f"source/{name}", health.to_note())
