"""The loop: what is missing → Fluvius → ledger → broker; on schedule, on command, for years.

One thread runs all of this. The broker's own thread only puts events into the inbox; `stop` may be called
from anywhere.
"""

import logging
import os
import queue
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from bridge import __version__
from bridge.config import Settings
from bridge.config.asked import UsageError
from bridge.fetching.backfill import Backfiller, Order
from bridge.fetching.cycle import Cycle, Fetcher
from bridge.fetching.due import Occasion, is_recent
from bridge.fetching.mandates import AT_MOST_EVERY
from bridge.folder.claim import FolderError
from bridge.folder.heartbeat import Heartbeat
from bridge.homeassistant import advice, statistics_settings
from bridge.homeassistant.recorder import Recorder
from bridge.ledger import Damaged, Ledger, LedgerError
from bridge.metering.model import BRUSSELS, Backfill, Meter
from bridge.mqtt import Broker, BrokerAway, Command, Connected, Event, HomeAssistantStarted, topics
from bridge.mqtt.allowance import in_words
from bridge.publishing.discovery import HOME_ASSISTANT_STATUS, unique_ids
from bridge.publishing.publisher import BridgeStatus, Publisher
from bridge.service.status import Condition, history, of_backfill
from bridge.service.timetable import Timetable
from bridge.text.foreign import clean
from bridge.text.wishes import wish
from bridge.text.words import Payload, local, to_json

log = logging.getLogger(__name__)

_LOOK_AROUND = 2.0  # seconds, for what does not come by the inbox: the clock, history that was asked for
_SHOW_HISTORY = timedelta(minutes=1)  # how often a meter is published while its history is fetched
_GREETING = 2.0  # seconds to wait for the broker before the first fetch
_LET_IT_START = (3.0, 10.0)  # seconds: Home Assistant says that it starts when it is busiest
_WAITING_COMMANDS = 100  # more than that is a flood
_SHOWN = 100  # meters on bridge/info
_ONLY_NOTED = {"backfill", "history_from", "fetch_history", "stop_history"}  # so never too early
_HISTORY_FROM = "history_from"  # the note
_LONGEST_MARK = 200  # characters of a request's transaction


class Stopped(Exception):
    """Someone asked the bridge to stop."""


class StatisticsWait(Exception):
    """Home Assistant did not take the statistics (yet)."""


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
        self._started = now()
        self._stopping = threading.Event()
        self._inbox: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._broker = Broker(settings.mqtt, self._hand_over, births=self._births(), meanwhile=self._beat)
        self._publisher = Publisher(self._broker, ledger, settings)
        self._recorder = self._open_recorder(ledger)
        self._fetcher = Fetcher(
            settings,
            ledger,
            now,
            pause=pause or self._wait,
            between=self._after_an_answer,
            finished=self._after_a_meter,
        )
        self._fetcher.keep_to_bounds()
        self._backfiller = Backfiller(ledger, self._fetcher, now)
        self._ledger = ledger
        self._timetable = Timetable(settings.schedule.at, settings.schedule.jitter_minutes)
        self._history_shown = self._started
        self._heartbeat = Heartbeat(settings.data_dir)
        self._last_cycle = self._started
        self._ledger_trouble: str | None = None  # until it can be used again
        self._ledger_damage: str | None = None  # found once after each start
        self._unpublished: str | None = None  # why not everything is on the broker: it is tried again
        self._published_on: date | None = None
        self._errands: deque[Callable[[], None]] = deque()
        self._errands_from = self._started

    def run(self) -> None:
        """Publish what is known, catch up, then work to the schedule until `stop` is called."""
        with self._broker, suppress(Stopped):
            self._attend(_GREETING)
            self._say_how_to_get_more()
            if self._recorder:
                self._recorder.doubt()
            self._cycle(Occasion.START)
            examination = self._ledger.examination()
            while True:
                self._attend(self._until_next())
                self._examine(examination)
                if self._timetable.is_due() or self._retry_is_due():
                    self._cycle(Occasion.SCHEDULE)
                elif self._recorder and self._recorder.is_due():
                    self._import_statistics()
                elif self._history_is_due():
                    self._fetch_history()

    def once(self, greeting: float = 10.0) -> Cycle:
        """One cycle, for cron. What could not be published is kept, and published next time.

        Args:
            greeting: seconds to wait for the broker.
        """
        cycle = Cycle(Occasion.ONCE, self._now())
        self._publisher.outlive_the_bridge()
        with self._broker, suppress(Stopped):
            self._attend(greeting)
            self._say_how_to_get_more()
            cycle = self._cycle(Occasion.ONCE)
            if self._unpublished:
                away = BrokerAway(self._broker.problem or self._unpublished)
                log.error("%s What was fetched is kept, and published next time.", away)
                cycle.errors.append(away)
            if why := self._why_statistics_wait():
                cycle.errors.append(StatisticsWait(why))
        return cycle

    def stop(self) -> None:
        """Ask the bridge to stop; `run` returns soon after. May be called from any thread."""
        self._stopping.set()
        self._broker.interrupt()
        self._inbox.put(None)

    # The loop

    def _attend(self, seconds: float) -> None:
        """Wait for events and heed those that are there; more may come meanwhile, for ever."""
        self._broker.look_after()
        self._beat()
        with suppress(queue.Empty):
            self._heed(self._inbox.get(timeout=seconds))
            for _ in range(self._inbox.qsize()):
                self._heed(self._inbox.get_nowait())
        self._heed(None)
        if self._unpublished or self._published_on != self._today():
            self._publish_everything()
        if self._errands and self._errands_from <= self._now():
            self._errands.popleft()()

    def _heed(self, event: Event | None) -> None:
        if self._stopping.is_set():
            raise Stopped
        match event:
            case Connected():
                self._publisher.forget()
                self._publish_everything()
            case HomeAssistantStarted():
                self._welcome_home_assistant()
            case Command():
                self._obey(event)

    def _hand_over(self, event: Event) -> None:
        if not isinstance(event, Command) or self._inbox.qsize() < _WAITING_COMMANDS:
            self._inbox.put(event)

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Stopped

    def _until_next(self) -> float:
        if self._history_is_due():
            return 0.0
        plans = [
            self._timetable.next_run,
            self._retry_at(),
            self._recorder.health.retry_at if self._recorder else None,
            self._errands_from if self._errands else None,
        ]
        next_plan = min(filter(None, plans))
        return min(max((next_plan - self._now()).total_seconds(), 0.05), _LOOK_AROUND)

    def _retry_at(self) -> datetime | None:
        soonest = min(self._last_cycle, self._now()) + AT_MOST_EVERY
        retry_at = self._fetcher.visits.retry_at()
        if retry_at is None:
            return soonest if self._ledger_trouble else None
        return max(retry_at, soonest)

    def _retry_is_due(self) -> bool:
        retry_at = self._retry_at()
        return retry_at is not None and retry_at <= self._now()

    def _beat(self) -> None:
        if not self._broker.alive:
            return  # its thread cannot be had again: who listens to the heart starts the bridge anew
        states = {name: health.state for name, health in self._fetcher.health.items()}
        self._heartbeat.beat(
            self._now(),
            broker=self._broker.problem,
            ledger=self._ledger_trouble or self._ledger_damage,
            sources=states,
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
        self._import_statistics(asked=occasion is Occasion.ASKED)
        return cycle

    def _after_an_answer(self, meter: Meter) -> None:
        """Show the latest day the moment it is known, and notice what happened meanwhile."""
        with self._publishing():
            self._publisher.latest_day(meter)
        self._look_around()

    def _after_a_meter(self, meter: Meter) -> None:
        self._publish_meter(meter)
        self._look_around()

    def _examine(self, examination: Iterator[None]) -> None:
        """A month of a meter at a time, once after each start: rot is found while there is a backup."""
        try:
            next(examination, None)
        except LedgerError as error:
            self._damaged(error)
            self._publish_bridge()

    def _damaged(self, error: LedgerError) -> None:
        if self._ledger_damage != str(error):
            log.error("%s", error)
        self._ledger_damage = str(error)

    def _look_around(self) -> None:
        """Notice what happened while Fluvius or Home Assistant is being waited for."""
        self._broker.look_after()
        self._beat()
        for event in self._drained():
            if isinstance(event, Command) and event.name in _ONLY_NOTED:
                self._obey(event)
            elif isinstance(event, Command):
                self._respond(event.name, _refused(event, "busy just now; ask again in a minute"))
            else:
                self._heed(event)

    def _drained(self) -> Iterator[Event | None]:
        with suppress(queue.Empty):
            for _ in range(self._inbox.qsize()):  # more may come meanwhile, for ever
                yield self._inbox.get_nowait()

    # History

    def _say_how_to_get_more(self) -> None:
        with self._publishing():
            if not any(self._ledger.known_span(meter) for meter in self._fetcher.meters):
                log.info(
                    "the ledger is empty: the last %d days are fetched; for older ones run"
                    " `fluvius2mqtt backfill --from DATE`",
                    self._settings.schedule.lookback_days,
                )

    def _history_is_due(self) -> bool:
        if self._ledger_trouble:
            return False  # until a cycle finds that it is over
        try:
            return self._backfiller.is_due()
        except LedgerError as error:
            self._in_trouble(error)
            return False

    def _fetch_history(self) -> None:
        """One request, so that nobody has to wait for the end of a long backfill."""
        try:
            job = self._backfiller.step()
        except (FolderError, LedgerError) as error:
            self._in_trouble(error)
            return
        if job and job.state != "open":
            self._publish_everything()
            self._import_statistics()
        elif job:
            if self._backfiller.trouble or abs(self._now() - self._history_shown) > _SHOW_HISTORY:
                self._history_shown = self._now()
                if meter := self._backfiller.meter_of(job):
                    self._publish_meter(meter)
            self._publish_bridge()

    def _name(self, job: Backfill) -> str:
        meter = self._backfiller.meter_of(job)
        return meter.name if meter else job.ean

    # Publishing

    def _publish_everything(self) -> None:
        self._unpublished = "the bridge was interrupted while it published"
        if self._published_on != self._today():
            self._published_on = self._today()
            self._broker.try_again()
        with self._publishing() as troubles:
            self._publisher.migrate(self._fetcher.meters)
            for meter in self._publisher.most_urgent_first(self._fetcher.meters):  # which may be thousands
                self._beat()
                if self._stopping.is_set():
                    raise Stopped
                try:
                    self._publisher.meter(meter, self._fetcher.progress(meter))
                except Damaged as error:  # the other meters are not
                    self._damaged(error)
            self._publisher.bridge(self._status())
            self._publisher.remove_all_but(self._fetcher.meters)
            self._answer_for_history()
        self._unpublished = "; ".join(map(str, troubles)) or None

    def _answer_for_history(self) -> None:
        for job in self._ledger.unanswered_backfills():
            for answer in _outcomes(job, self._name(job)):
                self._publisher.respond("backfill", answer)
            self._ledger.answered_backfill(job.number)

    def _publish_meter(self, meter: Meter) -> None:
        with self._publishing():
            self._publisher.meter(meter, self._fetcher.progress(meter))

    def _publish_bridge(self) -> None:
        with self._publishing():
            self._publisher.bridge(self._status())

    @contextmanager
    def _publishing(self) -> Iterator[list[Exception]]:
        """A broker that is away changes nothing: it will connect, and everything is published then.

        What came in between stands in the list, afterwards.
        """
        troubles: list[Exception] = []
        try:
            yield troubles
        except BrokerAway as error:
            log.debug("not published: %s", error)
            troubles.append(error)
        except (FolderError, LedgerError) as error:
            self._in_trouble(error)
            troubles.append(error)

    def _in_trouble(self, error: FolderError | LedgerError) -> None:
        if self._ledger_trouble != str(error):
            log.error("%s", error)
        self._ledger_trouble = str(error)

    def _status(self) -> BridgeStatus:
        condition = self._condition()
        job = self._backfiller.job
        trouble = self._backfiller.trouble
        return BridgeStatus(
            info=self._info(job),
            health=condition.health(),
            problem=condition.problem(self._advice()),
            history=history(
                self._history_from(), job, self._name(job) if job else "", str(trouble) if trouble else None
            ),
        )

    def _advice(self) -> str | None:
        return self._recorder.health.advice if self._recorder else advice(self._settings.homeassistant)

    def _condition(self) -> Condition:
        statistics = {"statistics": self._recorder.health} if self._recorder else {}
        return Condition(
            self._now(),
            {**self._fetcher.health, **statistics},
            left_out=in_words(self._broker.left_out) or str(self._publisher.refusal or ""),
            ledger_unusable=self._ledger_trouble or "",
            ledger_damaged=self._ledger_damage or "",
        )

    def _info(self, job: Backfill | None) -> Payload:
        return {
            "version": __version__,
            "started": local(self._started),
            "timezone": str(BRUSSELS),
            "meters": [
                {
                    "meter": meter.name,
                    "name": meter.label,
                    "ean": meter.ean,
                    "serial": meter.serial,
                    "energy": meter.energy,
                }
                for meter in self._fetcher.meters[:_SHOWN]
            ],
            "next_run": local(min(filter(None, (self._timetable.next_run, self._retry_at())))),
            **({"backfill": of_backfill(job, self._name(job))} if job else {}),
        }

    def _today(self) -> date:
        return self._now().astimezone(BRUSSELS).date()

    # Home Assistant

    def _open_recorder(self, ledger: Ledger) -> Recorder | None:
        statistics = statistics_settings(self._settings.homeassistant, os.environ)
        if statistics is None:
            return None
        settings = self._settings
        base = settings.mqtt.base_topic
        return Recorder(
            statistics,
            ledger,
            settings.data_dir,
            base,
            settings.language,
            unique_ids=partial(unique_ids, base),
            now=self._now,
            attend=self._look_around,
            changed=self._publish_bridge,
        )

    def _births(self) -> set[str]:
        wanted = self._settings.homeassistant
        if not (wanted.discovery or wanted.statistics):
            return set()
        return {HOME_ASSISTANT_STATUS, f"{wanted.discovery_prefix}/status"}

    def _welcome_home_assistant(self) -> None:
        """Tell it everything again: a little later, and not all at once."""
        self._publisher.forget_discovery()
        meters = (partial(self._publish_meter, meter) for meter in self._fetcher.meters)
        self._errands = deque([self._publish_bridge, *meters, self._doubt_statistics])
        self._errands_from = self._now() + timedelta(seconds=random.uniform(*_LET_IT_START))

    def _doubt_statistics(self, *, all_of_it: bool = False, asked: bool = False) -> None:
        if self._recorder:
            self._recorder.doubt(all_of_it=all_of_it)
            self._import_statistics(asked=asked)

    def _import_statistics(self, *, asked: bool = False) -> None:
        if self._recorder:
            with self._publishing():
                self._recorder.update(self._fetcher.meters, asked=asked)
            self._publish_bridge()

    def _why_statistics_wait(self) -> str | None:
        return self._recorder.health.last_error if self._recorder else None

    # Commands

    def _obey(self, command: Command) -> None:
        match command.name:
            case "refresh":
                answer = self._refresh(command)
            case "backfill":
                answer = self._ask_for_history(command)
            case "republish":
                answer = self._republish(command)
            case "history_from":
                answer = self._set_history_from(command)
            case "fetch_history":
                answer = self._order_history(command, {"from": self._history_from().isoformat()})
            case "stop_history":
                answer = self._stop_history(command)
            case _:
                answer = _refused(command, f"no such request; there are {', '.join(topics.REQUESTS)}")
        self._respond(command.name, answer)

    def _republish(self, command: Command) -> Payload:
        self._broker.try_again()
        with self._publishing():
            self._broker.say_online()
        self._publisher.forget()
        self._publish_everything()
        self._doubt_statistics(all_of_it=True, asked=True)
        if why := self._unpublished or self._publisher.refusal or in_words(self._broker.left_out):
            return _refused(command, f"not everything could be published: {why}")
        if waits := self._why_statistics_wait():
            return _refused(command, f"everything is published, but not all statistics are there: {waits}")
        return _done(command, {})

    def _refresh(self, command: Command) -> Payload:
        last = self._fetcher.visits.asked_last()
        if last and is_recent(last, self._now()):
            self._doubt_statistics(asked=True)
            return _refused(
                command, f"Fluvius was asked at {local(last)}; it is asked at most once in five minutes"
            )
        if self._recorder:
            self._recorder.doubt()
        cycle = self._cycle(Occasion.ASKED)
        if cycle.errors:
            return _refused(command, "; ".join(map(str, cycle.errors)))
        if self._unpublished:
            why = f"what Fluvius answered is kept, but could not be published yet: {self._unpublished}"
            return _refused(command, why)
        if waits := self._why_statistics_wait():
            why = f"what Fluvius answered is published, but not all statistics are there: {waits}"
            return _refused(command, why)
        new_days = {name: [day.isoformat() for day in days] for name, days in cycle.new_days.items()}
        return _done(command, {"requests": cycle.requests, "new_days": new_days})

    def _ask_for_history(self, command: Command) -> Payload:
        """Its end is answered too, for each meter."""
        request = wish(command.payload)
        if request is None:
            return _refused(command, "this is no JSON object")
        return self._order_history(command, request)

    def _order_history(self, command: Command, request: Mapping[str, Any]) -> Payload:
        try:
            order = Order.of(request, self._fetcher.meters, self._now())
        except UsageError as error:
            return _refused(command, clean(error))
        try:
            self._ledger.begin_backfills(
                order.meters, order.first, order.last, self._now(), _transaction(command)
            )
        except LedgerError as error:
            self._in_trouble(error)
            several = len(order.meters) > 1
            return _refused(command, f"{error}; none of the meters was begun" if several else str(error))
        names = [meter.name for meter in order.meters]
        span = {"from": order.first.isoformat(), "to": order.last.isoformat()}
        return _done(command, {"state": "started", "meters": names, **span})

    def _history_from(self) -> date:
        """The day from which on `fetch_history` fetches."""
        written = self._ledger.recall(_HISTORY_FROM)
        return date.fromisoformat(written) if written else date(self._today().year - 1, 1, 1)

    def _set_history_from(self, command: Command) -> Payload:
        try:
            text = command.payload.decode("utf-8", "replace").strip()
            first = Order.of({"from": text}, self._fetcher.meters, self._now()).first
            self._ledger.remember(_HISTORY_FROM, first.isoformat())
        except (LedgerError, UsageError) as error:
            return _refused(command, clean(error))
        finally:
            self._publish_bridge()  # who wrote something else sees again what holds
        return _done(command, {"from": first.isoformat()})

    def _stop_history(self, command: Command) -> Payload:
        try:
            stopped = self._ledger.stop_backfills()
        except LedgerError as error:
            self._in_trouble(error)
            return _refused(command, str(error))
        self._publish_bridge()
        if not stopped:
            return _refused(command, "no history is being fetched")
        return _done(command, {"stopped": stopped})

    def _respond(self, name: str, answer: Payload) -> None:
        with self._publishing():
            self._publisher.respond(name, answer)


def _done(command: Command, data: Payload) -> Payload:
    return {"status": "ok", "data": data, **_transaction(command)}


def _refused(command: Command, why: str) -> Payload:
    return {"status": "error", "error": why, "data": {}, **_transaction(command)}


def _outcomes(job: Backfill, name: str) -> Iterator[Payload]:
    """What came of a backfill, for each who asked for it."""
    done = job.state == "done"
    data = {"state": job.state, "meter": name, "from": job.first.isoformat(), "to": job.last.isoformat()}
    words = (job.words or "").splitlines()
    for mark in job.marks:
        yield {
            "status": "ok" if done else "error",
            **({} if done else {"error": "; ".join(words)}),
            "data": {**data, "found": words} if done else data,
            **(mark if isinstance(mark, dict) else {}),
        }


def _transaction(command: Command) -> dict[str, Any]:
    """The request's own mark, so that who asked recognises the answer; anything short will do."""
    request = wish(command.payload) or {}
    if "transaction" in request and len(to_json(request["transaction"])) <= _LONGEST_MARK:
        return {"transaction": request["transaction"]}
    return {}
