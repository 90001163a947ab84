"""What is wrong with a request to the Energy API."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bridge.simulator.energy_api.mandates import RENEWALS, SERVICES, STATUSES
from bridge.simulator.response import RefusedError, api_error
from bridge.simulator.writing import parse_moment

Check = tuple[object, str, str]  # what must hold, of which field, and what to say when it does not

DAILY, FINEST = "daily", "hourly_quarterhourly"
EAN = re.compile(r"[0-9]{18}")
TEST_EAN = re.compile(r"5414[4-5][0-1][0-2]{3}000000[0-9]{3}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
LIKE_A_MOMENT = "must be a moment such as 2026-11-01T00:00:00Z"


def refuse_mistakes(checks: Iterable[Check]) -> None:
    """Refuses a request of which something does not hold.

    Raises:
        RefusedError: 400 with everything that is wrong.
    """
    if mistakes := [f"'{field}' {words}." for holds, field, words in checks if not holds]:
        raise RefusedError(api_error(400, "BadRequest", "The request is not valid.", mistakes))


def in_query(asked: Mapping[str, str]) -> Iterator[Check]:
    """What must hold of a request for energy."""
    for name in ("ean", "periodType", "referenceNumber", "granularity", "from", "to"):
        yield asked.get(name), name, "is required"
    yield _is_ean(asked.get("ean"))
    yield _one_of(asked, "periodType", ("readTime", "insertTime", "", None))
    granularities = set(asked.get("granularity", "").split(","))
    known = not asked.get("granularity") or granularities <= {DAILY, FINEST}
    yield known, "granularity", f"must be {DAILY}, {FINEST} or both"
    kinds = set(asked.get("complexEnergyTypes", "active").split(","))
    yield kinds <= {"active", "reactive"}, "complexEnergyTypes", "must be active, reactive or both"
    for name in ("from", "to"):
        yield not asked.get(name) or is_moment(asked[name]), name, LIKE_A_MOMENT
    start, end = asked.get("from"), asked.get("to")
    yield start == end or _in_order(start, end), "from", "must not come after 'to'"


def in_filters(asked: Mapping[str, str]) -> Iterator[Check]:
    """What must hold of a request for mandates."""
    known = {
        "energyType": ("E", "G"),
        "status": STATUSES,
        "renewalStatus": RENEWALS,
        "dataServiceTypes": SERVICES,
    }
    for name, values in known.items():
        fits = not asked.get(name) or set(asked[name].split(",")) <= set(values)
        yield fits, name, f"must be one of {', '.join(values)}"
    for name in ("mandateExpirationDate", "lastUpdatedFrom", "lastUpdatedTo"):
        yield not asked.get(name) or is_moment(asked[name]), name, LIKE_A_MOMENT
    yield _is_ean(asked.get("ean"))


def in_short_url(body: Mapping[str, Any], contract: str) -> Iterator[Check]:
    """What must hold of a request for a short URL."""
    for name in ("dataAccessContractNumber", "referenceNumber"):
        yield _is_text(body, name)
    is_ours = body.get("dataAccessContractNumber") in (contract, None, "")
    yield is_ours, "dataAccessContractNumber", "is not one of your contracts"
    yield _one_of(body, "flow", ("B2C", "B2B"))
    services = body.get("dataServices")
    if isinstance(services, list) and services:
        for i, service in enumerate(services):
            yield from _in_service(service, f"dataServices[{i}].")
    else:
        yield False, "dataServices", "must not be empty"
    eans = body.get("numberOfEans")
    is_count = isinstance(eans, int) and not isinstance(eans, bool) and eans >= 1
    yield is_count, "numberOfEans", "must be a number from 1"
    for name in ("returnUrlSuccess", "returnUrlFailed"):
        yield _like(body, name, r"https?://[^\s/]+\S*"), name, "must be an absolute URL"
    yield isinstance(body.get("sso"), bool | None), "sso", "must be true or false"
    yield _like(body, "enterpriseNumber", r"[01][0-9]{9}"), "enterpriseNumber", "must have 10 digits"


def in_mock(body: Mapping[str, Any]) -> Iterator[Check]:
    """What must hold of a request for a mandate to test with."""
    yield _is_text(body, "referenceNumber")
    yield from _in_service(body)
    yield TEST_EAN.fullmatch(str(body.get("ean"))), "ean", f"must match {TEST_EAN.pattern}"
    yield _one_of(body, "status", STATUSES)
    yield is_moment(body.get("mandateExpirationDate")), "mandateExpirationDate", LIKE_A_MOMENT
    yield _one_of(body, "renewalStatus", (*RENEWALS, "", None))


def _in_service(service: Any, where: str = "") -> Iterator[Check]:
    if not isinstance(service, dict):
        yield False, where, "must be an object"
        return
    known = service.get("dataServiceType") in SERVICES
    yield known, f"{where}dataServiceType", f"must be one of {', '.join(SERVICES)}"
    start, end = service.get("dataPeriodFrom"), service.get("dataPeriodTo")
    yield is_moment(start), f"{where}dataPeriodFrom", LIKE_A_MOMENT
    yield end is None or is_moment(end), f"{where}dataPeriodTo", LIKE_A_MOMENT
    yield _in_order(start, end), f"{where}dataPeriodTo", "must come after 'dataPeriodFrom'"


def _one_of(asked: Mapping[str, Any], name: str, values: Iterable[str | None]) -> Check:
    return asked.get(name) in values, name, f"must be one of {', '.join(filter(None, values))}"


def _is_ean(text: str | None) -> Check:
    return not text or EAN.fullmatch(text), "ean", "must have 18 digits"


def _is_text(body: Mapping[str, Any], name: str) -> Check:
    text = body.get(name)
    return isinstance(text, str) and text.strip(), name, "must not be empty"


def _like(body: Mapping[str, Any], name: str, pattern: str) -> bool:
    return body.get(name) is None or re.fullmatch(pattern, str(body[name])) is not None


def _in_order(start: Any, end: Any) -> bool:
    return not (is_moment(start) and is_moment(end)) or parse_moment(start) < parse_moment(end)


def is_moment(value: Any) -> bool:
    """Whether it is written as 2026-11-01T00:00:00Z and exists."""
    if not isinstance(value, str) or not MOMENT.fullmatch(value):
        return False
    try:
        parse_moment(value)
    except ValueError:
        return False
    return True
