"""What no one would wish for: a broker that answers what the test says, and a line that is slow."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 0x10, 0x20, 0x30, 0x40, 0x80, 0x90
UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 0xA0, 0xB0, 0xC0, 0xD0, 0xE0


@dataclass(frozen=True)
class Packet:
    """What a client sent."""

    kind: int
    flags: int
    body: bytes

    @property
    def topic(self) -> str:
        """Of a PUBLISH, or the one of a SUBSCRIBE of MQTT 3.1.1 or of 5 without properties."""
        begin = 0 if self.kind == PUBLISH else 3 if self.body[2:4] == b"\0\0" else 2
        (length,) = struct.unpack_from("!H", self.body, begin)
        return self.body[begin + 2 : begin + 2 + length].decode()

    @property
    def mid(self) -> bytes:
        begin = 2 + len(self.topic.encode()) if self.kind == PUBLISH else 0
        return self.body[begin : begin + 2]


def packet(kind: int, body: bytes) -> bytes:
    """One that is shorter than 128 bytes."""
    return bytes([kind, len(body)]) + body


def usual(received: Packet) -> bytes:
    """What a broker of MQTT 3.1.1 answers."""
    match received.kind:
        case 0x10:
            return packet(CONNACK, b"\0\0")
        case 0x30:
            return packet(PUBACK, received.mid)
        case 0x80:
            return packet(SUBACK, received.mid + b"\1")
        case 0xA0:
            return packet(UNSUBACK, received.mid)
        case 0xC0:
            return packet(PINGRESP, b"")
    return b""


@dataclass
class OddBroker:
    """Answers each packet as `answer` says; None hangs up."""

    answer: Callable[[Packet], bytes | None] = usual
    received: list[Packet] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def topics(self, kind: int) -> list[str]:
        return [each.topic for each in list(self.received) if each.kind == kind]

    @contextmanager
    def open(self) -> Iterator["OddBroker"]:
        with socket.create_server(("127.0.0.1", self.port)) as server:
            self.port = server.getsockname()[1]
            thread = threading.Thread(target=self._serve, args=(server,))
            thread.start()
            try:
                yield self
            finally:
                server.shutdown(socket.SHUT_RDWR)
                thread.join()

    def _serve(self, server: socket.socket) -> None:
        talks = []
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                self.connections += 1
                talks.append((connection, threading.Thread(target=self._talk, args=(connection,))))
                talks[-1][1].start()
        for connection, thread in talks:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as file:
            while head := file.read(1):
                length, shift = 0, 0
                while (digit := file.read(1)[0]) & 128:
                    length, shift = length | (digit & 127) << shift, shift + 7
                received = Packet(head[0] & 0xF0, head[0] & 0x0F, file.read(length | digit << shift))
                self.received.append(received)
                answer = self.answer(received)
                if answer is None:
                    connection.shutdown(socket.SHUT_WR)
                    file.read()  # or what was answered before would be lost with what was not heard
                    return
                connection.sendall(answer)


@contextmanager
def slow_line(port: int, rate: float = float("inf"), delay: float = 0.0) -> Iterator[int]:
    """A way to a port on this machine: so many bytes a second from the client, so many seconds each way."""

    def carry(source: socket.socket, sink: socket.socket, rate: float) -> None:
        with suppress(OSError):
            while some := source.recv(512 if rate < float("inf") else 65_536):
                time.sleep(len(some) / rate + delay)
                sink.sendall(some)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                broker = socket.create_connection(("127.0.0.1", port))
                ends.extend((client, broker))
                for arguments in ((client, broker, rate), (broker, client, float("inf"))):
                    threads.append(threading.Thread(target=carry, args=arguments))
                    threads[-1].start()

    ends: list[socket.socket] = []
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = threading.Thread(target=serve)
        accepting.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for end in ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for end in ends:
                end.close()
