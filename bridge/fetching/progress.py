"""How far a meter's readings have come, and what a person can do about it."""

from collections.abc import Sequence
from datetime import date, datetime

from bridge.fetching.mandates import MandateBook
from bridge.fetching.meter import Desk
from bridge.fluvius.seen import Seen
from bridge.ledger.health import SourceHealth, State
from bridge.metering import completeness, meterday
from bridge.metering.completeness import DayFacts
from bridge.metering.model import Energy, Meter
from bridge.metering.progress import Progress
from bridge.metering.silence import INTERVALS

SWITCH_ON = {
    Energy.ELECTRICITY: "switch on quarter-hour readings on mijn.fluvius.be to get them here too",
    Energy.GAS: "switch on hourly readings on mijn.fluvius.be to get them here too",
}
_RESOLUTION = {Energy.ELECTRICITY: "PT15M", Energy.GAS: "PT1H"}


def progress_of(
    desk: Desk, health: SourceHealth | None, mandates: MandateBook, seen: Seen | None
) -> Progress:
    """How far a meter has come, by what lies on its desk.

    Args:
        desk: the meter's.
        health: of its source; None where nobody is asked.
        mandates: what is allowed.
        seen: how its source answered; None where nobody is asked.
    """
    meter, note, facts, now = desk.meter, desk.note, desk.facts, desk.now
    energy = meter.energy
    answered = note.last_success is not None
    has_intervals = any(day.interval_count for day in facts)
    days_only = meter.days_only or completeness.days_only(facts, energy)
    cut = meterday.cut_days(meter) if days_only else ()  # which never count, without intervals
    terms = [each.meter for each in mandates.terms(meter, now)]
    hoped_for = [day for day in facts if day.date not in cut and _is_within(terms, day.date)]
    is_asked = desk.abilities.is_asked
    return Progress(
        awaited=completeness.awaited(hoped_for, energy, now) if is_asked else (),
        resolution=_RESOLUTION[energy] if has_intervals else "P1D" if days_only else None,
        last_attempt=note.last_attempt,
        last_success=note.last_success,
        error=mandates.forbidden(meter, now)
        or note.error
        or (health.last_error if health and health.state is not State.OK else None)
        or note.not_imported,
        advice=note.remark
        or _doubts(facts, energy, now)
        or (_advice(meter, facts, answered=answered) if is_asked else _of_files(desk))
        or note.imported,
        mandate=mandates.of(meter),
        overdue=completeness.overdue(hoped_for, energy, now) if answered and is_asked else (),
        now=now,
        disagreements=completeness.in_doubt(facts, energy),
        behind=note.behind,
        imported=note.imported,
        odd_answers=[
            each.to_payload() for each in (seen.odd if seen else ()) if each.about in {"", meter.ean}
        ],
    )


def _is_within(terms: Sequence[Meter], day: date) -> bool:
    """Whether one of a meter's mandates is for a day; without any, that is said as such."""
    return not terms or any(meterday.allowed_within(each, day, day) == (day, day) for each in terms)


def _of_files(desk: Desk) -> str:
    """Until when the files of a meter reach that lives on them."""
    latest = desk.ledger.days.latest_complete_day(desk.meter)
    reach = f"its files reach until {latest.date}" if latest else "no whole day of it was imported yet"
    said = f"; {desk.note.imported}" if desk.note.imported else ""
    return f"{reach}: download newer ones on mijn.fluvius.be and import them{said}"


def _advice(meter: Meter, facts: Sequence[DayFacts], *, answered: bool) -> str | None:
    if meter.days_only:
        return "its mandate allows days only; ask the customer for one with quarter-hours (gas: hours)"
    if completeness.days_only(facts, meter.energy):
        return SWITCH_ON[meter.energy]
    if answered and facts and not any(day.daily for day in facts):
        return (
            f"Fluvius has given no readings since {facts[0].date}; compare the EAN and the serial number"
            " with mijn.fluvius.be, also after an exchange of the meter"
        )
    return None


def _doubts(facts: Sequence[DayFacts], energy: Energy, now: datetime) -> str | None:
    """What becomes of the newest day whose intervals do not add up to it."""
    day = max(completeness.in_doubt(facts, energy), default=None)
    if day is None:
        return None
    what = INTERVALS[energy]
    said = f"the {what} of {day} do not add up to the day's amount"
    if not meterday.is_late(day, energy, now):
        return f"{said}; Fluvius is asked for them again"
    return (
        f"{said}, and Fluvius did not correct them in time: the day's amount counts and its {what} do not;"
        " what was streamed of them stays"
    )
