"""The ledger's file: opened, migrated, read and written, and everything that can go wrong with it."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bridge.folder.claim import is_full
from bridge.ledger.errors import (
    ADVICE_ON_DAMAGE,
    Held,
    LedgerError,
    LedgerOutdated,
    LedgerUnavailable,
    reporting_damage,
)
from bridge.ledger.migrations import APPLICATION_ID, MIGRATIONS, statements
from bridge.ledger.names import Names
from bridge.ledger.snapshot import how_to_read

_PATIENCE = 5.0  # seconds, with other processes that hold the file
_LARGEST_LOG = 4 * 2**20  # bytes, once it is in the file: as much as is written between two of those times


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
        self._path, self.read_only = path, read_only
        self.on_rollback: list[Callable[[], None]] = []  # what was kept in memory may not be in the file
        self.names = Names(self)
        if path.is_file() and path.stat().st_size == 0:
            raise LedgerError(
                f"the ledger {path} was emptied: nothing is in it. Restore a backup, or remove the file"
                " to start again"
            )
        with self.explained():
            if not (read_only or path.exists()):
                self._make()
            address = f"{path.absolute().as_uri()}?{how_to_read(path)}" if read_only else path
            self.db = sqlite3.connect(
                address, _PATIENCE, isolation_level=None, check_same_thread=False, uri=read_only
            )
            try:
                self._prepare()
            except BaseException:
                self.db.close()
                raise

    def __str__(self) -> str:
        return str(self._path)

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()

    @reporting_damage
    def _prepare(self) -> None:
        if self.read_only:
            self.db.execute("BEGIN")
        version = self._version()  # before anything is changed in a file that may not be ours
        if version < len(MIGRATIONS) and self.read_only:
            raise LedgerOutdated(f"{self._path} was written by an older fluvius2mqtt; start the bridge once")
        if not self.read_only:
            if 0 < version < len(MIGRATIONS):
                self._keep_a_copy()
            self._keep_a_log()
            self.db.execute("PRAGMA synchronous = NORMAL")
            self.db.execute(f"PRAGMA journal_size_limit = {_LARGEST_LOG}")
            if version < len(MIGRATIONS):
                self._migrate()
        self.names.know_registers()

    def _version(self) -> int:
        """How many of the migrations the file has seen, at one moment of its life."""
        ((version, application, empty),) = self.rows(
            "SELECT user_version, application_id, NOT EXISTS (SELECT 1 FROM sqlite_schema)"
            " FROM pragma_user_version, pragma_application_id"
        )
        if application != APPLICATION_ID and not (empty and application == 0):
            raise LedgerError(
                f"{self._path} is not a ledger of fluvius2mqtt; set data_dir to a folder of its own"
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
                self.db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                    raise
                time.sleep(0.01)
            else:
                return

    def _migrate(self) -> None:
        """Bring the file up to date, unless another process was quicker."""
        with self.transaction():
            for number in range(self._version(), len(MIGRATIONS)):
                for statement in statements(number):
                    self.execute(statement)
            self.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _make(self) -> None:
        """A new file is there as a whole, or not at all; or as another process has made it meanwhile."""
        fresh = self._unfinished()
        try:
            with closing(sqlite3.connect(fresh, isolation_level=None)) as self.db:
                self.execute("PRAGMA auto_vacuum = INCREMENTAL")  # cannot be had later without a long pause
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
        with self.transaction():  # of one process at a time: what is unfinished is of those that were killed
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
                    else f"{getattr(error, 'strerror', None) or error}: let this user write there"
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

    def rows(self, sql: str, parameters: tuple[object, ...] = ()) -> list[Any]:
        """What a query answers."""
        with self.explained():
            return self.db.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: tuple[object, ...] = ()) -> None:
        """Run one statement."""
        with self.explained():
            self.db.execute(sql, parameters)

    def execute_many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run one statement for each row."""
        with self.explained():
            self.db.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; within another one, a part of it."""
        is_part = self.db.in_transaction
        if is_part:
            yield
            return
        with self.explained():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                for forget in self.on_rollback:
                    forget()
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say of what SQLite raises what it means and what to do."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _DISK and is_full(self._path):
                code = sqlite3.SQLITE_FULL
            advice = _ADVICE.get(code, f"cannot be used: {error}")
            raise _kind_of(code)(f"the ledger {self._path} {advice}") from error

    def is_held(self) -> bool:
        """Whether another program keeps us from writing now; waits for none."""
        [(patience,)] = self.rows("PRAGMA busy_timeout")
        self.rows("PRAGMA busy_timeout = 0")
        try:
            with self.transaction():
                return False
        except Held:
            return True
        finally:
            self.rows(f"PRAGMA busy_timeout = {patience}")


def _kind_of(code: int) -> type[LedgerError]:
    if code == sqlite3.SQLITE_BUSY:
        return Held
    return LedgerUnavailable if code in _ADVICE.keys() - _DAMAGE else LedgerError


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
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_ADVICE = {
    sqlite3.SQLITE_FULL: "cannot be written: the disk is full. Make room; nothing that was kept is lost",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error or is full",
    sqlite3.SQLITE_READONLY: "cannot be written; let this user write it",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; let this user write in its folder",
    sqlite3.SQLITE_PERM: "cannot be opened; give this user the right to read and write it",
    sqlite3.SQLITE_BUSY: "is locked by another program; stop that program first",
    sqlite3.SQLITE_CORRUPT: ADVICE_ON_DAMAGE,
    sqlite3.SQLITE_NOTADB: "is damaged, or is not a ledger. Restore a backup, or move it away to start again",
}
