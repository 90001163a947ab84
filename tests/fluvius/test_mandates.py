"""What a mandate does not have to say, or may say otherwise."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.fluvius.energy_api import mandates

MANDATE: dict[str, Any] = {
    "referenceNumber": "R",
    "ean": "541448820000000008",
    "energyType": "E",
    "status": "Approved",
    "dataServiceType": "VH_kwartier_uur",
    "dataPeriodFrom": "2026-01-01T00:00:00Z",
}
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize("status", ["Approved", "approved", "APPROVED"])
def test_a_status_comes_in_any_case(status: str) -> None:
    [mandate] = mandates.read({"mandates": [{**MANDATE, "status": status}]})
    assert mandate.problem(NOW) is None


@pytest.mark.parametrize("name", ["dataPeriodFrom", "dataPeriodTo", "mandateExpirationDate"])
@pytest.mark.parametrize("odd", ["soon", "2026-13-01", 7, [], None, ""])
def test_a_date_that_cannot_be_read_is_no_bound_and_costs_no_meter(name: str, odd: object) -> None:
    [mandate] = mandates.read({"mandates": [{**MANDATE, name: odd}]})
    assert mandate.problem(NOW) is None


@pytest.mark.parametrize("status", ["Requested", "finished", "Suspended"])
def test_what_is_not_approved_is_not_asked_for(status: str) -> None:
    [mandate] = mandates.read({"mandates": [{**MANDATE, "status": status}]})
    assert mandate.problem(NOW)


@pytest.mark.parametrize("name", ["ean", "energyType", "status"])
def test_without_its_ean_energy_and_status_it_is_none(name: str) -> None:
    assert mandates.read({"mandates": [{**MANDATE, name: None}]}) == []
