"""Paths of keys as people read and write them: `meters[0].ean`, `FLUVIUS2MQTT_METERS__0__EAN`."""

import re

from bridge.config.keys import KeyPath

PREFIX = "FLUVIUS2MQTT_"
_WORD = r"[A-Za-z0-9_-]{1,40}"


def dotted(path: KeyPath) -> str:
    """`meters[0].ean`; of a key that is no word, the part that is: the rest may be a secret."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += "." * bool(text) + (part if re.fullmatch(_WORD, part) else word_of(part) + "…")
    return text


def word_of(key: str) -> str:
    """The part of a key that is a word: the rest may be a secret."""
    found = re.match(_WORD, key)
    return found[0] if found else ""


def variable_of(path: KeyPath) -> str:
    """The environment variable of a key, without what all of ours begin with."""
    return "__".join(map(str, path)).upper()


def path_of(variable: str) -> KeyPath:
    """The key that an environment variable stands for."""
    parts = variable.removeprefix(PREFIX).lower().split("__")
    return tuple(int(part) if re.fullmatch("[0-9]{1,4}", part) else part for part in parts)
