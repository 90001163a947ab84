"""One statistic of Home Assistant: its names, its rows, and whether those that it holds are the ledger's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import isclose
from typing import NamedTuple

from bridge.homeassistant.core import Described
from bridge.metering.model import Register, Unit
from bridge.text.words import Payload

_UNIT_CLASS = {Unit.KWH: "energy", Unit.M3: "volume"}


class Row(NamedTuple):
    """An hour of a statistic."""

    start: datetime  # aware, UTC
    state: Decimal  # what was counted in it
    sum: Decimal  # and until its end, since the first hour


Held = Mapping[datetime, float | None]  # what Home Assistant has: start → sum


@dataclass(frozen=True, slots=True)
class Series:
    """One statistic: a register of a meter, hour by hour."""

    register: Register
    id: str
    name: str

    @property
    def described(self) -> Described:
        """What Home Assistant should say of it."""
        return Described("fluvius", self.name, self.register.unit)

    def metadata(self) -> Payload:
        """As `recorder/import_statistics` wants it."""
        return {
            "source": self.described.source,
            "statistic_id": self.id,
            "name": self.described.name,
            "unit_of_measurement": self.described.unit,
            "unit_class": _UNIT_CLASS[self.register.unit],
            "has_sum": True,
            "has_mean": False,
            "mean_type": 0,
        }


def with_idle_hours(rows: Sequence[Row], held: Held, total: Decimal) -> list[Row]:
    """The rows, and between them those that Home Assistant has and the ledger has not, without energy."""
    by_start = {row.start: row for row in rows}
    merged = []
    for start in sorted(by_start.keys() | held.keys()):
        merged.append(by_start.get(start) or Row(start, Decimal(0), total))
        total = merged[-1].sum
    return merged


def ends_with(rows: Held, total: Decimal) -> bool:
    """Whether the last of Home Assistant's rows has a sum."""
    return bool(rows) and same(rows[max(rows)], total)


def same(theirs: float | None, ours: Decimal) -> bool:
    """Whether a sum of Home Assistant's, which keeps binary floats, is the ledger's."""
    return theirs is not None and isclose(theirs, ours, rel_tol=1e-9, abs_tol=1e-6)
