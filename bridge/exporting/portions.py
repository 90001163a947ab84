"""CSV and JSON in portions of some hundred lines, so that no export needs more memory than one."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice

from bridge.text.foreign import cell
from bridge.text.words import plain

_LINES = 500


def in_csv(heads: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str) -> Iterator[str]:
    """A row of heads, and the others."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(heads)
    rows = iter(rows)
    while True:
        writer.writerows(islice(rows, _LINES))
        if not (text := file.getvalue()):
            return
        yield text
        file.seek(0)
        file.truncate()


def in_json(objects: Iterable[str]) -> Iterator[str]:
    """One array, one object on each line."""
    objects = iter(objects)
    before = "[\n"
    while portion := list(islice(objects, _LINES)):
        yield before + ",\n".join(portion)
        before = ",\n"
    yield "\n]\n" if before.startswith(",") else "[]\n"


def whose(meter: str, ean: str) -> tuple[str, str]:
    """The name of a meter and its EAN, for a spreadsheet: not as numbers, or it rounds them."""
    written = f"EAN {ean}"
    return written if meter == ean else cell(meter), written


def number(amount: Decimal | None, point: str) -> str:
    """For a spreadsheet; nothing where it is unknown."""
    return "" if amount is None else plain(amount).replace(".", point)
