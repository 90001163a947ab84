"""The settings as they stand, and what may be changed of them here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from bridge.config import ConfigError, StatisticsSettings
from bridge.config.prices import PriceSettings, ean_of
from bridge.metering.model import Energy
from bridge.setup.answers import Answers
from bridge.setup.interview import Interview
from bridge.setup.place import Place
from bridge.setup.sections import SECTIONS, price, section
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
        prices=[_entry(visit, each) for each in visit.house.settings.prices],
        unreadable=_unreadable(place),
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


def change_price(visit: Visit) -> Response:
    """Begin to change an entry of the prices."""
    place = visit.house.place
    number = _number(visit, place.answers())
    visit.interviews.begin(visit.session.number, Interview("prices", place, price(number)))
    return visit.to("setup")


def remove_price(visit: Visit) -> Response:
    """Begin to remove an entry of the prices."""
    interview = Interview("prices", visit.house.place, lambda _: iter(()))
    number = _number(visit, interview.answers)
    prices = interview.answers.at("prices")
    interview.answers.put(("prices",), [each for place, each in enumerate(prices) if place != number])
    visit.interviews.begin(visit.session.number, interview)
    return visit.to("setup")


def _number(visit: Visit, answers: Answers) -> int:
    """Which entry is meant, if it is still the one that the page showed."""
    form = visit.request.form
    number = form.get("number", type=int, default=-1)
    entry = answers.at("prices", number) if number >= 0 else None
    if not entry or str(entry.get("from")) != form.get("from") or visit.house.place.who_says("prices"):
        raise NotFound
    return number


def _entry(visit: Visit, prices: PriceSettings) -> tuple[str, str]:
    """From when prices hold, as it is written; and for whom, in the visitor's words."""
    say = visit.speech
    is_day = len(prices.since) == len("2026-03-15")
    begin = say.short_date(date.fromisoformat(prices.since)) if is_day else say.instant(prices.since)
    energy = say.gettext("electricity") if prices.energy is Energy.ELECTRICITY else say.gettext("gas")
    return prices.since, ", ".join([begin, energy, *prices.meters])


def _unreadable(place: Place) -> str:
    """Why the file cannot be read now; empty if it can."""
    try:
        place.answers()
    except ConfigError as error:
        return str(error)
    return ""


def _sections(visit: Visit) -> Iterator[Section]:
    settings, place = visit.house.settings, visit.house.place
    portal, statistics = settings.fluvius.portal, settings.homeassistant.statistics
    values: dict[str, tuple[str, ...]] = {
        "account": (portal.email or "",) if portal else (),
        "prices": (),
        "broker": (f"{settings.mqtt.host}:{settings.mqtt.port}", settings.mqtt.username or ""),
        "statistics": (
            statistics.url if isinstance(statistics, StatisticsSettings) else str(statistics).lower(),
        ),
        "schedule": (" ".join(settings.schedule.at),),
        "language": (LANGUAGE_NAMES[settings.language],),
    }
    for name, said in values.items():
        yield Section(name, tuple(filter(None, said)), place.who_says(*SECTIONS[name]))
