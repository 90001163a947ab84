"""What standing still costs: the capacity tariff by a table worked out by hand, and fees."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from bridge.metering.contract import Capacity, Contract, Part, Timeline
from bridge.metering.costs import PricedDay, Standing, Why, per_kw, standing, threshold
from bridge.metering.model import Energy, Meter

HOME = Meter("home", "541448820000000008", Energy.ELECTRICITY)
FLOOR = Decimal("2.5")
GRID = Decimal("0.05")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Brussels")).astimezone(UTC)


def contract(since: str, per_kw_year: str | None, maximum: str | None = None, vat: str = "0") -> Contract:
    return Contract(
        since=at(since),
        energy=Decimal("0.1"),
        grid=GRID,
        fees_per_year={"supplier": Decimal("36.50"), "data": Decimal("7.30")},
        capacity=Capacity(Decimal(per_kw_year), Decimal(maximum) if maximum else None)
        if per_kw_year
        else None,
        vat=Decimal(vat),
    )


def days_of(first: date, last: date, used: Iterable[Decimal] = ()) -> list[PricedDay]:
    """Days with 10 kWh each, or with what was used on them."""
    amounts = iter(used)
    days = []
    while first <= last:
        amount = next(amounts, Decimal(10))
        days.append(PricedDay(first, {Part.GRID: amount * GRID}, {}, amount))
        first += timedelta(days=1)
    return days


def month_of(year: int, month: int, used: Iterable[Decimal] = ()) -> list[PricedDay]:
    last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return days_of(date(year, month, 1), last, used)


def peaks_of(table: Iterable[tuple[str, str | None]]) -> dict[date, Decimal]:
    return {date.fromisoformat(f"{month}-01"): Decimal(peak) for month, peak in table if peak}


# 36.50 EUR per kW and year are 0.10 a day, 73.00 are 0.20. From 2026 on grid and capacity are 0.20 at most
# for a kWh, of which the grid takes 0.05: 0.15 are left, with 10 kWh a day 1.50.
TABLE = [
    # month, its peak in kW, sum of those known in twelve months, how many, EUR a day, kWh a day if not 10
    ("2025-01", "2.0", "2.5", 1, "0.25", None),  # the floor counts
    ("2025-02", "3.5", "6", 2, "0.30", None),
    ("2025-03", None, "6", 2, "0.30", None),  # missing
    ("2025-04", "6.0", "12", 3, "0.40", None),
    ("2025-05", "4.0", "16", 4, "0.40", None),
    ("2025-06", "2.5", "18.5", 5, "0.37", None),
    ("2025-07", "1.0", "21", 6, "0.35", "0"),  # no maximum yet, whatever is used
    ("2025-08", None, "21", 6, "0.35", None),
    ("2025-09", "7.0", "28", 7, "0.40", None),
    ("2025-10", "4.0", "32", 8, "0.40", None),
    ("2025-11", "4.0", "36", 9, "0.40", None),
    ("2025-12", "6.0", "42", 10, "0.42", None),
    ("2026-01", "5.0", "44.5", 10, "0.89", None),  # January 2025 does not count any more
    ("2026-02", "2.0", "43.5", 10, "0.60", "4"),  # 0.87, but at most 4 x 0.15
    ("2026-03", "3.0", "46.5", 11, None, None),  # 0.20 x 46.5 / 11
    ("2026-04", None, "40.5", 10, "0.81", None),
    ("2026-05", "4.0", "40.5", 10, "0.81", "5.4"),  # exactly the maximum
    ("2026-06", "8.5", "46.5", 10, "0.93", None),
    ("2026-07", "2.5", "46.5", 10, "0.00", "0"),  # on holiday
    ("2026-08", "3.5", "50", 11, None, None),
    ("2026-09", "3.0", "46", 11, "0.75", "5"),
    ("2026-10", None, "42", 10, "0.84", None),
    ("2026-11", "6.0", "44", 10, "0.87", "5.8"),  # 0.88, but at most 5.8 x 0.15
    ("2026-12", "4.0", "42", 10, "0.84", None),
]


def test_24_months_of_capacity_equal_the_table_worked_out_by_hand() -> None:
    timeline = Timeline((contract("2025-01-01", "36.50"), contract("2026-01-01", "73.00", "0.20")))
    peaks = peaks_of((month, peak) for month, peak, *_ in TABLE)
    for name, _, total, months, by_day, used in TABLE:
        year, month = map(int, name.split("-"))
        days = month_of(year, month, [Decimal(used)] * 31 if used else ())
        found = standing(HOME, timeline, days, peaks, FLOOR)
        expected = Fraction(by_day) if by_day else Fraction("0.20") * Fraction(total) / months
        assert list(found) == [day.date for day in days]
        assert {(each.capacity, each.months) for each in found.values()} == {(expected, months)}, name
        if not used:
            assert (
                expected
                == (Fraction("0.10") if year == 2025 else Fraction("0.20")) * Fraction(total) / months
            )


def test_the_maximum_is_for_the_month_and_not_for_each_of_its_days() -> None:
    timeline = Timeline((contract("2026-01-01", "73.00", "0.20"),))
    used = [Decimal(12)] * 10 + [Decimal(0)] * 20  # 120 kWh leave 18.00 EUR: less than 30 days of 0.20 x 5
    found = standing(HOME, timeline, month_of(2026, 9, used), {date(2026, 9, 1): Decimal(5)}, FLOOR)
    assert {each.capacity for each in found.values()} == {Fraction("0.60")}


def test_contracts_that_change_within_a_month_share_it_by_days_each_with_its_own_maximum() -> None:
    timeline = Timeline(
        (contract("2026-01-01", "73.00", "0.20", vat="6"), contract("2026-09-11T13:00", "36.50"))
    )
    used = [Decimal(4)] * 11 + [Decimal(0)] * 19
    found = standing(HOME, timeline, month_of(2026, 9, used), {date(2026, 9, 1): Decimal(5)}, FLOOR)
    amounts = [each.capacity for each in found.values()]
    assert amounts == [Fraction("0.60")] * 11 + [Fraction("0.50")] * 19  # the 11th began under the first
    assert [each.vat for each in found.values()] == [Fraction("0.72") * 6 / 100] * 11 + [0] * 19


def test_this_month_counts_as_far_as_it_has_come() -> None:
    timeline = Timeline((contract("2026-01-01", "73.00", "0.20"),))
    days = days_of(date(2026, 9, 1), date(2026, 9, 7), [Decimal(2)] * 7)
    found = standing(HOME, timeline, days, {date(2026, 9, 1): Decimal(5)}, FLOOR)
    assert [each.capacity for each in found.values()] == [Fraction("0.30")] * 7
    assert standing(HOME, timeline, [], {}, FLOOR) == {}


def test_a_leap_year_has_a_day_more() -> None:
    timeline = Timeline((contract("2024-01-01", "36.60"),))
    (found,) = standing(
        HOME, timeline, month_of(2024, 12)[:1], {date(2024, 1, 1): Decimal(5)}, FLOOR
    ).values()
    assert (found.capacity, found.fees, found.months) == (Fraction("0.50"), Fraction("43.80") / 366, 1)


def test_fees_and_capacity_bear_vat_and_make_a_total() -> None:
    timeline = Timeline((contract("2026-01-01", "73.00", vat="21"),))
    (found,) = standing(HOME, timeline, month_of(2026, 5)[:1], {date(2026, 5, 1): Decimal(5)}, FLOOR).values()
    assert found == Standing(Fraction(1), Fraction("0.12"), Fraction("0.2352"), 1)
    assert found.total == Fraction("1.3552")


def test_capacity_is_never_negative_however_dear_the_grid() -> None:
    timeline = Timeline((contract("2026-01-01", "73.00", "0.04"),))
    found = standing(HOME, timeline, month_of(2026, 5), {date(2026, 5, 1): Decimal(5)}, FLOOR)
    assert {each.capacity for each in found.values()} == {0}


def test_without_any_peak_capacity_is_unknown_and_fees_are_not() -> None:
    timeline = Timeline((contract("2026-01-01", "73.00", vat="6"),))
    peaks = {date(2025, 5, 1): Decimal(5)}  # thirteen months ago
    (found,) = standing(HOME, timeline, month_of(2026, 5)[:1], peaks, FLOOR).values()
    assert found == Standing(None, Fraction("0.12"), None, 0, frozenset({Why.NO_PEAK}))
    assert found.total is None
    (found,) = standing(
        HOME, Timeline((contract("2026-01-01", "73.00"),)), month_of(2026, 5)[:1], peaks, FLOOR
    ).values()
    assert found.vat == 0


def test_where_the_grid_is_unknown_capacity_is_so_only_under_a_maximum() -> None:
    day = PricedDay(date(2026, 5, 1), {Part.GRID: None}, {}, Decimal(10), frozenset({Why.NO_TARIFF}))
    peaks = {date(2026, 5, 1): Decimal(5)}
    capped, uncapped = (
        standing(HOME, Timeline((contract("2026-01-01", "73.00", most),)), [day], peaks, FLOOR)[day.date]
        for most in ("0.20", None)
    )
    assert (capped.capacity, capped.why) == (None, frozenset({Why.NO_TARIFF}))
    assert (uncapped.capacity, uncapped.why) == (Fraction(1), frozenset())


def test_without_a_capacity_tariff_it_costs_nothing_and_before_the_first_contract_it_is_unknown() -> None:
    days = days_of(date(2026, 5, 1), date(2026, 5, 2))
    found = standing(HOME, Timeline((contract("2026-05-02", None),)), days, {}, FLOOR)
    assert found[date(2026, 5, 1)] == Standing(None, None, None, 0, frozenset({Why.NO_CONTRACT}))
    assert found[date(2026, 5, 2)] == Standing(Fraction(0), Fraction("0.12"), Fraction(0))


def test_a_meter_that_begins_within_a_day_has_the_contract_of_its_first_instant() -> None:
    moved_in = Meter("home", HOME.ean, Energy.ELECTRICITY, since=at("2026-05-01T14:15"))
    days = days_of(date(2026, 5, 1), date(2026, 5, 1))
    found = standing(moved_in, Timeline((contract("2026-05-01T14:00", None),)), days, {}, FLOOR)
    assert found[date(2026, 5, 1)].fees == Fraction("0.12")


@pytest.mark.parametrize(("peak", "kw"), [(None, "2.5"), ("1.9", "2.5"), ("2.5", "2.5"), ("4.112", "4.112")])
def test_a_month_becomes_dearer_from_its_peak_so_far_or_the_floor_on(peak: str | None, kw: str) -> None:
    assert threshold(Decimal(peak) if peak else None, FLOOR) == Decimal(kw)


def test_what_one_kw_more_costs_is_what_the_bills_of_the_year_differ_by() -> None:
    """A year's bills, month by month, with one month's peak a kW higher and without."""
    dear = contract("2025-01-01", "48.10", vat="6")
    months = [(2025 + place // 12, place % 12 + 1) for place in range(24)]
    known = {date(year, month, 1): Decimal(4) for year, month in months}

    def paid(peaks: dict[date, Decimal]) -> Fraction:
        total = Fraction(0)
        for year, month in months:
            for each in standing(HOME, Timeline((dear,)), month_of(year, month), peaks, FLOOR).values():
                assert each.total is not None
                total += each.total
        return total

    higher = known | {date(2026, 1, 1): Decimal(5)}
    assert paid(higher) - paid(known) == per_kw(dear) == Fraction("48.10") / 12 * Fraction("1.06")
    assert per_kw(contract("2025-01-01", None)) is None
