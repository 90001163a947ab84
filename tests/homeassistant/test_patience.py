"""Home Assistant and its Supervisor that never come to an end are not waited for without end."""

import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from bridge.homeassistant import core, supervisor
from bridge.homeassistant.core import Core
from bridge.homeassistant.errors import CoreAway
from tests.rig.core import serving
from tests.rig.trickle import STAGES, saying
from tests.rig.trickle import serving as answering

pytestmark = pytest.mark.timeout(20)


def chatter(connection: ServerConnection) -> None:
    """Lets everyone in, and then speaks of other things."""
    with suppress(ConnectionClosed):
        connection.send(json.dumps({"type": "auth_required", "ha_version": "2026.11.0"}))
        connection.send(json.dumps({"type": "auth_ok"}))
        while True:
            connection.send(json.dumps({"id": 0, "type": "event"}))


def test_one_that_speaks_of_other_things_is_not_listened_to_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "_PATIENCE", 0.5)
    with serve(chatter, "127.0.0.1", 0) as server, serving(server):
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        with Core(url, "token") as home, pytest.raises(CoreAway, match="does not answer"):
            home.statistics()


def frame(message: object) -> bytes:
    text = json.dumps(message).encode()
    return bytes([0x81, len(text)]) + text


@contextmanager
def deaf() -> Iterator[int]:
    """Lets everyone in, and never reads again."""
    over = threading.Event()

    def talk() -> None:
        visitor, _ = door.accept()
        with visitor:
            heard = b""
            while b"\r\n\r\n" not in heard:
                heard += visitor.recv(4096)
            (key,) = re.findall(rb"(?i)sec-websocket-key: *(\S+)", heard)
            known = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            visitor.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + known + b"\r\n\r\n"
                + frame({"type": "auth_required", "ha_version": "2026.11.0"}) + frame({"type": "auth_ok"})
            )  # fmt: skip
            over.wait()

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield door.getsockname()[1]
        over.set()
        thread.join()


def test_one_that_does_not_take_what_we_say_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "_PATIENCE", 0.5)
    with deaf() as port, Core(f"ws://127.0.0.1:{port}/", "token") as home, pytest.raises(CoreAway):
        home.ask("recorder/import_statistics", stats=["x" * 1000] * 20_000)


@pytest.mark.parametrize("stage", ["the status line", "header lines", "a body until the end"])
def test_a_supervisor_that_trickles_is_told(
    stage: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(supervisor, "_PATIENCE", 0.3)
    (tmp_path / "options.json").write_text("{}")
    with answering(saying(*STAGES[stage])) as address:
        environment = {
            "SUPERVISOR_TOKEN": "token",
            "SUPERVISOR_URL": f"http://{address}",
            "ADDON_OPTIONS": str(tmp_path / "options.json"),
        }
        with pytest.raises(supervisor.SupervisorError, match="cannot be reached"):
            supervisor.broker(environment)
