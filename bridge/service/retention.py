"""Quarter-hours that are older than is kept are dropped, once a day and a little at a time."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime

from bridge.config import Settings
from bridge.fetching.cycle import Fetcher
from bridge.fetching.due import month_under_way
from bridge.ledger import Ledger
from bridge.ledger.retention import Lacks
from bridge.metering import meterday
from bridge.metering.model import BRUSSELS, Meter
from bridge.service.trouble import Trouble

log = logging.getLogger(__name__)

_AT_ONCE = 50  # meters that are looked through
# Of the newest day: a clock that is further ahead is wrong, or nobody fetches.
_CLOCK_AHEAD = meterday.ONE_DAY * 31


class Retention:
    """Goes through all meters of the ledger, also those that nobody follows any more.

    Args:
        settings: how many months are kept, the one under way among them.
        ledger: out of which they are dropped.
        fetcher: knows the meters that are followed, with their bounds.
        sinks: who has to have everything of a day first.
        of_followed: who has, of meters that are followed.
        confirm: called before anything is dropped: lets who passes readings on make sure of what arrived.
        trouble: with the ledger.
        now: the present instant, aware.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        fetcher: Fetcher,
        sinks: Iterable[Lacks],
        *,
        of_followed: Iterable[Lacks],
        confirm: Callable[[], None],
        trouble: Trouble,
        now: Callable[[], datetime],
    ) -> None:
        self._keep_months, self._ledger, self._fetcher = settings.ledger.keep_months, ledger, fetcher
        self._sinks, self._of_followed = tuple(sinks), tuple(of_followed)
        self._confirm, self._trouble, self._now = confirm, trouble, now
        self._steps: Iterator[None] = iter(())
        self._begun_on: date | None = None
        self._is_done = True

    def is_due(self) -> bool:
        """Whether there is a step to be made: today's round is not over, or has not begun."""
        if self._keep_months is None:
            return False
        today = self._now().astimezone(BRUSSELS).date()
        if self._begun_on != today:
            self._begun_on, self._is_done, self._steps = today, False, self._round(self._keep_months)
        return not self._is_done

    def step(self) -> None:
        """A month of a meter, or a little room that is given back. After trouble, tomorrow."""
        with self._trouble.endured() as troubles:
            self._is_done = next(self._steps, self) is self
        self._is_done = self._is_done or bool(troubles)

    def everything(self, go_on: Callable[[], None]) -> None:
        """Today's round, to its end.

        Args:
            go_on: called between two steps; may raise to end this.
        """
        while self.is_due():
            self.step()
            go_on()

    def _round(self, keep_months: int) -> Iterator[None]:
        retention, dropped = self._ledger.retention, 0
        newest = retention.newest_day()
        if newest is None:
            return
        believable = meterday.month_of(newest + _CLOCK_AHEAD)
        for number, (meter, sinks) in enumerate(self._meters()):
            latest = min(month_under_way(meter.energy, self._now()), believable)
            kept_from = meterday.months_until(latest, keep_months)[0]
            for month in retention.months(meter, kept_from):
                self._confirm()
                with self._trouble.of_one_meter():  # nor are the other months
                    dropped += len(retention.drop(meter, month, sinks))
                yield
                yield from self._room()  # now: SQLite looks through all that is free for each page of it
            if number % _AT_ONCE == 0:
                yield
        if dropped:
            log.info(
                "the quarter-hours of %d days were dropped, because they are older than what is kept", dropped
            )
        yield from self._room()

    def _room(self) -> Iterator[None]:
        """Give back what is free, a little in each step."""
        while self._ledger.retention.give_back():
            yield

    def _meters(self) -> Iterator[tuple[Meter, Sequence[Lacks]]]:
        """Each with those who have to have everything of it."""
        followed = {(meter.ean, meter.energy): meter for meter in self._fetcher.meters}
        for meter in self._ledger.checks.known_meters():
            its = followed.get((meter.ean, meter.energy))
            yield (its, (*self._sinks, *self._of_followed)) if its else (meter, self._sinks)
