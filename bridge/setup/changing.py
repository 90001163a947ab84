"""A configuration that is there, changed as it was answered: what nobody changed stays as it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bridge.config import ConfigError, KeyPath
from bridge.config.keys import at
from bridge.config.text import parse, read
from bridge.setup.answers import Answers
from bridge.setup.editing import node_at, with_value, without
from bridge.setup.writer import SECRETS, entries, free_name, quoted, secrets_of

HIDDEN = "********"


class Change(NamedTuple):
    """One of them."""

    path: KeyPath
    is_gone: bool = False


def changed(answers: Answers, before: dict[str, Any]) -> dict[Path, str]:
    """The texts of the configuration and of secrets.yaml, as far as they change, the configuration's first.

    Args:
        answers: what shall stand in the file, which is there.
        before: what stands in it now.

    Raises:
        ConfigError: it could not be used, or cannot be changed without a person.
    """
    secrets_file = answers.file.parent / SECRETS
    old, kept = read(answers.file), read(secrets_file) if secrets_file.exists() else ""
    known = entries(secrets_file, kept)
    names, new = _names(answers.tree, old, known, before)
    text = old
    for path, is_gone in differences(before, answers.tree):
        text = without(text, path) if is_gone else with_value(text, path, answers.tree, names)
    secrets = kept
    for name, value in new.items():
        if f"!secret {name}" not in text:
            continue
        if name in known:
            secrets = with_value(secrets, (name,), {name: value}, {})
        else:
            secrets += "\n" * (bool(secrets) and not secrets.endswith("\n")) + f"{name}: {quoted(value)}\n"
    found = entries(secrets_file, secrets)
    if _pruned(parse(text, lambda name: found.get(name, ""))) != _pruned(answers.tree):
        raise ConfigError(
            f"{answers.file}: is written in a way that cannot be changed here; change it by hand"
        )
    answers.prove(text, found)
    return {answers.file: text} | ({secrets_file: secrets} if secrets != kept else {})


def hidden(text: str) -> str:
    """A configuration as it may be shown."""
    for path, value in list(secrets_of(parse(text, lambda _: ""))):
        if value:
            tree: Any = {}
            here = tree
            for part in path[:-1]:
                here = here.setdefault(part, {})
            here[path[-1]] = HIDDEN
            text = with_value(text, path, tree, {})
    return text


def differences(before: Any, after: Any, path: KeyPath = ()) -> Iterator[Change]:
    """The paths at which something else stands now, or nothing any more; of lists the last first."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            if not _pruned(after.get(key)):
                if _pruned(before.get(key)):
                    yield Change((*path, key), is_gone=True)
            else:
                yield from differences(before.get(key), after[key], (*path, key))
    elif (
        isinstance(before, list)
        and isinstance(after, list)
        and before
        and after
        and isinstance(after[0], dict)
    ):
        yield from _differences_of_lists(before, after, path)
    elif before != after:
        yield Change(path)


def _differences_of_lists(before: list[Any], after: list[Any], path: KeyPath) -> Iterator[Change]:
    left = iter(after)
    awaited = next(left, None)
    gone = []
    for place, each in enumerate(before):
        if each == awaited:
            awaited = next(left, None)
        else:
            gone.append(place)
    if len(after) < len(before):
        if len(before) - len(gone) != len(after):
            yield Change(path)
            return
        yield from (Change((*path, place), is_gone=True) for place in reversed(gone))
        return
    for place, (old, new) in enumerate(zip(before, after, strict=False)):
        yield from differences(old, new, (*path, place))
    yield from (Change((*path, place)) for place in range(len(before), len(after)))


def _names(
    tree: dict[str, Any], text: str, known: dict[str, str], before: dict[str, Any]
) -> tuple[dict[KeyPath, str], dict[str, str]]:
    """The names of all secrets, and the values that are new under one of them."""
    names: dict[KeyPath, str] = {}
    new: dict[str, str] = {}
    root = yaml.compose(text, yaml.BaseLoader)
    for path, value in secrets_of(tree):
        stands = node_at(root, path) if root else None
        name = stands.value if stands is not None and stands.tag == "!secret" else None
        if name is None or (value != at(before, *path) and text.count(f"!secret {name}") != 1):
            name = free_name(path, value, known | new)
        names[path] = name
        if known.get(name) != value:
            new[name] = value
    return names, new


def _pruned(tree: Any) -> Any:
    """Without what stands for nothing."""
    if isinstance(tree, dict):
        return {
            key: kept for key, value in tree.items() if (kept := _pruned(value)) not in (None, "", {}, [])
        }
    return [_pruned(each) for each in tree] if isinstance(tree, list) else tree
