"""A browser's connection: how much may come in by it, and how long it may stand still."""

import time
from copy import copy
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from werkzeug.wrappers import Request

from bridge.web.uploads import LARGEST

MOST = 90  # connections; when there are more, who is waited for longest makes room

_UNANSWERED = 10  # requests; browsers send one, and the next when they have its answer
_SLOWEST = 4 * 1024  # bytes of a body in a second, on average
_ANSWERED_BY_A_PAGE = 1024 * 1024  # bytes, however large a form may be; what is larger is not received


class Limits(Protocol):
    """Who knows how much of a request is worth receiving."""

    def largest(self, request: Request) -> int:
        """In bytes of its body, which has not come yet."""


class _TooLarge(ErrorTask):
    """Says in our words what waitress says of a request that it does not take."""

    def execute(self) -> None:
        error: Any = self.request.error  # type: ignore[attr-defined]  # of the parser
        if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            error.body = (
                f"That is more than {LARGEST // 1024**2} MB, and more than any history of Mijn Fluvius."
                " Go back, and choose another file."
                if self.request.adj.max_request_body_size == LARGEST  # type: ignore[attr-defined]
                else "Whoever sends this much has to be signed in: go back, reload the page, and try again."
            )
        super().execute()


class _Parser(HTTPRequestParser):
    """Puts no body aside that nobody may send: what is received goes to the disk before the page sees it."""

    def __init__(self, adj: Any, channel: "Channel") -> None:
        super().__init__(adj)
        self._channel = channel

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError:  # half of an IPv6 address, a length of thousands of digits
            raise ParsingError("this is not an HTTP request") from None
        self._channel.asked_at = time.monotonic()
        parsed: Any = self
        request = Request(WSGITask(self._channel, parsed).get_environment())
        self.adj = copy(self.adj)
        self.adj.max_request_body_size = max(self._channel.limits.largest(request), _ANSWERED_BY_A_PAGE)


class Channel(HTTPChannel):
    """One connection."""

    error_task_class = _TooLarge

    def __init__(self, limits: Limits, *args: Any, **options: Any) -> None:
        self.limits, self.asked_at = limits, time.monotonic()
        parser: Any = partial(_Parser, channel=self)
        self.parser_class = parser
        super().__init__(*args, **options)
        self._make_room()

    def received(self, data: bytes) -> bool:
        """Whoever asks again and again, and takes no answer, would keep a thread until there is room."""
        was_taken = bool(super().received(data))
        if len(self.requests) > _UNANSWERED:
            self.handle_close()
        return was_taken

    def readable(self) -> bool:
        """Waitress asks before each round; whose request never ends would keep a place for ever."""
        if self.requests or self.total_outbufs_len:
            self.asked_at = time.monotonic()
        elif super().readable() and self.lateness() > self.adj.channel_timeout:
            self.handle_close()
            return False
        return bool(super().readable())

    def writable(self) -> bool:
        """Waitress asks before each round; who takes nothing any more would keep a thread for ever."""
        if self.total_outbufs_len and time.time() - self.last_activity > self.adj.channel_timeout:
            self.handle_close()
            return False
        return bool(super().writable())

    def lateness(self) -> float:
        """For how many seconds a request has been waited for, or the rest of one after what came of it."""
        came = self.request.body_bytes_received if self.request else 0
        return time.monotonic() - self.asked_at - came / _SLOWEST

    def _make_room(self) -> None:
        """Nobody is refused, for behind one address there may be a proxy, and with it everybody."""
        server: Any = self.server
        others = [each for each in server.active_channels.values() if each is not self]
        if len(others) >= MOST and (idle := [each for each in others if not each.requests]):
            max(idle, key=Channel.lateness).handle_close()
