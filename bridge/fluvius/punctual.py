"""A transport whose exchanges end, whatever trickles: requests bounds each read, not all of them together."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

import urllib3
from requests.adapters import HTTPAdapter


class PunctualAdapter(HTTPAdapter):
    """Requests' own transport, with connections that can be cut while somebody waits for an answer."""

    def __init__(self) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        super().__init__()

    @contextmanager
    def all_within(self, seconds: float) -> Iterator[threading.Event]:
        """Cut the connections if what happens here is not over in time; yields whether that was done."""
        is_cut = threading.Event()

        def cut() -> None:
            is_cut.set()
            for each in list(self._sockets):
                with suppress(OSError):  # below TLS, which would first want to say goodbye
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

        timer = threading.Timer(seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield is_cut
        finally:
            timer.cancel()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """As requests does it."""
        super().init_poolmanager(*arguments, **options)
        self._know_sockets_of(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> urllib3.ProxyManager:
        """As requests does it."""
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **options)
        self._know_sockets_of(manager)
        return manager

    def _know_sockets_of(self, manager: urllib3.PoolManager) -> None:
        manager.pool_classes_by_scheme = {
            scheme: _pool_of_known_sockets(pool, self._sockets)
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }


def _pool_of_known_sockets(
    pool: type[urllib3.HTTPConnectionPool], known: WeakSet[socket.socket]
) -> type[urllib3.HTTPConnectionPool]:
    usual: Any = pool.ConnectionCls

    class Connection(usual):  # type: ignore[misc]  # plain, TLS or by way of a proxy
        """Knows its sockets from the moment they are there until nobody reads from them any more."""

        _sock: socket.socket | None = None

        @property
        def sock(self) -> socket.socket | None:
            return self._sock

        @sock.setter
        def sock(self, opened: socket.socket | None) -> None:
            self._sock = opened
            if isinstance(opened, socket.socket):
                known.add(opened)

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})
