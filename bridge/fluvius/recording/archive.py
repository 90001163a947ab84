"""A recording as a file: a zip archive of readable JSON, a manifest and a file for each request."""

import json
import platform
import zipfile
from collections.abc import Sequence
from datetime import datetime
from typing import IO

from bridge import __version__
from bridge.text.words import Payload, local

FORMAT = 1
_WORDS = (
    "One visit of fluvius2mqtt to Fluvius. Names, addresses, numbers, tokens and amounts are nobody's;"
    " fluvius2mqtt simulate --replay plays it back. See docs/report.md."
)


def manifest(at: datetime, about: Payload) -> Payload:
    """What a recording says of itself.

    Args:
        at: when it was made, aware.
        about: sources, meters and what else is known of the visit.
    """
    return {
        "format": FORMAT,
        "words": _WORDS,
        "bridge": __version__,
        "python": platform.python_version(),
        "recorded": local(at),
        **about,
    }


def pages(about: Payload, exchanges: Sequence[Payload]) -> dict[str, str]:
    """The files of the archive, by their names."""
    named = {"manifest.json": about} | {f"{n:03}.json": each for n, each in enumerate(exchanges, 1)}
    return {name: f"{json.dumps(each, indent=1, ensure_ascii=True)}\n" for name, each in named.items()}


def write(file: IO[bytes], about: Payload, exchanges: Sequence[Payload]) -> None:
    """Write the archive.

    Raises:
        OSError: it cannot be written.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, page in pages(about, exchanges).items():
            archive.writestr(name, page)
