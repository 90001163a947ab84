"""The HTTP server, which can fall silent and break connections."""

import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Event, Thread
from typing import Any, Self

from bridge.simulator.response import Response, as_text
from bridge.simulator.writing import http_date

LOG = logging.getLogger(__name__)


class Server(ThreadingTCPServer):
    """Threads that die with the program, and connections that can be broken.

    Args:
        address: host and port to listen on.
        answer: gives the answer to a method, target, headers and body.
        now: gives the moment of the Date headers.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        answer: Callable[[str, str, Message, bytes], Response],
        now: Callable[[], datetime],
    ) -> None:
        self.answer, self.now = answer, now
        self.stopping = Event()
        self.connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def start(self) -> None:
        """Answers in threads of its own."""
        Thread(target=self.serve_forever, args=(0.02,), name="simulator", daemon=True).start()

    def stop(self) -> None:
        """Stops answering and breaks every connection, stalled ones too."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        self.break_connections()

    def break_connections(self) -> None:
        """Ends every connection, whatever it is busy with."""
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, _request: Any, client_address: Any) -> None:
        """A client that went away is no error."""
        LOG.debug("the connection with %s broke", client_address)


class Served:
    """What answers at an address of its own. Use it as a context manager, or start and stop it.

    Args:
        port: 0 for any free port. One that is started again keeps its port.
        host: the address to listen on.
    """

    def __init__(self, port: int, host: str) -> None:
        self.host, self.port = host, port
        self._server: Server | None = None

    @property
    def instant(self) -> datetime:
        """The moment of the Date headers, aware."""
        raise NotImplementedError

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Response:
        """The answer to one request."""
        raise NotImplementedError

    def start(self) -> Self:
        """Begins to answer; returns itself."""
        answer = lambda *asked: self.answer(*asked)  # noqa: E731, PLW0108 - another may take its place
        self._server = Server((self.host, self.port), answer, lambda: self.instant)
        self.port = self._server.server_address[1]
        self._server.start()
        return self

    def stop(self) -> None:
        """Stops answering and breaks every connection, stalled ones too."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Its address."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host  # noqa: S104 - not listening here
        return f"http://{host}:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # headers and body in one packet
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            response = self.server.answer(self.command, self.path, self.headers, body)
        except Exception:
            LOG.exception("the simulator has a bug: %s %s", self.command, self.path)
            response = as_text("The simulator has a bug: see its log.", 500)
        if response.pause and self.server.stopping.wait(response.pause):
            self.close_connection = True
            return
        self.send(response)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = respond  # noqa: N815 - http.server's names

    def send(self, response: Response) -> None:
        self.send_response_only(response.status)
        if response.has_date:
            self.send_header("Date", http_date(self.server.now()))
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in response.headers:
            self.send_header(name, value)
        self.end_headers()
        if response.cut:
            self.wfile.write(response.body[: len(response.body) // 2])
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        LOG.debug(format, *args)
