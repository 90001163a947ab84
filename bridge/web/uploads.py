"""Files that people give the page, put where the bridge imports them from."""

import re
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from bridge.folder.claim import unwritable
from bridge.service.imports import UNFINISHED, free

LARGEST = 256 * 1024 * 1024  # bytes of a request: ten years of quarter-hours as Mijn Fluvius writes them

_LONGEST_NAME = 60  # characters, each of which may be four bytes
_BROKEN_OFF = 3600.0  # seconds after which nobody sends a file any more
_naming = threading.Lock()


def keep(folder: Path, name: str, content: IO[bytes]) -> Path:
    """Put a file into a folder, readable by its owner alone (mode 0600); whole, or not at all.

    Args:
        folder: made when it is not there, for its owner alone.
        name: as the browser says it: anything.
        content: of the file.

    Raises:
        FolderError: it cannot be written; nothing of it is there.
    """
    part = folder / f".{secrets.token_hex(8)}.part"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _remove_what_was_broken_off(folder)
        try:
            part.touch(mode=0o600)
            with part.open("wb") as file:
                shutil.copyfileobj(content, file, 1024 * 1024)
            with _naming:
                return part.replace(free(folder, Path(harmless(name))))
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from None


def waiting(folder: Path) -> Sequence[str]:
    """The names of the files that the bridge has not taken yet."""
    try:
        return sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
    except OSError:  # nobody gave any
        return ()


def harmless(name: str) -> str:
    """A name that leads nowhere, and that every system can write."""
    last = re.split(r"[/\\]", name)[-1]
    plain = re.sub(r"[^\w .()+-]", "_", last)[-_LONGEST_NAME:].strip(". ") or "file"
    is_ready = "." in plain and Path(plain).suffix not in UNFINISHED
    return plain if is_ready else f"{plain}.csv"


def _remove_what_was_broken_off(folder: Path) -> None:
    for each in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - each.stat().st_mtime > _BROKEN_OFF:
                each.unlink()
