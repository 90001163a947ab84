"""What days cost, from the configuration to the broker."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import pytest

from bridge.metering.model import BRUSSELS
from tests.rig.core import TOKEN, Core
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.provider import HOME_EAN, Provider
from tests.rig.world import GAS, HOME, SHED, World, says

CONSUMPTION, INJECTION = 1, 2  # as the simulator calls them
HIGH, LOW = 1, 2
DAY = date(2026, 11, 20)
PARTS = ("energy", "grid", "levies", "capacity", "fees", "vat", "compensation")

FIXED = {
    "from": "2025-01-01",
    "consumption": {"energy": {"high": 0.1342, "low": 0.1105}, "grid": 0.0531, "levies": 0.0507},
    "injection": {"energy": 0.03},
    "fees_per_year": {"supplier": 35, "data management": 18.56},
    "vat": 6,
}
DYNAMIC = {
    "from": "2025-01-01",
    "consumption": {
        "energy": {"dynamic": {"factor": 1.04, "base": 0.0089}},
        "grid": 0.0531,
        "levies": 0.0507,
    },
    "injection": {"energy": {"dynamic": {"factor": 0.95, "base": -0.012}}},
    "vat": 6,
}


@pytest.fixture
def priced(home: World) -> World:
    home.changes = {"prices": [FIXED], "day_ahead": {"url": home.simulator.url}}
    return home


def costs(mosquitto: Mosquitto, what: str = "day", name: str = "home") -> dict[str, Any]:
    return dict(says(mosquitto.retained(f"fluvius/{name}/cost/{what}"), f"fluvius/{name}/cost/{what}"))


def rounded(amount: Fraction) -> Decimal:
    return Decimal(round(amount * 10_000)).scaleb(-4)


def counted(world: World, day: date = DAY) -> Mapping[tuple[int, int], Fraction]:
    """kWh of a day by direction and tariff."""
    amounts = world.simulator.day_amounts(HOME["ean"], day)
    return {(t, dc): Fraction(amount) for (t, dc, _), amount in amounts.items()}


def fixed_parts(world: World, day: date = DAY, days_of_year: int = 365) -> dict[str, Fraction]:
    """What a day costs by FIXED, worked out on another way than the bridge's."""
    kwh = counted(world, day)
    used = kwh[CONSUMPTION, HIGH] + kwh[CONSUMPTION, LOW]
    parts = {
        "energy": kwh[CONSUMPTION, HIGH] * Fraction("0.1342") + kwh[CONSUMPTION, LOW] * Fraction("0.1105"),
        "grid": used * Fraction("0.0531"),
        "levies": used * Fraction("0.0507"),
        "capacity": Fraction(0),
        "fees": Fraction("53.56") / days_of_year,
        "compensation": (kwh[INJECTION, HIGH] + kwh[INJECTION, LOW]) * Fraction("0.03"),
    }
    parts["vat"] = sum((parts[each] for each in PARTS[:5]), Fraction(0)) * Fraction(6, 100)
    return parts


def total_of(parts: Mapping[str, Fraction]) -> Fraction:
    return sum((parts[each] for each in PARTS[:6]), Fraction(0)) - parts["compensation"]


def dynamic_energy(world: World, day: date = DAY, direction: int = CONSUMPTION) -> Fraction:
    """The kWh of each quarter-hour at the market's price, without VAT."""
    factor, base = {CONSUMPTION: ("1.04", "0.0089"), INJECTION: ("0.95", "-0.012")}[direction]
    slots = world.simulator.slot_amounts(HOME["ean"], day)
    market = world.simulator.day_ahead.prices(min(slots), max(slots) + timedelta(minutes=15))
    return sum(
        (
            Fraction(amount) * (Fraction(market[start]) * Fraction(factor) + Fraction(base))
            for start, amounts in slots.items()
            for (t, _, _), amount in amounts.items()
            if t == direction
        ),
        Fraction(0),
    )


def test_each_part_of_the_day_is_what_its_kilowatt_hours_cost(priced: World, mosquitto: Mosquitto) -> None:
    priced.once()
    said, parts = costs(mosquitto), fixed_parts(priced)
    assert said["date"] == DAY.isoformat()
    assert said["currency"] == "EUR"
    assert {each: said[each] for each in PARTS} == {each: rounded(parts[each]) for each in PARTS}
    assert said["total"] == rounded(total_of(parts))
    retained = mosquitto.retained("fluvius/home/cost/day/#")
    assert Decimal(retained["fluvius/home/cost/day/total"]) == said["total"]
    assert Decimal(retained["fluvius/home/cost/day/compensation"]) == said["compensation"]


def test_months_and_years_are_the_sums_of_their_days_before_they_are_rounded(
    priced: World, mosquitto: Mosquitto
) -> None:
    priced.clock.move_to("2027-01-03 09:00")
    priced.once()
    days = [date(2026, 12, 27) + timedelta(days=i) for i in range(7)]
    bills = {day: total_of(fixed_parts(priced, day)) for day in days}
    of_last_year = sum((bill for day, bill in bills.items() if day.year == 2026), Fraction(0))
    for what in ("month", "year"):
        said = costs(mosquitto, what)
        assert (said["days"], said["last"]["days"]) == (2, 5)
        assert said["total"] == rounded(sum(bills.values(), Fraction(0)) - of_last_year)
        assert said["last"]["total"] == rounded(of_last_year)


def test_of_a_month_without_days_nothing_is_known(priced: World, mosquitto: Mosquitto) -> None:
    priced.once()
    last = costs(mosquitto, "month")["last"]
    assert (last["days"], last["total"], last["energy"]) == (0, None, None)
    assert "fluvius/home/cost/month/last/total" not in mosquitto.retained("fluvius/home/cost/#")


def test_a_dynamic_contract_prices_each_quarter_hour_by_the_market(
    priced: World, mosquitto: Mosquitto
) -> None:
    priced.changes["prices"] = [DYNAMIC]
    priced.once()
    said = costs(mosquitto)
    assert said["energy"] == rounded(dynamic_energy(priced))
    assert said["compensation"] == rounded(dynamic_energy(priced, direction=INJECTION))
    assert priced.simulator.count("day-ahead") == 1


@pytest.mark.parametrize("registers", ["all", "day-night", "total-in-intervals"])
def test_a_dynamic_contract_of_a_service_providers_customer_is_no_other(
    priced: World, mosquitto: Mosquitto, registers: Any
) -> None:
    provider = Provider(priced)
    provider.only(HOME_EAN)
    provider.api.shape(HOME_EAN, registers=registers)
    priced.changes["prices"] = [DYNAMIC]
    priced.once()
    said = costs(mosquitto, name=HOME_EAN)
    assert said["energy"] == rounded(dynamic_energy(priced))
    assert said["compensation"] == rounded(dynamic_energy(priced, direction=INJECTION))


def test_what_was_used_is_unknown_and_not_free_while_its_price_is(
    priced: World, mosquitto: Mosquitto
) -> None:
    priced.changes["prices"] = [DYNAMIC]
    priced.simulator.fault("unavailable", where="day-ahead")
    priced.once()
    said = costs(mosquitto)
    assert (said["energy"], said["vat"], said["total"]) == (None, None, None)
    assert said["grid"] == rounded(fixed_parts(priced)["grid"])
    assert said["unknown"] == ["a day-ahead price is not known"]
    assert "fluvius/home/cost/day/total" not in mosquitto.retained("fluvius/home/cost/#")
    assert (
        says(mosquitto.retained("fluvius/bridge/health"), "fluvius/bridge/health")["day_ahead"]["state"]
        != "ok"
    )

    priced.simulator.clear()
    priced.clock.pass_by(days=1)
    priced.once()
    assert costs(mosquitto)["energy"] == rounded(dynamic_energy(priced, DAY + timedelta(days=1)))


def test_a_correction_by_fluvius_is_one_of_what_it_cost(priced: World, mosquitto: Mosquitto) -> None:
    priced.once()
    before = costs(mosquitto)["total"]
    priced.simulator.correct(HOME["ean"], DAY, delta_wh=2500)
    priced.clock.pass_by(days=1)
    priced.once()
    month = costs(mosquitto, "month")
    days = [DAY - timedelta(days=i) for i in range(-1, 7)]
    assert month["total"] == rounded(sum((total_of(fixed_parts(priced, day)) for day in days), Fraction(0)))
    assert total_of(fixed_parts(priced)) > Fraction(before)


def test_what_rotted_in_the_ledger_is_worked_out_anew(priced: World, mosquitto: Mosquitto) -> None:
    priced.once()
    with closing(sqlite3.connect(priced.data_dir / "ledger.sqlite")) as database:
        database.execute("UPDATE cost SET priced = replace(priced, '1', '2')")
        database.commit()
    priced.once()
    assert costs(mosquitto)["total"] == rounded(total_of(fixed_parts(priced)))


def test_another_contract_is_another_price_for_the_past_too(priced: World, mosquitto: Mosquitto) -> None:
    priced.once()
    dearer = json.loads(json.dumps(FIXED))
    dearer["from"] = "2026-11-20"
    dearer["consumption"]["grid"] = 0.2
    priced.changes["prices"] = [FIXED, dearer]
    priced.once()
    kwh = counted(priced)
    assert costs(mosquitto)["grid"] == rounded(
        (kwh[CONSUMPTION, HIGH] + kwh[CONSUMPTION, LOW]) * Fraction("0.2")
    )
    assert priced.asked() > 0
    priced.simulator.forget_requests()
    priced.changes["prices"] = [FIXED]
    priced.once()
    assert costs(mosquitto)["grid"] == rounded(fixed_parts(priced)["grid"])
    assert priced.asked() == 0


def test_without_prices_nothing_is_said_of_costs_and_nobody_is_asked_for_any(
    home: World, mosquitto: Mosquitto
) -> None:
    home.once()
    assert not [topic for topic in mosquitto.retained("fluvius/#") if "cost" in topic]
    assert home.simulator.count("day-ahead") == 0


def test_prices_that_leave_the_configuration_take_their_topics_with_them(
    priced: World, mosquitto: Mosquitto
) -> None:
    priced.once()
    priced.changes["prices"] = []
    priced.once()
    assert not [topic for topic in mosquitto.retained("#") if "cost" in topic]


def test_gas_is_priced_by_its_kilowatt_hours(priced: World, mosquitto: Mosquitto) -> None:
    priced.meters = [GAS]
    priced.changes["prices"] = [
        {"from": "2025-01-01", "energy": "gas", "consumption": {"energy": 0.05}, "vat": 6}
    ]
    priced.once()
    said = costs(mosquitto, name="gas")
    kwh = priced.simulator.day_amounts(GAS["ean"], date.fromisoformat(said["date"]))[1, 0, 3]
    assert said["energy"] == rounded(Fraction(kwh) * Fraction("0.05"))
    assert "cost/day" not in str([topic for topic in mosquitto.retained("#") if "volume" in topic])


def test_a_meter_without_tariffs_has_no_price_by_tariff(priced: World, mosquitto: Mosquitto) -> None:
    priced.meters = [SHED]
    priced.once()
    said = costs(mosquitto, name="shed")
    assert said["total"] is None
    assert said["unknown"] == ["the price differs for high and low, and the meter does not count them apart"]


class TestThePriceNow:
    @pytest.fixture
    def dynamic(self, priced: World) -> World:
        priced.changes["prices"] = [DYNAMIC]
        return priced

    def all_in(self, world: World, start: datetime) -> Decimal:
        market = world.simulator.day_ahead.prices(start, start + timedelta(minutes=15))[start]
        kwh = (
            Fraction(market) * Fraction("1.04") + Fraction("0.0089") + Fraction("0.0531") + Fraction("0.0507")
        )
        return Decimal(round(kwh * Fraction(106, 100) * 10**6)).scaleb(-6)

    def test_it_is_that_of_the_quarter_hour_with_all_its_parts(
        self, dynamic: World, mosquitto: Mosquitto
    ) -> None:
        dynamic.once()
        said = costs(mosquitto, "price")
        assert said["start"] == "2026-11-21T09:00:00+01:00"
        assert said["consumption"] == {"total": self.all_in(dynamic, datetime(2026, 11, 21, 8, tzinfo=UTC))}
        assert len(said["quarter_hours"]) == 96
        assert said["known_until"] == "2026-11-22T00:00:00+01:00"

    def test_it_changes_every_quarter_of_an_hour_and_tomorrow_s_come_in_the_afternoon(
        self, dynamic: World, mosquitto: Mosquitto
    ) -> None:
        dynamic.once()
        with dynamic.running(), mosquitto.listen("fluvius/home/cost/price") as ear:
            dynamic.simulator.forget_requests()
            dynamic.clock.move_to("2026-11-21 10:15")
            ear.wait_for(
                lambda heard: any('"start": "2026-11-21T10:15' in each.payload[:200] for each in heard)
            )
            assert dynamic.asked() == 0
            dynamic.clock.move_to("2026-11-21 13:46")
            ear.wait_for(
                lambda heard: any('"known_until": "2026-11-23T00:00' in each.payload for each in heard)
            )
            assert dynamic.simulator.count("day-ahead") == 1

    def test_of_a_fixed_contract_there_is_one_for_each_tariff(
        self, priced: World, mosquitto: Mosquitto
    ) -> None:
        priced.once()
        said = costs(mosquitto, "price")
        high, low = (Decimal(each) * Decimal("1.06") for each in ("0.2380", "0.2143"))
        assert said["consumption"] == {"high": high.normalize(), "low": low.normalize()}
        assert said["injection"] == {"total": Decimal("0.03")}
        assert "quarter_hours" not in said


class TestPricesBySomebodyElse:
    @pytest.fixture
    def given(self, priced: World) -> World:
        priced.changes |= {"prices": [DYNAMIC], "day_ahead": {"source": "mqtt"}}
        return priced

    def prices(self, price: float, day: date = DAY) -> str:
        start = datetime(day.year, day.month, day.day, tzinfo=BRUSSELS)
        hours = ((start.astimezone(UTC) + timedelta(hours=i)).isoformat() for i in range(24))
        return json.dumps([{"start": hour, "price": price} for hour in hours])

    def costs_energy(self, mosquitto: Mosquitto, energy: Decimal) -> bool:
        return bool(costs_there(mosquitto)["energy"] == energy)

    @pytest.mark.parametrize("retain", [True, False])
    def test_they_are_taken_from_the_broker(self, given: World, mosquitto: Mosquitto, retain: bool) -> None:
        with given.running(), mosquitto.listen("fluvius/home/cost/day") as ear:
            ear.wait_for(lambda heard: [each for each in heard if '"total": null' in each.payload])
            mosquitto.publish("fluvius/price/set", self.prices(0.1), retain=retain)
            ear.wait_for(lambda heard: [each for each in heard if '"total": null' not in each.payload])
        used = sum(each for (t, _), each in counted(given).items() if t == CONSUMPTION)
        assert costs(mosquitto)["energy"] == rounded(used * Fraction("0.1129"))
        assert given.simulator.count("day-ahead") == 0

    def test_other_ones_take_their_place(self, given: World, mosquitto: Mosquitto) -> None:
        used = sum(each for (t, _), each in counted(given).items() if t == CONSUMPTION)
        with given.running():
            eventually(lambda: costs_there(mosquitto))
            for price, factor in ((0.1, Fraction("0.1129")), (-0.05, Fraction("-0.0431"))):
                mosquitto.publish("fluvius/price/set", self.prices(price))
                eventually(partial(self.costs_energy, mosquitto, rounded(used * factor)))

    def test_hours_that_come_one_by_one_and_all_at_once_are_all_kept(
        self, given: World, mosquitto: Mosquitto
    ) -> None:
        hours = [
            {"start": each["start"], "end": ending(each["start"]), "price": each["price"]}
            for each in json.loads(self.prices(0.1))
        ]
        used = sum(each for (t, _), each in counted(given).items() if t == CONSUMPTION)
        with given.running():
            eventually(lambda: costs_there(mosquitto))
            mosquitto.publish_all([("fluvius/price/set", json.dumps([hour])) for hour in hours])
            eventually(lambda: self.costs_energy(mosquitto, rounded(used * Fraction("0.1129"))), within=10)

    @pytest.mark.usefixtures("_quick")
    def test_prices_that_are_too_many_to_wait_are_said_to_be_lost(
        self,
        given: World,
        mosquitto: Mosquitto,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr("bridge.service.inbox._WAITING_PRICES", 0)
        with given.running():
            eventually(lambda: costs_there(mosquitto))
            mosquitto.publish("fluvius/price/set", self.prices(0.1))
            eventually(lambda: "more was published at once" in str(health(mosquitto)["last_error"]))
        assert "more was published at once" in caplog.text

    @pytest.mark.usefixtures("_quick")
    def test_a_price_that_is_over_does_not_stand(self, given: World, mosquitto: Mosquitto) -> None:
        """Whoever reads plain topics would take it for the price that holds now; its entity stays."""
        price = "fluvius/home/cost/price"
        with given.running():
            mosquitto.publish("fluvius/price/set", self.prices(0.1, given.clock().date()), retain=True)
            eventually(lambda: f"{price}/consumption/total" in mosquitto.retained(f"{price}/#"))
            given.clock.pass_by(days=1)
            eventually(lambda: f"{price}/consumption/total" not in mosquitto.retained(f"{price}/#"))
            said = says(mosquitto.retained(price), price)
            assert said["consumption"] == {"total": None}
            assert any("/price/config" in topic for topic in mosquitto.retained("homeassistant/#"))

    def test_nonsense_is_said_and_changes_nothing(self, given: World, mosquitto: Mosquitto) -> None:
        with given.running():
            eventually(lambda: costs_there(mosquitto))
            mosquitto.publish("fluvius/price/set", self.prices(0.1))
            eventually(lambda: costs_there(mosquitto)["energy"])
            before = costs(mosquitto)
            mosquitto.publish("fluvius/price/set", "<html>")
            eventually(lambda: health(mosquitto)["last_error"])
            assert costs(mosquitto) == before

    def test_a_list_that_is_too_long_is_said(self, given: World, mosquitto: Mosquitto) -> None:
        with given.running():
            eventually(lambda: costs_there(mosquitto))
            mosquitto.publish("fluvius/price/set", b" " * 9 * 2**20)
            eventually(lambda: "more than 4,096 kB" in str(health(mosquitto)["last_error"]))


def ending(start: str) -> str:
    return (datetime.fromisoformat(start) + timedelta(hours=1)).isoformat()


def costs_there(mosquitto: Mosquitto) -> dict[str, Any]:
    there = mosquitto.retained("fluvius/home/cost/day")
    return dict(says(there, "fluvius/home/cost/day")) if there else {}


def health(mosquitto: Mosquitto) -> dict[str, Any]:
    return dict(says(mosquitto.retained("fluvius/bridge/health"), "fluvius/bridge/health")["day_ahead"])


def test_the_peak_tells_from_how_many_kilowatts_on_the_month_costs_more(
    priced: World, mosquitto: Mosquitto
) -> None:
    priced.changes["prices"] = [{**FIXED, "capacity": {"per_kw_year": 48.10}}]
    priced.once()
    peak = says(mosquitto.retained("fluvius/home/peak"), "fluvius/home/peak")
    assert peak["threshold"] == max(peak["peak"], Decimal("2.5"))
    assert peak["per_kw"] == rounded(Fraction("48.10") / 12 * Fraction(106, 100))
    assert peak["known_until"] == "2026-11-21T00:00:00+01:00"
    priced.changes["prices"] = [FIXED]
    priced.once()
    assert "per_kw" not in says(mosquitto.retained("fluvius/home/peak"), "fluvius/home/peak")


def billed(peak: Mapping[str, Any]) -> Iterator[Fraction]:
    yield max(Fraction(peak["peak"]), Fraction("2.5"))
    yield from (Fraction(each["billed"]) for each in peak["months"][:11])


def test_the_capacity_tariff_is_shared_by_the_days_of_the_year(priced: World, mosquitto: Mosquitto) -> None:
    priced.changes["prices"] = [{**FIXED, "capacity": {"per_kw_year": 48.10}}]
    priced.once()
    powers = list(billed(says(mosquitto.retained("fluvius/home/peak"), "fluvius/home/peak")))
    said = costs(mosquitto)
    assert said["capacity_months"] == len(powers) == 12
    assert said["capacity"] == rounded(Fraction("48.10") * sum(powers) / 12 / 365)


def test_prices_on_mqtt_are_not_heeded_where_another_source_is_configured(
    priced: World, mosquitto: Mosquitto
) -> None:
    priced.changes["prices"] = [DYNAMIC]
    priced.once()
    before = costs(mosquitto)
    mosquitto.publish("fluvius/price/set", TestPricesBySomebodyElse().prices(5.0), retain=True)
    priced.once()
    assert costs(mosquitto) == before


def test_costs_that_move_between_hours_of_a_day_are_restated(priced: World) -> None:
    priced.changes |= {"prices": [DYNAMIC], "day_ahead": {"source": "mqtt"}}
    start = datetime(2026, 11, 20, tzinfo=BRUSSELS).astimezone(UTC)
    quarters = [start + timedelta(minutes=15) * i for i in range(96)]
    meter = priced.meter()
    priced.fetch()
    with priced.ledger() as ledger:
        first, other = twins(priced.simulator.slot_amounts(HOME["ean"], DAY))
        contracts = priced.settings.timeline(meter)
        flat = dict.fromkeys(quarters, Decimal("0.1"))
        for dear in (first, other):
            ledger.prices.keep(flat | {dear: Decimal("0.3")})
            ledger.costs.forget(quarters)
            ledger.costs.bring_up_to_date(meter, contracts)
            since = ledger.outbox.restated_since(meter)
            assert since is not None
            ledger.outbox.caught_up(meter, since)


def twins(used: Mapping[datetime, Mapping[Any, Decimal]]) -> tuple[datetime, datetime]:
    """Two quarter-hours in which the same was used, and brought in, in the same tariff."""
    seen: dict[str, datetime] = {}
    for start, amounts in used.items():
        if (same := seen.setdefault(str(amounts), start)).hour != start.hour:
            return same, start
    raise AssertionError("all quarter-hours are different")


def test_prices_that_come_by_mqtt_are_in_the_statistics_soon(priced: World, mosquitto: Mosquitto) -> None:
    priced.changes |= {"prices": [DYNAMIC], "day_ahead": {"source": "mqtt"}}
    per_kwh = (Fraction("0.1129") + Fraction("0.0531") + Fraction("0.0507")) * Fraction(106, 100)
    cost = float(counted(priced)[CONSUMPTION, HIGH] * per_kwh)
    with Core().open() as core:
        priced.changes["homeassistant.statistics"] = {"url": core.url, "token": TOKEN}
        with priced.running():
            eventually(lambda: statistics_are_handed_over(mosquitto), within=10)
            assert high_cost(core) == 0
            mosquitto.publish("fluvius/price/set", TestPricesBySomebodyElse().prices(0.1))
            eventually(lambda: high_cost(core) == pytest.approx(cost), within=10)


def statistics_are_handed_over(mosquitto: Mosquitto) -> bool:
    said = mosquitto.retained("fluvius/bridge/health").get("fluvius/bridge/health", "{}")
    return bool(json.loads(said).get("statistics", {}).get("state") == "ok")


def high_cost(core: Core) -> float:
    """What high consumption came to, as last imported. An hour without any costs nothing by any price."""
    ends = [
        float(each["stats"][-1]["sum"])
        for each in core.imports
        if each["metadata"]["statistic_id"].endswith("_high_cost") and each["stats"]
    ]
    return ends[-1]


@pytest.mark.parametrize("prices", [FIXED, DYNAMIC], ids=["fixed", "dynamic"])
def test_nothing_that_stands_is_taken_away_in_the_morning(
    priced: World, mosquitto: Mosquitto, prices: dict[str, Any]
) -> None:
    """Home Assistant would delete its entities, and make them again: at the turn of a month too."""
    priced.changes["prices"] = [prices]
    priced.clock.move_to("2026-10-29 13:00")
    priced.once()
    for day in ("2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02"):
        priced.clock.move_to(f"{day} 13:00")
        with mosquitto.listen("#") as ear:
            priced.once()
        emptied = [each.topic for each in ear.messages if not each.retain and not each.payload]
        assert [topic for topic in emptied if topic.endswith("/config")] == []
        assert [topic for topic in emptied if "/cost/day" in topic] == []
        assert costs(mosquitto)["date"] == str(date.fromisoformat(day) - timedelta(days=1))
