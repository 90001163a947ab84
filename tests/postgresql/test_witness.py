"""The database as the witness: of shards that become more, and of quarter-hours that were dropped."""

from contextlib import closing
from pathlib import Path

from bridge.config import load
from bridge.fetching.cycle import Fetcher
from bridge.fetching.due import Occasion
from bridge.ledger import Ledger
from bridge.metering import meterday
from tests.rig.deliveries import days, delivered, kept_days, kept_readings, opened, readings
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
        while sink.is_due():
            sink.step()
        before = readings(postgresql)
        assert ledger.retention.drop(HOME, month, [sink.days_lacking]) == [BEFORE]
        assert not sink.is_due(), "nothing of it is told again"
    ledger.answers.record_days(HOME, daily(kwh(HIGH=11, INJECTED="28.8"), BEFORE), LATER)
    delivered(ledger, postgresql.dsn)
    assert readings(postgresql) == before
    assert days(postgresql) == kept_days(ledger)


def test_a_correction_after_a_meter_moved_to_a_fresh_ledger_arrives(
    postgresql: PostgreSQL, ledger: Ledger, tmp_path: Path
) -> None:
    """The first ledger corrected it; the second never heard of that."""
    whole_day(ledger, kwh(TOTAL=1))
    ledger.answers.record_intervals(HOME, DAY, interval(3, kwh(TOTAL=2)), LATER, only_new=True)
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=97)), LATER)
    delivered(ledger, postgresql.dsn)
    with Ledger(tmp_path / "fresh.sqlite") as fresh:
        fresh.answers.record_days(HOME, daily(kwh(TOTAL=97)), LATER)
        for n in range(96):
            amount = 2 if n == 3 else 1
            fresh.answers.record_intervals(HOME, DAY, interval(n, kwh(TOTAL=amount)), LATER, only_new=True)
        fresh.answers.settle(HOME, [DAY], LATER)
        delivered(fresh, postgresql.dsn)
        fresh.answers.record_intervals(HOME, DAY, interval(3, kwh(TOTAL=9)), LATEST, only_new=True)
        fresh.answers.record_days(HOME, daily(kwh(TOTAL=104)), LATEST)
        delivered(fresh, postgresql.dsn)
    assert max(row[6] for row in readings(postgresql)) == 9
