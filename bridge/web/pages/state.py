"""Sources and sinks: how everything is that the bridge depends on, since when, and what to do."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Response

from bridge.fetching.readable import NothingKnown
from bridge.ledger import ADVICE_ON_DAMAGE
from bridge.metering.model import BRUSSELS
from bridge.service.window import Condition
from bridge.text.endings import ForTheUser
from bridge.web.pages import asking
from bridge.web.visit import Visit

_GOOD = {"ok", "online"}
_WHEN, _WRITTEN = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}\b"), "%Y-%m-%d %H:%M:%S%z"


@dataclass(frozen=True, slots=True)
class Part:
    """One of them."""

    name: str
    state: str  # a word of `bridge/health`
    since: datetime | None = None  # it is well, or not, aware
    success: str | None = None  # the last, as it is published
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
        parts=[] if visit.house.trouble else list(_parts(visit)),
        info=status.info if status else None,
        advice=status.problem.get("advice") if status else None,
        lines=_log(visit),
        pause=asking.pause(visit),
    )


def log_lines(visit: Visit) -> Response:
    """The last lines of the log, as text."""
    return Response("\n".join(_log(visit)), mimetype="text/plain")


def _log(visit: Visit) -> list[str]:
    """At Belgium's time, as everything on the page is; the machine may have another."""
    return [_WHEN.sub(_in_belgium, line) for line in visit.house.log()]


def _in_belgium(found: re.Match[str]) -> str:
    return f"{datetime.strptime(found[0], _WRITTEN).astimezone(BRUSSELS):{_WRITTEN}}"


def _parts(visit: Visit) -> Iterator[Part]:
    house = visit.house
    status, broker, ledger = house.window.status, house.window.broker, _ledger(visit)
    health: dict[str, Any] = dict(status.health) if status else {}
    limits = health.pop("broker", {})
    health.pop("ledger", None)  # seen through the window at once, and not only when it is published
    if broker.since or status:
        state = "unreachable" if broker.wrong else limits.get("state", "ok")
        error = broker.wrong or limits.get("last_error")
        yield Part(f"MQTT {house.settings.mqtt.host}", state, broker.since, error=error)
    if ledger.wrong:
        state = "damaged" if ADVICE_ON_DAMAGE in ledger.wrong else "unusable"
        yield Part("ledger", state, ledger.since, error=ledger.wrong)
    for name, part in health.items():
        yield Part(
            name,
            part["state"],
            success=part.get("last_success"),
            error=part.get("last_error"),
            advice=part.get("advice"),
            not_before=part.get("not_before"),
            requests_today=part.get("requests_today"),
            waiting=part.get("waiting", 0),
        )


def _ledger(visit: Visit) -> Condition:
    """What is wrong with it: as the page finds it now, as the bridge found it, or another page."""
    window = visit.house.window
    try:
        with visit.house.records() as records:
            records.figures.latest_days()
    except NothingKnown:
        return Condition()
    except ForTheUser as error:
        return Condition().seen(str(error), visit.house.now())
    return window.ledger if window.ledger.wrong else visit.findings.damage(window) or Condition()
