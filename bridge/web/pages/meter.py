"""One meter in words: how far it has come, what it waits for, what was corrected, its peaks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from markupsafe import Markup
from werkzeug.wrappers import Response

from bridge.fetching.progress import SWITCH_ON
from bridge.ledger import Correction
from bridge.metering import meterday
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import BRUSSELS, Meter
from bridge.metering.progress import Progress
from bridge.text.words import Payload
from bridge.web import meter_tables, vocabulary
from bridge.web.pictures import drawings
from bridge.web.pictures.frame import Caption
from bridge.web.readings import Lack, State, days
from bridge.web.readings.history import History
from bridge.web.readings.peaks import MONTHS, peaks
from bridge.web.speech import Speech
from bridge.web.tables import Table
from bridge.web.visit import Visit

_LISTED = 40  # awaited days
_LATEST = 12  # corrections, beside which the others are folded up


@dataclass(frozen=True, slots=True)
class Wait:
    """A day that Fluvius may have published, and that is not complete here."""

    on: date
    since: datetime  # when it was over
    lack: str
    is_overdue: bool  # later than Fluvius ever was


def show(visit: Visit, name: str) -> Response:
    """The page."""
    say = visit.speech
    with visit.meter(name) as (records, meter):
        history = visit.house.history(records, meter)
        latest = records.days.latest_complete_day(meter)
        yesterday = meterday.latest_ended(history.now, meter.energy)
        shown = days.day(history, yesterday)
        state = _state(history, yesterday, is_complete=shown.state is State.COMPLETE)
        looked_at = visit.house.window.progress.get(meter.ean)
        progress = looked_at or Progress()
        lacking = days.lacking(history, list(progress.awaited)[-_LISTED:])
        corrections = records.corrections.lately(meter)
        found, known = peaks(history), history.known

    def url(on: date) -> str:
        return visit.url("day", name=meter.name, on=on)

    disagreements = progress.disagreements
    return visit.page(
        "meter.html",
        meter=meter,
        progress=looked_at,
        advice=_advice(progress, meter),
        latest=latest and latest.date,
        known=known,
        yesterday=yesterday,
        is_yesterday=yesterday == history.now.astimezone(BRUSSELS).date() - ONE_DAY,
        state=state,
        lack=shown.lacks and vocabulary.lack(say, shown.lacks, meter.energy),
        over_at=meterday.end_of(yesterday, meter.energy),
        next_run=_next_run(visit),
        waits=list(_waits(say, meter, lacking, progress)),
        doubts=meter_tables.of_disagreements(say, disagreements, url) if disagreements else None,
        corrected=list(_corrected(say, corrections, url)),
        peak=found and found[0],
        peaks=found and meter_tables.of_peaks(say, *found),
        picture=found and _picture(visit, meter, found[0]),
        sources=vocabulary.sources(say),
        resolution=vocabulary.resolutions(say)[progress.resolution],
        mandate_words=vocabulary.mandate_states(say),
    )


def _state(history: History, on: date, *, is_complete: bool) -> State:
    """Also of a day that is complete: it may be nobody's any more."""
    return history.state(on, on, [on] if is_complete else [])


def _waits(
    say: Speech, meter: Meter, lacking: Mapping[date, Lack | None], progress: Progress
) -> Iterator[Wait]:
    complete = vocabulary.states(say)[State.COMPLETE]
    for on, lack in lacking.items():
        words = vocabulary.lack(say, lack, meter.energy) if lack else complete
        yield Wait(on, meterday.end_of(on, meter.energy), words, on in progress.overdue)


def _corrected(say: Speech, corrections: Sequence[Correction], url: Callable[[date], str]) -> Iterator[Table]:
    if latest := corrections[:_LATEST]:
        yield meter_tables.of_corrections(say, say.gettext("Corrected lately"), latest, url)
    if earlier := corrections[_LATEST:]:
        yield meter_tables.of_corrections(say, say.gettext("Corrected earlier"), earlier, url)


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
        say.colon,
    )
    this = meterday.month_of(meterday.day_of(visit.house.now(), meter.energy))
    return drawings.peaks(meterday.months_until(this, MONTHS), said, caption, say.month, say.month_name)
