"""A day out of the ledger, for its page."""

from datetime import date, datetime
from decimal import Decimal

from bridge.ledger import Records
from bridge.metering.contract import Timeline
from bridge.metering.model import Meter
from bridge.web.readings import Day


def latest(records: Records, meter: Meter, now: datetime) -> date | None:
    """The day that is shown where none is asked for: the latest complete one, else the latest known."""
    raise NotImplementedError


def day(
    records: Records, meter: Meter, on: date, now: datetime, timeline: Timeline, floor: Decimal
) -> Day:
    """Any day, whether it is known or not.

    Args:
        records: the ledger.
        meter: whose day it is.
        on: the day.
        now: the present instant, aware.
        timeline: the meter's contracts; without any, it has no costs.
        floor: what a month's peak counts for at least, kW.

    Raises:
        LedgerError: it cannot be read.
    """
    raise NotImplementedError
