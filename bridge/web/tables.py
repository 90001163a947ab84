"""The numbers below a picture, so that nothing is in colours alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.web.readings import Amounts, Costs, Day, Period, Sum
from bridge.web.speech import Speech
from bridge.web.vocabulary import Register, names, registers, states, unit


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
    elif row.missing:
        notes.append(
            say.ngettext("%(num)s day is missing", "%(num)s days are missing", row.missing)
            % {"num": row.missing}
        )
    if row.corrected and row.first == row.last:
        notes.append(say.gettext("Corrected"))
    return ", ".join(notes)
