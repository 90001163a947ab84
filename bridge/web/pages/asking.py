"""What the bridge is asked for, as MQTT may ask for it, and what it answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from bridge.fetching.due import is_recent
from bridge.fetching.mandates import AT_MOST_EVERY
from bridge.ledger.health import SourceHealth
from bridge.text.endings import ForTheUser
from bridge.text.words import Payload
from bridge.web.visit import Visit

_COMMANDS = ("refresh", "republish")
_SOURCES = ("portal", "energy_api")
_IN_PART = ("what Fluvius answered is ", "everything is published, but ")  # how such refusals begin
_LONG = timedelta(minutes=10)
_SHOWN = 50  # meters


@dataclass(frozen=True, slots=True)
class NewDays:
    """What Fluvius gave of one meter."""

    meter: str  # its name
    count: int
    newest: date


def ask(visit: Visit, name: str) -> Response:
    """Ask, and show what comes of it."""
    if name not in _COMMANDS:
        raise NotFound
    return visit.to("asked", mark=visit.ask(name))


def asked(visit: Visit, mark: str) -> Response:
    """What came of it so far."""
    found = visit.answers.of(mark)
    if found is None:
        return visit.page("asked.html", 404, asked=None)
    data = found.answer["data"] if found.answer else {}
    return visit.page(
        "asked.html",
        asked=found,
        data=data,
        is_in_part=bool(found.refusal and found.refusal.startswith(_IN_PART)),
        new_days=list(_new_days(data)),
        is_late=visit.house.now() - found.at > _LONG,
        pause=pause(visit),
    )


def pause(visit: Visit) -> datetime | None:
    """Until when Fluvius is not asked again, if it was asked just before."""
    try:
        with visit.house.records() as records:
            notes = [SourceHealth.from_note(records.notes.recall(f"source/{each}")) for each in _SOURCES]
    except ForTheUser:  # other pages say why
        return None
    last = max((each.last_attempt for each in notes if each.last_attempt), default=None)
    return last + AT_MOST_EVERY if last and is_recent(last, visit.house.now()) else None


def _new_days(data: Payload) -> Iterator[NewDays]:
    for name, days in list(data.get("new_days", {}).items())[:_SHOWN]:
        yield NewDays(name, len(days), max(map(date.fromisoformat, days)))
