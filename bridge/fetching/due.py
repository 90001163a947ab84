"""Whether there is something to ask Fluvius for: pure decisions from what is known of a meter."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import Enum

from bridge.fetching.mandates import AT_MOST_EVERY
from bridge.fetching.note import MeterNote
from bridge.metering import completeness, meterday
from bridge.metering.completeness import DayFacts
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Day, Energy, Meter

_WINDOW_EVERY = _PEAKS_AGAIN_AFTER = timedelta(hours=20)
_LATELY = timedelta(days=2)
_OVERLAP = timedelta(minutes=15)  # clocks differ


class Occasion(Enum):
    """Why Fluvius is asked."""

    START = "start"
    SCHEDULE = "schedule"
    ONCE = "once"
    ASKED = "asked"  # a person waits for it


def days_are_due(facts: Sequence[DayFacts], note: MeterNote, energy: Energy, now: datetime) -> bool:
    """Whether a day's amounts are worth asking for.

    Also those of a day that is late, where no newer day will bring them along: at once, then once a day.
    """
    if not facts:
        return False
    asked_at = note.window_asked_at
    is_over = facts[-1].date < meterday.latest_ended(now, energy)
    late_too = asked_at is None or (
        is_over and abs(now - asked_at) > _WINDOW_EVERY and bool(completeness.overdue(facts, energy, now))
    )
    return completeness.days_are_due(facts, energy, now, late_too=late_too)


def intervals_are_due(facts: Sequence[DayFacts], meter: Meter, now: datetime) -> bool:
    """Whether a day of intervals is worth asking for, where they may be asked for."""
    return not meter.days_only and completeness.next_intervals_due(facts, meter.energy, now) is not None


def peaks_may_be_asked(note: MeterNote, meter: Meter, now: datetime) -> bool:
    """Once a month: one request for a whole year of peaks; gas has none."""
    failed_at = note.peaks_failed_at
    return (
        meter.energy is not Energy.GAS
        and not (failed_at and abs(now - failed_at) < _PEAKS_AGAIN_AFTER)
        and note.peaks_asked_in != month_under_way(meter.energy, now)
    )


def last_month_is_out(note: MeterNote, latest: Day | None, energy: Energy, now: datetime) -> bool:
    """Whether Fluvius can say the peak of the last month, or was never asked for peaks.

    Args:
        note: when they were asked for.
        latest: the latest complete day.
        energy: what the meter counts.
        now: the present instant, aware.
    """
    this_month = month_under_way(energy, now)
    if note.peaks_asked_in is None or note.peaks_asked_in > this_month:
        return True
    is_over = latest is not None and latest.date >= this_month - ONE_DAY
    return is_over or meterday.is_late(this_month, energy, now)


def stored_since(facts: Sequence[DayFacts], note: MeterNote, meter: Meter, now: datetime) -> datetime | None:
    """From when on to ask for what Fluvius stored; None: ask for the days themselves.

    That is the way the first time, and once a day while one is missing that has not come otherwise.
    """
    stored_until, window_asked_at = note.stored_until, note.window_asked_at
    if stored_until is None or window_asked_at is None or stored_until > now:
        return None
    missing = completeness.overdue(facts, meter.energy, now) or intervals_are_due(facts, meter, now)
    if missing and now - stored_until < _LATELY and now - window_asked_at > _WINDOW_EVERY:
        return None
    return stored_until - _OVERLAP


def is_recent(asked_at: datetime, now: datetime) -> bool:
    """Whether Fluvius was asked so shortly before that it should not be asked again."""
    return abs(now - asked_at) < AT_MOST_EVERY


def month_under_way(energy: Energy, now: datetime) -> date:
    """The month of the meter day that is under way."""
    return meterday.month_of(meterday.day_of(now, energy))
