"""`fluvius2mqtt import`: what a person types, and reads at the end."""

import os
import pty
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest
import yaml

from bridge.folder.claim import claim
from tests.rig.commands import (
    COULD_NOT,
    DONE,
    WITH_SMALL_FILES,
    WRONG,
    environment,
    linux,
    shown_in,
    typed,
    without_privileges,
)
from tests.rig.files import Writer
from tests.rig.reading import Reader
from tests.rig.world import GAS, HOME

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 3)
FILES = [{**HOME, "source": "file"}, {**GAS, "source": "file"}]


@pytest.fixture
def downloads(reader: Reader) -> Path:
    """A household without an account, and what it has downloaded."""
    reader.world.meters = FILES
    reader.world.changes = {"fluvius": {}}
    folder = reader.world.folder / "downloads"
    folder.mkdir()
    for of in (HOME, GAS):
        writer = Writer(reader.simulator, of["ean"])
        writer.write(folder / f"{of['name']}.csv", writer.intervals(FIRST, LAST))
    return folder


def files(downloads: Path) -> list[str]:
    return sorted(map(str, downloads.iterdir()))


def shown(reader: Reader) -> str:
    return reader.types("export", "--format", "csv").out


def test_a_table_says_what_was_taken(reader: Reader, downloads: Path) -> None:
    ended = reader.types("import", *files(downloads))
    assert ended.status == DONE
    assert ended.out.splitlines() == [
        "meter               from        to                 new  replaced     known",
        "gas.csv",
        "  gas               2026-11-01  2026-11-03         144         0         0",
        "home.csv",
        "  home              2026-11-01  2026-11-03         576         0         0",
    ]
    assert reader.world.total() == reader.world.truth(HOME["ean"], FIRST, LAST)
    assert reader.world.total("gas") == reader.world.truth(GAS["ean"], FIRST, LAST)
    assert reader.world.asked() == 0


def test_a_second_time_everything_is_known(reader: Reader, downloads: Path) -> None:
    reader.types("import", *files(downloads))
    before = shown(reader)
    ended = reader.types("import", *files(downloads))
    assert "         0         0       576" in ended.out
    assert shown(reader) == before


def test_a_dry_run_says_the_same_and_changes_nothing(reader: Reader, downloads: Path) -> None:
    rehearsed = reader.types("import", "--dry-run", *files(downloads))
    assert not reader.world.data_dir.exists()
    assert rehearsed.out.splitlines()[-1] == "Nothing was changed: this was a dry run."
    done = reader.types("import", *files(downloads))
    assert rehearsed.out.splitlines()[:-1] == done.out.splitlines()
    before = shown(reader)
    with claim(reader.world.data_dir):  # beside a bridge that runs
        again = reader.types("import", "--dry-run", *files(downloads))
    assert "       576" in again.out
    assert shown(reader) == before


def test_a_bad_file_beside_a_good_one_is_said_and_the_good_one_taken(reader: Reader, downloads: Path) -> None:
    (downloads / "a.csv").write_text("Datum;Stand\n", "utf-8")
    ended = reader.types("import", *files(downloads), str(downloads / "none.csv"))
    assert ended.status == COULD_NOT
    assert "  NO  it is not a history of Mijn Fluvius" in ended.out
    assert "  NO  it cannot be read (No such file or directory)\n" in ended.out
    assert reader.world.total() == reader.world.truth(HOME["ean"], FIRST, LAST)
    with reader.world.at_work() as (_, fetcher):  # a slip at the keyboard is no problem of the meter
        assert [fetcher.progress(meter).error for meter in fetcher.meters] == [None, None]


def test_a_meter_that_is_not_configured_is_offered_as_a_line(reader: Reader, downloads: Path) -> None:
    reader.world.meters = FILES[:1]
    ended = reader.types("import", *files(downloads))
    offered = ended.out[ended.out.index("- {") :].splitlines()[0]
    assert offered == f'- {{name: gas, ean: "{GAS["ean"]}", energy: gas, source: file}}'
    file = reader.world.write_configuration()
    text = file.read_text("utf-8").replace("meters:\n", f"meters:\n{offered}\n")
    file.write_text(text, "utf-8")
    pasted = typed(reader.world.folder, "import", "--config", str(file), str(downloads / "gas.csv"))
    assert (pasted.status, "NO " in pasted.out) == (DONE, False)


def test_where_there_is_an_account_it_is_offered_as_one_of_that(reader: Reader, downloads: Path) -> None:
    reader.world.meters, reader.world.changes = [HOME], {}
    ended = reader.types("import", str(downloads / "gas.csv"))
    offered = ended.out[ended.out.index("- {") :].splitlines()[0]
    assert yaml.safe_load(offered) == [
        {"name": "gas", "ean": GAS["ean"], "energy": "gas", "serial": GAS["serial"], "source": "portal"}
    ]


def test_amounts_of_days_to_come_are_not_believed(reader: Reader, downloads: Path) -> None:
    text = (downloads / "home.csv").read_text("utf-8")
    (downloads / "home.csv").write_text(text.replace("-11-2026", "-11-2126"), "utf-8")
    ended = reader.types("import", str(downloads / "home.csv"))
    assert ended.status == COULD_NOT
    assert "  NO  it holds 2126-11-01, and today is" in ended.out
    assert not shown(reader)


def test_beside_a_running_bridge_the_files_go_into_its_folder_or_it_must_stop(
    reader: Reader, downloads: Path
) -> None:
    with claim(reader.world.data_dir):
        ended = reader.types("import", *files(downloads))
        assert (ended.status, len(ended.complaint)) == (COULD_NOT, 1)
        assert "the bridge is running: stop it first; or set import_dir" in ended.error
        reader.world.changes["import_dir"] = str(reader.world.folder / "inbox")
        ended = reader.types("import", *files(downloads))
    assert ended.status == DONE
    assert "takes the files itself, within a minute" in ended.out
    inbox = reader.world.folder / "inbox"
    assert {each.name for each in inbox.iterdir()} == {"gas.csv", "home.csv"}
    assert (inbox / "home.csv").read_bytes() == (downloads / "home.csv").read_bytes()
    assert (inbox / "home.csv").stat().st_mtime == (downloads / "home.csv").stat().st_mtime


def test_without_a_file_the_command_line_is_wrong(reader: Reader) -> None:
    assert reader.types("import").status == WRONG


@linux
def test_a_file_or_folder_that_is_somebody_elses(reader: Reader, downloads: Path) -> None:
    (downloads / "gas.csv").chmod(0)
    ended = without_privileges(reader.world, "import", str(downloads / "gas.csv"))
    assert ended.status == COULD_NOT
    assert "it cannot be read (Permission denied); let this user read it" in ended.out
    reader.world.data_dir.chmod(0o500)
    ended = without_privileges(reader.world, "import", str(downloads / "home.csv"))
    assert (ended.status, len(ended.complaint)) == (COULD_NOT, 1)
    assert "cannot be written" in ended.error


def test_a_full_disk_is_one_line_and_leaves_nothing_of_the_file(reader: Reader, downloads: Path) -> None:
    writer, first = Writer(reader.simulator, HOME["ean"]), date(2026, 9, 1)
    path = writer.write(downloads / "long.csv", writer.intervals(first, LAST))
    words = "import", "--config", str(reader.world.write_configuration()), str(path)
    program = [sys.executable, "-c", WITH_SMALL_FILES, "300000"]
    ended = typed(reader.world.folder, *words, program=program)
    assert (ended.status, len(ended.complaint)) == (COULD_NOT, 1)
    assert "ledger" in ended.error
    assert typed(reader.world.folder, *words).status == DONE
    assert reader.world.total() == reader.world.truth(HOME["ean"], first, LAST)


def test_an_import_that_is_killed_is_made_good_by_the_same_command(reader: Reader, downloads: Path) -> None:
    writer = Writer(reader.simulator, HOME["ean"])
    first = date(2026, 8, 1)
    path = writer.write(downloads / "long.csv", writer.intervals(first, LAST))
    words = "import", "--config", str(reader.world.write_configuration()), str(path)
    process = subprocess.Popen([sys.executable, "-m", "bridge", *words], env=environment())
    ledger = reader.world.data_dir / "ledger.sqlite-wal"
    until = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < until:
        if ledger.exists() and ledger.stat().st_size > 50_000:
            break
        time.sleep(0.005)
    process.kill()
    process.wait(10)
    assert typed(reader.world.folder, *words).status == DONE
    assert reader.world.total() == reader.world.truth(HOME["ean"], first, LAST)
    assert reader.world.invented() == []


def test_a_large_file_has_a_bar_in_a_terminal(reader: Reader, downloads: Path) -> None:
    writer = Writer(reader.simulator, HOME["ean"])
    path = writer.write(downloads / "long.csv", writer.intervals(date(2026, 9, 1), LAST))
    assert path.stat().st_size > 1_000_000
    words = "import", "--config", str(reader.world.write_configuration()), str(path)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bridge", *words],
        env=environment(COLUMNS="80", TERM="xterm"),
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = shown_in(ours)
    assert process.wait(20) == DONE
    assert "━" in seen
    assert "100%" in seen
    assert "12296" in seen


@linux
def test_a_year_is_a_matter_of_seconds_and_of_little_memory(reader: Reader, downloads: Path) -> None:
    """Of the process, start included; on a desktop it is about three seconds."""
    writer = Writer(reader.simulator, HOME["ean"])
    lines = writer.intervals(date(2025, 11, 1), date(2026, 10, 31))
    path = writer.write(downloads / "year.csv", lines)
    words = "import", "--config", str(reader.world.write_configuration()), str(path)
    program = (
        "import time; from bridge.commands import main; main(); print(time.process_time());"
        " print(*(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    ended = typed(reader.world.folder, *words, program=[sys.executable, "-c", program])
    assert ended.status == DONE
    seconds, _, peak, _ = ended.out.split()[-4:]
    assert float(seconds) < 20  # some four on a machine of its own
    assert int(peak) < 60_000  # kB


def test_what_fluvius_would_be_asked_for_says_that_it_is_not(reader: Reader, downloads: Path) -> None:
    reader.types("import", *files(downloads))
    raw = reader.types("export", "--raw", "--fetch", "--format", "json")
    assert (raw.status, len(raw.complaint)) == (WRONG, 1)
    assert "the readings come from files" in raw.error
    assert "come from files" in reader.types("backfill", "--from", "2026-11-01").out
    assert reader.world.asked() == 0
