"""Waiting for a bridge to have come so far, seen on the broker."""

from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.world import says


def is_at_rest(mosquitto: Mosquitto) -> bool:
    """A first cycle has ended: only then the portal is called ok."""
    return '"ok"' in mosquitto.retained().get("fluvius/bridge/health", "")


def until_healthy(mosquitto: Mosquitto) -> None:
    """Until a bridge has caught up."""
    eventually(lambda: is_at_rest(mosquitto), 15)


def until_published(mosquitto: Mosquitto, day: str = "2026-11-20", days: int = 7) -> None:
    """Wait for the latest day, and for what is published after it."""

    def there() -> bool:
        retained = mosquitto.retained("fluvius/home/#")
        total = retained.get("fluvius/home/total")
        is_there = retained.get("fluvius/home/day/date") == day
        return is_there and bool(total) and says({"": str(total)}, "")["days"] == days

    eventually(there, 10)
