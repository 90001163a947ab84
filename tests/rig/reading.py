"""A household whose ledger is read by commands, at the time that its clock shows."""

import hashlib
import shutil
from pathlib import Path

import pytest
import time_machine

from bridge.commands import main
from bridge.folder.claim import make
from bridge.simulator import Simulator
from tests.rig.commands import Ended
from tests.rig.world import GAS, HOME, SHED, World


class Reader:
    """Someone at a terminal, 80 columns wide, in this process.

    Args:
        shelf: a folder with what was fetched before, where Fluvius was told nothing and is always the same.
    """

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str], shelf: Path) -> None:
        self.world, self.simulator, self.clock, self._capsys = world, world.simulator, world.clock, capsys
        self._shelf = shelf
        world.meters = [HOME, GAS, SHED]
        world.changes = {"schedule.lookback_days": 31}

    def fetch(self, *mornings: str) -> None:
        """What the bridge does on each of these mornings; without any, on this one."""
        for morning in mornings:
            self.clock.move_to(morning)
            self.world.fetch()
        if not mornings:
            self._fetch_here()

    def _fetch_here(self) -> None:
        if not self._fluvius_is_as_ever():
            self.world.fetch()
            return
        household = repr((self.clock(), self.world.meters, self.world.changes))
        kept = self._shelf / f"{hashlib.sha256(household.encode()).hexdigest()}.sqlite"
        if not kept.exists():
            self.world.fetch()
            shutil.copy(self.world.data_dir / "ledger.sqlite", kept)
        else:
            make(self.world.data_dir)
            shutil.copy(kept, self.world.data_dir / "ledger.sqlite")

    def _fluvius_is_as_ever(self) -> bool:
        """It was told nothing that a new one does not know, and nothing was asked yet."""
        known = self.simulator.measurements
        told = self.simulator.requests, self.simulator.faults, known.corrections, known.delays
        as_new = Simulator().measurements.meters == known.meters and not known.customers
        fresh = not (self.world.data_dir / "ledger.sqlite").exists()
        return as_new and fresh and not any(told) and self.world.changes.keys() == {"schedule.lookback_days"}

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
