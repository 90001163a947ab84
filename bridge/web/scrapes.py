"""`/metrics` on the page, for Prometheus: whoever knows its password may read it, without a cookie too."""

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from bridge.metrics.passwords import said
from bridge.web.doors import Door
from bridge.web.patience import Patience
from bridge.web.visit import Visit


def metrics(visit: Visit, door: Door, patience: Patience) -> Response:
    """All of them, to whoever may see the page.

    Raises:
        NotFound: they are not on the page.
    """
    if visit.house.settings.metrics is not True:
        raise NotFound
    if not visit.session.signed_in and (refusal := _refusal(visit, door, patience)):
        return refusal
    from bridge.metrics.exposition import exposition  # noqa: PLC0415 - an extra

    house = visit.house
    answer = exposition(lambda: house.settings, lambda: house.window, house.now)
    return Response.from_app(answer, visit.request.environ)


def _refusal(visit: Visit, door: Door, patience: Patience) -> Response | None:
    address, password = visit.request.remote_addr or "", said(visit.request.headers.get("Authorization", ""))
    if door.password is None:
        return None
    if pause := patience.pause(address):
        return Response("Too many wrong passwords.\n", 429, {"Retry-After": f"{pause.total_seconds():.0f}"})
    if password is not None and patience.judged(address, "metrics", is_right=door.opens_for(password)):
        return None
    return Response("Unauthorized\n", 401, {"WWW-Authenticate": "Basic"})
