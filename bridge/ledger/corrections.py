"""What was corrected lately: the amounts of complete days that gave way to others."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from bridge.ledger.errors import reporting_damage
from bridge.ledger.migrations import OF_A_CORRECTION
from bridge.ledger.part import Part
from bridge.ledger.units import to_amount, to_instant, to_seconds
from bridge.metering import meterday
from bridge.metering.merging import Slot, corrections
from bridge.metering.model import Meter, Register

_KEPT = 400  # of a meter: of a hundred days with two tariffs both ways


@dataclass(frozen=True, slots=True)
class Correction:
    """A register's amount of a day that gave way to another one."""

    date: date
    register: Register  # TOTAL where a total and its tariffs gave way to each other
    was: Decimal
    became: Decimal
    at: datetime  # when it did here, aware


class KnownCorrections(Part):
    """As they are read."""

    @reporting_damage
    def lately(self, meter: Meter) -> list[Correction]:
        """The last of a meter, newest first, within its bounds. A damaged one is left out."""
        rows = self._rows(
            "SELECT start, register, was, became, at FROM sound_correction"
            " WHERE meter = ? ORDER BY number DESC",
            (self._meter(meter),),
        )
        first, last = meterday.span_within(meter)
        found = (
            Correction(
                meterday.day_of(to_instant(start), meter.energy),
                self._store.names.registers[register],
                to_amount(was),
                to_amount(became),
                to_instant(at),
            )
            for start, register, was, became, at in rows
        )
        return [each for each in found if first <= each.date <= last]


class Corrections(KnownCorrections):
    """As they are kept: a bounded number of each meter."""

    def keep(self, meter: Meter, days: Mapping[int, tuple[Slot, Slot]], now: datetime) -> None:
        """Remember what of some days' amounts changes, before and after; of a complete day alone.

        Args:
            meter: whose days they are.
            days: by their starts, oldest first.
            now: the present instant, aware.
        """
        key = self._meter(meter)
        found = [
            (
                *(key, meterday.day_of(to_instant(start), meter.energy).isoformat(), start),
                *(self._store.names.register(register), was, became, to_seconds(now)),
            )
            for start, (before, after) in days.items()
            for register, (was, became) in corrections(before, after).items()
        ]
        if not found:
            return
        self._store.execute_many(
            "INSERT INTO correction (meter, number, start, register, was, became, at)"
            " SELECT meter, (SELECT COALESCE(MAX(number), 0) + 1 FROM correction WHERE meter = ?1),"
            " start, ?4, ?5, ?6, ?7 FROM day WHERE meter = ?1 AND date = ?2 AND start = ?3 AND complete",
            found,
        )
        self._execute(
            f"UPDATE correction SET checksum = {OF_A_CORRECTION} WHERE meter = ? AND checksum IS NULL",  # noqa: S608 - our own words
            (key,),
        )
        self._execute(
            "DELETE FROM correction WHERE meter = ?1 AND number <="
            " (SELECT MAX(number) FROM correction WHERE meter = ?1) - ?2",
            (key, _KEPT),
        )
