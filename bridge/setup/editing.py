"""A text of YAML in which some keys are changed: the rest keeps every letter, comments too.

PyYAML says where everything stands. A library that reads and writes YAML hangs what stands between two keys
on the first of them, and so loses the heading of a section when the end of the one before changes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from bridge.config import KeyPath
from bridge.config.keys import at
from bridge.setup.layout import Layout, Span, laid_out
from bridge.setup.rendering import in_brackets, item, lines, quoted

_REST = re.compile(r"[ \t]*(?P<comma>,?)[ \t]*(?:#[^\r\n]*)?\s*")  # of the line of an entry in brackets

Names = Mapping[KeyPath, str]  # of secrets, by the paths at which they stand


class Wanted(NamedTuple):
    """What shall stand in a text."""

    tree: dict[str, Any]  # all keys
    names: Names


def with_value(text: str, path: KeyPath, wanted: Wanted, *, is_new: bool = False) -> str:
    """The text in which the value at a path is what it shall be.

    Args:
        text: YAML that can be read.
        path: of a key, or of a place in a list.
        wanted: all keys as they shall be.
        is_new: an entry of a list, before the one that stands there.
    """
    layout = _begun(text)
    if layout.root is None:
        return _at_the_end(layout, _section(path[0], wanted))
    reached = path if is_new else layout.reachable(path)
    parent = layout.at(reached[:-1])
    if parent is None:
        return text
    entry = layout.entry(parent, reached[-1])
    if entry is None or is_new:
        return _with_another(layout, parent, reached, wanted)
    return _replaced(layout, parent, entry, reached, wanted)


def with_secret(text: str, name: str, value: str) -> str:
    """A text of names and values with another one, or with another value."""
    layout = _begun(text)
    if layout.root is not None:
        if found := layout.entry(layout.root, name):
            return _on_its_line(layout, *found, quoted(value))
        if not layout.is_block(layout.root):
            return _in_brackets(layout, layout.root, len(layout.root.value), f"{name}: {quoted(value)}")
    return _at_the_end(layout, [f"{name}: {quoted(value)}"], apart=False)


def without(text: str, path: KeyPath) -> str:
    """The text without a key, or a place in a list; without what holds it, where it is the only one."""
    layout = laid_out(text)
    parent = layout.at(path[:-1])
    found = layout.entry(parent, path[-1])
    if parent is None or found is None:
        return text
    if len(path) > 1 and len(parent.value) == 1:
        return without(text, path[:-1])
    key, value = found
    if not layout.is_block(parent):
        return _cut(layout, *_with_its_comma(layout, parent, path[-1]))
    if isinstance(parent, yaml.SequenceNode):
        return _cut(layout, *layout.spans(parent)[int(path[-1])])
    end = layout.end_of_block(layout.end(value), key.start_mark.column)
    if layout.begins_line(key.start_mark.index):
        return _cut(layout, layout.line(key.start_mark.index), end)
    end += len(text[end:]) - len(text[end:].lstrip())  # the dash before it stays
    return _cut(layout, key.start_mark.index, end)


def in_order(text: str, path: KeyPath, order: Sequence[int]) -> str:
    """The text with the entries of a list in another order.

    Args:
        text: YAML that can be read.
        path: of the list.
        order: which entry comes first, which second, and so on.
    """
    layout = Layout(text)
    node = layout.at(path)
    if node is None:
        return text
    spans = layout.spans(node)
    entries = [text[begin:end] for begin, end in spans]
    if layout.is_block(node):
        entries = [each if each.endswith(("\n", "\r")) else each + layout.line_end for each in entries]
    for (begin, end), entry in reversed(list(zip(spans, (entries[place] for place in order), strict=True))):
        text = text[:begin] + entry + text[end:]
    return text


def _begun(text: str) -> Layout:
    """A text without what stands for nothing in it: { }, for one."""
    layout = laid_out(text)
    if layout.root is None or layout.is_open(layout.root):
        return layout
    layout = Layout(text[: layout.root.start_mark.index] + text[layout.end(layout.root) :])
    layout.root = None
    return layout


def _replaced(
    layout: Layout, parent: yaml.Node, entry: tuple[yaml.Node, yaml.Node], path: KeyPath, wanted: Wanted
) -> str:
    (key, value), new = entry, at(wanted.tree, *path)
    stays_flow = isinstance(value, yaml.CollectionNode) and value.flow_style and layout.is_open(value)
    if not _has_keys(new) or stays_flow or not layout.is_block(parent):
        return _on_its_line(layout, key, value, in_brackets(new, path, wanted.names))
    text, begin, end = layout.text, value.start_mark.index, layout.end(value)
    if key is value:
        column = key.start_mark.column if not layout.is_empty(value) else layout.column(parent) + 2
        space = " " * (begin == end)
        between = f"{layout.line_end}{' ' * column}"
        return text[:begin] + space + between.join(_plain(new, path, wanted.names)) + text[end:]
    first, last = layout.next_line(key.end_mark.index), layout.next_line(end)
    column = layout.column(value) if layout.is_block(value) else key.start_mark.column + 2
    head = text[:first]
    if begin < first:
        head = f"{text[:begin].rstrip()} {layout.anchor(value)}".rstrip() + text[end:last]
    return _with_lines(layout, head, _plain(new, path, wanted.names), column) + text[last:]


def _on_its_line(layout: Layout, key: yaml.Node, value: yaml.Node, new: str) -> str:
    """Behind the key, where a comment may follow."""
    text, begin, end = layout.text, value.start_mark.index, layout.end(value)
    new = layout.anchor(value) + new
    first = layout.next_line(key.end_mark.index)
    if layout.is_block(value) and begin >= first and key is not value:
        colon = text.index(":", key.end_mark.index) + 1
        return f"{text[:colon]} {new}{text[colon:first]}{text[layout.next_line(end) :]}"
    return text[:begin] + " " * (begin == end) + new + text[end:]


def _with_another(layout: Layout, parent: yaml.Node, path: KeyPath, wanted: Wanted) -> str:
    new, part = at(wanted.tree, *path), path[-1]
    if not layout.is_block(parent):
        if isinstance(part, int):
            return _in_brackets(layout, parent, part, in_brackets(new, path, wanted.names))
        inline = in_brackets({part: new}, path[:-1], wanted.names)
        return _in_brackets(layout, parent, len(parent.value), inline[1:-1])
    column = layout.column(parent)
    if len(path) == 1:
        return _at_the_end(layout, [" " * column + line for line in _section(part, wanted)])
    if isinstance(part, int):
        spans = layout.spans(parent)
        begin = spans[part].begin if part < len(spans) else spans[-1].end
        written = _entry(new, path, wanted.names)
    else:
        begin = layout.end_of_block(layout.end(parent), column)
        written = _plain({part: new}, path[:-1], wanted.names)
    return _with_lines(layout, layout.text[:begin], written, column) + layout.text[begin:]


def _in_brackets(layout: Layout, parent: yaml.Node, place: int, new: str) -> str:
    """Another entry within { } or [ ], on a line of its own where the one before has one."""
    text, spans = layout.text, layout.spans(parent)
    if not place:
        begin = spans[0].begin
        apart = layout.line_end + text[layout.line(begin) : begin] if layout.begins_line(begin) else " "
        return f"{text[:begin]}{new},{apart}{text[begin:]}"
    begin, end = spans[place - 1]
    last = layout.next_line(end)
    rest = _REST.fullmatch(text, end, last)
    if not (layout.begins_line(begin) and rest):
        return f"{text[:end]}, {new}{text[end:]}"
    mine = f"{text[layout.line(begin) : begin]}{new}{rest['comma']}{layout.line_end}"
    return f"{text[:end]}{'' if rest['comma'] else ','}{text[end:last]}{mine}{text[last:]}"


def _with_its_comma(layout: Layout, parent: yaml.Node, part: str | int) -> Span:
    """What goes with an entry within { } or [ ]: its comma, or its whole line."""
    spans = layout.spans(parent)
    place = part if isinstance(part, int) else [key.value for key, _ in parent.value].index(part)
    begin, end = spans[place]
    last = layout.next_line(end)
    if layout.begins_line(begin) and _REST.fullmatch(layout.text, end, last):
        return Span(layout.line(begin), last)
    if place:
        return Span(spans[place - 1].end, end)
    return Span(begin, spans[1].begin if len(spans) > 1 else end)


def _cut(layout: Layout, begin: int, end: int) -> str:
    """Without what is from there to there; what has a name in it gets it where it is used first."""
    text = layout.text
    first_use = {id(meant): (alias, meant) for alias, meant in reversed(layout.aliases)}
    for alias, meant in sorted(first_use.values(), key=lambda each: -each[0].start_mark.index):
        if begin <= meant.start_mark.index < end <= alias.start_mark.index:
            text = text[: alias.start_mark.index] + _as_it_is(layout, meant) + text[alias.end_mark.index :]
    return text[:begin] + text[end:]


def _as_it_is(layout: Layout, node: yaml.Node) -> str:
    """A value as it is written, its name too; of a block, in brackets."""
    if isinstance(node, yaml.ScalarNode) and not node.style and set(node.value) & set(",[]{}"):
        return layout.anchor(node) + quoted(node.value)
    if not layout.is_block(node):
        return layout.text[node.start_mark.index : layout.end(node)]
    if isinstance(node, yaml.SequenceNode):
        return f"{layout.anchor(node)}[{', '.join(_as_it_is(layout, each) for each in node.value)}]"
    pairs = (f"{_as_it_is(layout, key)}: {_as_it_is(layout, value)}" for key, value in node.value)
    return f"{layout.anchor(node)}{{{', '.join(pairs)}}}"


def _at_the_end(layout: Layout, new: list[str], *, apart: bool = True) -> str:
    """Behind all keys, perhaps behind an empty line."""
    before, after = layout.text[: layout.end_of_document], layout.text[layout.end_of_document :]
    if apart and before.strip("\ufeff\r\n"):
        before = before.rstrip("\r\n") + 2 * layout.line_end
    return _with_lines(layout, before, new, 0) + after


def _with_lines(layout: Layout, before: str, new: list[str], column: int) -> str:
    if before.strip("\ufeff") and not before.endswith(("\n", "\r")):
        before += layout.line_end
    return before + "".join(f"{' ' * column}{line}{layout.line_end}" for line in new)


def _section(key: str | int, wanted: Wanted) -> list[str]:
    return list(lines({str(key): at(wanted.tree, key)}, (), wanted.names))


def _plain(value: Any, path: KeyPath, names: Names) -> list[str]:
    """Lines without our own comments."""
    if isinstance(value, list):
        return [line for place, each in enumerate(value) for line in _entry(each, (*path, place), names)]
    return [line for line in lines(value, path, names) if not line.lstrip().startswith("#")]


def _entry(value: Any, path: KeyPath, names: Names) -> list[str]:
    written = _plain(value, path, names) if isinstance(value, dict) else [in_brackets(value, path, names)]
    return [line[2:] for line in item(written)]


def _has_keys(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, dict) for each in value)
    )
