"""A private file of parts, each kept by the one who needs it. No part is lost when another is replaced."""

import json
from pathlib import Path
from typing import Any

from bridge.folder import write_private


def parts(path: Path) -> dict[str, Any]:
    """What is kept in a file, read anew: another process may have changed it. A damaged one holds nothing."""
    try:
        kept = json.loads(path.read_text("utf-8"))
    except (OSError, RecursionError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def replace(path: Path, **some: Any) -> None:
    """Replace some parts of a file; None takes one out.

    Raises:
        FolderError: the file cannot be written.
    """
    kept = parts(path) | some
    write_private(path, json.dumps({name: part for name, part in kept.items() if part is not None}))
