"""A visit that is recorded, and the same played back."""

import json
import zipfile
from typing import Any

import pytest
import time_machine

from bridge.commands import main
from bridge.simulator.replay import Replay
from bridge.simulator.replay.introduction import configuration
from tests.rig.commands import Ended
from tests.rig.world import Clock, World

Rows = list[tuple[str, bool]]


class Recording:
    """Someone who records visits, and a maintainer who plays them back, in this process."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self._capsys = world, capsys
        self.file = world.folder / "report.zip"

    def record(self, *words: str) -> Ended:
        self.file.unlink(missing_ok=True)
        file = self.world.write_configuration()
        return self._types(
            self.world.clock, "check", "--report", str(self.file), "--config", str(file), *words
        )

    def pages(self) -> dict[str, Any]:
        with zipfile.ZipFile(self.file) as archive:
            return {name: json.loads(archive.read(name)) for name in archive.namelist()}

    def text(self) -> str:
        """All that is in the archive, names too."""
        with zipfile.ZipFile(self.file) as archive:
            return "\n".join(
                [*archive.namelist(), *(archive.read(name).decode() for name in archive.namelist())]
            )

    def check(self, replay: Replay, clock: Clock) -> Ended:
        """A maintainer's `check`, with the configuration that goes with the recording."""
        file = self.world.folder / "theirs.yaml"
        lines = [*configuration(replay.recording, replay.url), f"data_dir: {self.world.folder / 'theirs'}"]
        file.write_text("\n".join(lines))
        return self._types(clock, "check", "--config", str(file))

    def recorded_again(self, replay: Replay, clock: Clock) -> Ended:
        """The same visit to the recording."""
        self.check(replay, clock)
        file = self.world.folder / "again.zip"
        file.unlink(missing_ok=True)
        theirs = self.world.folder / "theirs.yaml"
        return self._types(clock, "check", "--report", str(file), "--yes", "--config", str(theirs))

    def _types(self, clock: Clock, *words: str) -> Ended:
        self._capsys.readouterr()
        with time_machine.travel(clock().timestamp(), tick=False):
            try:
                status = main(list(words))
            except SystemExit as ending:
                status = int(ending.code or 0)
        printed = self._capsys.readouterr()
        return Ended(status, printed.out, printed.err)


def rows(ended: Ended) -> Rows:
    """What `check` says of Fluvius: row by row, the meters by their place, and whether it works."""
    marks = [line.split(maxsplit=2) for line in ended.out.splitlines() if line[:3] in {"ok ", "NO "}]
    ours = [(what, mark == "ok") for mark, what, *_ in marks if what not in _ELSEWHERE]
    return [(what if what in {"sign-in", "energy_api"} else "meter", works) for what, works in ours]


_ELSEWHERE = {"configuration", "broker", "statistics", "data_dir", "price", "codes", "odd"}
