"""The readings as they stand in the file, whatever is known of their days."""

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from bridge.ledger.errors import reporting_damage
from bridge.ledger.part import Part
from bridge.ledger.units import to_amount, to_instant, to_seconds
from bridge.metering import meterday
from bridge.metering.merging import Row, Slot, totals_by_register
from bridge.metering.model import SUMMED_UP, Energy, Interval, Meter, Reading, Register


class Readings(Part):
    """Amounts of slots, by register, over all physical meters. Spans of days include both ends."""

    @reporting_damage
    def known_span(self, meter: Meter) -> tuple[date, date] | None:
        """The first and the last day of which anything is known, whatever the bounds."""
        # each by itself is found at once, both together by looking through all
        ((first, last),) = self._rows(
            "SELECT (SELECT MIN(start) FROM reading WHERE meter = ?1 AND daily = 1),"
            " (SELECT MAX(start) FROM reading WHERE meter = ?1 AND daily = 1)",
            (self._meter(meter),),
        )
        if first is None:
            return None
        return (
            meterday.day_of(to_instant(first), meter.energy),
            meterday.day_of(to_instant(last), meter.energy),
        )

    @reporting_damage
    def first_with_intervals(self, meter: Meter) -> date | None:
        """The first day of which an interval is, or was, known, whatever the bounds."""
        ((start,),) = self._rows(
            "SELECT MIN(start) FROM (SELECT MIN(start) AS start FROM reading WHERE meter = ?1 AND daily = 0"
            " UNION ALL SELECT MIN(start) FROM day WHERE meter = ?1 AND dropped)",
            (self._meter(meter),),
        )
        return None if start is None else meterday.day_of(to_instant(start), meter.energy)

    @reporting_damage
    def days_with_amounts(self, meter: Meter, first: date, last: date) -> set[date]:
        """The days of a span of which daily amounts are known."""
        bounds = meterday.start_of(first, meter.energy), meterday.end_of(last, meter.energy)
        rows = self._rows(
            "SELECT DISTINCT start FROM reading WHERE meter = ? AND daily = 1 AND start >= ? AND start < ?",
            (self._meter(meter), *map(to_seconds, bounds)),
        )
        return {meterday.day_of(to_instant(start), meter.energy) for (start,) in rows}

    def amounts(
        self, meter: Meter, first: date, last: date, *, daily: bool
    ) -> dict[datetime, dict[Register, Decimal]]:
        """The amounts of each slot of a span of days, by register, over all physical meters."""
        bounds = meterday.start_of(first, meter.energy), meterday.end_of(last, meter.energy)
        rows = self._rows(
            "SELECT start, register, SUM(amount) FROM reading"
            " WHERE meter = ? AND daily = ? AND start >= ? AND start < ? GROUP BY start, register",
            (self._meter(meter), daily, *map(to_seconds, bounds)),
        )
        registers = self._store.names.registers
        return {
            to_instant(start): {registers[number]: to_amount(amount) for _, number, amount in of_slot}
            for start, of_slot in groupby(rows, key=itemgetter(0))
        }

    def whole(self, meter: Meter, day: date) -> dict[Register, Decimal]:
        """A day's daily amounts."""
        start = meterday.start_of(day, meter.energy)
        return self.amounts(meter, day, day, daily=True).get(start, {})

    def slots(self, meter: Meter, day: date) -> dict[datetime, dict[Register, Decimal]]:
        """The amounts of a day's known intervals."""
        return self.amounts(meter, day, day, daily=False)

    def of_day(
        self, meter: Meter, day: date
    ) -> tuple[dict[Register, Decimal], dict[datetime, dict[Register, Decimal]]]:
        """A day's daily amounts, and those of its known intervals."""
        bounds = meterday.start_of(day, meter.energy), meterday.end_of(day, meter.energy)
        whole: dict[Register, Decimal] = {}
        slots: dict[datetime, dict[Register, Decimal]] = {}
        rows = self._rows(
            "SELECT daily, start, register, SUM(amount) FROM reading"
            " WHERE meter = ? AND daily IN (0, 1) AND start >= ? AND start < ?"
            " GROUP BY daily, start, register",
            (self._meter(meter), *map(to_seconds, bounds)),
        )
        registers = self._store.names.registers
        for (daily, start), of_slot in groupby(rows, key=itemgetter(0, 1)):
            amounts = {registers[number]: to_amount(amount) for _, _, number, amount in of_slot}
            if daily:
                whole |= amounts
            else:
                slots[to_instant(start)] = amounts
        return whole, slots

    def summed_up(self, meter: Meter, day: date) -> list[Reading]:
        """A day's amounts as its known intervals add up to, for each physical meter."""
        span = meterday.start_of(day, meter.energy), meterday.end_of(day, meter.energy)
        rows = self._rows(
            "SELECT serial, register, SUM(amount), MIN(validated), MAX(estimated) FROM reading"
            " JOIN device ON device.id = device"
            " WHERE meter = ? AND daily = 0 AND start >= ? AND start < ? GROUP BY serial, register",
            (self._meter(meter), *map(to_seconds, span)),
        )
        return [
            Reading(
                *span,
                self._store.names.registers[register],
                to_amount(amount),
                validated=bool(validated),
                serial=serial,
                provisional=meter.energy is Energy.GAS and not validated,
                filed_at=SUMMED_UP,
                estimated=bool(estimated),
            )
            for serial, register, amount, validated, estimated in rows
        ]

    def between(self, meter: Meter, start: datetime, end: datetime) -> list[Interval]:
        """The intervals from one instant until another, in order of time."""
        slots, revisions = self.known(self._meter(meter), to_seconds(start), to_seconds(end) - 1, daily=False)
        length = meterday.interval_length(meter.energy)
        return [
            Interval(
                start=to_instant(at),
                end=to_instant(at) + length,
                amounts=amounts_of(slot),
                validated=all(row.validated for row in slot.values()),
                revision=revisions[at],
            )
            for at, slot in slots.items()
        ]

    def is_validated(self, meter: Meter, start: datetime) -> bool:
        """Whether the daily amounts that start at an instant are final."""
        at = to_seconds(start)
        slots, _ = self.known(self._meter(meter), at, at, daily=True)
        return all(row.validated for row in slots[at].values())

    def known(
        self, key: int, first: int, last: int, *, daily: bool
    ) -> tuple[dict[int, Slot], dict[int, int]]:
        """A meter's slots, by its number, between two instants of the file, and their revisions."""
        slots: dict[int, Slot] = defaultdict(dict)
        revisions: dict[int, int] = {}
        rows = self._rows(
            "SELECT start, device, register, amount, validated, origin, estimated, revision FROM reading"
            " WHERE meter = ? AND daily = ? AND start BETWEEN ? AND ?",
            (key, daily, first, last),
        )
        for start, device, register, amount, validated, origin, estimated, revision in rows:
            row = Row(amount, bool(validated), origin, bool(estimated))
            slots[start][device, self._store.names.registers[register]] = row
            revisions[start] = max(revision, revisions.get(start, 0))
        return slots, revisions


def amounts_of(slot: Slot) -> dict[Register, Decimal]:
    """A slot's amounts, over all physical meters."""
    return {register: to_amount(total) for register, total in totals_by_register(slot).items()}
