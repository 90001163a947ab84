"""What is answered in place of the real thing."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bridge.simulator.faults.fault import Answer, Parameters
from bridge.simulator.response import Response, api_error, as_json, as_page, gateway_error
from bridge.simulator.writing import http_date, text


def _unless_sooner(parameters: Parameters, response: Response) -> Response:
    """The answer with Retry-After in seconds, if the fault has them."""
    seconds = parameters.get("retry_after")
    return response.with_header("Retry-After", seconds) if seconds else response


def page(status: int, title: str, content: str = "") -> Answer:
    """A page, with Retry-After if there is a parameter `retry_after` that is not 0."""
    return lambda parameters, _now: _unless_sooner(parameters, as_page(title, content, status))


def from_gateway(status: int, message: str) -> Answer:
    """An error of the gateway."""
    return lambda _parameters, _now: gateway_error(status, message)


def from_api(status: int, kind: str, message: str) -> Answer:
    """An error of the Energy API, with Retry-After if there is a parameter `retry_after` that is not 0."""
    return lambda parameters, _now: _unless_sooner(parameters, api_error(status, kind, message))


def invalid(parameters: Parameters, _now: datetime) -> Response:
    """What the Energy API says of a request that it cannot take."""
    return api_error(400, "BadRequest", "The request is not valid.", [parameters["message"]])


def unauthorized(_parameters: Parameters, _now: datetime) -> Response:
    """What the portal says to whoever has no good token."""
    refused = gateway_error(401, "The access token is no longer accepted.")
    return refused.with_header("WWW-Authenticate", 'Bearer error="invalid_token"')


def too_many(parameters: Parameters, _now: datetime) -> Response:
    """429, and after how many seconds to come back."""
    return gateway_error(429, "Rate limit is exceeded.").with_header("Retry-After", parameters["retry_after"])


def too_many_until(parameters: Parameters, now: datetime) -> Response:
    """429, and from what moment on to come back."""
    return too_many({"retry_after": http_date(now + timedelta(seconds=parameters["retry_after"]))}, now)


def anything(parameters: Parameters, _now: datetime) -> Response:
    """What the parameters say."""
    headers = [("Location", parameters["location"])] if parameters["location"] else []
    return Response(parameters["status"], parameters["body"], parameters["content_type"], headers)


def no_short_url(_parameters: Parameters, now: datetime) -> Response:
    """The Energy API made no short URL."""
    data = {"status": "failed", "shortUrlIdentifier": None, "validTo": None}
    return as_json({"_meta": {"fetchTime": text(now)}, "data": data})


A_WEEK = timedelta(days=7)
DATES: dict[str, Callable[[datetime], list[tuple[str, str]]]] = {
    "missing": lambda _: [],
    "no-date": lambda _: [("Date", "zaterdag")],
    "empty": lambda _: [("Date", "")],
    "cached": lambda now: [("Date", http_date(now - A_WEEK)), ("Age", str(7 * 24 * 3600))],
    "cached-oddly": lambda now: [("Date", http_date(now - A_WEEK)), ("Age", "a week")],
}
