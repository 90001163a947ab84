"""Where everything stands in a text of YAML, comments included. Places are counted in characters.

PyYAML says where values begin and end; what it counts to a block reaches to the next key. Comments that stand
directly above an entry of a list are its own, and so are those behind a value that stand further in.
"""

import re
from collections.abc import Iterator
from copy import copy
from functools import cached_property, lru_cache
from typing import NamedTuple

import yaml

from bridge.config import KeyPath

_EMPTY = ("", "~", "null", "Null", "NULL")
_BREAK = re.compile(r"\r\n|\n|\r")
_REMARK = re.compile(r"(?P<indent>[ \t]*)(?P<comment>#[^\r\n]*)?(?:\r\n|\n|\r|\Z)")
_DASH = re.compile(r"^[ ]*-(?=\s|\Z)", re.MULTILINE)
_DOCUMENT_END = re.compile(r"^\.\.\.(?=\s|\Z)", re.MULTILINE)
_PROPERTIES = re.compile(r"(?:!\S*\s+)?(&[^\s,\[\]{}]+)")


class Span(NamedTuple):
    """From a character to the one behind the last."""

    begin: int
    end: int


class _Composer(yaml.BaseLoader):
    """In which an alias stands where it stands, and not where its meaning does."""

    aliases: list[tuple[yaml.Node, yaml.Node]]

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event | None = self.peek_event() if self.check_event(yaml.AliasEvent) else None  # type: ignore[no-untyped-call]
        meant = super().compose_node(parent, index)
        if meant is None or event is None:
            return meant
        node = copy(meant)
        node.start_mark, node.end_mark = event.start_mark, event.end_mark
        self.aliases.append((node, meant))
        return node


def secret_named(node: yaml.Node | None) -> str | None:
    """The name of the secret that a value stands for: `!secret name`, in quotes too."""
    if not isinstance(node, yaml.ScalarNode):
        return None
    if node.tag == "!secret":
        return str(node.value)
    found = re.fullmatch(r"!secret +(\S+)", node.value) if node.style else None
    return found[1] if found else None


@lru_cache(maxsize=1)
def laid_out(text: str) -> "Layout":
    """Of a text that is looked at once for each of many changes; not to be changed itself.

    Raises:
        yaml.YAMLError: it is none.
    """
    return Layout(text)


class Layout:
    """Of a text.

    Raises:
        yaml.YAMLError: it is none.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.aliases: list[tuple[yaml.Node, yaml.Node]] = []  # and what they stand for
        loader = _Composer(text)
        loader.aliases = self.aliases
        self.root = loader.get_single_node()
        self._spans: dict[int, list[Span]] = {}  # by node
        found = _BREAK.search(text)
        self.line_end = found[0] if found else "\n"

    @cached_property
    def end_of_document(self) -> int:
        """Where another key goes."""
        found = _DOCUMENT_END.search(self.text)
        return found.start() if found else len(self.text)

    def at(self, path: KeyPath) -> yaml.Node | None:
        """What stands at a path; None where nothing does."""
        node = self.root
        for part in path:
            found = self.entry(node, part)
            node = found[1] if found else None
        return node

    def entry(self, node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
        """A key and its value; of a list, its entry twice."""
        if isinstance(node, yaml.MappingNode):
            return next((each for each in node.value if each[0].value == part), None)
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            return node.value[part], node.value[part]
        return None

    def values(self) -> Iterator[yaml.Node]:
        """All that are neither keys nor lists."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if isinstance(node, yaml.MappingNode):
                waiting += [value for _, value in node.value]
            elif isinstance(node, yaml.SequenceNode):
                waiting += node.value
            elif node is not None:
                yield node

    def reachable(self, path: KeyPath) -> KeyPath:
        """As much of a path as is there, and one part more."""
        node = self.root
        for depth, part in enumerate(path):
            found = self.entry(node, part)
            if found is None or not self.is_open(found[1]):
                return path[: depth + 1]
            node = found[1]
        return path

    def is_open(self, node: yaml.Node) -> bool:
        """Whether what is in it can be changed there."""
        return isinstance(node, yaml.CollectionNode) and bool(node.value) and not self.is_alias(node)

    def is_alias(self, node: yaml.Node) -> bool:
        """Whether it stands for what is elsewhere."""
        return self.text.startswith("*", node.start_mark.index)

    def is_empty(self, node: yaml.Node) -> bool:
        """Whether it stands for nothing."""
        if isinstance(node, yaml.ScalarNode):
            return node.style is None and node.value in _EMPTY
        return not node.value

    def is_block(self, node: yaml.Node) -> bool:
        """Whether it has lines of its own, and no brackets."""
        return isinstance(node, yaml.CollectionNode) and not node.flow_style and not self.is_alias(node)

    def anchor(self, node: yaml.Node) -> str:
        """Its name for aliases, with a space behind it; empty without one."""
        found = _PROPERTIES.match(self.text, node.start_mark.index)
        return f"{found[1]} " if found else ""

    def end(self, node: yaml.Node) -> int:
        """Where a value ends, comments not included."""
        if self.is_block(node) and node.value:
            last = node.value[-1]
            return self.end(last[1] if isinstance(last, tuple) else last)
        return max(node.start_mark.index, len(self.text[: node.end_mark.index].rstrip()))

    def column(self, node: yaml.Node) -> int:
        """Of the keys of a block, or of its dashes."""
        if isinstance(node, yaml.MappingNode):
            return int(node.value[0][0].start_mark.column)
        dash = self._dashes(node)[0]
        return dash - self.line(dash)

    def line(self, place: int) -> int:
        """Where the line begins in which a place is."""
        return max(self.text.rfind("\n", 0, place), self.text.rfind("\r", 0, place)) + 1

    def next_line(self, place: int) -> int:
        """Where the line after it begins."""
        found = _BREAK.search(self.text, place)
        return found.end() if found else len(self.text)

    def end_of_block(self, end: int, column: int) -> int:
        """The begin of the line behind a value that ends there, and behind the comments further in."""
        last = place = self.next_line(end)
        while place < len(self.text) and (found := _REMARK.match(self.text, place)):
            place = found.end()
            if found["comment"]:
                if len(found["indent"]) <= column:
                    break
                last = place
        return last

    def begins_line(self, place: int) -> bool:
        """Whether there is nothing before it on its line."""
        return not self.text[self.line(place) : place].strip()

    def spans(self, node: yaml.Node) -> list[Span]:
        """The entries of a list: of a block, whole lines with the comments that belong to them.

        What is in brackets may have keys too.
        """
        if id(node) not in self._spans:
            self._spans[id(node)] = self._spans_of(node)
        return self._spans[id(node)]

    def _spans_of(self, node: yaml.Node) -> list[Span]:
        if not self.is_block(node):
            pairs = [each if isinstance(each, tuple) else (each, each) for each in node.value]
            return [
                Span(key.start_mark.index, max(key.end_mark.index, self.end(value))) for key, value in pairs
            ]
        column, end, spans = self.column(node), 0, list[Span]()
        for dash, each in zip(self._dashes(node), node.value, strict=True):
            begin = self._first_comment(self.line(dash), end, column)
            if spans:
                spans[-1] = Span(spans[-1].begin, min(spans[-1].end, begin))
            end = self.next_line(self.end(each))
            spans.append(Span(begin, self.end_of_block(self.end(each), column)))
        return spans

    def _dashes(self, node: yaml.Node) -> list[int]:
        dashes, place = [], self.line(node.start_mark.index)
        for each in node.value:
            found = _DASH.search(self.text, place)
            place = found.end() if found else each.start_mark.index
            dashes.append(place - 1)
            place = max(place, self.end(each))
        return dashes

    def _first_comment(self, line: int, lowest: int, column: int) -> int:
        """Of those directly above a line; those further in are what is above's, if they stand close to it."""
        above = self._comments_above(line, lowest)
        if lowest and above and above[-1] == lowest:
            own = [place for place in above if self._indent(place) <= column]
            further_in = [place for place in above if self._indent(place) > column]
            return min((place for place in own if place > max(further_in, default=-1)), default=line)
        return above[-1] if above else line

    def _comments_above(self, line: int, lowest: int) -> list[int]:
        found = []
        while line > lowest:
            line = self.line(line - 1) if not self.text.endswith("\r\n", 0, line) else self.line(line - 2)
            remark = _REMARK.match(self.text, line)
            if line < lowest or not remark or not remark["comment"]:
                break
            found.append(line)
        return found

    def _indent(self, place: int) -> int:
        found = _REMARK.match(self.text, place)
        return len(found["indent"]) if found else 0
