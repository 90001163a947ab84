"""When Home Assistant's statistics are brought up to date, and how that went."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config import StatisticsSettings
from bridge.folder.claim import FolderError
from bridge.homeassistant import door, leftovers
from bridge.homeassistant.errors import CommandRefused, CoreAway, TokenRefused
from bridge.homeassistant.series import Book
from bridge.ledger import Damaged, Ledger, LedgerError
from bridge.ledger.health import SourceHealth, State
from bridge.metering.model import Energy, Meter
from bridge.text.words import local

if TYPE_CHECKING:
    from bridge.homeassistant.core import Core

log = logging.getLogger(__name__)

_NOTE = "statistics"
_EVER = datetime(1, 1, 1, tzinfo=UTC)


class Recorder:
    """Keeps Home Assistant's statistics up to date with the ledger.

    Args:
        settings: where Home Assistant is, and the token.
        ledger: the truth, and where it is remembered how things went.
        folder: the data folder, where refusals of the token are remembered.
        books: what there is of the ledger in statistics.
        unique_ids: of a meter's entities, by which Home Assistant knows them.
        now: the present instant, aware.
        attend: called often while Home Assistant is busy; may raise to end that.
        changed: called when `health` says something else while there is still much to do.
    """

    def __init__(
        self,
        settings: StatisticsSettings,
        ledger: Ledger,
        folder: Path,
        books: Sequence[Book],
        *,
        unique_ids: Callable[[Meter], Iterable[str]],
        now: Callable[[], datetime],
        attend: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._settings, self._ledger, self._books = settings, ledger, books
        self._unique_ids, self._now = unique_ids, now
        self._attend, self._changed = attend, changed
        self._refusals = door.refusals(settings, folder)
        self._unsure = self._unsure_of_all = False
        self._compared: set[tuple[str, Energy]] = set()  # meters, while it is unsure of the others
        note = ledger.notes.recall(_NOTE)
        note = note if isinstance(note, dict) else {}
        self.health = SourceHealth.from_note(note)
        self._door = hashlib.sha256(
            f"{settings.url} {settings.token.get_secret_value()}".encode()
        ).hexdigest()
        self._is_tidy = note.get("tidy") is True
        if note.get("door") != self._door:
            self.health, self._is_tidy = SourceHealth(), False
        self._sure_of = note.get("sure_of")  # the door behind which everything was last as it should be
        self._unsure = self._sure_of != self._door

    def doubt(self, *, all_of_it: bool = False) -> None:
        """Home Assistant may be another one than it was: one restored from a backup, say. Look, and soon.

        Args:
            all_of_it: look at every hour, and not only at the last month.
        """
        self._unsure, self._unsure_of_all = True, self._unsure_of_all or all_of_it
        self._compared.clear()
        self.health.retry_at = None

    def is_unsure(self, meter: Meter) -> bool:
        """Whether it is not known what Home Assistant has of a meter: it is another one, or may be."""
        return self._unsure and (meter.ean, meter.energy) not in self._compared

    def is_due(self) -> bool:
        """Whether it is time to try again what failed."""
        return self.health.retry_at is not None and not self._waits()

    def update(self, meters: Sequence[Meter], *, asked: bool = False) -> None:
        """Import what changed, and what Home Assistant lost; what fails is tried again later.

        Args:
            meters: those of the configuration.
            asked: whether a person waits for it, and so for another try after a refusal.

        Raises:
            LedgerError: the ledger cannot be read.
            FolderError: a refusal could not be kept, so nothing was tried.
        """
        try:
            if asked or not self._waits():
                self._try(meters, asked=asked)
        except (FolderError, LedgerError) as error:  # without a pause it would be tried again and again
            self.health.postponed(str(error), self._now(), asked_for=None, reached=False)
            raise

    def _waits(self) -> bool:
        return self.health.waits_until(self.health.retry_at, self._now())

    def _try(self, meters: Sequence[Meter], *, asked: bool) -> None:
        health = self.health
        health.last_attempt = self._now()
        try:
            self._bring_up_to_date(meters, asked=asked)
            health.succeeded(self._now())
            self._unsure = self._unsure_of_all = False
            self._sure_of = self._door
        except TokenRefused as error:
            log.error("statistics: %s", error)  # noqa: TRY400 - the user needs the sentence, not the stack
            health.refused(str(error), self._now(), tried=error.tried)
        except (CoreAway, CommandRefused) as error:
            health.postponed(str(error), self._now(), asked_for=None, reached=False)
            log.warning(
                "statistics: %s; trying again at %s", error, health.retry_at and local(health.retry_at)
            )
        finally:
            self._remember()

    def _remember(self) -> None:
        self._ledger.notes.remember(
            _NOTE,
            {
                **self.health.to_note(),
                "door": self._door,
                "sure_of": self._sure_of,
                "tidy": self._is_tidy,
            },
        )

    def _bring_up_to_date(self, meters: Sequence[Meter], *, asked: bool) -> None:
        from bridge.homeassistant.statistics import Statistics  # noqa: PLC0415 - websockets is an extra

        faults: list[CommandRefused | Damaged] = []  # of one meter, which keeps no other waiting
        with door.entered(
            self._settings, self._refusals, self._now, asked=asked, attend=self._attend
        ) as core:
            statistics = Statistics(core, self._ledger, self._books)
            lacking = statistics.lacking(meters)
            if lacking and self.health.state is State.OK:
                self.health.state = State.WAITING
                self._remember()
                self._changed()
            for meter in meters:
                try:
                    statistics.describe(meter)
                    edition = self._ledger.outbox.edition(meter)
                    since = self._ledger.outbox.restated_since(meter)
                    if since or self._unsure or meter in lacking:
                        statistics.bring_up_to_date(meter, _EVER if self._unsure_of_all else since)
                        self._compared.add((meter.ean, meter.energy))
                except (CommandRefused, Damaged) as error:
                    faults.append(error)
                    continue
                if since and edition == self._ledger.outbox.edition(meter):  # or prices came meanwhile
                    self._ledger.outbox.caught_up(meter, since)
            if self._unsure or not self._is_tidy:
                self._tidy_up(core, meters)
        if faults:
            raise faults[0]

    def _tidy_up(self, core: "Core", meters: Sequence[Meter]) -> None:
        """Until there is nothing left to clear, and so once; what a restored backup brings back, too."""
        try:
            found = leftovers.find(core, {each for meter in meters for each in self._unique_ids(meter)})
            shown = leftovers.clear(core, found) if found else set()
        except CommandRefused as error:  # which is no fault of the statistics
            log.warning("statistics: what Home Assistant counted of our sensors is not cleared: %s", error)
            return
        self._is_tidy = bool(meters) and not found
        advice = _advice(sorted(shown))
        if advice and advice != self.health.advice:
            log.warning("statistics: %s", advice)
        self.health.advice = advice


def _advice(shown: Sequence[str]) -> str | None:
    if not shown:
        return None
    return (
        f"the Energy dashboard still shows {', '.join(shown)}, which Home Assistant does not count any more;"
        " choose the statistic of the same meter there instead (Energy, its pencil; in older versions"
        " Settings, Dashboards, Energy), and what was counted of the sensor is cleared by itself"
    )
