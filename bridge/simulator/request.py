"""A request, as the simulator sees it."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from bridge.simulator.faults.fault import Strike
from bridge.simulator.response import Response


@dataclass(frozen=True)
class Request:
    """One request, and the faults that hit it."""

    method: str
    path: str
    query: dict[str, str]
    headers: Message
    body: bytes
    now: datetime  # simulated, UTC
    strikes: Mapping[str, Strike] = field(default_factory=dict)  # by the faults' names

    @property
    def base(self) -> str:
        """This server's address as the client knows it, without a slash at the end."""
        return f"http://{self.host}"

    @property
    def host(self) -> str:
        """The server's host and port as the client knows them."""
        return self.headers.get("Host", "localhost")

    @property
    def bearer(self) -> str:
        """The access token; empty when there is none."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if scheme == "Bearer" else ""

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of a posted form; empty when the body is no form."""
        if self.headers.get_content_type() != "application/x-www-form-urlencoded":
            return {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @cached_property
    def form_with_basic(self) -> dict[str, str]:
        """The same with the client's id and secret, where they come by HTTP Basic (RFC 6749, 2.3.1)."""
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return self.form
        try:
            pair = b64decode(encoded, validate=True).decode()
        except ValueError:
            return self.form
        client_id, _, secret = pair.partition(":")
        return {**self.form, "client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The cookies that came back; B2C's have names that http.cookies would refuse."""
        pairs = (pair.partition("=") for pair in self.headers.get("Cookie", "").split(";"))
        return {name.strip(): value.strip() for name, _, value in pairs}

    def answered_by_fault(self) -> Response | None:
        """The answer of the first fault that has one of its own."""
        for strike in self.strikes.values():
            if strike.fault.answer:
                return strike.fault.answer(strike.parameters, self.now)
        return None

    def altered_slots(self, slots: list[dict[str, Any]]) -> Any:
        """The portal's slots as the faults leave them; perhaps no list any more."""
        content: Any = slots
        for strike in self.strikes.values():
            if strike.fault.slots and isinstance(content, list):
                content = strike.fault.slots(content, strike)
        return content

    def altered_document(self, content: Any) -> Any:
        """The Energy API's document as the faults leave it."""
        for strike in self.strikes.values():
            if strike.fault.document:
                content = strike.fault.document(content, strike)
        return content
