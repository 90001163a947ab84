"""A transport that knows its sockets, so that an exchange which trickles can be cut."""

import socket
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
import urllib3
from requests.adapters import HTTPAdapter

from bridge.text.hosts import is_this_machine


class PunctualAdapter(HTTPAdapter):
    """Requests' own transport, with sockets that can be cut while somebody waits for an answer."""

    def __init__(self) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        super().__init__()

    def sockets(self) -> list[socket.socket]:
        """Those that are open now, also where only an answer still knows its own."""
        return list(self._sockets)

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """As requests does it; what is on this machine is reached without a proxy."""
        if is_this_machine(urlsplit(request.url or "").hostname or ""):
            options["proxies"] = {}
        return super().send(request, *arguments, **options)

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
