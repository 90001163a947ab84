"""What can be changed in any JSON, by the path to it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bridge.simulator.faults.fault import Alteration, Strike


def places(content: Any, path: str) -> Iterator[tuple[Any, Any]]:
    """Every place that a path leads to: the object or list, and the key or index in it.

    A path is keys with points between them; `*` is any key or index, `**` any number of them.
    """
    yield from _places(content, path.split("."))


def _places(content: Any, parts: list[str]) -> Iterator[tuple[Any, Any]]:
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _places(content, rest)
    for key in _keys(content):
        if first == "**":
            yield from _places(content[key], parts)
        elif first in ("*", str(key)):
            if rest:
                yield from _places(content[key], rest)
            else:
                yield content, key


def _keys(content: Any) -> list[Any]:
    if isinstance(content, dict):
        return list(content)
    return list(range(len(content))) if isinstance(content, list) else []


def one_in_so_many(content: Any, path: str, strike: Strike) -> list[tuple[Any, Any]]:
    """The first of the places that a path leads to, and one in every `every` after it."""
    return list(places(content, path))[:: max(1, strike.parameters.get("every", 1))]


def leaving_out(path: str | None = None) -> Alteration:
    """Leaves out what is at a path (None: at the parameter `path`), one in every `every`."""

    def alteration(content: Any, strike: Strike) -> Any:
        for holder, key in reversed(one_in_so_many(content, path or strike.parameters["path"], strike)):
            del holder[key]
        return content

    return alteration


def putting(path: str | None = None, parameter: str = "value") -> Alteration:
    """Puts a parameter's value, or null, at a path (None: at the parameter `path`), one in every `every`."""

    def alteration(content: Any, strike: Strike) -> Any:
        for holder, key in one_in_so_many(content, path or strike.parameters["path"], strike):
            holder[key] = strike.parameters.get(parameter)
        return content

    return alteration


def replacing(path: str, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Changes everything at a path."""

    def replace(content: Any) -> Any:
        for holder, key in places(content, path):
            holder[key] = change(holder[key])
        return content

    return replace


def varying(variants: Mapping[str, Callable[[Any], Any]]) -> Alteration:
    """One of several changes: the one that is named, or each in turn."""
    return lambda content, strike: strike.variant(variants)(content)
