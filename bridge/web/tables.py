"""The numbers below a picture, so that nothing is in colours alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bridge.metering.costs import Price
from bridge.metering.model import BRUSSELS
from bridge.web.readings import Amounts, Costs, Day, Period, PriceCurve, Sum
from bridge.web.speech import Speech
from bridge.web.vocabulary import PER_KWH, Register, names, part, registers, states, unit


@dataclass(frozen=True, slots=True)
class Row:
    """What is told of a time."""

    head: str
    cells: Sequence[str]
    url: str | None = None  # of its own page
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below their heads."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Row]
    foot: Row | None = None


def of_day(say: Speech, day: Day) -> Table:
    """A day slot by slot."""
    shown = registers([slot.amounts for slot in day.slots])
    unknown = names(say)["hole"]
    rows = [
        Row(
            f"{say.time(slot.start)} – {say.time(slot.end)}",  # noqa: RUF001 - a dash between two times
            _cells(say, shown, slot.amounts),
            note="" if slot.is_whole else unknown,
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
    shown = registers([period.sum.amounts])
    has_net = period.sum.amounts is not None and period.sum.amounts.net is not None
    has_costs = period.sum.costs is not None

    def cells(row: Sum) -> list[str]:
        net = [say.number(row.amounts.net if row.amounts else None)] if has_net else []
        return [*_cells(say, shown, row.amounts), *net, *([_total(say, row.costs)] if has_costs else [])]

    rows = [
        Row(head, cells(row), url, _note(say, row))
        for head, row, url in zip(heads[1:], period.rows, urls, strict=True)
    ]
    foot = Row(say.gettext("Together"), cells(period.sum), note=_note(say, period.sum))
    net_head = [f"{say.gettext('Net')} (kWh)"] if has_net else []
    cost_head = [say.gettext("Costs")] if has_costs else []
    return Table(caption, [heads[0], *_heads(say, shown), *net_head, *cost_head], rows, foot)


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
    shown = list(dict.fromkeys(key for each in known for key in _by_side(each)))
    rows = [
        Row(
            f"{say.short_day(each.start.astimezone(BRUSSELS).date())}, {say.time(each.start)}",
            [_price(say, _by_side(each).get(key)) for key in shown],
        )
        for each in known
    ]
    heads = [f"{names(say)[f'line {side} {tariff}']} ({PER_KWH})" for side, tariff in shown]
    return Table(say.gettext("Every quarter-hour"), [say.gettext("Time"), *heads], rows)


def _by_side(price: Price) -> dict[tuple[str, str], Decimal | None]:
    sides = ("consumption", price.consumption), ("injection", price.injection)
    return {(side, tariff): amount for side, prices in sides for tariff, amount in prices.items()}


def _price(say: Speech, amount: Decimal | None) -> str:
    return say.number(amount, 4, always=True)


def _heads(say: Speech, shown: Sequence[Register]) -> list[str]:
    words = names(say)
    return [f"{words[' '.join(each)]} ({unit(each)})" for each in shown]


def _cells(say: Speech, shown: Sequence[Register], amounts: Amounts | None) -> list[str]:
    return [say.number(amounts.of(*each) if amounts else None) for each in shown]


def _total(say: Speech, costs: Costs | None) -> str:
    return say.euros(costs.total if costs else None)


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
