"""What a kilowatt-hour costs and brings, now, today and tomorrow, and what is in it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from functools import partial
from typing import Any

from markupsafe import Markup
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from bridge.config import Settings
from bridge.metering.model import BRUSSELS, Meter
from bridge.setup.sections import SECTIONS
from bridge.web import tables, vocabulary
from bridge.web.pictures import drawings
from bridge.web.pictures.frame import Caption
from bridge.web.readings import PriceCurve
from bridge.web.readings.curves import price_curve
from bridge.web.visit import Visit

_PUBLISHED_AT = time(13)  # local, of the day before


def show(visit: Visit) -> Response:
    """The prices of one meter, and which others have some."""
    settings, now = visit.house.settings, visit.house.now()
    with visit.house.records() as records:
        meters = priced(settings, visit.house.meters(records))
        meter = chosen(meters, visit.request.args.get("meter"))
        curve = price_curve(visit.house.history(records, meter)) if meter else None
    say = visit.speech
    return visit.page(
        "prices.html",
        meters=meters,
        meter=meter,
        curve=curve,
        first=settings.timeline(meter).contracts[0].since if meter else None,
        picture=_picture(visit, meter, curve) if meter and curve and curve.has_a_course else None,
        now_table=tables.of_price(say, curve) if curve else None,
        table=tables.of_prices(say, curve) if curve and curve.has_a_course else None,
        is_afternoon=now.astimezone(BRUSSELS).time() >= _PUBLISHED_AT,
        day_ahead=_health(visit),
        source=settings.day_ahead.source,
        who_says=visit.house.place.who_says(*SECTIONS["prices"]),
    )


def priced(settings: Settings, meters: tuple[Meter, ...]) -> list[Meter]:
    """Those of the meters that have prices."""
    return [meter for meter in meters if settings.timeline(meter).contracts]


def chosen(meters: Sequence[Meter], name: str | None) -> Meter | None:
    """The one of that name, or the first."""
    if not name:
        return next(iter(meters), None)
    try:
        return next(meter for meter in meters if meter.name == name)
    except StopIteration:
        raise NotFound from None


def _health(visit: Visit) -> Mapping[str, Any]:
    status = visit.house.window.status
    known = (status.health.get("day_ahead") if status else None) or {}
    return {"last_error": None, "advice": None, "not_before": None, **known}


def _picture(visit: Visit, meter: Meter, curve: PriceCurve) -> Markup:
    say = visit.speech

    def weekday(instant: datetime) -> str:
        return say.weekday(instant.astimezone(BRUSSELS).date())

    caption = Caption(
        "prices",
        f"{meter.label}, {say.gettext('Today and tomorrow')}",
        "; ".join(vocabulary.prices(say, curve.now)),
        vocabulary.PER_KWH,
        vocabulary.names(say),
        partial(say.number, digits=4),
        say.colon,
    )
    return drawings.prices(curve, caption, say.time, weekday, say.gettext("Now"))
