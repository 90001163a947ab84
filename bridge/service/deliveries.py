"""A database that takes everything once, where one is wanted: a view of the ledger too."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import Self

from bridge.config import Settings
from bridge.fetching.cycle import Fetcher
from bridge.ledger import Ledger
from bridge.metering.model import Meter
from bridge.postgresql.sink import Sink
from bridge.service.trouble import Trouble
from bridge.service.view import View


class DatabaseWaits(Exception):
    """The database did not take everything (yet)."""


class Deliveries:
    """Batch by batch; without a sink there are none.

    Args:
        sink: the database.
        view: shows how it went.
        trouble: with the ledger.
    """

    def __init__(self, sink: Sink | None, view: View, trouble: Trouble) -> None:
        self._sink, self._view, self._trouble = sink, view, trouble

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._sink:
            self._sink.close()

    @property
    def retry_at(self) -> datetime | None:
        """When to try again what the database did not take."""
        return self._sink.health.retry_at if self._sink else None

    def is_due(self) -> bool:
        """Whether something waits, and the database may be asked."""
        return self._sink is not None and self._trouble.allows(self._sink.is_due)

    def days_lacking(self, meter: Meter, first: date, last: date) -> AbstractSet[date]:
        """The days of a span of which the database does not have everything."""
        return self._sink.days_lacking(meter, first, last) if self._sink else frozenset()

    def step(self) -> None:
        """Hand over a batch."""
        if self._sink:
            with self._trouble.endured():
                if self._sink.step():
                    self._view.bridge()

    def confirm(self) -> None:
        """Have the database say how far it was told, unless it did lately, or is left in peace."""
        if self._sink and self._sink.is_in_doubt:
            self.step()

    def everything(self, go_on: Callable[[], None]) -> None:
        """Hand over all that waits.

        Args:
            go_on: called between two batches; may raise to end this.

        Raises:
            DatabaseWaits: not all of it is there.
        """
        while self.is_due():
            self.step()
            go_on()
        if self._sink and (why := self._sink.health.last_error or self._trouble.unusable):
            raise DatabaseWaits(why)


def open_sink(
    settings: Settings, ledger: Ledger, fetcher: Fetcher, now: Callable[[], datetime]
) -> Sink | None:
    """The database, if there is one; without it nobody notes what changes."""
    if settings.sinks.postgresql is None:
        ledger.changes.stop()
        return None
    return Sink(
        settings.sinks.postgresql,
        ledger,
        now,
        shard=settings.shard,
        meters=lambda: fetcher.meters,
        mandates=lambda: fetcher.mandates.on_record,
    )
