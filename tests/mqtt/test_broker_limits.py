"""Brokers that do not take everything, lines that carry little, and threads that end."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho

from bridge.config import MqttSettings, TlsSettings
from bridge.mqtt import Broker, BrokerAway, Connected, Event, Message, topics
from bridge.mqtt.allowance import packet_size
from tests.rig.connection import STATE, both_protocols, connected, no_room, problem_of, shrink_send_buffer
from tests.rig.mosquitto import Certificates, Mosquitto, eventually
from tests.rig.oddbroker import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PUBLISH,
    SUBACK,
    SUBSCRIBE,
    OddBroker,
    Packet,
    packet,
    slow_line,
    usual,
)

LARGE = Message("fluvius/home/intervals", "x" * 12_900)
SMALL = [Message(f"fluvius/home/day/{n}", "1") for n in range(20)]
MIXED = [*SMALL[:10], LARGE, Message("fluvius/home/chart", "x" * 20_000), *SMALL[10:]]

# paho leaves the socket of a client that broke to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def publish_at_last(broker: Broker, messages: Iterable[Message], **options: Any) -> None:
    """As the bridge does: again after every reconnect."""

    def done() -> bool:
        try:
            broker.publish(messages, **options)
        except BrokerAway:
            return False
        return True

    eventually(done, 10)


# --- messages that are too large


@both_protocols
def test_a_message_that_the_broker_does_not_take_is_left_out_and_the_others_are_published(
    tmp_path: Path, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Mosquitto(tmp_path, settings="max_packet_size 10000") as mosquitto,
        connected(mosquitto, protocol=protocol) as broker,
    ):
        for _ in range(3):
            publish_at_last(broker, MIXED)
        # without a word from the broker: fewer where the first of the two was under way alone
        assert broker.connections == 1 if protocol == "5" else broker.connections <= 5
        assert broker.left_out.keys() == {"fluvius/home/intervals", "fluvius/home/chart"}
        assert mosquitto.retained("fluvius/home/#").keys() == {message.topic for message in SMALL}
        assert mosquitto.retained()[STATE] == "online"
    assert caplog.text.count("fluvius/home/intervals is left out") == 1
    assert "client_id" not in caplog.text


def test_a_message_at_which_the_broker_hangs_up_is_named_however_soon_it_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        Mosquitto(tmp_path, settings="max_packet_size 10000") as mosquitto,
        connected(mosquitto, protocol="3.1.1") as broker,
    ):
        client = broker._connection.client
        send = client.publish

        def sent_when_the_broker_has_hung_up(*message: Any, **options: Any) -> paho.MQTTMessageInfo:
            sent = send(*message, **options)
            eventually(lambda: "closed the connection" in caplog.text)
            return sent

        monkeypatch.setattr(client, "publish", sent_when_the_broker_has_hung_up)
        with pytest.raises(BrokerAway):
            broker.publish([Message("fluvius/home/chart", "x" * 20_000)])
        monkeypatch.undo()
    assert "while it was told something, at most 20026 bytes on fluvius/home/chart" in caplog.text


def test_a_payload_that_mosquitto_refuses_is_left_out_and_the_others_are_published(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path, settings="message_size_limit 10000") as mosquitto,
        connected(mosquitto, protocol="5") as broker,
    ):
        publish_at_last(broker, MIXED)
        assert broker.connections < 5
        assert broker.left_out.keys() == {"fluvius/home/intervals", "fluvius/home/chart"}
        assert mosquitto.retained("fluvius/home/#").keys() == {message.topic for message in SMALL}


@pytest.mark.parametrize("length", [100, 200, 20_000])
def test_a_packet_of_just_the_size_that_is_allowed_is_published(length: int) -> None:
    message = Message("fluvius/hé/day", "x" * length)
    size = packet_size(message, MqttSettings(protocol="5"))
    with OddBroker(announcing(b"\x27" + size.to_bytes(4, "big"))).open() as odd:
        settings = MqttSettings(host="127.0.0.1", port=odd.port, protocol="5")
        with own(settings) as broker:
            larger = Message(message.topic, message.payload + "x")
            broker.publish([message, larger])
            assert broker.left_out.keys() == {message.topic}
    sent = [each for each in odd.received if each.kind == PUBLISH and each.topic == message.topic]
    assert [len(each.body) + 1 + (1 if size < 130 else 2 if size < 16_386 else 3) for each in sent] == [size]


def test_what_was_left_out_is_tried_again_when_it_is_asked_for(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path, settings="max_packet_size 10000") as mosquitto,
        connected(mosquitto) as broker,
    ):
        publish_at_last(broker, MIXED)
        broker.try_again()
        before = broker.connections
        publish_at_last(broker, MIXED)
        assert broker.connections == before + 1
        assert LARGE.topic in broker.left_out
        mosquitto.settings = ""
        mosquitto.restart(keep_memory=True)
        broker.try_again()
        publish_at_last(broker, MIXED)
        assert not broker.left_out
        assert len(mosquitto.retained("fluvius/home/#")) == 22


def test_a_topic_at_which_the_broker_hangs_up_holds_up_no_other() -> None:
    def hang_up(received: Packet) -> bytes | None:
        forbidden = received.kind == PUBLISH and received.topic == "homeassistant/x/config"
        return None if forbidden else usual(received)

    with (
        OddBroker(hang_up).open() as odd,
        own(MqttSettings(host="127.0.0.1", port=odd.port)) as broker,
    ):
        publish_at_last(broker, [LARGE, Message("homeassistant/x/config", "{}"), *SMALL])
        assert broker.left_out.keys() == {"homeassistant/x/config"}
        assert {LARGE.topic, SMALL[-1].topic} <= set(odd.topics(PUBLISH))


def test_a_broker_that_restarts_is_not_blamed_on_a_message(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        for _ in range(3):
            mosquitto.pause()
            with pytest.raises(BrokerAway):
                broker.publish(SMALL, patience=0.1)
            mosquitto.resume()
            publish_at_last(broker, MIXED)
        assert not broker.left_out
        assert len(mosquitto.retained("fluvius/home/#")) == 22


# --- brokers that cannot serve


@both_protocols
@pytest.mark.parametrize(
    ("setting", "words"), [("retain_available false", "retained messages"), ("max_qos 0", "QoS 1")]
)
def test_a_broker_that_cannot_serve_is_named_with_what_to_change(
    tmp_path: Path, protocol: str, setting: str, words: str
) -> None:
    of_listener, of_all = (setting, "") if "qos" in setting else ("", setting)
    with Mosquitto(tmp_path, settings=of_all, of_listener=of_listener) as mosquitto:
        problem = problem_of(mosquitto, words, protocol=protocol)
    assert protocol == "3.1.1" or setting.partition(" ")[0] in problem


@pytest.mark.parametrize("announced", [b"\x25\x00", b"\x24\x00"])
def test_a_broker_that_accepts_us_and_cannot_serve_is_not_asked_every_second(announced: bytes) -> None:
    with OddBroker(announcing(announced)).open() as odd:
        settings = MqttSettings(host="127.0.0.1", port=odd.port, protocol="5")
        broker = Broker(settings, lambda _: None, pauses=(0.01, 60))
        broker.start()
        eventually(lambda: "without which the bridge cannot work" in str(broker.problem))
        eventually(lambda: broker._connection.pauses.next == 60)
        broker.stop()
    assert odd.connections == 1
    assert odd.topics(PUBLISH) == []


def test_a_broker_without_wildcards_is_asked_for_each_request() -> None:
    with OddBroker(announcing(b"\x28\x00")).open() as odd:
        with own(MqttSettings(host="127.0.0.1", port=odd.port, protocol="5")):
            requests = [topic for topic in odd.topics(SUBSCRIBE) if "request" in topic]
        assert requests == [f"fluvius/bridge/request/{name}" for name in topics.REQUESTS]


def at(port: int, protocol: str) -> MqttSettings:
    return MqttSettings.model_validate({"host": "127.0.0.1", "port": port, "protocol": protocol})


def announcing(properties: bytes) -> Any:
    """A broker of MQTT 5 that says this in CONNACK."""

    def answer(received: Packet) -> bytes | None:
        match received.kind:
            case 0x10:
                return packet(CONNACK, b"\0\0" + bytes([len(properties)]) + properties)
            case 0x80 | 0xA0:
                return packet(received.kind + 0x10, received.mid + b"\0\1")
        return usual(received)

    return answer


@contextmanager
def own(settings: MqttSettings) -> Iterator[Broker]:
    """A broker connection of the test's own, connected."""
    with Broker(settings, lambda _: None, pauses=(0.02, 0.1)) as broker:
        eventually(lambda: broker.connected)
        yield broker


def test_online_that_was_not_acknowledged_yet_is_taken_back_by_the_last_will() -> None:
    greeted = threading.Event()

    def slow(received: Packet) -> bytes | None:
        if received.kind == PUBLISH:
            greeted.set()
        return usual(received) if received.kind == CONNECT else b""

    with OddBroker(slow).open() as odd:
        broker = Broker(MqttSettings(host="127.0.0.1", port=odd.port), lambda _: None)
        with broker:
            assert greeted.wait(5)
        eventually(lambda: not broker.alive)
    assert odd.topics(PUBLISH) == [STATE]
    assert DISCONNECT not in [each.kind for each in odd.received]  # after it there is no last will


def test_a_bridge_whose_state_seems_not_to_be_wanted_is_offline_in_the_end() -> None:
    greeted: set[int] = set()

    def moody(received: Packet) -> bytes | None:
        if received.kind == PUBLISH and received.topic == STATE and odd.connections in greeted:
            return None
        greeted.update([odd.connections] if received.kind == PUBLISH else [])
        return usual(received)

    with OddBroker(moody).open() as odd:
        with own(MqttSettings(host="127.0.0.1", port=odd.port)) as broker:
            for _ in range(2):
                with pytest.raises(BrokerAway):
                    broker.say_online()
                eventually(lambda: broker.connected)
            assert STATE in broker.left_out
        eventually(lambda: not broker.alive)
    assert DISCONNECT not in [each.kind for each in odd.received]


def test_two_losses_that_have_nothing_to_do_with_each_other_keep_nothing_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hang_ups = 2

    def restarting(received: Packet) -> bytes | None:
        nonlocal hang_ups
        if hang_ups and received.kind == PUBLISH and received.topic == LARGE.topic:
            hang_ups -= 1
            return None
        return usual(received)

    with OddBroker(restarting).open() as odd, own(MqttSettings(host="127.0.0.1", port=odd.port)) as broker:
        for hours in range(2):
            later = time.monotonic() + 3600 * hours
            monkeypatch.setattr("bridge.mqtt.allowance.monotonic", lambda later=later: later)
            with pytest.raises(BrokerAway):
                broker.publish([LARGE])
            eventually(lambda: broker.connected)
        broker.publish([LARGE])
        assert not broker.left_out
    assert odd.topics(PUBLISH).count(LARGE.topic) == 3


# --- threads that end


def test_an_exception_on_pahos_thread_costs_one_line_and_a_new_connection(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[Event] = []

    def fail_at_first(event: Event) -> None:
        events.append(event)
        if len(events) == 1:
            raise ZeroDivisionError

    settings = MqttSettings(host=mosquitto.host, port=mosquitto.port)
    broker = Broker(settings, fail_at_first, pauses=(0.02, 0.1))
    broker.start()
    eventually(lambda: events == [Connected(), Connected()])
    broker.publish(SMALL)
    assert broker.alive
    assert broker.problem is None
    broker.stop()
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert ["ZeroDivisionError" in record.getMessage() for record in told] == [True]
    assert mosquitto.retained()[STATE] == "offline"


def test_tls_files_that_are_away_for_a_moment_are_in_nobody_s_way(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path / "certificates")
    files = [certificates.ca, certificates.certificate("client"), certificates.key("client")]
    events: list[Event] = []

    def fail_and_lose_them(event: Event) -> None:
        events.append(event)
        if len(events) == 1:
            for file in files:
                file.unlink()
            raise ZeroDivisionError

    with Mosquitto(tmp_path, certificates=certificates, client_certificates=True) as mosquitto:
        tls = TlsSettings(ca_file=files[0], cert_file=files[1], key_file=files[2])
        settings = MqttSettings(host=mosquitto.host, port=mosquitto.port, tls=tls)
        with Broker(settings, fail_and_lose_them, pauses=(0.02, 0.1)) as broker:
            eventually(lambda: events == [Connected(), Connected()])
            broker.publish(SMALL)


def test_a_subscription_that_is_answered_with_nothing_ends_nothing() -> None:
    def empty(received: Packet) -> bytes:
        return packet(SUBACK, received.mid) if received.kind == SUBSCRIBE else usual(received)

    with OddBroker(empty).open() as odd, own(MqttSettings(host="127.0.0.1", port=odd.port)) as broker:
        broker.publish(SMALL)
        assert odd.topics(PUBLISH)[-1] == SMALL[-1].topic
        assert odd.connections == 1


@pytest.mark.parametrize("nonsense", ["f000", "9001ff", "3003000041", "400000", "e002ffff", "ffffffffff"])
@both_protocols
def test_nonsense_from_the_broker_is_survived(nonsense: str, protocol: str) -> None:
    odd = OddBroker()

    def answer(received: Packet) -> bytes | None:
        said = announcing(b"")(received) if protocol == "5" else usual(received)
        first = received.kind == SUBSCRIBE and odd.connections == 1
        return bytes.fromhex(nonsense) if first else said

    odd.answer = answer
    with (
        odd.open(),
        own(
            MqttSettings.model_validate({"host": "127.0.0.1", "port": odd.port, "protocol": protocol})
        ) as broker,
    ):
        publish_at_last(broker, SMALL)
        eventually(lambda: broker.connected)
        assert broker.alive


def test_a_thread_that_could_not_be_started_is_noticed_and_tried_again(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(at(mosquitto.port, "5"), lambda _: None)
    with monkeypatch.context() as patch:
        patch.setattr(paho.Client, "loop_start", no_room)
        for trying in (broker.start, broker.look_after):
            trying()
            assert not broker.alive
            assert "can't start new thread" in str(broker.problem)
    broker.look_after()
    eventually(lambda: broker.connected)
    broker.stop()


# --- lines that are slow


@both_protocols
def test_as_long_as_acknowledgements_come_there_is_time(mosquitto: Mosquitto, protocol: str) -> None:
    messages = [Message(f"fluvius/home/day/{n}", "x" * 100) for n in range(100)]
    beats: list[None] = []
    with slow_line(mosquitto.port, rate=15_000) as port:
        settings = at(port, protocol)
        broker = Broker(settings, lambda _: None, meanwhile=lambda: beats.append(None))
        broker.start()
        eventually(lambda: broker.connected)
        broker.publish(messages, patience=0.4)  # of the second that it takes
        assert len(mosquitto.retained("fluvius/home/#")) == 100
        assert beats
        broker.stop()


def test_far_away_by_websockets_many_messages_are_under_way_at_once(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, websockets=True) as mosquitto, slow_line(mosquitto.port, delay=0.02) as port:
        settings = MqttSettings(host="127.0.0.1", port=port, transport="websockets")
        with own(settings) as broker:
            shrink_send_buffer(broker)
            broker.publish([Message(f"fluvius/home/reading/{n}", "x" * 230) for n in range(1000)], patience=2)
        assert len(mosquitto.retained("fluvius/home/reading/#")) == 1000


@pytest.mark.parametrize("waits", [False, True], ids=["noticed while waiting", "noticed when sending"])
def test_what_was_acknowledged_is_known_when_the_rest_fails(waits: bool) -> None:
    def until_the_tenth(received: Packet) -> bytes | None:
        tenth = received.kind == PUBLISH and received.topic == SMALL[10].topic
        again = received.kind == CONNECT and odd.connections > 1
        return None if tenth or again else usual(received)

    def messages() -> Iterator[Message]:
        yield from SMALL[:11]
        if waits:
            eventually(lambda: not broker.connected)
            yield SMALL[11]

    acknowledged: list[Message] = []
    with (
        OddBroker(until_the_tenth).open() as odd,
        own(MqttSettings(host="127.0.0.1", port=odd.port)) as broker,
        pytest.raises(BrokerAway),
    ):
        broker.publish(messages(), acknowledged=acknowledged.append)
    assert acknowledged == SMALL[:10]


def test_the_keepalive_is_a_setting() -> None:
    with OddBroker().open() as odd, own(MqttSettings(host="127.0.0.1", port=odd.port, keepalive=17)):
        assert next(each for each in odd.received if each.kind == CONNECT).body[8:10] == b"\0\x11"


def test_the_path_of_the_websockets_is_a_setting(mosquitto: Mosquitto, tmp_path: Path) -> None:
    assert "at /other: check mqtt.path" in problem_of(
        mosquitto, "does not speak", transport="websockets", path="/other"
    )
    with (
        Mosquitto(tmp_path / "websockets", websockets=True) as other,
        connected(other, transport="websockets", path="/other"),
    ):
        pass
