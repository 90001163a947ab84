"""Names of parameters and fields, which are taken in any case, and moments in several forms."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from bridge.simulator.writing import first_instant

_NAMES = (
    *("ean", "referenceNumber", "periodType", "granularity", "complexEnergyTypes", "from", "to"),
    *("dataServiceTypes", "energyType", "status", "mandateExpirationDate", "renewalStatus"),
    *("lastUpdatedFrom", "lastUpdatedTo", "dataAccessContractNumber", "flow", "dataServices"),
    *("dataServiceType", "dataPeriodFrom", "dataPeriodTo", "numberOfEans", "returnUrlSuccess"),
    *("returnUrlFailed", "sso", "enterpriseNumber"),
)
_BY_LOWER_CASE = {name.lower(): name for name in _NAMES}


def named(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked under the names that the documentation has, in whatever case it came."""
    return {_BY_LOWER_CASE.get(name.lower(), name): _within(value) for name, value in asked.items()}


def _within(value: Any) -> Any:
    if isinstance(value, dict):
        return named(value)
    return [_within(each) for each in value] if isinstance(value, list) else value


def moment_of(text: str) -> datetime:
    """A moment as clients write it, in UTC: with Z, an offset or neither (UTC), or a date in Brussels.

    Raises:
        ValueError: it is none.
    """
    if len(text) == 10:
        return first_instant(date.fromisoformat(text))
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
