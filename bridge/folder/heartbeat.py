"""What `fluvius2mqtt healthcheck` learns of a running bridge: a small file in the data folder."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from bridge.folder.files import whole

_EVERY = timedelta(minutes=5)  # seldom, for the sake of memory cards
_SILENT = timedelta(minutes=11)


class Heartbeat:
    """Writes the file when something changed, and every five minutes.

    Args:
        folder: the data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "heartbeat.json"
        self._written: tuple[datetime, list[str]] | None = None

    def beat(
        self, now: datetime, *, broker: str | None, ledger: str | None, sources: Mapping[str, str]
    ) -> None:
        """Say that the loop goes round.

        Args:
            now: the present instant, aware.
            broker: what is wrong with the broker, if anything.
            ledger: what is wrong with the ledger, if anything.
            sources: the state of each source of readings.
        """
        refused = [f"{name} refuses the credentials" for name, state in sources.items() if state == "refused"]
        problems = [problem for problem in (broker, ledger) if problem] + refused
        if self._written and self._written[1] == problems and abs(now - self._written[0]) < _EVERY:
            return
        self._written = now, problems
        # A full disk is told by the ledger; a heart that stops is what is looked for.
        with suppress(OSError), whole(self._path) as file:
            json.dump({"at": now.isoformat(), "problems": problems}, file)


def problems(folder: Path, now: datetime, *, only_silence: bool = False) -> list[str]:
    """What is wrong with the bridge that works in a folder, or just whether its loop stands still."""
    try:
        beat = json.loads((folder / "heartbeat.json").read_text("utf-8"))
        silence = now - datetime.fromisoformat(beat["at"])
        known = [str(problem) for problem in beat["problems"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return [f"no bridge has run in {folder} yet"]
    if abs(silence) > _SILENT:
        return [f"the bridge has given no sign of life since {beat['at']}"]
    return [] if only_silence else known
