"""What the reading pages draw: the values of `readings` as the pictures of `pictures`.

Words come from the page, in its reader's language.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import zip_longest

from markupsafe import Markup

from bridge.metering.costs import Price
from bridge.metering.model import Direction, Energy, Tariff
from bridge.publishing.scale import hours_of_the_clock
from bridge.text.words import Payload
from bridge.web.pictures.columns import Block, Column, columns, middles
from bridge.web.pictures.curve import Line, Now, curve
from bridge.web.pictures.frame import Caption, Mark
from bridge.web.readings import Amounts, Day, Period, PriceCurve, Sum

POWER = {Energy.ELECTRICITY: "kW", Energy.GAS: "kWh/h"}
ENERGY = "kWh"

_HOUR, _QUARTER_HOUR = timedelta(hours=1), timedelta(minutes=15)
_UP_AND_DOWN = {"consumption": 1, "injection": -1}


def day(day: Day, caption: Caption, when: Callable[[datetime], str]) -> Markup:
    """A day's power, slot by slot, with its peak; empty where the day has no slots.

    Args:
        day: the day.
        caption: what is said of the picture. Its names are by side and tariff (`consumption high`, ..,
            `injection total`) and `hole`, in the legend and where one points at a slot.
        when: how an instant is told, as 13:45.
    """
    if not day.slots:
        return Markup()
    step = day.slots[0].end - day.slots[0].start
    factor = Decimal(_HOUR // step)
    drawn = []
    for slot in day.slots:
        blocks = list(_blocks(slot.amounts, factor))
        peak = slot.amounts and slot.amounts.of("consumption")
        drawn.append(
            Column(
                _said(when(slot.start), blocks, caption, "" if slot.is_whole else caption.names.get("hole")),
                blocks,
                is_hole=not slot.is_whole,
                note=f"{caption.number(peak * factor)} {caption.unit}, {when(slot.start)}"
                if peak and slot == day.peak
                else "",
            )
        )
    return columns(drawn, _marks(day.slots[0].start, day.slots[-1].end, step, 3), caption)


def period(
    period: Period, caption: Caption, when: Callable[[date], str], label: Callable[[date], str]
) -> Markup:
    """A month, a year or all years, row by row, beside the year before where that is known.

    Args:
        period: what is drawn.
        caption: as for `day`; its names hold `then` for the year before, and each `State` too.
        when: how a row is told, by its first day, where one points at it.
        label: the same below it, as short as can be.
    """
    before = period.comparison.rows if period.comparison else ()
    drawn = []
    for row, then in zip_longest(period.rows, before):
        blocks = list(_blocks(row.amounts, Decimal(1)))
        why = caption.names.get(row.state) if row.missing or not row.days else None
        drawn.append(
            Column(
                _said(when(row.first), blocks, caption, why, _then(then, caption)),
                blocks,
                is_hole=row.missing > 0,
                then=[block.amount for block in _totals(then.amounts if then else None)],
                then_is_hole=then is not None and then.missing > 0,
            )
        )
    return columns(drawn, middles([label(row.first) for row in period.rows]), caption)


def peaks(
    months: Sequence[date],
    said: Payload,
    caption: Caption,
    when: Callable[[date], str],
    label: Callable[[date], str],
) -> Markup:
    """Monthly peaks, and what is billed where one lies below the floor.

    Args:
        months: by their first days, oldest first, the present one last.
        said: the payload of `peak`.
        caption: as for `day`; the floor, as far as it lies above a peak, is `consumption low`.
        when: how a month is told.
        label: the same below it, as short as can be.
    """
    known = {each["month"]: each["peak"] for each in [*said["months"], said]}
    drawn = [_peak(when(first), known.get(f"{first:%Y-%m}"), said["floor"], caption) for first in months]
    return columns(drawn, middles([label(first) for first in months]), caption)


def _peak(when: str, peak: Decimal | None, floor: Decimal, caption: Caption) -> Column:
    if peak is None:
        return Column(_said(when, [], caption, caption.names.get("hole")), is_hole=True)
    counted = Block("consumption high", peak)
    if peak >= floor:
        return Column(_said(when, [counted], caption), [counted])
    words = _said(when, [counted, Block("consumption low", floor)], caption)
    return Column(words, [counted, Block("consumption low", floor - peak)])


def prices(
    shown: PriceCurve,
    caption: Caption,
    when: Callable[[datetime], str],
    weekday: Callable[[datetime], str],
    at_now: str,
) -> Markup:
    """What a kilowatt-hour costs and brings today and tomorrow.

    Args:
        shown: the prices.
        caption: as for `day`; its names are by direction and tariff, with `line` before them.
        when: how an instant is told.
        weekday: how a day is told where it begins, as short as can be.
        at_now: what is written at the present.
    """
    lines = [
        Line(f"line {direction} {tariff}", [_price(each, direction, tariff) for each in shown.quarters])
        for direction in (Direction.CONSUMPTION, Direction.INJECTION)
        for tariff in Tariff
        if any(_price(each, direction, tariff) is not None for each in shown.quarters)
    ]
    starts = [shown.start + _QUARTER_HOUR * place for place in range(len(shown.quarters))]
    words = [_prices_said(when(start), lines, place, caption) for place, start in enumerate(starts)]
    hours = _marks(shown.start, shown.end, _QUARTER_HOUR, 6)
    days = {starts.index(each): weekday(each) for each in (shown.start, shown.tomorrow)}
    marks = [Mark(mark.at, days.get(round(mark.at), mark.word)) for mark in hours]
    return curve(lines, words, marks, Now(starts.index(shown.now.start), at_now), caption)


def _prices_said(when: str, lines: Sequence[Line], place: int, caption: Caption) -> str:
    known = [
        f"{caption.names.get(line.look, '')} {caption.number(price)} {caption.unit}"
        for line in lines
        if (price := line.prices[place]) is not None
    ]
    return f"{when}{caption.colon} {', '.join(known) or caption.names.get('hole', '')}"


def _price(price: Price | None, direction: Direction, tariff: Tariff) -> Decimal | None:
    if price is None:
        return None
    return (price.consumption if direction is Direction.CONSUMPTION else price.injection).get(tariff)


def _blocks(amounts: Amounts | None, factor: Decimal) -> Iterator[Block]:
    """The tariffs on top of each other; the total where there are none."""
    sides = amounts.sides if amounts else {}
    for side, sign in _UP_AND_DOWN.items():
        tariffs = sides.get(side, {})
        for tariff in [each for each in ("high", "low") if each in tariffs] or tariffs:
            yield Block(f"{side} {tariff}", sign * factor * tariffs[tariff])


def _totals(amounts: Amounts | None) -> Iterator[Block]:
    for side, sign in _UP_AND_DOWN.items():
        if total := amounts and amounts.of(side):
            yield Block(side, sign * total)


def _then(row: Sum | None, caption: Caption) -> str | None:
    if row is None or row.amounts is None:
        return None
    amounts = [f"{caption.number(abs(each.amount))} {caption.unit}" for each in _totals(row.amounts)]
    return f"{caption.names.get('then', '')} {' / '.join(amounts)}" if amounts else None


def _said(when: str, blocks: Sequence[Block], caption: Caption, *more: str | None) -> str:
    counted = [
        f"{caption.names.get(block.look, '')} {caption.number(abs(block.amount))} {caption.unit}"
        for block in blocks
    ]
    return f"{when}{caption.colon} {', '.join(filter(None, [*counted, *more]))}"


def _marks(start: datetime, end: datetime, step: timedelta, every: int) -> list[Mark]:
    """Hours of the clock, where they are."""
    return [Mark((instant - start) / step, hour) for instant, hour in hours_of_the_clock(start, end, every)]
