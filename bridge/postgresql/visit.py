"""A look at the database, for whoever asks whether it would take what it gets."""

from contextlib import closing
from dataclasses import dataclass

from psycopg import Connection

from bridge.config.sinks import PostgresqlSettings
from bridge.ledger.changes import Place
from bridge.postgresql import delivery, door, schema
from bridge.postgresql.errors import lacks
from bridge.postgresql.tables import COSTS, DAYS, MANDATES, METERS, PEAKS, READINGS

_WRITTEN = (*(each.name for each in (METERS, MANDATES, READINGS, DAYS, PEAKS, COSTS)), "deliveries")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found.

    Attributes:
        words: which database, whose connection, whether it is encrypted.
        told: how far a ledger has told it; None where it does not know that ledger.
    """

    words: str
    told: Place | None


def look(settings: PostgresqlSettings, ledger: str | None) -> Seen:
    """Connect, bring the tables up to date as the bridge does, and see whether the rights will do.

    Args:
        settings: where it is.
        ledger: the name of one that it may know.

    Raises:
        DatabaseAway: it would not take anything; says why.
    """
    with closing(door.enter(settings.dsn.get_secret_value())) as connection:
        with door.transaction(connection, settings.schema_):
            schema.bring_up_to_date(connection, settings.schema_, hypertable=settings.hypertable == "auto")
            lacking, may_copy = _unwritable(connection), _has_temporary_tables(connection)
            place = delivery.place_of(connection, ledger) if ledger and may_copy and not lacking else None
        info = connection.info
        if lacking:
            rights = "SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA"
            raise lacks(info.user, f"write everything ({', '.join(lacking)})", rights, settings.schema_)
        if not may_copy:
            raise lacks(info.user, "make temporary tables", "TEMPORARY ON DATABASE", info.dbname)
        encrypted = "encrypted" if connection.pgconn.ssl_in_use else "not encrypted"
        words = f"{info.dbname} at {info.host}:{info.port}, as {info.user}, {encrypted}"
        return Seen(words, place)


def _unwritable(connection: Connection) -> list[str]:
    """The tables that cannot be written."""
    rows = connection.execute(
        "SELECT name FROM unnest(%s::text[]) AS name, unnest(%s::text[]) AS kind"
        " WHERE NOT has_table_privilege(name, kind) GROUP BY name",
        [list(_WRITTEN), ["SELECT", "INSERT", "UPDATE"]],
    )
    return [name for (name,) in rows]


def _has_temporary_tables(connection: Connection) -> bool:
    """Whether there is a place for what is copied."""
    found = connection.execute("SELECT has_database_privilege(current_database(), 'TEMPORARY')").fetchone()
    return bool(found and found[0])
