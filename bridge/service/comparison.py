"""What the same readings cost under other contracts, side by side.

Only days whose costs are known under every contract are compared, so that all columns are of the same days.
Amounts are EUR, exact.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from bridge.config import ConfigError, PriceSettings
from bridge.config.prices import timeline
from bridge.fetching import readable
from bridge.ledger import Records
from bridge.metering import meterday
from bridge.metering.contract import Timeline
from bridge.metering.costs import Bill, BilledDay, Why, summed
from bridge.metering.model import Meter

OURS = "configured"  # the contracts of the configuration
MONTHS = 12  # whose peaks the capacity tariff bills

LEAST_OF_A_YEAR = 30  # days, from which on a year is reckoned

_YEAR = 365  # days
_MOST_OF_A_YEAR = 360  # days: where fewer are known, a season is missing


@dataclass(frozen=True)
class Column:
    """A meter's complete days under the contracts of one file."""

    name: str
    bills: Mapping[date, Bill]
    months: int  # of how many monthly peaks the mean is, on the day with the fewest

    @property
    def known(self) -> set[date]:
        """The days whose total is known."""
        return {day for day, bill in self.bills.items() if bill.total is not None}

    @property
    def unknown(self) -> Counter[Why]:
        """Why the total of others is not, and of how many days."""
        bills = [bill for bill in self.bills.values() if bill.total is None]
        return Counter(why for bill in bills for why in Why if why in bill.why)

    def sum(self, days: set[date]) -> Bill:
        """What these days cost together."""
        return summed(bill for day, bill in self.bills.items() if day in days)


@dataclass(frozen=True)
class Comparison:
    """A meter's days under several contracts; the others are compared with the first."""

    meter: Meter
    first: date
    last: date
    columns: Sequence[Column]

    @property
    def of_all(self) -> int:
        """How many days there are from the first to the last."""
        return (self.last - self.first).days + 1

    @property
    def incomplete(self) -> int:
        """How many of them are missing or not complete."""
        return self.of_all - len(self.columns[0].bills)

    @cached_property
    def days(self) -> set[date]:
        """Those that are compared."""
        return set.intersection(*(column.known for column in self.columns))

    @cached_property
    def sums(self) -> Sequence[Bill]:
        """What they cost, column by column."""
        return [column.sum(self.days) for column in self.columns]

    @property
    def totals(self) -> Sequence[Fraction]:
        """The same, all parts together."""
        return [each.total or Fraction(0) for each in self.sums]

    @property
    def differences(self) -> Sequence[Fraction]:
        """By how much each column but the first is dearer than that."""
        first, *others = self.totals
        return [total - first for total in others]

    @property
    def differences_in_a_year(self) -> Sequence[Fraction]:
        """The same, as if all days of a year were like these; none where they are too few."""
        is_enough = len(self.days) >= LEAST_OF_A_YEAR
        return [each * _YEAR / len(self.days) for each in self.differences] if is_enough else []

    @property
    def lacks_seasons(self) -> bool:
        """Whether these are not all days of a year."""
        return len(self.days) < _MOST_OF_A_YEAR

    @property
    def months(self) -> int:
        """Of how many monthly peaks the capacity tariff's mean is, on the day with the fewest."""
        return min(column.months for column in self.columns)


def with_prices(
    meters: Sequence[Meter], contracts: Mapping[str, Sequence[PriceSettings]]
) -> dict[Meter, dict[str, Timeline]]:
    """The meters that other contracts than the configured ones are for, each with those that are its own.

    Args:
        meters: all that may be compared.
        contracts: by name, those of the configuration as `OURS`.

    Raises:
        ConfigError: there is none.
    """
    found = {}
    for meter in meters:
        timelines = {name: timeline(prices, meter) for name, prices in contracts.items()}
        own = {name: each for name, each in timelines.items() if each.contracts}
        if own.keys() - {OURS}:
            found[meter] = own
    if not found:
        files = ", ".join(name for name in contracts if name != OURS)
        names = ", ".join(meter.label for meter in meters)
        raise ConfigError(f"{files}: has no prices of {names}; look at energy and meters of each entry")
    return found


def compared(
    records: Records,
    meter: Meter,
    timelines: Mapping[str, Timeline],
    floor: Decimal,
    span: tuple[date | None, date | None],
) -> Comparison:
    """A meter's days under several contracts.

    Args:
        records: the ledger.
        meter: whose days they are.
        timelines: the contracts, by name.
        floor: what a month's peak counts for at least, kW.
        span: the first day, by default a year before the last, and the last, by default the latest.

    Raises:
        NothingKnown: of none of these days anything is known.
        LedgerError: see there.
    """
    first, last = _span(records, meter, *span)
    columns = [
        _column(name, records.bills.anew(meter, each, floor, first, last), first, last)
        for name, each in timelines.items()
    ]
    return Comparison(meter, first, last, columns)


def _span(records: Records, meter: Meter, first: date | None, last: date | None) -> tuple[date, date]:
    known = records.readings.known_span(meter)
    if known is None:
        raise readable.nothing_fetched([meter])
    last = min(last or known[1], known[1])
    first, last = meterday.span_within(meter, max(first or last - timedelta(_YEAR - 1), known[0]), last)
    if first > last:
        raise readable.nothing_known(meter, known)
    return first, last


def _column(name: str, billed: Iterable[BilledDay], first: date, last: date) -> Column:
    """What was billed, without the other days of the first and the last month."""
    bills, months = {}, MONTHS
    for each in billed:
        if first <= each.energy.date <= last:
            bills[each.energy.date] = each.bill
            months = min(months, each.standing.months or months)
    return Column(name, bills, months)
