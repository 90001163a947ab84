"""How much there is, over all meters at once: in a moment, with ten thousand of them too."""

from datetime import date

from bridge.ledger.errors import reporting_damage
from bridge.ledger.part import Part

COUNTED = 1_000_000  # of what waits: no more are counted, for that would take seconds

# What waits for whom, one by one: another one who is told everything once is one more line here.
_WAITING = {
    "stream": "SELECT 1 FROM unstreamed",
}
_CHANGED = {  # meters of which something waits
    "statistics": "SELECT 1 FROM restated",
}


class Figures(Part):
    """What is counted."""

    @reporting_damage
    def latest_days(self) -> dict[tuple[str, str], date]:
        """The newest complete day of each meter that has one, by EAN and energy."""
        rows = self._rows(
            "SELECT ean, energy,"
            " (SELECT MAX(date) FROM day WHERE day.meter = meter.id AND complete = 1) AS latest"
            " FROM meter WHERE latest IS NOT NULL"
        )
        dates = {latest: date.fromisoformat(latest) for latest in {latest for *_, latest in rows}}
        return {(ean, energy): dates[latest] for ean, energy, latest in rows}

    def waiting_readings(self) -> dict[str, int]:
        """How many readings each has still to be told, at most `COUNTED`."""
        return {name: self._count(rows) for name, rows in _WAITING.items()}

    def waiting_meters(self) -> dict[str, int]:
        """Of how many meters each has still to be told something, at most `COUNTED`."""
        return {name: self._count(rows) for name, rows in _CHANGED.items()}

    def _count(self, rows: str) -> int:
        ((count,),) = self._rows(f"SELECT COUNT(*) FROM ({rows} LIMIT {COUNTED})")  # noqa: S608 - our own words
        return int(count)
