"""How often a test tries what is left to chance: a little in `make test`, much in `make soak`."""

import os

SOAK = "SOAK" in os.environ


def often(usual: int, *, soak: int) -> int:
    """How many times, this time."""
    return soak if SOAK else usual
