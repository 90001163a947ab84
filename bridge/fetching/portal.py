"""The portal: days, then quarter-hours (gas: hours), then peaks; one request each."""

import logging
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import date

from bridge.fetching import due
from bridge.fetching.meter import Desk, News
from bridge.fetching.steps import Steps
from bridge.fluvius.errors import FluviusError, NotYourMeter, ShapeChanged, TryLater
from bridge.fluvius.source import Stepwise
from bridge.metering import completeness, meterday, reviewing
from bridge.metering.meterday import ONE_DAY
from bridge.metering.silence import SPAN

log = logging.getLogger(__name__)

_MONTHS_OF_PEAKS = 13  # this one, and the twelve that the capacity tariff bills
_OLD_AT_ONCE = 7  # corrected days older than the window, of one meter in one run


def steps_of(
    desk: Desk, source: Stepwise, news: News, count: Callable[[], int], between: Callable[[], None]
) -> Steps:
    """The questions of one meter in one cycle.

    Args:
        desk: the meter's.
        source: whom to ask.
        news: what became complete.
        count: how many requests were made in all.
        between: called after each answer that was kept.
    """

    def kept() -> None:
        news.settle(desk.window)
        between()

    first, last = desk.watched
    return Steps(
        desk.ledger,
        source,
        desk.meter,
        desk.now,
        since=desk.facts[0].date if desk.facts else last,
        planned=len(desk.facts) + (last - first).days // SPAN + 2,  # and the peaks
        count=count,
        kept=kept,
    )


def fetch(desk: Desk, steps: Steps, *, days_too: bool) -> str | None:
    """Daily amounts of the widest span, if a day is missing; then intervals, a day at a time.

    Then what is older and not final, and the intervals of what was corrected.
    """
    facts, energy, now = desk.facts, desk.meter.energy, desk.now
    days_too = days_too or due.days_are_due(facts, desk.note, energy, now)
    missing = completeness.without_amounts(facts, energy, now) if days_too else []
    first, last = desk.watched
    wanted = {*desk.to_review, *missing, *([last] if days_too else ())}
    spans = reviewing.spans_with(wanted, first, last)
    of_window = [span for span in spans if facts and span[1] >= facts[0].date]
    for span in of_window:
        steps.days(*span)
        desk.change(window_asked_at=now)
    unreadable = _ask_for_intervals(desk, steps)
    for span in spans[len(of_window) :]:
        _review(desk, steps, span)
    older = _older_days(desk, steps, first, facts[0].date - ONE_DAY if facts else last)
    steps.more(len(older))
    for day in older:
        _follow_up(desk, steps, day)
    if unreadable:
        raise unreadable
    return steps.remark


def _ask_for_intervals(desk: Desk, steps: Steps) -> FluviusError | None:
    """Those of all days that are due. A day of which they cannot be had holds up no other.

    The day at which Fluvius was in trouble the last time comes last. After an answer that cannot be read the
    oldest day is next, which will not be asked for much longer; after a second one, none: it is not the day.

    Returns:
        What was wrong with the one day.
    """
    put_off, trouble = {desk.note.stumbled_on}, None
    while day := _next_due(desk, put_off, trouble) or (trouble is None and _next_due(desk, set(), None)):
        try:
            steps.intervals(day)
        except (NotYourMeter, ShapeChanged) as error:
            if trouble:
                raise trouble from error
            trouble, put_off = error, {day}
        except TryLater:
            desk.change(stumbled_on=day, last_attempt=desk.now)
            desk.remember()
            raise
    desk.change(stumbled_on=None)
    return trouble


def _next_due(desk: Desk, put_off: AbstractSet[date | None], trouble: FluviusError | None) -> date | None:
    facts = [day for day in desk.facts if day.date not in put_off]
    return completeness.next_intervals_due(
        facts, desk.meter.energy, desk.now, oldest_first=trouble is not None
    )


def _older_days(desk: Desk, steps: Steps, first: date, last: date) -> list[date]:
    """Days before the window whose intervals did not follow a correction, or do not add up."""
    corrected, in_doubt = desk.ledger.reviews.awaiting_intervals(
        desk.meter, first, last, desk.now - reviewing.EVERY
    )
    one_was_asked = any(day.disagrees and day.date in steps.asked for day in desk.facts)
    return corrected[:_OLD_AT_ONCE] + in_doubt[: 0 if one_was_asked else 1]


def _follow_up(desk: Desk, steps: Steps, day: date) -> None:
    try:
        steps.intervals(day)
    except (NotYourMeter, ShapeChanged) as error:
        log.info("%s: no news of %s: %s", desk.meter.name, day, error)
        desk.ledger.answers.record_intervals(desk.meter, day, [], desk.now)  # asked in vain: again in a week


def _review(desk: Desk, steps: Steps, span: reviewing.Span) -> None:
    """Look at days again that are in nobody's way: what cannot be said of them is asked in a week."""
    try:
        steps.days(*span)
    except (NotYourMeter, ShapeChanged) as error:
        log.info("%s: no news of %s to %s: %s", desk.meter.name, *span, error)
        desk.ledger.reviews.looked_at(desk.meter, *span, desk.now)


def fetch_peaks(desk: Desk, source: Stepwise) -> None:
    """Fluvius's own monthly peaks; not every meter has them.

    They are in nobody's way: where Fluvius has trouble with them alone, they are tried again tomorrow.
    """
    meter, now, this_month = desk.meter, desk.now, due.month_under_way(desk.meter.energy, desk.now)
    first = meterday.months_until(this_month, _MONTHS_OF_PEAKS)[0]
    first, last = meterday.span_within(meter, first, meterday.latest_ended(now, meter.energy))
    try:
        desk.ledger.peaks.keep_peaks(meter, source.peaks(meter, first, last), this_month)
    except (NotYourMeter, ShapeChanged) as error:
        log.info("%s: Fluvius has no monthly peaks: %s", meter.name, error)
    except TryLater as error:
        desk.change(peaks_failed_at=now)
        desk.remember()
        if error.not_before:
            raise
        log.info("%s: no monthly peaks today: %s", meter.name, error)
        return
    desk.change(peaks_asked_in=this_month)
