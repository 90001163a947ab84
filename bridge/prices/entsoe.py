"""ENTSO-E's Transparency Platform: with a free token, in XML."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bridge.prices.documents import Record, from_xml
from bridge.prices.errors import NotUnderstood, TokenRefused
from bridge.prices.steps import EMPTY, HOUR, QUARTER, Answer, Span, per_mwh, quarters

PATH = "/api"
ZONE = "10YBE----------2"  # Belgium

_LENGTHS = {"PT15M": QUARTER, "PT60M": HOUR, "PT1H": HOUR}
_LONGEST = timedelta(days=400)  # of a period; an answer is of a year at most
_AT_MOST = 200_000  # quarter-hours, those that are told several times too
_NO_DATA = "999"
_MARKET, _DAY_AHEAD = "contract_MarketAgreement.type", "A01"  # others are intraday auctions, also in A44
_REPEATED = frozenset({"TimeSeries", "Period", "Point", "Reason"})
Prices = dict[datetime, Decimal | None]  # None: it is said that there is none

_EXPECTED = {  # in a time series that we asked for
    "in_Domain.mRID": (ZONE, "zone"),
    "out_Domain.mRID": (ZONE, "zone"),
    "currency_Unit.name": ("EUR", "currency"),
    "price_Measure_Unit.name": ("MWH", "unit"),
}


def question(span: Span, token: str) -> Mapping[str, str]:
    """The request's parameters; times are in UTC."""
    start, end = (f"{each.astimezone(UTC):%Y%m%d%H%M}" for each in span)
    return {
        "securityToken": token,
        "documentType": "A44",
        _MARKET: _DAY_AHEAD,
        "in_Domain": ZONE,
        "out_Domain": ZONE,
        "periodStart": start,
        "periodEnd": end,
    }


def read(status: int, text: str) -> Answer:
    """What an answer says. Where periods overlap, the finer one holds, and of two as fine the later.

    Raises:
        TokenRefused, NotUnderstood: see there.
    """
    if status == 401:
        raise TokenRefused("it does not accept the token (day_ahead.token)")
    name, document = from_xml(text, _REPEATED)
    if name == "Acknowledgement_MarketDocument":
        reasons = document.get("Reason", [])
        if status == 200 and [each.get("code") for each in reasons] == [_NO_DATA]:
            return Answer({})
        words = "; ".join(each.get("text", "") for each in reasons)
        raise NotUnderstood(f"it does not accept our request (HTTP {status}): {words}")
    if status != 200 or name != "Publication_MarketDocument":
        raise NotUnderstood(f"it answers something other than prices (HTTP {status}, {name})")
    periods: list[tuple[timedelta, Prices]] = []
    count = 0
    for period in (each for series in document.get("TimeSeries", []) for each in _periods_of(series)):
        periods.append(_period(period))
        count += len(periods[-1][1])
        if count > _AT_MOST:
            raise NotUnderstood("it has far more prices than there are quarter-hours in a year")
    said: Prices = {}
    for length in (HOUR, QUARTER):
        for each, prices in periods:
            said |= prices if each == length else {}
    return Answer(
        {start: price for start, price in said.items() if price is not None},
        {start: EMPTY for start, price in said.items() if price is None},
    )


def _periods_of(series: Record) -> list[Record]:
    if series.get(_MARKET, _DAY_AHEAD) != _DAY_AHEAD:
        return []
    for key, (expected, what) in _EXPECTED.items():
        if (said := series.get(key)) != expected:
            raise NotUnderstood(f"its prices are of {what} {said}, and not of {expected}")
    periods: list[Record] = series.get("Period", [])
    return periods


def _period(period: Record) -> tuple[timedelta, Prices]:
    """How long a period's steps are, and its prices; a step that is not told is like the one before it."""
    length = _LENGTHS.get(period.get("resolution", ""))
    if length is None:
        raise NotUnderstood(f"its steps are {period.get('resolution')} long, neither hours nor quarter-hours")
    start, end = _instant(period.get("start")), _instant(period.get("end"))
    if not start < end <= start + _LONGEST or (end - start) % length:
        raise NotUnderstood(f"it has a period from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")
    count = (end - start) // length
    told = _told(period.get("Point", []), count)
    prices: Prices = {}
    latest = None
    for i in range(count):
        latest = i + 1 if i + 1 in told else latest
        if latest:
            prices |= dict.fromkeys(quarters(start + length * i, length), told[latest])
    return length, prices


def _told(points: Iterable[Record], count: int) -> dict[int, Decimal | None]:
    """The prices by their positions, from 1; None where it is said that there is none."""
    told: dict[int, Decimal | None] = {}
    for point in points:
        position, said = point.get("position", ""), point.get("price.amount", "")
        if not (position.isascii() and position.isdecimal()) or not 1 <= int(position[:9]) <= count:
            raise NotUnderstood(f"it has a price at position {position[:40]} of {count}")
        price = per_mwh(said) if said else None
        if told.setdefault(int(position), price) != price:
            raise NotUnderstood(f"it has two prices at position {position}")
    return told


def _instant(text: str | None) -> datetime:
    try:
        read = datetime.fromisoformat(text or "")
        if read.tzinfo:
            return read.astimezone(UTC)
    except (OverflowError, ValueError):
        pass
    raise NotUnderstood(f"{str(text)[:40]} is not an instant")
