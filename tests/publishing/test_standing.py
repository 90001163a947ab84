"""What stands on a broker that does not take everything."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast

from bridge.ledger import Ledger
from bridge.metering.model import Meter
from bridge.metering.progress import Progress
from bridge.mqtt import Broker, Message, PublishRefused
from bridge.publishing.publisher import Publisher
from bridge.publishing.retained import Retained
from tests.rig.readings import all_intervals, daily
from tests.rig.registers import kwh
from tests.rig.world import World

OWNER = "541448820000000008"
TOPIC = "homeassistant/device/fluvius/config"


class Fussy:
    """A broker that leaves out what is larger than it takes today, and does not let go of some topics."""

    def __init__(self) -> None:
        self.stands: dict[str, str] = {}
        self.sent: list[str] = []
        self.left_out: dict[str, str] = {}
        self.takes = 10**6
        self.refuses: set[str] = set()
        self.forbids = ""  # topics that begin so

    def try_again(self) -> None:
        """What is too large is too large."""

    def publish(self, messages: Iterable[Message], acknowledged: Callable[[Message], object]) -> None:
        self.left_out.clear()
        refused = set()
        for message in messages:
            if len(message.payload) > self.takes:
                self.left_out[message.topic] = "too large"
                continue
            self.sent.append(message.topic)
            is_forbidden = self.forbids and message.topic.startswith(self.forbids)
            if is_forbidden or (message.topic in self.refuses and not message.payload):
                refused.add(message.topic)
            else:
                self.stands[message.topic] = message.payload
                acknowledged(message)
        if refused:
            refusal = PublishRefused(min(refused), "not authorized")
            refusal.topics = refused
            raise refusal


def test_what_was_emptied_because_its_next_payload_was_too_large_comes_back(tmp_path: Path) -> None:
    broker = Fussy()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        retained = Retained(cast("Broker", broker), ledger.outbox)
        retained.replace(OWNER, {TOPIC: "small"})
        broker.takes = 5
        retained.replace(OWNER, {TOPIC: "too large"})
        assert broker.stands[TOPIC] == ""
        retained.replace(OWNER, {TOPIC: "small"})
        assert broker.stands[TOPIC] == "small"


MORNING = datetime(2026, 11, 21, 8, tzinfo=UTC)


def publish(publisher: Publisher, meter: Meter, days_later: int) -> None:
    """As on another morning: everything is published anew."""
    publisher.meter(meter, Progress(now=MORNING + timedelta(days=days_later)))


def a_day_comes(ledger: Ledger, meter: Meter, day: date) -> None:
    ledger.answers.record_days(meter, daily(kwh(TOTAL=96), day), MORNING)
    ledger.answers.record_intervals(meter, day, all_intervals(kwh(TOTAL=1), day), MORNING)
    ledger.answers.settle(meter, [day], MORNING)


def test_what_home_assistant_is_told_comes_when_the_broker_takes_it_again(desk: World) -> None:
    desk.changes["homeassistant.discovery_format"] = "device"
    broker, meter = Fussy(), desk.meter()
    with desk.ledger() as ledger:
        publisher = Publisher(cast("Broker", broker), ledger, desk.settings)
        publish(publisher, meter, 0)
        (topic,) = [each for each in broker.stands if each.endswith("/config")]
        broker.takes = len(broker.stands[topic])
        a_day_comes(ledger, meter, date(2026, 11, 20))
        publish(publisher, meter, 0)
        assert broker.stands[topic] == ""
        broker.takes = 10**6
        publish(publisher, meter, 1)
        assert json.loads(broker.stands[topic])["components"]


def test_an_entity_that_is_gone_is_taken_away_when_the_broker_allows_it(desk: World) -> None:
    broker, meter, gone = Fussy(), desk.meter(), "homeassistant/sensor/fluvius_gone/config"
    broker.refuses = {gone}
    broker.stands[gone] = "{}"
    with desk.ledger() as ledger:
        ledger.outbox.add_published_topics(meter.ean, [gone])
        publisher = Publisher(cast("Broker", broker), ledger, desk.settings)
        publish(publisher, meter, 0)
        assert broker.stands[gone] == "{}"
        broker.refuses = set()
        publish(publisher, meter, 1)
        assert broker.stands[gone] == ""


def test_what_stands_of_discovery_is_not_sent_again(desk: World) -> None:
    broker, meter = Fussy(), desk.meter()
    with desk.ledger() as ledger:
        publisher = Publisher(cast("Broker", broker), ledger, desk.settings)
        a_day_comes(ledger, meter, date(2026, 11, 19))
        publish(publisher, meter, 0)
        stood = {topic: each for topic, each in broker.stands.items() if topic.endswith("/config")}
        broker.sent.clear()
        a_day_comes(ledger, meter, date(2026, 11, 20))
        publish(publisher, meter, 1)
        assert broker.sent
        assert not stood.keys() & set(broker.sent)
        publisher.forget_discovery()
        publish(publisher, meter, 1)
        assert stood.keys() <= set(broker.sent)


def test_what_the_broker_did_not_want_is_published_when_it_wants_it(desk: World) -> None:
    """Its access list was corrected, say, and no connection was lost."""
    broker, meter = Fussy(), desk.meter()
    with desk.ledger() as ledger:
        publisher = Publisher(cast("Broker", broker), ledger, desk.settings)
        broker.forbids = "homeassistant/"
        a_day_comes(ledger, meter, date(2026, 11, 19))
        publish(publisher, meter, 0)
        assert not any(topic.startswith("homeassistant/") for topic in broker.stands)
        assert "The broker refused homeassistant/" in publisher.left_out
        broker.forbids = ""
        publisher.try_again()
        publish(publisher, meter, 0)
        assert any(topic.startswith("homeassistant/") for topic in broker.stands)
        assert publisher.left_out == ""
