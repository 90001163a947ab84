"""Whether there is something to ask Fluvius for: decisions from what lies on a meter's desk."""

from datetime import date, datetime, timedelta
from enum import Enum

from bridge.fetching.mandates import AT_MOST_EVERY
from bridge.fetching.meter import Desk, instant
from bridge.metering import completeness, meterday, reviewing
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Energy

_WINDOW_EVERY = _PEAKS_AGAIN_AFTER = timedelta(hours=20)
_LATELY = timedelta(days=2)
_OVERLAP = timedelta(minutes=15)  # clocks differ


class Occasion(Enum):
    """Why Fluvius is asked."""

    START = "start"
    SCHEDULE = "schedule"
    ONCE = "once"
    ASKED = "asked"  # a person waits for it


def is_due(desk: Desk, occasion: Occasion) -> bool:
    """Whether anything is worth asking for a meter. Days that are settled count as such."""
    meter, now = desk.meter, desk.now
    if not desk.window:
        before = now - reviewing.EVERY
        return bool(
            desk.to_review
            or (
                not desk.abilities.at_once
                and desk.ledger.reviews.awaiting_intervals(meter, *desk.watched, before)[0]
            )
        )
    if occasion is Occasion.ASKED or desk.is_exchanged:
        return True
    last_attempt = instant(desk.note.last_attempt)
    restarted = occasion in {Occasion.START, Occasion.ONCE}
    if restarted and last_attempt and is_recent(last_attempt, now):
        return False
    desk.settle_by_time()
    return days_are_due(desk) or intervals_are_due(desk) or peaks_are_due(desk) or bool(desk.to_review)


def days_are_due(desk: Desk) -> bool:
    """Also those that are late, where no newer day will bring them along: at once, then once a day."""
    facts, energy, now = desk.facts, desk.meter.energy, desk.now
    if not facts:
        return False
    asked_at = instant(desk.note.window_asked_at)
    is_over = facts[-1].date < meterday.latest_ended(now, energy)
    late_too = asked_at is None or (
        is_over and abs(now - asked_at) > _WINDOW_EVERY and bool(completeness.overdue(facts, energy, now))
    )
    return completeness.days_are_due(facts, energy, now, late_too=late_too)


def intervals_are_due(desk: Desk) -> bool:
    """Whether a day of intervals is worth asking for, where they may be asked for."""
    meter = desk.meter
    return (
        not meter.days_only
        and completeness.next_intervals_due(desk.facts, meter.energy, desk.now) is not None
    )


def peaks_are_due(desk: Desk) -> bool:
    """Once a month, when the last one is over: one request for a whole year of peaks."""
    meter, note, now = desk.meter, desk.note, desk.now
    if meter.energy is Energy.GAS or not desk.abilities.has_peaks or not desk.window:
        return False
    failed_at = instant(note.peaks_failed_at)
    if failed_at and abs(now - failed_at) < _PEAKS_AGAIN_AFTER:
        return False
    this_month = month_under_way(desk)
    if note.peaks_asked_in == this_month.isoformat():
        return False
    if note.peaks_asked_in is None or note.peaks_asked_in > this_month.isoformat():
        return True
    latest = desk.ledger.days.latest_complete_day(meter)
    last_month_is_over = latest is not None and latest.date >= this_month - ONE_DAY
    return last_month_is_over or meterday.is_late(this_month, meter.energy, now)


def stored_since(desk: Desk) -> datetime | None:
    """From when on to ask for what Fluvius stored; None: ask for the days themselves.

    That is the way the first time, and once a day while one is missing that has not come otherwise.
    """
    now = desk.now
    stored_until, window_asked_at = instant(desk.note.stored_until), instant(desk.note.window_asked_at)
    if stored_until is None or window_asked_at is None or stored_until > now:
        return None
    missing = completeness.overdue(desk.facts, desk.meter.energy, now) or intervals_are_due(desk)
    if missing and now - stored_until < _LATELY and now - window_asked_at > _WINDOW_EVERY:
        return None
    return stored_until - _OVERLAP


def is_recent(asked_at: datetime, now: datetime) -> bool:
    """Whether Fluvius was asked so shortly before that it should not be asked again."""
    return abs(now - asked_at) < AT_MOST_EVERY


def month_under_way(desk: Desk) -> date:
    """The month of the meter day that is under way."""
    return meterday.month_of(meterday.day_of(desk.now, desk.meter.energy))
