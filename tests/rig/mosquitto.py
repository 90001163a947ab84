"""A real Mosquitto for a test, with the doors, users, access list and memory that the test wants."""

import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

WATCHER = "watcher"  # the user behind `retained`, `listen` and `publish`: may do everything
_TAKEN = ("in use", "Unable to create websockets listener")  # what it says of a port that another has
SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"])


def eventually(condition: Callable[[], object], within: float = 5.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {within} s"
        time.sleep(0.005)


@dataclass(frozen=True)
class Heard:
    topic: str
    payload: str
    retain: bool


class Ear:
    """The messages that arrived, in order."""

    def __init__(self) -> None:
        self.messages: list[Heard] = []

    def wait_for(self, condition: Callable[[list[Heard]], object], within: float = 5.0) -> None:
        eventually(lambda: condition(self.messages), within)

    def payloads(self, topic: str) -> list[str]:
        return [message.payload for message in self.messages if message.topic == topic]


class Certificates:
    """An authority, and certificates of a server at localhost and a client, made by openssl."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._issue("ca", "-subj", "/CN=authority")
        signed = ("-CA", str(self.ca), "-CAkey", str(folder / "ca.key"))
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        self._issue("server", "-subj", "/CN=localhost", "-addext", names, *signed)
        self._issue("client", "-subj", "/CN=client", *signed)

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def expire(self, name: str) -> None:
        """Replace a certificate by one that ended yesterday."""
        request = ("req", "-new", "-key", str(self.key(name)), "-subj", "/CN=localhost")
        asked = _run("openssl", *request)
        signed = (
            "-CA",
            str(self.ca),
            "-CAkey",
            str(self.folder / "ca.key"),
            "-CAcreateserial",
            "-days",
            "-1",
        )
        _run("openssl", "x509", "-req", *signed, "-out", str(self.certificate(name)), given=asked)

    def _issue(self, name: str, *arguments: str) -> None:
        key = (
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            str(self.key(name)),
        )
        _run("openssl", "req", "-x509", *key, "-out", str(self.certificate(name)), "-days", "2", *arguments)


@dataclass
class Mosquitto:
    """A broker with two doors: `port` is the one under test, and there is a plain one for the test itself."""

    folder: Path
    users: dict[str, str] = field(default_factory=dict)  # name → password; without users everyone may come in
    access: str | None = None  # an access list; the watcher may do everything anyhow
    certificates: Certificates | None = None  # for TLS
    client_certificates: bool = False  # demand them
    websockets: bool = False
    refuse_subscriptions: bool = False  # an access list only hides messages
    settings: str = ""  # more lines for mosquitto.conf
    of_listener: str = ""  # the same, for the door under test
    host: str = "localhost"
    port: int = 0  # chosen at the first start; `reserve_port` chooses earlier

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._plain_port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()  # nobody asks for its memory any more, and an orderly end takes a tenth of a second

    def reserve_port(self) -> int:
        """The port that the broker will have, before it is started."""
        self.port, self._plain_port = free_ports(2)
        return self.port

    def start(self) -> None:
        assert self._process is None, "it runs already"
        self._write_users()
        chosen_here = self.port == 0
        for attempt in range(10):
            if chosen_here:
                self.reserve_port()
            if self._launch():
                return
            assert any(words in self.log for words in _TAKEN), f"Mosquitto does not start:\n{self.log}"
            assert attempt < 9, "no free port"
            time.sleep(0 if chosen_here else 0.2)

    def stop(self) -> None:
        """End as on shutdown: the memory is written to disk."""
        if self._process is not None:
            self.resume()
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """End as in a power cut."""
        assert self._process is not None, "it does not run"
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def restart(self, keep_memory: bool) -> None:
        self.stop()
        if not keep_memory:
            self.forget()
        self.start()

    def forget(self) -> None:
        """Lose the memory; while stopped."""
        assert self._process is None, "stop it first"
        (self.folder / "mosquitto.db").unlink(missing_ok=True)

    def pause(self) -> None:
        """Stall: connections stay, and new ones are accepted by the kernel, but nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def set_users(self, users: dict[str, str]) -> None:
        """Change the passwords while running."""
        self.users = users
        self._write_users()
        self._signal(signal.SIGHUP)

    @property
    def log(self) -> str:
        return (self.folder / "mosquitto.log").read_text(errors="replace")

    def retained(self, topic_filter: str = "#") -> dict[str, str]:
        """What the broker remembers, by topic."""
        end = f"end-of-retained/{random.randrange(10**9)}"
        with self.listen(topic_filter, end) as ear:
            self.publish(end, "", qos=0)  # comes after the retained messages, as all go at QoS 0
            ear.wait_for(lambda messages: any(message.topic == end for message in messages))
        return {message.topic: message.payload for message in ear.messages if message.retain}

    @contextmanager
    def listen(self, *topic_filters: str) -> Iterator[Ear]:
        """Hear everything below some topics, the retained messages first, to the last one said."""
        ear = Ear()
        goodbye, heard_goodbye = f"goodbye/{id(ear)}", threading.Event()

        def hear(client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
            _acknowledge_at_once(client)
            if message.topic == goodbye:
                heard_goodbye.set()
            else:
                ear.messages.append(Heard(message.topic, message.payload.decode(), message.retain))

        with self._watcher() as client:
            subscribed = threading.Event()

            def hear_answer(client: paho.Client, *_: object) -> None:
                _acknowledge_at_once(client)
                subscribed.set()

            client.on_message = hear
            client.on_subscribe = hear_answer
            client.subscribe([(topic_filter, 0) for topic_filter in (*topic_filters, goodbye)])
            assert subscribed.wait(5), f"no answer to a subscription:\n{self.log}"
            yield ear
            if client.is_connected() and client.publish(goodbye, "").rc == paho.MQTT_ERR_SUCCESS:
                heard_goodbye.wait(2)

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False, qos: int = 1) -> None:
        """Say something as another client."""
        self.publish_all([(topic, payload)], retain=retain, qos=qos)

    def publish_all(
        self, messages: list[tuple[str, str | bytes]], *, retain: bool = False, qos: int = 1
    ) -> None:
        with self._watcher() as client:
            for info in [client.publish(topic, payload, qos, retain) for topic, payload in messages]:
                info.wait_for_publish(10)
                assert info.is_published()

    @contextmanager
    def _watcher(self) -> Iterator[paho.Client]:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.max_inflight_messages = 0
        if self._knows_users:
            client.username_pw_set(WATCHER, WATCHER)
        connected = threading.Event()
        client.on_connect = lambda *_: connected.set()
        client.connect("127.0.0.1", self._plain_port)
        client.loop_start()
        try:
            assert connected.wait(5), f"no answer to the watcher:\n{self.log}"
            yield client
        finally:
            client.disconnect()
            client.loop_stop()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it does not run"
        self._process.send_signal(number)

    def _write_users(self) -> None:
        if self._knows_users:
            file = self.folder / "passwords"
            file.write_text("".join(f"{name}:{password}\n" for name, password in self._all_users().items()))
            file.chmod(0o600)
            _run("mosquitto_passwd", "-U", str(file))

    @property
    def _knows_users(self) -> bool:
        return bool(self.users) or self.access is not None

    def _all_users(self) -> dict[str, str]:
        return {**self.users, WATCHER: WATCHER}

    def _configuration(self) -> str:
        lines = [
            "user root" if os.geteuid() == 0 else "",  # or it could not read its folder
            "persistence true",
            f"persistence_location {self.folder}/",
            "max_queued_messages 100000",  # so that no test loses messages; 0, unlimited, is broken in 2.0.11
            f"allow_anonymous {'false' if self.users else 'true'}",
            f"password_file {self.folder / 'passwords'}" if self._knows_users else "",
        ]
        if self.access is not None:
            access = self.folder / "access"
            access.write_text(f"{self.access}\nuser {WATCHER}\ntopic readwrite #\n")
            access.chmod(0o600)
            lines.append(f"acl_file {access}")
        if self.refuse_subscriptions:
            rules = self.folder / "rules.json"
            rules.write_text('{"defaultACLAccess": {"publishClientSend": true, "subscribe": false}}')
            lines += [f"plugin {_plugin('mosquitto_dynamic_security.so')}", f"plugin_opt_config_file {rules}"]
        # Mosquitto 2.0 does not start with nothing but a websockets listener: the plain one comes first
        lines += [self.settings, f"listener {self._plain_port} 127.0.0.1", f"listener {self.port}"]
        lines.append("protocol websockets" if self.websockets else "socket_domain ipv4")
        lines.append(self.of_listener)
        if self.certificates is not None:
            lines += [
                f"cafile {self.certificates.ca}",
                f"certfile {self.certificates.certificate('server')}",
                f"keyfile {self.certificates.key('server')}",
                f"require_certificate {'true' if self.client_certificates else 'false'}",
            ]
        return "\n".join(lines) + "\n"

    def _launch(self) -> bool:
        """Whether it came up; if not, `log` says why."""
        configuration = self.folder / "mosquitto.conf"
        configuration.write_text(self._configuration())
        with (self.folder / "mosquitto.log").open("wb") as log:
            self._process = subprocess.Popen(
                [_program("mosquitto"), "-v", "-c", str(configuration)], stdout=log, stderr=log
            )
        eventually(lambda: self._ended() or " running\n" in self.log, 10)
        if self._ended():
            self._process = None
        return self._process is not None

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None


def _acknowledge_at_once(client: paho.Client) -> None:
    """Or the broker waits 40 ms with its next small packet: for every question what is retained."""
    if isinstance(connection := client.socket(), socket.socket) and hasattr(socket, "TCP_QUICKACK"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def free_ports(count: int) -> list[int]:
    """Below those that the system gives to outgoing connections, so that a port stays free over a restart.

    Each of several processes has its own: it would take the ports of another's broker that is stopped.
    """
    first, step = _own_share()
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(first, 32_000, step)
        if port in ports:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                continue
        ports.append(port)
    return ports


def _own_share() -> tuple[int, int]:
    """The first of this process's ports, and how far it is to the next."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return 15_000 + int(worker), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def _program(name: str) -> str:
    found = shutil.which(name, path=SBIN)
    assert found, f"The tests need {name}: apt-get install mosquitto openssl"
    return found


def _plugin(name: str) -> Path:
    folders = (Path("/usr/lib"), Path("/usr/local/lib"), Path("/opt/homebrew/lib"))
    found = [each for folder in folders for depth in ("", "*/") for each in folder.glob(f"{depth}{name}")]
    assert found, f"The tests need Mosquitto's {name}"
    return found[0]


def _run(name: str, *arguments: str, given: str = "") -> str:
    done = subprocess.run(
        [_program(name), *arguments], input=given, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, f"{name}: {done.stderr}"
    return done.stdout
