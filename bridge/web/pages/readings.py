"""What a meter counted: a day, a month by its days, a year by its months, all years."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from bridge.fetching.sources import SOURCES
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import BRUSSELS, Meter
from bridge.web import tables, vocabulary
from bridge.web.pictures import drawings
from bridge.web.pictures.frame import Caption
from bridge.web.readings import FIRST, LAST, Day, Period, State, days, periods
from bridge.web.readings.history import History
from bridge.web.visit import Visit

_GIVEN = 3 * 365 * ONE_DAY  # Fluvius has no more
_HOLES = {State.MISSING, State.BEFORE}  # the bridge does not ask for them by itself


def latest(visit: Visit, name: str) -> Response:
    """The latest day, or the one that was jumped to."""
    if wanted := visit.request.args.get("date"):
        return visit.to("day", name=name, on=_day_of(wanted))
    with _history(visit, name) as history:
        on = history.latest or history.published
        return _day_page(visit, history, on)


def day(visit: Visit, name: str, on: str) -> Response:
    """One day, quarter by quarter."""
    with _history(visit, name) as history:
        return _day_page(visit, history, _day_of(on))


def month(visit: Visit, name: str, of: str) -> Response:
    """One month, by its days, beside the same one a year before."""
    first = _day_of(f"{of}-01")
    with _history(visit, name) as history:
        shown = periods.month(history, first)
    say = visit.speech
    by_day = _Rows(
        "day", say.gettext("Day"), say.gettext("By day"), say.short_day, lambda each: str(each.day)
    )
    return _period_page(visit, shown, "month", say.month(first), by_day, at=first)


def year(visit: Visit, name: str, of: int) -> Response:
    """One year, by its months, beside the year before."""
    if not FIRST.year <= of <= LAST.year:
        raise NotFound
    with _history(visit, name) as history:
        shown = periods.year(history, of)
    say = visit.speech
    by_month = _Rows("month", say.gettext("Month"), say.gettext("By month"), say.month, say.month_name)
    return _period_page(visit, shown, "year", str(of), by_month, at=date(of, 1, 1))


def years(visit: Visit, name: str) -> Response:
    """All years."""
    with _history(visit, name) as history:
        shown = periods.years(history)
        at = history.latest or history.published
        meter = history.meter
    say = visit.speech
    title = say.gettext("All years")
    if shown is None:
        return visit.page("no_readings.html", meter=meter, title=title, at=at)
    by_year = _Rows("year", say.gettext("Year"), say.gettext("By year"), _year, _year)
    return _period_page(visit, shown, "years", title, by_year, at=at)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a period is told by."""

    page: str  # of one of them
    head: str
    caption: str  # of them all
    told: Callable[[date], str]  # each by its first day
    label: Callable[[date], str]  # the same, as short as can be


def _period_page(visit: Visit, shown: Period, kind: str, title: str, by: _Rows, *, at: date) -> Response:
    return visit.page(
        "period.html",
        shown=shown,
        kind=kind,
        title=title,
        picture=drawings.period(shown, _caption(visit, shown, title), by.told, by.label),
        table=tables.of_period(
            visit.speech,
            shown,
            [by.head, *(by.told(row.first) for row in shown.rows)],
            [_url(visit, by.page, shown, row.first) if row.days else None for row in shown.rows],
            by.caption,
        ),
        back=shown.previous and _url(visit, kind, shown, shown.previous),
        on=shown.next and _url(visit, kind, shown, shown.next),
        at=at,
        fetch=_fetch(visit, shown.meter, shown.sum.first, shown.sum.last) if shown.sum.missing else None,
    )


def _fetch(visit: Visit, meter: Meter, first: date, last: date) -> str | None:
    """Where what is missing of a span can be asked for, if Fluvius may still have it."""
    today = visit.house.now().astimezone(BRUSSELS).date()
    first, last = max(first, today - _GIVEN), min(last, today - ONE_DAY)
    if first > last or not SOURCES[meter.source].is_asked:
        return None
    return visit.url("history", **{"from": first, "to": last, "meter": meter.name})


def _url(visit: Visit, page: str, shown: Period, first: date) -> str:
    """Of the day, the month or the year that begins then."""
    name = shown.meter.name
    match page:
        case "day":
            return visit.url(page, name=name, on=first)
        case "month":
            return visit.url(page, name=name, of=f"{first:%Y-%m}")
        case _:
            return visit.url(page, name=name, of=first.year)


def _year(day: date) -> str:
    return str(day.year)


@contextmanager
def _history(visit: Visit, name: str) -> Iterator[History]:
    with visit.meter(name) as (records, meter):
        yield visit.house.history(records, meter)


def _day_page(visit: Visit, history: History, on: date) -> Response:
    shown = days.day(history, on)
    say, name = visit.speech, history.meter.name
    is_yesterday = on == visit.house.now().astimezone(BRUSSELS).date() - ONE_DAY
    caption = Caption(
        "day",
        f"{history.meter.label}, {say.day(on)}",
        _said_of(visit, shown),
        drawings.POWER[history.meter.energy],
        vocabulary.names(say),
        say.number,
        say.colon,
    )
    return visit.page(
        "day.html",
        shown=shown,
        is_yesterday=is_yesterday,
        is_awaited=history.latest is None and _is_first_fetch(visit, history.meter),
        picture=drawings.day(shown, caption, say.time),
        table=tables.of_day(say, shown) if shown.slots else None,
        lack=shown.lacks and vocabulary.lack(say, shown.lacks, history.meter.energy),
        state=vocabulary.states(say)[shown.state],
        back=shown.previous and visit.url("day", name=name, on=shown.previous),
        on=shown.next and visit.url("day", name=name, on=shown.next),
        at=on,
        fetch=_fetch(visit, history.meter, on, on) if shown.state in _HOLES else None,
    )


def _is_first_fetch(visit: Visit, meter: Meter) -> bool:
    """Whether nobody heard yet what there is of a meter."""
    progress = visit.house.window.progress.get(meter.ean)
    return meter.source != "file" and (progress is None or not (progress.last_success or progress.error))


def _said_of(visit: Visit, shown: Day) -> str:
    say = visit.speech
    words = vocabulary.names(say)
    totals = [
        f"{words[f'{side} {tariff}']}{say.colon} {say.number(amount)} {vocabulary.unit(side)}"
        for side, tariffs in (shown.amounts.sides if shown.amounts else {}).items()
        for tariff, amount in tariffs.items()
    ]
    return "; ".join(totals) or words["hole"]


def _caption(visit: Visit, shown: Period, title: str) -> Caption:
    say = visit.speech
    amounts = shown.sum.amounts.sides if shown.sum.amounts else {}
    words = vocabulary.names(say)
    totals = [
        f"{words[f'{side} total']}{say.colon} {say.number(each['total'])}" for side, each in amounts.items()
    ]
    return Caption(
        "period",
        f"{shown.meter.label}, {title}",
        "; ".join(totals),
        drawings.ENERGY,
        words,
        say.number,
        say.colon,
    )


def _day_of(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise NotFound from None
    if not FIRST <= day <= LAST:
        raise NotFound
    return day
