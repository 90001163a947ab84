"""What is said once and is not retained: each new or corrected interval, and each new latest day."""

from bridge.ledger import Ledger
from bridge.metering.model import Day, Interval, Meter
from bridge.mqtt import Message, topics
from bridge.publishing import payloads
from bridge.publishing.retained import Retained
from bridge.text.words import to_json

_PIECE = 100  # readings between two notes of what was acknowledged: after kill -9 so many come twice


class Stream:
    """Says everything at least once: killed in between, it says it twice.

    Args:
        retained: sends it.
        ledger: what waits, and what was said.
        base: the base topic.
    """

    def __init__(self, retained: Retained, ledger: Ledger, base: str) -> None:
        self._retained, self._ledger, self._base = retained, ledger, base

    def piece(self, meter: Meter) -> bool:
        """Stream a piece of what waits, and tick off what was acknowledged, also when the rest was not.

        What a broker does not take waits on.

        Returns:
            whether anything was ticked off: then there may be more.

        Raises:
            BrokerAway: not all of it was acknowledged.
        """
        if not (waiting := self._ledger.outbox.unstreamed(meter, _PIECE)):
            return False
        topic = topics.of_meter(self._base, meter.name, "reading")
        messages = [Message(topic, to_json(payloads.reading(meter, each)), retain=False) for each in waiting]
        of_message = dict(zip(messages, waiting, strict=True))
        done: list[Interval] = []
        try:
            self._retained.send(messages, lambda message: done.append(of_message[message]))
        finally:
            self._ledger.outbox.streamed(meter, done)
        return bool(done)

    def announce(self, meter: Meter, day: Day) -> None:
        """Say that there is another latest day, or another revision of it, unless that was said.

        Raises:
            BrokerAway: it was not acknowledged.
        """
        note, fresh = f"announced/{meter.ean}/{meter.energy}", [day.date.isoformat(), day.revision]
        told = self._ledger.notes.recall(note) or ["", 0]
        if told >= fresh:
            return
        kind = "corrected_day" if told[0] == fresh[0] else "new_day"
        event = to_json({"event_type": kind, "date": fresh[0], "revision": day.revision})
        taken: list[Message] = []
        message = Message(topics.of_meter(self._base, meter.name, "event"), event, retain=False)
        self._retained.send([message], taken.append)
        if taken:
            self._ledger.notes.remember(note, fresh)
