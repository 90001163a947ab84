"""The settings as they stand, and what may be changed of them here."""

from collections.abc import Iterator
from dataclasses import dataclass

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from bridge.config import StatisticsSettings
from bridge.config.prices import ean_of
from bridge.setup.interview import Interview
from bridge.setup.sections import SECTIONS, section
from bridge.setup.steps import LANGUAGE_NAMES
from bridge.web.pages.meters import looked_for
from bridge.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Section:
    """One of them."""

    name: str  # in `SECTIONS`
    values: tuple[str, ...]
    who_says: str | None  # what goes before the file, so that it cannot be changed here


def show(visit: Visit) -> Response:
    """The page."""
    if not visit.house.settings.is_set_up:
        return visit.to("setup")
    place = visit.house.place
    return visit.page(
        "settings.html",
        sections=list(_sections(visit)),
        part=looked_for(visit, visit.house.settings.meters, lambda each: (each.name or "", each.ean)),
        who_says_meters=place.who_says("meters"),
        file=place.file.absolute(),
        trouble=visit.house.trouble,
    )


def change(visit: Visit, name: str) -> Response:
    """Begin to change a section."""
    place = visit.house.place
    if name not in SECTIONS or place.who_says(*SECTIONS[name]):
        raise NotFound
    route = section(name, place, visit.speech.language, visit.interviews.sign_ins)
    visit.interviews.begin(visit.session.number, Interview(name, place, route))
    return visit.to("setup")


def remove(visit: Visit) -> Response:
    """Begin to remove a meter: what follows is shown before it is written."""
    place, ean = visit.house.place, ean_of(visit.request.form.get("ean", ""))
    interview = Interview("meters", place, lambda _: iter(()))
    meters = interview.answers.at("meters") or []
    left = [each for each in meters if ean_of(str(each.get("ean"))) != ean]
    if len(left) == len(meters) or place.who_says("meters"):
        raise NotFound
    interview.answers.tree["meters"] = left
    visit.interviews.begin(visit.session.number, interview)
    return visit.to("setup")


def _sections(visit: Visit) -> Iterator[Section]:
    settings, place = visit.house.settings, visit.house.place
    portal, statistics = settings.fluvius.portal, settings.homeassistant.statistics
    values: dict[str, tuple[str, ...]] = {
        "account": (portal.email or "",) if portal else (),
        "prices": tuple(f"{str(each.since)[:10]}, {each.energy}" for each in settings.prices),
        "broker": (f"{settings.mqtt.host}:{settings.mqtt.port}", settings.mqtt.username or ""),
        "statistics": (
            statistics.url if isinstance(statistics, StatisticsSettings) else str(statistics).lower(),
        ),
        "schedule": (" ".join(settings.schedule.at),),
        "language": (LANGUAGE_NAMES[settings.language],),
    }
    for name, said in values.items():
        yield Section(name, tuple(filter(None, said)), place.who_says(*SECTIONS[name]))
