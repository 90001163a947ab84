"""The meters, for each until when it is known."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from werkzeug.wrappers import Response

from bridge.ledger import Damaged, Records
from bridge.metering.model import Meter
from bridge.metering.progress import Progress
from bridge.web.visit import Visit

Each = TypeVar("Each")

_ON_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One meter of the overview."""

    meter: Meter
    latest: date | None
    progress: Progress | None  # None until the bridge has looked at it
    damage: str | None = None  # what is wrong with its days in the ledger, in the bridge's English


@dataclass(frozen=True, slots=True)
class Selection(Generic[Each]):
    """Some of many meters."""

    shown: Sequence[Each]
    found: int  # on all pages together
    wanted: str  # what was typed
    number: int  # of the page, from 1
    pages: int


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
    """The meters that are looked for, so many on a page."""
    with visit.house.records() as records:
        part = looked_for(visit, visit.house.meters(records), lambda each: (each.label, each.ean))
        rows = [_row(visit, records, meter) for meter in part.shown]
    return visit.page("meters.html", rows=rows, part=part)


def looked_for(
    visit: Visit, meters: Sequence[Each], words: Callable[[Each], Iterable[str]]
) -> Selection[Each]:
    """The meters of whose words one holds what is looked for: those on the page that is asked for."""
    wanted = visit.request.args.get("q", "").strip()
    found = [each for each in meters if any(wanted.casefold() in word.casefold() for word in words(each))]
    pages = max(1, -(-len(found) // _ON_A_PAGE))
    number = min(max(1, visit.request.args.get("page", 1, type=int)), pages)
    shown = found[(number - 1) * _ON_A_PAGE : number * _ON_A_PAGE]
    return Selection(shown, len(found), wanted, number, pages)


def _row(visit: Visit, records: Records, meter: Meter) -> Row:
    progress = visit.house.window.progress.get(meter.ean)
    try:
        latest = records.days.latest_complete_day(meter)
    except Damaged as error:  # the other meters are not
        visit.found(error)
        return Row(meter, None, progress, str(error))
    return Row(meter, latest.date if latest else None, progress)
