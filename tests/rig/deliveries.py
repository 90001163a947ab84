"""What a ledger has, and what a database has of it: row by row."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.config.sinks import PostgresqlSettings
from bridge.ledger import Ledger
from bridge.metering.shard import ALL, Shard
from bridge.postgresql.sink import Sink
from tests.rig.postgresql import PostgreSQL
from tests.rig.readings import NOW

Row = tuple[Any, ...]


def settings(dsn: str, **more: str) -> PostgresqlSettings:
    return PostgresqlSettings.model_validate({"dsn": dsn, **more})


def opened(ledger: Ledger, dsn: str, now: Callable[[], datetime] = lambda: NOW) -> Sink:
    return Sink(settings(dsn), ledger, now)


def deliver(sink: Sink) -> None:
    """All that waits."""
    while sink.is_due():
        sink.step()


def delivered(ledger: Ledger, dsn: str, shard: Shard = ALL, **more: str) -> None:
    """All that waits."""
    sink = Sink(settings(dsn, **more), ledger, lambda: NOW, shard=shard)
    deliver(sink)
    sink.close()
    assert sink.health.last_error is None


def readings(database: PostgreSQL) -> list[Row]:
    return database.ask(
        'SELECT ean, extract(epoch FROM start)::bigint, extract(epoch FROM "end" - start)::int,'
        " direction, tariff, unit, amount, validated, provisional, estimated, revision"
        " FROM fluvius.readings WHERE amount IS NOT NULL ORDER BY 1, 2, 4, 5, 6"
    )


def days(database: PostgreSQL) -> list[Row]:
    return database.ask(
        "SELECT ean, date::text, direction, tariff, unit, amount, validated, provisional, estimated,"
        " complete, in_doubt, revision FROM fluvius.days WHERE amount IS NOT NULL ORDER BY 1, 2, 3, 4, 5"
    )


def kept_readings(ledger: Ledger) -> list[Row]:
    rows = ledger.store.rows(
        "SELECT ean, reading.start, IIF(energy = 'gas', 3600, 900), direction, tariff, unit, SUM(amount),"
        " MIN(validated), provisional, MAX(estimated), MAX(reading.revision)"
        " FROM reading JOIN meter ON meter.id = reading.meter JOIN register ON register.id = register"
        " JOIN day ON day.meter = reading.meter AND day.start ="
        " (SELECT MAX(start) FROM day WHERE day.meter = reading.meter AND day.start <= reading.start)"
        " WHERE daily = 0 GROUP BY 1, 2, 4, 5, 6 ORDER BY 1, 2, 4, 5, 6"
    )
    return [(*row[:6], _amount(row[6]), *map(bool, row[7:10]), row[10]) for row in rows]


def kept_days(ledger: Ledger) -> list[Row]:
    rows = ledger.store.rows(
        "SELECT ean, date, direction, tariff, unit, SUM(amount), MIN(validated), provisional, MAX(estimated),"
        " complete, disagrees OR dropped = 2, MAX(reading.revision) FROM day"
        " JOIN reading ON reading.meter = day.meter AND daily = 1 AND reading.start = day.start"
        " JOIN meter ON meter.id = day.meter JOIN register ON register.id = register"
        " GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
    )
    return [(*row[:5], _amount(row[5]), *map(bool, row[6:11]), row[11]) for row in rows]


def assert_equal(database: PostgreSQL, ledger: Ledger) -> None:
    assert readings(database) == kept_readings(ledger)
    assert days(database) == kept_days(ledger)


def _amount(billionths: int) -> Decimal:
    return Decimal(billionths).scaleb(-9)
