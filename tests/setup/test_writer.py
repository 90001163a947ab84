"""What was answered is what is written, whatever is in it."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.config import ConfigError, load
from bridge.setup.answers import Answers
from bridge.setup.rendering import COMMENTS
from bridge.setup.writer import write
from tests.rig.world import SHED

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


def answered(folder: Path, password: str = "secret", name: str = "home") -> Answers:
    answers = Answers(folder / "fluvius2mqtt.yaml", {})
    answers.tree = {
        "fluvius": {"portal": {"email": "me@home.be", "password": password}},
        "meters": [{**SHED, "name": name}],
    }
    return answers


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
@example("\u00a0#")  # looks like a space, and is meant
@example("it's: \u00a0\u00a0")
def test_a_password_is_kept_to_the_letter(tmp_path_factory: pytest.TempPathFactory, password: str) -> None:
    folder = tmp_path_factory.mktemp("written")
    write(answered(folder, password))
    portal = load(folder / "fluvius2mqtt.yaml", {}).fluvius.portal
    assert portal
    assert portal.password
    assert portal.password.get_secret_value() == password


@pytest.mark.parametrize("name", ["Mémé's huis", "null 1", "yes", "# 1", "0123", "a: b", '"x"'])
def test_a_name_means_what_was_typed(tmp_path: Path, name: str) -> None:
    write(answered(tmp_path, name=name))
    assert load(tmp_path / "fluvius2mqtt.yaml", {}).meters[0].name == name


def test_what_stands_in_secrets_stays_and_another_ones_name_is_not_taken(tmp_path: Path) -> None:
    before = "# of Home Assistant\nfluvius: another\nmqtt: theirs"
    (tmp_path / "secrets.yaml").write_text(before, "utf-8")
    write(answered(tmp_path))
    assert (tmp_path / "secrets.yaml").read_text("utf-8") == f'{before}\nfluvius_2: "secret"\n'
    write(answered(tmp_path))  # which is known by now
    assert (tmp_path / "secrets.yaml").read_text("utf-8").count("secret") == 1


@pytest.mark.parametrize("odd", ["- a list\n", "a: b\n---\nc: d\n", "a: [\n"])
def test_secrets_to_which_nothing_can_be_added_stay_and_nothing_is_written(tmp_path: Path, odd: str) -> None:
    (tmp_path / "secrets.yaml").write_text(odd, "utf-8")
    with pytest.raises(ConfigError, match=r"secrets\.yaml"):
        write(answered(tmp_path))
    assert (tmp_path / "secrets.yaml").read_text("utf-8") == odd
    assert not (tmp_path / "fluvius2mqtt.yaml").exists()


def test_the_comments_are_those_of_the_example() -> None:
    words = " ".join(re.sub(r"^\s*#", "", line).strip() for line in EXAMPLE.read_text("utf-8").splitlines())
    assert [each for each in COMMENTS.values() if each not in words] == []
