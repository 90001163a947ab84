"""The portal's meter-measurement-history: days, hours and quarter-hours."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Literal

from bridge.simulator.household import (
    KWH,
    Energy,
    Slot,
    conversion_factor,
    date_of,
    provisional_factor,
)
from bridge.simulator.measurements import in_hours
from bridge.simulator.portal.published import Published
from bridge.simulator.portal.window import Window, asked
from bridge.simulator.request import Request
from bridge.simulator.response import RefusedError, Response, as_json, gateway_error
from bridge.simulator.writing import dates, number, text

VALIDATED = 2
CALORIFIC_WORDS = {"letters": ("P", "D"), "words": ("Voorlopig", "Definitief")}  # provisional, definitive

Resolution = Literal["quarter-hours", "hours", "days"]
Granularities = Mapping[str, Resolution]  # by the codes of a request
GRANULARITIES: Granularities = {"1": "quarter-hours", "2": "hours", "3": "days", "4": "days"}
CHANGED_GRANULARITIES: Granularities = {"1": "hours", "2": "days", "3": "quarter-hours", "4": "days"}
ONE_DAY = timedelta(days=1)


def answer(published: Published, granularities: Granularities) -> Response:
    """The slots of the window that is asked for.

    Args:
        published: what there is.
        granularities: what the codes stand for.
    """
    request = published.request
    resolution = _resolution(request, granularities)
    window = asked(request)
    if window is None:
        return as_json([])
    slots = _days(published, window) if resolution == "days" else _intervals(published, window, resolution)
    return as_json(request.altered_slots([_as_fluvius_writes(slot, published) for slot in slots]))


def _resolution(request: Request, granularities: Granularities) -> Resolution:
    code = request.query.get("granularity", "")
    codes = CHANGED_GRANULARITIES if "granularity-changed" in request.strikes else granularities
    if "granularity-3-quarters" in request.strikes:
        codes = {**codes, "3": "quarter-hours"}
    if (resolution := codes.get(code)) is None:
        raise RefusedError(gateway_error(400, "The granularity is unknown."))
    if "display-mode-demanded" in request.strikes and request.query.get("mandateDisplayMode") != "1":
        raise RefusedError(gateway_error(400, "mandateDisplayMode must be 1."))
    if resolution == "quarter-hours" and "hours-for-quarters" in request.strikes:
        return "hours"
    return resolution


def _days(published: Published, window: Window) -> list[Slot]:
    first, last = _whole_days(published, window)
    if "overlapping-slots" in published.request.strikes and first <= last:
        first, last = first - ONE_DAY, last + ONE_DAY
    return list(published.days(first, last))


def _intervals(published: Published, window: Window, resolution: Resolution) -> list[Slot]:
    meter, strikes = published.meter, published.request.strikes
    if not meter.intervals or (meter.energy == "gas" and resolution == "quarter-hours"):
        return []
    first, last = _whole_days(published, window, of_intervals=True)
    if first != last and "several-days-of-intervals" not in strikes:
        return []
    days = dates(max(first, meter.since, meter.intervals_since), last)
    slots = [slot for day in days for slot in published.intervals(day)]
    if "overlapping-slots" in strikes and slots:
        before, after = (published.intervals(other) for other in (first - ONE_DAY, last + ONE_DAY))
        slots = [*before[-4:], *slots, *after[:4]]
    return in_hours(slots) if resolution == "hours" else slots


def _whole_days(published: Published, window: Window, *, of_intervals: bool = False) -> tuple[date, date]:
    """The days that a window is of: those of gas by gas days or by the calendar, its hours by gas days."""
    ways: tuple[Energy, ...] = (published.meter.energy,)
    if published.meter.energy == "gas" and not of_intervals:
        ways = ("electricity", "gas")
    if published.meter.energy == "gas" and "gas-by-calendar-days" in published.request.strikes:
        ways = ("electricity",)
    return window.days(*ways)


def _as_fluvius_writes(slot: Slot, published: Published) -> dict[str, Any]:
    gcuv = _calorific_value(slot, published) if published.meter.energy == "gas" else None
    return {
        "d": text(slot.start),
        "de": text(slot.end),
        "v": [
            {
                "dc": tariff,
                "t": direction,
                "st": 0,
                "v": number(amount),
                "vs": VALIDATED,
                "u": unit,
                "gcuv": gcuv if unit == KWH else None,
            }
            for (direction, tariff, unit), amount in slot.amounts.items()
        ],
    }


def _calorific_value(slot: Slot, published: Published) -> Any:
    """What `gcuv` says of a gas slot's kWh. Nobody knows how Fluvius writes it."""
    request, meter, _, measurements = published
    day, calorific = date_of("gas", slot.start), measurements.calorific.get(meter.ean)
    is_provisional = measurements.is_provisional(meter, day, request.now)
    if calorific and calorific.writing in CALORIFIC_WORDS:
        return CALORIFIC_WORDS[calorific.writing][not is_provisional]
    if calorific and calorific.writing == "null":
        return None
    factor = provisional_factor if is_provisional else conversion_factor
    return number(factor(meter.ean, day))
