"""The meters on one clock: what they counted, and what happens to them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from threading import RLock

from bridge.simulator.household import (
    BRUSSELS,
    CONSUMPTION,
    Register,
    SimulatedMeter,
    date_of,
    meter_day,
)
from bridge.simulator.measurements import (
    FROM_THE_START,
    Calorific,
    Correction,
    Measurements,
    Publication,
)
from bridge.simulator.writing import dates, parse_moment


class Meters:
    """The account's meters and those of the Energy API's customers, for whoever plays with them."""

    def __init__(self, meters: Iterable[SimulatedMeter], now: Callable[[], datetime] | None) -> None:
        self.now = now or real_now
        self.measurements = Measurements(meters)
        self.lock = RLock()

    @property
    def instant(self) -> datetime:
        """The simulated moment in UTC."""
        return self.now().astimezone(UTC)

    def set_today(self, today: date | datetime) -> None:
        """Moves the clock; it runs on from there.

        Args:
            today: an aware datetime, or a date for 09:00 local time that day.
        """
        if not isinstance(today, datetime):
            today = datetime.combine(today, time(9, tzinfo=BRUSSELS))
        ahead = parse_moment(today) - real_now()
        self.now = lambda: real_now() + ahead

    @property
    def meters(self) -> tuple[SimulatedMeter, ...]:
        """The account's meters."""
        return tuple(self.measurements.meters.values())

    def day_amounts(self, ean: str, day: date, *, serial: str | None = None) -> dict[Register, Decimal]:
        """What was counted that meter day, per (t, dc, u), as corrected by now, published or not.

        Empty before the meter's first day. With a serial, only what that one counted.
        """
        with self.lock:
            slot = self.measurements.day(self._meter(ean), day, self.instant, serial)
        return _decimals(slot.amounts) if slot else {}

    def slot_amounts(
        self, ean: str, day: date, *, serial: str | None = None
    ) -> dict[datetime, dict[Register, Decimal]]:
        """The same, for every quarter-hour (gas: hour) by its start in UTC."""
        with self.lock:
            slots = self.measurements.slots(self._meter(ean), day, self.instant, serial)
        return {slot.start: _decimals(slot.amounts) for slot in slots}

    def total_amounts(self, ean: str, first: date, last: date) -> dict[Register, Decimal]:
        """The sums of the days from first to last, both included."""
        sums: dict[Register, Decimal] = {}
        for day in dates(first, last):
            for register, amount in self.day_amounts(ean, day).items():
                sums[register] = sums.get(register, Decimal(0)) + amount
        return sums

    def publication(self, ean: str, day: date) -> Publication:
        """When the day's amounts (`days`) and its slots (`intervals`) appear, in UTC."""
        return self.measurements.publication(self._meter(ean), day)

    def correct(
        self,
        ean: str,
        day: date,
        *,
        delta_wh: int,
        at: datetime | None = None,
        direction: int = CONSUMPTION,
        over: int = 3,
    ) -> None:
        """Changes a day's amounts and those of a few of its slots.

        Args:
            ean: the meter's.
            day: the meter day.
            delta_wh: how much more, or less when negative. A gas meter's litres follow.
            at: when the correction is published; None: at once.
            direction: 1 consumption, 2 injection.
            over: how many slots share it, the largest first.

        Raises:
            ValueError: there is less to take away, or nothing was counted.
        """
        moment = FROM_THE_START if at is None else parse_moment(at)
        with self.lock:
            self.measurements.add_correction(
                self._meter(ean), day, Correction(moment, delta_wh, direction, over, self.instant)
            )

    def delay(
        self,
        ean: str,
        day: date,
        days_until: datetime | None = None,
        intervals_until: datetime | None = None,
    ) -> None:
        """Publishes a day's amounts, and its slots, at these moments instead of the usual ones."""
        with self.lock:
            usual = self.measurements.usual_publication(self._meter(ean), day)
            days = parse_moment(days_until) if days_until else usual.days
            intervals = parse_moment(intervals_until) if intervals_until else max(days, usual.intervals)
            self.measurements.delays[ean, day] = Publication(days, intervals)

    def provisional_gas(
        self, lasting: timedelta, *, ean: str | None = None, writing: str = "letters"
    ) -> None:
        """Gives the kWh of gas on a provisional calorific value first: other kWh, the same cubic metres.

        Args:
            lasting: from a day's publication until its definitive kWh are there.
            ean: of the meter; None: every gas meter of the account.
            writing: of the portal's `gcuv`, of which nobody knows it: letters (P, D), words (Voorlopig,
                Definitief), null, or number (the value itself). The Energy API writes P and D.
        """
        with self.lock:
            for meter in [self._meter(ean)] if ean else self.meters:
                if meter.energy == "gas":
                    self.measurements.calorific[meter.ean] = Calorific(lasting, writing)

    def gas_delay(self, delay: timedelta, *, ean: str | None = None) -> None:
        """Publishes gas so long after its day; without an EAN that of every meter of the account."""
        with self.lock:
            for meter in [self._meter(ean)] if ean else self.meters:
                if meter.energy == "gas":
                    self.measurements.put(replace(meter, delay=delay))

    def exchange(self, ean: str, instant: datetime, serial: str) -> None:
        """Hangs another meter there, which counts from that instant on."""
        with self.lock:
            self.measurements.put(replace(self._meter(ean), exchange=(parse_moment(instant), serial)))

    def latest_day(self, ean: str) -> date:
        """The newest meter day whose amounts are published."""
        meter = self._meter(ean)
        day = date_of(meter.energy, self.instant)
        while (
            meter_day(meter.energy, day)[1] > self.instant or self.publication(ean, day).days > self.instant
        ):
            day -= timedelta(days=1)
        return day

    def _meter(self, ean: str) -> SimulatedMeter:
        meter = self.measurements.find(ean)
        if meter is None:
            raise ValueError(f"no meter has EAN {ean}; there are: {', '.join(self.measurements.meters)}")
        return meter


def real_now() -> datetime:
    """The moment on this machine."""
    return datetime.now(UTC)


def _decimals(amounts: Mapping[Register, int]) -> dict[Register, Decimal]:
    return {register: Decimal(amount).scaleb(-3) for register, amount in amounts.items()}
