"""History that someone asked for: kept in the ledger, so that whoever works in it next goes on with it.

A backfill may be asked for by a process that otherwise only reads beside the bridge, which finds it here.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from bridge.ledger.errors import reporting_damage
from bridge.ledger.part import Part
from bridge.ledger.units import to_instant, to_seconds
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import BRUSSELS, Backfill, Energy, Meter

_WAITING = 20  # for the end of one; more than that is a flood
_COLUMNS = (
    "backfill.id, ean, energy, first, last, begun_at, state, done, of_all, answered, step, words, marks"
)


class KnownJobs(Part):
    """Backfills as they are read, oldest first."""

    @reporting_damage
    def backfill(self, number: int) -> Backfill:
        """One of them, by its number."""
        (row,) = self._backfills("backfill.id = ?", (number,))
        return row

    @reporting_damage
    def open_backfills(self) -> list[Backfill]:
        """Those that are to be worked on."""
        return self._backfills("state = 'open'", ())

    @reporting_damage
    def ended_backfills(self, count: int) -> list[Backfill]:
        """The latest that nobody works on any more, at most so many."""
        latest = "SELECT id FROM backfill WHERE state != 'open' ORDER BY id DESC LIMIT ?"
        return self._backfills(f"backfill.id IN ({latest})", (count,))

    def _backfills(self, condition: str, parameters: tuple[object, ...]) -> list[Backfill]:
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM backfill JOIN meter ON meter.id = meter"  # noqa: S608 - our own words
            f" WHERE {condition} ORDER BY backfill.id",
            parameters,
        )
        return [_backfill(row) for row in rows]


class Jobs(KnownJobs):
    """Backfills as they are kept."""

    def begin_backfills(
        self, meters: Iterable[Meter], first: date, last: date, now: datetime, mark: Any = None
    ) -> list[Backfill]:
        """Ask for a span of days of several meters: of all of them or, where that fails, of none."""
        with self._store.transaction():
            return [self.begin_backfill(meter, first, last, now, mark) for meter in meters]

    @reporting_damage
    def begin_backfill(
        self, meter: Meter, first: date, last: date, now: datetime, mark: Any = None
    ) -> Backfill:
        """Ask for a span of days. One that is under way, or was interrupted, goes on where it was.

        Args:
            meter: whose history.
            first: the first day.
            last: the last day.
            now: the present instant, aware.
            mark: a JSON value by which who asked recognises the answer; None: nobody waits for it.
        """
        key, marks = self._meter(meter), [] if mark is None else [mark]
        with self._store.transaction():
            found = self._backfills(
                "meter = ? AND first = ? AND state IN ('open', 'stopped')", (key, first.isoformat())
            )
            job = next((each for each in found if _is_continued_by(each, last, now)), None)
            if job is None:
                self._execute(
                    "INSERT INTO backfill (meter, first, last, begun_at, marks) VALUES (?, ?, ?, ?, ?)",
                    (key, first.isoformat(), last.isoformat(), to_seconds(now), json.dumps(marks)),
                )
                ((number,),) = self._rows("SELECT last_insert_rowid()")
                return self.backfill(number)
            marks = [*job.marks, *(each for each in marks if each not in job.marks)][-_WAITING:]
            self._execute(
                "UPDATE backfill SET last = ?, marks = ? WHERE id = ?",
                (last.isoformat(), json.dumps(marks), job.number),
            )
            answered = job.answered if job.last == last else _all_but_the_last(job.answered)
            self.keep_backfill(replace(job, last=last, state="open", answered=answered, words=None))
            return self.backfill(job.number)

    @reporting_damage
    def unanswered_backfills(self) -> list[Backfill]:
        """Those that have ended, while someone still waits for the answer."""
        return self._backfills("state IN ('done', 'failed') AND marks != '[]'", ())

    def stop_backfills(self) -> int:
        """Leave those that are open where they are, until they are asked for again; returns how many."""
        with self._store.transaction():
            open_ones = self.open_backfills()
            for job in open_ones:
                self.keep_backfill(replace(job, state="stopped"))
        return len(open_ones)

    def answered_backfill(self, number: int) -> None:
        """Nobody waits for this one any more."""
        self._execute("UPDATE backfill SET marks = '[]' WHERE id = ?", (number,))

    def keep_backfill(self, job: Backfill) -> None:
        """Remember how far one has come, unless it was extended meanwhile."""
        self._execute(
            "UPDATE backfill SET begun_at = ?, state = ?, done = ?, of_all = ?, answered = ?, step = ?,"
            " words = ? WHERE id = ? AND last = ?",
            (
                to_seconds(job.begun_at),
                job.state,
                job.done,
                job.of_all,
                json.dumps(sorted(day.isoformat() for day in job.answered)),
                job.step,
                job.words,
                job.number,
                job.last.isoformat(),
            ),
        )


def _backfill(row: Sequence[Any]) -> Backfill:
    number, ean, energy, first, last, begun_at, state, done, of_all, answered, step, words, marks = row
    return Backfill(
        number=number,
        ean=ean,
        energy=Energy(energy),
        first=date.fromisoformat(first),
        last=date.fromisoformat(last),
        begun_at=to_instant(begun_at),
        state=state,
        done=done,
        of_all=of_all,
        answered=frozenset(map(date.fromisoformat, json.loads(answered))),
        step=step,
        words=words,
        marks=tuple(json.loads(marks)),
    )


def _is_continued_by(job: Backfill, last: date, now: datetime) -> bool:
    """Whether one that was begun is asked for again: to the same day, or each time to the newest."""
    begun_on, today = (each.astimezone(BRUSSELS).date() for each in (job.begun_at, now))
    to_the_newest = job.last >= begun_on - ONE_DAY and last == today - ONE_DAY
    return job.last == last or (to_the_newest and job.last < last)


def _all_but_the_last(answered: Collection[date]) -> frozenset[date]:
    """The last span has more days now."""
    return frozenset(sorted(answered)[:-1])
