"""Backfills: worked on one request at a time, and asked for over MQTT."""

import logging
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from bridge.config.asked import UsageError, WantedHistory
from bridge.fetching.backfill import Backfiller
from bridge.fetching.cycle import Fetcher
from bridge.fetching.sources import SOURCES
from bridge.folder.claim import FolderError
from bridge.ledger import Ledger, LedgerError
from bridge.metering.model import BRUSSELS, Backfill, Meter
from bridge.mqtt import Command
from bridge.service.answers import done, refused, transaction
from bridge.service.trouble import Trouble
from bridge.text.foreign import clean
from bridge.text.wishes import wish
from bridge.text.words import Payload

log = logging.getLogger(__name__)

_FROM = "history_from"  # the note


class Backfills:
    """The backfills that are worked on, and what is said of them.

    Args:
        ledger: where they are.
        fetcher: knows the meters, and visits Fluvius.
        now: the present instant, aware.
        trouble: with the ledger.
    """

    def __init__(
        self, ledger: Ledger, fetcher: Fetcher, now: Callable[[], datetime], trouble: Trouble
    ) -> None:
        self._ledger, self._fetcher, self._now, self._trouble = ledger, fetcher, now, trouble
        self._backfiller = Backfiller(ledger, fetcher, now)

    @property
    def current(self) -> Backfill | None:
        """The one that is worked on, or comes next."""
        return self._backfiller.current

    @property
    def waits_for(self) -> str | None:
        """Why it does not go on, if it does not."""
        return str(self._backfiller.trouble) if self._backfiller.trouble else None

    def is_due(self) -> bool:
        """Whether one can go on."""
        return self._trouble.allows(self._backfiller.is_due)

    def step(self) -> Backfill | None:
        """One request, so that nobody has to wait for the end of a long backfill."""
        try:
            return self._backfiller.step()
        except (FolderError, LedgerError) as error:
            self._trouble.noticed(error)
            return None

    def say_how_to_get_more(self, lookback_days: int) -> None:
        """Where the ledger is empty, a cycle fetches so many days and no more."""
        with self._trouble.endured():
            asked = [meter for meter in self._fetcher.meters if SOURCES[meter.source].is_asked]
            if asked and not any(self._ledger.readings.known_span(meter) for meter in asked):
                log.info(
                    "the ledger is empty: the last %d days are fetched; for older ones run"
                    " `fluvius2mqtt backfill --from DATE`",
                    lookback_days,
                )

    def meter_of(self, backfill: Backfill) -> Meter | None:
        """Its meter; None if that is not followed any more."""
        return self._backfiller.meter_of(backfill)

    def name(self, backfill: Backfill) -> str:
        """Its meter's name."""
        meter = self.meter_of(backfill)
        return meter.name if meter else backfill.ean

    def first(self) -> date:
        """The day from which on `fetch_history` fetches."""
        written = self._ledger.notes.recall(_FROM)
        return date.fromisoformat(written) if written else date(self._this_year() - 1, 1, 1)

    def set_first(self, first: date) -> None:
        """Fetch from this day on."""
        self._ledger.notes.remember(_FROM, first.isoformat())

    def _this_year(self) -> int:
        return self._now().astimezone(BRUSSELS).year


class BackfillRequests:
    """What may be asked for over MQTT: to begin, to stop, and from which day on.

    Args:
        ledger: where backfills are kept.
        fetcher: knows the meters.
        backfills: those that are worked on.
        now: the present instant, aware.
        trouble: with the ledger.
        changed: called when others should see what holds now.
    """

    def __init__(
        self,
        ledger: Ledger,
        fetcher: Fetcher,
        backfills: Backfills,
        *,
        now: Callable[[], datetime],
        trouble: Trouble,
        changed: Callable[[], None],
    ) -> None:
        self._ledger, self._fetcher, self._backfills = ledger, fetcher, backfills
        self._now, self._trouble, self._changed = now, trouble, changed

    def begin(self, command: Command) -> Payload:
        """Begin what a JSON object asks for. The end is answered too, for each meter."""
        request = wish(command.payload)
        if request is None:
            return refused(command, "this is not a JSON object")
        return self._begin(command, request)

    def begin_from_the_set_day(self, command: Command) -> Payload:
        """Begin from the day that was set, for all meters."""
        return self._begin(command, {"from": self._backfills.first().isoformat()})

    def set_first(self, command: Command) -> Payload:
        """Set the day from which on `fetch_history` fetches."""
        try:
            text = command.payload.decode("utf-8", "replace").strip()
            first = WantedHistory.of({"from": text}, self._fetcher.meters, self._now()).first
            self._backfills.set_first(first)
        except (LedgerError, UsageError) as error:
            return refused(command, clean(error))
        finally:
            self._changed()  # who wrote something else sees again what holds
        return done(command, {"from": first.isoformat()})

    def stop(self, command: Command) -> Payload:
        """Stop all backfills."""
        stopped = self._ledger.jobs.stop_backfills()
        self._changed()
        if not stopped:
            return refused(command, "no history is being fetched")
        return done(command, {"stopped": stopped})

    def _begin(self, command: Command, request: Mapping[str, Any]) -> Payload:
        try:
            wanted = WantedHistory.of(request, self._fetcher.meters, self._now())
        except UsageError as error:
            return refused(command, clean(error))
        try:
            self._ledger.jobs.begin_backfills(
                wanted.meters, wanted.first, wanted.last, self._now(), transaction(command)
            )
        except LedgerError as error:
            self._trouble.noticed(error)
            several = len(wanted.meters) > 1
            return refused(command, f"{error}; none of the meters was begun" if several else str(error))
        names = [meter.name for meter in wanted.meters]
        span = {"from": wanted.first.isoformat(), "to": wanted.last.isoformat()}
        return done(command, {"state": "started", "meters": names, **span})
