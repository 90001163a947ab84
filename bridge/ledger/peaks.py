"""The capacity tariff: the highest quarter-hour of each month."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime

from bridge.ledger.checksums import Checksums
from bridge.ledger.days import Days
from bridge.ledger.errors import LedgerError, reporting_damage
from bridge.ledger.outbox import Outbox
from bridge.ledger.part import Part
from bridge.ledger.store import Store
from bridge.ledger.units import seconds_of, to_amount, to_billionths, to_instant, to_seconds
from bridge.metering import meterday
from bridge.metering.model import Meter, Peak, PeakMonth

# As the file has it: when it began, and what was counted; None: there is none.
Kept = tuple[int, int | None]
Span = tuple[date, date]  # both ends included
_NONE: Kept = (0, None)
_ALL: Span = (date.min, date.max)


class KnownPeaks(Part):
    """By Fluvius's word, and worked out here."""

    def __init__(self, store: Store, checks: Checksums, days: Days) -> None:
        super().__init__(store)
        self._checks, self._days = checks, days

    @reporting_damage
    def peak_months(self, meter: Meter, months: Sequence[date]) -> list[PeakMonth]:
        """The peaks of some months, oldest first; what was worked out once is not worked out again."""
        known = self._known_peaks(meter, months)
        days = self._days.with_intervals(meter, months[0], meterday.last_of(months[-1]))
        return [self._peak_month(meter, month, known, days.get(month, 0)) for month in months]

    def _known_peaks(self, meter: Meter, months: Sequence[date]) -> dict[tuple[str, date], Peak | None]:
        """By source and month; None where it is known that there is none."""
        rows = self._rows(
            "SELECT source, month, start, amount, first, last"
            " FROM peak LEFT JOIN peak_due USING (meter, month) WHERE meter = ? AND month BETWEEN ? AND ?",
            (self._meter(meter), months[0].isoformat(), months[-1].isoformat()),
        )
        return {
            (source, month := date.fromisoformat(name)): self._highest(
                meter, month, (date.fromisoformat(first), date.fromisoformat(last)), (start, amount)
            )
            if source == "ledger" and first
            else _peak(source, start, amount)
            for source, name, start, amount, first, last in rows
        }

    def _peak_month(
        self, meter: Meter, month: date, known: Mapping[tuple[str, date], Peak | None], whole_days: int
    ) -> PeakMonth:
        """One month's peaks; what Fluvius said while it was under way, for a day that the ledger lacks."""
        if ("ledger", month) in known:
            counted = _within(meter, known["ledger", month])
        else:
            has_any = whole_days or month in map(meterday.month_of, meterday.cut_days(meter))
            counted = self._highest(meter, month) if has_any else None
        given, so_far = (_within(meter, known.get((source, month))) for source in ("portal", "so far"))
        if so_far and not given and (counted is None or counted.power < so_far.power):
            day = meterday.day_of(so_far.start, meter.energy)
            given = None if self._days.with_intervals(meter, day, day) else so_far
        return PeakMonth(month, counted, given, whole_days == meterday.last_of(month).day)

    def _highest(
        self, meter: Meter, month: date, changed: Span = _ALL, unchanged: Kept = _NONE
    ) -> Peak | None:
        return _peak("ledger", *self._work_out(meter, month, changed, unchanged))

    def _work_out(self, meter: Meter, month: date, changed: Span = _ALL, unchanged: Kept = _NONE) -> Kept:
        """The highest of a month's complete days: of those that changed, and what is known of the others."""
        first, last = changed
        first, last = meterday.span_within(meter, max(first, month), min(last, meterday.last_of(month)))
        self._checks.raise_if_damaged(meter, first, last)
        complete = set(self._days.complete_days(meter, first, last)) - self._days.days_in_doubt(
            meter, first, last
        )
        rows = complete and self._rows(
            "SELECT start, SUM(amount) FROM reading"
            " WHERE meter = ? AND daily = 0 AND start >= ? AND start < ?"
            " AND register IN (SELECT id FROM register WHERE direction = 'consumption' AND unit = 'kWh')"
            " GROUP BY start ORDER BY 2 DESC, 1",
            (
                self._meter(meter),
                to_seconds(meterday.bounds_of(meter, first)[0]),
                to_seconds(meterday.bounds_of(meter, last)[1]),
            ),
        )
        of_complete_days = (
            row for row in rows or () if meterday.day_of(to_instant(row[0]), meter.energy) in complete
        )
        return max(unchanged, next(of_complete_days, _NONE), key=_height)


# Those of some months, but of those of which quarter-hours were dropped.
_WORKED_OUT = (
    "FROM peak WHERE meter = ?1 AND source = 'ledger' AND month BETWEEN ?2 AND ?3 AND month NOT IN"
    " (SELECT substr(date, 1, 7) || '-01' FROM day WHERE meter = ?1 AND dropped AND date >= ?2)"
)


class Peaks(KnownPeaks):
    """The peaks as they are kept."""

    def __init__(self, store: Store, checks: Checksums, days: Days, outbox: Outbox) -> None:
        super().__init__(store, checks, days)
        self._outbox = outbox

    def keep_peaks(self, meter: Meter, peaks: Iterable[Peak], this_month: date) -> None:
        """Keep the monthly peaks that Fluvius says itself; those of this month are peaks so far."""
        with self._store.transaction():
            self._outbox.changed(meter)
            for peak in peaks:
                month = meterday.month_of(meterday.day_of(peak.start, meter.energy))
                source = "portal" if month < this_month else "so far"
                self._keep_peak(meter, month, source, to_seconds(peak.start), to_billionths(peak.power))

    def doubt(self, meter: Meter, first: date, last: date) -> None:
        """Quarter-hours of a span were corrected: what Fluvius said of its months before does not count."""
        self._execute(
            "UPDATE OR REPLACE peak SET source = 'doubted'"
            " WHERE meter = ? AND source = 'portal' AND month BETWEEN ? AND ?",
            (self._meter(meter), meterday.month_of(first).isoformat(), last.isoformat()),
        )

    def has_doubted(self, meter: Meter) -> bool:
        """Whether Fluvius is worth asking for a meter's peaks again; said once."""
        return bool(
            self._rows(
                "DELETE FROM peak WHERE meter = ? AND source = 'doubted' RETURNING 1", (self._meter(meter),)
            )
        )

    def forget(self, meter: Meter, first: date = date.min, last: date = date.max) -> None:
        """What was worked out of days of a span does not count any more: those days are looked at again.

        A peak of another day is still the highest of all that did not change, which is not proved again. What
        was kept when quarter-hours were dropped stays.
        """
        of_months = self._meter(meter), meterday.month_of(first).isoformat(), last.isoformat()
        self._execute(
            f"DELETE {_WORKED_OUT} AND start >= ?4 AND start < ?5",
            (*of_months, *seconds_of(meter, first, last)),
        )
        self._execute(
            f"INSERT INTO peak_due SELECT meter, month, ?4, ?3 {_WORKED_OUT}"
            " ON CONFLICT DO UPDATE SET first = MIN(first, excluded.first), last = MAX(last, excluded.last)",
            (*of_months, first.isoformat()),
        )

    def keep_for_good(self, meter: Meter, month: date) -> None:
        """Quarter-hours of a month are about to be dropped: what was the highest of them stays the highest.

        What was kept when others of them were dropped is not worked out of those that are left.
        """
        kept = [_NONE]
        if self._days.dropped(meter, month, meterday.last_of(month)):
            kept += self._rows(
                "SELECT start, amount FROM peak WHERE meter = ? AND source = 'ledger' AND month = ?",
                (self._meter(meter), month.isoformat()),
            )
        self._keep_worked_out(meter, month, self._work_out(meter, month, unchanged=kept[-1]))

    def _highest(
        self, meter: Meter, month: date, changed: Span = _ALL, unchanged: Kept = _NONE
    ) -> Peak | None:
        found = self._work_out(meter, month, changed, unchanged)
        with suppress(LedgerError):  # on a full disk it is worked out again
            self._keep_worked_out(meter, month, found)
        return _peak("ledger", *found)

    def _keep_worked_out(self, meter: Meter, month: date, found: Kept) -> None:
        with self._store.transaction():
            self._keep_peak(meter, month, "ledger", *found)
            self._execute(
                "DELETE FROM peak_due WHERE meter = ? AND month = ?", (self._meter(meter), month.isoformat())
            )

    def _keep_peak(self, meter: Meter, month: date, source: str, start: int, amount: int | None) -> None:
        self._execute(
            "INSERT OR REPLACE INTO peak VALUES (?, ?, ?, ?, ?)",
            (self._meter(meter), month.isoformat(), source, start, amount),
        )


def _height(peak: Kept) -> tuple[int, int]:
    """The higher the more; of equal ones the first."""
    start, amount = peak
    return -1 if amount is None else amount, -start


def _is_within(meter: Meter, instant: datetime) -> bool:
    return not (meter.since and instant < meter.since) and not (meter.until and instant >= meter.until)


def _within(meter: Meter, peak: Peak | None) -> Peak | None:
    return peak if peak and _is_within(meter, peak.start) else None


def _peak(source: str, start: int, amount: int | None) -> Peak | None:
    """A row of the file: the ledger's own is an amount in a quarter-hour, Fluvius's is a power."""
    if amount is None:
        return None
    if source == "ledger":
        return Peak(to_instant(start), to_amount(4 * amount), "ledger")
    return Peak(to_instant(start), to_amount(amount), "portal")
