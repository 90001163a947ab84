"""What Fluvius answered, in one transaction per answer."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from bridge.ledger.checksums import Seals
from bridge.ledger.days import Days
from bridge.ledger.errors import reporting_damage
from bridge.ledger.outbox import Outbox
from bridge.ledger.part import Part
from bridge.ledger.readings import Readings, amounts_of
from bridge.ledger.slots import DROPPED, Slots, Tally
from bridge.ledger.store import Store
from bridge.ledger.units import to_instant, to_seconds
from bridge.metering import agreement, completeness, meterday
from bridge.metering.completeness import DayFacts
from bridge.metering.merging import Slot
from bridge.metering.model import Energy, Meter, Reading, Register, Tariff, without_bounds

_YOUNG = meterday.ONE_DAY * 365  # what is not older is never dropped, and so nothing has to be read to know


class Answers(Part):
    """What is known of days changes with each of them."""

    def __init__(
        self, store: Store, checks: Seals, *, readings: Readings, days: Days, slots: Slots, outbox: Outbox
    ) -> None:
        super().__init__(store)
        self._checks, self._readings, self._days = checks, readings, days
        self._slots, self._outbox = slots, outbox

    def record_days(
        self, meter: Meter, readings: Sequence[Reading], now: datetime, *, tally: Tally | None = None
    ) -> None:
        """Keep daily amounts. A complete day whose amounts differ was corrected: its revision rises.

        Its intervals are due again then, however lately they were asked for. With a `tally` they come out of
        a file, so that Fluvius was not asked; what became of them is counted there.
        """
        days = {to_seconds(each.start): meterday.day_of(each.start, meter.energy) for each in readings}
        provisional = {to_seconds(each.start) for each in readings if each.provisional}
        reviewed_at = to_seconds(now) if tally is None else None
        with self._store.transaction():
            written = self._slots.write(meter, readings, now, daily=True, tally=tally).changed
            for start, changed in written.items():
                key = self._ensure_day(meter, days[start], now)
                if not changed:
                    continue
                ((intervals,),) = self._rows(
                    "UPDATE day SET fetched_at = ?, revision = revision + complete,"
                    " corrected = complete AND intervals > 0 AND NOT dropped, dropped = IIF(dropped, 2, 0),"
                    " asked_at = IIF(intervals > 0 AND NOT dropped, NULL, asked_at)"
                    " WHERE meter = ? AND date = ? RETURNING intervals",
                    (to_seconds(now), *key),
                )
                if intervals:
                    self._compare(meter, days[start], self._known_of(meter, days[start]))
            self._store.execute_many(
                "UPDATE day SET provisional = ?, reviewed_at = COALESCE(?, reviewed_at)"
                " WHERE meter = ? AND date = ?",
                [
                    (start in provisional, reviewed_at, self._meter(meter), day.isoformat())
                    for start, day in days.items()
                    if tally is None or start in written
                ],
            )
            if written:
                self._checks.seal(meter, days[min(written)], days[max(written)])

    def record_intervals(
        self,
        meter: Meter,
        day: date,
        readings: Sequence[Reading],
        now: datetime,
        *,
        only_new: bool = False,
        tally: Tally | None = None,
    ) -> None:
        """Keep the answer to the request for one day's intervals, also when it was empty or partial.

        With `only_new`, what the answer does not hold has not changed. With a `tally` they come out of a
        file: Fluvius was not asked, what became of them is counted there, and a day of which every interval
        is known has the amounts that they add up to, as long as nobody says them. Those of a day that were
        dropped once are not kept again.

        A correction that the daily amounts announced already does not raise the revision again, nor do
        intervals that begin to count.
        """
        with self._store.transaction():
            is_old = meterday.day_of(now, meter.energy) - day > _YOUNG
            if is_old and self._days.dropped(meter, day, day):
                self._leave_out(meter, day, readings, now, tally)
                return
            written, slots = self._slots.write(meter, readings, now, daily=False, tally=tally)
            key = self._ensure_day(meter, day, now)
            known = self._known_of(meter, day, slots)
            if any(written.values()):
                self._execute(
                    "UPDATE day SET fetched_at = ?,"
                    " revision = revision + (complete AND NOT corrected AND NOT disagrees AND intervals > 0),"
                    " intervals = ? WHERE meter = ? AND date = ?",
                    (to_seconds(now), len(known.intervals), *key),
                )
            if tally is not None:
                known = self._summed_up(meter, known, now)
            expected = meterday.intervals_of(day, meter.energy)
            answered = known if only_new else _as_answered(known, readings)
            whole = completeness.has_every_interval(answered, meter.energy)
            self._compare(meter, day, known)
            self._execute(
                "UPDATE day SET asked_at = COALESCE(?, asked_at),"
                " corrected = NOT ? AND (corrected OR (complete AND intervals BETWEEN 1 AND ?))"
                " WHERE meter = ? AND date = ?",
                (None if tally is not None else to_seconds(now), whole, len(expected) - 1, *key),
            )
            if written:
                self._checks.seal(meter, day, day)

    def ask_again(self, meter: Meter, days: Sequence[date]) -> None:
        """Forget that the intervals of days that are not complete were asked for, perhaps in vain."""
        self._execute(
            "UPDATE day SET asked_at = NULL WHERE meter = ? AND NOT complete AND date BETWEEN ? AND ?",
            (self._meter(meter), days[0].isoformat(), days[-1].isoformat()),
        )

    @reporting_damage
    def settle(
        self, meter: Meter, days: Sequence[date], now: datetime, silent: Collection[date] | None = None
    ) -> list[DayFacts]:
        """Mark those of the days that have become complete, whatever the bounds.

        Args:
            meter: the meter.
            days: consecutive ones.
            now: the present instant, aware.
            silent: days on which the meter had no intervals; None: those of all show whether it has any.

        Returns:
            What is known of the days now, as `Days.facts` says it.
        """
        facts = self._days.facts(without_bounds(meter), days, now)
        usual = completeness.usual_registers(facts)
        without_intervals = meter.days_only or (
            silent is None and completeness.days_only(facts, meter.energy)
        )
        complete = {
            day.date: _as_complete(day, meter.energy)
            for day in facts
            if not day.complete
            and completeness.is_complete(
                day,
                meter.energy,
                usual,
                without_intervals=without_intervals or day.date in (silent or ()),
                is_late=meterday.is_late(day.date, meter.energy, now),
            )
        }
        if complete:
            key, (first, *_), (*_, last) = self._meter(meter), complete, complete
            with self._store.transaction():
                self._slots.touch(meter, first, last)
                self._store.execute_many(
                    "UPDATE day SET complete = 1, disagrees = ?, fetched_at = ? WHERE meter = ? AND date = ?",
                    [
                        (day.disagrees, to_seconds(now), key, date.isoformat())
                        for date, day in complete.items()
                    ],
                )
                self._checks.seal(meter, first, last)
        if meterday.cut_days(meter):  # which count by their own rules
            return self._days.facts(meter, days, now)
        return [complete.get(day.date, day) for day in facts]

    def _leave_out(
        self, meter: Meter, day: date, readings: Sequence[Reading], now: datetime, tally: Tally | None
    ) -> None:
        if tally is None:
            self._execute(
                "UPDATE day SET asked_at = ? WHERE meter = ? AND date = ?",
                (to_seconds(now), self._meter(meter), day.isoformat()),
            )
        else:
            tally[DROPPED] += len(readings)

    def _summed_up(self, meter: Meter, known: DayFacts, now: datetime) -> DayFacts:
        """The day with the amounts that its intervals add up to, if no interval lacks a flow."""
        flows = agreement.flows({register for slot in known.intervals.values() for register in slot})
        slots = [known.intervals.get(each) for each in meterday.intervals_of(known.date, meter.energy)]
        if not all(slot and flows <= agreement.flows(slot) for slot in slots):
            return known
        sums = _with_silent_tariffs(self._readings.summed_up(meter, known.date))
        if not self._slots.write(meter, sums, now, daily=True).changed:
            return known
        self._execute(
            "UPDATE day SET provisional = ?, fetched_at = ? WHERE meter = ? AND date = ?",
            (
                any(each.provisional for each in sums),
                to_seconds(now),
                self._meter(meter),
                known.date.isoformat(),
            ),
        )
        self._checks.seal(meter, known.date, known.date)
        return replace(known, daily=self._readings.whole(meter, known.date))

    def _known_of(self, meter: Meter, day: date, slots: Mapping[int, Slot] | None = None) -> DayFacts:
        """A day's daily amounts, and all intervals that are known of it, which may be read already."""
        if not slots:
            return DayFacts(day, *self._readings.of_day(meter, day))
        intervals = {to_instant(start): amounts_of(slot) for start, slot in slots.items()}
        return DayFacts(day, self._readings.whole(meter, day), intervals)

    def _compare(self, meter: Meter, day: date, known: DayFacts) -> None:
        """Remember whether a day's intervals add up to its daily amounts; until then none is streamed."""
        disagrees = bool(completeness.disagreements(known, meter.energy))
        key = self._meter(meter)
        self._execute(
            "UPDATE day SET disagrees = ?1 WHERE meter = ?2 AND date = ?3 AND disagrees != ?1",
            (disagrees, key, day.isoformat()),
        )
        self._outbox.hold(meter, day, disagrees)

    def _ensure_day(self, meter: Meter, day: date, now: datetime) -> tuple[int, str]:
        key = self._meter(meter), day.isoformat()
        start = to_seconds(meterday.start_of(day, meter.energy))
        if self._rows(
            "INSERT OR IGNORE INTO day (meter, date, start, fetched_at) VALUES (?, ?, ?, ?) RETURNING 1",
            (*key, start, to_seconds(now)),
        ):
            self._checks.seal(meter, day, day)
        return key


def _as_complete(day: DayFacts, energy: Energy) -> DayFacts:
    disagrees = bool(completeness.disagreements(day, energy))
    return replace(day, complete=True, disagrees=disagrees, intervals=day.intervals if disagrees else {})


def _with_silent_tariffs(sums: Sequence[Reading]) -> list[Reading]:
    """A tariff that was in force at no time of a day counted nothing on it, where the other one is known."""
    other = {Tariff.HIGH: Tariff.LOW, Tariff.LOW: Tariff.HIGH}
    known = {(each.serial, each.register) for each in sums}
    silent = [
        each._replace(register=register, amount=Decimal(0))
        for each in sums
        if each.register.tariff in other
        and (each.serial, register := each.register._replace(tariff=other[each.register.tariff])) not in known
    ]
    return [*sums, *silent]


def _as_answered(known: DayFacts, readings: Sequence[Reading]) -> DayFacts:
    """The day with just the intervals of an answer."""
    intervals: dict[datetime, dict[Register, Decimal]] = defaultdict(dict)
    for reading in readings:
        intervals[reading.start][reading.register] = reading.amount
    return DayFacts(known.date, known.daily, intervals)
