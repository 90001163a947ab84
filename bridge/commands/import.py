"""The command `import`: files downloaded from Mijn Fluvius into the ledger."""

import argparse
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from bridge.commands.starting import end_as_by_ctrl_c, settings_for
from bridge.config import Settings
from bridge.fetching.files import Importer, Outcome
from bridge.folder.claim import FolderTaken, claim, make
from bridge.ledger import Ledger
from bridge.ledger.slots import NEW, REPLACED, THE_SAME
from bridge.text.endings import COULD_NOT, DONE, ForTheUser
from bridge.text.foreign import clean

_LARGE = 1_000_000  # bytes, from which on a bar is worth drawing
_COUNTED = {"new": NEW, "replaced": REPLACED, "known": THE_SAME}
Heed = Callable[[str, int, int], None]


class BridgeRuns(ForTheUser):
    """The bridge works in the folder, and there is no other way in; the message says what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which files."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV, or a zip archive of such")
    parser.add_argument(
        "--dry-run", action="store_true", help="only says what would be taken, replaced and left"
    )


def command(arguments: argparse.Namespace) -> int:
    """Take the files, and say what came of each."""
    settings = settings_for(arguments, "error", connects=False)
    end_as_by_ctrl_c()
    return run(settings, arguments.files, dry_run=arguments.dry_run)


def run(
    settings: Settings,
    files: Sequence[Path],
    *,
    dry_run: bool,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Take the files; returns the exit status.

    Raises:
        BridgeRuns: a bridge is running in the data folder, and no import_dir is configured.
        FolderError, LedgerError: the data folder cannot be used. Files that were taken before stay so.
    """
    try:
        with _ledger(settings, dry_run=dry_run) as ledger, _heeding() as heed:
            importer = Importer(ledger, settings.followed, now, heed)
            outcomes = [outcome for file in files for outcome in importer.take(file)]
    except FolderTaken:
        return _hand_over(settings.import_dir, files)
    _show(outcomes)
    if dry_run:
        print("Nothing was changed: this was a dry run.")
    return COULD_NOT if any(each.error for each in outcomes) else DONE


@contextmanager
def _ledger(settings: Settings, *, dry_run: bool) -> Iterator[Ledger]:
    """The ledger, in which nobody else works meanwhile; or a copy, of which nothing stays."""
    file = settings.data_dir / "ledger.sqlite"
    if not dry_run:
        with claim(settings.data_dir), Ledger(file, stream=settings.mqtt.stream) as ledger:
            yield ledger
        return
    with TemporaryDirectory(prefix="fluvius2mqtt-") as folder:
        copy = Path(folder) / file.name
        if file.exists():
            with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
        with Ledger(copy) as ledger:
            yield ledger


def _hand_over(folder: Path | None, files: Sequence[Path]) -> int:
    """The bridge that runs takes them out of its folder."""
    if folder is None:
        raise BridgeRuns(
            "the bridge is running: stop it first; or set import_dir to a folder, start it again, and put the"
            " files there"
        )
    make(folder)
    for file in files:
        part = folder / f".{file.name}.part"
        try:
            shutil.copy2(file, part)
            part.replace(folder / file.name)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise BridgeRuns(f"{file} cannot be copied to {folder} ({error.strerror})") from error
    print(
        f"The bridge is running and takes the files itself, within a minute: what comes of them is in its log"
        f" and in {folder}/done or {folder}/failed."
    )
    return DONE


def _show(outcomes: Sequence[Outcome]) -> None:
    """A table: a line of amounts below each file's name, and what was left, and why."""
    counts = "".join(f"{name:>10}" for name in _COUNTED)
    print(f"{'meter':<20}{'from':<12}{'to':<12}{counts}")
    for each in outcomes:
        print(each.name)
        if each.error:
            print(f"  NO  {clean(each.error)}")
            continue
        numbers = "".join(f"{each.tally[what]:>10}" for what in _COUNTED.values())
        name = clean(each.meter.label if each.meter else "", 17)
        print(f"  {name:<18}{each.first or '-'!s:<12}{each.last or '-'!s:<12}{numbers}")
        for left in each.left:
            print(f"  left: {left}")


@contextmanager
def _heeding() -> Iterator[Heed]:
    """A bar for a large file, where a person looks."""
    if not (sys.stdout.isatty() and find_spec("rich")):
        yield lambda *_: None
        return
    from rich import progress  # noqa: PLC0415 - an extra

    with progress.Progress(transient=True) as bars:
        known: dict[str, progress.TaskID] = {}

        def heed(name: str, done: int, size: int) -> None:
            if size >= _LARGE:
                if name not in known:
                    known[name] = bars.add_task(clean(name, 40).replace("[", r"\["), total=size)
                bars.update(known[name], completed=done)

        yield heed
