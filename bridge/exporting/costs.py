"""What `export --costs` writes: days with the parts of their bill, or readings with price and cost.

Amounts are EUR. What is unknown is empty in CSV and null in JSON, never zero.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from bridge.exporting.portions import in_csv, in_json, number, whose
from bridge.ledger.day_ahead import KnownPrices
from bridge.metering import meterday
from bridge.metering.contract import Contract, Part, Timeline
from bridge.metering.costs import BilledDay, Price, price_at
from bridge.metering.model import OF_THE_CONNECTION, Direction, Meter, Register, Tariff, Unit
from bridge.metering.pricing import EXACT
from bridge.publishing.costs import CURRENCY, in_words, rounded
from bridge.text.words import local, to_json

_AMOUNTS = (*map(str, Part), "total")
_DIGITS = 6  # of EUR: a day's share of a year has no end
_SEE_DAYS = "the same command with --resolution day says why"
_PORTION = timedelta(days=31)
_NOTHING = Decimal(0)


Unknown = Counter[tuple[str, str]]  # of how many days, or readings, by meter and reason


class CostLine(NamedTuple):
    """What a meter day cost, by part, with compensation as what was received."""

    meter: str
    ean: str
    date: str
    start: str  # in Europe/Brussels, with its offset
    end: str
    energy: Decimal | None
    grid: Decimal | None
    levies: Decimal | None
    capacity: Decimal | None
    fees: Decimal | None
    vat: Decimal | None
    compensation: Decimal | None
    total: Decimal | None
    currency: str
    unknown: str  # why something is


def cost_lines(
    meter: Meter, billed: Iterable[BilledDay], first: date, last: date, unknown: Unknown
) -> Iterator[CostLine]:
    """The days of a span, one by one.

    Args:
        meter: whose days they are.
        billed: these days, and others of the same months.
        first: the first day that is wanted.
        last: the last one.
        unknown: what is not known is counted here, by meter and reason.
    """
    for day in billed:
        name = day.energy.date
        if not first <= name <= last:
            continue
        start, end = meterday.bounds_of(meter, name)
        amounts = [rounded(each, _DIGITS) for each in (*(day.bill.parts[p] for p in Part), day.bill.total)]
        why = in_words(day.bill.why)
        unknown.update((meter.label, each) for each in why)
        yield CostLine(
            meter.name, meter.ean, name.isoformat(), local(start), local(end),
            **dict(zip(_AMOUNTS, amounts, strict=True)), currency=CURRENCY, unknown="; ".join(why),
        )  # fmt: skip


def csv_text(lines: Iterable[CostLine], *, point: str, delimiter: str) -> Iterator[str]:
    """A column for each part."""
    rows = (
        (
            *whose(meter, ean),
            *(number(each, point) if not isinstance(each, str) else each for each in others),
        )
        for meter, ean, *others in lines
    )
    return in_csv(CostLine._fields, rows, delimiter)


def json_text(lines: Iterable[CostLine]) -> Iterator[str]:
    """One array, one object on each line; `unknown` only where something is."""
    return in_json(map(_as_json, lines))


def _as_json(line: CostLine) -> str:
    known = line._asdict()
    if not line.unknown:
        del known["unknown"]
    return to_json(known)


@dataclass
class SlotPrices:
    """What a kWh of a meter cost, or brought, when it flowed. To be asked in order of time.

    Args:
        meter: whose kWh they are.
        timeline: its contracts.
        prices: day-ahead prices, of which a month at a time is read.
        unknown: readings whose cost is not known are counted here.
    """

    meter: Meter
    timeline: Timeline
    prices: KnownPrices
    unknown: Unknown
    _day_ahead: dict[datetime, Decimal] = field(default_factory=dict)
    _until: datetime | None = None
    _held: tuple[Contract, datetime | None] | None = None  # the contract, and where it is dynamic, the slot
    _price: Price | None = None  # that held then

    def of_reading(
        self, start: datetime, register: Register, amount: Decimal
    ) -> tuple[Decimal | None, Decimal | None]:
        """EUR/kWh with VAT, and EUR; what was not used costs nothing at any price.

        Args:
            start: of the slot, aware.
            register: what counted it.
            amount: in the register's unit.
        """
        if register.unit is not Unit.KWH or register.direction not in OF_THE_CONNECTION:
            return None, None
        price = self._of(register, self._at(start))
        if price is None:
            self.unknown[self.meter.label, _SEE_DAYS] += bool(amount)
            return None, None if amount else _NOTHING
        return price, EXACT.multiply(amount, price)

    def _of(self, register: Register, price: Price | None) -> Decimal | None:
        if price is None:
            return None
        found = price.injection if register.direction is Direction.INJECTION else price.consumption
        return found.get(register.tariff, found.get(Tariff.TOTAL))

    def _at(self, start: datetime) -> Price | None:
        contract = self.timeline.at(start)
        if contract is None:
            return None
        held = contract, start if contract.is_dynamic else None
        if held != self._held:
            if contract.is_dynamic and (self._until is None or start >= self._until):
                hour = start.replace(minute=0)
                self._until = hour + _PORTION
                self._day_ahead = self.prices.during(hour, self._until)
            self._held, self._price = held, price_at(self.timeline, start, self._day_ahead)
        return self._price
