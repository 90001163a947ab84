"""The Energy API: days and intervals in one answer, since the last."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter

from bridge.fetching import due
from bridge.fetching.meter import Desk, News
from bridge.fetching.steps import known_days_only
from bridge.fluvius.source import AtOnce
from bridge.ledger import Ledger
from bridge.metering import meterday
from bridge.metering.model import Meter, Reading

_LONGEST_DOUBT = timedelta(days=31)  # how long the same is asked for again, until it is understood


def fetch(
    desk: Desk, source: AtOnce, reference: str, news: News, the_time: Callable[[], datetime]
) -> str | None:
    """Days and intervals in one request: those stored since the last one, or else the whole window's.

    Args:
        desk: the meter's.
        source: whom to ask.
        reference: of the meter's mandate.
        news: what became complete.
        the_time: the present instant, aware, which goes on while the cycle lasts.
    """
    meter, window, now, facts = desk.meter, desk.window, desk.now, desk.facts
    since = due.stored_since(facts, desk.note, meter, now)
    asked_at = the_time()
    answer = source.readings(meter, reference, window[0], window[-1], since)
    asked_at = min(asked_at, answer.told_at or asked_at)  # or a clock that is ahead would leave a gap
    readings = _of_known_days(desk, answer.readings)
    awaited = {
        day.date
        for day in facts
        if not meter.days_only
        and (day.corrected or day.disagrees or not (day.complete and day.interval_count))
    }
    touched = {meterday.day_of(each.start, meter.energy) for each in readings} | set(window)
    with desk.ledger.store.transaction():
        record_at_once(desk.ledger, meter, readings, awaited, now, only_new=since is not None)
        news.settle(meterday.span(min(touched), max(touched)))
    if since is None:
        desk.change(window_asked_at=asked_at)
    in_doubt = desk.ledger.days.days_in_doubt(meter, window[0], window[-1])
    is_whole = answer.is_whole and all(meterday.is_late(day, meter.energy, now) for day in in_doubt)
    desk.change(doubt_since=None if is_whole else desk.note.doubt_since or now)
    doubt_since = desk.note.doubt_since
    gave_up = doubt_since is not None and now - doubt_since > _LONGEST_DOUBT
    if (is_whole or gave_up) and (since or desk.note.stored_until is None):
        desk.change(stored_until=asked_at)
    if answer.behind:
        desk.change(behind=answer.behind)
    return answer.remark


def _of_known_days(desk: Desk, readings: Sequence[Reading]) -> Sequence[Reading]:
    """What was stored lately may be of any day; those before the window and before all that is known go."""
    first = desk.window[0]
    if all(meterday.day_of(each.start, desk.meter.energy) >= first for each in readings):
        return readings
    known = desk.ledger.readings.known_span(desk.meter)
    return known_days_only(desk.ledger, desk.meter, readings, min(known[0], first) if known else first)


def record_at_once(
    ledger: Ledger,
    meter: Meter,
    readings: Sequence[Reading],
    asked: AbstractSet[date],
    now: datetime,
    *,
    only_new: bool,
) -> None:
    """Keep days and intervals of one answer; those asked for in vain are remembered too."""
    length = meterday.interval_length(meter.energy)
    days = list[Reading]()
    intervals = defaultdict[date, list[Reading]](list)
    for (start, end), of_slot in groupby(readings, key=attrgetter("start", "end")):
        if end - start == length:
            intervals[meterday.day_of(start, meter.energy)] += of_slot
        else:
            days += of_slot
    with ledger.store.transaction():
        ledger.answers.record_days(meter, days, now)
        for day in sorted(intervals.keys() | asked):
            ledger.answers.record_intervals(meter, day, intervals[day], now, only_new=only_new)
