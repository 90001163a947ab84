"""Files to values: YAML in which every value means what is written."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from bridge.config.errors import ConfigError


class Hidden(str):
    """A value that its owner put into a file of its own: no message shows it."""

    __slots__ = ()


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
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is no word", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem="the same key twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return {key.value: self.construct_object(value) for key, value in node.value}

    def from_secrets(self, node: yaml.ScalarNode) -> str:
        """`!secret name`."""
        return self.secret(str(self.construct_scalar(node)))

    def unknown(self, node: yaml.Node) -> None:
        """A value such as `!hunter2`: the message must not show it."""
        raise yaml.MarkedYAMLError(problem="a value begins with !", problem_mark=node.start_mark)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile("(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
_CONSTRUCTORS: dict[str | None, Callable[..., Any]] = {
    "tag:yaml.org,2002:null": lambda *_: None,
    "tag:yaml.org,2002:str": _Loader.construct_scalar,
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
    try:
        return _Loader(text, secret).get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        quoted = re.compile("'[^']*'")  # a character, or a word that may be a secret
        problem = quoted.sub(lambda found: found[0] if len(found[0]) <= 3 else "a word", error.problem or "")
        reason = f"{place}{problem}; put quotes around values with special characters such as * ! % : #"
    except yaml.YAMLError:
        reason = "holds characters that cannot be seen"
    except RecursionError:
        reason = "is nested too deeply"
    raise ConfigError(reason)


def read(path: Path) -> str:
    """A file's text.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except ValueError:
        reason = "is no UTF-8 text"
    raise ConfigError(reason)
