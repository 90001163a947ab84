"""The broker, as the rest of the bridge knows it: every message acknowledged, commands handed over."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Self

from paho.mqtt import client as paho

from bridge.config import MqttSettings
from bridge.mqtt import topics
from bridge.mqtt.allowance import Allowance
from bridge.mqtt.connection import Connection
from bridge.mqtt.deliveries import Deliveries
from bridge.mqtt.listening import Listening
from bridge.mqtt.messages import (
    BrokerAway,
    Connected,
    Event,
    Message,
    PublishRefused,
)

_log = logging.getLogger(__name__)

PAUSES = (1.0, 120.0)  # seconds before the second attempt to connect, and at most
PATIENCE = 30.0  # seconds without an acknowledgement
_CONTRADICT = 5.0  # seconds: at most so often, in case someone else does the same


def _nothing(*_: object) -> None:
    pass


class Broker:
    """The connection to the user's broker.

    Args:
        settings: where it is and how to get in.
        hand_over: takes what happens to the worker. Called on paho's thread, so it must return at once.
        pauses: seconds between two attempts to connect: after the first, and at most.
        births: topics on which Home Assistant says `online` when it starts.
        meanwhile: called every few seconds while the broker is waited for.
        failed: called on paho's thread, when an attempt to connect has failed.
        visitor: no state, no commands; see `Visitor`.

    Raises:
        ConfigError: a TLS file can not be used.

    All methods but `interrupt` are for one thread: the worker's.
    """

    def __init__(
        self,
        settings: MqttSettings,
        hand_over: Callable[[Event], None],
        pauses: tuple[float, float] = PAUSES,
        *,
        births: Collection[str] = (),
        meanwhile: Callable[[], object] = _nothing,
        failed: Callable[[], object] = _nothing,
        visitor: bool = False,
    ) -> None:
        base = settings.base_topic
        state = (
            Message(topics.bridge_check(base), "")
            if visitor
            else Message(topics.bridge_state(base), "offline")
        )
        self._state = state
        self._settings, self._visitor = settings, visitor
        self._listening = Listening(base, births, hand_over)
        level = logging.DEBUG if visitor else logging.WARNING  # who looks in says what came of it
        self._deliveries = Deliveries(settings, meanwhile, level)
        self._connection = Connection(
            settings,
            state,
            None if visitor else self._listening,
            self._deliveries,
            lambda: hand_over(Connected()),
            failed=failed,
            pauses=pauses,
        )
        self._interrupted = False
        self._contradicted_at = -_CONTRADICT
        self._conflict_told = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def connected(self) -> bool:
        """Whether it makes sense to publish."""
        return self._connection.connected

    @property
    def problem(self) -> str | None:
        """Why not connected and what to do about it, for the user; None while connected."""
        return self._connection.problem.words

    @property
    def alive(self) -> bool:
        """Whether there is a thread that keeps the connection up."""
        return not self._connection.client.gone

    @property
    def allowance(self) -> Allowance:
        """What the broker said that it allows."""
        return self._connection.allowance

    @property
    def left_out(self) -> Mapping[str, str]:
        """Topics that the broker does not accept, and why; everything else is published."""
        return self._deliveries.doubts.left_out

    def start(self) -> None:
        """Begin to connect, in the background and for ever."""
        self._connection.start()

    def publish(
        self,
        messages: Iterable[Message],
        patience: float = PATIENCE,
        acknowledged: Callable[[Message], object] = _nothing,
    ) -> None:
        """Publish and return when the broker has acknowledged every message.

        Args:
            messages: in this order.
            patience: seconds without any acknowledgement after which the broker is given up. As long as
                they come, it takes as long as it takes.
            acknowledged: told of each message that the broker took, while others may still fail; not of
                what it refused or is left out.

        Raises:
            BrokerAway: not connected, lost meanwhile, or silent for too long. Nothing is kept to be sent
                later.
            PublishRefused: names the first topic that the broker does not want; the others are there.
        """
        if self._interrupted:
            raise BrokerAway("The bridge is stopping.")
        self._deliver(messages, patience, acknowledged)

    def look_after(self) -> None:
        """Revive a connection whose thread has ended, and say `online` again where someone wrote over it."""
        self._connection.revive()
        now = time.monotonic()
        wrong = self._listening.contradiction
        if wrong is None or not self.connected or now - self._contradicted_at < _CONTRADICT:
            return
        self._contradicted_at = now
        if not self._conflict_told:
            self._conflict_told = True
            _log.warning(
                "Someone else wrote %s to %s while this bridge is online. Does another bridge use the same"
                " mqtt.base_topic?",
                wrong,
                self._state.topic,
            )
        with suppress(BrokerAway):
            self.say_online()

    def say_online(self) -> None:
        """Say so on `bridge/state`, as on every connection.

        Raises:
            BrokerAway: as in `publish`.
        """
        self._listening.contradiction = None
        with suppress(PublishRefused):
            self._deliver([Message(self._state.topic, "online")], PATIENCE)

    def try_again(self) -> None:
        """Do not leave out any longer what was left out because a broker seemed to hang up on it."""
        self._deliveries.doubts.forgive()

    def interrupt(self) -> None:
        """Make a `publish` under way, and every later one, raise `BrokerAway` at once.

        For a signal handler or another thread: `stop` has to follow.
        """
        self._interrupted = True
        self._deliveries.wake()

    def stop(self, within: float = 1.0) -> None:
        """Publish `offline` and disconnect.

        A broker that does not acknowledge it loses the connection instead, and publishes the last will.

        Args:
            within: seconds that it may take at most.
        """
        deadline = time.monotonic() + within
        taken: list[Message] = []
        self._interrupted = True
        self._connection.hang_up()
        try:
            self._deliver([] if self._visitor else [self._state], within, taken.append)
        except (BrokerAway, PublishRefused) as why:
            _log.debug("The broker could not be told goodbye: %s", why)
        if not (taken or self._visitor):
            self._connection.client.cut()  # it may have heard `online` all the same
        self._connection.end(deadline - time.monotonic())

    def _ready_client(self) -> paho.Client:
        self._deliveries.begin()
        if not self.connected:
            raise BrokerAway(self.problem or "Not connected to the broker.")
        return self._connection.client

    def _deliver(
        self,
        messages: Iterable[Message],
        patience: float,
        acknowledged: Callable[[Message], object] = _nothing,
    ) -> None:
        client = self._ready_client()
        try:
            refusals = self._deliveries.deliver(client, self.allowance, messages, patience, acknowledged)
        except TimeoutError:
            self._connection.give_up()
            raise BrokerAway("The broker did not acknowledge in time.") from None
        if refusals:
            refusals[0].topics = {refusal.topic for refusal in refusals}
            raise refusals[0]
