"""What a broker holds because of us: whose each retained topic is, and what of it was acknowledged."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from bridge.ledger.outbox import Outbox
from bridge.mqtt import Broker, Message, PublishRefused
from bridge.mqtt.allowance import in_words

log = logging.getLogger(__name__)


class Retained:
    """Publishes what differs from what the broker acknowledged, and takes away what has no owner any more.

    An owner is a meter's EAN, or a name that is no EAN.

    Args:
        broker: where to.
        outbox: where it is kept which topics a broker may hold because of us.
    """

    def __init__(self, broker: Broker, outbox: Outbox) -> None:
        self._broker, self._outbox = broker, outbox
        self._acknowledged: dict[str, int] = {}  # topic → hash of the payload that the broker has, or refused
        self._in_doubt: dict[str, int] = {}  # topic → when, among all, a former connection acknowledged it
        self._owner: dict[str, str] = outbox.published_topics()
        self._topics: dict[str, set[str]] = {}  # the other way round
        for topic, owner in self._owner.items():
            self._topics.setdefault(owner, set()).add(topic)
        self._refused: set[str] = set()  # topics of which a warning was given
        self._lately_refused: set[str] = set()  # those that are not on the broker, for it does not want them
        self._emptied: set[str] = set()  # topics whose payload the broker does not take
        self._refusal: PublishRefused | None = None  # the last one since `forget`

    @property
    def owners(self) -> AbstractSet[str]:
        """Who owns topics, or did."""
        return self._topics.keys()

    def topics_of(self, owner: str) -> AbstractSet[str]:
        """The topics that a broker may hold because of an owner."""
        return self._topics.get(owner, set())

    @property
    def left_out(self) -> str:
        """What the broker does not take, for the user; empty where it takes everything."""
        return in_words(self._broker.left_out) or str(self._refusal or "")

    @property
    def is_in_doubt(self) -> bool:
        """Whether a connection was lost since everything was acknowledged."""
        return bool(self._in_doubt)

    def acknowledged_last(self, owner: str) -> int:
        """When, among all, a former connection acknowledged an owner's topics: -1 where some never were."""
        mine = self.topics_of(owner)
        return min((self._in_doubt.get(topic, -1) for topic in mine), default=-1)

    def has(self, payloads: Mapping[str, str]) -> bool:
        """Whether the broker acknowledged all of some topics with just these payloads."""
        return all(self._acknowledged.get(topic) == hash(payload) for topic, payload in payloads.items())

    def forget(self) -> None:
        """The broker may have lost its memory.

        What it never acknowledged goes first from then on, so that all gets through even where no connection
        lasts for all of it.
        """
        in_order = [*self._in_doubt, *self._acknowledged]
        self._in_doubt = {topic: number for number, topic in enumerate(in_order)}
        self._acknowledged.clear()
        self._emptied.clear()
        self._lately_refused.clear()
        self._refusal = None

    def try_again(self) -> bool:
        """What the broker did not want is published the next time; whether there is any."""
        refused, self._lately_refused, self._refusal = self._lately_refused, set(), None
        for topic in refused:
            self._acknowledged.pop(topic, None)
        return bool(refused)

    def publish_again(self, which: Callable[[str], bool]) -> None:
        """Some topics are published the next time, though the broker has them."""
        for topic in [topic for topic in self._acknowledged if which(topic)]:
            del self._acknowledged[topic]

    def replace(self, owner: str, payloads: Mapping[str, str], besides: Collection[str] = ()) -> None:
        """Publish all of an owner's topics, and take away those that it has no more.

        Args:
            owner: whose they are.
            payloads: topic → payload.
            besides: topics of the owner that others publish.

        Raises:
            BrokerAway: not all of it was acknowledged.
            LedgerError: it cannot be kept which topics these are, so they are not published.
        """
        stale = self.topics_of(owner) - payloads.keys() - set(besides)
        self.publish(owner, payloads)
        self.remove(stale & self.topics_of(owner))

    def publish(self, owner: str, payloads: Mapping[str, str]) -> None:
        """Publish some of an owner's topics: those of which the broker has another payload, or none.

        Raises:
            BrokerAway: as for `replace`.
            LedgerError: as for `replace`.
        """
        changed = {
            topic: payload
            for topic, payload in payloads.items()
            if self._acknowledged.get(topic) != hash(payload)
        }
        self.own(owner, [topic for topic in changed if self._owner.get(topic) != owner])
        messages = [Message(topic, payload) for topic, payload in changed.items()]
        in_turn = sorted(messages, key=lambda message: self._in_doubt.get(message.topic, -1))
        for topic in self.send(in_turn, self._note):
            self._note(Message(topic, changed[topic]))  # until `try_again`, or it would be refused each time
        self._empty([topic for topic in changed if topic in self._broker.left_out])

    def own(self, owner: str, new: Collection[str]) -> None:
        """Topics of an owner, perhaps another one's until now, that a broker will hold because of us."""
        if new:
            self._outbox.add_published_topics(owner, new)
        for topic in new:
            self._topics.get(self._owner.get(topic, owner), set()).discard(topic)
            self._owner[topic] = owner
        self._topics.setdefault(owner, set()).update(new)

    def remove(self, gone: Collection[str]) -> None:
        """Take topics away; those that the broker does not let go of are tried again the next time.

        Raises:
            BrokerAway: as for `replace`.
        """
        if not gone:
            return
        heard: list[Message] = []
        self.send([Message(topic, "") for topic in discovery_first(gone)], heard.append)
        removed = {message.topic for message in heard}
        self._outbox.remove_published_topics(removed)
        for topic in removed:
            self._topics[self._owner.pop(topic)].discard(topic)
            self._acknowledged.pop(topic, None)
            self._in_doubt.pop(topic, None)

    def send(
        self, messages: Sequence[Message], acknowledged: Callable[[Message], object] = lambda _: None
    ) -> AbstractSet[str]:
        """Publish; a topic that the broker does not want is worth one warning and stops nothing else.

        Args:
            messages: in this order.
            acknowledged: told of each that the broker took.

        Returns:
            The topics that it did not want.

        Raises:
            BrokerAway: not all of it was acknowledged.
        """
        if not messages:
            return frozenset()
        try:
            self._broker.publish(messages, acknowledged=acknowledged)
        except PublishRefused as refusal:
            self._refusal = refusal
            self._lately_refused |= refusal.topics
            if refusal.topic not in self._refused:
                self._refused.add(refusal.topic)
                log.warning("%s. Look at the broker's access list.", refusal)
            return refusal.topics
        return frozenset()

    def _empty(self, left_out: Iterable[str]) -> None:
        """What cannot be said must not leave standing what was said before: yesterday's intervals, say."""
        if fresh := set(left_out) - self._emptied:
            for topic in fresh:
                self._acknowledged.pop(topic, None)
            self.send([Message(topic, "") for topic in sorted(fresh)])
            self._emptied |= fresh

    def _note(self, message: Message) -> None:
        """The broker has it, or does not want it."""
        self._in_doubt.pop(message.topic, None)
        self._acknowledged.pop(message.topic, None)  # so that the last is last
        self._acknowledged[message.topic] = hash(message.payload)
        self._emptied.discard(message.topic)


def discovery_first(topics: Iterable[str]) -> list[str]:
    """In what order to empty topics, or Home Assistant would look for amounts in those that are empty."""
    return sorted(topics, key=lambda topic: not topic.endswith("/config"))
