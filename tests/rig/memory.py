"""What a process takes of the machine's memory."""

from pathlib import Path
from typing import Literal


def megabytes(what: Literal["VmRSS", "VmHWM"], process: int | str = "self") -> float:
    """Now, or at most so far. That of its parent is not in it, as it is in what wait4 and getrusage say."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))
