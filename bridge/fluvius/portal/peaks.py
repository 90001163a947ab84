"""The portal's answer about monthly peaks: the highest quarter-hour of each month, in kW."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bridge.fluvius import limits, values
from bridge.fluvius.errors import ShapeChanged
from bridge.fluvius.values import NotUnderstood, Span
from bridge.metering.model import Peak

_MOST = Decimal(limits.ON_THE_PORTAL.kwh)  # kW: in an hour as many kWh


@dataclass(frozen=True, slots=True)
class Found:
    """What an answer held."""

    peaks: list[Peak]
    misunderstood: int  # months that could not be read


def read(answer: Any, wanted: Span) -> Found:
    """The peaks of an answer; months that cannot be understood, or have none yet, are left out.

    Args:
        answer: the decoded JSON, numbers with a fraction as `Decimal`.
        wanted: the time that was asked about; other months' peaks are left out too.

    Raises:
        ShapeChanged: it is no answer about peaks.
    """
    if not isinstance(answer, list):
        raise ShapeChanged("Fluvius answered something other than a list of monthly peaks")
    peaks, misunderstood = [], 0
    for month in answer:
        try:
            peaks += _peaks(month)
        except (AttributeError, IndexError, KeyError, TypeError, NotUnderstood):
            misunderstood += 1
    return Found([peak for peak in peaks if wanted[0] <= peak.start < wanted[1]], misunderstood)


def _peaks(month: Any) -> list[Peak]:
    """A month's peak; none yet, perhaps."""
    if not month["v"] or month["v"][0]["v"] is None:
        return []
    peak = month["v"][0]
    start = values.instant(peak["sst"])
    if not values.instant(month["d"]) <= start < values.instant(month["de"]):
        raise NotUnderstood
    return [Peak(start, values.amount(peak["v"], _MOST), "portal")]
