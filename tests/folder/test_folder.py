import json
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.folder import heartbeat
from bridge.folder.claim import FolderError, claim, is_claimed, write_private
from bridge.folder.heartbeat import Heartbeat

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
HOLD = """
import sys
from pathlib import Path
from bridge.folder.claim import claim
with claim(Path(sys.argv[1])):
    print("claimed", flush=True)
    sys.stdin.read()
"""

ORDINARY_USER = """
import os, sys
from pathlib import Path
from bridge.folder.claim import FolderError, claim, is_claimed, write_private
folder = Path(sys.argv[1])
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
"""
SAYS_WHAT_CAME_OF_IT = """
    print("done")
except FolderError as error:
    print(error)
"""
READ_PRIVATE_FILE = """
import sys
from pathlib import Path
for _ in range(500):
    assert set(Path(sys.argv[1]).read_text()) in ({"a"}, {"b"})
"""
READ_HEARTBEAT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from bridge.folder import heartbeat
for _ in range(1500):
    (problem,) = heartbeat.problems(Path(sys.argv[1]), datetime(2026, 11, 21, 8, tzinfo=UTC))
    assert len(problem) == 50_000, problem
"""


@pytest.fixture
def other_bridge(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works in the data folder, until its input ends."""
    arguments = [sys.executable, "-c", HOLD, str(tmp_path / "data")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "claimed\n"
        yield process
        if process.poll() is None:
            process.kill()


def as_an_ordinary_user(folder: Path, work: str) -> str:
    """What comes of some work in a read-only folder for someone who is not root, who may write anywhere."""
    program = ORDINARY_USER + "\n".join(f"    {line}" for line in work.splitlines()) + SAYS_WHAT_CAME_OF_IT
    arguments = [sys.executable, "-c", program, str(folder)]
    folder.chmod(0o555)
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
    folder.chmod(0o755)
    return ended.stdout + ended.stderr


@pytest.fixture
def anyone_s() -> Iterator[Path]:
    """A folder that an ordinary user can reach; pytest's own are for their owner alone."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def reading(program: str, path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program, str(path)])


def endlessly(letters: str, reader: subprocess.Popen[bytes]) -> Iterator[str]:
    """The letters again and again, until the reader has read enough."""
    for letter in cycle(letters):
        if reader.poll() is not None:
            return
        yield letter


# Who works in it


def test_a_folder_is_made_when_it_is_claimed(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    assert not is_claimed(folder)
    with claim(folder):
        assert is_claimed(folder)
    assert not is_claimed(folder)


def test_a_second_bridge_says_that_there_is_one_already(
    tmp_path: Path, other_bridge: subprocess.Popen[str]
) -> None:
    assert is_claimed(tmp_path / "data")
    with (
        pytest.raises(FolderError, match="another fluvius2mqtt is running in "),
        claim(tmp_path / "data"),
    ):
        pytest.fail("two bridges in one folder")
    other_bridge.communicate("")
    with claim(tmp_path / "data"):
        assert is_claimed(tmp_path / "data")


def test_a_killed_bridge_leaves_its_folder_free(tmp_path: Path, other_bridge: subprocess.Popen[str]) -> None:
    other_bridge.send_signal(signal.SIGKILL)
    other_bridge.wait()
    assert not is_claimed(tmp_path / "data")
    with claim(tmp_path / "data"):
        pass


def test_two_folders_have_a_bridge_each(tmp_path: Path) -> None:
    with claim(tmp_path / "one"), claim(tmp_path / "other"):
        assert is_claimed(tmp_path / "one")
        assert is_claimed(tmp_path / "other")


def test_asking_whether_a_folder_is_claimed_does_not_claim_it(tmp_path: Path) -> None:
    with claim(tmp_path):
        pass
    for _ in range(3):
        assert not is_claimed(tmp_path)
    with claim(tmp_path):
        for _ in range(3):
            assert is_claimed(tmp_path)


def test_a_claim_ends_with_an_error_inside_it(tmp_path: Path) -> None:
    with pytest.raises(KeyError), claim(tmp_path):
        raise KeyError
    assert not is_claimed(tmp_path)


def test_a_file_where_the_folder_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(FolderError, match="data cannot be written"), claim(tmp_path / "data"):
        pytest.fail("a folder that is none")


def test_a_folder_where_the_claim_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "claim").mkdir()
    with pytest.raises(FolderError, match="cannot be written"), claim(tmp_path):
        pytest.fail("a claim that is none")


def test_a_claim_file_of_another_kind_is_said(tmp_path: Path) -> None:
    (tmp_path / "claim").write_bytes(b"garbage " * 200)
    with pytest.raises(FolderError), claim(tmp_path):
        pytest.fail("a claim that is none")


def test_a_claim_file_of_another_kind_is_no_claim(tmp_path: Path) -> None:
    (tmp_path / "claim").write_bytes(b"garbage " * 200)
    assert not is_claimed(tmp_path)


def test_a_read_only_folder_is_said(anyone_s: Path) -> None:
    said = as_an_ordinary_user(anyone_s, "with claim(folder): pass")
    assert "cannot be written" in said
    assert "let this user write there" in said


@pytest.mark.parametrize("name", ["data", "data/below"])
def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").write_text("notes")
    with pytest.raises(FolderError, match="a file lies where a folder should be"), claim(tmp_path / name):
        pytest.fail("a claim that is none")


def test_a_claim_file_that_cannot_be_written_is_no_claim(anyone_s: Path) -> None:
    with claim(anyone_s):
        pass
    (anyone_s / "claim").chmod(0o444)
    assert "cannot be written" in as_an_ordinary_user(anyone_s, "with claim(folder): pass")


def test_a_claim_that_may_not_be_read_does_not_crash_the_health_check(anyone_s: Path) -> None:
    with claim(anyone_s):
        pass
    (anyone_s / "claim").chmod(0)
    assert "Traceback" not in as_an_ordinary_user(anyone_s, "is_claimed(folder)")


# Files that nobody else may read


def test_a_private_file_is_its_owner_s_alone_whatever_it_was_before(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    path.write_text("old")
    path.chmod(0o666)
    write_private(path, "geheim, é")
    assert path.read_text("utf-8") == "geheim, é"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_that_cannot_be_written_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    path.mkdir()
    (path / "inside").touch()
    with pytest.raises(FolderError, match=r"token\.json cannot be written"):
        write_private(path, "text")
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_in_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="cannot be written"):
        write_private(tmp_path / "gone" / "token.json", "text")


def test_a_private_file_in_a_read_only_folder_keeps_what_it_held(anyone_s: Path) -> None:
    path = anyone_s / "token.json"
    write_private(path, "old")
    said = as_an_ordinary_user(anyone_s, "write_private(folder / 'token.json', 'new')")
    assert "token.json cannot be written" in said
    assert path.read_text() == "old"


def test_a_reader_sees_the_old_or_the_new_private_file_and_nothing_between(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    write_private(path, "a" * 50_000)
    with reading(READ_PRIVATE_FILE, path) as reader:
        for letter in endlessly("ab", reader):
            write_private(path, letter * 50_000)
        assert reader.returncode == 0


# The heartbeat


def beat(heart: Heartbeat, now: datetime, **of: Any) -> None:
    heart.beat(now, **{"broker": None, "ledger": None, "sources": {"portal": "ok"}, **of})


def test_a_beating_heart_is_healthy_for_eleven_minutes(tmp_path: Path) -> None:
    beat(Heartbeat(tmp_path), NOW)
    assert heartbeat.problems(tmp_path, NOW + timedelta(minutes=11)) == []
    assert "given no sign of life" in heartbeat.problems(tmp_path, NOW + timedelta(minutes=12))[0]


def test_no_heart_is_a_problem(tmp_path: Path) -> None:
    assert "no bridge has run" in heartbeat.problems(tmp_path, NOW)[0]


def test_the_file_is_written_seldom_and_at_once_when_something_changed(tmp_path: Path) -> None:
    heart, path = Heartbeat(tmp_path), tmp_path / "heartbeat.json"
    beat(heart, NOW)
    first = path.read_bytes()
    beat(heart, NOW + timedelta(minutes=4))
    assert path.read_bytes() == first
    beat(heart, NOW + timedelta(minutes=4), broker="the broker is away")
    assert heartbeat.problems(tmp_path, NOW + timedelta(minutes=4)) == ["the broker is away"]
    beat(heart, NOW + timedelta(minutes=5))
    assert heartbeat.problems(tmp_path, NOW + timedelta(minutes=5)) == []
    beat(heart, NOW + timedelta(minutes=10))
    assert heartbeat.problems(tmp_path, NOW + timedelta(minutes=20)) == []


def test_every_trouble_is_told(tmp_path: Path) -> None:
    sources = {"portal": "refused", "energy_api": "unreachable"}
    beat(Heartbeat(tmp_path), NOW, broker="no broker", ledger="disk full", sources=sources)
    assert heartbeat.problems(tmp_path, NOW) == [
        "no broker",
        "disk full",
        "portal refuses the credentials",
    ]


def test_a_heart_that_cannot_be_written_beats_on(tmp_path: Path) -> None:
    heart = Heartbeat(tmp_path / "gone")
    beat(heart, NOW)
    assert heartbeat.problems(tmp_path / "gone", NOW) != []
    (tmp_path / "gone").mkdir()
    beat(heart, NOW + timedelta(minutes=5))
    assert heartbeat.problems(tmp_path / "gone", NOW + timedelta(minutes=5)) == []


def test_a_clock_that_was_set_back_does_not_stop_the_heart(tmp_path: Path) -> None:
    heart = Heartbeat(tmp_path)
    beat(heart, NOW + timedelta(days=300))
    beat(heart, NOW)
    assert heartbeat.problems(tmp_path, NOW + timedelta(minutes=12)) != []


def test_a_reader_never_finds_half_a_heartbeat(tmp_path: Path) -> None:
    heart = Heartbeat(tmp_path)
    beat(heart, NOW, broker="x" * 50_000)
    with reading(READ_HEARTBEAT, tmp_path) as reader:
        for letter in endlessly("ab", reader):
            beat(heart, NOW, broker=letter * 50_000)
        assert reader.returncode == 0


BEATS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("2026-11-21T08:00:00"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["at", "problems", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    st.binary(max_size=40)
    | st.fixed_dictionaries({"at": BEATS, "problems": BEATS}).map(lambda of: json.dumps(of).encode())
)
def test_a_heartbeat_of_another_kind_is_a_problem_and_no_crash(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "heartbeat.json").write_bytes(content)
    assert heartbeat.problems(folder, NOW) != []


def test_a_claim_is_an_ordinary_sqlite_lock(tmp_path: Path) -> None:
    with claim(tmp_path):
        outsider = sqlite3.connect(tmp_path / "claim", timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            outsider.execute("BEGIN EXCLUSIVE")
        outsider.close()
