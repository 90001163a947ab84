"""How often a cycle reads the ledger: what lies on a meter's desk is read once, and handed on."""

from functools import partial

import pytest

from bridge.fetching.due import Occasion
from bridge.ledger import Damaged
from tests.rig.world import World


def reads_of_the_next_cycle(desk: World, **after: float) -> int:
    """How many times SQLite is read in the second cycle of two, that long after the first."""
    statements: list[str] = []
    with desk.at_work() as (ledger, fetcher):
        fetcher.fetch(Occasion.SCHEDULE)
        desk.clock.pass_by(**after)
        ledger.store.db.set_trace_callback(statements.append)
        cycle = fetcher.fetch(Occasion.SCHEDULE)
        ledger.store.db.set_trace_callback(None)
    assert not cycle.errors
    assert bool(cycle.new_days) == ("days" in after)
    return sum(statement.startswith("SELECT") for statement in statements)


def test_a_meter_without_news_is_read_in_three_queries(desk: World) -> None:
    assert reads_of_the_next_cycle(desk, hours=3) == 3


def test_a_new_day_is_decided_and_kept_in_fifteen_queries(desk: World) -> None:
    assert reads_of_the_next_cycle(desk, days=1) <= 15


def test_a_day_is_proved_once_in_a_turn_and_again_after_it_or_after_what_failed(desk: World) -> None:
    with desk.at_work() as (ledger, fetcher):
        fetcher.fetch(Occasion.SCHEDULE)
        latest = ledger.days.latest_complete_day(desk.meter())
        assert latest
        proof = partial(ledger.checks.raise_if_damaged, desk.meter(), latest.date, latest.date)
        with ledger.checks.proving_once():
            proof()
            ledger.store.db.execute("UPDATE reading SET amount = amount + 1 WHERE daily = 1")
            proof()
            with pytest.raises(InterruptedError), ledger.store.transaction():
                raise InterruptedError
            with pytest.raises(Damaged):
                proof()
        with pytest.raises(Damaged):
            proof()
