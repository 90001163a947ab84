"""Tariff cards for tests, and what the simulated meters' days cost by them, worked out by other means."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from bridge.simulator import Simulator

BRUSSELS = ZoneInfo("Europe/Brussels")
KW = 10  # floor_kw, so high that every month counts for it
FIXED: dict[str, Any] = {
    "from": "2020-01-01",
    "consumption": {"energy": {"high": "0.1342", "low": "0.1105"}, "grid": "0.0531", "levies": "0.0507"},
    "injection": {"energy": "0.03"},
    "fees_per_year": {"supplier": 35, "data management": "18.56"},
    "capacity": {"per_kw_year": "48.10"},
    "vat": 6,
}
DYNAMIC: dict[str, Any] = {
    "from": "2020-01-01",
    "consumption": {"energy": {"dynamic": {"factor": "1.04", "base": "0.0089"}}, "grid": "0.0531"},
    "injection": {"energy": {"dynamic": {"factor": "0.95", "base": "-0.012"}}},
    "vat": 21,
}
GAS_CARD: dict[str, Any] = {
    "from": "2020-01-01",
    "energy": "gas",
    "consumption": {"energy": "0.05", "grid": "0.01"},
    "vat": 6,
}
Parts = dict[str, Fraction]
_KWH = 3
_VAT = Fraction(6, 100)


def prices_of(day: date) -> dict[datetime, Decimal]:
    """Day-ahead prices of a local day's quarter-hours, EUR/kWh; some are negative."""
    start, end = (
        datetime.combine(each, time(), BRUSSELS).astimezone(UTC) for each in (day, day + timedelta(1))
    )
    chance = Random(f"prices of {day}")
    return {
        start + timedelta(minutes=15) * i: Decimal(chance.randint(-5000, 30000)).scaleb(-5)
        for i in range((end - start) // timedelta(minutes=15))
    }


def fixed_day(simulator: Simulator, ean: str, day: date) -> Parts:
    """What a day costs by `FIXED`, in a year of 365 days."""
    amounts = simulator.day_amounts(ean, day)
    high, low = (Fraction(amounts.get((1, tariff, _KWH), 0)) for tariff in (1, 2))
    injected = sum(Fraction(amount) for (t, _, u), amount in amounts.items() if (t, u) == (2, _KWH))
    parts = {
        "energy": high * Fraction("0.1342") + low * Fraction("0.1105"),
        "grid": (high + low) * Fraction("0.0531"),
        "levies": (high + low) * Fraction("0.0507"),
        "capacity": Fraction("48.10") * KW / 365,
        "fees": Fraction("53.56") / 365,
    }
    parts["vat"] = sum(parts.values(), Fraction(0)) * _VAT
    compensation = injected * Fraction("0.03")
    return {**parts, "compensation": compensation, "total": sum(parts.values(), Fraction(0)) - compensation}


def dynamic_day(simulator: Simulator, ean: str, day: date) -> Parts:
    """What a day costs by `DYNAMIC`, with the prices of `prices_of`."""
    prices = prices_of(day)
    energy = grid = compensation = Fraction(0)
    for start, amounts in simulator.slot_amounts(ean, day).items():
        for (direction, _, unit), amount in amounts.items():
            if (direction, unit) == (1, _KWH):
                energy += Fraction(amount) * (Fraction(prices[start]) * Fraction("1.04") + Fraction("0.0089"))
                grid += Fraction(amount) * Fraction("0.0531")
            elif (direction, unit) == (2, _KWH):
                compensation += Fraction(amount) * (
                    Fraction(prices[start]) * Fraction("0.95") - Fraction("0.012")
                )
    vat = (energy + grid) * Fraction(21, 100)
    nothing = dict.fromkeys(("levies", "capacity", "fees"), Fraction(0))
    parts = {"energy": energy, "grid": grid, **nothing, "vat": vat}
    return {**parts, "compensation": compensation, "total": energy + grid + vat - compensation}


def together(days: list[Parts]) -> Parts:
    """Several days' sum."""
    return {part: sum((day[part] for day in days), Fraction(0)) for part in days[0]}


def is_near(shown: Any, true: Fraction, digits: int) -> bool:
    """Whether an amount (a number, or its text) is the true one, rounded to so many decimals."""
    return abs(Fraction(Decimal(str(shown))) - true) <= Fraction(1, 2 * 10**digits)
