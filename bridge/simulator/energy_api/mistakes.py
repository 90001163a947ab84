"""What is wrong with a request to the Energy API."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from bridge.simulator.energy_api.mandates import RENEWALS, SERVICES, STATUSES
from bridge.simulator.energy_api.naming import moment_of
from bridge.simulator.response import RefusedError, api_error

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


def in_query(asked: Mapping[str, str], *, strict: bool, longest: timedelta) -> Iterator[Check]:
    """What must hold of a request for energy.

    Args:
        asked: its parameters.
        strict: whether it must have them all.
        longest: the span that may be asked for at once.
    """
    demanded = ("ean", "periodType", "referenceNumber", "granularity", "from", "to")
    for name in demanded if strict else demanded[:2]:
        yield asked.get(name), name, "is required"
    yield _is_ean(asked.get("ean"))
    yield _one_of(asked, "periodType", ("readTime", "insertTime", "", None))
    granularities = set(asked.get("granularity", "").split(","))
    known = not asked.get("granularity") or granularities <= {DAILY, FINEST}
    yield known, "granularity", f"must be {DAILY}, {FINEST} or both"
    kinds = set(asked.get("complexEnergyTypes", "active").split(","))
    yield kinds <= {"active", "reactive"}, "complexEnergyTypes", "must be active, reactive or both"
    for name in ("from", "to"):
        yield not asked.get(name) or is_moment(asked[name], strict=strict), name, LIKE_A_MOMENT
    start, end = asked.get("from"), asked.get("to")
    yield start == end or _in_order(start, end), "from", "must not come after 'to'"
    yield _span(start, end) <= longest, "to", f"must be at most {longest.days} days after 'from'"


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


def in_short_url(body: Mapping[str, Any], contract: str, *, strict: bool) -> Iterator[Check]:
    """What must hold of a request for a short URL; strict: it has services and a number of EANs."""
    for name in ("dataAccessContractNumber", "referenceNumber"):
        yield _is_text(body, name)
    is_ours = body.get("dataAccessContractNumber") in (contract, None, "")
    yield is_ours, "dataAccessContractNumber", "is not one of your contracts"
    yield _one_of(body, "flow", ("B2C", "B2B"))
    services = body.get("dataServices")
    if isinstance(services, list) and services:
        for i, service in enumerate(services):
            yield from _in_service(service, f"dataServices[{i}].", strict=strict)
    else:
        yield services is None and not strict, "dataServices", "must not be empty"
    eans = body.get("numberOfEans")
    is_count = isinstance(eans, int) and not isinstance(eans, bool) and eans >= 1
    yield is_count or (eans is None and not strict), "numberOfEans", "must be a number from 1"
    for name in ("returnUrlSuccess", "returnUrlFailed"):
        yield _like(body, name, r"https?://[^\s/]+\S*"), name, "must be an absolute URL"
    yield isinstance(body.get("sso"), bool | None), "sso", "must be true or false"
    yield _like(body, "enterpriseNumber", r"[01][0-9]{9}"), "enterpriseNumber", "must have 10 digits"


def in_mock(body: Mapping[str, Any], *, strict: bool) -> Iterator[Check]:
    """What must hold of a request for a mandate to test with; strict: it says its status and its end."""
    yield _is_text(body, "referenceNumber")
    yield from _in_service(body, strict=strict)
    yield TEST_EAN.fullmatch(str(body.get("ean"))), "ean", f"must match {TEST_EAN.pattern}"
    yield _one_of(body, "status", STATUSES if strict else (*STATUSES, None))
    yield _may_be_moment(body, "mandateExpirationDate", strict=strict), "mandateExpirationDate", LIKE_A_MOMENT
    yield _one_of(body, "renewalStatus", (*RENEWALS, "", None))


def _in_service(service: Any, where: str = "", *, strict: bool) -> Iterator[Check]:
    if not isinstance(service, dict):
        yield False, where, "must be an object"
        return
    known = service.get("dataServiceType") in SERVICES
    yield known, f"{where}dataServiceType", f"must be one of {', '.join(SERVICES)}"
    start, end = service.get("dataPeriodFrom"), service.get("dataPeriodTo")
    yield _may_be_moment(service, "dataPeriodFrom", strict=strict), f"{where}dataPeriodFrom", LIKE_A_MOMENT
    yield end is None or is_moment(end, strict=strict), f"{where}dataPeriodTo", LIKE_A_MOMENT
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
    return not (is_moment(start) and is_moment(end)) or moment_of(start) < moment_of(end)


def _span(start: Any, end: Any) -> timedelta:
    return moment_of(end) - moment_of(start) if is_moment(start) and is_moment(end) else timedelta(0)


def _may_be_moment(body: Mapping[str, Any], name: str, *, strict: bool) -> bool:
    return (body.get(name) is None and not strict) or is_moment(body.get(name), strict=strict)


def is_moment(value: Any, *, strict: bool = False) -> bool:
    """Whether it exists; strict: and is written as 2026-11-01T00:00:00Z."""
    if not isinstance(value, str) or (strict and not MOMENT.fullmatch(value)):
        return False
    try:
        moment_of(value)
    except (ValueError, OverflowError):
        return False
    return True
