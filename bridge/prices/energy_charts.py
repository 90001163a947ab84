"""Energy-Charts, by Fraunhofer ISE: without a key, in JSON."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import BRUSSELS
from bridge.prices.documents import from_json
from bridge.prices.errors import NotUnderstood
from bridge.prices.steps import QUARTER, Answer, Span, by_distance, per_mwh

PATH = "/price"

_LATEST = 2**33  # seconds since 1970


def question(span: Span, _token: str) -> Mapping[str, str]:
    """The request's parameters: dates, one more on either side, for nobody says in which zone they end."""
    start, end = (each.astimezone(BRUSSELS) for each in span)
    return {
        "bzn": "BE",
        "start": (start.date() - ONE_DAY).isoformat(),
        "end": ((end - QUARTER).date() + ONE_DAY).isoformat(),
    }


def read(status: int, text: str) -> Answer:
    """What an answer says: two lists, of starts and of prices.

    Raises:
        NotUnderstood: see there.
    """
    if status == 404:
        return Answer({})
    if status != 200:
        raise NotUnderstood(f"it does not accept our request (HTTP {status})")
    document = from_json(text)
    starts, prices, unit = (
        (document.get(key) for key in ("unix_seconds", "price", "unit"))
        if isinstance(document, dict)
        else (None, None, None)
    )
    if not isinstance(starts, list) or not isinstance(prices, list):
        raise NotUnderstood("it has no list of starts and of prices")
    if len(starts) != len(prices):
        raise NotUnderstood(f"it has {len(prices)} prices for {len(starts)} starts")
    if str(unit).replace(" ", "") != "EUR/MWh":
        raise NotUnderstood(f"its prices are in {unit}, and not in EUR/MWh")
    return by_distance(
        (_instant(start), None if price is None else per_mwh(price))
        for start, price in zip(starts, prices, strict=True)
    )


def _instant(seconds: Any) -> datetime:
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds < _LATEST:
        raise NotUnderstood(f"{str(seconds)[:40]} is not an instant")
    return datetime.fromtimestamp(seconds, UTC)
