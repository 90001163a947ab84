"""What energy cost: against an independent sum in fractions, and on the bad days."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from bridge.metering.contract import ByTariff, Capacity, Contract, Dynamic, Fixed, Part, Per, Rate, Timeline
from bridge.metering.costs import (
    Bill,
    CountedDay,
    PricedDay,
    bill,
    priced,
    standing,
    summed,
)
from bridge.metering.model import Direction, Energy, Meter, Register, Tariff, Unit

BRUSSELS = ZoneInfo("Europe/Brussels")
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
HOME = Meter("home", "541448820000000008", Energy.ELECTRICITY)
GAS = Meter("gas", "541448820000000015", Energy.GAS)
HIGH, LOW, TOTAL = (Register(Direction.CONSUMPTION, tariff, Unit.KWH) for tariff in Tariff)
HIGH_IN, LOW_IN, TOTAL_IN = (Register(Direction.INJECTION, tariff, Unit.KWH) for tariff in Tariff)
VOLUME = Register(Direction.CONSUMPTION, Tariff.TOTAL, Unit.M3)
FLOOR = Decimal("2.5")


def at(text: str) -> datetime:
    """An instant as a clock in Brussels shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=BRUSSELS).astimezone(UTC)


def steps(start: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    while start < end:
        yield start
        start += step


# --- a year, and what it comes to by other means

YEAR = list(steps(at("2026-01-01"), at("2027-01-01"), QUARTER))
LOCAL_DAY = {start: start.astimezone(BRUSSELS).date() for start in YEAR}
SLOTS: dict[date, list[datetime]] = defaultdict(list)
for _start, _day in LOCAL_DAY.items():
    SLOTS[_day].append(_start)


@dataclass
class Household:
    """A year of made-up readings, prices and contracts."""

    chance: random.Random
    slots: dict[datetime, dict[Register, Decimal]] = field(default_factory=dict)
    daily: dict[date, dict[Register, Decimal]] = field(default_factory=dict)
    day_ahead: dict[datetime, Decimal] = field(default_factory=dict)
    contracts: list[Contract] = field(default_factory=list)
    peaks_before: dict[date, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for start in YEAR:
            self.day_ahead[start] = Decimal(self.chance.randint(-9000, 40000)).scaleb(-5)
        for day in SLOTS:
            self.count(day)
        changes = ["2026-01-01", "2026-02-01", "2026-03-29T01:00", "2026-03-29T03:00", "2026-05-11T14:00"]
        changes += ["2026-05-11T17:00", "2026-07-01", "2026-09-09T23:00", "2026-10-25T04:00", "2026-12-01"]
        self.contracts = [self.contract(at(change)) for change in changes]
        for month in range(2, 12):
            self.peaks_before[date(2025, month, 1)] = Decimal(self.chance.randint(500, 9000)).scaleb(-3)

    def count(self, day: date) -> None:
        """Readings of a day, in the place of any that there are."""
        self.daily[day] = dict.fromkeys((HIGH, LOW, HIGH_IN, LOW_IN), Decimal(0))
        for start in SLOTS[day]:
            local = start.astimezone(BRUSSELS)
            is_high = local.weekday() < 5 and 7 <= local.hour < 22
            used = Decimal(self.chance.randint(0, 2500)).scaleb(-3)
            brought = Decimal(self.chance.choice([0, self.chance.randint(0, 2000)])).scaleb(-3)
            self.slots[start] = {HIGH if is_high else LOW: used, HIGH_IN if is_high else LOW_IN: brought}
            for register, amount in self.slots[start].items():
                self.daily[day][register] += amount
        for register, amount in self.daily[day].items():  # Fluvius rounds both
            rounding = Decimal(self.chance.randint(-12, 12)).scaleb(-3)
            self.daily[day][register] = max(amount + rounding, Decimal(0)) if amount else amount

    def number(self, least: int, most: int, places: int) -> Decimal:
        return Decimal(self.chance.randint(least, most)).scaleb(-places)

    def fixed(self) -> Fixed:
        one, two = self.number(100, 3000, 4), self.number(100, 3000, 4)
        return one if self.chance.random() < 0.5 else ByTariff(one, two)

    def rate(self) -> Rate:
        dynamic = Dynamic(self.number(80, 120, 2), self.number(-300, 300, 4), self.chance.choice([*Per]))
        return self.chance.choice([self.fixed(), dynamic, dynamic])

    def contract(self, since: datetime) -> Contract:
        maximum = self.chance.choice([None, self.number(2900, 3500, 4)])
        return Contract(
            since=since,
            energy=self.rate(),
            grid=self.fixed(),
            levies=self.fixed(),
            injection=self.rate(),
            fees_per_year={"supplier": self.number(0, 9000, 2), "data": self.number(0, 2000, 2)},
            capacity=self.chance.choice([None, *[Capacity(self.number(3000, 60000, 3), maximum)] * 2]),
            vat=Decimal(self.chance.choice(["0", "6", "21", "6.5"])),
            injection_vat=Decimal(self.chance.choice(["0", "0", "21"])),
        )

    def counted(self, day: date) -> CountedDay:
        """A day as the ledger hands it over."""
        intervals: dict[Register, dict[datetime, Decimal]] = defaultdict(dict)
        for start in SLOTS[day]:
            for register, amount in self.slots[start].items():
                intervals[register][start] = amount
        return CountedDay(day, self.daily[day], intervals)


class Truth:
    """The same year by another way: one pass over slots and hours, all in fractions."""

    def __init__(self, home: Household) -> None:
        self.home = home
        self.hours: dict[tuple[Register, datetime], Fraction] = defaultdict(Fraction)
        self.parts: dict[tuple[date, Part], Fraction] = defaultdict(Fraction)
        self.energy()
        self.standing()

    def contract(self, instant: datetime) -> Contract:
        return [each for each in self.home.contracts if each.since <= instant][-1]

    def hourly_amounts(self) -> dict[tuple[Register, datetime], Fraction]:
        """What flowed in each hour: what the day has more goes to its first hour, less comes off."""
        hours: dict[tuple[Register, datetime], Fraction] = {}
        for day, daily in self.home.daily.items():
            of_day = sorted({each.replace(minute=0) for each in SLOTS[day]})
            for register, amount in daily.items():
                column = [
                    sum(Fraction(self.home.slots[hour + QUARTER * i].get(register, 0)) for i in range(4))
                    for hour in of_day
                ]
                rest = Fraction(amount) - sum(column)
                for hour, known in zip(of_day, column, strict=True):
                    hours[register, hour] = max(known + rest, Fraction(0))
                    rest = min(rest + known, Fraction(0)) if rest < 0 else Fraction(0)
        return hours

    def dynamic(self, rate: Dynamic, start: datetime) -> Fraction:
        if rate.per is Per.HOUR:
            hour = start - timedelta(minutes=start.minute)
            quarters = [Fraction(self.home.day_ahead[hour + QUARTER * i]) for i in range(4)]
            return Fraction(rate.factor) * sum(quarters) / 4 + Fraction(rate.base)
        return Fraction(rate.factor) * Fraction(self.home.day_ahead[start]) + Fraction(rate.base)

    def charge(self, register: Register, start: datetime, part: Part, rate: Rate, amount: Fraction) -> None:
        contract = self.contract(start)
        if isinstance(rate, Dynamic):
            price = self.dynamic(rate, start)
        elif isinstance(rate, ByTariff):
            price = Fraction(rate.high if register.tariff is Tariff.HIGH else rate.low)
        else:
            price = Fraction(rate)
        injected = part is Part.COMPENSATION
        vat = amount * price * Fraction(contract.injection_vat if injected else contract.vat) / 100
        self.parts[LOCAL_DAY[start], part] += amount * price
        self.parts[LOCAL_DAY[start], Part.VAT] += -vat if injected else vat
        self.hours[register, start.replace(minute=0)] += amount * price + vat

    def rates(self, register: Register, start: datetime) -> list[tuple[Part, Rate]]:
        contract = self.contract(start)
        if register.direction is Direction.INJECTION:
            assert contract.injection is not None
            return [(Part.COMPENSATION, contract.injection)]
        return [(Part.ENERGY, contract.energy), (Part.GRID, contract.grid), (Part.LEVIES, contract.levies)]

    def energy(self) -> None:
        for (register, hour), amount in self.hourly_amounts().items():
            for part, rate in self.rates(register, hour):
                if not isinstance(rate, Dynamic):
                    self.charge(register, hour, part, rate, amount)
        for start, amounts in self.home.slots.items():
            for register, counted in amounts.items():
                for part, rate in self.rates(register, start):
                    if isinstance(rate, Dynamic):
                        self.charge(register, start, part, rate, Fraction(counted))

    def peaks(self) -> dict[date, Decimal]:
        peaks = dict(self.home.peaks_before)
        for start, amounts in self.home.slots.items():
            month = LOCAL_DAY[start].replace(day=1)
            power = 4 * sum((amount for each, amount in amounts.items() if each in (HIGH, LOW)), Decimal(0))
            peaks[month] = max(peaks.get(month, Decimal(0)), power)
        return peaks

    def standing(self) -> None:
        peaks = self.peaks()
        by_contract: dict[tuple[date, datetime], list[date]] = defaultdict(list)
        for day in self.home.daily:
            by_contract[day.replace(day=1), self.contract(at(day.isoformat())).since].append(day)
        for (month, since), days in by_contract.items():
            contract = self.contract(since)
            year_ago = date(month.year - 1, month.month, 1)
            last = [
                max(Fraction(peak), Fraction(FLOOR)) for m, peak in peaks.items() if year_ago < m <= month
            ]
            each = Fraction(0)
            if contract.capacity:
                each = Fraction(contract.capacity.per_kw_year) * Fraction(sum(last), len(last)) / 365
                if contract.capacity.maximum_per_kwh:
                    used = sum(Fraction(self.home.daily[day][r]) for day in days for r in (HIGH, LOW))
                    grid = sum(self.parts[day, Part.GRID] for day in days)
                    most = Fraction(contract.capacity.maximum_per_kwh) * used - grid
                    each = min(each, most / len(days))
            fees = Fraction(sum(map(Fraction, contract.fees_per_year.values())), 365)
            for day in days:
                self.parts[day, Part.CAPACITY] = each
                self.parts[day, Part.FEES] = fees
                self.parts[day, Part.VAT] += (each + fees) * Fraction(contract.vat) / 100


def worked_out(
    home: Household, days: Mapping[date, PricedDay], peaks: Mapping[date, Decimal]
) -> dict[date, Bill]:
    timeline = Timeline(tuple(home.contracts))
    bills: dict[date, Bill] = {}
    for month in range(1, 13):
        of_month = [each for day, each in days.items() if day.month == month]
        stand = standing(HOME, timeline, of_month, peaks, FLOOR)
        bills |= {each.date: bill(each, stand[each.date]) for each in of_month}
    return bills


@pytest.mark.parametrize("seed", range(4))
def test_a_year_of_quarter_hours_is_priced_to_the_last_digit(seed: int) -> None:
    home = Household(random.Random(seed))
    timeline = Timeline(tuple(home.contracts))
    days = {day: priced(HOME, timeline, home.counted(day), home.day_ahead) for day in home.daily}
    for day in home.chance.sample(sorted(home.daily), 20):  # Fluvius corrects readings, up and down
        home.count(day)
        days[day] = priced(HOME, timeline, home.counted(day), home.day_ahead)
    for start in home.chance.sample(YEAR, 20):  # and so does the exchange with prices
        home.day_ahead[start] += Decimal("0.01234")
        days[LOCAL_DAY[start]] = priced(HOME, timeline, home.counted(LOCAL_DAY[start]), home.day_ahead)
    truth = Truth(home)
    assert sorted({len(slots) for slots in SLOTS.values()}) == [92, 96, 100]

    hours = {
        (register, hour): Fraction(cost)
        for day in days.values()
        for register, costs in day.hours.items()
        for hour, cost in costs.items()
        if cost is not None
    }
    assert len(YEAR) == 35_040
    assert len(hours) == 4 * 8760
    assert hours == {each: truth.hours[each] for each in hours}
    assert not {hour for each, hour in truth.hours.items() if hour and each not in hours}

    bills = worked_out(home, days, truth.peaks())
    for day, of_day in bills.items():
        assert dict(of_day.parts) == {part: truth.parts[day, part] for part in Part}, day
        assert not of_day.why
    for month in range(1, 13):
        together = summed(of_day for day, of_day in bills.items() if day.month == month)
        for part in Part:
            assert together.parts[part] == sum(truth.parts[d, part] for d in home.daily if d.month == month)
    year = summed(bills.values())
    paid = sum(amount for (day, part), amount in truth.parts.items() if part is not Part.COMPENSATION)
    received = sum(amount for (day, part), amount in truth.parts.items() if part is Part.COMPENSATION)
    assert year.total == paid - received
