"""A configuration as it may be shown: with no secret in it, however it is written."""

import re
from collections.abc import Iterator

import yaml
from pydantic import SecretStr

from bridge.config import KEYS, KeyPath
from bridge.config.keys import kinds
from bridge.setup.layout import Layout, Span, secret_named
from bridge.setup.rendering import is_secret

HIDDEN = "********"

_KEYS = {str(path[-1]) for path, info in KEYS.items() if SecretStr in kinds(info.annotation)}
_COMMENTED_OUT = re.compile(
    rf"(#[^\r\n]*?\b(?:{'|'.join(sorted(_KEYS))})[\"']?\s*:[ \t]*)(?![\"']?!secret\s)(?=[^\s,}}\]])[^\r\n]*",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"#[^\r\n]*")
_TELLING = 4  # characters of a secret that no other word has by chance
_REST = re.compile(r"[ \t]+#[^\r\n]*")  # of an unquoted one, perhaps: its owner may have meant it so


def hidden(text: str) -> str:
    """A text of YAML without secrets, but with their names.

    Raises:
        yaml.YAMLError: it is none.
    """
    layout = Layout(text.removeprefix("\ufeff"))
    stands = {(alias.start_mark.index, alias.end_mark.index): meant for alias, meant in layout.aliases}
    text, instead, told = layout.text, dict[Span, str](), set[str]()
    for node in _secrets(layout.root, ()):
        meant = stands.get((node.start_mark.index, node.end_mark.index), node)
        begin, end = meant.start_mark.index, layout.end(meant)
        if secret_named(meant) or layout.is_empty(meant):
            continue
        rest = _REST.match(text, end) if isinstance(meant, yaml.ScalarNode) and not meant.style else None
        instead[Span(begin, rest.end() if rest else end)] = f'{layout.anchor(meant)}"{HIDDEN}"'
        told |= {str(meant.value).strip()} if isinstance(meant, yaml.ScalarNode) else set()
    within = {one for one in instead for other in instead if one != other and _holds(other, one)}
    for begin, end in sorted(instead.keys() - within, reverse=True):
        text = text[:begin] + instead[Span(begin, end)] + text[end:]
    telling = sorted((each for each in told if len(each) >= _TELLING), key=len, reverse=True)
    if telling:
        same = re.compile("|".join(map(re.escape, telling)))
        text = _COMMENT.sub(lambda comment: same.sub(HIDDEN, comment[0]), text)
    return _COMMENTED_OUT.sub(rf"\g<1>{HIDDEN}", text)


def _holds(one: Span, other: Span) -> bool:
    return one.begin <= other.begin and other.end <= one.end


def _secrets(node: yaml.Node | None, path: KeyPath) -> Iterator[yaml.Node]:
    if node is not None and is_secret(path):
        yield node
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _secrets(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for place, each in enumerate(node.value):
            yield from _secrets(each, (*path, place))
