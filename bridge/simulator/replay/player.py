"""Answers as they were recorded, as of another day and at another address."""

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bridge.simulator.household import BRUSSELS
from bridge.simulator.replay import moments
from bridge.simulator.replay.recording import Exchange, Recording
from bridge.simulator.response import Response, as_text
from bridge.simulator.server import Served
from bridge.simulator.writing import base64url, http_date

LOG = logging.getLogger(__name__)

_JWT = "$jwt"
_MADE_UP = re.compile(r"[a-z]+-[0-9]+")  # what stands for something in a recording
_BY_THE_CLIENT = ("state", "nonce")  # what it makes up, and wants to see again
_RELATIVE = ("Date", "Retry-After")  # headers that may hold an instant
_STALL = 300.0  # seconds
_TOO_LARGE = 64 * 1024**2  # characters


class Replay(Served):
    """A recording at an address of its own: the same answers to the same questions, again and again.

    They come in the order in which they were recorded. What was never asked is answered 404.

    Args:
        recording: the visit.
        now: gives the present moment, aware: dates in the answers are so many days later than they were.
    """

    def __init__(
        self, recording: Recording, now: Callable[[], datetime], *, port: int = 0, host: str = "127.0.0.1"
    ) -> None:
        super().__init__(port, host)
        self.recording, self._now = recording, now
        self._served: Counter[tuple[int, ...]] = Counter()
        self._bound: dict[str, str] = {}
        self._lock = Lock()
        hosts = "|".join(sorted({re.escape(each.host) for each in recording.exchanges if each.host}))
        self._asked_hosts = re.compile(rf"https?://(?:{hosts})(?=[/?#]|\Z|[\"'\\ ])")
        self.unknown: list[str] = []  # what was asked and is not in the recording

    @property
    def instant(self) -> datetime:
        """The present moment in UTC."""
        return self._now().astimezone(UTC)

    @property
    def days_later(self) -> int:
        """How many days after the recording it is."""
        here, there = (each.astimezone(BRUSSELS).date() for each in (self._now(), self.recording.recorded))
        return (here - there).days

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Response:
        """What was recorded as the answer to such a request."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        is_form = headers.get_content_type() == "application/x-www-form-urlencoded"
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)) if is_form else {}
        with self._lock:
            found = self._found(method, parts.path, query, form.get("grant_type"))
            if found is None:
                self.unknown.append(f"{method} {parts.path}")
                LOG.info("%s %s -> 404, it is not in the recording", method, parts.path)
                return as_text("This is not in the recording.\n", 404)
            self._bound |= {
                there: query[name]
                for name in _BY_THE_CLIENT
                if name in query and (there := found.query.get(name))
            }
            scheme = headers.get("X-Forwarded-Proto", "http")
            response = self._answered(found, f"{scheme}://{headers.get('Host', 'localhost')}")
        LOG.info("%s -> %s", found, found.failure or response.status)
        return response

    def _found(self, method: str, path: str, query: Mapping[str, str], grant: str | None) -> Exchange | None:
        """The next answer to the very question, or else to one that differs in nothing but moments."""
        every = self.recording.exchanges
        same = [
            number
            for number, each in enumerate(every)
            if (each.method, each.path, each.form.get("grant_type")) == (method, path, grant)
            and each.query.keys() == query.keys()
        ]
        for alike in (self._is_the_same, _is_alike):
            if fitting := tuple(number for number in same if alike(every[number].query, query)):
                turn = self._served[fitting] % len(fitting)
                self._served[fitting] += 1
                return every[fitting[turn]]
        return None

    def _is_the_same(self, there: Mapping[str, str], here: Mapping[str, str]) -> bool:
        return _is_alike(there, here) and all(
            self._later(value) == here[name] for name, value in there.items() if moments.is_one(value)
        )

    def _later(self, text: str) -> str:
        return moments.later(text, self.days_later)

    def _answered(self, exchange: Exchange, base: str) -> Response:
        recorded = exchange.response
        if recorded is None:
            return _unanswered(exchange.failure or "")
        headers = {name: self._header(name, text, exchange.at) for name, text in recorded["headers"].items()}
        if "Location" in headers:
            headers["Location"] = self._here(headers["Location"], base)
        response = Response(
            recorded["status"],
            self._body(recorded, base).encode("utf-8", "replace"),
            f"{headers.pop('Content-Type', 'text/plain').partition(';')[0]}; charset=utf-8",
            list(headers.items()),
            has_date=False,
        )
        return response.with_cookies(dict.fromkeys(recorded.get("cookies", ()), "recorded"))

    def _header(self, name: str, text: str, at: datetime) -> str:
        """An instant, as long before or after now as it was then."""
        try:
            said = parsedate_to_datetime(text) if name in _RELATIVE else None
            return http_date(self.instant + (said - at)) if said and said.tzinfo else text
        except (IndexError, OverflowError, TypeError, ValueError):
            return text

    def _body(self, recorded: Mapping[str, Any], base: str) -> str:
        if "json" in recorded:
            return json.dumps(self._value(recorded["json"], base))
        return self._here(str(recorded.get("page", recorded.get("text"))), base)

    def _value(self, value: Any, base: str) -> Any:
        if isinstance(value, dict):
            if value.keys() == {_JWT} and isinstance(value[_JWT], list):
                parts = (json.dumps(self._value(each, base)).encode() for each in value[_JWT])
                return ".".join([*map(base64url, parts), base64url(b"unsigned")])
            return {self._here(name, base): self._value(each, base) for name, each in value.items()}
        if isinstance(value, list):
            return [self._value(each, base) for each in value]
        return self._later(self._here(value, base)) if isinstance(value, str) else value

    def _here(self, text: str, base: str) -> str:
        """With our address in place of the hosts that were asked, and with what the client made up."""
        if "://" in text:
            text = self._asked_hosts.sub(lambda _: base, text)
        return _MADE_UP.sub(lambda found: self._bound.get(found[0], found[0]), text)


def _is_alike(there: Mapping[str, str], here: Mapping[str, str]) -> bool:
    """Whether two questions differ in nothing but moments, and what stands for something."""
    return all(
        value == here[name] or moments.is_one(value) or _MADE_UP.fullmatch(value) or "@" in value
        for name, value in there.items()
        if "://" not in value
    )


def _unanswered(failure: str) -> Response:
    """How a request ended without an answer."""
    match failure:
        case "silence":
            return Response(pause=_STALL)
        case "too large":
            return Response(body=b" " * _TOO_LARGE)
        case _:
            return Response(body=b"[]", cut=True)
