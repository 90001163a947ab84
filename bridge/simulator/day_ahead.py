"""Two services that tell what electricity costs on the day-ahead market, as prices.md describes them."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Any

from bridge.simulator.household import BRUSSELS, QUARTER
from bridge.simulator.market import latest_published, steps_of
from bridge.simulator.request import Request
from bridge.simulator.response import RefusedError, Response, as_json
from bridge.simulator.writing import dates

ROUTES = {("GET", "/price"): "energy-charts", ("GET", "/api"): "entsoe"}
ZONE = "10YBE----------2"
RESOLUTIONS = {900: "PT15M", 3600: "PT60M"}
MARKET, DAY_AHEAD, INTRADAY = "contract_MarketAgreement.type", "A01", "A07"
SHIFTS = {DAY_AHEAD: 0.0, INTRADAY: 3.17}  # EUR/MWh by which an auction of later differs
A_YEAR = timedelta(days=366)

Steps = list[dict[str, Any]]  # start and length in seconds, price in EUR/MWh or None


class DayAhead:
    """Energy-Charts and ENTSO-E's Transparency Platform."""

    token = "51111111-7a2d-4e57-8e57-0000000000aa"  # noqa: S105 - of an account that does not exist

    def prices(self, start: datetime, end: datetime) -> dict[datetime, Decimal]:
        """The truth: each quarter-hour that starts in a span (UTC) → EUR/kWh, published or not."""
        first, last = (each.astimezone(BRUSSELS).date() for each in (start, end))
        return {
            at: price for day in dates(first, last) for at, price in _quarters_of(day) if start <= at < end
        }

    def endpoint(self, request: Request) -> tuple[str, str | None] | None:
        """The service that a request is for; None: neither."""
        service = ROUTES.get((request.method, request.path))
        return (service, None) if service else None

    def answer(self, request: Request, endpoint: str) -> Response:
        """The answer to a request."""
        return _energy_charts(request) if endpoint == "energy-charts" else _entsoe(request)


@lru_cache(maxsize=1024)
def _quarters_of(day: date) -> tuple[tuple[datetime, Decimal], ...]:
    """Each quarter-hour of a local day, and its price in EUR/kWh."""
    return tuple(
        (step.start + QUARTER * i, Decimal(step.price).scaleb(-5))
        for step in steps_of(day)
        for i in range(step.length // QUARTER)
    )


def _offer(request: Request, first: date, last: date) -> dict[str, Any]:
    """What is published of some local days, as the faults leave it."""
    days = dates(first, min(last, latest_published(request.now)))
    steps = [
        {
            "start": int(step.start.timestamp()),
            "length": int(step.length.total_seconds()),
            "price": step.price / 100,
        }
        for day in days
        for step in steps_of(day)
    ]
    offer: dict[str, Any] = request.altered_document({"steps": steps, "unit": "MWh", "zone": ZONE})
    return offer


# Energy-Charts


def _energy_charts(request: Request) -> Response:
    if request.query.get("bzn") != "BE":
        raise RefusedError(as_json({"detail": "bzn must be BE: others are not simulated"}, 422))
    try:
        first, last = (date.fromisoformat(request.query[key]) for key in ("start", "end"))
    except (KeyError, ValueError):
        raise RefusedError(as_json({"detail": "start and end must be dates"}, 422)) from None
    offer = _offer(request, first, last)
    empty = request.strikes.get("prices-empty")
    if empty and empty.parameters["status"] != 200:
        return as_json({"detail": "no content available"}, empty.parameters["status"])
    starts, prices = ([step[key] for step in offer["steps"]] for key in ("start", "price"))
    if "prices-unequal" in request.strikes:
        prices = prices[1:]
    return as_json(
        {
            "license_info": "Simulated",
            "unix_seconds": starts,
            "price": prices,
            "unit": f"EUR / {offer['unit']}",
            "deprecated": False,
        }
    )


# ENTSO-E


def _entsoe(request: Request) -> Response:
    query = request.query
    if query.get("securityToken") != DayAhead.token or "prices-token-refused" in request.strikes:
        return _acknowledgement("Unauthorized. Missing or invalid security token", 401)
    asked = [query.get(key) for key in ("documentType", "in_Domain", "out_Domain")]
    if asked != ["A44", ZONE, ZONE] or query.get(MARKET, DAY_AHEAD) not in SHIFTS:
        return _acknowledgement("Delivered time interval or domain is not valid", 400)
    try:
        start, end = (_minute(query[key]) for key in ("periodStart", "periodEnd"))
    except (KeyError, ValueError):
        return _acknowledgement("periodStart and periodEnd must be yyyyMMddHHmm", 400)
    if not start < end <= start + A_YEAR:
        return _acknowledgement("The requested period exceeds the limit of one year", 400)
    first, last = (at.astimezone(BRUSSELS).date() for at in (start, end - timedelta(minutes=1)))
    offer = _offer(request, first, last)
    if not offer["steps"]:
        return _acknowledgement("No matching data found for Data item Day-ahead Prices", 200)
    markets = [query[MARKET]] if MARKET in query else [DAY_AHEAD, INTRADAY]
    body = "".join(
        _time_series(series, offer, market) for series in _by_day(offer["steps"]) for market in markets
    )
    return _xml(
        '<Publication_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3">\n'
        f"  <type>A44</type>\n{body}</Publication_MarketDocument>\n",
        200,
    )


def _by_day(steps: Steps) -> Iterable[Steps]:
    for _, of_day in groupby(steps, lambda step: datetime.fromtimestamp(step["start"], BRUSSELS).date()):
        yield list(of_day)


def _time_series(steps: Steps, offer: dict[str, Any], market: str) -> str:
    runs: list[Steps] = []
    for step in steps:
        goes_on = runs and runs[-1][-1]["start"] + runs[-1][-1]["length"] == step["start"]
        if goes_on and runs[-1][-1]["length"] == step["length"]:
            runs[-1].append(step)
        else:
            runs.append([step])
    return (
        "  <TimeSeries>\n"
        f"    <in_Domain.mRID codingScheme='A01'>{offer['zone']}</in_Domain.mRID>\n"
        f"    <out_Domain.mRID codingScheme='A01'>{offer['zone']}</out_Domain.mRID>\n"
        f"    <{MARKET}>{market}</{MARKET}>\n"
        "    <currency_Unit.name>EUR</currency_Unit.name>\n"
        f"    <price_Measure_Unit.name>{offer['unit'].upper()}</price_Measure_Unit.name>\n"
        "    <curveType>A03</curveType>\n"
        f"{''.join(_period(run, SHIFTS[market]) for run in runs)}  </TimeSeries>\n"
    )


def _period(run: Steps, more: float) -> str:
    """A step whose price is that of the one before it is not told."""
    start, end = run[0]["start"], run[-1]["start"] + run[-1]["length"]
    points = [
        f"      <Point>\n        <position>{number}</position>\n"
        f"        <price.amount>{_amount(step['price'], more)}</price.amount>\n"
        "      </Point>\n"
        for number, (before, step) in enumerate(zip([{}, *run[:-1]], run, strict=True), 1)
        if not before or before["price"] != step["price"]
    ]
    return (
        f"    <Period>\n      <timeInterval>\n        <start>{_written(start)}</start>\n"
        f"        <end>{_written(end)}</end>\n      </timeInterval>\n"
        f"      <resolution>{RESOLUTIONS[run[0]['length']]}</resolution>\n{''.join(points)}    </Period>\n"
    )


def _amount(price: float | None, more: float) -> str:
    return "" if price is None else str(round(price + more, 4))


def _acknowledgement(text: str, status: int) -> Response:
    return _xml(
        '<Acknowledgement_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0">'
        f"\n  <Reason>\n    <code>999</code>\n    <text>{text}</text>\n  </Reason>\n"
        "</Acknowledgement_MarketDocument>\n",
        status,
    )


def _xml(document: str, status: int) -> Response:
    return Response(status, f'<?xml version="1.0" encoding="utf-8"?>\n{document}'.encode(), "text/xml")


def _minute(text: str) -> datetime:
    if not re.fullmatch(r"[0-9]{12}", text):
        raise ValueError(text)
    return datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=UTC)


def _written(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%MZ}"
