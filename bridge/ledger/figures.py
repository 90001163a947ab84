"""How much there is, over all meters at once: in a moment, with ten thousand of them too."""

from collections.abc import Iterable, Mapping
from datetime import date

from bridge.ledger.errors import reporting_damage
from bridge.ledger.part import Part
from bridge.ledger.units import seconds_between
from bridge.metering.model import Meter

COUNTED = 1_000_000  # of what waits: no more are counted, for that would take seconds

# What waits for whom: another one who is told everything once is one more line here.
_READINGS = {"stream": "SELECT meter, start FROM unstreamed WHERE NOT held"}
_CHANGED = {"statistics": "SELECT meter FROM restated"}  # meters of which something waits


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

    def waiting_readings(self, meters: Iterable[Meter]) -> dict[str, int]:
        """How many readings of some meters, within their bounds, each has still to be told.

        What is held, because its day does not add up, is not counted; and no more than `COUNTED`.
        """
        keys = self._keys(meters)
        return {name: self._waiting(rows, keys) for name, rows in _READINGS.items()}

    def waiting_meters(self, meters: Iterable[Meter]) -> dict[str, int]:
        """Of how many of some meters each has still to be told something."""
        keys = self._keys(meters)
        return {name: sum(key in keys for (key,) in self._rows(rows)) for name, rows in _CHANGED.items()}

    def _keys(self, meters: Iterable[Meter]) -> dict[int, Meter]:
        known = {(ean, energy): key for key, ean, energy in self._rows("SELECT id, ean, energy FROM meter")}
        return {known[name]: meter for meter in meters if (name := (meter.ean, str(meter.energy))) in known}

    def _waiting(self, rows: str, keys: Mapping[int, Meter]) -> int:
        found = self._rows(
            f"SELECT meter, COUNT(*) FROM ({rows} LIMIT {COUNTED}) GROUP BY meter"  # noqa: S608 - our own words
        )
        whole = sum(int(count) for key, count in found if key in keys and not _is_bounded(keys[key]))
        cut = [key for key, _ in found if key in keys and _is_bounded(keys[key])]
        return whole + sum(self._within_bounds(rows, key, keys[key]) for key in cut)

    def _within_bounds(self, rows: str, key: int, meter: Meter) -> int:
        ((count,),) = self._rows(
            f"SELECT COUNT(*) FROM ({rows}) WHERE meter = ? AND start >= ? AND start < ?",  # noqa: S608 - our own words
            (key, *seconds_between(meter.since, meter.until)),
        )
        return int(count)


def _is_bounded(meter: Meter) -> bool:
    return bool(meter.since or meter.until)
