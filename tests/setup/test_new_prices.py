"""Prices that are there are changed, and what nobody typed of them stays."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.setup.interview import Interview
from bridge.setup.place import Place
from bridge.setup.sections import price, section
from bridge.setup.sign_ins import SignIns
from tests.rig.interviews import answers_of

HOUSE = """\
mqtt: {host: localhost}
import_dir: import
meters:
  - ean: "541448820000000008"
    source: file
  - ean: "541448820000000015"
    source: file
    energy: gas
"""
BY_THE_HOUR = """\
prices:
  - from: 2026-01-01
    consumption: {energy: {dynamic: {factor: 1.04, base: 0.0089, per: hour}}}
    injection: {energy: {dynamic: {factor: 0.95, base: -0.012, per: hour}}}
    vat: 6
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "fluvius2mqtt.yaml", {})


def text_of(interview: Interview) -> str:
    (text,) = interview.texts().values()
    return text


@pytest.mark.parametrize(
    ("key", "typed", "old", "new"),
    [
        ("consumption", "market 1.05 0.0089", "factor: 1.04", "factor: 1.05"),
        ("injection", "market 0,9 -0,012", "factor: 0.95", "factor: 0.9"),
    ],
)
def test_a_price_by_the_hour_stays_one_when_its_numbers_change(
    place: Place, key: str, typed: str, old: str, new: str
) -> None:
    place.file.write_text(HOUSE + BY_THE_HOUR, "utf-8")
    interview = Interview("prices", place, price(0))
    interview.answer(answers_of(interview) | {f"prices.0.{key}.energy": typed})
    assert text_of(interview) == (HOUSE + BY_THE_HOUR).replace(old, new)


CARD = """\
prices:
  - from: 2025-01-01
    consumption: {energy: 0.1, grid: 0.05}
    vat: 6
  - from: 2025-07-01
    consumption: {energy: {high: 0.14, low: 0.11}, grid: 0.0531, levies: 0.0507}
    injection: {energy: 0.03, vat: 21}
    fees_per_year: {supplier: 35, data management: 18.56}
    capacity: {per_kw_year: 48.1, maximum_per_kwh: 0.2}
    vat: 6
  - from: 2025-01-01
    energy: gas
    consumption: {energy: 0.05, grid: 0.01}
    vat: 6
"""


def from_a_day_on(place: Place, day: str, **typed: str) -> list[dict[str, Any]]:
    """The prices in the file, of whoever types this and leaves the rest as it is proposed."""
    interview = Interview("prices", place, section("prices", place, "en", SignIns(lambda: datetime.now(UTC))))
    typed = {"prices.from": day} | {key.replace("__", "."): text for key, text in typed.items()}
    while interview.step():
        proposed = answers_of(interview)
        interview.answer(proposed | {key: text for key, text in typed.items() if key in proposed})
        assert interview.passed
    return list(yaml.load(text_of(interview), yaml.BaseLoader)["prices"])


def test_new_prices_begin_with_those_that_hold(place: Place) -> None:
    place.file.write_text(HOUSE + CARD, "utf-8")
    before = yaml.load(CARD, yaml.BaseLoader)["prices"]
    prices = from_a_day_on(place, "2026-01-01", prices__3__consumption__energy="0.15")
    new = {**before[1], "from": "2026-01-01", "consumption": {**before[1]["consumption"], "energy": "0.15"}}
    assert prices == [*before, new, {**before[2], "from": "2026-01-01"}]


def test_the_prices_of_an_energy_may_stay_as_they_are(place: Place) -> None:
    place.file.write_text(HOUSE + CARD, "utf-8")
    before = yaml.load(CARD, yaml.BaseLoader)["prices"]
    prices = from_a_day_on(place, "2026-01-01", prices__electricity="as it is")
    assert prices == [*before, {**before[2], "from": "2026-01-01"}]


def test_an_energy_without_prices_may_stay_without(place: Place) -> None:
    place.file.write_text(HOUSE, "utf-8")
    typed = {"prices__electricity": "all-in", "prices__0__consumption__energy": "0.31"}
    (only,) = from_a_day_on(place, "2026-01-01", **typed, prices__gas="as it is")
    assert only["consumption"] == {"energy": "0.31"}


def test_one_price_may_follow_the_parts_of_the_bill(place: Place) -> None:
    place.file.write_text(HOUSE + CARD, "utf-8")
    typed = {"prices__electricity": "all-in", "prices__3__consumption__energy": "0.31"}
    *_, new = from_a_day_on(place, "2026-01-01", **typed, prices__gas="as it is")
    assert new == {"from": "2026-01-01", "consumption": {"energy": "0.31"}, "vat": "0"}


def test_prices_of_one_meter_are_followed_by_its_own(place: Place) -> None:
    of_home = CARD.replace("2025-07-01\n", "2025-07-01\n    meters: [541448820000000008]\n")
    place.file.write_text(HOUSE + of_home, "utf-8")
    before = yaml.load(of_home, yaml.BaseLoader)["prices"]
    typed = {"prices__electricity": "as it is", "prices__gas": "as it is"}
    assert from_a_day_on(place, "2026-01-01", **typed) == [*before, {**before[1], "from": "2026-01-01"}]
