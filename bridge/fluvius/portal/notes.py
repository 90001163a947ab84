"""What is remembered of how the portal answered about a meter: which code, window and span gave what."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from bridge.fluvius.source import Memory
from bridge.metering.model import Meter

_TRY_OTHERS_AFTER_DAYS = 30


class Notes:
    """Of each meter one note, which is read once in a visit.

    Args:
        memory: where they are kept.
        now: the present instant, aware.
    """

    def __init__(self, memory: Memory, now: Callable[[], datetime]) -> None:
        self._memory, self._now = memory, now
        self._known: dict[str, dict[str, Any]] = {}  # EAN → its note, by what it is about

    def of(self, meter: Meter, what: str) -> dict[str, Any]:
        """What is remembered of something; empty where that is nothing."""
        return dict(self._note(meter).get(what) or {})

    def keep(self, meter: Meter, what: str, value: dict[str, Any]) -> None:
        """Remember it, in place of what was known of the same."""
        note = self._note(meter)
        note[what] = value
        self._memory.remember(f"portal/{meter.ean}", note)

    def may_try(self, remembered: dict[str, Any]) -> bool:
        """Whether another way was not tried in vain lately."""
        tried_on = date.fromisoformat(remembered.get("in_vain", "2000-01-01"))
        return (self._now().date() - tried_on).days >= _TRY_OTHERS_AFTER_DAYS

    def today(self) -> str:
        """The day on which something is tried, as it is remembered."""
        return self._now().date().isoformat()

    def _note(self, meter: Meter) -> dict[str, Any]:
        if meter.ean not in self._known:
            self._known[meter.ean] = self._memory.recall(f"portal/{meter.ean}") or {}
        return self._known[meter.ean]
