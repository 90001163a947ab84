"""How far behind meters are: counted, never one by one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from bridge.metering import meterday
from bridge.metering.model import Energy, Meter

BUCKETS = (0, 1, 2, 3, 4, 7, 14, 31)  # days: Fluvius publishes up to four late


@dataclass(slots=True)
class Lag:
    """Of the meters of one source."""

    meters: int = 0
    days: int = 0  # all of them together, but for those of which no day is complete
    at_most: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))  # meters, for each of BUCKETS

    def add(self, behind: int | None) -> None:
        """One more meter.

        Args:
            behind: how many days; None where no day of it is complete.
        """
        self.meters += 1
        if behind is None:
            return
        self.days += behind
        for place, days in enumerate(BUCKETS):
            self.at_most[place] += behind <= days

    def buckets(self) -> Iterator[tuple[str, float]]:
        """How many meters are at most so many days behind."""
        yield from ((f"{days}.0", count) for days, count in zip(BUCKETS, self.at_most, strict=True))
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
        found.setdefault(meter.source, Lag()).add(behind)
    return found
