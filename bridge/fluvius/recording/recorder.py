"""What passes between us and Fluvius, request by request, scrubbed as it comes."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import requests

from bridge.fluvius.errors import FluviusError, TryLater
from bridge.fluvius.recording.documents import Documents, decoded
from bridge.fluvius.recording.pseudonyms import EAN, Pseudonyms
from bridge.fluvius.recording.texts import Texts
from bridge.fluvius.recording.vocabulary import CONTENT_TYPES, KNOWN_COOKIES, WORDS
from bridge.metering.model import Meter
from bridge.text.words import Payload

if TYPE_CHECKING:
    from bridge.fluvius.http import Response

_MOST = 300  # requests
_YEARS_BACK, _YEARS_ON = 4, 1  # of moments in fields that are not known
_LONGEST_BODY = 20_000  # characters of what is neither JSON nor a page
_SHORTEST_SECRET = 5  # characters that are looked for in the end


class Recorder:
    """Keeps what a visit was answered, without what tells who or how much.

    Args:
        now: the present instant, aware.
        known: what is known of the person: addresses, numbers, secrets.
        kinds: what stands for some of that, such as `tenant` for a tenant's id.
    """

    def __init__(
        self, now: datetime, known: Iterable[str] = (), kinds: Mapping[str, str] | None = None
    ) -> None:
        self._known = {each for each in known if len(each) >= _SHORTEST_SECRET and each.lower() not in WORDS}
        self.names = Pseudonyms(frozenset(each.casefold() for each in self._known))
        for value, kind in (kinds or {}).items():
            self.names.of(kind, value)
        self._texts = Texts(self.names)
        years = range(now.year - _YEARS_BACK, now.year + _YEARS_ON + 1)
        self._documents = Documents(self.names, self._texts, years)
        self.exchanges: list[Payload] = []

    def stand_in(self, meter: Meter) -> Payload:
        """A meter by the numbers that stand for its own."""
        serial = self.names.serial(meter.serial) if meter.serial else None
        return {
            "ean": self.names.ean(meter.ean),
            "serial": serial,
            "energy": str(meter.energy),
            "source": meter.source,
        }

    def answered(
        self, method: str, url: str, options: Mapping[str, Any], at: datetime, response: "Response"
    ) -> None:
        """Keep what is left of a request and its answer.

        Args:
            method: GET or POST.
            url: the address, perhaps without what is in `options`.
            options: those of requests: params, data, json.
            at: when it was answered, aware.
            response: the answer.
        """
        request = self._request(method, url, options)
        place = EAN.sub("", request["path"])
        self._keep(request, at, {"response": self._response(response, place)})

    def failed(
        self, method: str, url: str, options: Mapping[str, Any], at: datetime, error: FluviusError
    ) -> None:
        """Keep what is left of a request that was not answered, or not to the end."""
        self._keep(self._request(method, url, options), at, {"failure": _failure(error)})

    def leaks(self) -> list[str]:
        """What is known of the person and stands in the recording after all: a mistake of ours."""
        kept = json.dumps(self.exchanges, ensure_ascii=False).casefold()
        return [
            each
            for each in self._known
            if re.search(rf"(?<![a-z0-9]){re.escape(each.casefold())}(?![a-z0-9])", kept)
        ]

    def _keep(self, request: Payload, at: datetime, what: Payload) -> None:
        if len(self.exchanges) < _MOST:
            moment = at.astimezone(UTC).isoformat(timespec="seconds")
            self.exchanges.append({"request": request, "at": moment, **what})

    def _request(self, method: str, url: str, options: Mapping[str, Any]) -> Payload:
        parts = urlsplit(url)
        asked = [*parse_qsl(parts.query, keep_blank_values=True), *_pairs(options.get("params"))]
        request: Payload = {
            "method": method,
            "host": self._texts.host(parts.hostname or ""),
            "path": self._texts.path(parts.path),
        }
        if asked:
            request["query"] = self._texts.query(asked)
        if form := _pairs(options.get("data")):
            request["form"] = self._texts.query(form)
        if options.get("json") is not None:
            request["json"] = self._documents.document(options["json"], "")
        return request

    def _response(self, response: "Response", place: str) -> Payload:
        headers = {
            name: said for name in _HEADERS if (said := self._header(name, response.headers.get(name)))
        }
        cookies = [self._cookie(each) for each in _cookies(response.headers.get("Set-Cookie", ""))]
        kept: Payload = {"status": response.status, "headers": headers, "characters": len(response.text)}
        if cookies:
            kept["cookies"] = cookies
        return {**kept, **self._body(response.text, place)}

    def _body(self, text: str, place: str) -> Payload:
        try:
            return {"json": self._documents.document(decoded(text), place)}
        except (ValueError, ArithmeticError, RecursionError):
            if text.lstrip().startswith("<"):
                return {
                    "page": self._texts.page(text, lambda content: self._documents.document(content, place))
                }
            return {"text": self._texts.text(text, _LONGEST_BODY)}

    def _header(self, name: str, value: str | None) -> str | None:
        if value is None:
            return None
        if name == "Location":
            return self._texts.address(value)
        if name == "Content-Type":
            return value if CONTENT_TYPES.fullmatch(value.strip()) else self._texts.text(value)
        return value if re.fullmatch("[0-9]{1,7}", value) or _is_date(value) else self._texts.text(value)

    def _cookie(self, name: str) -> str:
        known = KNOWN_COOKIES.match(name)
        return known[0] if known else self.names.of("cookie", name)


_HEADERS = ("Content-Type", "Location", "Retry-After", "Date", "Age")


def _pairs(fields: Any) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in (fields or {}).items()]


def _cookies(header: str) -> list[str]:
    """The names of cookies; several headers of one name were joined by commas."""
    return re.findall(r"(?:^|,\s*)([^=;,\s]+)=", re.sub(r"(?i)expires=[^;]*", "", header))


def _is_date(value: str) -> bool:
    if not re.fullmatch(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT", value):
        return False
    try:
        return bool(parsedate_to_datetime(value))
    except ValueError:
        return False


def _failure(error: FluviusError) -> str:
    """How a request ended without an answer."""
    cause = error.__cause__
    if isinstance(error, TryLater):
        if error.reached:
            return "cut"
        is_silence = isinstance(cause, requests.Timeout | TimeoutError) or "timed out" in str(cause)
        return "silence" if is_silence and not isinstance(cause, requests.ConnectTimeout) else "unreachable"
    return "not HTTP" if cause else "too large"
