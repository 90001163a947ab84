"""A database that is begun anew, or put back, while the bridge runs, and what it lost then."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.fetching.cycle import Fetcher
from bridge.ledger import Ledger
from bridge.metering.mandate import Mandate
from bridge.metering.meterday import ONE_DAY, span
from bridge.metering.model import Energy
from bridge.postgresql.sink import Sink
from bridge.service.deliveries import Deliveries
from bridge.service.retention import Retention
from bridge.service.trouble import Trouble
from tests.rig.deliveries import assert_equal, deliver, opened, readings, settings
from tests.rig.postgresql import PostgreSQL
from tests.rig.readings import AFTER, DAY, HOME, NOW, whole_day
from tests.rig.registers import kwh
from tests.rig.world import World
from tests.rig.years import fill

AN_HOUR = timedelta(hours=1)


def begin_anew(postgresql: PostgreSQL) -> None:
    """As docs/postgresql.md says."""
    postgresql.ask("DROP SCHEMA fluvius CASCADE")


def test_a_database_that_is_begun_anew_is_told_everything_within_the_hour(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    now = [NOW]
    whole_day(ledger, kwh(TOTAL=1))
    sink = opened(ledger, postgresql.dsn, lambda: now[0])
    deliver(sink)
    begin_anew(postgresql)
    now[0] += AN_HOUR
    deliver(sink)
    assert_equal(postgresql, ledger)
    assert len(readings(postgresql)) == 96


def test_a_database_for_which_nothing_waits_is_looked_at_once_an_hour(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    now, looks = [NOW], 0
    sink = opened(ledger, postgresql.dsn, lambda: now[0])
    while now[0] < NOW + 5 * AN_HOUR:
        while sink.is_due():
            sink.step()
            looks += 1
        now[0] += timedelta(minutes=1)
    assert looks == 5


def test_a_clock_that_is_set_back_lets_the_database_be_looked_at(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    now = [NOW]
    sink = opened(ledger, postgresql.dsn, lambda: now[0])
    deliver(sink)
    now[0] -= 24 * AN_HOUR
    assert sink.is_due()
    deliver(sink)
    assert not sink.is_due()


def test_what_the_database_said_an_hour_ago_is_not_believed(postgresql: PostgreSQL, ledger: Ledger) -> None:
    now = [NOW]
    whole_day(ledger, kwh(TOTAL=1))
    sink = opened(ledger, postgresql.dsn, lambda: now[0])
    assert sink.days_lacking(HOME, DAY, DAY) == {DAY}
    deliver(sink)
    assert sink.days_lacking(HOME, DAY, DAY) == set()
    now[0] += AN_HOUR
    assert sink.days_lacking(HOME, DAY, DAY) == {DAY}
    deliver(sink)
    assert sink.days_lacking(HOME, DAY, DAY) == set()


@pytest.mark.parametrize("has_readings", [True, False])
def test_a_database_that_is_begun_anew_has_the_mandates_again(
    postgresql: PostgreSQL, ledger: Ledger, *, has_readings: bool
) -> None:
    if has_readings:
        whole_day(ledger, kwh(TOTAL=1))
    sink, now, _ = with_mandates(ledger, postgresql)
    begin_anew(postgresql)
    now[0] += AN_HOUR
    deliver(sink)
    assert references(postgresql) == ["a"]


def test_a_database_that_was_put_back_is_told_the_mandates_that_came_since(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    sink, now, known = with_mandates(ledger, postgresql)
    backup = postgresql.ask("SELECT number, edition, at FROM fluvius.deliveries")
    now[0] += AN_HOUR
    known[0] = *known[0], mandate("b")
    deliver(sink)
    assert references(postgresql) == ["a", "b"]
    postgresql.ask("DELETE FROM fluvius.mandates WHERE reference = 'b'")
    postgresql.ask("UPDATE fluvius.deliveries SET (number, edition, at) = (%s, %s, %s)", *backup[0])
    now[0] += AN_HOUR
    deliver(sink)
    assert references(postgresql) == ["a", "b"]


def test_mandates_are_not_told_again_to_a_database_that_has_them(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    sink, now, _ = with_mandates(ledger, postgresql)
    postgresql.ask("DELETE FROM fluvius.mandates")  # by a hand: they would come back
    whole_day(ledger, kwh(TOTAL=1), AFTER)
    now[0] += AN_HOUR
    deliver(sink)
    assert references(postgresql) == []


def with_mandates(
    ledger: Ledger, postgresql: PostgreSQL
) -> tuple[Sink, list[datetime], list[tuple[Mandate, ...]]]:
    """A sink that told what there is, its clock, and the mandates that it knows."""
    now, known = [NOW], list[tuple[Mandate, ...]]([(mandate("a"),)])
    sink = Sink(settings(postgresql.dsn), ledger, lambda: now[0], mandates=lambda: known[0])
    deliver(sink)
    assert references(postgresql) == ["a"]
    return sink, now, known


def mandate(reference: str) -> Mandate:
    return Mandate(reference, HOME.ean, Energy.ELECTRICITY, "Approved", "VH_dag")


def references(postgresql: PostgreSQL) -> list[str]:
    return [name for (name,) in postgresql.ask("SELECT reference FROM fluvius.mandates ORDER BY 1")]


OLD = span(date(2026, 11, 14), date(2026, 11, 20))
MIDNIGHT = datetime.fromisoformat("2028-01-05T00:01+01:00")  # of 14 months December 2026 is the oldest


@contextmanager
def at_midnight(desk: World, postgresql: PostgreSQL) -> Iterator[tuple[Ledger, Sink, Retention]]:
    """The database has everything, and has not been asked for a while; old quarter-hours are due to go."""
    desk.changes["ledger.keep_months"] = 14
    now = [MIDNIGHT - timedelta(minutes=30)]
    with desk.at_work() as (ledger, fetcher):
        ledger.changes.keep()
        for until, days in (OLD[-1], len(OLD)), (MIDNIGHT.date() - ONE_DAY * 2, 1):
            fill(ledger, *desk.settings.followed, until=until, days=days)
        sink = Sink(settings(postgresql.dsn), ledger, lambda: now[0])
        deliver(sink)
        now[0] = MIDNIGHT
        yield ledger, sink, retention_of(desk, ledger, fetcher, sink, now)
        sink.close()


def retention_of(desk: World, ledger: Ledger, fetcher: Fetcher, sink: Sink, now: list[datetime]) -> Retention:
    view: Any = SimpleNamespace(bridge=lambda: None)
    deliveries, trouble = Deliveries(sink, view, Trouble()), Trouble()
    return Retention(
        desk.settings,
        ledger,
        fetcher,
        [deliveries.days_lacking],
        of_followed=[],
        confirm=deliveries.confirm,
        trouble=trouble,
        now=lambda: now[0],
    )


def dropped(desk: World, ledger: Ledger) -> set[date]:
    return ledger.days.dropped(desk.meter(), date.min, date.max)


def test_quarter_hours_that_the_database_has_are_dropped(desk: World, postgresql: PostgreSQL) -> None:
    with at_midnight(desk, postgresql) as (ledger, _, retention):
        retention.everything(lambda: None)
        assert dropped(desk, ledger) == {*OLD}


def test_quarter_hours_that_a_database_lost_are_not_dropped(desk: World, postgresql: PostgreSQL) -> None:
    with at_midnight(desk, postgresql) as (_, sink, retention):
        begin_anew(postgresql)
        retention.everything(lambda: None)
        deliver(sink)
        (days,) = postgresql.ask("SELECT count(DISTINCT date) FROM fluvius.readings")
        assert days == (len(OLD) + 1,)


def test_a_database_that_is_away_at_midnight_only_keeps_quarter_hours_longer(
    desk: World, postgresql: PostgreSQL
) -> None:
    with at_midnight(desk, postgresql) as (ledger, sink, retention):
        postgresql.stop()
        try:
            retention.everything(lambda: None)
        finally:
            postgresql.start()
        assert dropped(desk, ledger) == set()
        assert sink.health.failures_in_a_row == 1, "it is left in peace"
