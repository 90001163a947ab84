"""A configuration that is there, changed as it was answered: what nobody changed stays as it is."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bridge.config import ConfigError, KeyPath
from bridge.config.keys import at
from bridge.config.paths import dotted
from bridge.config.prices import ean_of
from bridge.config.text import parse, verbatim
from bridge.setup.answers import Answers
from bridge.setup.editing import Wanted, in_order, with_value, without
from bridge.setup.joining import together
from bridge.setup.layout import Layout, laid_out, secret_named
from bridge.setup.writer import SECRETS, entries, free_name, secrets_of, with_secrets


class Change(NamedTuple):
    """One of them."""

    path: KeyPath
    is_gone: bool = False
    is_new: bool = False  # an entry of a list, before the one that stands there
    order: Sequence[int] = ()  # of a list: which entry comes first, which second, and so on

    @property
    def is_value(self) -> bool:
        """Whether there is another value now."""
        return not (self.is_gone or self.is_new or self.order)


def changed(answers: Answers, before: dict[str, Any]) -> dict[Path, str]:
    """The texts of the configuration and of secrets.yaml, as far as they change, the configuration's first.

    Args:
        answers: what shall stand in the file, which is there.
        before: what stands in it now.

    Raises:
        ConfigError: it could not be used, or cannot be changed without a person.
    """
    secrets_file = answers.file.parent / SECRETS
    old, kept = verbatim(answers.file), verbatim(secrets_file) if secrets_file.exists() else ""
    known = entries(secrets_file, kept)
    names, new = _names(answers.tree, old, known, before)
    text = _edited(answers.file, old, Wanted(pruned(answers.tree), names), known | new)
    layout = Layout(text)
    used = {name: value for name, value in new.items() if _uses(layout, name)}
    secrets = with_secrets(secrets_file, kept, used)
    found = entries(secrets_file, secrets)
    answers.prove(text.removeprefix("\ufeff"), found)
    return {answers.file: text} | ({secrets_file: secrets} if secrets != kept else {})


def _edited(file: Path, text: str, wanted: Wanted, secrets: Mapping[str, str]) -> str:
    """Change after change, until nothing is otherwise any more, or a change has changed nothing."""
    seen: list[list[Change]] = []
    with suppress(ConfigError, yaml.YAMLError):
        while changes := list(differences(_parsed(text, secrets), wanted.tree)):
            if changes in seen:
                break
            seen.append(changes)
            text = together(text, (_with(text, change, wanted) for change in _alike(changes)))
        else:
            return text
    where = f"{dotted(seen[-1][0].path)} is" if seen else "is"
    raise ConfigError(f"{file}: {where} written in a way that cannot be changed here; change it by hand")


def _alike(changes: Sequence[Change]) -> Iterator[Change]:
    """The first of them, and those behind it that hold at the same time."""
    first = changes[0]
    if not (first.is_value or first.is_gone):
        return iter([first])
    return takewhile(lambda each: (each.is_value, each.is_gone) == (first.is_value, first.is_gone), changes)


def _with(text: str, change: Change, wanted: Wanted) -> str:
    if change.is_value:
        return with_value(text, change.path, wanted)
    layout = laid_out(text)
    above = change.path if change.order else change.path[:-1]
    reached, holder = layout.reachable(above), layout.at(above)
    if reached != above or holder is None or not layout.is_open(holder):
        return with_value(text, reached, wanted)  # an alias: what it stands for is others' too
    if change.is_gone:
        return without(text, change.path)
    if change.order:
        return in_order(text, change.path, change.order)
    return with_value(text, change.path, wanted, is_new=True)


def differences(before: Any, after: Any, path: KeyPath = ()) -> Iterator[Change]:
    """What is otherwise now; those of one kind hold together, others for what the first has left.

    Args:
        before: keys, a list or a value.
        after: the same, as they shall be; what is empty is not there.
        path: where they stand.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            if not pruned(after.get(key)):
                if pruned(before.get(key)):
                    yield Change((*path, key), is_gone=True)
            else:
                yield from differences(before.get(key), after[key], (*path, key))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _differences_of_lists(before, after, path)
    elif pruned(before) != pruned(after):
        yield Change(path)


def _differences_of_lists(before: list[Any], after: list[Any], path: KeyPath) -> Iterator[Change]:
    places = _places(before, after)
    stay = [place for place in places if place is not None]
    if not stay:
        yield from [Change(path)] if before != after else []
        return
    if gone := sorted(set(range(len(before))) - set(stay)):
        yield from (Change((*path, place), is_gone=True) for place in gone)
    elif stay != sorted(stay):
        yield Change(path, order=stay)
    elif None in places:
        yield Change((*path, places.index(None)), is_new=True)
    else:
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, (*path, place))


def _places(before: list[Any], after: list[Any]) -> list[int | None]:
    """Where each entry stood before; None of a new one."""
    places: list[int | None] = [None] * len(after)
    for known in (pruned, _identity):
        free: dict[str, list[int]] = {}
        taken = set(places)
        for place, each in enumerate(before):
            if place not in taken:
                free.setdefault(repr(known(each)), []).append(place)
        for number, each in enumerate(after):
            if places[number] is None and (same := free.get(repr(known(each)))):
                places[number] = same.pop(0)
    return places


def _identity(entry: Any) -> Any:
    """By which an entry is the same though something else is said of it: a meter's EAN, a price's begin."""
    if isinstance(entry, dict) and entry.get("ean"):
        return ean_of(str(entry["ean"]))
    if isinstance(entry, dict) and entry.get("from"):
        return entry["from"], entry.get("energy", "electricity"), entry.get("meters")
    return entry


def _names(
    tree: dict[str, Any], text: str, known: dict[str, str], before: dict[str, Any]
) -> tuple[dict[KeyPath, str], dict[str, str]]:
    """The names of all secrets, and the values that are new under one of them."""
    names: dict[KeyPath, str] = {}
    new: dict[str, str] = {}
    layout = Layout(text)
    for path, value in secrets_of(tree):
        name = secret_named(layout.at(path))
        if name is None or (value != at(before, *path) and _uses(layout, name) != 1):
            name = free_name(path, value, known | new)
        names[path] = name
        if known.get(name) != value:
            new[name] = value
    return names, new


def _uses(layout: Layout, name: str) -> int:
    """How often a secret is named."""
    return sum(secret_named(each) == name for each in layout.values())


def _parsed(text: str, secrets: Mapping[str, str]) -> Any:
    return parse(text.removeprefix("\ufeff"), lambda name: secrets.get(name, "")) or {}


def pruned(tree: Any) -> Any:
    """Without what stands for nothing."""
    if isinstance(tree, dict):
        return {key: kept for key, value in tree.items() if (kept := pruned(value)) not in (None, "", {}, [])}
    return [pruned(each) for each in tree] if isinstance(tree, list) else tree
