"""Moments as they are written in a recording, and the same so many days later."""

import re
from datetime import UTC, date, datetime, timedelta

from bridge.simulator.household import BRUSSELS

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"(?P<local>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)(?P<fraction>\.[0-9]+)?"
    r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?"
)


def is_one(text: str) -> bool:
    """Whether a text is a date or a moment."""
    return bool(_DATE.fullmatch(text) or _MOMENT.fullmatch(text))


def later(text: str, days: int) -> str:
    """The same time of day in Flanders so many days later; what is no moment stays."""
    found = _MOMENT.fullmatch(text)
    try:
        if not days or not (found or _DATE.fullmatch(text)):
            return text
        if not found:
            return (date.fromisoformat(text) + timedelta(days=days)).isoformat()
        wall = datetime.fromisoformat(found["local"])
        if found["zone"]:
            zone = datetime.fromisoformat(f"{found['local']}{found['zone']}")
            wall = (zone.astimezone(BRUSSELS) + timedelta(days=days)).astimezone(UTC).astimezone(zone.tzinfo)
            offset = wall.astimezone(BRUSSELS).utcoffset()
            if found["zone"] != "Z" and zone.utcoffset() == zone.astimezone(BRUSSELS).utcoffset() and offset:
                wall = wall.astimezone(BRUSSELS)
        else:
            wall += timedelta(days=days)
    except (ValueError, OverflowError):
        return text
    written = wall.isoformat(timespec="seconds")[: len(found["local"])]
    zone_written = "Z" if found["zone"] == "Z" else wall.isoformat()[-6:] if found["zone"] else ""
    return f"{written}{found['fraction'] or ''}{zone_written}"
