"""The Energy dashboard's costs: every euro at the hour at which it was spent, whatever changes later."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from bridge.homeassistant.core import Core as Connection
from bridge.ledger import Ledger
from bridge.metering.meterday import ONE_DAY, end_of, span, start_of
from bridge.metering.model import Energy, Meter
from bridge.simulator.day_ahead import DayAhead
from tests.rig.core import TOKEN, Core
from tests.rig.cost_truth import (
    A_YEAR_AGO,
    COSTS,
    FIRST,
    FIRST_OF_GAS,
    HOUR,
    LAST,
    LAST_OF_GAS,
    PLUS_VAT,
    PRICES,
    TWO_YEARS_AGO,
    KilledError,
    Years,
    at,
    bounds,
    contract,
    cost,
    cost_rows_of,
    costs_in,
    electricity,
    gas,
    give,
    is_right,
    settle,
    shows,
    standing,
    statistic,
)
from tests.rig.world import GAS, HOME, World
from tests.rig.years import fill


@pytest.fixture
def core() -> Iterator[Core]:
    with Core().open() as core:
        yield core


@pytest.fixture
def world(desk: World, core: Core) -> World:
    """A household with Home Assistant, prices, and every peak so low that the least counts."""
    desk.changes |= {
        "homeassistant.statistics": {"url": core.url, "token": TOKEN},
        "prices": deepcopy(PRICES),
        "day_ahead": {"source": "energy-charts", "url": desk.simulator.url},
        "capacity_tariff.floor_kw": 50,
    }
    return desk


def test_each_direction_and_tariff_hour_by_hour_with_vat(world: World, core: Core) -> None:
    world.once()
    is_right(world, core)
    assert core.metadata[statistic(HOME, "consumption_high_cost")] == {
        "source": "fluvius",
        "statistic_id": statistic(HOME, "consumption_high_cost"),
        "name": "home: Cost of high consumption",
        "unit_of_measurement": "EUR",
        "unit_class": None,
        "has_sum": True,
        "has_mean": False,
        "mean_type": 0,
    }
    assert len(costs_in(core)) == 5


def test_hours_in_which_injection_had_to_be_paid_for_are_negative(world: World, core: Core) -> None:
    world.clock.move_to("2026-06-21 09:00")
    world.once()
    is_right(world, core, date(2026, 6, 14), date(2026, 6, 20))
    hours = core.hours(statistic(HOME, "injection_high_compensation")) | core.hours(
        statistic(HOME, "injection_low_compensation")
    )
    assert min(hours.values()) < 0 < max(hours.values())


def test_gas_by_its_kilowatt_hours(world: World, core: Core) -> None:
    world.meters = [GAS]
    world.once()
    assert list(costs_in(core)) == [statistic(GAS, "consumption_total_cost")]
    shows(
        core,
        statistic(GAS, "consumption_total_cost"),
        cost(world, GAS, "gas", FIRST_OF_GAS, LAST_OF_GAS, price=gas),
    )


@pytest.mark.parametrize(
    ("today", "day", "hours"),
    [("2026-10-26 12:00", date(2026, 10, 25), 25), ("2026-03-30 12:00", date(2026, 3, 29), 23)],
)
def test_a_clock_change(world: World, core: Core, today: str, day: date, hours: int) -> None:
    world.clock.move_to(today)
    world.once()
    is_right(world, core, day - 6 * ONE_DAY, day)
    begin, end = (edge(day, Energy.ELECTRICITY) for edge in (start_of, end_of))
    rows = core.statistics[statistic(HOME, "standing_cost")]
    assert len([start for start in rows if begin <= start < end]) == hours


def test_the_capacity_tariff_follows_the_peaks_that_are_known(world: World, core: Core) -> None:
    del world.changes["capacity_tariff.floor_kw"]
    world.once()
    slots = [
        each for day in span(FIRST, LAST) for each in world.simulator.slot_amounts(HOME["ean"], day).values()
    ]
    rows = core.statistics[statistic(HOME, "standing_cost")]
    with world.ledger() as ledger:
        peaks = ledger.bills.billed_peaks(world.meter(), FIRST, LAST)
    highest = max(sum(each for (t, _, __), each in slot.items() if t == 1) for slot in slots) * 4
    assert peaks[date(2026, 11, 1)] >= highest
    mean = sum((Fraction(max(each, Decimal("2.5"))) for each in peaks.values()), Fraction(0)) / len(peaks)
    shows(
        core,
        statistic(HOME, "standing_cost"),
        standing(FIRST, LAST, of_a_year=Fraction("53.56") + mean * Fraction("48.1")),
    )
    assert len(rows) == 7 * 24 + 1


def test_a_new_day_is_imported_alone(world: World, core: Core) -> None:
    world.once()
    core.asked.clear()
    world.clock.pass_by(days=1)
    world.once()
    assert {len(message["stats"]) for message in core.imports} == {24}
    is_right(world, core, FIRST, LAST + ONE_DAY)


def test_nothing_changed_nothing_imported_and_two_questions_asked(world: World, core: Core) -> None:
    world.once()
    core.asked.clear()
    world.clock.pass_by(hours=3)
    world.once()
    assert [each["type"] for each in core.asked] == [
        "recorder/list_statistic_ids",
        "recorder/statistics_during_period",
    ]


def test_without_prices_there_are_no_costs(world: World, core: Core) -> None:
    del world.changes["prices"]
    world.once()
    assert costs_in(core) == {}


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("nl", {"Kosten afname hoog", "Vergoeding injectie laag", "Vaste kosten en capaciteit"}),
        ("fr", {"Coût HP prélèvement", "Rémunération HC injection", "Frais fixes et capacité"}),
        ("de", {"Kosten HT-Bezug", "Vergütung NT-Einspeisung", "Fixkosten und Kapazität"}),
    ],
)
def test_costs_are_called_in_the_users_language(
    world: World, core: Core, language: str, names: set[str]
) -> None:
    world.once()
    world.changes["language"] = language
    world.clock.pass_by(hours=1)
    world.once()
    called = {each["name"] for each in core.metadata.values()}
    assert {f"home: {name}" for name in names} <= called
    is_right(world, core)


@pytest.mark.parametrize("version", ["2025.4.4", "2025.11.0"])
def test_old_and_new_home_assistants(world: World, core: Core, version: str) -> None:
    core.version = version
    world.once()
    assert core.refused == []
    is_right(world, core)


def test_a_corrected_price_is_right_from_the_day_on_from_which_it_holds(world: World, core: Core) -> None:
    world.once()
    core.asked.clear()
    dearer = deepcopy(PRICES[0])
    dearer["from"] = "2026-11-18"
    dearer["consumption"]["levies"] = 0.0607
    world.changes["prices"] = [*deepcopy(PRICES), dearer]
    world.clock.pass_by(hours=1)
    world.once()
    since = at("2026-11-18T00:00+01:00")

    def price(counts: str, start: datetime) -> Fraction:
        more = Fraction("0.01") * PLUS_VAT if start >= since and not counts.startswith("in ") else Fraction(0)
        return electricity(counts, start) + more

    for key, counts in COSTS.items():
        shows(core, statistic(HOME, key), cost(world, HOME, counts, FIRST, LAST, price=price))
    assert min(at(row["start"]) for row in cost_rows_of(core)) >= since
    assert {message["metadata"]["unit_of_measurement"] for message in core.imports} == {"EUR"}


def test_a_fee_that_was_another_one_changes_what_every_day_costs(world: World, core: Core) -> None:
    world.once()
    world.changes["prices"][0]["fees_per_year"]["supplier"] = 47.50
    world.clock.pass_by(hours=1)
    world.once()
    dearer = Fraction("66.06") + 50 * Fraction("48.1")
    shows(core, statistic(HOME, "standing_cost"), standing(FIRST, LAST, of_a_year=dearer))


def test_a_meter_that_is_followed_from_noon_on_costs_nothing_before(world: World, core: Core) -> None:
    world.once()
    world.meters = [{**HOME, "from": "2026-11-16T12:00:00+01:00"}]
    world.clock.pass_by(hours=1)
    world.once()
    noon, first = at("2026-11-16T12:00+01:00"), date(2026, 11, 16)
    for key, counts in COSTS.items():
        true = cost(world, HOME, counts, first, LAST)
        shows(core, statistic(HOME, key), {hour: each for hour, each in true.items() if hour >= noon})
    days = standing(first, LAST)
    shows(
        core,
        statistic(HOME, "standing_cost"),
        {
            hour: each if hour >= end_of(first, Energy.ELECTRICITY) else 2 * each
            for hour, each in days.items()
            if hour >= noon
        },
    )


def test_a_correction_of_a_reading_changes_its_costs(world: World, core: Core) -> None:
    world.once()
    world.simulator.correct(HOME["ean"], date(2026, 11, 17), delta_wh=5000)
    world.clock.pass_by(days=1)
    world.once()
    is_right(world, core, FIRST, LAST + ONE_DAY)


def test_an_hour_without_a_price_has_no_row_until_it_has_one(world: World, core: Core) -> None:
    known = DayAhead().prices(start_of(FIRST, Energy.ELECTRICITY), end_of(LAST, Energy.ELECTRICITY))
    gap = at("2026-11-17T18:00+01:00")
    world.changes["day_ahead"] = {"source": "mqtt"}
    give(world, {start: price for start, price in known.items() if not gap <= start < gap + HOUR})
    world.once()
    high = core.statistics[statistic(HOME, "consumption_high_cost")]
    assert gap not in high
    true = cost(world, HOME, "high", FIRST, LAST)
    shows(core, statistic(HOME, "consumption_high_cost"), {k: v for k, v in true.items() if k != gap})
    give(world, known)
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core)


def test_a_price_that_was_wrong_on_the_market_too_is_put_right(world: World, core: Core) -> None:
    known = DayAhead().prices(start_of(FIRST, Energy.ELECTRICITY), end_of(LAST, Energy.ELECTRICITY))
    world.changes["day_ahead"] = {"source": "mqtt"}
    give(world, {start: 2 * price for start, price in known.items()})
    world.once()
    give(world, known)
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core)


def test_prices_that_leave_the_configuration_leave_history_as_it_is(world: World, core: Core) -> None:
    world.once()
    before = costs_in(core)
    del world.changes["prices"]
    for _ in range(2):
        world.clock.pass_by(days=1)
        world.simulator.correct(HOME["ean"], FIRST + 2 * ONE_DAY, delta_wh=100, at=world.clock())
        world.once()
    assert costs_in(core) == before
    world.changes["prices"] = deepcopy(PRICES)
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core, FIRST, LAST + 2 * ONE_DAY)


def test_a_contract_that_turns_out_to_begin_later_leaves_nothing_before(world: World, core: Core) -> None:
    world.once()
    world.changes["prices"][0]["from"] = "2026-11-17"
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core, date(2026, 11, 17), LAST)


def test_only_days_under_a_contract_have_rows(world: World, core: Core) -> None:
    world.changes["prices"][0]["from"] = "2026-11-17"
    world.once()
    is_right(world, core, date(2026, 11, 17), LAST)
    begin = at("2026-11-16T23:00+01:00")
    assert all(min(rows) >= begin for rows in costs_in(core).values())


def test_injection_that_no_contract_speaks_of_has_no_compensation(world: World, core: Core) -> None:
    del world.changes["prices"][0]["injection"]
    world.once()
    assert not any("compensation" in each for each in costs_in(core))


@pytest.mark.parametrize("number", [2, 5, 7, 9])
def test_a_connection_that_ends_in_the_middle_of_an_import(world: World, core: Core, number: int) -> None:
    core.close_at_import = number
    world.once()
    assert len(core.statistics) < 9
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core)


@pytest.mark.parametrize("number", [1, 2, 4])
def test_what_a_bridge_that_was_killed_in_the_middle_left_undone_is_done(
    world: World, core: Core, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.once()
    world.changes["prices"][0]["consumption"]["levies"] = 0.1
    world.changes["prices"][0]["injection"]["energy"]["dynamic"]["base"] = 0
    world.clock.pass_by(hours=1)
    core.asked.clear()
    ask = Connection.ask

    def ask_until_the_end(self: Connection, command: str, **fields: Any) -> Any:
        answer = ask(self, command, **fields)
        if len(core.imports) == number:
            raise KilledError
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "ask", ask_until_the_end)
        with pytest.raises(KilledError):
            world.once()
    world.changes["prices"] = deepcopy(PRICES)
    world.once()
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core)


def test_deleted_costs_come_back_by_themselves(world: World, core: Core) -> None:
    world.once()
    core.clear([statistic(HOME, "consumption_low_cost"), statistic(HOME, "standing_cost")])
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core)


def test_a_restored_backup_gets_the_costs_that_it_lacks(world: World, core: Core) -> None:
    world.once()
    core.loses(at("2026-11-19T15:00+01:00"))
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core)


def test_costs_of_a_lost_ledger_stay_and_the_new_ones_go_on_from_there(world: World, core: Core) -> None:
    world.once()
    before = costs_in(core)
    world.changes["data_dir"] = str(world.folder / "another")
    world.clock.pass_by(days=10)
    world.once()
    for key, counts in COSTS.items():
        old = before[statistic(HOME, key)]
        rows = core.statistics[statistic(HOME, key)]
        assert {start: rows[start] for start in old} == old
        left_off = Fraction(str(old[max(old)][1]))
        later = {start: row for start, row in rows.items() if start not in old}
        core.statistics["fluvius:later"] = later
        shows(
            core,
            "fluvius:later",
            cost(world, HOME, counts, FIRST + 10 * ONE_DAY, LAST + 10 * ONE_DAY),
            left_off,
        )
    core.asked.clear()
    world.clock.pass_by(hours=1)
    world.once()
    assert core.imports == []


def test_prices_that_come_while_home_assistant_is_busy_are_not_forgotten(
    world: World, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = DayAhead().prices(start_of(FIRST, Energy.ELECTRICITY), end_of(LAST, Energy.ELECTRICITY))
    world.changes["day_ahead"] = {"source": "mqtt"}
    give(world, {start: 2 * price for start, price in known.items()})
    ask = Connection.ask
    ledgers: list[Ledger] = []
    given: list[dict[datetime, Decimal]] = []

    def open_and_keep(self: Ledger) -> Ledger:
        ledgers.append(self)
        return self

    def ask_and_be_told(self: Connection, command: str, **fields: Any) -> Any:
        answer = ask(self, command, **fields)
        if len(core.imports) == 9 and not given:
            given.append(known)
            ledgers[0].costs.forget(ledgers[0].prices.keep(known))
            ledgers[0].costs.bring_up_to_date(world.meter(), world.settings.timeline(world.meter()))
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "__enter__", open_and_keep)
        patch.setattr(Connection, "ask", ask_and_be_told)
        world.once()
    assert given
    with world.ledger() as ledger:
        assert ledger.outbox.restated_since(world.meter())
    world.clock.pass_by(hours=1)
    world.once()
    is_right(world, core)


@pytest.fixture
def years(tmp_path: Path, core: Core) -> Iterator[Years]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        meter = Meter("home", HOME["ean"], Energy.ELECTRICITY, HOME["serial"])
        for until in (TWO_YEARS_AGO, A_YEAR_AGO, LAST):
            fill(ledger, meter, until=until, days=20)
            settle(ledger, meter, until - 19 * ONE_DAY, until)
        contracts = [
            contract("2024-11-01", "0.1342", "0.1105"),
            contract("2025-11-10", "0.1511", "0.1207"),
        ]
        yield Years(ledger, core, meter, contracts)


def test_a_contract_that_changed_two_years_ago(years: Years) -> None:
    years.bring_up_to_date()
    years.is_right()
    years.contracts.insert(1, contract("2024-11-15", "0.2222", "0.2"))
    years.bring_up_to_date()
    years.is_right()
    assert years.earliest() >= start_of(date(2024, 11, 15), Energy.ELECTRICITY)


def test_a_price_of_two_years_ago_that_was_a_misprint(years: Years) -> None:
    years.bring_up_to_date()
    years.contracts[0] = contract("2024-11-01", "0.1243", "0.1105")
    years.bring_up_to_date()
    years.is_right()


@pytest.mark.parametrize(("high", "low"), [("70", "80"), ("50", "30")])
def test_a_reading_of_a_year_ago_that_is_corrected(years: Years, high: str, low: str) -> None:
    years.bring_up_to_date()
    day = date(2025, 11, 12)
    years.ledger.store.db.execute(
        "DELETE FROM reading WHERE daily = 0 AND start >= ? AND start < ?", bounds(day)
    )
    years.ledger.checks.seal(years.meter, day, day)
    years.correct(day, high=high, low=low)
    years.bring_up_to_date()
    years.is_right()
    assert years.earliest() >= start_of(day, Energy.ELECTRICITY) - HOUR


def test_a_contract_from_two_years_ago_that_is_written_down_at_last(years: Years) -> None:
    older, newer = years.contracts
    years.contracts[:] = [newer]
    years.bring_up_to_date()
    begin = start_of(date(2025, 11, 10), Energy.ELECTRICITY)
    assert min(years.core.statistics[statistic(HOME, "consumption_high_cost")]) == begin - HOUR
    years.contracts[:] = [older, newer]
    years.bring_up_to_date()
    years.is_right()
