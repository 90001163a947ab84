"""Days whose amounts Fluvius may still correct: which they are, and when they were last looked at."""

from datetime import date, datetime

from bridge.ledger.errors import reporting_damage
from bridge.ledger.part import Part
from bridge.ledger.units import to_instant, to_seconds
from bridge.metering.model import Meter


class Reviews(Part):
    """What the ledger remembers of days beside their readings. Spans of days include both ends."""

    @reporting_damage
    def not_final(self, meter: Meter, first: date, last: date) -> dict[date, datetime | None]:
        """The days whose daily amounts are not final, and when these came last."""
        rows = self._rows(
            "SELECT date, reviewed_at FROM day WHERE meter = ? AND date BETWEEN ? AND ?"
            " AND (provisional OR EXISTS (SELECT 1 FROM reading WHERE reading.meter = day.meter"
            " AND daily = 1 AND reading.start = day.start AND NOT validated))",
            (self._meter(meter), first.isoformat(), last.isoformat()),
        )
        return {date.fromisoformat(day): None if at is None else to_instant(at) for day, at in rows}

    def looked_at(self, meter: Meter, first: date, last: date, now: datetime) -> None:
        """Fluvius was asked for the daily amounts of these days, perhaps in vain."""
        self._execute(
            "UPDATE day SET reviewed_at = ? WHERE meter = ? AND date BETWEEN ? AND ?",
            (to_seconds(now), self._meter(meter), first.isoformat(), last.isoformat()),
        )

    @reporting_damage
    def awaiting_intervals(
        self, meter: Meter, first: date, last: date, before: datetime
    ) -> tuple[list[date], list[date]]:
        """The complete days whose intervals should be asked for again, newest first.

        Args:
            meter: whose days they are.
            first: the first day.
            last: the last day.
            before: where the intervals were asked for since the day came, in vain: before this instant.

        Returns:
            Those whose daily amounts changed and whose intervals did not follow yet; and the others, whose
            intervals do not add up to their daily amounts.
        """
        rows = self._rows(
            "SELECT date, corrected FROM day WHERE meter = ? AND date BETWEEN ? AND ?"
            " AND complete AND (corrected OR disagrees)"
            " AND (asked_at IS NULL OR asked_at < fetched_at OR asked_at < ?) ORDER BY date DESC",
            (self._meter(meter), first.isoformat(), last.isoformat(), to_seconds(before)),
        )
        corrected = [date.fromisoformat(day) for day, is_corrected in rows if is_corrected]
        return corrected, [date.fromisoformat(day) for day, is_corrected in rows if not is_corrected]

    @reporting_damage
    def newest_trace(self) -> datetime | None:
        """The latest instant at which Fluvius was asked or answered, by the clock of then."""
        ((newest,),) = self._rows(
            "SELECT MAX(MAX(fetched_at, COALESCE(asked_at, 0), COALESCE(reviewed_at, 0))) FROM day"
        )
        return None if newest is None else to_instant(newest)

    def disbelieve(self, now: datetime) -> None:
        """What was noted in the future was noted by a clock that was wrong."""
        seconds = (to_seconds(now),)
        with self._store.transaction():
            self._execute("UPDATE day SET asked_at = NULL WHERE asked_at > ?", seconds)
            self._execute("UPDATE day SET reviewed_at = NULL WHERE reviewed_at > ?", seconds)
            self._execute("UPDATE day SET fetched_at = ?1 WHERE fetched_at > ?1", seconds)
