"""What others see of the bridge at work: the page and metrics, which look and never touch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bridge.fetching.files import Outcome
from bridge.metering.model import Meter
from bridge.metering.progress import Progress
from bridge.publishing.publisher import BridgeStatus


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of one file."""

    at: datetime  # aware
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Figures:
    """The bridge's own, since it started."""

    at: datetime  # aware: it was alive then
    requests: Mapping[tuple[str, str], int]  # by source and outcome
    refusals: Mapping[str, int]  # of credentials, by source
    cycles: Mapping[str, int]  # by outcome
    last_cycle: datetime | None  # when it ended, aware
    last_cycle_seconds: float
    unpublished: int  # meters that the broker does not have as they are now
    connected: bool  # to the broker


@dataclass(slots=True)
class Window:
    """Filled by the thread that works, and empty until it has looked around for the first time.

    Args:
        shows_meters: whether somebody looks at how far each meter has come; of thousands, that takes memory.

    What lies here is never changed, only replaced; so whoever looks needs no lock.
    """

    status: BridgeStatus | None = None
    figures: Figures | None = None
    broker: str | None = None  # what is wrong with the connection, for the user
    meters: tuple[Meter, ...] = ()
    imports: tuple[Imported, ...] = ()  # the latest first
    progress: dict[str, Progress] = field(default_factory=dict)  # by EAN: looked up, never walked through
    shows_meters: bool = True
