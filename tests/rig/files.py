"""Files as Mijn Fluvius gives them, of what the simulated meters counted; written from the page of facts."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from bridge.simulator import Simulator
from bridge.simulator.household import BRUSSELS

BOM = "\ufeff"
_WORDS = {
    "nl": {
        "head": "Van (datum);Van (tijdstip);Tot (datum);Tot (tijdstip);EAN-code;Meter;Metertype;Register;"
        "Volume;Eenheid;Validatiestatus",
        "calorific": "Calorische bovenwaarde",
        "description": "Omschrijving",
        "flows": {1: "Afname", 2: "Injectie"},
        "tariffs": {0: "", 1: " Dag", 2: " Nacht"},
        "type": "Digitale meter",
        "read": "Uitgelezen",
        "date": "%d-%m-%Y",
    },
    "en": {
        "head": "From (date);From (time);Until (date);Until (time);EAN code;Meter;Meter type;Register;"
        "Volume;Unit;Validation status",
        "calorific": "Caloric upper value",
        "description": "Description",
        "flows": {1: "Offtake", 2: "Injection"},
        "tariffs": {0: "", 1: " Day", 2: " Night"},
        "type": "Digital meter",
        "read": "Read",
        "date": "%d/%m/%Y",
    },
}


class Row(NamedTuple):
    """One line, before it is sorted."""

    wall: datetime
    second_pass: bool
    order: int
    line: str


class Writer:
    """Writes files of one meter.

    Args:
        simulator: whose meter it is.
        ean: which.
        language: nl or en.
    """

    def __init__(self, simulator: Simulator, ean: str, language: str = "nl") -> None:
        self._simulator, self._ean, self._words = simulator, ean, _WORDS[language]
        self.language = language
        self._meter = simulator.measurements.meters[ean]

    @property
    def heading(self) -> str:
        gas = [self._words["calorific"]] if self._meter.energy == "gas" else []
        return ";".join([str(self._words["head"]), *map(str, gas), str(self._words["description"])])

    def intervals(self, first: date, last: date) -> list[str]:
        """Quarter-hours or hours, as Fluvius sorts them: by the wall clock of their start."""
        length = timedelta(hours=1) if self._meter.energy == "gas" else timedelta(minutes=15)
        rows = []
        for day in _days(first, last):
            for start, amounts in self._simulator.slot_amounts(self._ean, day).items():
                local = start.astimezone(BRUSSELS)
                for place, (register, amount) in enumerate(sorted(amounts.items())):
                    line = self._line(
                        local,
                        (start + length).astimezone(BRUSSELS),
                        register,
                        f"{amount:.3f}",
                        self._meter.serial_at(start),
                    )
                    rows.append(Row(local.replace(tzinfo=None, fold=0), bool(local.fold), place, line))
        return [row.line for row in sorted(rows)]

    def days(self, first: date, last: date) -> list[str]:
        """Four rows a day, or two of gas, for each physical meter that counted anything."""
        lines = []
        for day in _days(first, last):
            midnight = datetime.combine(day, datetime.min.time(), BRUSSELS)
            end = datetime.combine(day + timedelta(days=1), datetime.min.time(), BRUSSELS)
            for serial in self._meter.serials:
                amounts = self._simulator.day_amounts(self._ean, day, serial=serial)
                lines += [
                    self._line(midnight, end, register, f"{amount:.3f}", serial)
                    for register, amount in sorted(amounts.items())
                ]
        return lines

    def _line(
        self, start: datetime, end: datetime, register: tuple[int, int, int], amount: str, serial: str
    ) -> str:
        flow, tariff, unit = register
        words = self._words
        gas = [("Definitief" if unit == 3 else "")] if self._meter.energy == "gas" else []
        form = f"{words['date']};%H:%M:%S"
        return ";".join(
            [
                start.strftime(form),
                end.strftime(form),
                f'="{self._ean}"',
                serial,
                str(words["type"]),
                f"{words['flows'][flow]}{words['tariffs'][tariff]}",  # type: ignore[index]
                amount.replace(".", ","),
                "kWh" if unit == 3 else "m³",
                str(words["read"]),
                *gas,
                "",
            ]
        )

    def write(self, path: Path, lines: Iterable[str]) -> Path:
        """A file; the English ones have the line ends of Windows and a last one."""
        end = "\r\n" if self.language == "en" else "\n"
        text = BOM + end.join([self.heading, *lines]) + (end if self.language == "en" else "")
        path.write_bytes(text.encode())
        return path


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]
