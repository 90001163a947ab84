"""The page's HTTP server: a thread of its own beside the one that works."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import AF_INET, AF_INET6
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

from bridge.text.endings import ForTheUser
from bridge.web.app import App
from bridge.web.doors import Door
from bridge.web.house import House

log = logging.getLogger(__name__)

_THREADS = 4
_LARGEST = 256 * 1024 * 1024  # bytes of a request: ten years of quarter-hours as Mijn Fluvius writes them


class PageError(ForTheUser):
    """The page cannot be served; the message says why and what to do."""


@contextmanager
def served(house: Callable[[], House], door: Door, key: bytes, *, host: str, port: int) -> Iterator[int]:
    """Serve the page meanwhile.

    Args:
        house: what it looks at now.
        door: who may look.
        key: a secret of this bridge, for cookies.
        host: the address to listen on.
        port: of it; 0 for any that is free.

    Yields:
        The port.

    Raises:
        PageError: the address or the port is not to be had.
    """
    connections: dict[int, Any] = {}
    left: dict[int, Any] = {}
    try:
        listening = socket.create_server((host, port), family=AF_INET6 if ":" in host else AF_INET)
        server: Any = create_server(
            App(house, door, key),
            map=connections,
            sockets=[listening],
            threads=_THREADS,
            ident=None,
            max_request_body_size=_LARGEST,
            channel_timeout=60,
            connection_limit=100,
            clear_untrusted_proxy_headers=True,
        )
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or error
        raise PageError(
            f"the page cannot listen on {host} port {port} ({why});"
            " set web.host and web.port to others, or web to false"
        ) from None

    def leave() -> None:  # the loop ends when it has none left
        left.update(connections)
        connections.clear()

    thread = threading.Thread(target=server.run, name="page", daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.trigger.pull_trigger(leave)
        thread.join(2)
        server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(left, ignore_all=True)  # only now: one of them is what the loop was told by
