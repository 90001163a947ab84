"""The database as the witness: of shards that become more, and of quarter-hours that were dropped."""

import shutil
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.config import load
from bridge.fetching.cycle import Fetcher
from bridge.fetching.due import Occasion
from bridge.ledger import Ledger
from bridge.metering import meterday
from bridge.metering.contract import Contract, Timeline
from bridge.metering.model import Peak
from bridge.metering.shard import Shard
from tests.rig.deliveries import Row, days, deliver, delivered, kept_days, kept_readings, opened, readings
from tests.rig.postgresql import PostgreSQL
from tests.rig.provider import Provider
from tests.rig.readings import BEFORE, DAY, HOME, LATER, LATEST, daily, interval, whole_day
from tests.rig.registers import kwh

INDEX = "FLUVIUS2MQTT_FLUVIUS__ENERGY_API__SHARD__INDEX"


def cycle(provider: Provider, database: PostgreSQL, index: int, of: int) -> None:
    world = provider.world
    world.changes["fluvius"]["energy_api"]["shard"] = {"of": of}
    settings = load(world.write_configuration(), {INDEX: str(index)})
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with Ledger(settings.data_dir / "ledger.sqlite") as ledger:
        ledger.changes.keep()
        fetcher = Fetcher(settings, ledger, world.clock, pause=lambda _: None, between=lambda _: None)
        assert not fetcher.fetch(Occasion.SCHEDULE).errors
        delivered(ledger, database.dsn)


def test_four_shards_and_then_eight_are_one_in_the_database(
    provider: Provider, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    provider.api.forget_mandates()
    provider.api.add_meters(20)
    for of, moment in (4, "2026-11-22 13:00"), (8, "2026-11-23 13:00"):
        provider.clock.move_to(moment)
        for index in range(of):
            cycle(provider, postgresql, index, of)
    found, found_days = readings(postgresql), days(postgresql)
    del provider.world.changes["fluvius"]["energy_api"]["shard"]
    provider.world.changes["data_dir"] = str(tmp_path / "one")
    for moment in "2026-11-22 13:00", "2026-11-23 13:00":
        provider.clock.move_to(moment)
        provider.fetch()
    with Ledger(tmp_path / "one" / "ledger.sqlite") as ledger:
        assert found == kept_readings(ledger)
        assert found_days == kept_days(ledger)


def test_what_was_dropped_stays_in_the_database_and_what_it_lacks_is_not_dropped(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    ledger.changes.keep()
    for day in BEFORE, DAY:
        whole_day(ledger, kwh(HIGH="0.1", INJECTED="0.3"), day)
    month = meterday.month_of(DAY)
    with closing(opened(ledger, postgresql.dsn)) as sink:
        assert ledger.retention.drop(HOME, month, [sink.days_lacking]) == []
        deliver(sink)
        before = readings(postgresql)
        assert ledger.retention.drop(HOME, month, [sink.days_lacking]) == [BEFORE]
        assert not sink.is_due(), "nothing of it is told again"
    ledger.answers.record_days(HOME, daily(kwh(HIGH=11, INJECTED="28.8"), BEFORE), LATER)
    delivered(ledger, postgresql.dsn)
    assert readings(postgresql) == before
    assert days(postgresql) == kept_days(ledger)
    in_doubt = "SELECT DISTINCT date FROM fluvius.days WHERE in_doubt"
    assert postgresql.ask(in_doubt) == [(BEFORE,)], "what was dropped does not add up to it any more"
    assert postgresql.ask("SELECT DISTINCT date FROM fluvius.intervals") == [(DAY,)]


def corrected(ledger: Ledger, amount: int, now: datetime) -> None:
    """The fourth quarter-hour of a day, and so the day."""
    ledger.answers.record_intervals(HOME, DAY, interval(3, kwh(TOTAL=amount)), now, only_new=True)
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=95 + amount)), now)


def told(database: PostgreSQL) -> Row:
    """A day, and its fourth quarter-hour, in the database."""
    ((day,),) = database.ask("SELECT consumption FROM fluvius.daily WHERE date = %s", DAY)
    ((quarter,),) = database.ask("SELECT max(consumption) FROM fluvius.intervals WHERE date = %s", DAY)
    return day, quarter


@pytest.mark.parametrize("corrections", [1, 2, 5])
def test_corrections_after_a_meter_moved_to_a_fresh_ledger_and_back_arrive(
    postgresql: PostgreSQL, ledger: Ledger, tmp_path: Path, corrections: int
) -> None:
    """Neither ledger heard of the other's corrections."""
    whole_day(ledger, kwh(TOTAL=1))
    for amount in range(2, 2 + corrections):
        corrected(ledger, amount, LATER)
    delivered(ledger, postgresql.dsn)
    with Ledger(tmp_path / "fresh.sqlite") as fresh:
        fresh.answers.record_days(HOME, daily(kwh(TOTAL=96 + corrections)), LATER)
        for n in range(96):
            amount = 1 + corrections if n == 3 else 1
            fresh.answers.record_intervals(HOME, DAY, interval(n, kwh(TOTAL=amount)), LATER, only_new=True)
        fresh.answers.settle(HOME, [DAY], LATER)
        delivered(fresh, postgresql.dsn)
        for amount in range(9, 9 + corrections):
            corrected(fresh, amount, LATEST)
            delivered(fresh, postgresql.dsn)
            assert told(postgresql) == (95 + amount, amount)
    corrected(ledger, 20, LATEST)
    delivered(ledger, postgresql.dsn)
    assert told(postgresql) == (115, 20)
    revisions = [row[-1] for row in readings(postgresql)]
    assert max(revisions) == 2 + 2 * corrections, "each correction is one more"
    assert sorted(revisions)[-2] == 1


def test_a_correction_after_a_ledger_was_put_back_arrives(postgresql: PostgreSQL, tmp_path: Path) -> None:
    path, backup = tmp_path / "ledger.sqlite", tmp_path / "backup.sqlite"
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(TOTAL=1))
        delivered(ledger, postgresql.dsn)
    shutil.copy(path, backup)
    with Ledger(path) as ledger:
        corrected(ledger, 2, LATER)
        corrected(ledger, 3, LATER)
        delivered(ledger, postgresql.dsn)
    shutil.copy(backup, path)
    with Ledger(path) as ledger:
        delivered(ledger, postgresql.dsn)
        assert told(postgresql) == (98, 3), "what it alone says is older"
        corrected(ledger, 9, LATEST)
        delivered(ledger, postgresql.dsn)
    assert told(postgresql) == (104, 9)


def test_what_waited_in_a_backup_takes_nothing_back(postgresql: PostgreSQL, tmp_path: Path) -> None:
    path, backup = tmp_path / "ledger.sqlite", tmp_path / "backup.sqlite"
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(TOTAL=1))
        delivered(ledger, postgresql.dsn)
        corrected(ledger, 2, LATER)
    shutil.copy(path, backup)
    with Ledger(path) as ledger:
        delivered(ledger, postgresql.dsn)
        corrected(ledger, 3, LATEST)
        delivered(ledger, postgresql.dsn)
    shutil.copy(backup, path)
    with Ledger(path) as ledger:
        delivered(ledger, postgresql.dsn)
    assert told(postgresql) == (98, 3)


PEAK = "SELECT kw FROM fluvius.peaks WHERE ean = %s"


def test_a_fresh_ledger_in_mid_month_takes_no_peak_back(
    postgresql: PostgreSQL, ledger: Ledger, tmp_path: Path
) -> None:
    whole_day(ledger, kwh(TOTAL=5), BEFORE)
    delivered(ledger, postgresql.dsn)
    with Ledger(tmp_path / "fresh.sqlite") as fresh:
        for amount, kw in (1, 20), (6, 24), (4, 20):
            whole_day(fresh, kwh(TOTAL=amount), DAY, now=LATER)
            delivered(fresh, postgresql.dsn)
            assert postgresql.ask(PEAK, HOME.ean) == [(kw,)]


@pytest.mark.parametrize("because", ["corrected", "in doubt"])
def test_a_peak_that_counts_no_more_gives_way_to_a_lower_one(
    postgresql: PostgreSQL, ledger: Ledger, because: str
) -> None:
    """Also beside a meter of which nothing but a peak is told."""
    whole_day(ledger, kwh(TOTAL=5), BEFORE)
    whole_day(ledger, kwh(TOTAL=2))
    delivered(ledger, postgresql.dsn)
    ledger.peaks.keep_peaks(replace(HOME, ean="541448820000000022"), [Peak(LATER, Decimal(3), "portal")], DAY)
    if because == "corrected":
        whole_day(ledger, kwh(TOTAL=1), BEFORE, now=LATER)
    else:
        ledger.answers.record_days(HOME, daily(kwh(TOTAL=9), BEFORE), LATER)
    delivered(ledger, postgresql.dsn)
    assert postgresql.ask(PEAK, HOME.ean) == [(8,)]


PRICES = Timeline((Contract(since=datetime(2026, 1, 1, tzinfo=UTC), energy=Decimal("0.25")),))


def test_a_copy_that_follows_other_meters_takes_nothing_back(postgresql: PostgreSQL, tmp_path: Path) -> None:
    path, copy = tmp_path / "shard-1.sqlite", tmp_path / "shard-5.sqlite"
    index = next(index for index in range(8) if Shard(index, 8).has(HOME.ean))
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(TOTAL=1))
        ledger.costs.bring_up_to_date(HOME, PRICES)
        delivered(ledger, postgresql.dsn)
    shutil.copy(path, copy)
    with Ledger(path) as ledger:
        corrected(ledger, 5, LATER)
        ledger.costs.bring_up_to_date(HOME, PRICES)
        delivered(ledger, postgresql.dsn)
    everything = [
        f"SELECT * FROM fluvius.{table} ORDER BY 1, 2" for table in ("meters", "peaks", "costs", "days")
    ]
    before = [postgresql.ask(each) for each in everything]
    with Ledger(copy) as ledger:
        whole_day(ledger, kwh(TOTAL=1), DAY, now=LATEST, validated=False)
        delivered(ledger, postgresql.dsn, shard=Shard((index + 4) % 8, 8))
    assert [postgresql.ask(each) for each in everything] == before


def test_another_database_has_nothing_before_it_says_so(postgresql: PostgreSQL, ledger: Ledger) -> None:
    """Quarter-hours that it lacks are not dropped, and all that it lacks is said to wait."""
    ledger.changes.keep()
    for day in BEFORE, DAY:
        whole_day(ledger, kwh(HIGH="0.1", INJECTED="0.3"), day)
    delivered(ledger, postgresql.dsn)
    month = meterday.month_of(DAY)
    postgresql.ask("CREATE DATABASE another")
    away = "postgresql://admin@127.0.0.1:1/another"
    with closing(opened(ledger, away)) as sink:
        sink.step()
        assert (sink.waiting, ledger.retention.drop(HOME, month, [sink.days_lacking])) == (2, [])
    with closing(opened(ledger, postgresql.dsn_of("admin", "another"))) as sink:
        deliver(sink)
        assert ledger.retention.drop(HOME, month, [sink.days_lacking]) == [BEFORE]
    assert postgresql.ask(
        "SELECT count(*) FROM fluvius.readings", dsn=postgresql.dsn_of("admin", "another")
    ) == [(2 * 96 * 2,)]


def test_a_database_that_is_away_since_the_start_has_nothing_for_sure(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    """It may have been put back meanwhile."""
    for day in BEFORE, DAY:
        whole_day(ledger, kwh(HIGH="0.1", INJECTED="0.3"), day)
    delivered(ledger, postgresql.dsn)
    with closing(opened(ledger, postgresql.dsn)) as sink:
        assert sink.days_lacking(HOME, BEFORE, DAY) == {BEFORE, DAY}
        assert sink.waiting == 0, "as far as is known"
        sink.step()
        assert sink.days_lacking(HOME, BEFORE, DAY) == set()
