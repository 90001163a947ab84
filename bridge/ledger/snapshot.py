"""A ledger in a folder that cannot be written: a backup, a snapshot, a read-only mount."""

import os
from contextlib import suppress
from pathlib import Path

from bridge.folder.claim import is_claimed


def how_to_read(path: Path) -> str:
    """The parameters of SQLite's address for a ledger that is to be left alone.

    Even to read it, SQLite writes a `-wal` and a `-shm` beside it, unless they are there, or it is told that
    nothing can change. That is true where we cannot write and nobody else has it open: whoever has it open
    keeps both beside it from the first moment to the last.
    """
    wal, shm = (path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))
    with suppress(PermissionError):  # of which SQLite speaks clearly enough
        is_open = shm.exists() or (wal.exists() and wal.stat().st_size > 0) or is_claimed(path.parent)
        if not is_open and not os.access(path.parent, os.W_OK):
            return "mode=ro&immutable=1"
    return "mode=ro"
