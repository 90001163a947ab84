"""Keys and their values as lines of YAML."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import yaml
from pydantic import SecretStr

from bridge.config import KEYS, KeyPath
from bridge.config.keys import anywhere, key_of, kinds

COMMENTS: dict[KeyPath, str] = {  # as in config.example.yaml
    ("mqtt", "host"): "The computer on which the broker runs: a name or an IP address.",
    ("mqtt", "username"): "The account that the broker knows. Leave both out if it takes anyone.",
    ("fluvius", "portal", "email"): "The account with which you sign in on mijn.fluvius.be.",
    ("meters", 0, "name"): (
        "The device is called so, and the topic (in small letters: `Mémé's huis` is meme_s_huis); by default"
        " the EAN."
    ),
    ("meters", 0, "ean"): "18 digits, on every bill and in Mijn Fluvius.",
    ("meters", 0, "serial"): "The number on the meter itself. Only the portal needs it.",
    ("meters", 0, "energy"): "electricity or gas.",
    ("homeassistant", "statistics"): "The Energy dashboard's history, at the hour at which it was used.",
    ("prices",): (
        "What it costs, as it stands on your supplier's tariff card and in the grid's tariffs: euros without"
        " VAT."
    ),
    ("prices", 0, "from"): ("The day from which these prices hold; or an instant at which an hour begins."),
    ("prices", 0, "vat"): (
        "Percent, on all but injection: 6 for households, 21 for others, 0 where it is in the prices already."
    ),
    ("language",): (
        "The language of names in Home Assistant, and of the page for browsers with another one: en, nl, fr"
        " or de."
    ),
    ("import_dir",): (
        "A folder: what is downloaded on Mijn Fluvius and put there (CSV, or a zip archive of such) is"
        " imported within a minute by the running bridge, and then lies in `done` or `failed` beside a text"
        " that says what came of it."
    ),
}
_ORDER = {path: place for place, path in enumerate(KEYS)}
_PLAIN = re.compile(r"[A-Za-z][\w.@/-]*|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MEANS_SOMETHING = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}


def lines(tree: dict[str, Any], path: KeyPath, names: Mapping[KeyPath, str]) -> Iterator[str]:
    """Keys as lines of YAML, with comments.

    Args:
        tree: the keys and their values.
        path: below which they stand.
        names: of the secrets.
    """
    for key in in_key_order(tree, path):
        here, value = (*path, key), tree[key]
        if comment := COMMENTS.get(here):
            yield from _comment(comment)
        if isinstance(value, dict):
            yield f"{_scalar(key, here)}:"
            yield from (f"  {line}" for line in lines(value, here, names))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{key}:"
            for place, each in enumerate(value):
                yield from item(lines(each, (*here, place), names))
        else:
            yield f"{_scalar(key, ())}: {in_brackets(value, here, names)}"


def in_brackets(value: Any, path: KeyPath, names: Mapping[KeyPath, str]) -> str:
    """A value on one line: keys in { }, a list in [ ]."""
    if path in names:
        return f"!secret {names[path]}"
    if isinstance(value, dict):
        keys = in_key_order(value, path)
        written = (f"{_scalar(key, ())}: {in_brackets(value[key], (*path, key), names)}" for key in keys)
        return f"{{{', '.join(written)}}}"
    if isinstance(value, list):
        return f"[{', '.join(in_brackets(each, (*path, place), names) for place, each in enumerate(value))}]"
    return _scalar(value, path)


def item(lines: Iterable[str]) -> Iterator[str]:
    """Lines as an entry of a list."""
    mark = "- "
    for line in lines:
        if line.startswith("#"):
            yield f"  {'  ' if mark == '  ' else ''}{line}"
        else:
            yield f"  {mark}{line}"
            mark = "  "


def in_key_order(tree: dict[str, Any], path: KeyPath) -> list[str]:
    """As in config.example.yaml."""
    last = len(_ORDER)
    return sorted(tree, key=lambda key: _ORDER.get(anywhere((*path, key)), last))


def _comment(words: str) -> Iterator[str]:
    yield from textwrap.wrap(words, 110, initial_indent="# ", subsequent_indent="# ")


def _scalar(value: Any, path: KeyPath) -> str:
    """Words and numbers plain, everything that YAML could take for something else in quotes."""
    text = str(value)
    if any(_is(kind, path) for kind in (bool, int, Decimal)) and re.fullmatch(r"-?[\w.]+", text):
        return text
    plain = _PLAIN.fullmatch(text) and text.lower() not in _MEANS_SOMETHING
    return text if plain else quoted(text)


def quoted(text: str) -> str:
    """In double quotes, whatever is in it."""
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))).rstrip("\n")


def is_secret(path: KeyPath) -> bool:
    """Whether what stands there is nobody's business."""
    return _is(SecretStr, path)


def _is(kind: type, path: KeyPath) -> bool:
    info = key_of(path)
    return info is not None and kind in kinds(info.annotation)
