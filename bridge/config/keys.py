"""The keys by their paths, and what was written at a path."""

from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bridge.config.settings import Settings

KeyPath = tuple[str | int, ...]  # ("meters", 0, "ean")

KEYS: dict[KeyPath, FieldInfo] = {}  # every key there is; 0 stands for any place in a list


def kinds(annotation: Any) -> tuple[Any, ...]:
    """All types in an annotation, however nested: that of `tls` holds both bool and TlsSettings."""
    inner = (kind for argument in get_args(annotation) for kind in kinds(argument))
    return (get_origin(annotation) or annotation, *inner)


def section_of(info: FieldInfo) -> type[BaseModel] | None:
    """The section that a key holds, or a list of which it holds; None for a plain value."""
    return next((k for k in kinds(info.annotation) if isinstance(k, type) and issubclass(k, BaseModel)), None)


def _collect(section: type[BaseModel], above: KeyPath) -> None:
    for field, info in section.model_fields.items():
        name = info.alias or field
        KEYS[*above, name] = info
        if inner := section_of(info):
            _collect(inner, (*above, name, 0) if tuple in kinds(info.annotation) else (*above, name))


_collect(Settings, ())


def anywhere(path: KeyPath) -> KeyPath:
    """A path with 0 for every place in a list, as in `KEYS`."""
    return tuple(0 if isinstance(part, int) else part for part in path)


def key_of(path: KeyPath) -> FieldInfo | None:
    """What is known about a key; for a place in a list, about the list."""
    return KEYS.get(anywhere(path)) or KEYS.get(anywhere(path[:-1]))


def at(tree: Any, *path: str | int) -> Any:
    """What was written at a path; None where nothing was, or an empty text."""
    for part in path:
        if isinstance(tree, list) and isinstance(part, int):
            tree = dict(enumerate(tree))
        tree = tree.get(part) if isinstance(tree, dict) else None
    return None if tree == "" else tree


def filled_in(tree: Any) -> Any:
    """A form's values without the keys that were left empty, and without blanks pasted around the others.

    A password's blanks are its own.
    """
    if isinstance(tree, list):
        return [filled_in(each) for each in tree]
    if isinstance(tree, dict):
        values = {key: value if key == "password" else filled_in(value) for key, value in tree.items()}
        return {key: value for key, value in values.items() if value not in (None, "", [], {})}
    return tree.strip() if isinstance(tree, str) else tree


def advice(path: KeyPath) -> str:
    """The key's description, so that it goes on after "; "."""
    info = key_of(path)
    text = (info and info.description) or "something else"
    return f"write {text[0].lower()}{text[1:]}"
