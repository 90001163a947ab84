"""What prices must be together: looks at what was written, and so speaks up next to wrong values."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from bridge.config.bounds import instant_of
from bridge.config.keys import KeyPath, advice, at
from bridge.config.prices import ean_of
from bridge.metering.model import Energy
from bridge.text.words import slug

_RATES = (
    ("consumption", "energy"),
    ("consumption", "grid"),
    ("consumption", "levies"),
    ("injection", "energy"),
)


def price_contradictions(tree: Any) -> Iterator[tuple[KeyPath, str]]:
    """Where prices do not go together, and why."""
    prices = at(tree, "prices")
    meters = _Meters(at(tree, "meters"))
    for index, entry in enumerate(prices) if isinstance(prices, list) else ():
        for path, reason in _entry_contradictions(entry, meters):
            yield ("prices", index, *path), reason
    if isinstance(prices, list):
        yield from _repeated(prices, meters)
    token = ("day_ahead", "token")
    if at(tree, "day_ahead", "source") == "entsoe" and not at(tree, *token):
        yield token, f"is missing; {advice(token)}"


class _Meters:
    """The meters of the configuration, by the names that prices may call them."""

    def __init__(self, written: Any) -> None:
        self.energy: dict[str, Energy] = {}  # slug → what it counts
        self._slugs: dict[str, str] = {}
        for meter in written if isinstance(written, list) else ():
            ean = ean_of(str(at(meter, "ean")))
            name = slug(str(at(meter, "name") or ean))
            self.energy[name] = _energy_of(meter)
            self._slugs |= {name: name, ean: name}

    def find(self, name: Any) -> str:
        """The slug of the meter that is called so; without meters in the configuration, its EAN."""
        known = self._slugs.get(ean_of(str(name))) or self._slugs.get(slug(str(name)))
        return known or ("" if self.energy else ean_of(str(name)))


def _energy_of(section: Any) -> Energy:
    return Energy.GAS if at(section, "energy") == Energy.GAS else Energy.ELECTRICITY


def _entry_contradictions(entry: Any, meters: _Meters) -> Iterator[tuple[KeyPath, str]]:
    energy = _energy_of(entry)
    begins = _instant(entry)
    if begins and (begins - datetime(2000, 1, 1, tzinfo=UTC)) % timedelta(hours=1):
        yield ("from",), "is in the middle of an hour; write its beginning"
    yield from _meter_contradictions(at(entry, "meters"), energy, meters)
    for path in _RATES:
        for key, reason in _rate_contradictions(at(entry, *path)):
            yield (*path, *key), reason
    if energy is Energy.GAS:
        yield from _gas_contradictions(entry)
    highest, grid = _number(at(entry, "capacity", "maximum_per_kwh")), at(entry, "consumption", "grid")
    for each in map(_number, grid.values() if isinstance(grid, dict) else (grid,)):
        if highest is not None and each is not None and highest < each:
            yield ("capacity", "maximum_per_kwh"), "is less than grid alone, and holds for grid and capacity"
            return


def _meter_contradictions(names: Any, energy: Energy, meters: _Meters) -> Iterator[tuple[KeyPath, str]]:
    seen: set[str] = set()
    for place, name in enumerate(names) if isinstance(names, list) else ():
        found = meters.find(name)
        path = ("meters", place)
        if not found:
            known = ", ".join(each for each, counts in meters.energy.items() if counts is energy)
            yield path, f"is not one of the meters; write {known or 'a name that is below meters'}"
        elif found in seen:
            yield path, "is there twice; write each meter once"
        elif meters.energy.get(found, energy) is not energy:
            yield path, f"counts {meters.energy[found]}, and these are prices of {energy}"
        seen.add(found)


def _rate_contradictions(rate: Any) -> Iterator[tuple[KeyPath, str]]:
    if not isinstance(rate, dict):
        return
    there = {key for key in ("high", "low", "dynamic") if at(rate, key) is not None}
    if not there:
        yield (), "is empty; write euros for a kWh, or the keys high and low, or the key dynamic"
    elif "dynamic" in there and len(there) > 1:
        yield ("dynamic",), f"is set together with {min(there - {'dynamic'})}; keep one"
    elif len(there) == 1 and "dynamic" not in there:
        (missing,) = {"high", "low"} - there
        yield (missing,), f"is missing beside {min(there)}; write euros for a kWh in the {missing} tariff"


def _gas_contradictions(entry: Any) -> Iterator[tuple[KeyPath, str]]:
    for path in _RATES[:3]:
        rate = at(entry, *path)
        if at(rate, "dynamic") is not None:
            yield (
                (*path, "dynamic"),
                "follows the day-ahead price of electricity, and these are prices of gas",
            )
        elif isinstance(rate, dict):
            yield path, "differs by tariff, and a gas meter has no high and low; write one price"
    for key in "injection", "capacity":
        if at(entry, key) is not None:
            yield (key,), "is for electricity, and these are prices of gas; leave it out"


def _repeated(prices: list[Any], meters: _Meters) -> Iterator[tuple[KeyPath, str]]:
    """Two prices of one meter from the same instant on."""
    known: list[tuple[int, Energy, datetime, set[str]]] = []
    for index, entry in enumerate(prices):
        begins, energy, names = _instant(entry), _energy_of(entry), at(entry, "meters")
        whose = {meters.find(name) for name in names} if isinstance(names, list) else set()
        if begins is None:
            continue
        for other, *same, others in known:
            if same == [energy, begins] and (whose & others or not whose or not others):
                reason = (
                    f"is that of prices[{other}] too, for the same meters; write another, or keep one entry"
                )
                yield ("prices", index, "from"), reason
                break
        known.append((index, energy, begins, whose))


def _instant(entry: Any) -> datetime | None:
    with suppress(TypeError, ValueError):  # where it is none, its own check says so
        return instant_of(at(entry, "from"), _energy_of(entry))
    return None


def _number(written: Any) -> Decimal | None:
    """A number; None where it is none, as its own check says."""
    with suppress(InvalidOperation, TypeError, ValueError):
        number = Decimal(written)
        return number if number.is_finite() else None
    return None
