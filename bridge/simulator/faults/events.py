"""What happens to the meters at once."""

from datetime import date, datetime, time, timedelta
from typing import Any

from bridge.simulator.faults.fault import Event, Parameters
from bridge.simulator.household import BRUSSELS
from bridge.simulator.meters import Meters


def correction(sign: int) -> Event:
    """Fluvius corrects a day, up or down."""

    def correct(meters: Meters, ean: str | None, parameters: Parameters) -> None:
        ean = ean or meters.meters[0].ean
        day = _date(parameters["date"]) or meters.latest_day(ean) - timedelta(days=1)
        at = meters.now() + timedelta(minutes=parameters["minutes"])
        meters.correct(ean, day, delta_wh=sign * parameters["amount"], at=at)

    return correct


def exchange(meters: Meters, ean: str | None, parameters: Parameters) -> None:
    """A meter is exchanged for another."""
    ean = ean or meters.meters[0].ean
    day = _date(parameters["date"]) or meters.latest_day(ean)
    meters.exchange(ean, datetime.combine(day, time(12, tzinfo=BRUSSELS)), parameters["serial"])


def provisional_gas(meters: Meters, ean: str | None, parameters: Parameters) -> None:
    """The kWh of gas stand on a provisional calorific value first."""
    lasting = timedelta(weeks=parameters["weeks"])
    meters.provisional_gas(lasting, ean=ean, writing=parameters["writing"])


def gas_delay(meters: Meters, ean: str | None, parameters: Parameters) -> None:
    """Gas appears so many hours after its day."""
    meters.gas_delay(timedelta(hours=parameters["hours"]), ean=ean)


def _date(value: Any) -> date | None:
    return value if isinstance(value, date | None) else date.fromisoformat(str(value))
