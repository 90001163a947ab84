import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from bridge import IS_RELEASED, URL
from bridge.text.installing import how_to_get, this_program

PROJECT = Path(__file__).parents[2]
TEXTS = [
    *PROJECT.glob("*.md"),
    *PROJECT.glob("docs/*.md"),
    *PROJECT.glob("addon/*.md"),
    *PROJECT.glob("bridge/**/*.py"),
    PROJECT / "config.example.yaml",
]
BY_NAME = re.compile(r"pip install [^`\n]*?(?<![/.])fluvius2mqtt(?:\[|\b(?!/))")
EXTRAS = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_is_missing_is_brought_to_the_python_that_runs(extra: str) -> None:
    place, command = how_to_get(extra).split("run: ")
    python, *words, package = shlex.split(command)
    assert (python, words) == (sys.executable, ["-m", "pip", "install"])
    assert package == f".[{extra}]"
    assert URL in place


def test_after_the_release_its_name_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.text.installing.IS_RELEASED", True)
    assert how_to_get("web") == f"run: {sys.executable} -m pip install 'fluvius2mqtt[web]'"


@pytest.mark.parametrize(
    ("typed", "found", "named"),
    [
        (".venv/bin/fluvius2mqtt", None, ".venv/bin/fluvius2mqtt"),
        ("my bin/fluvius2mqtt", None, "'my bin/fluvius2mqtt'"),
        ("bin/fluvius2mqtt", "elsewhere", "bin/fluvius2mqtt"),
        ("bin/fluvius2mqtt", "bin", "fluvius2mqtt"),
        ("bridge/__main__.py", None, "fluvius2mqtt"),
    ],
)
def test_this_program_is_named_as_a_shell_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, found: str | None, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in {Path(typed).parent, Path("elsewhere")}:
        place.mkdir(parents=True)
        (place / "fluvius2mqtt").touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [typed, "demo"])
    monkeypatch.setenv("PATH", str(tmp_path / found) if found else "")
    assert this_program() == named


@pytest.mark.skipif(IS_RELEASED, reason="the image is there now")
def test_no_image_is_named_that_nobody_can_pull() -> None:
    pages = {*TEXTS, PROJECT / "compose.yaml", *PROJECT.glob("examples/*")}
    named = {each.name for each in pages if each.is_file() and "ghcr.io" in each.read_text("utf-8")}
    assert named <= {"releasing.md", "__init__.py"}  # which are about the day when it is there


@pytest.mark.skipif(IS_RELEASED, reason="the name works now")
def test_nothing_is_installed_by_a_name_that_nobody_has_yet() -> None:
    assert BY_NAME.search("run: pip install 'fluvius2mqtt[web]'")
    named = {str(text) for text in TEXTS if BY_NAME.search(text.read_text("utf-8"))}
    assert {Path(each).name for each in named} <= {"installing.py"}
