"""What the meters counted, what was corrected since, and when Fluvius makes it known."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from bridge.simulator.household import (
    CONSUMPTION,
    CUBIC_METRE,
    HOUR,
    KWH,
    TOTAL,
    Register,
    SimulatedMeter,
    Slot,
    conversion_factor,
    highest_quarter,
    meter_day,
    provisional_factor,
    published_after,
    slots,
)

FROM_THE_START = datetime.min.replace(tzinfo=UTC)
GAS_DELAY = timedelta(hours=72)
WRITINGS = ("letters", "words", "null", "number")  # of gcuv, of which nobody knows how Fluvius writes it


class Correction(NamedTuple):
    """A change of one day's published amounts."""

    at: datetime  # when it is published, UTC
    delta: int  # Wh
    direction: int
    over: int  # how many slots share it
    stored: datetime = FROM_THE_START  # when Fluvius knew of it


class Calorific(NamedTuple):
    """How the kWh of gas come about: on a provisional calorific value first, on the definitive one later."""

    lasting: timedelta  # from a day's publication until the definitive value is there
    writing: str  # of `gcuv` on the portal, one of WRITINGS


class Publication(NamedTuple):
    """When a meter day appears (UTC): its daily amounts, and its quarter-hours or hours."""

    days: datetime
    intervals: datetime


class Measurements:
    """The meters' books, with Fluvius' corrections and delays."""

    def __init__(self, meters: Iterable[SimulatedMeter]) -> None:
        self.meters = {meter.ean: meter for meter in meters}  # the account's
        self.customers: dict[str, SimulatedMeter] = {}  # who are there for the Energy API only
        self.corrections: dict[tuple[str, date], list[Correction]] = defaultdict(list)
        self.delays: dict[tuple[str, date], Publication] = {}
        self.calorific: dict[str, Calorific] = {}  # by the EANs of gas meters; without one, all is definitive

    def find(self, ean: str) -> SimulatedMeter | None:
        """The meter at a connection point, the account's or a customer's."""
        return self.meters.get(ean) or self.customers.get(ean)

    def put(self, meter: SimulatedMeter) -> None:
        """Changes a meter, or adds a customer's."""
        (self.meters if meter.ean in self.meters else self.customers)[meter.ean] = meter

    def slots(self, meter: SimulatedMeter, day: date, now: datetime, serial: str | None = None) -> list[Slot]:
        """The day's finest slots as corrected by `now`; with a serial, only what that one counted."""
        if day < meter.since:
            return []
        counted = [*slots(meter, day)]
        for correction in self._corrections(meter, day, now):
            counted = corrected(counted, correction, conversion_factor(meter.ean, day))
        if self.is_provisional(meter, day, now):
            counted = in_provisional_kwh(counted, provisional_factor(meter.ean, day))
        return _of(meter, counted, serial)

    def uncorrected_slots(self, meter: SimulatedMeter, day: date, serial: str | None) -> list[Slot]:
        """The same before any correction."""
        return _of(meter, [*slots(meter, day)], serial)

    def is_provisional(self, meter: SimulatedMeter, day: date, now: datetime) -> bool:
        """Whether a gas day's kWh still stand on a provisional calorific value."""
        until = self.definitive_at(meter, day)
        return until is not None and now < until

    def definitive_at(self, meter: SimulatedMeter, day: date) -> datetime | None:
        """When the definitive calorific value is there; None: it always was."""
        calorific = self.calorific.get(meter.ean)
        return calorific and self.publication(meter, day).days + calorific.lasting

    def highest(
        self, meter: SimulatedMeter, day: date, now: datetime, serial: str | None
    ) -> tuple[int, datetime] | None:
        """The Wh and the start of the quarter-hour in which most was consumed; the first of several."""
        if (meter.ean, day) in self.corrections or meter.exchange is not None or day < meter.since:
            counted = [(consumed(slot), slot.start) for slot in self.slots(meter, day, now, serial)]
            return max(counted, key=lambda each: each[0], default=None)
        return highest_quarter(meter.ean, day, meter.injection)

    def changed_slots(
        self, meter: SimulatedMeter, day: date, now: datetime
    ) -> Iterator[tuple[Correction, set[datetime]]]:
        """Every correction that is known by now, and the starts of the slots that it changed."""
        counted = [*slots(meter, day)]
        for correction in self._corrections(meter, day, now):
            before, counted = counted, corrected(counted, correction, conversion_factor(meter.ean, day))
            pairs = zip(before, counted, strict=True)
            yield correction, {slot.start for was, slot in pairs if was.amounts != slot.amounts}

    def _corrections(self, meter: SimulatedMeter, day: date, now: datetime) -> list[Correction]:
        known = (each for each in self.corrections.get((meter.ean, day), ()) if each.at <= now)
        return sorted(known, key=lambda each: each.at)

    def day(self, meter: SimulatedMeter, day: date, now: datetime, serial: str | None = None) -> Slot | None:
        """The whole day in one slot with every register, or None when there is nothing."""
        counted = self.slots(meter, day, now, serial)
        return Slot(*meter_day(meter.energy, day), total(counted, meter.registers)) if counted else None

    def publication(self, meter: SimulatedMeter, day: date) -> Publication:
        """When the day's amounts appear."""
        return self.delays.get((meter.ean, day)) or self.usual_publication(meter, day)

    def usual_publication(self, meter: SimulatedMeter, day: date) -> Publication:
        """Electricity early the next morning, gas after 72 hours, or the meter's own delay."""
        _, end = meter_day(meter.energy, day)
        delay = meter.delay
        if delay is None and meter.energy == "gas":
            delay = GAS_DELAY
        if delay is None:
            delay = published_after(meter.ean, day)
        return Publication(end + delay, end + delay)

    def add_correction(self, meter: SimulatedMeter, day: date, correction: Correction) -> None:
        """Keeps a correction.

        Raises:
            ValueError: nothing was counted in that direction, or less than is to be taken away.
        """
        counted = self.slots(meter, day, datetime.max.replace(tzinfo=UTC))
        amounts = [amount for slot in counted for amount in _in_direction(slot, correction.direction)]
        if not amounts or sum(amounts) + correction.delta < 0:
            raise ValueError(
                f"{meter.ean} counted {sum(amounts)} Wh on {day}: cannot change that by {correction.delta} Wh"
            )
        self.corrections[meter.ean, day].append(correction)


def in_provisional_kwh(counted: list[Slot], factor: int) -> list[Slot]:
    """The same cubic metres in kWh of another calorific value, in Wh per cubic metre."""
    energy, volume = (CONSUMPTION, TOTAL, KWH), (CONSUMPTION, TOTAL, CUBIC_METRE)
    return [
        Slot(start, end, {**amounts, energy: (amounts[volume] * factor + 500) // 1000})
        for start, end, amounts in counted
    ]


def _of(meter: SimulatedMeter, counted: list[Slot], serial: str | None) -> list[Slot]:
    """What one physical meter counted; of all of them, without a serial."""
    if serial is None or meter.exchange is None:
        return counted
    return [slot for slot in counted if meter.serial_at(slot.start) == serial]


def consumed(slot: Slot) -> int:
    """What was taken from the grid, in Wh."""
    return sum(_in_direction(slot, CONSUMPTION))


def total(counted: Iterable[Slot], registers: Iterable[Register]) -> dict[Register, int]:
    """The sums per register, zeros included."""
    sums = dict.fromkeys(registers, 0)
    for slot in counted:
        for register, amount in slot.amounts.items():
            sums[register] += amount
    return sums


def in_hours(counted: list[Slot]) -> list[Slot]:
    """Quarter-hours added up to hours; hours stay as they are. Tariffs change on the hour only."""
    hours: dict[datetime, list[Slot]] = defaultdict(list)
    for slot in counted:
        hours[slot.start.replace(minute=0)].append(slot)
    return [
        Slot(start, start + HOUR, total(quarters, quarters[0].amounts)) for start, quarters in hours.items()
    ]


def corrected(counted: list[Slot], correction: Correction, factor: int) -> list[Slot]:
    """The day's slots, with a correction spread over those that counted most; none becomes negative.

    Args:
        counted: the day's slots.
        correction: what changes.
        factor: Wh per cubic metre; a gas slot's litres follow its Wh.
    """
    amounts = [dict(slot.amounts) for slot in counted]
    registers = {
        i: register
        for i, slot in enumerate(counted)
        for register in slot.amounts
        if register[0] == correction.direction and register[2] == KWH
    }
    by_amount = sorted(registers, key=lambda i: -amounts[i][registers[i]])
    sign = 1 if correction.delta > 0 else -1
    remaining = abs(correction.delta)
    share = -(-remaining // correction.over)
    for i in by_amount:
        step = min(share, remaining) if sign > 0 else min(share, remaining, amounts[i][registers[i]])
        _change(amounts[i], registers[i], sign * step, factor)
        remaining -= step
    for i in by_amount:  # what the largest could not give, the others do
        step = min(remaining, amounts[i][registers[i]])
        _change(amounts[i], registers[i], sign * step, factor)
        remaining -= step
    return [Slot(slot.start, slot.end, changed) for slot, changed in zip(counted, amounts, strict=True)]


def _change(amounts: dict[Register, int], register: Register, step: int, factor: int) -> None:
    amounts[register] += step
    volume = (CONSUMPTION, register[1], CUBIC_METRE)
    if volume in amounts:
        amounts[volume] = (amounts[register] * 1000 + factor // 2) // factor


def _in_direction(slot: Slot, direction: int) -> list[int]:
    return [amount for (t, _, unit), amount in slot.amounts.items() if t == direction and unit == KWH]
