"""The portal's slots to readings, and nothing that is not surely there.

The codes (`dc`, `t`, `u`, `vs`) are those seen live up to autumn 2026; which values `gcuv` takes is not
known. A slot counts whole or not at all: one amount that is null, is no number or is of an unknown tariff
makes the whole slot missing, because the rest of it would look like a smaller total.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

from bridge.fluvius import limits, tiling, values
from bridge.fluvius.errors import ShapeChanged
from bridge.fluvius.values import NotThereYet, NotUnderstood, Span
from bridge.metering.model import Direction, Energy, Reading, Register, Tariff, Unit

_TARIFFS = {0: Tariff.TOTAL, 1: Tariff.HIGH, 2: Tariff.LOW}  # dc
_DIRECTIONS = {1: Direction.CONSUMPTION, 2: Direction.INJECTION}  # t
_UNITS = {3: Unit.KWH, 5: Unit.M3}  # u
_VALIDATED = 2  # vs

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Slots:
    """What an answer held."""

    readings: Sequence[Reading]
    lengths: AbstractSet[timedelta]  # of all its slots, wanted or not
    misunderstood: int  # slots that could not be read
    reasons: Sequence[str] = ()  # why not, where that can be said
    left_out: Sequence[str] = ()  # quantities that we do not keep


def read(answer: Any, wanted: AbstractSet[Span], serial: str, energy: Energy = Energy.ELECTRICITY) -> Slots:
    """The readings of those slots of an answer that were asked for.

    Args:
        answer: the decoded JSON, numbers with a fraction as `Decimal`.
        wanted: start and end (UTC) of every slot that was asked for; others are left out, but for days that
            begin elsewhere, which are those that their middle lies in.
        serial: the physical meter that was asked about.
        energy: what it counts.

    Raises:
        ShapeChanged: it is no list, or nothing that was asked for can be understood.
    """
    if not isinstance(answer, list):
        raise ShapeChanged("Fluvius answered something other than a list of readings")
    spans: set[Span] = set()
    found: dict[Span, list[Reading]] = {}
    doubtful: set[Span] = set()
    misunderstood, silent = 0, 0
    reasons, left_out = set[str](), set[str]()
    for slot in answer:
        span = None
        try:
            span = _span(slot)
            spans.add(span)
            if span in wanted or tiling.stands_for(span, energy) in wanted:
                readings = _readings(slot, span, serial, energy, left_out)
                if found.setdefault(span, readings) != readings:
                    doubtful.add(span)
        except NotThereYet:
            silent += 1
            doubtful |= {span} if span else set()
        except NotUnderstood as reason:
            misunderstood += 1
            reasons |= {str(reason)} - {""}
            doubtful |= {span} if span else set()
    if misunderstood and not found and not silent:
        raise _changed(reasons)
    sure, lengths = _sure(found, doubtful, wanted, energy), {end - start for start, end in spans}
    return Slots(sure, lengths, misunderstood, tuple(sorted(reasons)), tuple(sorted(left_out)))


def _changed(reasons: AbstractSet[str]) -> ShapeChanged:
    why = f" ({', '.join(sorted(reasons))})" if reasons else ""
    return ShapeChanged(
        f"Fluvius has changed how it writes readings{why}; look for a newer version of fluvius2mqtt"
    )


def _sure(
    found: Mapping[Span, list[Reading]],
    doubtful: AbstractSet[Span],
    wanted: AbstractSet[Span],
    energy: Energy,
) -> list[Reading]:
    """The readings that nothing speaks against; a day of other edges where the one of ours is not there."""
    sure = [reading for span in found if span in wanted - doubtful for reading in found[span]]
    others: dict[Span | None, list[Span]] = defaultdict(list)
    for span in found.keys() - wanted:
        others[tiling.stands_for(span, energy)].append(span)
    for day, spans in others.items():
        if day and day not in found.keys() | doubtful and len(spans) == 1 and spans[0] not in doubtful:
            sure += [each._replace(start=day[0], end=day[1]) for each in found[spans[0]]]
    return sure


def _span(slot: Any) -> Span:
    if not isinstance(slot, dict):
        raise NotUnderstood
    start, end = values.instant(slot.get("d")), values.instant(slot.get("de"))
    if start >= end:
        raise NotUnderstood
    return start, end


def _readings(
    slot: Mapping[str, Any], span: Span, serial: str, energy: Energy, left_out: set[str]
) -> list[Reading]:
    """The readings of one slot, one for each register.

    Other directions and units (reactive energy, power) are other quantities, and left out.
    """
    listed = slot.get("v", NotUnderstood)
    if listed is None or listed == []:
        raise NotThereYet
    if not isinstance(listed, list) or not all(isinstance(value, dict) for value in listed):
        raise NotUnderstood
    readings: dict[Register, Reading] = {}
    at_most = limits.during(span[1] - span[0], limits.ON_THE_PORTAL)
    for value in listed:
        direction, unit = _known(_DIRECTIONS, value.get("t")), _known(_UNITS, value.get("u"))
        if direction is None or unit is None:
            left_out.add(f"direction t {value['t']} in unit u {value['u']}")
            continue
        tariff = _known(_TARIFFS, value.get("dc"))
        if tariff is None:
            raise NotUnderstood(f"an unknown tariff, dc {value['dc']}")
        register = Register(direction, tariff, unit)
        is_final = values.is_final(value.get("gcuv")) if (energy, unit) == (Energy.GAS, Unit.KWH) else True
        validated = value.get("vs") == _VALIDATED and is_final is not False
        amount = _amount(value, at_most[unit])
        reading = Reading(*span, register, amount, validated, serial, provisional=not is_final)
        if readings.setdefault(register, reading) != reading:
            raise NotUnderstood
    if not readings:
        raise NotUnderstood("nothing but other quantities")
    amounts = {register: reading.amount for register, reading in readings.items()}
    counted = values.without_double_totals(amounts, is_day=tiling.may_be_a_day(span))
    return [readings[each] for each in counted]


def _amount(value: Mapping[str, Any], at_most: Decimal) -> Decimal:
    if "v" in value and value["v"] is None:
        raise NotThereYet
    return values.amount(value.get("v"), at_most)


def _known(codes: Mapping[int, _T], code: Any) -> _T | None:
    if isinstance(code, bool) or not isinstance(code, int):
        raise NotUnderstood
    return codes.get(code)
