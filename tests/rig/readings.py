"""Readings as Fluvius gives them, made up, and a day of them in a ledger."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bridge.ledger import Ledger
from bridge.metering import meterday
from bridge.metering.model import Energy, Meter, Reading
from tests.rig.registers import Amounts

HOME = Meter("home", "541448820000000008", Energy.ELECTRICITY, "A")
STOVE = Meter("stove", "541448820000000015", Energy.GAS, "G")
DAY = date(2026, 11, 20)
BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
LATER, LATEST = NOW + timedelta(hours=1), NOW + timedelta(hours=2)


def daily(amounts: Amounts, day: date = DAY, meter: Meter = HOME, **of: Any) -> list[Reading]:
    start, end = meterday.start_of(day, meter.energy), meterday.end_of(day, meter.energy)
    return in_slot(start, end, amounts, **of)


def interval(number: int, amounts: Amounts, day: date = DAY, meter: Meter = HOME, **of: Any) -> list[Reading]:
    start = meterday.intervals_of(day, meter.energy)[number]
    return in_slot(start, start + meterday.interval_length(meter.energy), amounts, **of)


def in_slot(
    start: datetime, end: datetime, amounts: Amounts, *, validated: bool = True, serial: str = "A"
) -> list[Reading]:
    return [Reading(start, end, register, amounts[register], validated, serial) for register in amounts]


def all_intervals(
    each: Amounts, day: date = DAY, numbers: Iterable[int] | None = None, **of: Any
) -> list[Reading]:
    every = range(len(meterday.intervals_of(day, HOME.energy)))
    return [reading for n in numbers or every for reading in interval(n, each, day, **of)]


def whole_day(ledger: Ledger, each: Amounts, day: date = DAY, now: datetime = NOW, **of: Any) -> None:
    """A day that becomes complete: its daily amounts, and 96 equal quarter-hours."""
    sums = {register: amount * 96 for register, amount in each.items()}
    ledger.answers.record_days(HOME, daily(sums, day, **of), now)
    ledger.answers.record_intervals(HOME, day, all_intervals(each, day, **of), now)
    ledger.answers.settle(HOME, [day], now)
