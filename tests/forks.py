"""Commands in processes of their own, forked from one that has imported the bridge already, for speed."""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

WHAT_COMMANDS_IMPORT = (
    "bridge.cli",
    *("bridge.config", "bridge.fluvius", "bridge.homeassistant.core", "bridge.service"),
    *("bridge.backfill_command", "bridge.check", "bridge.export", "bridge.mandates_command", "bridge.raw"),
    *("bridge.remove", "bridge.show", "bridge.terminal.report", "msal"),
)
PATIENCE = 60.0  # seconds

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([*WHAT_COMMANDS_IMPORT, __name__])


def forked(folder: Path, words: tuple[str, ...], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """A command, to its end: its exit status, and what it said to each of its outputs."""
    with TemporaryDirectory() as place:
        outputs = [Path(place) / "out", Path(place) / "error"]
        process = _server.Process(target=_type, args=(folder, words, environment, outputs))
        process.start()
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
        status = process.exitcode
        process.close()
        assert status is not None
        out, error = (output.read_text("utf-8") for output in outputs)
        return status, out, error


def _type(folder: Path, words: tuple[str, ...], environment: Mapping[str, str], outputs: list[Path]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, output in enumerate(outputs, 1):
        os.dup2(os.open(output, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - until the end
    sys.stdout, sys.stderr = (open(each, "w", encoding="utf-8", closefd=False) for each in (1, 2))  # noqa: SIM115
    from bridge.cli import main  # noqa: PLC0415 - which the parent of this process has imported

    status = main(list(words))
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status)
