"""A bridge on two mornings, without its pauses, in a process with nothing else in it: for `make bench`."""

import gc
import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from bridge.config import load
from bridge.fetching.due import Occasion
from bridge.ledger import Ledger
from bridge.service.bridge import Bridge
from tests.rig.memory import megabytes
from tests.rig.next_door import FluviusNextDoor


def two_mornings(file: str, morning: str, url: str) -> dict[str, float]:
    """What the second morning took.

    Args:
        file: the configuration.
        morning: the first one's instant, in ISO 8601.
        url: where Fluvius is.
    """
    settings, fluvius, now = load(Path(file), {}), FluviusNextDoor(url), datetime.fromisoformat(morning)
    with Ledger(settings.data_dir / "ledger.sqlite") as ledger:
        bridge = Bridge(settings, ledger, now=lambda: now, pause=lambda _: None)
        with bridge._broker:
            bridge._attend(10)
            bridge._cycle(Occasion.START)
            now += timedelta(days=1)
            fluvius.move_to(now)
            fluvius.counted()
            begin, processor = time.monotonic(), time.process_time()
            cycle = bridge._cycle(Occasion.SCHEDULE)
            return {
                "seconds": time.monotonic() - begin,
                "processor": time.process_time() - processor,
                "memory": megabytes("VmHWM"),
                "meters": len(cycle.new_days),
                "asked": fluvius.counted().get("energy", 0),
            }


if __name__ == "__main__":
    gc.freeze()  # as `run` does
    json.dump(two_mornings(*sys.argv[1:]), sys.stdout)
