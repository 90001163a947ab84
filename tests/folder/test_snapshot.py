"""A data folder that cannot be written: a snapshot, a backup, a read-only mount, a full disk."""

import csv
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.folder.claim import FolderError, claim, make, prove_writable, write_private
from bridge.ledger import Ledger, LedgerError
from bridge.ledger.snapshot import how_to_read
from tests.rig.commands import COULD_NOT, DONE, findings, linux, once, run, typed, without_privileges
from tests.rig.mosquitto import Mosquitto
from tests.rig.waiting import until_healthy
from tests.rig.world import World

pytestmark = linux
LEDGER = "ledger.sqlite"


@contextmanager
def snapshot(world: World, *names: str) -> Iterator[Path]:
    """A copy of some files of the data folder, that nobody may write."""
    copy = world.folder / "snapshot"
    copy.mkdir()
    for name in names:
        shutil.copy(world.data_dir / name, copy / name)
        (copy / name).chmod(0o444)
    copy.chmod(0o555)
    world.changes["data_dir"] = str(copy)
    before = {each.name: each.read_bytes() for each in copy.iterdir()}
    yield copy
    assert {each.name: each.read_bytes() for each in copy.iterdir()} == before
    copy.chmod(0o755)


def reads(world: World, *words: str) -> list[str]:
    """The dates in what a command shows of a folder that it cannot write."""
    ended = without_privileges(world, *words)
    assert ended.status == DONE, ended.error
    if words[0] == "show":
        [meter] = json.loads(ended.out)["meters"]
        return [day["date"] for day in meter["days"] if day["state"] == "complete"]
    return sorted({row["date"] for row in csv.DictReader(ended.out.splitlines())})


def shows_and_exports_the_same_days(world: World) -> bool:
    days = reads(world, "show", "--json")
    return len(days) == 5 and days == reads(world, "export", "--format", "csv")


def test_a_snapshot_at_rest_is_shown_and_exported(house: World) -> None:
    once(house)
    with snapshot(house, LEDGER, "claim"):
        assert shows_and_exports_the_same_days(house)


def test_a_snapshot_of_a_working_bridge_is_shown_with_what_waits_in_its_log(
    house: World, mosquitto: Mosquitto
) -> None:
    with run(house):
        until_healthy(mosquitto)
        with snapshot(house, LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm"):
            assert shows_and_exports_the_same_days(house)


def test_beside_a_bridge_that_may_write_there_everything_new_is_seen(
    house: World, mosquitto: Mosquitto
) -> None:
    with run(house):
        until_healthy(mosquitto)
        house.data_dir.chmod(0o555)
        assert "immutable" not in how_to_read(house.data_dir / LEDGER)
        assert shows_and_exports_the_same_days(house)
        house.data_dir.chmod(0o755)


def test_a_read_only_mount_is_shown_and_exported(house: World) -> None:
    once(house)
    if subprocess.run(
        ["mount", "--bind", house.data_dir, house.data_dir], check=False, capture_output=True
    ).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", house.data_dir], check=True)
        assert shows_and_exports_the_same_days(house)
        ended = typed(house.folder, "check", "--config", str(house.write_configuration()))
        assert "this disk is read-only" in ended.out
    finally:
        subprocess.run(["umount", house.data_dir], check=True)


def test_a_log_without_its_index_is_said_and_never_left_out(house: World, mosquitto: Mosquitto) -> None:
    with run(house):
        until_healthy(mosquitto)
        with snapshot(house, LEDGER, f"{LEDGER}-wal"):
            ended = without_privileges(house, "show")
    assert (ended.status, len(ended.complaint)) == (COULD_NOT, 1)
    assert "let this user write in its folder" in ended.error


def test_a_snapshot_of_an_older_version_says_what_to_do(house: World) -> None:
    once(house)
    database = sqlite3.connect(house.data_dir / LEDGER)
    database.execute("PRAGMA user_version = 1")
    database.close()
    with snapshot(house, LEDGER):
        ended = without_privileges(house, "show")
    assert ended.status == COULD_NOT
    assert "older fluvius2mqtt" in ended.error
    assert "in a copy" in ended.error


def test_a_check_there_signs_in_nowhere_and_says_why(house: World) -> None:
    once(house)
    house.simulator.forget_requests()
    with snapshot(house, LEDGER, "token.json"):
        ended = without_privileges(house, "check")
    found = findings(ended)
    assert ended.status == COULD_NOT
    assert found["broker"][0]
    works, words = found["data_dir"]
    assert not works
    assert "cannot be written" in words
    assert "could not be remembered" in words
    assert house.simulator.count() == 0


# --- full disks


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk that has no room: for a few bytes, and for no new file."""
    small = tmp_path / "small"
    small.mkdir()
    options = ["-t", "tmpfs", "-o", "size=16k,nr_inodes=4", "none", str(small)]
    if subprocess.run(["mount", *options], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        data = small / "data"
        data.mkdir()
        with (small / "rest").open("wb", buffering=0) as rest:
            while True:
                try:
                    rest.write(bytes(1024))
                except OSError:
                    break
        yield data
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_full_disk_is_named_by_whoever_meets_it(full: Path) -> None:
    def keep_a_claim() -> None:
        with claim(full):
            pass

    for meeting in (
        keep_a_claim,
        lambda: make(full / "deeper" / "still"),
        lambda: prove_writable(full),
        lambda: write_private(full / "token.json", "x" * 5000),
        lambda: Ledger(full / LEDGER),
    ):
        with pytest.raises((FolderError, LedgerError), match="disk is full") as said:
            meeting()
        assert "let this user" not in str(said.value)


def test_a_disk_without_room_for_new_files_is_as_full(full: Path) -> None:
    (full.parent / "rest").unlink()
    (full.parent / "one").touch()
    os.mkfifo(full.parent / "two")
    with pytest.raises(LedgerError, match="disk is full"):
        Ledger(full / LEDGER)
