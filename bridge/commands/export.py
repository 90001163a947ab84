"""`fluvius2mqtt export`: readings out of the ledger as CSV or JSON, one by one, however many there are.

A line says what one register counted in one slot: a meter day, or a quarter-hour (gas: an hour).
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, TextIO

from bridge.commands import cost_lines, costs
from bridge.commands.cost_lines import CostLine, SlotPrices, Unknown
from bridge.commands.export_formats import Line, write_csv, write_json
from bridge.commands.starting import end_as_by_ctrl_c, settings_for
from bridge.config import Settings
from bridge.config.asked import UsageError, check_span, day, meters_named
from bridge.fetching import readable
from bridge.fetching.readable import NothingKnown
from bridge.folder.files import opened
from bridge.ledger import Records
from bridge.metering import meterday
from bridge.metering.model import Meter
from bridge.metering.silence import INTERVALS
from bridge.text.endings import DONE
from bridge.text.words import local

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_POINTS = {"point": ".", "comma": ","}
_NAMED = 10  # meters of which nothing is known
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """The days of one meter that are wanted."""

    meter: Meter
    first: date
    last: date


@dataclass(slots=True)
class _Tally:
    """What went by."""

    count: int = 0
    dates: set[str] = field(default_factory=set)

    def of(self, lines: Iterable[Any]) -> Iterator[Any]:
        for line in lines:
            self.count += 1
            self.dates.add(line.date)
            yield line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, and how."""
    parser.add_argument("--format", choices=("csv", "json"), help="required, unless --raw is given")
    parser.add_argument("--from", metavar="DATE", type=day, dest="first", help="default: the first day known")
    parser.add_argument("--to", metavar="DATE", type=day, dest="last", help="included; default: the latest")
    parser.add_argument("--meter", metavar="NAME", help="only this one: its name, or its EAN")
    parser.add_argument(
        "--resolution", choices=("day", "interval"), default="day", help="days, or quarter-hours (gas: hours)"
    )
    parser.add_argument(
        "--costs", action="store_true", help="days: what they cost, by part; intervals: their price and cost"
    )
    parser.add_argument("--output", metavar="FILE", type=Path, help="a new file; default: standard output")
    parser.add_argument("--decimal", choices=_POINTS, help="of CSV's amounts; semicolon goes with comma")
    parser.add_argument("--delimiter", choices=_DELIMITERS, help="between CSV's columns")
    parser.add_argument(
        "--raw", action="store_true", help="with --fetch: Fluvius's own JSON, not kept in the ledger"
    )
    parser.add_argument("--fetch", action="store_true", help="with --raw: ask Fluvius now")


def command(arguments: argparse.Namespace) -> int:
    """Out of the ledger, or as Fluvius says it now."""
    settings = settings_for(arguments, "error", connects=False)
    end_as_by_ctrl_c()  # so that no half file stays
    write = export
    if arguments.raw or arguments.fetch:
        from bridge.commands.raw import fetch as write  # noqa: PLC0415 - who reads the ledger needs no Fluvius
    for remark in write(settings, arguments, datetime.now(UTC)):
        print(remark, file=sys.stderr)
    return DONE


def export(settings: Settings, arguments: argparse.Namespace, now: datetime) -> list[str]:
    """Write what was asked for; returns what there is to say about it, in lines for the user.

    Args:
        settings: the configuration.
        arguments: `first` and `last` (dates, both included, or None), `meter`, `resolution`, `format`,
            `decimal`, `delimiter`, `costs`, `output`.
        now: the present instant, aware.

    Raises:
        UsageError: that cannot be asked for.
        LedgerError: nothing is known of it, or the ledger cannot be read.
        OutputError: it cannot be written there.
    """
    write = _writer(arguments)
    if arguments.costs:
        costs.prove_priced(settings)
    check_span(arguments.first, arguments.last, now)
    unknown: Unknown = Counter()
    with readable.reading(settings.data_dir) as records:
        meters = meters_named(readable.meters_of(settings, records, now), arguments.meter)
        spans, remarks = _spans(records, meters, arguments, now)
        tally = _Tally()
        with opened(arguments.output) as file:
            wanted = (_wanted(settings, records, span, arguments, unknown) for span in spans)
            write(tally.of(chain.from_iterable(wanted)), file)
        remarks += [remark for span in spans for remark in _gaps(records, span, now)]
    what = "days" if _is_by_part(arguments) else "readings"
    remarks += [
        f"{label}: what {count} of these {what} cost is not known: {why}"
        for (label, why), count in unknown.items()
        if count
    ]
    return [_summary(tally, arguments.output, what), *remarks] if arguments.output else remarks


def _is_by_part(arguments: argparse.Namespace) -> bool:
    """Whether what days cost is wanted, and not what registers counted."""
    return bool(arguments.costs) and arguments.resolution == "day"


def _wanted(
    settings: Settings, records: Records, span: Span, arguments: argparse.Namespace, unknown: Unknown
) -> Iterator[Line] | Iterator[CostLine]:
    """What is to be written of one meter."""
    contracts = settings.timeline(span.meter)
    if _is_by_part(arguments):
        floor = settings.capacity_tariff.floor_kw
        billed = records.bills.anew(span.meter, contracts, floor, span.first, span.last)
        return cost_lines.cost_lines(span.meter, billed, span.first, span.last, unknown)
    prices = SlotPrices(span.meter, contracts, records.prices, unknown) if arguments.costs else None
    return _lines(records, span, prices, daily=arguments.resolution == "day")


def _writer(arguments: argparse.Namespace) -> Callable[[Iterable[Any], TextIO], None]:
    if arguments.format is None:
        raise UsageError("write --format csv, or --format json")
    if arguments.format == "json":
        if arguments.decimal or arguments.delimiter:
            raise UsageError("--decimal and --delimiter are for --format csv")
        if _is_by_part(arguments):
            return cost_lines.write_json
        return partial(write_json, costs=arguments.costs)
    decimal = arguments.decimal or "point"
    delimiter = arguments.delimiter or ("semicolon" if decimal == "comma" else "comma")
    write = cost_lines.write_csv if _is_by_part(arguments) else partial(write_csv, costs=arguments.costs)
    return partial(write, point=_POINTS[decimal], delimiter=_DELIMITERS[delimiter])


def _spans(
    records: Records, meters: Sequence[Meter], arguments: argparse.Namespace, now: datetime
) -> tuple[list[Span], list[str]]:
    """What is wanted of each meter, and of which meters there is nothing."""
    spans, reasons = [], []
    for meter in meters:
        try:
            spans.append(_span(records, meter, arguments, now))
        except NothingKnown as error:
            reasons.append(str(error))
    if not spans and not any(records.readings.known_span(meter) for meter in meters):
        raise readable.nothing_fetched(meters)
    if not spans:
        raise NothingKnown("\n".join(reasons[:_NAMED]))
    return spans, reasons


def _span(records: Records, meter: Meter, arguments: argparse.Namespace, now: datetime) -> Span:
    known = records.readings.known_span(meter)
    if known is None:
        raise readable.nothing_fetched([meter])
    newest = max(known[1], meterday.latest_published(now, meter.energy))
    first, last = meterday.span_within(
        meter, arguments.first or known[0], min(arguments.last or newest, newest)
    )
    if first > last and (meter.since or meter.until):
        raise NothingKnown(f"nothing of these days lies within the bounds of {meter.label} (from, until)")
    if max(first, known[0]) > min(last, known[1]):
        raise NothingKnown(
            f"nothing of these days is known of {meter.label}, only of {known[0]} to {known[1]}"
        )
    if arguments.resolution == "interval" and records.readings.first_with_intervals(meter) is None:
        raise NothingKnown(f"no {INTERVALS[meter.energy]} are known of {meter.label}, only days")
    return Span(meter, first, last)


def _lines(records: Records, span: Span, prices: SlotPrices | None, *, daily: bool) -> Iterator[Line]:
    meter = span.meter
    date_, day_ends, before, local_end = "", _LONG_AGO, _LONG_AGO, ""
    slots = groupby(records.listing.counted(meter, span.first, span.last, daily=daily), itemgetter(0, 1))
    for (start, end), slot in slots:
        if start >= day_ends:
            named = meterday.day_of(start, meter.energy)
            date_, day_ends = named.isoformat(), meterday.end_of(named, meter.energy)
        local_start = local_end if start == before else local(start)  # to write times takes longest
        before, local_end = end, local(end)
        for _, _, register, amount, validated, complete in slot:
            direction, tariff, unit = register
            yield Line(
                meter.name, meter.ean, date_, local_start, local_end,
                direction, tariff, amount, unit, validated, complete,
                *(prices.of_reading(start, register, amount) if prices else ()),
            )  # fmt: skip


def _summary(tally: _Tally, output: Path | None, what: str) -> str:
    span = f", from {min(tally.dates)} to {max(tally.dates)}" if tally.dates else ""
    return f"{output or 'standard output'}: {tally.count} {what}{span}"


def _gaps(records: Records, span: Span, now: datetime) -> Iterator[str]:
    """How many days are not there, or not as a whole, that Fluvius may have published."""
    last = min(span.last, meterday.latest_published(now, span.meter.energy))
    days = (last - span.first).days + 1
    missing = days - len(records.days.complete_days(span.meter, span.first, last))
    if missing > 0:
        yield f"{span.meter.label}: {missing} of these {days} days are missing or not complete"
    if count := len(records.days.days_in_doubt(span.meter, span.first, span.last)):
        what = INTERVALS[span.meter.energy]
        yield f"{span.meter.label}: {count} of these {days} days have {what} that do not add up to the day"
