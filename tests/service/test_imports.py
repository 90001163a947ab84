"""Files that are put into the folder of a running bridge, and a meter that lives on them alone."""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.rig.files import Writer
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.world import HOME, World, says

pytestmark = pytest.mark.usefixtures("_quick")

FIRST, LAST = date(2026, 11, 10), date(2026, 11, 19)
OF_FILES = {"name": "home", "ean": HOME["ean"], "source": "file"}


@pytest.fixture
def inbox(home: World) -> Path:
    """The folder of a household without an account."""
    home.meters = [OF_FILES]
    home.changes = {"fluvius": {}, "import_dir": str(home.folder / "import")}
    (home.folder / "import").mkdir()
    return home.folder / "import"


def put(home: World, inbox: Path, name: str = "quarters.csv", last: date = LAST) -> Path:
    writer = Writer(home.simulator, HOME["ean"])
    return writer.write(inbox / name, writer.intervals(FIRST, last))


def until(home: World, condition: Callable[[], object]) -> None:
    """Within a minute of the bridge's clock."""
    for within in (0.4, 0.4, 0.4, 0.4, 0.4, 5):
        home.clock.pass_by(seconds=10)
        if soon(condition, within):
            return
    raise AssertionError("not within a minute")


def soon(condition: Callable[[], object], within: float) -> bool:
    try:
        eventually(condition, within)
    except AssertionError:
        return False
    return True


def test_a_file_is_imported_within_a_minute_and_is_on_every_topic(
    home: World, inbox: Path, mosquitto: Mosquitto
) -> None:
    with home.running():
        put(home, inbox)
        until(home, (inbox / "done" / "quarters.csv").exists)
        eventually(lambda: "fluvius/home/day/date" in mosquitto.retained())
        retained = mosquitto.retained()
    assert retained["fluvius/home/day/date"] == "2026-11-19"
    topics = {topic.removeprefix("fluvius/home/").partition("/")[0] for topic in retained}
    assert {"day", "intervals", "total", "month", "peak", "status", "chart"} <= topics
    status = says(retained, "fluvius/home/status")
    assert (status["problem"], status["error"], status["days_awaited"]) == (False, None, [])
    assert "its files reach until 2026-11-19" in status["advice"]
    assert "quarters.csv" in status["advice"]
    words = (inbox / "done" / "quarters.csv.txt").read_text("utf-8")
    assert words == "quarters.csv: 2026-11-10 to 2026-11-19: 1920 new\n"
    assert not (inbox / "quarters.csv").exists()
    assert home.total() == home.truth(HOME["ean"], FIRST, LAST)
    assert home.invented() == []
    assert home.asked() == 0


def test_a_file_that_grows_is_left_alone(home: World, inbox: Path) -> None:
    with home.running():
        path = put(home, inbox)
        whole = path.read_bytes()
        for size in (1000, 20_000, 40_000, 60_000):
            path.write_bytes(whole[:size])
            home.clock.pass_by(seconds=9)  # or a look that comes late would see the same as the next
            assert not soon((inbox / "done").exists, 0.3)
        path.write_bytes(whole)
        until(home, (inbox / "done" / "quarters.csv").exists)
    assert home.total() == home.truth(HOME["ean"], FIRST, LAST)
    assert "last line is cut" not in (inbox / "done" / "quarters.csv.txt").read_text("utf-8")


def test_what_cannot_be_taken_is_put_aside_with_the_reason_until_a_better_one_comes(
    home: World, inbox: Path, mosquitto: Mosquitto
) -> None:
    with home.running():
        (inbox / "bill.xls").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(100))
        until(home, (inbox / "failed" / "bill.xls").exists)
        eventually(lambda: says(mosquitto.retained(), "fluvius/home/status")["problem"])
        status = says(mosquitto.retained(), "fluvius/home/status")
        put(home, inbox)
        until(home, (inbox / "done" / "quarters.csv").exists)
        eventually(lambda: not says(mosquitto.retained(), "fluvius/home/status")["problem"])
    assert "bill.xls was not imported: it is an Excel file" in status["error"]
    assert "it is an Excel file" in (inbox / "failed" / "bill.xls.txt").read_text("utf-8")


def test_the_same_name_again_takes_nothing_away(home: World, inbox: Path) -> None:
    with home.running():
        put(home, inbox, last=date(2026, 11, 11))
        until(home, (inbox / "done" / "quarters.csv").exists)
        put(home, inbox)
        until(home, (inbox / "done" / "quarters 2.csv").exists)
    assert home.total() == home.truth(HOME["ean"], FIRST, LAST)


def test_names_that_are_none_of_ours_are_left_alone(home: World, inbox: Path) -> None:
    path = put(home, inbox)
    (inbox / "x.part").write_bytes(path.read_bytes())
    (inbox / ".hidden").write_bytes(path.read_bytes())
    (inbox / "link.csv").symlink_to("/etc/hostname")
    with home.running():
        until(home, (inbox / "done" / "quarters.csv").exists)
    assert {each.name for each in inbox.iterdir()} == {".hidden", "x.part", "link.csv", "done"}


@pytest.mark.usefixtures("inbox")
def test_history_of_a_meter_of_files_is_not_fetched(home: World, mosquitto: Mosquitto) -> None:
    with mosquitto.listen("fluvius/bridge/response/#") as ear, home.running():
        eventually(lambda: "fluvius/home/status" in mosquitto.retained())
        mosquitto.publish("fluvius/bridge/request/backfill", '{"from": "2026-11-01"}')
        ear.wait_for(lambda heard: any("come from files" in each.payload for each in heard))
    assert home.asked() == 0


@pytest.mark.usefixtures("inbox")
def test_once_asks_nobody_for_a_meter_of_files(home: World, mosquitto: Mosquitto) -> None:
    cycle = home.once()
    assert (cycle.errors, home.asked()) == ([], 0)
    assert "no whole day" in says(mosquitto.retained(), "fluvius/home/status")["advice"]


def test_once_takes_what_lies_there_and_is_not_written_to_any_more(
    home: World, inbox: Path, mosquitto: Mosquitto
) -> None:
    for name, age in (("quarters.csv", 10), ("growing.csv", 9)):
        written = home.clock().timestamp() - age
        os.utime(put(home, inbox, name), (written, written))
    cycle = home.once()
    assert (cycle.errors, home.asked()) == ([], 0)
    assert mosquitto.retained()["fluvius/home/day/date"] == "2026-11-19"
    assert {each.name for each in inbox.iterdir()} == {"growing.csv", "done"}


def test_a_file_that_cannot_be_put_away_is_imported_once_and_said_once(
    home: World, inbox: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (inbox / "done").symlink_to(inbox / "nowhere")
    caplog.set_level("INFO")
    with home.running():
        put(home, inbox)
        until(home, lambda: "cannot be moved" in caplog.text)
        assert "the ledger is empty" not in caplog.text  # of what would be fetched
        for _ in range(4):
            home.clock.pass_by(seconds=10)
            assert not soon(lambda: caplog.text.count("1920") > 1, 0.2)
    assert caplog.text.count("cannot be moved") == 1
    assert home.total() == home.truth(HOME["ean"], FIRST, LAST)


def test_a_file_that_cannot_be_put_away_leaves_no_text_beside_where_it_would_be(
    home: World, inbox: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:  # as a share does on which files may be made, and not be taken away
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with home.running():
        put(home, inbox)
        until(home, lambda: "cannot be moved" in caplog.text)
    assert [*(inbox / "done").iterdir()] == []


def test_a_folder_that_is_not_there_is_said_and_changes_nothing(
    home: World, inbox: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.changes["import_dir"] = str(inbox / "far" / "away")
    with home.running():
        until(home, lambda: "cannot be read (No such file or directory)" in caplog.text)
    assert caplog.text.count("cannot be read") == 1


def test_a_file_in_the_folder_s_place_is_said(
    home: World, inbox: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (inbox / "file").touch()
    home.changes["import_dir"] = str(inbox / "file")
    with home.running():
        until(home, lambda: f"import_dir {inbox}/file is not a folder; write the name of one" in caplog.text)
