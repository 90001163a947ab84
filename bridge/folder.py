"""The data folder: who works in it, and files in it that nobody else may read."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


class FolderError(Exception):
    """The data folder cannot be used; the message says why and what to do."""


def make(folder: Path) -> None:
    """Make a data folder where there is none.

    Raises:
        FolderError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


class FolderTaken(FolderError):
    """Another process works in it."""


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Work alone in a data folder, which is made when it is not there.

    The claim is an open transaction on a small SQLite file: every operating system lets go of it when the
    process ends, however it ends.

    Raises:
        FolderTaken: another process works in it.
        FolderError: it cannot be written.
    """
    make(folder)
    try:
        database = sqlite3.connect(folder / "claim", timeout=0.5, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise _unwritable(folder, error) from None
    with closing(database):
        try:
            database.execute("BEGIN EXCLUSIVE")
            database.execute("PRAGMA user_version = 1")  # a file that cannot be written locks nobody out
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise _unwritable(folder, error) from None
            raise FolderTaken(
                f"another fluvius2mqtt works in {folder} already; stop it first, or give this one a data_dir"
                " of its own"
            ) from None
        yield


def is_claimed(folder: Path) -> bool:
    """Whether a process works in a data folder just now."""
    try:
        if not (folder / "claim").exists():
            return False
        with closing(sqlite3.connect(folder / "claim", timeout=0)) as database:
            database.execute("SELECT * FROM sqlite_schema")
    except PermissionError:
        return False
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode == sqlite3.SQLITE_BUSY
    return False


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner alone (mode 0600).

    Raises:
        FolderError: it cannot be written; the old file is still there.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: Exception) -> FolderError:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return FolderError(f"{path} cannot be written ({why}); let this user write there, or set data_dir")
