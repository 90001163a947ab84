"""Servers that say a little at a time, and never come to an end."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

TRICKLE = 0.05  # seconds between two pieces: far below what a single read may take
OK = b"HTTP/1.1 200 OK\r\n"
STAGES = {
    "the status line": (b"", b"H"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "header lines": (OK, b"X-More: again\r\n"),
    "one header line": (OK + b"X-More: ", b"again"),
    "a body of some length": (OK + b"Content-Length: 1000000\r\n\r\n", b"["),
    "a body until the end": (OK + b"\r\n", b"["),
    "the size of a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n[\r\n"),
    "what comes behind the chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-More: again\r\n"),
}


@contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says what it is told to each who connects; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        stopped = threading.Event()

        def work() -> None:
            while not stopped.is_set():
                with suppress(OSError):
                    guest, _ = door.accept()
                    with closing(guest):
                        serve(guest)

        worker = threading.Thread(target=work)
        worker.start()
        try:
            yield f"127.0.0.1:{door.getsockname()[1]}"
        finally:
            stopped.set()
            with suppress(OSError), socket.create_connection(door.getsockname(), 1):
                pass
            worker.join()


def saying(begin: bytes, again: bytes = b"") -> Callable[[socket.socket], None]:
    """Says something, and then the same little piece again and again, for as long as somebody listens."""

    def serve(guest: socket.socket) -> None:
        guest.recv(64 * 1024)
        guest.sendall(begin)
        while again:
            guest.sendall(again)
            time.sleep(TRICKLE)

    return serve
