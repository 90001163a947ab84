"""`fluvius2mqtt check --report FILE.zip`: one visit to Fluvius, recorded for a public bug report."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bridge.commands.findings import Finding, show
from bridge.config import Settings
from bridge.config.asked import UsageError
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import open_recorder
from bridge.fluvius.recording import Recorder, archive
from bridge.folder.claim import make
from bridge.folder.files import opened
from bridge.text.endings import COULD_NOT, ForTheUser
from bridge.text.words import Payload

_WIDEST = 50  # characters of an address in the list

Visit = Callable[[Settings, PoliteSession], Iterator[Finding]]


class NotKept(ForTheUser):
    """There is no recording; the message says why."""

    def __init__(self, message: str, status: int = COULD_NOT) -> None:
        super().__init__(message)
        self.status = max(status, COULD_NOT)


def report(settings: Settings, path: Path, visit: Visit, *, yes: bool) -> int:
    """Record a visit, say what there is of it, and write it; returns the exit status of the visit.

    Args:
        settings: the configuration.
        path: the file, which is not there yet.
        visit: asks Fluvius by a session, and yields what it finds.
        yes: whether it is agreed to; otherwise whoever sits at the terminal is asked.

    Raises:
        UsageError: there is nobody to be asked.
        OutputError: it cannot be written there. Fluvius was not asked then.
        NotKept: nobody wants it, or there is nothing of it.
    """
    if not (yes or _is_somebody_there()):
        raise UsageError("--report asks before it writes, and here is no terminal: add --yes")
    make(settings.data_dir)
    with opened(path) as file:  # before Fluvius is asked, and gone if this comes to nothing
        http = PoliteSession()
        http.recorder = recorder = open_recorder(settings, datetime.now(UTC))
        found: list[Finding] = []
        try:
            status = show(_noted(visit(settings, http), found))
        finally:
            http.close()
        if not recorder.exchanges:
            raise NotKept("Fluvius was not asked, so that there is nothing to record", status)
        about = archive.manifest(datetime.now(UTC), _about(settings, recorder, found))
        _agree(path, about, recorder, yes=yes)
        archive.write(file.buffer, about, recorder.exchanges)
    print(f"{path} is written, for this user alone. To look through it:\n  unzip -p {path} | less")
    print(
        "It is meant for a public bug report:\n  https://github.com/fluvius2mqtt/fluvius2mqtt/issues/new/choose"
    )
    return status


def _noted(findings: Iterator[Finding], notes: list[Finding]) -> Iterator[Finding]:
    for finding in findings:
        notes.append(finding)
        yield finding


def _about(settings: Settings, recorder: Recorder, found: list[Finding]) -> Payload:
    """What the manifest says: meters by their test numbers, and which rows of the table were good."""
    portal = settings.fluvius.portal
    meters = [recorder.stand_in(meter) for meter in settings.followed if meter.source != "file"]
    labels = {meter.label: f"meter {n}" for n, meter in enumerate(settings.followed, 1)}
    rows = ("sign-in", "energy_api")
    return {
        "sources": [name for name in ("portal", "energy_api") if getattr(settings.fluvius, name)],
        "email": recorder.names.email(portal.email) if portal and portal.email else None,
        "meters": meters,
        "lookback_days": settings.schedule.lookback_days,
        "rows": [
            {"row": each.what if each.what in rows else labels.get(each.what, "a meter"), "works": each.works}
            for each in found
        ],
    }


def _agree(path: Path, about: Payload, recorder: Recorder, *, yes: bool) -> None:
    """Say what there is.

    Raises:
        NotKept: it tells too much, or nobody wants it.
    """
    if recorder.leaks():
        raise NotKept(
            "the recording still holds something of yours, which is a mistake of ours, so that nothing is"
            " written; please tell us which version this is"
        )
    print("\nThe report holds these answers, and nothing that tells who you are or how much you use:")
    for number, each in enumerate(recorder.exchanges, 1):
        print(_in_words(number, each))
    while not yes:
        match _answer(f"Write it to {path}? [y/N, l to look through it first] "):
            case "y" | "yes":
                return
            case "l" | "look":
                for name, page in archive.pages(about, recorder.exchanges).items():
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
