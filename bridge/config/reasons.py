"""What is wrong with single values, in our words."""

import re
from collections.abc import Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from pydantic import SecretStr
from pydantic_core import ErrorDetails

from bridge.config import slips
from bridge.config.keys import KEYS, KeyPath, advice, anywhere, key_of, kinds, section_of
from bridge.config.paths import dotted, word_of
from bridge.config.text import Hidden, Unreadable

_REASONS = {
    "wrong": "{reason}",
    "missing": "is missing",
    "int_parsing": "{it} is not a whole number",
    "int_parsing_size": "{it} is not a whole number",
    "decimal_parsing": "{it} is not a number",
    "decimal_type": "{it} is not a number",
    "finite_number": "{it} is not a number",
    "int_type": "{it} is not a whole number",
    "greater_than_equal": "{it} is out of range",
    "less_than_equal": "{it} is out of range",
    "less_than": "{it} is out of range",
    "greater_than": "{it} is out of range",
    "decimal_max_places": "{it} has too many decimals",
    "bool_parsing": "{it} is neither true nor false",
    "bool_type": "{it} is neither true nor false",
    "string_type": "{it} is where text should be",
    "dict_type": "{it} is where keys should be",
    "mapping_type": "{it} is where keys should be",
    "path_type": "{it} is where text should be",
    "model_type": "{it} is where keys should be",
    "tuple_type": "{it} is where a list should be",
    "too_short": "is empty",
    "enum": "{it} is unknown",
    "literal_error": "{it} is unknown",
}


def reason(found: ErrorDetails, path: KeyPath, text: str = "") -> str:
    """What is wrong with a value and what to write, in our words: pydantic's show the value.

    Args:
        found: what pydantic says.
        path: of the key.
        text: the whole file.
    """
    value = found["input"]
    if isinstance(value, Unreadable):
        return ""
    if found["type"] == "extra_forbidden":
        beside = [str(key[-1]) for key in KEYS if key[:-1] == anywhere(path[:-1])]
        return unknown_key(str(path[-1]), beside)
    info = key_of(path)
    if isinstance(value, str) and info and (section := section_of(info)):
        keys = {field.alias or name for name, field in section.model_fields.items()}
        if slip := slips.missing_colon(text, value, keys):
            return slip
    words = _REASONS.get(found["type"], "{it} does not fit").format(**found.get("ctx", {}), it="{it}")
    return f"{words.replace('{it}', _shown(value, path))}; {advice(path)}"


def unknown_key(key: str, beside: Sequence[str]) -> str:
    """What to write instead of a key that there is not.

    Args:
        key: as it was written.
        beside: the keys that there are in its place.
    """
    near = get_close_matches(word_of(key), beside, n=1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; write {', '.join(beside)}"


def without_value(secrets: dict[str, Any], name: str) -> str:
    """Why `!secret name` stands for nothing."""
    word = dotted((name,))
    if name not in secrets:
        return f"{word}: is missing; write {word}: and its value"
    value = secrets[name]
    kind = f"holds {_shown(value, ())}" if isinstance(value, list | dict) else "is empty"
    return f"{word}: {kind}; write its value behind the colon"


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
