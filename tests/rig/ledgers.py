"""Ledgers that have been used, are of the first version, or were damaged."""

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from bridge.ledger import Ledger, migrations
from tests.rig.readings import DAY, HOME, whole_day
from tests.rig.registers import kwh
from tests.rig.world import World


def a_used_ledger(path: Path) -> None:
    path.write_bytes(used_ledger())


@cache
def used_ledger() -> bytes:
    with TemporaryDirectory() as folder:
        fill(Path(folder) / "ledger.sqlite")
        return (Path(folder) / "ledger.sqlite").read_bytes()


def fill(path: Path) -> None:
    with Ledger(path, stream=True) as ledger:
        for back in range(6):
            whole_day(ledger, kwh(HIGH="0.1", LOW="0.2", INJECTED="0.3"), DAY - timedelta(days=back))
        ledger.notes.remember("note", {"a": 1})
        ledger.outbox.add_published_topics("home", [f"fluvius/home/topic/{number}" for number in range(50)])


def a_ledger_of_the_first_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            f"{migrations.MIGRATIONS[0]}; PRAGMA user_version = 1;"
            f" PRAGMA application_id = {migrations.APPLICATION_ID};"
            f" INSERT INTO meter VALUES (1, '{HOME.ean}', '{HOME.energy}');"
            " INSERT INTO day (meter, date, start, fetched_at) VALUES (1, '2026-11-01', 0, 0);"
            " INSERT INTO published VALUES ('fluvius/home/day');"
        )


def damage(world: World, day: date) -> None:
    with closing(sqlite3.connect(world.data_dir / "ledger.sqlite")) as database, database:
        assert database.execute(
            "UPDATE reading SET amount = amount + 4096 WHERE meter = 1 AND daily = 1"
            " AND start = (SELECT start FROM day WHERE date = ? AND meter = 1)",
            (day.isoformat(),),
        ).rowcount
