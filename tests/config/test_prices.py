"""Prices as people write them: what they come to, and what is said of a mistake."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.config import ConfigError, Settings, load, schema
from bridge.metering.contract import ByTariff, Capacity, Contract, Dynamic, Per, Timeline
from bridge.metering.model import Energy, Meter

HOME = {"name": "Home", "ean": "541448820000000008", "serial": "1"}
COTTAGE = {"name": "cottage", "ean": "541448820000000022", "serial": "2"}
GAS = {"name": "gas", "ean": "541448820000000015", "serial": "3", "energy": "gas"}
CARD = {"from": "2026-01-01", "consumption": {"energy": 0.1342}, "vat": 6}
GAS_CARD = {**CARD, "energy": "gas"}
PORTAL = {"portal": {"email": "jan@home.test", "password": "hunter2"}}
ENERGY_API = {
    "energy_api": {
        "tenant_id": "t",
        "client_id": "c",
        "scope": "s/.default",
        "subscription_key": "hunter2",
        "contract_number": "1",
        "client_secret": "hunter2",
    }
}
TARIFF_CARD = """
prices:
  - from: 2026-07-01
    consumption:
      energy: {dynamic: {factor: 1.04, base: 0.0089, per: hour}}
      grid: {high: 0.06, low: 0.04}
    vat: 21
  - from: 2026-01-01
    meters: [home]
    energy: electricity
    consumption:
      energy: {high: 0.1342, low: 0.1105}
      grid: 0.0531
      levies: 0.0507
    injection:
      energy: {dynamic: {factor: 0.95, base: -0.012}}
      vat: 21
    fees_per_year: {supplier: 35, data management: 18.56}
    capacity: {per_kw_year: 48.10, maximum_per_kwh: 0.20}
    vat: 6
  - {from: 2026-01-01, energy: gas, vat: 6, consumption: {energy: 0.031}}
"""


def written(folder: Path, tree: dict[str, Any]) -> Path:
    file = folder / "fluvius2mqtt.yaml"
    file.write_text(json.dumps(tree))
    file.chmod(0o600)
    return file


def loaded(folder: Path, *prices: dict[str, Any], **others: Any) -> Settings:
    tree = {"fluvius": PORTAL, "meters": [HOME, COTTAGE, GAS], "prices": prices, **others}
    return load(written(folder, tree), {})


def with_changes(card: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A card with values at dotted paths; None takes one away."""
    card = deepcopy(card)
    for dotted, value in changes.items():
        *above, last = dotted.split(".")
        here = card
        for part in above:
            here = here.setdefault(part, {})
        here[last] = value
    return card


def begins(*contracts: Contract) -> list[str]:
    return [f"{each.since:%m-%d %H:%M}" for each in contracts]


# --- what prices come to


def test_a_tariff_card_becomes_contracts_in_order_of_time(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        *yaml.safe_load(
            TARIFF_CARD.replace("2026-07-01", '"2026-07-01"').replace("2026-01-01", '"2026-01-01"')
        )["prices"],
    )
    home, cottage, gas = map(settings.timeline, settings.followed)
    first, second = home.contracts
    assert first == Contract(
        since=datetime(2025, 12, 31, 23, tzinfo=UTC),
        energy=ByTariff(Decimal("0.1342"), Decimal("0.1105")),
        grid=Decimal("0.0531"),
        levies=Decimal("0.0507"),
        injection=Dynamic(Decimal("0.95"), Decimal("-0.012"), Per.QUARTER_HOUR),
        fees_per_year={"supplier": Decimal(35), "data management": Decimal("18.56")},
        capacity=Capacity(Decimal("48.1"), Decimal("0.2")),
        vat=Decimal(6),
        injection_vat=Decimal(21),
    )
    assert second == Contract(
        since=datetime(2026, 6, 30, 22, tzinfo=UTC),
        energy=Dynamic(Decimal("1.04"), Decimal("0.0089"), Per.HOUR),
        grid=ByTariff(Decimal("0.06"), Decimal("0.04")),
        vat=Decimal(21),
    )
    assert cottage.contracts == (second,)
    assert gas == Timeline((Contract(datetime(2026, 1, 1, 5, tzinfo=UTC), Decimal("0.031"), vat=Decimal(6)),))


def test_a_date_is_the_beginning_of_that_meter_day_and_an_instant_is_itself(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        {**CARD, "from": "2026-03-29"},
        {**CARD, "from": "2026-03-29T14:00"},
        {**CARD, "from": "2026-10-25T02:00+01:00"},
        {**GAS_CARD, "from": "2026-03-29"},
    )
    home, _, gas = map(settings.timeline, settings.followed)
    assert begins(*home.contracts) == ["03-28 23:00", "03-29 12:00", "10-25 01:00"]
    assert begins(*gas.contracts) == ["03-29 04:00"]


@pytest.mark.parametrize("name", ["home", "HOME", "541448820000000008", "54 1448 8200 0000 0008"])
def test_prices_name_a_meter_as_people_do(tmp_path: Path, name: str) -> None:
    settings = loaded(tmp_path, {**CARD, "meters": [name]})
    assert [len(settings.timeline(each).contracts) for each in settings.followed] == [1, 0, 0]


def test_a_meter_that_a_mandate_makes_has_the_prices_of_all_and_its_own(tmp_path: Path) -> None:
    settings = load(
        written(
            tmp_path,
            {
                "fluvius": ENERGY_API,
                "prices": [CARD, {**CARD, "from": "2026-02-01", "meters": ["541448820000000008"]}],
            },
        ),
        {},
    )
    one, other = (Meter(ean, ean, Energy.ELECTRICITY) for ean in ("541448820000000008", "541448820000000022"))
    assert [len(settings.timeline(each).contracts) for each in (one, other)] == [2, 1]


def test_without_prices_there_is_no_contract(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert settings.timeline(settings.followed[0]) == Timeline()


def test_day_ahead_prices_come_from_energy_charts_unless_something_else_is_written(tmp_path: Path) -> None:
    dynamic = with_changes(CARD, {"consumption.energy": {"dynamic": {"factor": 1}}})
    assert loaded(tmp_path, dynamic).day_ahead.source == "energy-charts"
    assert loaded(tmp_path, dynamic, day_ahead={"source": "mqtt"}).day_ahead.source == "mqtt"
    entsoe = loaded(tmp_path, dynamic, day_ahead={"source": "entsoe", "token": "0123"}).day_ahead
    assert entsoe.token is not None
    assert entsoe.token.get_secret_value() == "0123"
    assert "0123" not in repr(entsoe)


# --- what is said of a mistake

RATE = "consumption.energy"
WRONG: list[tuple[dict[str, Any], str, str]] = [
    # what is changed on the card, where the one mistake is, and words in it
    ({"from": None}, "from", "is missing; write a date, or an instant"),
    ({"from": "yesterday"}, "from", "yesterday is neither a date nor an instant"),
    ({"from": "2026-03-29T02:30"}, "from", "comes twice or never on that day"),
    ({"from": "2026-01-01T00:15"}, "from", "is in the middle of an hour; write its beginning"),
    ({"until": "2026-02-01"}, "until", "unknown key; write from, meters, energy"),
    ({"vat": None}, "vat", "is missing; write the percent of VAT on all but injection"),
    ({"vat": "6%"}, "vat", "'6%' is not a number"),
    ({"vat": 600}, "vat", "600 is out of range"),
    ({"energy": "water"}, "energy", "water is unknown; write one of electricity and gas"),
    ({"meters": "home"}, "meters", "home is where a list should be; write a list of names or EANs"),
    ({"meters": ["shed"]}, "meters[0]", "is not one of the meters; write home, cottage"),
    ({"meters": ["home", "541448820000000008"]}, "meters[1]", "is there twice; write each meter once"),
    ({"meters": ["home", "gas"]}, "meters[1]", "counts gas, and these are prices of electricity"),
    ({"consumption": None}, "consumption", "is missing; write the keys energy, grid and levies"),
    ({"consumption": 0.13}, "consumption", "text is where keys should be"),
    ({RATE: None}, RATE, "is missing; write euros for a kWh without VAT, or the keys high and low, or the"),
    ({RATE: "dear"}, RATE, "dear is not a number; write euros for a kWh without VAT"),
    ({RATE: 13.42}, RATE, "13.42 is out of range; write euros for a kWh"),
    ({RATE: "nan"}, RATE, "nan is not a number"),
    ({RATE: "1e-30"}, RATE, "1e-30 has too many decimals"),
    ({RATE: [0.1]}, RATE, "a list is not a number"),
    ({RATE: {}}, RATE, "is empty; write euros for a kWh, or the keys high and low, or the key dynamic"),
    ({RATE: {"high": 0.1}}, f"{RATE}.low", "is missing beside high; write euros for a kWh in the low tariff"),
    ({RATE: {"low": 0.1}}, f"{RATE}.high", "is missing beside low"),
    ({RATE: {"low": 0.1, "high": 0.1, "day": 0.1}}, f"{RATE}.day", "unknown key; write high, low, dynamic"),
    ({RATE: {"high": 13, "low": 0.1}}, f"{RATE}.high", "13 is out of range"),
    (
        {RATE: {"high": 0.1, "low": 0.1, "dynamic": {"factor": 1}}},
        f"{RATE}.dynamic",
        "is set together with high; keep",
    ),
    (
        {RATE: {"dynamic": 1}},
        f"{RATE}.dynamic",
        "text is where keys should be; write the keys factor, base",
    ),
    (
        {RATE: {"dynamic": {"base": 0}}},
        f"{RATE}.dynamic.factor",
        "is missing; write by how much to multiply",
    ),
    (
        {RATE: {"dynamic": {"factor": 1, "per": "day"}}},
        f"{RATE}.dynamic.per",
        "write one of quarter-hour and h",
    ),
    ({"consumption.grid": {"high": 0.1}}, "consumption.grid.low", "is missing"),
    (
        {"consumption.grid": {"high": 0.1, "low": 0.1, "dynamic": 1}},
        "consumption.grid.dynamic",
        "unknown key; write high, low",
    ),
    ({"injection": {"vat": 0}}, "injection.energy", "is missing; write euros for a kWh"),
    ({"injection": {"energy": 0.1, "fees": 1}}, "injection.fees", "unknown key; write energy, vat"),
    (
        {"fees_per_year": 35},
        "fees_per_year",
        "35 is where keys should be; write what each fee costs in a year",
    ),
    ({"fees_per_year": {"supplier": "much"}}, "fees_per_year.supplier", "much is not a number"),
    ({"capacity": {"maximum_per_kwh": 0.2}}, "capacity.per_kw_year", "is missing; write euros for a kW"),
    ({"capacity": {"per_kw_year": -1}}, "capacity.per_kw_year", "-1 is out of range"),
    (
        {"capacity": {"per_kw_year": 1, "maximum_per_kwh": "nan"}, "consumption.grid": 0.05},
        "capacity.maximum_per_kwh",
        "nan is not a number",
    ),
    ({"capacity": {"per_kw_year": 1, "maximum_per_kwh": 0}}, "capacity.maximum_per_kwh", "0 is out of range"),
    (
        {
            "capacity": {"per_kw_year": 1, "maximum_per_kwh": 0.05},
            "consumption.grid": {"high": 0.06, "low": 0.04},
        },
        "capacity.maximum_per_kwh",
        "is less than grid alone, and holds for grid and capacity",
    ),
]
WRONG_GAS: list[tuple[dict[str, Any], str, str]] = [
    ({RATE: {"dynamic": {"factor": 1}}}, f"{RATE}.dynamic", "follows the day-ahead price of electricity"),
    (
        {RATE: {"high": 0.1, "low": 0.1}},
        RATE,
        "differs by tariff, and a gas meter has no high and low; write one",
    ),
    ({"consumption.levies": {"high": 0.1, "low": 0.1}}, "consumption.levies", "differs by tariff"),
    (
        {"injection": {"energy": 0.1}},
        "injection",
        "is for electricity, and these are prices of gas; leave it",
    ),
    ({"capacity": {"per_kw_year": 48}}, "capacity", "is for electricity, and these are prices of gas"),
    ({"meters": ["home"]}, "meters[0]", "counts electricity, and these are prices of gas"),
]
CASES = [(CARD, *each) for each in WRONG] + [(GAS_CARD, *each) for each in WRONG_GAS]


def mistakes(folder: Path, *prices: dict[str, Any], **others: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, *prices, **others)
    return [mistake.removeprefix(f"{folder}/fluvius2mqtt.yaml: ") for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("card", "changes", "path", "words"), CASES, ids=[f"{c[2]}-{c[3][:20]}" for c in CASES]
)
def test_a_mistake_in_prices_is_told_with_its_path_and_what_to_write(
    tmp_path: Path, card: dict[str, Any], changes: dict[str, Any], path: str, words: str
) -> None:
    (mistake,) = mistakes(tmp_path, {**CARD, "from": "2025-01-01"}, with_changes(card, changes))
    assert mistake.startswith(f"prices[1].{path}: ")
    assert words in mistake


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (CARD, CARD),
        (CARD, {**CARD, "meters": ["home"]}),
        ({**CARD, "meters": ["home"]}, CARD),
        ({**CARD, "meters": ["cottage", "home"]}, {**CARD, "meters": ["541448820000000008"]}),
        (CARD, {**CARD, "from": "2025-12-31T23:00Z"}),
        (GAS_CARD, {**GAS_CARD, "from": "2026-01-01T06:00"}),
    ],
)
def test_two_prices_of_one_meter_from_the_same_instant_contradict_each_other(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any]
) -> None:
    between = {**CARD, "from": "2026-02-01"}
    (mistake,) = mistakes(tmp_path, one, between, other)
    assert mistake == (
        "prices[2].from: is that of prices[0] too, for the same meters; write another, or keep one entry"
    )


def test_prices_of_different_meters_may_begin_together(tmp_path: Path) -> None:
    home, cottage = ({**CARD, "from": "2026-01-01T06:00", "meters": [name]} for name in ("home", "cottage"))
    settings = loaded(tmp_path, home, cottage, GAS_CARD)
    assert [len(settings.timeline(each).contracts) for each in settings.followed] == [1, 1, 1]


def test_a_meter_that_no_price_is_for_is_a_warning(tmp_path: Path) -> None:
    assert [each.partition(": ")[2] for each in loaded(tmp_path, {**CARD, "meters": ["home"]}).warnings] == [
        "meters[1]: no price is for it, so its costs stay unknown"  # and of gas there are none
    ]
    assert not loaded(tmp_path, CARD, GAS_CARD).warnings
    assert not loaded(tmp_path).warnings


def test_a_maximum_that_the_grid_takes_up_leaves_nothing_for_capacity_and_is_no_mistake(
    tmp_path: Path,
) -> None:
    card = with_changes(
        CARD, {"capacity": {"per_kw_year": 1, "maximum_per_kwh": 0.05}, "consumption.grid": 0.05}
    )
    assert loaded(tmp_path, card).prices[0].capacity


def test_all_mistakes_in_prices_are_told_at_once(tmp_path: Path) -> None:
    card = with_changes(CARD, {RATE: {"high": 1}, "vat": "x", "meters": ["shed"], "from": "2026-01-01T00:15"})
    found = mistakes(tmp_path, card, day_ahead={"source": "entsoe"})
    assert sorted(mistake.split(": ")[0] for mistake in found) == [
        "day_ahead.token",
        "prices[0].consumption.energy.low",
        "prices[0].from",
        "prices[0].meters[0]",
        "prices[0].vat",
    ]


@pytest.mark.parametrize(
    ("day_ahead", "mistake"),
    [
        (
            {"source": "nordpool"},
            "day_ahead.source: nordpool is unknown; write one of energy-charts, entsoe and m",
        ),
        ({"source": "entsoe"}, "day_ahead.token: is missing; write the token of an account with ENTSO-E"),
        ({"url": "http://example.com"}, "day_ahead.url: would send the password unencrypted"),
        ({"sauce": "mqtt"}, "day_ahead.sauce: unknown key; did you mean source?"),
    ],
)
def test_a_mistake_about_day_ahead_prices_is_told(
    tmp_path: Path, day_ahead: dict[str, Any], mistake: str
) -> None:
    (found,) = mistakes(tmp_path, day_ahead=day_ahead)
    assert found.startswith(mistake)


def test_prices_come_from_the_environment_too(tmp_path: Path) -> None:
    tree = {"fluvius": PORTAL, "meters": [HOME]}
    variables = {
        "FLUVIUS2MQTT_PRICES": "[{from: 2026-01-01, consumption: {energy: 0.1342}, vat: 6}]",
        "FLUVIUS2MQTT_PRICES__0__FEES_PER_YEAR": "{supplier: 35}",
        "FLUVIUS2MQTT_PRICES__0__CONSUMPTION__GRID": "{high: 0.06, low: 0.05}",
        "FLUVIUS2MQTT_PRICES__0__CONSUMPTION__LEVIES": "0.0507",
    }
    settings = load(written(tmp_path, tree), variables)
    (found,) = settings.timeline(settings.followed[0]).contracts
    assert (found.energy, found.levies) == (Decimal("0.1342"), Decimal("0.0507"))
    assert found.grid == ByTariff(Decimal("0.06"), Decimal("0.05"))
    assert found.fees_per_year == {"supplier": Decimal(35)}


def test_the_example_in_the_documents_works(tmp_path: Path) -> None:
    about = (Path(__file__).parents[2] / "docs" / "costs.md").read_text("utf-8")
    prices = yaml.load(about.partition("```yaml\n")[2].partition("```")[0], yaml.BaseLoader)["prices"]
    settings = loaded(tmp_path, *prices)
    home, _, gas = map(settings.timeline, settings.followed)
    assert [contract.is_dynamic for contract in (*home.contracts, *gas.contracts)] == [False, True, False]


def test_the_schema_knows_that_a_price_is_a_number_or_keys() -> None:
    made = schema()
    prices = made["$defs"]["PriceSettings"]
    assert set(prices["required"]) == {"from", "consumption", "vat"}
    assert prices["additionalProperties"] is False
    rate = made["$defs"]["ConsumptionSettings"]["properties"]["energy"]
    assert {"$ref": "#/$defs/RateSettings"} in rate["oneOf"]
    assert any(each.get("type") == "number" for each in rate["oneOf"][0]["anyOf"])
