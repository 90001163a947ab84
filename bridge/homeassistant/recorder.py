"""When Home Assistant's statistics are brought up to date, and how that went."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from bridge.config.settings import StatisticsSettings
from bridge.folder import FolderError
from bridge.health import SourceHealth
from bridge.homeassistant import door
from bridge.ledger import Ledger, LedgerError
from bridge.model import Meter
from bridge.views import local

log = logging.getLogger(__name__)

_NOTE = "statistics"


class Recorder:
    """Keeps Home Assistant's statistics up to date with the ledger.

    Args:
        settings: where Home Assistant is, and the token.
        ledger: the truth, and where it is remembered how things went.
        folder: the data folder, where refusals of the token are remembered.
        bridge: tells this bridge's statistics from another one's; empty for the usual one.
        now: the present instant, aware.
        attend: called often while Home Assistant is busy; may raise to end that.
    """

    def __init__(
        self,
        settings: StatisticsSettings,
        ledger: Ledger,
        folder: Path,
        bridge: str,
        now: Callable[[], datetime],
        *,
        attend: Callable[[], None],
    ) -> None:
        self._settings, self._ledger, self._bridge = settings, ledger, bridge
        self._now, self._attend = now, attend
        self._refusals = door.refusals(settings, folder)
        self._unsure = False
        note = ledger.recall(_NOTE)
        note = note if isinstance(note, dict) else {}
        self.health = SourceHealth.from_note(note)
        self._door = hashlib.sha256(
            f"{settings.url} {settings.token.get_secret_value()}".encode()
        ).hexdigest()
        if note.get("door") != self._door:
            self.health, self._unsure = SourceHealth(), True

    def doubt(self) -> None:
        """Home Assistant may be another one than it was: one restored from a backup, say. Look, and soon."""
        self._unsure = True
        self.health.retry_at = None

    def is_due(self) -> bool:
        """Whether it is time to try again what failed."""
        return self.health.retry_at is not None and self._now() >= self.health.retry_at

    def update(self, meters: Sequence[Meter], *, asked: bool = False) -> None:
        """Import what changed, if anything did; what fails is tried again later.

        Args:
            meters: those of the configuration.
            asked: whether a person waits for it, and so for another try after a refusal.

        Raises:
            LedgerError: the ledger cannot be read.
            FolderError: a refusal could not be kept, so nothing was tried.
        """
        try:
            if not (self._unsure or any(self._ledger.restated_since(meter) for meter in meters)):
                self.health.retry_at = None
            elif asked or self.health.retry_at is None or self.is_due():
                self._try(meters, asked=asked)
        except (FolderError, LedgerError) as error:  # without a pause it would be tried again and again
            self.health.postponed(str(error), self._now(), asked_for=None, reached=False)
            raise

    def _try(self, meters: Sequence[Meter], *, asked: bool) -> None:
        from bridge.homeassistant.core import CommandRefused, CoreAway, TokenRefused  # noqa: PLC0415 - heavy

        health = self.health
        health.last_attempt = self._now()
        try:
            self._bring_up_to_date(meters, asked=asked)
            health.succeeded(self._now())
            self._unsure = False
        except TokenRefused as error:
            log.error("statistics: %s", error)  # noqa: TRY400 - the user needs the sentence, not the stack
            health.refused(str(error), tried=error.tried)
        except (CoreAway, CommandRefused) as error:
            health.postponed(str(error), self._now(), asked_for=None, reached=False)
            log.warning(
                "statistics: %s; trying again at %s", error, health.retry_at and local(health.retry_at)
            )
        finally:
            self._ledger.remember(_NOTE, {**health.to_note(), "door": self._door})

    def _bring_up_to_date(self, meters: Sequence[Meter], *, asked: bool) -> None:
        from bridge.homeassistant.core import CommandRefused  # noqa: PLC0415 - heavy
        from bridge.homeassistant.statistics import Statistics  # noqa: PLC0415 - heavy

        refusals = []
        with door.entered(
            self._settings, self._refusals, self._now, asked=asked, attend=self._attend
        ) as core:
            statistics = Statistics(core, self._ledger, self._bridge)
            for meter in meters:
                since = self._ledger.restated_since(meter)
                if since or self._unsure:
                    try:
                        statistics.bring_up_to_date(meter, since)
                    except CommandRefused as error:
                        refusals.append(error)
                        continue
                if since:
                    self._ledger.caught_up(meter, since)
        if refusals:
            raise refusals[0]
