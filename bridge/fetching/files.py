"""Files from Mijn Fluvius into the ledger: each of them whole, or not at all."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from bridge.fetching.note import MeterNote
from bridge.fetching.sources import SOURCES
from bridge.fluvius.files.archives import Document, documents
from bridge.fluvius.files.columns import Table, Unusable
from bridge.fluvius.files.slots import History, OneDay
from bridge.ledger import Damaged, Ledger
from bridge.ledger.slots import NEW, REPLACED, THE_SAME
from bridge.metering import meterday
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Meter
from bridge.text.foreign import clean
from bridge.text.words import local

_A_MONTH, _AROUND = (
    31,
    ONE_DAY * 15,
)  # days that are settled together; those that show which registers there are


@dataclass
class Outcome:
    """What came of one file. The texts are for the user."""

    name: str
    meter: Meter | None = None
    first: date | None = None
    last: date | None = None
    tally: Counter[str] = field(default_factory=Counter)  # what became of how many readings
    left: list[str] = field(default_factory=list)  # how many lines were left, and why
    error: str | None = None  # why nothing of it was taken

    @property
    def words(self) -> str:
        """In one line."""
        if self.error:
            return self.error
        counts = [f"{self.tally[each]} {each}" for each in (NEW, REPLACED, THE_SAME) if self.tally[each]]
        said = ", ".join([*counts, *(f"left: {each}" for each in self.left)]) or "no readings"
        return f"{self.first} to {self.last}: {said}" if self.first else said


class Importer:
    """Takes files.

    Args:
        ledger: where their readings go.
        meters: those that are followed.
        now: the present instant, aware.
        heed: told now and then the name of what is read, how many characters of it were, and of how many
            bytes; may raise to end it.
    """

    def __init__(
        self,
        ledger: Ledger,
        meters: Iterable[Meter],
        now: Callable[[], datetime],
        heed: Callable[[str, int, int], None] = lambda *_: None,
    ) -> None:
        self._ledger, self._meters, self._now, self._heed = ledger, tuple(meters), now, heed

    def take(self, path: Path) -> Iterator[Outcome]:
        """Take a file, or each of those in an archive.

        Raises:
            LedgerError: what is in it cannot be kept; nothing of the file is.
        """
        try:
            for document in documents(path):
                yield self._take(document)
        except Unusable as error:
            yield Outcome(clean(path.name), error=str(error))

    def _take(self, document: Document) -> Outcome:
        outcome = Outcome(document.name)
        try:
            with (
                self._ledger.store.transaction(),
                document.text(lambda done: self._heed(document.name, done, document.size)) as lines,
            ):
                self._keep_all(History(table := Table(lines), document.name, document.filed_at), outcome)
                if table.is_cut:
                    outcome.left.append("its last line is cut: is the file whole?")
                self._note(outcome)
        except (Damaged, Unusable) as error:
            outcome.error, outcome.first = str(error), None
        return outcome

    def remember_refusal(self, outcome: Outcome) -> None:
        """Where nobody waits for it, the meter says why nothing was taken, or each that lives on files.

        Raises:
            LedgerError: that cannot be kept.
        """
        of_files = [each for each in self._meters if not SOURCES[each.source].is_asked]
        for meter in [outcome.meter] if outcome.meter else of_files:
            self._change_note(meter, not_imported=f"{outcome.name} was not imported: {outcome.error}")

    def _keep_all(self, history: History, outcome: Outcome) -> None:
        meter = outcome.meter = self._followed(history)
        now = self._now().replace(microsecond=0)
        today = meterday.day_of(now, meter.energy)
        touched: set[date] = set()
        for day in history.days():
            if day.date > today and (day.daily or day.intervals):
                raise Unusable(
                    f"it holds {day.date}, and today is {today}: is the clock of this machine right, and is"
                    " the file as Mijn Fluvius gave it?"
                )
            with self._ledger.checks.proving_once():
                self._keep(meter, day, now, outcome.tally)
            touched.add(day.date)
        if touched:
            outcome.first, outcome.last = min(touched), max(touched)
            self._settle(meter, sorted(touched), now)
        outcome.left = [
            *(f"{n} {why}" for why, n in outcome.tally.items() if why not in (NEW, REPLACED, THE_SAME)),
            *(
                f"{n} {why}" + (f" (line {history.where[why]})" if why in history.where else "")
                for why, n in history.left.items()
            ),
        ]

    def _keep(self, meter: Meter, day: OneDay, now: datetime, tally: Counter[str]) -> None:
        if day.daily:
            self._ledger.answers.record_days(meter, day.daily, now, tally=tally)
        if day.intervals:
            self._ledger.answers.record_intervals(
                meter, day.date, day.intervals, now, only_new=True, tally=tally
            )

    def _settle(self, meter: Meter, touched: Sequence[date], now: datetime) -> None:
        """A day without intervals counts when no source will bring any more: at once, if nobody is asked."""
        for first, last in _spans(touched):
            days = meterday.span(first - _AROUND, last + _AROUND)
            silent = [
                day.date
                for day in self._ledger.days.facts(meter, days, now)
                if not day.interval_count
                and (not SOURCES[meter.source].is_asked or meterday.is_late(day.date, meter.energy, now))
            ]
            self._ledger.answers.settle(meter, days, now, silent)

    def _followed(self, history: History) -> Meter:
        ean, energy = history.ean, history.energy
        for meter in self._meters:
            if meter.ean == ean and meter.energy is energy:
                return meter
        if any(meter.ean == ean for meter in self._meters):
            raise Unusable(f"it is about {energy}, and the meter {ean} of the configuration is not")
        has_account = history.serial.isalnum() and any(each.source == "portal" for each in self._meters)
        source = f'serial: "{history.serial}", source: portal' if has_account else "source: file"
        raise Unusable(
            f"the meter {ean} is not in the configuration; write below meters:"
            f' - {{name: {energy}, ean: "{ean}", energy: {energy}, {source}}}'
        )

    def _note(self, outcome: Outcome) -> None:
        if outcome.meter:
            words = f"{outcome.name}, imported {local(self._now())}: {outcome.words}"
            self._change_note(outcome.meter, imported=words, not_imported=None)
            if not SOURCES[outcome.meter.source].is_asked:
                self._change_note(outcome.meter, last_attempt=self._now(), last_success=self._now())

    def _change_note(self, meter: Meter, **values: object) -> None:
        key = MeterNote.key(meter)
        note = replace(MeterNote.of(meter, self._ledger.notes.recall(key)), **values)  # type: ignore[arg-type]
        self._ledger.notes.remember(key, note.to_note())


def _spans(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Days in order of time, in spans of a month at most, without what lies far between."""
    first = last = days[0]
    for day in days[1:]:
        if day - first >= timedelta(days=_A_MONTH):
            yield first, last
            first = day
        last = day
    yield first, last
