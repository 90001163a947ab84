"""The ledger's file: opened, migrated, read and written, and everything that can go wrong with it.

Amounts are kept as whole billionths of their unit, so that the database can sum them exactly; Fluvius gives
three decimals, and its own binary noise (11.332999999999998) lies far below the ninth. Instants are seconds
since 1970, UTC.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

from bridge.model import MAX_AMOUNT, Direction, Meter, Register, Tariff, Unit

_UNKNOWN = 0
_PATIENCE = 5.0  # seconds, with other processes that hold the file
APPLICATION_ID = 0x466C7632  # "Flv2": tells our file from other people's SQLite databases

_P = ParamSpec("_P")
_T = TypeVar("_T")

MIGRATIONS = (
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
    """
    -- the highest quarter-hours of months: worked out here ('ledger'; amount in billionths of a kWh, NULL
    -- where there is none), or said by Fluvius ('portal'; in billionths of a kW), also while the month was
    -- under way ('so far')
    CREATE TABLE peak (
        meter INTEGER NOT NULL, month TEXT NOT NULL, source TEXT NOT NULL,
        start INTEGER NOT NULL, amount INTEGER,
        PRIMARY KEY (meter, month, source)
    ) WITHOUT ROWID;
    -- history that someone asked for
    CREATE TABLE backfill (
        id INTEGER PRIMARY KEY, meter INTEGER NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL,
        begun_at INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'open', done INTEGER NOT NULL DEFAULT 0,
        of_all INTEGER NOT NULL DEFAULT 0, answered TEXT NOT NULL DEFAULT '[]', step TEXT, words TEXT,
        marks TEXT NOT NULL DEFAULT '[]'
    );
    """,
    """
    -- 1 while a day's intervals do not add up to its daily amounts: then they do not count
    ALTER TABLE day ADD COLUMN disagrees INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX day_in_doubt ON day (meter, date) WHERE disagrees;
    -- 1 while an interval's day does not add up: then it is not streamed
    ALTER TABLE unstreamed ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
    """,
)


class LedgerError(Exception):
    """The ledger cannot be read or written; the message says why and what to do."""


class LedgerOutdated(LedgerError):
    """It was written by an older version, and only who may write it brings it up to date."""


def heeding_damage(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """What does not make sense in our own file was not written by us."""

    @wraps(method)
    def heeding(*arguments: _P.args, **options: _P.kwargs) -> _T:
        try:
            return method(*arguments, **options)
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise LedgerError(f"the ledger {arguments[0]} {_ADVICE[sqlite3.SQLITE_CORRUPT]}") from error

    return heeding


class Store:
    """One SQLite file. Several processes may read it while one works in it, each as it was at one moment.

    Args:
        path: the file.
        read_only: whether to leave it alone.

    Raises:
        LedgerError: from every method, when the file is damaged, from a newer version, not ours, not
            writable, or the disk is full. The file is then left as it is.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path, self._read_only = path, read_only
        self._numbers: dict[tuple[str, ...], int] = {}
        with self._explained():
            address = f"{path.absolute().as_uri()}?mode=ro" if read_only else path
            self._db = sqlite3.connect(
                address, _PATIENCE, isolation_level=None, check_same_thread=False, uri=read_only
            )
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def __str__(self) -> str:
        return str(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

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
        """The number by which the ledger knows a meter, a device or a register; made when it is new.

        Who only reads may be told a number that nothing has.
        """
        key = (table, *columns.values())
        if key not in self._numbers:
            if not self._read_only:
                names, marks = ", ".join(columns), ", ".join("?" * len(columns))
                self._execute(
                    f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - our own names
                    tuple(columns.values()),
                )
            where = " AND ".join(f"{name} = ?" for name in columns)
            select = f"SELECT id FROM {table} WHERE {where}"  # noqa: S608 - our own names
            for (number,) in self._rows(select, tuple(columns.values())):
                self._numbers[key] = number
        return self._numbers.get(key, _UNKNOWN)

    @heeding_damage
    def _prepare(self) -> None:
        if self._read_only:
            self._db.execute("BEGIN")
        version = self._version()  # before anything is changed in a file that may not be ours
        if version < len(MIGRATIONS) and self._read_only:
            raise LedgerOutdated(f"{self._path} was written by an older fluvius2mqtt; start the bridge once")
        if not self._read_only:
            self._keep_a_log()
            self._db.execute("PRAGMA synchronous = NORMAL")
            if version < len(MIGRATIONS):
                self._migrate()
        self._know_registers()

    def _version(self) -> int:
        """How many of the migrations the file has seen, at one moment of its life."""
        ((version, application, empty),) = self._rows(
            "SELECT user_version, application_id, NOT EXISTS (SELECT 1 FROM sqlite_schema)"
            " FROM pragma_user_version, pragma_application_id"
        )
        if application != APPLICATION_ID and not (empty and application == 0):
            raise LedgerError(
                f"{self._path} is no ledger of fluvius2mqtt; set data_dir to a folder of its own"
            )
        if version > len(MIGRATIONS):
            raise LedgerError(
                f"{self._path} was written by a newer fluvius2mqtt; install that version again,"
                " or set data_dir to another folder"
            )
        return int(version)

    def _keep_a_log(self) -> None:
        """Write ahead; SQLite itself does not wait for another process that does this at the same moment."""
        patience = time.monotonic() + _PATIENCE
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                    raise
                time.sleep(0.01)
            else:
                return

    def _migrate(self) -> None:
        """Bring the file up to date, unless another process was quicker."""
        with self._transaction():
            for migration in MIGRATIONS[self._version() :]:
                for statement in _statements(migration):
                    self._execute(statement)
            self._execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _know_registers(self) -> None:
        self._registers = {
            number: Register(Direction(direction), Tariff(tariff), Unit(unit))
            for number, direction, tariff, unit in self._rows(
                "SELECT id, direction, tariff, unit FROM register"
            )
        }

    def _forget(self) -> None:
        """What was kept in memory may not be in the file."""
        self._numbers.clear()

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
                self._forget()
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


def _statements(script: str) -> Iterator[str]:
    """One by one, because `executescript` would end the transaction that they belong to."""
    statement = ""
    for piece in script.split(";")[:-1]:
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def to_seconds(instant: datetime) -> int:
    """An instant as the file has it."""
    return int(instant.timestamp())


def to_instant(seconds: int) -> datetime:
    """An instant of the file, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def to_billionths(amount: Decimal) -> int:
    """An amount as the file has it."""
    if not 0 <= amount < MAX_AMOUNT:
        raise ValueError(f"{amount} is no amount of energy")
    return int(amount.scaleb(9).to_integral_value(ROUND_HALF_EVEN))


def to_amount(billionths: int) -> Decimal:
    """An amount of the file, exact."""
    return Decimal(billionths).scaleb(-9).normalize()
