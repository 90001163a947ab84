import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier, Thread

import pytest
from psycopg import Connection

from bridge.ledger import Ledger
from bridge.metering.contract import Contract, Timeline
from bridge.metering.mandate import Mandate
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Energy, Peak
from bridge.postgresql import delivery, schema
from bridge.postgresql.batch import Lines
from bridge.postgresql.errors import DatabaseAway
from bridge.postgresql.sink import Sink
from bridge.postgresql.tables import DAYS
from tests.rig.deliveries import (
    assert_equal,
    days,
    delivered,
    kept_readings,
    opened,
    readings,
    settings,
)
from tests.rig.ledgers import used_ledger
from tests.rig.postgresql import IS_TIMESCALEDB, PostgreSQL
from tests.rig.readings import (
    AFTER,
    BEFORE,
    DAY,
    HOME,
    LATER,
    LATEST,
    NOW,
    STOVE,
    daily,
    interval,
    whole_day,
)
from tests.rig.registers import kwh


def test_the_tables_are_the_ledger_row_by_row(postgresql: PostgreSQL, ledger: Ledger) -> None:
    whole_day(ledger, kwh(HIGH="0.1", LOW="0.062", INJECTED="0.3"), BEFORE)
    whole_day(ledger, kwh(HIGH="0.1", LOW="0.2", INJECTED="0.3"))
    delivered(ledger, postgresql.dsn)
    assert len(readings(postgresql)) == 2 * 96 * 3
    assert_equal(postgresql, ledger)


def test_a_gas_hour_belongs_to_its_gas_day(postgresql: PostgreSQL, ledger: Ledger) -> None:
    ledger.answers.record_days(STOVE, daily(kwh(TOTAL=24, VOLUME=2), meter=STOVE), NOW)
    for number in (0, 23):
        ledger.answers.record_intervals(
            STOVE, DAY, interval(number, kwh(TOTAL=1, VOLUME="0.1"), meter=STOVE), NOW
        )
    delivered(ledger, postgresql.dsn)
    assert_equal(postgresql, ledger)
    assert postgresql.ask("SELECT DISTINCT date, start::date = date FROM fluvius.readings ORDER BY 2") == [
        (DAY, False),
        (DAY, True),
    ]


def test_a_database_of_another_encoding_takes_every_unit(postgresql: PostgreSQL, ledger: Ledger) -> None:
    postgresql.ask("CREATE DATABASE latin TEMPLATE template0 ENCODING 'latin1' LOCALE 'C'")
    ledger.answers.record_days(STOVE, daily(kwh(TOTAL=24, VOLUME=2), meter=STOVE), NOW)
    delivered(ledger, postgresql.dsn_of("admin", "latin"))
    assert postgresql.ask("SELECT volume FROM fluvius.daily", dsn=postgresql.dsn_of("admin", "latin")) == [
        (2,)
    ]


@pytest.mark.parametrize("words", ["?client_encoding=sql_ascii", "?options=-c%20client_encoding%3Dlatin1"])
def test_a_dsn_that_names_an_encoding_takes_every_unit(
    postgresql: PostgreSQL, ledger: Ledger, words: str
) -> None:
    ledger.answers.record_days(STOVE, daily(kwh(TOTAL=24, VOLUME=2), meter=STOVE), NOW)
    delivered(ledger, postgresql.dsn + words)
    assert_equal(postgresql, ledger)


@pytest.mark.parametrize(
    "default",
    [
        {"datestyle": "SQL,DMY"},
        {"datestyle": "German"},
        {"intervalstyle": "sql_standard"},
        {"standard_conforming_strings": "off"},
        {"timezone": "Pacific/Kiritimati"},
        {"search_path": "nowhere"},
    ],
    ids=str,
)
def test_what_a_role_has_by_default_is_not_relied_on(
    postgresql: PostgreSQL, ledger: Ledger, default: dict[str, str]
) -> None:
    dsn = postgresql.dsn_with(**default)
    whole_day(ledger, kwh(HIGH=1))
    delivered(ledger, dsn)
    ledger.answers.record_intervals(HOME, DAY, interval(3, kwh(LOW=1)), LATER, only_new=True)
    delivered(ledger, dsn)
    assert_equal(postgresql, ledger)


def test_what_the_driver_lets_through_is_a_database_that_is_away(ledger: Ledger) -> None:
    sink = opened(ledger, f"postgresql://admin@{'db' * 40}.example.com/energy")
    sink.step()
    assert sink.health.state == "unreachable"
    assert "idna" in str(sink.health.last_error)


def test_one_ean_of_two_energies_keeps_nothing_waiting(postgresql: PostgreSQL, ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    mistaken = replace(HOME, energy=Energy.GAS)
    ledger.answers.record_days(mistaken, daily(kwh(TOTAL=24), meter=mistaken), NOW)
    delivered(ledger, postgresql.dsn)
    assert len(readings(postgresql)) == 96
    assert postgresql.ask("SELECT count(*) FROM fluvius.days WHERE date = %s", DAY) == [(1,)]


def test_who_had_a_database_and_has_one_again_tells_everything(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    delivered(ledger, postgresql.dsn)
    ledger.changes.stop()
    whole_day(ledger, kwh(TOTAL=2), now=LATER)
    sink = opened(ledger, postgresql.dsn)
    assert sink.waiting == 1
    sink.step()
    assert_equal(postgresql, ledger)


def test_corrections_up_and_down_arrive_as_higher_revisions(postgresql: PostgreSQL, ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    delivered(ledger, postgresql.dsn)
    for amount, at in ((2, LATER), (1, LATEST)):
        ledger.answers.record_intervals(HOME, DAY, interval(3, kwh(TOTAL=amount)), at, only_new=True)
        ledger.answers.record_days(HOME, daily(kwh(TOTAL=95 + amount)), at)
        delivered(ledger, postgresql.dsn)
        assert_equal(postgresql, ledger)
    assert max(row[-1] for row in readings(postgresql)) == 3


def test_what_is_the_same_is_not_written_again(postgresql: PostgreSQL, ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    delivered(ledger, postgresql.dsn)
    versions = postgresql.ask("SELECT xmin::text, start FROM fluvius.readings ORDER BY start")
    ledger.answers.record_intervals(HOME, DAY, interval(3, kwh(TOTAL=2)), LATER, only_new=True)
    ledger.changes.take_another_name()  # so that all of it is told again
    delivered(ledger, postgresql.dsn)
    now = postgresql.ask("SELECT xmin::text, start FROM fluvius.readings ORDER BY start")
    assert sum(a != b for a, b in zip(versions, now, strict=True)) == 1


def test_what_becomes_final_is_final_in_the_database(postgresql: PostgreSQL, ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1), validated=False)
    delivered(ledger, postgresql.dsn)
    whole_day(ledger, kwh(TOTAL=1), now=LATER)
    delivered(ledger, postgresql.dsn)
    assert_equal(postgresql, ledger)
    assert {row[-4] for row in readings(postgresql)} == {True}


@pytest.mark.parametrize("of", ["a lower revision", "the same revision, less final"])
def test_what_an_older_ledger_says_replaces_nothing(postgresql: PostgreSQL, tmp_path: Path, of: str) -> None:
    path, old = tmp_path / "ledger.sqlite", tmp_path / "old.sqlite"
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(TOTAL=1), validated=False)
        delivered(ledger, postgresql.dsn)
    shutil.copy(path, old)
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(TOTAL=2 if of == "a lower revision" else 1), now=LATER)
        delivered(ledger, postgresql.dsn)
        with Ledger(old) as older:
            whole_day(older, kwh(TOTAL=1), BEFORE)
            delivered(older, postgresql.dsn)
        assert [row for row in readings(postgresql) if row[:6] in {r[:6] for r in kept_readings(ledger)}] == (
            kept_readings(ledger)
        )
        assert len(readings(postgresql)) == 2 * 96, "and what it alone knows is there"


def test_a_register_that_a_slot_has_not_any_more_has_no_amount(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    whole_day(ledger, kwh(HIGH=1))
    delivered(ledger, postgresql.dsn)
    ledger.answers.record_intervals(HOME, DAY, interval(3, kwh(LOW=1)), LATER, only_new=True)
    delivered(ledger, postgresql.dsn)
    assert_equal(postgresql, ledger)
    assert postgresql.ask("SELECT count(*), count(amount) FROM fluvius.readings") == [(97, 96)]
    ledger.answers.record_intervals(HOME, DAY, interval(3, kwh(HIGH=1)), LATEST, only_new=True)
    delivered(ledger, postgresql.dsn)
    assert_equal(postgresql, ledger)


def test_an_older_database_is_told_the_rest_again(postgresql: PostgreSQL, ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    delivered(ledger, postgresql.dsn)
    backup = postgresql.ask("SELECT number, edition FROM fluvius.deliveries")
    whole_day(ledger, kwh(TOTAL=1), AFTER)
    delivered(ledger, postgresql.dsn)
    postgresql.ask("DELETE FROM fluvius.readings WHERE date = %s", AFTER)
    postgresql.ask("UPDATE fluvius.deliveries SET number = %s, edition = %s", *backup[0])
    delivered(ledger, postgresql.dsn)
    assert_equal(postgresql, ledger)


def test_an_empty_database_is_told_everything_again(postgresql: PostgreSQL, ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    delivered(ledger, postgresql.dsn)
    postgresql.ask("DROP SCHEMA fluvius CASCADE")
    delivered(ledger, postgresql.dsn)
    assert_equal(postgresql, ledger)


def test_an_older_ledger_tells_everything_again(
    postgresql: PostgreSQL, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, backup = tmp_path / "ledger.sqlite", tmp_path / "backup.sqlite"
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(TOTAL=1))
        delivered(ledger, postgresql.dsn)
    shutil.copy(path, backup)
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(TOTAL=1), AFTER)
        delivered(ledger, postgresql.dsn)
    shutil.copy(backup, path)
    postgresql.ask("DELETE FROM fluvius.readings")
    with Ledger(path) as ledger:
        whole_day(ledger, kwh(TOTAL=2), BEFORE)  # as many changes as the other one had
        delivered(ledger, postgresql.dsn)
        assert readings(postgresql) == kept_readings(ledger)
    assert "not the one that it was" in caplog.text


def test_two_ledgers_fill_one_schema(postgresql: PostgreSQL, tmp_path: Path) -> None:
    with Ledger(tmp_path / "a.sqlite") as one, Ledger(tmp_path / "b.sqlite") as other:
        whole_day(one, kwh(HIGH=1))
        other.answers.record_days(STOVE, daily(kwh(TOTAL=24), meter=STOVE), NOW)
        for _ in range(2):
            delivered(one, postgresql.dsn)
            delivered(other, postgresql.dsn)
            whole_day(one, kwh(HIGH=1), AFTER)
        assert readings(postgresql) == kept_readings(one)
        assert {row[0] for row in days(postgresql)} == {HOME.ean, STOVE.ean}
        assert postgresql.ask("SELECT count(*) FROM fluvius.deliveries") == [(2,)]


def test_two_ledgers_of_one_meter_lose_and_double_nothing(postgresql: PostgreSQL, tmp_path: Path) -> None:
    with Ledger(tmp_path / "a.sqlite") as one, Ledger(tmp_path / "b.sqlite") as other:
        whole_day(one, kwh(HIGH=1, LOW=1))
        delivered(one, postgresql.dsn)
        before = readings(postgresql), days(postgresql)
        other.answers.record_days(HOME, daily(kwh(HIGH=96, LOW=96)), NOW)
        delivered(other, postgresql.dsn)
        assert (readings(postgresql), days(postgresql)) == before, "complete it stays"
        whole_day(other, kwh(HIGH=1, LOW=1))
        delivered(other, postgresql.dsn)
        delivered(one, postgresql.dsn)
        assert (readings(postgresql), days(postgresql)) == before


def test_a_database_that_is_away_lets_changes_wait_and_gets_them_later(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    now = [NOW]
    sink = opened(ledger, postgresql.dsn, lambda: now[0])
    whole_day(ledger, kwh(TOTAL=1))
    postgresql.stop()
    try:
        sink.step()
    finally:
        postgresql.start()
    assert sink.health.state == "unreachable"
    assert sink.waiting == 1
    assert not sink.is_due()
    now[0] += timedelta(hours=1)
    assert sink.is_due()
    sink.step()
    assert (sink.health.state, sink.waiting) == ("ok", 0)
    assert_equal(postgresql, ledger)


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(days=400)])
def test_what_waits_by_a_clock_that_was_ahead_is_delivered_when_that_is_right(
    ledger: Ledger, ahead: timedelta
) -> None:
    now = [NOW + ahead]
    sink = opened(ledger, "postgresql://nobody:secret@127.0.0.1:9/nowhere", lambda: now[0])
    whole_day(ledger, kwh(TOTAL=1))
    sink.step()
    assert not sink.is_due()
    now[0] = NOW
    assert sink.is_due()


def half_told(postgresql: PostgreSQL, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Sink:
    """A sink with one of two days delivered, and its connection still open."""
    monkeypatch.setattr("bridge.postgresql.sink._AT_MOST", 1)
    for day in (BEFORE, DAY):
        whole_day(ledger, kwh(TOTAL=1), day)
    sink = opened(ledger, postgresql.dsn)
    sink.step()
    assert (sink.health.state, sink.waiting) == ("ok", 1)
    return sink


def test_a_database_that_says_nothing_is_not_waited_for_for_long(
    postgresql: PostgreSQL, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = half_told(postgresql, ledger, monkeypatch)
    monkeypatch.setattr("bridge.postgresql.door.PATIENCE", 0.3)
    postgresql.pause()
    try:
        sink.step()
    finally:
        postgresql.resume()
    assert sink.health.last_error == "it did not answer within 0 seconds"
    delivered(ledger, postgresql.dsn)
    assert_equal(postgresql, ledger)


def test_a_database_that_can_only_be_read_for_a_while_is_told_afterwards(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    """As after a failover, until the address is the new primary's."""
    now = [NOW]
    whole_day(ledger, kwh(TOTAL=1))
    sink = opened(ledger, postgresql.dsn, lambda: now[0])
    sink.step()
    whole_day(ledger, kwh(TOTAL=1), AFTER)
    postgresql.ask("ALTER ROLE admin SET default_transaction_read_only = on")
    try:
        sink.step()
    finally:
        postgresql.ask(
            "SET transaction_read_only = off; ALTER ROLE admin RESET default_transaction_read_only"
        )
    assert (sink.health.state, sink.waiting) == ("refused", 1)
    assert "name the primary in dsn" in str(sink.health.last_error)
    now[0] += timedelta(hours=1)
    sink.step()
    assert (sink.health.state, sink.waiting) == ("ok", 0)
    assert_equal(postgresql, ledger)


def test_a_database_that_becomes_read_only_while_it_is_told_is_explained(
    postgresql: PostgreSQL, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = half_told(postgresql, ledger, monkeypatch)
    write = delivery.write

    def write_to_a_replica(connection: Connection, lines: Lines, **how: bool) -> None:
        connection.execute("SET LOCAL transaction_read_only = on")
        write(connection, lines, **how)

    with monkeypatch.context() as replaced:
        replaced.setattr("bridge.postgresql.delivery.write", write_to_a_replica)
        sink.step()
    assert "name the primary in dsn" in str(sink.health.last_error)
    delivered(ledger, postgresql.dsn)
    assert_equal(postgresql, ledger)


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_two_who_make_the_tables_at_the_same_moment_make_them_once(
    postgresql: PostgreSQL, tmp_path: Path, isolation: str
) -> None:
    dsn = postgresql.dsn_with(default_transaction_isolation=isolation)
    together, errors = Barrier(2), list[str | None]()

    def bring(name: str) -> None:
        with Ledger(tmp_path / name) as ledger:
            whole_day(ledger, kwh(TOTAL=1))
            sink = opened(ledger, dsn)
            together.wait()
            sink.step()
            errors.append(sink.health.last_error)
            sink.close()

    threads = [Thread(target=bring, args=[name]) for name in ("a.sqlite", "b.sqlite")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [None, None]
    assert len(readings(postgresql)) == 96


def test_tables_of_an_older_version_get_what_they_lack(
    postgresql: PostgreSQL, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        delivered(ledger, postgresql.dsn)
    before = readings(postgresql)
    delivered(ledger, postgresql.dsn)
    assert readings(postgresql) == before
    assert postgresql.ask("SELECT count(*) FROM fluvius.intervals") == [(96,)]
    assert postgresql.ask("SELECT max(number) FROM fluvius.version") == [(len(schema.MIGRATIONS),)]


def test_tables_of_a_newer_version_are_left_alone(postgresql: PostgreSQL, ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    delivered(ledger, postgresql.dsn)
    postgresql.ask("INSERT INTO fluvius.version VALUES (99)")
    whole_day(ledger, kwh(TOTAL=1), AFTER)
    sink = opened(ledger, postgresql.dsn)
    sink.step()
    assert sink.health.state == "refused"
    assert "newer fluvius2mqtt" in str(sink.health.last_error)
    assert len(readings(postgresql)) == 96


@pytest.mark.parametrize("table", ["readings", "deliveries", "version"])
def test_who_dropped_a_table_is_told_what_to_do_and_it_helps(
    postgresql: PostgreSQL, ledger: Ledger, table: str
) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    delivered(ledger, postgresql.dsn)
    postgresql.ask(f"DROP TABLE fluvius.{table} CASCADE")
    whole_day(ledger, kwh(TOTAL=1), AFTER)
    sink = opened(ledger, postgresql.dsn)
    sink.step()
    assert sink.health.state == "refused"
    assert "drop the schema" in str(sink.health.last_error)
    postgresql.ask("DROP SCHEMA fluvius CASCADE")
    delivered(ledger, postgresql.dsn)
    assert_equal(postgresql, ledger)


def test_damaged_days_are_left_out_and_the_others_arrive(
    postgresql: PostgreSQL, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    for day in (BEFORE, DAY):
        whole_day(ledger, kwh(TOTAL=1), day)
    (start,) = {each.start for each in daily(kwh(TOTAL=1))}
    ledger.store.execute(
        "UPDATE reading SET amount = amount + 1 WHERE daily = 1 AND start = ?", (start.timestamp(),)
    )
    delivered(ledger, postgresql.dsn)
    assert [row[1] for row in days(postgresql)] == [str(BEFORE)]
    assert len(readings(postgresql)) == 96
    assert f"{HOME.ean} {DAY} is left out" in caplog.text


def test_mandates_are_told_when_they_change(postgresql: PostgreSQL, ledger: Ledger) -> None:
    mandate = Mandate("customer\\7\t", HOME.ean, Energy.ELECTRICITY, "Requested", "VH_dag")
    known = [(mandate,)]
    sink = Sink(settings(postgresql.dsn), ledger, lambda: NOW, mandates=lambda: known[0])
    sink.step()
    assert not sink.is_due()
    known[0] = (Mandate("customer\\7\t", HOME.ean, Energy.ELECTRICITY, "Approved", "VH_dag", since=NOW),)
    assert sink.is_due()
    sink.step()
    assert postgresql.ask("SELECT reference, status, since, until FROM fluvius.mandates") == [
        ("customer\\7\t", "Approved", NOW, None)
    ]


def test_a_first_start_with_a_full_ledger_tells_how_far_it_is(
    postgresql: PostgreSQL, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.postgresql.sink._AT_MOST", 4)
    (tmp_path / "ledger.sqlite").write_bytes(used_ledger())
    with Ledger(tmp_path / "ledger.sqlite") as ledger, caplog.at_level(logging.INFO):
        delivered(ledger, postgresql.dsn)
        assert_equal(postgresql, ledger)
    assert "4 changes delivered, 2 to go" in caplog.text
    assert "all is there: 6 changes" in caplog.text


def test_costs_arrive_part_by_part_and_again_when_a_price_changes(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    whole_day(ledger, kwh(TOTAL="0.1"))
    card = Contract(since=NOW - timedelta(days=9), energy=Decimal("0.25"), grid=Decimal("0.05"))
    dearer = replace(card, energy=Decimal("0.5"), vat=Decimal(6))
    known = []
    for each in (card, dearer, replace(dearer, since=NOW)):
        ledger.costs.bring_up_to_date(HOME, Timeline((each,)))
        delivered(ledger, postgresql.dsn)
        known.append(dict(postgresql.ask("SELECT part, amount FROM fluvius.costs WHERE date = %s", DAY)))
    assert [costs["energy"] for costs in known] == [Decimal("2.4"), Decimal("4.8"), None]
    assert [costs["vat"] for costs in known[:2]] == [0, Decimal("0.3168")]


def test_a_peak_is_fluvius_own_word_once_it_is_known(postgresql: PostgreSQL, ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL="0.1"))
    delivered(ledger, postgresql.dsn)
    peaks = "SELECT month, kw, source FROM fluvius.peaks"
    month = DAY.replace(day=1)
    assert postgresql.ask(peaks) == [(month, Decimal("0.4"), "ledger")]
    said = Peak(NOW - timedelta(days=2), Decimal("3.25"), "portal")
    ledger.peaks.keep_peaks(HOME, [said], month + timedelta(days=31))
    delivered(ledger, postgresql.dsn)
    assert postgresql.ask(peaks) == [(month, Decimal("3.25"), "portal")]


def test_bounds_move_a_peak_and_no_reading(postgresql: PostgreSQL, ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL="0.1"), BEFORE)
    whole_day(ledger, kwh(TOTAL="0.2"))
    bounded = replace(HOME, until=daily(kwh(TOTAL=1))[0].start)
    sink = Sink(settings(postgresql.dsn), ledger, lambda: NOW, meters=lambda: [bounded])
    sink.step()
    assert_equal(postgresql, ledger)
    assert postgresql.ask("SELECT kw FROM fluvius.peaks") == [(Decimal("0.4"),)]


def test_views_say_what_people_want(postgresql: PostgreSQL, ledger: Ledger) -> None:
    whole_day(ledger, kwh(HIGH="0.1", LOW="0.2", INJECTED="0.3"))
    delivered(ledger, postgresql.dsn)
    wide = "consumption, consumption_high, consumption_low, injection, validated"
    quarter = Decimal("0.3"), Decimal("0.1"), Decimal("0.2"), Decimal("0.3"), True
    assert postgresql.ask(f"SELECT DISTINCT {wide} FROM fluvius.intervals") == [quarter]
    whole = Decimal("28.8"), Decimal("9.6"), Decimal("19.2"), Decimal("28.8"), True
    for view in ("daily", "latest"):
        assert postgresql.ask(f"SELECT {wide} FROM fluvius.{view}") == [whole]
    assert postgresql.ask("SELECT month::text, days, consumption, peak_kw FROM fluvius.monthly") == [
        ("2026-11-01", 1, Decimal("28.8"), Decimal("1.2"))
    ]
    assert postgresql.ask("SELECT kw, source FROM fluvius.peaks") == [(Decimal("1.2"), "ledger")]


def test_intervals_that_do_not_add_up_are_in_the_table_and_not_in_the_view(
    postgresql: PostgreSQL, ledger: Ledger
) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    ledger.answers.record_days(HOME, daily(kwh(TOTAL=90)), LATER)
    delivered(ledger, postgresql.dsn)
    assert postgresql.ask("SELECT count(*) FROM fluvius.readings") == [(96,)]
    assert postgresql.ask("SELECT count(*) FROM fluvius.intervals") == [(0,)]


@pytest.mark.parametrize("hypertable", ["auto", "never"])
def test_timescaledb_is_asked_to_keep_the_readings_where_it_is(
    postgresql: PostgreSQL, ledger: Ledger, hypertable: str
) -> None:
    """A real one where there is one, and else a stand-in that has its name."""
    with nullcontext() if IS_TIMESCALEDB else named_timescaledb(postgresql):
        sink = Sink(settings(postgresql.dsn, hypertable=hypertable), ledger, lambda: NOW)
        sink.step()
        assert sink.health.last_error is None
        parts = postgresql.ask(
            "SELECT hypertable_name, column_name, time_interval FROM timescaledb_information.dimensions"
        )
        assert parts == ([("readings", "start", timedelta(days=7))] if hypertable == "auto" else [])


@contextmanager
def named_timescaledb(postgresql: PostgreSQL) -> Iterator[None]:
    """It writes down what it is asked, where the real one says it."""
    postgresql.ask(
        "CREATE SCHEMA timescaledb_information; CREATE TABLE timescaledb_information.dimensions"
        " (hypertable_name name, column_name name, time_interval interval);"
        "CREATE FUNCTION timescaledb_information.create_hypertable("
        " relation regclass, time_column_name name, chunk_time_interval interval) RETURNS void LANGUAGE sql"
        " AS 'INSERT INTO timescaledb_information.dimensions VALUES ($1::name, $2, $3)';"
        "SET allow_system_table_mods = on; INSERT INTO pg_extension"
        " VALUES (99999, 'timescaledb', 10, 'timescaledb_information'::regnamespace, false, '2')"
    )
    try:
        yield
    finally:
        postgresql.ask("SET allow_system_table_mods = on; DELETE FROM pg_extension WHERE oid = 99999")
        postgresql.ask("DROP SCHEMA timescaledb_information CASCADE")


def test_who_reads_the_log_of_the_table_is_told_of_each_reading_once_and_of_each_correction(
    ledger: Ledger,
) -> None:
    """As Debezium reads it, by PostgreSQL's own decoder for tests. A hypertable's parts have a log each."""
    with PostgreSQL("wal_level=logical", lasts=True) as database:
        database.ask("SELECT pg_create_logical_replication_slot('connector', 'test_decoding')")
        whole_day(ledger, kwh(TOTAL=1))
        delivered(ledger, database.dsn, hypertable="never")
        assert logged(database) == ["INSERT"] * 96
        ledger.answers.record_intervals(HOME, DAY, interval(3, kwh(TOTAL=2)), LATER, only_new=True)
        ledger.changes.take_another_name()  # so that all of it is told again
        delivered(ledger, database.dsn, hypertable="never")
        assert logged(database) == ["UPDATE"]


def logged(database: PostgreSQL) -> list[str]:
    """What was done to the readings since the last time, row by row."""
    rows = database.ask("SELECT data FROM pg_logical_slot_get_changes('connector', NULL, NULL)")
    of_readings = [data.removeprefix("table fluvius.readings: ") for (data,) in rows if ".readings:" in data]
    return [data.partition(":")[0] for data in of_readings]


def test_over_a_slow_line_less_goes_at_once_until_it_gets_through(
    postgresql: PostgreSQL, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that takes too long is none the next time: the same one would never get through."""
    for number in range(8):
        whole_day(ledger, kwh(TOTAL=1), DAY - number * ONE_DAY)
    write = delivery.write

    def write_slowly(connection: Connection, lines: Lines, **how: bool) -> None:
        if len(lines[DAYS]) > 2:
            raise DatabaseAway("it did not answer within 30 seconds")
        write(connection, lines, **how)

    monkeypatch.setattr("bridge.postgresql.delivery.write", write_slowly)
    now = [NOW]
    sink = opened(ledger, postgresql.dsn, lambda: now[0])
    attempts = 0
    while sink.waiting or not attempts:
        sink.step()
        attempts, now[0] = attempts + 1, now[0] + timedelta(hours=4)
    assert attempts < 20
    assert_equal(postgresql, ledger)


def test_mandates_that_do_not_fit_hold_up_no_reading(postgresql: PostgreSQL, ledger: Ledger) -> None:
    postgresql.ask("CREATE DATABASE west TEMPLATE template0 ENCODING 'latin1' LOCALE 'C'")
    dsn = postgresql.dsn_of("admin", "west")
    whole_day(ledger, kwh(TOTAL=1))
    mandate = Mandate("klant-Łódź", HOME.ean, Energy.ELECTRICITY, "Approved", "VH_dag")
    known = [mandate]
    sink = Sink(settings(dsn), ledger, lambda: NOW, mandates=lambda: known)
    sink.step()
    assert sink.health.last_error
    assert "LATIN1" in sink.health.last_error
    assert sink.waiting == 0
    assert postgresql.ask("SELECT count(*) FROM fluvius.readings", dsn=dsn) == [(96,)]
