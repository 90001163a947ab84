"""Every text that the program can say to a person, in one list: `python -m tests.rig.messages` prints it.

A text is whatever stands in the code with a space in it, but for docstrings and what goes to machines: SQL,
formats, patterns. A value in it is shown as `…`.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

BRIDGE = Path(__file__).parents[2] / "bridge"
_FOR_MACHINES = re.compile(r"\s*(-- |[A-Z_]{3,} |AND |OR |ON |<|\{%|\{\{|\(\?)")


@cache  # half a second
def messages() -> tuple[tuple[str, int, str], ...]:
    """The file below `bridge`, the line, and the text, as often as it is there."""
    return tuple(_messages())


def _messages() -> Iterator[tuple[str, int, str]]:
    for file in sorted(BRIDGE.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        mute = set(_mute(tree))
        for node in ast.walk(tree):
            if node in mute or not isinstance(node, ast.Constant | ast.JoinedStr):
                continue
            text = _text(node)
            if re.search(r"[A-Za-z]{2}\S* \S", text) and not _FOR_MACHINES.match(text):
                yield str(file.relative_to(BRIDGE)), node.lineno, text


def _mute(tree: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, and the parts of texts that are listed as a whole."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield from node.values


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)


if __name__ == "__main__":
    for place, line, text in messages():
        sys.stdout.write(f"{place}:{line}: {text!r}\n")
