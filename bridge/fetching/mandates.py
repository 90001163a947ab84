"""Which meters the mandates make, kept across restarts."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.fetching.sources import SOURCES
from bridge.ledger import Ledger, Records
from bridge.metering import meterday
from bridge.metering.mandate import Mandate, best
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Meter

log = logging.getLogger(__name__)

AT_MOST_EVERY = timedelta(minutes=5)  # how often a command or a restart may make us ask Fluvius

_EVERY = timedelta(hours=20)
_NOTE = "mandates"
_NAMED = 5  # in one line of the log


def kept(records: Records) -> dict[str, Mandate]:
    """The mandates that the ledger holds, by EAN."""
    note = records.notes.recall(_NOTE) or {}
    return {each["ean"]: Mandate.from_note(each) for each in note.get("mandates", ())}


def made_by(mandates: Iterable[Mandate], now: datetime) -> tuple[Meter, ...]:
    """The meters that mandates make where the configuration has none: those of the good ones."""
    return tuple(
        allowed(Meter(mandate.ean, mandate.ean, mandate.energy, source="energy_api"), mandate)
        for mandate in mandates
        if mandate.problem(now) is None
    )


class MandateBook:
    """What is known of the contract's mandates.

    Args:
        ledger: where they are kept between runs.
        configured: the meters of the configuration.
        makes_meters: whether there are none, and the mandates that are good make them.
    """

    def __init__(self, ledger: Ledger, configured: Sequence[Meter], *, makes_meters: bool) -> None:
        self._ledger, self._makes_meters = ledger, makes_meters
        self._configured = sorted(configured, key=lambda meter: SOURCES[meter.source].needs_mandate)
        note = ledger.notes.recall(_NOTE) or {}
        self._asked_at = datetime.fromisoformat(note["asked_at"]) if note else None
        self._by_ean = kept(ledger)
        self._warned: set[str] = set()

    @property
    def by_ean(self) -> Mapping[str, Mandate]:
        """The mandates that count."""
        return self._by_ean

    @property
    def is_known(self) -> bool:
        """Whether nothing has to be asked to know which meters there are, and what they allow."""
        needed = self._makes_meters or any(SOURCES[each.source].needs_mandate for each in self._configured)
        return not needed or self._asked_at is not None

    def are_due(self, now: datetime, *, often: bool) -> bool:
        """Once in each scheduled run while they make the meters (`often`), else once a day."""
        return self._asked_at is None or abs(now - self._asked_at) > (AT_MOST_EVERY if often else _EVERY)

    def update(self, mandates: Sequence[Mandate], now: datetime) -> None:
        """Know these mandates, and no others."""
        self._asked_at, self._by_ean = now, best(mandates, now)
        notes = [mandate.to_note() for mandate in self._by_ean.values()]
        self._ledger.notes.remember(_NOTE, {"asked_at": now.isoformat(), "mandates": notes})
        self._warn(now)

    def meters(self, now: datetime) -> tuple[Meter, ...]:
        """The meters to follow, with what their mandates allow."""
        if self._makes_meters:
            return made_by(self._by_ean.values(), now)
        return tuple(allowed(meter, self.of(meter)) for meter in self._configured)

    def of(self, meter: Meter) -> Mandate | None:
        """A meter's mandate, if it needs one."""
        return self._by_ean.get(meter.ean) if SOURCES[meter.source].needs_mandate else None

    def reference(self, meter: Meter) -> str:
        """By which Fluvius knows a meter's mandate; empty where it needs none."""
        mandate = self.of(meter)
        return mandate.reference if mandate else ""

    def forbidden(self, meter: Meter, now: datetime, *, history: bool = False) -> str | None:
        """Why nothing may be asked for a meter that needs a mandate, or no history."""
        if not SOURCES[meter.source].needs_mandate or self._asked_at is None:
            return None  # nobody has looked yet
        if mandate := self.of(meter):
            if mandate.energy is not meter.energy:
                return f"its mandate {mandate.reference} is for {mandate.energy}; is it {meter.energy}?"
            return mandate.problem(now, history=history)
        return "there is no mandate for its EAN; make a link for the customer with `mandate request`"

    def _warn(self, now: datetime) -> None:
        ending = [each for each in self._by_ean.values() if each.must_be_renewed(now)]
        if new := [each for each in ending if each.reference not in self._warned]:
            self._warned |= {each.reference for each in new}
            named = ", ".join(
                f"{each.reference} ({each.ean}, until {each.expires.date() if each.expires else '?'})"
                for each in new[:_NAMED]
            )
            more = f" and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
            log.warning("mandates have to be renewed by the customer: %s%s", named, more)


def allowed(meter: Meter, mandate: Mandate | None) -> Meter:
    """A meter with the days, and only the days, that its mandate allows."""
    if mandate is None:
        return meter
    first = last = None
    if mandate.since:
        first = meterday.day_of(mandate.since, meter.energy)
        first += ONE_DAY * (meterday.start_of(first, meter.energy) < mandate.since)
    if mandate.until:
        last = meterday.day_of(mandate.until, meter.energy) - ONE_DAY
    return replace(meter, days_only=mandate.days_only, first=first, last=last)
