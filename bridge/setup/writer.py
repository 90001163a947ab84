"""Answers to files: the configuration as people edit it by hand, and its passwords in secrets.yaml."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bridge.config import ConfigError, KeyPath
from bridge.config.text import parse, verbatim
from bridge.folder.files import OutputError, whole
from bridge.setup.answers import Answers
from bridge.setup.editing import with_secret
from bridge.setup.rendering import in_key_order, is_secret, lines

SECRETS = "secrets.yaml"
HEADING = (
    "# fluvius2mqtt. Every key there is, with its default, is in config.example.yaml.\n"
    "# A value such as `!secret mqtt` stands for the line `mqtt: ...` in the file secrets.yaml beside this"
    " one.\n"
)
_NAMES: dict[KeyPath, str] = {
    ("mqtt", "password"): "mqtt",
    ("fluvius", "portal", "password"): "fluvius",
    ("homeassistant", "statistics", "token"): "homeassistant",
    ("day_ahead", "token"): "entsoe",
}


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
    kept = verbatim(secrets_file) if os.path.lexists(secrets_file) else ""
    known = entries(secrets_file, kept)
    names: dict[KeyPath, str] = {}
    new: dict[str, str] = {}
    for path, value in secrets_of(answers.tree):
        names[path] = name = free_name(path, value, known | new)
        if name not in known:
            new[name] = value
    text = HEADING + "\n" + "\n\n".join("\n".join(each) for each in _sections(answers.tree, names)) + "\n"
    secrets = with_secrets(secrets_file, kept, new)
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


def with_secrets(file: Path, kept: str, new: dict[str, str]) -> str:
    """The text of secrets.yaml with other values, or with more of them.

    Raises:
        ConfigError: it is written so that they cannot be put into it.
    """
    text = kept
    try:
        for name, value in new.items():
            text = with_secret(text, name, value)
        if entries(file, text) == entries(file, kept) | new:
            return text
    except yaml.YAMLError:
        pass
    raise ConfigError(f"{file}: nothing can be added to it; write `name: value`, a line each")


def entries(file: Path, text: str) -> dict[str, str]:
    """What stands in secrets.yaml, by its names.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        entries = parse(text.removeprefix("\ufeff"), lambda _: "") or {}
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
    elif isinstance(tree, str) and tree and is_secret(path):
        yield path, str(tree)


def free_name(path: KeyPath, value: str, known: dict[str, str]) -> str:
    """A name for a secret that no other one has; what stands in secrets.yaml may be somebody else's."""
    base = _NAMES.get(path, str(path[-1]))
    name, number = base, 1
    while known.get(name, value) != value:
        number += 1
        name = f"{base}_{number}"
    return name


def _sections(tree: dict[str, Any], names: dict[KeyPath, str]) -> Iterator[list[str]]:
    for key in in_key_order(tree, ()):
        yield list(lines({key: tree[key]}, (), names))
