"""One polite question to a price service: bounded in time and in size, never asked twice."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import requests
import urllib3

from bridge import URL, __version__
from bridge.prices.errors import NotUnderstood, PricesError, TryLater
from bridge.text.deadline import all_within
from bridge.text.punctual import PunctualAdapter

log = logging.getLogger(__name__)

_CONNECT_SECONDS, _SILENCE_SECONDS, _EXCHANGE_SECONDS = 10.0, 30.0, 60.0
_AT_MOST = 8 * 1024 * 1024  # bytes: a year of quarter-hours in ENTSO-E's words has 5
_LONGEST_WAIT = timedelta(days=7)  # that a service may ask for


class Response(NamedTuple):
    """An answer, read to its end."""

    status: int
    text: str


def get(who: str, url: str, parameters: Mapping[str, str], now: datetime) -> Response:
    """Ask once. What is in the address is never told, for a token may be in it.

    Args:
        who: the service, as people call it.
        url: its address.
        parameters: the question.
        now: the present instant, aware.

    Raises:
        TryLater: it cannot be reached, is busy, or does not finish its answer.
        NotUnderstood: it answers more than it can have been asked for.
    """
    transport = PunctualAdapter()
    with requests.Session() as session:
        for scheme in ("https://", "http://"):
            session.mount(scheme, transport)
        session.headers["User-Agent"] = f"fluvius2mqtt/{__version__} (+{URL})"
        session.auth = lambda request: request  # or requests would look into a .netrc
        try:
            with all_within(_EXCHANGE_SECONDS, transport.sockets) as is_cut:
                with session.get(
                    url,
                    params=parameters,
                    timeout=(_CONNECT_SECONDS, _SILENCE_SECONDS),
                    stream=True,
                    allow_redirects=False,
                ) as answer:
                    status, headers, text = answer.status_code, answer.headers, _read(who, answer)
                if is_cut.is_set():  # what ends with the connection looks whole
                    raise TimeoutError
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            LookupError,
            OSError,
            ValueError,
        ) as error:
            raise _unreachable(who, error, is_cut=is_cut.is_set()) from None  # whose text has the address
    log.debug("%s: %d", who, status)
    if status == 429 or status >= 500:
        why = "asks for fewer requests" if status == 429 else f"reports an error of its own (HTTP {status})"
        raise TryLater(f"{who} {why}", not_before=_retry_after(headers.get("Retry-After"), now))
    return Response(status, text)


def _read(who: str, answer: requests.Response) -> str:
    """The whole body, unless it is larger than an answer can be."""
    body = bytearray()
    while part := answer.raw.read1(64 * 1024, decode_content=True):
        body += part
        if len(body) > _AT_MOST:
            raise NotUnderstood(f"{who} answers more than {_AT_MOST // 1024:,} kB, far more than was asked")
    return body.decode("utf-8", "replace")


def _unreachable(who: str, error: Exception, *, is_cut: bool) -> PricesError:
    """The first of these sentences that fits."""
    kinds = requests.exceptions
    silent = isinstance(error, kinds.Timeout | TimeoutError | urllib3.exceptions.TimeoutError)
    cut = isinstance(error, kinds.ChunkedEncodingError | urllib3.exceptions.ProtocolError)
    unusable_proxy = isinstance(error, kinds.ProxyError | kinds.InvalidProxyURL)
    sentences = (
        (is_cut, f"{who} does not finish its answer"),
        (isinstance(error, kinds.SSLError), f"the connection to {who} is not secure"),
        (unusable_proxy, f"the proxy (HTTPS_PROXY) does not let us through to {who}"),
        (silent, f"{who} does not answer in time"),
        (cut, f"{who} cut the connection in the middle of its answer"),
        (
            isinstance(error, kinds.ConnectionError | ConnectionError),
            f"{who} cannot be reached; check the internet connection",
        ),
    )
    for fits, sentence in sentences:
        if fits:
            return TryLater(sentence, reached=not (unusable_proxy or _never_connected(error)))
    return NotUnderstood(f"{who} answered something unexpected ({type(error).__name__})")


def _never_connected(error: Exception) -> bool:
    """Whether the question was not even sent."""
    failed = urllib3.exceptions
    kinds = failed.NewConnectionError, failed.ConnectTimeoutError, failed.SSLError, failed.ProxyError
    return any(isinstance(getattr(each, "reason", None), kinds) for each in error.args)


def _retry_after(value: str | None, now: datetime) -> datetime | None:
    """The instant that a Retry-After header names, in seconds or as a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return now + min(timedelta(seconds=int(value.strip()[:9])), _LONGEST_WAIT)
    try:
        named = parsedate_to_datetime(value)
    except (LookupError, OverflowError, TypeError, ValueError):
        return None
    return min(named if named.tzinfo else named.replace(tzinfo=UTC), now + _LONGEST_WAIT)
