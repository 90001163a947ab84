"""The Energy API's headpoints to readings, and nothing that is not surely there.

Three shapes, by `$type`: what is counted by physical meters, by a headpoint that is read remotely, or by
both, which then say the same twice. Sub-headpoints add production and auxiliary consumption. A slot counts
whole or not at all, as on the portal.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from bridge.fluvius import limits, tiling, values
from bridge.fluvius.energy_api.mandates import ENERGY_TYPES
from bridge.fluvius.energy_api.registers import Form, Kept, form_of, words_of
from bridge.fluvius.errors import ShapeChanged
from bridge.fluvius.values import NotThereYet, NotUnderstood, Span
from bridge.metering import meterday
from bridge.metering.model import Energy, Meter, Reading, Register, Unit
from bridge.text.foreign import LONGEST_NAME, clean

_SHAPES = {"metering-on-meter", "metering-on-headpoint", "metering-on-headpoint-and-meter"}
_OF_THE_CONNECTION = frozenset({"offtake", "injection"})
_SUBS: Mapping[str, AbstractSet[str]] = {  # which of them count there
    "submetering-production": frozenset({"production"}),
    "submetering-auxiliary": frozenset({"auxiliary"}),
    "submetering-offtake": frozenset(),  # a part of what the headpoint counts already
}
_ON_THE_HOUR = datetime(2020, 1, 1, tzinfo=UTC)  # as all meter days begin
_INTERVALS = {Energy.ELECTRICITY: "quarterHourlyEnergy", Energy.GAS: "hourlyEnergy"}

Slots = dict[Span, list[Reading] | None]


@dataclass
class Found:
    """What an answer held."""

    readings: Sequence[Reading]
    strange: Counter[str] = field(default_factory=Counter)  # what could not be understood, and how often
    is_whole: bool = True  # and nothing was null
    left_out: AbstractSet[str] = frozenset()  # quantities that we do not keep
    behind: Sequence[Mapping[str, str]] = ()  # its sub-headpoints, as in `Answer`
    undecided: AbstractSet[date] = frozenset()  # of other edges than ours, with a part of their intervals


def read(
    data: Any, meter: Meter, first: date = date.min, last: date = date.max, *, by_middle: bool = True
) -> Found:
    """The days and intervals of an answer.

    Args:
        data: the decoded `data` of `GET /api/mandate/energy`, numbers with a fraction as `Decimal`.
        meter: who was asked about.
        first: the first meter day that the answer may be about; slots of others are left out.
        last: the last one.
        by_middle: whether a day that begins elsewhere than ours, without its intervals, counts as the one
            that its middle lies in.

    Raises:
        ShapeChanged: it is no answer about a headpoint, or about another one.
    """
    headpoint = data.get("headpoint") if isinstance(data, dict) else None
    if headpoint is None and isinstance(data, dict):
        return Found([])
    if not isinstance(headpoint, dict):
        raise ShapeChanged("The Energy API answered something other than a headpoint")
    _check_identity(headpoint, meter)
    reader = _Reader(meter, first, last, by_middle=by_middle)
    readings = reader.headpoint(headpoint)
    is_whole = not (reader.strange or reader.awaits_more)
    behind = [_described(sub) for sub in _list(headpoint, "subHeadpoints")]
    return Found(readings, reader.strange, is_whole, reader.left_out, behind, reader.undecided)


def _check_identity(headpoint: Mapping[str, Any], meter: Meter) -> None:
    """Nothing of another connection's answer is ours; an answer that names none is taken at its word."""
    if (ean := headpoint.get("ean")) and str(ean) != meter.ean:
        raise ShapeChanged(f"asked about EAN {meter.ean}, the Energy API answered about EAN {str(ean)[:20]}")
    energy = ENERGY_TYPES.get(str(headpoint.get("energyType")), meter.energy)
    if energy is not meter.energy:
        raise ShapeChanged(
            f"asked about the {meter.energy} of EAN {meter.ean}, the Energy API answered about {energy}"
        )


@lru_cache(maxsize=1024)  # the next meter's slots are the same
def _placed(start: str, end: str, energy: Energy) -> tuple[Span, date, bool]:
    """Where a slot lies, the meter day that its middle lies in, and whether it is a day of other edges.

    Raises:
        NotUnderstood: it is neither an interval of ours nor as long as a day is.
    """
    span = since, until = values.instant(start), values.instant(end)
    length = meterday.interval_length(energy)
    if until - since == length and not (since - _ON_THE_HOUR) % length:
        return span, meterday.day_of(since, energy), False
    if not tiling.may_be_a_day(span):
        raise NotUnderstood
    return span, tiling.named(span, energy), tiling.stands_for(span, energy) is not None


class _Reader:
    def __init__(self, meter: Meter, first: date, last: date, *, by_middle: bool) -> None:
        self._meter, self._first, self._last, self._by_middle = meter, first, last, by_middle
        self.strange: Counter[str] = Counter()
        self.awaits_more = False
        self.undecided: set[date] = set()
        self.left_out: set[str] = set()
        self._has_other_days = False  # than ours

    def headpoint(self, headpoint: Mapping[str, Any]) -> list[Reading]:
        shape = _shape(headpoint)
        if shape not in _SHAPES:
            self.strange[f"$type {shape}"] += 1
            return []
        own = self._slots(headpoint, _OF_THE_CONNECTION, "") if shape != "metering-on-meter" else {}
        found = [reading for readings in own.values() for reading in readings or ()]
        if shape != "metering-on-headpoint":
            found += self._of_physical_meters(_list(headpoint, "physicalMeters"), besides=own.keys())
        found = self._in_meter_days(found)
        for sub in _list(headpoint, "subHeadpoints"):
            if (directions := _SUBS.get(str(sub.get("$type")))) is None:
                self.strange[f"$type {sub.get('$type')}"] += 1
            elif directions:
                slots = self._slots(sub, directions, clean(sub.get("ean") or "", LONGEST_NAME))
                found += self._in_meter_days([each for readings in slots.values() for each in readings or ()])
        return found

    def _in_meter_days(self, found: list[Reading]) -> list[Reading]:
        if not self._has_other_days:
            return found
        days = tiling.to_meter_days(found, self._meter.energy, by_middle=self._by_middle)
        self.undecided |= set(filter(self._is_asked, days.undecided))
        if days.contradicted:
            self.strange["day that its intervals do not add up to"] += len(days.contradicted)
        return [
            each
            for each in days.readings
            if self._is_asked(tiling.named((each.start, each.end), self._meter.energy))
        ]

    def _of_physical_meters(
        self, meters: Sequence[Mapping[str, Any]], besides: AbstractSet[Span]
    ) -> list[Reading]:
        """Slots of which no meter is unsure: after an exchange, one without the other is half a day."""
        slots = []
        for physical in meters:
            if isinstance(serial := physical.get("meterID"), str) and serial:
                slots.append(self._slots(physical, _OF_THE_CONNECTION, clean(serial, LONGEST_NAME)))
            else:
                self.strange[f"meterID {serial}"] += 1
                slots.append(dict.fromkeys(self._slots(physical, _OF_THE_CONNECTION, "?")))
        not_theirs = {span for each in slots for span, readings in each.items() if readings is None} | besides
        return [
            reading
            for each in slots
            for span, readings in each.items()
            if span not in not_theirs
            for reading in readings or ()
        ]

    def _slots(self, point: Mapping[str, Any], directions: AbstractSet[str], serial: str) -> Slots:
        """The slots of one meter or headpoint; None for those that are not sure."""
        found: Slots = {}
        doubtful: set[Span] = set()
        for slot in (*_list(point, "dailyEnergy"), *_list(point, _INTERVALS[self._meter.energy])):
            try:
                span, day, is_other = self._place(slot)
            except NotUnderstood:
                self.strange["slot"] += 1
                continue
            if not self._is_asked(day):
                continue
            self._has_other_days = self._has_other_days or is_other
            try:
                readings = self._readings(slot, span, directions, serial)
                if readings and found.setdefault(span, readings) != readings:
                    doubtful.add(span)
            except NotThereYet:
                self.awaits_more = True
                doubtful.add(span)
            except NotUnderstood as reason:
                self.strange[str(reason) or "slot"] += 1
                doubtful.add(span)
        return {**found, **dict.fromkeys(doubtful)}

    def _place(self, slot: Mapping[str, Any]) -> tuple[Span, date, bool]:
        start, end = slot.get("start"), slot.get("end")
        if not (isinstance(start, str) and isinstance(end, str)):
            raise NotUnderstood
        return _placed(start, end, self._meter.energy)

    def _is_asked(self, day: date) -> bool:
        return self._first <= day <= self._last

    def _readings(
        self, slot: Mapping[str, Any], span: Span, directions: AbstractSet[str], serial: str
    ) -> list[Reading]:
        words, said = [], []
        for direction, tariff, counted in _counted(slot):
            words.append(words_of(direction, tariff, counted))
            said.append(counted.get("value"))
        form = form_of(tuple(words), directions, self._meter.energy)
        if form.strange:
            self.strange.update(form.strange)
        amounts = _amounts(form, said, limits.during(span[1] - span[0], limits.OF_THE_GRID))
        self.left_out |= form.left_out
        if form.awaits_more:
            raise NotThereYet
        if form.unknown:
            raise NotUnderstood(form.unknown)
        values.check_totals(amounts, form.totals)
        kept = _in_force(form, amounts) if form.alone and not tiling.may_be_a_day(span) else form.kept
        return [
            Reading(*span, register, amounts[register], validated, serial, provisional)
            for register, validated, provisional in kept
        ]


def _amounts(form: Form, said: Sequence[Any], at_most: Mapping[Unit, Decimal]) -> dict[Register, Decimal]:
    """The amounts of a slot that count, of those that are said there; none may be said in two ways."""
    amounts: dict[Register, Decimal] = {}
    for place, register in form.counted:
        amount = values.amount(said[place], at_most[register.unit])
        if amounts.setdefault(register, amount) != amount:
            raise NotUnderstood
    if form.contradictory:
        raise NotUnderstood
    return amounts


def _in_force(form: Form, amounts: Mapping[Register, Decimal]) -> Sequence[Kept]:
    """What counts in an interval: in the place of a total the one part that is all of it."""
    return [
        part if amounts[part.register] == amounts[each.register] else each
        for each, part in zip(form.kept, form.alone, strict=True)
    ]


def _described(sub: Mapping[str, Any]) -> dict[str, str]:
    """What a sub-headpoint is, as far as it says."""
    kind = str(sub.get("$type")).removeprefix("submetering-")
    said = {"kind": kind, "ean": sub.get("ean"), "type": sub.get("type"), "vreg_id": sub.get("vregId")}
    return {name: clean(text, LONGEST_NAME) for name, text in said.items() if text and isinstance(text, str)}


def _shape(headpoint: Mapping[str, Any]) -> str:
    """The headpoint's `$type`; where it says none, the one that its content is of."""
    if (said := headpoint.get("$type")) is not None:
        return str(said)
    has_own = any(_list(headpoint, name) for name in ("dailyEnergy", *_INTERVALS.values()))
    has_meters = bool(_list(headpoint, "physicalMeters"))
    return f"metering-on-{'-and-'.join(['headpoint'] * has_own + ['meter'] * (has_meters or not has_own))}"


def _counted(slot: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """What is said of each part of each direction of a slot."""
    for measurement in _list(slot, "measurements"):
        for name, parts in measurement.items():
            for part, counted in parts.items() if isinstance(parts, dict) else ():
                if counted and isinstance(counted, dict):
                    yield name, part, counted


def _list(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    listed = content.get(name)
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
