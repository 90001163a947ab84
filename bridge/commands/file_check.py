"""What `check` says of meters that live on files, and of the folder that is watched for them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bridge.config import Settings
from bridge.fetching.readable import reading
from bridge.fetching.sources import SOURCES
from bridge.folder.claim import FolderError, prove_writable
from bridge.ledger import LedgerError
from bridge.metering.model import Meter
from bridge.setup.finding import Finding


def file_findings(settings: Settings) -> Iterator[Finding]:
    """The folder, and until when the files of each meter reach."""
    if settings.import_dir:
        yield _folder(settings.import_dir)
    for meter in settings.followed:
        if not SOURCES[meter.source].is_asked:
            yield _meter(settings, meter)


def _folder(folder: Path) -> Finding:
    if os.path.lexists(folder) and not folder.is_dir():
        words = f"{folder} is not a folder; write the name of one"
        return Finding("import_dir", works=False, words=words)
    if not folder.is_dir():
        is_made = folder.parent.is_dir()
        words = f"{folder} is not there yet; the bridge makes it" if is_made else f"make the folder {folder}"
        return Finding("import_dir", works=is_made, words=words)
    try:
        prove_writable(folder)
    except FolderError as error:
        return Finding("import_dir", works=False, words=str(error))
    return Finding("import_dir", works=True, words=f"the bridge imports what is put into {folder}")


def _meter(settings: Settings, meter: Meter) -> Finding:
    latest = None
    with suppress(LedgerError, FolderError), reading(settings.data_dir) as records:
        latest = records.days.latest_complete_day(meter)
    if latest:
        return Finding(meter.label, works=True, words=f"its files reach until {latest.date}")
    where = f" and put it into {settings.import_dir}" if settings.import_dir else ""
    words = (
        "no file of it was imported yet: download its history on mijn.fluvius.be"
        f"{where or ', then run `fluvius2mqtt import FILE`'}"
    )
    return Finding(meter.label, works=False, words=words)
