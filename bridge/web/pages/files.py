"""Files from Mijn Fluvius: given to the page, imported by the bridge, and what came of them."""

from werkzeug.wrappers import Response

from bridge.ledger.slots import NEW, REPLACED, THE_SAME
from bridge.service.imports import dropped
from bridge.web import uploads
from bridge.web.uploads import LARGEST
from bridge.web.visit import Visit

_A_MEGABYTE = 1024 * 1024


def show(visit: Visit) -> Response:
    """The page."""
    return _page(visit)


def take(visit: Visit) -> Response:
    """Keep what is given, for the bridge."""
    given = [each for each in visit.request.files.getlist("files") if each.filename]
    if not given:
        return _page(visit, 400, is_empty=True)
    for each in given:
        uploads.keep(dropped(visit.house.settings.data_dir), each.filename or "", each.stream)
    return visit.to("files")


def _page(visit: Visit, status: int = 200, *, is_empty: bool = False) -> Response:
    window = visit.house.window
    return visit.page(
        "files.html",
        status,
        is_empty=is_empty,
        waiting=uploads.waiting(dropped(visit.house.settings.data_dir)),
        imports=window.imports,
        is_running=window.status is not None,
        folder=visit.house.settings.import_dir,
        counts={"new": NEW, "replaced": REPLACED, "same": THE_SAME},
        largest=LARGEST,
        megabytes=LARGEST // _A_MEGABYTE,
    )
