"""An MQTT broker inside this program, for people who have none yet."""

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Self

from amqtt.broker import Broker
from amqtt.errors import BrokerError

HOST = "127.0.0.1"
USUAL_PORT = 1883

_ATTEMPTS = 3
_PLUGINS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
_SECONDS_TO_START, _SECONDS_TO_STOP = 10.0, 0.6


class NoBroker(Exception):
    """There is no broker to work with; the message says why."""


class EmbeddedBroker:
    """amqtt in a thread of its own, for everyone on this machine; as a context manager.

    Attributes:
        port: where it listens: the usual port if that is free.
    """

    def __init__(self) -> None:
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._started = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(_SECONDS_TO_START) or self._failure:
            raise NoBroker(f"the embedded broker does not start: {self._failure}")
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(2 * _SECONDS_TO_STOP)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve())
            except Exception as error:  # noqa: BLE001 - raised in the thread that waits for the start
                self._failure = error
            self._started.set()

    async def _serve(self) -> None:
        broker = await self._listen()
        self._started.set()
        await self._stopping.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(broker.shutdown(), _SECONDS_TO_STOP)

    async def _listen(self) -> Broker:
        for _ in range(_ATTEMPTS):
            self.port = _free_port()
            listeners = {"default": {"type": "tcp", "bind": f"{HOST}:{self.port}"}}
            broker = Broker({"listeners": listeners, "plugins": _PLUGINS})
            with suppress(BrokerError):  # another program took the port meanwhile
                await broker.start()
                return broker
        raise NoBroker("no port is free")


def _free_port() -> int:
    with suppress(OSError):
        socket.create_connection((HOST, USUAL_PORT), timeout=0.3).close()
        return _bindable(0)  # someone answers there
    with suppress(OSError):
        return _bindable(USUAL_PORT)
    return _bindable(0)


def _bindable(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        bound: int = probe.getsockname()[1]
        return bound
