"""A ledger whose disk rots: no other amounts than Fluvius gave, and no silence about it."""

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from bridge.ledger import Damaged, Ledger, LedgerError, Records, migrations
from bridge.ledger.store import Store
from bridge.metering import meterday
from bridge.metering.model import Counted, Total
from tests.rig.commands import COULD_NOT, DONE
from tests.rig.ledgers import a_ledger_of_the_first_version, a_used_ledger
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.reading import Reader
from tests.rig.readings import DAY, HOME, NOW, all_intervals, daily, whole_day
from tests.rig.registers import kwh
from tests.rig.world import World, says

FIRST = DAY - timedelta(days=5)


@pytest.fixture
def used(path: Path) -> Path:
    a_used_ledger(path)
    return path


def exported(path: Path) -> list[Counted]:
    with Records(path) as records:
        return [
            *records.listing.counted(HOME, FIRST, DAY, daily=True),
            *records.listing.counted(HOME, FIRST, DAY, daily=False),
        ]


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute(sql).rowcount


def test_no_flipped_bit_changes_an_export_without_a_word(used: Path) -> None:
    good, truth = used.read_bytes(), exported(used)
    chance = random.Random(2026)
    told = 0
    for _ in range(400):
        bad = bytearray(good)
        bad[chance.randrange(100, len(bad))] ^= 1 << chance.randrange(8)
        used.write_bytes(bad)
        try:
            assert exported(used) == truth
        except LedgerError as error:
            assert str(used) in str(error)  # noqa: PT017 - the message is what counts, if there is one
            told += 1
    assert told > 60


AMOUNTS = {
    "an amount": "UPDATE reading SET amount = amount + 1 WHERE daily = 0 AND start % 86400 = 36000",
    "an amount of zero": "UPDATE reading SET amount = 0 WHERE daily = 1",
    "a reading that is gone": "DELETE FROM reading WHERE daily = 0 AND start % 86400 = 36000",
    "every reading": "DELETE FROM reading",
    "a reading too many": "INSERT INTO reading SELECT meter, daily, start, register, 77, amount, 1, 1, 0, 0"
    " FROM reading WHERE daily = 1",
    "a reading at another time": "UPDATE reading SET start = start + 1 WHERE start % 86400 = 36000",
    "its register": "UPDATE reading SET register = 9 - register WHERE start % 86400 = 36000",
    "its validation": "UPDATE reading SET validated = NOT validated WHERE daily = 1",
    "its revision": "UPDATE reading SET revision = revision + 64 WHERE daily = 0",
    "whether the day is complete": "UPDATE day SET complete = 0",
    "the day's revision": "UPDATE day SET revision = 3",
    "the day's date": "UPDATE day SET date = replace(date, '26-', '2v-')",
    "the checksum": "UPDATE day SET checksum = checksum + 1",
}


@pytest.mark.parametrize("what", AMOUNTS)
def test_what_is_not_as_it_was_written_is_not_read(used: Path, what: str) -> None:
    change(used, AMOUNTS[what])
    with pytest.raises(LedgerError, match=rf"is damaged\. Restore a backup.*\({HOME.name}: {FIRST}\)"):
        exported(used)
    with Ledger(used) as ledger:
        with pytest.raises(LedgerError, match="is damaged"):
            ledger.days.complete_day(HOME, DAY)
        with pytest.raises(LedgerError, match="is damaged"):
            ledger.sums.hourly(HOME, FIRST, DAY)
        with pytest.raises(LedgerError, match="is damaged"):
            list(ledger.checks.examination())


def test_amounts_that_change_places_are_noticed(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.answers.record_days(HOME, daily(kwh(HIGH=144)), NOW)
        morning, evening = all_intervals(kwh(HIGH=1))[:48], all_intervals(kwh(HIGH=2))[48:]
        ledger.answers.record_intervals(HOME, DAY, [*morning, *evening], NOW)
    noon = int(meterday.intervals_of(DAY, HOME.energy)[48].timestamp())
    change(path, f"UPDATE reading SET amount = 3000000000 - amount WHERE start IN ({noon}, {noon - 900})")
    with pytest.raises(LedgerError, match="is damaged"):
        exported(path)


def test_a_total_needs_no_quarter_hours_and_what_is_worked_out_of_them_needs_them_all(path: Path) -> None:
    with Ledger(path, stream=True) as ledger:
        whole_day(ledger, kwh(TOTAL=1), DAY)
    change(path, AMOUNTS["an amount"])
    noon = meterday.intervals_of(DAY, HOME.energy)[48]
    with Ledger(path, stream=True) as ledger:
        assert ledger.sums.total(HOME) == Total(DAY, DAY, 1, kwh(TOTAL=96))
        with pytest.raises(Damaged):
            ledger.sums.total(replace(HOME, since=noon))
        with pytest.raises(Damaged):
            ledger.peaks.peak_months(HOME, [meterday.month_of(DAY)])
        with pytest.raises(Damaged):
            ledger.outbox.unstreamed(HOME)


def test_quarter_hours_that_rot_hold_up_no_new_day(desk: World) -> None:
    desk.fetch()
    rotten = int(meterday.start_of(date(2026, 11, 16), HOME.energy).timestamp())
    change(
        desk.data_dir / "ledger.sqlite", f"UPDATE reading SET amount = 7 WHERE daily = 0 AND start = {rotten}"
    )
    desk.clock.pass_by(days=1)
    cycle = desk.fetch()
    assert cycle.new_days["home"] == [date(2026, 11, 21)]
    assert not cycle.errors


def test_a_damaged_day_is_not_written_over(used: Path) -> None:
    change(used, AMOUNTS["an amount"])
    with Ledger(used) as ledger:
        with pytest.raises(LedgerError, match="is damaged"):
            ledger.answers.record_days(HOME, daily(kwh(HIGH=1)), NOW)
        with pytest.raises(LedgerError, match="is damaged"):
            ledger.answers.record_intervals(HOME, DAY, all_intervals(kwh(HIGH=1)), NOW)


def test_a_day_of_garbage_is_said_also_in_the_middle_of_an_export(used: Path) -> None:
    """What is read row by row is read long after it was asked for."""
    change(used, "UPDATE register SET direction = 'sideways'")
    with pytest.raises(LedgerError, match="is damaged"):
        exported(used)


def test_each_month_is_looked_at_once(path: Path) -> None:
    with Ledger(path) as ledger:
        for back in range(0, 100, 10):
            whole_day(ledger, kwh(TOTAL=1), DAY - timedelta(days=back))
        assert len(list(ledger.checks.examination())) == 3


# Older versions


def test_an_older_ledger_gets_its_checksums(path: Path) -> None:
    a_ledger_of_the_first_version(path)
    start = int(meterday.start_of(date(2026, 11, 1), HOME.energy).timestamp())
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE day SET start = ?", (start,))
        database.execute("INSERT INTO register VALUES (1, 'consumption', 'total', 'kWh')")
        database.executemany(
            "INSERT INTO reading VALUES (1, ?, ?, 1, 0, 96000000000, 1, 1)",
            [(1, start), *((0, start + 900 * each) for each in range(96))],
        )
    with Ledger(path) as ledger:
        list(ledger.checks.examination())
        whole_day(ledger, kwh(TOTAL=1), date(2026, 11, 2))
        list(ledger.checks.examination())
    change(path, "UPDATE reading SET amount = amount + 1 WHERE daily = 0")
    with Ledger(path) as ledger, pytest.raises(LedgerError, match="2026-11-01"):
        list(ledger.checks.examination())


@pytest.mark.parametrize("daily", [0, 1])
def test_what_was_damaged_stays_damaged_when_quarter_hours_get_a_checksum_of_their_own(
    used: Path, daily: int
) -> None:
    change(used, "UPDATE day SET checksum = checksum + intervals_checksum")
    with closing(sqlite3.connect(used)) as database:
        database.execute("ALTER TABLE day DROP COLUMN intervals_checksum")
        database.execute("ALTER TABLE day DROP COLUMN dropped")
        database.execute("DROP VIEW sound_price")
        database.execute("DROP TABLE price")
        database.execute("DROP TABLE cost")
        database.execute("DROP VIEW sound_correction")
        database.execute("DROP TABLE correction")
        database.execute("DROP TABLE peak_due")
        for column in ("origin", "estimated"):
            database.execute(f"ALTER TABLE reading DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 6")
    of_the_sixth_version = used.read_bytes()
    with Ledger(used) as ledger:
        list(ledger.checks.examination())
    used.write_bytes(of_the_sixth_version)
    change(used, f"UPDATE reading SET amount = amount + 1 WHERE daily = {daily}")
    with Ledger(used) as ledger, pytest.raises(Damaged, match=f"{FIRST}"):
        list(ledger.checks.examination())


def copies(path: Path) -> Iterator[Path]:
    return path.parent.glob("ledger.sqlite.before-*")


def test_a_copy_is_kept_before_an_older_ledger_is_brought_up_to_date(path: Path) -> None:
    path.with_name("ledger.sqlite.before-2").touch()
    a_ledger_of_the_first_version(path)
    with closing(sqlite3.connect(path)) as database:
        before = list(database.iterdump())
    with Ledger(path):
        pass
    (copy,) = copies(path)
    assert copy.name == f"ledger.sqlite.before-{len(migrations.MIGRATIONS)}"
    with closing(sqlite3.connect(copy)) as database:
        assert list(database.iterdump()) == before
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
    with Ledger(path):
        pass
    assert list(copies(path)) == [copy]


def test_nothing_is_changed_without_a_copy(path: Path) -> None:
    a_ledger_of_the_first_version(path)
    before = path.read_bytes()
    path.with_name(f"ledger.sqlite.before-{len(migrations.MIGRATIONS)}").mkdir()
    with pytest.raises(LedgerError, match=r"copied to .* first, which fails"):
        Ledger(path)
    assert path.read_bytes() == before
    assert unfinished(path) == []


KILLED_WHILE_IT_COPIES = """
import os, signal, sys
from pathlib import Path
from bridge.ledger import Ledger
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Ledger(Path(sys.argv[1]))
"""


def test_a_copy_that_was_not_finished_is_cleared_up_by_the_next_start(path: Path) -> None:
    a_ledger_of_the_first_version(path)
    for _ in range(2):
        command = [sys.executable, "-c", KILLED_WHILE_IT_COPIES, str(path)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert len(unfinished(path)) == 1, "they do not pile up"
    with Ledger(path):
        assert unfinished(path) == []
        assert len(list(copies(path))) == 1


def unfinished(path: Path) -> list[Path]:
    return [each for each in path.parent.iterdir() if ".new" in each.name]


def test_a_new_ledger_has_no_older_copy(path: Path) -> None:
    with Ledger(path):
        pass
    assert list(copies(path)) == []


def test_a_start_that_was_killed_leaves_no_empty_ledger(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would be taken for one that somebody emptied."""

    def killed(_: Ledger) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "_migrate", killed)
    with suppress(KeyboardInterrupt):
        Ledger(path)
    assert not path.exists()


# `check --ledger`


def test_a_sound_ledger_is_said_to_be_as_it_was_written(reader: Reader) -> None:
    reader.world.fetch()
    before = reader.simulator.count()
    ended = reader.types("check", "--ledger")
    assert ended.status == DONE
    assert "31 complete days from 2026-10-21 to 2026-11-20, all as they were written" in " ".join(
        ended.out.split()
    )
    assert reader.simulator.count() == before


def test_a_damaged_day_is_named_and_the_other_meters_are_looked_at(reader: Reader) -> None:
    reader.world.fetch()
    file = reader.world.data_dir / "ledger.sqlite"
    change(file, "UPDATE reading SET amount = amount + 1 WHERE meter = 1 AND daily = 1")
    ended = reader.types("check", "--ledger")
    assert ended.status == COULD_NOT
    said = " ".join(ended.out.split())
    assert "31 days are not as they were written (2026-10-21, 2026-10-22" in said
    assert "restore a backup" in said
    assert said.count("all as they were written") == len(reader.world.settings.followed) - 1


def test_the_running_bridge_finds_rot_in_its_idle_time(home: World, mosquitto: Mosquitto) -> None:
    home.fetch()
    with home.ledger() as ledger:
        whole_day(ledger, kwh(TOTAL=1), date(2026, 1, 1))
    change(home.data_dir / "ledger.sqlite", "UPDATE reading SET amount = 7 WHERE start < 1770000000")
    with home.running():
        eventually(lambda: "2026-01-01" in mosquitto.retained().get("fluvius/bridge/health", ""))
    assert "is damaged" in says(mosquitto.retained(), "fluvius/bridge/health")["ledger"]["last_error"]
