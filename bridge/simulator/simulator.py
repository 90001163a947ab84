"""The simulated Fluvius at an address of its own."""

from collections.abc import Callable, Iterable
from datetime import datetime
from email.message import Message
from typing import Self

from bridge.simulator import control
from bridge.simulator.fluvius import Fluvius
from bridge.simulator.household import DEFAULT_METERS, SimulatedMeter
from bridge.simulator.portal.sign_in import SignIn
from bridge.simulator.response import Response
from bridge.simulator.server import Server


class Simulator(Fluvius):
    """A Fluvius on your desk, with controls. Use it as a context manager, or start and stop it.

    Args:
        meters: the account's meters.
        now: gives the simulated moment, an aware datetime; None: the real clock.
        email: the account's e-mail address.
        password: the account's password.
        port: 0 for any free port. A simulator that is started again keeps its port.
        host: the address to listen on.
    """

    def __init__(
        self,
        meters: Iterable[SimulatedMeter] = DEFAULT_METERS,
        now: Callable[[], datetime] | None = None,
        *,
        email: str = "you@example.com",
        password: str = "simulated",  # noqa: S107 - the secret of an account that does not exist
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(meters, now, SignIn(email, password), lambda: self.url)
        self.host = host
        self.port = port
        self._server: Server | None = None

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
        """The portal's address."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host  # noqa: S104 - not listening here
        return f"http://{host}:{self.port}"

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Response:
        """The answer to one request, for the controls or for Fluvius."""
        if target.startswith(control.PATH):
            with self.lock:
                return control.answer(self, method, target, body)
        return super().answer(method, target, headers, body)
