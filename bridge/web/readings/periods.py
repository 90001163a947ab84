"""Months, years and all of them out of the ledger, for their pages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from bridge.ledger.calendar import By, Counted, together
from bridge.metering import meterday
from bridge.metering.costs import BilledDay
from bridge.web.readings import FIRST, LAST, Comparison, Period, State, Sum
from bridge.web.readings.history import History, amounts_of, costs_of

Span = tuple[date, date]  # both included
Billed = Mapping[date, BilledDay]
_NOTHING = Counted(0, 0, {})


def month(history: History, month: date) -> Period:
    """A month by its days, beside the same month of the year before.

    Args:
        history: of a meter.
        month: its first day, from `FIRST` to `LAST`.

    Raises:
        LedgerError: the ledger cannot be read, or a day is not as it was written.
    """
    days = meterday.span(month, meterday.last_of(month))
    return _beside_the_year_before(history, [(day, day) for day in days], By.DAY, meterday.month_of)


def year(history: History, year: int) -> Period:
    """A year by its months, beside the year before; raises as `month` does."""
    months = [date(year, number, 1) for number in range(1, 13)]
    spans = [(each, meterday.last_of(each)) for each in months]
    return _beside_the_year_before(history, spans, By.MONTH, lambda day: day.replace(month=1, day=1))


def years(history: History) -> Period | None:
    """All years of which anything is known, by year; None while nothing is. Raises as `month` does."""
    last, _ = history.records.calendar.neighbours(history.meter, LAST, LAST)
    _, first = history.records.calendar.neighbours(history.meter, FIRST, FIRST)
    if first is None or last is None:
        return None
    every = range(first.year, last.year + 1)
    spans = [(date(each, 1, 1), date(each, 12, 31)) for each in every]
    return _period(history, spans, By.YEAR, history.bills(*_whole(spans)))


def _beside_the_year_before(
    history: History, spans: Sequence[Span], by: By, begin: Callable[[date], date]
) -> Period:
    """Consecutive spans, and where the periods around them begin that one may go on to."""
    billed = history.bills(*_whole(spans))
    period = _period(history, spans, by, billed)
    before, after = history.neighbours(period.sum.first, period.sum.last)
    return replace(
        period,
        previous=before and begin(before),
        next=after and begin(after),
        comparison=_comparison(history, period, by, billed),
    )


def _period(history: History, spans: Sequence[Span], by: By, billed: Billed) -> Period:
    """Consecutive spans, and all of them together."""
    whole = _whole(spans)
    counted = history.records.calendar.counted(history.meter, *whole, by)
    complete = history.records.days.complete_days(history.meter, *whole)
    every = together(counted.values())

    def of(span: Span, counted: Counted) -> Sum:
        first, last = span
        return Sum(
            first,
            last,
            state=history.state(first, last, complete),
            days=counted.days,
            missing=history.missing(first, last, complete),
            corrected=counted.corrected,
            amounts=amounts_of(counted.amounts, every.amounts) if counted.days else None,
            costs=costs_of(bill for day, bill in billed.items() if first <= day <= last),
            before=history.before(first, last),
        )

    rows = tuple(of(span, counted.get(span[0], _NOTHING)) for span in spans)
    return Period(history.meter, of(whole, every), rows)


def _comparison(history: History, period: Period, by: By, billed: Billed) -> Comparison | None:
    """None where nothing is known of the year before."""
    spans = [_a_year_before(row.first, row.last) for row in period.rows]
    known = [span for span in spans if span]
    billed_before = history.bills(*_whole(known))
    before = _period(history, known, by, billed_before)
    if not before.sum.days:
        return None
    by_first = {row.first: row for row in before.rows}
    now = history.records.calendar.counted(history.meter, period.sum.first, period.sum.last, By.DAY)
    then = history.records.calendar.counted(history.meter, before.sum.first, before.sum.last, By.DAY)
    both = {day: span[0] for day in now if (span := _a_year_before(day, day)) and span[0] in then}
    priced = {day: that for day, that in both.items() if day in billed and that in billed_before}
    return Comparison(
        rows=tuple(span and by_first[span[0]] for span in spans),
        this=_alone(period.sum, [now[day] for day in both], [billed[day] for day in priced]),
        that=_alone(
            before.sum,
            [then[day] for day in both.values()],
            [billed_before[day] for day in priced.values()],
        ),
        is_whole=len(both) == (period.sum.last - period.sum.first).days + 1,
    )


def _whole(spans: Sequence[Span]) -> Span:
    return spans[0][0], spans[-1][1]


def _a_year_before(first: date, last: date) -> Span | None:
    """The same day, or the same month; None for 29 February."""
    try:
        begin = first.replace(year=first.year - 1)
    except ValueError:
        return None
    return begin, begin if first == last else meterday.last_of(begin)


def _alone(whole: Sum, days: Sequence[Counted], billed: Iterable[BilledDay]) -> Sum:
    """Some complete days of a span, and what some of them cost, as if there were no others."""
    every = together(days)
    return Sum(
        whole.first,
        whole.last,
        State.COMPLETE,
        every.days,
        0,
        every.corrected,
        amounts_of(every.amounts) if days else None,
        costs_of(billed),
    )
