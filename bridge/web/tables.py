"""The numbers below a picture, so that nothing is in colours alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from bridge.metering.model import BRUSSELS
from bridge.web.readings import Amounts, Day, Period, PriceCurve, Sum
from bridge.web.speech import Speech
from bridge.web.vocabulary import PER_KWH, by_tariff, names, part, sides, states, unit


@dataclass(frozen=True, slots=True)
class Row:
    """What is told of a time."""

    head: str
    cells: Sequence[str]
    url: str | None = None  # of its own page
    note: str = ""
    parts: Sequence[Sequence[str]] = ()  # what its first cells are made of


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below their heads."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Row]
    foot: Row | None = None
    derived: str | None = None  # the head of what the others say already: a telephone has no room for it


def of_day(say: Speech, day: Day) -> Table:
    """A day slot by slot."""
    shown = sides([slot.amounts for slot in day.slots])
    unknown = names(say)["hole"]
    rows = [
        Row(
            f"{say.time(slot.start)} – {say.time(slot.end)}",  # noqa: RUF001 - a dash between two times
            _cells(say, shown, slot.amounts),
            note="" if slot.is_whole else unknown,
            parts=_tariffs(say, shown, slot.amounts),
        )
        for slot in day.slots
    ]
    return Table(say.gettext("Every interval"), [say.gettext("Time"), *_heads(say, shown)], rows)


def of_period(
    say: Speech, period: Period, heads: Sequence[str], urls: Sequence[str | None], caption: str
) -> Table:
    """A month by its days, a year by its months, all years.

    Args:
        say: the visitor's language.
        period: what is told.
        heads: of the rows, after that of their column.
        urls: of the rows' own pages.
        caption: of the table.
    """
    shown = sides([period.sum.amounts])
    has_net = period.sum.amounts is not None and period.sum.amounts.net is not None
    has_costs = period.sum.costs is not None

    def row(head: str, sum_: Sum, url: str | None = None) -> Row:
        costs = [say.number(sum_.costs.total if sum_.costs else None, 2, always=True)] if has_costs else []
        net = [say.number(sum_.amounts.net if sum_.amounts else None)] if has_net else []
        cells = [*_cells(say, shown, sum_.amounts), *costs, *net]
        return Row(head, cells, url, _note(say, sum_), _tariffs(say, shown, sum_.amounts))

    rows = [row(*each) for each in zip(heads[1:], period.rows, urls, strict=True)]
    net_head = f"{say.gettext('Net')} (kWh)" if has_net else None
    shown_heads = [
        *(heads[0], *_heads(say, shown)),
        *([f"{say.gettext('Costs')} (€)"] if has_costs else []),
        *filter(None, [net_head]),
    ]
    return Table(caption, shown_heads, rows, row(say.gettext("Together"), period.sum), net_head)


def of_price(say: Speech, curve: PriceCurve) -> Table:
    """What a kilowatt-hour that is consumed now is made of, by tariff."""
    tariffs = list(curve.parts)
    rows = [
        Row(part(say, each), [_price(say, curve.parts[tariff].get(each)) for tariff in tariffs])
        for each in dict.fromkeys(each for parts in curve.parts.values() for each in parts)
    ]
    heads = [f"{names(say)[f'line consumption {tariff}']} ({PER_KWH})" for tariff in tariffs]
    foot = Row(say.gettext("Together"), [_price(say, curve.now.consumption[tariff]) for tariff in tariffs])
    return Table(say.gettext("What is in it"), [say.gettext("Part"), *heads], rows, foot)


def of_prices(say: Speech, curve: PriceCurve) -> Table:
    """Today's and tomorrow's prices, quarter-hour by quarter-hour, as far as they are known."""
    known = [each for each in curve.quarters if each and not each.is_unknown]
    by_side = {
        "consumption": [each.consumption for each in known],
        "injection": [each.injection for each in known],
    }
    shown = {side: prices for side, prices in by_side.items() if any(prices)}
    rows = [
        Row(
            f"{say.short_day(each.start.astimezone(BRUSSELS).date())}, {say.time(each.start)}",
            ["" if "high" in prices else _price(say, prices.get("total")) for prices in of_sides],
            parts=[by_tariff(say, prices, partial(_price, say)) for prices in of_sides],
        )
        for each, *of_sides in zip(known, *shown.values(), strict=True)
    ]
    heads = [f"{names(say)[f'line {side} total']} ({PER_KWH})" for side in shown]
    return Table(say.gettext("Every quarter-hour"), [say.gettext("Time"), *heads], rows)


def _price(say: Speech, amount: Decimal | None) -> str:
    return say.number(amount, 4, always=True)


def _heads(say: Speech, shown: Sequence[str]) -> list[str]:
    return [f"{names(say)[f'{side} total']} ({unit(side)})" for side in shown]


def _cells(say: Speech, shown: Sequence[str], amounts: Amounts | None) -> list[str]:
    return [say.number(amounts.of(side) if amounts else None) for side in shown]


def _tariffs(say: Speech, shown: Sequence[str], amounts: Amounts | None) -> list[list[str]]:
    return [by_tariff(say, amounts.sides.get(side, {}), say.number) if amounts else [] for side in shown]


def _note(say: Speech, row: Sum) -> str:
    """What a person should know of it: days that are not there, and those that were corrected."""
    notes = []
    if not row.days:
        notes.append(states(say)[row.state])
    elif row.before:
        notes.append(
            say.ngettext(
                "%(num)s day before the first reading", "%(num)s days before the first reading", row.before
            )
            % {"num": row.before}
        )
    if row.days and (missing := row.missing - row.before):
        notes.append(
            say.ngettext("%(num)s day is missing", "%(num)s days are missing", missing) % {"num": missing}
        )
    if row.corrected and row.first == row.last:
        notes.append(say.gettext("Corrected"))
    return ", ".join(notes)
