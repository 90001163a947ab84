"""The command `backfill`: fetches history, or watches a bridge that does."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any, Protocol, Self

from bridge.backfilling import Backfiller, Order
from bridge.config import Settings
from bridge.fetching import Fetcher
from bridge.folder import claim, is_claimed, make
from bridge.ledger import Ledger
from bridge.model import Backfill
from bridge.views import local

DONE, COULD_NOT, REFUSED = 0, 1, 3  # exit status

_PATIENCE = timedelta(minutes=15)  # a longer pause is not waited for
_LOOK_AGAIN = 0.5  # seconds between two looks at what a bridge does


class View(Protocol):
    """Shows how far backfills have come."""

    def show(self, name: str, job: Backfill) -> None:
        """Show one of them."""

    def say(self, words: str) -> None:
        """Say something beside."""


def run(
    settings: Settings,
    request: dict[str, Any],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Fetch history until it is all there; returns the exit status.

    Args:
        settings: the configuration.
        request: as for `Order.of`.
        now: the present instant, aware.
        pause: waits that many seconds.

    Raises:
        UsageError: the request cannot be understood.
        FolderError, LedgerError: the data folder cannot be used.
    """
    make(settings.data_dir)
    with Ledger(settings.data_dir / "ledger.sqlite", stream=True) as ledger:
        fetcher = Fetcher(settings, ledger, now, pause=pause, between=lambda _: None)
        order = Order.of(request, fetcher.meters, now())
        jobs = [ledger.begin_backfill(meter, order.first, order.last, now(), None) for meter in order.meters]
        with _view() as view:
            return _Errand(
                settings, ledger, fetcher, [job.number for job in jobs], view, now, pause
            ).see_through()


@dataclass
class _Errand:
    """Some backfills, to be seen through by this process or by the bridge that works in the folder."""

    settings: Settings
    ledger: Ledger
    fetcher: Fetcher
    numbers: Sequence[int]  # of the backfills
    view: View
    now: Callable[[], datetime]
    pause: Callable[[float], None]
    told: set[int] = field(default_factory=set)  # what came of these

    def see_through(self) -> int:
        watching = False
        while any(job.state == "open" for job in self._look()):
            if not is_claimed(self.settings.data_dir):
                with claim(self.settings.data_dir):
                    if (status := self._work()) is not None:
                        return status
            elif not watching:
                watching = True
                self.view.say("The bridge that runs here fetches it; this only watches.")
            else:
                self.pause(_LOOK_AGAIN)
        return DONE if all(job.state == "done" for job in self._look()) else COULD_NOT

    def _work(self) -> int | None:
        """Fetch; returns an exit status if that has to end early."""
        from bridge.fluvius.errors import CredentialsRefused

        self.fetcher.keep_to_bounds()
        backfiller = Backfiller(self.ledger, self.fetcher, self.now)
        try:
            while backfiller.step():
                self._look()
                if isinstance(backfiller.trouble, CredentialsRefused):
                    self.view.say(str(backfiller.trouble))
                    return REFUSED
                if backfiller.trouble and not self._wait(backfiller):
                    return COULD_NOT
        except KeyboardInterrupt:
            self._put_off()
            raise
        return None

    def _wait(self, backfiller: Backfiller) -> bool:
        """Give Fluvius the pause that it needs, if it is short."""
        until = backfiller.not_before()
        if until - self.now() > _PATIENCE:
            self.view.say(f"{backfiller.trouble}; run the same command again after {local(until)}")
            return False
        self.view.say(f"{backfiller.trouble}; going on at {local(until)}")
        while self.now() < until:
            self.pause(min(5.0, (until - self.now()).total_seconds()))
        return True

    def _put_off(self) -> None:
        """What a person stopped, no bridge takes up by itself."""
        for job in self._look():
            if job.state == "open":
                self.ledger.keep_backfill(replace(job, state="stopped"))
        self.view.say("Stopped. The same command goes on where it was.")

    def _look(self) -> list[Backfill]:
        jobs = [self.ledger.backfill(number) for number in self.numbers]
        names = {meter.ean: meter.name for meter in self.fetcher.meters}
        for job in jobs:
            name = names.get(job.ean, job.ean)
            self.view.show(name, job)
            if job.state in {"done", "failed"} and job.number not in self.told:
                self.told.add(job.number)
                for line in (job.words or "").splitlines():
                    self.view.say(f"{name}: {line}")
        return jobs


class _Lines:
    """A line at each tenth of the way."""

    def __init__(self) -> None:
        self._tenths: dict[int, int] = {}

    def show(self, name: str, job: Backfill) -> None:
        tenth = 10 * job.done // job.of_all if job.of_all else 0
        if tenth > self._tenths.setdefault(job.number, 0):
            self._tenths[job.number] = tenth
            self.say(f"{name}: {job.done} of {job.of_all}")

    def say(self, words: str) -> None:
        print(words, flush=True)


class _Bars:
    """A bar for each meter."""

    def __init__(self) -> None:
        from rich import progress

        self._progress = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
        )
        self._bars: dict[int, progress.TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.__exit__(None, None, None)

    def show(self, name: str, job: Backfill) -> None:
        if job.number not in self._bars:
            self._bars[job.number] = self._progress.add_task(name, total=None)
        self._progress.update(self._bars[job.number], completed=job.done, total=job.of_all or None)

    def say(self, words: str) -> None:
        self._progress.print(words, highlight=False, markup=False)


def _view() -> AbstractContextManager[View]:
    if sys.stdout.isatty() and find_spec("rich"):
        return _Bars()
    return nullcontext(_Lines())
