"""What an answer changes: decided and written slot by slot."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date

from bridge.ledger.checksums import Checksums
from bridge.ledger.outbox import Outbox
from bridge.ledger.part import Part
from bridge.ledger.peaks import Peaks
from bridge.ledger.readings import Readings
from bridge.ledger.store import Store
from bridge.ledger.sums import Sums
from bridge.ledger.units import to_billionths, to_instant, to_seconds
from bridge.metering import meterday
from bridge.metering.merging import Row, Slot, claimed_by_two_meters, replace, totals_by_register
from bridge.metering.model import Meter, Reading


class Slots(Part):
    """Every reading once."""

    def __init__(
        self, store: Store, checks: Checksums, *, readings: Readings, sums: Sums, peaks: Peaks, outbox: Outbox
    ) -> None:
        super().__init__(store)
        self._checks, self._readings = checks, readings
        self._sums, self._peaks, self._outbox = sums, peaks, outbox

    def write(self, meter: Meter, readings: Sequence[Reading], *, daily: bool) -> dict[int, bool]:
        """Write the slots that an answer changes; says for each start whether its amounts are others now."""
        answer: dict[int, Slot] = defaultdict(dict)
        for reading in readings:
            row = Row(to_billionths(reading.amount), reading.validated)
            answer[to_seconds(reading.start)][self._store.names.device(reading.serial), reading.register] = (
                row
            )
        if not answer:
            return {}
        key = self._meter(meter)
        self._checks.raise_if_damaged(meter, *_days_of(meter, answer), intervals_too=not daily)
        known, revisions = self._readings.known(key, min(answer), max(answer), daily=daily)
        doubled = claimed_by_two_meters(answer, known)
        slots: dict[int, tuple[Slot, Slot]] = {}
        for start, fresh in answer.items():
            before, after = known.get(start, {}), fresh
            if before:
                after = replace(before, fresh, daily=daily, other_devices=start in doubled)
            if after != before:
                slots[start] = before, after
        if not slots:
            return {}
        self.touch(meter, *_days_of(meter, slots))
        written = {}
        for start, (before, after) in slots.items():
            written[start] = totals_by_register(before) != totals_by_register(after)
            self._write_slot((key, daily, start), before, after, revisions.get(start, 0) + written[start])
        changed = [start for start, is_changed in written.items() if is_changed]
        if changed:
            self._outbox.restate(key, min(changed))
        if not daily:
            self._outbox.wait(key, changed)
        return written

    def touch(self, meter: Meter, first: date, last: date) -> None:
        """Days of a span change: what was worked out of them does not count any more."""
        self._checks.raise_if_damaged(meter, first, last)
        self._outbox.changed(meter)
        self._sums.forget(meter, first)
        self._peaks.forget(meter, first, last)

    def _write_slot(self, slot: tuple[int, bool, int], before: Slot, after: Slot, revision: int) -> None:
        if gone := before.keys() - after.keys():
            self._store.execute_many(
                "DELETE FROM reading"
                " WHERE meter = ? AND daily = ? AND start = ? AND device = ? AND register = ?",
                [(*slot, device, self._store.names.register(register)) for device, register in gone],
            )
        self._store.execute_many(
            "INSERT OR REPLACE INTO reading"
            " (meter, daily, start, device, register, amount, validated, revision)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (*slot, device, self._store.names.register(register), row.amount, row.validated, revision)
                for (device, register), row in after.items()
            ],
        )


def _days_of(meter: Meter, starts: Collection[int]) -> tuple[date, date]:
    """The first and the last meter day of some instants of the file."""
    first, last = (meterday.day_of(to_instant(each), meter.energy) for each in (min(starts), max(starts)))
    return first, last
