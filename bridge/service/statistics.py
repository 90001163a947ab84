"""Home Assistant's statistics, where they are wanted: a view of the ledger too."""

import os
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from functools import partial

from bridge.config import Settings
from bridge.fetching.cycle import Fetcher
from bridge.homeassistant import statistics_settings
from bridge.homeassistant.books import books
from bridge.homeassistant.recorder import Recorder
from bridge.homeassistant.series import Naming
from bridge.ledger import Ledger
from bridge.metering import meterday
from bridge.metering.model import Meter
from bridge.publishing.discovery import unique_ids
from bridge.service.trouble import Trouble
from bridge.service.view import View


class Statistics:
    """Keeps them up to date; without a recorder there are none.

    Args:
        recorder: of Home Assistant.
        ledger: of which they are a view.
        fetcher: knows the meters.
        view: shows how it went.
        trouble: with the ledger.
    """

    def __init__(
        self, recorder: Recorder | None, ledger: Ledger, fetcher: Fetcher, view: View, trouble: Trouble
    ) -> None:
        self._recorder, self._ledger, self._fetcher = recorder, ledger, fetcher
        self._view, self._trouble = view, trouble
        self._asked = False

    @property
    def retry_at(self) -> datetime | None:
        """When to try again what Home Assistant did not take."""
        return self._recorder.health.retry_at if self._recorder else None

    @property
    def is_due(self) -> bool:
        """Whether it is time for that, or someone asked."""
        return self._recorder is not None and (self._asked or self._recorder.is_due())

    def ask(self) -> None:
        """Something changed: hand it over when nothing else is done, not in the middle of it."""
        self._asked = True

    @property
    def why_they_wait(self) -> str | None:
        """Why not all of them are there."""
        return self._recorder.health.last_error if self._recorder else None

    def days_lacking(self, meter: Meter, first: date, last: date) -> AbstractSet[date]:
        """The days of a span of which Home Assistant lacks something, of a meter that is followed."""
        if self._recorder is None:
            return frozenset()
        if self._recorder.is_unsure(meter):
            return {*meterday.span(first, last)}
        since = self._ledger.outbox.restated_since(meter)
        if since is None:
            return frozenset()
        return {*meterday.span(max(first, meterday.day_of(since, meter.energy)), last)}

    def doubt(self, *, all_of_it: bool = False) -> None:
        """Compare them with the ledger the next time."""
        if self._recorder:
            self._recorder.doubt(all_of_it=all_of_it)

    def bring_up_to_date(self, *, asked: bool = False) -> None:
        """Hand over what is new, and what is in doubt."""
        self._asked = False
        if self._recorder:
            with self._trouble.endured():
                self._recorder.update(self._fetcher.meters, asked=asked)
            self._view.bridge()

    def compare(self, *, all_of_it: bool = False, asked: bool = False) -> None:
        """Doubt them, and bring them up to date."""
        self.doubt(all_of_it=all_of_it)
        self.bring_up_to_date(asked=asked)


def open_recorder(
    settings: Settings,
    ledger: Ledger,
    now: Callable[[], datetime],
    *,
    attend: Callable[[], None],
    changed: Callable[[], None],
) -> Recorder | None:
    """The recorder of Home Assistant, if statistics are wanted."""
    statistics = statistics_settings(settings.homeassistant, os.environ)
    if statistics is None:
        return None
    base = settings.mqtt.base_topic
    naming = Naming(base, settings.language)
    return Recorder(
        statistics,
        ledger,
        settings.data_dir,
        books(ledger, naming, settings.timeline, settings.capacity_tariff.floor_kw),
        unique_ids=partial(unique_ids, base),
        now=now,
        attend=attend,
        changed=changed,
    )
