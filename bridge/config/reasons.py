"""What is wrong with a value, in our words: pydantic's show the value, which may be a secret."""

import re
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from pydantic import SecretStr
from pydantic_core import ErrorDetails

from bridge.config.keys import KEYS, KeyPath, advice, anywhere, key_of, kinds, section_of
from bridge.config.paths import word_of
from bridge.config.text import Hidden, Unreadable

REASONS = {
    "wrong": "{reason}",
    "missing": "is missing",
    "int_parsing": "{it} is no whole number",
    "int_parsing_size": "{it} is no whole number",
    "decimal_parsing": "{it} is no number",
    "decimal_type": "{it} is no number",
    "finite_number": "{it} is no number",
    "int_type": "{it} is no whole number",
    "greater_than_equal": "{it} is out of range",
    "less_than_equal": "{it} is out of range",
    "less_than": "{it} is out of range",
    "greater_than": "{it} is out of range",
    "decimal_max_places": "{it} has too many decimals",
    "bool_parsing": "{it} is neither true nor false",
    "bool_type": "{it} is neither true nor false",
    "string_type": "{it} stands where text belongs",
    "dict_type": "{it} stands where keys belong",
    "mapping_type": "{it} stands where keys belong",
    "path_type": "{it} stands where text belongs",
    "model_type": "{it} stands where keys belong",
    "tuple_type": "{it} stands where a list belongs",
    "too_short": "is empty",
    "enum": "{it} is unknown",
    "literal_error": "{it} is unknown",
}


def reason_for(found: ErrorDetails, path: KeyPath) -> str:
    """What is wrong with the value at a path, and what to write; empty where that is on the list already."""
    value = found["input"]
    if isinstance(value, Unreadable):
        return ""
    if found["type"] == "extra_forbidden":
        beside = [str(key[-1]) for key in KEYS if key[:-1] == anywhere(path[:-1])]
        near = get_close_matches(word_of(str(path[-1])), beside, n=1)
        return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; write {', '.join(beside)}"
    reason = REASONS.get(found["type"], "{it} does not fit").format(**found.get("ctx", {}), it="{it}")
    return f"{reason.replace('{it}', _shown(value, path))}; {advice(path)}"


def _shown(value: Any, path: KeyPath) -> str:
    """A value as a message may show it: not a secret, nor what may be one in the wrong place."""
    if not isinstance(value, str):
        return {"dict": "a group of keys", "list": "a list"}.get(type(value).__name__, "nothing")
    info = key_of(path)
    may_be = kinds(info.annotation) if info else ()
    is_keys = info and section_of(info) and Decimal not in may_be
    if not info or SecretStr in may_be or is_keys or isinstance(value, Hidden):
        return "text"
    return (value if re.fullmatch(r"[\w.:/+-]+", value) else repr(value)) if len(value) <= 60 else "this text"
