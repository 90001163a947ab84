"""Commands as a person types them, each in a process of its own: to the end, or running."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from tests.rig.forks import Forked, forked
from tests.rig.mosquitto import eventually
from tests.rig.world import World

AT_ONCE = 5  # seconds, on a busy machine: who waits for Fluvius or a broker takes ten times as long
PASSWORD = "correct horse"
DONE, COULD_NOT, WRONG, REFUSED = 0, 1, 2, 3
ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would configure the bridge."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLUVIUS")}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "500", "HOME": "/nonexistent", **more}


class Ended:
    """A command that has ended. What may never be in its output is looked for here."""

    def __init__(self, status: int, out: str, error: str) -> None:
        self.status, self.out, self.error = status, out, error
        assert "Traceback" not in out + error, error
        assert PASSWORD not in out + error
        assert "Error:" not in out + error, error
        assert "[Errno" not in out + error, error

    @property
    def complaint(self) -> list[str]:
        return self.error.splitlines()


class Running:
    """A command that runs."""

    def __init__(self, process: "Forked | subprocess.Popen[str]", log: Path) -> None:
        self.process, self._log = process, log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def until_says(self, words: str) -> Self:
        eventually(lambda: words in self.log or self.process.poll() is not None, 15)
        assert words in self.log, self.log
        return self

    def terminate(self) -> tuple[Ended, float]:
        """SIGTERM; also how many seconds it took to end."""
        began = time.monotonic()
        self.process.terminate()
        status = self.process.wait(10)
        took = time.monotonic() - began
        return Ended(status, "", self.log), took


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "bridge", *words]


def typed(folder: Path, *words: str, program: list[str] | None = None, **env: str) -> Ended:
    """A command, to its end."""
    if not (program or any(name.startswith("PYTHON") for name in env)):
        return Ended(*forked(folder, words, environment(**env)))
    done = subprocess.run(
        [*(program or command()), *words],
        cwd=folder,
        env=environment(**env),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def once(world: World, *words: str) -> Ended:
    return typed(world.folder, "once", "--config", str(world.write_configuration()), *words)


def checked(world: World) -> Ended:
    return typed(world.folder, "check", "--config", str(world.write_configuration()))


def started(
    folder: Path, words: tuple[str, ...], env: dict[str, str], log: Path, program: list[str] | None = None
) -> "Forked | subprocess.Popen[str]":
    """A command that goes on, and writes all that it says to a file."""
    if not program:
        return Forked(folder, words, env, log, log)
    with log.open("w") as file:
        return subprocess.Popen([*program, *words], cwd=folder, env=env, stdout=file, stderr=file, text=True)


@contextmanager
def run(world: World, *words: str, program: list[str] | None = None, name: str = "run") -> Iterator[Running]:
    """`fluvius2mqtt run`, or another command, with the world's configuration."""
    words = name, "--config", str(world.write_configuration()), *words
    with going_on(world.folder, *words, program=program) as running:
        yield running


@contextmanager
def going_on(folder: Path, *words: str, program: list[str] | None = None, **env: str) -> Iterator[Running]:
    """A command, killed in the end if need be."""
    log = folder / "log"
    process = started(folder, words, environment(**env), log, program)
    try:
        yield Running(process, log)
    finally:
        process.kill()
        process.wait(10)


def shown_in(terminal: int) -> str:
    """All that is written to a terminal until nobody has it open any more; our end of it is closed then."""
    seen = b""
    try:
        while chunk := os.read(terminal, 65536):
            seen += chunk
    except OSError:  # the other side is closed
        pass
    finally:
        os.close(terminal)
    return seen.decode()


def healthcheck(world: World) -> Ended:
    return typed(world.folder, "healthcheck", "--config", str(world.write_configuration()))


# Root may write everywhere, unless it is told not to use that right.
WITHOUT_PRIVILEGES = """
import ctypes, os, sys
for capability in (1, 2):  # DAC_OVERRIDE, DAC_READ_SEARCH
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, "-m", "bridge", *sys.argv[1:]])
"""
WITH_SMALL_FILES = """
import resource, runpy, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
runpy.run_module("bridge", run_name="__main__")
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")


def without_privileges(world: World, *words: str) -> Ended:
    """A command of someone who may read and write no more than the files say."""
    words = (*words, "--config", str(world.write_configuration()))
    return typed(world.folder, *words, program=[sys.executable, "-c", WITHOUT_PRIVILEGES])


def findings(ended: Ended) -> dict[str, tuple[bool, str]]:
    """The table: what → whether it works, and in which words."""
    rows = [line.split(maxsplit=2) for line in ended.out.splitlines()]
    return {what: (mark == "ok", words) for mark, what, words in rows}
