"""The Energy API's readings: what was asked, which slots answer to it, and when each was stored."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from bridge.simulator.energy_api.daybreaks import DAYBREAKS, Daybreak
from bridge.simulator.energy_api.headpoints import Shape, State, Writer, vreg_id
from bridge.simulator.energy_api.mandates import Mandate
from bridge.simulator.energy_api.mistakes import DAILY, FINEST, in_query, refuse_mistakes
from bridge.simulator.energy_api.naming import moment_of, named
from bridge.simulator.household import QUARTER, SimulatedMeter, Slot, date_of, meter_day
from bridge.simulator.measurements import GAS_DELAY, Measurements, Publication, total
from bridge.simulator.request import Request
from bridge.simulator.writing import dates

ONE_DAY = timedelta(days=1)
LATEST_MORNING = timedelta(hours=6)  # the usual delay of electricity, at most
LONGEST_SPAN = timedelta(days=184)  # that may be asked for at once

Selected = bool | set[datetime]
"""All slots of a day, none, or those that start at these instants."""


class Query(NamedTuple):
    """What was asked."""

    ean: str
    reference: str | None
    period_type: Literal["readTime", "insertTime"]
    granularities: frozenset[str]
    kinds: frozenset[str]
    start: datetime
    end: datetime
    now: datetime
    daybreak: Daybreak | None = None  # None: days begin as meter days do
    is_short: bool = False  # without the last slot

    def has(self, moment: datetime) -> bool:
        """Whether a moment lies in the span."""
        return self.start <= moment < self.end


class Held(NamedTuple):
    """A day that is not validated at once."""

    state: State
    until: datetime


class Habit(NamedTuple):
    """Every first, second, third ... day is not validated at once."""

    ean: str | None  # None: every meter's
    state: State
    lasting: timedelta  # from the publication on
    every: int


def query_from(request: Request) -> Query:
    """The query of a request. What it leaves out is everything, as far as one request goes.

    Raises:
        RefusedError: 400 with everything that is wrong with it.
    """
    strict, short_spans = "api-strict" in request.strikes, request.strikes.get("api-short-spans")
    asked = request.query if strict else named(request.query)
    longest = timedelta(days=short_spans.parameters["days"]) if short_spans else LONGEST_SPAN
    refuse_mistakes(in_query(asked, strict=strict, longest=longest))
    period_type: Any = asked["periodType"]
    end = moment_of(asked["to"]) if asked.get("to") else request.now
    return Query(
        ean=asked["ean"],
        reference=asked.get("referenceNumber"),
        period_type=period_type,
        granularities=frozenset((asked.get("granularity") or f"{DAILY},{FINEST}").split(",")),
        kinds=frozenset(asked.get("complexEnergyTypes", "active").split(",")),
        start=moment_of(asked["from"]) if asked.get("from") else end - longest,
        end=end,
        now=request.now,
        daybreak=next((DAYBREAKS[name] for name in request.strikes if name in DAYBREAKS), None),
        is_short="api-last-slot-missing" in request.strikes,
    )


class Selection(NamedTuple):
    """What answers to a query: the days, their state, and which slots of the day and of its parts."""

    query: Query
    mandate: Mandate
    shape: Shape
    days: list[tuple[date, State, Selected, Selected]]


class Readings:
    """The meters' slots as the Energy API gives them."""

    def __init__(self, measurements: Measurements) -> None:
        self.measurements = measurements
        self.shapes: dict[str, Shape] = {}
        self.held: dict[tuple[str, date], Held] = {}
        self.habits: list[Habit] = []

    def headpoint(self, meter: SimulatedMeter, query: Query, mandate: Mandate) -> dict[str, Any]:
        """The answer's headpoint."""
        shape = self.shapes.get(meter.ean, Shape())
        selection = Selection(query, mandate, shape, list(self._selected_days(meter, query)))
        energy_type = "G" if meter.energy == "gas" else "E"
        written: dict[str, Any] = {"$type": shape.type, "ean": meter.ean, "energyType": energy_type}
        if shape.has_meters:
            written["physicalMeters"] = [
                {"seqNumber": str(number), "meterID": serial, **lists}
                for number, serial in enumerate(meter.serials, 1)
                if any((lists := self._lists(meter, serial, selection)).values())
                or serial == meter.serial_at(query.now)
            ]
        if shape.has_headpoint:
            written |= self._lists(meter, None, selection)
            written["subHeadpoints"] = [
                {
                    "$type": f"submetering-{kind}",
                    "seqNumber": str(number),
                    "ean": ean,
                    "vregId": vreg_id(ean) if kind == "production" else None,
                    "type": "PV" if kind == "production" else "?",
                }
                | self._lists(self.measurements.customers[ean], None, selection)
                for number, (kind, ean) in enumerate(shape.subs, 1)
            ]
        return written

    def _lists(self, meter: SimulatedMeter, serial: str | None, selection: Selection) -> dict[str, Any]:
        """The three lists of slots; null for what was not asked or does not exist."""
        query, mandate, shape, days = selection
        writer = Writer(meter, shape, query.kinds)
        daily: dict[datetime, dict[str, Any]] = {}
        finest: list[dict[str, Any]] = []
        for day, state, whole_day, parts in days:
            counted = self.measurements.slots(meter, day, query.now, serial)
            is_provisional = self.measurements.is_provisional(meter, day, query.now)
            for slot in self._whole_days(meter, day, counted, serial, query) if counted and whole_day else ():
                if self._is_asked(slot, query, mandate):
                    daily[slot.start] = writer.slot(slot, state, is_day=True, is_provisional=is_provisional)
            if parts:
                finest += [
                    writer.slot(slot, state, is_day=False, is_provisional=is_provisional)
                    for slot in counted
                    if (parts is True or slot.start in parts)
                    and self._is_asked(slot, query, mandate)
                    and not (query.is_short and slot.end >= query.end)
                ]
        slots = finest if FINEST in query.granularities else None
        return {
            "dailyEnergy": [daily[start] for start in sorted(daily)]
            if DAILY in query.granularities
            else None,
            "hourlyEnergy": slots if meter.energy == "gas" else None,
            "quarterHourlyEnergy": slots if meter.energy != "gas" else None,
        }

    def _whole_days(
        self, meter: SimulatedMeter, day: date, counted: list[Slot], serial: str | None, query: Query
    ) -> Iterator[Slot]:
        """A meter day in one slot; where days begin otherwise, those that share in it and are over."""
        edges = meter_day(meter.energy, day)
        if query.daybreak is None:
            yield Slot(*edges, total(counted, meter.registers))
            return
        for start, end in {query.daybreak(each, query.start) for each in (edges[0], edges[1] - QUARTER)}:
            days = dates(date_of(meter.energy, start), date_of(meter.energy, end - QUARTER))
            if all(
                each >= meter.since and self.measurements.publication(meter, each).days <= query.now
                for each in days
            ):
                slots = [
                    slot for each in days for slot in self.measurements.slots(meter, each, query.now, serial)
                ]
                yield Slot(start, end, total((s for s in slots if start <= s.start < end), meter.registers))

    @staticmethod
    def _is_asked(slot: Slot, query: Query, mandate: Mandate) -> bool:
        is_in_span = query.period_type == "insertTime" or query.has(slot.start)
        return is_in_span and mandate.covers(slot.start, slot.end)

    def _selected_days(
        self, meter: SimulatedMeter, query: Query
    ) -> Iterator[tuple[date, State, Selected, Selected]]:
        """The days that may have slots to give, their state, and which: of the day, of its parts."""
        for day in self._candidates(meter, query):
            publication = self.measurements.publication(meter, day)
            held = self._held(meter, day, publication)
            whole_day, parts = (
                granularity in query.granularities
                and published <= query.now
                and self._stored_in_span(meter, day, published, held, query)
                for granularity, published in zip((DAILY, FINEST), publication, strict=True)
            )
            if whole_day or (parts and meter.intervals):
                state: State = "VAL" if held is None or held.until <= query.now else held.state
                yield day, state, whole_day, meter.intervals and parts

    def _stored_in_span(
        self, meter: SimulatedMeter, day: date, published: datetime, held: Held | None, query: Query
    ) -> Selected:
        """Which of a day's slots were stored, or stored again, in the span that was asked."""
        if query.period_type == "readTime":
            return True
        moments = [published] if held is None else [published, max(published, held.until)]
        if definitive_at := self.measurements.definitive_at(meter, day):
            moments.append(max(published, definitive_at))
        if any(query.has(moment) and moment <= query.now for moment in moments):
            return True
        if (meter.ean, day) not in self.measurements.corrections:
            return False
        changed: set[datetime] = set()
        for correction, starts in self.measurements.changed_slots(meter, day, query.now):
            if query.has(max(published, correction.at, correction.stored)):
                changed |= starts
        return changed

    def _held(self, meter: SimulatedMeter, day: date, publication: Publication) -> Held | None:
        if held := self.held.get((meter.ean, day)):
            return held
        for habit in self.habits:
            if habit.ean in (None, meter.ean) and day.toordinal() % habit.every == 0:
                return Held(habit.state, publication.days + habit.lasting)
        return None

    def _candidates(self, meter: SimulatedMeter, query: Query) -> list[date]:
        """The days of which a slot may lie in the span, or may have been stored in it."""
        first = max(date_of(meter.energy, query.start), meter.since)
        last = date_of(meter.energy, min(query.end, query.now))
        if query.period_type == "readTime":
            return dates(first, last)
        usual = meter.delay or (GAS_DELAY if meter.energy == "gas" else LATEST_MORNING)
        laters = [timedelta(0), *(each.lasting for each in self.habits if each.ean in (None, meter.ean))]
        if calorific := self.measurements.calorific.get(meter.ean):
            laters.append(calorific.lasting)
        found: set[date] = set()
        for later in laters:  # from a day's publication until it is stored again
            found.update(dates(first - usual - later - 2 * ONE_DAY, last - later + ONE_DAY))
        explicit = (self.measurements.corrections, self.measurements.delays, self.held)
        found.update(day for days in explicit for ean, day in list(days) if ean == meter.ean)
        today = date_of(meter.energy, query.now)
        return sorted(day for day in found if meter.since <= day <= today)
