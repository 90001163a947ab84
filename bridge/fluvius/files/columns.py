"""The columns of a CSV file, in the languages and layouts seen from 2020 to 2026: by their headings alone."""

import csv
import re
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

from bridge.text.foreign import Quoting, clean

_HEADINGS = {  # in small letters, without brackets and hyphens
    "from_date": ("van datum", "from date", "van"),
    "from_time": ("van tijdstip", "from time"),
    "until_date": ("tot datum", "until date", "to date", "tot"),
    "until_time": ("tot tijdstip", "until time", "to time"),
    "ean": ("ean", "ean code"),
    "register": ("register",),
    "volume": ("volume",),
    "unit": ("eenheid", "unit"),
    "status": ("validatiestatus", "validation status"),
    # not in every file:
    "meter": ("meter",),
    "meter_type": ("metertype", "meter type"),
    "calorific_value": ("calorische bovenwaarde", "caloric upper value"),
    "description": ("omschrijving", "description"),
}
_REQUIRED = tuple(_HEADINGS)[:9]
# April 2020 had days alone: neither times, nor a unit, nor whether somebody has looked at them.
_REQUIRED_OF_DAYS = "from_date", "until_date", "register", "volume"
_OF_DAYS = {"from_time": "00:00", "until_time": "00:00", "unit": "kWh", "status": "Ongevalideerd"}
_DELIMITERS = ";\t,"


class Unusable(Quoting):
    """It is no file of Mijn Fluvius that can be taken; the message says why and what to do."""


class Line(NamedTuple):
    """One line, as it was written."""

    from_date: str
    from_time: str
    until_date: str
    until_time: str
    ean: str
    register: str
    volume: str
    unit: str
    status: str
    meter: str
    meter_type: str
    calorific_value: str
    description: str


class Table:
    """The lines below the headings.

    Args:
        text: the lines of the file.

    Raises:
        Unusable: from its methods too; the headings are not those of Mijn Fluvius.
    """

    def __init__(self, text: Iterable[str]) -> None:
        lines = iter(text)
        first = next(lines, "")
        if first.startswith("sep="):  # what some spreadsheets put in front
            first = next(lines, "")
        delimiter = max(_DELIMITERS, key=first.count)
        headings = [_plain(each) for each in first.rstrip("\r\n").split(delimiter)]
        self._places = {
            name: next((headings.index(each) for each in known if each in headings), None)
            for name, known in _HEADINGS.items()
        }
        absent = [name for name, place in self._places.items() if place is None]
        self._required = _REQUIRED_OF_DAYS if {*_OF_DAYS} <= {*absent} else _REQUIRED
        missing = [_HEADINGS[name][0] for name in self._required if name in absent]
        if missing:
            raise Unusable(
                "it is not a history of Mijn Fluvius: it lacks "
                + (f"the column {missing[0]}" if len(missing) == 1 else f"the columns {', '.join(missing)}")
            )
        self._width = len(headings)
        self._rows = csv.reader(lines, delimiter=delimiter)
        self.has_calorific_value = self._places["calorific_value"] is not None
        self.is_cut = False  # once it is read: its last line is not whole
        self.number = 1  # of the line that was read last

    def __iter__(self) -> Iterator[Line]:
        """The lines one by one; one that is not whole is allowed at the end only, and left out."""
        pick = itemgetter(*(self._width if place is None else place for place in self._places.values()))
        needed = 1 + max(place for name in self._required if (place := self._places[name]) is not None)
        same = _OF_DAYS if self._required is _REQUIRED_OF_DAYS else {}
        try:
            for cells in self._rows:
                if not any(cells):
                    continue
                if self.is_cut:
                    raise Unusable(
                        f"line {self.number} has other columns than the headings; download it again"
                    )
                self.number = self._rows.line_num + 1
                if len(cells) < needed:
                    self.is_cut = True
                    continue
                yield Line._make(pick([*cells, *[""] * (self._width + 1 - len(cells))]))._replace(**same)
        except csv.Error as error:
            raise Unusable(f"line {self.number + 1} cannot be read ({error})") from None


def ean_of(written: str) -> str:
    """An EAN, also where a spreadsheet was to take it for text (`="5414..."`); empty where it has lost it."""
    digits = written.strip().lstrip("=").strip('"').strip()
    if not digits:
        return ""
    if re.fullmatch(r"[0-9]{18}", digits):
        return digits
    if re.fullmatch(r"[0-9][.,]?[0-9]*E\+?17", digits, re.IGNORECASE):
        return ""
    raise Unusable(f"{clean(written, 30)} is where an EAN of 18 digits should be")


def _plain(heading: str) -> str:
    return " ".join(re.findall(r"\w+", heading.casefold()))
