"""How far behind meters are: counted, never one by one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from bridge.metering import meterday
from bridge.metering.model import Energy, Meter

BUCKETS = (0, 1, 2, 3, 4, 7, 14, 31)  # days: Fluvius publishes up to four late


@dataclass(frozen=True, slots=True)
class Lag:
    """Of the meters of one source."""

    counts: Counter[int | None] = field(default_factory=Counter)  # by days; None: no day is complete

    @property
    def meters(self) -> int:
        """How many there are."""
        return self.counts.total()

    @property
    def days(self) -> int:
        """By how many all of them together are behind, but for those of which no day is complete."""
        return sum(days * count for days, count in self.counts.items() if days)

    def buckets(self) -> Iterator[tuple[str, float]]:
        """How many meters are at most so many days behind."""
        for most in BUCKETS:
            within = (count for days, count in self.counts.items() if days is not None and days <= most)
            yield f"{most}.0", sum(within)
        yield "+Inf", self.meters


def lags(meters: Iterable[Meter], latest: Mapping[tuple[str, str], date], now: datetime) -> dict[str, Lag]:
    """By source. A meter is behind by the days that Fluvius may have published since its latest complete one.

    Args:
        meters: those that are followed.
        latest: the newest complete day of those that have one, by EAN and energy.
        now: the present instant, aware.
    """
    newest = {energy: meterday.latest_published(now, energy) for energy in Energy}
    found: dict[str, Lag] = {}
    for meter in meters:
        day, wanted = latest.get((meter.ean, meter.energy)), newest[meter.energy]
        if meter.until or meter.last:
            _, wanted = meterday.span_within(meter, last=min(wanted, meter.last or wanted))
        behind = None if day is None else max((wanted - day).days, 0)
        found.setdefault(meter.source, Lag()).counts[behind] += 1
    return found
