"""`fluvius2mqtt check`: whether the database would take everything, and what to do where it would not."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from bridge.commands.database_check import database_findings
from bridge.config import ConfigError, load
from bridge.ledger import Ledger
from bridge.postgresql import schema
from bridge.postgresql.door import encryption
from tests.rig.deliveries import assert_equal, delivered
from tests.rig.mosquitto import Certificates
from tests.rig.postgresql import PostgreSQL
from tests.rig.readings import AFTER, DAY, HOME, LATER, interval, whole_day
from tests.rig.registers import kwh
from tests.rig.world import World

PASSWORD = "correct-horse"
OWNERS_TASK = (
    "its tables are missing or of an older version, and the user clerk may not make them: its owner runs"
    " `fluvius2mqtt check` once with the owner's dsn, see docs/postgresql.md"
)


@pytest.fixture
def role(postgresql: PostgreSQL) -> str:
    """Someone with a password who may read and write the tables that there will be, and no more."""
    postgresql.ask(
        f"DO $$ BEGIN CREATE ROLE clerk LOGIN PASSWORD '{PASSWORD}';"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    return postgresql.dsn_of(f"clerk:{PASSWORD}")


def said(desk: World, dsn: str) -> str:
    """The row of the table."""
    desk.changes["sinks"] = {"postgresql": {"dsn": dsn}}
    (row,) = database_findings(desk.settings)
    assert PASSWORD not in row.words
    return f"{'ok' if row.works else 'NO'} {row.words}"


def test_a_database_that_takes_it_says_how_much_waits(desk: World, postgresql: PostgreSQL) -> None:
    assert said(desk, postgresql.dsn) == (
        f"ok postgres at 127.0.0.1:{postgresql.port}, as admin, not encrypted; the bridge tells it everything"
        " when it runs"
    )
    with desk.ledger() as ledger:
        delivered(ledger, postgresql.dsn)
        whole_day(ledger, kwh(TOTAL=1))
    assert said(desk, postgresql.dsn).endswith("; 1 changes wait")


def test_a_wrong_password_an_unknown_database_and_a_closed_port_are_told(
    desk: World, postgresql: PostgreSQL, role: str
) -> None:
    assert said(desk, role + "-wrong").startswith("NO ")
    wrong = said(desk, postgresql.dsn_of("clerk:battery-staple"))
    assert wrong.startswith("NO the password or the user name in dsn is wrong (")
    assert "battery" not in wrong
    assert 'database "nowhere" does not exist' in said(desk, postgresql.dsn_of("admin", "nowhere"))
    assert "refused" in said(desk, "postgresql://admin@127.0.0.1:1/postgres").lower()
    nobody = said(desk, f"postgresql://admin:{PASSWORD}@nobody.invalid/postgres")
    assert nobody.startswith("NO ")


def test_encryption_that_is_refused_or_not_to_be_trusted_is_told(
    desk: World, postgresql: PostgreSQL, certificates: Certificates
) -> None:
    secure = postgresql.dsn.replace("127.0.0.1", "localhost") + "?sslmode=verify-full&sslrootcert="
    assert said(desk, secure + str(certificates.ca)).startswith("NO it does not encrypt: switch on ssl there")
    with postgresql.encrypting(certificates):
        assert ", as admin, encrypted; " in said(desk, secure + str(certificates.ca))
        stranger = said(desk, secure + str(certificates.certificate("client")))
        assert stranger.startswith("NO its certificate is signed by an authority that is not known here")


@pytest.mark.parametrize(
    ("asked", "environ", "mode"),
    [
        ({"host": "db.example.com"}, {}, "verify-full"),
        ({"host": "localhost,db.example.com"}, {}, "verify-full"),
        ({}, {"PGHOST": "db.example.com"}, "verify-full"),
        ({"host": "localhost", "hostaddr": "203.0.113.9"}, {}, "verify-full"),
        ({"host": "localhost"}, {"PGHOSTADDR": "203.0.113.9"}, "verify-full"),
        ({"service": "energy"}, {}, "verify-full"),
        ({}, {"PGSERVICE": "energy"}, "verify-full"),
        ({"service": "energy", "host": "localhost"}, {}, "verify-full"),
        ({"service": "energy", "sslmode": "disable"}, {}, None),
        ({"host": "db.example.com", "hostaddr": "127.0.0.1"}, {}, None),
        ({"host": "db.example.com", "sslmode": "disable"}, {}, None),
        ({"host": "db.example.com"}, {"PGSSLMODE": "prefer"}, None),
        ({"host": "127.0.0.1"}, {}, None),
        ({"host": "/run/postgresql"}, {}, None),
        ({}, {}, None),
    ],
)
def test_what_leaves_the_machine_is_encrypted_and_verified(
    asked: Mapping[str, object], environ: Mapping[str, str], mode: str | None
) -> None:
    assert encryption(asked, environ).get("sslmode") == mode


def test_the_least_rights_will_do_once_the_owner_made_the_tables(
    desk: World, postgresql: PostgreSQL, role: str, ledger: Ledger
) -> None:
    assert said(desk, role).startswith(f"NO {OWNERS_TASK} (permission denied for database")
    assert said(desk, postgresql.dsn).startswith("ok ")
    assert 'its owner runs: GRANT USAGE ON SCHEMA "fluvius" TO "clerk"' in said(desk, role)
    postgresql.ask("GRANT USAGE ON SCHEMA fluvius TO clerk")
    postgresql.ask("GRANT SELECT ON ALL TABLES IN SCHEMA fluvius TO clerk")
    assert 'GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA "fluvius" TO "clerk"' in said(desk, role)
    postgresql.ask("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA fluvius TO clerk")
    postgresql.ask("REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC")
    assert 'its owner runs: GRANT TEMPORARY ON DATABASE "postgres" TO "clerk"' in said(desk, role)
    postgresql.ask("GRANT TEMPORARY ON DATABASE postgres TO PUBLIC")
    assert said(desk, role).startswith("ok ")
    whole_day(ledger, kwh(TOTAL=1))
    whole_day(ledger, kwh(TOTAL=1), AFTER)
    ledger.answers.record_intervals(HOME, DAY, interval(3, kwh(TOTAL=2)), LATER, only_new=True)
    delivered(ledger, role)
    assert_equal(postgresql, ledger)


@pytest.mark.parametrize("lacking", ["tables of a newer version", "views that were dropped"])
def test_what_the_owner_makes_is_not_asked_of_who_has_the_least_rights(
    desk: World, postgresql: PostgreSQL, role: str, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    with monkeypatch.context() as older:
        if lacking == "tables of a newer version":
            older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        assert said(desk, postgresql.dsn).startswith("ok ")
    postgresql.ask("GRANT USAGE ON SCHEMA fluvius TO clerk")
    postgresql.ask("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA fluvius TO clerk")
    if lacking == "views that were dropped":
        postgresql.ask("DROP VIEW fluvius.latest, fluvius.monthly, fluvius.daily, fluvius.intervals")
        postgresql.ask("DELETE FROM fluvius.version WHERE number = 2")
    assert said(desk, role).startswith(f"NO {OWNERS_TASK} (permission denied for schema fluvius")
    assert said(desk, postgresql.dsn).startswith("ok ")
    assert said(desk, role).startswith("ok ")


def test_a_table_that_only_its_owner_may_change_is_the_owners_task(
    desk: World, postgresql: PostgreSQL, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(desk, postgresql.dsn).startswith("ok ")
    postgresql.ask("GRANT ALL ON SCHEMA fluvius TO clerk")
    postgresql.ask("GRANT ALL ON ALL TABLES IN SCHEMA fluvius TO clerk")
    newer = (*schema.MIGRATIONS, "ALTER TABLE meters ADD COLUMN colour text")
    monkeypatch.setattr(schema, "MIGRATIONS", newer)
    assert said(desk, role).startswith(f"NO {OWNERS_TASK} (must be owner of table meters")


@pytest.mark.parametrize("name", ["the-bridge", "o'neil", "select", 'Zoë "Z"'])
def test_what_its_owner_is_told_to_run_works_whatever_the_names_are(
    desk: World, postgresql: PostgreSQL, name: str
) -> None:
    quoted, escaped = '"' + name.replace('"', '""') + '"', quote(name)
    postgresql.ask(f"CREATE ROLE {quoted} LOGIN PASSWORD '{PASSWORD}'")
    postgresql.ask(f"CREATE DATABASE {quoted}")
    postgresql.ask(f"REVOKE TEMPORARY ON DATABASE {quoted} FROM PUBLIC")
    owner = postgresql.dsn_of("admin", escaped)
    assert said(desk, owner).startswith("ok ")
    postgresql.ask(f"GRANT SELECT ON ALL TABLES IN SCHEMA fluvius TO {quoted}", dsn=owner)
    for _ in ("the schema", "the tables", "temporary tables"):
        told = said(desk, postgresql.dsn_of(f"{escaped}:{PASSWORD}", escaped))
        postgresql.ask(told.partition("; its owner runs: ")[2], dsn=owner)
    assert said(desk, postgresql.dsn_of(f"{escaped}:{PASSWORD}", escaped)).startswith("ok ")


def test_a_database_that_can_only_be_read_is_told_and_what_to_write(
    desk: World, postgresql: PostgreSQL
) -> None:
    """As a replica is, or a primary at which somebody works."""
    assert said(desk, postgresql.dsn).startswith("ok ")
    replica = postgresql.dsn_with(default_transaction_read_only="on")
    assert said(desk, replica).startswith("NO it can only be read, as a replica: name the primary in dsn")
    assert "target_session_attrs=read-write" in said(desk, replica)


def test_the_address_may_come_from_a_file(tmp_path: Path, file: Path) -> None:
    secret = tmp_path / "dsn"
    secret.write_text("postgresql://bridge:secret@db/energy\n")
    settings = load(file, {"FLUVIUS2MQTT_SINKS__POSTGRESQL__DSN_FILE": str(secret)})
    assert settings.sinks.postgresql
    assert settings.sinks.postgresql.dsn.get_secret_value() == "postgresql://bridge:secret@db/energy"


@pytest.mark.parametrize(
    "dsn", ["postgresql://bridge:hun@ter2@db/energy", "postgres://bridge:hun/ter2@db/energy", "hunter2"]
)
def test_an_address_that_would_be_misread_is_told_without_it(file: Path, dsn: str) -> None:
    with pytest.raises(ConfigError) as told:
        load(file, {"FLUVIUS2MQTT_SINKS__POSTGRESQL__DSN": dsn})
    assert "SINKS__POSTGRESQL__DSN" in str(told.value)
    assert "ter2" not in str(told.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "fluvius2mqtt.yaml"
    file.write_text(
        "fluvius: {portal: {email: me@home.test, password: b}}\n"
        f"meters: [{{name: home, ean: '{HOME.ean}', serial: A}}]\n"
    )
    file.chmod(0o600)
    return file
