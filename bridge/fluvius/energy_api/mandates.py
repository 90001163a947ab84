"""The Energy API's answer about mandates."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.fluvius.errors import ShapeChanged
from bridge.metering.mandate import Mandate
from bridge.metering.model import BRUSSELS, Energy
from bridge.text.foreign import LONGEST_NAME, clean

ENERGY_TYPES = {"E": Energy.ELECTRICITY, "G": Energy.GAS}
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
_STATUSES = {each.lower(): each for each in ("Requested", "Approved", "Rejected", "Finished")}
_RENEWALS = {"ToBeRenewed", "RenewalRequested", "Expired"}


def read(data: Any) -> list[Mandate]:
    """The mandates of an answer; those that cannot be understood are left out.

    Raises:
        ShapeChanged: it is no answer about mandates.
    """
    listed = data.get("mandates") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        raise ShapeChanged("The Energy API answered something other than a list of mandates")
    return [mandate for each in listed if isinstance(each, dict) if (mandate := _mandate(each))]


def _mandate(content: Mapping[str, Any]) -> Mandate | None:
    energy, ean = ENERGY_TYPES.get(str(content.get("energyType"))), content.get("ean")
    reference, status = content.get("referenceNumber"), content.get("status")
    if not (
        energy and isinstance(ean, str) and ean.isascii() and ean.isdecimal() and isinstance(status, str)
    ):
        return None
    return Mandate(
        reference=clean(reference or "", LONGEST_NAME),
        ean=ean,
        energy=energy,
        status=_STATUSES.get(status.strip().lower(), clean(status, LONGEST_NAME)),
        service=clean(content.get("dataServiceType") or "", LONGEST_NAME),
        since=_instant(content.get("dataPeriodFrom")),
        until=_instant(content.get("dataPeriodTo")),
        expires=_instant(content.get("mandateExpirationDate")),
        renewal=renewal if (renewal := str(content.get("renewalStatus"))) in _RENEWALS else None,
    )


def _instant(text: Any) -> datetime | None:
    """An instant; a bare date is its beginning in Flanders. Years that mean "ever" and "never" are none.

    Nor is what cannot be read: Fluvius itself refuses what lies outside of a mandate.
    """
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        return None
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=BRUSSELS).astimezone(UTC)
