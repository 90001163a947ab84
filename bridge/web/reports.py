"""The report of one visit to Fluvius: made beside the bridge while people look on, kept until the next."""

import io
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.config import Settings
from bridge.fetching.due import is_recent
from bridge.folder.claim import make
from bridge.setup.finding import Finding
from bridge.setup.report import Report
from bridge.text.endings import ForTheUser

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """How far it has come."""

    begun: datetime  # aware
    found: tuple[Finding, ...] = ()
    pages: Mapping[str, str] | None = None  # what is in it, by name; None until it is whole
    archive: bytes = b""
    error: str | None = None  # why there is none

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.pages is not None or self.error is not None


class Reports:
    """The latest of them. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.latest: Made | None = None  # never changed, only replaced

    def begin(self, settings: Settings, now: datetime) -> bool:
        """Make one on a thread of its own; False where one is being made, or was in these five minutes."""
        with self._lock:
            if self.latest and (not self.latest.is_over or is_recent(self.latest.begun, now)):
                return False
            self.latest = Made(now)
        threading.Thread(target=self._make, args=(settings, self.latest), name="report", daemon=True).start()
        return True

    def _make(self, settings: Settings, made: Made) -> None:
        try:
            make(settings.data_dir)
            report = Report(settings)
            for finding in report.visit():
                self.latest = made = replace(made, found=(*made.found, finding))
            report.prove_asked()
            report.prove_harmless()
            file, manifest = io.BytesIO(), report.manifest()
            report.write(file, manifest)
            self.latest = replace(made, pages=report.pages(manifest), archive=file.getvalue())
        except ForTheUser as error:
            self.latest = replace(made, error=str(error))
        except Exception:
            log.exception("no report could be made")
            self.latest = replace(made, error="this is a fault of the page; the log says more")
