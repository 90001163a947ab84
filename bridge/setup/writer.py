"""Answers to files: the configuration as people edit it by hand, and its passwords in secrets.yaml."""

import os
import re
import textwrap
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from bridge.config import KEYS, ConfigError, KeyPath
from bridge.config.keys import anywhere, key_of, kinds
from bridge.config.text import parse, read
from bridge.folder.files import OutputError, whole
from bridge.setup.answers import Answers

SECRETS = "secrets.yaml"
HEADING = (
    "# fluvius2mqtt. Every key there is, with its default, is in config.example.yaml.\n"
    "# A value such as `!secret mqtt` stands for the line `mqtt: ...` in the file secrets.yaml beside this"
    " one.\n"
)
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
_NAMES: dict[KeyPath, str] = {
    ("mqtt", "password"): "mqtt",
    ("fluvius", "portal", "password"): "fluvius",
    ("homeassistant", "statistics", "token"): "homeassistant",
    ("day_ahead", "token"): "entsoe",
}
_ORDER = {path: place for place, path in enumerate(KEYS)}
_PLAIN = re.compile(r"[A-Za-z][\w.@/-]*|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MEANS_SOMETHING = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}


def write(answers: Answers) -> list[Path]:
    """Write the configuration anew and its secrets, both or none; returns the files.

    Both are their owner's alone (mode 0600). What is in secrets.yaml stays there as it is.

    Raises:
        ConfigError: what would be written could not be used, or secrets.yaml cannot be read.
        OutputError: they cannot be written; what was there is still there.
    """
    return put_in_place(anew(answers))


def anew(answers: Answers) -> dict[Path, str]:
    """The texts of a new configuration and of what is added to secrets.yaml, the configuration's first.

    Raises:
        ConfigError: what would be written could not be used, or secrets.yaml cannot be read.
    """
    secrets_file = answers.file.parent / SECRETS
    kept = read(secrets_file) if os.path.lexists(secrets_file) else ""
    known = entries(secrets_file, kept)
    names: dict[KeyPath, str] = {}
    new: dict[str, str] = {}
    for path, value in secrets_of(answers.tree):
        names[path] = name = free_name(path, value, known | new)
        if name not in known:
            new[name] = value
    text = HEADING + "\n" + "\n\n".join("\n".join(each) for each in _sections(answers.tree, names)) + "\n"
    secrets = kept + "\n" * (bool(kept) and not kept.endswith("\n"))
    secrets += "".join(f"{name}: {quoted(value)}\n" for name, value in new.items())
    if entries(secrets_file, secrets) != known | new:
        raise ConfigError(f"{secrets_file}: nothing can be added to it; write `name: value`, a line each")
    answers.prove(text, known | new)
    return {answers.file: text, **({secrets_file: secrets} if new else {})}


def put_in_place(texts: dict[Path, str]) -> list[Path]:
    """All of them, or none: each is put into its place when all are whole. The first comes last.

    Raises:
        OutputError: they cannot be written; what was there is still there.
    """
    (configuration, text), *others = texts.items()
    path = configuration
    try:
        with whole(_real(configuration)) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            for path, other in others:
                with whole(_real(path)) as beside:
                    beside.write(other)
                    beside.flush()
                    os.fsync(beside.fileno())
            path = configuration
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); nothing was changed") from error
    return list(texts)


def _real(path: Path) -> Path:
    """A link stays one; what it leads to is replaced."""
    return path.resolve() if path.is_symlink() else path


def entries(file: Path, text: str) -> dict[str, str]:
    """What stands in secrets.yaml, by its names.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        entries = parse(text, lambda _: "") or {}
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}; put it right, or move it away") from None
    if not isinstance(entries, dict):
        raise ConfigError(f"{file}: holds no names and values; put it right, or move it away")
    return entries


def secrets_of(tree: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """The secrets among some keys, and where they stand."""
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from secrets_of(value, (*path, key))
    elif isinstance(tree, str) and tree and _is(SecretStr, path):
        yield path, str(tree)


def _is(kind: type, path: KeyPath) -> bool:
    info = key_of(path)
    return info is not None and kind in kinds(info.annotation)


def free_name(path: KeyPath, value: str, known: dict[str, str]) -> str:
    """A name for a secret that no other one has; what stands in secrets.yaml may be somebody else's."""
    base = _NAMES.get(path, str(path[-1]))
    name, number = base, 1
    while known.get(name, value) != value:
        number += 1
        name = f"{base}_{number}"
    return name


def _sections(tree: dict[str, Any], names: dict[KeyPath, str]) -> Iterator[list[str]]:
    for key in _in_order(tree, ()):
        yield list(lines({key: tree[key]}, (), names))


def lines(tree: dict[str, Any], path: KeyPath, names: dict[KeyPath, str]) -> Iterator[str]:
    """Keys as lines of YAML, with comments.

    Args:
        tree: the keys and their values.
        path: below which they stand.
        names: of the secrets.
    """
    for key in _in_order(tree, path):
        here, value = (*path, key), tree[key]
        if comment := COMMENTS.get(here):
            yield from _comment(comment)
        if here in names:
            yield f"{key}: !secret {names[here]}"
        elif isinstance(value, dict):
            yield f"{_scalar(key, here)}:"
            yield from (f"  {line}" for line in lines(value, here, names))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{key}:"
            for place, each in enumerate(value):
                yield from item(lines(each, (*here, place), names))
        elif isinstance(value, list):
            yield f"{key}: [{', '.join(_scalar(each, here) for each in value)}]"
        else:
            yield f"{_scalar(key, ())}: {_scalar(value, here)}"


def item(lines: Iterable[str]) -> Iterator[str]:
    """Lines as an entry of a list."""
    mark = "- "
    for line in lines:
        if line.startswith("#"):
            yield f"  {'  ' if mark == '  ' else ''}{line}"
        else:
            yield f"  {mark}{line}"
            mark = "  "


def _in_order(tree: dict[str, Any], path: KeyPath) -> list[str]:
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
