"""The meters, for each until when it is known."""

from dataclasses import dataclass
from datetime import date

from werkzeug.wrappers import Response

from bridge.ledger import Damaged, Records
from bridge.metering.model import Meter
from bridge.metering.progress import Progress
from bridge.web.visit import Visit

_ON_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One meter of the overview."""

    meter: Meter
    latest: date | None
    progress: Progress | None  # None until the bridge has looked at it
    damage: str | None = None  # what is wrong with its days in the ledger, in the bridge's English


def home(visit: Visit) -> Response:
    """The latest day of the only meter, or all of them."""
    if not visit.house.settings.is_set_up:
        return visit.to("setup")
    with visit.house.records() as records:
        meters = visit.house.meters(records)
    if len(meters) == 1:
        return visit.to("latest", name=meters[0].name)
    return visit.to("meters")


def overview(visit: Visit) -> Response:
    """The meters whose name or EAN holds what is looked for, so many on a page."""
    wanted = visit.request.args.get("q", "").strip().casefold()
    number = max(1, visit.request.args.get("page", 1, type=int))
    with visit.house.records() as records:
        meters = [each for each in visit.house.meters(records) if _is_meant(each, wanted)]
        pages = max(1, -(-len(meters) // _ON_A_PAGE))
        number = min(number, pages)
        shown = meters[(number - 1) * _ON_A_PAGE : number * _ON_A_PAGE]
        rows = [_row(visit, records, meter) for meter in shown]
    return visit.page("meters.html", rows=rows, found=len(meters), wanted=wanted, number=number, pages=pages)


def _row(visit: Visit, records: Records, meter: Meter) -> Row:
    progress = visit.house.window.progress.get(meter.ean)
    try:
        latest = records.days.latest_complete_day(meter)
    except Damaged as error:  # the other meters are not
        visit.found(error)
        return Row(meter, None, progress, str(error))
    return Row(meter, latest.date if latest else None, progress)


def _is_meant(meter: Meter, wanted: str) -> bool:
    return wanted in meter.label.casefold() or wanted in meter.ean
