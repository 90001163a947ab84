"""What costs ought to be, worked out by fractions and from what the simulated meters counted."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from bridge.homeassistant.books import books
from bridge.homeassistant.core import Core as Connection
from bridge.homeassistant.series import Naming
from bridge.homeassistant.statistics import Statistics
from bridge.ledger import Ledger
from bridge.metering.contract import ByTariff, Contract, Timeline
from bridge.metering.meterday import ONE_DAY, day_of, end_of, span, start_of
from bridge.metering.model import Direction, Energy, Meter, Reading, Register, Tariff, Unit
from bridge.simulator.day_ahead import DayAhead
from tests.rig.core import TOKEN, Core
from tests.rig.world import HOME, World

FIRST, LAST = date(2026, 11, 14), date(2026, 11, 20)
FIRST_OF_GAS, LAST_OF_GAS = date(2026, 11, 11), date(2026, 11, 17)
PLUS_VAT = Fraction(106, 100)
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
PRICES: list[dict[str, Any]] = [
    {
        "from": "2020-01-01",
        "energy": "electricity",
        "consumption": {
            "energy": {"dynamic": {"factor": 1.04, "base": 0.0089}},
            "grid": {"high": 0.0631, "low": 0.0431},
            "levies": 0.0507,
        },
        "injection": {"energy": {"dynamic": {"factor": 0.95, "base": -0.03, "per": "hour"}}},
        "fees_per_year": {"supplier": 35, "data management": 18.56},
        "capacity": {"per_kw_year": 48.10},
        "vat": 6,
    },
    {"from": "2020-01-01", "energy": "gas", "consumption": {"energy": 0.0512, "levies": 0.005}, "vat": 6},
]
KEYS = {"high": (1, 1, 3), "low": (1, 2, 3), "in high": (2, 1, 3), "in low": (2, 2, 3), "gas": (1, 0, 3)}
COSTS = {
    "consumption_high_cost": "high",
    "consumption_low_cost": "low",
    "injection_high_compensation": "in high",
    "injection_low_compensation": "in low",
}
Hours = dict[datetime, Fraction]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def market(start: datetime) -> Fraction:
    return Fraction(DayAhead().prices(start, start + QUARTER)[start])


def electricity(counts: str, start: datetime) -> Fraction:
    """EUR/kWh of a quarter-hour, as PRICES say it."""
    if counts.startswith("in "):
        hour = start.replace(minute=0)
        mean = sum((market(hour + QUARTER * i) for i in range(4)), Fraction(0)) / 4
        return Fraction("0.95") * mean - Fraction("0.03")
    grid = Fraction("0.0631") if counts == "high" else Fraction("0.0431")
    return (Fraction("1.04") * market(start) + Fraction("0.0089") + grid + Fraction("0.0507")) * PLUS_VAT


def gas(_: str, __: datetime) -> Fraction:
    return Fraction("0.0562") * PLUS_VAT


def cost(
    world: World,
    meter: dict[str, str],
    counts: str,
    first: date,
    last: date,
    *,
    price: Callable[[str, datetime], Fraction] = electricity,
) -> Hours:
    """What the simulated meter's hours cost."""
    hours: Hours = defaultdict(Fraction)
    for day in span(first, last):
        for start, amounts in world.simulator.slot_amounts(meter["ean"], day).items():
            if amount := amounts.get(KEYS[counts]):
                hours[start.replace(minute=0)] += Fraction(amount) * price(counts, start)
    return hours


def standing(
    first: date, last: date, *, of_a_year: Fraction = Fraction("53.56") + 50 * Fraction("48.1")
) -> Hours:
    """What the days cost without using anything, in equal parts."""
    hours = {}
    for day in span(first, last):
        start, end = start_of(day, Energy.ELECTRICITY), end_of(day, Energy.ELECTRICITY)
        number = (end - start) // HOUR
        for i in range(number):
            hours[start + HOUR * i] = of_a_year * PLUS_VAT / (366 if day.year % 4 == 0 else 365) / number
    return hours


def statistic(meter: dict[str, str], key: str) -> str:
    return f"fluvius:{meter['ean']}_{key}"


def shows(core: Core, statistic_id: str, true: Hours, before: Fraction = Fraction(0)) -> None:
    """Home Assistant's sums are the truth's, to the last bit; its hours follow from them."""
    rows = core.statistics[statistic_id]
    total, expected = before, {}
    starts = sorted(rows.keys() | true.keys())
    for start in starts:
        total += true.get(start, 0)
        expected[start] = float(total)
    assert {start: rows[start][1] if start in rows else None for start in starts} == expected, statistic_id
    assert {start: rows[start][0] for start in true} == {start: float(each) for start, each in true.items()}


def is_right(world: World, core: Core, first: date = FIRST, last: date = LAST) -> None:
    """Every hour of the house's costs."""
    for key, counts in COSTS.items():
        shows(core, statistic(HOME, key), cost(world, HOME, counts, first, last))
    shows(core, statistic(HOME, "standing_cost"), standing(first, last))


def costs_in(core: Core) -> dict[str, dict[datetime, tuple[float, float]]]:
    return {
        each: dict(rows) for each, rows in core.statistics.items() if each.endswith(("cost", "compensation"))
    }


def cost_rows_of(core: Core) -> list[dict[str, Any]]:
    """Those that were imported."""
    return [
        row
        for message in core.imports
        if message["metadata"]["unit_of_measurement"] == "EUR"
        for row in message["stats"]
    ]


def give(world: World, prices: dict[datetime, Decimal]) -> None:
    with world.ledger() as ledger:
        ledger.costs.forget(ledger.prices.keep(prices))


class KilledError(BaseException):
    """The process ends here."""


HIGH, LOW = (Register(Direction.CONSUMPTION, each, Unit.KWH) for each in (Tariff.HIGH, Tariff.LOW))
TWO_YEARS_AGO, A_YEAR_AGO = date(2024, 11, 20), date(2025, 11, 20)


@dataclass
class Years:
    """A ledger of two years with holes, without Fluvius; and Home Assistant."""

    ledger: Ledger
    core: Core
    meter: Meter
    contracts: list[Contract]

    def bring_up_to_date(self) -> None:
        timeline = Timeline(tuple(self.contracts))
        self.ledger.costs.bring_up_to_date(self.meter, timeline)
        since = self.ledger.outbox.restated_since(self.meter)
        self.core.asked.clear()
        with Connection(self.core.url, TOKEN) as connection:
            every = books(self.ledger, Naming(), lambda _: timeline, Decimal("2.5"))
            statistics = Statistics(connection, self.ledger, every)
            statistics.bring_up_to_date(self.meter, since)
            assert statistics.lacking([self.meter]) == set()
        if since:
            self.ledger.outbox.caught_up(self.meter, since)

    def is_right(self) -> None:
        for key, register in (("consumption_high", HIGH), ("consumption_low", LOW)):
            true = self.true(register)
            held = self.core.hours(statistic(HOME, f"{key}_cost"))
            assert {hour: cost for hour, cost in held.items() if cost} == pytest.approx(
                {hour: float(cost) for hour, cost in true.items() if cost}, abs=2e-6
            )
            rows = self.core.statistics[statistic(HOME, f"{key}_cost")]
            assert rows[max(rows)][1] == float(sum(true.values()))

    def true(self, register: Register) -> Hours:
        hours = self.counted(register)
        return {hour: amount * self.price(register, hour) for hour, amount in hours.items()}

    def price(self, register: Register, instant: datetime) -> Fraction:
        energy = [each for each in self.contracts if each.since <= instant][-1].energy
        assert isinstance(energy, ByTariff)
        return Fraction(energy.high if register is HIGH else energy.low) * PLUS_VAT

    def counted(self, register: Register) -> dict[datetime, Fraction]:
        """The hours that SQL finds, and in its first one what a day's own amount has more or less."""
        with closing(sqlite3.connect(self.path)) as db:
            rows = db.execute(
                "SELECT daily, start, amount FROM reading JOIN register ON register.id = register"
                " WHERE direction = ? AND tariff = ? ORDER BY start",
                (register.direction, register.tariff),
            ).fetchall()
        hours: dict[datetime, Fraction] = defaultdict(Fraction)
        rest: dict[date, Fraction] = defaultdict(Fraction)
        for daily, start, amount in rows:
            instant = datetime.fromtimestamp(start, UTC)
            day, kwh = day_of(instant, Energy.ELECTRICITY), Fraction(amount, 10**9)
            rest[day] += kwh if daily else -kwh
            if not daily:
                hours[instant.replace(minute=0)] += kwh
        for day, more in rest.items():
            assert more >= 0
            hours[start_of(day, Energy.ELECTRICITY)] += more
        return hours

    @property
    def path(self) -> str:
        return str(self.ledger)

    def correct(self, day: date, **amounts: str) -> None:
        start, registers = start_of(day, Energy.ELECTRICITY), {"high": HIGH, "low": LOW}
        end = end_of(day, Energy.ELECTRICITY)
        readings = [
            Reading(start, end, registers[name], Decimal(kwh), validated=True)
            for name, kwh in amounts.items()
        ]
        self.ledger.answers.record_days(self.meter, readings, end + 5 * ONE_DAY)

    def earliest(self) -> datetime:
        return min(at(row["start"]) for row in cost_rows_of(self.core))


def settle(ledger: Ledger, meter: Meter, first: date, last: date) -> None:
    """Each day's amounts are those of its quarter-hours and a little more."""
    ledger.store.db.execute(
        "UPDATE reading SET amount = 5000000 + COALESCE((SELECT SUM(slot.amount) FROM reading AS slot"
        " WHERE slot.meter = reading.meter AND slot.daily = 0 AND slot.register = reading.register"
        " AND slot.start >= reading.start AND slot.start < reading.start + 90000), 0)"
        " WHERE daily = 1 AND start >= ? AND start < ?",
        (bounds(first)[0], bounds(last)[1]),
    )
    ledger.checks.seal(meter, first, last)


def contract(since: str, high: str, low: str) -> Contract:
    begin = start_of(date.fromisoformat(since), Energy.ELECTRICITY)
    return Contract(begin, ByTariff(Decimal(high), Decimal(low)), vat=Decimal(6))


def bounds(day: date) -> tuple[float, float]:
    return tuple(edge(day, Energy.ELECTRICITY).timestamp() for edge in (start_of, end_of))  # type: ignore[return-value]
