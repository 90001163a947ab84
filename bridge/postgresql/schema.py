"""The tables and views of docs/postgresql.md: each version in the words in which it was first written."""

import zlib

from psycopg import Connection, sql
from psycopg.errors import InsufficientPrivilege

from bridge.metering.model import SIDES
from bridge.postgresql.errors import DatabaseRefuses, lacks

_OURS = 0x466C7632 << 32  # "Flv2": tells our advisory locks from other people's

# An amount is NULL where a register has none any more: nothing is ever deleted, and the views leave it out.
_COUNTED = (
    "amount numeric, validated boolean NOT NULL, provisional boolean NOT NULL, estimated boolean NOT NULL,"
    " revision integer NOT NULL"
)
# "C": an EAN is compared byte by byte, which the index needs at every row
_EAN = 'ean text COLLATE "C" NOT NULL'
_REGISTER = ", ".join(f'{each} text COLLATE "C" NOT NULL' for each in ("direction", "tariff", "unit"))


def _sums() -> str:
    """A column for each direction, and for each tariff of the connection's own."""
    columns = {name: f"direction = '{flow}' AND unit = '{unit}'" for name, (flow, unit) in SIDES.items()}
    columns |= {
        f"{name}_{tariff}": f"{columns[name]} AND tariff = '{tariff}'"
        for name in ("consumption", "injection")
        for tariff in ("high", "low")
    }
    return ", ".join(f"sum(amount) FILTER (WHERE {where}) AS {name}" for name, where in columns.items())


_WIDE = (
    f"{_sums()}, bool_and(validated) AS validated, bool_or(provisional) AS provisional,"
    " bool_or(estimated) AS estimated, max(revision) AS revision"
)

MIGRATIONS = (
    f"""
    CREATE TABLE meters ({_EAN} PRIMARY KEY, energy text NOT NULL, name text NOT NULL);
    CREATE TABLE mandates (
        {_EAN}, reference text COLLATE "C" NOT NULL, energy text NOT NULL, status text NOT NULL,
        service text NOT NULL, since timestamptz, until timestamptz, expires timestamptz, renewal text,
        PRIMARY KEY (ean, reference)
    );
    CREATE TABLE readings (
        {_EAN}, start timestamptz NOT NULL, "end" timestamptz NOT NULL, date date NOT NULL,
        {_REGISTER}, {_COUNTED}, PRIMARY KEY (ean, start, direction, tariff, unit)
    );
    CREATE TABLE days (
        {_EAN}, date date NOT NULL, {_REGISTER}, {_COUNTED},
        complete boolean NOT NULL, in_doubt boolean NOT NULL,
        PRIMARY KEY (ean, date, direction, tariff, unit)
    );
    CREATE TABLE peaks (
        {_EAN}, month date NOT NULL, start timestamptz NOT NULL, kw numeric NOT NULL, source text NOT NULL,
        PRIMARY KEY (ean, month)
    );
    CREATE TABLE costs (
        {_EAN}, date date NOT NULL, part text COLLATE "C" NOT NULL, amount numeric,
        PRIMARY KEY (ean, date, part)
    );
    CREATE TABLE deliveries (
        ledger text PRIMARY KEY, number bigint NOT NULL, edition text NOT NULL, at timestamptz NOT NULL
    );
    """,
    f"""
    CREATE VIEW intervals AS
        SELECT ean, start, "end", date, {_WIDE} FROM readings
        WHERE amount IS NOT NULL AND NOT EXISTS (
            SELECT FROM days
            WHERE days.ean = readings.ean AND days.date = readings.date AND days.in_doubt
        )
        GROUP BY ean, start, "end", date;
    CREATE VIEW daily AS
        SELECT ean, date, {_WIDE}, bool_and(complete) AS complete FROM days WHERE amount IS NOT NULL
        GROUP BY ean, date;
    CREATE VIEW monthly AS
        SELECT ean, month, count(*) AS days, {", ".join(f"sum({name}) AS {name}" for name in SIDES)},
        max(kw) AS peak_kw, bool_and(validated) AS validated
        FROM (
            SELECT *, CAST(date_trunc('month', date) AS date) AS month FROM daily WHERE complete
        ) AS day LEFT JOIN peaks USING (ean, month) GROUP BY ean, month;
    CREATE VIEW latest AS
        SELECT daily.* FROM daily
        JOIN (SELECT ean, max(date) AS date FROM days WHERE complete GROUP BY ean) AS newest
        USING (ean, date);
    """,  # noqa: S608 - our own words
)


def bring_up_to_date(connection: Connection, schema: str, *, hypertable: bool) -> None:
    """Make the tables, or what an older version of them lacks; whoever else does it at this moment waits.

    Where nothing is lacking nothing is written, so that the least rights do.

    Args:
        connection: in a transaction, with the schema as its search path.
        schema: its name.
        hypertable: whether TimescaleDB, where it is, keeps the readings.

    Raises:
        DatabaseRefuses: the tables are of a newer version, or it is for somebody else to make them.
        psycopg.Error: they cannot be made.
    """
    if _version(connection, schema) == len(MIGRATIONS):
        return
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_OURS | zlib.crc32(schema.encode())])
    version = _version(connection, schema)
    if version > len(MIGRATIONS):
        raise DatabaseRefuses(f"the tables in the schema {schema} are of a newer fluvius2mqtt; install that")
    try:
        _make(connection, schema, version, hypertable=hypertable)
    except InsufficientPrivilege as error:
        raise DatabaseRefuses(
            f"its tables are missing or of an older version, and the user {connection.info.user} may not make"
            " them: its owner runs `fluvius2mqtt check` once with the owner's dsn, see docs/postgresql.md"
            f" ({error})"
        ) from error


def _make(connection: Connection, schema: str, version: int, *, hypertable: bool) -> None:
    """What a version does not have yet; 0 has nothing."""
    if version == 0:
        _begin(connection, schema)
    for number in range(version, len(MIGRATIONS)):
        connection.execute(MIGRATIONS[number].encode())
        connection.execute("INSERT INTO version VALUES (%s)", [number + 1])
        if number == 0 and hypertable:
            _as_hypertable(connection)


def _begin(connection: Connection, schema: str) -> None:
    there = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]).fetchone()
    if not there:  # IF NOT EXISTS wants the right to make it even where it is
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    connection.execute("CREATE TABLE version (number integer PRIMARY KEY)")


def _version(connection: Connection, schema: str) -> int:
    there = connection.execute(
        "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'version'", [schema]
    ).fetchone()
    if not there:
        return 0
    usable = connection.execute("SELECT has_schema_privilege(%s, 'USAGE')", [schema]).fetchone()
    if not (usable and usable[0]):
        raise lacks(connection.info.user, f"use the schema {schema}", "USAGE ON SCHEMA", schema)
    found = connection.execute("SELECT max(number) FROM version").fetchone()
    return int(found[0] or 0) if found else 0


def _as_hypertable(connection: Connection) -> None:
    """Let TimescaleDB keep the readings in parts by time, where this database has it."""
    found = connection.execute(
        "SELECT nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace"
        " WHERE extname = 'timescaledb'"
    ).fetchone()
    if found:
        function = sql.Identifier(found[0], "create_hypertable")
        connection.execute(
            sql.SQL("SELECT {}('readings', 'start', chunk_time_interval => INTERVAL '7 days')").format(
                function
            )
        )
