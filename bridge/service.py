"""The loop: what is missing → Fluvius → ledger → broker; on schedule, on command, for years.

One thread runs all of this. The broker's own thread only puts events into the inbox; `stop` may be called
from anywhere.
"""

import json
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from bridge import __version__
from bridge.config import Settings
from bridge.fetching import AT_MOST_EVERY, Cycle, Fetcher, Occasion, is_recent
from bridge.folder import FolderError
from bridge.heartbeat import Heartbeat
from bridge.ledger import Ledger, LedgerError
from bridge.model import BRUSSELS, Meter
from bridge.mqtt.client import Broker, BrokerAway, Command, Connected
from bridge.publisher import Publisher
from bridge.timetable import Timetable
from bridge.views import Payload, local

log = logging.getLogger(__name__)

_LOOK_AROUND = 30.0  # seconds: a laptop that was suspended notices within these that it is late
_GREETING = 2.0  # seconds to wait for the broker before the first fetch
_WAITING_COMMANDS = 100  # more than that is a flood
_LONGEST_MARK = 200  # characters of a request's transaction


class Stopped(Exception):
    """Someone asked the bridge to stop."""


class Bridge:
    """Everything between Fluvius and the broker.

    Args:
        settings: the configuration.
        ledger: where readings are kept.
        now: the present instant, aware.
        pause: waits that many seconds between two requests; the default ends early when the bridge stops.

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
    ) -> None:
        self._settings, self._now = settings, now
        self._meters = settings.followed
        self._started = now()
        self._stopping = threading.Event()
        self._inbox: queue.SimpleQueue[Connected | Command | None] = queue.SimpleQueue()
        self._broker = Broker(settings.mqtt, self._hand_over)
        self._publisher = Publisher(self._broker, ledger, settings.mqtt.base_topic)
        self._fetcher = Fetcher(
            settings,
            ledger,
            now,
            pause=pause or self._wait,
            between=self._after_an_answer,
            finished=self._publish_meter,
        )
        self._timetable = Timetable(settings.schedule.at, settings.schedule.jitter_minutes)
        self._heartbeat = Heartbeat(settings.data_dir)
        self._last_cycle = self._started
        self._ledger_trouble: str | None = None
        self._retry_publishing = False

    def run(self) -> None:
        """Publish what is known, catch up, then work to the schedule until `stop` is called."""
        with self._on_the_broker():
            self._attend(_GREETING)
            self._cycle(Occasion.START)
            while True:
                self._attend(self._until_next())
                if self._timetable.is_due() or self._retry_is_due():
                    self._cycle(Occasion.SCHEDULE)

    def once(self, greeting: float = 10.0) -> Cycle:
        """One cycle, for cron. What could not be published is kept, and published next time.

        Args:
            greeting: seconds to wait for the broker.
        """
        cycle = Cycle(Occasion.ONCE, self._now())
        with self._on_the_broker():
            self._attend(greeting)
            cycle = self._cycle(Occasion.ONCE)
            if self._retry_publishing:
                away = BrokerAway(self._broker.problem or "the broker did not take everything")
                log.error("%s What was fetched is kept, and published next time.", away)
                cycle.errors.append(away)
        return cycle

    def stop(self) -> None:
        """Ask the bridge to stop; `run` returns soon after. May be called from any thread."""
        self._stopping.set()
        self._broker.interrupt()
        self._inbox.put(None)

    # The loop

    @contextmanager
    def _on_the_broker(self) -> Iterator[None]:
        self._broker.start()
        try:
            with suppress(Stopped):
                yield
        finally:
            self._broker.stop()

    def _attend(self, seconds: float) -> None:
        """Wait for events and heed those that are there; more may come meanwhile, for ever."""
        self._beat()
        with suppress(queue.Empty):
            self._heed(self._inbox.get(timeout=seconds))
            for _ in range(self._inbox.qsize()):
                self._heed(self._inbox.get_nowait())
        self._heed(None)
        if self._retry_publishing:
            self._publish_everything()

    def _heed(self, event: Connected | Command | None) -> None:
        if self._stopping.is_set():
            raise Stopped
        match event:
            case Connected():
                self._publisher.forget()
                self._publish_everything()
            case Command():
                self._obey(event)

    def _hand_over(self, event: Connected | Command) -> None:
        if isinstance(event, Connected) or self._inbox.qsize() < _WAITING_COMMANDS:
            self._inbox.put(event)

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Stopped

    def _until_next(self) -> float:
        next_run = min(filter(None, (self._timetable.next_run, self._retry_at())))
        return min(max((next_run - self._now()).total_seconds(), 0.05), _LOOK_AROUND)

    def _retry_at(self) -> datetime | None:
        soonest = min(self._last_cycle, self._now()) + AT_MOST_EVERY
        retry_at = self._fetcher.retry_at()
        if retry_at is None:
            return soonest if self._ledger_trouble else None
        return max(retry_at, soonest)

    def _retry_is_due(self) -> bool:
        retry_at = self._retry_at()
        return retry_at is not None and retry_at <= self._now()

    def _beat(self) -> None:
        states = {name: health.state for name, health in self._fetcher.health.items()}
        self._heartbeat.beat(
            self._now(), broker=self._broker.problem, ledger=self._ledger_trouble, sources=states
        )

    # A cycle

    def _cycle(self, occasion: Occasion) -> Cycle:
        cycle = Cycle(occasion, self._now())
        self._last_cycle = cycle.now
        try:
            cycle = self._fetcher.fetch(occasion)
            self._ledger_trouble = None
        except (FolderError, LedgerError) as error:
            self._in_trouble(error)
            cycle.errors.append(error)
        self._publish_everything()
        return cycle

    def _after_an_answer(self, meter: Meter) -> None:
        """Show the latest day the moment it is known, and notice what happened meanwhile."""
        self._beat()
        with self._publishing():
            self._publisher.latest_day(meter)
        for event in self._drained():
            if isinstance(event, Command):
                self._respond(
                    event.name, _refused(event, "busy with Fluvius just now; ask again in a minute")
                )
            else:
                self._heed(event)

    def _drained(self) -> Iterator[Connected | Command | None]:
        with suppress(queue.Empty):
            for _ in range(self._inbox.qsize()):  # more may come meanwhile, for ever
                yield self._inbox.get_nowait()

    # Publishing

    def _publish_everything(self) -> None:
        self._retry_publishing = True
        with self._publishing():
            self._publisher.remove_all_but(self._meters)
            for meter in self._meters:
                self._publisher.meter(meter, self._fetcher.progress(meter))
            self._publisher.bridge(self._info(), self._health_report())
            self._retry_publishing = False

    def _publish_meter(self, meter: Meter) -> None:
        with self._publishing():
            self._publisher.meter(meter, self._fetcher.progress(meter))

    @contextmanager
    def _publishing(self) -> Iterator[None]:
        """A broker that is away changes nothing: it will connect, and everything is published then."""
        try:
            yield
        except BrokerAway as error:
            log.debug("not published: %s", error)
        except LedgerError as error:
            self._in_trouble(error)

    def _in_trouble(self, error: FolderError | LedgerError) -> None:
        if self._ledger_trouble != str(error):
            log.error("%s", error)
        self._ledger_trouble = str(error)

    def _info(self) -> Payload:
        return {
            "version": __version__,
            "started": local(self._started),
            "timezone": str(BRUSSELS),
            "meters": [
                {"name": meter.name, "ean": meter.ean, "serial": meter.serial, "energy": meter.energy}
                for meter in self._meters
            ],
            "next_run": local(self._timetable.next_run),
        }

    def _health_report(self) -> Payload:
        now = self._now()
        report: Payload = {name: health.to_payload(now) for name, health in self._fetcher.health.items()}
        if self._ledger_trouble:
            report["ledger"] = {"state": "unusable", "last_error": self._ledger_trouble}
        return report

    # Commands

    def _obey(self, command: Command) -> None:
        match command.name:
            case "refresh":
                answer = self._refresh(command)
            case "republish":
                self._publisher.forget()
                self._publish_everything()
                answer = _done(command, {})
            case _:
                answer = _refused(command, "no such request; there are refresh and republish")
        self._respond(command.name, answer)

    def _refresh(self, command: Command) -> Payload:
        last = self._fetcher.asked_last()
        if last and is_recent(last, self._now()):
            return _refused(
                command, f"Fluvius was asked at {local(last)}; it is asked at most once in five minutes"
            )
        cycle = self._cycle(Occasion.ASKED)
        if cycle.errors:
            return _refused(command, "; ".join(map(str, cycle.errors)))
        new_days = {name: [day.isoformat() for day in days] for name, days in cycle.new_days.items()}
        return _done(command, {"requests": cycle.requests, "new_days": new_days})

    def _respond(self, name: str, answer: Payload) -> None:
        with self._publishing():
            self._publisher.respond(name, answer)


def _done(command: Command, data: Payload) -> Payload:
    return {"status": "ok", "data": data, **_transaction(command)}


def _refused(command: Command, why: str) -> Payload:
    return {"status": "error", "error": why, "data": {}, **_transaction(command)}


def _transaction(command: Command) -> dict[str, Any]:
    """The request's own mark, so that who asked recognises the answer; anything short will do."""
    try:
        request = json.loads(command.payload or b"{}")
        if "transaction" in request and len(json.dumps(request["transaction"])) <= _LONGEST_MARK:
            return {"transaction": request["transaction"]}
    except (RecursionError, TypeError, ValueError):
        log.debug("a request that is no JSON object")
    return {}
