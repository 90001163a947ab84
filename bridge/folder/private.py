"""A private file of parts, each kept by the one who needs it. No part is lost when another is replaced."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from bridge.folder.claim import FolderError, unwritable, write_private

_PATIENCE = 90.0  # seconds: longer than a sign-in takes


class Busy(Exception):
    """Another process has been at work with the file for too long."""


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Read and write a file while no other process does so here; every operating system ends this with us.

    Raises:
        Busy: another one takes too long.
        FolderError: the folder cannot be written.
    """
    lock = path.with_name(f"{path.name}.lock")
    with ExitStack() as stack:
        try:
            if not lock.exists():
                lock.touch(mode=0o600)
            database = stack.enter_context(closing(sqlite3.connect(lock, _PATIENCE, isolation_level=None)))
            database.execute("BEGIN EXCLUSIVE")
        except (OSError, sqlite3.Error) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise Busy from None
            raise unwritable(path, error) from error
        yield


def parts(path: Path) -> dict[str, Any]:
    """What is kept in a file, read anew: another process may have changed it. A damaged one holds nothing."""
    try:
        kept = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, RecursionError, ValueError):
        return {}
    except OSError as error:
        raise FolderError(f"{path} cannot be read ({error.strerror}); let this user read it") from error
    return kept if isinstance(kept, dict) else {}


def replace(path: Path, **some: Any) -> None:
    """Replace some parts of a file; None takes one out.

    Raises:
        FolderError: the file cannot be written.
    """
    kept = parts(path) | some
    write_private(path, json.dumps({name: part for name, part in kept.items() if part is not None}))
