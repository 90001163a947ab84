"""Mijn Fluvius' readings, as fluvius-api.md part 2 describes them."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bridge.simulator.faults import altered
from bridge.simulator.household import (
    BRUSSELS,
    KWH,
    QUARTER,
    SimulatedMeter,
    Slot,
    conversion_factor,
    date_of,
    meter_day,
    provisional_factor,
)
from bridge.simulator.measurements import Measurements, Publication, in_hours
from bridge.simulator.web import RefusedError, Request, Response, as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HISTORY = re.compile(r"/verbruik/api/meter-measurement-history/([^/]+)")
SPIKES = re.compile(r"/verbruik/api/meter-measurement-spikes/([^/]+)")
MILLISECOND = timedelta(milliseconds=1)
VALIDATED = 2
CALORIFIC_WORDS = {"letters": ("P", "D"), "words": ("Voorlopig", "Definitief")}  # provisional, definitive

Resolution = Literal["quarter-hours", "hours", "days"]
GRANULARITIES: dict[str, Resolution] = {"1": "quarter-hours", "2": "hours", "3": "days", "4": "days"}
CHANGED_GRANULARITIES: dict[str, Resolution] = {
    "1": "hours",
    "2": "days",
    "3": "quarter-hours",
    "4": "days",
}


class Window(NamedTuple):
    """A span of time as it was asked, with the offsets it was asked in; the end belongs to it."""

    start: datetime
    end: datetime

    @property
    def has_local_offsets(self) -> bool:
        """Whether each end is written with the offset that Brussels has at that instant."""
        return all(moment.utcoffset() == moment.astimezone(BRUSSELS).utcoffset() for moment in self)


class Portal:
    """Readings and monthly peaks of the meters, for whoever has a good token."""

    def __init__(
        self,
        measurements: Measurements,
        accepts: Callable[[str, datetime], bool],
        granularities: dict[str, Resolution],
    ) -> None:
        self.measurements = measurements
        self.accepts = accepts  # token, now -> is it good
        self.granularities = granularities

    def resolution(self, request: Request) -> Resolution | None:
        """What the granularity code stands for; None for an unknown code."""
        return self.granularities.get(request.query.get("granularity", ""))

    def history(self, request: Request, ean: str) -> Response:
        """The answer to meter-measurement-history."""
        meter, serial = self._authorised(request, ean)
        resolution = self._resolution_answered(request)
        window = _window(request)
        if not window.has_local_offsets:
            return as_json([])
        slots = self._slots(request, meter, serial, resolution, window)
        answer = altered(
            [self._as_fluvius_writes(slot, meter, request.now) for slot in slots], request.strikes
        )
        return Response(200, json.dumps(answer).encode(), "application/json; charset=utf-8")

    def spikes(self, request: Request, ean: str) -> Response:
        """The answer to meter-measurement-spikes: each month's highest quarter-hour so far, in kW."""
        meter, serial = self._authorised(request, ean)
        window = _window(request)
        if meter.energy == "gas" or not window.has_local_offsets:
            return as_json([])
        if "overlapping-months" in request.strikes:
            window = Window(window.start - timedelta(days=366), window.end)
        return as_json(list(self._peaks(request, meter, serial, window)))

    def _authorised(self, request: Request, ean: str) -> tuple[SimulatedMeter, str]:
        """The meter and serial asked for."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not self.accepts(token, request.now):
            raise _refused(401, "A valid access token is needed.")
        if "application/json" not in request.headers.get("Accept", ""):
            raise _refused(406, "Accept must be application/json.")
        if request.query.get("asServiceProvider") != "false":
            raise _refused(403, "asServiceProvider must be false: this is no service provider's account.")
        meter = self.measurements.meters.get(ean)
        serial = request.query.get("meterSerialNumber", "")
        if meter is None or serial not in meter.serials:
            raise _refused(404, "The EAN or the meter is not yours.")
        if serial != meter.serial and meter.serial_at(request.now) != serial:
            raise _refused(404, "The meter is not there yet.")
        return meter, serial

    def _resolution_answered(self, request: Request) -> Resolution:
        codes = CHANGED_GRANULARITIES if "granularity-changed" in request.strikes else self.granularities
        resolution = codes.get(request.query.get("granularity", ""))
        if resolution is None:
            raise _refused(400, "The granularity is unknown.")
        asked = self.granularities.get(request.query.get("granularity", ""))
        if asked != "days" and request.query.get("mandateDisplayMode") != "1":
            raise _refused(400, "mandateDisplayMode must be 1.")
        if resolution == "quarter-hours" and "hours-for-quarters" in request.strikes:
            return "hours"
        return resolution

    def _as_fluvius_writes(self, slot: Slot, meter: SimulatedMeter, now: datetime) -> dict[str, Any]:
        gcuv = self._calorific_value(slot, meter, now) if meter.energy == "gas" else None
        return {
            "d": _text(slot.start),
            "de": _text(slot.end),
            "v": [
                {
                    "dc": tariff,
                    "t": direction,
                    "st": 0,
                    "v": _number(amount),
                    "vs": VALIDATED,
                    "u": unit,
                    "gcuv": gcuv if unit == KWH else None,
                }
                for (direction, tariff, unit), amount in slot.amounts.items()
            ],
        }

    def _calorific_value(self, slot: Slot, meter: SimulatedMeter, now: datetime) -> Any:
        """What `gcuv` says of a gas slot's kWh. Nobody knows how Fluvius writes it."""
        day, calorific = date_of("gas", slot.start), self.measurements.calorific.get(meter.ean)
        is_provisional = self.measurements.is_provisional(meter, day, now)
        if calorific and calorific.writing in CALORIFIC_WORDS:
            return CALORIFIC_WORDS[calorific.writing][not is_provisional]
        if calorific and calorific.writing == "null":
            return None
        factor = provisional_factor if is_provisional else conversion_factor
        return _number(factor(meter.ean, day))

    def _slots(
        self, request: Request, meter: SimulatedMeter, serial: str, resolution: Resolution, window: Window
    ) -> list[Slot]:
        if resolution == "days":
            first, last = _days_asked(meter, window)
            return self._day_slots(request, meter, serial, first, last)
        if not meter.intervals or (meter.energy == "gas" and resolution == "quarter-hours"):
            return []
        day = date_of(meter.energy, window.start)
        start, end = meter_day(meter.energy, day)
        if window != (start, end - MILLISECOND) or day < meter.intervals_since:
            return []
        slots = self._interval_slots(request, meter, serial, day)
        if "overlapping-slots" in request.strikes:
            before = self._interval_slots(request, meter, serial, day - timedelta(days=1))
            after = self._interval_slots(request, meter, serial, day + timedelta(days=1))
            slots = [*before[-4:], *slots, *after[:4]]
        return in_hours(slots) if resolution == "hours" else slots

    def _day_slots(
        self, request: Request, meter: SimulatedMeter, serial: str, first: date, last: date
    ) -> list[Slot]:
        if "overlapping-slots" in request.strikes and first <= last:
            first, last = first - timedelta(days=1), last + timedelta(days=1)
        days = _dates(max(first, meter.since), min(last, date_of(meter.energy, request.now)))
        published = (day for day in days if self._publication(request, meter, day).days <= request.now)
        slots = (self.measurements.day(meter, day, request.now, serial) for day in published)
        return [slot for slot in slots if slot is not None]

    def _interval_slots(self, request: Request, meter: SimulatedMeter, serial: str, day: date) -> list[Slot]:
        publication = self._publication(request, meter, day)
        if publication.intervals <= request.now and "uncorrected-intervals" in request.strikes:
            return self.measurements.uncorrected_slots(meter, day, serial)
        if publication.intervals <= request.now:
            return self.measurements.slots(meter, day, request.now, serial)
        late = request.strikes.get("late-intervals")
        if late and late.parameters["partial"] and publication.days <= request.now:
            slots = self.measurements.slots(meter, day, request.now, serial)
            return slots[: len(slots) // 2]
        return []

    def _publication(self, request: Request, meter: SimulatedMeter, day: date) -> Publication:
        days, intervals = self.measurements.publication(meter, day)
        if late_day := request.strikes.get("late-day"):
            days += timedelta(days=late_day.parameters["days"])
            intervals += timedelta(days=late_day.parameters["days"])
        if late_intervals := request.strikes.get("late-intervals"):
            intervals += timedelta(hours=late_intervals.parameters["hours"])
        return Publication(days, intervals)

    def _peaks(
        self, request: Request, meter: SimulatedMeter, serial: str, window: Window
    ) -> Iterator[dict[str, Any]]:
        for month in _months(window):
            first, last = month, _next_month(month) - timedelta(days=1)
            days = [
                highest
                for day in _dates(max(first, meter.since), min(last, date_of("electricity", request.now)))
                if self._publication(request, meter, day).days <= request.now
                if (highest := self.measurements.highest(meter, day, request.now, serial))
            ]
            if days:
                amount, start = max(days, key=lambda each: each[0])
                yield {
                    "d": _text(meter_day("electricity", first)[0]),
                    "de": _text(meter_day("electricity", last)[1]),
                    "v": [
                        {
                            "v": _number(amount * 4),
                            "sst": _text(start),
                            "set": _text(start + QUARTER),
                        }
                    ],
                }


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(as_json({"statusCode": status, "message": message}, status))


def _window(request: Request) -> Window:
    """The asked span; moments carry milliseconds and an offset."""
    window = Window(_moment(request, "historyFrom"), _moment(request, "historyUntil"))
    if window.start > window.end:
        raise _refused(400, "historyFrom comes after historyUntil.")
    return window


def _moment(request: Request, name: str) -> datetime:
    text = request.query.get(name, "")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", text):
        raise _refused(400, f"{name} must look like 2026-10-25T00:00:00.000+02:00.")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise _refused(400, f"{name} is no moment.") from error


def _days_asked(meter: SimulatedMeter, window: Window) -> tuple[date, date]:
    """First and last meter day of a window of whole days.

    A gas meter's window may be of calendar days or of gas days: clients were seen to do either. A window
    that does not begin and end with a day gives nothing: a last day before the first.
    """
    for edges in ("electricity", meter.energy):
        first, last = date_of(edges, window.start), date_of(edges, window.end)
        if window == (meter_day(edges, first)[0], meter_day(edges, last)[1] - MILLISECOND):
            return first, last
    return date.max, date.min


def _number(thousandths: int) -> float:
    """The amount as JSON writes it shortest: 9.133, 2.2, 0."""
    whole, rest = divmod(thousandths, 1000)
    return thousandths / 1000 if rest else whole


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z"


def _dates(first: date, last: date) -> Iterator[date]:
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(ordinal)


def _months(window: Window) -> Iterator[date]:
    month = window.start.astimezone(BRUSSELS).date().replace(day=1)
    while month <= window.end.astimezone(BRUSSELS).date():
        yield month
        month = _next_month(month)


def _next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
