"""Commands in processes of their own, forked from one that has imported the bridge already, for speed."""

import fcntl
import gc
import multiprocessing
import os
import sys
import termios
from collections.abc import Callable, Mapping
from multiprocessing.reduction import DupFd
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

WHAT_COMMANDS_IMPORT = (
    "bridge.commands",
    *("bridge.config", "bridge.fluvius.open", "bridge.homeassistant.core", "bridge.service.bridge"),
    *(
        "bridge.commands.backfill",
        "bridge.commands.check",
        "bridge.commands.export",
        "bridge.commands.init",
        "bridge.commands.mandate",
        "bridge.commands.once",
        "bridge.commands.raw",
        "bridge.commands.run",
    ),
    *("bridge.commands.remove", "bridge.commands.show", "bridge.terminal.report", "msal"),
)
PATIENCE = 60.0  # seconds

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([*WHAT_COMMANDS_IMPORT, __name__])
gc.freeze()  # in the server, which imports this last: what a collector looks through is copied in each child


class Forked:
    """A command that runs, with the words of `subprocess.Popen` for it."""

    def __init__(
        self, folder: Path, words: tuple[str, ...], environment: Mapping[str, str], out: Path, error: Path
    ) -> None:
        for each in (out, error):
            each.write_text("")
        self._start(folder, words, environment, _Files([out, error]))

    @classmethod
    def at_a_terminal(
        cls, folder: Path, words: tuple[str, ...], environment: Mapping[str, str], terminal: int
    ) -> Self:
        """The same at a terminal of its own."""
        forked = cls.__new__(cls)
        forked._start(folder, words, environment, _Terminal(terminal))
        return forked

    def _start(self, *arguments: Any) -> None:
        self._process = _server.Process(target=_type, args=arguments)
        self._process.start()

    def ends_within(self, seconds: float) -> bool:
        self._process.join(seconds)
        return self.poll() is not None

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float = PATIENCE) -> int:
        assert self.ends_within(timeout), f"it goes on after {timeout} s"
        status = self.poll()
        assert status is not None
        return status

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def forked(folder: Path, words: tuple[str, ...], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """A command, to its end: its exit status, and what it said to each of its outputs."""
    with TemporaryDirectory() as place:
        out, error = (Path(place) / name for name in ("out", "error"))
        process = Forked(folder, words, environment, out, error)
        try:
            status = process.wait()
        finally:
            process.kill()
        return status, out.read_text("utf-8"), error.read_text("utf-8")


class _Files:
    """No input, and files for what is said."""

    def __init__(self, outputs: list[Path]) -> None:
        self._outputs = outputs

    def take(self) -> None:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, output in enumerate(self._outputs, 1):
            os.dup2(os.open(output, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), number)


class _Terminal:
    """A terminal, by a descriptor that the new process gets too."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[Callable[[Any], "_Terminal"], tuple[Any]]:
        return _there, (DupFd(self._descriptor),)

    def take(self) -> None:
        os.setsid()
        fcntl.ioctl(self._descriptor, termios.TIOCSCTTY, 0)
        for number in range(3):
            os.dup2(self._descriptor, number)
        os.close(self._descriptor)


def _there(descriptor: Any) -> _Terminal:
    return _Terminal(descriptor.detach())


def _type(
    folder: Path, words: tuple[str, ...], environment: Mapping[str, str], place: _Files | _Terminal
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    place.take()
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - until the end
    sys.stdout, sys.stderr = (open(each, "w", encoding="utf-8", closefd=False) for each in (1, 2))  # noqa: SIM115
    # Which the parent of this process has imported.
    from bridge.commands import main  # noqa: PLC0415
    from bridge.fluvius import http  # noqa: PLC0415

    http._UNHURRIED_AFTER = sys.maxsize  # a simulator needs no rest
    status = main(list(words))
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status)
