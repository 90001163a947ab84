"""A Fluvius that takes its time until the test has seen what it wanted to see meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message

from bridge.simulator import Simulator
from bridge.simulator.response import Response

_AT_MOST = 30  # seconds


@contextmanager
def holding(fluvius: Simulator, group: str) -> Iterator[None]:
    """Meanwhile, requests of a group are counted, and answered at the end of the block."""
    goes_on, answered = threading.Event(), fluvius.answer

    def answer(method: str, target: str, headers: Message, body: bytes) -> Response:
        before = fluvius.count(group)
        response = answered(method, target, headers, body)
        if fluvius.count(group) > before:
            goes_on.wait(_AT_MOST)
        return response

    fluvius.answer = answer  # type: ignore[method-assign]
    try:
        yield
    finally:
        goes_on.set()
        fluvius.answer = answered  # type: ignore[method-assign]
