"""A year of mornings, or three, with everything that Fluvius does to its readings, and nothing is ever wrong.

Two clock changes a year, and a leap day. Each morning may bring a correction, up or down, of any day of the
window, daily amounts or intervals up to three days late, a machine that is off, answers that are spoilt,
doubled, out of order or of neighbouring days too. What Fluvius says in the end is what the ledger holds.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from random import Random

import pytest

from bridge.fetching.cycle import Fetcher
from bridge.fetching.due import Occasion
from bridge.ledger import Ledger
from bridge.metering import completeness
from bridge.metering.meterday import ONE_DAY, intervals_of, latest_published, span
from bridge.metering.model import BRUSSELS, Energy, Meter
from tests.rig.chance import often
from tests.rig.registers import Amounts
from tests.rig.truth import in_our_words
from tests.rig.world import GAS, HOME, SHED, World

BEGIN = date(2024, 1, 2)  # a morning
A_SPRING = date(2024, 4, 16)  # after a leap day and a clock change
THE_END = often(date(2024, 11, 5), soak=date(2027, 1, 1))  # after the second clock change
QUIET_AT_THE_END = 14  # mornings, in which everything that is late arrives
LOOKBACK = 7  # days, as by default
UNHURT = "duplicate-slots", "shuffled-slots", "overlapping-slots"  # every amount is still there
SPOILT = "null-amounts", "missing-amounts"


class Morning(Enum):
    """What may happen, and how often in a hundred mornings."""

    QUIET = 63
    CORRECTED = 12
    CORRECTED_AND_SPOILT = 4
    LATE_DAY = 6
    LATE_INTERVALS = 5
    SPOILT = 7
    OFF = 3  # and perhaps the next two


@dataclass
class Household:
    """One meter's years."""

    world: World
    meter: Meter
    ledger: Ledger
    fetcher: Fetcher
    chance: Random
    sum: Amounts = field(default_factory=dict)  # of the days that were compared
    ordinary_days: int = 0
    corrections: int = 0
    reviews: int = 0  # requests for days that were older than those of the daily one
    settled: bool = False  # nothing awaited, and nothing to be asked for again

    def live(self, mornings: list[date]) -> None:
        self.go_to(mornings[0])
        assert not self.fetcher.fetch(Occasion.START).errors
        compared = self.window[0]
        on_again = mornings[0]
        for morning in mornings[1:]:
            kind = self.next_kind((mornings[-1] - morning).days)
            if kind is Morning.OFF and morning > on_again + ONE_DAY * LOOKBACK:
                on_again = morning + ONE_DAY * self.chance.randint(1, 3)
                self.settled = False
            if morning == on_again and kind is Morning.SPOILT:
                kind = Morning.QUIET  # both together may cost the window's oldest day
            if morning >= on_again:
                self.spend(morning, kind)
            while compared < self.window[0] - 2 * ONE_DAY:
                self.compare(compared)
                compared += ONE_DAY
        for day in span(compared, latest_published(self.now, self.meter.energy)):
            self.compare(day)

    def next_kind(self, mornings_left: int) -> Morning:
        if mornings_left < QUIET_AT_THE_END:
            return Morning.QUIET
        return self.chance.choices(list(Morning), [kind.value for kind in Morning])[0]

    def spend(self, morning: date, kind: Morning) -> None:
        """One day with the machine on."""
        self.go_to(morning)
        self.prepare(kind)
        ordinary = kind is Morning.QUIET and self.settled
        for fault in UNHURT:
            if self.chance.random() < 0.1:
                self.world.simulator.fault(fault)
        self.work()
        if ordinary:
            self.ordinary_days += 1
            days, intervals = self.cost()
            again = 3 if self.meter.energy is Energy.GAS else 0  # of 100 days whose kWh may not be final
            assert intervals == 1, f"{morning} was a morning like any other"
            assert 1 <= days <= 1 + again, f"{morning} was a morning like any other"
            self.reviews += days - 1
        self.world.simulator.clear()
        self.world.clock.pass_by(hours=3)
        self.work()
        facts = self.ledger.days.facts(self.meter, self.window)
        awaited = completeness.awaited(facts, self.meter.energy, self.now)
        self.settled = not awaited and not any(day.corrected for day in facts)
        if ordinary:
            assert self.settled, f"{morning} was a morning like any other"
            assert self.cost() == (0, 0)

    def prepare(self, kind: Morning) -> None:
        """Let one thing happen."""
        simulator, newest = self.world.simulator, self.window[-1]
        match kind:
            case Morning.LATE_DAY | Morning.LATE_INTERVALS:
                late = self.now + timedelta(hours=self.chance.uniform(0, 72))
                if kind is Morning.LATE_DAY:
                    simulator.delay(self.meter.ean, newest, days_until=late)
                else:
                    simulator.delay(self.meter.ean, newest, intervals_until=late)
            case Morning.SPOILT:
                simulator.fault(self.chance.choice(SPOILT), every=self.chance.randint(1, 30))
            case Morning.CORRECTED:
                for _ in range(self.chance.randint(1, 3)):
                    self.correct(self.chance.choice(self.window))
            case Morning.CORRECTED_AND_SPOILT:
                self.correct(self.chance.choice(self.window[-4:]))
                every = self.chance.randint(1, 30)
                simulator.fault(self.chance.choice(SPOILT), where="readings-interval", every=every)

    def correct(self, day: date) -> None:
        """Fluvius publishes other amounts of a day, from now on."""
        directions = {1} if self.meter.name != "home" else {1, 2}
        direction = self.chance.choice(sorted(directions))
        counted = self.world.simulator.day_amounts(self.meter.ean, day)
        wh = 1000 * sum(amount for (t, _, u), amount in counted.items() if (t, u) == (direction, 3))
        self.world.simulator.correct(
            self.meter.ean,
            day,
            delta_wh=self.chance.randint(-min(400, int(wh)), 900),
            at=self.now,
            direction=direction,
            over=self.chance.randint(1, 40),
        )
        self.corrections += 1

    def work(self) -> None:
        self.world.simulator.forget_requests()
        cycle = self.fetcher.fetch(Occasion.SCHEDULE)
        assert not cycle.errors, f"{self.now}: {cycle.errors}"

    def cost(self) -> tuple[int, int]:
        simulator = self.world.simulator
        return simulator.count("readings-day"), simulator.count("readings-interval")

    def go_to(self, morning: date) -> None:
        at = datetime.combine(morning, time(9, 15), BRUSSELS) + timedelta(minutes=self.chance.uniform(0, 10))
        self.world.clock.instant = at.astimezone(UTC)

    @property
    def now(self) -> datetime:
        return self.world.clock()

    @property
    def window(self) -> list[date]:
        """The days that are looked at and that Fluvius usually has by now, oldest first."""
        newest = latest_published(self.now, self.meter.energy)
        return span(newest - ONE_DAY * (LOOKBACK - 1), newest)

    def compare(self, day: date) -> None:
        """The ledger holds what Fluvius says of a day, which does not change any more."""
        simulator, ean = self.world.simulator, self.meter.ean
        (facts,) = self.ledger.days.facts(self.meter, [day])
        truth = in_our_words(simulator.day_amounts(ean, day))
        assert facts.complete, f"{day}"
        assert dict(facts.daily) == truth, f"{day}"
        intervals = {each.start: each.amounts for each in self.ledger.days.intervals(self.meter, day)}
        if self.meter.name == "shed":
            assert intervals == {}
        else:
            slots = simulator.slot_amounts(ean, day)
            assert list(slots) == intervals_of(day, self.meter.energy)
            assert intervals == {start: in_our_words(amounts) for start, amounts in slots.items()}, f"{day}"
        for register, amount in truth.items():
            self.sum[register] = self.sum.get(register, Decimal(0)) + amount


@pytest.mark.chance
@pytest.mark.timeout(often(300, soak=1200))
@pytest.mark.parametrize(
    ("meter", "end"),
    [
        pytest.param(HOME, THE_END, id="electricity"),
        pytest.param(GAS, often(A_SPRING, soak=THE_END), id="gas"),
        pytest.param(SHED, often(A_SPRING, soak=THE_END), id="days-only"),
    ],
)
def test_after_years_every_amount_is_the_one_that_fluvius_has(
    desk: World, meter: dict[str, str], end: date
) -> None:
    desk.meters = [meter]
    followed = desk.meter(meter["name"])
    with desk.at_work() as (ledger, fetcher):
        household = Household(desk, followed, ledger, fetcher, Random(meter["ean"]))
        household.live(span(BEGIN, end))
        total = ledger.sums.total(followed)
        assert total
        assert total.amounts == household.sum
        assert total.days == (total.until - total.since).days + 1
        assert total.until == end - ONE_DAY * (4 if followed.energy is Energy.GAS else 1)
        assert total.since == BEGIN - ONE_DAY * (LOOKBACK + (3 if followed.energy is Energy.GAS else 0))
    mornings = (end - BEGIN).days
    assert household.corrections > mornings // 6
    assert household.reviews <= 3 * mornings // 7
    assert household.ordinary_days > mornings // 6


def test_intervals_that_are_not_there_yet_are_asked_for_once_in_a_cycle(desk: World) -> None:
    desk.clock.instant += timedelta(microseconds=1)  # as on every real clock
    desk.simulator.delay(HOME["ean"], date(2026, 11, 20), intervals_until=desk.clock() + timedelta(hours=5))
    desk.simulator.fault("unavailable", where="readings-interval", after=20, retry_after=3600)  # enough
    assert not desk.fetch().errors
    assert desk.simulator.count("readings-interval") == LOOKBACK


def test_a_corrected_day_is_asked_for_again_until_every_amount_of_its_intervals_came(desk: World) -> None:
    desk.meters = [GAS]
    desk.fetch()
    day, ean = date(2026, 11, 15), GAS["ean"]
    desk.clock.pass_by(days=1)
    desk.simulator.correct(ean, day, delta_wh=900, at=desk.clock(), over=24)
    desk.simulator.fault("missing-amounts", where="readings-interval", every=5)
    desk.fetch()
    desk.simulator.clear()
    desk.clock.pass_by(hours=21)
    desk.fetch()
    with desk.ledger() as ledger:
        intervals = {each.start: each.amounts for each in ledger.days.intervals(desk.meter("gas"), day)}
    slots = desk.simulator.slot_amounts(ean, day)
    assert intervals == {start: in_our_words(amounts) for start, amounts in slots.items()}
