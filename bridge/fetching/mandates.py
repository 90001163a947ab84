"""Which meters the mandates make, kept across restarts."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from bridge.fetching.sources import SOURCES
from bridge.ledger import Ledger, Records
from bridge.metering import meterday
from bridge.metering.mandate import Mandate, best, by_ean
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Meter
from bridge.metering.shard import Shard

log = logging.getLogger(__name__)

AT_MOST_EVERY = timedelta(minutes=5)  # how often a command or a restart may make us ask Fluvius

_EVERY = timedelta(hours=20)
_WHOLE_EVERY = timedelta(days=7)  # how often all of them are asked for, and not what changed
_OVERLAP = timedelta(days=1)  # by less than that clocks differ; what is told twice costs no request
_NOTE = "mandates"
_GAP = ONE_DAY * 2  # from the last day of a mandate to the first of the next; a gas day may lie in both
_NAMED = 5  # in one line of the log
GONE = "Gone"  # the state of a mandate that Fluvius does not list any more: a word of ours


class Term(NamedTuple):
    """Days of a meter that one mandate is for."""

    meter: Meter  # from the first of them to the last
    reference: str  # of the mandate; empty where none is needed

    @property
    def name(self) -> str:
        """Of the terms of a meter this one's alone: one reference may be that of several."""
        return f"{self.reference}/{self.meter.first or ''}"


def kept(records: Records, shard: Shard, now: datetime) -> dict[str, tuple[Mandate, ...]]:
    """The mandates of a shard that the ledger holds, by EAN, the best first."""
    return by_ean(_noted(records.notes.recall(_NOTE) or {}, shard), now)


def _noted(note: Mapping[str, Any], shard: Shard, key: str = "mandates") -> list[Mandate]:
    return [Mandate.from_note(each) for each in note.get(key, ()) if shard.has(each["ean"])]


def made_by(mandates: Iterable[Sequence[Mandate]], now: datetime) -> tuple[Meter, ...]:
    """The meters that mandates make where the configuration has none: those of the good ones.

    Args:
        mandates: those of each EAN, the best first.
        now: the present instant, aware.
    """
    return tuple(
        allowed(Meter(first.ean, first.ean, first.energy, source="energy_api"), each, now)
        for each in mandates
        if (first := each[0]).problem(now) is None
    )


class MandateBook:
    """What is known of those of the contract's mandates that are this bridge's.

    Args:
        ledger: where they are kept between runs.
        configured: the meters of the configuration.
        shard: which mandates are this bridge's.
        makes_meters: whether there are none, and the mandates that are good make them.
        now: the present instant, aware.
    """

    def __init__(
        self, ledger: Ledger, configured: Sequence[Meter], shard: Shard, *, makes_meters: bool, now: datetime
    ) -> None:
        self._ledger, self._shard, self._makes_meters = ledger, shard, makes_meters
        self._configured = sorted(configured, key=lambda meter: SOURCES[meter.source].needs_mandate)
        note = ledger.notes.recall(_NOTE) or {}
        is_ours = note.get("shard", str(shard)) == str(shard)
        self._asked_at, self._whole_at = (
            datetime.fromisoformat(at) if is_ours and (at := note.get(key)) else None
            for key in ("asked_at", "whole_at")
        )
        self._held, self._gone = _noted(note, shard), _noted(note, shard, "gone")
        self._missing = {(ean, reference) for ean, reference in note.get("missing", ())}  # in the last list
        self._by_ean = by_ean(self._held, now)
        self._every = tuple(each[0] for each in self._by_ean.values())
        self._on_record = self._recorded(now)
        self._warned: set[str] = set()

    @property
    def is_known(self) -> bool:
        """Whether nothing has to be asked to know which meters there are, and what they allow."""
        needed = self._makes_meters or any(SOURCES[each.source].needs_mandate for each in self._configured)
        return not needed or self._asked_at is not None

    def are_due(self, now: datetime, *, often: bool) -> bool:
        """Once in each scheduled run while they make the meters (`often`), else once a day."""
        return self._asked_at is None or abs(now - self._asked_at) > (AT_MOST_EVERY if often else _EVERY)

    def known_until(self, now: datetime) -> datetime | None:
        """Since when to ask for what changed; None: ask for all of them, as once a week."""
        asked_at, whole_at = self._asked_at, self._whole_at
        if asked_at is None or whole_at is None or not whole_at <= asked_at <= now < whole_at + _WHOLE_EVERY:
            return None
        return asked_at - _OVERLAP

    def doubt(self, now: datetime) -> None:
        """They may be others: all of them are asked for next, unless they were a short while ago."""
        if self._whole_at and abs(now - self._whole_at) > _EVERY:
            self._whole_at = None
            self._remember()

    def update(self, mandates: Sequence[Mandate], now: datetime) -> None:
        """Know these mandates, and no others; a good one is gone when the next list lacks it too."""
        listed = set(map(_name, mandates))
        missing = [each for each in self._held if _name(each) not in listed and not each.problem(now)]
        doubtful = [each for each in missing if _name(each) not in self._missing]
        self._missing = set(map(_name, missing))
        self._whole_at = now if all(each.reference for each in mandates) and not doubtful else None
        self._gone += [replace(each, status=GONE) for each in self._held]
        self._know([*mandates, *doubtful], now)

    def change(self, mandates: Iterable[Mandate], now: datetime) -> None:
        """These mandates are new, or other than they were."""
        known = {each.identity: each for each in self._held}
        self._know((known | {each.identity: each for each in mandates}).values(), now)

    def _know(self, mandates: Iterable[Mandate], now: datetime) -> None:
        self._held = [each for each in mandates if self._shard.has(each.ean)]
        self._asked_at, self._by_ean = now, by_ean(self._held, now)
        listed = set(map(_name, self._held))
        self._gone = [each for each in self._gone if _name(each) not in listed]
        if self._every != (every := tuple(each[0] for each in self._by_ean.values())):
            self._every = every
        if self._on_record != (on_record := self._recorded(now)):
            self._on_record = on_record
        self._remember()
        self._warn(now)

    def _remember(self) -> None:
        asked_at, whole_at = (each and each.isoformat() for each in (self._asked_at, self._whole_at))
        note = {
            "asked_at": asked_at,
            "whole_at": whole_at,
            "shard": str(self._shard),
            "mandates": [each.to_note() for each in self._held],
            "gone": [each.to_note() for each in self._gone],
            "missing": sorted(self._missing),
        }
        self._ledger.notes.remember(_NOTE, note)

    def meters(self, now: datetime) -> tuple[Meter, ...]:
        """The meters to follow, with what their mandates allow."""
        if self._makes_meters:
            return made_by(self._by_ean.values(), now)
        return tuple(allowed(meter, self._all_of(meter), now) for meter in self._configured)

    def of(self, meter: Meter) -> Mandate | None:
        """A meter's best mandate, if it needs one."""
        return next(iter(self._all_of(meter)), None)

    def terms(self, meter: Meter, now: datetime, *, history: bool = False) -> list[Term]:
        """Under which mandate to ask for which days of a meter; see `terms_of`."""
        if not SOURCES[meter.source].needs_mandate or self._asked_at is None:
            return [Term(meter, "")]
        return terms_of(meter, self._all_of(meter), now, history=history)

    def over_all(self, meter: Meter, now: datetime) -> Meter:
        """A meter from the first day that any of its mandates allows until the last."""
        terms = [term.meter for term in self.terms(meter, now, history=True)] or [meter]
        return replace(meter, first=terms[0].first, last=terms[-1].last)

    def _all_of(self, meter: Meter) -> Sequence[Mandate]:
        return self._by_ean.get(meter.ean, ()) if SOURCES[meter.source].needs_mandate else ()

    @property
    def known(self) -> Collection[Mandate]:
        """The best one of each EAN; the same object until they are others."""
        return self._every

    @property
    def on_record(self) -> Collection[Mandate]:
        """By EAN and reference all that there were, the best of one reference; likewise the same object."""
        return self._on_record

    def _recorded(self, now: datetime) -> tuple[Mandate, ...]:
        by_reference: dict[tuple[str, str], list[Mandate]] = {}
        for each in (*self._gone, *self._held):
            by_reference.setdefault(_name(each), []).append(each)
        return tuple(mandate for each in by_reference.values() for mandate in best(each, now).values())

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
        ending = [each for each in self._every if each.must_be_renewed(now)]
        if new := [each for each in ending if each.reference not in self._warned]:
            self._warned |= {each.reference for each in new}
            named = ", ".join(
                f"{each.reference} ({each.ean}, until {each.expires.date() if each.expires else '?'})"
                for each in new[:_NAMED]
            )
            more = f" and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
            log.warning("mandates have to be renewed by the customer: %s%s", named, more)


def _name(mandate: Mandate) -> tuple[str, str]:
    return mandate.ean, mandate.reference


def allowed(meter: Meter, mandates: Sequence[Mandate], now: datetime) -> Meter:
    """A meter with the days, and only the days, that its mandates allow one after the other.

    Args:
        meter: the meter.
        mandates: all of its EAN, the best first.
        now: the present instant, aware.
    """
    terms = terms_of(meter, mandates, now)
    if not terms:
        return _within(meter, mandates[0]) if mandates else meter
    today = meterday.day_of(now, meter.energy)
    current = [term.meter for term in terms if (term.meter.first or today) <= today][-1:] or [terms[0].meter]
    first = terms[-1].meter.first
    for older, _ in reversed(terms[:-1]):
        if first is None or older.last is None or first - older.last > _GAP:
            break
        first = older.first
    return replace(current[0], first=first, last=terms[-1].meter.last)


def terms_of(
    meter: Meter, mandates: Iterable[Mandate], now: datetime, *, history: bool = False
) -> list[Term]:
    """Under which mandate to ask for which days, oldest first: the one that allows most, of several.

    Args:
        meter: the meter.
        mandates: all of its EAN.
        now: the present instant, aware.
        history: whether what is over counts too.
    """
    terms: list[Term] = []
    free = [(date.min, date.max)]
    good = [
        each for each in mandates if each.energy is meter.energy and not each.problem(now, history=history)
    ]
    for mandate in sorted(good, key=lambda each: each.rank):
        bounded, left = _within(meter, mandate), []
        for begin, end in free:
            since, until = meterday.allowed_within(bounded, begin, end)
            if since > until:
                left.append((begin, end))
                continue
            days = replace(bounded, first=_unless(date.min, since), last=_unless(date.max, until))
            terms.append(Term(days, mandate.reference))
            left += [(begin, since - ONE_DAY)] if begin < since else []
            left += [(until + ONE_DAY, end)] if until < end else []
        free = left
    return sorted(terms, key=lambda term: term.meter.first or date.min)


def _unless(endless: date, day: date) -> date | None:
    return None if day == endless else day


def _within(meter: Meter, mandate: Mandate) -> Meter:
    """A meter with the days that one mandate allows."""
    first = last = None
    if mandate.since:
        first = meterday.day_of(mandate.since, meter.energy)
        first += ONE_DAY * (meterday.start_of(first, meter.energy) < mandate.since)
    if mandate.until:
        last = meterday.day_of(mandate.until, meter.energy) - ONE_DAY
    return replace(meter, days_only=mandate.days_only, first=first, last=last)
