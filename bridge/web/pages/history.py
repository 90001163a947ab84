"""History that someone wants from Fluvius: how far it has come, what is in its way, and how to stop it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from werkzeug.wrappers import Response

from bridge.fetching.readable import NothingKnown
from bridge.fetching.sources import SOURCES
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import BRUSSELS, Backfill, Meter
from bridge.web.visit import Visit

_OPEN, _ENDED = 20, 10  # how many are shown


@dataclass(frozen=True, slots=True)
class Job:
    """A backfill, and whose it is."""

    label: str
    backfill: Backfill


@dataclass(frozen=True, slots=True)
class Jobs:
    """All that there is to say."""

    open: Sequence[Job] = ()
    ended: Sequence[Job] = ()  # the latest first


def data(visit: Visit) -> Response:
    """The first of the pages about data."""
    return visit.to("history")


def show(visit: Visit) -> Response:
    """The page."""
    meters, jobs = _known(visit)
    newest = visit.house.now().astimezone(BRUSSELS).date() - ONE_DAY
    status = visit.house.window.status
    first = date.fromisoformat(status.history["from"]) if status else date(newest.year - 1, 1, 1)
    given = visit.request.args
    return visit.page(
        "history.html",
        meters=[each for each in meters if SOURCES[each.source].is_asked],
        jobs=jobs,
        shown=_OPEN,
        first=given.get("from", type=date.fromisoformat) or first,
        last=given.get("to", type=date.fromisoformat),
        meter=given.get("meter"),
        newest=newest,
        asked=visit.answers.of(visit.request.args.get("asked", "")),
    )


def fetch(visit: Visit) -> Response:
    """Ask for it."""
    given = {name: visit.request.form.get(name, "").strip() for name in ("from", "to", "meter")}
    request = {name: value for name, value in given.items() if value}
    return visit.to("history", asked=visit.ask("backfill", **request))


def stop(visit: Visit) -> Response:
    """Have all of it stopped."""
    return visit.to("history", asked=visit.ask("stop_history"))


def _known(visit: Visit) -> tuple[Sequence[Meter], Jobs]:
    try:
        with visit.house.records() as records:
            meters = visit.house.meters(records)
            open_, ended = records.jobs.open_backfills(), records.jobs.ended_backfills(_ENDED)
    except NothingKnown:  # nothing was fetched yet, and that is where one asks for it
        return visit.house.settings.followed, Jobs()
    return meters, Jobs(list(_named(meters, open_)), list(_named(meters, reversed(ended))))


def _named(meters: Sequence[Meter], backfills: Iterable[Backfill]) -> Iterator[Job]:
    labels = {(each.ean, each.energy): each.label for each in meters}
    for each in backfills:
        yield Job(labels.get((each.ean, each.energy), each.ean), each)
