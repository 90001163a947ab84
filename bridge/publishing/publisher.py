"""The ledger's views on the broker: what changed, and everything when the broker may have forgotten."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime

from bridge.config import Settings
from bridge.ledger import Ledger
from bridge.metering import meterday
from bridge.metering.model import Day, Energy, Interval, Meter, PeakMonth, Total
from bridge.metering.progress import Progress
from bridge.mqtt import Broker, Message, PublishRefused, topics
from bridge.publishing import chart
from bridge.publishing import payloads as views
from bridge.publishing.discovery import MIGRATE, Discovery
from bridge.text.words import Payload, to_json

log = logging.getLogger(__name__)

_TIME_TO_LET_GO = 1.0  # seconds: 2026.11.0 complains if something new comes before it has
_BRIDGE = "bridge"  # who owns the topics that are no meter's
_PIECE = (
    100  # readings of the stream between two notes of what was acknowledged: after kill -9 so many come twice
)


@dataclass(frozen=True, slots=True)
class BridgeStatus:
    """What stands below `bridge/`: a JSON object each."""

    info: Payload
    health: Payload
    problem: Payload
    history: Payload


class Publisher:
    """Publishes retained topics, and takes those away that no longer belong to anything.

    Args:
        broker: where to.
        ledger: what from, and where it is kept which topics a broker may hold because of us.
        settings: the base topic, Home Assistant's discovery, the chart, and the capacity tariff's floor.
    """

    def __init__(self, broker: Broker, ledger: Ledger, settings: Settings) -> None:
        self._broker, self._ledger, self._base = broker, ledger, settings.mqtt.base_topic
        self._discovery = _discovery(settings)
        self._draws, self._floor = settings.mqtt.chart, settings.capacity_tariff.floor_kw
        base = self._base
        self._acknowledged: dict[str, int] = {}  # topic → hash of the payload that the broker has
        self._in_doubt: dict[str, int] = {}  # topic → when, among all, a former connection acknowledged it
        self._editions: dict[str, object] = {}  # EAN → what of it the broker has whole
        self._latest: dict[str, tuple[Meter, Day]] = {}  # EAN → of which the broker has the day
        self._differences: dict[str, Sequence[Payload]] = {}  # EAN → between its peaks and Fluvius's
        self._untold: set[str] = set()  # EANs of which Home Assistant may have missed what it was told
        self._owners = ledger.outbox.published_topics()
        self._owned: dict[str, set[str]] = {}
        for topic, owner in self._owners.items():
            self._owned.setdefault(owner, set()).add(topic)
        self._remember(_BRIDGE, [topics.bridge_state(base)])
        self._refused: set[str] = set()
        self._emptied: set[str] = set()  # topics whose payload the broker does not take
        self.refusal: PublishRefused | None = None  # the last one since `forget`

    def outlive_the_bridge(self) -> None:
        """What is published stands while no bridge is online, as between two runs of `once`."""
        if self._discovery:
            self._discovery = replace(self._discovery, available=False)
            self._editions.clear()

    def forget(self) -> None:
        """The broker may have lost its memory.

        What it never acknowledged goes first from then on, so that all gets through even where no connection
        lasts for all of it.
        """
        in_order = [*self._in_doubt, *self._acknowledged]
        self._in_doubt = {topic: number for number, topic in enumerate(in_order)}
        self._acknowledged.clear()
        self._editions.clear()
        self._latest.clear()
        self._emptied.clear()
        self.refusal = None

    def forget_discovery(self) -> None:
        """Home Assistant may have missed what it was told."""
        for topic in [
            topic for topic in self._acknowledged if self._discovery and self._discovery.is_its(topic)
        ]:
            del self._acknowledged[topic]
        self._untold |= self._editions.keys()

    def migrate(self, meters: Sequence[Meter]) -> None:
        """Have Home Assistant let go of what it was told in the other format, and keep its entities."""
        owners = (_BRIDGE, *(meter.ean for meter in meters))
        told = [topic for owner in owners for topic in self._owned.get(owner, ())]
        self._let_go(told)

    def most_urgent_first(self, meters: Sequence[Meter]) -> Sequence[Meter]:
        """Those of which no broker acknowledged everything, and then those of which one did longest ago."""
        in_doubt = self._in_doubt
        if not in_doubt:
            return meters

        def since(meter: Meter) -> int:
            mine = self._owned.get(meter.ean, ())
            return min((in_doubt.get(topic, -1) for topic in mine), default=-1)

        return sorted(meters, key=since)

    def bridge(self, status: BridgeStatus) -> None:
        """Publish what there is to know about the bridge itself."""
        payloads = {
            topics.bridge_info(self._base): to_json(status.info),
            topics.bridge_health(self._base): to_json(status.health),
            topics.bridge_problem(self._base): to_json(status.problem),
            topics.bridge_history(self._base): to_json(status.history),
        }
        if self._discovery:
            payloads |= _as_json(self._discovery.of_bridge(status.health.keys()))
        self._replace(_BRIDGE, payloads, besides={topics.bridge_state(self._base)})

    def latest_day(self, meter: Meter) -> None:
        """Publish a meter's latest complete day and its intervals, the moment they are known."""
        day = self._ledger.days.latest_complete_day(meter)
        if day and self._latest.get(meter.ean) != (meter, day):
            self._publish(meter.ean, self._of_day(meter, day, self._ledger.sums.total(meter)))
            self._latest[meter.ean] = meter, day

    def meter(self, meter: Meter, progress: Progress) -> None:
        """Publish all there is to say about a meter, and stream its new and corrected intervals."""
        if self._in_doubt:  # the connection was lost: go on here too, should it never last for the rest
            self._stream(meter)
        edition = (
            meter,
            self._ledger.outbox.edition(meter),
            progress.mandate is None,
            _days(meter, progress),
        )
        day = self._ledger.days.latest_complete_day(meter)
        if self._editions.get(meter.ean) == edition:
            untold = self._told(meter, self._owned[meter.ean]) if meter.ean in self._untold else {}
            self._publish(meter.ean, self._progress(meter, day, progress) | untold)
        else:
            self._replace(meter.ean, self._all_of(meter, day, progress))
            self._editions[meter.ean] = edition
            if day:
                self._announce(meter, day)
        self._untold.discard(meter.ean)
        while self._stream(meter):
            pass

    def remove_all_but(self, meters: Sequence[Meter]) -> None:
        """Take away what belongs to meters that left the configuration."""
        owners = {_BRIDGE, *(meter.ean for meter in meters)}
        for owner in self._owned.keys() - owners:
            self._remove(set(self._owned[owner]))
            self._editions.pop(owner, None)

    def respond(self, command: str, answer: Payload) -> None:
        """Answer a command."""
        self._send([Message(topics.response(self._base, command), to_json(answer), retain=False)])

    def _announce(self, meter: Meter, day: Day) -> None:
        """Say once that there is another latest day, or another revision of it: an event is not retained."""
        note, fresh = f"announced/{meter.ean}/{meter.energy}", [day.date.isoformat(), day.revision]
        told = self._ledger.notes.recall(note) or ["", 0]
        if told >= fresh:
            return
        kind = "corrected_day" if told[0] == fresh[0] else "new_day"
        event = to_json({"event_type": kind, "date": fresh[0], "revision": day.revision})
        self._send([Message(self._topic(meter, "event"), event, retain=False)])
        self._ledger.notes.remember(note, fresh)  # only now: killed in between, we say it twice, not never

    def _stream(self, meter: Meter) -> bool:
        """Stream a piece, and tick off what was acknowledged, also when the rest was not.

        What a broker does not take waits on.

        Returns:
            whether anything was ticked off: then there may be more.
        """
        if not (waiting := self._ledger.outbox.unstreamed(meter, _PIECE)):
            return False
        topic = self._topic(meter, "reading")
        messages = [Message(topic, to_json(views.reading(meter, each)), retain=False) for each in waiting]
        of_message = dict(zip(messages, waiting, strict=True))
        done: list[Interval] = []
        try:
            self._send(messages, lambda message: done.append(of_message[message]))
        finally:
            self._ledger.outbox.streamed(meter, done)
        return bool(done)

    def _all_of(self, meter: Meter, day: Day | None, progress: Progress) -> dict[str, str]:
        total = self._ledger.sums.total(meter)
        months = self._peaks(meter, progress)
        self._differences[meter.ean] = views.peak_differences(months)
        payloads = self._of_day(meter, day, total) if day else {}
        payloads |= self._progress(meter, day, progress)
        if total:
            payloads |= self._with_leaves(meter, "total", views.total(meter, total))
            payloads |= self._months(meter, total, progress)
            if peak := views.peak(meter, months, self._floor):
                payloads[self._topic(meter, "peak")] = to_json(peak)
        return payloads | self._told(meter, payloads)

    def _told(self, meter: Meter, topics: Iterable[str]) -> dict[str, str]:
        """What Home Assistant is told of a meter that has these topics."""
        if not self._discovery:
            return {}
        mine = self._topic(meter, "")
        return _as_json(self._discovery.of_meter(meter, {topic.removeprefix(mine) for topic in topics}))

    def _months(self, meter: Meter, total: Total, progress: Progress) -> dict[str, str]:
        if progress.now is None:
            return {}
        last, this = (
            self._ledger.sums.month(meter, first, progress.now)
            for first in _last_months(meter, progress.now, 2)
        )
        return self._with_leaves(meter, "month", views.month(meter, this, last, total.amounts))

    def _peaks(self, meter: Meter, progress: Progress) -> Sequence[PeakMonth]:
        """Of this month and the twelve before; none of gas."""
        if meter.energy is Energy.GAS or progress.now is None:
            return ()
        return self._ledger.peaks.peak_months(meter, _last_months(meter, progress.now, 13))

    def _progress(self, meter: Meter, latest: Day | None, progress: Progress) -> dict[str, str]:
        status = views.status(meter, latest, progress, self._differences[meter.ean])
        payloads = {self._topic(meter, "status"): to_json(status)}
        if progress.mandate and progress.now:
            said = views.mandate(meter, progress.mandate, progress.now)
            payloads[self._topic(meter, "mandate")] = to_json(said)
        return payloads

    def _of_day(self, meter: Meter, day: Day, total: Total | None) -> dict[str, str]:
        payloads = self._with_leaves(meter, "day", views.day(meter, day, total.amounts if total else ()))
        payloads[self._topic(meter, "day", "date")] = day.date.isoformat()
        intervals = self._ledger.days.intervals(meter, day.date)
        if day.intervals_count and len(intervals) == len(meterday.intervals_within(meter, day.date)):
            payloads[self._topic(meter, "intervals")] = to_json(views.intervals(meter, day, intervals))
            if self._draws:
                payloads[self._topic(meter, "chart")] = chart.svg(meter, day, intervals)
        return payloads

    def _with_leaves(self, meter: Meter, name: str, payload: Payload) -> dict[str, str]:
        leaves = {self._topic(meter, name, leaf): text for leaf, text in views.leaves(payload).items()}
        return {self._topic(meter, name): to_json(payload), **leaves}

    def _topic(self, meter: Meter, *below: str) -> str:
        return topics.of_meter(self._base, meter.name, *below)

    def _replace(self, owner: str, payloads: Mapping[str, str], besides: Collection[str] = ()) -> None:
        """Publish all of an owner's topics, and take away those that it has no more."""
        self._let_go(self._owned.get(owner, ()))
        stale = self._owned.get(owner, set()) - payloads.keys() - set(besides)
        self._publish(owner, payloads)
        self._remove(stale & self._owned[owner])

    def _let_go(self, topics: Iterable[str]) -> None:
        old = [topic for topic in topics if self._discovery and self._discovery.is_in_other_format(topic)]
        if old:
            self._send([Message(topic, MIGRATE) for topic in old])
            time.sleep(_TIME_TO_LET_GO)
            self._remove(old)

    def _publish(self, owner: str, payloads: Mapping[str, str]) -> None:
        changed = {
            topic: payload
            for topic, payload in payloads.items()
            if self._acknowledged.get(topic) != hash(payload)
        }
        self._remember(owner, [topic for topic in changed if self._owners.get(topic) != owner])
        messages = [Message(topic, payload) for topic, payload in changed.items()]
        self._send(sorted(messages, key=lambda message: self._in_doubt.get(message.topic, -1)), self._note)
        self._empty([topic for topic in changed if topic in self._broker.left_out])

    def _empty(self, left_out: Iterable[str]) -> None:
        """What cannot be said must not leave standing what was said before: yesterday's intervals, say."""
        if fresh := set(left_out) - self._emptied:
            self._send([Message(topic, "") for topic in sorted(fresh)])
            self._emptied |= fresh

    def _note(self, message: Message) -> None:
        """The broker has it."""
        self._in_doubt.pop(message.topic, None)
        self._acknowledged.pop(message.topic, None)  # so that the last is last
        self._acknowledged[message.topic] = hash(message.payload)
        self._emptied.discard(message.topic)

    def _remember(self, owner: str, new: Collection[str]) -> None:
        """Topics of an owner, perhaps another one's until now, that a broker will hold because of us."""
        if new:
            self._ledger.outbox.add_published_topics(owner, new)
        for topic in new:
            self._owned.get(self._owners.get(topic, owner), set()).discard(topic)
            self._owners[topic] = owner
        self._owned.setdefault(owner, set()).update(new)

    def _remove(self, gone: Collection[str]) -> None:
        if not gone:
            return
        heard: list[Message] = []
        refused = self._send([Message(topic, "") for topic in discovery_first(gone)], heard.append)
        removed = {message.topic for message in heard} - refused  # the others are tried again next time
        self._ledger.outbox.remove_published_topics(removed)
        for topic in removed:
            self._owned[self._owners.pop(topic)].discard(topic)
            self._acknowledged.pop(topic, None)
            self._in_doubt.pop(topic, None)

    def _send(
        self, messages: Sequence[Message], acknowledged: Callable[[Message], object] = lambda _: None
    ) -> AbstractSet[str]:
        """Publish; a topic that the broker does not want is worth one warning and stops nothing else.

        Returns:
            The topics that it did not want.
        """
        if not messages:
            return frozenset()
        try:
            self._broker.publish(messages, acknowledged=acknowledged)
        except PublishRefused as refusal:
            self.refusal = refusal
            if refusal.topic not in self._refused:
                self._refused.add(refusal.topic)
                log.warning("%s. Look at the broker's access list.", refusal)
            return refusal.topics
        return frozenset()


def _discovery(settings: Settings) -> Discovery | None:
    wanted = settings.homeassistant
    if not wanted.discovery:
        return None
    return Discovery(
        settings.mqtt.base_topic,
        wanted.discovery_prefix,
        wanted.discovery_format,
        language=settings.language,
    )


def _days(meter: Meter, progress: Progress) -> tuple[date, ...]:
    """The meter day under way, and the newest that may be published: with them months change."""
    now, energy = progress.now, meter.energy
    return (meterday.day_of(now, energy), meterday.latest_published(now, energy)) if now else ()


def _last_months(meter: Meter, now: datetime, count: int) -> list[date]:
    return meterday.months_until(meterday.month_of(meterday.day_of(now, meter.energy)), count)


def discovery_first(topics: Iterable[str]) -> list[str]:
    """In what order to empty topics, or Home Assistant would look for amounts in those that are empty."""
    return sorted(topics, key=lambda topic: not topic.endswith("/config"))


def _as_json(messages: Mapping[str, Payload]) -> dict[str, str]:
    return {topic: to_json(payload) for topic, payload in messages.items()}
