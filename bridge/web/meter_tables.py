"""What is told of a meter beside its readings, as tables."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal

from bridge.ledger import Correction
from bridge.metering import meterday
from bridge.metering.agreement import Disagreement
from bridge.metering.model import SIDES, Meter, Register, Tariff
from bridge.text.words import Payload
from bridge.web import vocabulary
from bridge.web.readings import Lack, State
from bridge.web.speech import Speech
from bridge.web.tables import Row, Table


def of_awaited(
    say: Speech, meter: Meter, lacking: Mapping[date, Lack | None], overdue: Collection[date]
) -> Table:
    """The days that Fluvius may have published, since when they are awaited, and what each lacks.

    Args:
        say: the visitor's language.
        meter: whose days they are.
        lacking: the days, oldest first.
        overdue: those of them that are later than Fluvius ever was.
    """
    rows = [
        Row(
            say.short_day(on),
            [
                say.instant(meterday.end_of(on, meter.energy)),
                vocabulary.lack(say, lack, meter.energy) if lack else vocabulary.states(say)[State.COMPLETE],
            ],
            note=say.gettext("Later than Fluvius ever was") if on in overdue else "",
        )
        for on, lack in lacking.items()
    ]
    heads = [say.gettext("Day"), say.gettext("Awaited since"), say.gettext("Why")]
    return Table(say.gettext("Awaited"), heads, rows)


def of_corrections(say: Speech, corrections: Sequence[Correction], url: Callable[[date], str]) -> Table:
    """Which amounts of which days gave way to which others, and when they did here."""
    rows = [
        Row(
            say.short_day(each.date),
            [
                _register(say, each.register),
                say.number(each.was),
                say.number(each.became),
                say.instant(each.at),
            ],
            url(each.date),
        )
        for each in corrections
    ]
    heads = [
        say.gettext("Day"),
        say.gettext("What"),
        say.gettext("Before"),
        say.gettext("Now"),
        say.gettext("Since"),
    ]
    return Table(say.gettext("Corrected lately"), heads, rows)


def of_disagreements(
    say: Speech, found: Mapping[date, Sequence[Disagreement]], url: Callable[[date], str]
) -> Table:
    """Days whose intervals do not add up to their amounts."""
    rows = [
        Row(
            say.short_day(on),
            [
                _register(say, Register(each.flow[0], Tariff.TOTAL, each.flow[1])),
                *(say.number(amount) for amount in (each.day, each.intervals, each.difference)),
            ],
            url(on),
        )
        for on, of_day in found.items()
        for each in of_day
    ]
    heads = [
        say.gettext("Day"),
        say.gettext("What"),
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
            [
                say.number(each["peak"], always=True),
                say.instant(each["start"]),
                say.number(each["billed"], always=True),
            ],
            note=_note_on_peak(say, each, given.get(each["month"])),
        )
        for each in [*this, *said["months"]]
    ]
    foot = Row(
        say.gettext("Mean, as billed"),
        ["", "", say.number(said["mean"], always=True)],
        note=say.gettext("of the months before this one"),
    )
    heads = [say.gettext("Month"), say.gettext("Peak (kW)"), say.gettext("When"), say.gettext("Billed (kW)")]
    return Table(say.gettext("Monthly peaks"), heads, rows, foot if said["mean"] is not None else None)


def _note_on_peak(say: Speech, month: Payload, given: Decimal | None) -> str:
    if "source" not in month:
        return say.gettext("so far")
    if given is None:
        return ""
    return say.gettext("Fluvius says %(peak)s kW") % {"peak": say.number(given)}
