"""What is seen of the bridge at one moment: through the window, and in the ledger beside it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bridge.config import Settings
from bridge.fetching import readable
from bridge.folder.claim import FolderError
from bridge.ledger import LedgerError
from bridge.metrics.lag import Lag, lags
from bridge.service.window import Window


@dataclass(frozen=True, slots=True)
class Counted:
    """What the ledger says."""

    lags: Mapping[str, Lag] = field(default_factory=dict)  # by source
    readings: Mapping[str, int] = field(default_factory=dict)  # that wait, by who waits for them
    meters: Mapping[str, int] = field(default_factory=dict)  # of which something waits


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything."""

    settings: Settings
    window: Window
    counted: Counted | None  # None where the ledger cannot be read
    ledger_size: int | None  # bytes, with its log; None where there is none


def look(settings: Settings, window: Window, now: datetime) -> Seen:
    """Look around; takes no longer than a moment with ten thousand meters."""
    return Seen(settings, window, _counted(settings, window, now), _size(settings.data_dir / "ledger.sqlite"))


def _counted(settings: Settings, window: Window, now: datetime) -> Counted | None:
    waits = {"stream": settings.mqtt.stream, "statistics": bool(settings.homeassistant.statistics)}
    try:
        with readable.reading(settings.data_dir) as records:
            return Counted(
                lags(window.meters, records.figures.latest_days(), now),
                {
                    name: count
                    for name, count in records.figures.waiting_readings(window.meters).items()
                    if waits[name]
                },
                {
                    name: count
                    for name, count in records.figures.waiting_meters(window.meters).items()
                    if waits[name]
                },
            )
    except (FolderError, LedgerError):  # which health and log explain
        return None


def _size(ledger: Path) -> int | None:
    size = None
    for name in ledger.name, f"{ledger.name}-wal":
        with suppress(OSError):
            size = (size or 0) + ledger.with_name(name).stat().st_size
    return size
