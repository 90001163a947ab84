"""The Energy dashboard's history: hourly statistics straight from the ledger, at the hour of use.

A statistic is a running total. When an hour changes, every later row changes, so a meter is imported from
the first day that changed. What Home Assistant holds before it is compared with the ledger first: if they
differ (it was restored from a backup, or older days were added before), everything is imported anew. So
nothing is remembered of Home Assistant here, and nothing that happens to it is forgotten.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from math import isclose
from typing import Any

from bridge import meterday
from bridge.homeassistant.core import CommandRefused, Core, CoreAway
from bridge.hourly import spread
from bridge.ledger import Ledger
from bridge.model import Direction, Meter, Register, Tariff, Unit
from bridge.views import Payload

log = logging.getLogger(__name__)

_HOUR = timedelta(hours=1)
_PORTION = 31  # days
_EPOCH, _ALWAYS = datetime.fromtimestamp(0, UTC), datetime(9999, 1, 1, tzinfo=UTC)
_PATIENCE = 300.0  # seconds until a portion can be read back: older cores write 500 rows in a second
_UNIT_CLASS = {Unit.KWH: "energy", Unit.M3: "volume"}
_NEWER_KEYS = frozenset({"mean_type", "unit_class"})  # refused by 2025.4.4, wanted by 2026.11.0
_REGISTERS = [Register(*each) for each in product(Direction, Tariff, Unit)]


@dataclass(frozen=True, slots=True)
class Series:
    """One statistic: a register of a meter, hour by hour."""

    id: str
    name: str
    unit: Unit

    def metadata(self) -> Payload:
        """As `recorder/import_statistics` wants it."""
        return {
            "source": "fluvius",
            "statistic_id": self.id,
            "name": self.name,
            "unit_of_measurement": self.unit,
            "unit_class": _UNIT_CLASS[self.unit],
            "has_sum": True,
            "has_mean": False,
            "mean_type": 0,
        }


class Statistics:
    """Brings Home Assistant's statistics up to date with the ledger.

    Args:
        core: Home Assistant.
        ledger: the truth.
        bridge: tells this bridge's statistics from another one's; empty for the usual one.

    Raises:
        CoreAway: from every method: not everything was imported; do it again.
        TokenRefused: likewise.
    """

    def __init__(self, core: Core, ledger: Ledger, bridge: str = "") -> None:
        self._core, self._ledger = core, ledger
        self._prefix = f"fluvius:{bridge}_" if bridge else "fluvius:"
        listed = core.ask("recorder/list_statistic_ids", statistic_type="sum")
        self._there = {str(each["statistic_id"]) for each in listed}
        self._unknown_keys: frozenset[str] = frozenset()  # that this Home Assistant is too old for

    def bring_up_to_date(self, meter: Meter, since: datetime) -> None:
        """Import a meter from the day of an instant on; whole, where Home Assistant holds something else."""
        registers = self._ledger.standings(meter, _ALWAYS)
        wanted = {self._series(meter, register).id for register in registers}
        self._clear({self._series(meter, each).id for each in _REGISTERS} - wanted)
        begin = max(since, _EPOCH)
        begin = meterday.start_of(meterday.day_of(begin, meter.energy), meter.energy)
        if not (self._agrees(meter, begin) and self._is_nothing_newer(meter)):
            begin = _EPOCH
            self._clear(wanted)
        if registers:
            last = max(standing.last for standing in registers.values())
            first = max(begin, min(standing.first for standing in registers.values()))
            self._import(meter, first, last)

    def is_up_to_date(self, meter: Meter) -> bool:
        """Whether Home Assistant holds the last of what the ledger holds."""
        known = self._ledger.standings(meter, _ALWAYS)
        return not known or (self._agrees(meter, _ALWAYS) and self._is_nothing_newer(meter))

    def _series(self, meter: Meter, register: Register) -> Series:
        side = "volume" if register.unit is Unit.M3 else register.direction
        words = "" if register.tariff is Tariff.TOTAL else f", {register.tariff} tariff"
        return Series(
            id=f"{self._prefix}{meter.ean}_{side}_{register.tariff}",
            name=f"{meter.name}: {side}{words}",
            unit=register.unit,
        )

    def _agrees(self, meter: Meter, before: datetime) -> bool:
        """Whether there are days before an instant, and Home Assistant's sums are the ledger's there."""
        standings = self._ledger.standings(meter, before)
        for register, standing in standings.items():
            end = min(before, _end_of_day(meter, standing.last))
            rows = self._rows(self._series(meter, register).id, standing.last, end)
            if not rows or not _same(rows[-1]["sum"], standing.sum):
                return False
        return bool(standings)

    def _is_nothing_newer(self, meter: Meter) -> bool:
        return not any(
            self._rows(self._series(meter, register).id, _end_of_day(meter, standing.last), None)
            for register, standing in self._ledger.standings(meter, _ALWAYS).items()
        )

    def _import(self, meter: Meter, first: datetime, last: datetime) -> None:
        sums = {register: standing.sum for register, standing in self._ledger.standings(meter, first).items()}
        log.info("%s: statistics from %s on go to Home Assistant", meter.name, first.date())
        days = meterday.span(meterday.day_of(first, meter.energy), meterday.day_of(last, meter.energy))
        for i in range(0, len(days), _PORTION):
            portion = days[i : i + _PORTION]
            rows = self._continued(meter, portion, sums)
            for register, stats in rows.items():
                self._send(self._series(meter, register), stats)
            for register, stats in rows.items():
                self._await(self._series(meter, register).id, stats[-1])

    def _continued(
        self, meter: Meter, days: Sequence[date], sums: dict[Register, Decimal]
    ) -> dict[Register, list[Payload]]:
        """The rows of some days; the sums go on."""
        rows: dict[Register, list[Payload]] = defaultdict(list)
        for day in self._ledger.hourly(meter, days[0], days[-1]):
            for register, hours in spread(day).items():
                if register not in sums:  # or Home Assistant would not count the first hour
                    sums[register] = Decimal(0)
                    rows[register].append(_row(day.start - _HOUR, Decimal(0), Decimal(0)))
                for hour, amount in hours.items():
                    sums[register] += amount
                    rows[register].append(_row(hour, amount, sums[register]))
        return rows

    def _send(self, series: Series, stats: Sequence[Payload]) -> None:
        metadata = {k: v for k, v in series.metadata().items() if k not in self._unknown_keys}
        try:
            self._core.ask("recorder/import_statistics", metadata=metadata, stats=stats)
        except CommandRefused as error:
            if error.code != "invalid_format" or self._unknown_keys:
                raise
            self._unknown_keys = _NEWER_KEYS
            self._send(series, stats)
        self._there.add(series.id)

    def _await(self, statistic_id: str, row: Payload) -> None:
        """Home Assistant says yes before it has written; only what can be read back has arrived."""
        start = datetime.fromisoformat(row["start"])
        deadline = time.monotonic() + _PATIENCE
        pause = 0.02
        while not any(
            _same(each["sum"], row["sum"]) for each in self._rows(statistic_id, start, start + _HOUR)
        ):
            if time.monotonic() > deadline:
                raise CoreAway(f"Home Assistant took {statistic_id} and does not show it")
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _clear(self, ids: set[str]) -> None:
        if gone := sorted(ids & self._there):
            self._core.ask("recorder/clear_statistics", statistic_ids=gone)
            self._there -= ids

    def _rows(self, statistic_id: str, start: datetime, end: datetime | None) -> list[Any]:
        """Home Assistant's rows from a start until before an end, which is open if there is none."""
        if statistic_id not in self._there:
            return []
        answer = self._core.ask(
            "recorder/statistics_during_period",
            start_time=start.isoformat(),
            **({"end_time": end.isoformat()} if end else {}),
            statistic_ids=[statistic_id],
            period="hour",
            types=["sum"],
        )
        rows: list[Any] = answer.get(statistic_id, [])
        return rows


def _end_of_day(meter: Meter, start: datetime) -> datetime:
    return meterday.end_of(meterday.day_of(start, meter.energy), meter.energy)


def _row(start: datetime, state: Decimal, total: Decimal) -> Payload:
    return {"start": start.isoformat(), "state": state, "sum": total}


def _same(theirs: float | None, ours: Decimal) -> bool:
    """Home Assistant keeps binary floats."""
    return theirs is not None and isclose(theirs, ours, rel_tol=1e-9, abs_tol=1e-6)
