"""The blueprint that warns before a new monthly peak: its shape, and that it refers to what there is.

What Home Assistant makes of it is tried by `make interop`.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FILE = Path(__file__).parents[2] / "blueprints" / "automation" / "fluvius2mqtt" / "peak.yaml"


class Input(str):
    """The name of an input, where its value will stand."""

    __slots__ = ()


class _Loader(yaml.SafeLoader):
    """YAML as Home Assistant reads it."""


def _input(loader: yaml.SafeLoader, node: yaml.Node) -> Input:
    assert isinstance(node, yaml.ScalarNode)
    return Input(loader.construct_scalar(node))


_Loader.add_constructor("!input", _input)


@pytest.fixture
def blueprint() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(FILE.read_text("utf-8"), _Loader)
    return found


def inputs_in(tree: Any) -> set[str]:
    """The inputs that a tree refers to."""
    if isinstance(tree, Input):
        return {str(tree)}
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return set().union(*map(inputs_in, children))


def templates_in(tree: Any) -> list[str]:
    if isinstance(tree, str):
        return [tree] if "{{" in tree else []
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [template for child in children for template in templates_in(child)]


def test_it_is_an_automation_with_a_name_and_inputs_to_choose(blueprint: dict[str, Any]) -> None:
    head = blueprint["blueprint"]
    assert (head["domain"], bool(head["name"]), bool(head["description"])) == ("automation", True, True)
    assert head["source_url"].endswith(FILE.relative_to(FILE.parents[3]).as_posix())
    assert re.fullmatch(r"\d{4}\.\d+\.\d+", head["homeassistant"]["min_version"])
    for each in head["input"].values():
        assert each["name"]
        assert len(each["selector"]) == 1
        assert next(iter(each["selector"])) in {"entity", "number", "action"}


def test_every_input_is_used_and_every_one_used_is_there(blueprint: dict[str, Any]) -> None:
    named = set(blueprint.pop("blueprint")["input"])
    assert inputs_in(blueprint) == named == {"mean", "threshold", "margin", "warning"}


def test_it_has_what_an_automation_has_and_nothing_else(blueprint: dict[str, Any]) -> None:
    assert set(blueprint) == {
        "blueprint", "mode", "max_exceeded", "variables", "triggers", "conditions", "actions",
    }  # fmt: skip
    [trigger] = blueprint["triggers"]
    assert (trigger["trigger"], str(trigger["entity_id"])) == ("state", "mean")
    assert {condition["condition"] for condition in blueprint["conditions"]} == {"template"}


def test_a_warning_says_only_what_the_automation_knows(blueprint: dict[str, Any]) -> None:
    known = set(blueprint["variables"])
    [action] = blueprint["blueprint"]["input"]["warning"]["default"]
    said = set(re.findall(r"\b[a-z]+_kw\b", " ".join(templates_in(action))))
    assert said == {"mean_kw", "threshold_kw"} <= known


def test_whatever_a_p1_reader_counts_in_becomes_kilowatts(blueprint: dict[str, Any]) -> None:
    # energy of a quarter-hour is a fourth of its mean power
    assert blueprint["variables"]["factors"] == {"W": 0.001, "kW": 1, "Wh": 0.004, "kWh": 4}
