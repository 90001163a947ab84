"""The statistics of what was counted: a register each."""

from collections.abc import Iterator
from datetime import date, datetime

from bridge.homeassistant.series import Hours, Naming, RunningSum, Series
from bridge.ledger import Ledger
from bridge.metering.hours import spread
from bridge.metering.model import SIDES, Meter, Register, Tariff
from bridge.text import names

_SIDE = {flow: side for side, flow in SIDES.items()}
_REGISTERS = [Register(direction, tariff, unit) for direction, unit in _SIDE for tariff in Tariff]


class Energy:
    """Every kilowatt-hour and cubic metre at the hour at which it was used."""

    def __init__(self, ledger: Ledger, naming: Naming) -> None:
        self._ledger, self._naming = ledger, naming

    def every(self, meter: Meter) -> list[Series]:
        """One for each register."""
        return [self._series(meter, register) for register in _REGISTERS]

    def running_sums(self, meter: Meter, before: datetime) -> dict[Series, RunningSum]:
        """By the daily amounts."""
        return {
            self._series(meter, register): RunningSum(known.first, known.last, known.sum)
            for register, known in self._ledger.sums.running_sums(meter, before).items()
        }

    def days(self, meter: Meter, first: date, last: date) -> Iterator[Hours]:
        """A day without quarter-hours stands in its first hour."""
        series = {register: self._series(meter, register) for register in _REGISTERS}
        for day in self._ledger.sums.hourly(meter, first, last):
            yield {series[register]: hours for register, hours in spread(day).items()}

    def _series(self, meter: Meter, register: Register) -> Series:
        key = key_of(register)
        words = names.of_register(key.removesuffix("_total"), self._naming.language)
        return self._naming.series(meter, key, words, register.unit)


def key_of(register: Register) -> str:
    """As it stands in ids: `consumption_high`, `volume_total`."""
    return f"{_SIDE[register.direction, register.unit]}_{register.tariff}"
