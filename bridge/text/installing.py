"""How to get what is not installed, and what to type next, in words that work."""

import sys
from pathlib import Path
from shlex import quote
from shutil import which

from bridge import IS_RELEASED, URL


def how_to_get(extra: str) -> str:
    """A command that brings what an extra of ours holds, for the Python that runs."""
    pip = f"{quote(sys.executable)} -m pip install"
    if IS_RELEASED:
        return f"run: {pip} 'fluvius2mqtt[{extra}]'"
    return f"in a copy of {URL} run: {pip} '.[{extra}]'"


def this_program() -> str:
    """What to type for this program: its name, or the path as it was typed where no shell finds that."""
    typed, name = Path(sys.argv[0]), "fluvius2mqtt"
    found = which(name)
    if typed.name != name or (found and typed.samefile(found)):
        return name
    return quote(str(typed))
