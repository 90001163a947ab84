"""A report for a bug: made, looked through, and only then saved."""

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from bridge.web.visit import Visit

_NAME = "fluvius2mqtt-report.zip"


def show(visit: Visit) -> Response:
    """What there is."""
    fluvius = visit.house.settings.fluvius
    return visit.page(
        "report.html",
        made=visit.reports.latest,
        is_asked=bool(fluvius.portal or fluvius.energy_api),
        is_refused="refused" in visit.request.args,
    )


def make(visit: Visit) -> Response:
    """Begin one."""
    if visit.reports.begin(visit.house.settings, visit.house.now()):
        return visit.to("report")
    return visit.to("report", refused=1)


def look(visit: Visit, name: str) -> Response:
    """One of its files."""
    made = visit.reports.latest
    if made is None or made.pages is None or name not in made.pages:
        raise NotFound
    return visit.page("report_file.html", name=name, text=made.pages[name])


def save(visit: Visit) -> Response:
    """All of it."""
    made = visit.reports.latest
    if made is None or made.pages is None:
        raise NotFound
    response = Response(made.archive, mimetype="application/zip")
    response.headers.set("Content-Disposition", "attachment", filename=_NAME)
    return response
