"""Months, years and all of them out of the ledger, for their pages."""

from datetime import date, datetime
from decimal import Decimal

from bridge.ledger import Records
from bridge.metering.contract import Timeline
from bridge.metering.model import Meter
from bridge.web.readings import Period


def month(
    records: Records, meter: Meter, month: date, now: datetime, timeline: Timeline, floor: Decimal
) -> Period:
    """A month by its days, beside the same month of the year before; `month` is its first day."""
    raise NotImplementedError


def year(
    records: Records, meter: Meter, year: int, now: datetime, timeline: Timeline, floor: Decimal
) -> Period:
    """A year by its months, beside the year before."""
    raise NotImplementedError


def years(records: Records, meter: Meter, now: datetime, timeline: Timeline, floor: Decimal) -> Period | None:
    """All years of which anything is known, by year; None while nothing is."""
    raise NotImplementedError
