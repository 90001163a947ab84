"""What others see of the bridge at work: the page, which looks and never touches."""

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


@dataclass(slots=True)
class Window:
    """Filled by the thread that works, and empty until it has looked around for the first time.

    What lies here is never changed, only replaced; so whoever looks needs no lock.
    """

    status: BridgeStatus | None = None
    broker: str | None = None  # what is wrong with the connection, for the user
    meters: tuple[Meter, ...] = ()
    imports: tuple[Imported, ...] = ()  # the latest first
    progress: dict[str, Progress] = field(default_factory=dict)  # by EAN: looked up, never walked through
