"""`fluvius2mqtt check`: meters that live on files, and the folder for these."""

from datetime import date
from pathlib import Path

import pytest

from tests.rig.commands import findings, linux, without_privileges
from tests.rig.files import Writer
from tests.rig.reading import Reader
from tests.rig.world import HOME


@pytest.fixture
def household(reader: Reader) -> Reader:
    """Without an account."""
    reader.world.meters = [{**HOME, "source": "file"}]
    reader.world.changes = {"fluvius": {}}
    return reader


def rows(reader: Reader) -> str:
    return " ".join(reader.types("check").out.split())


def test_a_meter_says_until_when_its_files_reach(household: Reader, tmp_path: Path) -> None:
    assert "NO home no file of it was imported yet" in rows(household)
    assert "then run `fluvius2mqtt import FILE`" in rows(household)
    writer = Writer(household.simulator, HOME["ean"])
    file = writer.write(tmp_path / "home.csv", writer.intervals(date(2026, 11, 1), date(2026, 11, 3)))
    household.types("import", str(file))
    assert "ok home its files reach until 2026-11-03" in rows(household)


def test_the_folder_is_there_or_is_made_or_said(household: Reader, tmp_path: Path) -> None:
    household.world.changes["import_dir"] = str(tmp_path / "inbox")
    assert f"ok import_dir {tmp_path}/inbox is not there yet; the bridge makes it" in rows(household)
    assert f"and put it into {tmp_path}/inbox" in rows(household)
    (tmp_path / "inbox").mkdir()
    assert f"ok import_dir the bridge imports what is put into {tmp_path}/inbox" in rows(household)
    household.world.changes["import_dir"] = str(tmp_path / "far" / "away")
    assert f"NO import_dir make the folder {tmp_path}/far/away" in rows(household)


def test_a_file_in_the_folder_s_place_is_said(household: Reader, tmp_path: Path) -> None:
    (tmp_path / "inbox").touch()
    household.world.changes["import_dir"] = str(tmp_path / "inbox")
    assert f"NO import_dir {tmp_path}/inbox is not a folder; write the name of one" in rows(household)


@linux
def test_a_folder_of_somebody_else_is_said(household: Reader, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir(mode=0o500)
    household.world.changes["import_dir"] = str(tmp_path / "inbox")
    (works, words) = findings(without_privileges(household.world, "check"))["import_dir"]
    assert (works, str(tmp_path / "inbox") in words) == (False, True)
