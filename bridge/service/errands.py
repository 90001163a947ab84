"""What is done between two cycles: prices, files, statistics, a database, history, room for more."""

from bridge.service.backfills import Backfills
from bridge.service.deliveries import Deliveries
from bridge.service.imports import Imports
from bridge.service.pricing import Pricing
from bridge.service.retention import Retention
from bridge.service.statistics import Statistics
from bridge.service.view import View


class Errands:
    """One at a time, the shortest first, so that events and cycles are never kept waiting for long.

    Args:
        pricing: another quarter-hour's price, and those of tomorrow.
        imports: files that were put into a folder.
        statistics: what Home Assistant did not take yet.
        deliveries: what a database was not told yet.
        backfills: history that someone wants.
        retention: what is too old to be kept.
        view: what is published of it.
    """

    def __init__(
        self,
        pricing: Pricing,
        imports: Imports,
        statistics: Statistics,
        deliveries: Deliveries,
        *,
        backfills: Backfills,
        retention: Retention,
        view: View,
    ) -> None:
        self._pricing, self._imports, self._statistics = pricing, imports, statistics
        self._deliveries, self._backfills, self._retention = deliveries, backfills, retention
        self._view = view

    def wait(self) -> bool:
        """Whether one is there that goes on at once."""
        errands = self._backfills, self._imports, self._deliveries, self._retention
        return any(each.is_due() for each in errands)

    def run_one(self) -> None:
        """The next one, if any is due."""
        if self._pricing.is_due():
            self._price()
        elif self._imports.is_due():
            if self._imports.step():
                self._show_history()
        elif self._statistics.is_due:
            self._statistics.bring_up_to_date()
        elif self._deliveries.is_due():
            self._deliveries.step()
        elif self._backfills.is_due():
            self._work_on_backfill()
        elif self._retention.is_due():
            self._retention.step()

    def _price(self) -> None:
        """Another quarter-hour's price holds, and perhaps tomorrow's are known."""
        changed = self._pricing.bring_up_to_date()
        self._view.everything()
        if changed:
            self._statistics.ask()

    def _work_on_backfill(self) -> None:
        backfill = self._backfills.step()
        if backfill and backfill.state == "open":
            self._view.backfill(backfill)
        elif backfill:
            self._show_history()

    def _show_history(self) -> None:
        """Days of any time are there now."""
        self._pricing.bring_up_to_date()
        self._view.everything()
        self._statistics.bring_up_to_date()
