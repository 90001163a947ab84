"""Files to values: YAML in which every value means what is written."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from bridge.config import slips
from bridge.config.errors import ConfigError
from bridge.config.paths import word_of


class Hidden(str):
    """A value that its owner put into a file of its own: no message shows it."""

    __slots__ = ()


_TEXT = "tag:yaml.org,2002:str"


class Unreadable(Hidden):
    """Stands for a value that could not be read; the mistake is on the list already."""

    __slots__ = ()


class _Loader(yaml.BaseLoader):
    """YAML in which every plain value is text, null aside, and means what is written.

    So 06:15 is not 375, 0123 stays a password and an EAN keeps its digits; pydantic makes the numbers.
    """

    def __init__(self, text: str, secret: Callable[[str], str]) -> None:
        super().__init__(text)
        self.secret = secret

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        """Keys are words, and each is there once."""
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Slip(key, "a list or a group of keys is where a key should be")
            if key.value in seen:
                first = seen[key.value]
                raise _Slip(key, f"{word_of(key.value)} is already on line {first}; keep one of the two")
            seen[key.value] = key.start_mark.line + 1
        return {key.value: self.construct_object(value) for key, value in node.value}

    def text(self, node: yaml.ScalarNode) -> str:
        """A word; `"!secret name"` in quotes too, as forms and JSON write it."""
        value = str(self.construct_scalar(node))
        return named_secret(value, self.secret) if node.style else value

    def from_secrets(self, node: yaml.ScalarNode) -> str:
        """`!secret name`."""
        name = str(self.construct_scalar(node))
        if not name:
            raise _Slip(node, "a name is missing after !secret; write one from secrets.yaml")
        return self.secret(name)

    def unknown(self, node: yaml.Node) -> None:
        """A value such as `!hunter2`: the message must not show it."""
        raise _Slip(node, "a value begins with !; put quotes around it")


class _Slip(Exception):
    """YAML, and yet none of ours."""

    def __init__(self, node: yaml.Node, words: str) -> None:
        super().__init__(words)
        self.line = node.start_mark.line


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile("(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
_CONSTRUCTORS: dict[str | None, Callable[..., Any]] = {
    "tag:yaml.org,2002:null": lambda *_: None,
    _TEXT: _Loader.text,
    "tag:yaml.org,2002:seq": _Loader.construct_sequence,
    "tag:yaml.org,2002:map": _Loader.mapping,
    "!secret": _Loader.from_secrets,
    None: _Loader.unknown,
}
for _tag, _constructor in _CONSTRUCTORS.items():
    _Loader.add_constructor(_tag, _constructor)


def parse(text: str, secret: Callable[[str], str]) -> Any:
    """The values in a YAML text.

    Args:
        text: the YAML.
        secret: gives the value of `!secret NAME`.

    Raises:
        ConfigError: it is no YAML; says where, and shows nothing that may be a secret.
    """
    reason = slips.unseen(text)
    if reason:
        raise ConfigError(reason)
    try:
        return _Loader(text, secret).get_single_data()
    except _Slip as slip:
        reason = f"line {slip.line + 1}: {slip}"
    except yaml.MarkedYAMLError as error:
        reason = slips.in_words(text, error)
    except yaml.YAMLError:
        reason = "contains invisible characters"
    except RecursionError:
        reason = "is nested too deeply"
    raise ConfigError(reason)


def named_secret(value: str, secret: Callable[[str], str]) -> str:
    """A value; where it is `!secret NAME` as text, what that stands for."""
    found = re.fullmatch(r"!secret +(\S+)", value)
    return secret(found[1]) if found else value


def cut_short(text: str) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Plain values behind which a comment begins, where it may have been meant as their end.

    Args:
        text: YAML that `parse` takes.

    Yields:
        the path of each, and its line.
    """
    yield from _cut_short(yaml.compose(text, _Unresolved), text.split("\n"), ())


class _Unresolved(yaml.BaseLoader):
    """For the places of values alone."""


def _cut_short(
    node: yaml.Node | None, lines: list[str], path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _cut_short(value, lines, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield from _cut_short(value, lines, (*path, place))
    elif isinstance(node, yaml.ScalarNode) and node.style is None and node.tag == _TEXT:
        line = node.end_mark.line
        if node.value and re.match(r"\s+#", lines[line][node.end_mark.column :]):
            yield path, line + 1


def read(path: Path) -> str:
    """A file's text, without a byte order mark, and with one kind of line end.

    Raises:
        ConfigError: it cannot be read.
    """
    return verbatim(path).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def verbatim(path: Path) -> str:
    """A file's text to the letter.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_bytes().decode()
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except ValueError:
        reason = "is not UTF-8 text"
    raise ConfigError(reason)
