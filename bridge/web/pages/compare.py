"""The same days under another contract, which somebody pastes; nothing of it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from werkzeug.wrappers import Response

from bridge.config import ConfigError
from bridge.config.price_file import read_prices
from bridge.fetching.readable import NothingKnown
from bridge.ledger import Damaged, Records
from bridge.metering.contract import Part
from bridge.metering.model import Meter
from bridge.publishing.costs import rounded
from bridge.service import comparison
from bridge.service.comparison import MONTHS, OURS, Comparison
from bridge.text.foreign import clean
from bridge.web import vocabulary
from bridge.web.cards import EXAMPLE, card_of
from bridge.web.pages.prices import chosen
from bridge.web.readings import FIRST, LAST, signed
from bridge.web.speech import Speech
from bridge.web.tables import Row, Table
from bridge.web.visit import Visit

_AT_ONCE = 10  # meters
_CARD = "card"  # what mistakes call it


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form holds."""

    card: str
    first: date | None = None
    last: date | None = None
    meter: str = ""
    mistakes: Sequence[str] = ()  # what is wrong with the form itself, in the visitor's language


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it."""

    found: Sequence[Comparison] = ()
    mistakes: Sequence[str] = ()  # the configuration's own words
    unknown: Sequence[str] = ()  # why some meters cannot be compared, likewise


def show(visit: Visit) -> Response:
    """The form, and what comes of it."""
    say, is_sent = visit.speech, visit.request.method == "POST"
    asked, told = _asked(visit) if is_sent else Asked(_own(visit) or EXAMPLE), Told()
    with visit.house.records() as records:
        meters = visit.house.meters(records)
        if is_sent and not asked.mistakes:
            told = _told(visit, asked, records, _meant(meters, asked.meter))
    return visit.page(
        "compare.html",
        asked=asked,
        told=told,
        meters=meters,
        is_own=asked.card == _own(visit),
        may_be_all=len(meters) <= _AT_ONCE,
        tables=[(each, _table(say, each) if each.days else None, _remarks(say, each)) for each in told.found],
    )


def _own(visit: Visit) -> str | None:
    """The household's own prices, of which one changes the numbers."""
    prices = visit.house.settings.prices
    return card_of(prices) if prices else None


def _meant(meters: Sequence[Meter], name: str) -> Sequence[Meter]:
    """The one of that name; without one all, or of too many the first."""
    meter = chosen(meters, name)
    return [meter] if meter and (name or len(meters) > _AT_ONCE) else meters


def _asked(visit: Visit) -> Asked:
    """What was typed, or the file instead of the text."""
    form, say = visit.request.form, visit.speech
    file = visit.request.files.get("file")
    mistakes = []
    card = form.get("card", "")
    if file and file.filename:
        try:
            card = file.stream.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            mistakes.append(say.gettext("The file is not a text."))
    days = [_day(form.get(name, "")) for name in ("from", "to")]
    if "?" in days:
        mistakes.append(say.gettext("That is not a date."))
    first, last = (each if isinstance(each, date) else None for each in days)
    if first and last and first > last:
        mistakes.append(say.gettext("The first day comes after the last one."))
    return Asked(card.replace("\r\n", "\n"), first, last, form.get("meter", ""), mistakes)


def _day(text: str) -> date | str | None:
    """A date, nothing where nothing was typed, or a question mark."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return "?"
    return day if FIRST <= day <= LAST else "?"


def _told(visit: Visit, asked: Asked, records: Records, meters: Sequence[Meter]) -> Told:
    settings = visit.house.settings
    ours = {OURS: settings.prices} if settings.prices else {}
    found: list[Comparison] = []
    unknown: list[str] = []
    try:
        card = read_prices(asked.card, _CARD, settings.meters)
        timelines = comparison.with_prices(meters, {**ours, _CARD: card})
    except ConfigError as error:
        return Told(mistakes=[clean(each) for each in error.mistakes])
    floor, span = settings.capacity_tariff.floor_kw, (asked.first, asked.last)
    for meter, its_own in timelines.items():
        try:
            found.append(comparison.compared(records, meter, its_own, floor, span))
        except (NothingKnown, Damaged) as error:
            visit.found(error)
            unknown.append(str(error))
    return Told(found, unknown=unknown)


def _table(say: Speech, found: Comparison) -> Table:
    """A row for each part, the total, and by how much the card differs."""
    rows = [
        Row(
            vocabulary.part(say, part),
            [_euros(say, signed(part, each.parts[part] or Fraction(0))) for each in found.sums],
        )
        for part in Part
        if any(each.parts[part] for each in found.sums)
    ]
    not_compared = [""] * (len(found.columns) - len(found.differences))
    differences = [
        Row(head, [*not_compared, *(_euros(say, each) for each in amounts)])
        for head, amounts in (
            (say.gettext("Difference"), found.differences),
            (say.gettext("In a year"), found.differences_in_a_year),
        )
        if amounts
    ]
    total = Row(say.gettext("Together"), [_euros(say, each) for each in found.totals])
    return Table(
        found.meter.label,
        [say.gettext("Part"), *(_name(say, column.name) for column in found.columns)],
        [*rows, total, *differences],
    )


def _euros(say: Speech, amount: Fraction) -> str:
    return say.euros(rounded(amount, 2))


def _name(say: Speech, column: str) -> str:
    return say.gettext("Configured") if column == OURS else say.gettext("The card")


def _remarks(say: Speech, found: Comparison) -> list[str]:
    """What is not in the sums and why, and what they leave open."""
    remarks = []
    if found.incomplete:
        remarks.append(
            say.ngettext(
                "%(num)s day is left out: it is missing or not complete.",
                "%(num)s days are left out: they are missing or not complete.",
                found.incomplete,
            )
            % {"num": found.incomplete}
        )
    for column in found.columns:
        for why, count in column.unknown.items():
            left_out = say.ngettext("%(num)s day is left out", "%(num)s days are left out", count)
            days = f"{left_out % {'num': count}} ({_name(say, column.name)})"
            remarks.append(f"{days}{say.colon} {vocabulary.why(say, why)}")
    if found.differences_in_a_year and found.lacks_seasons:
        remarks.append(
            say.gettext("The difference in a year is reckoned from days that are not of all seasons.")
        )
    if found.days and found.months < MONTHS:
        remarks.append(
            say.gettext(
                "Of the twelve monthly peaks that count, %(num)s are known on some days; their mean counts."
            )
            % {"num": found.months}
        )
    return remarks
