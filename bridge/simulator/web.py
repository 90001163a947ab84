"""A request and an answer, as the simulator sees them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from email.message import Message


class Strike(NamedTuple):
    """A fault that hits one request: its parameters, and the how-manieth hit this is (from 0)."""

    parameters: Mapping[str, Any]
    number: int


@dataclass(frozen=True)
class Request:
    """One request, and the faults that hit it."""

    method: str
    path: str
    query: dict[str, str]
    headers: Message
    body: bytes
    now: datetime  # simulated, UTC
    strikes: Mapping[str, Strike] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """This server's address as the client knows it, without a slash at the end."""
        return f"http://{self.headers.get('Host', 'localhost')}"

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of a posted form; empty when the body is no form."""
        if self.headers.get_content_type() != "application/x-www-form-urlencoded":
            return {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The cookies that came back; B2C's have names that http.cookies would refuse."""
        pairs = (pair.partition("=") for pair in self.headers.get("Cookie", "").split(";"))
        return {name.strip(): value.strip() for name, _, value in pairs}


@dataclass
class Response:
    """One answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: list[tuple[str, str]] = field(default_factory=list)
    pause: float = 0  # seconds of silence before it
    cut: bool = False  # the connection breaks halfway the body
    has_date: bool = True  # a Date header of its own


class RefusedError(Exception):
    """The request is not as it should be; the answer says what is wrong."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.body.decode())
        self.response = response


def as_json(
    content: Any, status: int = 200, content_type: str = "application/json; charset=utf-8"
) -> Response:
    """An answer in JSON."""
    return Response(status, json.dumps(content).encode(), content_type)


def as_page(title: str, content: str = "", status: int = 200) -> Response:
    """An answer in HTML."""
    head = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head>"
    page = f"{head}\n<body><h1>{title}</h1>{content}</body></html>\n"
    return Response(status, page.encode(), "text/html; charset=utf-8")


def as_text(text: str, status: int) -> Response:
    """An answer in plain words."""
    return Response(status, text.encode())


def redirect(location: str, cookies: Mapping[str, str] | None = None) -> Response:
    """A 302, with cookies."""
    return with_cookies(Response(302, headers=[("Location", location)]), cookies or {})


def with_cookies(response: Response, cookies: Mapping[str, str]) -> Response:
    """The same answer, setting session cookies."""
    response.headers += [
        ("Set-Cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax") for name, value in cookies.items()
    ]
    return response


def api_error(
    status: int, kind: str, message: str, validation_messages: Sequence[str] | None = None
) -> Response:
    """An error as the Energy API writes it."""
    body: dict[str, Any] = {"Type": kind, "Code": str(status), "Message": message}
    if validation_messages is not None:
        body["ValidationErrorMessages"] = list(validation_messages)
    return as_json(body, status)
