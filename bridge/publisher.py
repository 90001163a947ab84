"""The ledger's views on the broker: what changed, and everything when the broker may have forgotten."""

import logging
from collections.abc import Iterable, Mapping, Sequence

from bridge import meterday, views
from bridge.ledger import Ledger
from bridge.model import Meter
from bridge.mqtt import topics
from bridge.mqtt.client import Broker, Message, PublishRefused
from bridge.views import Payload, Progress

log = logging.getLogger(__name__)


class Publisher:
    """Publishes retained topics, and takes those away that no longer belong to anything.

    Args:
        broker: where to.
        ledger: what from, and where it is kept which topics a broker may hold because of us.
        base: the base topic.
    """

    def __init__(self, broker: Broker, ledger: Ledger, base: str) -> None:
        self._broker, self._ledger, self._base = broker, ledger, base
        self._acknowledged: dict[str, int] = {}  # topic → hash of the payload that the broker has
        ledger.add_published_topics([topics.bridge_state(base)])
        self._known = ledger.published_topics()
        self._refused: set[str] = set()

    def forget(self) -> None:
        """The broker may have lost its memory."""
        self._acknowledged.clear()

    def bridge(self, info: Payload, health: Payload) -> None:
        """Publish what there is to know about the bridge itself."""
        self._publish(
            {
                topics.bridge_info(self._base): views.to_json(info),
                topics.bridge_health(self._base): views.to_json(health),
            }
        )

    def latest_day(self, meter: Meter) -> None:
        """Publish a meter's latest complete day and its intervals, the moment they are known."""
        self._publish(self._latest_day(meter))

    def meter(self, meter: Meter, progress: Progress) -> None:
        """Publish all there is to say about a meter, and stream its new and corrected intervals."""
        self._publish(self._all_of(meter, progress))
        while waiting := self._ledger.unstreamed(meter):
            topic = self._topic(meter, "reading")
            self._send(
                [Message(topic, views.to_json(views.reading(meter, each)), retain=False) for each in waiting]
            )
            self._ledger.streamed(meter, waiting)

    def remove_all_but(self, meters: Sequence[Meter]) -> None:
        """Take away what belongs to meters, or to a base topic, that left the configuration."""
        bridge = (topics.bridge_state, topics.bridge_info, topics.bridge_health)
        of_bridge = {name(self._base) for name in bridge}
        of_meters = tuple(topics.of_meter(self._base, meter.name, "") for meter in meters)
        self._remove(
            topic for topic in self._known if topic not in of_bridge and not topic.startswith(of_meters)
        )

    def respond(self, command: str, answer: Payload) -> None:
        """Answer a command."""
        self._send([Message(topics.response(self._base, command), views.to_json(answer), retain=False)])

    def _all_of(self, meter: Meter, progress: Progress) -> dict[str, str]:
        payloads = self._latest_day(meter)
        status = views.status(meter, self._ledger.latest_complete_day(meter), progress)
        payloads[self._topic(meter, "status")] = views.to_json(status)
        if total := self._ledger.total(meter):
            payloads |= self._with_leaves(meter, "total", views.total(meter, total))
        mine = self._topic(meter, "")
        self._remove(topic for topic in self._known if topic.startswith(mine) and topic not in payloads)
        return payloads

    def _latest_day(self, meter: Meter) -> dict[str, str]:
        day = self._ledger.latest_complete_day(meter)
        if day is None:
            return {}
        payloads = self._with_leaves(meter, "day", views.day(meter, day))
        payloads[self._topic(meter, "day", "date")] = day.date.isoformat()
        intervals = self._ledger.intervals(meter, day.date)
        if len(intervals) == len(meterday.intervals_of(day.date, meter.energy)):
            payloads[self._topic(meter, "intervals")] = views.to_json(views.intervals(meter, day, intervals))
        return payloads

    def _with_leaves(self, meter: Meter, name: str, payload: Payload) -> dict[str, str]:
        leaves = {self._topic(meter, name, leaf): text for leaf, text in views.leaves(payload).items()}
        return {self._topic(meter, name): views.to_json(payload), **leaves}

    def _topic(self, meter: Meter, *below: str) -> str:
        return topics.of_meter(self._base, meter.name, *below)

    def _publish(self, payloads: Mapping[str, str]) -> None:
        changed = {
            topic: payload
            for topic, payload in payloads.items()
            if self._acknowledged.get(topic) != hash(payload)
        }
        if new := changed.keys() - self._known:
            self._ledger.add_published_topics(new)
            self._known |= new
        self._send([Message(topic, payload) for topic, payload in changed.items()])
        self._acknowledged |= {topic: hash(payload) for topic, payload in changed.items()}

    def _remove(self, unwanted: Iterable[str]) -> None:
        if gone := set(unwanted):
            self._send([Message(topic, "") for topic in gone])
            self._ledger.remove_published_topics(gone)
            self._known -= gone

    def _send(self, messages: Sequence[Message]) -> None:
        """Publish; a topic that the broker does not want is worth one warning and stops nothing else."""
        if not messages:
            return
        try:
            self._broker.publish(messages)
        except PublishRefused as refusal:
            if refusal.topic not in self._refused:
                self._refused.add(refusal.topic)
                log.warning("%s. Look at the broker's access list.", refusal)
