"""Mandates: what customers allow an energy service provider to ask for.

Names and states are those of the Energy API v3 (`GET /api/mandate`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

from bridge.metering.model import BRUSSELS, Energy

_DAYS, _INTERVALS, _INSTALLATION = "VH_dag", "VH_kwartier_uur", "IG"
_SERVICES = (_INTERVALS, "VH_onbepaald", _DAYS)  # the one that allows most comes first
_EVER, _NEVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
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

    @property
    def identity(self) -> tuple[object, ...]:
        """By what it is known again when it changed: a reference alone may be that of several."""
        return self.ean, self.reference, self.energy, self.service, self.since

    @property
    def rank(self) -> int:
        """How much it allows: the lower the more."""
        return _SERVICES.index(self.service) if self.service in _SERVICES else len(_SERVICES)

    def problem(self, now: datetime, *, history: bool = False) -> str | None:
        """Why nothing may be asked for, or no history; None if something may."""
        if self.renewal == "Expired" or (self.expires and self.expires <= now):
            words: str | None = "has expired; ask the customer for a new one"
        elif self.status != "Approved":
            words = _WORDS.get(self.status, f"is in the unknown state {self.status}")
        elif self.service == _INSTALLATION:
            words = "is for data of the installation and not for readings; ask the customer for another one"
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


def by_ean(mandates: Iterable[Mandate], now: datetime) -> dict[str, tuple[Mandate, ...]]:
    """The mandates of each EAN, the best first: good, not over yet, with quarter-hours, and for longest."""

    def worth(mandate: Mandate) -> tuple[object, ...]:
        until = mandate.until or _NEVER
        lasts = until, -(mandate.since or _EVER).timestamp(), mandate.reference
        return mandate.problem(now) is None, until > now, -mandate.rank, *lasts

    found: dict[str, list[Mandate]] = defaultdict(list)
    for mandate in mandates:
        found[mandate.ean].append(mandate)
    return {ean: tuple(sorted(each, key=worth, reverse=True)) for ean, each in found.items()}


def best(mandates: Iterable[Mandate], now: datetime) -> dict[str, Mandate]:
    """The best mandate of each EAN."""
    return {ean: each[0] for ean, each in by_ean(mandates, now).items()}


def _months_before(instant: datetime, months: int) -> datetime:
    year, month = divmod(instant.year * 12 + instant.month - 1 - months, 12)
    first = date(year, month + 1, 1)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return instant.replace(year=year, month=month + 1, day=min(instant.day, (following - first).days))
