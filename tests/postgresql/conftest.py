from collections.abc import Iterator

import pytest

from tests.rig.postgresql import PostgreSQL


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


@pytest.fixture
def postgresql(server: PostgreSQL) -> PostgreSQL:
    """A database without tables."""
    server.ask("DROP SCHEMA IF EXISTS fluvius CASCADE")
    return server
