"""One meter's desk in one cycle: what is known of it, read once and handed on."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, Self

from bridge.fetching.sources import SOURCES
from bridge.ledger import Ledger
from bridge.metering import completeness, meterday, reviewing
from bridge.metering.completeness import DayFacts
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Meter

log = logging.getLogger(__name__)


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


class Desk:
    """Where one meter is worked on: its note, its window, and the facts of its days.

    Args:
        ledger: where they are read, once, and where changes go.
        meter: the meter.
        lookback_days: how many published days are looked at.
        now: the present instant of the cycle, aware.
    """

    def __init__(self, ledger: Ledger, meter: Meter, lookback_days: int, now: datetime) -> None:
        self.ledger, self.meter, self.now = ledger, meter, now
        self.abilities = SOURCES[meter.source]
        self.note = MeterNote.of(meter, ledger.notes.recall(self._key))
        self._lookback_days = lookback_days

    @property
    def _key(self) -> str:
        return f"meter/{self.meter.ean}/{self.meter.energy}"

    @cached_property
    def window(self) -> list[date]:
        """The days that are looked at, oldest first."""
        behind_since = self.note.behind_since
        window = completeness.window(
            self.meter.energy,
            self.now,
            self._lookback_days,
            date.fromisoformat(behind_since) if behind_since else None,
        )
        first, last = meterday.span_within(
            self.meter, self.meter.first or date.min, self.meter.last or date.max
        )
        return [day for day in window if first <= day <= last]

    @cached_property
    def facts(self) -> list[DayFacts]:
        """What is known of those days."""
        return self.ledger.days.facts(self.meter, self.window, self.now)

    @cached_property
    def to_review(self) -> list[date]:
        """The days that are not final and have not been looked at for a week, unless Fluvius says them."""
        if self.abilities.at_once:
            return []
        days = self.ledger.reviews.not_final(self.meter, *self.watched)
        return [day for day, looked_at in days.items() if reviewing.is_due(looked_at, self.now)]

    @property
    def watched(self) -> reviewing.Span:
        """The first and the last day that may be asked for now."""
        return reviewing.watched(self.meter, self.now)

    @property
    def is_exchanged(self) -> bool:
        """Whether another physical meter was asked about last."""
        return self.note.serial not in (None, self.meter.serial)

    def complete_days(self) -> set[date]:
        """Those of the window that are complete."""
        return {day.date for day in self.facts if day.complete}

    def settle(self, days: Sequence[date]) -> None:
        """Find out which of some consecutive days, among them the window, became complete."""
        known = {day.date: day for day in self.ledger.answers.settle(self.meter, days, self.now)}
        self.facts = [known[day] for day in self.window]

    def settle_by_time(self) -> None:
        """Find out which days became complete as time went by: only some of which something is known."""
        if meterday.cut_days(self.meter) or any(day.daily and not day.complete for day in self.facts):
            self.settle(self.window)

    def look_again(self) -> None:
        """The ledger knows more now."""
        self.__dict__.pop("facts", None)

    def put_away(self) -> None:
        """Keep little in memory until it is this meter's turn: there may be thousands."""
        if any(day.intervals for day in self.facts):
            self.look_again()

    def ask_again(self) -> None:
        """Forget what was asked of the meter that hung there before."""
        self.ledger.answers.ask_again(self.meter, self.window)
        self.look_again()

    def look_back(self) -> None:
        """Widen the window where the bridge was off for longer than it is wide."""
        if self.note.behind_since is None and (behind_since := self._behind_since()):
            self.change(behind_since=behind_since)
            self.__dict__.pop("window", None)
            self.look_again()
        self.remember()

    def _behind_since(self) -> str | None:
        """The first day that was missed."""
        if not self.window or any(day.complete for day in self.facts):
            return None
        latest = self.ledger.days.latest_complete_day(self.meter)
        if latest is None or latest.date + ONE_DAY >= self.window[0]:
            return None
        return (latest.date + ONE_DAY).isoformat()

    def change(self, **values: Any) -> None:
        """Note something; it is kept when it is remembered."""
        self.note = replace(self.note, **values)

    def remember(self) -> None:
        """Keep the note."""
        self.ledger.notes.remember(self._key, asdict(self.note))


@dataclass
class News:
    """Which days of a meter became complete in a cycle."""

    desk: Desk
    known: set[date]  # to be complete
    tell: Callable[[Meter, Sequence[date]], None]

    def settle(self, days: Sequence[date]) -> None:
        """Find out which of some days became complete, and tell of those that are news."""
        self.desk.settle(days)
        complete = self.desk.complete_days()
        if new := sorted(complete - self.known):
            self.tell(self.desk.meter, new)
            self.known |= complete


def instant(text: str | None) -> datetime | None:
    """An instant of a note."""
    return datetime.fromisoformat(text) if text else None
