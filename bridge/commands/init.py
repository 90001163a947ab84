"""The command `init`: asks, tries each answer, and writes the configuration."""

import argparse
import os
import sys
from datetime import UTC, datetime
from getpass import getpass
from importlib import import_module
from pathlib import Path
from shlex import quote

from bridge.commands import check
from bridge.commands.findings import show
from bridge.commands.starting import end_as_by_ctrl_c, log_to_terminal
from bridge.config import FILE, ConfigError, load
from bridge.config.draft import Draft
from bridge.fluvius.files.columns import Unusable
from bridge.setup import tries
from bridge.setup.answers import Answers
from bridge.setup.finding import Finding
from bridge.setup.meter_steps import take_files
from bridge.setup.meters import meant_by, meters_in
from bridge.setup.questions import Question, Step
from bridge.setup.sign_ins import SignIns
from bridge.setup.steps import steps
from bridge.setup.writer import write
from bridge.terminal.paragraphs import paragraph
from bridge.text.endings import COULD_NOT, REFUSED, WRONG, ForTheUser
from bridge.text.foreign import clean
from bridge.text.installing import this_program

_AGAIN = {"": True, "a": True, "again": True, "k": False, "keep": False}


class NotWritten(ForTheUser):
    """Nothing was written; the message says why."""

    def __init__(self, why: str, status: int = COULD_NOT) -> None:
        super().__init__(f"{why}; nothing was written")
        self.status = status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the answers come from."""
    parser.add_argument(
        "--answers",
        type=Path,
        metavar="FILE",
        help="asks nothing: the keys of the configuration in YAML, and `files`, a list of downloaded files",
    )


def command(arguments: argparse.Namespace) -> int:
    """Ask, or read the answers; write; import the files; and check it all."""
    log_to_terminal("debug" if arguments.verbose else "error")
    end_as_by_ctrl_c()
    file = arguments.config or Path(FILE)
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        raise NotWritten(f"{file.absolute().parent} cannot be written; go to a folder of yours")
    answers = Answers(file, os.environ)
    traces = tries.Traces(tries.data_dir_of(answers))
    try:
        if arguments.answers:
            _read(arguments.answers, answers)
        else:
            _ask(answers)
        written = write(answers)
    except (KeyboardInterrupt, EOFError):
        traces.wipe()
        print()
        raise NotWritten("interrupted") from None
    except ConfigError as error:
        traces.wipe()
        raise ConfigError(*error.mistakes, "nothing was written") from None
    except ForTheUser:
        traces.wipe()
        raise
    print(f"\nWritten, for you alone to read: {', '.join(map(str, written))}\n")
    return _finish(answers)


def _finish(answers: Answers) -> int:
    """What was configured, put to work as far as it can be without running."""
    settings = load(answers.file, os.environ)
    status = 0
    if answers.files:
        status = import_module("bridge.commands.import").run(settings, answers.files, dry_run=False)
        print()
    status = max(status, check.check(settings, signed_in="signed_in" in answers.asides))
    config = "" if str(answers.file) == FILE else f" --config {quote(str(answers.file))}"
    print(f"\nStart it with: {this_program()} run{config}")
    return status


def _read(path: Path, answers: Answers) -> None:
    """The answers out of a file.

    Raises:
        ConfigError: they cannot be used.
        NotWritten: there is a configuration already.
    """
    if os.path.lexists(answers.file):
        raise NotWritten(f"{answers.file} already exists and is left as it is; choose another with --config")
    draft = Draft(path)
    draft.add_file(path)
    if draft.mistakes:
        raise ConfigError(*draft.mistakes)
    named = draft.tree.pop("files", None) or []
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise ConfigError(f"{path}: files: is not a list; write the names of downloaded files")
    answers.tree, answers.source = draft.tree, path
    files = [file for each in named for file in meant_by(path.parent / each)]
    try:
        if files:
            take_files(answers, files, meters_in(files))
    except Unusable as error:
        raise ConfigError(f"{path}: files: {error}") from None


def _ask(answers: Answers) -> None:
    """The answers of a person.

    Raises:
        NotWritten: nobody is there, or does not want to go on.
    """
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        raise NotWritten(
            "init asks questions, and there is no terminal here: use --answers FILE, or copy"
            " config.example.yaml",
            WRONG,
        )
    _say(
        "A few questions; Enter stands for what is in [brackets]. Nothing is written before the end, and"
        " Ctrl-C leaves everything as it is."
    )
    if os.path.lexists(answers.file) and not _agrees(f"{answers.file} already exists. Replace it?"):
        raise NotWritten(f"{answers.file} stays as it is")
    sign_ins = SignIns(lambda: datetime.now(UTC))
    for step in steps(answers, tries.brokers_nearby(os.environ), os.environ, sign_ins):
        _take_step(step, answers)


def _take_step(step: Step, answers: Answers) -> None:
    if step.title:
        print(f"\n{step.title}\n{'-' * len(step.title)}")
    if step.words:
        _say(step.words)
    while True:
        for question in step.questions(answers):
            _put(question, answers)
        if step.attempt is None:
            return
        print(f"{step.trying} ...", flush=True)
        found = step.attempt(answers)
        show([Finding(step.name, found.works, found.words)])
        if found.works:
            return
        if found.is_final:
            raise NotWritten("Fluvius is not asked again", REFUSED if found.is_refused else COULD_NOT)
        if found.is_refused:
            _say("Please answer again, or press Ctrl-C to end this.")  # kept, it would be tried once more
        elif not _again():
            return


def _put(question: Question, answers: Answers) -> None:
    """Ask until the answer fits."""
    if question.hint:
        print()
        _say(question.hint)
    widest = max(map(len, question.choices), default=0)
    for number, (choice, words) in enumerate(question.choices.items(), 1):
        if words:
            print(paragraph(words, f"  {number} {choice:<{widest}}  "))
    while problem := question.take(answers, _answer(question)):
        _say(f"Sorry: {problem}.")


def _answer(question: Question) -> str:
    unexplained = [choice for choice, words in question.choices.items() if not words]
    prompt = question.words + (f" ({'/'.join(unexplained)})" if unexplained else "")
    prompt += (f" [{clean(question.default)}]" if question.default else "") + ": "
    if question.is_secret:
        return getpass(f"{prompt}(it is not shown) ")
    text = input(prompt).strip() or question.default
    if not question.choices:
        return text
    if text.isdigit() and 0 < int(text) <= len(question.choices):
        return list(question.choices)[int(text) - 1]
    begin_so = [choice for choice in question.choices if choice.startswith(text.lower())]
    return begin_so[0] if len(begin_so) == 1 else text


def _again() -> bool:
    while True:
        text = input("Answer again, or keep it as it is? (again/keep) [again]: ").strip().lower()
        if text in _AGAIN:
            return _AGAIN[text]


def _agrees(words: str) -> bool:
    return input(f"{words} (yes/no) [no]: ").strip().lower() in {"y", "yes"}


def _say(words: str) -> None:
    print(paragraph(clean(words)))
