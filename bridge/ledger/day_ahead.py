"""What electricity cost on the day-ahead market: each quarter-hour's price once, in EUR/kWh.

Prices are kept as whole billionths: markets give five decimals, and binary noise lies far below the ninth.
Spans are from the first instant until the second, both aware and where a quarter-hour begins.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from bridge.ledger.errors import reporting_damage
from bridge.ledger.part import Part
from bridge.ledger.units import to_amount, to_instant, to_seconds

_QUARTER = 900  # seconds
_LARGEST = 10**11  # billionths, either way: above any price, and far below what 64 bits hold


class KnownPrices(Part):
    """The prices as they are read."""

    @reporting_damage
    def during(self, start: datetime, end: datetime) -> dict[datetime, Decimal]:
        """The prices that are known of a span: start of each quarter-hour (UTC) → EUR/kWh, oldest first."""
        rows = self._rows(
            "SELECT start, amount FROM sound_price WHERE start >= ? AND start < ? ORDER BY start",
            (to_seconds(start), to_seconds(end)),
        )
        return {to_instant(seconds): to_amount(_possible(amount)) for seconds, amount in rows}

    @reporting_damage
    def missing(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The parts of a span without prices, each as long as it can be, oldest first."""
        first, last = to_seconds(start), to_seconds(end)
        ((known,),) = self._rows(
            "SELECT COUNT(*) FROM sound_price WHERE start >= ? AND start < ?", (first, last)
        )
        if known * _QUARTER >= last - first:
            return []
        rows = self._rows(
            "SELECT start + ?3, next FROM ("
            " SELECT start, LEAD(start, 1, ?2) OVER (ORDER BY start) AS next FROM ("
            " SELECT ?1 - ?3 AS start UNION ALL"
            " SELECT start FROM sound_price WHERE start >= ?1 AND start < ?2)"
            ") WHERE next > start + ?3 ORDER BY 1",
            (first, last, _QUARTER),
        )
        return [(to_instant(begin), to_instant(stop)) for begin, stop in rows]

    @reporting_damage
    def latest(self) -> datetime | None:
        """The start of the latest quarter-hour that has a price, in UTC."""
        ((latest,),) = self._rows("SELECT MAX(start) FROM sound_price")
        return None if latest is None else to_instant(latest)


class Prices(KnownPrices):
    """The prices as they are written."""

    def keep(self, prices: Mapping[datetime, Decimal]) -> list[datetime]:
        """Keep prices by the starts of their quarter-hours, in EUR/kWh; what is kept of others stays.

        Returns:
            The starts (UTC) of those that are new or other than before, oldest first.

        Raises:
            ValueError: something is no price, or does not start where a quarter-hour does.
        """
        fresh = {_start(start): _billionths(price) for start, price in prices.items()}
        if not fresh:
            return []
        with self._store.transaction():
            rows = self._rows(
                "SELECT start, amount FROM sound_price WHERE start BETWEEN ? AND ?",
                (min(fresh), max(fresh)),
            )
            changed = sorted(fresh.items() - set(map(tuple, rows)))
            self._store.execute_many(
                "INSERT OR REPLACE INTO price"
                " VALUES (?1, ?2, (?2 % 4294967291 + 1) * (?1 % 65521 + 1) % 1000000007)",
                changed,
            )
        return [to_instant(start) for start, _ in changed]


def _start(instant: datetime) -> int:
    seconds = to_seconds(instant)
    if seconds % _QUARTER or instant.microsecond:
        raise ValueError(f"no quarter-hour starts at {instant}")
    return seconds


def _billionths(price: Decimal) -> int:
    return _possible(int(price.scaleb(9).to_integral_value(ROUND_HALF_EVEN)))


def _possible(amount: int) -> int:
    if abs(amount) > _LARGEST:
        raise ValueError(f"{amount} billionths of EUR/kWh are no price")
    return amount
