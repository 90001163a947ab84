"""A connection whose mandates follow each other, or lie over each other."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from bridge.fetching.backfill import Backfiller
from bridge.fetching.mandates import allowed, terms_of
from bridge.fluvius.energy_api import client
from bridge.metering.mandate import Mandate
from bridge.metering.meterday import span
from bridge.metering.model import Energy, Meter
from tests.rig.provider import GAS_EAN, HOME_EAN, Provider

EDGE = datetime(2026, 11, 20, 23, tzinfo=UTC)  # midnight in Flanders
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def every_day(provider: Provider, first: int = 14, last: int = 29) -> None:
    for day in range(first, last + 1):
        for hour in (6, 13, 18):
            provider.clock.move_to(f"2026-11-{day:02} {hour:02}:15")
            assert not provider.fetch().errors


def complete(provider: Provider, ean: str = HOME_EAN) -> list[date]:
    with provider.world.at_work() as (ledger, fetcher):
        return ledger.days.complete_days(provider.meters(fetcher)[ean], date(2026, 11, 1), date(2026, 11, 30))


def without_a_gap(days: list[date]) -> bool:
    return days == span(days[0], days[-1])


def test_the_last_days_of_a_mandate_come_when_another_one_has_followed_it(provider: Provider) -> None:
    provider.only(HOME_EAN, reference="old", period_to=EDGE)
    provider.api.add_mandate(HOME_EAN, reference="new", period_from=EDGE)
    every_day(provider)
    assert complete(provider)[-1] == date(2026, 11, 28)
    assert without_a_gap(complete(provider))


def test_so_they_do_when_it_was_given_on_the_day_itself(provider: Provider) -> None:
    provider.only(HOME_EAN, reference="old", period_to=EDGE)
    every_day(provider, 14, 20)
    provider.clock.move_to("2026-11-21 05:00")
    provider.api.add_mandate(HOME_EAN, reference="new", period_from=EDGE, since=provider.clock())
    every_day(provider, 21)
    assert complete(provider)[-1] == date(2026, 11, 28)
    assert without_a_gap(complete(provider))


def test_days_that_were_missed_under_both_are_made_good(provider: Provider) -> None:
    provider.only(HOME_EAN, reference="old", period_to=EDGE)
    provider.api.add_mandate(HOME_EAN, reference="new", period_from=EDGE)
    every_day(provider, 14, 15)
    every_day(provider, 29, 30)
    assert complete(provider)[-1] == date(2026, 11, 29)
    assert without_a_gap(complete(provider))


def test_gas_that_comes_days_late_is_asked_for_under_the_mandate_of_its_day(provider: Provider) -> None:
    edge = datetime(2026, 11, 21, 5, tzinfo=UTC)  # where gas days begin
    provider.only(GAS_EAN, reference="old", period_to=edge)
    provider.api.add_mandate(GAS_EAN, reference="new", period_from=edge)
    every_day(provider)
    assert complete(provider, GAS_EAN)[-1] > date(2026, 11, 21)
    assert without_a_gap(complete(provider, GAS_EAN))


def test_a_correction_of_the_days_before_is_heard_of_under_their_mandate(provider: Provider) -> None:
    provider.only(HOME_EAN, reference="old", period_to=EDGE)
    provider.api.add_mandate(HOME_EAN, reference="new", period_from=EDGE)
    every_day(provider, 14, 23)
    day = date(2026, 11, 19)
    provider.simulator.correct(HOME_EAN, day, delta_wh=321, at=provider.clock() + timedelta(hours=1))
    every_day(provider, 24, 25)
    with provider.world.at_work() as (ledger, fetcher):
        kept = ledger.sums.total(provider.meters(fetcher)[HOME_EAN], day, day)
    assert kept
    assert {
        (register.direction, register.tariff, register.unit): amount
        for register, amount in kept.amounts.items()
    } == provider.world.truth(HOME_EAN, day, day)


def test_days_that_go_on_are_not_hidden_by_quarter_hours_that_ended(provider: Provider) -> None:
    provider.only(HOME_EAN, reference="quarters", period_to=datetime(2026, 11, 18, 23, tzinfo=UTC))
    provider.api.add_mandate(HOME_EAN, reference="days", service="VH_dag")
    every_day(provider)
    assert complete(provider)[-1] == date(2026, 11, 28)
    assert without_a_gap(complete(provider))
    assert provider.intervals(HOME_EAN, date(2026, 11, 18))
    assert not provider.intervals(HOME_EAN, date(2026, 11, 19))


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_of_two_mandates_for_the_same_the_one_with_more_days_is_asked(
    provider: Provider, names: tuple[str, str]
) -> None:
    provider.only(HOME_EAN, reference=names[0])
    provider.api.add_mandate(HOME_EAN, reference=names[1], period_from=datetime(2026, 11, 19, 23, tzinfo=UTC))
    provider.fetch()
    assert complete(provider) == span(date(2026, 11, 14), date(2026, 11, 20))
    assert provider.asked()["energy"] == 1


def test_what_a_mandate_says_of_the_installation_is_not_asked_for_readings(provider: Provider) -> None:
    provider.only(HOME_EAN, reference="installation", service="IG")
    assert not provider.fetch().errors
    assert provider.asked()["energy"] == 0
    provider.clock.pass_by(days=1)
    provider.api.add_mandate(HOME_EAN, reference="days", service="VH_dag", since=provider.clock())
    provider.clock.pass_by(minutes=5)
    assert not provider.fetch().errors
    assert date(2026, 11, 20) in complete(provider)


def test_history_is_asked_for_under_the_mandate_of_its_time(provider: Provider) -> None:
    provider.only(HOME_EAN, reference="old", period_to=datetime(2026, 9, 30, 22, tzinfo=UTC))
    provider.api.add_mandate(HOME_EAN, reference="new", period_from=datetime(2026, 9, 30, 22, tzinfo=UTC))
    provider.fetch()
    first, last = date(2026, 9, 20), date(2026, 10, 10)
    with provider.world.at_work() as (ledger, fetcher):
        meter = provider.meters(fetcher)[HOME_EAN]
        ledger.jobs.begin_backfill(meter, first, last, provider.clock())
        backfiller = Backfiller(ledger, fetcher, provider.clock)
        while backfiller.is_due():
            backfiller.step()
        days = ledger.days.complete_days(meter, first, last)
    assert days == span(first, last)


@pytest.mark.parametrize("lacks", ["everything", "one of them"])
def test_a_list_that_lacks_mandates_once_takes_no_meter_away(provider: Provider, lacks: str) -> None:
    provider.fetch()
    followed = provider.followed()
    provider.clock.pass_by(days=8)
    fault: dict[str, Any] = {"path": "data.mandates.*.energyType"} | (
        {"every": 3} if lacks == "one of them" else {}
    )
    provider.simulator.fault("api-null-field", where="mandates", times=1, **fault)
    provider.fetch()
    assert provider.followed() == followed
    provider.mandate_questions()
    provider.clock.pass_by(hours=6)
    provider.fetch()
    assert provider.mandate_questions() == [""]
    assert provider.followed() == followed


def test_a_mandate_that_two_lists_lack_is_gone(provider: Provider) -> None:
    provider.fetch()
    provider.api.forget_mandates(HOME_EAN)
    provider.clock.pass_by(days=8)
    provider.fetch()
    assert HOME_EAN in provider.followed()
    provider.clock.pass_by(hours=6)
    provider.fetch()
    assert HOME_EAN not in provider.followed()


def test_mandates_that_are_too_many_for_one_answer_are_asked_for_in_parts(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_LARGEST_LIST", 4000)  # bytes: about twelve of them
    eans = provider.api.add_meters(50)
    provider.api.forget_mandates()
    for number, ean in enumerate(eans):
        given = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(days=30 * number)
        provider.api.add_mandate(ean, reference=f"customer-{number}", since=given)
    provider.fetch()
    assert provider.followed() == set(eans)
    assert provider.asked()["mandates"] < 30
    provider.clock.pass_by(days=1)
    assert not provider.fetch().errors
    assert provider.asked()["mandates"] == 1, "few changed"


def test_one_reference_may_be_that_of_days_and_later_of_quarter_hours(provider: Provider) -> None:
    provider.only(HOME_EAN, reference="customer", service="VH_dag")
    provider.api.add_mandate(
        HOME_EAN, reference="customer", period_from=datetime(2026, 11, 17, 23, tzinfo=UTC)
    )
    every_day(provider, 21, 24)
    assert without_a_gap(complete(provider))
    assert complete(provider)[0] <= date(2026, 11, 14)


def test_two_mandates_cost_two_requests_a_day_at_most(provider: Provider) -> None:
    provider.only(HOME_EAN, reference="days", service="VH_dag")
    provider.api.add_mandate(
        HOME_EAN, reference="quarters", period_from=datetime(2026, 11, 17, 23, tzinfo=UTC)
    )
    every_day(provider, 21, 21)
    for day in range(22, 30):
        provider.asked()
        every_day(provider, day, day)
        assert provider.asked()["energy"] <= 2


def test_a_correction_between_two_mandates_is_not_missed(provider: Provider) -> None:
    provider.only(HOME_EAN, reference="old", period_to=EDGE)
    every_day(provider, 10, 20)
    provider.api.add_mandate(HOME_EAN, reference="new", period_from=EDGE)
    provider.simulator.correct(
        HOME_EAN, date(2026, 11, 10), delta_wh=321, at=provider.clock() + timedelta(hours=1)
    )
    every_day(provider, 21, 23)
    with provider.world.at_work() as (ledger, fetcher):
        kept = ledger.sums.total(provider.meters(fetcher)[HOME_EAN], date(2026, 11, 10), date(2026, 11, 10))
    truth = provider.world.truth(HOME_EAN, date(2026, 11, 10), date(2026, 11, 10))
    assert kept
    assert sum(kept.amounts.values()) == sum(truth.values())


# --- which days under which mandate


def mandate(reference: str, since: str = "", until: str = "", service: str = "VH_kwartier_uur") -> Mandate:
    begin, end = (datetime.fromisoformat(f"{each}T00:00+01:00") if each else None for each in (since, until))
    return Mandate(reference, HOME_EAN, Energy.ELECTRICITY, "Approved", service, begin, end)


def told(*mandates: Mandate) -> list[tuple[str, str, str]]:
    terms = terms_of(Meter("home", HOME_EAN, Energy.ELECTRICITY), mandates, NOW)
    return [(reference, str(meter.first or ""), str(meter.last or "")) for meter, reference in terms]


def test_each_day_is_asked_for_under_one_mandate() -> None:
    ended, begun = mandate("ended", "2025-01-01", "2026-11-20"), mandate("begun", "2026-11-20")
    days = mandate("days", service="VH_dag")
    assert told(ended) == [("ended", "2025-01-01", "2026-11-19")]
    assert told(ended, begun) == [("ended", "2025-01-01", "2026-11-19"), ("begun", "2026-11-20", "")]
    assert told(ended, days) == [
        ("days", "", "2024-12-31"),
        ("ended", "2025-01-01", "2026-11-19"),
        ("days", "2026-11-20", ""),
    ]
    assert told(mandate("all"), ended) == [("all", "", "")]
    assert told() == []


def test_a_meter_may_be_asked_for_as_far_back_as_its_mandates_follow_each_other() -> None:
    meter = Meter("home", HOME_EAN, Energy.ELECTRICITY)
    long_ago, ended = mandate("a", "2025-01-01", "2026-11-01"), mandate("b", "2026-11-05", "2026-11-20")
    begun = mandate("c", "2026-11-20", service="VH_dag")
    known = allowed(meter, (begun, ended, long_ago), NOW)
    assert (known.first, known.last, known.days_only) == (date(2026, 11, 5), None, True)
