"""Who may read what: nobody but the user who runs the bridge, whatever the umask."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.folder import claim as folder
from tests.rig.commands import COULD_NOT, DONE, healthcheck, linux, once, run, typed, without_privileges
from tests.rig.core import Core
from tests.rig.mosquitto import Mosquitto
from tests.rig.waiting import until_healthy
from tests.rig.world import World

OURS = {"claim", "ledger.sqlite", "heartbeat.json", "token.json"}


@pytest.fixture(autouse=True)
def _open_minded() -> Iterator[None]:
    """The umask that leaves most open."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):03o}"


def modes(folder: Path) -> dict[str, str]:
    return {each.name: mode(each) for each in folder.iterdir()}


def test_a_running_bridge_lets_nobody_else_read_what_it_makes(house: World, mosquitto: Mosquitto) -> None:
    house.changes["data_dir"] = str(house.folder / "new" / "data")
    with run(house):
        until_healthy(mosquitto)
        found = modes(house.data_dir)
    assert found.keys() >= OURS | {"ledger.sqlite-wal", "ledger.sqlite-shm"}
    assert set(found.values()) == {"600"}
    assert (mode(house.data_dir), mode(house.data_dir.parent)) == ("700", "700")


def test_what_an_older_version_made_is_put_right_at_the_start(house: World) -> None:
    once(house)
    house.data_dir.chmod(0o755)
    for name in ("heartbeat.new", "ledger.sqlite-wal"):  # of one that was killed
        (house.data_dir / name).touch()
    for file in house.data_dir.iterdir():
        file.chmod(0o644)
    assert once(house).status == DONE
    assert set(modes(house.data_dir).values()) == {"600"}
    assert mode(house.data_dir) == "700"


def test_what_is_kept_of_home_assistant_is_put_right_too(house: World) -> None:
    with Core().open() as core:
        house.changes["homeassistant.statistics"] = {"url": core.url, "token": "wrong"}
        once(house)
        house.data_dir.chmod(0o755)
        (house.data_dir / "home-assistant.json").chmod(0o644)
        once(house)
    assert set(modes(house.data_dir).values()) == {"600"}
    assert mode(house.data_dir) == "700"


def test_other_people_s_things_in_the_folder_stay_as_they_are(tmp_path: Path) -> None:
    elsewhere = tmp_path / "photos"
    elsewhere.touch()
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    for name in ("ledger.sqlite", "options.json", "claims.txt"):
        (data / name).touch()
        (data / name).chmod(0o644)
    (data / "heartbeat.json").symlink_to(elsewhere)
    data.chmod(0o755)
    folder.make(data)
    assert mode(data) == "755"
    assert modes(data) | {"heartbeat.json": "-"} == {
        "ledger.sqlite": "600",
        "options.json": "644",
        "claims.txt": "644",
        "heartbeat.json": "-",
    }
    assert mode(elsewhere)[-1] != "0"


def test_an_empty_folder_that_someone_made_is_theirs(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder.make(tmp_path)
    assert mode(tmp_path) == "755"


def test_an_export_is_its_owner_s_alone(house: World) -> None:
    once(house)
    config = str(house.write_configuration())
    for form in ("csv", "json"):
        ended = typed(
            house.folder, "export", "--config", config, "--format", form, "--output", f"days.{form}"
        )
        assert ended.status == DONE
        assert mode(house.folder / f"days.{form}") == "600"


@linux
@pytest.mark.parametrize(
    "words", [["show"], ["export", "--format", "csv"], ["healthcheck"]], ids=lambda w: w[0]
)
@pytest.mark.parametrize("what", ["folder", "file"])
def test_another_user_is_told_to_be_the_bridge_s(house: World, words: list[str], what: str) -> None:
    once(house)
    closed = [house.data_dir] if what == "folder" else list(house.data_dir.iterdir())
    for each in closed:
        each.chmod(0)
    ended = without_privileges(house, *words)
    assert ended.status == COULD_NOT
    [complaint] = ended.complaint
    assert str(house.data_dir) in complaint
    assert "run this as that user" in complaint


def test_a_healthy_bridge_is_healthy_to_its_own_user(house: World, mosquitto: Mosquitto) -> None:
    with run(house):
        until_healthy(mosquitto)
        assert healthcheck(house).status == DONE
