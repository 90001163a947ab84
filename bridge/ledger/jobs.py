"""History that someone asked for: kept in the ledger, so that whoever works in it next goes on with it.

A backfill may be asked for by a process that otherwise only reads beside the bridge, which finds it here.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from bridge.ledger.store import Store, heeding_damage, to_instant, to_seconds
from bridge.model import Backfill, Energy, Meter

_COLUMNS = "backfill.id, ean, energy, first, last, begun_at, state, done, of_all, answered, words, mark"


class Jobs(Store):
    """Backfills, oldest first."""

    def begin_backfill(
        self, meter: Meter, first: date, last: date, now: datetime, mark: Any = None
    ) -> Backfill:
        """Ask for a span of days. One that was interrupted goes on where it was; one that failed begins anew.

        Args:
            meter: whose history.
            first: the first day.
            last: the last day.
            now: the present instant, aware.
            mark: a JSON value by which who asks recognises the answer.
        """
        key = self._meter(meter), first.isoformat(), last.isoformat()
        with self._transaction():
            found = self._rows(
                "SELECT id FROM backfill WHERE meter = ? AND first = ? AND last = ?"
                " AND state IN ('open', 'stopped')",
                key,
            )
            if found:
                ((number,),) = found
                self._execute(
                    "UPDATE backfill SET state = 'open', words = NULL, mark = COALESCE(?, mark) WHERE id = ?",
                    (json.dumps(mark) if mark else None, number),
                )
            else:
                self._execute(
                    "INSERT INTO backfill (meter, first, last, begun_at, mark) VALUES (?, ?, ?, ?, ?)",
                    (*key, to_seconds(now), json.dumps(mark)),
                )
                ((number,),) = self._rows("SELECT last_insert_rowid()")
        return self.backfill(number)

    @heeding_damage
    def backfill(self, number: int) -> Backfill:
        """One of them, by its number."""
        (row,) = self._backfills("backfill.id = ?", (number,))
        return row

    @heeding_damage
    def open_backfills(self) -> list[Backfill]:
        """Those that are to be worked on."""
        return self._backfills("state = 'open'", ())

    def keep_backfill(self, job: Backfill) -> None:
        """Remember how far one has come."""
        self._execute(
            "UPDATE backfill SET begun_at = ?, state = ?, done = ?, of_all = ?, answered = ?, words = ?"
            " WHERE id = ?",
            (
                to_seconds(job.begun_at),
                job.state,
                job.done,
                job.of_all,
                json.dumps(sorted(day.isoformat() for day in job.answered)),
                job.words,
                job.number,
            ),
        )

    def _backfills(self, condition: str, parameters: tuple[object, ...]) -> list[Backfill]:
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM backfill JOIN meter ON meter.id = meter"  # noqa: S608 - our own words
            f" WHERE {condition} ORDER BY backfill.id",
            parameters,
        )
        return [_backfill(row) for row in rows]


def _backfill(row: Sequence[Any]) -> Backfill:
    number, ean, energy, first, last, begun_at, state, done, of_all, answered, words, mark = row
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
        words=words,
        mark=json.loads(mark),
    )
