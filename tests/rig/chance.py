"""How often a test tries what is left to chance: a little in `make test`, much in `make soak`."""

import os
from typing import TypeVar

T = TypeVar("T")
SOAK = "SOAK" in os.environ


def often(usual: T, *, soak: T) -> T:
    """How many times, or until when, this time."""
    return soak if SOAK else usual
