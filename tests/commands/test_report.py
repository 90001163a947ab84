"""`fluvius2mqtt check --report`: a recording that its owner agreed to, or none at all."""

import os
import pty
import random
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.rig.commands import (
    COULD_NOT,
    DONE,
    PASSWORD,
    REFUSED,
    WRONG,
    Ended,
    command,
    environment,
    shown_in,
    typed,
)
from tests.rig.mosquitto import eventually
from tests.rig.recordings import Recording
from tests.rig.world import GAS, HOME, World


@pytest.fixture
def visit(desk: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Recording:
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)  # no pauses
    desk.meters = [HOME, GAS]
    return Recording(desk, capsys)


def files(world: World) -> list[str]:
    return sorted(each.name for each in world.folder.iterdir() if each.name.startswith("report"))


def test_a_report_says_what_it_holds_and_is_for_its_owner_alone(visit: Recording) -> None:
    ended = visit.record("--yes")
    assert ended.status == DONE
    assert "ok  sign-in" in ended.out
    assert "/SelfAsserted " in ended.out
    assert max(map(len, ended.out.split("The report holds")[1].splitlines()[1:13])) <= 80
    assert "meter-measurement-spikes" in ended.out
    assert "unzip -p" in ended.out
    assert stat.S_IMODE(visit.file.stat().st_mode) == 0o600
    assert files(visit.world) == ["report.zip"]
    manifest = visit.pages()["manifest.json"]
    assert [meter["energy"] for meter in manifest["meters"]] == ["electricity", "gas"]
    assert [each["works"] for each in manifest["rows"]] == [True] * 4


def test_a_visit_is_one_sign_in_and_a_question_of_each_kind(visit: Recording) -> None:
    visit.record("--yes")
    count = visit.world.simulator.count
    assert [count(each) for each in ("sign-in", "readings-day", "readings-interval", "spikes")] == [
        1,
        2,
        2,
        1,
    ]
    assert len(visit.pages()) == 1 + count("all")


def test_a_file_that_is_there_stays_and_fluvius_is_not_asked(visit: Recording) -> None:
    visit.file.write_text("mine")
    file = visit.world.write_configuration()
    ended = visit._types(
        visit.world.clock, "check", "--report", str(visit.file), "--config", str(file), "--yes"
    )
    assert ended.status == COULD_NOT
    assert "already exists" in ended.error
    assert visit.file.read_text() == "mine"
    assert visit.world.simulator.count("all") == 0


def test_without_a_terminal_somebody_has_to_agree_beforehand(visit: Recording) -> None:
    ended = visit.record()
    assert ended.status == WRONG
    assert "add --yes" in ended.error
    assert files(visit.world) == []
    assert visit.world.simulator.count("all") == 0


def test_a_sign_in_that_is_refused_is_what_a_report_is_for(visit: Recording) -> None:
    visit.world.simulator.fault("wrong-password")
    ended = visit.record("--yes")
    assert ended.status == REFUSED
    last = list(visit.pages().values())[-1]
    assert last["response"]["json"]["errorCode"] == "AADB2C90054"
    assert visit.world.simulator.count("sign-in") == 1


def test_reports_count_among_the_three_tries_of_a_day(visit: Recording) -> None:
    visit.world.password = "wrong"
    visit.world.simulator.fault("wrong-password")
    for _ in range(5):
        ended = visit.record("--yes")
        visit.world.clock.pass_by(hours=2)
    assert visit.world.simulator.count("sign-in") <= 3
    assert ended.status == REFUSED
    assert "nothing to record" in ended.error
    assert files(visit.world) == []


def test_a_locked_account_is_left_alone(visit: Recording) -> None:
    visit.world.simulator.fault("account-locked")
    visit.record("--yes")
    visit.world.clock.pass_by(minutes=10)
    visit.record("--yes")
    assert visit.world.simulator.count("sign-in") == 1
    assert files(visit.world) == []


# Where somebody sits at the terminal


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, world: World) -> None:
        self.screen, screen = pty.openpty()
        words = ("check", "--report", "report.zip", "--config", str(world.write_configuration()))
        self.process = subprocess.Popen(
            command(*words), cwd=world.folder, env=environment(), stdin=screen, stdout=screen, stderr=screen
        )
        os.close(screen)

    def says(self, words: str) -> str:
        seen = b""
        while words.encode() not in seen:
            seen += os.read(self.screen, 65536)
        return seen.decode()

    def types(self, line: str) -> None:
        os.write(self.screen, line.encode())

    def end(self) -> tuple[int, str]:
        shown = shown_in(self.screen)
        return self.process.wait(20), shown


def test_whoever_says_no_has_no_file(hut: World) -> None:
    terminal = Terminal(hut)
    terminal.says("[y/N, l to look through it first]")
    terminal.types("\n")
    status, shown = terminal.end()
    assert (status, files(hut)) == (COULD_NOT, [])
    assert "nothing is written" in shown


def test_it_can_be_looked_through_before_it_is_written(hut: World) -> None:
    terminal = Terminal(hut)
    terminal.says("[y/N, l to look through it first]")
    assert files(hut) != ["report.zip"]
    terminal.types("l\n")
    shown = terminal.says('"granularity"') + terminal.says("look through it first]")
    assert PASSWORD not in shown
    terminal.types("y\n")
    assert terminal.end()[0] == DONE
    assert files(hut) == ["report.zip"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_interrupts_it_has_no_file(hut: World, number: int) -> None:
    hut.simulator.fault("stall", where="spikes")
    terminal = Terminal(hut)
    eventually(lambda: hut.simulator.count("spikes") == 1, 20)
    assert len(files(hut)) == 1  # empty, and of another name
    terminal.process.send_signal(number)
    status, shown = terminal.end()
    assert (status, files(hut)) == (COULD_NOT, [])
    assert "interrupted" in shown
    assert "Traceback" not in shown


def test_a_folder_that_cannot_be_written_is_told_before_fluvius_is_asked(hut: World) -> None:
    file = str(hut.write_configuration())
    ended: Ended = typed(hut.folder, "check", "--report", "nowhere/report.zip", "--yes", "--config", file)
    assert ended.status == COULD_NOT
    assert "cannot be written" in ended.error
    assert hut.simulator.count("all") == 0
    assert not Path(hut.folder / "nowhere").exists()
