"""What is remembered of how the portal answered about a meter: which code, window and span gave what."""

from typing import Any

from bridge.fluvius.source import Memory
from bridge.metering.model import Meter


class Notes:
    """Of each meter one note, which is read once in a visit.

    Args:
        memory: where they are kept.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: dict[str, dict[str, Any]] = {}  # EAN → its note, by what it is about

    def of(self, meter: Meter, what: str) -> dict[str, Any]:
        """What is remembered of something; empty where that is nothing."""
        return dict(self._note(meter).get(what) or {})

    def keep(self, meter: Meter, what: str, value: dict[str, Any]) -> None:
        """Remember it, in place of what was known of the same."""
        note = self._note(meter)
        note[what] = value
        self._memory.remember(f"portal/{meter.ean}", note)

    def _note(self, meter: Meter) -> dict[str, Any]:
        if meter.ean not in self._known:
            self._known[meter.ean] = self._memory.recall(f"portal/{meter.ean}") or {}
        return self._known[meter.ean]
