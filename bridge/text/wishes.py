"""What someone wrote on `bridge/request/...`."""

import json
import math
from typing import Any, Never

from bridge.text.words import to_json


def wish(payload: bytes) -> dict[str, Any] | None:
    """A request's JSON object, which can be said again in JSON; empty is one too. None: it is no such thing.

    Python alone would take `NaN` and `Infinity` for JSON, and make infinity of `1e999`.
    """
    try:
        request = json.loads(payload or b"{}", parse_float=_finite, parse_constant=_refuse)
        to_json(request)  # what is nested deeper can be read, but not written
    except (RecursionError, ValueError):
        return None
    return request if isinstance(request, dict) else None


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        _refuse(text)
    return number


def _refuse(text: str) -> Never:
    raise ValueError(f"{text} is not a number")
