"""The loop: what is missing → Fluvius → ledger → broker; on schedule, on command, for years.

One thread runs all of this. The broker's own thread only puts events into the inbox; `stop` may be called
from anywhere.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import partial

from bridge.config import Settings
from bridge.fetching.cycle import Cycle, Fetcher
from bridge.fetching.due import Occasion
from bridge.folder.claim import FolderError
from bridge.folder.heartbeat import Heartbeat
from bridge.ledger import Ledger, LedgerError
from bridge.metering.model import Meter
from bridge.mqtt import (
    Broker,
    BrokerAway,
    Command,
    Connected,
    Event,
    HomeAssistantStarted,
    PricesGiven,
    PricesLost,
)
from bridge.publishing.publisher import Publisher
from bridge.service.agenda import Agenda
from bridge.service.backfills import BackfillRequests, Backfills
from bridge.service.deliveries import DatabaseWaits, Deliveries, open_sink
from bridge.service.errands import Errands
from bridge.service.gauges import Gauges
from bridge.service.greeting import Greeting, births
from bridge.service.imports import Imports, dropped
from bridge.service.inbox import Inbox, Stopped
from bridge.service.pricing import Pricing
from bridge.service.requests import Requests
from bridge.service.retention import Retention
from bridge.service.statistics import Statistics, open_recorder
from bridge.service.status import Status
from bridge.service.trouble import Trouble
from bridge.service.view import View
from bridge.service.window import Window
from bridge.text.words import local

log = logging.getLogger(__name__)

_LOOK_AROUND = 2.0  # seconds, for what does not come by the inbox: the clock, backfills that were asked for
_NAMED = 20  # meters that are looked through for a line of the log
_GREETING = 2.0  # seconds to wait for the broker before the first fetch


class StatisticsWait(Exception):
    """Home Assistant did not take the statistics (yet)."""


class Bridge:
    """Everything between Fluvius and the broker.

    Args:
        settings: the configuration.
        ledger: where readings are kept.
        now: the present instant, aware.
        pause: waits that many seconds between two requests; the default ends early when the bridge stops.
        window: where others see how it does; None where nobody looks.

    Raises:
        ConfigError: a file that the configuration names cannot be used.
        LedgerError: the ledger cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] | None = None,
        window: Window | None = None,
    ) -> None:
        self._settings, self._ledger, self._now, self._window = settings, ledger, now, window
        self._inbox, self._trouble = Inbox(), Trouble()
        trouble = self._trouble
        self._broker = Broker(settings.mqtt, self._inbox.put, births=births(settings), meanwhile=self._beat)
        self._publisher = publisher = Publisher(self._broker, ledger, settings)
        recorder = open_recorder(
            settings, ledger, now, attend=self._look_around, changed=self._publish_bridge
        )
        self._fetcher = fetcher = Fetcher(
            settings,
            ledger,
            now,
            pause=pause or self._inbox.wait,
            between=partial(self._show, latest_only=True),
            finished=self._show,
        )
        fetcher.keep_to_bounds()
        self._pricing = pricing = Pricing(
            settings, ledger, fetcher, trouble=trouble, now=now, pause=pause or self._inbox.wait
        )
        self._agenda = Agenda(settings.schedule, fetcher.visits, trouble, now)
        self._heartbeat = Heartbeat(settings.data_dir)
        self._backfills = backfills = Backfills(ledger, fetcher, now, trouble)
        sink = open_sink(settings, ledger, fetcher, now)
        status = Status(
            settings,
            started=now(),
            fetcher=fetcher,
            backfills=backfills,
            publisher=publisher,
            recorder=recorder,
            pricing=pricing,
            sink=sink,
            trouble=trouble,
            now=now,
            next_run=self._agenda.next_run,
        )
        self._view = view = View(
            ledger,
            broker=self._broker,
            publisher=publisher,
            fetcher=fetcher,
            backfills=backfills,
            status=status,
            trouble=trouble,
            now=now,
            between=self._go_on,
            window=window,
        )
        self._imports = imports = Imports(
            settings.import_dir,
            dropped(settings.data_dir),
            ledger,
            fetcher,
            now=now,
            trouble=trouble,
            go_on=self._go_on,
            window=window,
        )
        self._statistics = Statistics(recorder, ledger, fetcher, view, trouble)
        self._deliveries = deliveries = Deliveries(sink, view, trouble)
        self._retention = Retention(
            settings,
            ledger,
            fetcher,
            [deliveries.days_lacking],
            of_followed=[ledger.outbox.days_unstreamed, self._statistics.days_lacking],
            confirm=deliveries.confirm,
            trouble=trouble,
            now=now,
        )
        self._errands = Errands(
            pricing,
            imports,
            self._statistics,
            deliveries,
            backfills=backfills,
            retention=self._retention,
            view=view,
        )
        wishes = BackfillRequests(ledger, fetcher, backfills, now=now, trouble=trouble, changed=view.bridge)
        self._requests = Requests(
            fetcher, view, self._statistics, backfills=wishes, trouble=trouble, now=now, cycle=self._cycle
        )
        self._greeting, self._gauges = Greeting(now), Gauges(fetcher, publisher, self._broker, now)

    def run(self) -> None:
        """Publish what is known, catch up, then work to the schedule until `stop` is called."""
        with self._deliveries, self._broker, suppress(Stopped):
            self._attend(_GREETING)
            self._backfills.say_how_to_get_more(self._settings.schedule.lookback_days)
            self._statistics.doubt()
            self._cycle(Occasion.START)
            examination = self._ledger.checks.examination()
            while True:
                self._attend(self._until_next())
                if self._trouble.found_by(examination) or self._trouble.is_let_go(self._ledger):
                    self._view.bridge()
                if self._agenda.is_due():
                    self._cycle(Occasion.SCHEDULE)
                else:
                    self._errands.run_one()

    def once(self, greeting: float = 10.0) -> Cycle:
        """One cycle, for cron. What could not be published is kept, and published next time.

        Args:
            greeting: seconds to wait for the broker.
        """
        cycle = Cycle(Occasion.ONCE, self._now())
        self._publisher.outlive_the_bridge()
        self._requests.end_soon()
        with self._deliveries, self._broker, suppress(Stopped):
            self._attend(greeting)
            self._backfills.say_how_to_get_more(self._settings.schedule.lookback_days)
            self._imports.everything()
            cycle = self._cycle(Occasion.ONCE)
            try:
                self._deliveries.everything(self._go_on)
            except DatabaseWaits as error:
                cycle.errors.append(error)
            if self._view.unpublished:
                away = BrokerAway(self._broker.problem or self._view.unpublished)
                log.error("%s What was fetched is kept, and published next time.", away)
                cycle.errors.append(away)
            if why := self._statistics.why_they_wait:
                cycle.errors.append(StatisticsWait(why))
            self._retention.everything(self._go_on)
        return cycle

    def wish(self, command: Command) -> None:
        """Ask for what may be asked for over MQTT; it is answered soon. May be called from any thread."""
        self._inbox.put(command)

    def stop(self) -> None:
        """Ask the bridge to stop; `run` returns soon after. May be called from any thread."""
        self._broker.interrupt()  # first, or it would interrupt the goodbye
        self._inbox.stop()

    def _attend(self, seconds: float) -> None:
        """Wait for events, and heed those that are there."""
        self._broker.look_after()
        self._beat()
        for event in self._inbox.events(within=seconds):
            self._heed(event)
        self._view.catch_up()
        self._greeting.go_on()

    def _publish_bridge(self) -> None:
        self._view.bridge()

    def _look_around(self) -> None:
        """Notice what happened while Fluvius or Home Assistant is being waited for."""
        self._broker.look_after()
        self._beat()
        for event in self._inbox.events():
            if isinstance(event, Command):
                self._requests.obey_meanwhile(event)
            else:
                self._heed(event)

    def _heed(self, event: Event) -> None:
        match event:
            case Connected():
                self._view.again()
            case HomeAssistantStarted():
                self._greeting.begin([*self._view.piece_by_piece(), self._statistics.compare])
            case Command():
                self._requests.obey(event)
            case PricesGiven():
                if self._pricing.take(event.payload):
                    self._statistics.ask()
                self._view.everything()
            case PricesLost():
                self._pricing.lose()
                self._view.bridge()

    def _go_on(self) -> None:
        """While thousands of meters are published."""
        self._beat()
        self._inbox.check()

    def _beat(self) -> None:
        if self._window:
            ledger = self._trouble.unusable or self._trouble.damaged
            self._window.look(self._gauges.read(), self._broker.problem, ledger)
        if not self._broker.alive:
            return  # its thread cannot be had again: who listens to the heart starts the bridge anew
        self._heartbeat.beat(
            self._now(),
            broker=self._broker.problem,
            ledger=self._trouble.unusable or self._trouble.damaged,
            sources={name: health.state for name, health in self._fetcher.health.items()},
        )

    def _until_next(self) -> float:
        if self._errands.wait():
            return 0.0
        tries = self._statistics.retry_at, self._deliveries.retry_at
        plans = *tries, self._greeting.next_at, self._pricing.next_at
        return min(self._agenda.seconds_until_next(*plans), _LOOK_AROUND)

    def _cycle(self, occasion: Occasion) -> Cycle:
        cycle = Cycle(occasion, self._now())
        self._agenda.begun(cycle.now)
        self._gauges.begun()
        self._pricing.ask()
        try:
            cycle = self._fetcher.fetch(occasion)
            self._trouble.is_over()
        except (FolderError, LedgerError) as error:
            self._trouble.noticed(error)
            cycle.errors.append(error)
        self._pricing.bring_up_to_date()
        self._view.everything()
        self._statistics.bring_up_to_date(asked=occasion is Occasion.ASKED)
        self._gauges.ended(cycle)
        if occasion is not Occasion.ONCE and not cycle.errors:
            with self._trouble.endured():
                self._say_what_is_next()
        return cycle

    def _say_what_is_next(self) -> None:
        again, meters = local(self._agenda.next_run()), self._fetcher.meters
        if len(meters) > _NAMED:
            log.info("looking again at %s", again)
        elif waiting := [meter.label for meter in meters if self._awaits_days(meter)]:
            log.info("not published yet: days of %s; looking again at %s", ", ".join(waiting), again)
        else:
            log.info("nothing is missing; looking again at %s", again)

    def _awaits_days(self, meter: Meter) -> bool:
        awaited: Sequence[date] = ()
        with self._trouble.of_one_meter():
            awaited = self._fetcher.progress(meter).awaited
        return bool(awaited)

    def _show(self, meter: Meter, *, latest_only: bool = False) -> None:
        """Show what came the moment it is known, and notice what happened meanwhile."""
        if latest_only:
            self._view.latest_day(meter)
        else:
            self._pricing.look_at(meter)
            self._view.meter(meter)
        self._look_around()
