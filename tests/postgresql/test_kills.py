"""The power cut at any moment, here or there: the tables are the ledger, row by row."""

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from bridge.ledger import Ledger
from bridge.metering.meterday import ONE_DAY
from tests.rig.chance import often
from tests.rig.deliveries import assert_equal, deliver, delivered, opened
from tests.rig.postgresql import PostgreSQL
from tests.rig.readings import BEFORE, DAY, HOME, NOW, interval, whole_day
from tests.rig.registers import kwh

KILLS = often(6, soak=100)
DAYS = 12  # that change each time

pytestmark = [pytest.mark.chance, pytest.mark.timeout(often(120, soak=1200))]


@pytest.fixture(scope="module")
def lasting() -> Iterator[PostgreSQL]:
    """One that writes to the disk as one that matters does."""
    with PostgreSQL(lasts=True) as server:
        yield server


@pytest.fixture
def database(lasting: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> PostgreSQL:
    """A database without tables, which is told a few days at once."""
    monkeypatch.setattr("bridge.postgresql.sink._AT_MOST", 2)
    lasting.ask("DROP SCHEMA IF EXISTS fluvius CASCADE")
    return lasting


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with some days."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for back in range(DAYS):
            whole_day(ledger, kwh(HIGH=1, INJECTED=1), DAY - ONE_DAY * back)
    return tmp_path / "ledger.sqlite"


def killed_again_and_again(path: Path, database: PostgreSQL, kill: Callable[[BaseProcess], None]) -> None:
    """At any moment of a delivery, until the rest of it is delivered in peace."""
    chance = random.Random()
    began = time.monotonic()
    at_work(path, database, 0).join()
    takes, reached = time.monotonic() - began, set[int]()
    turns = count(1)
    while (turn := next(turns)) <= KILLS or len(reached) <= KILLS / 4:  # they have to come at many moments
        process = at_work(path, database, turn)
        process.join(takes * chance.random())
        kill(process)
        reached.add(told(database))
        takes *= 1 if turn <= KILLS else 1.2  # the machine is busier than it was
    finish(path, database)


def test_a_bridge_that_is_killed_loses_and_doubles_nothing(path: Path, database: PostgreSQL) -> None:
    def kill(process: BaseProcess) -> None:
        process.kill()
        process.join()

    killed_again_and_again(path, database, kill)


def test_a_database_that_is_killed_loses_and_doubles_nothing(path: Path, database: PostgreSQL) -> None:
    def kill(process: BaseProcess) -> None:
        database.kill()
        process.join()
        database.start()

    killed_again_and_again(path, database, kill)


def at_work(path: Path, database: PostgreSQL, turn: int) -> BaseProcess:
    """A bridge, in a process of its own."""
    process = multiprocessing.get_context("fork").Process(target=_work, args=(path, database.dsn, turn))
    process.start()
    return process


def _work(path: Path, dsn: str, turn: int) -> None:
    """Every day is corrected; the database is told until it does not take it."""
    with Ledger(path) as ledger:
        for back in range(DAYS):
            ledger.answers.record_intervals(
                HOME,
                DAY - ONE_DAY * back,
                interval(
                    turn % 96,
                    kwh(**{"LOW" if turn % 3 else "HIGH": turn + 2, "INJECTED": back}),
                    DAY - ONE_DAY * back,
                ),
                NOW + timedelta(hours=turn),
                only_new=True,
            )
        sink = opened(ledger, dsn)
        deliver(sink)


def told(database: PostgreSQL) -> int:
    """How many changes the database knows."""
    there = database.ask("SELECT 1 FROM pg_tables WHERE (schemaname, tablename) = ('fluvius', 'deliveries')")
    return int(database.ask("SELECT COALESCE(max(number), 0) FROM fluvius.deliveries")[0][0]) if there else 0


def finish(path: Path, database: PostgreSQL) -> None:
    """In peace."""
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(HIGH=1), BEFORE - ONE_DAY * DAYS)
        delivered(ledger, database.dsn)
        assert_equal(database, ledger)
        assert database.ask("SELECT count(*) FROM fluvius.deliveries") == [(1,)], "it never began anew"
