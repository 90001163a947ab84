"""The truth: every reading once, in SQLite.

Amounts are kept as whole billionths of their unit, so that the database can sum them exactly; Fluvius gives
three decimals, and its own binary noise (11.332999999999998) lies far below the ninth. Instants are seconds
since 1970, UTC. What changed is decided here, slot by slot, inside one transaction per answer from Fluvius.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

from bridge import meterday, planning
from bridge.hourly import HourlyDay, Standing
from bridge.merging import Row, Slot, by_register, claimed_twice, replace
from bridge.model import MAX_AMOUNT, Day, Direction, Interval, Meter, Reading, Register, Tariff, Total, Unit
from bridge.planning import DayFacts

_TWO_MONTHS = timedelta(days=62)

APPLICATION_ID = 0x466C7632  # "Flv2": tells our file from other people's SQLite databases

_P = ParamSpec("_P")
_T = TypeVar("_T")

_MIGRATIONS = (
    """
    CREATE TABLE meter (
        id INTEGER PRIMARY KEY, ean TEXT NOT NULL, energy TEXT NOT NULL, UNIQUE (ean, energy)
    );
    CREATE TABLE device (id INTEGER PRIMARY KEY, serial TEXT NOT NULL UNIQUE);
    CREATE TABLE register (
        id INTEGER PRIMARY KEY, direction TEXT NOT NULL, tariff TEXT NOT NULL, unit TEXT NOT NULL,
        UNIQUE (direction, tariff, unit)
    );
    -- daily: 1 a meter day's amount, 0 an interval's. device: the physical meter that counted it.
    CREATE TABLE reading (
        meter INTEGER NOT NULL, daily INTEGER NOT NULL, start INTEGER NOT NULL, register INTEGER NOT NULL,
        device INTEGER NOT NULL, amount INTEGER NOT NULL, validated INTEGER NOT NULL,
        revision INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY (meter, daily, start, register, device)
    ) WITHOUT ROWID;
    CREATE TABLE day (
        meter INTEGER NOT NULL, date TEXT NOT NULL, start INTEGER NOT NULL,
        complete INTEGER NOT NULL DEFAULT 0, revision INTEGER NOT NULL DEFAULT 1,
        corrected INTEGER NOT NULL DEFAULT 0, intervals INTEGER NOT NULL DEFAULT 0,
        asked_at INTEGER, fetched_at INTEGER NOT NULL,
        PRIMARY KEY (meter, date)
    ) WITHOUT ROWID;
    CREATE INDEX day_by_completeness ON day (meter, complete, date, start);
    -- intervals that are new or corrected and were not streamed yet
    CREATE TABLE unstreamed (
        meter INTEGER NOT NULL, start INTEGER NOT NULL, PRIMARY KEY (meter, start)
    ) WITHOUT ROWID;
    -- retained topics that a broker may hold because of us
    CREATE TABLE published (topic TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    -- whose topic it is: a meter's EAN or `bridge`, so that a renamed meter's old topics are found
    ALTER TABLE published ADD COLUMN owner TEXT NOT NULL DEFAULT '';
    -- from when on a meter's amounts are other than those that long-term statistics were made of
    CREATE TABLE restated (meter INTEGER PRIMARY KEY, since INTEGER NOT NULL);
    INSERT INTO restated SELECT DISTINCT meter, 0 FROM day;
    """,
)


class LedgerError(Exception):
    """The ledger cannot be read or written; the message says why and what to do."""


def _heeding_damage(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """What does not make sense in our own file was not written by us."""

    @wraps(method)
    def heeding(*arguments: _P.args, **options: _P.kwargs) -> _T:
        try:
            return method(*arguments, **options)
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise LedgerError(f"the ledger {arguments[0]} {_ADVICE[sqlite3.SQLITE_CORRUPT]}") from error

    return heeding


class Ledger:
    """Readings, days and notes of all meters, in one file that one process writes.

    Raises:
        LedgerError: from every method, when the file is damaged, from a newer version, not ours, not
            writable, or the disk is full. The file is then left as it is.
    """

    def __init__(self, path: Path, *, stream: bool = False) -> None:
        """Open or create.

        Args:
            path: the SQLite file.
            stream: whether new and corrected intervals wait to be taken by `unstreamed`.
        """
        self._path = path
        self._stream = stream
        with self._explained():
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        if not stream:
            self._execute("DELETE FROM unstreamed")

    def __str__(self) -> str:
        return str(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # What Fluvius answered

    def record_days(self, meter: Meter, readings: Sequence[Reading], now: datetime) -> None:
        """Keep daily amounts. A complete day whose amounts differ was corrected: its revision rises."""
        with self._transaction():
            for start, changed in self._merge(meter, readings, daily=True).items():
                key = self._ensure_day(meter, meterday.day_of(_instant(start), meter.energy), now)
                if changed:
                    self._execute(
                        "UPDATE day SET fetched_at = ?, revision = revision + complete,"
                        " corrected = complete AND intervals > 0 WHERE meter = ? AND date = ?",
                        (_seconds(now), *key),
                    )

    def record_intervals(
        self, meter: Meter, day: date, readings: Sequence[Reading], now: datetime, *, only_new: bool = False
    ) -> None:
        """Keep the answer to the request for one day's intervals, also when it was empty or partial.

        With `only_new`, what the answer does not hold has not changed.

        A correction that the daily amounts announced already does not raise the revision again.
        """
        with self._transaction():
            changed = any(self._merge(meter, readings, daily=False).values())
            key = self._ensure_day(meter, day, now)
            if changed:
                self._execute(
                    "UPDATE day SET fetched_at = ?,"
                    " revision = revision + (complete AND NOT corrected AND intervals > 0),"
                    " intervals = ? WHERE meter = ? AND date = ?",
                    (_seconds(now), len(self._slots(meter, day)), *key),
                )
            expected = meterday.intervals_of(day, meter.energy)
            answered = self._as_answered(meter, day, None if only_new else readings)
            whole = planning.has_every_interval(answered, meter.energy)
            self._execute(
                "UPDATE day SET asked_at = ?,"
                " corrected = NOT ? AND (corrected OR (complete AND intervals BETWEEN 1 AND ?))"
                " WHERE meter = ? AND date = ?",
                (_seconds(now), whole, len(expected) - 1, *key),
            )

    def ask_again(self, meter: Meter, days: Sequence[date]) -> None:
        """Forget that the intervals of days that are not complete were asked for, perhaps in vain."""
        self._execute(
            "UPDATE day SET asked_at = NULL WHERE meter = ? AND NOT complete AND date BETWEEN ? AND ?",
            (self._meter(meter), days[0].isoformat(), days[-1].isoformat()),
        )

    @_heeding_damage
    def settle(self, meter: Meter, days: Sequence[date], now: datetime) -> None:
        """Mark those of the days that have become complete."""
        facts = self.facts(meter, days)
        usual = planning.usual_registers(facts)
        without_intervals = meter.days_only or planning.days_only(facts, meter.energy)
        complete = [
            (_seconds(now), self._meter(meter), day.date.isoformat())
            for day in facts
            if not day.complete
            and planning.is_complete(day, meter.energy, usual, without_intervals=without_intervals)
        ]
        if complete:
            self._touch(self._meter(meter), _seconds(meterday.start_of(days[0], meter.energy)))
            with self._transaction():
                self._db.executemany(
                    "UPDATE day SET complete = 1, fetched_at = ? WHERE meter = ? AND date = ?", complete
                )

    # What is known

    @_heeding_damage
    def facts(self, meter: Meter, days: Sequence[date]) -> list[DayFacts]:
        """What is known of some consecutive days, oldest first; complete ones without their intervals."""
        if not days:
            return []
        rows = {
            row[0]: row[1:]
            for row in self._rows(
                "SELECT date, complete, corrected, intervals, asked_at FROM day"
                " WHERE meter = ? AND date BETWEEN ? AND ?",
                (self._meter(meter), days[0].isoformat(), days[-1].isoformat()),
            )
        }
        daily = self._sums(meter, days[0], days[-1], daily=True)
        facts = []
        for day in days:
            complete, corrected, count, asked_at = rows.get(day.isoformat(), (0, 0, 0, None))
            facts.append(
                DayFacts(
                    date=day,
                    daily=daily.get(meterday.start_of(day, meter.energy), {}),
                    intervals={} if complete or not count else self._slots(meter, day),
                    interval_count=count,
                    complete=bool(complete),
                    corrected=bool(corrected),
                    asked_at=None if asked_at is None else _instant(asked_at),
                )
            )
        return facts

    @_heeding_damage
    def latest_complete_day(self, meter: Meter) -> Day | None:
        """The newest complete meter day, at any age."""
        rows = self._rows(
            "SELECT date, revision, fetched_at FROM day WHERE meter = ? AND complete = 1"
            " ORDER BY date DESC LIMIT 1",
            (self._meter(meter),),
        )
        for iso, revision, fetched_at in rows:
            day = date.fromisoformat(iso)
            start = meterday.start_of(day, meter.energy)
            return Day(
                date=day,
                start=start,
                end=meterday.end_of(day, meter.energy),
                amounts=self._sums(meter, day, day, daily=True)[start],
                validated=self._is_validated(meter, start),
                revision=revision,
                fetched_at=_instant(fetched_at),
            )
        return None

    @_heeding_damage
    def intervals(self, meter: Meter, day: date) -> list[Interval]:
        """A day's known intervals, in order of time."""
        bounds = meterday.start_of(day, meter.energy), meterday.end_of(day, meter.energy)
        return self._intervals_between(meter, *bounds)

    @_heeding_damage
    def total(self, meter: Meter) -> Total | None:
        """The exact sum of all complete days; None while there is none."""
        key = (self._meter(meter),)
        ((first, last, days),) = self._rows(
            "SELECT MIN(date), MAX(date), COUNT(*) FROM day WHERE meter = ? AND complete = 1", key
        )
        if not days:
            return None
        amounts = self._sum_of_days(meter, date.fromisoformat(last))
        return Total(date.fromisoformat(first), date.fromisoformat(last), days, amounts)

    @_heeding_damage
    def standings(self, meter: Meter, before: datetime) -> dict[Register, Standing]:
        """Where each register stands at an instant, by its daily amounts, of complete days and others."""
        rows = self._rows(  # in two parts, each of which stays within 64 bits
            "SELECT register, MIN(start), MAX(start), SUM(amount / 1000000000), SUM(amount % 1000000000)"
            " FROM reading WHERE meter = ? AND daily = 1 AND start < ? GROUP BY register",
            (self._meter(meter), _seconds(before)),
        )
        return {
            self._registers[number]: Standing(_instant(first), _instant(last), _amount(whole * 10**9 + rest))
            for number, first, last, whole, rest in rows
        }

    @_heeding_damage
    def hourly(self, meter: Meter, first: date, last: date) -> list[HourlyDay]:
        """The days of a span that have daily amounts, oldest first, with what is known of their hours."""
        bounds = meterday.start_of(first, meter.energy), meterday.end_of(last, meter.energy)
        hours: dict[date, dict[datetime, dict[Register, Decimal]]] = defaultdict(lambda: defaultdict(dict))
        rows = self._rows(
            "SELECT start / 3600 * 3600 AS hour, register, SUM(amount) FROM reading"
            " WHERE meter = ? AND daily = 0 AND start >= ? AND start < ? GROUP BY hour, register",
            (self._meter(meter), *map(_seconds, bounds)),
        )
        for hour, register, amount in rows:
            day = meterday.day_of(_instant(hour), meter.energy)
            hours[day][_instant(hour)][self._registers[register]] = _amount(amount)
        return [
            HourlyDay(start, daily, hours[meterday.day_of(start, meter.energy)])
            for start, daily in sorted(self._sums(meter, first, last, daily=True).items())
        ]

    # What was passed on

    def edition(self, meter: Meter) -> int:
        """A number that is another one when something of a meter was written since this ledger was opened."""
        return self._editions.get(self._meter(meter), 0)

    def restated_since(self, meter: Meter) -> datetime | None:
        """From when on amounts changed since `caught_up`; None if none did."""
        for (since,) in self._rows("SELECT since FROM restated WHERE meter = ?", (self._meter(meter),)):
            return _instant(since)
        return None

    def caught_up(self, meter: Meter, since: datetime) -> None:
        """Statistics hold everything from an instant on as it is now."""
        self._execute(
            "DELETE FROM restated WHERE meter = ? AND since >= ?", (self._meter(meter), _seconds(since))
        )

    @_heeding_damage
    def unstreamed(self, meter: Meter, at_most: int = 1000) -> list[Interval]:
        """Intervals that are new or corrected since they were last streamed, oldest first."""
        rows = self._rows(
            "SELECT start FROM unstreamed WHERE meter = ? ORDER BY start LIMIT ?",
            (self._meter(meter), at_most),
        )
        starts = {_instant(start) for (start,) in rows}
        if not starts:
            return []
        end = max(starts) + meterday.interval_length(meter.energy)
        return [each for each in self._intervals_between(meter, min(starts), end) if each.start in starts]

    def streamed(self, meter: Meter, intervals: Iterable[Interval]) -> None:
        """Forget that these were waiting."""
        key = self._meter(meter)
        with self._transaction():
            self._db.executemany(
                "DELETE FROM unstreamed WHERE meter = ? AND start = ?",
                [(key, _seconds(interval.start)) for interval in intervals],
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

    @_heeding_damage
    def recall(self, key: str) -> Any:
        """The JSON value remembered under a key, or None."""
        for (value,) in self._rows("SELECT value FROM note WHERE key = ?", (key,)):
            return json.loads(value)
        return None

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON value under a key."""
        self._execute(
            "INSERT INTO note VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, json.dumps(value)),
        )

    # Inside

    def _merge(self, meter: Meter, readings: Sequence[Reading], *, daily: bool) -> dict[int, bool]:
        """Write an answer's slots; says for each start whether its amounts are other than before."""
        answer: dict[int, Slot] = defaultdict(dict)
        for reading in readings:
            row = Row(_billionths(reading.amount), reading.validated)
            answer[_seconds(reading.start)][self._device(reading.serial), reading.register] = row
        if not answer:
            return {}
        key = self._meter(meter)
        self._touch(key, min(answer))
        known, revisions = self._known(key, min(answer), max(answer), daily=daily)
        doubled = claimed_twice(answer, known)
        changes = {}
        for start, fresh in answer.items():
            before = known.get(start, {})
            after = fresh
            if before:
                after = replace(before, fresh, daily=daily, other_devices=start in doubled)
            changes[start] = not before or by_register(before) != by_register(after)
            if after != before:
                revision = revisions.get(start, 0) + changes[start]
                self._write_slot((key, daily, start), before, after, revision)
        if any(changes.values()):
            self._restate(key, min(start for start, changed in changes.items() if changed))
        if self._stream and not daily:
            waiting = [(key, start) for start, changed in changes.items() if changed]
            self._db.executemany("INSERT OR IGNORE INTO unstreamed VALUES (?, ?)", waiting)
        return changes

    def _restate(self, key: int, since: int) -> None:
        self._execute(
            "INSERT INTO restated VALUES (?, ?)"
            " ON CONFLICT (meter) DO UPDATE SET since = MIN(since, excluded.since)",
            (key, since),
        )

    def _known(
        self, key: int, first: int, last: int, *, daily: bool
    ) -> tuple[dict[int, Slot], dict[int, int]]:
        slots: dict[int, Slot] = defaultdict(dict)
        revisions: dict[int, int] = {}
        rows = self._rows(
            "SELECT start, device, register, amount, validated, revision FROM reading"
            " WHERE meter = ? AND daily = ? AND start BETWEEN ? AND ?",
            (key, daily, first, last),
        )
        for start, device, register, amount, validated, revision in rows:
            slots[start][device, self._registers[register]] = Row(amount, bool(validated))
            revisions[start] = max(revision, revisions.get(start, 0))
        return slots, revisions

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

    def _sums(
        self, meter: Meter, first: date, last: date, *, daily: bool
    ) -> dict[datetime, dict[Register, Decimal]]:
        """The amounts of each slot of a span of days, by register, over all physical meters."""
        bounds = meterday.start_of(first, meter.energy), meterday.end_of(last, meter.energy)
        slots, _ = self._known(self._meter(meter), _seconds(bounds[0]), _seconds(bounds[1]) - 1, daily=daily)
        return {
            _instant(start): {register: _amount(total) for register, total in by_register(slot).items()}
            for start, slot in slots.items()
        }

    def _as_answered(self, meter: Meter, day: date, readings: Sequence[Reading] | None) -> DayFacts:
        """The day with just the intervals of an answer; None: with all that are known."""
        intervals: dict[datetime, dict[Register, Decimal]] = defaultdict(dict)
        for reading in readings or ():
            intervals[reading.start][reading.register] = reading.amount
        if readings is None:
            intervals |= self._slots(meter, day)  # type: ignore[arg-type]
        daily = self._sums(meter, day, day, daily=True)
        return DayFacts(day, daily.get(meterday.start_of(day, meter.energy), {}), intervals)

    def _slots(self, meter: Meter, day: date) -> Mapping[datetime, planning.Amounts]:
        return self._sums(meter, day, day, daily=False)

    def _intervals_between(self, meter: Meter, start: datetime, end: datetime) -> list[Interval]:
        slots, revisions = self._known(self._meter(meter), _seconds(start), _seconds(end) - 1, daily=False)
        length = meterday.interval_length(meter.energy)
        return [
            Interval(
                start=_instant(at),
                end=_instant(at) + length,
                amounts={register: _amount(total) for register, total in by_register(slot).items()},
                validated=all(row.validated for row in slot.values()),
                revision=revisions[at],
            )
            for at, slot in slots.items()
        ]

    def _is_validated(self, meter: Meter, start: datetime) -> bool:
        at = _seconds(start)
        slots, _ = self._known(self._meter(meter), at, at, daily=True)
        return all(row.validated for row in slots[at].values())

    def _sum_of_days(self, meter: Meter, latest: date) -> dict[Register, Decimal]:
        """The sum of all complete days. What lies months back is summed once and kept in memory."""
        key = self._meter(meter)
        months_back = _seconds(meterday.start_of((latest - _TWO_MONTHS).replace(day=1), meter.energy))
        if self._long_ago.get(key, (0, {}))[0] != months_back:
            self._long_ago[key] = months_back, self._sum_between(key, 0, months_back)
        old, recent = self._long_ago[key][1], self._sum_between(key, months_back, 2**40)
        return {each: _amount(old.get(each, 0) + recent.get(each, 0)) for each in old | recent}

    def _sum_between(self, key: int, start: int, end: int) -> dict[Register, int]:
        rows = self._rows(  # in two parts, each of which stays within 64 bits
            "SELECT register, SUM(amount / 1000000000), SUM(amount % 1000000000) FROM reading"
            " WHERE meter = ? AND daily = 1 AND start >= ? AND start < ?"
            " AND start NOT IN (SELECT start FROM day WHERE meter = ? AND complete = 0) GROUP BY register",
            (key, start, end, key),
        )
        return {self._registers[number]: whole * 10**9 + rest for number, whole, rest in rows}

    def _touch(self, key: int, start: int) -> None:
        """Days from this instant on change: what was summed of them does not count any more."""
        self._editions[key] += 1
        if start < self._long_ago.get(key, (0, {}))[0]:
            del self._long_ago[key]

    def _ensure_day(self, meter: Meter, day: date, now: datetime) -> tuple[int, str]:
        key = self._meter(meter), day.isoformat()
        start = _seconds(meterday.start_of(day, meter.energy))
        self._execute(
            "INSERT OR IGNORE INTO day (meter, date, start, fetched_at) VALUES (?, ?, ?, ?)",
            (*key, start, _seconds(now)),
        )
        return key

    def _meter(self, meter: Meter) -> int:
        return self._number("meter", ean=meter.ean, energy=meter.energy)

    def _device(self, serial: str) -> int:
        return self._number("device", serial=serial)

    def _register(self, register: Register) -> int:
        number = self._number(
            "register", direction=register.direction, tariff=register.tariff, unit=register.unit
        )
        self._registers[number] = register
        return number

    def _number(self, table: str, **columns: str) -> int:
        """The number by which the ledger knows a meter, a device or a register; made when it is new."""
        key = (table, *columns.values())
        if key not in self._numbers:
            names, marks = ", ".join(columns), ", ".join("?" * len(columns))
            self._execute(
                f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - our own names
                tuple(columns.values()),
            )
            where = " AND ".join(f"{name} = ?" for name in columns)
            select = f"SELECT id FROM {table} WHERE {where}"  # noqa: S608 - our own names
            ((number,),) = self._rows(select, tuple(columns.values()))
            self._numbers[key] = number
        return self._numbers[key]

    @_heeding_damage
    def _prepare(self) -> None:
        ((version,),) = self._rows("PRAGMA user_version")
        ((application,),) = self._rows("PRAGMA application_id")
        empty = not self._rows("SELECT 1 FROM sqlite_schema LIMIT 1")
        if application != APPLICATION_ID and not (empty and application == 0):
            raise LedgerError(
                f"{self._path} is no ledger of fluvius2mqtt; set data_dir to a folder of its own"
            )
        if version > len(_MIGRATIONS):
            raise LedgerError(
                f"{self._path} was written by a newer fluvius2mqtt; install that version again,"
                " or set data_dir to another folder"
            )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        for number, migration in enumerate(_MIGRATIONS[version:], version + 1):
            self._db.executescript(
                f"BEGIN; {migration}; PRAGMA application_id = {APPLICATION_ID};"
                f" PRAGMA user_version = {number}; COMMIT;"
            )
        self._numbers: dict[tuple[str, ...], int] = {}
        self._editions: dict[int, int] = defaultdict(int)
        self._long_ago: dict[int, tuple[int, dict[Register, int]]] = {}  # meter → sum of the days before
        self._registers = {
            number: Register(Direction(direction), Tariff(tariff), Unit(unit))
            for number, direction, tariff, unit in self._rows(
                "SELECT id, direction, tariff, unit FROM register"
            )
        }

    def _rows(self, sql: str, parameters: tuple[object, ...] = ()) -> list[Any]:
        with self._explained():
            return self._db.execute(sql, parameters).fetchall()

    def _execute(self, sql: str, parameters: tuple[object, ...] = ()) -> None:
        with self._explained():
            self._db.execute(sql, parameters)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._numbers.clear()
                self._long_ago.clear()
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            advice = _ADVICE.get(code, f"cannot be used: {error}")
            raise LedgerError(f"the ledger {self._path} {advice}") from error


_ADVICE = {
    sqlite3.SQLITE_FULL: "cannot be written: the disk is full. Make room; nothing that was kept is lost",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error or is full",
    sqlite3.SQLITE_READONLY: "cannot be written; let this user write it",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; let this user write in its folder",
    sqlite3.SQLITE_PERM: "cannot be opened; give this user the right to read and write it",
    sqlite3.SQLITE_BUSY: "is held by another program; stop that program first",
    sqlite3.SQLITE_CORRUPT: "is damaged. Restore a backup, or move it away to start again",
    sqlite3.SQLITE_NOTADB: "is damaged or no ledger. Restore a backup, or move it away to start again",
}


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _billionths(amount: Decimal) -> int:
    if not 0 <= amount < MAX_AMOUNT:
        raise ValueError(f"{amount} is no amount of energy")
    return int(amount.scaleb(9).to_integral_value(ROUND_HALF_EVEN))


def _amount(billionths: int) -> Decimal:
    return Decimal(billionths).scaleb(-9).normalize()
