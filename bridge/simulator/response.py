"""An answer, as the simulator gives it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


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

    def with_header(self, name: str, value: Any) -> Self:
        """The same answer with a header more."""
        self.headers.append((name, str(value)))
        return self

    def with_cookies(self, cookies: Mapping[str, str]) -> Self:
        """The same answer, setting session cookies."""
        for name, value in cookies.items():
            self.with_header("Set-Cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax")
        return self


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


def redirect(location: str) -> Response:
    """A 302."""
    return Response(302).with_header("Location", location)


def gateway_error(status: int, message: str) -> Response:
    """An error as Azure API Management writes it, which stands in front of portal and Energy API."""
    return as_json({"statusCode": status, "message": message}, status)


def in_other_words(response: Response, writing: str) -> Response:
    """The same error in camelCase (`camel`), or as another gateway writes it (`gateway`)."""
    said = json.loads(response.body)
    if "Message" not in said:
        return response
    if writing == "camel":
        return as_json({name[0].lower() + name[1:]: value for name, value in said.items()}, response.status)
    words = "; ".join([said["Message"], *said.get("ValidationErrorMessages", ())])
    return as_json({"error": {"code": said["Type"], "message": words}}, response.status)


def api_error(
    status: int, kind: str, message: str, validation_messages: Sequence[str] | None = None
) -> Response:
    """An error as the Energy API itself writes it."""
    body: dict[str, Any] = {"Type": kind, "Code": str(status), "Message": message}
    if validation_messages is not None:
        body["ValidationErrorMessages"] = list(validation_messages)
    return as_json(body, status)
