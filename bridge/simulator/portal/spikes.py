"""The portal's meter-measurement-spikes: the highest quarter-hour of each month."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from bridge.simulator.household import BRUSSELS, QUARTER, date_of, meter_day
from bridge.simulator.portal.published import Published
from bridge.simulator.portal.window import Window, asked
from bridge.simulator.response import Response, as_json
from bridge.simulator.writing import number, text


def answer(published: Published) -> Response:
    """Each month's highest quarter-hour so far, in kW."""
    window = asked(published.request)
    if published.meter.energy == "gas" or window is None:
        return as_json([])
    if "overlapping-months" in published.request.strikes:
        window = Window(window.start - timedelta(days=366), window.end)
    return as_json(list(_peaks(published, window)))


def _peaks(published: Published, window: Window) -> Iterator[dict[str, Any]]:
    today = date_of("electricity", published.request.now)
    for first, last in _months(window):
        if "no-running-month" in published.request.strikes and last >= today:
            continue
        days = published.highest(first, last)
        if peak := max(days, key=lambda each: each[0], default=None):
            amount, start = peak
            yield {
                "d": text(meter_day("electricity", first)[0]),
                "de": text(meter_day("electricity", last)[1]),
                "v": [{"v": number(amount * 4), "sst": text(start), "set": text(start + QUARTER)}],
            }


def _months(window: Window) -> Iterator[tuple[date, date]]:
    """First and last day of every month that the window touches."""
    first = window.start.astimezone(BRUSSELS).date().replace(day=1)
    while first <= window.end.astimezone(BRUSSELS).date():
        following = (first + timedelta(days=31)).replace(day=1)
        yield first, following - timedelta(days=1)
        first = following
