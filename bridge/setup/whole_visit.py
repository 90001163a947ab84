"""What a recorded visit asks beside what `check` asks: one question of each kind that a run asks too."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bridge.config import Settings
from bridge.fetching.mandates import made_by, terms_of
from bridge.fluvius.errors import FluviusError
from bridge.fluvius.source import AtOnce, Stepwise
from bridge.metering import completeness, meterday
from bridge.metering.mandate import Mandate
from bridge.metering.model import Energy, Meter
from bridge.setup.finding import Finding

_TWO_MONTHS = timedelta(days=62)


def peaks(source: Stepwise, meter: Meter, now: datetime) -> Iterator[Finding]:
    """The latest monthly peaks of an electricity meter."""
    if meter.energy is not Energy.ELECTRICITY:
        return
    try:
        found = source.peaks(meter, (now - _TWO_MONTHS).date(), now.date())
    except FluviusError as error:
        yield Finding(meter.label, works=False, words=str(error))
    else:
        yield Finding(meter.label, works=True, words=f"{len(found)} monthly peaks")


def energy(
    source: AtOnce, settings: Settings, mandates: Mapping[str, Sequence[Mandate]], now: datetime
) -> Iterator[Finding]:
    """The latest days of the first meter that may be asked for."""
    configured = [each for each in settings.followed if each.source == "energy_api"]
    meters = configured or made_by(mandates.values(), now)
    possible = (terms_of(each, mandates.get(each.ean, ()), now) for each in meters)
    for meter, reference in next(filter(None, possible), [])[-1:]:
        days = completeness.window(meter.energy, now, settings.schedule.lookback_days)
        first, last = meterday.allowed_within(meter, days[0], days[-1])
        if first > last:
            return
        try:
            answer = source.readings(meter, reference, first, last, None)
        except FluviusError as error:
            yield Finding(meter.label, works=False, words=str(error))
        else:
            words = answer.remark or f"{len(answer.readings)} amounts from {first} to {last}"
            yield Finding(meter.label, works=True, words=words)
