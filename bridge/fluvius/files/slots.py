"""Lines to readings, a meter day at a time, and nothing that is not surely there.

Times are wall clock of Brussels without an offset: which pass of the hour that October repeats is meant
follows from the length of the slot, and where that leaves both, from the order of the lines.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from bridge.fluvius import limits, values
from bridge.fluvius.files.columns import Line, Table, Unusable, ean_of
from bridge.metering import meterday
from bridge.metering.model import BRUSSELS, Direction, Energy, Reading, Register, Tariff, Unit
from bridge.text.foreign import clean

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

_HOUR, _TOO_LONG = timedelta(hours=1), timedelta(hours=26)
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
        raise Unusable("a spreadsheet has rounded its EAN; take the file as Mijn Fluvius gave it")

    def _energy(self, line: Line) -> Energy:
        is_gas = self._table.has_calorific_value or _UNITS.get(_folded(line.unit)) is Unit.M3
        return Energy.GAS if is_gas else Energy.ELECTRICITY

    def _slot(self, line: Line) -> tuple[datetime, datetime, bool]:
        try:
            return _slot(line[:4], self._step, self.energy)
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
        if not 0 <= amount <= limits.during(end - start, most, register.unit):
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
            return _amount(volume)
        except ValueError as error:
            raise Unusable(f"line {self._table.number}: {error}") from None

    def _one_day(self, day: date, buffer: _Buffer) -> OneDay:
        for (start, serial, register), twins in buffer.twins.items():
            if len(twins) != 2:
                self.left[HALF_AN_OCTOBER_HOUR if len(twins) == 1 else CONTRADICTORY] += len(twins)
                continue
            first, second = twins
            buffer.readings[start, serial, register] = first
            buffer.readings[start + _HOUR, serial, register] = replace(
                second, start=second.start + _HOUR, end=second.end + _HOUR
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


@lru_cache(maxsize=4096)
def _amount(volume: str) -> Decimal:
    if re.fullmatch(r"-?[0-9]+(,[0-9]+)?", volume):
        return Decimal(volume.replace(",", "."))
    if re.fullmatch(r"-?[0-9.]+\.[0-9]+(,[0-9]+)?", volume):
        raise ValueError(
            f"{clean(volume, 30)} has a decimal point where Fluvius writes a comma: a spreadsheet has changed"
            " the file; download it again"
        )
    raise ValueError(f"{clean(volume, 30)} is no amount")


@lru_cache(maxsize=16)  # the registers of a slot stand next to each other
def _slot(
    written: tuple[str, str, str, str], step: timedelta, energy: Energy
) -> tuple[datetime, datetime, bool]:
    """Start and end (UTC), and whether there is no other slot that these words may mean: an hour later.

    Raises:
        ValueError: they are no slot.
    """
    since, until = (datetime.combine(_date(day), _time(at)) for day, at in (written[:2], written[2:]))
    if until - since == meterday.ONE_DAY and since.time() in (time(0), time(6)):
        day = since.date()
        return meterday.start_of(day, energy), meterday.end_of(day, energy), True
    found = [
        (start, end)
        for start in _instants(since)
        for end in _instants(until)
        if end - start in (step, _HOUR) and start.timestamp() % step.seconds == 0
    ]
    exact = [span for span in found if span[1] - span[0] == step] or found
    if exact:
        return *exact[0], len(exact) == 1
    said = " ".join(written[:2]), " ".join(written[2:])
    if abs(until - since) > _TOO_LONG:
        raise ValueError(
            f"from {said[0]} until {said[1]} is no quarter-hour, hour or day: a date is written with the day"
            " first (01-02-2024 is the first of February); download the file again"
        )
    raise ValueError(f"from {said[0]} until {said[1]} is no quarter-hour, hour or day")


def _instants(wall: datetime) -> list[datetime]:
    """The instants (UTC) at which the clocks of Brussels show this: one, in October two, in March none."""
    both = {wall.replace(tzinfo=BRUSSELS, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(each for each in both if each.astimezone(BRUSSELS).replace(tzinfo=None) == wall)


@lru_cache(maxsize=64)
def _date(written: str) -> date:
    if found := re.fullmatch(r"\s*([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})\s*", written):
        day, month, year = map(int, found.groups())
    elif found := re.fullmatch(r"\s*([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})\s*", written):
        year, month, day = map(int, found.groups())
    else:
        raise ValueError(f"{clean(written, 30) or 'nothing'} is no date")
    try:
        if not 2000 <= year < 2200:
            raise ValueError  # noqa: TRY301 - said below
        return date(year, month, day)
    except ValueError:
        raise ValueError(
            f"{clean(written, 30)} is no date with the day first; download the file again"
        ) from None


@lru_cache(maxsize=128)
def _time(written: str) -> time:
    found = re.fullmatch(r"\s*([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?\s*", written)
    try:
        if found:
            hour, minute, second = (int(each or 0) for each in found.groups())
            return time(hour, minute, second)
    except ValueError:
        pass
    raise ValueError(f"{clean(written, 30) or 'nothing'} is no time of day")
