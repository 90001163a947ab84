"""What is remembered of a meter beside its readings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime
from typing import Any, Self

from bridge.metering.model import Meter

_DATES = {"peaks_asked_in", "behind_since", "stumbled_on"}
_INSTANTS = {
    "last_attempt",
    "last_success",
    "stored_until",
    "doubt_since",
    "peaks_failed_at",
    "window_asked_at",
}


@dataclass(frozen=True)
class MeterNote:
    """How asking for a meter went. Instants are aware, texts for the user."""

    last_attempt: datetime | None = None  # that came to an end
    last_success: datetime | None = None
    serial: str | None = None  # the physical meter that was last asked about
    error: str | None = None
    remark: str | None = None
    stored_until: datetime | None = None  # what Fluvius stored before is known
    doubt_since: datetime | None = None  # since when its answers were not whole
    peaks_asked_in: date | None = None  # the first of the month in which monthly peaks were last asked for
    peaks_failed_at: datetime | None = None  # when Fluvius could last not say them
    window_asked_at: datetime | None = None  # when days were last asked for, whenever they were stored
    behind_since: date | None = None  # the first day missed while the bridge was off, until that is made good
    stumbled_on: date | None = None  # the day at whose intervals Fluvius was last in trouble
    behind: Sequence[Mapping[str, str]] = ()  # the connection: kind, ean, type, vreg_id of each installation
    mandate: str | None = None  # the reference under which it was last asked
    asked_within: Sequence[str | None] = (None, None)  # the meter's bounds then, ISO 8601

    imported: str | None = None  # what came of the last file, until Fluvius was asked
    not_imported: str | None = (
        None  # why nothing was taken of a file, until another one is, or Fluvius was asked
    )

    @staticmethod
    def key(meter: Meter, mandate: str = "") -> str:
        """Under which the ledger keeps it, for all of a meter or for the days of one of its mandates."""
        return "/".join(filter(None, ("meter", meter.ean, meter.energy, mandate)))

    @classmethod
    def of(cls, meter: Meter, kept: Any) -> Self:
        """Read back what `to_note` wrote; what was asked within other bounds says nothing of these."""
        kept = kept or {}
        values = {each.name: kept[each.name] for each in fields(cls) if each.name in kept}
        for name, text in values.items():
            if text and name in _DATES | _INSTANTS:
                values[name] = (date if name in _DATES else datetime).fromisoformat(text)
        note = cls(**values)
        bounds = [each.isoformat() if each else None for each in (meter.since, meter.until)]
        if list(note.asked_within) != bounds:
            note = replace(note, asked_within=bounds, window_asked_at=None, peaks_asked_in=None)
        return note

    def to_note(self) -> dict[str, Any]:
        """As JSON, for the ledger."""
        return {k: v.isoformat() if isinstance(v, date) else v for k, v in asdict(self).items()}
