"""One pass over all sources and meters: what is missing → Fluvius → ledger. Knows no broker."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from bridge.config import Settings
from bridge.fetching import energy_api, portal
from bridge.fetching.due import Occasion
from bridge.fetching.mandates import MandateBook, Term
from bridge.fetching.meter import Desk, News
from bridge.fetching.progress import progress_of
from bridge.fetching.sources import SOURCES
from bridge.fetching.visits import Source, Visit, Visits
from bridge.fluvius.errors import FluviusError, NotYourMeter, ShapeChanged
from bridge.ledger import Damaged, Ledger
from bridge.metering.model import Meter
from bridge.metering.progress import Progress

log = logging.getLogger(__name__)

_NAMED = 20  # meters in the log of one run; more are counted
_WHOLE_RUN = 2 * 3600.0  # seconds: what a run over thousands of meters may take, beside the answers


@dataclass
class Cycle:
    """One pass over all meters, and what came of it."""

    occasion: Occasion
    now: datetime  # aware; the same for the whole cycle
    requests: int = 0
    new_days: dict[str, list[date]] = field(default_factory=dict)  # meter → days that became complete
    errors: list[Exception] = field(default_factory=list)

    def add_new_days(self, meter: Meter, days: Sequence[date]) -> None:
        """Some days became complete."""
        self.new_days.setdefault(meter.name, []).extend(days)
        level = logging.INFO if len(self.new_days) <= _NAMED else logging.DEBUG
        log.log(level, "%s: complete %s", meter.name, ", ".join(map(str, days)))

    def add_error(self, meter: Meter, error: Exception) -> None:
        """Something is wrong with one meter."""
        self.errors.append(error)
        level = logging.WARNING if len(self.errors) <= _NAMED else logging.DEBUG
        log.log(level, "%s: %s", meter.name, error)

    def sum_up(self) -> None:
        """Count what is too much to name."""
        if (failed := len(self.errors)) > _NAMED:
            log.warning("%d meters could not be brought up to date; each says why on its status", failed)
        if (fresh := len(self.new_days)) > _NAMED:
            log.info("%d meters have new days", fresh)


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
        makes_meters = settings.mandates_make_meters
        self.mandates = MandateBook(
            ledger, settings.followed, settings.shard, makes_meters=makes_meters, now=now()
        )
        self._failed_at: str | None = None  # the EAN at which a run last ended
        self._bounds_kept: set[Meter] = set()
        self.meters = self.mandates.meters(now())
        used = {meter.source for meter in settings.followed} | ({"energy_api"} if makes_meters else set())
        self.visits = Visits(
            settings,
            ledger,
            now,
            pause,
            [name for name, each in SOURCES.items() if each.is_asked and name in used],
        )
        self.health = self.visits.health

    def fetch(self, occasion: Occasion) -> Cycle:
        """Bring the ledger up to date.

        Raises:
            LedgerError: what Fluvius answers could not be kept, so it is not asked.
        """
        cycle = self._begun(occasion)
        self.meters = self.mandates.meters(self._now())
        self.keep_to_bounds()
        for name, health in self.health.items():
            desks = self._due(name, cycle)
            if not (desks or (SOURCES[name].needs_mandate and self._mandates_are_due(cycle))):
                health.at_rest()
            elif postponed := self.visits.too_early(name, cycle.now):
                log.info("%s", postponed)
                cycle.errors.append(postponed)
            else:
                self._ask_source(name, desks, cycle)
        cycle.sum_up()
        return cycle

    def learn_mandates(self) -> Exception | None:
        """Ask who allows what, for a person who waits; returns what kept us from it.

        Raises:
            LedgerError: the answer could not be kept, so nothing is asked.
        """
        cycle = self._begun(Occasion.ONCE)
        if postponed := self.visits.too_early("energy_api", cycle.now):
            return postponed
        with self.visits.to("energy_api", cycle.now, asked=True) as visit:
            visit.trouble = self._learn_mandates(visit, cycle, all_of_them=True)
        return visit.error or visit.trouble

    def keep_to_bounds(self) -> None:
        """Have everything counted anew where bounds were moved; before anything is published."""
        for meter in self.meters:
            if meter not in self._bounds_kept:
                self._ledger.bounds.keep_to(meter)
                self._bounds_kept.add(meter)

    def progress(self, meter: Meter) -> Progress:
        """How far a meter's readings have come."""
        health, seen = self.health.get(meter.source), self.visits.seen.get(meter.source)
        return progress_of(self._desk(meter, self._now()), health, self.mandates, seen)

    def _begun(self, occasion: Occasion) -> Cycle:
        return Cycle(occasion, self._now().replace(microsecond=0))  # as exactly as the ledger remembers it

    def _desk(self, meter: Meter, now: datetime) -> Desk:
        return Desk(self._ledger, meter, self._settings.schedule.lookback_days, now)

    def _due(self, name: str, cycle: Cycle) -> list[Desk]:
        """The desks of a source's meters that have something to ask."""
        found: list[Desk] = []
        for meter in self.meters:
            if meter.source == name and not self.mandates.forbidden(meter, cycle.now):
                desk = self._desk(meter, cycle.now)
                if self._is_due(desk, cycle):
                    if found:  # it is the first one's turn now
                        desk.put_away()
                    found.append(desk)
        return found

    def _is_due(self, desk: Desk, cycle: Cycle) -> bool:
        """Whether a meter has something to ask; where a day of it is damaged, the other meters are not."""
        try:
            return any(part.is_due(cycle.occasion) for _, part in self._parts(desk))
        except Damaged as error:
            cycle.add_error(desk.meter, error)
            desk.change(error=str(error))
            desk.remember()
            return False

    def _mandates_are_due(self, cycle: Cycle) -> bool:
        often = not self._settings.meters and cycle.occasion is Occasion.SCHEDULE
        return cycle.occasion is Occasion.ASKED or self.mandates.are_due(cycle.now, often=often)

    def _ask_source(self, name: str, desks: list[Desk], cycle: Cycle) -> None:
        with self.visits.to(name, cycle.now, asked=cycle.occasion is Occasion.ASKED) as visit:
            visit.open_source()
            if SOURCES[name].needs_mandate:
                known = self.mandates.known
                visit.trouble = self._learn_mandates(
                    visit, cycle, all_of_them=cycle.occasion is Occasion.ASKED
                )
                if self.mandates.known is not known:
                    desks = self._due(name, cycle)
            visit.http.longest_pause = min(visit.http.longest_pause, _WHOLE_RUN / (len(desks) or 1))
            outcomes = []
            for desk in self._in_turn(desks):
                with self._ledger.checks.proving_once():
                    outcomes.append(self._ask_for_meter(visit, desk, cycle))
                desk.put_away()
            if outcomes and all(isinstance(outcome, ShapeChanged) for outcome in outcomes):
                visit.trouble = visit.trouble or outcomes[0]
        cycle.requests += visit.requests
        if visit.error:
            cycle.errors.append(visit.error)

    def _in_turn(self, desks: list[Desk]) -> list[Desk]:
        """One that always fails keeps no other waiting."""
        eans = [desk.meter.ean for desk in desks]
        begin = eans.index(self._failed_at) + 1 if self._failed_at in eans else 0
        return [*desks[begin:], *desks[:begin]]

    def _learn_mandates(self, visit: Visit, cycle: Cycle, *, all_of_them: bool = False) -> Exception | None:
        """Who allows what; where Fluvius does not say, what is known stands."""
        since = None if all_of_them else self.mandates.known_until(cycle.now)
        try:
            mandates = visit.open_source().mandates(since)
        except (NotYourMeter, ShapeChanged) as error:
            self.mandates.doubt(cycle.now)
            log.warning("mandates: %s", error)
            cycle.errors.append(error)
            return error
        if since:
            self.mandates.change(mandates, cycle.now)
        else:
            self.mandates.update(mandates, cycle.now)
        self.meters = self.mandates.meters(self._now())
        return None

    def _ask_for_meter(self, visit: Visit, desk: Desk, cycle: Cycle) -> Exception | None:
        """Bring one meter up to date; returns what is wrong with it alone, so that others are still asked."""
        meter, trouble = desk.meter, None
        exchanged = desk.is_exchanged and bool(desk.window)
        if exchanged:
            desk.ask_again()
        try:
            desk.look_back()
            days_too = exchanged or cycle.occasion is Occasion.ASKED
            desk.change(remark=self._bring_up_to_date(visit, desk, cycle, days_too=days_too))
            desk.change(last_success=self._now(), error=None, behind_since=None)
            desk.change(imported=None, not_imported=None)  # old news
            if self._ledger.peaks.has_doubted(meter):
                desk.change(peaks_asked_in=None)
                desk.remember()
            if desk.peaks_are_due():
                portal.fetch_peaks(desk, visit.open_source())
        except (NotYourMeter, ShapeChanged, Damaged) as error:
            cycle.add_error(meter, error)
            desk.change(error=str(error))
            if isinstance(error, NotYourMeter) and self.mandates.of(meter):
                self.mandates.doubt(cycle.now)
            trouble = error
        except FluviusError:
            self._failed_at = meter.ean
            self._finished(meter)
            raise
        desk.change(last_attempt=cycle.now, serial=meter.serial)
        desk.remember()
        self._finished(meter)
        return trouble

    def _bring_up_to_date(self, visit: Visit, desk: Desk, cycle: Cycle, *, days_too: bool) -> str | None:
        """Ask in the source's own way; returns what there is to say about the answers."""
        source, meter = visit.open_source(), desk.meter
        if desk.abilities.at_once:
            return self._ask_under_each_mandate(source, desk, cycle)
        news = News(desk, desk.complete_days(), cycle.add_new_days)
        steps = portal.steps_of(
            desk, source, news, count=lambda: visit.http.count, between=lambda: self._between(meter)
        )
        return portal.fetch(desk, steps, days_too=days_too)

    def _parts(self, desk: Desk) -> list[tuple[Term, Desk]]:
        """The days of each mandate, the newest first, with a desk for each where there are several."""
        terms = self.mandates.terms(desk.meter, desk.now)
        if len(terms) == 1:
            return [(terms[0], desk)]
        return [(term, desk.part(term.meter, term.name)) for term in reversed(terms)]

    def _ask_under_each_mandate(self, source: Source, desk: Desk, cycle: Cycle) -> str | None:
        """The newest first. The refusal of one keeps nothing from the others."""
        remarks, refused, newest = list[str | None](), list[NotYourMeter | ShapeChanged](), None
        for term, part in self._parts(desk):
            part.ask_under(term.name)
            if part.window:
                newest = newest or part
                news = News(part, part.complete_days(), cycle.add_new_days)
                try:
                    remarks.append(energy_api.fetch(part, source, term.reference, news, self._now))
                except (NotYourMeter, ShapeChanged) as error:
                    refused.append(error)
                    continue
                if part is not desk:
                    part.remember()
                    desk.learn_of(part, is_newest=part is newest)
        if refused:
            raise refused[0]
        return "; ".join(filter(None, dict.fromkeys(remarks))) or None
