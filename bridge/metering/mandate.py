"""Mandates: what customers allow an energy service provider to ask for.

Names and states are those of the Energy API v3 (`GET /api/mandate`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

from bridge.metering.model import BRUSSELS, Energy

_DAYS, _INTERVALS = "VH_dag", "VH_kwartier_uur"
_SERVICES = (_INTERVALS, "VH_onbepaald", "IG", _DAYS)  # the one that allows most comes first
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_MONTHS_OF_WARNING = 3
_WORDS = {
    "Requested": "was requested; the customer has not approved it yet",
    "Rejected": "was rejected by the customer",
    "Finished": "is finished; ask the customer for a new one",
}
_AFTERWARDS = timedelta(days=31)  # how long the last days of a data period are still awaited


@dataclass(frozen=True, slots=True)
class Mandate:
    """One customer's yes for one EAN. Instants are aware."""

    reference: str
    ean: str
    energy: Energy
    status: str  # Requested, Approved, Rejected, Finished
    service: str
    since: datetime | None = None  # from when on data may be asked for
    until: datetime | None = None
    expires: datetime | None = None
    renewal: str | None = None  # ToBeRenewed, RenewalRequested, Expired

    @classmethod
    def from_note(cls, note: Mapping[str, Any]) -> Self:
        """Read back what `to_note` wrote."""
        instants = {
            name: datetime.fromisoformat(note[name]) if note[name] else None
            for name in ("since", "until", "expires")
        }
        return cls(**{**note, **instants, "energy": Energy(note["energy"])})

    def to_note(self) -> dict[str, Any]:
        """As JSON, for the ledger."""
        return {
            name: value.isoformat() if isinstance(value := getattr(self, name), datetime) else value
            for name in self.__slots__
        }

    @property
    def days_only(self) -> bool:
        """Whether quarter-hours (gas: hours) are not allowed."""
        return self.service == _DAYS

    def problem(self, now: datetime, *, history: bool = False) -> str | None:
        """Why nothing may be asked for, or no history; None if something may."""
        if self.renewal == "Expired" or (self.expires and self.expires <= now):
            words: str | None = "has expired; ask the customer for a new one"
        elif self.status != "Approved":
            words = _WORDS.get(self.status, f"is in the unknown state {self.status}")
        elif self.since and self.since > now:
            words = f"begins on {self.since.astimezone(BRUSSELS).date()}"
        elif not history and self.until and self.until + _AFTERWARDS < now:
            words = f"is for data before {self.until.astimezone(BRUSSELS).date()}"
        else:
            words = None
        return words and f"its mandate {self.reference} {words}"

    def must_be_renewed(self, now: datetime) -> bool:
        """Whether it ends within three months, and nobody has asked the customer yet."""
        if self.renewal == "RenewalRequested":
            return False
        return self.renewal is not None or (
            self.expires is not None and now >= _months_before(self.expires, _MONTHS_OF_WARNING)
        )


def best(mandates: Iterable[Mandate], now: datetime) -> dict[str, Mandate]:
    """For each EAN the mandate that allows most: a good one, quarter-hours, and for longest."""

    def worth(mandate: Mandate) -> tuple[bool, int, datetime, str]:
        rank = _SERVICES.index(mandate.service) if mandate.service in _SERVICES else len(_SERVICES)
        return mandate.problem(now) is None, -rank, mandate.until or _NEVER, mandate.reference

    found: dict[str, Mandate] = {}
    for mandate in mandates:
        other = found.get(mandate.ean)
        if other is None or worth(mandate) > worth(other):
            found[mandate.ean] = mandate
    return found


def _months_before(instant: datetime, months: int) -> datetime:
    year, month = divmod(instant.year * 12 + instant.month - 1 - months, 12)
    first = date(year, month + 1, 1)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return instant.replace(year=year, month=month + 1, day=min(instant.day, (following - first).days))
