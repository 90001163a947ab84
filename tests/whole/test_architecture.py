"""The page about the house shows it as it is, and the tests lie in the same house."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.rooms import PAGE, arrows, page

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))


def test_the_drawing_is_that_of_the_imports() -> None:
    text = PAGE.read_text("utf-8")
    assert text == page(text), "run `make rooms`"


def test_every_room_is_on_the_page_and_says_what_it_is_for() -> None:
    text = PAGE.read_text("utf-8")
    for room in arrows():
        assert f"| `{room}` | " in text


def imported(file: Path) -> Iterator[str]:
    """Every module or name that a file imports, in full."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def test_nobody_imports_a_test_module() -> None:
    found = [(str(file.relative_to(TESTS)), name) for file in FILES for name in imported(file)]
    assert ("conftest.py", "tests.rig.world.World") in found
    assert [(file, name) for file, name in found if ".test_" in f".{name}"] == []


def test_every_test_lies_in_a_room_of_the_house_under_a_name_of_its_own() -> None:
    tests = [file for file in FILES if file.name.startswith("test_")]
    assert len(tests) > 50
    assert {file.parent.name for file in tests} <= arrows().keys() | {"whole", "rig"}
    assert len({file.name for file in tests}) == len(tests)
