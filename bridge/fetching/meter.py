"""One meter's desk in one cycle: what is known of it, read once and handed on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, Self

from bridge.fetching import due
from bridge.fetching.due import Occasion
from bridge.fetching.note import MeterNote
from bridge.fetching.sources import SOURCES
from bridge.ledger import Ledger
from bridge.metering import completeness, meterday, reviewing
from bridge.metering.completeness import DayFacts
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Day, Meter


class Desk:
    """Where one meter is worked on: its note, its window, and the facts of its days.

    Args:
        ledger: where they are read, once, and where changes go.
        meter: the meter.
        lookback_days: how many published days are looked at.
        now: the present instant of the cycle, aware.
        mandate: the reference of one of several that the meter has one after the other; with its own note.
    """

    def __init__(
        self, ledger: Ledger, meter: Meter, lookback_days: int, now: datetime, mandate: str = ""
    ) -> None:
        self.ledger, self.meter, self.now, self._mandate = ledger, meter, now, mandate
        self.abilities = SOURCES[meter.source]
        self.note = self._kept = MeterNote.of(meter, ledger.notes.recall(self._key))
        self.missed_since: date | None = None  # as the desk says of which this is a part
        self._lookback_days = lookback_days

    @property
    def _key(self) -> str:
        return MeterNote.key(self.meter, self._mandate)

    @cached_property
    def window(self) -> list[date]:
        """The days that are looked at, oldest first."""
        window = completeness.window(
            self.meter.energy,
            self.now,
            self._lookback_days,
            self.note.behind_since or self.missed_since,
        )
        first, last = meterday.span_within(self.meter, *meterday.allowed_within(self.meter))
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

    @cached_property
    def _latest_complete_day(self) -> Day | None:
        """The newest complete day, at any age."""
        return self.ledger.days.latest_complete_day(self.meter)

    def is_due(self, occasion: Occasion) -> bool:
        """Whether anything is worth asking for. Days that time made complete are settled first."""
        if not self.window:
            return bool(self.to_review or self._awaits_intervals())
        if occasion is Occasion.ASKED or self.is_exchanged:
            return True
        last_attempt = self.note.last_attempt
        if occasion is not Occasion.SCHEDULE and last_attempt and due.is_recent(last_attempt, self.now):
            return False
        self._settle_by_time()
        return (
            due.days_are_due(self.facts, self.note, self.meter.energy, self.now)
            or due.intervals_are_due(self.facts, self.meter, self.now)
            or self.peaks_are_due()
            or bool(self.to_review)
        )

    def peaks_are_due(self) -> bool:
        """Whether Fluvius is worth asking for monthly peaks."""
        note, meter, now = self.note, self.meter, self.now
        if not (self.abilities.has_peaks and self.window and due.peaks_may_be_asked(note, meter, now)):
            return False
        latest = self._latest_complete_day if note.peaks_asked_in else None
        return due.last_month_is_out(note, latest, meter.energy, now)

    def _awaits_intervals(self) -> bool:
        """Whether those of a corrected day did not follow, where they are asked for by themselves."""
        before = self.now - reviewing.EVERY
        return not self.abilities.at_once and bool(
            self.ledger.reviews.awaiting_intervals(self.meter, *self.watched, before)[0]
        )

    def complete_days(self) -> set[date]:
        """Those of the window that are complete."""
        return {day.date for day in self.facts if day.complete}

    def settle(self, days: Sequence[date]) -> None:
        """Find out which of some consecutive days, among them the window, became complete."""
        known = {day.date: day for day in self.ledger.answers.settle(self.meter, days, self.now)}
        self._look_again()
        self.facts = [known[day] for day in self.window]

    def _settle_by_time(self) -> None:
        """Find out which days became complete as time went by: only some of which something is known."""
        if meterday.cut_days(self.meter) or any(day.daily and not day.complete for day in self.facts):
            self.settle(self.window)

    def _look_again(self) -> None:
        """The ledger knows more now."""
        self.__dict__.pop("facts", None)
        self.__dict__.pop("_latest_complete_day", None)

    def put_away(self) -> None:
        """Keep little in memory while it is not this meter's turn: there may be thousands."""
        self._look_again()

    def ask_again(self) -> None:
        """Forget what was asked of the meter that hung there before."""
        self.ledger.answers.ask_again(self.meter, self.window)
        self._look_again()

    def part(self, meter: Meter, mandate: str) -> Self:
        """The desk for the days of one of its mandates; it goes on from what was heard of all."""
        part = type(self)(self.ledger, meter, self._lookback_days, self.now, mandate)
        if part.note.mandate is None and self.note.mandate in {None, mandate}:
            for_all = self.note
            part.change(
                stored_until=for_all.stored_until,
                window_asked_at=for_all.window_asked_at,
                doubt_since=for_all.doubt_since,
            )
        part.missed_since = self.note.behind_since
        return part

    def ask_under(self, mandate: str) -> None:
        """What was stored under another mandate is not asked for any more: first the days themselves are."""
        if self.note.mandate not in {None, mandate}:
            self.change(stored_until=None, window_asked_at=None)
        self.change(mandate=mandate)

    def learn_of(self, other: Self, *, is_newest: bool) -> None:
        """A part knows more now. Where the newest is all that is left one day, it goes on from there."""
        self.change(behind=other.note.behind or self.note.behind)
        if is_newest:
            self.change(
                mandate=other.note.mandate,
                stored_until=other.note.stored_until,
                window_asked_at=other.note.window_asked_at,
                doubt_since=other.note.doubt_since,
            )
        self._look_again()

    def look_back(self) -> None:
        """Widen the window where the bridge was off for longer than it is wide."""
        if self.note.behind_since is None and (behind_since := self._behind_since()):
            self.change(behind_since=behind_since)
            self.__dict__.pop("window", None)
            self._look_again()
        self.remember()

    def _behind_since(self) -> date | None:
        """The first day that was missed: after the latest complete one, or one awaited when it was off."""
        if not self.window:
            return None
        missed = self._awaited_when_off()
        latest = None if self.complete_days() else self._latest_complete_day
        if latest and latest.date + ONE_DAY < self.window[0]:
            missed.append(latest.date + ONE_DAY)
        return min(missed, default=None)

    def _awaited_when_off(self) -> list[date]:
        """Days not complete that left the window since Fluvius was last asked, more than a day ago."""
        attempts, energy = (self.note.last_success, self.note.last_attempt), self.meter.energy
        seen = max(filter(None, attempts), default=self.now)
        if self.now - seen <= ONE_DAY:
            return []
        window = completeness.window(energy, seen, self._lookback_days)
        first, last = meterday.span_within(self.meter, window[0], self.window[0] - ONE_DAY)
        complete = set(self.ledger.days.complete_days(self.meter, first, last)) if first <= last else set()
        missed = [day for day in meterday.span(first, last) if day in window and day not in complete]
        known = self.ledger.readings.known_span(self.meter) if missed else None
        return [day for day in missed if known and day > known[0]]

    def change(self, **values: Any) -> None:
        """Note something; it is kept when it is remembered."""
        self.note = replace(self.note, **values)

    def remember(self) -> None:
        """Keep the note, if it changed."""
        if self.note != self._kept:
            self.ledger.notes.remember(self._key, self.note.to_note())
            self._kept = self.note


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
