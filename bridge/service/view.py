"""What stands on the broker: a view of the ledger, which can be published again at any time."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from functools import partial

from bridge.fetching.cycle import Fetcher
from bridge.ledger import Ledger
from bridge.metering.model import BRUSSELS, Backfill, Meter
from bridge.metering.progress import Progress
from bridge.mqtt import Broker
from bridge.publishing.publisher import BridgeStatus, Publisher
from bridge.service.answers import outcomes
from bridge.service.backfills import Backfills
from bridge.service.status import Status
from bridge.service.trouble import Trouble
from bridge.service.window import Window
from bridge.text.words import Payload

_SHOW_BACKFILL = timedelta(minutes=1)  # how often a meter is published while its backfill goes on


class View:
    """Publishes; what cannot be published now is published later.

    Args:
        ledger: whose view it is.
        broker: where it stands.
        publisher: knows what stands there.
        fetcher: knows the meters, and how far they have come.
        backfills: whose ends are answered.
        status: what the bridge says of itself.
        trouble: with the ledger.
        now: the present instant, aware.
        between: called before each meter, of which there may be thousands; may raise to end it.
        window: where others see the same; None where nobody looks.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        broker: Broker,
        publisher: Publisher,
        fetcher: Fetcher,
        backfills: Backfills,
        status: Status,
        trouble: Trouble,
        now: Callable[[], datetime],
        between: Callable[[], None],
        window: Window | None = None,
    ) -> None:
        self._ledger, self.broker, self.publisher, self._fetcher = ledger, broker, publisher, fetcher
        self._backfills, self._status, self._trouble = backfills, status, trouble
        self._now, self._between, self._window = now, between, window
        self.unpublished: str | None = None  # why not everything is on the broker: it is tried again
        self._published_on: date | None = None
        self._backfill_shown = now()

    def everything(self) -> None:
        """Publish all meters, and what the bridge says of itself."""
        self._publish()
        self._show_all_the_same(self._fetcher.meters)

    def catch_up(self) -> None:
        """Publish again if something is missing there, or it is of yesterday."""
        if self._published_on != self._today():
            self.everything()
        elif self.unpublished:
            self._publish()
            self._show_all_the_same(())  # of meters nothing is new

    def again(self) -> None:
        """Publish everything, whatever stands there."""
        self.publisher.forget()
        self.everything()

    def piece_by_piece(self) -> list[Callable[[], None]]:
        """Calls that publish everything again, for Home Assistant, which may have missed it."""
        self.publisher.forget_discovery()
        meters = self._fetcher.meters if self.publisher.shows_meters else ()
        return [self.bridge, *(partial(self.meter, meter) for meter in meters)]

    def meter(self, meter: Meter) -> None:
        """Publish one meter."""
        with self._trouble.endured():
            self._show(meter)

    def latest_day(self, meter: Meter) -> None:
        """Show the latest day the moment it is known."""
        with self._trouble.endured():
            self.publisher.latest_day(meter)

    def backfill(self, backfill: Backfill) -> None:
        """Publish how far a backfill has come, and its meter now and then, or when it does not go on."""
        if self._backfills.waits_for or abs(self._now() - self._backfill_shown) > _SHOW_BACKFILL:
            self._backfill_shown = self._now()
            if meter := self._backfills.meter_of(backfill):
                self.meter(meter)
        self.bridge()

    def bridge(self) -> None:
        """Publish what the bridge says of itself."""
        with self._trouble.endured():
            self.publisher.bridge(self._report())

    def respond(self, name: str, answer: Payload) -> None:
        """Answer a request."""
        with self._trouble.endured():
            self.publisher.respond(name, answer)

    def _publish(self) -> None:
        self.unpublished = "the bridge was interrupted while it published"
        if self._published_on != self._today():
            self._published_on = self._today()
            self.publisher.try_again()
        with self._trouble.endured() as troubles:
            self.publisher.migrate(self._fetcher.meters)
            for meter in self.publisher.most_urgent_first(self._fetcher.meters):
                self._between()
                self._show(meter)
            self.publisher.bridge(self._report())
            self.publisher.remove_all_but(self._fetcher.meters)
            self._answer_for_backfills()
        self.unpublished = "; ".join(map(str, troubles)) or None

    def _show(self, meter: Meter) -> None:
        """One meter, to those who want to see it: how far it has come takes as long as all the rest."""
        with self._trouble.of_one_meter():
            if self.publisher.shows_meters:
                self.publisher.meter(meter, self._progress(meter))
                return
            if self._window and self._window.shows_meters:
                self._progress(meter)
            self.publisher.stream(meter)

    def _progress(self, meter: Meter) -> Progress:
        progress = self._fetcher.progress(meter)
        if self._window and self._window.shows_meters:
            self._window.progress[meter.ean] = progress
        return progress

    def _show_all_the_same(self, meters: Iterable[Meter]) -> None:
        """To whoever looks through the window, what the broker could not be given."""
        if not (self.unpublished and self._window):
            return
        with self._trouble.endured():
            self._report()
            for meter in meters if self._window.shows_meters else ():
                self._progress(meter)

    def _report(self) -> BridgeStatus:
        report = self._status.report()
        if self._window:
            self._window.status, self._window.meters = report, tuple(self._fetcher.meters)
        return report

    def _answer_for_backfills(self) -> None:
        for backfill in self._ledger.jobs.unanswered_backfills():
            for answer in outcomes(backfill, self._backfills.name(backfill)):
                self.publisher.respond("backfill", answer)
            self._ledger.jobs.answered_backfill(backfill.number)

    def _today(self) -> date:
        return self._now().astimezone(BRUSSELS).date()
