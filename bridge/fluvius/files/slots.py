"""Lines to readings, a meter day at a time, and nothing that is not surely there.

Times are wall clock of Brussels without an offset: which pass of the hour that October repeats is meant
follows from the length of the slot, and where that leaves both, from the order of the lines.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from bridge.fluvius import limits, values
from bridge.fluvius.files.columns import Line, Table, Unusable, ean_of
from bridge.fluvius.files.written import amount_of, slot_of
from bridge.metering import meterday
from bridge.metering.model import Direction, Energy, Reading, Register, Tariff, Unit

_DIRECTIONS = {
    "afname": Direction.CONSUMPTION,
    "offtake": Direction.CONSUMPTION,
    "injectie": Direction.INJECTION,
    "injection": Direction.INJECTION,
    "productie": Direction.PRODUCTION,
    "production": Direction.PRODUCTION,
    "hulpverbruik": Direction.AUXILIARY,
}
_TARIFFS = {
    "": Tariff.TOTAL,
    "actief": Tariff.TOTAL,  # large meters
    "dag": Tariff.HIGH,
    "day": Tariff.HIGH,
    "nacht": Tariff.LOW,
    "night": Tariff.LOW,
}
_UNITS = {"kwh": Unit.KWH, "m³": Unit.M3, "m3": Unit.M3}
_READ, _ESTIMATED, _UNVALIDATED = "read", "estimated", "unvalidated"
_STATES = {
    "uitgelezen": _READ,
    "read": _READ,
    "gevalideerd": _READ,
    "validated": _READ,
    "geschat": _ESTIMATED,
    "estimated": _ESTIMATED,
    "ongevalideerd": _UNVALIDATED,
    "unvalidated": _UNVALIDATED,
}
_UNKNOWN = {"geen verbruik", "no consumption", "geen gegevens", "no data"}
_OTHER_QUANTITY = "kvarh"

NO_VALUE = "not read yet, or never"
TWICE = "written twice"
CONTRADICTORY = "contradict each other"
REACTIVE = "reactive energy"
NOT_UNDERSTOOD = "not understood"
IMPOSSIBLE = "more than a connection can carry"
HALF_AN_OCTOBER_HOUR = "of the hour that October repeats, of which one pass is missing"
HOURS = "hours of electricity: take the quarter-hours"

_HOUR = timedelta(hours=1)
_LARGE = "amr"


@dataclass(frozen=True, slots=True)
class OneDay:
    """What some consecutive lines say of one meter day."""

    date: date
    daily: list[Reading]
    intervals: list[Reading]


@dataclass
class _Buffer:
    """The lines of one meter day, until another day begins."""

    readings: dict[tuple[datetime, str, Register], Reading] = field(default_factory=dict)
    doubtful: set[tuple[datetime, str, Register]] = field(default_factory=set)
    twins: dict[tuple[datetime, str, Register], list[Reading]] = field(
        default_factory=lambda: defaultdict(list)
    )


class History:
    """The readings of one file.

    Args:
        table: its lines.
        name: its name, which may tell the EAN where a spreadsheet has rounded it.
        filed_at: when it was written, aware.

    Raises:
        Unusable: from its methods too; nothing of the file may be taken then.
    """

    def __init__(self, table: Table, name: str, filed_at: datetime) -> None:
        self._table, self._name, self._filed_at = table, name, filed_at
        self.left: Counter[str] = Counter()  # lines that are no readings, and why
        self.where: dict[str, int] = {}  # the first line of each of these
        self._lines = iter(table)
        self._first = next(self._lines, None)
        if self._first is None:
            raise Unusable("it holds no readings")
        self._written_ean = self._first.ean
        self.serial = self._first.meter.strip()  # of the first line; large meters have none
        self.ean = self._ean(self._first.ean)
        self.energy = self._energy(self._first)
        self._step = meterday.interval_length(self.energy)

    def days(self) -> Iterator[OneDay]:
        """The readings, day by day in the order of the file."""
        today: date | None = None
        buffer = _Buffer()
        for line in self._all_lines():
            start, end, is_sure = self._slot(line)
            day = meterday.day_of(start, self.energy)
            if day != today:
                if today:
                    yield self._one_day(today, buffer)
                today, buffer = day, _Buffer()
            self._keep(buffer, line, start, end, is_sure=is_sure)
        if today:
            yield self._one_day(today, buffer)

    def _all_lines(self) -> Iterator[Line]:
        if self._first:
            yield self._first
        for line in self._lines:
            if line.ean != self._written_ean and (other := self._ean(line.ean)) != self.ean:
                raise Unusable(
                    f"it holds several meters, {self.ean} and {other}; download a file for each of them"
                )
            yield line

    def _ean(self, written: str) -> str:
        if ean := ean_of(written):
            return ean
        if found := re.search(r"(?<![0-9])5[0-9]{17}(?![0-9])", self._name):
            return found[0]
        if written:
            raise Unusable("a spreadsheet has rounded its EAN; take the file as Mijn Fluvius gave it")
        raise Unusable("it does not say whose it is: put the EAN into the name of the file")

    def _energy(self, line: Line) -> Energy:
        is_gas = self._table.has_calorific_value or _UNITS.get(_folded(line.unit)) is Unit.M3
        return Energy.GAS if is_gas else Energy.ELECTRICITY

    def _slot(self, line: Line) -> tuple[datetime, datetime, bool]:
        try:
            return slot_of(line[:4], self._step, self.energy)
        except ValueError as error:
            raise Unusable(f"line {self._table.number}: {error}") from None

    def _leave(self, why: str) -> None:
        self.left[why] += 1
        self.where.setdefault(why, self._table.number)

    def _keep(self, buffer: _Buffer, line: Line, start: datetime, end: datetime, *, is_sure: bool) -> None:
        reading = self._reading(line, start, end)
        if reading is None:
            return
        if not (is_daily := end - start > _HOUR) and end - start != self._step:
            self._leave(HOURS)
            return
        key = start, reading.serial, reading.register
        if not is_sure:
            buffer.twins[key].append(reading)
            return
        key = (end if is_daily else start), reading.serial, reading.register  # a day's own place
        known = buffer.readings.setdefault(key, reading)
        if known is reading:
            return
        self._leave(TWICE if known == reading else CONTRADICTORY)
        if known != reading:
            buffer.doubtful.add(key)

    def _reading(self, line: Line, start: datetime, end: datetime) -> Reading | None:
        reading = self._read(line, start, end)
        if isinstance(reading, str):
            self._leave(reading)
            return None
        return reading

    def _read(self, line: Line, start: datetime, end: datetime) -> Reading | str:
        """The reading of a line, or why it is none."""
        unit, status, volume = _folded(line.unit), _folded(line.status), line.volume.strip()
        if unit == _OTHER_QUANTITY:
            return REACTIVE
        if status in _UNKNOWN or not volume:
            return NO_VALUE
        direction, tariff = _register(line.register)
        state = _STATES.get(status)
        if direction is None or tariff is None or state is None or unit not in _UNITS:
            return NOT_UNDERSTOOD
        register, amount = Register(direction, tariff, _UNITS[unit]), self._amount(volume)
        most = limits.OF_THE_GRID if _folded(line.meter_type).startswith(_LARGE) else limits.ON_THE_PORTAL
        if not 0 <= amount <= limits.during(end - start, most)[register.unit]:
            return IMPOSSIBLE
        is_final: bool | None = True
        if (self.energy, register.unit) == (Energy.GAS, Unit.KWH):
            is_final = values.is_final(line.calorific_value)
        return Reading(
            start,
            end,
            register,
            amount,
            validated=state == _READ and is_final is not False,
            serial=line.meter.strip() or line.description.strip(),
            provisional=not is_final,
            filed_at=self._filed_at,
            estimated=state == _ESTIMATED,
        )

    def _amount(self, volume: str) -> Decimal:
        try:
            return amount_of(volume)
        except ValueError as error:
            raise Unusable(f"line {self._table.number}: {error}") from None

    def _one_day(self, day: date, buffer: _Buffer) -> OneDay:
        for (start, serial, register), twins in buffer.twins.items():
            if len(twins) != 2:
                self.left[HALF_AN_OCTOBER_HOUR if len(twins) == 1 else CONTRADICTORY] += len(twins)
                continue
            first, second = twins
            buffer.readings[start, serial, register] = first
            buffer.readings[start + _HOUR, serial, register] = second._replace(
                start=second.start + _HOUR, end=second.end + _HOUR
            )
        daily: list[Reading] = []
        intervals: list[Reading] = []
        for key, reading in buffer.readings.items():
            if key in buffer.doubtful:
                self._leave(CONTRADICTORY)
            else:
                (daily if reading.length > _HOUR else intervals).append(reading)
        return OneDay(day, daily, intervals)


@lru_cache(maxsize=256)
def _folded(text: str) -> str:
    return text.strip().casefold()


@lru_cache(maxsize=64)
def _register(written: str) -> tuple[Direction | None, Tariff | None]:
    flow, _, tariff = _folded(written).partition(" ")
    return _DIRECTIONS.get(flow), _TARIFFS.get(tariff.strip())
