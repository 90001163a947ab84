"""How to get what is not installed, in words that work."""

import sys
from shlex import quote

from bridge import IS_RELEASED, URL


def how_to_get(extra: str) -> str:
    """A command that brings what an extra of ours holds, for the Python that runs."""
    pip = f"{quote(sys.executable)} -m pip install"
    if IS_RELEASED:
        return f"run: {pip} 'fluvius2mqtt[{extra}]'"
    return f"in a copy of {URL} run: {pip} '.[{extra}]'"
