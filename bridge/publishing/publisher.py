"""The ledger's views on the broker: what changed, and everything when the broker may have forgotten."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from bridge.config import Settings
from bridge.ledger import Ledger
from bridge.metering import meterday
from bridge.metering.model import Day, Meter
from bridge.metering.progress import Progress
from bridge.metering.shard import ALL, Shard
from bridge.mqtt import Broker, Message, topics
from bridge.publishing.discovery import MIGRATE, Discovery, as_json
from bridge.publishing.meter import MeterTopics, Topics
from bridge.publishing.retained import Retained
from bridge.publishing.stream import Stream
from bridge.text.words import Payload, to_json

_TIME_TO_LET_GO = 1.0  # seconds: 2026.11.0 complains if something new comes before it has
_WHOSE = "shard"  # the note that says which one works with the ledger
_BRIDGE = "bridge"  # who owns the topics that are no meter's


@dataclass(frozen=True, slots=True)
class BridgeStatus:
    """What stands below `bridge/`: a JSON object each."""

    info: Payload
    health: Payload
    problem: Payload
    history: Payload


class Publisher:
    """Decides what is published when.

    Every method that publishes raises `BrokerAway` where not all of it was acknowledged, and `LedgerError`
    where the ledger cannot be used.

    Args:
        broker: where to.
        ledger: what from.
        settings: the base topic, Home Assistant's discovery, the chart, and the capacity tariff's floor.
    """

    def __init__(self, broker: Broker, ledger: Ledger, settings: Settings) -> None:
        self._broker, self._ledger, self._base = broker, ledger, settings.mqtt.base_topic
        _leave_to_others(ledger, settings.shard)
        self.shows_meters = settings.mqtt.publish.meters
        self._discovery = _discovery(settings)
        self._of_meter = MeterTopics(ledger, settings)
        self._retained = Retained(broker, ledger.outbox)
        self._stream = Stream(self._retained, ledger, self._base)
        self._editions: dict[str, object] = {}  # EAN → what of it the broker has whole
        self._latest: dict[str, tuple[Meter, Day]] = {}  # EAN → of which the broker has the day
        self._untold: set[str] = set()  # EANs of which Home Assistant may have missed what it was told
        self._told: dict[str, int] = {}  # EAN → hash of what the broker's discovery of it was made of
        self._retained.own(_BRIDGE, [topics.bridge_state(self._base)])

    @property
    def left_out(self) -> str:
        """What the broker does not take, for the user; empty where it takes everything."""
        return self._retained.left_out

    def outlive_the_bridge(self) -> None:
        """What is published stands while no bridge is online, as between two runs of `once`."""
        if self._discovery:
            self._discovery = replace(self._discovery, available=False)
            self._editions.clear()

    def forget(self) -> None:
        """The broker may have lost its memory."""
        self._retained.forget()
        self._editions.clear()
        self._latest.clear()
        self._told.clear()

    def try_again(self) -> None:
        """The broker may want today what it did not want before."""
        self._broker.try_again()
        if self._retained.try_again():
            self._editions.clear()
            self._told.clear()

    def forget_discovery(self) -> None:
        """Home Assistant may have missed what it was told."""
        self._told.clear()
        if self._discovery:
            self._retained.publish_again(self._discovery.is_its)
        self._untold |= self._editions.keys()

    def migrate(self, meters: Sequence[Meter]) -> None:
        """Have Home Assistant let go of what it was told in the other format, and keep its entities."""
        owners = (_BRIDGE, *(meter.ean for meter in meters))
        self._let_go([topic for owner in owners for topic in self._retained.topics_of(owner)])

    def most_urgent_first(self, meters: Sequence[Meter]) -> Sequence[Meter]:
        """Those of which no broker acknowledged everything, and then those of which one did longest ago."""
        if not self._retained.is_in_doubt:
            return meters
        return sorted(meters, key=lambda meter: self._retained.acknowledged_last(meter.ean))

    def bridge(self, status: BridgeStatus) -> None:
        """Publish what there is to know about the bridge itself."""
        found = {
            topics.bridge_info(self._base): to_json(status.info),
            topics.bridge_health(self._base): to_json(status.health),
            topics.bridge_problem(self._base): to_json(status.problem),
            topics.bridge_history(self._base): to_json(status.history),
        }
        if self._discovery:
            found |= as_json(self._discovery.of_bridge(status.health.keys()))
        self._let_go(self._retained.topics_of(_BRIDGE))
        self._retained.replace(_BRIDGE, found, besides={topics.bridge_state(self._base)})

    def latest_day(self, meter: Meter) -> None:
        """Publish a meter's latest complete day and its intervals, the moment they are known."""
        if not self.shows_meters:
            return
        day = self._ledger.days.latest_complete_day(meter)
        if day and self._latest.get(meter.ean) != (meter, day):
            self._retained.publish(meter.ean, self._of_meter.day(meter, day))
            self._latest[meter.ean] = meter, day

    def meter(self, meter: Meter, progress: Progress) -> None:
        """Publish all there is to say about a meter, and stream its new and corrected intervals."""
        if self._retained.is_in_doubt:  # go on here too, should no connection ever last for the rest
            self._stream.piece(meter)
        ean, edition = meter.ean, self._edition(meter, progress)
        day = self._ledger.days.latest_complete_day(meter)
        if self._editions.get(ean) == edition:
            found = self._of_meter.progress(meter, day, progress)
            if ean in self._untold:
                found |= self._of_meter.discovery(meter, self._retained.topics_of(ean), self._discovery)
            self._retained.publish(ean, found)
            self._retained.remove(self._of_meter.prices_gone(meter, self._retained.topics_of(ean), found))
        else:
            self._editions.pop(ean, None)
            self._replace(meter, self._of_meter.everything(meter, day, progress))
            self._editions[ean] = edition
            if day:
                self._stream.announce(meter, day)
        self._untold.discard(ean)
        self.stream(meter)

    def stream(self, meter: Meter) -> None:
        """Stream the new and corrected intervals of a meter."""
        while self._stream.piece(meter):
            pass

    def remove_all_but(self, meters: Sequence[Meter]) -> None:
        """Take away what belongs to meters that left the configuration, or are not shown any more."""
        shown = {meter.ean for meter in meters} if self.shows_meters else set()
        for owner in self._retained.owners - {_BRIDGE, *shown}:
            self._retained.remove(set(self._retained.topics_of(owner)))
            self._editions.pop(owner, None)
            self._told.pop(owner, None)

    def waiting(self, meters: Sequence[Meter]) -> int:
        """How many of them a broker does not have as they are now."""
        return max(len(meters) - len(self._editions), 0) if self.shows_meters else 0

    def respond(self, command: str, answer: Payload) -> None:
        """Answer a command."""
        self._retained.send([Message(topics.response(self._base, command), to_json(answer), retain=False)])

    def _replace(self, meter: Meter, found: Topics) -> None:
        """Publish all topics of a meter; and what Home Assistant is told, unless it stands as it should."""
        ean, made_of = meter.ean, hash((meter, self._discovery, frozenset(found)))
        self._let_go(self._retained.topics_of(ean))
        if self._discovery and self._told.get(ean) == made_of:
            stands = filter(self._discovery.is_its, self._retained.topics_of(ean))
            self._retained.replace(ean, found, besides=set(stands))
            return
        self._told.pop(ean, None)
        told = self._of_meter.discovery(meter, found, self._discovery)
        self._retained.replace(ean, found | told)
        if self._retained.has(told) and self._retained.topics_of(ean) == found.keys() | told.keys():
            self._told[ean] = made_of

    def _edition(self, meter: Meter, progress: Progress) -> object:
        """Another one when anything but the progress of a meter has to be published anew."""
        return meter, self._ledger.outbox.edition(meter), progress.mandate is None, _days(meter, progress)

    def _let_go(self, published: Iterable[str]) -> None:
        old = [topic for topic in published if self._discovery and self._discovery.is_in_other_format(topic)]
        if old:
            self._retained.send([Message(topic, MIGRATE) for topic in old])
            time.sleep(_TIME_TO_LET_GO)
            self._retained.remove(old)


def _leave_to_others(ledger: Ledger, shard: Shard) -> None:
    """The topics that a ledger remembers are those of the shard that worked with it: this may be a copy."""
    name = "" if shard is ALL else shard.name
    whose = ledger.notes.recall(_WHOSE) or ""
    if whose == name:
        return
    if whose:
        ledger.outbox.remove_published_topics(ledger.outbox.published_topics())
    ledger.notes.remember(_WHOSE, name)


def _discovery(settings: Settings) -> Discovery | None:
    wanted = settings.homeassistant
    if not settings.discovers:
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
