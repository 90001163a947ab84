"""Every identity that an answer carries is compared with the question: nothing of someone else is kept."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bridge.fetching.due import Occasion
from bridge.fluvius import limits
from bridge.fluvius.energy_api import headpoints
from bridge.fluvius.errors import ShapeChanged
from bridge.fluvius.portal import peaks as spikes
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Energy, Meter, Unit
from tests.rig.provider import HOME_EAN, LAST, Provider
from tests.rig.world import GAS, HOME, SHED, World

METER = Meter("home", HOME_EAN, Energy.ELECTRICITY, source="energy_api")


@pytest.fixture
def provider(desk: World) -> Provider:
    provider = Provider(desk)
    provider.only(HOME_EAN)
    return provider


def rows(world: World) -> int:
    with world.ledger() as ledger:
        ((count,),) = ledger.store.rows("SELECT COUNT(*) FROM reading")
    return int(count)


# The Energy API


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("api-other-ean", (HOME_EAN, SHED["ean"])),
        ("api-other-energy", (HOME_EAN, "gas")),
    ],
)
def test_an_answer_about_someone_else_is_not_kept_and_both_are_named(
    provider: Provider, fault: str, words: tuple[str, ...]
) -> None:
    provider.simulator.fault(fault)
    provider.fetch()
    assert rows(provider.world) == 0
    _, progress, _ = provider.look()
    assert [word for word in words if word not in str(progress.error)] == []
    provider.simulator.clear()
    provider.clock.pass_by(hours=3)
    provider.fetch()
    assert provider.totals() == {HOME_EAN: provider.truths()[HOME_EAN]}


def test_an_answer_about_someone_else_keeps_no_other_meter_waiting(provider: Provider) -> None:
    provider.api.add_mandate(SHED["ean"])
    provider.simulator.fault("api-other-ean", value=SHED["ean"])
    provider.fetch()
    assert provider.totals() == {SHED["ean"]: provider.truths()[SHED["ean"]]}


@pytest.mark.parametrize("since_the_last", [False, True])
def test_days_that_were_not_asked_for_are_left_out(provider: Provider, since_the_last: bool) -> None:
    if since_the_last:
        provider.fetch()
        provider.clock.pass_by(days=1)
    provider.simulator.fault("api-overlapping-slots")
    provider.fetch()
    with provider.world.at_work() as (ledger, fetcher):
        [meter] = fetcher.meters
        span = ledger.readings.known_span(meter)
    assert span
    assert span[1] == LAST + ONE_DAY * since_the_last
    if not since_the_last:
        assert span[0] == date(2026, 11, 14)
        assert provider.totals() == {HOME_EAN: provider.truths()[HOME_EAN]}


@pytest.mark.parametrize(
    "named", [{}, {"ean": None}, {"ean": "", "energyType": "?"}, {"ean": HOME_EAN, "energyType": "E"}]
)
def test_an_answer_that_does_not_say_whose_it_is_is_taken_at_its_word(named: dict[str, Any]) -> None:
    found = headpoints.read({"headpoint": {"$type": "metering-on-meter", **named}}, METER)
    assert found.readings == []


@pytest.mark.parametrize("named", [{"ean": SHED["ean"]}, {"ean": 5}, {"energyType": "G"}, {"ean": {"of": 1}}])
def test_one_that_says_something_else_is_refused(named: dict[str, Any]) -> None:
    with pytest.raises(ShapeChanged, match="asked about"):
        headpoints.read({"headpoint": {"$type": "metering-on-meter", **named}}, METER)


def test_a_mandate_for_gas_is_none_for_electricity(provider: Provider) -> None:
    provider.only(GAS["ean"])
    provider.world.meters = [{"name": "home", "ean": GAS["ean"], "source": "energy_api"}]
    provider.fetch()
    assert provider.asked()["energy"] == 0
    _, progress, _ = provider.look(GAS["ean"])
    assert "is for gas" in str(progress.error)


# What does not add up, and what no connection can have


def test_quarter_hours_that_do_not_add_up_are_asked_for_again_in_each_run(provider: Provider) -> None:
    provider.simulator.fault("api-disagreeing-intervals")
    provider.fetch()
    _, progress, _ = provider.look()
    assert len(progress.disagreements) == 1
    provider.asked()
    for hours in (2, 2, 4):
        provider.clock.pass_by(hours=hours)
        provider.fetch()
        assert provider.asked()["energy"] == 1
    provider.simulator.clear()
    provider.clock.pass_by(hours=3)
    provider.fetch()
    _, progress, _ = provider.look()
    assert (progress.disagreements, progress.awaited) == ({}, [])


def test_an_amount_that_no_connection_can_have_is_named_and_awaited(provider: Provider) -> None:
    provider.simulator.fault("api-impossible-amounts", path="**.quarterHourlyEnergy.5.**.value")
    provider.fetch()
    _, progress, _ = provider.look()
    assert "amount that no connection can have" in str(progress.advice)
    assert len(progress.awaited) == 1
    provider.simulator.clear()
    provider.clock.pass_by(hours=3)
    provider.fetch(Occasion.ASKED)
    assert provider.totals() == {HOME_EAN: provider.truths()[HOME_EAN]}


@pytest.mark.parametrize("of", [limits.ON_THE_PORTAL, limits.OF_THE_GRID])
def test_a_limit_is_for_as_long_as_the_slot_lasts(of: limits.Limits) -> None:
    quarter, day = timedelta(minutes=15), timedelta(hours=25)
    assert limits.during(quarter, of)[Unit.KWH] * 100 == limits.during(day, of)[Unit.KWH]
    assert limits.during(timedelta(hours=1), of)[Unit.M3] == of.m3


def test_the_limits_leave_room_for_every_honest_meter() -> None:
    quarter, hour = timedelta(minutes=15), timedelta(hours=1)
    assert (
        limits.during(quarter, limits.ON_THE_PORTAL)[Unit.KWH] >= 2 * Decimal(250) / 4
    )  # low voltage's most
    assert limits.during(hour, limits.ON_THE_PORTAL)[Unit.M3] >= 65
    assert limits.during(quarter, limits.OF_THE_GRID)[Unit.KWH] >= 2 * Decimal(25_000) / 4


# The portal


def peak(start: str, power: str, month: tuple[str, str]) -> dict[str, Any]:
    return {"d": month[0], "de": month[1], "v": [{"v": Decimal(power), "sst": start}]}


OCTOBER = ("2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z")
SEPTEMBER = ("2026-08-31T22:00:00Z", "2026-09-30T22:00:00Z")
ASKED = datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 11, 20, 23, tzinfo=UTC)


def test_a_peak_of_another_month_or_that_nothing_could_draw_is_left_out() -> None:
    good = peak("2026-10-14T17:00:00Z", "5.432", OCTOBER)
    other = peak("2026-09-14T17:00:00Z", "4", SEPTEMBER)
    impossible = peak("2026-10-15T17:00:00Z", "4000000000", OCTOBER)
    assert [each.power for each in spikes.read([other, good, impossible], ASKED).peaks] == [Decimal("5.432")]


def test_peaks_of_months_that_were_not_asked_for_are_not_kept(desk: World) -> None:
    desk.simulator.fault("overlapping-months")
    desk.fetch()
    with desk.ledger() as ledger:
        months = {month for (month,) in ledger.store.rows("SELECT month FROM peak WHERE source = 'portal'")}
    assert min(months) == "2025-11-01"
    assert len(months) == 12


def test_an_impossible_quarter_hour_of_the_portal_is_awaited(desk: World) -> None:
    desk.simulator.fault("impossible-amounts", times=1)
    desk.fetch()
    with desk.at_work() as (ledger, fetcher):
        meter = desk.meter()
        progress = fetcher.progress(meter)
        highest = max(max(each.amounts.values()) for each in ledger.days.intervals(meter, LAST))
    assert HOME["ean"] == meter.ean
    assert progress.awaited == [LAST]
    assert "could not be understood" in str(progress.advice)
    assert highest < 10
