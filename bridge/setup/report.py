"""A visit to Fluvius, recorded for a public bug report, without what tells who or how much."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import IO

from bridge.config import Settings
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import open_recorder
from bridge.fluvius.recording import archive
from bridge.setup import visit
from bridge.setup.finding import Finding
from bridge.text.endings import COULD_NOT, ForTheUser
from bridge.text.words import Payload


class NotKept(ForTheUser):
    """There is no recording; the message says why."""

    def __init__(self, message: str, status: int = COULD_NOT) -> None:
        super().__init__(message)
        self.status = max(status, COULD_NOT)


class Report:
    """One recording.

    Args:
        settings: the configuration.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._recorder = open_recorder(settings, datetime.now(UTC))
        self._found: list[Finding] = []

    @property
    def exchanges(self) -> Sequence[Payload]:
        """Requests and their answers."""
        return self._recorder.exchanges

    def visit(self) -> Iterator[Finding]:
        """Ask Fluvius, once; yields what works."""
        with closing(PoliteSession()) as http:
            http.recorder = self._recorder
            for finding in visit.fluvius(self._settings, http, whole=True):
                self._found.append(finding)
                yield finding

    def prove_asked(self, status: int = COULD_NOT) -> None:
        """Whether there is anything of it.

        Raises:
            NotKept: nothing.
        """
        if not self.exchanges:
            raise NotKept("Fluvius was not asked, so that there is nothing to record", status)

    def prove_harmless(self) -> None:
        """Look for all that is known of the person.

        Raises:
            NotKept: it tells too much.
        """
        if self._recorder.leaks():
            raise NotKept(
                "the recording still holds something of yours, which is a mistake of ours, so that nothing is"
                " written; please tell us which version this is"
            )

    def manifest(self) -> Payload:
        """What it says of itself: meters by their test numbers, and which rows of the table were good."""
        return archive.manifest(datetime.now(UTC), self._about())

    def pages(self, manifest: Payload) -> dict[str, str]:
        """What it holds, by the names of its files."""
        return archive.pages(manifest, self.exchanges)

    def write(self, file: IO[bytes], manifest: Payload) -> None:
        """Write it as a zip archive.

        Raises:
            OSError: it cannot be written.
        """
        archive.write(file, manifest, self.exchanges)

    def _about(self) -> Payload:
        settings, recorder = self._settings, self._recorder
        portal = settings.fluvius.portal
        meters = [recorder.stand_in(meter) for meter in settings.followed if meter.source != "file"]
        labels = {meter.label: f"meter {n}" for n, meter in enumerate(settings.followed, 1)}
        rows = ("sign-in", "energy_api")
        return {
            "sources": [name for name in ("portal", "energy_api") if getattr(settings.fluvius, name)],
            "email": recorder.names.email(portal.email) if portal and portal.email else None,
            "meters": meters,
            "lookback_days": settings.schedule.lookback_days,
            "rows": [
                {
                    "row": each.what if each.what in rows else labels.get(each.what, "a meter"),
                    "works": each.works,
                }
                for each in self._found
            ],
        }
