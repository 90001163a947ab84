"""What energy cost: against an independent sum in fractions, and on the bad days."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
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
    Standing,
    Why,
    bill,
    price_at,
    priced,
    prices_known,
    standing,
    summed,
)
from bridge.metering.model import Direction, Energy, Meter, Register, Tariff, Unit
from tests.rig.chance import often

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
        self.contracts = {
            start: [each for each in home.contracts if each.since <= start][-1] for start in YEAR
        }
        self.energy()
        self.standing()

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
        contract = self.contracts[start]
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
        contract = self.contracts[start]
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
            by_contract[day.replace(day=1), self.contracts[at(day.isoformat())].since].append(day)
        for (month, since), days in by_contract.items():
            contract = self.contracts[since]
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


@pytest.mark.chance
@pytest.mark.parametrize("seed", range(often(1, soak=20)))
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


# --- bad days

MAY_1 = date(2026, 5, 1)
DYNAMIC = Dynamic(Decimal(2), Decimal("0.01"), Per.QUARTER_HOUR)
BY_TARIFF = ByTariff(Decimal("0.30"), Decimal("0.20"))
NO_PEAK = frozenset({Why.NO_PEAK})
FLAT = Contract(
    at("2026-01-01"), Decimal("0.10"), Decimal("0.05"), Decimal("0.05"), Decimal("0.04"), vat=Decimal(10)
)


def slots_of(day: date, meter: Meter = HOME) -> list[datetime]:
    begins = "06:00" if meter.energy is Energy.GAS else "00:00"
    start, end = (at(f"{each}T{begins}") for each in (day, day + timedelta(days=1)))
    return list(steps(start, end, HOUR if meter.energy is Energy.GAS else QUARTER))


def every(amount: str, day: date = MAY_1, meter: Meter = HOME) -> dict[datetime, Decimal]:
    """The same in each of a day's intervals."""
    return dict.fromkeys(slots_of(day, meter), Decimal(amount))


def day_of(day: date = MAY_1, **registers: dict[datetime, Decimal]) -> CountedDay:
    """A day whose intervals add up to it."""
    by_name = {"high": HIGH, "low": LOW, "total": TOTAL, "injection": TOTAL_IN, "volume": VOLUME}
    intervals = {by_name[name]: amounts for name, amounts in registers.items()}
    return CountedDay(day, {each: sum(a.values(), Decimal(0)) for each, a in intervals.items()}, intervals)


def cost(
    day: CountedDay,
    *contracts: Contract,
    day_ahead: Mapping[datetime, Decimal] | None = None,
    meter: Meter = HOME,
) -> PricedDay:
    return priced(meter, Timeline(contracts), day, day_ahead or {})


def parts(day: PricedDay) -> list[str | None]:
    """Energy, grid, levies, VAT and compensation."""
    order = Part.ENERGY, Part.GRID, Part.LEVIES, Part.VAT, Part.COMPENSATION
    return [None if (amount := day.parts[part]) is None else f"{amount:.4f}" for part in order]


def test_a_contract_that_changes_in_the_middle_of_a_day_prices_its_own_hours() -> None:
    dear = replace(FLAT, since=at("2026-05-01T14:00"), energy=Decimal("0.50"), vat=Decimal(0))
    day = cost(day_of(total=every("0.25")), FLAT, dear)  # 14 kWh and 10 kWh
    assert parts(day) == ["6.4000", "1.2000", "1.2000", "0.2800", "0.0000"]
    assert day.hours[TOTAL][at("2026-05-01T13:00")] == Decimal("0.22")
    assert day.hours[TOTAL][at("2026-05-01T14:00")] == Decimal("0.60")


def test_a_contract_that_changes_on_a_day_known_by_its_daily_amounts_alone_leaves_it_unknown() -> None:
    known = CountedDay(MAY_1, {TOTAL: Decimal(24), TOTAL_IN: Decimal(0)})
    day = cost(known, FLAT, replace(FLAT, since=at("2026-05-01T14:00")))
    assert parts(day) == [None, None, None, None, "0.0000"]
    assert day.why == {Why.NO_INTERVALS}
    assert day.hours[TOTAL] == {at("2026-05-01"): None}


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_on_the_days_on_which_the_clock_changes_each_hour_has_its_own_price(day: date, hours: int) -> None:
    slots = slots_of(day)
    day_ahead = {
        start: Decimal(place // 4) for place, start in enumerate(slots)
    }  # EUR/kWh: the hour's number
    dynamic = replace(FLAT, energy=replace(DYNAMIC, per=Per.HOUR), vat=Decimal(0))
    found = cost(day_of(day, total=every("0.25", day)), dynamic, day_ahead=day_ahead)
    assert len(slots) == 4 * hours
    assert list(found.hours[TOTAL].values()) == [2 * hour + Decimal("0.11") for hour in range(hours)]
    assert list(found.hours[TOTAL]) == slots[::4]


def test_an_hour_without_its_price_is_unknown_and_the_others_are_not() -> None:
    day_ahead = every("0.10")
    del day_ahead[at("2026-05-01T17:15")]
    for per, hour in (Per.QUARTER_HOUR, "2026-05-01T17:00"), (Per.HOUR, "2026-05-01T17:00"):
        dynamic = replace(FLAT, energy=replace(DYNAMIC, per=per))
        day = cost(day_of(total=every("0.25")), dynamic, day_ahead=day_ahead)
        assert [start for start, amount in day.hours[TOTAL].items() if amount is None] == [at(hour)]
        assert day.hours[TOTAL][at("2026-05-01T16:00")] == Decimal("0.31") * Decimal("1.1")
        assert parts(day) == [None, "1.2000", "1.2000", None, "0.0000"]
        assert day.why == {Why.NO_DAY_AHEAD}


def test_an_hour_without_its_price_costs_nothing_where_nothing_was_used() -> None:
    used = every("0.25") | dict.fromkeys(slots_of(MAY_1)[:4], Decimal(0))
    day_ahead = dict.fromkeys(slots_of(MAY_1)[4:], Decimal("0.10"))
    day = cost(day_of(total=used), replace(FLAT, energy=DYNAMIC), day_ahead=day_ahead)
    assert parts(day)[0] == "4.8300"
    assert day.hours[TOTAL][at("2026-05-01")] == 0


def test_a_day_without_all_its_intervals_is_unknown_under_a_dynamic_price_and_only_there() -> None:
    whole = day_of(total=every("0.25"), injection=every("0.10"))
    some = {start: amount for start, amount in every("0.25").items() if start != at("2026-05-01T12:45")}
    dynamic = replace(FLAT, energy=DYNAMIC)
    for intervals in {TOTAL: some, TOTAL_IN: every("0.10")}, {TOTAL_IN: every("0.10")}, {}:
        day = cost(replace(whole, intervals=intervals), dynamic, day_ahead=every("0.10"))
        assert parts(day) == [None, "1.2000", "1.2000", None, "0.3840"]
        assert set(day.hours[TOTAL].values()) == {None}
        assert day.why == {Why.NO_INTERVALS}
        assert day.consumption == 24


def test_a_day_known_by_its_daily_amounts_alone_is_priced_where_the_hour_does_not_matter() -> None:
    day = cost(
        CountedDay(MAY_1, {HIGH: Decimal(10), LOW: Decimal(20), HIGH_IN: Decimal(5)}),
        replace(FLAT, energy=BY_TARIFF),
    )
    assert parts(day) == ["7.0000", "1.5000", "1.5000", "1.0000", "0.2000"]
    assert day.hours[LOW] == {at("2026-05-01"): Decimal("6.60")}


def test_what_the_day_has_more_than_its_intervals_is_priced_in_its_first_hour() -> None:
    counted = day_of(total=every("0.25"))
    day = cost(replace(counted, daily={TOTAL: Decimal("24.003")}), FLAT)
    assert day.hours[TOTAL][at("2026-05-01T00:00")] == Decimal("1.003") * Decimal("0.22")
    assert day.hours[TOTAL][at("2026-05-01T01:00")] == Decimal("0.22")


def test_a_negative_price_is_paid_to_whoever_uses_and_by_whoever_injects() -> None:
    dynamic = replace(FLAT, energy=DYNAMIC, injection=DYNAMIC)
    counted = day_of(total=every("0.25"), injection=every("0.10"))
    day = cost(counted, dynamic, day_ahead=every("-0.10"))  # 2 x -0.10 + 0.01 EUR/kWh
    assert parts(day) == ["-4.5600", "1.2000", "1.2000", "-0.2160", "-1.8240"]
    assert day.hours[TOTAL][at("2026-05-01")] == Decimal("-0.09") * Decimal("1.1")
    assert day.hours[TOTAL_IN][at("2026-05-01")] == Decimal("-0.076")


def test_injection_has_a_price_of_its_own_and_vat_only_where_the_contract_says_so() -> None:
    counted = day_of(total=every("0.25"), injection=every("0.10"))  # 24 and 9.6 kWh
    assert parts(cost(counted, FLAT)) == ["2.4000", "1.2000", "1.2000", "0.4800", "0.3840"]
    company = cost(counted, replace(FLAT, injection_vat=Decimal(21)))
    assert company.parts[Part.VAT] == Decimal("0.48") - Decimal("0.384") * Decimal("0.21")
    assert company.hours[TOTAL_IN][at("2026-05-01")] == Decimal("0.016") * Decimal("1.21")


def test_injection_of_which_the_contract_says_nothing_is_unknown_where_there_was_some() -> None:
    silent = replace(FLAT, injection=None)
    some = cost(day_of(total=every("0.25"), injection=every("0.10")), silent)
    assert parts(some) == ["2.4000", "1.2000", "1.2000", "0.4800", None]
    assert some.why == {Why.NO_INJECTION}
    none = cost(day_of(total=every("0.25"), injection=every("0")), silent)
    assert parts(none) == ["2.4000", "1.2000", "1.2000", "0.4800", "0.0000"]
    assert not none.why


def test_a_contract_that_begins_with_a_day_holds_for_all_of_it() -> None:
    known = CountedDay(MAY_1, {TOTAL: Decimal(24)})
    assert parts(cost(known, FLAT, replace(FLAT, since=at("2026-05-01"), energy=Decimal(1))))[0] == "24.0000"


def test_a_single_tariff_meter_under_prices_by_tariff_cannot_be_priced() -> None:
    used = every("0.25") | dict.fromkeys(slots_of(MAY_1)[:4], Decimal(0))
    day = cost(replace(day_of(total=used), daily={TOTAL: Decimal(23)}), replace(FLAT, energy=BY_TARIFF))
    assert [hour for hour, amount in day.hours[TOTAL].items() if amount is not None] == [at("2026-05-01")]
    day = cost(day_of(total=every("0.25")), replace(FLAT, energy=BY_TARIFF))
    assert parts(day) == [None, "1.2000", "1.2000", None, "0.0000"]
    assert day.why == {Why.NO_TARIFF}


def test_a_day_in_total_has_its_dynamic_price_from_intervals_by_tariff_and_the_other_way_round() -> None:
    half = slots_of(MAY_1)[48:]
    by_tariff = {
        HIGH: dict.fromkeys(half, Decimal("0.5")),
        LOW: dict.fromkeys(slots_of(MAY_1)[:48], Decimal(0)),
    }
    day_ahead, dynamic = every("0.10") | dict.fromkeys(half, Decimal("0.20")), replace(FLAT, energy=DYNAMIC)
    day = cost(CountedDay(MAY_1, {TOTAL: Decimal(24)}, by_tariff), dynamic, day_ahead=day_ahead)
    assert day.parts[Part.ENERGY] == 24 * Decimal("0.41")
    turned = CountedDay(MAY_1, {HIGH: Decimal(14), LOW: Decimal(10)}, {TOTAL: every("0.25")})
    day = cost(turned, dynamic, day_ahead=day_ahead)
    assert parts(day)[:3] == ["7.4400", "1.2000", "1.2000"]
    assert not day.why
    assert [day.hours[each][at("2026-05-01")] for each in (HIGH, LOW)] == [None, None]


def test_a_meter_exchanged_at_noon_for_one_with_two_tariffs_has_each_quarter_hour_priced_once() -> None:
    slots = slots_of(MAY_1)
    amount = Decimal("0.25")
    tariffs = [(TOTAL, slots[:48]), (HIGH, slots[48:88]), (LOW, slots[88:])]
    intervals = {register: dict.fromkeys(starts, amount) for register, starts in tariffs}
    daily = {register: amount * len(starts) for register, starts in tariffs}
    day_ahead = {start: Decimal(place) for place, start in enumerate(slots)}
    dynamic = replace(FLAT, energy=DYNAMIC, vat=Decimal(0))
    day = cost(CountedDay(MAY_1, daily, intervals), dynamic, day_ahead=day_ahead)
    assert day.parts[Part.ENERGY] == sum(2 * price + DYNAMIC.base for price in day_ahead.values()) * amount
    assert [hour for hour, each in day.hours[TOTAL].items() if each] == slots[:48:4]


def test_vat_of_zero_is_zero_even_on_what_is_unknown() -> None:
    free = replace(FLAT, energy=DYNAMIC, vat=Decimal(0))
    assert parts(cost(day_of(total=every("0.25")), free)) == [None, "1.2000", "1.2000", "0.0000", "0.0000"]


def test_before_the_first_contract_all_is_unknown_and_a_contract_from_long_ago_holds() -> None:
    counted = day_of(total=every("0.25"), injection=every("0"))
    before = cost(counted, replace(FLAT, since=at("2026-05-02")))
    assert parts(before) == [None, None, None, None, "0.0000"]
    assert before.why == {Why.NO_CONTRACT}
    assert cost(counted).why == {Why.NO_CONTRACT}
    assert parts(cost(counted, replace(FLAT, since=at("1999-01-01"))))[0] == "2.4000"


def test_a_day_on_which_the_first_contract_begins_later_is_unknown_from_its_hour_back() -> None:
    day = cost(day_of(total=every("0.25")), replace(FLAT, since=at("2026-05-01T14:00")))
    assert parts(day) == [None, None, None, None, "0.0000"]
    known = [start for start, amount in day.hours[TOTAL].items() if amount is not None]
    assert known == slots_of(MAY_1)[56::4]


def test_gas_is_billed_by_the_kwh_from_six_to_six_and_again_when_they_are_final() -> None:
    card = Contract(at("2026-05-01T06:00"), Decimal("0.03"), Decimal("0.01"), vat=Decimal(6))
    volume = every("0.5", meter=GAS)
    provisional = day_of(total=every("5.6", meter=GAS), volume=volume)
    day = cost(provisional, card, meter=GAS)
    assert day.parts[Part.ENERGY] == 24 * Decimal("0.168")
    assert list(day.hours) == [TOTAL]
    assert list(day.hours[TOTAL]) == slots_of(MAY_1, GAS)
    final = cost(day_of(total=every("5.7", meter=GAS), volume=volume), card, meter=GAS)
    assert final.parts[Part.ENERGY] == 24 * Decimal("0.171")
    eve = date(2026, 4, 30)
    assert cost(day_of(eve, total=every("5.6", eve, GAS)), card, meter=GAS).why == {Why.NO_CONTRACT}


def test_gas_of_days_on_which_the_clock_changes_has_all_its_hours() -> None:
    for day, hours in (date(2026, 3, 28), 23), (date(2026, 10, 24), 25):
        counted = day_of(day, total=every("1", day, GAS))
        found = cost(counted, replace(FLAT, injection=None, vat=Decimal(0)), meter=GAS)
        assert list(found.hours[TOTAL].values()) == [Decimal("0.2")] * hours


def test_of_a_day_cut_by_a_meters_bounds_only_its_own_quarter_hours_count() -> None:
    moved_in = replace(HOME, since=at("2026-05-01T14:15"), until=at("2026-05-01T16:30"))
    its = {start: Decimal("0.25") for start in steps(at("2026-05-01T14:15"), at("2026-05-01T16:30"), QUARTER)}
    dynamic = replace(FLAT, since=at("2026-05-01T14:00"), energy=DYNAMIC, vat=Decimal(0))
    day = cost(day_of(total=its), dynamic, day_ahead=every("0.10"), meter=moved_in)
    assert list(day.hours[TOTAL].items()) == [
        (at(f"2026-05-01T{hour}:00"), Decimal(amount))
        for hour, amount in ((14, "0.2325"), (15, "0.31"), (16, "0.155"))
    ]
    assert parts(day)[0] == "0.4725"


def test_what_flows_behind_the_connection_costs_nothing() -> None:
    sun = Register(Direction.PRODUCTION, Tariff.TOTAL, Unit.KWH)
    day = cost(CountedDay(MAY_1, {sun: Decimal(9), TOTAL: Decimal(1)}, {sun: every("1")}), FLAT)
    assert list(day.hours) == [TOTAL]
    assert parts(day) == ["0.1000", "0.0500", "0.0500", "0.0200", "0.0000"]


def test_long_numbers_stay_exact() -> None:
    amount, price = Decimal("123456789.123456789"), Decimal("0.123456789123")
    contract = replace(FLAT, energy=Dynamic(price, price, Per.HOUR), vat=price)
    day = cost(day_of(total=every(str(amount))), contract, day_ahead=every("0.123456789"))
    used = 96 * Fraction(amount)
    energy = used * (Fraction(price) * Fraction("0.123456789") + Fraction(price))
    assert Fraction(day.parts[Part.ENERGY] or 0) == energy
    assert Fraction(day.parts[Part.VAT] or 0) == (energy + used / 10) * Fraction(price) / 100


def test_a_total_is_unknown_as_soon_as_one_part_of_one_day_is() -> None:
    still = Standing(Fraction(1), Fraction(2), Fraction("0.3"))
    known = bill(cost(day_of(total=every("0.25"), injection=every("0.10")), FLAT), still)
    assert known.total == Fraction("4.8") + Fraction("0.48") + Fraction("3.3") - Fraction("0.384")
    unknown = bill(cost(day_of(total=every("0.25")), replace(FLAT, energy=DYNAMIC, vat=Decimal(0))), still)
    together = summed([known, unknown])
    assert (unknown.total, together.total) == (None, None)
    assert (together.parts[Part.GRID], together.parts[Part.ENERGY]) == (Fraction("2.4"), None)
    assert together.why == {Why.NO_DAY_AHEAD}
    peakless = bill(cost(day_of(total=every("0.25")), FLAT), Standing(None, Fraction(2), None, 0, NO_PEAK))
    assert (peakless.total, peakless.why) == (None, NO_PEAK)


# --- what a kilowatt-hour costs now


def test_the_price_that_holds_is_told_by_tariff_where_it_depends_on_it() -> None:
    by_tariff = replace(FLAT, since=at("2026-05-01T14:00"), energy=BY_TARIFF)
    timeline = Timeline((FLAT, by_tariff))
    before, after = (price_at(timeline, at(f"2026-05-01T{each}"), {}) for each in ("13:59:59", "14:00:01"))
    assert before is not None
    assert after is not None
    assert (before.start, after.start) == (at("2026-05-01T13:45"), at("2026-05-01T14:00"))
    assert before.consumption == {Tariff.TOTAL: Decimal("0.22")}
    assert after.consumption == {Tariff.HIGH: Decimal("0.44"), Tariff.LOW: Decimal("0.33")}
    assert before.injection == after.injection == {Tariff.TOTAL: Decimal("0.04")}
    assert price_at(timeline, at("2025-12-31T23:59"), {}) is None


def test_a_dynamic_price_is_unknown_until_the_market_has_told_it() -> None:
    dynamic = replace(FLAT, energy=replace(DYNAMIC, per=Per.HOUR), grid=BY_TARIFF, injection=None)
    day_ahead = dict(zip(slots_of(MAY_1)[:6], map(Decimal, "123456"), strict=True))
    first, second = (price_at(Timeline((dynamic,)), slots_of(MAY_1)[place], day_ahead) for place in (3, 4))
    assert first is not None
    assert second is not None
    assert first.consumption == {
        Tariff.HIGH: Decimal("5.36") * Decimal("1.1"),
        Tariff.LOW: Decimal("5.26") * Decimal("1.1"),
    }
    assert second.consumption == {Tariff.HIGH: None, Tariff.LOW: None}
    assert first.injection == {}


def test_the_quarter_hours_to_come_are_those_whose_price_is_known_and_moves() -> None:
    flat_again = replace(FLAT, since=at("2026-05-02"))
    timeline = Timeline((replace(FLAT, energy=DYNAMIC), flat_again))
    day_ahead = {start: Decimal("0.10") for start in slots_of(MAY_1)[4:]} | every("0.20", date(2026, 5, 2))
    found = prices_known(timeline, at("2026-05-01"), at("2026-05-03"), day_ahead)
    assert [each.start for each in found] == slots_of(MAY_1)[4:]
    assert {each.consumption[Tariff.TOTAL] for each in found} == {Decimal("0.31") * Decimal("1.1")}
