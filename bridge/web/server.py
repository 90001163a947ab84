"""The page's HTTP server: a thread of its own beside the one that works."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from socket import AF_INET, AF_INET6
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

from bridge.text.endings import ForTheUser
from bridge.text.hosts import why_not_to_be_had
from bridge.web.app import App
from bridge.web.channels import MOST, Channel
from bridge.web.doors import Door
from bridge.web.house import House
from bridge.web.sessions import Key
from bridge.web.uploads import LARGEST

log = logging.getLogger(__name__)

logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of every request that waits a moment

_THREADS = 4
_PATIENCE = 75  # seconds for a request to come, or for anything to move; nginx keeps an idle connection 60


class PageError(ForTheUser):
    """The page cannot be served; the message says why and what to do."""


@contextmanager
def served(house: Callable[[], House], door: Door, key: Key, *, host: str, port: int) -> Iterator[int]:
    """Serve the page meanwhile.

    Args:
        house: what it looks at now.
        door: who may look.
        key: for cookies.
        host: the address to listen on.
        port: of it; 0 for any that is free.

    Yields:
        The port.

    Raises:
        PageError: the address or the port is not to be had.
    """
    connections: dict[int, Any] = {}
    held: dict[int, Any] = {}
    app = App(house, door, key)
    try:
        listening = socket.create_server((host, port), family=AF_INET6 if ":" in host else AF_INET)
        server: Any = create_server(
            app,
            map=connections,
            sockets=[listening],
            threads=_THREADS,
            ident=None,
            max_request_header_size=16 * 1024,
            max_request_body_size=LARGEST,
            outbuf_high_watermark=1024 * 1024,  # what is sent while it is read waits for who takes it
            channel_timeout=_PATIENCE,
            connection_limit=MOST + 10,  # never reached: the longest idle one is closed before
            clear_untrusted_proxy_headers=True,
        )
    except OSError as error:
        raise PageError(
            f"the page cannot listen on {host} port {port} ({why_not_to_be_had(error)});"
            " set web.host and web.port to others, or web to false"
        ) from None

    def let_go() -> None:  # the loop ends when it has none left
        held.update(connections)
        connections.clear()

    server.channel_class = partial(Channel, app)
    thread = threading.Thread(target=server.run, name="page", daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.trigger.pull_trigger(let_go)
        thread.join(2)
        server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(held, ignore_all=True)  # now, for until they ended the threads used them
