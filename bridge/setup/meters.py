"""Meters without typing: out of downloaded files, or out of the address of a meter's page on Mijn Fluvius."""

import os
import re
import shlex
from collections.abc import Iterable, Iterator
from glob import glob
from pathlib import Path
from typing import NamedTuple

from bridge.fluvius.files.archives import documents
from bridge.fluvius.files.columns import Table, Unusable
from bridge.fluvius.files.slots import History
from bridge.metering.model import Energy
from bridge.text.foreign import clean

_DOWNLOADS = ("*.csv", "*.zip")


class FoundMeter(NamedTuple):
    """A meter as a file tells of it."""

    ean: str
    energy: Energy
    serial: str


def files_named(text: str) -> list[Path]:
    """The files in what was typed, or dragged into a terminal: quoted, escaped, with *, and whole folders."""
    if not text.strip():
        return []
    whole = Path(text.strip().strip("'\"")).expanduser()
    if whole.exists():
        words = [str(whole)]
    else:
        try:
            words = shlex.split(text, posix=os.name == "posix")
        except ValueError:  # a quotation mark without its twin
            words = text.split()
    named = [Path(each.strip("'\"")).expanduser() for each in words]
    return list(dict.fromkeys(path for each in named for path in meant_by(each)))


def meant_by(path: Path) -> list[Path]:
    """A file, what is in a folder, or what a pattern fits; where nothing is there, the name itself."""
    if path.is_dir():
        found = [each for pattern in _DOWNLOADS for each in path.glob(pattern)]
    else:
        found = [] if path.exists() else [Path(each) for each in glob(str(path))]  # noqa: PTH207 - absolute too
    return sorted(found) or [path]


def meters_in(files: Iterable[Path]) -> list[FoundMeter]:
    """The meters that files are about, each once, electricity first.

    Raises:
        Unusable: one of them is no file of Mijn Fluvius; says which and why.
    """
    found: dict[tuple[str, Energy], FoundMeter] = {}
    for path in files:
        try:
            for each in _meters_of(path):
                found.setdefault((each.ean, each.energy), each)
        except Unusable as error:
            raise Unusable(f"{clean(path.name)}: {error}") from None
    return sorted(found.values(), key=lambda each: each.energy is Energy.GAS)


def _meters_of(path: Path) -> Iterator[FoundMeter]:
    for document in documents(path):
        with document.text() as lines:
            history = History(Table(lines), document.name, document.filed_at)
            yield FoundMeter(history.ean, history.energy, history.serial)


def ean_in(text: str) -> str:
    """The EAN in a pasted address, such as that of a meter's page; else what was typed."""
    found = re.search(r"(?<![0-9])[0-9]{18}(?![0-9])", text) if "/" in text else None
    return found[0] if found else text.strip()
