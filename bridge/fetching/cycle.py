"""What is missing → Fluvius → ledger, and how it went. Knows sources, no broker."""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from bridge.config import Settings
from bridge.fetching.mandates import MandateBook
from bridge.fetching.steps import Steps, known_days_only
from bridge.fetching.visits import Visit, Visits
from bridge.ledger import Damaged, Ledger
from bridge.ledger.health import State
from bridge.metering import completeness, meterday, reviewing
from bridge.metering.mandate import Mandate
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Energy, Meter, Reading
from bridge.metering.progress import Progress
from bridge.metering.silence import INTERVALS, SPAN

if TYPE_CHECKING:
    from bridge.fluvius.source import AtOnce, Stepwise

log = logging.getLogger(__name__)

AT_MOST_EVERY = timedelta(minutes=5)  # how often a command or a restart may make us ask Fluvius

_MANDATES_EVERY = _WINDOW_EVERY = _PEAKS_AGAIN_AFTER = timedelta(hours=20)
_MONTHS_OF_PEAKS = 13  # this one, and the twelve that the capacity tariff bills
_OLD_AT_ONCE = 7  # corrected days older than the window, of one meter in one run
_NAMED = 20  # meters in the log of one run; more are counted
_LATELY = timedelta(days=2)
_OVERLAP = timedelta(minutes=15)  # clocks differ
_LONGEST_DOUBT = timedelta(days=31)  # how long the same is asked for again, until it is understood
_WHOLE_RUN = 2 * 3600.0  # seconds: what a run over thousands of meters may take, beside the answers
_RESOLUTION = {Energy.ELECTRICITY: "PT15M", Energy.GAS: "PT1H"}
SWITCH_ON = {
    Energy.ELECTRICITY: "switch on quarter-hour readings on mijn.fluvius.be to get them here too",
    Energy.GAS: "switch on hourly readings on mijn.fluvius.be to get them here too",
}


class Occasion(Enum):
    """Why Fluvius is asked."""

    START = "start"
    SCHEDULE = "schedule"
    ONCE = "once"
    ASKED = "asked"  # a person waits for it


@dataclass
class Cycle:
    """One pass over all meters, and what came of it."""

    occasion: Occasion
    now: datetime  # aware; the same for the whole cycle
    requests: int = 0
    new_days: dict[str, list[date]] = field(default_factory=dict)  # meter → days that became complete
    errors: list[Exception] = field(default_factory=list)


@dataclass
class _MeterNote:
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
    asked_within: list[str | None] = field(default_factory=lambda: [None, None])  # the meter's bounds then


class Fetcher:
    """Asks Fluvius for what the ledger lacks, and for nothing else.

    Args:
        settings: the configuration.
        ledger: where readings are kept.
        now: the present instant, aware.
        pause: waits that many seconds between two requests; may raise to end the cycle.
        between: called with the meter after each answer that was kept.
        finished: called with the meter when it was brought up to date, as far as that went.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        now: Callable[[], datetime],
        *,
        pause: Callable[[float], None],
        between: Callable[[Meter], None],
        finished: Callable[[Meter], None] = lambda _: None,
    ) -> None:
        self._settings, self._ledger = settings, ledger
        self._now, self._between, self._finished = now, between, finished
        self._of_portal = tuple(meter for meter in settings.followed if meter.source == "portal")
        mandated = [meter for meter in settings.followed if meter.source == "energy_api"]
        self._failed_at: str | None = None  # the EAN at which a run last ended
        self._book = None
        if mandated or (settings.fluvius.energy_api and not settings.meters):
            self._book = MandateBook(ledger, mandated)
        self.meters = self._followed()
        names = [name for name, used in (("portal", self._of_portal), ("energy_api", self._book)) if used]
        self.visits = Visits(settings, ledger, now, pause, names)
        self.health = self.visits.health

    def fetch(self, occasion: Occasion) -> Cycle:
        """Bring the ledger up to date.

        Raises:
            LedgerError: what Fluvius answers could not be kept, so it is not asked.
        """
        cycle = Cycle(occasion, self._now().replace(microsecond=0))  # as exactly as the ledger remembers it
        self.meters = self._followed()
        self.keep_to_bounds()
        for name, health in self.health.items():
            due = self._due(name, cycle)
            if not (due or (name == "energy_api" and self._mandates_are_due(cycle))):
                health.at_rest()
            elif postponed := self.visits.too_early(name, cycle.now):
                log.info("%s", postponed)
                cycle.errors.append(postponed)
            else:
                self._ask_source(name, due, cycle)
        if (failed := len(cycle.errors)) > _NAMED:
            log.warning("%d meters could not be brought up to date; each says why on its status", failed)
        if (fresh := len(cycle.new_days)) > _NAMED:
            log.info("%d meters have new days", fresh)
        return cycle

    @property
    def knows_its_meters(self) -> bool:
        """Whether nothing has to be asked to know which meters there are, and what they allow."""
        return self._book is None or self._book.asked_at is not None

    def learn_mandates(self) -> Exception | None:
        """Ask who allows what, for a person who waits; returns what kept us from it.

        Raises:
            LedgerError: the answer could not be kept, so nothing is asked.
        """
        cycle = Cycle(Occasion.ONCE, self._now().replace(microsecond=0))
        if postponed := self.visits.too_early("energy_api", cycle.now):
            return postponed
        with self.visits.to("energy_api", cycle.now, asked=True) as visit:
            source: Any = visit.open_source()
            visit.trouble = self._learn_mandates(source, cycle)
        return visit.error or visit.trouble

    def keep_to_bounds(self) -> None:
        """Have everything counted anew where bounds were moved; before anything is published."""
        for meter in self.meters:
            self._ledger.keep_to_bounds(meter)

    def _followed(self) -> tuple[Meter, ...]:
        return self._of_portal + (self._book.meters(self._now()) if self._book else ())

    def _due(self, name: str, cycle: Cycle) -> list[Meter]:
        return [meter for meter in self.meters if meter.source == name and self._is_due(meter, cycle)]

    def _mandate(self, meter: Meter) -> Mandate | None:
        return self._book.of(meter) if self._book and meter.source == "energy_api" else None

    def reference(self, meter: Meter) -> str:
        """By which Fluvius knows a meter's mandate; empty where it needs none."""
        mandate = self._mandate(meter)
        return mandate.reference if mandate else ""

    def forbidden(self, meter: Meter, now: datetime, *, history: bool = False) -> str | None:
        """Why nothing may be asked for a meter that needs a mandate, or no history."""
        if not self._book or meter.source != "energy_api":
            return None
        return self._book.problem(meter, now, history=history)

    def _mandates_are_due(self, cycle: Cycle) -> bool:
        """Once in each scheduled run while they make the meters, else once a day; and when someone asks."""
        asked_at = self._book.asked_at if self._book else None
        if asked_at is None or cycle.occasion is Occasion.ASKED:
            return True
        often = not self._settings.meters and cycle.occasion is Occasion.SCHEDULE
        return abs(cycle.now - asked_at) > (AT_MOST_EVERY if often else _MANDATES_EVERY)

    def asked_last(self) -> datetime | None:
        """When Fluvius was last asked for anything."""
        return max(
            (health.last_attempt for health in self.health.values() if health.last_attempt), default=None
        )

    def retry_at(self) -> datetime | None:
        """When to try again what failed."""
        return min((health.retry_at for health in self.health.values() if health.retry_at), default=None)

    def progress(self, meter: Meter) -> Progress:
        """How far a meter's readings have come."""
        now = self._now()
        facts = self._facts(meter, now)
        note = self._note(meter)
        health = self.health[meter.source]
        answered = note.last_success is not None
        has_intervals = any(day.interval_count for day in facts)
        days_only = meter.days_only or completeness.days_only(facts, meter.energy)
        cut = meterday.cut_days(meter) if days_only else ()  # which never count, without intervals
        hoped_for = [day for day in facts if day.date not in cut]
        return Progress(
            awaited=completeness.awaited(hoped_for, meter.energy, now),
            resolution=_RESOLUTION[meter.energy] if has_intervals else "P1D" if days_only else None,
            last_attempt=_instant(note.last_attempt),
            last_success=_instant(note.last_success),
            error=self.forbidden(meter, now)
            or note.error
            or (health.last_error if health.state is not State.OK else None),
            advice=note.remark
            or _doubts(facts, meter.energy, now)
            or self._advice(meter, facts, answered=answered),
            mandate=self._mandate(meter),
            overdue=completeness.overdue(hoped_for, meter.energy, now) if answered else (),
            now=now,
            disagreements=completeness.in_doubt(facts, meter.energy),
        )

    def _advice(self, meter: Meter, facts: Sequence[completeness.DayFacts], *, answered: bool) -> str | None:
        if meter.days_only:
            return "its mandate allows days only; ask the customer for one with quarter-hours (gas: hours)"
        if completeness.days_only(facts, meter.energy):
            return SWITCH_ON[meter.energy]
        if answered and facts and not any(day.daily for day in facts):
            return (
                f"Fluvius gave no readings since {facts[0].date}; compare the EAN and the serial number"
                " with mijn.fluvius.be, also after an exchange of the meter"
            )
        return None

    def _is_due(self, meter: Meter, cycle: Cycle) -> bool:
        if self.forbidden(meter, cycle.now):
            return False
        if not self._window(meter, cycle.now):
            first, last = reviewing.watched(meter, cycle.now)
            before = cycle.now - reviewing.EVERY
            return bool(
                self._to_review(meter, cycle.now)
                or (meter.source == "portal" and self._ledger.corrected_days(meter, first, last, before))
            )
        if cycle.occasion is Occasion.ASKED:
            return True
        note = self._note(meter)
        if note.serial not in (None, meter.serial):
            return True
        last_attempt = _instant(note.last_attempt)
        restarted = cycle.occasion in {Occasion.START, Occasion.ONCE}
        if restarted and last_attempt and is_recent(last_attempt, cycle.now):
            return False
        self._ledger.settle(meter, self._window(meter, cycle.now), cycle.now)
        facts = self._facts(meter, cycle.now)
        return (
            self._days_are_due(facts, meter, note, cycle.now)
            or (
                not meter.days_only
                and completeness.next_intervals_due(facts, meter.energy, cycle.now) is not None
            )
            or self._peaks_are_due(meter, note, cycle.now)
            or bool(self._to_review(meter, cycle.now))
        )

    def _days_are_due(
        self, facts: Sequence[completeness.DayFacts], meter: Meter, note: _MeterNote, now: datetime
    ) -> bool:
        """Also those that are late, where no newer day will bring them along: at once, then once a day."""
        if not facts:
            return False
        asked_at, energy = _instant(note.window_asked_at), meter.energy
        is_over = facts[-1].date < meterday.latest_ended(now, energy)
        late_too = asked_at is None or (
            is_over and abs(now - asked_at) > _WINDOW_EVERY and bool(completeness.overdue(facts, energy, now))
        )
        return completeness.days_are_due(facts, energy, now, late_too=late_too)

    def _ask_source(self, name: str, meters: Sequence[Meter], cycle: Cycle) -> None:
        from bridge.fluvius.source import AtOnce  # noqa: PLC0415

        with self.visits.to(name, cycle.now, asked=cycle.occasion is Occasion.ASKED) as visit:
            source = visit.open_source()
            if isinstance(source, AtOnce):
                visit.trouble = self._learn_mandates(source, cycle)
                meters = self._due(name, cycle)
            visit.http.longest_pause = min(visit.http.longest_pause, _WHOLE_RUN / (len(meters) or 1))
            eans = [meter.ean for meter in meters]
            begin = eans.index(self._failed_at) + 1 if self._failed_at in eans else 0
            in_turn = [*meters[begin:], *meters[:begin]]  # one that always fails keeps no other waiting
            outcomes = [self._ask_for_meter(visit, meter, cycle) for meter in in_turn]
            if outcomes and all(map(_is_odd, outcomes)):
                visit.trouble = visit.trouble or outcomes[0]
        cycle.requests += visit.requests
        if visit.error:
            cycle.errors.append(visit.error)

    def _learn_mandates(self, source: "AtOnce", cycle: Cycle) -> Exception | None:
        """Who allows what; where Fluvius does not say, what is known stands."""
        from bridge.fluvius.errors import NotYourMeter, ShapeChanged  # noqa: PLC0415

        try:
            mandates = source.mandates()
        except (NotYourMeter, ShapeChanged) as error:
            log.warning("mandates: %s", error)
            cycle.errors.append(error)
            return error
        if self._book:
            self._book.update(mandates, cycle.now)
            self.meters = self._followed()
        return None

    def _ask_for_meter(self, visit: Visit, meter: Meter, cycle: Cycle) -> Exception | None:
        """Bring one meter up to date; returns what is wrong with it alone, so that others are still asked."""
        from bridge.fluvius.errors import FluviusError, NotYourMeter, ShapeChanged  # noqa: PLC0415
        from bridge.fluvius.source import AtOnce  # noqa: PLC0415

        source, note, window = visit.open_source(), self._note(meter), self._window(meter, cycle.now)
        exchanged = note.serial not in (None, meter.serial) and bool(window)
        if exchanged:
            self._ledger.ask_again(meter, window)
        trouble = None
        try:
            note.behind_since = note.behind_since or self._behind_since(meter, cycle.now)
            self._remember(meter, note)
            if isinstance(source, AtOnce):
                note.remark = self._fetch_at_once(source, meter, note, cycle)
            else:
                steps = self._steps(visit, source, meter, cycle)
                note.remark = self._fetch_missing(steps, meter, note, cycle, days_too=exchanged)
            note.last_success, note.error, note.behind_since = self._now().isoformat(), None, None
            if not isinstance(source, AtOnce) and self._peaks_are_due(meter, note, cycle.now):
                self._fetch_peaks(source, meter, note, cycle.now)
        except (NotYourMeter, ShapeChanged, Damaged) as error:
            cycle.errors.append(error)
            few = len(cycle.errors) <= _NAMED
            log.log(logging.WARNING if few else logging.DEBUG, "%s: %s", meter.name, error)
            note.error, trouble = str(error), error
        except FluviusError:
            self._failed_at = meter.ean
            self._finished(meter)
            raise
        note.last_attempt, note.serial = cycle.now.isoformat(), meter.serial
        self._remember(meter, note)
        self._finished(meter)
        return trouble

    def _fetch_at_once(self, source: "AtOnce", meter: Meter, note: _MeterNote, cycle: Cycle) -> str | None:
        """Days and intervals in one request: those stored since the last one, or else the whole window's."""
        window, now = self._window(meter, cycle.now), cycle.now
        facts = self._facts(meter, now)
        since = self._stored_since(facts, meter, note, now)
        asked_at = self._now()
        answer = source.readings(meter, self.reference(meter), window[0], window[-1], since)
        first_known = min((self._ledger.known_span(meter) or window)[0], window[0])
        readings = known_days_only(self._ledger, meter, answer.readings, first_known)
        awaited = {
            day.date
            for day in facts
            if not meter.days_only
            and (day.corrected or day.disagrees or not (day.complete and day.interval_count))
        }
        record_at_once(self._ledger, meter, readings, awaited, now, only_new=since is not None)
        touched = {meterday.day_of(each.start, meter.energy) for each in readings} | set(window)
        known = {day.date for day in facts if day.complete}
        self._settle(meter, cycle, known, meterday.span(min(touched), max(touched)))
        if since is None:
            note.window_asked_at = asked_at.isoformat()
        in_doubt = self._ledger.days_in_doubt(meter, window[0], window[-1])
        is_whole = answer.is_whole and all(meterday.is_late(day, meter.energy, now) for day in in_doubt)
        note.doubt_since = None if is_whole else note.doubt_since or now.isoformat()
        doubt_since = _instant(note.doubt_since)
        gave_up = doubt_since is not None and now - doubt_since > _LONGEST_DOUBT
        if (is_whole or gave_up) and (since or note.stored_until is None):
            note.stored_until = asked_at.isoformat()
        return answer.remark

    def _stored_since(
        self, facts: Sequence[completeness.DayFacts], meter: Meter, note: _MeterNote, now: datetime
    ) -> datetime | None:
        """From when on to ask for what Fluvius stored; None: ask for the days themselves.

        That is the way the first time, and once a day while one is missing that has not come otherwise.
        """
        stored_until, window_asked_at = _instant(note.stored_until), _instant(note.window_asked_at)
        if stored_until is None or window_asked_at is None or stored_until > now:
            return None
        missing = completeness.overdue(facts, meter.energy, now) or (
            not meter.days_only and completeness.next_intervals_due(facts, meter.energy, now)
        )
        if missing and now - stored_until < _LATELY and now - window_asked_at > _WINDOW_EVERY:
            return None
        return stored_until - _OVERLAP

    def _steps(self, visit: Visit, source: "Stepwise", meter: Meter, cycle: Cycle) -> Steps:
        facts = self._facts(meter, cycle.now)
        known = {day.date for day in facts if day.complete}
        first, last = reviewing.watched(meter, cycle.now)
        return Steps(
            self._ledger,
            source,
            meter,
            cycle.now,
            since=facts[0].date if facts else last,
            planned=len(facts) + (last - first).days // SPAN + 2,  # and the peaks
            count=lambda: visit.http.count,
            kept=lambda: self._kept(meter, cycle, known),
        )

    def _fetch_missing(
        self, steps: Steps, meter: Meter, note: _MeterNote, cycle: Cycle, *, days_too: bool
    ) -> str | None:
        """Daily amounts of the widest span, if a day is missing; then intervals, a day at a time.

        Then what is older and not final, and the intervals of what was corrected.
        """
        now, facts = cycle.now, self._facts(meter, cycle.now)
        days_too = days_too or cycle.occasion is Occasion.ASKED or self._days_are_due(facts, meter, note, now)
        missing = completeness.without_amounts(facts, meter.energy, now) if days_too else []
        first, last = reviewing.watched(meter, now)
        wanted = {*self._to_review(meter, now), *missing, *([last] if days_too else ())}
        spans = reviewing.spans_with(wanted, first, last)
        of_window = [span for span in spans if facts and span[1] >= facts[0].date]
        for span in of_window:
            steps.days(*span)
            note.window_asked_at = now.isoformat()
        while day := completeness.next_intervals_due(self._facts(meter, now), meter.energy, now):
            steps.intervals(day)
        for span in spans[len(of_window) :]:
            self._review(steps, meter, span, now)
        older = facts[0].date - ONE_DAY if facts else last
        before_the_window = meter, first, older, now - reviewing.EVERY
        older_days = self._ledger.corrected_days(*before_the_window)[:_OLD_AT_ONCE]
        if not steps.asked & self._ledger.days_in_doubt(meter):  # at most one of those in a run
            older_days += self._ledger.days_that_do_not_add_up(*before_the_window)[:1]
        steps.more(len(older_days))
        for day in older_days:
            self._follow_up(steps, meter, day, now)
        return steps.remark

    def _follow_up(self, steps: Steps, meter: Meter, day: date, now: datetime) -> None:
        from bridge.fluvius.errors import NotYourMeter, ShapeChanged  # noqa: PLC0415

        try:
            steps.intervals(day)
        except (NotYourMeter, ShapeChanged) as error:
            log.info("%s: no news of %s: %s", meter.name, day, error)
            self._ledger.record_intervals(meter, day, [], now)  # asked in vain: again in a week

    def _review(self, steps: Steps, meter: Meter, span: reviewing.Span, now: datetime) -> None:
        """Look at days again that are in nobody's way: what cannot be said of them is asked in a week."""
        from bridge.fluvius.errors import NotYourMeter, ShapeChanged  # noqa: PLC0415

        try:
            steps.days(*span)
        except (NotYourMeter, ShapeChanged) as error:
            log.info("%s: no news of %s to %s: %s", meter.name, *span, error)
            self._ledger.looked_at(meter, *span, now)

    def _to_review(self, meter: Meter, now: datetime) -> list[date]:
        """The days that are not final and have not been looked at for a week.

        The Energy API says by itself what it stored anew.
        """
        first, last = reviewing.watched(meter, now)
        if meter.source != "portal":
            return []
        days = self._ledger.not_final(meter, first, last)
        return [day for day, looked_at in days.items() if reviewing.is_due(looked_at, now)]

    def _peaks_are_due(self, meter: Meter, note: _MeterNote, now: datetime) -> bool:
        """Once a month, when the last one is over: one request for a whole year of peaks."""
        if meter.energy is Energy.GAS or meter.source != "portal" or not self._window(meter, now):
            return False
        failed_at = _instant(note.peaks_failed_at)
        if failed_at and abs(now - failed_at) < _PEAKS_AGAIN_AFTER:
            return False
        this_month = _month(meter, now)
        if note.peaks_asked_in == this_month.isoformat():
            return False
        if note.peaks_asked_in is None or note.peaks_asked_in > this_month.isoformat():
            return True
        latest = self._ledger.latest_complete_day(meter)
        last_month_is_over = latest is not None and latest.date >= this_month - ONE_DAY
        is_late = meterday.is_late(this_month, meter.energy, now)
        return last_month_is_over or is_late

    def _fetch_peaks(self, source: "Stepwise", meter: Meter, note: _MeterNote, now: datetime) -> None:
        """Fluvius's own monthly peaks; not every meter has them.

        They are in nobody's way: where Fluvius has trouble with them alone, they are tried again tomorrow.
        """
        from bridge.fluvius.errors import NotYourMeter, ShapeChanged, TryLater  # noqa: PLC0415

        this_month = _month(meter, now)
        first = meterday.months_until(this_month, _MONTHS_OF_PEAKS)[0]
        first, last = meterday.span_within(meter, first, meterday.latest_ended(now, meter.energy))
        try:
            self._ledger.keep_peaks(meter, source.peaks(meter, first, last), this_month)
        except (NotYourMeter, ShapeChanged) as error:
            log.info("%s: Fluvius has no monthly peaks: %s", meter.name, error)
        except TryLater as error:
            note.peaks_failed_at = now.isoformat()
            self._remember(meter, note)
            if error.not_before:
                raise
            log.info("%s: no monthly peaks today: %s", meter.name, error)
            return
        note.peaks_asked_in = this_month.isoformat()

    def _kept(self, meter: Meter, cycle: Cycle, known: set[date]) -> None:
        self._settle(meter, cycle, known, self._window(meter, cycle.now))
        self._between(meter)

    def _settle(self, meter: Meter, cycle: Cycle, known: set[date], days: Sequence[date]) -> None:
        """Find out which of some days became complete, and add them to those known to be."""
        self._ledger.settle(meter, days, cycle.now)
        complete = {day.date for day in self._facts(meter, cycle.now) if day.complete}
        if new := sorted(complete - known):
            cycle.new_days.setdefault(meter.name, []).extend(new)
            few = len(cycle.new_days) <= _NAMED
            log.log(
                logging.INFO if few else logging.DEBUG,
                "%s: complete %s",
                meter.name,
                ", ".join(map(str, new)),
            )
            known |= complete

    def _window(self, meter: Meter, now: datetime) -> list[date]:
        behind_since = self._note(meter).behind_since
        window = completeness.window(
            meter.energy,
            now,
            self._settings.schedule.lookback_days,
            date.fromisoformat(behind_since) if behind_since else None,
        )
        first, last = meterday.span_within(meter, meter.first or date.min, meter.last or date.max)
        return [day for day in window if first <= day <= last]

    def _behind_since(self, meter: Meter, now: datetime) -> str | None:
        """The first day that was missed, if the bridge was off for longer than the window is wide."""
        latest, window = self._ledger.latest_complete_day(meter), self._window(meter, now)
        if latest is None or not window or latest.date + ONE_DAY >= window[0]:
            return None
        return (latest.date + ONE_DAY).isoformat()

    def _facts(self, meter: Meter, now: datetime) -> list[completeness.DayFacts]:
        return self._ledger.facts(meter, self._window(meter, now), now)

    def _note(self, meter: Meter) -> _MeterNote:
        kept = self._ledger.recall(f"meter/{meter.ean}/{meter.energy}") or {}
        note = _MeterNote(**{each.name: kept[each.name] for each in fields(_MeterNote) if each.name in kept})
        bounds = [each.isoformat() if each else None for each in (meter.since, meter.until)]
        if note.asked_within != bounds:  # what was asked before says nothing of other days
            note = replace(note, asked_within=bounds, window_asked_at=None, peaks_asked_in=None)
        return note

    def _remember(self, meter: Meter, note: _MeterNote) -> None:
        self._ledger.remember(f"meter/{meter.ean}/{meter.energy}", asdict(note))


def record_at_once(
    ledger: Ledger,
    meter: Meter,
    readings: Sequence[Reading],
    asked: AbstractSet[date],
    now: datetime,
    *,
    only_new: bool,
) -> None:
    """Keep days and intervals of one answer; those asked for in vain are remembered too."""
    length = meterday.interval_length(meter.energy)
    intervals = defaultdict(list)
    for each in readings:
        if each.length == length:
            intervals[meterday.day_of(each.start, meter.energy)].append(each)
    ledger.record_days(meter, [each for each in readings if each.length > length], now)
    for day in sorted(intervals.keys() | asked):
        ledger.record_intervals(meter, day, intervals[day], now, only_new=only_new)


def _doubts(facts: Sequence[completeness.DayFacts], energy: Energy, now: datetime) -> str | None:
    """What becomes of the newest day whose intervals do not add up to it."""
    day = max(completeness.in_doubt(facts, energy), default=None)
    if day is None:
        return None
    what = INTERVALS[energy]
    said = f"the {what} of {day} do not add up to the day's amount"
    if not meterday.is_late(day, energy, now):
        return f"{said}; Fluvius is asked for them again"
    return (
        f"{said}, and Fluvius did not correct them in time: the day's amount counts and its {what} do not;"
        " what was streamed of them stays"
    )


def _is_odd(outcome: Exception | None) -> bool:
    from bridge.fluvius.errors import ShapeChanged  # noqa: PLC0415

    return isinstance(outcome, ShapeChanged)


def is_recent(instant: datetime, now: datetime) -> bool:
    """Whether Fluvius was asked so shortly before that it should not be asked again."""
    return abs(now - instant) < AT_MOST_EVERY


def _month(meter: Meter, now: datetime) -> date:
    """The month of the meter day that is under way."""
    return meterday.month_of(meterday.day_of(now, meter.energy))


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
