"""What is remembered of a meter beside its readings."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Self

from bridge.metering.model import Meter


@dataclass(frozen=True)
class MeterNote:
    """What the ledger remembers of a meter beside its readings: instants as ISO 8601, texts for the user."""

    last_attempt: str | None = None  # that came to an end
    last_success: str | None = None
    serial: str | None = None  # the physical meter that was last asked about
    error: str | None = None
    remark: str | None = None
    stored_until: str | None = None  # what Fluvius stored before is known
    doubt_since: str | None = None  # since when its answers were not whole
    peaks_asked_in: str | None = None  # the month in which Fluvius was last asked for monthly peaks
    peaks_failed_at: str | None = None  # when it could last not say them
    window_asked_at: str | None = None  # when days were last asked for, whenever they were stored
    behind_since: str | None = None  # the first day missed while the bridge was off, until that is made good
    asked_within: Sequence[str | None] = (None, None)  # the meter's bounds then

    @classmethod
    def of(cls, meter: Meter, kept: Any) -> Self:
        """Read back what was kept; what was asked within other bounds says nothing of these."""
        kept = kept or {}
        note = cls(**{each.name: kept[each.name] for each in fields(cls) if each.name in kept})
        bounds = [each.isoformat() if each else None for each in (meter.since, meter.until)]
        if list(note.asked_within) != bounds:
            note = replace(note, asked_within=bounds, window_asked_at=None, peaks_asked_in=None)
        return note


def instant(text: str | None) -> datetime | None:
    """An instant of a note."""
    return datetime.fromisoformat(text) if text else None
