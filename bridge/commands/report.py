"""`fluvius2mqtt check --report FILE.zip`: one visit to Fluvius, recorded for a public bug report."""

import sys
from pathlib import Path

from bridge import URL
from bridge.commands.findings import show
from bridge.config import Settings
from bridge.config.asked import UsageError
from bridge.folder.claim import make
from bridge.folder.files import opened
from bridge.setup.report import NotKept, Report
from bridge.text.words import Payload

_WIDEST = 50  # characters of an address in the list


def report(settings: Settings, path: Path, *, yes: bool) -> int:
    """Record a visit, say what there is of it, and write it; returns the exit status of the visit.

    Args:
        settings: the configuration.
        path: the file, which is not there yet.
        yes: whether it is agreed to; otherwise whoever sits at the terminal is asked.

    Raises:
        UsageError: there is nobody to be asked.
        OutputError: it cannot be written there. Fluvius was not asked then.
        NotKept: nobody wants it, or there is nothing of it.
    """
    if not (yes or _is_somebody_there()):
        raise UsageError("--report asks before it writes, and there is no terminal here: add --yes")
    make(settings.data_dir)
    with opened(path) as file:  # before Fluvius is asked, and gone if this comes to nothing
        made = Report(settings)
        status = show(made.visit())
        made.prove_asked(status)
        made.prove_harmless()
        manifest = made.manifest()
        _agree(path, made, manifest, yes=yes)
        made.write(file.buffer, manifest)
    print(f"{path} is written, for this user alone. To look through it:\n  unzip -p {path} | less")
    print(f"It is meant for a public bug report:\n  {URL}/issues/new/choose")
    return status


def _agree(path: Path, made: Report, manifest: Payload, *, yes: bool) -> None:
    """Say what there is.

    Raises:
        NotKept: nobody wants it.
    """
    print("\nThe report holds these answers, and nothing that tells who you are or how much you use:")
    for number, each in enumerate(made.exchanges, 1):
        print(_in_words(number, each))
    while not yes:
        match _answer(f"Write it to {path}? [y/N, l to look through it first] "):
            case "y" | "yes":
                return
            case "l" | "look":
                for name, page in made.pages(manifest).items():
                    print(f"{name}\n{page}")
            case _:
                raise NotKept("nothing is written")


def _in_words(number: int, exchange: Payload) -> str:
    request, response = exchange["request"], exchange.get("response")
    place = f"{request['host']}{request['path']}"
    shown = place if len(place) <= _WIDEST else f"…{place[1 - _WIDEST :]}"
    asked = f"{number:>3}  {request['method']:<4} {shown:<{_WIDEST}}"
    if response is None:
        return f"{asked}  no answer ({exchange['failure']})"
    return f"{asked}  {response['status']}  {response['characters']:>7,} chars"


def _answer(question: str) -> str:
    try:
        return input(question).strip().lower()
    except EOFError:
        return ""


def _is_somebody_there() -> bool:
    return bool(sys.stdin and sys.stdin.isatty() and sys.stdout.isatty())
