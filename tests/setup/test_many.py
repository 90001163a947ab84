"""Five hundred meters, of an energy service provider say, are changed as fast as two."""

from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import pytest

from bridge.config.doubts import check_digit_fits
from bridge.setup.interview import Interview
from bridge.setup.place import Place
from bridge.setup.sections import section
from bridge.setup.sign_ins import SignIns
from tests.rig.interviews import answers_of

MANY = 500


def ean(number: int) -> str:
    return next(each for digit in range(10) if check_digit_fits(each := f"5414488200{number:07}{digit}"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    meters = "".join(
        f'  # number {number}\n  - name: meter {number}\n    ean: "{ean(number)}"\n    source: file\n'
        for number in range(MANY)
    )
    file = tmp_path / "fluvius2mqtt.yaml"
    file.write_text(f"mqtt: {{host: localhost}}\nimport_dir: import\nmeters:\n{meters}", "utf-8")
    return Place(file, {})


def names(place: Place) -> Interview:
    return Interview("names", place, section("names", place, "en", SignIns(lambda: datetime.now(UTC))))


def test_many_names_are_asked_for_looked_at_and_written_without_a_wait(place: Place) -> None:
    begun = perf_counter()
    interview = names(place)
    given = answers_of(interview)
    interview.answer(given | {f"meters[{number}].name": f"house {number}" for number in range(0, MANY, 2)})
    assert interview.step() is None
    (text,) = interview.texts().values()
    assert perf_counter() - begun < 10  # it was a minute and a half
    before = place.file.read_text("utf-8").splitlines()
    lines = [line for line in text.splitlines() if line not in before]
    assert lines == [f'  - name: "house {number}"' for number in range(0, MANY, 2)]


def test_meters_beside_each_other_go_with_their_comments(place: Place) -> None:
    begun = perf_counter()
    interview = Interview("meters", place, lambda _: iter(()))
    del interview.answers.tree["meters"][1:-1]
    (text,) = interview.texts().values()
    assert perf_counter() - begun < 10
    assert [line.strip() for line in text.splitlines() if "#" in line] == [
        "# number 0",
        f"# number {MANY - 1}",
    ]


def test_names_are_given_to_many_that_have_none(place: Place) -> None:
    nameless = place.file.read_text("utf-8").replace("name: meter", "serial: 1SAG1100")
    place.file.write_text(nameless, "utf-8")
    interview = names(place)
    interview.answer(answers_of(interview))
    begun = perf_counter()
    (text,) = interview.texts().values()
    assert perf_counter() - begun < 10
    assert text.count("    name: ") == MANY


def test_of_many_answers_each_mistake_is_said_beside_its_own(place: Place) -> None:
    interview = names(place)
    given = answers_of(interview)
    interview.answer(given | {"meters[3].name": "bridge", "meters[7].name": "meter 8", "meters[9].name": ""})
    step = interview.step()
    assert step
    problems = {each.question.key: each.problem for each in interview.asked(step) if each.problem}
    assert problems.keys() == {"meters[3].name", "meters[8].name"}, problems
