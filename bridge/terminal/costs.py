"""What days cost, as `fluvius2mqtt show --costs` draws it: each part a column, to the cent.

The compensation is drawn as what it takes away, so that a line adds up.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from rich.style import Style
from rich.text import Text

from bridge.metering.contract import Part
from bridge.terminal.chart import ATTENTION, FAINT
from bridge.terminal.columns import aligned, width_of
from bridge.text.words import Payload

_BOLD = Style(bold=True)
_HEADS = {part: "VAT" if part is Part.VAT else str(part) for part in Part}


def cost_table(costs: Payload | None, days: Sequence[Payload], width: int) -> Iterator[Text]:
    """The days, their sum and the months, and why something is unknown.

    Args:
        costs: of a meter, as in the document of `bridge.commands.show`.
        days: all that are shown, whether they are complete or not.
        width: columns of the terminal.
    """
    if costs is None:
        yield Text("what it cost: the configuration has no prices of this meter", FAINT)
        return
    known = {day["date"]: day for day in costs["days"]}
    labels = [(f"{date.fromisoformat(day['date']):%a} ", day["date"]) for day in days]
    cells = [cells_of(known[day["date"]]) if day["date"] in known else _word(day["state"]) for day in days]
    below = [
        [_counted(costs["sum"]["days"], len(days)), *_cells_if_any(costs["sum"])],
        *([_month(each["month"]), *_cells_if_any(each)] for each in (costs["month"], costs["last"])),
    ]
    heads = [costs["currency"], *_HEADS.values(), "total"]
    wide, narrow = (
        [
            heads,
            *([weekday * with_days + day, *row] for (weekday, day), row in zip(labels, cells, strict=True)),
        ]
        for with_days in (True, False)
    )
    rows = [*(wide if width_of([*wide, *below]) <= width else narrow), *below]
    lines = aligned(rows, width)
    edge = len(lines) - len(below)
    yield Text(lines[0], FAINT)
    yield from map(Text, lines[1:edge])
    yield Text()
    yield Text(lines[edge], _BOLD)
    yield from map(Text, lines[edge + 1 :])
    yield from _reasons(costs)


def cells_of(bill: Payload) -> list[str]:
    """A bill's parts and its total; a question mark for what is unknown."""
    signed = {
        name: -amount if name == Part.COMPENSATION and amount is not None else amount
        for name, amount in bill.items()
        if name in (*Part, "total")
    }
    return [money(signed[name]) for name in (*map(str, Part), "total")]


def money(amount: Decimal | None) -> str:
    """To the cent."""
    return "?" if amount is None else f"{amount:z.2f}"


def _cells_if_any(costs: Payload) -> list[str]:
    return cells_of(costs) if costs["days"] else _word("unknown")


def _word(word: str) -> list[str]:
    return [*[""] * len(Part), word]


def _counted(known: int, days: int) -> str:
    return f"{days} days" if known == days else f"{known} of {days}"


def _month(month: str) -> str:
    return f"{date.fromisoformat(f'{month}-01'):%B}"


def _reasons(costs: Payload) -> Iterator[Text]:
    """Why something is unknown, and on how many days; of the months, what the days do not say."""
    days = Counter(why for day in costs["days"] for why in day.get("unknown", ()))
    for why, count in days.items():
        yield Text(f"?  on {count} {'day' if count == 1 else 'days'}: {why}", ATTENTION)
    for each in costs["month"], costs["last"]:
        for why in each.get("unknown", ()):
            if why not in days:
                yield Text(f"?  in {_month(each['month'])}: {why}", ATTENTION)
