"""Metrics at an address of their own, for a bridge without a page."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hmac import compare_digest
from http import HTTPStatus
from socket import AF_INET6
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client.exposition import ThreadingWSGIServer

from bridge.metrics.passwords import said
from bridge.text.deadline import all_within
from bridge.text.endings import ForTheUser
from bridge.text.hosts import is_called_as_this_machine, is_this_machine, why_not_to_be_had

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

_AT_ONCE = 8  # connections
_PATIENCE = 10.0  # seconds of silence
_AT_MOST = 60.0  # seconds for everything, however little is said at a time
_LOOK = 0.2  # seconds until it is noticed that all is over
_WRONG = 1.0  # seconds that a wrong password takes


class MetricsError(ForTheUser):
    """Metrics cannot be served; the message says why and what to do."""


class Door:
    """Lets those in who know the password, and shows them one page.

    Args:
        exposition: answers them.
        password: what they have to know; None where nothing is asked. Where it then listens to this machine
            alone, it answers only if it is called by a name of this machine; a site whose name was made to
            lead here could read it otherwise.
        host: the address on which it listens.
    """

    def __init__(self, exposition: "WSGIApplication", password: str | None, host: str) -> None:
        self._exposition, self._password = exposition, password
        self._only_as_this_machine = password is None and is_this_machine(host)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        if refusal := self._refusal(environ):
            wants = [("WWW-Authenticate", "Basic")] if refusal is HTTPStatus.UNAUTHORIZED else []
            start_response(f"{refusal.value} {refusal.phrase}", [("Content-Type", "text/plain"), *wants])
            return [f"{refusal.phrase}\n".encode()]
        return self._exposition(environ, start_response)

    def _refusal(self, environ: "WSGIEnvironment") -> HTTPStatus | None:
        if self._only_as_this_machine and not is_called_as_this_machine(environ.get("HTTP_HOST", "")):
            return HTTPStatus.FORBIDDEN
        if environ.get("PATH_INFO") != "/metrics":
            return HTTPStatus.NOT_FOUND
        return (
            None if self._opens_for(said(environ.get("HTTP_AUTHORIZATION", ""))) else HTTPStatus.UNAUTHORIZED
        )

    def _opens_for(self, password: str | None) -> bool:
        if self._password is None:
            return True
        if password is None:
            return False
        if compare_digest(password.encode(), self._password.encode()):
            return True
        time.sleep(_WRONG)
        return False


class _Handler(WSGIRequestHandler):
    timeout = _PATIENCE

    def get_environ(self) -> "WSGIEnvironment":
        """With the whole of a password: a byte of its last letter (à) would pass for a blank."""
        environ = super().get_environ()
        if said := self.headers.get("Authorization"):
            environ["HTTP_AUTHORIZATION"] = said
        return environ

    def log_message(self, *_: object) -> None:
        """Every scrape would be a line."""


class _Server(ThreadingWSGIServer):
    def __init__(self, *arguments: Any) -> None:
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__(*arguments)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # and nobody is asked for the name of the host
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread is to be had
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            with all_within(_AT_MOST, lambda: [request]):
                super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, *_: object) -> None:
        log.debug("a scrape ended early", exc_info=True)  # noqa: LOG014 - it is called inside one


class _Server6(_Server):
    address_family = AF_INET6


@contextmanager
def served(exposition: "WSGIApplication", *, host: str, port: int, password: str | None) -> Iterator[int]:
    """Serve metrics meanwhile.

    Args:
        exposition: answers with them.
        host: the address to listen on.
        port: of it; 0 for any that is free.
        password: see `Door`.

    Yields:
        The port.

    Raises:
        MetricsError: the address or the port is not to be had.
    """
    door = Door(exposition, password, host)
    try:
        server = make_server(host, port, door, _Server6 if ":" in host else _Server, _Handler)
    except OSError as error:
        raise MetricsError(
            f"metrics cannot be served on {host} port {port} ({why_not_to_be_had(error)});"
            " set metrics.host and metrics.port to others, or metrics to false"
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(_LOOK,), name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(2)
