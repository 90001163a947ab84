"""What is exported of which meters, made while it is taken."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from importlib.util import find_spec
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

from bridge.config import ConfigError, Settings
from bridge.config.asked import UsageError, check_span, meters_named
from bridge.exporting import costs
from bridge.exporting.costs import CostLine, SlotPrices, Unknown
from bridge.exporting.formats import Line, csv_text, json_text
from bridge.fetching import readable
from bridge.fetching.readable import NothingKnown
from bridge.ledger import Records
from bridge.metering import meterday
from bridge.metering.model import Meter
from bridge.metering.silence import INTERVALS
from bridge.text.installing import how_to_get
from bridge.text.words import local

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
POINTS = {"point": ".", "comma": ","}

_NAMED = 10  # meters of which nothing is known
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for."""

    format: Literal["csv", "json", "parquet"]
    first: date | None = None  # None: the first day known
    last: date | None = None  # included; None: the latest
    meter: str | None = None  # its name, or its EAN; None: all
    resolution: Literal["day", "interval"] = "day"
    costs: bool = False  # days: what they cost, by part; intervals: their price and cost
    decimal: str | None = None  # one of POINTS, for CSV alone
    delimiter: str | None = None  # one of DELIMITERS, for CSV alone; semicolon goes with the comma

    @property
    def is_by_part(self) -> bool:
        """Whether what days cost is wanted, and not what registers counted."""
        return self.costs and self.resolution == "day"


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
    dates: set[str | date] = field(default_factory=set)

    def of(self, lines: Iterable[Any]) -> Iterator[Any]:
        for line in lines:
            self.count += 1
            self.dates.add(line.date)
            yield line


class Export:
    """One export, out of the ledger as it is at this moment.

    Args:
        settings: the configuration.
        records: the ledger; to be kept open until everything is taken.
        wanted: what is asked for.
        now: the present instant, aware.

    Raises:
        UsageError, ConfigError: that cannot be asked for.
        LedgerError: nothing is known of it.
    """

    def __init__(self, settings: Settings, records: Records, wanted: Wanted, now: datetime) -> None:
        if wanted.costs and not settings.prices:
            raise ConfigError(
                "there are no prices in the configuration; write them below prices, as in config.example.yaml"
            )
        _check_form(wanted)
        check_span(wanted.first, wanted.last, now)
        self._settings, self._records, self._wanted, self._now = settings, records, wanted, now
        meters = meters_named(readable.known_of(settings, records, now), wanted.meter)
        self.spans, self._missing = _spans(records, meters, wanted, now)
        self._tally = _Tally()
        self._unknown: Unknown = Counter()

    def prove(self) -> None:
        """Make sure of all that is wanted before the first of it is sent.

        Raises:
            Damaged: a part of it is not as it was written.
        """
        for span in self.spans:
            self._records.checks.raise_if_damaged(span.meter, span.first, span.last)

    def text(self) -> Iterator[str]:
        """All of it as CSV or JSON, some hundred lines at a time.

        Raises:
            LedgerError: a part of it cannot be read.
        """
        return _writer(self._wanted)(self._tally.of(chain.from_iterable(map(self._lines_of, self.spans))))

    def data_set(self, folder: Path) -> None:
        """All of it as Parquet, into an empty folder.

        Raises:
            OSError, LedgerError: see `parquet.write`.
        """
        from bridge.exporting import parquet  # noqa: PLC0415 - an extra

        daily = self._wanted.resolution == "day"
        parquet.write(folder, self._records, self.spans, daily=daily, tally=self._tally.of)

    def summary(self) -> str:
        """How much was taken, in a few words."""
        dates = self._tally.dates
        span = f", from {min(dates)} to {max(dates)}" if dates else ""
        return f"{self._tally.count} {self._what}{span}"

    def remarks(self) -> list[str]:
        """What there is to say about what was taken: what is not known of it. In lines for the user."""
        return [
            *self._missing,
            *(remark for span in self.spans for remark in _gaps(self._records, span, self._now)),
            *(remark for span in self.spans for remark in _dropped(self._records, span, self._wanted)),
            *(
                f"{label}: what {count} of these {self._what} cost is not known: {why}"
                for (label, why), count in self._unknown.items()
                if count
            ),
        ]

    @property
    def _what(self) -> str:
        return "days" if self._wanted.is_by_part else "readings"

    def _lines_of(self, span: Span) -> Iterator[Line] | Iterator[CostLine]:
        contracts = self._settings.timeline(span.meter)
        if self._wanted.is_by_part:
            floor = self._settings.capacity_tariff.floor_kw
            billed = self._records.bills.anew(span.meter, contracts, floor, span.first, span.last)
            return costs.cost_lines(span.meter, billed, span.first, span.last, self._unknown)
        prices = None
        if self._wanted.costs:
            prices = SlotPrices(span.meter, contracts, self._records.prices, self._unknown)
        return _lines(self._records, span, prices, daily=self._wanted.resolution == "day")


def _check_form(wanted: Wanted) -> None:
    """Make sure that what is asked for goes together.

    Raises:
        UsageError: it does not.
    """
    if wanted.format != "csv" and (wanted.decimal or wanted.delimiter):
        raise UsageError("--decimal and --delimiter are for --format csv")
    if wanted.format == "parquet" and wanted.costs:
        raise UsageError("--costs is for --format csv and --format json")
    if wanted.format == "parquet" and find_spec("pyarrow") is None:
        raise UsageError(f"--format parquet needs pyarrow; {how_to_get('parquet')}")


def _writer(wanted: Wanted) -> Callable[[Iterable[Any]], Iterator[str]]:
    if wanted.format == "json":
        return costs.json_text if wanted.is_by_part else partial(json_text, costs=wanted.costs)
    decimal = wanted.decimal or "point"
    delimiter = wanted.delimiter or ("semicolon" if decimal == "comma" else "comma")
    write = costs.csv_text if wanted.is_by_part else partial(csv_text, costs=wanted.costs)
    return partial(write, point=POINTS[decimal], delimiter=DELIMITERS[delimiter])


def _spans(
    records: Records, meters: Sequence[Meter], wanted: Wanted, now: datetime
) -> tuple[list[Span], list[str]]:
    """What is wanted of each meter, and of which meters there is nothing."""
    spans, reasons = [], []
    for meter in meters:
        try:
            spans.append(_span(records, meter, wanted, now))
        except NothingKnown as error:
            reasons.append(str(error))
    if not spans and not any(records.readings.known_span(meter) for meter in meters):
        raise readable.nothing_fetched(meters)
    if not spans:
        raise NothingKnown("\n".join(reasons[:_NAMED]))
    return spans, reasons


def _span(records: Records, meter: Meter, wanted: Wanted, now: datetime) -> Span:
    known = records.readings.known_span(meter)
    if known is None:
        raise readable.nothing_fetched([meter])
    newest = max(known[1], meterday.latest_published(now, meter.energy))
    first, last = meterday.span_within(meter, wanted.first or known[0], min(wanted.last or newest, newest))
    if first > last and (meter.since or meter.until):
        raise NothingKnown(f"nothing of these days lies within the bounds of {meter.label} (from, until)")
    if max(first, known[0]) > min(last, known[1]):
        raise readable.nothing_known(meter, known)
    if wanted.resolution == "interval" and records.readings.first_with_intervals(meter) is None:
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


def _dropped(records: Records, span: Span, wanted: Wanted) -> Iterator[str]:
    """Of how many days what is wanted is not kept any more."""
    if wanted.resolution == "interval" and (days := records.days.dropped(span.meter, span.first, span.last)):
        yield (
            f"{span.meter.label}: the {INTERVALS[span.meter.energy]} of {len(days)} days, from {min(days)} to"
            f" {max(days)}, were dropped (ledger.keep_months); the days themselves are known"
        )
