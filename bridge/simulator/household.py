"""What a household in Flanders uses and makes, slot by slot, invented but always the same.

Everything follows from the EAN and the date, so that the same question always has the same answer.
Amounts are integers of thousandths (Wh, or litres of gas): sums are exact.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from math import exp, pi, sin
from random import Random
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

BRUSSELS = ZoneInfo("Europe/Brussels")
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
GAS_DAY_STARTS = 6  # o'clock, local time

CONSUMPTION, INJECTION = 1, 2  # `t` in the portal's answers
PRODUCTION, AUXILIARY = 3, 4  # only the Energy API has them
TOTAL, HIGH, LOW = 0, 1, 2  # `dc`
KWH, CUBIC_METRE = 3, 5  # `u`

Energy = Literal["electricity", "gas"]
Purpose = Literal["grid", "production", "auxiliary"]
Register = tuple[int, int, int]
"""Direction, tariff and unit (`t`, `dc`, `u`): which of a meter's counters."""


class Slot(NamedTuple):
    """What the meter counted between two instants (UTC), in thousandths of each register's unit."""

    start: datetime
    end: datetime
    amounts: Mapping[Register, int]


@dataclass(frozen=True)
class SimulatedMeter:
    """A connection point and the meter on it."""

    ean: str
    serial: str
    energy: Energy = "electricity"
    tariffs: Literal["double", "single"] = "double"  # gas is always single
    injection: bool = True  # has solar panels
    intervals: bool = True  # quarter-hours are switched on in Mijn Fluvius; gas: hours
    since: date = date(2020, 1, 1)  # first meter day
    intervals_since: date = date.min  # when they were switched on
    exchange: tuple[datetime, str] | None = None  # the instant a new meter took over, and its serial
    delay: timedelta | None = None  # from a meter day's end to its publication; None: the usual one
    purpose: Purpose = "grid"  # the others are sub-headpoints behind a large connection

    @property
    def serials(self) -> tuple[str, ...]:
        """Every serial that ever hung there, oldest first."""
        return (self.serial,) if self.exchange is None else (self.serial, self.exchange[1])

    def serial_at(self, instant: datetime) -> str:
        """The serial that counts what is used from that instant on."""
        if self.exchange is not None and instant >= self.exchange[0]:
            return self.exchange[1]
        return self.serial

    @property
    def registers(self) -> tuple[Register, ...]:
        """Every counter of the meter."""
        if self.energy == "gas":
            return ((CONSUMPTION, TOTAL, CUBIC_METRE), (CONSUMPTION, TOTAL, KWH))
        if self.purpose != "grid":
            return ((PRODUCTION if self.purpose == "production" else AUXILIARY, TOTAL, KWH),)
        directions = (CONSUMPTION, INJECTION) if self.injection else (CONSUMPTION,)
        tariffs = (TOTAL,) if self.tariffs == "single" else (HIGH, LOW)
        return tuple((direction, tariff, KWH) for direction in directions for tariff in tariffs)


DEFAULT_METERS = (
    SimulatedMeter("541448820000000008", "1SAG1100042062"),
    SimulatedMeter("541448820000000015", "7FLO2100042062", energy="gas", tariffs="single", injection=False),
    SimulatedMeter(
        "541448820000000022", "1SAG1100042063", tariffs="single", injection=False, intervals=False
    ),
)


def meter_day(energy: Energy, day: date) -> tuple[datetime, datetime]:
    """Start and end (UTC) of the meter day: the local calendar day, for gas 06:00 to 06:00."""
    opening = time(GAS_DAY_STARTS if energy == "gas" else 0, tzinfo=BRUSSELS)
    first, second = (datetime.combine(d, opening) for d in (day, day + timedelta(days=1)))
    return first.astimezone(UTC), second.astimezone(UTC)


def date_of(energy: Energy, instant: datetime) -> date:
    """The meter day an instant belongs to."""
    wall = instant.astimezone(BRUSSELS).replace(tzinfo=None)
    return (wall - timedelta(hours=GAS_DAY_STARTS if energy == "gas" else 0)).date()


@lru_cache(maxsize=512)
def slots(meter: SimulatedMeter, day: date) -> tuple[Slot, ...]:
    """The meter day in its finest slots: quarter-hours of electricity, hours of gas."""
    (start, _), step = meter_day(meter.energy, day), HOUR if meter.energy == "gas" else QUARTER
    return tuple(
        Slot(start + i * step, start + (i + 1) * step, amounts)
        for i, amounts in enumerate(_counted(meter, day))
    )


@lru_cache(maxsize=2048)
def highest_quarter(ean: str, day: date, solar: bool) -> tuple[int, datetime]:
    """The Wh and the start of the quarter-hour in which most was consumed; the first of several."""
    used = [consumed for consumed, _ in electricity(ean, day, solar)]
    return max(used), meter_day("electricity", day)[0] + used.index(max(used)) * QUARTER


def _counted(meter: SimulatedMeter, day: date) -> Iterator[dict[Register, int]]:
    """The amounts of each of the day's finest slots; of electricity only those of the tariff in force."""
    if meter.energy == "gas":
        for pair in gas(meter.ean, day):
            yield dict(zip(meter.registers, pair, strict=True))
    elif meter.purpose != "grid":
        for amount in behind_the_meter(meter.ean, day, meter.purpose):
            yield {meter.registers[0]: amount}
    else:
        amounts = electricity(meter.ean, day, meter.injection)
        for (consumed, injected), (_, _, _, high_or_low) in zip(amounts, quarters_of(day), strict=True):
            tariff = high_or_low if meter.tariffs == "double" else TOTAL
            injection = {(INJECTION, tariff, KWH): injected} if meter.injection else {}
            yield {(CONSUMPTION, tariff, KWH): consumed, **injection}


@lru_cache(maxsize=512)  # a year and some: monthly peaks look at each of its days
def quarters_of(day: date) -> tuple[tuple[float, float, float, int], ...]:
    """What all households share, for every quarter-hour of the local day: hour, habits, sunshine, tariff.

    The tariff is high from Monday to Friday from 07:00 to 22:00 local time, otherwise low.
    """
    start, end = meter_day("electricity", day)
    quarters = []
    for i in range((end - start) // HOUR):  # clocks change on the hour
        local_hour = (start + i * HOUR).astimezone(BRUSSELS).hour
        tariff = HIGH if day.weekday() < 5 and 7 <= local_hour < 22 else LOW
        for j in range(4):
            instant, hour = start + i * HOUR + j * QUARTER, local_hour + j / 4
            habit = habits(hour, weekend=day.weekday() >= 5)
            quarters.append((hour, habit, sunshine(day, instant), tariff))
    return tuple(quarters)


@lru_cache(maxsize=1024)
def electricity(ean: str, day: date, solar: bool) -> tuple[tuple[int, int], ...]:
    """Wh taken from and given to the grid, for every quarter-hour of the local day."""
    chance = Random(f"{ean}/{day}")
    cold = coldness(day)
    clearness = 0.12 + 0.88 * chance.betavariate(1.6, 1.3)
    panels = chance.uniform(0.9, 1.1)
    wash_starts = chance.uniform(9, 20) if chance.random() < (0.6 if day.weekday() >= 5 else 0.25) else None
    heat_pump_on = False
    quarters = []
    for hour, habit, sun, _ in quarters_of(day):
        load = habit * (0.8 + 0.4 * cold) * chance.uniform(0.8, 1.2)
        if wash_starts is not None and wash_starts <= hour < wash_starts + 1.5:
            load += 220 * chance.uniform(0.3, 1)
        if chance.random() < 0.3:
            heat_pump_on = chance.random() < 0.1 + 0.6 * cold
        load += (60 + 180 * cold) * chance.uniform(0.85, 1.05) if heat_pump_on else 0
        made = sun * panels * clearness * chance.uniform(0.75, 1) if solar else 0
        surplus = round(made - load)
        quarters.append((max(0, -surplus), max(0, surplus)))
    return tuple(quarters)


@lru_cache(maxsize=1024)
def behind_the_meter(ean: str, day: date, purpose: Purpose) -> tuple[int, ...]:
    """Wh that panels made, or that their own equipment used, for every quarter-hour of the local day."""
    chance = Random(f"{ean}/{day}")
    start, end = meter_day("electricity", day)
    instants = (start + i * QUARTER for i in range((end - start) // QUARTER))
    if purpose == "auxiliary":
        return tuple(round(chance.uniform(15, 40)) for _ in instants)
    clearness = 0.12 + 0.88 * chance.betavariate(1.6, 1.3)
    return tuple(
        round(25 * sunshine(day, instant) * clearness * chance.uniform(0.75, 1)) for instant in instants
    )


@lru_cache(maxsize=1024)
def gas(ean: str, day: date) -> tuple[tuple[int, int], ...]:
    """Litres of gas and the Wh in them, for every hour of the gas day."""
    chance = Random(f"{ean}/{day}")
    start, end = meter_day("gas", day)
    factor = conversion_factor(ean, day)
    heating = max(0.0, coldness(day) * 1.15 - 0.25) * chance.uniform(0.75, 1.25)
    hours = []
    for i in range((end - start) // HOUR):
        hour = (start + i * HOUR).astimezone(BRUSSELS).hour
        at_home = bump(hour, 7, 1.5) + bump(hour, 19.5, 3)
        litres = heating * (90 + 420 * at_home) * chance.uniform(0.8, 1.2)
        litres += chance.uniform(10, 140) if chance.random() < 0.5 * at_home else 0
        volume = round(litres)
        hours.append((volume, (volume * factor + 500) // 1000))
    return tuple(hours)


@lru_cache(maxsize=1024)
def published_after(ean: str, day: date) -> timedelta:
    """How long after its end a day of electricity appears: between four and six hours."""
    return timedelta(hours=4, minutes=Random(f"{ean}/{day}/published").randint(0, 120))


@lru_cache(maxsize=1024)
def conversion_factor(ean: str, day: date) -> int:
    """Wh in a cubic metre of that day's gas: about 11 200."""
    return 11_200 + Random(f"{ean}/{day}/factor").randint(-250, 250)


@lru_cache(maxsize=1024)
def provisional_factor(ean: str, day: date) -> int:
    """The same as it is estimated at first: up to two per cent beside it."""
    chance = Random(f"{ean}/{day}/provisional")
    return conversion_factor(ean, day) + chance.choice((-1, 1)) * chance.randint(40, 220)


@lru_cache(maxsize=256)
def habits(hour: float, *, weekend: bool) -> float:
    """Wh per quarter-hour of a family: a fridge at night, peaks at breakfast and in the evening."""
    if weekend:
        return 38 + 95 * bump(hour, 9.5, 1.6) + 70 * bump(hour, 13, 2) + 150 * bump(hour, 19, 2.4)
    return 36 + 120 * bump(hour, 7.3, 0.9) + 30 * bump(hour, 12.5, 1.2) + 190 * bump(hour, 19, 2)


def sunshine(day: date, instant: datetime) -> float:
    """Wh per quarter-hour that 4 kW of panels make under a clear sky; the sun is highest at 11:45 UTC."""
    season = season_of(day)
    daylight = 12.2 + 4.2 * season
    since_sunrise = instant.hour + instant.minute / 60 + 0.125 - (11.75 - daylight / 2)
    if not 0 < since_sunrise < daylight:
        return 0
    return float(1000 * (0.56 + 0.28 * season) * sin(pi * since_sunrise / daylight) ** 1.4)


@lru_cache(maxsize=512)
def season_of(day: date) -> float:
    """1 in the middle of summer, -1 in the middle of winter."""
    return sin(2 * pi * (day.timetuple().tm_yday - 80) / 365)


def coldness(day: date) -> float:
    """0 in the middle of summer, 1 in the middle of winter."""
    return (1 + sin(2 * pi * (day.timetuple().tm_yday + 76) / 365)) / 2


def bump(hour: float, centre: float, width: float) -> float:
    """A bell curve of height 1; the unit is hours."""
    return exp(-(((hour - centre) / width) ** 2) / 2)
