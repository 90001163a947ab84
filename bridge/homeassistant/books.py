"""The books of which statistics are made."""

from collections.abc import Callable
from decimal import Decimal

from bridge.homeassistant.costs import Costs, Remembered, StandingCosts
from bridge.homeassistant.energy import Energy
from bridge.homeassistant.series import Book, Naming
from bridge.ledger import Ledger
from bridge.metering.contract import Timeline
from bridge.metering.model import Meter


def books(
    ledger: Ledger,
    naming: Naming,
    timeline: Callable[[Meter], Timeline] = lambda _: Timeline(),
    floor: Decimal = Decimal(0),
) -> tuple[Book, ...]:
    """All of them.

    Args:
        ledger: the truth.
        naming: how statistics are called.
        timeline: a meter's contracts; those without any have no costs.
        floor: what a month's peak counts for at least, kW.
    """
    costs = Costs(ledger, naming, timeline), StandingCosts(ledger, naming, timeline, floor)
    return Energy(ledger, naming), *(Remembered(each, ledger) for each in costs)
