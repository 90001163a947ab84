"""The complete days of a span, summed by day, by month or by year."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum

from bridge.ledger.checksums import Checksums
from bridge.ledger.days import Days
from bridge.ledger.errors import reporting_damage
from bridge.ledger.part import Part
from bridge.ledger.store import Store
from bridge.ledger.units import to_amount
from bridge.metering import meterday
from bridge.metering.model import Meter, Register


class By(IntEnum):
    """What days are put together to: how many letters of a date they share."""

    YEAR = 4
    MONTH = 7
    DAY = 10


@dataclass(frozen=True, slots=True)
class Counted:
    """Some complete days together."""

    days: int
    corrected: int  # of these: whose amounts changed since they were first complete
    amounts: Mapping[Register, Decimal]


class Calendar(Part):
    """What is drawn. Spans of days include both ends."""

    def __init__(self, store: Store, checks: Checksums, days: Days) -> None:
        super().__init__(store)
        self._checks, self._days = checks, days

    @reporting_damage
    def counted(self, meter: Meter, first: date, last: date, by: By) -> dict[date, Counted]:
        """By the first day of each month or year, oldest first, those of which a day is complete."""
        first, last = meterday.span_within(meter, first, last)
        if first > last:
            return {}
        self._checks.raise_if_damaged(meter, first, last, intervals_too=False)
        span = self._meter(meter), *_named(*meterday.whole_within(meter, first, last))
        days = self._rows(
            # +: of the table, which has checksums, and not of an index
            "SELECT substr(date, 1, ?1) AS name, COUNT(*), SUM(revision > 1) FROM day"
            " WHERE meter = ?2 AND +complete = 1 AND date BETWEEN ?3 AND ?4 GROUP BY name ORDER BY name",
            (by, *span),
        )
        amounts: dict[str, dict[Register, Decimal]] = {name: {} for name, _, _ in days}
        rows = self._rows(  # in two parts, each of which stays within 64 bits
            "SELECT substr(date, 1, ?1) AS name, register,"
            " SUM(amount / 1000000000), SUM(amount % 1000000000)"
            " FROM day JOIN reading ON reading.meter = day.meter AND daily = 1 AND reading.start = day.start"
            " WHERE day.meter = ?2 AND +complete = 1 AND date BETWEEN ?3 AND ?4 GROUP BY name, register",
            (by, *span),
        )
        for name, register, whole, rest in rows:
            amounts[name][self._store.names.registers[register]] = to_amount(whole * 10**9 + rest)
        found = {_first_of(name): Counted(count, revised, amounts[name]) for name, count, revised in days}
        for day, part in self._days.complete_parts(meter, first, last).items():
            name = _first_of(day.isoformat()[:by])
            revised = self._days.complete_day(meter, day).revision > 1
            found[name] = together([*([found[name]] if name in found else ()), Counted(1, revised, part)])
        return dict(sorted(found.items()))

    @reporting_damage
    def neighbours(self, meter: Meter, first: date, last: date) -> tuple[date | None, date | None]:
        """The nearest days before and after a span of which an amount is known."""
        begin, end = meterday.span_within(meter)
        known = (
            "SELECT date FROM day WHERE meter = ? AND date BETWEEN ? AND ? AND (intervals > 0 OR EXISTS"
            " (SELECT 1 FROM reading WHERE meter = day.meter AND daily = 1 AND start = day.start))"
            " ORDER BY date"
        )
        until, since = min(end, first - meterday.ONE_DAY), max(begin, last + meterday.ONE_DAY)
        before = self._rows(f"{known} DESC LIMIT 1", (self._meter(meter), *_named(begin, until)))
        after = self._rows(f"{known} LIMIT 1", (self._meter(meter), *_named(since, end)))
        return _date_of(before), _date_of(after)


def _named(first: date, last: date) -> tuple[str, str]:
    return first.isoformat(), last.isoformat()


def _first_of(name: str) -> date:
    return date.fromisoformat(name + "0000-01-01"[len(name) :])


def together(counted: Iterable[Counted]) -> Counted:
    """Several of them as one."""
    days, corrected = 0, 0
    amounts: dict[Register, Decimal] = {}
    for each in counted:
        days, corrected = days + each.days, corrected + each.corrected
        for register, amount in each.amounts.items():
            amounts[register] = amounts.get(register, Decimal(0)) + amount
    return Counted(days, corrected, amounts)


def _date_of(rows: Sequence[tuple[str]]) -> date | None:
    return date.fromisoformat(rows[0][0]) if rows else None
