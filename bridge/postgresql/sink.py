"""When the database is told what changed, and how that went."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from bridge.config.sinks import PostgresqlSettings
from bridge.ledger import Ledger, LedgerError
from bridge.ledger.health import SourceHealth, State
from bridge.metering.mandate import Mandate
from bridge.metering.meterday import span
from bridge.metering.model import Meter
from bridge.metering.shard import ALL, Shard
from bridge.postgresql.errors import DatabaseAway, DatabaseRefuses
from bridge.text.words import local

if TYPE_CHECKING:
    from bridge.postgresql.database import Database

log = logging.getLogger(__name__)

NOTE = "postgresql"
_PROGRESS = 10.0  # seconds between two lines of the log
_AT_MOST = 60  # changes at once: a day has some 200 to 400 readings
_LOOKS_EVERY = timedelta(hours=1)  # also where nothing waits: it may have been begun anew, or put back
_BELIEVED_FOR = timedelta(minutes=5)  # what it has, before that is dropped here


class Sink:
    """Keeps a database up to date with the ledger. What fails is tried again later, and nothing is lost.

    It is looked at once after each start and each hour, and connected to while something waits.

    Args:
        settings: where it is.
        ledger: the truth, which notes what changes.
        now: the present instant, aware.
        shard: whose meters the ledger follows.
        meters: the meters as they are configured; another object where they are others.
        mandates: likewise.
    """

    def __init__(
        self,
        settings: PostgresqlSettings,
        ledger: Ledger,
        now: Callable[[], datetime],
        *,
        shard: Shard = ALL,
        meters: Callable[[], Sequence[Meter]] = tuple,
        mandates: Callable[[], Iterable[Mandate]] = tuple,
    ) -> None:
        self._settings, self._ledger, self._now, self._shard = settings, ledger, now, shard
        self._meters, self._mandates = meters, mandates
        self._followed: tuple[Sequence[Meter], dict[str, Meter]] = (), {}
        self._database: Database | None = None
        self._told: Iterable[Mandate] | None = None  # the mandates; None: nothing since the start
        self._told_at: datetime | None = None  # the last of it, by the clock of the database
        self._delivered, self._said_at, self._at_most = 0, 0.0, _AT_MOST
        note = ledger.notes.recall(NOTE) if ledger.changes.keep() else None
        note = note if isinstance(note, dict) else {}
        self.health = SourceHealth.from_note(note)
        self.health.retry_at = None  # the configuration may be another one
        is_the_same = note.get("database") == settings.where
        self._number = int(note.get("number", 0)) if is_the_same else 0
        self._stood = ledger.changes.latest_number
        self._confirmed_at: datetime | None = None  # when it said itself how far it was told

    @property
    def waiting(self) -> int:
        """How many days, peaks and costs the database does not have yet, as far as known."""
        return self._ledger.changes.waiting(self._number)

    def is_due(self) -> bool:
        """Whether something waits, or may do so, and the database may be asked."""
        return not self._is_left_in_peace and (
            self._told is not self._mandates() or self._are_waiting() or not self._has_said(_LOOKS_EVERY)
        )

    @property
    def is_in_doubt(self) -> bool:
        """Whether the database has not said lately how far it was told, and may be asked."""
        return not (self._has_said(_BELIEVED_FOR) or self._is_left_in_peace)

    @property
    def _is_left_in_peace(self) -> bool:
        return self.health.waits_until(self.health.retry_at, self._now())

    def step(self) -> bool:
        """Deliver a batch; says whether there is news for whoever looks on.

        Raises:
            LedgerError: the ledger cannot be used; it is tried again later.
        """
        self.health.last_attempt = self._now()
        try:
            self._deliver()
            self.health.succeeded(self._now())
            is_news = self._say_how_far()
        except DatabaseAway as error:
            self._postpone(error)
            again = self.health.retry_at and local(self.health.retry_at)
            log.warning("postgresql: %s; %d changes wait until %s", error, self.waiting, again)
            is_news = True
        except LedgerError as error:
            self._postpone(error)
            raise
        told = {"number": self._number, "database": self._settings.where}
        self._ledger.notes.remember(NOTE, {**self.health.to_note(), **told})
        return is_news

    def days_lacking(self, meter: Meter, first: date, last: date) -> set[date]:
        """The days of a span of which the database does not have everything, or has not said so lately."""
        if not self._has_said(_BELIEVED_FOR):
            return set(span(first, last))
        return self._ledger.changes.days_after(self._number, meter, first, last)

    def close(self) -> None:
        """Let go of the database."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _deliver(self) -> None:
        if self._database is None:
            self._database = open_database(self._settings, self._ledger, self._shard, self._stood)
            self._number, self._confirmed_at = self._database.place.number, self._now()
            if self._database.told_at != self._told_at:
                self._told = None
        self._deliver_changes(self._database)
        if self._told is not (mandates := self._mandates()) and not self._are_waiting():
            self._database.tell_mandates(mandates)
            self._told, self._told_at = mandates, self._database.told_at

    def _deliver_changes(self, database: "Database") -> None:
        """As many at once as get through in time, however slow the line is."""
        at_most, self._at_most = self._at_most, max(self._at_most // 2, 1)
        delivered = database.deliver(self._known, at_most)
        if delivered:
            self._confirmed_at = self._now()
        self._delivered += delivered
        self._told_at = database.told_at
        self._number, self._at_most = database.place.number, min(2 * at_most, _AT_MOST)

    def _has_said(self, lately: timedelta) -> bool:
        """Whether the database said itself how far it was told: since then it may have been put back."""
        return self._confirmed_at is not None and abs(self._now() - self._confirmed_at) < lately

    def _are_waiting(self) -> bool:
        return self._ledger.changes.are_waiting(self._number)

    def _known(self, meter: Meter) -> Meter:
        """A meter as it is configured."""
        if self._followed[0] is not (meters := self._meters()):
            self._followed = meters, {each.ean: each for each in meters}
        configured = self._followed[1].get(meter.ean)
        return configured if configured and configured.energy is meter.energy else meter

    def _say_how_far(self) -> bool:
        """What a first start has done, now and then, and when all is told."""
        if not self._are_waiting():
            if self._said_at:
                log.info("postgresql: all is there: %d changes", self._delivered)
            self._delivered, self._said_at = 0, 0.0
            self.close()  # there may be nothing to tell for hours
            return True
        if is_time := time.monotonic() - self._said_at > _PROGRESS:
            log.info("postgresql: %d changes delivered, %d to go", self._delivered, self.waiting)
            self._said_at = time.monotonic()
        return is_time

    def _postpone(self, error: Exception) -> None:
        self.close()
        self._confirmed_at = None
        self.health.postponed(str(error), self._now(), asked_for=None, reached=False)
        if isinstance(error, DatabaseRefuses):
            self.health.state = State.REFUSED


def open_database(settings: PostgresqlSettings, ledger: Ledger, shard: Shard, stood: int) -> "Database":
    """The database, connected, as `Database` says.

    Raises:
        DatabaseAway: it cannot be had.
        LedgerError: the ledger cannot be used.
    """
    try:
        from bridge.postgresql.database import Database  # noqa: PLC0415 - psycopg is an extra
    except ImportError as error:
        raise DatabaseRefuses(f"psycopg cannot be used: {error}") from error
    return Database(settings, ledger, shard, stood)
