"""A deadline for a whole exchange: a socket's time-out is one of each read, and bytes may trickle on."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def all_within(seconds: float, sockets: Callable[[], Iterable[socket.socket]]) -> Iterator[threading.Event]:
    """Cut connections if what happens here is not over in time; yields whether that was done.

    Args:
        seconds: for everything that happens here.
        sockets: the connections, as they are at the deadline.
    """
    is_cut = threading.Event()

    def cut() -> None:
        is_cut.set()
        for each in sockets():
            with suppress(OSError):  # below TLS, which would first want to say goodbye
                socket.socket.shutdown(each, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield is_cut
    finally:
        timer.cancel()
