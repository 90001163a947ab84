"""What was corrected lately: which amounts of which days gave way to which others, and when."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.ledger import Correction, Ledger, LedgerError, Records
from bridge.ledger.slots import Tally
from bridge.metering import meterday
from bridge.metering.model import Meter, Register
from tests.rig.ledgers import a_ledger_of_the_first_version
from tests.rig.provider import Provider
from tests.rig.readings import (
    BEFORE,
    DAY,
    HOME,
    LATER,
    LATEST,
    NOW,
    STOVE,
    all_intervals,
    daily,
    interval,
    whole_day,
)
from tests.rig.registers import HIGH, INJECTED, LOW, TOTAL, VOLUME, kwh
from tests.rig.world import HOME as AT_HOME
from tests.rig.world import World


def correction(register: Register, was: Any, became: Any, at: datetime, on: date = DAY) -> Correction:
    return Correction(on, register, Decimal(was), Decimal(became), at)


def change(path: Path, sql: str) -> int:
    with closing(sqlite3.connect(path)) as database, database:
        return database.execute(sql).rowcount


def test_a_first_amount_is_no_correction_nor_is_the_same_again(ledger: Ledger) -> None:
    whole_day(ledger, kwh(HIGH=1, LOW=2, INJECTED="0.5"))
    whole_day(ledger, kwh(HIGH="1.000", LOW=2, INJECTED="0.5"), now=LATER)
    assert ledger.corrections.lately(HOME) == []


def test_amounts_that_become_final_as_they_were_are_not_corrected(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1), validated=False)
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=96)), LATER)
    assert ledger.corrections.lately(HOME) == []


def test_what_changes_before_a_day_was_complete_is_not_corrected(ledger: Ledger) -> None:
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=90)), NOW)
    whole_day(ledger, kwh(TOTAL=1), now=LATER)
    assert ledger.corrections.lately(HOME) == []


def test_up_and_down_again_are_two_corrections_the_newer_first(ledger: Ledger) -> None:
    whole_day(ledger, kwh(HIGH=1, LOW=1, INJECTED=0))
    ledger.answers.record_days(HOME, daily(kwh(HIGH="97.5", LOW=96, INJECTED="0.25")), LATER)
    ledger.answers.record_days(HOME, daily(kwh(HIGH=90, LOW=96, INJECTED="0.25")), LATEST)
    newest, *rest = ledger.corrections.lately(HOME)
    assert newest == correction(HIGH, "97.5", 90, LATEST)
    assert {each.register: each for each in rest} == {
        HIGH: correction(HIGH, 96, "97.5", LATER),
        INJECTED: correction(INJECTED, 0, "0.25", LATER),
    }


def test_a_register_that_was_not_known_before_is_new_and_not_corrected(ledger: Ledger) -> None:
    whole_day(ledger, kwh(HIGH=1))
    ledger.answers.record_days(HOME, daily(kwh(HIGH=96, LOW=2, INJECTED=3)), LATER)
    assert ledger.corrections.lately(HOME) == []


def test_a_total_that_gives_way_to_its_tariffs_is_corrected_by_what_they_add_up_to(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    ledger.answers.record_days(HOME, daily(kwh(HIGH=46, LOW=50)), LATER)
    assert ledger.corrections.lately(HOME) == []
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=97)), LATEST)
    assert ledger.corrections.lately(HOME) == [correction(TOTAL, 96, 97, LATEST)]


def test_gas_is_corrected_in_both_its_units(ledger: Ledger) -> None:
    ledger.answers.record_days(STOVE, daily(kwh(TOTAL=11, VOLUME=1), DAY, STOVE), NOW)
    ledger.answers.settle(STOVE, [DAY], NOW, silent=[DAY])
    ledger.answers.record_days(STOVE, daily(kwh(TOTAL="11.3", VOLUME=1), DAY, STOVE), LATER)
    ledger.answers.record_days(STOVE, daily(kwh(TOTAL="11.3", VOLUME="1.1"), DAY, STOVE), LATEST)
    assert ledger.corrections.lately(STOVE) == [
        correction(VOLUME, 1, "1.1", LATEST),
        correction(TOTAL, 11, "11.3", LATER),
    ]
    assert ledger.corrections.lately(HOME) == []


def test_a_file_corrects_what_files_said_and_its_intervals_do_too(ledger: Ledger) -> None:
    def filed(at: datetime, each: int) -> None:
        readings = [reading._replace(filed_at=at) for reading in all_intervals(kwh(TOTAL=each))]
        with ledger.checks.proving_once():
            ledger.answers.record_intervals(HOME, DAY, readings, at, tally=Tally())
        ledger.answers.settle(HOME, [DAY], at)

    filed(NOW, 1)
    filed(LATER, 2)
    assert ledger.corrections.lately(HOME) == [correction(TOTAL, 96, 192, LATER)]
    newer = [reading._replace(filed_at=LATEST) for reading in daily(kwh(TOTAL=191))]
    ledger.answers.record_days(HOME, newer, LATEST, tally=Tally())
    assert ledger.corrections.lately(HOME)[0] == correction(TOTAL, 192, 191, LATEST)


def test_a_file_that_is_not_believed_corrects_nothing(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    readings = [reading._replace(filed_at=LATER) for reading in daily(kwh(TOTAL=50))]
    ledger.answers.record_days(HOME, readings, LATER, tally=Tally())
    assert ledger.corrections.lately(HOME) == []


def test_only_the_day_that_changed_of_a_month_s_answer_was_corrected(ledger: Ledger) -> None:
    for on in BEFORE, DAY:
        whole_day(ledger, kwh(HIGH=1, LOW=1), on)
    answer = daily(kwh(HIGH=96, LOW=96), BEFORE) + daily(kwh(HIGH=96, LOW=95), DAY)
    ledger.answers.record_days(HOME, answer, LATER)
    assert ledger.corrections.lately(HOME) == [correction(LOW, 96, 95, LATER)]


def test_days_outside_a_meter_s_bounds_are_somebody_else_s(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=95)), LATER)
    moved_in = replace(HOME, since=meterday.end_of(DAY, HOME.energy))
    assert ledger.corrections.lately(moved_in) == []
    assert len(ledger.corrections.lately(HOME)) == 1


def test_the_last_four_hundred_of_each_meter_are_kept(ledger: Ledger) -> None:
    days = meterday.span(DAY - timedelta(days=49), DAY)

    def said(amount: int, meter: Meter) -> None:
        readings = [each for on in days for each in daily(kwh(TOTAL=amount), on, meter)]
        ledger.answers.record_days(meter, readings, NOW)
        ledger.answers.settle(meter, days, NOW, silent=days)

    for amount in range(1, 11):
        said(amount, HOME)
        said(min(amount, 2), STOVE)
    found = ledger.corrections.lately(HOME)
    assert len(found) == 400
    assert (found[0].became, found[-1].was, found[-1].date) == (Decimal(10), Decimal(2), days[0])
    assert len(ledger.corrections.lately(STOVE)) == 50


def test_a_correction_that_was_rolled_back_was_none(ledger: Ledger, path: Path) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    change(path, "CREATE TRIGGER full BEFORE UPDATE ON day BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(LedgerError):
        ledger.answers.record_days(HOME, daily(kwh(TOTAL=95)), LATER)
    change(path, "DROP TRIGGER full")
    assert ledger.corrections.lately(HOME) == []
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=95)), LATEST)
    assert ledger.corrections.lately(HOME) == [correction(TOTAL, 96, 95, LATEST)]


KILLED_WHILE_IT_CORRECTS = """
import os, signal, sys
from pathlib import Path
from bridge.ledger import Ledger
from bridge.ledger.checksums import Seals
from tests.rig.readings import HOME, LATER, daily
from tests.rig.registers import kwh
with Ledger(Path(sys.argv[1])) as ledger:
    Seals.seal = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=95)), LATER)
"""


def test_a_sudden_death_leaves_the_amount_and_what_is_said_of_it_as_they_were(path: Path) -> None:
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(TOTAL=1))
    command = [sys.executable, "-c", KILLED_WHILE_IT_CORRECTS, str(path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with Ledger(path) as ledger:
        assert ledger.corrections.lately(HOME) == []
        assert ledger.days.complete_day(HOME, DAY).amounts == kwh(TOTAL=96)
        ledger.answers.record_days(HOME, daily(kwh(TOTAL=95)), LATEST)
        assert ledger.corrections.lately(HOME) == [correction(TOTAL, 96, 95, LATEST)]


@pytest.mark.parametrize("column", ["was", "became", "start", "at", "register", "meter"])
def test_a_correction_that_rotted_is_not_told(ledger: Ledger, path: Path, column: str) -> None:
    whole_day(ledger, kwh(HIGH=1, LOW=1))
    ledger.answers.record_days(HOME, daily(kwh(HIGH=97, LOW=95)), LATER)
    assert change(path, f"UPDATE correction SET {column} = {column} + 1 WHERE became < was") == 1
    assert ledger.corrections.lately(HOME) == [correction(HIGH, 96, 97, LATER)]


def test_an_older_ledger_remembers_from_now_on(path: Path) -> None:
    a_ledger_of_the_first_version(path)
    with Ledger(path) as ledger:
        assert ledger.corrections.lately(HOME) == []
        whole_day(ledger, kwh(TOTAL=1))
        ledger.answers.record_days(HOME, daily(kwh(TOTAL=95)), LATER)
    with Records(path) as records:
        assert records.corrections.lately(HOME) == [correction(TOTAL, 96, 95, LATER)]


def test_a_corrected_quarter_hour_alone_says_nothing_of_the_day(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    ledger.answers.record_intervals(HOME, DAY, interval(3, kwh(TOTAL=2)), LATER)
    assert ledger.corrections.lately(HOME) == []


# As Fluvius says it


def told(world: World, meter: Meter) -> list[tuple[date, Decimal, datetime]]:
    """Of which day, by how much in all, and when."""
    with world.ledger() as ledger:
        found = ledger.corrections.lately(meter)
    days = {(each.date, each.at) for each in found}
    return [
        (on, sum((each.became - each.was for each in found if each.date == on), Decimal(0)), at)
        for on, at in days
    ]


def test_a_correction_on_the_portal_is_told_once(desk: World) -> None:
    desk.fetch()
    desk.simulator.correct(AT_HOME["ean"], BEFORE, delta_wh=-700)
    for morning in "2026-11-22 09:00", "2026-11-23 09:00":
        desk.clock.move_to(morning)
        desk.fetch()
    when = datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert told(desk, desk.meter()) == [(BEFORE, Decimal("-0.7"), when)]


def test_a_correction_in_the_energy_api_is_told_once(provider: Provider) -> None:
    ean = AT_HOME["ean"]
    provider.only(ean)
    provider.fetch()
    provider.simulator.correct(ean, BEFORE, delta_wh=700)
    for morning in "2026-11-22 09:00", "2026-11-23 09:00":
        provider.clock.move_to(morning)
        provider.fetch()
    when = datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert told(provider.world, HOME) == [(BEFORE, Decimal("0.7"), when)]
