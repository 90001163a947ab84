"""Prices that somebody publishes on MQTT: any integration or flow can be the source."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bridge.config.prices import LARGEST_LIST
from bridge.metering.model import BRUSSELS
from bridge.prices.documents import from_json
from bridge.prices.errors import NotUnderstood
from bridge.prices.steps import CONTRADICTORY, EMPTY, HOUR, QUARTER, Answer, by_distance, per_kwh, quarters

_HOURS_OF_A_DAY = 23  # at least
_FIRST_AUCTION = datetime(2006, 11, 21, tzinfo=BRUSSELS)  # of Belgium's day-ahead market: no price is older
_AHEAD = timedelta(days=3)  # nobody knows prices of later


def read(payload: bytes, now: datetime) -> Answer:
    """What was published: `[{"start": "2026-11-20T00:00:00+01:00", "price": 0.0852}, ...]`, without VAT.

    An entry may say its `end`; without, hours are told from quarter-hours by the distance of the starts.

    Args:
        payload: the list, in JSON, prices in EUR/kWh; hours or quarter-hours, by the distance of the starts.
        now: the present instant, aware.

    Raises:
        NotUnderstood: the message says what to publish instead.
    """
    if len(payload) > LARGEST_LIST:
        raise NotUnderstood(f"the list has more than {LARGEST_LIST // 1024:,} kB; publish less at a time")
    points = from_json(payload)
    if not isinstance(points, list) or not points:
        raise NotUnderstood(
            'publish a list such as [{"start": "2026-11-20T00:00:00+01:00", "price": 0.0852}]'
        )
    read = [_point(each, now + _AHEAD) for each in points]
    if any("end" in each for each in points):
        return _until_their_ends(read, points)
    answer = by_distance(read)
    if any(0 < len(hours) < _HOURS_OF_A_DAY for hours in _in_hours(answer, read).values()):
        raise NotUnderstood('of hours publish whole days, or say of each price until when it holds, as "end"')
    return answer


def _until_their_ends(points: Sequence[tuple[datetime, Decimal | None]], written: Sequence[Any]) -> Answer:
    """Prices of which it is said how long they hold."""
    prices: dict[datetime, Decimal] = {}
    left_out: dict[datetime, str] = {}
    for (start, price), each in zip(points, written, strict=True):
        length = _instant(each.get("end")) - start
        if length not in (QUARTER, HOUR):
            raise NotUnderstood(
                f"the price of {each['start'][:40]} holds for neither an hour nor a quarter-hour"
            )
        for quarter in quarters(start, length):
            if price is None:
                left_out[quarter] = EMPTY
            elif prices.setdefault(quarter, price) != price:
                left_out[quarter] = CONTRADICTORY
    return Answer({start: price for start, price in prices.items() if start not in left_out}, left_out)


def _in_hours(
    answer: Answer, points: Iterable[tuple[datetime, Decimal | None]]
) -> dict[date, list[datetime]]:
    """The starts that were taken for hours, by local day: a few of them may be quarter-hours with gaps."""
    starts = {start for start, _ in points}
    found: dict[date, list[datetime]] = {}
    for start in starts:
        day = start.astimezone(BRUSSELS).date()
        is_hour = (
            start in answer.prices and start + QUARTER in answer.prices and start + QUARTER not in starts
        )
        found.setdefault(day, []).extend([start] if is_hour else [])
    return found


def _point(point: Any, latest: datetime) -> tuple[datetime, Decimal | None]:
    if not isinstance(point, dict) or "start" not in point or "price" not in point:
        raise NotUnderstood("each entry of the list needs a start and a price")
    price = point["price"]
    if isinstance(price, str):
        raise NotUnderstood(f"the price {price[:40]} is a text; publish a number")
    start = _instant(point["start"])
    if start < _FIRST_AUCTION:
        raise NotUnderstood(f"there was no market at {point['start'][:40]}: it began in {_FIRST_AUCTION:%Y}")
    if start > latest:
        raise NotUnderstood(f"nobody can know the price of {point['start'][:40]} yet")
    return start, None if price is None else per_kwh(price)


def _instant(text: Any) -> datetime:
    try:
        read = datetime.fromisoformat(text)
        if read.tzinfo:
            return read.astimezone(UTC)
    except (OverflowError, TypeError, ValueError):
        pass
    raise NotUnderstood(
        f"{str(text)[:40]} is not an instant; write it with its offset, as 2026-11-20T00:00:00+01:00"
    )
