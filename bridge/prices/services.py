"""The services that tell day-ahead prices of Belgium. A new one is a new row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.prices import energy_charts, entsoe, http
from bridge.prices.documents import is_page
from bridge.prices.errors import NotUnderstood, TokenRefused, TryLater
from bridge.prices.steps import Answer, Span

_NEAR = timedelta(days=2)


@dataclass(frozen=True)
class Service:
    """What there is to know of one."""

    label: str  # as people call it
    url: str
    path: str
    question: Callable[[Span, str], Mapping[str, str]]  # a span and the token → the request's parameters
    read: Callable[[int, str], Answer]  # the answer's status and text → the prices
    longest: timedelta = timedelta(days=365)  # that may be asked for at once


SERVICES = {
    "energy-charts": Service(
        "Energy-Charts",
        "https://api.energy-charts.info",
        energy_charts.PATH,
        energy_charts.question,
        energy_charts.read,
    ),
    "entsoe": Service(
        "ENTSO-E",
        "https://web-api.tp.entsoe.eu",
        entsoe.PATH,
        entsoe.question,
        entsoe.read,
    ),
}


def ask(service: Service, span: Span, now: datetime, *, token: str = "", url: str = "") -> Answer:
    """What a service knows of a span: one request.

    Args:
        service: a row of the table.
        span: from where until where, not longer than `service.longest`.
        now: the present instant, aware.
        token: of those that need one.
        url: its address, where it is another than the usual one.

    Returns:
        The prices within the span. None at all: the service says that it has none.

    Raises:
        PricesError: of the kind that tells who has to act.
    """
    address = f"{(url or service.url).rstrip('/')}{service.path}"
    status, text = http.get(service.label, address, service.question(span, token), now)
    if status != 401 and is_page(text):
        raise TryLater(f"{service.label} shows a page instead of prices (HTTP {status})")
    try:
        answer = service.read(status, text)
    except (NotUnderstood, TokenRefused) as error:
        words = str(error).replace(token, "***") if token else str(error)
        raise type(error)(f"what {service.label} answers is of no use: {words}") from None
    start, end = span
    if not all(start - _NEAR <= each < end + _NEAR for each in answer.prices):
        raise NotUnderstood(f"{service.label} answers of other days than it was asked for")
    return answer.within(span)
