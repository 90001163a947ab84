"""One polite session with Fluvius: time-outs, few retries, Retry-After, errors with names."""

import json
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from bridge.fluvius import clock
from bridge.fluvius.errors import AnswerTooLarge, FluviusError, ShapeChanged, TryLater
from bridge.fluvius.seen import Seen
from bridge.text.deadline import all_within
from bridge.text.foreign import clean
from bridge.text.punctual import PunctualAdapter

if TYPE_CHECKING:
    from bridge.fluvius.recording import Recorder

log = logging.getLogger(__name__)

# Seen: a request without a browser-like User-Agent may be refused.
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ACCEPT_LANGUAGE = "nl-BE,nl;q=0.9,en;q=0.8"  # as browsers in Flanders; messages come in it

_CONNECT_SECONDS, _SILENCE_SECONDS, _EXCHANGE_SECONDS = 10, 30, 60
A_PAGE = 2 * 1024 * 1024  # bytes: the sign-in page has some 100 kB, a token or an error a few
_PATIENCE = timedelta(seconds=30)  # a longer Retry-After is not waited for here
_RETRIES = 2
_LONGEST_WORDS = 500  # characters of an error
_WORDS = ("message", "error_description", "detail", "title", "error", "code")  # the first says most
# What becomes of a request; the last: no answer, or half of one.
OUTCOMES = ("ok", "refused", "too_many", "server_error", "unreachable")
_UNHURRIED_AFTER = 2  # like a browser: a page's first requests come at once, more are spread out


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, read to its end."""

    status: int
    headers: CaseInsensitiveDict[str]
    url: str
    text: str

    def json(self) -> Any:
        """The body as JSON, numbers with a fraction as exact decimals.

        Raises:
            TryLater: it is a page, as during maintenance.
            ShapeChanged: it is neither.
        """
        try:
            return json.loads(self.text, parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, ArithmeticError, RecursionError):
            if self.text.lstrip().startswith("<"):
                raise TryLater(
                    "Fluvius shows a page instead of data, as it does during maintenance"
                ) from None
            raise ShapeChanged("Fluvius answered something that is not JSON") from None

    def words(self) -> str:
        """What the answer says to people, be it of Fluvius, of the gateway before it, or of a sign-in."""
        try:
            content = json.loads(self.text)
        except (RecursionError, ValueError):
            return ""
        said = _in_lower_case(content)
        said |= _in_lower_case(said.get("error"))
        message = next((text for name in _WORDS if isinstance(text := said.get(name), str) and text), None)
        more = said.get("validationerrormessages")
        messages = [message, *(more if isinstance(more, list) else [more])]
        return clean("; ".join(str(each) for each in messages if each), _LONGEST_WORDS)


@dataclass
class PoliteSession:
    """Requests to Fluvius, one at a time.

    Args:
        pause: waits that many seconds; may raise to end the run.
        now: the present instant, aware.
    """

    pause: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    longest_pause: float = 1.2  # seconds between two requests for readings
    exchange_seconds: float = _EXCHANGE_SECONDS  # for one request and the whole answer to it
    count: int = 0  # requests made
    outcomes: Counter[str] = field(default_factory=Counter)  # of these, as in OUTCOMES
    seen: Seen = field(default_factory=Seen)  # how the answers look
    latest: Response | None = None  # the answer that came last
    recorder: "Recorder | None" = None  # of all that is asked and answered
    _http: requests.Session = field(default_factory=requests.Session)
    _transport: PunctualAdapter = field(default_factory=PunctualAdapter)
    _unhurried: int = 0

    def __post_init__(self) -> None:
        for scheme in ("https://", "http://"):
            self._http.mount(scheme, self._transport)
        self._http.headers["User-Agent"] = USER_AGENT
        self._http.headers["Accept-Language"] = ACCEPT_LANGUAGE
        self._http.auth = lambda request: request  # or requests would prefer a .netrc to our bearer token

    def keep_odd(self, why: str) -> None:
        """The latest answer was not understood, in whole or in part."""
        if self.latest:
            self.seen.keep(self.latest, self.now(), why)

    @contextmanager
    def keeping_what_is_odd(self) -> Iterator[None]:
        """Keep the shape of an answer that is not understood."""
        try:
            yield
        except ShapeChanged as error:
            self.keep_odd(str(error))
            raise

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def forget_cookies(self) -> None:
        """Be a new visitor."""
        self._http.cookies.clear()

    def take_time(self) -> None:
        """Spread requests for readings out, from the third on."""
        self._unhurried += 1
        if self._unhurried > _UNHURRIED_AFTER:
            self.pause(random.uniform(0.25, 1.0) * self.longest_pause)

    def get(self, url: str, **options: Any) -> Response:
        """GET, again after a moment where that helps.

        Args:
            url: the address.
            options: those of requests, and `at_most`: bytes that an answer to this question can have
                (default: `A_PAGE`).

        Raises:
            TryLater: Fluvius cannot be reached, is busy, or does not finish its answer.
            AnswerTooLarge: it answers more than it can have been asked for.
            ClockWrong: its answer says that it is another day. Nothing of it may be used.
        """
        for attempt in range(1, _RETRIES + 1):
            try:
                return self._once("GET", url, **options)
            except TryLater as trouble:
                wait = self._worth_waiting(trouble, attempt)
                if wait is None:
                    raise
                log.info("%s; trying again in %.0f s", trouble, wait)
                self.pause(wait)
        return self._once("GET", url, **options)

    def post(self, url: str, **options: Any) -> Response:
        """POST, once only: it may have been understood although its answer was lost. Otherwise as `get`.

        Raises:
            TryLater, ShapeChanged: as for `get`.
        """
        return self._once("POST", url, **options)

    def _worth_waiting(self, trouble: TryLater, attempt: int) -> float | None:
        jittered = 2**attempt * random.uniform(0.5, 1.0)
        if trouble.not_before is None:
            return jittered if trouble.reached else None
        left = trouble.not_before - self.now()
        return max(left.total_seconds(), 0) + jittered if left <= _PATIENCE else None

    def _once(self, method: str, url: str, *, at_most: int = A_PAGE, **options: Any) -> Response:
        self.count += 1
        self.latest = None
        try:
            self.latest = response = self._answered(method, url, at_most, options)
        except FluviusError as error:
            self.outcomes["unreachable"] += 1
            if self.recorder:
                self.recorder.failed(method, url, options, self.now(), error)
            raise
        self.outcomes[_outcome(response.status)] += 1
        if self.recorder:
            self.recorder.answered(method, url, options, self.now(), response)
        log.debug("%s %s: %d", method, url.partition("?")[0], response.status)
        clock.compare(response.headers, self.now())
        if response.status == 429 or response.status >= 500:
            why = (
                "Fluvius asks for fewer requests"
                if response.status == 429
                else f"Fluvius reports an error of its own (HTTP {response.status})"
            )
            words = response.words()
            raise TryLater(
                f"{why}: {words}" if words else why,
                not_before=_retry_after(response.headers.get("Retry-After"), self.now()),
            )
        return response

    def _answered(self, method: str, url: str, at_most: int, options: dict[str, Any]) -> Response:
        options.setdefault("allow_redirects", False)
        try:
            with all_within(self.exchange_seconds, self._transport.sockets) as is_cut:
                response = self._exchange(method, url, at_most, options)
                if is_cut.is_set():  # what ends with the connection looks whole
                    raise TimeoutError
                return response
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            LookupError,
            OSError,
            ValueError,
        ) as error:
            if is_cut.is_set():
                raise TryLater("Fluvius does not finish its answer", reached=False) from error
            raise _unreachable(error) from error

    def _exchange(self, method: str, url: str, at_most: int, options: dict[str, Any]) -> Response:
        timeout = _CONNECT_SECONDS, _SILENCE_SECONDS
        with self._http.request(method, url, timeout=timeout, stream=True, **options) as answer:
            return Response(answer.status_code, answer.headers, answer.url, _read(answer, at_most))


def _outcome(status: int) -> str:
    if status == 429:
        return "too_many"
    return "ok" if status < 400 else "refused" if status < 500 else "server_error"


def _read(answer: requests.Response, at_most: int) -> str:
    """The whole body, unless it is larger than an answer can be."""
    body = bytearray()
    while part := answer.raw.read1(64 * 1024, decode_content=True):
        body += part
        if len(body) > at_most:
            raise AnswerTooLarge(
                f"Fluvius answers more than {at_most // 1024:,} kB, far more than was asked for"
            )
    try:
        return body.decode(answer.encoding or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _unreachable(error: Exception) -> FluviusError:
    """The first of these sentences that fits. A silent Fluvius is not asked again at once."""
    text, kinds = str(error), requests.exceptions
    why = f"{_innermost(error)}; check the internet connection"
    never_reached = isinstance(error, kinds.ConnectTimeout) or "NameResolution" in text or "refused" in text
    unusable_proxy = isinstance(error, kinds.InvalidProxyURL) or "SOCKS" in text
    cut = isinstance(error, kinds.ChunkedEncodingError | urllib3.exceptions.ProtocolError)
    sentences = (
        (unusable_proxy, "HTTPS_PROXY names a proxy that cannot be used", False),
        (isinstance(error, kinds.SSLError), f"the connection to Fluvius is not secure: {why}", False),
        (isinstance(error, kinds.ProxyError), "the proxy (HTTPS_PROXY) does not let us through", False),
        (never_reached, f"Fluvius cannot be reached: {why}", False),
        (isinstance(error, kinds.Timeout) or "timed out" in text, "Fluvius does not answer in time", False),
        (cut, "Fluvius cut the connection in the middle of its answer", True),
        (isinstance(error, kinds.ConnectionError), "Fluvius cut the connection", True),
        (not isinstance(error, requests.RequestException) and isinstance(error, OSError), text, False),
    )
    for fits, sentence, reached in sentences:
        if fits:
            return TryLater(sentence, reached=reached)
    return ShapeChanged(f"Fluvius answered something unexpected ({type(error).__name__})")


def _innermost(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _retry_after(value: str | None, now: datetime) -> datetime | None:
    """The instant that a Retry-After header names, in seconds or as a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return now + timedelta(seconds=min(int(value.strip()[:9]), 7 * 24 * 3600))
    named = clock.http_date(value)
    return named and min(named, now + timedelta(days=7))


def _in_lower_case(content: Any) -> dict[str, Any]:
    """The fields of an object, whose case differs from one part of Fluvius to another."""
    return {str(name).lower(): value for name, value in content.items()} if isinstance(content, dict) else {}


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not an amount")
