"""A text of YAML in which some keys are changed: the rest keeps every letter, comments too.

PyYAML says where everything stands. A library that reads and writes YAML hangs what stands between two keys
on the first of them, and so loses the heading of a section when the end of the one before changes.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from bridge.config import KeyPath
from bridge.config.keys import at
from bridge.setup.writer import item, lines

_EMPTY = ("", "~", "null", "Null", "NULL")


def with_value(text: str, path: KeyPath, tree: dict[str, Any], names: dict[KeyPath, str]) -> str:
    """The text in which the value at a path is what it is in `tree`.

    Args:
        text: YAML that can be read.
        path: of a key, or of the next place in a list.
        tree: all keys as they shall be.
        names: of the secrets among them, by their paths.
    """
    root = _composed(text)
    if not isinstance(root, yaml.MappingNode):  # nothing but comments
        return _joined(text, list(lines({str(path[0]): at(tree, path[0])}, (), names)))
    path = _reachable(root, path)
    parent = node_at(root, path[:-1])
    new = list(_rendered(path, tree, names))
    if parent is None:
        return text
    if (found := _entry(parent, path[-1])) is None:
        return _with_another(text, parent, path, new)
    key, value = found
    begin, end = key.start_mark.index, _end(text, value)
    plain = [line for line in new if not line.lstrip().startswith("#")]
    if len(plain) == 1 and isinstance(value, yaml.ScalarNode) and value.style not in ("|", ">"):
        begin = value.start_mark.index
        plain = [plain[0].partition(": ")[2]]
        if begin == end:
            plain = [f" {plain[0]}"]
    return text[:begin] + _indented(plain, key.start_mark.column) + text[end:]


def without(text: str, path: KeyPath) -> str:
    """The text without a key, or a place in a list; without what holds it, where it is the only one."""
    root = _composed(text)
    parent = node_at(root, path[:-1]) if root else None
    found = _entry(parent, path[-1]) if parent else None
    if parent is None or found is None:
        return text
    if len(path) > 1 and len(parent.value) == 1:
        return without(text, path[:-1])
    key, value = found
    first = text.rfind("\n", 0, key.start_mark.index) + 1
    last = _line_end(text, _end(text, value)) + 1
    is_first_of_entry = isinstance(path[-1], str) and bool(text[first : key.start_mark.index].strip())
    if is_first_of_entry:  # the dash before it stays
        return text[: key.start_mark.index] + text[parent.value[1][0].start_mark.index :]
    return text[:first] + text[last:]


def _composed(text: str) -> yaml.Node | None:
    return yaml.compose(text, yaml.BaseLoader)


def _reachable(root: yaml.Node, path: KeyPath) -> KeyPath:
    """As much of a path as is there, and one key more; but nothing within { } or [ ]."""
    node = root
    for depth, part in enumerate(path):
        found = _entry(node, part)
        if found is None or _is_flow(found[1]) or _is_empty(found[1]):
            return path[: depth + 1]
        node = found[1]
    return path


def _entry(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """A key and its value; of a list, its entry twice."""
    if isinstance(node, yaml.MappingNode):
        return next((each for each in node.value if each[0].value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def node_at(root: yaml.Node, path: KeyPath) -> yaml.Node | None:
    """What stands at a path; None where nothing does."""
    node: yaml.Node | None = root
    for part in path:
        found = _entry(node, part) if node else None
        node = found[1] if found else None
    return node


def _is_flow(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value in _EMPTY


def _rendered(path: KeyPath, tree: dict[str, Any], names: dict[KeyPath, str]) -> Iterator[str]:
    value = at(tree, *path)
    if isinstance(path[-1], int):
        yield from (line[2:] for line in item(lines(value, path, names)))
    else:
        yield from lines({path[-1]: value}, path[:-1], names)


def _with_another(text: str, parent: yaml.Node, path: KeyPath, new: list[str]) -> str:
    if len(path) == 1:
        return _joined(text, new)
    if isinstance(parent, yaml.MappingNode):
        column = parent.value[0][0].start_mark.column
        new = [line for line in new if not line.startswith("#")]
    else:
        column = parent.start_mark.column
    end = _line_end(text, _end(text, parent))
    return f"{text[:end]}\n{' ' * column}{_indented(new, column)}{text[end:]}"


def _joined(text: str, new: list[str]) -> str:
    before = text.rstrip("\n")
    return "\n".join([before, "", *new, ""] if before else [*new, ""])


def _indented(new: list[str], column: int) -> str:
    return f"\n{' ' * column}".join(new)


def _end(text: str, node: yaml.Node) -> int:
    """Where a value ends; what PyYAML counts to a block reaches to the next key."""
    if isinstance(node, yaml.CollectionNode) and node.value and not _is_flow(node):
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    return max(node.start_mark.index, len(text[: node.end_mark.index].rstrip()))


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end
