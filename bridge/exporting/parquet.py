"""Readings as a Parquet data set, in Hive's way: `month=2026-11/prefix=541448820/readings-0.parquet`.

A partition is a month of meter days, and the meters whose EANs begin with the same nine of eighteen digits.
With quarter-hours, a thousand meters have six million rows in it. Where there are more, it has several files.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from bridge.ledger import Records
from bridge.metering import meterday

if TYPE_CHECKING:
    from bridge.exporting.export import Span

PREFIX = 9  # digits of the EAN
_PORTION = 20_000  # rows that are in memory as Python's own
_GROUP = 10  # portions of a group of rows: some 20 MB
_FILE = 100  # groups of a file: 20 million rows, some 50 MB

SCHEMA = pa.schema(
    {
        "meter": pa.string(),
        "ean": pa.string(),
        "date": pa.date32(),
        "start": pa.timestamp("us", tz="UTC"),
        "end": pa.timestamp("us", tz="UTC"),
        "direction": pa.string(),
        "tariff": pa.string(),
        "amount": pa.decimal128(19, 9),  # billionths in 64 bits, as the ledger has them
        "unit": pa.string(),
        "validated": pa.bool_(),
        "complete": pa.bool_(),
    }
)


class Row(NamedTuple):
    """What one register counted in one slot; the columns of `SCHEMA`."""

    meter: str
    ean: str
    date: date  # the meter day
    start: datetime  # aware, UTC
    end: datetime
    direction: str
    tariff: str
    amount: Decimal
    unit: str
    validated: bool
    complete: bool  # nothing of that meter day is missing


def write(
    folder: Path,
    records: Records,
    spans: "Iterable[Span]",
    *,
    daily: bool,
    tally: Callable[[Iterable[Row]], Iterable[Row]],
) -> None:
    """Write all of it, one file after the other, and so much in memory as a group of rows takes.

    Args:
        folder: an empty one.
        records: the ledger.
        spans: what is wanted of each meter.
        daily: days, or else quarter-hours (gas: hours).
        tally: counts what goes by.

    Raises:
        OSError: it cannot be written.
        LedgerError: a part of it cannot be read.
    """
    for prefix, group in groupby(
        sorted(spans, key=attrgetter("meter.ean")), lambda span: span.meter.ean[:PREFIX]
    ):
        alike = list(group)
        for month in _months(alike):
            rows = chain.from_iterable(_rows(records, span, month, daily=daily) for span in alike)
            _write(folder / f"month={month:%Y-%m}" / f"prefix={prefix}", iter(tally(rows)))


def _months(spans: "Sequence[Span]") -> Iterator[date]:
    month = meterday.month_of(min(span.first for span in spans))
    while month <= max(span.last for span in spans):
        yield month
        month = meterday.month_of(meterday.last_of(month) + meterday.ONE_DAY)


def _rows(records: Records, span: "Span", month: date, *, daily: bool) -> Iterator[Row]:
    meter, first, last = span.meter, max(span.first, month), min(span.last, meterday.last_of(month))
    if first > last:
        return
    day, day_ends = first, meterday.start_of(first, meter.energy)
    for start, end, register, amount, validated, complete in records.listing.counted(
        meter, first, last, daily=daily
    ):
        if start >= day_ends:
            day = meterday.day_of(start, meter.energy)
            day_ends = meterday.end_of(day, meter.energy)
        yield Row(
            meter.name, meter.ean, day, start, end, *register[:2], amount, register.unit, validated, complete
        )


def _write(folder: Path, rows: Iterator[Row]) -> None:
    """A partition; nothing where there are no rows."""
    groups = _groups(rows)
    for number, group in enumerate(groups):
        with _file(folder / f"readings-{number}.parquet") as writer:
            for each in chain([group], islice(groups, _FILE - 1)):
                writer.write_table(each)


def _groups(rows: Iterator[Row]) -> Iterator[pa.Table]:
    """Rows that are read and skipped together."""
    batches = _batches(rows)
    while group := list(islice(batches, _GROUP)):
        yield pa.Table.from_batches(group)


def _batches(rows: Iterator[Row]) -> Iterator[pa.RecordBatch]:
    while portion := list(islice(rows, _PORTION)):
        yield _batch(portion)


def _batch(rows: Sequence[Row]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


@contextmanager
def _file(path: Path) -> Iterator[parquet.ParquetWriter]:
    """A new one, its owner's alone."""
    for folder in path.parent.parent, path.parent:
        folder.mkdir(0o700, exist_ok=True)
    with (
        os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        parquet.ParquetWriter(file, SCHEMA, compression="zstd") as writer,
    ):
        yield writer
