"""The meters, and for each in words what its status knows."""

from dataclasses import dataclass
from datetime import date, datetime

from markupsafe import Markup
from werkzeug.wrappers import Response

from bridge.fetching.progress import SWITCH_ON
from bridge.ledger import Records
from bridge.metering import meterday
from bridge.metering.model import Meter
from bridge.metering.progress import Progress
from bridge.text.words import Payload
from bridge.web import meter_tables, vocabulary
from bridge.web.pictures import drawings
from bridge.web.pictures.frame import Caption
from bridge.web.readings import State, days
from bridge.web.readings.peaks import MONTHS, peaks
from bridge.web.visit import Visit

_ON_A_PAGE = 50
_LISTED = 40  # awaited days
_LATEST = 12  # corrections, beside which the others are folded up


@dataclass(frozen=True, slots=True)
class Row:
    """One meter of the overview."""

    meter: Meter
    latest: date | None
    progress: Progress | None  # None until the bridge has looked at it


@dataclass(frozen=True, slots=True)
class Wait:
    """A day that Fluvius may have published, and that is not complete here."""

    on: date
    since: datetime  # when it was over
    lack: str
    is_overdue: bool  # later than Fluvius ever was


def home(visit: Visit) -> Response:
    """The latest day of the only meter, or all of them."""
    with visit.house.records() as records:
        meters = visit.house.meters(records)
    if len(meters) == 1:
        return visit.to("latest", name=meters[0].name)
    return visit.to("meters")


def overview(visit: Visit) -> Response:
    """The meters whose name or EAN holds what is looked for, so many on a page."""
    wanted = visit.request.args.get("q", "").strip().casefold()
    number = max(1, visit.request.args.get("page", 1, type=int))
    with visit.house.records() as records:
        meters = [each for each in visit.house.meters(records) if _is_meant(each, wanted)]
        pages = max(1, -(-len(meters) // _ON_A_PAGE))
        number = min(number, pages)
        shown = meters[(number - 1) * _ON_A_PAGE : number * _ON_A_PAGE]
        rows = [_row(visit, records, meter) for meter in shown]
    return visit.page("meters.html", rows=rows, found=len(meters), wanted=wanted, number=number, pages=pages)


def one(visit: Visit, name: str) -> Response:
    """One meter in words: how far it has come, what it waits for, what was corrected, its peaks."""
    say = visit.speech
    with visit.meter(name) as (records, meter):
        history = visit.house.history(records, meter)
        row = _row(visit, records, meter)
        yesterday = _yesterday(visit, meter)
        corrections = records.corrections.lately(meter)
        found, known = peaks(history), history.known
        progress = row.progress or Progress()
        lacking = days.lacking(history, list(progress.awaited)[-_LISTED:])
        shown = days.day(history, yesterday)
        complete = [yesterday] if shown.state is State.COMPLETE else []
        state = history.state(yesterday, yesterday, complete)

    def url(on: date) -> str:
        return visit.url("day", name=meter.name, on=on)

    return visit.page(
        "meter.html",
        row=row,
        known=known,
        yesterday=yesterday,
        state=state,
        lack=shown.lacks and vocabulary.lack(say, shown.lacks, meter.energy),
        over_at=meterday.end_of(yesterday, meter.energy),
        next_run=_next_run(visit),
        waits=[
            Wait(
                on,
                meterday.end_of(on, meter.energy),
                vocabulary.lack(say, lack, meter.energy) if lack else vocabulary.states(say)[State.COMPLETE],
                on in progress.overdue,
            )
            for on, lack in lacking.items()
        ],
        doubts=meter_tables.of_disagreements(say, progress.disagreements, url)
        if progress.disagreements
        else None,
        corrected=[
            meter_tables.of_corrections(say, caption, some, url)
            for caption, some in (
                (say.gettext("Corrected lately"), corrections[:_LATEST]),
                (say.gettext("Corrected earlier"), corrections[_LATEST:]),
            )
            if some
        ],
        peak=found and found[0],
        peaks=found and meter_tables.of_peaks(say, *found),
        picture=found and _picture(visit, meter, found[0]),
        advice=_advice(progress, meter),
        sources=vocabulary.sources(say),
        resolution=vocabulary.resolutions(say)[progress.resolution],
        mandate_words=vocabulary.mandate_states(say),
    )


def _next_run(visit: Visit) -> str | None:
    status = visit.house.window.status
    return status.info["next_run"] if status else None


def _advice(progress: Progress, meter: Meter) -> str | None:
    """The bridge's own words, unless the page says the same."""
    is_said = meter.source == "file" or progress.advice == SWITCH_ON[meter.energy]
    return None if is_said or progress.advice == progress.imported else progress.advice


def _picture(visit: Visit, meter: Meter, said: Payload) -> Markup:
    say = visit.speech
    mean = say.gettext("Mean, as billed: %(mean)s kW") % {"mean": say.number(said["mean"])}
    caption = Caption(
        "peaks",
        f"{meter.label}, {say.gettext('Monthly peaks')}",
        mean if said["mean"] is not None else "",
        "kW",
        {
            "consumption high": say.gettext("Peak"),
            "consumption low": say.gettext("Billed at least"),
            "hole": say.gettext("Not known"),
        },
        say.number,
    )
    this = meterday.month_of(meterday.day_of(visit.house.now(), meter.energy))
    return drawings.peaks(meterday.months_until(this, MONTHS), said, caption, say.month, say.month_name)


def _row(visit: Visit, records: Records, meter: Meter) -> Row:
    latest = records.days.latest_complete_day(meter)
    return Row(meter, latest.date if latest else None, visit.house.window.progress.get(meter.ean))


def _yesterday(visit: Visit, meter: Meter) -> date:
    return meterday.day_of(visit.house.now(), meter.energy) - meterday.ONE_DAY


def _is_meant(meter: Meter, wanted: str) -> bool:
    return wanted in meter.label.casefold() or wanted in meter.ean
