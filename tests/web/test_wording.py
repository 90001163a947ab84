"""All that the set-up asks is asked on the page in the visitor's language."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.config import MqttSettings
from bridge.setup.answers import Answers
from bridge.setup.place import Place
from bridge.setup.questions import Question, Step
from bridge.setup.sections import SECTIONS, section
from bridge.setup.sign_ins import SignIns
from bridge.setup.steps import steps
from bridge.web.wording import title, told
from tests.rig.world import GAS, HOME

SIGN_INS = SignIns(lambda: datetime.now(UTC))
CHOSEN = {"statistics": "yes", "more 1": "yes", "more 2": "no"}


def texts(folder: Path, nearby: list[MqttSettings], **chosen: str) -> Iterator[str]:
    """What is asked of somebody who answers like this."""
    answers = Answers(folder / "fluvius2mqtt.yaml", {})
    answers.tree = {"mqtt": {"host": "localhost", "username": "me"}}
    for step in steps(answers, nearby, {}, SIGN_INS):
        yield from of_step(step)
        for question in step.questions(answers):
            yield from of_question(question)
            text = chosen.get(question.key) or CHOSEN.get(question.key) or question.default
            question.take(answers, text)
        if step.name in ("files", "meter 2"):
            answers.tree["meters"] = [HOME, GAS]
        elif step.name == "meter 1":
            answers.tree["meters"] = [HOME]


def of_step(step: Step) -> Iterator[str]:
    yield from filter(None, (step.title, step.words, step.trying))


def of_question(question: Question) -> Iterator[str]:
    yield from filter(None, (question.words, question.hint))
    if question.key != "language":  # each is called as it calls itself
        yield from filter(None, [*question.choices, *question.choices.values()])


@pytest.mark.parametrize("source", ["account", "files"])
@pytest.mark.parametrize("prices", ["later", "all-in", "parts"])
@pytest.mark.parametrize("nearby", [[], [MqttSettings(host="broker")]])
def test_no_question_of_the_first_start_stays_as_it_is_in_a_terminal(
    tmp_path: Path, source: str, prices: str, nearby: list[MqttSettings]
) -> None:
    asked = set(texts(tmp_path, nearby, source=source, prices=prices))
    assert {text for text in asked if told("en", text) is None} == set()
    assert not [text for text in asked if "Press Enter" in str(told("en", text))]


@pytest.mark.parametrize("name", SECTIONS)
def test_nor_one_of_the_settings(tmp_path: Path, name: str) -> None:
    place = Place(tmp_path / "fluvius2mqtt.yaml", {})
    answers = place.answers()
    answers.asides |= {"statistics": "yes", "prices.electricity": "parts", "prices.gas": "all-in"}
    answers.tree["meters"] = [HOME, GAS]
    asked: list[str] = []
    for step in section(name, place, "en", SIGN_INS)(answers):
        assert title("nl", step)
        asked += of_step(step)
        for question in step.questions(answers):
            asked += of_question(question)
            question.take(answers, question.default)
    assert [text for text in asked if told("en", text) is None] == []
