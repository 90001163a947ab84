"""Commands in processes of their own, forked from one that has imported the bridge already, for speed."""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

WHAT_COMMANDS_IMPORT = (
    "bridge.commands",
    *("bridge.config", "bridge.fluvius.open", "bridge.homeassistant.core", "bridge.service.bridge"),
    *(
        "bridge.commands.backfill",
        "bridge.commands.check",
        "bridge.commands.export",
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


class Forked:
    """A command that runs, with the words of `subprocess.Popen` for it."""

    def __init__(
        self, folder: Path, words: tuple[str, ...], environment: Mapping[str, str], out: Path, error: Path
    ) -> None:
        for each in (out, error):
            each.write_text("")
        self._process = _server.Process(target=_type, args=(folder, words, environment, [out, error]))
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float = PATIENCE) -> int:
        self._process.join(timeout)
        status = self.poll()
        assert status is not None, f"it goes on after {timeout} s"
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


def _type(folder: Path, words: tuple[str, ...], environment: Mapping[str, str], outputs: list[Path]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, output in enumerate(outputs, 1):
        os.dup2(os.open(output, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), number)
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
