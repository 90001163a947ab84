"""A recording out of its archive, which may come from anybody."""

import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

FORMAT = 1
_NAME = re.compile(r"manifest\.json|[0-9]{3}\.json")
_MOST_FILES = 400
_LARGEST, _LARGEST_ARCHIVE = 8 * 1024**2, 64 * 1024**2  # bytes: of a file, and of all


class UnusableError(Exception):
    """It cannot be played back; the message says why."""


@dataclass(frozen=True)
class Exchange:
    """A request, and what was answered."""

    method: str
    path: str
    at: datetime  # aware
    host: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    response: Mapping[str, Any] | None = None
    failure: str | None = None  # how it ended without an answer

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Recording:
    """A visit."""

    manifest: Mapping[str, Any]
    exchanges: tuple[Exchange, ...]
    recorded: datetime  # aware


def read(path: Path) -> Recording:
    """A recording; nothing is unpacked to the disk, and nothing without end.

    Raises:
        UnusableError: it is none, of another version, or not what it seems.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            pages = _pages(archive)
        manifest = pages.pop("manifest.json", None)
        if not isinstance(manifest, dict) or "format" not in manifest:
            raise UnusableError("it is no recording of fluvius2mqtt")
        if manifest["format"] != FORMAT:
            raise UnusableError("another version of fluvius2mqtt wrote it; look for a newer one")
        exchanges = tuple(_exchange(pages[name]) for name in sorted(pages))
        return Recording(manifest, exchanges, _moment(manifest["recorded"]))
    except OSError as error:
        raise UnusableError(f"it cannot be read ({error.strerror or error})") from None
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise UnusableError("what is in it is no recording of fluvius2mqtt, or was changed") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise UnusableError("it is no zip archive, or not whole") from None


def _pages(archive: zipfile.ZipFile) -> dict[str, Any]:
    members = archive.infolist()
    names = {each.filename for each in members}
    if len(members) > _MOST_FILES or len(names) < len(members):
        raise UnusableError(f"it holds more than {_MOST_FILES} files, or one of them twice")
    if strange := sorted(each for each in names if not _NAME.fullmatch(each)):
        raise UnusableError(f"it holds files that are none of a recording, such as {strange[0][:60]!a}")
    pages, left = {}, _LARGEST_ARCHIVE
    for each in members:
        with archive.open(each) as file:
            content = file.read(min(_LARGEST, left) + 1)  # whatever it says of its size
        if len(content) > min(_LARGEST, left):
            raise UnusableError("it is far too large for a recording")
        left -= len(content)
        pages[each.filename] = json.loads(content)
    return pages


def _exchange(page: Any) -> Exchange:
    request, response = page["request"], page.get("response")
    texts = {name: request.get(name, "") for name in ("method", "path", "host")}
    fields = {name: request.get(name, {}) for name in ("query", "form")}
    told = [*texts.values(), *(text for each in fields.values() for pair in each.items() for text in pair)]
    if not all(isinstance(each, str) for each in told):
        raise TypeError
    if response is None:
        return Exchange(**texts, **fields, at=_moment(page["at"]), failure=str(page["failure"]))
    if not isinstance(response["status"], int) or not 100 <= response["status"] <= 599:
        raise ValueError
    headers, cookies = response.get("headers", {}), response.get("cookies", [])
    if not all(_is_for_a_header(each) for each in [*headers, *headers.values(), *cookies]):
        raise ValueError
    if not {"json", "page", "text"} & response.keys():
        raise KeyError
    return Exchange(**texts, **fields, at=_moment(page["at"]), response=response)


def _is_for_a_header(text: Any) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable()


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment
