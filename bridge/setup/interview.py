"""A conversation about the configuration: answers until nothing is left to ask, and a look at what follows.

Nothing here knows where it is held. The page holds it, a step at a time.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from difflib import unified_diff
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir, mkdtemp

from bridge.config import ConfigError
from bridge.config.text import read
from bridge.setup.answers import Answers
from bridge.setup.changing import changed
from bridge.setup.hiding import HIDDEN, hidden
from bridge.setup.meters import files_named
from bridge.setup.place import Place
from bridge.setup.questions import Question, Step
from bridge.setup.tries import Found, Traces, data_dir_of
from bridge.setup.writer import anew, entries, put_in_place

_PREFIX = "fluvius2mqtt-asked-"
_LEFT_AFTER = timedelta(days=1)

Route = Callable[[Answers], Iterator[Step]]


class ChangedMeanwhile(ConfigError):
    """Somebody else changed the file since the first question."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, as it stands."""

    question: Question
    text: str  # what was answered, or is proposed
    is_kept: bool = False  # a secret, answered before
    problem: str = ""


class Interview:
    """May be used from any thread, one at a time.

    Args:
        subject: what it is about.
        place: where the configuration is, from which it sets out.
        route: the steps, each of which follows from the answers before it.

    Raises:
        ConfigError: what stands there cannot be read.
    """

    def __init__(self, subject: str, place: Place, route: Route) -> None:
        self.subject, self.place, self.answers = subject, place, place.answers()
        self.lock = threading.Lock()
        self._mark, self._turn = token_hex(4), 0
        self.found: Found | None = None  # by the latest try, whether of this step or the one before
        self.passed: list[tuple[Step, Answers]] = []  # and what was answered before each
        self.wants_more = False  # there is a question that follows from the answers
        self._route = route
        self._before = self.answers.copy().tree
        self._digest = place.digest()
        if self.is_new:
            self.answers.keep_the_page()
        self._traces = Traces(data_dir_of(self.answers))
        self._typed: dict[tuple[str, str], str] = {}  # by step and question
        self._problems: dict[str, str] = {}
        self._tried: Answers | None = None  # what did not work, and may be kept all the same
        self._folder: Path | None = None  # of files

    @property
    def turn(self) -> str:
        """Which answer is awaited: one that is sent twice counts once, and none in another interview."""
        return f"{self._mark}-{self._turn}"

    @property
    def is_new(self) -> bool:
        """Whether there was no file when it began."""
        return not self._digest

    @property
    def folder(self) -> Path:
        """Where files are put that are given as an answer."""
        if self._folder is None:
            _remove_what_was_left()
            self._folder = Path(mkdtemp(prefix=_PREFIX))
        return self._folder

    @property
    def files(self) -> list[Path]:
        """The files that were given and are of use."""
        passed = {step.name for step, _ in self.passed}
        named = [
            path for (step, _), text in self._typed.items() if step in passed for path in files_named(text)
        ]
        return [path for path in dict.fromkeys(named) if self._folder and self._folder in path.parents]

    def step(self) -> Step | None:
        """What is asked now; None when nothing is left to ask."""
        passed = {step.name for step, _ in self.passed}
        return next((step for step in self._route(self.answers) if step.name not in passed), None)

    def asked(self, step: Step) -> list[Asked]:
        """The questions of a step, as far as they follow from what was answered so far."""
        trial, shown = self.answers.copy(), []
        for question in step.questions(trial):
            text = self._typed.get((step.name, question.key), question.default)
            if question.path:  # of very many meters, say: one after the other would be looked at for minutes
                trial.put(question.path, question.value(text))
            else:
                question.take(trial, text)
            is_kept = question.is_secret and bool(text)
            problem = self._problems.get(question.key, "")
            shown.append(Asked(question, "" if question.is_secret else text, is_kept, problem))
        return shown

    @property
    def may_be_kept(self) -> bool:
        """Whether what did not work may be kept as it is."""
        return self._tried is not None and not (self.found and self.found.is_final)

    def answer(self, given: Mapping[str, str]) -> None:
        """Take the answers of a step, and try them."""
        step = self.step()
        if step is None:
            return
        self._turn += 1
        self.found, self._tried, self._problems = None, None, {}
        trial = self.answers.copy()
        self.wants_more = False
        plain = []
        for question in step.questions(trial):
            self._take(step, question, given, trial)
            self.wants_more |= question.key not in given
            plain += [question] if question.path else []
        typed = {each.key: self._typed.get((step.name, each.key), "") for each in plain}
        problems, stood_for = _looked_at(plain, typed, trial)
        self._typed |= {(step.name, key): text for key, text in stood_for.items()}
        self._problems |= {key: problem for key, problem in problems.items() if key in given}
        self.answers.asides |= trial.asides
        if self._problems or self.wants_more:
            return
        if step.attempt:
            self.found = step.attempt(trial)
            self.answers.asides |= trial.asides
            if not self.found.works:
                self._tried = trial
                if self.found.is_refused:
                    self._forget_secrets(step)
                return
        self._pass(step, trial)

    def keep(self) -> None:
        """Go on with what did not work: it may be that it will."""
        step = self.step()
        if step and self._tried and self.may_be_kept:
            self._turn += 1
            self.found = None
            self._pass(step, self._tried)

    def go_back(self) -> None:
        """To the step before; what was answered is proposed again."""
        self._turn += 1
        self.found, self._tried, self._problems, self.wants_more = None, None, {}, False
        if self.passed:
            _, self.answers = self.passed.pop()

    def texts(self) -> dict[Path, str]:
        """What would be written, the configuration first.

        Raises:
            ConfigError: it could not be used.
        """
        answers = self.answers.copy()
        if self.place.options:
            answers.tree.pop("import_dir", None)  # there is one already
        return anew(answers) if self.is_new else changed(answers, self._before)

    def shown(self) -> str:
        """What would be written, as a new file or as what changes; without secrets.

        Raises:
            ConfigError: it could not be used.
        """
        (file, text), *others = self.texts().items()
        if self.is_new:
            return hidden(text)
        lines = _difference(hidden(read(file)), hidden(text))
        for beside, secrets in others:
            old = entries(beside, read(beside)) if beside.exists() else {}
            new = entries(beside, secrets)
            renewed = [name for name, value in new.items() if old.get(name) != value]
            lines += [f" {beside.name}:", *(f"+{name}: {HIDDEN}" for name in renewed)]
        return "\n".join(lines)

    def write(self) -> None:
        """Write it.

        Raises:
            ChangedMeanwhile: somebody else did.
            ConfigError: it could not be used.
            OutputError: it cannot be written.
        """
        if self.place.digest() != self._digest:
            raise ChangedMeanwhile(f"{self.place.file} was changed meanwhile; nothing was written")
        put_in_place(self.texts())

    def forget(self, *, is_written: bool = False) -> None:
        """Leave nothing behind."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self.is_new and not (is_written or self.place.digest()):
            self._traces.wipe()

    def _take(self, step: Step, question: Question, given: Mapping[str, str], trial: Answers) -> None:
        name = (step.name, question.key)
        text = given.get(question.key)
        if text is not None and not (question.is_secret and not text):
            self._typed[name] = text
        text = self._typed.get(name, question.default)
        if question.path:
            trial.put(question.path, question.value(text))
            return
        problem = question.take(trial, text)
        if problem and not text.strip() and question.default:
            self._typed[name] = question.default
            problem = question.take(trial, question.default)
        if problem and question.key in given:
            self._problems[question.key] = problem

    def _forget_secrets(self, step: Step) -> None:
        for question in step.questions(self.answers.copy()):
            if question.is_secret:
                self._typed.pop((step.name, question.key), None)

    def _pass(self, step: Step, answers: Answers) -> None:
        self.passed.append((step, self.answers))
        self.answers, self._tried = answers, None


def _looked_at(
    plain: Sequence[Question], typed: Mapping[str, str], trial: Answers
) -> tuple[dict[str, str], dict[str, str]]:
    """What is wrong with answers that were only put down, looked at in one go; what empty ones stand for."""
    paths = [each.path for each in plain if each.path]
    problems = trial.problems(paths)
    empty = [each for each in plain if each.path in problems and each.default and not typed[each.key].strip()]
    for each in empty:
        trial.put(each.path or (), each.value(each.default))
    if empty:
        problems = trial.problems(paths)
    wrong = {each.key: problems[each.path] for each in plain if each.path in problems}
    return wrong, {each.key: each.default for each in empty}


def _remove_what_was_left() -> None:
    """By a process that was ended in the middle."""
    for each in Path(gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if abs(time.time() - each.stat().st_mtime) > _LEFT_AFTER.total_seconds():
                shutil.rmtree(each, ignore_errors=True)


def _difference(old: str, new: str) -> list[str]:
    lines = unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]
