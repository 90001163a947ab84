"""The helper of those who read: what it takes from its shelf is what it would have fetched."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.rig.reading import Reader


def content(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as database:
        return list(database.iterdump())


def test_a_ledger_from_the_shelf_is_the_one_that_would_be_fetched(reader: Reader) -> None:
    reader.fetch()
    fetched = content(reader.world.data_dir)
    shutil.rmtree(reader.world.data_dir)
    reader.simulator.forget_requests()
    asked = reader.simulator.count()
    reader.fetch()
    assert content(reader.world.data_dir) == fetched
    assert reader.simulator.count() == asked == 0


def test_of_a_fluvius_that_was_told_something_nothing_is_on_the_shelf(reader: Reader) -> None:
    reader.fetch()
    shutil.rmtree(reader.world.data_dir)
    reader.simulator.forget_requests()
    reader.simulator.fault("not-validated")
    reader.fetch()
    assert reader.simulator.count() > 0
