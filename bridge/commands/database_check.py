"""What `check` says of the database that takes everything: whether it would, and how far behind it is."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress

from bridge.config import Settings
from bridge.config.sinks import PostgresqlSettings
from bridge.fetching.readable import reading
from bridge.folder.claim import FolderError
from bridge.ledger import LedgerError, Records
from bridge.postgresql.errors import DatabaseAway
from bridge.setup.finding import Finding


def database_findings(settings: Settings) -> Iterator[Finding]:
    """One row, where there is a database."""
    wanted = settings.sinks.postgresql
    if wanted is None:
        return
    with ExitStack() as stack:
        records = None
        with suppress(LedgerError, FolderError):
            records = stack.enter_context(reading(settings.data_dir))
        try:
            yield Finding("postgresql", works=True, words=_looked_at(wanted, records))
        except DatabaseAway as error:
            yield Finding("postgresql", works=False, words=str(error))


def _looked_at(wanted: PostgresqlSettings, records: Records | None) -> str:
    from bridge.postgresql.visit import look  # noqa: PLC0415 - psycopg is an extra

    seen = look(wanted, records.changes.known_name if records else None)
    if records is None or seen.told is None:
        return f"{seen.words}; the bridge tells it everything when it runs"
    return f"{seen.words}; {records.changes.waiting(seen.told.number)} changes wait"
