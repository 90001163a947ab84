"""Sources and sinks: how everything is that the bridge depends on, since when, and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Response

from bridge.publishing.publisher import BridgeStatus
from bridge.web.house import House
from bridge.web.pages import asking
from bridge.web.visit import Visit

_GOOD = {"ok", "online"}


@dataclass(frozen=True, slots=True)
class Part:
    """One of them."""

    name: str
    state: str  # a word of `bridge/health`
    since: str | None = None  # the last success, as it is published
    error: str | None = None
    advice: str | None = None
    not_before: str | None = None
    requests_today: int | None = None
    waiting: int = 0  # what a database was not told yet

    @property
    def is_good(self) -> bool:
        """Whether there is nothing to do."""
        return self.state in _GOOD


def show(visit: Visit) -> Response:
    """The page."""
    status = visit.house.window.status
    return visit.page(
        "state.html",
        trouble=visit.house.trouble,
        parts=[] if visit.house.trouble or not status else list(_parts(visit.house, status)),
        info=status.info if status else None,
        advice=status.problem.get("advice") if status else None,
        lines=visit.house.log(),
        pause=asking.pause(visit),
    )


def log_lines(visit: Visit) -> Response:
    """The last lines of the log, as text."""
    return Response("\n".join(visit.house.log()), mimetype="text/plain")


def _parts(house: House, status: BridgeStatus) -> Iterator[Part]:
    health: dict[str, Any] = dict(status.health)
    limits, away = health.pop("broker", {}), house.window.broker
    state = "unreachable" if away else limits.get("state", "ok")
    yield Part(f"MQTT {house.settings.mqtt.host}", state, error=away or limits.get("last_error"))
    for name, part in health.items():
        yield Part(
            name,
            part["state"],
            since=part.get("last_success"),
            error=part.get("last_error"),
            advice=part.get("advice"),
            not_before=part.get("not_before"),
            requests_today=part.get("requests_today"),
            waiting=part.get("waiting", 0),
        )
