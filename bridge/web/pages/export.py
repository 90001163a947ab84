"""Readings as a file, sent while they are read."""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import date
from itertools import chain

from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from bridge.config import ConfigError
from bridge.config.asked import UsageError, day
from bridge.exporting import Export, Wanted
from bridge.fetching.readable import NothingKnown
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import BRUSSELS, Meter
from bridge.web.visit import Visit

_FORMS: Mapping[str, tuple[str, str | None]] = {  # and what is between whole and part of a number
    "csv": ("csv", None),
    "csv-comma": ("csv", "comma"),
    "json": ("json", None),
}
_under_way = threading.BoundedSemaphore(2)  # a download that stands still keeps a thread of the page
_TYPES = {"csv": "text/csv", "json": "application/json"}


def show(visit: Visit) -> Response:
    """What may be chosen."""
    return _page(visit)


def readings(visit: Visit) -> Response:
    """The file."""
    try:
        wanted = _wanted(visit)
        with ExitStack() as stack:
            if not _under_way.acquire(blocking=False):
                return _page(visit, 503, is_busy=True)
            stack.callback(_under_way.release)
            records = stack.enter_context(visit.house.records())
            stack.enter_context(records.checks.proving_once())
            export = Export(visit.house.settings, records, wanted, visit.house.now())
            export.prove()  # what is wrong with the ledger is said on a page, and not within the file
            text = export.text()
            response = Response(chain([next(text)], text), mimetype=_TYPES[wanted.format])
            response.call_on_close(stack.pop_all().close)
    except (ConfigError, NothingKnown) as error:
        return _page(visit, 400, str(error))
    first, last = (min(each.first for each in export.spans), max(each.last for each in export.spans))
    name = f"fluvius-{_whose(export)}-{first}-{last}-{wanted.resolution}s.{wanted.format}"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _wanted(visit: Visit) -> Wanted:
    given = visit.request.args
    form, resolution = given.get("form", "csv"), given.get("resolution", "day")
    if form not in _FORMS or resolution not in ("day", "interval"):
        raise BadRequest
    format_, decimal = _FORMS[form]
    first, last = _day(given.get("from")), _day(given.get("to"))
    if first and last and first > last:
        raise UsageError(f"from, {first}, comes after to, {last}")
    return Wanted(
        "json" if format_ == "json" else "csv",
        first,
        last,
        given.get("meter") or None,
        "interval" if resolution == "interval" else "day",
        costs=bool(given.get("costs")),
        decimal=decimal,
    )


def _day(text: str | None) -> date | None:
    return day(text) if text else None


def _whose(export: Export) -> str:
    names = {each.meter.name for each in export.spans}  # slugs
    return names.pop() if len(names) == 1 else "all"


def _page(visit: Visit, status: int = 200, wrong: str | None = None, *, is_busy: bool = False) -> Response:
    return visit.page(
        "export.html",
        status,
        meters=_meters(visit),
        newest=visit.house.now().astimezone(BRUSSELS).date() - ONE_DAY,
        has_prices=bool(visit.house.settings.prices),
        given=visit.request.args,
        wrong=wrong,
        is_busy=is_busy,
    )


def _meters(visit: Visit) -> tuple[Meter, ...]:
    try:
        with visit.house.records() as records:
            return visit.house.meters(records)
    except NothingKnown:
        return visit.house.settings.followed
