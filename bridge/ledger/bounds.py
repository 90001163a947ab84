"""Since when, and until when, a meter's readings count."""

from bridge.ledger.errors import reporting_damage
from bridge.ledger.notes import Notes
from bridge.ledger.outbox import Outbox
from bridge.ledger.part import Part
from bridge.ledger.peaks import Peaks
from bridge.ledger.store import Store
from bridge.ledger.units import to_seconds
from bridge.metering.model import Meter


class Bounds(Part):
    """The bounds that were last worked with."""

    def __init__(self, store: Store, peaks: Peaks, outbox: Outbox, notes: Notes) -> None:
        super().__init__(store)
        self._peaks, self._outbox, self._notes = peaks, outbox, notes

    @reporting_damage
    def keep_to(self, meter: Meter) -> None:
        """Notice that a meter's bounds were moved: other readings count now, from the first day known on."""
        note = f"bounds/{meter.ean}/{meter.energy}"
        bounds = [to_seconds(each) if each else None for each in (meter.since, meter.until)]
        before = self._notes.recall(note) or [None, None]
        if bounds == before:
            return
        key = self._meter(meter)
        with self._store.transaction():
            self._notes.remember(note, bounds)
            self._outbox.changed(meter)
            self._outbox.restate(key, 0)
            self._peaks.forget(meter)
