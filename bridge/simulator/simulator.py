"""The simulated Fluvius at an address of its own."""

from collections.abc import Callable, Iterable
from datetime import datetime
from email.message import Message

from bridge.simulator import control
from bridge.simulator.fluvius import Fluvius
from bridge.simulator.household import DEFAULT_METERS, SimulatedMeter
from bridge.simulator.portal.sign_in import SignIn
from bridge.simulator.response import Response
from bridge.simulator.server import Served


class Simulator(Fluvius, Served):
    """A Fluvius on your desk, with controls.

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
        Served.__init__(self, port, host)
        Fluvius.__init__(self, meters, now, SignIn(email, password), lambda: self.url)

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Response:
        """The answer to one request, for the controls or for Fluvius."""
        if target.startswith(control.PATH):
            with self.lock:
                return control.answer(self, method, target, body)
        return super().answer(method, target, headers, body)
