"""Quarter-hours that were dropped: what was made of them stays as it was, to the last digit."""

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.ledger import Damaged, Ledger, Records
from bridge.ledger.calendar import By
from bridge.ledger.slots import DROPPED, Tally
from bridge.metering import meterday
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Meter
from tests.rig import years
from tests.rig.readings import DAY, HOME, LATER, NOW, STOVE, all_intervals, daily, interval, whole_day
from tests.rig.registers import HIGH, kwh

UNTIL = date(2026, 11, 20)
KEPT_FROM = date(2026, 5, 1)
ALL_BACK = 460  # days
OLD = UNTIL - timedelta(days=430)


def drop_all(ledger: Ledger, meter: Meter = HOME, before: date = KEPT_FROM, **options: Any) -> list[date]:
    months = ledger.retention.months(meter, before)
    return [day for month in months for day in ledger.retention.drop(meter, month, **options)]


def quarter_hours(ledger: Ledger, before: date = KEPT_FROM) -> int:
    start = int(meterday.start_of(before, HOME.energy).timestamp())
    ((count,),) = ledger.store.rows("SELECT COUNT(*) FROM reading WHERE daily = 0 AND start < ?", (start,))
    return int(count)


def made_of(ledger: Ledger, meter: Meter = HOME) -> list[Any]:
    """All that is made of readings beside quarter-hours themselves."""
    begin = UNTIL - ONE_DAY * ALL_BACK
    now = datetime.combine(UNTIL + ONE_DAY, datetime.min.time(), UTC)
    months = meterday.months_until(meterday.month_of(UNTIL), 17)
    return [
        ledger.sums.total(meter),
        [ledger.sums.month(meter, month, now) for month in months],
        ledger.peaks.peak_months(meter, months),
        ledger.sums.running_sums(meter, now),
        ledger.days.complete_days(meter, begin, UNTIL),
        [ledger.days.complete_day(meter, day) for day in ledger.days.complete_days(meter, begin, UNTIL)],
        ledger.calendar.counted(meter, begin, UNTIL, By.MONTH),
        ledger.readings.first_with_intervals(meter),
        list(ledger.listing.counted(meter, begin, UNTIL, daily=True)),
    ]


@pytest.fixture
def old(ledger: Ledger) -> Ledger:
    """A ledger of some fifteen months."""
    years.fill(ledger, HOME, until=UNTIL, days=ALL_BACK)
    return ledger


def test_what_was_made_of_them_stays_and_they_are_gone(old: Ledger) -> None:
    before, newer = made_of(old), old.days.intervals(HOME, KEPT_FROM)
    dropped = drop_all(old)
    assert dropped == meterday.span(UNTIL - ONE_DAY * (ALL_BACK - 1), KEPT_FROM - ONE_DAY)
    assert quarter_hours(old) == 0
    assert made_of(old) == before
    assert old.days.intervals(HOME, KEPT_FROM) == newer
    assert old.days.dropped(HOME, date.min, date.max) == {*dropped}
    assert drop_all(old) == [], "once is enough"
    for _ in old.checks.examination():
        pass


def test_the_hours_of_a_gas_day_go_with_it(ledger: Ledger) -> None:
    each = kwh(TOTAL=1, VOLUME="0.1")
    for day in DAY - ONE_DAY, DAY:
        ledger.answers.record_days(STOVE, daily(kwh(TOTAL=24, VOLUME="2.4"), day, STOVE), NOW)
        hours = [row for n in range(24) for row in interval(n, each, day, STOVE)]
        ledger.answers.record_intervals(STOVE, day, hours, NOW)
        ledger.answers.settle(STOVE, [day], NOW)
    before = ledger.days.intervals(STOVE, DAY), ledger.sums.total(STOVE)
    assert drop_all(ledger, STOVE, DAY + ONE_DAY) == [DAY - ONE_DAY]
    assert ledger.days.intervals(STOVE, DAY - ONE_DAY) == []
    assert (ledger.days.intervals(STOVE, DAY), ledger.sums.total(STOVE)) == before


def test_opened_again_it_says_the_same(old: Ledger, tmp_path: Path) -> None:
    before = made_of(old)
    drop_all(old)
    old.close()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert made_of(ledger) == before


@pytest.mark.parametrize("what", ["latest", "cut", "in doubt", "incomplete", "waiting"])
def test_those_that_are_still_needed_stay(old: Ledger, what: str) -> None:
    meter, sinks = HOME, []
    match what:
        case "latest":
            meter = replace(HOME, until=meterday.end_of(OLD, HOME.energy))
        case "cut":
            meter = replace(HOME, since=meterday.start_of(OLD, HOME.energy) + timedelta(hours=6))
        case "in doubt":
            old.answers.record_intervals(HOME, OLD, interval(0, kwh(HIGH=900), OLD), NOW)
        case "incomplete":
            old.store.execute("UPDATE day SET complete = 0 WHERE date = ?", (OLD.isoformat(),))
            old.checks.seal(HOME, OLD, OLD)
        case "waiting":
            sinks = [lambda _meter, first, last: {OLD} if first <= OLD <= last else set()]
    before = old.days.intervals(meter, OLD)
    dropped = drop_all(old, meter, sinks=sinks)
    assert OLD not in dropped
    assert OLD + ONE_DAY in dropped
    assert old.days.intervals(meter, OLD) == before


def test_intervals_that_wait_to_be_streamed_wait(tmp_path: Path) -> None:
    with Ledger(tmp_path / "stream.sqlite", stream=True) as ledger:
        for back in range(3):
            whole_day(ledger, kwh(HIGH="0.1"), DAY - ONE_DAY * back)
        lacks = ledger.outbox.days_unstreamed
        assert drop_all(ledger, before=DAY + ONE_DAY, sinks=[lacks]) == []
        first = ledger.outbox.unstreamed(HOME, 96)
        ledger.outbox.streamed(HOME, first)
        assert drop_all(ledger, before=DAY + ONE_DAY, sinks=[lacks]) == [DAY - ONE_DAY * 2]


def test_a_damaged_month_is_left_alone(old: Ledger) -> None:
    old.store.execute(
        "UPDATE reading SET amount = amount + 1 WHERE daily = 0 AND start = (SELECT MIN(start)"
        " FROM reading WHERE daily = 0)"
    )
    first, second, *_ = old.retention.months(HOME, KEPT_FROM)
    before = quarter_hours(old)
    with pytest.raises(Damaged):
        old.retention.drop(HOME, first)
    assert quarter_hours(old) == before
    assert old.retention.drop(HOME, second)


def test_a_late_correction_counts_and_asks_for_nothing(old: Ledger) -> None:
    total, months = old.sums.total(HOME), meterday.months_until(meterday.month_of(UNTIL), 16)
    peaks = old.peaks.peak_months(HOME, months)
    drop_all(old)
    day = old.days.complete_day(HOME, OLD)
    old.answers.record_days(HOME, daily({HIGH: day.amounts[HIGH] + 7}, OLD, serial=HOME.serial), LATER)
    assert total
    after = old.sums.total(HOME)
    assert after
    assert after.amounts[HIGH] == total.amounts[HIGH] + 7
    assert old.days.complete_day(HOME, OLD).revision == day.revision + 1
    assert old.peaks.peak_months(HOME, months) == peaks
    [facts] = old.days.facts(HOME, [OLD])
    assert (facts.complete, facts.corrected, facts.disagrees) == (True, False, False)
    assert old.reviews.awaiting_intervals(HOME, OLD, OLD, LATER) == ([], [])
    assert old.outbox.restated_since(HOME) is not None, "statistics are told"


@pytest.mark.parametrize("of_file", [False, True])
def test_quarter_hours_of_such_a_day_are_not_kept_again(old: Ledger, of_file: bool) -> None:
    drop_all(old)
    before, tally = made_of(old), Tally() if of_file else None
    old.answers.record_intervals(HOME, OLD, all_intervals(kwh(HIGH=1), OLD), LATER, tally=tally)
    old.answers.settle(HOME, [OLD], LATER)
    assert quarter_hours(old) == 0
    assert made_of(old) == before
    assert tally in (None, {DROPPED: 96})


def test_a_day_that_comes_late_to_a_dropped_month_may_raise_its_peak(old: Ledger) -> None:
    month = meterday.month_of(OLD)
    old.store.execute(
        "DELETE FROM reading WHERE start >= ? AND start < ?",
        tuple(int(each.timestamp()) for each in meterday.bounds_of(HOME, OLD)),
    )
    old.store.execute("DELETE FROM day WHERE date = ?", (OLD.isoformat(),))
    old.checks.seal(HOME, OLD - ONE_DAY, OLD + ONE_DAY)
    drop_all(old)
    whole_day(old, kwh(HIGH=5), OLD)
    assert drop_all(old) == [OLD]
    [peak] = old.peaks.peak_months(HOME, [month])
    assert peak.counted
    assert peak.counted.power == Decimal(20)


def test_the_file_becomes_smaller_a_little_at_a_time(old: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    old.store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    before = file.stat().st_size
    drop_all(old, before=UNTIL)
    sizes: list[int] = []
    more = True
    while more:
        more = old.retention.give_back()
        old.store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes.append(file.stat().st_size)
    assert sizes[-1] < before / 1.5
    assert 1 < len(sizes) <= 2 + (before - sizes[-1]) / (256 * 4096)
    assert all(one - other <= 256 * 4096 for one, other in zip([before, *sizes], sizes, strict=False))


def test_the_log_becomes_smaller_once_nobody_reads_what_was_before(old: Ledger, tmp_path: Path) -> None:
    """A long export, say, while much is dropped."""
    file, log = tmp_path / "ledger.sqlite", tmp_path / "ledger.sqlite-wal"
    with Records(file) as reader:
        reader.store.rows("SELECT 1 FROM reading LIMIT 1")
        while log.stat().st_size < 3 * 4 * 2**20:
            old.store.execute("UPDATE reading SET origin = origin + 1 WHERE daily = 0")
    for _ in range(3):  # what is in the log is written into the file, and the log begun anew
        old.store.execute("UPDATE meter SET ean = ean")
        old.store.rows("PRAGMA wal_checkpoint")
    assert log.stat().st_size <= 4 * 2**20


def test_a_file_of_an_older_version_grows_no_further(old: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    old.store.rows("PRAGMA journal_mode = DELETE")
    old.store.rows("PRAGMA auto_vacuum = NONE")
    old.store.rows("VACUUM")
    before = file.stat().st_size
    drop_all(old)
    assert not old.retention.give_back()
    years.fill(old, replace(HOME, ean="541448820000000022"), until=UNTIL, days=100)
    assert file.stat().st_size <= before


KILLED = """
import os, signal, sys
from pathlib import Path
from bridge.ledger import Ledger
from tests.ledger.test_retention import drop_all
with Ledger(Path(sys.argv[1])) as ledger:
    steps = iter(range(int(sys.argv[2])))
    def go_on():
        if next(steps, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
    ledger.store.db.set_progress_handler(go_on, 20_000)
    drop_all(ledger)
    while ledger.retention.give_back():
        pass
"""


@pytest.mark.parametrize("steps", [1, 10, 30, 70])
def test_killed_at_any_moment_it_goes_on_the_next_time(old: Ledger, tmp_path: Path, steps: int) -> None:
    file, before = tmp_path / "ledger.sqlite", made_of(old)
    old.close()
    command = [sys.executable, "-c", KILLED, str(file), str(steps)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with Ledger(file) as ledger:
        assert ledger.checks.problems() == ""
        for _ in ledger.checks.examination():
            pass
        assert made_of(ledger) == before
        drop_all(ledger)
        assert quarter_hours(ledger) == 0
        assert made_of(ledger) == before
