"""The official API as a source: mandates make the meters, and one request brings a meter's news."""

import logging
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

from bridge.fetching.cycle import Fetcher
from bridge.fetching.due import Occasion
from bridge.fluvius.energy_api import client as energy_api
from bridge.fluvius.energy_api import headpoints
from bridge.fluvius.errors import CredentialsRefused, NotYourMeter, TryLater
from bridge.metering.meterday import end_of, start_of
from bridge.metering.model import Direction, Energy, Meter, Reading, Register, Tariff, Unit
from bridge.publishing import payloads
from bridge.service.bridge import Bridge
from bridge.simulator.faults.table import FAULTS as EVERY_FAULT
from tests.rig.mosquitto import Mosquitto
from tests.rig.provider import FIRST, GAS_EAN, HOME_EAN, LAST, SHED_EAN, SPANS, Provider, in_sides
from tests.rig.truth import in_words
from tests.rig.world import World, says


def by_side(amounts: dict[tuple[str, str, str], Decimal]) -> dict[str, Decimal]:
    return {
        side: sum((amount for (each, _, _), amount in amounts.items() if each == side), Decimal(0))
        for side, _, _ in amounts
    }


# --- readings


def test_approved_mandates_are_the_meters(provider: Provider) -> None:
    cycle = provider.fetch()
    assert not cycle.errors
    assert set(cycle.new_days) == {HOME_EAN, GAS_EAN, SHED_EAN}
    assert provider.totals() == provider.truths()
    assert provider.asked() == {"api-token": 1, "mandates": 1, "energy": 3}


def test_a_new_day_costs_a_meter_one_request(provider: Provider) -> None:
    provider.fetch()
    provider.clock.pass_by(days=1)
    provider.asked()
    provider.fetch()
    assert provider.asked() == {"api-token": 1, "mandates": 1, "energy": 3}
    assert provider.totals() == provider.truths(timedelta(days=1))


def test_nothing_missing_nothing_asked_but_who_allows_what(provider: Provider) -> None:
    provider.fetch()
    provider.clock.pass_by(hours=2)
    provider.asked()
    provider.fetch()
    assert provider.asked() == {"api-token": 1, "mandates": 1, "energy": 0}


def test_a_restart_asks_nothing_again(provider: Provider) -> None:
    provider.fetch()
    provider.asked()
    for _ in range(10):
        provider.fetch(Occasion.START)
        provider.clock.pass_by(minutes=1)
    assert provider.asked() == {"api-token": 0, "mandates": 0, "energy": 0}


def test_quarter_hours_and_gas_hours_are_those_that_were_counted(provider: Provider) -> None:
    provider.fetch()
    for ean, day in ((HOME_EAN, LAST), (GAS_EAN, SPANS[GAS_EAN][1])):
        slots = provider.simulator.slot_amounts(ean, day)
        true = {
            start: {side: each["total"] for side, each in in_words(amounts).items() if side != "net"}
            for start, amounts in slots.items()
        }
        assert provider.intervals(ean, day) == true


def test_configured_meters_keep_their_names(provider: Provider) -> None:
    provider.world.meters = [{"name": "home", "ean": HOME_EAN}]
    cycle = provider.fetch()
    assert cycle.new_days.keys() == {"home"}
    assert provider.asked()["energy"] == 1


@pytest.mark.parametrize(
    "shape", ["metering-on-meter", "metering-on-headpoint", "metering-on-headpoint-and-meter"]
)
@pytest.mark.parametrize("registers", ["all", "day-night", "total-in-intervals"])
def test_every_shape_of_headpoint(provider: Provider, shape: Any, registers: Any) -> None:
    provider.api.shape(HOME_EAN, shape, registers=registers)
    provider.only(HOME_EAN)
    assert not provider.fetch().errors
    assert provider.totals() == {HOME_EAN: provider.truths()[HOME_EAN]}


def test_production_and_auxiliary_consumption_are_further_directions(provider: Provider) -> None:
    subs = provider.api.shape(HOME_EAN, "metering-on-headpoint", subs=("offtake", "production", "auxiliary"))
    provider.only(HOME_EAN)
    provider.fetch()
    _, _, day = provider.look()
    assert day
    amounts = in_sides(day.amounts)
    directions: tuple[tuple[Literal["production", "auxiliary"], int], ...]
    directions = (("production", 3), ("auxiliary", 4))
    for direction, code in directions:
        counted = provider.simulator.day_amounts(subs[direction], LAST)
        assert amounts[direction] == sum(amount for (t, _, _), amount in counted.items() if t == code)
    assert (
        amounts["consumption"]
        == in_words(provider.simulator.day_amounts(HOME_EAN, LAST))["consumption"]["total"]
    )


def test_a_meter_that_was_exchanged(provider: Provider) -> None:
    noon = datetime(2026, 11, 19, 11, tzinfo=UTC)
    provider.simulator.exchange(HOME_EAN, noon, "1SAG1100099999")
    provider.only(HOME_EAN)
    provider.fetch()
    assert provider.totals() == {HOME_EAN: provider.truths()[HOME_EAN]}


# --- what comes later


def test_a_correction_of_weeks_ago_comes_with_the_next_day(provider: Provider) -> None:
    provider.only(HOME_EAN)
    provider.fetch()
    first, _ = SPANS[HOME_EAN]
    for _ in range(20):
        provider.clock.pass_by(days=1)
        provider.fetch()
    provider.simulator.correct(HOME_EAN, first, delta_wh=-321, at=provider.clock() + timedelta(hours=1))
    provider.clock.pass_by(days=1)
    provider.asked()
    provider.fetch()
    assert provider.asked()["energy"] == 1
    last = LAST + timedelta(days=21)
    assert provider.totals() == {HOME_EAN: provider.world.truth(HOME_EAN, first, last)}
    slots = provider.simulator.slot_amounts(HOME_EAN, first)
    assert sum(each["consumption"] for each in provider.intervals(HOME_EAN, first).values()) == sum(
        amount for each in slots.values() for (t, _, _), amount in each.items() if t == 1
    )


def test_a_late_day_is_found_when_it_comes(provider: Provider) -> None:
    provider.only(HOME_EAN)
    provider.simulator.delay(HOME_EAN, LAST, provider.clock() + timedelta(days=3))
    provider.fetch()
    for _ in range(4):
        provider.clock.pass_by(days=1)
        provider.fetch()
    assert provider.totals() == {HOME_EAN: provider.truths(timedelta(days=4))[HOME_EAN]}


def test_an_estimated_day_is_looked_at_again(provider: Provider) -> None:
    provider.only(HOME_EAN)
    provider.api.hold_days(timedelta(days=2), state="EST", ean=HOME_EAN)
    provider.fetch()
    assert not provider.is_validated(LAST)
    provider.clock.pass_by(days=3)
    provider.fetch()
    assert provider.is_validated(LAST)


def test_a_bridge_that_was_off_for_two_months_gets_what_was_stored_meanwhile(provider: Provider) -> None:
    provider.only(HOME_EAN)
    provider.fetch()
    provider.clock.pass_by(days=60)
    provider.asked()
    provider.fetch()
    assert provider.asked()["energy"] == 1
    assert provider.totals() == {HOME_EAN: provider.truths(timedelta(days=60))[HOME_EAN]}


# --- mandates


def test_a_mandate_for_days_is_asked_for_days_only(provider: Provider) -> None:
    provider.only(HOME_EAN, service="VH_dag")
    assert not provider.fetch().errors
    meter, progress, day = provider.look()
    assert (progress.resolution, meter.days_only) == ("P1D", True)
    assert "allows days only" in str(progress.advice)
    assert day
    assert day.date == LAST
    assert provider.intervals(HOME_EAN, LAST) == {}


def test_a_mandate_s_data_period_is_kept_to(provider: Provider) -> None:
    provider.only(HOME_EAN, period_from=date(2026, 11, 17), period_to=date(2026, 11, 20))
    assert not provider.fetch().errors
    _, progress, _ = provider.look()
    assert progress.awaited == []
    assert provider.totals() == {
        HOME_EAN: provider.world.truth(HOME_EAN, date(2026, 11, 17), date(2026, 11, 19))
    }


@pytest.mark.parametrize(
    ("mandate", "words"),
    [
        ({"status": "Requested"}, "has not approved it yet"),
        ({"status": "Rejected"}, "was rejected"),
        ({"status": "Finished"}, "is finished"),
        ({"expires": date(2026, 11, 1)}, "has expired"),
    ],
)
def test_a_meter_whose_mandate_is_not_good_says_so_and_is_not_asked_for(
    provider: Provider, mandate: dict[str, Any], words: str
) -> None:
    provider.world.meters = [{"name": "home", "ean": HOME_EAN}]
    provider.only(HOME_EAN, **mandate)
    provider.fetch()
    _, progress, _ = provider.look()
    assert words in str(progress.error)
    assert provider.asked()["energy"] == 0


def test_a_meter_without_a_mandate_says_so(provider: Provider) -> None:
    provider.world.meters = [{"name": "home", "ean": HOME_EAN}]
    provider.api.forget_mandates()
    provider.fetch()
    _, progress, _ = provider.look()
    assert "there is no mandate" in str(progress.error)


def test_a_mandate_that_is_approved_brings_its_meter(provider: Provider) -> None:
    provider.only(HOME_EAN, status="Requested")
    assert provider.fetch().new_days == {}
    provider.api.mandate(HOME_EAN).approve(provider.clock() + timedelta(hours=1))
    provider.clock.pass_by(hours=2)
    assert provider.fetch().new_days.keys() == {HOME_EAN}


def test_meters_appear_and_leave_as_mandates_do(home: World, mosquitto: Mosquitto) -> None:
    provider = Provider(home)
    home.once()
    retained = mosquitto.retained()
    assert says(retained, f"fluvius/{HOME_EAN}/mandate")["status"] == "Approved"
    assert f"homeassistant/sensor/fluvius_{HOME_EAN}/mandate_expires/config" in retained
    provider.api.mandate(HOME_EAN).finish(provider.clock() + timedelta(hours=1))
    provider.clock.pass_by(days=1)
    home.once()
    assert not [topic for topic in mosquitto.retained() if HOME_EAN in topic]
    assert f"fluvius/{GAS_EAN}/day" in mosquitto.retained()


def test_an_end_that_is_near_is_a_warning_and_a_problem(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.only(HOME_EAN, reference="customer-7", expires=date(2027, 2, 20))
    provider.fetch()
    meter, progress, _ = provider.look()
    assert progress.mandate
    assert progress.now
    assert payloads.mandate(meter, progress.mandate, progress.now)["problem"] is True
    assert "mandates have to be renewed by the customer: customer-7" in caplog.text


def test_an_end_that_is_far_is_none(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    provider.only(HOME_EAN, expires=date(2027, 2, 22))
    provider.fetch()
    meter, progress, _ = provider.look()
    assert progress.mandate
    assert progress.now
    assert payloads.mandate(meter, progress.mandate, progress.now)["problem"] is False
    assert "renewed" not in caplog.text


# --- access


def test_production_with_a_certificate(provider: Provider, rsa: tuple[Path, bytes]) -> None:
    thumbprint = provider.api.register_certificate(rsa[1])
    provider.configure(
        environment="production", certificate={"private_key_file": str(rsa[0]), "thumbprint": thumbprint}
    )
    assert not provider.fetch().errors
    assert provider.totals() == provider.truths()


def test_a_certificate_that_has_expired(provider: Provider, rsa: tuple[Path, bytes]) -> None:
    thumbprint = provider.api.register_certificate(rsa[1])
    provider.configure(
        environment="production", certificate={"private_key_file": str(rsa[0]), "thumbprint": thumbprint}
    )
    provider.clock.move_to("2027-01-02 09:00")
    [error] = provider.fetch().errors
    assert isinstance(error, CredentialsRefused)
    assert "AADSTS" in str(error)


def test_a_wrong_thumbprint(provider: Provider, rsa: tuple[Path, bytes]) -> None:
    provider.api.register_certificate(rsa[1])
    provider.configure(
        environment="production", certificate={"private_key_file": str(rsa[0]), "thumbprint": "AB" * 20}
    )
    [error] = provider.fetch().errors
    assert isinstance(error, CredentialsRefused)


def test_a_key_that_is_none(provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("this is not a key")
    provider.configure(
        environment="production",
        certificate={"private_key_file": str(tmp_path / "key.pem"), "thumbprint": "AB" * 20},
    )
    [error] = provider.fetch().errors
    assert isinstance(error, CredentialsRefused)
    assert "key.pem" in str(error)


def test_a_wrong_secret_is_tried_once_also_by_ten_restarts(provider: Provider) -> None:
    provider.configure(environment="sandbox", client_secret="wrong")
    for occasion in (Occasion.SCHEDULE, *[Occasion.START] * 10):
        [error] = provider.fetch(occasion).errors
        assert isinstance(error, CredentialsRefused)
        assert "AADSTS7000215" in str(error)
        provider.clock.pass_by(minutes=10)
    assert provider.asked()["api-token"] == 1
    provider.configure(environment="sandbox", client_secret=provider.api.client_secret)
    assert not provider.fetch().errors


def test_a_wrong_subscription_key_is_refused_and_remembered(provider: Provider) -> None:
    provider.simulator.fault("api-key-refused")
    for _ in range(3):
        [error] = provider.fetch().errors
        assert isinstance(error, CredentialsRefused)
        assert "subscription key" in str(error)
        provider.clock.pass_by(minutes=30)
    assert provider.asked()["mandates"] == 1


def test_a_token_that_expires_in_the_middle_is_replaced(provider: Provider) -> None:
    provider.simulator.fault("api-token-expired", after=2)
    provider.clock.pass_by(minutes=10)
    assert not provider.fetch().errors
    assert provider.totals() == provider.truths()


def test_nothing_secret_is_logged(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider.fetch()
    provider.configure(environment="sandbox", client_secret="wrong-secret")
    provider.clock.pass_by(days=1)
    provider.fetch()
    for secret in (provider.api.client_secret, provider.api.subscription_key, "wrong-secret"):
        assert secret not in caplog.text


# --- bad days


def test_a_refusal_for_one_meter_leaves_the_others_alone(provider: Provider) -> None:
    provider.simulator.fault("api-forbidden", ean=HOME_EAN)
    [error] = provider.fetch().errors
    assert isinstance(error, NotYourMeter)
    _, progress, day = provider.look()
    assert "does not allow" in str(progress.error)
    assert day is None
    assert set(provider.totals()) == {GAS_EAN, SHED_EAN}


def test_an_hour_of_503_is_waited_for(provider: Provider) -> None:
    provider.simulator.fault("api-unavailable", retry_after=3600)
    [error] = provider.fetch().errors
    assert isinstance(error, TryLater)
    provider.simulator.clear()
    provider.clock.pass_by(minutes=30)
    provider.asked()
    provider.fetch()
    assert sum(provider.asked().values()) == 0
    provider.clock.pass_by(minutes=40)
    assert not provider.fetch().errors
    assert provider.totals() == provider.truths()


def test_a_mandate_that_ends_in_the_middle_of_a_run(provider: Provider) -> None:
    provider.simulator.fault("api-mandate-ended", after=1)
    provider.fetch()
    provider.clock.pass_by(hours=3)
    cycle = provider.fetch()
    assert not cycle.errors
    assert all(provider.totals()[ean] == provider.truths()[ean] for ean in provider.totals())


FAULTS = [
    name
    for name in EVERY_FAULT
    if name.startswith("api-") and not name.startswith(("api-short", "api-mandate", "api-certificate"))
]


@pytest.mark.parametrize("name", FAULTS)
def test_after_any_fault_everything_is_there_and_nothing_invented(provider: Provider, name: str) -> None:
    provider.only(HOME_EAN)
    provider.simulator.fault(name)
    provider.fetch()
    for amounts in provider.totals().values():
        truth = by_side(provider.truths()[HOME_EAN])
        assert all(amount <= truth[side] for side, amount in by_side(amounts).items()), "invented"
    provider.simulator.clear()
    provider.clock.pass_by(hours=3)
    provider.fetch(Occasion.ASKED)
    assert provider.totals() == {HOME_EAN: provider.truths()[HOME_EAN]}


def test_what_is_unknown_is_skipped_counted_and_named(provider: Provider) -> None:
    provider.only(HOME_EAN)
    provider.simulator.fault("api-unknown-unit")
    provider.fetch()
    _, progress, _ = provider.look()
    assert re.search(r"could be understood: \d+ times unit BTU", str(progress.advice))


# --- many meters


class _Stopped(Exception):
    pass


def test_a_run_that_is_stopped_in_the_middle_goes_on_where_it_was(provider: Provider) -> None:
    provider.api.forget_mandates()
    provider.api.add_meters(12)
    pauses = iter(range(6))

    def stop_after_some(_seconds: float) -> None:
        if next(pauses, None) is None:
            raise _Stopped

    with provider.world.ledger() as ledger:
        fetcher = Fetcher(
            provider.world.settings, ledger, provider.clock, pause=stop_after_some, between=lambda _: None
        )
        with pytest.raises(_Stopped):
            fetcher.fetch(Occasion.SCHEDULE)
    before = provider.asked()["energy"]
    assert 0 < before < 12
    provider.clock.pass_by(minutes=10)
    assert not provider.fetch(Occasion.START).errors
    assert provider.asked()["energy"] == 12 - before


# --- what Fluvius may write one day


@pytest.mark.parametrize(
    "odd",
    [
        {"dataPeriodTo": "9999-12-31T23:59:59Z"},
        {"dataPeriodFrom": "0001-01-01T00:00:00Z"},
        {"dataPeriodFrom": "0001-01-01T00:00:00"},
        {"mandateExpirationDate": "0001-01-01T00:00:00Z"},
        {"mandateExpirationDate": "9999-12-31T23:59:59Z"},
        {"renewalStatus": ["ToBeRenewed"]},
        {"dataServiceType": 7},
        {"referenceNumber": None},
        {"another": {"field": []}},
    ],
)
def test_an_odd_mandate_does_not_end_the_bridge(
    provider: Provider, odd: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = energy_api.EnergyApi._ask

    def with_something_odd(source: energy_api.EnergyApi, method: str, path: str, **options: Any) -> Any:
        data = ask(source, method, path, **options)
        if path == "mandate":
            data["mandates"][0] |= odd
        return data

    monkeypatch.setattr(energy_api.EnergyApi, "_ask", with_something_odd)
    provider.fetch()
    monkeypatch.undo()
    provider.clock.pass_by(hours=3)
    provider.fetch()
    provider.look()
    assert provider.totals() == provider.truths()


@pytest.mark.parametrize("name", ["api-forbidden", "api-not-found", "api-bad-request", "api-odd-json"])
def test_trouble_about_mandates_does_not_end_the_bridge(provider: Provider, name: str) -> None:
    provider.fetch()
    provider.simulator.fault(name, where="mandates")
    provider.clock.pass_by(days=1)
    assert provider.fetch().errors
    provider.simulator.clear()
    provider.clock.pass_by(hours=3)
    provider.fetch(Occasion.ASKED)
    assert provider.totals() == provider.truths(timedelta(days=1))


def slot(on: date, **values: Any) -> dict[str, Any]:
    """A day's slot with offtake by tariff; a list is value and unit."""
    registers = {
        name: {"value": value[0], "unit": value[1], "validationState": "VAL"}
        for name, value in values.items()
    }
    start, end = (edge(on, Energy.ELECTRICITY).isoformat() for edge in (start_of, end_of))
    return {"start": start, "end": end, "measurements": [{"offtake": registers}]}


def headpoint(*meters: tuple[Any, dict[str, Any]], own: dict[str, Any] | None = None) -> dict[str, Any]:
    shape = "metering-on-headpoint-and-meter" if own else "metering-on-meter"
    physical = [{"meterID": serial, "dailyEnergy": [each]} for serial, each in meters]
    content = {"$type": shape, "physicalMeters": physical, "dailyEnergy": [own] if own else None}
    return {"headpoint": content}


METER = Meter("home", HOME_EAN, Energy.ELECTRICITY, source="energy_api")


def amounts_of(data: dict[str, Any]) -> list[tuple[str, Decimal]]:
    return [(reading.register.tariff, reading.amount) for reading in headpoints.read(data, METER).readings]


KNOWN, NULL = (Decimal(3), "kWh"), (None, "kWh")


def test_half_an_exchange_is_no_day() -> None:
    assert amounts_of(headpoint(("A", slot(LAST, total=NULL)), ("B", slot(LAST, total=KNOWN)))) == []
    both = headpoint(("A", slot(LAST, total=KNOWN)), ("B", slot(LAST, total=KNOWN)))
    assert amounts_of(both) == [("total", Decimal(3))] * 2


def test_a_meter_without_a_number_is_not_guessed_at() -> None:
    assert amounts_of(headpoint((None, slot(LAST, total=KNOWN)))) == []


def test_what_the_headpoint_does_not_know_yet_is_not_taken_from_its_meters() -> None:
    assert amounts_of(headpoint(("A", slot(LAST, total=KNOWN)), own=slot(LAST, total=NULL))) == []


def test_a_total_is_enough_beside_parts_that_are_null() -> None:
    no_unit = (None, None)
    found = amounts_of(headpoint(("A", slot(LAST, total=KNOWN, day=no_unit, night=NULL))))
    assert found == [("total", Decimal(3))]


def test_a_part_without_a_unit_makes_no_smaller_day() -> None:
    assert amounts_of(headpoint(("A", slot(LAST, day=KNOWN, night=(Decimal(2), None))))) == []


@pytest.mark.parametrize("odd", [[], {}, 7, None, True])
def test_odd_types_and_states_are_named(odd: Any) -> None:
    data = headpoint(("A", slot(LAST, total=KNOWN)))
    data["headpoint"]["physicalMeters"][0]["dailyEnergy"][0]["measurements"][0]["offtake"]["total"][
        "validationState"
    ] = odd
    found = headpoints.read(data, METER)
    assert [reading.validated for reading in found.readings] == [False]
    assert found.strange
    data["headpoint"]["$type"] = odd
    assert headpoints.read(data, METER).strange


def test_production_stays_when_only_the_headpoint_was_corrected(provider: Provider) -> None:
    provider.api.shape(HOME_EAN, "metering-on-headpoint", subs=("production",))
    provider.only(HOME_EAN)
    provider.fetch()
    before = provider.totals()[HOME_EAN]
    with provider.world.at_work() as (ledger, fetcher):
        meter = provider.meters(fetcher)[HOME_EAN]
        corrected = [
            Reading(
                start_of(day, meter.energy),
                end_of(day, meter.energy),
                Register(Direction.CONSUMPTION, Tariff.HIGH, Unit.KWH),
                Decimal(99),
                validated=True,
            )
            for day in (FIRST, LAST)
        ]
        ledger.answers.record_days(meter, corrected, provider.clock())
    after = provider.totals()[HOME_EAN]
    production = {key: amount for key, amount in before.items() if key[0] == "production"}
    assert production
    assert {key: amount for key, amount in after.items() if key[0] == "production"} == production


def test_a_corrected_subscription_key_is_tried_at_once(provider: Provider) -> None:
    right = provider.api.subscription_key
    provider.world.changes["fluvius"]["energy_api"]["subscription_key"] = "wrong"
    [error] = provider.fetch().errors
    assert isinstance(error, CredentialsRefused)
    provider.world.changes["fluvius"]["energy_api"]["subscription_key"] = right
    provider.clock.pass_by(minutes=10)
    assert not provider.fetch(Occasion.START).errors


def test_the_next_mandate_does_not_hide_the_present_one(provider: Provider) -> None:
    provider.only(HOME_EAN, reference="now", period_to=date(2027, 1, 1))
    provider.api.add_mandate(HOME_EAN, reference="next", period_from=date(2027, 1, 1))
    provider.fetch()
    assert provider.totals() == {HOME_EAN: provider.truths()[HOME_EAN]}


def test_a_mandate_whose_period_is_over_says_so(provider: Provider) -> None:
    provider.world.meters = [{"name": "home", "ean": HOME_EAN}]
    provider.only(HOME_EAN, period_to=date(2026, 6, 1))
    provider.fetch()
    _, progress, _ = provider.look()
    assert "is for data before 2026-06-01" in str(progress.error)


def test_a_mandate_that_begins_to_allow_quarter_hours(provider: Provider) -> None:
    provider.only(HOME_EAN, service="VH_dag")
    provider.fetch()
    provider.only(HOME_EAN, service="VH_kwartier_uur", since=provider.clock())
    for _ in range(3):
        provider.clock.pass_by(days=1)
        provider.fetch()
    day = LAST - timedelta(days=1)
    assert len(provider.intervals(HOME_EAN, day)) == 96


def test_a_meter_that_always_fails_keeps_no_other_waiting(provider: Provider) -> None:
    provider.api.forget_mandates()
    eans = provider.api.add_meters(6)
    provider.simulator.fault("api-server-error", ean=eans[2])
    with provider.world.ledger() as ledger:
        fetcher = Fetcher(
            provider.world.settings, ledger, provider.clock, pause=lambda _: None, between=lambda _: None
        )
        for _ in range(2):
            fetcher.fetch(Occasion.SCHEDULE)
            provider.clock.pass_by(hours=4)
        known = {meter.ean for meter in fetcher.meters if ledger.sums.total(meter)}
    assert known == set(eans) - {eans[2]}


def test_a_mandate_that_comes_back_brings_all_topics_back(home: World, mosquitto: Mosquitto) -> None:
    provider = Provider(home)
    provider.only(HOME_EAN)
    with home.ledger() as ledger:
        bridge = Bridge(home.settings, ledger, now=home.clock, pause=lambda _: None)
        with bridge._broker:
            bridge._attend(10)
            bridge._cycle(Occasion.SCHEDULE)
            before = set(mosquitto.retained())
            for allowed in (False, True):
                provider.api.forget_mandates()
                if allowed:
                    provider.api.add_mandate(HOME_EAN)
                for _ in range(2):  # one list that lacks it may be odd
                    home.clock.pass_by(hours=3)
                    bridge._cycle(Occasion.ASKED)
                assert any(HOME_EAN in topic for topic in mosquitto.retained()) is allowed
            assert set(mosquitto.retained()) == before
