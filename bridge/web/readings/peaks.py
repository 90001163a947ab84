"""The monthly peaks that the capacity tariff bills: what `peak` says on the broker, for their page."""

from bridge.metering import meterday
from bridge.metering.model import Energy
from bridge.publishing import monthly
from bridge.text.words import Payload
from bridge.web.readings.history import History

MONTHS = 13  # this one, and the twelve that are billed


def peaks(history: History) -> tuple[Payload, list[Payload]] | None:
    """The payload of `peak`, and that of `peak_differences` in `status`; None where no peak is known.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    records, meter = history.records, history.meter
    if meter.energy is Energy.GAS or history.known is None:
        return None
    this = meterday.month_of(meterday.day_of(history.now, meter.energy))
    months = records.peaks.peak_months(meter, meterday.months_until(this, MONTHS))
    prices = monthly.peak_prices(history.timeline.at(history.now), records.days.latest_complete_day(meter))
    said = monthly.peak(meter, months, history.floor, prices)
    return (said, monthly.peak_differences(months)) if said else None
