"""The command `backfill`: fetches history, or watches a bridge that does."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any, Protocol, Self

from bridge.commands.starting import settings_for
from bridge.config import Settings
from bridge.config.asked import WantedHistory
from bridge.fetching.backfill import Backfiller
from bridge.fetching.cycle import Fetcher
from bridge.fluvius.errors import CredentialsRefused
from bridge.folder.claim import FolderTaken, claim, is_claimed, make
from bridge.ledger import Ledger
from bridge.ledger.health import SourceHealth, State
from bridge.metering.model import Backfill, Meter
from bridge.text.endings import COULD_NOT, DONE, REFUSED, ForTheUser
from bridge.text.foreign import clean
from bridge.text.words import local

_PATIENCE = timedelta(minutes=15)  # a longer pause is not waited for
_LOOK_AGAIN = 0.5  # seconds between two looks at what a bridge does


class View(Protocol):
    """Shows how far backfills have come."""

    def show(self, name: str, job: Backfill) -> None:
        """Show one of them."""

    def say(self, words: str) -> None:
        """Say something beside."""


class Ended(ForTheUser):
    """It ends before everything is fetched; the message says why."""

    def __init__(self, words: str, status: int = COULD_NOT) -> None:
        super().__init__(words)
        self.status = status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which days, of which meter."""
    parser.add_argument("--from", required=True, metavar="DATE", help="the first day, such as 2025-01-01")
    parser.add_argument("--to", metavar="DATE", help="the last day (default: the newest)")
    parser.add_argument("--meter", metavar="NAME", help="only this one: its name, or its EAN")


def command(arguments: argparse.Namespace) -> int:
    """What goes wrong is said once, beside the bars."""
    settings = settings_for(arguments, "critical", connects=False)
    for name in ("SIGTERM", "SIGHUP"):  # so that the terminal is left in order
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    given = {name: vars(arguments)[name] for name in ("from", "to", "meter")}
    return run(settings, {name: value for name, value in given.items() if value is not None})


def _end(number: int, _: object) -> None:
    sys.exit(f"fluvius2mqtt: {signal.Signals(number).name}; a bridge, or the same command, goes on from here")


def run(
    settings: Settings,
    request: dict[str, Any],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Fetch history until it is all there; returns the exit status.

    Args:
        settings: the configuration.
        request: as for `WantedHistory.of`.
        now: the present instant, aware.
        pause: waits that many seconds.

    Raises:
        Ended: something is in the way, or someone.
        UsageError: the request cannot be understood.
        FolderError, LedgerError: the data folder cannot be used.
    """
    make(settings.data_dir)
    with _opened(settings, now, pause) as (ledger, fetcher):
        if not fetcher.mandates.is_known and not is_claimed(settings.data_dir):
            with claim(settings.data_dir):
                _end_with(fetcher.learn_mandates())
        wanted = WantedHistory.of(request, fetcher.meters, now())
        jobs = ledger.jobs.begin_backfills(wanted.meters, wanted.first, wanted.last, now())
        numbers = [job.number for job in jobs]
        with _view() as view:
            return _Errand(settings, ledger, wanted.meters, numbers, view, now, pause).see_through()


@contextmanager
def _opened(
    settings: Settings, now: Callable[[], datetime], pause: Callable[[float], None]
) -> Iterator[tuple[Ledger, Fetcher]]:
    with Ledger(settings.data_dir / "ledger.sqlite", stream=True) as ledger:
        yield ledger, Fetcher(settings, ledger, now, pause=pause, between=lambda _: None)


def _end_with(error: Exception | None) -> None:
    if error:
        raise Ended(str(error), REFUSED if isinstance(error, CredentialsRefused) else COULD_NOT)


@dataclass
class _Errand:
    """Some backfills, to be seen through by this process or by the one that works in the folder."""

    settings: Settings
    ledger: Ledger
    meters: Sequence[Meter]
    numbers: Sequence[int]  # of their backfills
    view: View
    now: Callable[[], datetime]
    pause: Callable[[float], None]
    works: bool = False  # rather than watches
    told: set[tuple[int, str]] = field(default_factory=set)  # of which, and what

    def see_through(self) -> int:
        """Until none is open any more; returns the exit status."""
        try:
            while any(job.state == "open" for job in self._look()):
                if is_claimed(self.settings.data_dir) or not self._work():
                    self._watch()
        except KeyboardInterrupt:
            raise self._interrupted() from None
        states = {job.state for job in self._look()}
        if "stopped" in states:
            raise Ended("someone stopped it; the same command goes on where it was")
        return DONE if states == {"done"} else COULD_NOT

    def _work(self) -> bool:
        """Fetch, knowing all that another process learnt meanwhile; False if one was quicker."""
        with ExitStack() as stack:
            try:
                stack.enter_context(claim(self.settings.data_dir))
            except FolderTaken:
                return False
            self.works = True
            ledger, fetcher = stack.enter_context(_opened(self.settings, self.now, self.pause))
            fetcher.keep_to_bounds()
            for health in fetcher.health.values():
                health.retry_at = None  # that was our own patience; now someone waits
            self._fetch(Backfiller(ledger, fetcher, self.now, self.numbers, asked=True), fetcher)
        self.works = False
        return True

    def _fetch(self, backfiller: Backfiller, fetcher: Fetcher) -> None:
        while job := backfiller.current:
            if not backfiller.is_due():
                why = backfiller.trouble or fetcher.health[self._meter(job).source].last_error
                self._wait(backfiller, str(why))
            backfiller.step()
            self._look()
            if isinstance(backfiller.trouble, CredentialsRefused):
                _end_with(backfiller.trouble)

    def _wait(self, backfiller: Backfiller, why: str) -> None:
        """Give Fluvius the pause that it needs, if it is short."""
        until = backfiller.not_before()
        if until - self.now() > _PATIENCE:
            raise Ended(f"{why}; run the same command again after {local(until)}")
        self.view.say(f"{why}; going on at {local(until)}")
        while self.now() < until and not backfiller.is_due():  # which it is, too, when the clock was set back
            self.pause(min(5.0, (until - self.now()).total_seconds()))

    def _watch(self) -> None:
        """Look at what another process does, and say what is in its way."""
        if not self.works:
            self._tell(0, "The bridge that runs here fetches it; this only watches.")
        for job in self._look():
            if job.state == "open" and job.words:
                self._tell(job.number, f"{self._meter(job).label}: {job.words}")
                note = self.ledger.notes.recall(f"source/{self._meter(job).source}")
                if SourceHealth.from_note(note).state is State.REFUSED:
                    raise Ended(job.words, REFUSED)
        self.pause(_LOOK_AGAIN)

    def _interrupted(self) -> Ended:
        """What a person stopped, no bridge takes up by itself; what a bridge does, it goes on with."""
        if not self.works:
            return Ended("the bridge goes on with it; the same command shows how far it has come")
        for job in self._look():
            if job.state == "open":
                self.ledger.jobs.keep_backfill(replace(job, state="stopped"))
        return Ended("stopped; the same command goes on where it was")

    def _look(self) -> list[Backfill]:
        jobs = [self.ledger.jobs.backfill(number) for number in self.numbers]
        for job in jobs:
            name = self._meter(job).label
            self.view.show(name, job)
            if job.state in {"done", "failed"}:
                lines = (job.words or "").splitlines()
                self._tell(job.number, "\n".join(f"{name}: {line}" for line in lines))
        return jobs

    def _tell(self, number: int, words: str) -> None:
        if (number, words) not in self.told:
            self.told.add((number, words))
            for line in words.splitlines():
                self.view.say(clean(line))

    def _meter(self, job: Backfill) -> Meter:
        return self.meters[self.numbers.index(job.number)]


class _Lines:
    """A line at each tenth of the way."""

    def __init__(self) -> None:
        self._tenths: dict[int, int] = {}

    def show(self, name: str, job: Backfill) -> None:
        tenth = 10 * job.done // job.of_all if job.of_all else 0
        if tenth > self._tenths.setdefault(job.number, 0):
            self._tenths[job.number] = tenth
            self.say(f"{name}: {job.done} of {job.of_all} steps")

    def say(self, words: str) -> None:
        print(words, flush=True)


class _Bars:
    """A bar for each meter."""

    def __init__(self) -> None:
        from rich import progress  # noqa: PLC0415 - an extra

        self._progress = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[words]}"),
        )
        self._bars: dict[int, progress.TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.__exit__(None, None, None)

    def show(self, name: str, job: Backfill) -> None:
        if job.number not in self._bars:
            self._bars[job.number] = self._progress.add_task(name, total=None, words="")
        bar = self._bars[job.number]
        self._progress.update(bar, completed=job.done, total=job.of_all or None)
        left = self._progress.tasks[bar].time_remaining
        self._progress.update(bar, words=_steps_in_words(job, left))

    def say(self, words: str) -> None:
        self._progress.print(words, highlight=False, markup=False)


def _view() -> AbstractContextManager[View]:
    if sys.stdout.isatty() and find_spec("rich"):
        return _Bars()
    return nullcontext(_Lines())


def _steps_in_words(job: Backfill, left: float | None) -> str:
    if not job.of_all:
        return "waiting"
    steps = f"{job.done} of {job.of_all} steps"
    return f"{steps}, {timedelta(seconds=round(left))} left" if left and job.done < job.of_all else steps
