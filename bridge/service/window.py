"""What others see of the bridge at work: the page and metrics, which look and never touch."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True, slots=True)
class Condition:
    """How something does that the bridge depends on."""

    wrong: str | None = None  # for the user; None while all is well
    since: datetime | None = None  # aware: it is well, or not, since then; None before anyone looked

    def seen(self, wrong: str | None, now: datetime) -> "Condition":
        """How it does now: of a trouble that goes on the words may change."""
        goes_on = self.since is not None and bool(self.wrong) == bool(wrong)
        return replace(self, wrong=wrong) if goes_on else Condition(wrong, now)


@dataclass(slots=True)
class Window:
    """Filled by the thread that works, and empty until it has looked around for the first time.

    Args:
        shows_meters: whether somebody looks at how far each meter has come; of thousands, that takes memory.

    What lies here is never changed, only replaced; so whoever looks needs no lock.
    """

    status: BridgeStatus | None = None
    figures: Figures | None = None
    broker: Condition = Condition()  # the connection
    ledger: Condition = Condition()
    meters: tuple[Meter, ...] = ()
    imports: tuple[Imported, ...] = ()  # the latest first
    progress: dict[str, Progress] = field(default_factory=dict)  # by EAN: looked up, never walked through
    shows_meters: bool = True

    def look(self, figures: Figures, broker: str | None, ledger: str | None) -> None:
        """What is seen while the bridge lives; the texts say what is wrong."""
        self.figures = figures
        self.broker = self.broker.seen(broker, figures.at)
        self.ledger = self.ledger.seen(ledger, figures.at)
