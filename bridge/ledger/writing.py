"""The truth: every reading once. What changed is decided slot by slot, in one transaction per answer."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.ledger.records import Records
from bridge.ledger.store import (
    THE_END,
    LedgerError,
    heeding_damage,
    to_amount,
    to_billionths,
    to_instant,
    to_seconds,
)
from bridge.metering import completeness, meterday
from bridge.metering.completeness import DayFacts
from bridge.metering.merging import Row, Slot, by_register, claimed_twice, replace
from bridge.metering.model import Interval, Meter, Peak, PeakMonth, Reading, Register, without_bounds

if TYPE_CHECKING:
    from decimal import Decimal

_A_MONTH = timedelta(days=31)


class Ledger(Records):
    """Readings, days and notes of all meters, in one file in which one process works."""

    def __init__(self, path: Path, *, stream: bool = False) -> None:
        """Open or create.

        Args:
            path: the SQLite file.
            stream: whether new and corrected intervals wait to be taken by `unstreamed`.
        """
        self._stream = stream
        self._editions: dict[int, int] = defaultdict(int)
        super().__init__(path, read_only=False)
        if not stream:
            self._execute("DELETE FROM unstreamed")

    # What Fluvius answered

    def record_days(self, meter: Meter, readings: Sequence[Reading], now: datetime) -> None:
        """Keep daily amounts. A complete day whose amounts differ was corrected: its revision rises.

        Its intervals are due again then, however lately they were asked for.
        """
        days = {to_seconds(each.start): meterday.day_of(each.start, meter.energy) for each in readings}
        provisional = {to_seconds(each.start) for each in readings if each.provisional}
        with self._transaction():
            written = self._merge(meter, readings, daily=True)
            for start, changed in written.items():
                key = self._ensure_day(meter, days[start], now)
                if not changed:
                    continue
                ((intervals,),) = self._rows(
                    "UPDATE day SET fetched_at = ?, revision = revision + complete,"
                    " corrected = complete AND intervals > 0, asked_at = IIF(intervals > 0, NULL, asked_at)"
                    " WHERE meter = ? AND date = ? RETURNING intervals",
                    (to_seconds(now), *key),
                )
                if intervals:
                    self._compare(meter, days[start], self._known_of(meter, days[start]))
            self._db.executemany(
                "UPDATE day SET provisional = ?, reviewed_at = ? WHERE meter = ? AND date = ?",
                [
                    (start in provisional, to_seconds(now), self._meter(meter), day.isoformat())
                    for start, day in days.items()
                ],
            )
            if written:
                self._seal(meter, days[min(written)], days[max(written)])

    def record_intervals(
        self, meter: Meter, day: date, readings: Sequence[Reading], now: datetime, *, only_new: bool = False
    ) -> None:
        """Keep the answer to the request for one day's intervals, also when it was empty or partial.

        With `only_new`, what the answer does not hold has not changed.

        A correction that the daily amounts announced already does not raise the revision again, nor do
        intervals that begin to count.
        """
        with self._transaction():
            written = self._merge(meter, readings, daily=False)
            key = self._ensure_day(meter, day, now)
            known = self._known_of(meter, day)
            if any(written.values()):
                self._execute(
                    "UPDATE day SET fetched_at = ?,"
                    " revision = revision + (complete AND NOT corrected AND NOT disagrees AND intervals > 0),"
                    " intervals = ? WHERE meter = ? AND date = ?",
                    (to_seconds(now), len(known.intervals), *key),
                )
            expected = meterday.intervals_of(day, meter.energy)
            answered = known if only_new else _as_answered(known, readings)
            whole = completeness.has_every_interval(answered, meter.energy)
            self._compare(meter, day, known)
            self._execute(
                "UPDATE day SET asked_at = ?,"
                " corrected = NOT ? AND (corrected OR (complete AND intervals BETWEEN 1 AND ?))"
                " WHERE meter = ? AND date = ?",
                (to_seconds(now), whole, len(expected) - 1, *key),
            )
            if written:
                self._seal(meter, day, day)

    def ask_again(self, meter: Meter, days: Sequence[date]) -> None:
        """Forget that the intervals of days that are not complete were asked for, perhaps in vain."""
        self._execute(
            "UPDATE day SET asked_at = NULL WHERE meter = ? AND NOT complete AND date BETWEEN ? AND ?",
            (self._meter(meter), days[0].isoformat(), days[-1].isoformat()),
        )

    @heeding_damage
    def settle(
        self, meter: Meter, days: Sequence[date], now: datetime, silent: Collection[date] | None = None
    ) -> None:
        """Mark those of the days that have become complete, whatever the bounds.

        Args:
            meter: the meter.
            days: consecutive ones.
            now: the present instant, aware.
            silent: days on which the meter had no intervals; None: those of all show whether it has any.
        """
        facts = self.facts(without_bounds(meter), days, now)
        usual = completeness.usual_registers(facts)
        without_intervals = meter.days_only or (
            silent is None and completeness.days_only(facts, meter.energy)
        )
        complete = [
            day
            for day in facts
            if not day.complete
            and completeness.is_complete(
                day,
                meter.energy,
                usual,
                without_intervals=without_intervals or day.date in (silent or ()),
                is_late=meterday.is_late(day.date, meter.energy, now),
            )
        ]
        if complete:
            key = self._meter(meter)
            with self._transaction():
                self._touch(meter, complete[0].date, complete[-1].date)
                self._db.executemany(
                    "UPDATE day SET complete = 1, disagrees = ?, fetched_at = ? WHERE meter = ? AND date = ?",
                    [
                        (
                            bool(completeness.disagreements(day, meter.energy)),
                            to_seconds(now),
                            key,
                            day.date.isoformat(),
                        )
                        for day in complete
                    ],
                )
                self._seal(meter, complete[0].date, complete[-1].date)

    @heeding_damage
    def keep_to_bounds(self, meter: Meter) -> None:
        """Notice that a meter's bounds were moved: other readings count now, from the first day known on."""
        note = f"bounds/{meter.ean}/{meter.energy}"
        bounds = [to_seconds(each) if each else None for each in (meter.since, meter.until)]
        before = self.recall(note) or [None, None]
        if bounds == before:
            return
        key = self._meter(meter)
        with self._transaction():
            self.remember(note, bounds)
            self._editions[key] += 1
            self._restate(key, 0)
            self._execute("DELETE FROM peak WHERE meter = ? AND source = 'ledger'", (key,))

    # The capacity tariff

    def keep_peaks(self, meter: Meter, peaks: Iterable[Peak], this_month: date) -> None:
        """Keep the monthly peaks that Fluvius says itself; those of this month are peaks so far."""
        with self._transaction():
            self._editions[self._meter(meter)] += 1
            for peak in peaks:
                month = meterday.month_of(meterday.day_of(peak.start, meter.energy))
                source = "portal" if month < this_month else "so far"
                self._keep_peak(meter, month, source, to_seconds(peak.start), to_billionths(peak.power))

    @heeding_damage
    def peak_months(self, meter: Meter, months: Sequence[date]) -> list[PeakMonth]:
        """The peaks of some months, oldest first; what was worked out once is not worked out again."""
        known = self._known_peaks(meter, months)
        whole = self._days_with_intervals(meter, months[0], meterday.last_of(months[-1]))
        return [self._peak_month(meter, month, known, whole) for month in months]

    # What was passed on

    def edition(self, meter: Meter) -> int:
        """A number that is another one when something of a meter was written since this ledger was opened."""
        return self._editions.get(self._meter(meter), 0)

    def restated_since(self, meter: Meter) -> datetime | None:
        """From when on amounts changed since `caught_up`; None if none did."""
        for (since,) in self._rows("SELECT since FROM restated WHERE meter = ?", (self._meter(meter),)):
            return to_instant(since)
        return None

    def caught_up(self, meter: Meter, since: datetime) -> None:
        """Statistics hold everything from an instant on as it is now."""
        self._execute(
            "DELETE FROM restated WHERE meter = ? AND since >= ?", (self._meter(meter), to_seconds(since))
        )

    @heeding_damage
    def unstreamed(self, meter: Meter, at_most: int = 1000) -> list[Interval]:
        """Intervals that are new or corrected since they were last streamed, oldest first.

        Those outside the bounds wait, in case these are moved; those of a day that does not add up; and those
        of a later month, for the next call.
        """
        rows = self._rows(
            "SELECT start FROM unstreamed"
            " WHERE meter = ? AND start >= ? AND start < ? AND NOT held ORDER BY start LIMIT ?",
            (self._meter(meter), *_seconds_between(meter.since, meter.until), at_most),
        )
        starts = {to_instant(start) for (start,) in rows}
        if not starts:
            return []
        first, last = min(starts), min(max(starts), min(starts) + _A_MONTH)
        self.heed_damage(meter, meterday.day_of(first, meter.energy), meterday.day_of(last, meter.energy))
        found = self._intervals_between(meter, first, last + meterday.interval_length(meter.energy))
        return [each for each in found if each.start in starts]

    def streamed(self, meter: Meter, intervals: Iterable[Interval]) -> None:
        """Forget that these were waiting."""
        key = self._meter(meter)
        with self._transaction():
            self._db.executemany(
                "DELETE FROM unstreamed WHERE meter = ? AND start = ?",
                [(key, to_seconds(interval.start)) for interval in intervals],
            )

    def published_topics(self) -> dict[str, str]:
        """The retained topics that a broker may hold because of us, and whose they are."""
        return dict(self._rows("SELECT topic, owner FROM published"))

    def add_published_topics(self, owner: str, topics: Iterable[str]) -> None:
        """Remember topics before they are published for the first time, or by another owner."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO published (topic, owner) VALUES (?, ?)",
                [(topic, owner) for topic in topics],
            )

    def remove_published_topics(self, topics: Iterable[str]) -> None:
        """Forget topics that were removed from the broker."""
        with self._transaction():
            self._db.executemany("DELETE FROM published WHERE topic = ?", [(topic,) for topic in topics])

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON value under a key."""
        self._execute(
            "INSERT INTO note VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, json.dumps(value)),
        )

    # Inside

    def _merge(self, meter: Meter, readings: Sequence[Reading], *, daily: bool) -> dict[int, bool]:
        """Write the slots that an answer changes; says for each start whether its amounts are others now."""
        answer: dict[int, Slot] = defaultdict(dict)
        for reading in readings:
            row = Row(to_billionths(reading.amount), reading.validated)
            answer[to_seconds(reading.start)][self._device(reading.serial), reading.register] = row
        if not answer:
            return {}
        key = self._meter(meter)
        self.heed_damage(meter, *_days_of(meter, answer), intervals_too=not daily)
        known, revisions = self._known(key, min(answer), max(answer), daily=daily)
        doubled = claimed_twice(answer, known)
        slots: dict[int, tuple[Slot, Slot]] = {}
        for start, fresh in answer.items():
            before, after = known.get(start, {}), fresh
            if before:
                after = replace(before, fresh, daily=daily, other_devices=start in doubled)
            if after != before:
                slots[start] = before, after
        if not slots:
            return {}
        self._touch(meter, *_days_of(meter, slots))
        written = {}
        for start, (before, after) in slots.items():
            written[start] = by_register(before) != by_register(after)
            self._write_slot((key, daily, start), before, after, revisions.get(start, 0) + written[start])
        changed = [start for start, is_changed in written.items() if is_changed]
        if changed:
            self._restate(key, min(changed))
        if self._stream and not daily:
            self._db.executemany(
                "INSERT OR IGNORE INTO unstreamed (meter, start) VALUES (?, ?)",
                [(key, start) for start in changed],
            )
        return written

    def _restate(self, key: int, since: int) -> None:
        self._execute(
            "INSERT INTO restated VALUES (?, ?)"
            " ON CONFLICT (meter) DO UPDATE SET since = MIN(since, excluded.since)",
            (key, since),
        )

    def _write_slot(self, slot: tuple[int, bool, int], before: Slot, after: Slot, revision: int) -> None:
        if gone := before.keys() - after.keys():
            self._db.executemany(
                "DELETE FROM reading"
                " WHERE meter = ? AND daily = ? AND start = ? AND device = ? AND register = ?",
                [(*slot, device, self._register(register)) for device, register in gone],
            )
        self._db.executemany(
            "INSERT OR REPLACE INTO reading"
            " (meter, daily, start, device, register, amount, validated, revision)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (*slot, device, self._register(register), row.amount, row.validated, revision)
                for (device, register), row in after.items()
            ],
        )

    def _known_of(self, meter: Meter, day: date) -> DayFacts:
        """A day's daily amounts, and all intervals that are known of it."""
        daily = self._sums(meter, day, day, daily=True)
        start = meterday.start_of(day, meter.energy)
        return DayFacts(day, daily.get(start, {}), self._slots(meter, day))

    def _compare(self, meter: Meter, day: date, known: DayFacts) -> None:
        """Remember whether a day's intervals add up to its daily amounts; until then none is streamed."""
        disagrees = bool(completeness.disagreements(known, meter.energy))
        key = self._meter(meter)
        self._execute(
            "UPDATE day SET disagrees = ?1 WHERE meter = ?2 AND date = ?3 AND disagrees != ?1",
            (disagrees, key, day.isoformat()),
        )
        if self._stream:
            self._execute(
                "UPDATE unstreamed SET held = ? WHERE meter = ? AND start >= ? AND start < ?",
                (disagrees, key, *map(to_seconds, meterday.bounds_of(without_bounds(meter), day))),
            )

    def _touch(self, meter: Meter, first: date, last: date) -> None:
        """Days of a span change: what was worked out of them does not count any more."""
        self.heed_damage(meter, first, last)
        key = self._meter(meter)
        self._editions[key] += 1
        if key in self._long_ago and first < self._long_ago[key][0][1]:
            del self._long_ago[key]
        self._execute(
            "DELETE FROM peak WHERE meter = ? AND source = 'ledger' AND month BETWEEN ? AND ?",
            (key, meterday.month_of(first).isoformat(), last.isoformat()),
        )

    def _known_peaks(self, meter: Meter, months: Sequence[date]) -> dict[tuple[str, str], Peak | None]:
        """By source and month; None where it is known that there is none."""
        rows = self._rows(
            "SELECT source, month, start, amount FROM peak WHERE meter = ? AND month BETWEEN ? AND ?",
            (self._meter(meter), months[0].isoformat(), months[-1].isoformat()),
        )
        return {(source, month): _peak(source, start, amount) for source, month, start, amount in rows}

    def _peak_month(
        self, meter: Meter, month: date, known: Mapping[tuple[str, str], Peak | None], whole: set[str]
    ) -> PeakMonth:
        """One month's peaks; what Fluvius said while it was under way, for a day that the ledger lacks."""
        name = month.isoformat()
        days = {day.isoformat() for day in meterday.span(month, meterday.last_of(month))}
        if ("ledger", name) in known:
            counted = known["ledger", name]
        else:
            has_any = whole & days or month in map(meterday.month_of, meterday.cut_days(meter))
            counted = self._highest(meter, month) if has_any else None
        given, so_far = (_within(meter, known.get((source, name))) for source in ("portal", "so far"))
        if so_far and not given and (counted is None or counted.power < so_far.power):
            given = None if meterday.day_of(so_far.start, meter.energy).isoformat() in whole else so_far
        return PeakMonth(month, counted, given, whole >= days)

    def _highest(self, meter: Meter, month: date) -> Peak | None:
        """A month's highest quarter-hour of complete days."""
        first, last = meterday.span_within(meter, month, meterday.last_of(month))
        self.heed_damage(meter, first, last)
        complete = set(self.complete_days(meter, first, last)) - self.days_in_doubt(meter, first, last)
        rows = complete and self._rows(
            "SELECT start, SUM(amount) FROM reading"
            " WHERE meter = ? AND daily = 0 AND start >= ? AND start < ?"
            " AND register IN (SELECT id FROM register WHERE direction = 'consumption' AND unit = 'kWh')"
            " GROUP BY start ORDER BY 2 DESC, 1",
            (
                self._meter(meter),
                to_seconds(meterday.bounds_of(meter, first)[0]),
                to_seconds(meterday.bounds_of(meter, last)[1]),
            ),
        )
        of_complete_days = (
            row for row in rows or () if meterday.day_of(to_instant(row[0]), meter.energy) in complete
        )
        start, amount = next(of_complete_days, (0, None))
        with suppress(LedgerError):  # on a full disk it is worked out again
            self._keep_peak(meter, month, "ledger", start, amount)
        return _peak("ledger", start, amount)

    def _keep_peak(self, meter: Meter, month: date, source: str, start: int, amount: int | None) -> None:
        self._execute(
            "INSERT OR REPLACE INTO peak VALUES (?, ?, ?, ?, ?)",
            (self._meter(meter), month.isoformat(), source, start, amount),
        )

    def _days_with_intervals(self, meter: Meter, first: date, last: date) -> set[str]:
        """The complete days of a span that have intervals which count, as the ledger names days."""
        rows = self._rows(
            "SELECT date FROM day"
            " WHERE meter = ? AND complete = 1 AND date BETWEEN ? AND ?"
            " AND intervals > 0 AND NOT disagrees",
            (self._meter(meter), *self._whole(meter, first, last)),
        )
        return {day for (day,) in rows}

    def _ensure_day(self, meter: Meter, day: date, now: datetime) -> tuple[int, str]:
        key = self._meter(meter), day.isoformat()
        start = to_seconds(meterday.start_of(day, meter.energy))
        if self._rows(
            "INSERT OR IGNORE INTO day (meter, date, start, fetched_at) VALUES (?, ?, ?, ?) RETURNING 1",
            (*key, start, to_seconds(now)),
        ):
            self._seal(meter, day, day)
        return key


def _as_answered(known: DayFacts, readings: Sequence[Reading]) -> DayFacts:
    """The day with just the intervals of an answer."""
    intervals: dict[datetime, dict[Register, Decimal]] = defaultdict(dict)
    for reading in readings:
        intervals[reading.start][reading.register] = reading.amount
    return DayFacts(known.date, known.daily, intervals)


def _seconds_between(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    return to_seconds(since) if since else 0, to_seconds(until) if until else THE_END


def _days_of(meter: Meter, starts: Collection[int]) -> tuple[date, date]:
    """The first and the last meter day of some instants of the file."""
    first, last = (meterday.day_of(to_instant(each), meter.energy) for each in (min(starts), max(starts)))
    return first, last


def _is_within(meter: Meter, instant: datetime) -> bool:
    return not (meter.since and instant < meter.since) and not (meter.until and instant >= meter.until)


def _within(meter: Meter, peak: Peak | None) -> Peak | None:
    return peak if peak and _is_within(meter, peak.start) else None


def _peak(source: str, start: int, amount: int | None) -> Peak | None:
    """A row of the file: the ledger's own is an amount in a quarter-hour, Fluvius's is a power."""
    if amount is None:
        return None
    if source == "ledger":
        return Peak(to_instant(start), to_amount(4 * amount), "ledger")
    return Peak(to_instant(start), to_amount(amount), "portal")
