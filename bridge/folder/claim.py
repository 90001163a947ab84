"""The data folder: who works in it, and that nobody else may read it.

Quarter-hours tell when a house is empty. All that we make is its owner's alone: files 0600, folders 0700.
"""

import errno
import logging
import os
import re
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bridge.folder.files import whole
from bridge.text.endings import ForTheUser

log = logging.getLogger(__name__)

_OURS = re.compile(
    r"claim(-journal)?|page\.key|dropped|(ledger\.sqlite|heartbeat\.|token\.json|energy-api\.json|home-assistant\.json).*"
)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

_FULL = "the disk is full: make room"
_FAILING = "the disk reports an error: look whether it fails"
_IN_ITS_PLACE = "a file lies where a folder should be: move it away, or set data_dir"
_ADVICE = {
    errno.ENOSPC: _FULL,
    getattr(errno, "EDQUOT", errno.ENOSPC): _FULL,  # of this user
    errno.EIO: _FAILING,
    errno.EEXIST: _IN_ITS_PLACE,
    errno.ENOTDIR: _IN_ITS_PLACE,
    errno.EROFS: "this disk is read-only: mount it for writing, or set data_dir",
}
_ADVICE_BY_SQLITE = {sqlite3.SQLITE_FULL: _FULL, sqlite3.SQLITE_IOERR: _FAILING}
_OTHERWISE = "let this user write there, or set data_dir"


class FolderError(ForTheUser):
    """The data folder cannot be used; the message says why and what to do."""


def make(folder: Path) -> None:
    """Make a data folder where there is none, and take from others the right to read what is ours.

    A folder in which other things lie too (the add-on's `/data`, a home) stays open to whoever needs them.

    Raises:
        FolderError: it cannot be made.
    """
    try:
        missing = [each for each in folder.parents if not each.exists()]
        for each in [*reversed(missing), folder]:
            each.mkdir(mode=0o700, exist_ok=True)
        there = list(folder.iterdir())
    except OSError as error:
        raise unwritable(folder, error) from None
    ours = [each for each in there if _OURS.fullmatch(each.name)]
    for each in [*ours, *([folder.resolve()] if ours and ours == there else [])]:
        _close_to_others(each)


def _close_to_others(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
        if mode & _OTHERS and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
    except OSError as error:  # another owner's, say, or on a disk that knows no owners
        log.debug("%s stays as readable as it is (%s)", path, error.strerror)


def prove_writable(folder: Path) -> None:
    """Raise what would be in the way of keeping something.

    Raises:
        FolderError: it cannot be written.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
    except OSError as error:
        raise unwritable(folder, error) from None


def prove_readable(path: Path) -> None:
    """Say whose a file is that there is, but not for us.

    Raises:
        FolderError: another user's.
    """
    try:
        path.stat()
        if os.access(path, os.R_OK):
            return
    except PermissionError:
        pass
    except OSError:
        return
    raise FolderError(f"{path} may be read by the user alone who runs the bridge; run this as that user")


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
        if not (folder / "claim").exists():
            (folder / "claim").touch(mode=0o600)
        database = sqlite3.connect(folder / "claim", timeout=0.5, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise unwritable(folder, error) from None
    with closing(database):
        try:
            database.execute("BEGIN EXCLUSIVE")
            database.execute("PRAGMA user_version = 1")  # a file that cannot be written locks nobody out
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise unwritable(folder, error) from None
            raise FolderTaken(
                f"another fluvius2mqtt is running in {folder} already; stop it first, or give this one a"
                " data_dir of its own"
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
        with whole(path) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritable(path, error) from error


def is_full(path: Path) -> bool:
    """Whether nothing new fits on the disk of a file or folder; SQLite does not always tell."""
    try:
        disk = os.statvfs(path if path.is_dir() else path.parent)
    except (AttributeError, OSError):
        return False
    return disk.f_bavail == 0 or (disk.f_files > 0 and disk.f_favail == 0)


def unwritable(path: Path, error: Exception) -> FolderError:
    """What to say of a file, or of a folder, that could not be written."""
    if isinstance(error, OSError):
        why, advice = error.strerror, _ADVICE.get(error.errno or 0, _OTHERWISE)
    else:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        why, advice = str(error), _FULL if is_full(path) else _ADVICE_BY_SQLITE.get(code, _OTHERWISE)
    return FolderError(f"{path} cannot be written ({why}); {advice}")
