import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bridge.config import ConfigError, MqttSettings, TlsSettings
from bridge.mqtt import (
    BrokerAway,
    Command,
    Connected,
    Message,
    PublishRefused,
    RoundTrip,
    SubscriptionRefused,
)
from bridge.mqtt.visitor import Visitor
from tests.rig.connection import STATE, Bridge, both_protocols, connected, problem_of, shrink_send_buffer
from tests.rig.mosquitto import Certificates, Mosquitto, eventually

REFRESH = "fluvius/bridge/request/refresh"
SECRET = "correct horse"

# paho leaves the socket of a failed TLS or websocket handshake to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@contextmanager
def visiting(mosquitto: Mosquitto, **settings: Any) -> Iterator[Visitor]:
    with Visitor(MqttSettings(host=mosquitto.host, port=mosquitto.port, **settings)) as visitor:
        visitor.arrive(5)
        yield visitor


def seconds(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


@contextmanager
def soon(action: Callable[[], object]) -> Iterator[None]:
    """Do it in a moment, while something else goes on."""
    timer = threading.Timer(0.2, action)
    timer.start()
    yield
    timer.join()


def days(amount: str, meters: int = 1) -> Iterable[Message]:
    return (Message(f"fluvius/m{meter}/day/{n}", amount) for meter in range(meters) for n in range(40))


@both_protocols
def test_says_online_when_it_connects_and_offline_when_it_stops(mosquitto: Mosquitto, protocol: str) -> None:
    with mosquitto.listen(STATE) as ear:
        with connected(mosquitto, protocol=protocol):
            ear.wait_for(lambda _: ear.payloads(STATE) == ["online"])
            assert mosquitto.retained()[STATE] == "online"
        ear.wait_for(lambda _: ear.payloads(STATE) == ["online", "offline"])
    assert mosquitto.retained()[STATE] == "offline"


def test_the_broker_says_offline_for_a_bridge_that_was_killed(mosquitto: Mosquitto) -> None:
    program = (
        "import sys, time; from bridge.config import MqttSettings; from bridge.mqtt import Broker; "
        "Broker(MqttSettings(port=int(sys.argv[1])), print).start(); time.sleep(60)"
    )
    with mosquitto.listen(STATE) as ear:
        killed = subprocess.Popen(
            [sys.executable, "-c", program, str(mosquitto.port)], stdout=subprocess.DEVNULL
        )
        ear.wait_for(lambda _: ear.payloads(STATE) == ["online"])
        killed.kill()
        killed.wait()
        ear.wait_for(lambda _: ear.payloads(STATE) == ["online", "offline"])
    assert mosquitto.retained()[STATE] == "offline"


@both_protocols
def test_what_was_published_is_there_when_publish_returns(mosquitto: Mosquitto, protocol: str) -> None:
    with mosquitto.listen("fluvius/home/reading") as ear, connected(mosquitto, protocol=protocol) as broker:
        reading = Message("fluvius/home/reading", "0.062", retain=False)
        broker.publish([Message("fluvius/home/day/net", "-1.088"), Message("fluvius/é/m³", "m³"), reading])
        retained = mosquitto.retained("fluvius/#")
        ear.wait_for(lambda _: ear.payloads(reading.topic) == ["0.062"])
    assert retained == {"fluvius/home/day/net": "-1.088", "fluvius/é/m³": "m³", STATE: "online"}


def test_what_follows_an_acknowledgement_of_ours_does_not_wait_for_the_brokers(mosquitto: Mosquitto) -> None:
    took: list[float] = []
    with connected(mosquitto) as started:
        for _ in range(10):
            mosquitto.publish(REFRESH, "")
            eventually(lambda: len(started.commands) > len(took))
            took.append(seconds(lambda: started.publish([Message("fluvius/home/day/date", "2026-11-20")])))
    assert min(took) < 0.03


@both_protocols
def test_a_hundred_meters_are_published_whole(mosquitto: Mosquitto, protocol: str) -> None:
    with connected(mosquitto, protocol=protocol) as broker:
        broker.publish(days("1", meters=100))
        assert len(mosquitto.retained("fluvius/+/day/#")) == 4000


def test_no_more_is_under_way_than_an_mqtt_5_broker_allows(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, settings="max_inflight_messages 7") as mosquitto:
        with connected(mosquitto, protocol="5") as broker:
            broker.publish(days("1", meters=5))
            assert broker.allowance.under_way == 7
        assert len(mosquitto.retained("fluvius/+/day/#")) == 200


def test_publishing_nothing_is_fine(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        broker.publish([])


# --- who may come in


@both_protocols
def test_a_user_name_and_password_are_sent(tmp_path: Path, protocol: str) -> None:
    with (
        Mosquitto(tmp_path, users={"bridge": SECRET}) as mosquitto,
        connected(mosquitto, username="bridge", password=SECRET, protocol=protocol) as broker,
    ):
        broker.publish(days("1"))


@both_protocols
def test_a_refused_password_is_explained_and_tried_again_until_it_is_accepted(
    tmp_path: Path, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        Mosquitto(tmp_path, users={"bridge": "other"}) as mosquitto,
        Bridge(mosquitto, username="bridge", password=SECRET, protocol=protocol) as broker,
    ):
        eventually(lambda: mosquitto.log.count("not authorised") >= 3)
        assert "check mqtt.username and mqtt.password" in str(broker.problem)
        with pytest.raises(BrokerAway, match=r"mqtt\.password"):
            broker.publish(days("1"))
        mosquitto.set_users({"bridge": SECRET})
        eventually(lambda: broker.connected)
        assert broker.problem is None
    assert caplog.text.count("mqtt.password") == 1
    assert SECRET not in caplog.text
    assert SECRET not in repr(vars(broker))


def test_over_tls_with_an_authority_of_ones_own(tmp_path: Path, certificates: Certificates) -> None:
    tls = TlsSettings(ca_file=certificates.ca)
    with Mosquitto(tmp_path, certificates=certificates) as mosquitto, connected(mosquitto, tls=tls) as broker:
        broker.publish(days("1"))


def test_with_a_client_certificate(tmp_path: Path, certificates: Certificates) -> None:
    own, key = certificates.certificate("client"), certificates.key("client")
    tls = TlsSettings(ca_file=certificates.ca, cert_file=own, key_file=key)
    with (
        Mosquitto(tmp_path, certificates=certificates, client_certificates=True) as mosquitto,
        connected(mosquitto, tls=tls) as broker,
    ):
        broker.publish(days("1"))


def test_insecure_accepts_whatever_certificate_is_shown(tmp_path: Path, certificates: Certificates) -> None:
    with (
        Mosquitto(tmp_path, certificates=certificates, host="127.0.0.1") as mosquitto,
        connected(mosquitto, tls=TlsSettings(insecure=True)) as broker,
    ):
        broker.publish(days("1"))


def test_a_missing_client_certificate_is_explained(tmp_path: Path, certificates: Certificates) -> None:
    with Mosquitto(tmp_path, certificates=certificates, client_certificates=True) as mosquitto:
        assert "cert_file" in problem_of(mosquitto, "certificate", tls=TlsSettings(ca_file=certificates.ca))


def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    tmp_path: Path, certificates: Certificates
) -> None:
    other = Certificates(tmp_path / "other")
    with Mosquitto(tmp_path, certificates=certificates) as mosquitto:
        assert "mqtt.tls.ca_file" in problem_of(mosquitto, "not trusted", tls=TlsSettings(ca_file=other.ca))
        assert "mqtt.tls.ca_file" in problem_of(mosquitto, "not trusted", tls=True)


def test_a_certificate_for_another_host_is_explained(tmp_path: Path, certificates: Certificates) -> None:
    with Mosquitto(tmp_path, certificates=certificates, host="127.0.0.2") as mosquitto:
        assert "mqtt.host" in problem_of(mosquitto, "another IP", tls=TlsSettings(ca_file=certificates.ca))


def test_an_expired_certificate_is_explained(tmp_path: Path, certificates: Certificates) -> None:
    certificates.expire("server")
    with Mosquitto(tmp_path, certificates=certificates) as mosquitto:
        assert "renew" in problem_of(mosquitto, "has expired", tls=TlsSettings(ca_file=certificates.ca))


def test_tls_where_there_is_none_is_explained(mosquitto: Mosquitto) -> None:
    assert "mqtt.tls" in problem_of(mosquitto, "hangs up", tls=True)


def test_no_tls_where_there_has_to_be_is_explained(tmp_path: Path, certificates: Certificates) -> None:
    with Mosquitto(tmp_path, certificates=certificates) as mosquitto:
        problem_of(mosquitto, "does it want TLS (mqtt.tls)")


def test_a_file_that_is_no_certificate_is_named_before_anything_connects(
    tmp_path: Path, certificates: Certificates
) -> None:
    text = tmp_path / "text"
    text.write_text("no certificate\n")
    mosquitto = Mosquitto(tmp_path, port=1)
    with pytest.raises(ConfigError, match=r"mqtt.tls.ca_file: .*/text has to be a PEM file"):
        Bridge(mosquitto, tls=TlsSettings(ca_file=text))
    with pytest.raises(ConfigError, match=r"mqtt.tls.cert_file: .*/text has to be a PEM file"):
        Bridge(mosquitto, tls=TlsSettings(cert_file=text, key_file=certificates.key("client")))


@both_protocols
def test_over_websockets(tmp_path: Path, protocol: str) -> None:
    with (
        Mosquitto(tmp_path, websockets=True) as mosquitto,
        connected(mosquitto, transport="websockets", protocol=protocol) as broker,
    ):
        broker.publish(days("1", meters=5))
        assert len(mosquitto.retained("fluvius/+/day/#")) == 200


def test_over_websockets_to_a_slow_broker_nothing_is_lost(tmp_path: Path) -> None:
    intervals = [Message(f"fluvius/m{meter}/intervals", "x" * 16_000) for meter in range(100)]
    with (
        Mosquitto(tmp_path, websockets=True) as mosquitto,
        connected(mosquitto, transport="websockets") as broker,
    ):
        shrink_send_buffer(broker)
        mosquitto.pause()
        with soon(mosquitto.resume):
            broker.publish(intervals, patience=5)
        assert broker.connections == 1
        assert len(mosquitto.retained("fluvius/+/intervals")) == 100


def test_websockets_where_there_are_none_is_explained(mosquitto: Mosquitto) -> None:
    assert "mqtt.transport" in problem_of(mosquitto, "does not speak websockets", transport="websockets")


def test_a_host_that_does_not_exist_is_explained(mosquitto: Mosquitto) -> None:
    assert "check mqtt.host" in problem_of(mosquitto, "is not known", host="broker.invalid")
    assert "check mqtt.host" in problem_of(mosquitto, "is not known", host="a..b")


def test_something_that_is_no_broker_is_explained_and_tried_again(mosquitto: Mosquitto) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        silent = {"host": "127.0.0.1", "port": other.getsockname()[1]}
        with Bridge(mosquitto, **silent) as broker:
            other.accept()[0].close()
            eventually(lambda: "without an answer" in str(broker.problem))
            other.accept()[0].close()


# --- what may be said


def test_a_refused_topic_is_named_and_the_others_are_published(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path, access="topic readwrite fluvius/#") as mosquitto,
        connected(mosquitto, protocol="5") as broker,
    ):
        with pytest.raises(PublishRefused, match="not authorized") as refused:
            broker.publish([Message("homeassistant/x/config", "{}"), Message("fluvius/home/day/net", "1")])
        assert refused.value.topic == "homeassistant/x/config"
        assert mosquitto.retained()["fluvius/home/day/net"] == "1"


@both_protocols
def test_a_round_trip_tells_what_arrives(mosquitto: Mosquitto, protocol: str) -> None:
    with visiting(mosquitto, protocol=protocol) as visitor:
        assert visitor.round_trip() is RoundTrip.ARRIVED
        assert visitor.round_trip("homeassistant/fluvius2mqtt/check", retain=True) is RoundTrip.ARRIVED
    assert mosquitto.retained() == {}


@pytest.mark.parametrize(
    ("protocol", "outcome"), [("3.1.1", RoundTrip.LOST), ("5", RoundTrip.PUBLISH_REFUSED)]
)
def test_a_round_trip_tells_what_may_not_be_written(
    tmp_path: Path, protocol: str, outcome: RoundTrip
) -> None:
    with (
        Mosquitto(tmp_path, access="topic read #") as mosquitto,
        visiting(mosquitto, protocol=protocol) as visitor,
    ):
        assert visitor.round_trip(within=0.3) is outcome


@both_protocols
def test_a_refused_subscription_is_told(
    tmp_path: Path, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Mosquitto(tmp_path, refuse_subscriptions=True) as mosquitto,
        visiting(mosquitto, protocol=protocol) as visitor,
        connected(mosquitto, protocol=protocol),
    ):
        assert visitor.round_trip() is RoundTrip.SUBSCRIBE_REFUSED
        eventually(lambda: "no command will arrive" in caplog.text)


@both_protocols
def test_a_visitor_sees_what_the_broker_remembers(mosquitto: Mosquitto, protocol: str) -> None:
    for topic in ("fluvius/bridge/request/refresh", "homeassistant/sensor/x/config", "elsewhere/x"):
        mosquitto.publish(topic, "é", retain=True)
    with connected(mosquitto, client_id="other", protocol=protocol) as broker:
        broker.publish(days("1", meters=50))
        with visiting(mosquitto, protocol=protocol) as visitor:
            found = visitor.retained(["fluvius/#", "homeassistant/+/+/config"], quiet=0.3)
    assert found.pop("fluvius/m7/day/39") == b"1"
    assert found.pop("homeassistant/sensor/x/config") == "é".encode()
    assert found.pop("fluvius/bridge/request/refresh") == "é".encode()
    assert found.pop(STATE) == b"online"
    assert len(found) == 1999


def test_a_visitor_says_what_it_may_not_see(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path, refuse_subscriptions=True) as mosquitto,
        visiting(mosquitto) as visitor,
        pytest.raises(SubscriptionRefused, match="fluvius/#"),
    ):
        visitor.retained(["fluvius/#"])


# --- brokers that come and go


def test_a_broker_that_is_away_at_the_start_is_awaited(tmp_path: Path) -> None:
    mosquitto = Mosquitto(tmp_path)
    mosquitto.reserve_port()
    with Bridge(mosquitto) as broker:
        eventually(lambda: "is it running" in str(broker.problem))
        with pytest.raises(BrokerAway, match="is it running"):
            broker.publish(days("stale"))
        with mosquitto:
            eventually(lambda: broker.connections == 1)
            broker.publish([Message("fluvius/home/day/net", "1")])
            assert mosquitto.retained("fluvius/#") == {STATE: "online", "fluvius/home/day/net": "1"}
            broker.stop()


def test_a_broker_that_lost_its_memory_is_told_everything_again(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        broker.publish(days("1"))
        mosquitto.restart(keep_memory=False)
        eventually(lambda: broker.connections == 2)
        eventually(lambda: mosquitto.retained() == {STATE: "online"})
        broker.publish(days("1"))
        assert len(mosquitto.retained("fluvius/m0/#")) == 40


def test_a_broker_with_memory_keeps_what_was_acknowledged(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        broker.publish(days("1"))
        mosquitto.restart(keep_memory=True)
        eventually(lambda: broker.connections == 2)
        assert len(mosquitto.retained("fluvius/m0/#")) == 40


def test_commands_arrive_after_a_reconnect_too(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        mosquitto.restart(keep_memory=False)
        eventually(lambda: broker.connections == 2)
        mosquitto.publish(REFRESH, "")
        eventually(lambda: broker.commands == [Command("refresh", b"")])


def test_the_log_tells_each_thing_once(mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with connected(mosquitto) as broker:
        mosquitto.stop()
        eventually(lambda: broker._connection.pauses.next == 0.2)  # after several attempts
        mosquitto.start()
        eventually(lambda: broker.connected)
    told = [record.getMessage().replace(f" at localhost:{mosquitto.port}", "") for record in caplog.records]
    assert told[0] == told[-1] == "Connected to the broker."
    assert told[1].startswith("The broker closed the connection")
    assert told[2].startswith("The broker is not there: is it running")
    assert len(told) == 4


def test_the_pauses_between_attempts_grow_up_to_the_longest(mosquitto: Mosquitto) -> None:
    pauses = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        began = time.monotonic()
        with Bridge(mosquitto, host="127.0.0.1", port=other.getsockname()[1]) as broker:
            for _ in range(6):
                other.accept()[0].close()
                pauses.append(broker._connection.pauses.next)
            took = time.monotonic() - began
    assert pauses == sorted(pauses)
    assert pauses[-1] == 0.2
    assert took > 0.9 * (0.05 + 0.1 + 3 * 0.2)


def test_a_stalled_broker_is_given_up_in_time_and_found_again(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        mosquitto.pause()
        began = time.monotonic()
        with pytest.raises(BrokerAway, match="acknowledge"):
            broker.publish(days("1", meters=100), patience=0.3)
        assert time.monotonic() - began < 5  # of thirty seconds, and not one for each message
        eventually(lambda: not broker.connected)
        mosquitto.resume()
        eventually(lambda: broker.connections == 2)
        broker.publish(days("1"))


def test_a_broker_that_never_answers_holds_nothing_up(mosquitto: Mosquitto) -> None:
    mosquitto.pause()
    with Bridge(mosquitto) as broker:
        with pytest.raises(BrokerAway, match="has not answered yet"):
            broker.publish(days("1"))
        assert seconds(broker.stop) < 0.9  # and so not the second that it may take
        mosquitto.resume()


def test_a_connection_that_is_lost_while_publishing_ends_it_at_once(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        mosquitto.pause()
        with soon(mosquitto.kill), pytest.raises(BrokerAway):
            broker.publish(days("1"))
        eventually(lambda: "is it running" in str(broker.problem))


def test_what_was_not_acknowledged_is_not_sent_later(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        mosquitto.pause()
        with soon(mosquitto.kill), pytest.raises(BrokerAway):
            broker.publish(days("stale", meters=30))
        mosquitto.start()
        eventually(lambda: broker.connections == 2)
        for number in ("1", "2"):
            broker.publish([Message("fluvius/home/day/net", number)])
        assert mosquitto.retained("fluvius/#") == {STATE: "online", "fluvius/home/day/net": "2"}


def test_nothing_stale_arrives_after_something_newer(mosquitto: Mosquitto) -> None:
    with mosquitto.listen("fluvius/+/day/#") as ear, connected(mosquitto) as broker:
        mosquitto.pause()
        with pytest.raises(BrokerAway):
            broker.publish(days("stale", meters=100), patience=0.3)
        mosquitto.resume()
        eventually(lambda: broker.connections == 2)
        broker.publish(days("new", meters=100))
        ear.wait_for(lambda messages: messages and messages[-1].topic == "fluvius/m99/day/39")
        payloads = [message.payload for message in ear.messages]
        assert payloads[payloads.index("new") :] == ["new"] * 4000
        assert set(mosquitto.retained("fluvius/+/day/#").values()) == {"new"}


def test_two_clients_with_one_client_id_are_explained(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(mosquitto), connected(mosquitto):
        eventually(lambda: "Give each its own mqtt.client_id" in caplog.text)


@pytest.mark.parametrize(
    ("protocol", "answer", "words"),
    [
        ("3.1.1", "20020001", "does not speak MQTT 3.1.1: set mqtt.protocol to"),
        ("5", "20020001", "does not speak MQTT 5: set mqtt.protocol to"),
        ("3.1.1", "20020002", "choose another mqtt.client_id"),
        ("3.1.1", "20020003", "not available now"),
        ("3.1.1", "20020004", "refused the user name or password"),
        ("5", "2003009a00", "retained messages"),
        ("5", "2003009f00", "it says 'connection rate exceeded'"),
        ("3.1.1", "ffffffff", "without an answer"),
        ("5", "2005008805ffff", "without an answer"),
    ],
)
def test_every_refusal_is_explained(mosquitto: Mosquitto, protocol: str, answer: str, words: str) -> None:
    with broker_that_answers(bytes.fromhex(answer)) as port:
        problem_of(mosquitto, words, host="127.0.0.1", port=port, protocol=protocol)


@contextmanager
def broker_that_answers(answer: bytes) -> Iterator[int]:
    """Whatever is said, this is the answer, and the end of it."""

    def serve() -> None:
        with suppress(OSError):  # the end of the test
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


# --- commands


@both_protocols
def test_commands_are_handed_over(mosquitto: Mosquitto, protocol: str) -> None:
    with connected(mosquitto, protocol=protocol) as broker:
        mosquitto.publish(REFRESH, '{"transaction": 1}')
        mosquitto.publish("fluvius/bridge/request/republish", b"\xff")
        mosquitto.publish("fluvius/bridge/request/deeper/down", "")
        mosquitto.publish("fluvius/home/day", "")
        mosquitto.publish("fluvius/bridge/request/end", "")
        eventually(lambda: len(broker.events) >= 4)
    assert broker.events == [
        Connected(),
        Command("refresh", b'{"transaction": 1}'),
        Command("republish", b"\xff"),
        Command("end", b""),
    ]


def test_retained_commands_are_ignored(mosquitto: Mosquitto) -> None:
    mosquitto.publish(REFRESH, "retained", retain=True)
    with connected(mosquitto) as broker:
        mosquitto.publish(REFRESH, "live")
        eventually(lambda: broker.commands)
        assert broker.commands == [Command("refresh", b"live")]


def test_commands_of_more_than_64_kib_are_ignored(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        mosquitto.publish(REFRESH, "x" * 65_537)
        mosquitto.publish(REFRESH, "x" * 65_536)
        eventually(lambda: broker.commands)
        assert [len(command.payload) for command in broker.commands] == [65_536]


def test_ten_thousand_commands_hold_nothing_up(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        flood = threading.Thread(target=mosquitto.publish_all, args=([(REFRESH, "")] * 10_000,))
        flood.start()
        eventually(lambda: broker.commands)
        assert seconds(lambda: broker.publish(days("1"))) < 5
        flood.join()
        eventually(lambda: len(broker.commands) == 10_000, within=20)


# --- the end


def test_stopping_takes_no_longer_than_a_second_when_the_broker_stalls(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        mosquitto.pause()
        assert seconds(broker.stop) < 5
        mosquitto.resume()
        eventually(lambda: mosquitto.retained()[STATE] == "offline")


def test_stopping_is_immediate_when_the_broker_is_away(tmp_path: Path) -> None:
    mosquitto = Mosquitto(tmp_path)
    mosquitto.reserve_port()
    with Bridge(mosquitto) as broker:
        assert seconds(broker.stop) < 0.9  # and so not the second that it may take


def test_a_stopped_bridge_does_not_come_back(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        broker.stop()
        eventually(lambda: not any(thread.name.startswith("paho") for thread in threading.enumerate()))
        with pytest.raises(BrokerAway, match="stopping"):
            broker.publish(days("1"))
        broker.stop()
        assert mosquitto.retained() == {STATE: "offline"}


def test_an_interrupt_ends_a_publish_under_way(mosquitto: Mosquitto) -> None:
    with connected(mosquitto) as broker:
        mosquitto.pause()
        began = time.monotonic()
        with soon(broker.interrupt), pytest.raises(BrokerAway):
            broker.publish(days("1"))
        assert time.monotonic() - began < 5  # of thirty seconds
        mosquitto.resume()
        broker.stop()
        assert mosquitto.retained()[STATE] == "offline"
