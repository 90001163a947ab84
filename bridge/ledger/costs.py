"""What the energy of each day cost, worked out once and again when something of it changes.

A day's costs are kept beside what they were made of: the checksums of its readings, and the contracts that
held. So nobody has to say what changed. Only day-ahead prices are told of, by `forget`.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any

from bridge.ledger.counted import CountedDays
from bridge.ledger.day_ahead import KnownPrices
from bridge.ledger.errors import reporting_damage, reporting_damage_while_read
from bridge.ledger.notes import Notes
from bridge.ledger.outbox import Outbox
from bridge.ledger.part import Part
from bridge.ledger.readings import Readings
from bridge.ledger.store import Store
from bridge.ledger.units import to_seconds
from bridge.metering import meterday, pricing
from bridge.metering.contract import Contract, Span, Timeline
from bridge.metering.contract import Part as BillPart
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Direction, Energy, Meter, Register, Tariff, Unit
from bridge.metering.pricing import EXACT, DayAhead, Hours, PricedDay, Why
from bridge.text.words import Payload

_STALE = (
    "SELECT day.date, cost.basis, cost.complete IS NOT day.complete"
    " FROM day LEFT JOIN cost ON cost.meter = day.meter AND cost.date = day.date"
    " WHERE day.meter = ? AND day.date BETWEEN ? AND ? AND (cost.basis IS NOT ?"
    " OR cost.checksum IS NOT day.checksum OR cost.intervals_checksum IS NOT day.intervals_checksum"
    " OR cost.disagrees IS NOT day.disagrees OR cost.complete IS NOT day.complete) ORDER BY day.date"
)
_KEEP = (
    "INSERT OR REPLACE INTO cost"
    " SELECT meter, date, ?, checksum, intervals_checksum, disagrees, complete, ?, ? FROM day"
    " WHERE meter = ? AND date = ?"
)
_PARTS = {str(part): part for part in BillPart}
_FORGOTTEN = "~"  # before the basis of a day whose day-ahead prices are other ones
_NONE = "null"  # of a day without amounts
_BY_OTHERS = "by_others"  # what a day cost by contracts that do not hold now, by these
_BY_THE_HOUR = "by_the_hour"  # whether that cannot be worked out without intervals
_MOST_OTHERS = 4
_BESIDES = "-"  # in a basis, before what the energy of a day does not depend on
_WHENEVER = datetime(2000, 1, 1, tzinfo=UTC)

# Days whose intervals were dropped: their checksum, and what they cost until then, by the contracts.
Dropped = Mapping[date, tuple[int, Mapping[str, Payload]]]


@dataclass(frozen=True, slots=True)
class DayCosts:
    """What the energy of a day cost, and by register what its hours came to, as far as they are known."""

    day: PricedDay  # without its hours
    registers: Mapping[str, Decimal]  # EUR with VAT, by names such as consumption_high, if an hour is known


class KnownCosts(Part):
    """The costs as they are read. Spans of days include both ends."""

    def __init__(self, store: Store, readings: Readings, counted: CountedDays, prices: KnownPrices) -> None:
        super().__init__(store)
        self._readings, self._counted, self._prices = readings, counted, prices

    def priced(self, meter: Meter, timeline: Timeline, first: date, last: date) -> Iterator[PricedDay]:
        """The days of a span that have amounts, oldest first, with their hours, worked out anew.

        Raises:
            LedgerError: while it is iterated over.
        """
        dropped = self._while_intervals_were_there(meter, first, last)
        yield from self._priced(meter, timeline, first, last, dropped)

    def _priced(
        self, meter: Meter, timeline: Timeline, first: date, last: date, dropped: Dropped
    ) -> Iterator[PricedDay]:
        day_ahead: DayAhead = {}
        known_until = date.min
        kept = _without_intervals(meter, timeline, dropped)
        for day in self._counted.during(meter, first, last):
            if day.date > known_until and any(each.is_dynamic for each in timeline.contracts):
                known_until = day.date + ONE_DAY * 31
                day_ahead = self._prices.during(
                    meterday.start_of(day.date, Energy.ELECTRICITY),
                    meterday.end_of(known_until + ONE_DAY, Energy.ELECTRICITY),
                )
            fresh = pricing.priced(meter, timeline, day, day_ahead)
            known, is_current = kept.get(day.date, (None, False))
            yield known if known and (is_current or fresh.why) else fresh

    def _while_intervals_were_there(self, meter: Meter, first: date, last: date) -> Dropped:
        rows = self._rows(
            "SELECT cost.date, basis, priced, crc, cost.checksum, day.checksum FROM day JOIN cost"
            " ON cost.meter = day.meter AND cost.date = day.date"
            " WHERE day.meter = ? AND dropped AND day.date BETWEEN ? AND ?",
            (self._meter(meter), first.isoformat(), last.isoformat()),
        )
        found = {}
        for name, basis, text, crc, of_cost, of_day in rows:
            if text != _NONE and _crc(text) == crc:
                known = json.loads(text)
                by_basis = known.pop(_BY_OTHERS, {})
                if Why.NO_INTERVALS not in known["why"]:
                    by_basis[_energy_of(basis)] = {**known, "checksum": of_cost}
                found[date.fromisoformat(name)] = of_day, by_basis
        return found

    @reporting_damage
    def known(self, meter: Meter, first: date = date.min, last: date = date.max) -> dict[date, DayCosts]:
        """The days of a span whose costs were worked out, oldest first."""
        return {day: _read(day, json.loads(text)) for day, text in self._texts(meter, first, last)}

    @reporting_damage
    def days(self, meter: Meter, first: date, last: date) -> list[PricedDay]:
        """The same without their registers."""
        return [_priced_day(day, json.loads(text)) for day, text in self._texts(meter, first, last)]

    @reporting_damage_while_read
    def _texts(self, meter: Meter, first: date, last: date) -> Iterator[tuple[date, str]]:
        first, last = meterday.span_within(meter, first, last)
        rows = self._rows(
            "SELECT date, priced, crc FROM cost WHERE meter = ? AND date BETWEEN ? AND ? ORDER BY date",
            (self._meter(meter), first.isoformat(), last.isoformat()),
        )
        for name, text, crc in rows:
            if text != _NONE and _crc(text) == crc:
                yield date.fromisoformat(name), text


class Costs(KnownCosts):
    """The costs as they are kept. What costs something other than before is restated, for statistics."""

    def __init__(
        self,
        store: Store,
        *,
        readings: Readings,
        counted: CountedDays,
        prices: KnownPrices,
        outbox: Outbox,
        notes: Notes,
    ) -> None:
        super().__init__(store, readings, counted, prices)
        self._outbox, self._notes = outbox, notes
        self._sound: set[str] = set()  # EANs, whose costs are as they were written

    def bring_up_to_date(self, meter: Meter, timeline: Timeline) -> None:
        """Work out the days that are new, or whose readings, contracts or day-ahead prices are other ones."""
        if meter.ean not in self._sound:
            self._forget_what_rotted(meter)
            self._sound.add(meter.ean)
        span = self._readings.known_span(meter)
        for first, last, basis in _bases(meter, timeline, *span) if span else ():
            rows = self._rows(_STALE, (self._meter(meter), first.isoformat(), last.isoformat(), basis))
            stale = [date.fromisoformat(day) for day, _, _ in rows]
            others = [
                day
                for day, (_, before, is_other_day) in zip(stale, rows, strict=True)
                if before and (is_other_day or before.removeprefix(_FORGOTTEN) != basis)
            ]
            if others:  # of which fees or the capacity tariff may be other ones
                self._restate(meter, min(others))
            for run in meterday.runs(stale):
                for start, end in _in_months(*run):
                    self._work_out(meter, timeline, start, end, basis)

    def heed_peaks(self, meter: Meter, billed: Mapping[date, Decimal]) -> None:
        """Restate what the capacity tariff cost since the first month whose peak is another one.

        Args:
            meter: whose peaks they are.
            billed: each month's, kW, by its first day.
        """
        key = f"billed_peaks/{meter.ean}"
        now = {month.isoformat(): str(power) for month, power in billed.items()}
        before = self._notes.recall(key) or {}
        changed = {month for month, _ in now.items() ^ before.items()}
        if changed:
            with self._store.transaction():
                self._restate(meter, date.fromisoformat(min(changed)))
                self._notes.remember(key, now)

    def forget(self, starts: Iterable[datetime]) -> None:
        """The day-ahead prices of some quarter-hours are other ones, and so what days cost."""
        days = {meterday.day_of(start, Energy.ELECTRICITY).isoformat() for start in starts}
        self._store.execute_many(
            "UPDATE cost SET basis = '~' || basis WHERE date = ? AND basis NOT LIKE '~%'",
            [(day,) for day in sorted(days)],
        )

    def _work_out(self, meter: Meter, timeline: Timeline, first: date, last: date, basis: str) -> None:
        key, before = self._meter(meter), dict(self._texts(meter, first, last))
        dropped = self._while_intervals_were_there(meter, first, last)
        beside = {day: _beside(by_basis, basis) for day, (_, by_basis) in dropped.items()}
        if _is_by_the_hour(timeline.during(*meterday.bounds_of(meter, first))):
            beside = {day: {**beside.get(day, {}), _BY_THE_HOUR: True} for day in meterday.span(first, last)}
        texts = {
            day.date: _written(day, beside.get(day.date, {}))
            for day in self._priced(meter, timeline, first, last, dropped)
        }
        changed = {day for day, _ in before.items() ^ texts.items()}
        with self._store.transaction():
            self._store.execute_many(
                _KEEP,
                [
                    (basis, text := texts.get(day, _NONE), _crc(text), key, day.isoformat())
                    for day in meterday.span(first, last)
                ],
            )
            if changed:
                self._restate(meter, min(changed))

    def _forget_what_rotted(self, meter: Meter) -> None:
        rows = self._rows("SELECT date, priced, crc FROM cost WHERE meter = ?", (self._meter(meter),))
        self._store.execute_many(
            "DELETE FROM cost WHERE meter = ? AND date = ?",
            [(self._meter(meter), day) for day, text, crc in rows if _crc(text) != crc],
        )

    def _restate(self, meter: Meter, day: date) -> None:
        """From the month of a day on: its share of the capacity tariff may be another one, too."""
        month = meterday.month_of(day)
        self._outbox.restate(self._meter(meter), to_seconds(meterday.start_of(month, meter.energy)))
        self._outbox.changed(meter)


def _without_intervals(
    meter: Meter, timeline: Timeline, dropped: Dropped
) -> dict[date, tuple[PricedDay, bool]]:
    """What dropped intervals cost under these contracts; whether the day's amounts are still the same."""
    found = {}
    for day, (checksum, by_basis) in dropped.items():
        [(*_, holds)] = _bases(meter, timeline, day, day)
        if known := by_basis.get(_energy_of(holds)):
            found[day] = _in_the_first_hour(meter, _read(day, known)), known["checksum"] == checksum
    return found


def _bases(meter: Meter, timeline: Timeline, first: date, last: date) -> Iterator[tuple[date, date, str]]:
    """Spans of days of which the same contracts hold, and a name for these."""
    inner = {meterday.day_of(each.since, meter.energy) for each in timeline.contracts}
    inner |= {*meterday.cut_days(meter)}
    edges = {first, last + ONE_DAY} | {day for each in inner for day in (each, each + ONE_DAY)}
    for start, end in pairwise(sorted(edge for edge in edges if first <= edge <= last + ONE_DAY)):
        bounds = meterday.bounds_of(meter, start)
        spans = timeline.during(*bounds)
        holds = [spans[0].contract] if len(spans) == 1 else [*spans]
        cut = bounds if start in meterday.cut_days(meter) else ()
        yield start, end - ONE_DAY, f"{_hash(_of_energy(holds), cut)}{_BESIDES}{_hash(holds)}"


def _energy_of(basis: str) -> str:
    """What of it the energy of a day depends on."""
    return basis.removeprefix(_FORGOTTEN).partition(_BESIDES)[0]


def _of_energy(holds: Iterable[Contract | Span | None]) -> list[Contract | Span | None]:
    """The same without what the energy of a day does not depend on: fees, capacity, when it was agreed."""
    return [
        each._replace(contract=_energy_alone(each.contract))
        if isinstance(each, Span)
        else _energy_alone(each)
        for each in holds
    ]


def _energy_alone(contract: Contract | None) -> Contract | None:
    return contract and replace(contract, since=_WHENEVER, fees_per_year={}, capacity=None)


def _hash(*parts: object) -> str:
    words = json.dumps(parts, default=_in_words, sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _in_words(value: Any) -> Any:
    """A part of a contract, however a number was written, and whatever later versions know besides."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return value.isoformat()
    return {
        each.name: said for each in fields(value) if (said := getattr(value, each.name)) != _by_default(each)
    }


def _by_default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _in_months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """A span in pieces, each of which is kept before the next is worked out."""
    while first <= last:
        end = min(last, meterday.last_of(meterday.month_of(first)))
        yield first, end
        first = end + ONE_DAY


def _crc(text: str) -> int:
    return zlib.crc32(text.encode())


def _is_by_the_hour(spans: Sequence[Span]) -> bool:
    """Whether what a day cost cannot be worked out without its intervals."""
    return len(spans) > 1 or any(each.contract and each.contract.is_dynamic for each in spans)


def _beside(by_basis: Mapping[str, Payload], basis: str) -> Payload:
    """What a day cost by the last other contracts that may come back, and needs its intervals."""
    others = [
        (name, known)
        for name, known in by_basis.items()
        if name != _energy_of(basis) and known.get(_BY_THE_HOUR)
    ]
    return {_BY_OTHERS: dict(others[-_MOST_OTHERS:])} if others else {}


def _written(day: PricedDay, beside: Payload) -> str:
    """As it is kept; with a checksum of the hours, which may cost something else though the day does not."""
    sums = {
        f"{register.direction}_{register.tariff}": str(_sum(known))
        for register, hours in day.hours.items()
        if (known := [cost for cost in hours.values() if cost is not None])
    }
    return json.dumps(
        {
            "parts": {part: None if cost is None else str(cost) for part, cost in day.parts.items()},
            "registers": sums,
            "kwh": str(day.consumption),
            "why": sorted(day.why),
            "hours": _crc(";".join(map(_hours_written, day.hours.values()))),
            **beside,
        }
    )


def _hours_written(hours: Hours) -> str:
    """Both of them without a step of ours for each: ten years have a third of a million."""
    return ",".join([*map(str, map(datetime.timestamp, hours)), *map(str, hours.values())])


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    with localcontext(EXACT):
        return sum(amounts, Decimal(0))


def _read(day: date, known: Payload) -> DayCosts:
    registers = {name: Decimal(amount) for name, amount in known["registers"].items()}
    return DayCosts(_priced_day(day, known), registers)


def _in_the_first_hour(meter: Meter, costs: DayCosts) -> PricedDay:
    start = meterday.bounds_of(meter, costs.day.date)[0].replace(minute=0)
    hours = {
        Register(Direction(direction), Tariff(tariff), Unit.KWH): {start: cost}
        for name, cost in costs.registers.items()
        for direction, tariff in [name.split("_")]
    }
    return replace(costs.day, hours=hours)


def _priced_day(day: date, known: Payload) -> PricedDay:
    parts = {_PARTS[part]: None if cost is None else Decimal(cost) for part, cost in known["parts"].items()}
    return PricedDay(day, parts, {}, Decimal(known["kwh"]), frozenset(map(Why, known["why"])))
