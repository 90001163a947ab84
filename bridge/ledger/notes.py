"""What is remembered beside the readings, as JSON."""

import json
from typing import Any

from bridge.ledger.errors import reporting_damage
from bridge.ledger.part import Part


class KnownNotes(Part):
    """The notes as they are read."""

    @reporting_damage
    def recall(self, key: str) -> Any:
        """The JSON value remembered under a key, or None."""
        for (value,) in self._rows("SELECT value FROM note WHERE key = ?", (key,)):
            return json.loads(value)
        return None


class Notes(KnownNotes):
    """The notes as they are written."""

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON value under a key."""
        self._execute(
            "INSERT INTO note VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, json.dumps(value)),
        )
