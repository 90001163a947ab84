"""What the portal has published of one meter by now, as the faults leave it."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from bridge.simulator.household import SimulatedMeter, Slot, date_of
from bridge.simulator.measurements import Measurements, Publication
from bridge.simulator.request import Request
from bridge.simulator.writing import dates


class Published(NamedTuple):
    """The readings of one meter and serial at the moment of a request."""

    request: Request
    meter: SimulatedMeter
    serial: str | None  # None: of whichever meter hung there
    measurements: Measurements

    def days(self, first: date, last: date) -> Iterator[Slot]:
        """The days from first to last, both included, in one slot each."""
        for day in self._dates(first, last):
            if slot := self.measurements.day(self.meter, day, self.request.now, self.serial):
                yield slot

    def highest(self, first: date, last: date) -> Iterator[tuple[int, datetime]]:
        """The Wh and the start of the highest quarter-hour of each of these days."""
        for day in self._dates(first, last):
            if highest := self.measurements.highest(self.meter, day, self.request.now, self.serial):
                yield highest

    def _dates(self, first: date, last: date) -> list[date]:
        today = date_of(self.meter.energy, self.request.now)
        days = dates(max(first, self.meter.since), min(last, today))
        return [day for day in days if self._publication(day).days <= self.request.now]

    def intervals(self, day: date) -> list[Slot]:
        """The day's quarter-hours, or hours of gas."""
        now, publication = self.request.now, self._publication(day)
        if publication.intervals <= now and "uncorrected-intervals" in self.request.strikes:
            return self.measurements.uncorrected_slots(self.meter, day, self.serial)
        slots = self.measurements.slots(self.meter, day, now, self.serial)
        if publication.intervals <= now:
            return slots
        late = self.request.strikes.get("late-intervals")
        if late and late.parameters["partial"] and publication.days <= now:
            return slots[: len(slots) // 2]
        return []

    def _publication(self, day: date) -> Publication:
        days, intervals = self.measurements.publication(self.meter, day)
        if late_day := self.request.strikes.get("late-day"):
            days += timedelta(days=late_day.parameters["days"])
            intervals += timedelta(days=late_day.parameters["days"])
        if late_intervals := self.request.strikes.get("late-intervals"):
            intervals += timedelta(hours=late_intervals.parameters["hours"])
        return Publication(days, intervals)
