"""Prices that are there are changed, and what nobody typed of them stays."""

from pathlib import Path

import pytest

from bridge.setup.interview import Interview
from bridge.setup.place import Place
from bridge.setup.sections import price
from tests.rig.interviews import answers_of

HOUSE = """\
mqtt: {host: localhost}
import_dir: import
meters:
  - ean: "541448820000000008"
    source: file
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
