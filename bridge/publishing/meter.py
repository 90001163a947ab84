"""All that should stand on the broker of a meter: the ledger's view of it, topic by topic."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime

from bridge.config import Settings
from bridge.ledger import Ledger
from bridge.metering import meterday
from bridge.metering.costs import price_at, prices_known
from bridge.metering.model import Day, Energy, Meter, PeakMonth, Total
from bridge.metering.progress import Progress
from bridge.mqtt import topics
from bridge.publishing import chart, costs, monthly, payloads
from bridge.publishing.discovery import Discovery, as_json
from bridge.text.words import Payload, to_json

Topics = dict[str, str]  # topic → payload


class MeterTopics:
    """What there is to say of meters; says it to nobody.

    Args:
        ledger: what from.
        settings: the base topic, the chart, and the capacity tariff's floor.
    """

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger, self._base = ledger, settings.mqtt.base_topic
        self._draws, self._floor = settings.mqtt.chart, settings.capacity_tariff.floor_kw
        self._timeline = settings.timeline
        self._prices: dict[str, set[str]] = {}  # EAN → topics of its present prices, known or not
        self._differences: dict[str, Sequence[Payload]] = {}  # EAN → between its peaks and Fluvius's

    def everything(self, meter: Meter, day: Day | None, progress: Progress) -> Topics:
        """All topics of a meter, but what Home Assistant is told.

        Args:
            meter: the meter.
            day: its latest complete day.
            progress: how far it has come.
        """
        total = self._ledger.sums.total(meter)
        months = self._peaks(meter, progress)
        self._differences[meter.ean] = monthly.peak_differences(months)
        found = self._day(meter, day, total) if day else {}
        found |= self.progress(meter, day, progress)
        if total:
            found |= self._with_leaves(meter, "total", payloads.total(meter, total))
            found |= self._months(meter, total, progress)
            if peak := monthly.peak(meter, months, self._floor, self._peak_prices(meter, day, progress)):
                found[self._topic(meter, "peak")] = to_json(peak)
            found |= self._costs(meter, day, progress)
        return found

    def day(self, meter: Meter, day: Day) -> Topics:
        """The topics of a complete day: its amounts, its intervals, and its picture."""
        return self._day(meter, day, self._ledger.sums.total(meter))

    def progress(self, meter: Meter, latest: Day | None, progress: Progress) -> Topics:
        """How far a meter has come, once `everything` was made; and its mandate."""
        status = payloads.status(meter, latest, progress, self._differences[meter.ean])
        found = {self._topic(meter, "status"): to_json(status)}
        if progress.mandate and progress.now:
            said = payloads.mandate(meter, progress.mandate, progress.now)
            found[self._topic(meter, "mandate")] = to_json(said)
        if progress.now:
            found |= self._price(meter, progress.now)
        return found

    def prices_gone(self, meter: Meter, published: Iterable[str], found: Topics) -> set[str]:
        """Those of the present prices' topics that say what is not known now: a price that held before."""
        price = self._topic(meter, "cost/price")
        return {each for each in published if f"{each}/".startswith(f"{price}/")} - found.keys()

    def discovery(self, meter: Meter, published: Iterable[str], discovery: Discovery | None) -> Topics:
        """What Home Assistant is told of a meter that has these topics."""
        if not discovery:
            return {}
        mine = self._topic(meter, "")
        there = {*published, *self._prices.get(meter.ean, ())}
        return as_json(discovery.of_meter(meter, {topic.removeprefix(mine) for topic in there}))

    def _day(self, meter: Meter, day: Day, total: Total | None) -> Topics:
        found = self._with_leaves(meter, "day", payloads.day(meter, day, total.amounts if total else ()))
        found[self._topic(meter, "day", "date")] = day.date.isoformat()
        if intervals := self._ledger.days.all_intervals(meter, day):
            found[self._topic(meter, "intervals")] = to_json(payloads.intervals(meter, day, intervals))
            if self._draws:
                found[self._topic(meter, "chart")] = chart.svg(meter, day, intervals)
        return found

    def _months(self, meter: Meter, total: Total, progress: Progress) -> Topics:
        if progress.now is None:
            return {}
        last, this = (
            self._ledger.sums.month(meter, first, progress.now)
            for first in _last_months(meter, progress.now, 2)
        )
        return self._with_leaves(meter, "month", monthly.month(meter, this, last, total.amounts))

    def _peaks(self, meter: Meter, progress: Progress) -> Sequence[PeakMonth]:
        """Of this month and the twelve before; none of gas."""
        if meter.energy is Energy.GAS or progress.now is None:
            return ()
        return self._ledger.peaks.peak_months(meter, _last_months(meter, progress.now, 13))

    def _price(self, meter: Meter, now: datetime) -> Topics:
        """What a kWh costs now, and what it will cost; nothing without a contract."""
        self._prices.pop(meter.ean, None)
        contracts = self._timeline(meter)
        if not contracts.contracts:
            return {}
        today = meterday.day_of(now, Energy.ELECTRICITY)
        span = (
            meterday.start_of(today, Energy.ELECTRICITY),
            meterday.end_of(today + meterday.ONE_DAY, Energy.ELECTRICITY),
        )
        day_ahead = self._ledger.prices.during(*span)
        price = price_at(contracts, now, day_ahead)
        if price is None:
            return {}
        said = costs.price(meter, price, prices_known(contracts, *span, day_ahead))
        leaves = costs.prices_there_are(said)
        self._prices[meter.ean] = {self._topic(meter, "cost/price", leaf) for leaf in leaves}
        return self._with_leaves(meter, "cost/price", said, costs.leaves)

    def _costs(self, meter: Meter, day: Day | None, progress: Progress) -> Topics:
        """Of the latest day, this month and year and those before."""
        contracts = self._timeline(meter)
        if progress.now is None or not contracts.contracts:
            return {}
        last, this = _last_months(meter, progress.now, 2)
        year = this.replace(month=1)
        since = year.replace(year=year.year - 1)
        days = self._ledger.bills.known(meter, contracts, self._floor, since, meterday.last_of(this))
        found: Topics = {}
        if day and day.date in days:
            found |= self._with_leaves(meter, "cost/day", costs.day(meter, days[day.date]), costs.leaves)
        if days:
            found |= self._with_leaves(
                meter, "cost/month", costs.month(meter, this, last, days), costs.leaves
            )
            found |= self._with_leaves(meter, "cost/year", costs.year(meter, year, days), costs.leaves)
        return found

    def _peak_prices(self, meter: Meter, day: Day | None, progress: Progress) -> Payload:
        """What more power costs, for `peak`."""
        contract = self._timeline(meter).at(progress.now) if progress.now else None
        return monthly.peak_prices(contract, day)

    def _with_leaves(
        self,
        meter: Meter,
        name: str,
        payload: Payload,
        leaves_of: Callable[[Payload], dict[str, str]] = payloads.leaves,
    ) -> Topics:
        leaves = {self._topic(meter, name, leaf): text for leaf, text in leaves_of(payload).items()}
        return {self._topic(meter, name): to_json(payload), **leaves}

    def _topic(self, meter: Meter, *below: str) -> str:
        return topics.of_meter(self._base, meter.name, *below)


def _last_months(meter: Meter, now: datetime, count: int) -> list[date]:
    return meterday.months_until(meterday.month_of(meterday.day_of(now, meter.energy)), count)
