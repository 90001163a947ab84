"""How times, amounts, names and JSON are written, wherever they are."""

import hashlib
import json
import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from bridge.metering.model import BRUSSELS
from bridge.text.foreign import in_json

Payload = dict[str, Any]


@lru_cache(maxsize=1024)  # a day's quarter-hours, which all meters have in common
def local(instant: datetime) -> str:
    """An instant as people in Flanders write it, with its offset, to the second."""
    return instant.astimezone(BRUSSELS).isoformat(timespec="seconds")


def plain(amount: Decimal) -> str:
    """A decimal without exponent and without trailing zeros."""
    text = f"{amount:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"", "-0"} else text


def to_json(value: Any) -> str:
    """JSON in which decimals stay exact; the standard library would make them binary floats or text."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return "{" + ", ".join([f"{_quoted(str(k))}: {to_json(v)}" for k, v in value.items()]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join([to_json(each) for each in value]) + "]"
    return json.dumps(value, allow_nan=False)


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    """As JSON. Half a character, which other people's JSON may hold, has no place in UTF-8."""
    return in_json(json.dumps(text.encode("utf-8", "replace").decode("utf-8"), ensure_ascii=False))


def slug(name: str) -> str:
    """A name as a topic level: `Mémé's huis` is `meme_s_huis`. Empty where no letter or digit is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9-]+", "_", plain).strip("_-")


def identifier(text: str) -> str:
    """Any text as a part of an id: small letters, digits and single `_`, as Home Assistant wants it."""
    plain = re.sub(r"[_-]+", "_", slug(text)).strip("_")
    return plain or hashlib.sha256(text.encode()).hexdigest()[:8]
