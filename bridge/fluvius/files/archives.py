"""Files and archives of files as lines of text: nothing is unpacked to the disk, and nothing without end."""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, cast

from bridge.fluvius.files.columns import Unusable
from bridge.metering.model import BRUSSELS
from bridge.text.foreign import LONGEST_NAME, clean

_LARGEST = 1024**3  # bytes, of a file or of all in an archive: ten years of quarter-hours are a tenth of it
_MOST = 1000  # files in an archive
_LONGEST_LINE = 4096  # characters; those of Fluvius have some 150
_OLDEST = datetime(1980, 1, 1, tzinfo=UTC)  # of files without a date
_HEAD = 64 * 1024  # bytes, to tell what it is
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06")
_EXCEL = b"\xd0\xcf\x11\xe0"
_NO_EXCEL = "it is an Excel file; take the CSV file as Mijn Fluvius gave it"
_TOO_LARGE = "it is too large: no history of Mijn Fluvius has more than 1 GB"


@dataclass(frozen=True, slots=True)
class Document:
    """One file, perhaps in an archive."""

    name: str  # without folders, harmless
    filed_at: datetime  # aware, UTC: when it was written
    size: int  # bytes, as it says itself
    open: Callable[[], IO[bytes]]

    @contextmanager
    def text(self, heed: Callable[[int], None] = lambda _: None) -> Iterator[Iterator[str]]:
        """Its lines.

        Args:
            heed: told now and then how many characters were read.

        Raises:
            Unusable: also while it is read.
        """
        try:
            with self.open() as binary, _decoded(binary) as text:
                yield _lines(text, heed)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise Unusable(
                f"the archive cannot be read ({error}); is it whole, without a password?"
            ) from None
        except OSError as error:
            raise _unreadable(error) from None


def documents(path: Path) -> Iterator[Document]:
    """A file, or all those in an archive.

    Raises:
        Unusable: it cannot be read, or is neither.
    """
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise Unusable("it is not a file")
        with path.open("rb") as file:
            head = file.read(4)
        if head not in _ARCHIVES:
            if facts.st_size > _LARGEST:
                raise Unusable(_TOO_LARGE)
            filed_at = max(datetime.fromtimestamp(facts.st_mtime, UTC), _OLDEST)
            yield Document(_harmless(path.name), filed_at, facts.st_size, lambda: path.open("rb"))
            return
        with zipfile.ZipFile(path) as archive:
            yield from _within(archive)
    except zipfile.BadZipFile:
        raise Unusable("the archive is not whole; download it again") from None
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> Unusable:
    advice = "; let this user read it" if isinstance(error, PermissionError) else ""
    return Unusable(f"it cannot be read ({error.strerror or error}){advice}")


def _within(archive: zipfile.ZipFile) -> Iterator[Document]:
    members = [each for each in archive.infolist() if not (each.is_dir() or _is_clutter(each.filename))]
    if any(each.filename == "[Content_Types].xml" for each in members):
        raise Unusable(_NO_EXCEL)
    if len(members) > _MOST or sum(each.file_size for each in members) > _LARGEST:
        raise Unusable(f"the archive holds more than {_MOST} files, or more than 1 GB")
    if not members:
        raise Unusable("the archive is empty")
    for each in members:
        yield Document(_harmless(each.filename), _when(each), each.file_size, partial(archive.open, each))


def _is_clutter(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or parts[-1:] == () or parts[-1].startswith(".")


def _when(member: zipfile.ZipInfo) -> datetime:
    try:
        return datetime(*member.date_time, tzinfo=BRUSSELS).astimezone(UTC)
    except ValueError:
        return _OLDEST


def _harmless(name: str) -> str:
    return clean(re.split(r"[/\\]", name)[-1], LONGEST_NAME) or "a file without a name"


def _decoded(binary: IO[bytes]) -> io.TextIOWrapper:
    """UTF-8 as Fluvius writes it, or what spreadsheets in the West make of it."""
    buffered = io.BufferedReader(cast("io.RawIOBase", binary), _HEAD)
    head = buffered.peek(_HEAD)
    if head.startswith(_EXCEL):
        raise Unusable(_NO_EXCEL)
    if head.startswith(_ARCHIVES):
        raise Unusable("it is an archive within an archive; import it by itself")
    if not head.strip():
        raise Unusable("it is empty")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head:
        raise Unusable("it is not a CSV file")
    try:
        head.decode("utf-8")
        encoding = "utf-8-sig"
    except UnicodeDecodeError as error:  # at the very end it is half a character
        encoding = "utf-8-sig" if error.start > len(head) - 4 else "cp1252"
    return io.TextIOWrapper(buffered, encoding, errors="replace", newline="")


def _lines(text: io.TextIOWrapper, heed: Callable[[int], None]) -> Iterator[str]:
    characters = 0
    for number, line in enumerate(iter(partial(text.readline, _LONGEST_LINE), "")):
        characters += len(line)
        if len(line) == _LONGEST_LINE:
            raise Unusable("its lines are too long for a history of Mijn Fluvius")
        if characters > _LARGEST:
            raise Unusable(_TOO_LARGE)
        if not number % 1000:
            heed(characters)
        yield line
    heed(characters)
