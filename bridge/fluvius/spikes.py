"""The portal's answer about monthly peaks: the highest quarter-hour of each month, in kW."""

from contextlib import suppress
from typing import Any

from bridge.fluvius import values
from bridge.fluvius.errors import ShapeChanged
from bridge.fluvius.values import NotUnderstood
from bridge.model import Peak


def read(answer: Any) -> list[Peak]:
    """The peaks of an answer; months that cannot be understood, or have none yet, are left out.

    Raises:
        ShapeChanged: it is no answer about peaks.
    """
    if not isinstance(answer, list):
        raise ShapeChanged("Fluvius answered something else than a list of monthly peaks")
    peaks = []
    for month in answer:
        with suppress(AttributeError, IndexError, KeyError, TypeError, NotUnderstood):
            peaks.append(_peak(month))
    return peaks


def _peak(month: Any) -> Peak:
    peak = month["v"][0]
    start = values.instant(peak["sst"])
    if not values.instant(month["d"]) <= start < values.instant(month["de"]):
        raise NotUnderstood
    return Peak(start, values.amount(peak["v"]), "portal")
