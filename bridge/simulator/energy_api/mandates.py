"""The customers' mandates over time, and the short URLs with which they are asked for."""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args

from bridge.simulator.energy_api.naming import moment_of
from bridge.simulator.writing import first_instant, text

Service = Literal["VH_dag", "VH_kwartier_uur", "VH_onbepaald", "IG"]
Status = Literal["Requested", "Approved", "Rejected", "Finished"]
Renewal = Literal["ToBeRenewed", "RenewalRequested", "Expired"]
Environment = Literal["production", "sandbox"]
SERVICES, STATUSES, RENEWALS = get_args(Service), get_args(Status), get_args(Renewal)

TO_BE_RENEWED = timedelta(days=91)  # before it expires
SHORT_URL_LIVES = timedelta(hours=24)


class Change(NamedTuple):
    """A mandate's status from a moment on."""

    at: datetime
    status: Status


@dataclass
class Mandate:
    """What one customer allows for one connection point. Its status changes over time."""

    ean: str
    reference: str
    energy_type: Literal["E", "G"]
    service: Service
    period_from: datetime
    period_to: datetime | None
    expires: datetime
    environment: Environment | None = None  # None: both
    renewal: Renewal | None = None  # None: as the expiry says
    changes: list[Change] = field(default_factory=list)

    def change(self, status: Status, at: date | datetime) -> None:
        """Another status from a moment on; a date stands for its first instant in Brussels."""
        self.changes.append(Change(first_instant(at), status))
        self.changes.sort(key=lambda each: each.at)

    def approve(self, at: date | datetime) -> None:
        """The customer agrees at that moment."""
        self.change("Approved", at)

    def finish(self, at: date | datetime) -> None:
        """The customer ends it at that moment."""
        self.change("Finished", at)

    def expire(self, at: date | datetime) -> None:
        """It expires at that moment; its status stays, its renewal status becomes `Expired`."""
        self.expires = first_instant(at)

    def status(self, now: datetime) -> Status | None:
        """Its status at a moment; None: it does not exist yet."""
        return next((status for at, status in reversed(self.changes) if at <= now), None)

    def renewal_status(self, now: datetime) -> Renewal | None:
        """Whether it is time to renew it."""
        if self.expires <= now:
            return "Expired"
        if self.renewal or self.expires - TO_BE_RENEWED > now or self.status(now) != "Approved":
            return self.renewal
        return "ToBeRenewed"

    def updated(self, now: datetime) -> datetime:
        """The latest moment at which something about it changed."""
        moments = [at for at, _ in self.changes]
        moments += [self.expires, self.expires - TO_BE_RENEWED]
        return max(at for at in moments if at <= now)

    def is_good(self, now: datetime) -> bool:
        """Whether readings may be asked for."""
        return self.status(now) == "Approved" and now < self.expires

    def allows(self, granularities: Iterable[str]) -> bool:
        """Whether the data service goes so far."""
        allowed = {"VH_dag": {"daily"}, "IG": set()}.get(self.service, {"daily", "hourly_quarterhourly"})
        return set(granularities) <= allowed

    def covers(self, start: datetime, end: datetime) -> bool:
        """Whether a span lies in the data period."""
        return self.period_from <= start and (self.period_to is None or end <= self.period_to)

    def as_fluvius_writes(self, now: datetime) -> dict[str, Any]:
        """The mandate in an answer."""
        return {
            "referenceNumber": self.reference,
            "status": self.status(now),
            "ean": self.ean,
            "energyType": self.energy_type,
            "dataPeriodFrom": text(self.period_from),
            "dataPeriodTo": text(self.period_to) if self.period_to else None,
            "dataServiceType": self.service,
            "mandateExpirationDate": text(self.expires),
            "renewalStatus": self.renewal_status(now),
        }


class ShortUrl(NamedTuple):
    """A link for a customer, and what was asked with it."""

    identifier: str
    asked: Mapping[str, Any]
    made: datetime
    environment: Environment

    @property
    def valid_to(self) -> datetime:
        """Until when the link works."""
        return self.made + SHORT_URL_LIVES


class Mandates:
    """All mandates and short URLs."""

    def __init__(self) -> None:
        self.by_ean: dict[str, list[Mandate]] = defaultdict(list)
        self.short_urls: dict[str, ShortUrl] = {}

    def add(self, mandate: Mandate) -> Mandate:
        """Keeps a mandate."""
        self.by_ean[mandate.ean].append(mandate)
        return mandate

    def every(self) -> Iterator[Mandate]:
        """All mandates."""
        for mandates in list(self.by_ean.values()):
            yield from mandates

    def of(self, ean: str, reference: str | None, environment: Environment | None) -> list[Mandate]:
        """The mandates of a connection point; None: of whatever reference or environment."""
        return [
            mandate
            for mandate in self.by_ean.get(ean, ())
            if reference in (None, mandate.reference)
            and (environment is None or mandate.environment in (None, environment))
        ]

    def selected(
        self, query: Mapping[str, str], environment: Environment, now: datetime
    ) -> Iterator[Mandate]:
        """The mandates that answer to the filters of a request."""
        ean, reference = query.get("ean"), query.get("referenceNumber")
        for each in [ean] if ean else list(self.by_ean):
            for mandate in self.of(each, reference, environment):
                if mandate.status(now) is not None and _matches(mandate, query, now):
                    yield mandate

    def add_short_url(self, asked: Mapping[str, Any], now: datetime, environment: Environment) -> ShortUrl:
        """A new link."""
        short_url = ShortUrl(secrets.token_urlsafe(16), asked, now, environment)
        self.short_urls[short_url.identifier] = short_url
        return short_url

    def asked_with(self, reference: str, now: datetime) -> ShortUrl:
        """The newest link of a reference that still works.

        Raises:
            ValueError: there is none.
        """
        for short_url in reversed(self.short_urls.values()):
            if short_url.asked["referenceNumber"] == reference and now < short_url.valid_to:
                return short_url
        raise ValueError(f"no short URL with reference {reference} is valid now")


FILTERS: dict[str, Callable[[Mandate, str, datetime], bool]] = {
    "dataServiceTypes": lambda mandate, asked, _: mandate.service in asked.split(","),
    "energyType": lambda mandate, asked, _: mandate.energy_type == asked,
    "status": lambda mandate, asked, now: mandate.status(now) == asked,
    "renewalStatus": lambda mandate, asked, now: mandate.renewal_status(now) == asked,
    "mandateExpirationDate": lambda mandate, asked, _: mandate.expires <= moment_of(asked),
    "lastUpdatedFrom": lambda mandate, asked, now: mandate.updated(now) >= moment_of(asked),
    "lastUpdatedTo": lambda mandate, asked, now: mandate.updated(now) < moment_of(asked),
}


def _matches(mandate: Mandate, query: Mapping[str, str], now: datetime) -> bool:
    return all(matches(mandate, query[name], now) for name, matches in FILTERS.items() if query.get(name))
