"""What is told of a meter beside its readings, as tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from bridge.ledger import Correction
from bridge.metering.agreement import Disagreement
from bridge.metering.model import SIDES, Register, Tariff
from bridge.text.words import Payload
from bridge.web import vocabulary
from bridge.web.speech import Speech
from bridge.web.tables import Row, Table


def of_corrections(
    say: Speech, caption: str, corrections: Sequence[Correction], url: Callable[[date], str]
) -> Table:
    """Which amounts of which days gave way to which others, and when they did here."""
    rows = [
        Row(
            say.short_day(each.date),
            [say.number(each.was), say.number(each.became), say.instant(each.at)],
            url(each.date),
            note=_register(say, each.register),
        )
        for each in corrections
    ]
    heads = [say.gettext("Day"), say.gettext("Before"), say.gettext("Now"), say.gettext("When")]
    return Table(caption, heads, rows)


def of_disagreements(
    say: Speech, found: Mapping[date, Sequence[Disagreement]], url: Callable[[date], str]
) -> Table:
    """Days whose intervals do not add up to their amounts."""
    rows = [
        Row(
            say.short_day(on),
            [say.number(amount) for amount in (each.day, each.intervals, each.difference)],
            url(on),
            note=_register(say, Register(each.flow[0], Tariff.TOTAL, each.flow[1])),
        )
        for on, of_day in found.items()
        for each in of_day
    ]
    heads = [
        say.gettext("Day"),
        say.gettext("Amount of the day"),
        say.gettext("Its intervals together"),
        say.gettext("Difference"),
    ]
    return Table(say.gettext("Intervals that do not add up"), heads, rows)


def _register(say: Speech, register: Register) -> str:
    side = next(side for side, flow in SIDES.items() if flow == (register.direction, register.unit))
    return f"{vocabulary.names(say)[f'{side} {register.tariff}']} ({register.unit})"


def of_peaks(say: Speech, said: Payload, differences: Sequence[Payload]) -> Table:
    """The monthly peaks that are known, the newest first, as the capacity tariff bills them.

    Args:
        say: the visitor's language.
        said: the payload of `peak`.
        differences: the months of which Fluvius gives another one.
    """
    given = {each["month"]: each["portal"] for each in differences}
    floor = said["floor"]
    this = [{**said, "billed": max(said["peak"], floor)}] if said["peak"] is not None else []
    rows = [
        Row(
            say.month(date.fromisoformat(f"{each['month']}-01")),
            [say.number(each["peak"], always=True), say.number(each["billed"], always=True)],
            note=", ".join(_notes_on_peak(say, each, given.get(each["month"]))),
        )
        for each in [*this, *said["months"]]
    ]
    foot = Row(
        say.gettext("Mean, as billed"),
        ["", say.number(said["mean"], always=True)],
        note=say.gettext("of the months before this one"),
    )
    heads = [say.gettext("Month"), say.gettext("Peak (kW)"), say.gettext("Billed (kW)")]
    return Table(say.gettext("Monthly peaks"), heads, rows, foot if said["mean"] is not None else None)


def _notes_on_peak(say: Speech, month: Payload, given: Decimal | None) -> Iterator[str]:
    yield say.instant(month["start"])
    if "source" not in month:
        yield say.gettext("so far")
    if given is not None:
        yield say.gettext("Fluvius says %(peak)s kW") % {"peak": say.number(given)}
