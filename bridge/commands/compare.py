"""`fluvius2mqtt compare`: what the same readings cost under other contracts, side by side."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill

from bridge.commands.starting import settings_for
from bridge.config import ConfigError, PriceSettings, Settings
from bridge.config.asked import check_span, day, meters_named
from bridge.config.price_file import load_prices
from bridge.fetching import readable
from bridge.fetching.readable import NothingKnown
from bridge.metering.contract import Part
from bridge.publishing.costs import CURRENCY, in_words, rounded
from bridge.service.comparison import LEAST_OF_A_YEAR, MONTHS, OURS, Comparison, compared, with_prices
from bridge.terminal.columns import aligned
from bridge.text.endings import COULD_NOT, DONE
from bridge.text.foreign import clean

_CARD = """\
A file says, for example, in EUR without VAT:
  prices:
    - from: 2020-01-01
      energy: electricity
      consumption:
        energy: {dynamic: {factor: 1.04, base: 0.0089, per: quarter-hour}}
        grid: 0.0531
        levies: 0.0507
      injection:
        energy: {dynamic: {factor: 0.95, base: -0.012, per: quarter-hour}}
      fees_per_year: {supplier: 35, data management: 18.56}
      capacity: {per_kw_year: 48.10}
      vat: 6
What it leaves out costs nothing, here too: grid, levies and capacity are the
same with every supplier."""
_NAMES = {part: "VAT" if part is Part.VAT else str(part) for part in Part}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which contracts, and which days."""
    parser.epilog = _CARD
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
    shown: list[bool] = []
    with readable.reading(settings.data_dir) as records:
        meters = meters_named(readable.meters_of(settings, records, now), arguments.meter)
        for meter, timelines in with_prices(meters, contracts).items():
            try:
                found = compared(records, meter, timelines, floor, (arguments.first, arguments.last))
            except NothingKnown as error:
                unknown.append(str(error))
                continue
            print("\n" * bool(shown), end="")
            for line in _drawn(found):
                print(line)
            shown.append(bool(found.days))
    if not shown:
        raise NothingKnown("\n".join(unknown))
    for words in unknown:
        print(words, file=sys.stderr)
    return DONE if any(shown) else COULD_NOT


def _contracts(settings: Settings, files: Sequence[Path]) -> dict[str, Sequence[PriceSettings]]:
    """The prices of the configuration, if it has any, and those of each file, by the heads of their columns.

    Raises:
        ConfigError: with every mistake in any of the files.
    """
    stems = Counter([OURS, *(file.stem for file in files)])
    found: dict[str, Sequence[PriceSettings]] = {OURS: settings.prices} if settings.prices else {}
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


def _drawn(found: Comparison) -> Iterator[str]:
    """The table of a meter, and what there is to say about it."""
    width = get_terminal_size().columns
    yield f"{clean(found.meter.label)}  {found.meter.energy}, {found.meter.ean}"
    yield f"{_counted(len(found.days), found.of_all)} from {found.first} to {found.last}"
    yield ""
    yield from aligned([*_table(found)], width) if found.days else ["no day can be compared"]
    for number, remark in enumerate(_remarks(found)):
        yield from [*[""] * (number == 0), *fill(remark, width - 1, subsequent_indent="  ").splitlines()]


def _table(found: Comparison) -> Iterator[list[str]]:
    """A row for each part, the total, and by how much it differs from the first column's."""
    yield [CURRENCY, *(column.name for column in found.columns)]
    for part, name in _NAMES.items():
        sign = -1 if part is Part.COMPENSATION else 1
        yield [name, *(_money(sign * (each.parts[part] or 0)) for each in found.sums)]
    yield ["total", *map(_money, found.totals)]
    if found.differences:
        yield ["difference", "", *map(_money, found.differences)]
    if found.differences_in_a_year:
        yield ["  in a year", "", *map(_money, found.differences_in_a_year)]


def _remarks(found: Comparison) -> Iterator[str]:
    """What is not in the sums and why, and what they leave open."""
    if found.incomplete:
        yield f"left out: {_counted(found.incomplete)}, missing or not complete"
    for column in found.columns:
        for why, count in column.unknown.items():
            yield f"left out: {_counted(count)}, unknown under {column.name}: {in_words([why])[0]}"
    if found.days and found.differences and not found.differences_in_a_year:
        yield f"too few days to say what a year would differ by: {LEAST_OF_A_YEAR} are needed"
    elif found.days and found.differences and found.lacks_seasons:
        yield f"the year is estimated from {_counted(len(found.days))}, not from all seasons"
    if found.days and found.months < MONTHS:
        yield (
            f"capacity: on some days only {found.months} of twelve monthly peaks are known,"
            " and their mean counts"
        )


def _counted(days: int, of_all: int | None = None) -> str:
    unit = "day" if (of_all or days) == 1 else "days"
    return f"{days} {unit}" if of_all in (None, days) else f"{days} of {of_all} {unit}"


def _money(amount: Fraction | int) -> str:
    """To the cent."""
    return f"{rounded(Fraction(amount), 2):z.2f}"
