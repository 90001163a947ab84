"""What an answer changes: decided and written slot by slot."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from bridge.ledger.checksums import Checksums
from bridge.ledger.corrections import Corrections
from bridge.ledger.outbox import Outbox
from bridge.ledger.part import Part
from bridge.ledger.peaks import Peaks
from bridge.ledger.readings import Readings
from bridge.ledger.store import Store
from bridge.ledger.sums import Sums
from bridge.ledger.units import seconds_of, to_billionths, to_instant, to_seconds
from bridge.metering import meterday
from bridge.metering.merging import Row, Slot, believed, claimed_by_two_meters, replace, totals_by_register
from bridge.metering.model import Meter, Reading, Register

NEW, REPLACED, THE_SAME = "new", "replaced", "known already"
LESS_FINAL, OFFICIAL, OLDER = (
    "a final amount is known",
    "Fluvius itself says another",
    "a newer file is known",
)
DROPPED = "older than what is kept of such (ledger.keep_months)"
Tally = Counter[str]  # how many readings became what


class Written(NamedTuple):
    """What an answer came to, by the starts of slots."""

    changed: Mapping[int, bool]  # those that were written: whether their amounts are others now
    known: Mapping[int, Slot]  # all of the days that the answer is of, as they stand now, in no order


class Slots(Part):
    """Every reading once."""

    def __init__(
        self,
        store: Store,
        checks: Checksums,
        *,
        readings: Readings,
        sums: Sums,
        peaks: Peaks,
        outbox: Outbox,
        corrections: Corrections,
    ) -> None:
        super().__init__(store)
        self._checks, self._readings, self._corrections = checks, readings, corrections
        self._sums, self._peaks, self._outbox = sums, peaks, outbox

    def write(
        self,
        meter: Meter,
        readings: Sequence[Reading],
        now: datetime,
        *,
        daily: bool,
        tally: Tally | None = None,
    ) -> Written:
        """Write the slots that an answer changes.

        Args:
            meter: the meter.
            readings: the answer.
            now: the present instant, aware.
            daily: whether they are days.
            tally: where to count what became of each reading, if anyone wants to know.
        """
        if not (answer := self._by_start(readings)):
            return Written({}, {})
        key, days = self._meter(meter), _days_of(meter, answer)
        self._checks.raise_if_damaged(meter, *days, intervals_too=not daily)
        start, end = seconds_of(meter, *days)
        known, revisions = self._readings.known(key, start, end - 1, daily=daily)
        slots = _merged(answer, known, daily=daily, tally=tally)
        if not slots:
            return Written({}, known)
        self.touch(meter, *_days_of(meter, slots))
        if daily:
            self._corrections.keep(meter, slots, now)
        changed = {
            start: not before or totals_by_register(before) != totals_by_register(after)
            for start, (before, after) in slots.items()
        }
        revised = {start: revisions.get(start, 0) + is_changed for start, is_changed in changed.items()}
        self._replace(key, slots, revised, daily=daily)
        others = [start for start, is_changed in changed.items() if is_changed]
        if others:
            self._outbox.restate(key, min(others))
        if not daily:
            self._outbox.wait(key, others)
            if corrected := [start for start in others if slots[start][0]]:
                self._peaks.doubt(meter, *_days_of(meter, corrected))
        return Written(changed, known | {start: after for start, (_, after) in slots.items()})

    def _by_start(self, readings: Sequence[Reading]) -> dict[int, Slot]:
        devices = {
            serial: self._store.names.device(serial)
            for serial in dict.fromkeys(each.serial for each in readings)
        }
        answer: dict[int, Slot] = {}
        for start, of_slot in groupby(readings, key=attrgetter("start")):
            slot = answer.setdefault(to_seconds(start), {})
            for each in of_slot:
                origin = to_seconds(each.filed_at) if each.filed_at else 0
                row = Row(to_billionths(each.amount), each.validated, origin, each.estimated)
                slot[devices[each.serial], each.register] = row
        return answer

    def touch(self, meter: Meter, first: date, last: date) -> None:
        """Days of a span change: what was worked out of them does not count any more."""
        self._checks.raise_if_damaged(meter, first, last)
        self._outbox.changed(meter)
        self._sums.forget(meter, first)
        self._peaks.forget(meter, first, last)

    def _replace(
        self, key: int, slots: Mapping[int, tuple[Slot, Slot]], revisions: Mapping[int, int], *, daily: bool
    ) -> None:
        """Write slots of a meter, by its number, before and after."""
        self._store.execute_many(
            "DELETE FROM reading WHERE meter = ? AND daily = ? AND start = ? AND device = ? AND register = ?",
            [
                (key, daily, start, device, self._store.names.register(register))
                for start, (before, after) in slots.items()
                for device, register in before.keys() - after.keys()
            ],
        )
        counted = dict.fromkeys(register for _, after in slots.values() for _, register in after)
        numbers = {register: self._store.names.register(register) for register in counted}
        as_number = int(daily)  # of a bool, sqlite3 looks for an adapter: that takes longer than the insert
        self._store.execute_many(
            "INSERT OR REPLACE INTO reading"
            " (meter, daily, start, device, register, amount, validated, origin, estimated, revision)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (key, as_number, start, device, numbers[register], *map(int, row), revisions[start])
                for start, (_, after) in slots.items()
                for (device, register), row in after.items()
            ],
        )


def _merged(
    answer: Mapping[int, Slot], known: Mapping[int, Slot], *, daily: bool, tally: Tally | None
) -> dict[int, tuple[Slot, Slot]]:
    """The slots that an answer changes, before and after."""
    doubled = claimed_by_two_meters(answer, known)
    slots: dict[int, tuple[Slot, Slot]] = {}
    for start, fresh in answer.items():
        before, after = known.get(start, {}), fresh
        if before:
            is_doubled = start in doubled
            kept = believed(before, fresh, other_devices=is_doubled)
            after = replace(before, kept, daily=daily, other_devices=is_doubled) if kept else before
        if tally is not None:
            _count(tally, before, fresh, after)
        if after != before:
            slots[start] = before, after
    return slots


def _count(tally: Tally, before: Slot, fresh: Slot, after: Slot) -> None:
    """What became of the readings of one slot."""
    for key, row in fresh.items():
        known = before.get(key)
        if known and known.amount == row.amount:
            tally[THE_SAME] += 1
        elif after.get(key) is row:
            tally[REPLACED if before and _is_known(before, key[1]) else NEW] += 1
        else:
            rows = [each for (_, register), each in before.items() if register.unit is key[1].unit]
            is_final = not row.validated and any(each.validated for each in rows)
            is_official = any(each.origin == 0 for each in rows)
            tally[LESS_FINAL if is_final else OFFICIAL if is_official else OLDER] += 1


def _is_known(before: Slot, register: Register) -> bool:
    return any((each.direction, each.unit) == (register.direction, register.unit) for _, each in before)


def _days_of(meter: Meter, starts: Collection[int]) -> tuple[date, date]:
    """The first and the last meter day of some instants of the file."""
    first, last = (meterday.day_of(to_instant(each), meter.energy) for each in (min(starts), max(starts)))
    return first, last
