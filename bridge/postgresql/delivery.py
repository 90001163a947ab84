"""What is written into the database, together with how far it was told then."""

from datetime import datetime

from psycopg import Connection

from bridge.ledger.changes import THE_START, Place
from bridge.postgresql.batch import Lines
from bridge.postgresql.errors import DatabaseAway
from bridge.postgresql.tables import CORRECT_PEAKS, PEAKS, Table


def place_of(connection: Connection, ledger: str) -> Place | None:
    """How far a ledger has told the database; None for one that it does not know."""
    found = connection.execute(
        "SELECT number, edition FROM deliveries WHERE ledger = %s", [ledger]
    ).fetchone()
    return Place(*found) if found else None


def begin(connection: Connection, ledger: str) -> None:
    """Know a ledger, which has told nothing yet."""
    connection.execute("INSERT INTO deliveries VALUES (%s, %s, %s, now())", [ledger, *THE_START])


def told_at(connection: Connection, ledger: str) -> datetime | None:
    """When a ledger that the database knows told it something, by the database's own clock."""
    found = connection.execute("SELECT at FROM deliveries WHERE ledger = %s", [ledger]).fetchone()
    return found[0] if found else None


def touch(connection: Connection, ledger: str) -> datetime | None:
    """A ledger tells something that is not numbered; returns what `told_at` is from then on."""
    found = connection.execute(
        "UPDATE deliveries SET at = now() WHERE ledger = %s RETURNING at", [ledger]
    ).fetchone()
    return found[0] if found else None


def move(connection: Connection, ledger: str, before: Place, after: Place) -> datetime:
    """A ledger has told more: done first, so that whoever else speaks for it waits, and is too late.

    Returns:
        What `told_at` is from then on.

    Raises:
        DatabaseAway: somebody else was quicker.
    """
    moved = connection.execute(
        "UPDATE deliveries SET number = %s, edition = %s, at = now()"
        " WHERE ledger = %s AND number = %s AND edition = %s RETURNING at",
        [*after, ledger, *before],
    ).fetchone()
    if moved is None:
        raise DatabaseAway("somebody else spoke to it for this ledger meanwhile")
    at: datetime = moved[0]
    return at


def write(connection: Connection, lines: Lines, *, is_older: bool = False) -> None:
    """Take over what is new, or other than it was; of what may be older, only what is new or revised."""
    for table, rows in lines.items():
        if rows:
            _write(connection, table, rows, is_older=is_older)


def _write(connection: Connection, table: Table, rows: list[str], *, is_older: bool) -> None:
    connection.execute(table.make_incoming().encode())
    with connection.cursor().copy(table.copy().encode()) as copy:
        copy.write("\n".join(rows) + "\n")
    if table.part and "revision" in table.content:
        for *key, revision in connection.execute(table.gone(is_older=is_older).encode()).fetchall():
            connection.execute(table.empty().encode(), [revision, *key])
    if table is PEAKS:
        connection.execute(CORRECT_PEAKS)
    connection.execute(table.upsert(is_older=is_older).encode())
