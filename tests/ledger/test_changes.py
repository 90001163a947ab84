import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from bridge.ledger import Ledger
from bridge.ledger.changes import THE_START, Place
from tests.rig.ledgers import a_ledger_of_the_first_version
from tests.rig.readings import AFTER, BEFORE, DAY, HOME, LATER, all_intervals, daily, interval, whole_day
from tests.rig.registers import kwh


def is_noted(ledger: Ledger) -> bool:
    return bool(
        ledger.store.rows("SELECT 1 FROM sqlite_schema WHERE name LIKE 'change%' OR name = 'edition'")
    )


def changed(ledger: Ledger, after: Place = THE_START) -> tuple[list[tuple[str, date]], Place]:
    """What changed since, and how far someone is who was told that."""
    found = ledger.changes.next(after.number, 1000)
    last = ledger.changes.place(found[-1].number) if found else after
    return [(change.what, change.at) for change in found], last


def test_nothing_is_noted_while_nobody_wants_to_know(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    assert not is_noted(ledger)


def test_at_first_everything_is_new_and_then_what_changes(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1), BEFORE)
    whole_day(ledger, kwh(TOTAL=1))
    ledger.changes.keep()
    what, told = changed(ledger)
    assert what == [("day", BEFORE), ("day", DAY)]
    ledger.changes.keep()
    assert changed(ledger, told)[0] == []
    whole_day(ledger, kwh(TOTAL=1), AFTER)
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=95)), LATER)
    assert changed(ledger, told)[0] == [("day", AFTER), ("day", DAY)]


def test_a_corrected_quarter_hour_changes_its_day(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    ledger.changes.keep()
    told = changed(ledger)[1]
    ledger.answers.record_intervals(HOME, DAY, interval(3, kwh(TOTAL=2)), LATER, only_new=True)
    what, told = changed(ledger, told)
    assert what == [("day", DAY)]
    ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(TOTAL=1)), LATER + timedelta(hours=1))
    assert changed(ledger, told)[0] == [("day", DAY)]


def test_the_same_answer_again_changes_nothing(ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    ledger.changes.keep()
    told = changed(ledger)[1]
    whole_day(ledger, kwh(TOTAL=1), now=LATER)
    assert changed(ledger, told)[0] == []


def test_what_is_noted_does_not_depend_on_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.changes.keep()
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(TOTAL=1))
        assert changed(ledger)[0] == [("day", DAY)]
        ledger.changes.stop()
        assert not is_noted(ledger)
        whole_day(ledger, kwh(TOTAL=1), AFTER)


def test_a_place_is_known_again_after_any_number_of_starts(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.changes.keep()
        whole_day(ledger, kwh(TOTAL=1))
        told = changed(ledger)[1]
    for _ in range(3):
        with Ledger(path) as ledger:
            assert ledger.changes.place(told.number) == told
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(TOTAL=1), AFTER)
        assert ledger.changes.place(told.number) == told
        assert ledger.store.rows("SELECT COUNT(*) FROM edition") == [(2,)], (
            "starts without changes leave none"
        )


@pytest.mark.parametrize("days_since_then", [0, 1, 5])
def test_a_copy_that_went_on_by_itself_does_not_know_the_place(tmp_path: Path, days_since_then: int) -> None:
    path, copy = tmp_path / "ledger.sqlite", tmp_path / "copy.sqlite"
    with Ledger(path) as ledger:
        ledger.changes.keep()
        whole_day(ledger, kwh(TOTAL=1), BEFORE)
    shutil.copy(path, copy)
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(TOTAL=1))
        told = changed(ledger)[1]
    with Ledger(copy) as ledger:
        for back in range(days_since_then):
            whole_day(ledger, kwh(TOTAL=1), DAY - timedelta(days=back + 2))
        assert ledger.changes.place(told.number) != told


def test_a_ledger_that_is_kept_anew_knows_no_place_of_before(ledger: Ledger) -> None:
    ledger.changes.keep()
    whole_day(ledger, kwh(TOTAL=1))
    told = changed(ledger)[1]
    ledger.changes.stop()
    whole_day(ledger, kwh(TOTAL=1), AFTER)
    ledger.changes.keep()
    assert ledger.changes.place(told.number) != told
    assert changed(ledger)[0] == [("day", DAY), ("day", AFTER)]


def test_a_ledger_of_the_first_version_notes_what_changes(tmp_path: Path) -> None:
    a_ledger_of_the_first_version(tmp_path / "ledger.sqlite")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.changes.keep()
        what, told = changed(ledger)
        assert what == [("day", date(2026, 11, 1))]
        whole_day(ledger, kwh(TOTAL=1))
        assert changed(ledger, told)[0] == [("day", DAY)]
