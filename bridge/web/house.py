"""What the page looks at: the bridge at work and the ledger beside it; and how it asks for something."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bridge.config import FILE, Settings
from bridge.fetching import readable
from bridge.ledger import Records
from bridge.metering.model import Meter
from bridge.mqtt import Command
from bridge.service.window import Window
from bridge.setup.place import Place
from bridge.web.readings.history import History


@dataclass(frozen=True, slots=True)
class House:
    """The bridge, as the page sees it; another one after each change of the configuration."""

    settings: Settings
    window: Window
    wish: Callable[[Command], None]  # from any thread
    log: Callable[[], Sequence[str]]  # its last lines, oldest first
    now: Callable[[], datetime] = lambda: datetime.now(UTC)  # aware
    place: Place = field(default_factory=lambda: Place(Path(FILE), {}))  # where the settings are kept
    take_over: Callable[[Settings], None] = lambda _: None  # go on with others
    trouble: str | None = None  # why the bridge did not start with the latest

    @contextmanager
    def records(self) -> Iterator[Records]:
        """The ledger, to read.

        Raises:
            NothingKnown: there is none yet.
            LedgerError, FolderError: see there.
        """
        with readable.reading(self.settings.data_dir) as records:
            yield records

    def history(self, records: Records, meter: Meter) -> History:
        """A meter's past, and its contracts."""
        floor = self.settings.capacity_tariff.floor_kw
        return History(records, meter, self.now(), self.settings.timeline(meter), floor)

    def meters(self, records: Records) -> tuple[Meter, ...]:
        """The meters that the bridge follows, as far as it knows them."""
        return readable.meters_of(self.settings, records, self.now())
