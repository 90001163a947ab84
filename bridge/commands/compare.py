"""`fluvius2mqtt compare`: what the same readings cost under other contracts, side by side.

Only days whose costs are known under every contract are compared, so that all columns are of the same days.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill

from bridge.commands import readable
from bridge.commands.readable import NothingKnown
from bridge.commands.starting import settings_for
from bridge.config import ConfigError, PriceSettings, Settings
from bridge.config.asked import check_span, day, meters_named
from bridge.config.price_file import load_prices
from bridge.config.prices import timeline
from bridge.ledger import Records
from bridge.metering import meterday
from bridge.metering.contract import Part, Timeline
from bridge.metering.costs import Bill, BilledDay, summed
from bridge.metering.model import Meter
from bridge.publishing.costs import CURRENCY, in_words, rounded
from bridge.terminal.columns import aligned
from bridge.text.endings import COULD_NOT, DONE
from bridge.text.foreign import clean

_OURS = "configured"
_YEAR = 365  # days
_MOST_OF_A_YEAR = 360  # days: where fewer are known, a season is missing
_MONTHS = 12  # whose peaks the capacity tariff bills
_NAMES = {part: "VAT" if part is Part.VAT else str(part) for part in Part}


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
    def unknown(self) -> Counter[str]:
        """Why the total of others is not, and of how many days."""
        return Counter(
            why for bill in self.bills.values() if bill.total is None for why in in_words(bill.why)
        )

    def sum(self, days: set[date]) -> Bill:
        """What these days cost together."""
        return summed(bill for day, bill in self.bills.items() if day in days)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which contracts, and which days."""
    parser.add_argument(
        "--prices",
        metavar="FILE",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
        help="another contract: a file with the key prices, written as in the configuration; or several",
    )
    parser.add_argument("--from", metavar="DATE", type=day, dest="first", help="default: a year before --to")
    parser.add_argument("--to", metavar="DATE", type=day, dest="last", help="included; default: the latest")
    parser.add_argument("--meter", metavar="NAME", help="only this one: its name, or its EAN")


def command(arguments: argparse.Namespace) -> int:
    """Print a table for each meter that the files have prices of."""
    settings = settings_for(arguments, "error", connects=False)
    now, floor = datetime.now(UTC), settings.capacity_tariff.floor_kw
    check_span(arguments.first, arguments.last, now)
    contracts = _contracts(settings, arguments.prices)
    unknown: list[str] = []
    compared: list[bool] = []
    with readable.reading(settings.data_dir) as records:
        meters = meters_named(readable.meters_of(settings, records, now), arguments.meter)
        for meter, timelines in _with_prices(meters, contracts).items():
            try:
                first, last = _span(records, meter, arguments.first, arguments.last)
            except NothingKnown as error:
                unknown.append(str(error))
                continue
            billed = {
                name: records.bills.anew(meter, each, floor, first, last) for name, each in timelines.items()
            }
            print("\n" * bool(compared), end="")
            compared.append(_show(meter, billed, first, last))
    if not compared:
        raise NothingKnown("\n".join(unknown))
    for words in unknown:
        print(words, file=sys.stderr)
    return DONE if any(compared) else COULD_NOT


def _show(meter: Meter, billed: Mapping[str, Iterable[BilledDay]], first: date, last: date) -> bool:
    """Print a meter's table; whether there is a day to compare."""
    columns = [_column(name, each, first, last) for name, each in billed.items()]
    days = set.intersection(*(column.known for column in columns))
    for line in _drawn(meter, columns, days, first, last):
        print(line)
    return bool(days)


def _contracts(settings: Settings, files: Sequence[Path]) -> dict[str, Sequence[PriceSettings]]:
    """The prices of the configuration, if it has any, and those of each file, by the heads of their columns.

    Raises:
        ConfigError: with every mistake in any of the files.
    """
    stems = Counter([_OURS, *(file.stem for file in files)])
    found: dict[str, Sequence[PriceSettings]] = {_OURS: settings.prices} if settings.prices else {}
    mistakes: list[str] = []
    for file in files:
        try:
            found[clean(file.stem if stems[file.stem] == 1 else str(file))] = load_prices(
                file, settings.meters
            )
        except ConfigError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigError(*mistakes)
    return found


def _with_prices(
    meters: Sequence[Meter], contracts: Mapping[str, Sequence[PriceSettings]]
) -> dict[Meter, dict[str, Timeline]]:
    """The meters that a file has prices of, each with the contracts that are its own."""
    found = {}
    for meter in meters:
        timelines = {name: timeline(prices, meter) for name, prices in contracts.items()}
        own = {name: each for name, each in timelines.items() if each.contracts}
        if own.keys() - {_OURS}:
            found[meter] = own
    if not found:
        files = ", ".join(name for name in contracts if name != _OURS)
        names = ", ".join(meter.label for meter in meters)
        raise ConfigError(f"{files}: has no prices of {names}; look at energy and meters of each entry")
    return found


def _span(records: Records, meter: Meter, first: date | None, last: date | None) -> tuple[date, date]:
    known = records.readings.known_span(meter)
    if known is None:
        raise readable.nothing_fetched([meter])
    last = min(last or known[1], known[1])
    first, last = meterday.span_within(meter, max(first or last - timedelta(_YEAR - 1), known[0]), last)
    if first > last:
        raise NothingKnown(
            f"nothing of these days is known of {meter.label}, only of {known[0]} to {known[1]}"
        )
    return first, last


def _column(name: str, billed: Iterable[BilledDay], first: date, last: date) -> Column:
    """What was billed, without the other days of the first and the last month."""
    bills, months = {}, _MONTHS
    for each in billed:
        if first <= each.energy.date <= last:
            bills[each.energy.date] = each.bill
            months = min(months, each.standing.months or months)
    return Column(name, bills, months)


def _drawn(
    meter: Meter, columns: Sequence[Column], days: set[date], first: date, last: date
) -> Iterator[str]:
    """The table of a meter, and what there is to say about it."""
    of_all, width = (last - first).days + 1, get_terminal_size().columns
    yield f"{clean(meter.label)}  {meter.energy}, {meter.ean}"
    yield f"{_counted(len(days), of_all)} from {first} to {last}"
    yield ""
    yield from aligned([*_table(columns, days)], width) if days else ["no day can be compared"]
    for number, remark in enumerate(_remarks(columns, days, of_all)):
        yield from [*[""] * (number == 0), *fill(remark, width - 1, subsequent_indent="  ").splitlines()]


def _table(columns: Sequence[Column], days: set[date]) -> Iterator[list[str]]:
    """A row for each part, the total, and by how much it differs from the first column's."""
    sums = [column.sum(days) for column in columns]
    totals = [each.total or Fraction(0) for each in sums]
    differences = [total - totals[0] for total in totals[1:]]
    yield [CURRENCY, *(column.name for column in columns)]
    for part, name in _NAMES.items():
        sign = -1 if part is Part.COMPENSATION else 1
        yield [name, *(_money(sign * (each.parts[part] or 0)) for each in sums)]
    yield ["total", *map(_money, totals)]
    if differences:
        yield ["difference", "", *map(_money, differences)]
        yield ["  in a year", "", *(_money(each * _YEAR / len(days)) for each in differences)]


def _remarks(columns: Sequence[Column], days: set[date], of_all: int) -> Iterator[str]:
    """What is not in the sums and why, and what they leave open."""
    complete = len(columns[0].bills)
    if complete < of_all:
        yield f"left out: {_counted(of_all - complete)}, missing or not complete"
    for column in columns:
        for why, count in column.unknown.items():
            yield f"left out: {_counted(count)}, unknown under {column.name}: {why}"
    if days and len(columns) > 1 and len(days) < _MOST_OF_A_YEAR:
        yield f"a year is reckoned from {_counted(len(days))}, which are not of all seasons"
    months = min(column.months for column in columns)
    if days and months < _MONTHS:
        yield f"capacity: on some days only {months} of twelve monthly peaks are known, and their mean counts"


def _counted(days: int, of_all: int | None = None) -> str:
    unit = "day" if (of_all or days) == 1 else "days"
    return f"{days} {unit}" if of_all in (None, days) else f"{days} of {of_all} {unit}"


def _money(amount: Fraction | int) -> str:
    """To the cent."""
    return f"{rounded(Fraction(amount), 2):z.2f}"
