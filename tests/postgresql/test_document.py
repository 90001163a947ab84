"""docs/postgresql.md: its tables and columns are there, and its statements work as they are printed."""

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest

from bridge.ledger import Ledger
from bridge.postgresql import schema
from bridge.postgresql.visit import look
from tests.rig.commands import ROOT
from tests.rig.deliveries import assert_equal, delivered, readings, settings
from tests.rig.postgresql import PostgreSQL
from tests.rig.readings import AFTER, DAY, HOME, LATER, daily, interval, whole_day
from tests.rig.registers import kwh

PAGE = (ROOT / "docs/postgresql.md").read_text("utf-8")
BLOCKS = [
    [each.strip() for each in block.split(";") if each.strip()]
    for block in re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
]
QUERIES = [each for block in BLOCKS for each in block if each.startswith("SELECT")]
RIGHTS = [each for block in BLOCKS for each in block if not each.startswith("SELECT")]
NOW = {  # Grafana's macro, and the time of the readings
    r"\$__timeFilter\((\w+)\)": r"\1 BETWEEN '2026-11-01' AND '2026-12-01'",
    r"now\(\)": "timestamptz '2026-11-23'",
    "current_date": "date '2026-11-23'",
}


@pytest.fixture
def filled(postgresql: PostgreSQL, ledger: Ledger) -> Iterator[PostgreSQL]:
    """With a day, and a correction of it."""
    whole_day(ledger, kwh(HIGH="0.1", LOW="0.2", INJECTED="0.3"))
    corrected = interval(3, kwh(HIGH=1, LOW="0.2", INJECTED="0.3"))
    ledger.answers.record_intervals(HOME, DAY, corrected, LATER, only_new=True)
    ledger.answers.record_days(HOME, daily(kwh(HIGH="10.5", LOW="19.2", INJECTED="28.8")), LATER)
    delivered(ledger, postgresql.dsn)
    postgresql.ask("INSERT INTO fluvius.costs VALUES (%s, %s, 'energy', 2.5)", HOME.ean, DAY)
    postgresql.ask("INSERT INTO fluvius.costs VALUES (%s, %s, 'compensation', 1)", HOME.ean, DAY)
    yield postgresql
    postgresql.ask("DROP SCHEMA fluvius CASCADE")


def columns(database: PostgreSQL) -> dict[str, set[str]]:
    rows = database.ask(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'fluvius'"
    )
    return {table: {column for name, column in rows if name == table} for table, _ in rows}


def words_of(row: str) -> set[str]:
    return set(re.findall(r"`([a-z_]+)`", row))


def test_every_table_and_column_is_on_the_page(filled: PostgreSQL) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    amounts = words_of(PAGE[PAGE.index("The amounts:") : PAGE.index("A day's load")])
    for table, known in columns(filled).items():
        described = words_of(rows[table]) | (amounts if "the amounts" in rows[table] else set())
        described |= words_of(rows["daily"]) | amounts if table == "latest" else set()
        assert known - described - {"number", "edition", "at"} == set(), table
    assert rows.keys() >= {"meters", "mandates", "readings", "days", "peaks", "costs"}


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_a_query_works_as_it_is_printed(filled: PostgreSQL, query: str) -> None:
    for words, ours in NOW.items():
        query = re.sub(words, ours, query)
    assert filled.ask(query)


def test_what_a_month_cost_is_what_was_paid_less_what_was_received(filled: PostgreSQL) -> None:
    (query,) = (each for each in QUERIES if "costs" in each)
    assert [row[-1] for row in filled.ask(query)] == [Decimal("1.5")]
    filled.ask("INSERT INTO fluvius.costs VALUES (%s, %s, 'grid', NULL)", HOME.ean, DAY)
    assert [row[-1] for row in filled.ask(query)] == [None], "unknown"


def test_a_view_that_was_dropped_comes_back(filled: PostgreSQL, ledger: Ledger) -> None:
    before = columns(filled)
    filled.ask("DROP VIEW fluvius.daily CASCADE")
    (words,) = re.findall(r"`(DROP VIEW[^`]*)`", PAGE)
    filled.ask(words)
    whole_day(ledger, kwh(TOTAL=1), AFTER)
    delivered(ledger, filled.dsn)
    assert columns(filled) == before


@pytest.fixture
def owned(postgresql: PostgreSQL) -> Iterator[PostgreSQL]:
    """With tables that the owner made, and the rights that an administrator gave as the page says."""
    owner = postgresql.dsn_of("owner:hers")
    postgresql.ask("CREATE ROLE owner LOGIN PASSWORD 'hers'")
    try:
        (words,) = re.findall(r"`(GRANT CREATE[^`]*)`", PAGE)
        postgresql.ask(words.replace("DATABASE energy", "DATABASE postgres"))
        look(settings(owner), None)
        for statement in RIGHTS:
            postgresql.ask(statement)
        yield postgresql
    finally:
        for role in "owner", "bridge":
            postgresql.ask(f"DROP OWNED BY {role} CASCADE")
            postgresql.ask(f"DROP ROLE {role}")


def test_the_least_rights_are_enough(owned: PostgreSQL, ledger: Ledger) -> None:
    whole_day(ledger, kwh(TOTAL=1))
    delivered(ledger, owned.dsn_of("bridge:a-long-one"))
    assert_equal(owned, ledger)
    assert len(readings(owned)) == 96
    with pytest.raises(Exception, match="permission denied"):
        owned.ask("DELETE FROM fluvius.readings", dsn=owned.dsn_of("bridge:a-long-one"))


def test_the_least_rights_hold_for_tables_that_the_owner_makes_later(
    owned: PostgreSQL, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = (*schema.MIGRATIONS, "CREATE TABLE colours (ean text)")
    monkeypatch.setattr(schema, "MIGRATIONS", newer)
    look(settings(owned.dsn_of("owner:hers")), None)
    delivered(ledger, owned.dsn_of("bridge:a-long-one"))
    owned.ask("INSERT INTO fluvius.colours VALUES ('red')", dsn=owned.dsn_of("bridge:a-long-one"))
