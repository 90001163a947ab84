"""The folders whose files are imported: looked at now and then, and no file is touched while it grows."""

import logging
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from bridge.fetching.cycle import Fetcher
from bridge.fetching.files import Importer, Outcome
from bridge.folder.claim import FolderError
from bridge.ledger import Ledger, LedgerError
from bridge.service.trouble import Trouble
from bridge.service.window import Imported, Window
from bridge.text.foreign import clean

log = logging.getLogger(__name__)

_EVERY = timedelta(seconds=10)
UNFINISHED = {".part", ".crdownload", ".download", ".tmp"}  # of browsers

_SHOWN = 50  # outcomes

Mark = tuple[int, int]  # size, and when it was last written


def dropped(data_dir: Path) -> Path:
    """Where the page puts the files that people give it."""
    return data_dir / "dropped"


class Imports:
    """What people put into the folders.

    Args:
        folder: the folder, or None where there is none.
        dropped: where the page puts what people give it: whole files, which nobody misses afterwards.
        ledger: where readings go.
        fetcher: knows the meters.
        now: the present instant, aware.
        trouble: with the ledger.
        go_on: called now and then while a file is read; may raise to end that, which leaves nothing of it.
        window: where others see what came of the files; None where nobody looks.
    """

    def __init__(
        self,
        folder: Path | None,
        dropped: Path,
        ledger: Ledger,
        fetcher: Fetcher,
        *,
        now: Callable[[], datetime],
        trouble: Trouble,
        go_on: Callable[[], None],
        window: Window | None = None,
    ) -> None:
        self._folder, self._dropped, self._window = folder, dropped, window
        self._ledger, self._fetcher = ledger, fetcher
        self._now, self._trouble, self._go_on = now, trouble, go_on
        self._seen: dict[Path, Mark] = {}
        self._stuck: dict[Path, Mark] = {}  # imported, and could not be moved
        self._ready: list[Path] = []
        self._looked_at: datetime | None = None
        self._said: str | None = None

    def is_due(self) -> bool:
        """Whether a file lies there that does not grow any more."""
        if self._trouble.unusable:
            return False
        now = self._now()
        if not self._ready and (self._looked_at is None or abs(now - self._looked_at) >= _EVERY):
            self._looked_at = now
            self._look()
        return bool(self._ready)

    def everything(self) -> bool:
        """Take what lies there and was not written to just now; says whether the ledger knows more."""
        self._look()
        self._ready = [
            path
            for path, (_, written) in self._seen.items()
            if path.parent == self._dropped or self._is_at_rest(written)
        ]
        is_news = False
        while self._ready:
            is_news |= self.step()
        return is_news

    def step(self) -> bool:
        """Take one file, and put it away with what came of it; says whether the ledger knows more."""
        path = self._ready.pop(0)
        importer = Importer(self._ledger, self._fetcher.meters, self._now, lambda *_: self._go_on())
        try:
            outcomes = list(importer.take(path))
            for each in outcomes:
                if each.error:
                    importer.remember_refusal(each)
        except (FolderError, LedgerError) as error:
            self._trouble.noticed(error)  # the file waits until it is over
            return False
        for each in outcomes:
            level = logging.WARNING if each.error else logging.INFO
            meter = each.meter.name if each.meter else "import"
            log.log(level, "%s: %s: %s", meter, each.name, each.words)
        if self._window:
            shown = [*(Imported(self._now(), each) for each in outcomes), *self._window.imports]
            self._window.imports = tuple(shown[:_SHOWN])
        self._put_away(path, outcomes)
        return True

    def _is_at_rest(self, written: int) -> bool:
        return abs(self._now().timestamp() - written / 1e9) >= _EVERY.total_seconds()

    def _look(self) -> None:
        found: dict[Path, Mark] = {}
        wrong = None
        for folder, name in (self._dropped, ""), (self._folder, "import_dir "):
            try:
                if folder and folder != self._dropped:
                    folder.mkdir(exist_ok=True)
                if folder and folder.exists():
                    found |= {path: mark for path in sorted(folder.iterdir()) if (mark := _mark(path))}
            except FileExistsError:
                wrong = f"{name}{folder} is not a folder; write the name of one"
            except OSError as error:
                wrong = f"{name}{folder} cannot be read ({error.strerror}); let this user write there"
        self._ready = [
            path
            for path, mark in found.items()
            if path.parent == self._dropped or self._seen.get(path) == mark
            if self._stuck.get(path) != mark
        ]
        self._seen = found
        self._say(wrong)

    def _put_away(self, path: Path, outcomes: Sequence[Outcome]) -> None:
        folder = path.parent / ("failed" if any(each.error for each in outcomes) else "done")
        mark = _mark(path)
        try:
            if path.parent == self._dropped:
                path.unlink(missing_ok=True)
                return
            folder.mkdir(exist_ok=True)
            place = free(folder, path)
            words = "".join(f"{each.name}: {each.words}\n" for each in outcomes)
            beside = place.with_name(f"{place.name}.txt")
            try:
                beside.write_text(words, "utf-8")
                path.rename(place)
            except OSError:
                with suppress(OSError):
                    beside.unlink(missing_ok=True)
                raise
        except OSError as error:
            self._say(f"{clean(path)} was read, but cannot be moved to {folder} ({error.strerror})")
            if mark:
                self._stuck[path] = mark

    def _say(self, words: str | None) -> None:
        if words and self._said != words:
            log.warning("%s", words)
        self._said = words


def _mark(path: Path) -> Mark | None:
    """By which a file is known that may be taken; None of anything else."""
    try:
        facts = path.lstat()
    except OSError:  # it is gone
        return None
    is_file = stat.S_ISREG(facts.st_mode) and not path.name.startswith(".")
    return (facts.st_size, facts.st_mtime_ns) if is_file and path.suffix not in UNFINISHED else None


def free(folder: Path, path: Path) -> Path:
    """A name in a folder that nothing has."""
    place, number = folder / path.name, 1
    while place.exists():
        number += 1
        place = folder / f"{path.stem} {number}{path.suffix}"
    return place
