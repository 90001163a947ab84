"""History, fetched step by step or by the command, on a simulated clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from bridge.commands import backfill
from bridge.fetching.backfill import Backfiller
from bridge.metering.model import Backfill
from tests.rig.world import World

FIRST, LAST = date(2026, 10, 20), date(2026, 11, 20)  # a month and a day: the clocks change
DAYS, DAY_REQUESTS = (LAST - FIRST).days + 1, 2
REQUEST, RESPONSE = "fluvius/bridge/request/backfill", "fluvius/bridge/response/backfill"


@contextmanager
def at_work(world: World) -> Iterator[Backfiller]:
    """A backfiller without a broker."""
    with world.at_work() as (ledger, fetcher):
        yield Backfiller(ledger, fetcher, world.clock)


def begin(world: World, first: date = FIRST, last: date = LAST, *meters: str) -> None:
    with world.ledger() as ledger:
        for meter in world.settings.followed:
            if not meters or meter.name in meters:
                ledger.jobs.begin_backfill(meter, first, last, world.clock())


def change(world: World, ean: str, **changes: Any) -> None:
    """Make a simulated meter another one."""
    measurements = world.simulator.measurements
    measurements.put(replace(measurements.meters[ean], **changes))


def work(world: World, steps: int = 10_000) -> Backfill | None:
    """Work until there is nothing to do, or so many requests were made; the last that was worked on."""
    last = None
    with at_work(world) as backfiller:
        while steps and backfiller.is_due():
            last = backfiller.step()
            steps -= 1
    return last


def days_of(world: World, name: str = "home") -> int:
    with world.ledger() as ledger:
        total = ledger.sums.total(world.meter(name))
    return total.days if total else 0


def nothing(_: float) -> None:
    """A pause that takes no time."""


def command(world: World, first: str, pause: Callable[[float], None] = nothing, **more: str) -> int:
    return backfill.run(world.settings, {"from": first, **more}, world.clock, pause)


def ended(world: World, first: str, pause: Callable[[float], None] = nothing) -> tuple[int, str]:
    """A command that does not come to its end: its exit status, and why."""
    with pytest.raises(backfill.Ended) as end:
        command(world, first, pause)
    return end.value.status, str(end.value)
