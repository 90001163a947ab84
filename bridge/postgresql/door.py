"""The way into the database: encrypted and verified, unless it is on this machine or told otherwise."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import certifi
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bridge.postgresql.errors import DatabaseAway, DatabaseRefuses
from bridge.text.deadline import all_within
from bridge.text.endings import ForTheUser
from bridge.text.hosts import is_this_machine

PATIENCE = 30.0  # seconds for a batch, with a database that says nothing: nobody else is served meanwhile
_OPENING: dict[str, Any] = {
    "connect_timeout": 5,
    "application_name": "fluvius2mqtt",
}
_ALWAYS = {"client_encoding": "utf8"}  # whatever dsn says and the database has: units are more than ASCII
_CAN_ONLY_BE_READ = (
    "it can only be read, as a replica: name the primary in dsn, or all of its hosts and"
    " target_session_attrs=read-write"
)
_WORDS = {  # of the server or of libpq: what to do
    "password authentication failed": "the password or the user name in dsn is wrong",
    "no password supplied": "it wants a password: write it into dsn, or into a file (dsn_file, passfile)",
    "certificate verify failed": "its certificate is signed by an authority that is not known here:"
    " add sslrootcert=FILE to dsn",
    "does not match host name": "its certificate is another host's: write the name for which it was made",
    "does not support SSL": "it does not encrypt: switch on ssl there, or add sslmode=disable to dsn where"
    " nobody listens on the way",
    "no encryption": "it wants this connection to be encrypted: add sslmode=require to dsn",
    "read-only transaction": _CAN_ONLY_BE_READ,
    "permission denied": "the user lacks rights: see docs/postgresql.md",
    'relation "': "its tables are not as the bridge made them: drop the schema, and everything is told again;"
    " see docs/postgresql.md",
}
_ONLY_A_PERSON = ("28", "3D", "42")  # SQLSTATEs: who it is, which database, which rights or tables


def enter(dsn: str) -> psycopg.Connection:
    """A connection in which every statement is by itself, unless a transaction is begun.

    Nothing is kept on the server between two transactions, so that PgBouncer may stand in between.

    Raises:
        DatabaseAway: it cannot be had, or it is one that can only be read.
    """
    try:
        asked = conninfo_to_dict(dsn)
    except (psycopg.Error, UnicodeError):  # whose words repeat what was misread, which may be the password
        raise DatabaseRefuses("dsn is not the address of a database; see docs/postgresql.md") from None
    options = {**_OPENING, **encryption(asked, os.environ), **asked, **_ALWAYS}
    with explained():
        connection = psycopg.connect(make_conninfo(**options), autocommit=True, prepare_threshold=None)
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED  # who waited sees what was done
        try:
            _must_be_writable(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _must_be_writable(connection: psycopg.Connection) -> None:
    found = connection.execute("SHOW transaction_read_only").fetchone()
    if found and found[0] == "on":
        raise DatabaseRefuses(_CAN_ONLY_BE_READ)


def encryption(asked: Mapping[str, object], environ: Mapping[str, str]) -> dict[str, str]:
    """What is asked for where neither the address nor the environment says anything of it.

    What the file of a service says is not known here: it may be any host.
    """
    if "sslmode" in asked or "PGSSLMODE" in environ:
        return {}
    named = (asked.get("hostaddr"), environ.get("PGHOSTADDR"), asked.get("host"), environ.get("PGHOST"))
    hosts = str(next(filter(None, named), "")).split(",")  # an address goes before a name
    is_service = "service" in asked or "PGSERVICE" in environ
    if not is_service and all(
        not host or host.startswith(("/", "@")) or is_this_machine(host) for host in hosts
    ):
        return {}
    own = Path(environ.get("HOME", "")) / ".postgresql" / "root.crt"  # which libpq would take
    if "PGSSLROOTCERT" in environ or own.exists():
        return {"sslmode": "verify-full"}
    return {"sslmode": "verify-full", "sslrootcert": certifi.where()}


@contextmanager
def transaction(connection: psycopg.Connection, schema: str) -> Iterator[None]:
    """All or nothing, in a schema, and all of it soon.

    Raises:
        DatabaseAway: it is not known whether it was all or nothing.
    """

    def sockets() -> list[socket.socket]:
        return (
            []
            if connection.closed
            else [socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)]
        )

    with explained(), all_within(PATIENCE, sockets) as is_cut:
        try:
            with connection.transaction():
                connection.execute(
                    "SELECT set_config('search_path', %s, true), set_config('statement_timeout', %s, true),"
                    " set_config('lock_timeout', '10s', true), set_config('datestyle', 'ISO', true)",
                    [schema, f"{PATIENCE:.0f}s"],
                )
                yield
        except psycopg.OperationalError as error:
            if is_cut.is_set():
                raise DatabaseAway(f"it did not answer within {PATIENCE:.0f} seconds") from error
            raise


@contextmanager
def explained() -> Iterator[None]:
    """Say of what the database raises what it means and what to do."""
    try:
        yield
    except ForTheUser:
        raise
    except Exception as error:  # the driver's own, and what it lets through: UnicodeError, for one
        said = str(error) or type(error).__name__
        advice = next((advice for words, advice in _WORDS.items() if words in said), None)
        words = f"{advice} ({said})" if advice else said
        state = str(getattr(error, "sqlstate", None) or "")
        kind = DatabaseRefuses if advice or state.startswith(_ONLY_A_PERSON) else DatabaseAway
        raise kind(words) from error
