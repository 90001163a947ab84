"""Prices that somebody publishes on MQTT: any integration or flow can be the source."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bridge.prices.documents import from_json
from bridge.prices.errors import NotUnderstood
from bridge.prices.steps import Answer, by_distance, per_kwh

AT_MOST = 4 * 1024 * 1024  # bytes: two years of quarter-hours

_AHEAD = timedelta(days=3)  # nobody knows prices of later


def read(payload: bytes, now: datetime) -> Answer:
    """What was published: `[{"start": "2026-11-20T00:00:00+01:00", "price": 0.0852}, ...]`, without VAT.

    Args:
        payload: the list, in JSON, prices in EUR/kWh; hours or quarter-hours, by the distance of the starts.
        now: the present instant, aware.

    Raises:
        NotUnderstood: the message says what to publish instead.
    """
    if len(payload) > AT_MOST:
        raise NotUnderstood(f"the list has more than {AT_MOST // 1024:,} kB; publish less at a time")
    points = from_json(payload)
    if not isinstance(points, list) or not points:
        raise NotUnderstood(
            'publish a list such as [{"start": "2026-11-20T00:00:00+01:00", "price": 0.0852}]'
        )
    return by_distance(_point(each, now + _AHEAD) for each in points)


def _point(point: Any, latest: datetime) -> tuple[datetime, Decimal | None]:
    if not isinstance(point, dict) or "start" not in point or "price" not in point:
        raise NotUnderstood("each entry of the list needs a start and a price")
    price = point["price"]
    if isinstance(price, str):
        raise NotUnderstood(f"the price {price[:40]} is a text; publish a number")
    start = _instant(point["start"])
    if start > latest:
        raise NotUnderstood(f"nobody knows the price of {point['start'][:40]} yet")
    return start, None if price is None else per_kwh(price)


def _instant(text: Any) -> datetime:
    try:
        read = datetime.fromisoformat(text)
        if read.tzinfo:
            return read.astimezone(UTC)
    except (OverflowError, TypeError, ValueError):
        pass
    raise NotUnderstood(
        f"{str(text)[:40]} is no instant; write it with its offset, as 2026-11-20T00:00:00+01:00"
    )
