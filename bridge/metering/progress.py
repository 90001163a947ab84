"""How far a meter's readings have come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from bridge.metering.agreement import Disagreement
from bridge.metering.mandate import Mandate


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of it beside the readings themselves."""

    awaited: Sequence[date] = ()
    resolution: str | None = None  # "PT15M", "PT1H", "P1D"; None while unknown
    last_attempt: datetime | None = None
    last_success: datetime | None = None
    error: str | None = None
    advice: str | None = None
    overdue: Sequence[date] = ()  # awaited for longer than Fluvius ever took
    now: datetime | None = None  # aware
    mandate: Mandate | None = None  # where it needs one
    disagreements: Mapping[date, Sequence[Disagreement]] = field(default_factory=dict)  # by day, oldest first
    behind: Sequence[Mapping[str, str]] = ()  # the connection: kind, ean, type, vreg_id of each installation
    imported: str | None = None  # what came of the last file
    odd_answers: Sequence[Mapping[str, Any]] = ()  # the last that were not understood: shapes, never amounts
