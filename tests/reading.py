"""A household whose ledger is read by commands, at the time that its clock shows."""

import pytest
import time_machine

from bridge.cli import main
from tests.test_cli import Ended
from tests.world import GAS, HOME, SHED, World

DONE, COULD_NOT, WRONG, REFUSED = 0, 1, 2, 3


class Reader:
    """Someone at a terminal, 80 columns wide, in this process."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self.simulator, self.clock, self._capsys = world, world.simulator, world.clock, capsys
        world.meters = [HOME, GAS, SHED]
        world.changes = {"schedule.lookback_days": 31}

    def fetch(self, *mornings: str) -> None:
        """What the bridge does on each of these mornings; without any, on this one."""
        for morning in mornings:
            self.clock.move_to(morning)
            self.world.fetch()
        if not mornings:
            self.world.fetch()

    def types(self, *words: str) -> Ended:
        """A command, to its end."""
        self._capsys.readouterr()
        with time_machine.travel(self.clock().timestamp(), tick=False):
            try:
                status = main([*words, "--config", str(self.world.write_configuration())])
            except SystemExit as ending:
                status = int(ending.code or 0)
        printed = self._capsys.readouterr()
        return Ended(status, printed.out, printed.err)
