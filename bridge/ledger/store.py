"""The ledger's file: opened, migrated, read and written, and everything that can go wrong with it.

Amounts are kept as whole billionths of their unit, so that the database can sum them exactly; Fluvius gives
three decimals, and its own binary noise (11.332999999999998) lies far below the ninth. Instants are seconds
since 1970, UTC.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

from bridge.folder.claim import is_full
from bridge.ledger.migrations import APPLICATION_ID, MIGRATIONS, statements
from bridge.ledger.snapshot import how_to_read
from bridge.metering.model import MAX_AMOUNT, Direction, Meter, Register, Tariff, Unit
from bridge.text.endings import ForTheUser

_UNKNOWN = 0
THE_END = 2**40  # seconds since 1970
_PATIENCE = 5.0  # seconds, with other processes that hold the file

ADVICE_ON_DAMAGE = "is damaged. Restore a backup, or move it away to start again"

_P = ParamSpec("_P")
_T = TypeVar("_T")


class LedgerError(ForTheUser):
    """The ledger cannot be read or written; the message says why and what to do."""


class Damaged(LedgerError):
    """Some days of one meter are not as they were written; what else there is can be used."""


class LedgerOutdated(LedgerError):
    """It was written by an older version, and only who may write it brings it up to date."""


def heeding_damage(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """What does not make sense in our own file was not written by us."""

    @wraps(method)
    def heeding(*arguments: _P.args, **options: _P.kwargs) -> _T:
        with _blaming_damage(arguments[0]):
            return method(*arguments, **options)

    return heeding


def heeding_damage_while_read(method: Callable[_P, Iterator[_T]]) -> Callable[_P, Iterator[_T]]:
    """The same for what is read row by row, long after the call."""

    @wraps(method)
    def heeding(*arguments: _P.args, **options: _P.kwargs) -> Iterator[_T]:
        with _blaming_damage(arguments[0]):
            yield from method(*arguments, **options)

    return heeding


@contextmanager
def _blaming_damage(ledger: object) -> Iterator[None]:
    try:
        yield
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise LedgerError(f"the ledger {ledger} {ADVICE_ON_DAMAGE}") from error


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
        if path.is_file() and path.stat().st_size == 0:
            raise LedgerError(
                f"the ledger {path} was emptied: it has no bytes any more."
                " Restore a backup, or remove the file to start again"
            )
        with self._explained():
            if not (read_only or path.exists()):
                self._make()
            address = f"{path.absolute().as_uri()}?{how_to_read(path)}" if read_only else path
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
            if 0 < version < len(MIGRATIONS):
                self._keep_a_copy()
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
            for number in range(self._version(), len(MIGRATIONS)):
                for statement in statements(number):
                    self._execute(statement)
            self._execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _make(self) -> None:
        """A new file is there as a whole, or not at all; or as another process has made it meanwhile."""
        fresh = self._unfinished()
        try:
            with closing(sqlite3.connect(fresh, isolation_level=None)) as self._db:
                self._migrate()
            _put(fresh, self._path)
        finally:
            fresh.unlink(missing_ok=True)

    def _unfinished(self) -> Path:
        """A name beside the ledger that nobody else takes."""
        return self._path.with_name(f"{self._path.name}.{os.getpid()}.{threading.get_ident()}.new")

    def _keep_a_copy(self) -> None:
        """Of the file as the older version left it, until the next time; nothing is changed without it."""
        copy = self._path.with_name(f"{self._path.name}.before-{len(MIGRATIONS)}")
        fresh = self._unfinished()
        with self._transaction():  # of one process at a time: what is unfinished is of those that were killed
            if self._version() == len(MIGRATIONS):
                return  # another process was quicker, and has the copy
            try:
                self._remove(f"{self._path.name}.*.new*")
                with (
                    closing(sqlite3.connect(self._path)) as source,
                    closing(sqlite3.connect(fresh)) as target,
                ):
                    source.backup(target)
                fresh.replace(copy)
            except (OSError, sqlite3.Error) as error:
                why = (
                    "the disk is full: make room"
                    if is_full(self._path)
                    else f"{error}: let this user write there"
                )
                raise LedgerError(
                    f"an older ledger is copied to {copy} first, which fails ({why})"
                ) from error
            finally:
                fresh.unlink(missing_ok=True)
            self._remove(f"{self._path.name}.before-*", but=copy)

    def _remove(self, pattern: str, but: Path | None = None) -> None:
        """Files beside the ledger."""
        for each in self._path.parent.glob(pattern):
            if each != but:
                each.unlink(missing_ok=True)

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
        """All or nothing; within another one, a part of it."""
        is_part = self._db.in_transaction
        if is_part:
            yield
            return
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
            if code in _DISK and is_full(self._path):
                code = sqlite3.SQLITE_FULL
            advice = _ADVICE.get(code, f"cannot be used: {error}")
            raise LedgerError(f"the ledger {self._path} {advice}") from error


def _put(fresh: Path, path: Path) -> None:
    """Give a file its name, unless something has it."""
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    except OSError:  # a disk that knows no second names
        if not path.exists():
            fresh.rename(path)


_DISK = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
}  # what SQLite says of a full one, without telling it is
_ADVICE = {
    sqlite3.SQLITE_FULL: "cannot be written: the disk is full. Make room; nothing that was kept is lost",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error or is full",
    sqlite3.SQLITE_READONLY: "cannot be written; let this user write it",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; let this user write in its folder",
    sqlite3.SQLITE_PERM: "cannot be opened; give this user the right to read and write it",
    sqlite3.SQLITE_BUSY: "is held by another program; stop that program first",
    sqlite3.SQLITE_CORRUPT: ADVICE_ON_DAMAGE,
    sqlite3.SQLITE_NOTADB: "is damaged or no ledger. Restore a backup, or move it away to start again",
}


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
