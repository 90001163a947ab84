"""What it cost, kept up to date: day-ahead prices where a contract follows them, and every day's costs."""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from bridge.config import Settings
from bridge.fetching.cycle import Fetcher
from bridge.fetching.day_ahead import DayAhead
from bridge.ledger import Ledger
from bridge.ledger.health import SourceHealth
from bridge.metering import meterday
from bridge.metering.contract import Contract, Timeline
from bridge.metering.model import Energy, Meter
from bridge.prices.errors import NotUnderstood
from bridge.service.trouble import Trouble

log = logging.getLogger(__name__)

_QUARTER_HOUR = timedelta(minutes=15)


class Pricing:
    """Works out costs, and asks for the prices that they need.

    Args:
        settings: the contracts, and where day-ahead prices come from.
        ledger: where both are kept.
        fetcher: knows the meters.
        trouble: with the ledger.
        now: the present instant, aware.
        pause: waits that many seconds between two requests; may raise to end the work.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        fetcher: Fetcher,
        *,
        trouble: Trouble,
        now: Callable[[], datetime],
        pause: Callable[[float], None],
    ) -> None:
        self._prices, self._timeline = settings.prices, settings.timeline
        self._floor = settings.capacity_tariff.floor_kw
        self._ledger, self._fetcher, self._trouble, self._now = ledger, fetcher, trouble, now
        source = settings.day_ahead
        self._day_ahead = DayAhead(
            ledger,
            source.source,
            now,
            token=source.token.get_secret_value() if source.token else "",
            url=source.url or "",
            pause=pause,
            changed=ledger.costs.forget,
        )
        self._is_given = source.source == "mqtt"
        self._editions: dict[str, int] = {}  # EAN → the ledger's, when its costs were worked out
        self._next_at = now()

    @property
    def health(self) -> SourceHealth | None:
        """How it went with day-ahead prices; None where nobody needs any."""
        return self._day_ahead.health if self._needs_day_ahead() else None

    @property
    def next_at(self) -> datetime | None:
        """When another quarter-hour's price holds, and more may be known (aware); None without prices."""
        return self._next_at if self._prices else None

    def is_due(self) -> bool:
        """Whether that is now, or the clock was set."""
        return bool(self._prices) and not timedelta(0) < self._next_at - self._now() <= _QUARTER_HOUR

    def bring_up_to_date(self) -> bool:
        """Ask for the prices that are missing, if it is time; whether what something cost changed."""
        now, before = self._now(), dict(self._editions)
        self._next_at = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0) + _QUARTER_HOUR
        with self._trouble.endured():
            if self._needs_day_ahead():
                self._day_ahead.fetch(self._covered())
            for meter, contracts in self._priced():
                self._work_out_what_is_sound(meter, contracts)
        return before != self._editions

    def ask(self) -> None:
        """Ask for the prices that known days lack, if it is time, before more is shown."""
        with self._trouble.endured():
            if self._needs_day_ahead() and (covered := [*self._covered()]):
                self._day_ahead.fetch(covered)

    def look_at(self, meter: Meter) -> None:
        """Work out what a meter's new days cost by the prices that are known, before they are shown."""
        if self._prices and (contracts := self._timeline(meter)).contracts:
            with self._trouble.endured():
                self._work_out_what_is_sound(meter, contracts)

    def take(self, payload: bytes) -> bool:
        """Keep the prices that somebody publishes, if they are wanted; whether any costs changed."""
        if not self._are_wanted():
            log.info(
                "Ignored day-ahead prices on MQTT: day_ahead.source is another, or no price follows them."
            )
            return False
        with self._trouble.endured(), suppress(NotUnderstood):
            self._day_ahead.take(payload)
        return self.bring_up_to_date()

    def lose(self) -> None:
        """Say that prices were published which could not be kept, if they were wanted."""
        if self._are_wanted():
            with self._trouble.endured():
                self._day_ahead.lose(
                    "more was published at once than can wait here; publish it again, slower"
                )

    def _are_wanted(self) -> bool:
        return self._is_given and self._needs_day_ahead()

    def _work_out_what_is_sound(self, meter: Meter, contracts: Timeline) -> None:
        with self._trouble.of_one_meter():
            self._work_out(meter, contracts)

    def _work_out(self, meter: Meter, contracts: Timeline) -> None:
        self._ledger.costs.bring_up_to_date(meter, contracts)
        edition = self._ledger.outbox.edition(meter)
        if self._editions.get(meter.ean) != edition and any(each.capacity for each in contracts.contracts):
            span = self._ledger.readings.known_span(meter)
            peaks = self._ledger.bills.billed_peaks(meter, *span) if span else {}
            self._ledger.costs.heed_peaks(meter, {each: max(kw, self._floor) for each, kw in peaks.items()})
        self._editions[meter.ean] = self._ledger.outbox.edition(meter)

    def _priced(self) -> Iterator[tuple[Meter, Timeline]]:
        for meter in self._fetcher.meters if self._prices else ():
            contracts = self._timeline(meter)
            if contracts.contracts:
                yield meter, contracts

    def _needs_day_ahead(self) -> bool:
        return any(each.is_dynamic for _, contracts in self._priced() for each in contracts.contracts)

    def _covered(self) -> Iterator[tuple[datetime, datetime]]:
        """When dynamic contracts hold, from the first day that the ledger knows on."""
        tomorrow_ends = meterday.end_of(
            meterday.day_of(self._now(), Energy.ELECTRICITY) + meterday.ONE_DAY, Energy.ELECTRICITY
        )
        for meter, contracts in self._priced():
            span = self._ledger.readings.known_span(meter)
            begin = meterday.start_of(span[0], Energy.ELECTRICITY) if span else tomorrow_ends
            for each in contracts.during(min(begin, tomorrow_ends), tomorrow_ends) if span else ():
                if _is_dynamic(each.contract):
                    yield each.start, each.end


def _is_dynamic(contract: Contract | None) -> bool:
    return contract is not None and contract.is_dynamic
