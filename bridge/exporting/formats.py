"""The lines of an export, as CSV and as JSON."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from bridge.exporting.portions import in_csv, in_json, number, whose
from bridge.metering.model import Unit
from bridge.text.words import plain

_WORDS = ("false", "true")
_OF_COSTS = ("price", "cost")  # the last columns


class Line(NamedTuple):
    """What one register counted in one slot."""

    meter: str
    ean: str
    date: str  # the meter day
    start: str  # in Europe/Brussels, with its offset
    end: str
    direction: str
    tariff: str
    amount: Decimal
    unit: str
    validated: bool
    complete: bool  # nothing of that meter day is missing
    price: Decimal | None = None  # EUR/kWh with VAT; this and the cost are written with --costs alone
    cost: Decimal | None = None  # EUR, what was paid; of injection what was received


def csv_text(lines: Iterable[Line], *, point: str, delimiter: str, costs: bool = False) -> Iterator[str]:
    """ASCII, or spreadsheets ask for an encoding."""
    rows = (
        (
            *whose(meter, ean),
            *slot,
            number(amount, point),
            "m3" if unit is Unit.M3 else unit,
            _WORDS[validated],
            _WORDS[complete],
            *((number(price, point), number(cost, point)) if costs else ()),
        )
        for meter, ean, *slot, amount, unit, validated, complete, price, cost in lines
    )
    return in_csv(Line._fields if costs else Line._fields[: -len(_OF_COSTS)], rows, delimiter)


def json_text(lines: Iterable[Line], *, costs: bool = False) -> Iterator[str]:
    """One array, one object on each line."""
    return in_json(_as_json(line, costs=costs) for line in lines)


def _as_json(line: Line, *, costs: bool) -> str:
    # By hand, for speed: no slug, digit, time or word of ours holds a character that JSON would escape.
    return (
        f'{{"meter": "{line.meter}", "ean": "{line.ean}", "date": "{line.date}",'
        f' "start": "{line.start}", "end": "{line.end}", "direction": "{line.direction}",'
        f' "tariff": "{line.tariff}", "amount": {plain(line.amount)}, "unit": "{line.unit}",'
        f' "validated": {_WORDS[line.validated]}, "complete": {_WORDS[line.complete]}'
        f"{_costs_as_json(line) if costs else ''}}}"
    )


def _costs_as_json(line: Line) -> str:
    price, cost = (number(each, ".") or "null" for each in (line.price, line.cost))
    return f', "price": {price}, "cost": {cost}'
