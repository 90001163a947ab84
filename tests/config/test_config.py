import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bridge.config import KEYS, ConfigError, KeyPath, MqttSettings, TlsSettings, find, load, schema
from bridge.metering.model import Energy, Meter
from bridge.text.words import slug

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
SHORT = {
    "FLUVIUS_LOGIN": "jan@home.test",
    "FLUVIUS_PASSWORD": "open sesame",
    "FLUVIUS_EAN": "541448820000000008",
    "FLUVIUS_METER_SERIAL": "1SAG1100042063",
}
HOME = """
mqtt: {username: bridge, password: hunter2}
fluvius:
  portal: {email: jan@home.test, password: hunter2}
meters:
  - {name: home, ean: 541448820000000008, serial: 1SAG1100042063}
"""
CONTRACT = """
fluvius:
  energy_api:
    {tenant_id: t, client_id: c, scope: s/.default, subscription_key: hunter2, contract_number: 1,
     client_secret: hunter2}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "fluvius2mqtt.yaml", HOME)


def written(path: Path, text: str) -> Path:
    path.write_text(dedent(text), encoding="utf-8")
    path.chmod(0o600)
    return path


def mistakes(path: Path | None, environ: dict[str, str] | None = None) -> list[str]:
    """The mistakes in a configuration, without the name of the file's folder."""
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    assert str(caught.value) == "\n".join(caught.value.mistakes)
    return [mistake.removeprefix(f"{path.parent if path else ''}/") for mistake in caught.value.mistakes]


def with_changes(path: Path, changes: dict[str, Any]) -> Path:
    """HOME with values put at dotted paths; None takes one away."""
    tree = yaml.load(HOME, yaml.BaseLoader)
    for dotted, value in changes.items():
        *above, last = [int(part) if part.isdecimal() else part for part in dotted.split(".")]
        here = tree
        for part in above:
            here = here.setdefault(part, {}) if isinstance(here, dict) else here[part]
        if isinstance(last, int) and last == len(here):
            here.append(value)
        else:
            here[last] = value
    return written(path, json.dumps(tree))


METER = {"ean": "541448820000000015", "serial": "2"}
API = yaml.load(CONTRACT, yaml.BaseLoader)["fluvius"]["energy_api"]

WRONG: list[tuple[dict[str, Any], str, str]] = [
    # what is changed, where the one mistake is, and words in it
    ({"mqtt.port": 70000}, "mqtt.port", "70000 is out of range; write the broker's port, a number from 1 to"),
    ({"mqtt.port": "mqtt"}, "mqtt.port", "mqtt is not a whole number"),
    ({"mqtt.port": True}, "mqtt.port", "is not a whole number"),
    ({"mqtt.port": [1883]}, "mqtt.port", "a list is not a whole number"),
    (
        {"mqtt.host": "mqtt://broker"},
        "mqtt.host",
        "is not a host name; write the broker's host name or IP address",
    ),
    ({"mqtt.host": "broker:1883"}, "mqtt.host", "is not a host name"),
    ({"mqtt.host": {"name": "x"}}, "mqtt.host", "a group of keys is where text should be"),
    ({"mqtt.hots": "broker"}, "mqtt.hots", "unknown key; did you mean host?"),
    ({"mqtt.username": None}, "mqtt.username", "is missing beside password"),
    ({"mqtt.client_id": "a\u0000b"}, "mqtt.client_id", "contains invisible characters"),
    ({"mqtt.protocol": 4}, "mqtt.protocol", '4 is unknown; write the MQTT version, "3.1.1" or "5"'),
    ({"mqtt.protocol": 5.1}, "mqtt.protocol", "5.1 is unknown"),
    ({"mqtt.transport": "udp"}, "mqtt.transport", "udp is unknown; write one of tcp and websockets"),
    ({"mqtt.tls": "perhaps"}, "mqtt.tls", "neither true nor false; write true to encrypt"),
    ({"mqtt.tls": {"ca_fil": "x"}}, "mqtt.tls.ca_fil", "unknown key; did you mean ca_file?"),
    (
        {"mqtt.tls": {"ca_file": "x.pem"}},
        "mqtt.tls.ca_file",
        "x.pem is not a file that can be read; write a PEM",
    ),
    ({"mqtt.tls": {"cert_file": EXAMPLE.as_posix()}}, "mqtt.tls.key_file", "is missing beside cert_file"),
    ({"mqtt.tls": {"key_file": EXAMPLE.as_posix()}}, "mqtt.tls.cert_file", "is missing beside key_file"),
    ({"mqtt.base_topic": ""}, "mqtt.base_topic", "is not a topic"),
    ({"mqtt.base_topic": "energy/#"}, "mqtt.base_topic", "is not a topic; write the topic above all others"),
    ({"mqtt.base_topic": "energy/"}, "mqtt.base_topic", "energy/ is not a topic"),
    ({"mqtt.base_topic": "$SYS"}, "mqtt.base_topic", "'$SYS' is not a topic"),
    ({"mqtt.base_topic": "a\u0000b"}, "mqtt.base_topic", "is not a topic"),
    ({"mqtt.stream": "maybe"}, "mqtt.stream", "maybe is neither true nor false"),
    ({"mqtt": "localhost"}, "mqtt", "text is where keys should be; write the keys of the broker"),
    ({"fluvius": None}, "fluvius", "no source of readings; write the keys of one source or both"),
    ({"fluvius.portal": None}, "fluvius", "no source of readings"),
    ({"fluvius.portal.email": None}, "fluvius.portal.email", "is missing; write the e-mail address"),
    ({"fluvius.portal.email": "you"}, "fluvius.portal.email", "is not an e-mail address"),
    ({"fluvius.portal.password": None}, "fluvius.portal.password", "is missing; write the password"),
    ({"fluvius.portal.password": ""}, "fluvius.portal.password", "is missing"),
    ({"fluvius.portal.password": ["hunter2"]}, "fluvius.portal.password", "a list is where text should be"),
    (
        {"fluvius.portal.url": "http://mijn.fluvius.be"},
        "fluvius.portal.url",
        "this machine only; write the addr",
    ),
    ({"fluvius.portal.url": "http://127.0.0.1.example.com"}, "fluvius.portal.url", "this machine only"),
    ({"fluvius.portal.url": "http://localhost@example.com"}, "fluvius.portal.url", "holds a user name"),
    (
        {"fluvius.portal.url": "mijn.fluvius.be"},
        "fluvius.portal.url",
        "not an address with https:// or http://",
    ),
    ({"fluvius.portal.url": "https://[::1"}, "fluvius.portal.url", "is not an address"),
    ({"fluvius.portal.url": "https://a b"}, "fluvius.portal.url", "is not an address"),
    ({"fluvius.portal.url": "https://a:99999"}, "fluvius.portal.url", "is not an address"),
    ({"fluvius.portal.url": "file:///etc/passwd"}, "fluvius.portal.url", "is not an address"),
    ({"meters": None}, "meters", "is empty; write a list of meters"),
    ({"meters": []}, "meters", "is empty"),
    ({"meters": {"home": "x"}}, "meters", "a group of keys is where a list should be"),
    (
        {"meters.0": "541448820000000008"},
        "meters[0]",
        "text is where keys should be; write a list of meters",
    ),
    ({"meters.0.ean": None}, "meters[0].ean", "is missing; write the connection's EAN: 18 digits"),
    ({"meters.0.ean": "54144882000000000"}, "meters[0].ean", "has 17 digits"),
    ({"meters.0.ean": "54144882000000000X"}, "meters[0].ean", "contains something other than digits"),
    ({"meters.0.serial": None}, "meters[0].serial", "is missing; write the number on the meter itself"),
    ({"meters.0.name": "bridge"}, "meters[0].name", "is the bridge's own topic; write a name"),
    ({"meters.0.name": "Bridge!"}, "meters[0].name", "is the bridge's own topic"),
    ({"meters.0.name": "дом"}, "meters[0].name", "has no letter a-z and no digit"),
    ({"meters.0.energy": "water"}, "meters[0].energy", "water is unknown; write one of electricity and gas"),
    (
        {"meters.0.source": "p1"},
        "meters[0].source",
        "p1 is unknown; write one of portal, energy_api and file",
    ),
    (
        {"meters.0.source": "energy_api"},
        "meters[0].source",
        "fluvius.energy_api is not configured; write portal",
    ),
    ({"meters.1": {**METER, "ean": "541448820000000008"}}, "meters[1].ean", "is that of meters[0] too"),
    (
        {"meters.1": {**METER, "name": "HOME "}},
        "meters[1].name",
        "gives the same topic as the name of meters[0]",
    ),
    ({"meters.1": {**METER, "seriall": 3}}, "meters[1].seriall", "unknown key; did you mean serial?"),
    ({"fluvius.energy_api": API}, "meters[0].source", "is missing, and two sources are configured"),
    ({"schedule.at": []}, "schedule.at", "is empty; write times of day"),
    ({"schedule.at": "06:15"}, "schedule.at", "06:15 is where a list should be"),
    ({"schedule.at": ["06:15", "24:00"]}, "schedule.at[1]", "24:00 is not a time of day; write times of day"),
    (
        {"schedule.at": ["06:15", "quarter past six"]},
        "schedule.at[1]",
        "'quarter past six' is not a time of day",
    ),
    ({"schedule.at": ["06:15", "6:15:00"]}, "schedule.at", "holds the same time twice"),
    (
        {"schedule.jitter_minutes": -1},
        "schedule.jitter_minutes",
        "-1 is out of range; write how many",
    ),
    ({"schedule.jitter_minutes": 181}, "schedule.jitter_minutes", "181 is out of range"),
    ({"schedule.jitter_minutes": 2.5}, "schedule.jitter_minutes", "2.5 is not a whole number"),
    ({"schedule.lookback_days": 0}, "schedule.lookback_days", "0 is out of range; write for how many days"),
    ({"homeassistant.discovery": 7}, "homeassistant.discovery", "7 is neither true nor false"),
    ({"homeassistant.discovery_prefix": "+"}, "homeassistant.discovery_prefix", "+ is not a topic"),
    ({"homeassistant.discovery_format": "both"}, "homeassistant.discovery_format", "both is unknown"),
    (
        {"homeassistant.statistics": {"url": "ws://h"}},
        "homeassistant.statistics.token",
        "is missing; write a long",
    ),
    (
        {"homeassistant.statistics": {"url": "http://h", "token": "t"}},
        "homeassistant.statistics.url",
        "ws:// or",
    ),
    *(
        (
            {"sinks": {"postgresql": {"dsn": "dbname=energy", "schema": name}}},
            "sinks.postgresql.schema",
            words,
        )
        for name, words in {
            "Energy": "Energy has something other than small letters, digits and _; write the schema",
            "my-energy": "my-energy has something other than small letters, digits and _",
            "2energy": "2energy begins with a digit",
            "pg_energy": "pg_energy is a name that PostgreSQL keeps for itself",
            "e" * 64: "this text is longer than 63 characters",
            "": "is empty; write the schema",
        }.items()
    ),
    ({"data_dir": "a\u0000b"}, "data_dir", "contains invisible characters"),
    ({"data_dir": "~nobody-of-that-name/x"}, "data_dir", "home folder of a user who does not exist here"),
    ({"data_dir": ["x"]}, "data_dir", "a list is where text should be"),
    ({"log.level": "loud"}, "log.level", "loud is unknown; write one of debug, info, warning and error"),
    ({"log.format": "xml"}, "log.format", "xml is unknown; write one of text and json"),
    (
        {"meters.0.from": "tomorrow"},
        "meters[0].from",
        "tomorrow is neither a date nor an instant; write a date",
    ),
    ({"meters.0.from": "15/03/2026"}, "meters[0].from", "15/03/2026 is neither a date nor an instant"),
    ({"meters.0.from": "2026-3-15"}, "meters[0].from", "is neither a date nor an instant"),
    ({"meters.0.from": "2026-03-15T14"}, "meters[0].from", "is neither a date nor an instant"),
    ({"meters.0.from": "2026-03-15T14:00:00.5"}, "meters[0].from", "is neither a date nor an instant"),
    ({"meters.0.until": "2026-02-30"}, "meters[0].until", "2026-02-30 is not a date of the calendar"),
    (
        {"meters.0.until": "2026-02-20T24:15"},
        "meters[0].until",
        "is not a date of the calendar, or not a time of the",
    ),
    ({"meters.0.until": "2026-02-20T12:00+25:00"}, "meters[0].until", "not a time of the clock"),
    ({"meters.0.from": "1999-12-31"}, "meters[0].from", "is not between the years 2000 and 2199"),
    ({"meters.0.from": "2200-01-01"}, "meters[0].from", "is not between the years 2000 and 2199"),
    (
        {"meters.0.from": "2026-03-29T02:30"},
        "meters[0].from",
        "comes twice or never on that day, when the clocks change",
    ),
    ({"meters.0.until": "2026-10-25T02:30"}, "meters[0].until", "comes twice or never"),
    (
        {"meters.0.from": "2026-03-15T14:10"},
        "meters[0].from",
        "is in the middle of a quarter-hour; write its beg",
    ),
    ({"meters.0.from": "2026-03-15T14:00:30"}, "meters[0].from", "is in the middle of a quarter-hour"),
    ({"meters.0.from": "2026-03-15T14:00+00:20"}, "meters[0].from", "is in the middle of a quarter-hour"),
    (
        {"meters.0.energy": "gas", "meters.0.until": "2026-03-15T14:15"},
        "meters[0].until",
        "is in the middle of an hour; write its beginning",
    ),
    (
        {"meters.0.from": "2026-03-16", "meters.0.until": "2026-03-15"},
        "meters[0].until",
        "does not come after from, so that nothing would count",
    ),
    (
        {"meters.0.from": "2026-03-15", "meters.0.until": "2026-03-15"},
        "meters[0].until",
        "does not come after",
    ),
    (
        {"meters.0.from": "2026-03-15T14:00+01:00", "meters.0.until": "2026-03-15T14:00:00+02:00"},
        "meters[0].until",
        "does not come after from",
    ),
    (
        {"meters.0.energy": "gas", "meters.0.from": "2026-03-15", "meters.0.until": "2026-03-15T06:00"},
        "meters[0].until",
        "does not come after from",
    ),
    ({"meters.0.from": ["2026-03-15"]}, "meters[0].from", "a list is where text should be"),
    ({"meters.0.form": "2026-03-15"}, "meters[0].form", "unknown key; did you mean from?"),
    ({"meters.0.since": "2026-03-15"}, "meters[0].since", "unknown key"),
    (
        {"capacity_tariff.floor_kw": -1},
        "capacity_tariff.floor_kw",
        "-1 is out of range; write what a month's",
    ),
    ({"capacity_tariff.floor_kw": "much"}, "capacity_tariff.floor_kw", "much is no"),
    ({"capacity_tariff.floor_kw": "nan"}, "capacity_tariff.floor_kw", "nan"),
    ({"mqtt.chart": "big"}, "mqtt.chart", "big is neither true nor false; write true to publish a picture"),
    (
        {"fluvius.portal.token": "hunter2"},
        "fluvius.portal.token",
        "is set together with password, which would not be used; keep one",
    ),
    (
        {"fluvius.portal.email": "you@example.com"},
        "fluvius.portal.email",
        "is still that of the example; write the e-mail address of the account",
    ),
    ({"fluvius.portal.email": "Me@mail.Example.org"}, "fluvius.portal.email", "is still that of the example"),
    (
        {"fluvius.portal.password": "your password"},
        "fluvius.portal.password",
        "is still that of the example; write the password of the account",
    ),
    (
        {"data_dir": "C:\new"},
        "data_dir",
        "invisible characters; for a backslash, write single quotes or /",
    ),
    ({"meters.0": "ean 541448820000000008"}, "meters[0]", "a colon is missing after ean"),
    ({"meters.0": "ean:541448820000000008"}, "meters[0]", "a space is missing after ean:"),
    ({"mqtt": "port 1883"}, "mqtt", "a colon is missing after port"),
    ({"mqtt": "password hunter2"}, "mqtt", "a colon is missing after password"),
    ({"web": "sometimes"}, "web", "text is neither true nor false; write true for a page"),
    (
        {"ledger.keep_months": 13},
        "ledger.keep_months",
        "13 is out of range; write for how many months quarter-hours are kept, the one under way",
    ),
    ({"ledger": 14}, "ledger", "write the key keep_months"),
    ({"web.port": 0}, "web.port", "0 is out of range; write the page's port, a number from 1 to 65535"),
    (
        {"web.host": "http://x", "web.password": "x"},
        "web.host",
        "is not a host name; write the address",
    ),
    ({"web.host": "0.0.0.0"}, "web.password", "is missing, and others than this machine reach the page"),
    ({"web.host": "192.168.1.10", "web.password": ""}, "web.password", "is missing, and others"),
    ({"web.password": ["x"]}, "web.password", "a list is where text should be"),
    ({"web.user": "x"}, "web.user", "unknown key; write host, port, password"),
    ({"web": False, "fluvius": None, "meters": None}, "fluvius", "no source of readings"),
    ({"meter": []}, "meter", "unknown key; did you mean meters?"),
    ({"a b": 1}, "a…", "unknown key; write mqtt, fluvius, meters"),
]


@pytest.mark.parametrize(("changes", "path", "words"), WRONG, ids=[f"{w[1]}-{w[2][:20]}" for w in WRONG])
def test_a_mistake_is_told_with_its_path_and_what_to_write(
    tmp_path: Path, changes: dict[str, Any], path: str, words: str
) -> None:
    (mistake,) = mistakes(with_changes(tmp_path / "fluvius2mqtt.yaml", changes))
    assert mistake.startswith(f"fluvius2mqtt.yaml: {path}: ")
    assert words in mistake
    assert "hunter2" not in mistake


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"tenant_id": "00000000-0000-0000-0000-000000000000"}, "tenant_id", "is still that of the example"),
        ({"scope": "https://example.com/.default"}, "scope", "is still that of the example; write the contr"),
        ({"client_secret": None}, "client_secret", "is missing; write it, or certificate"),
        (
            {"certificate": {"private_key_file": EXAMPLE.as_posix(), "thumbprint": "0" * 40}},
            "client_secret",
            "is set together with certificate; keep one",
        ),
        (
            {
                "client_secret": None,
                "certificate": {"private_key_file": EXAMPLE.as_posix(), "thumbprint": "0"},
            },
            "certificate.thumbprint",
            "is not a SHA-1 thumbprint; write the certificate's SHA-1 thumbprint",
        ),
        ({"environment": "test"}, "environment", "test is unknown; write one of production and sandbox"),
        ({"tenant_id": None}, "tenant_id", "is missing; write the tenant's id"),
        ({"subscription_key": ""}, "subscription_key", "is empty"),
        ({"url": "http://apihub.fluvius.be"}, "url", "this machine only"),
        ({"authority": "http://10.0.0.1"}, "authority", "this machine only"),
        ({"shard": {"of": 8}}, "shard.index", "is missing; write this bridge's number, counted from 0"),
        ({"shard": {"index": 8, "of": 8}}, "shard.index", "is 8, and 8 shards are counted from 0 to 7"),
        (
            {"shard": {"index": " 8.0", "of": "8"}},
            "shard.index",
            "is 8, and 8 shards are counted from 0 to 7",
        ),
        ({"shard": {"index": 0, "of": 0}}, "shard.of", "0 is out of range; write how many bridges share"),
        ({"shard": 3}, "shard", "write the keys index and of"),
    ],
)
def test_the_energy_api_is_checked_too(
    tmp_path: Path, changes: dict[str, Any], path: str, words: str
) -> None:
    tree = {"fluvius": {"energy_api": API | changes}}
    (mistake,) = mistakes(written(tmp_path / "fluvius2mqtt.yaml", json.dumps(tree)))
    assert mistake.startswith(f"fluvius2mqtt.yaml: fluvius.energy_api.{path}: ")
    assert words in mistake


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    file = written(
        tmp_path / "fluvius2mqtt.yaml",
        """
        mqtt: {port: 70000, hots: broker}
        fluvius: {portal: {email: jan@home.test}}
        meters:
          - {name: Home, ean: 541448820000000008, serial: 1}
          - {name: home, ean: 541448820000000015}
        schedule: {at: [6 o'clock]}
        """,
    )
    found = mistakes(file, {"FLUVIUS2MQTT_MTQQ__HOST": "x", "FLUVIUS2MQTT_LOG__LEVEL": "loud"})
    assert [re.sub(r"^fluvius2mqtt.yaml: ", "", mistake).split(": ")[0] for mistake in found] == [
        "FLUVIUS2MQTT_MTQQ__HOST",
        "mqtt.port",
        "mqtt.hots",
        "schedule.at[0]",
        "FLUVIUS2MQTT_LOG__LEVEL (log.level)",
        "fluvius.portal.password",
        "meters[1].serial",
        "meters[1].name",
    ]


# The file


def test_a_small_file_gives_settings_with_the_defaults(file: Path) -> None:
    settings = load(file, {})
    assert settings.mqtt == MqttSettings(username="bridge", password=settings.mqtt.password)
    assert settings.followed == (
        Meter(
            name="home",
            ean="541448820000000008",
            energy=Energy.ELECTRICITY,
            serial="1SAG1100042063",
            source="portal",
        ),
    )
    assert settings.schedule.at == ("06:15", "09:15", "12:15", "18:15")
    assert settings.data_dir == file.parent / "data"
    assert settings.warnings == ()


def test_values_mean_what_is_written_without_quotes(tmp_path: Path) -> None:
    file = written(
        tmp_path / "fluvius2mqtt.yaml",
        """
        mqtt: {protocol: 5, client_id: 0123, username: on, password: 1e3, stream: yes, tls: no, host: fe80::1}
        fluvius: {portal: {email: jan@home.test, password: 0o17}}
        meters: [{ean: 541448820000000008, serial: 0012, energy: gas}]
        schedule: {at: [06:15, 9:05, 12:15:30, 18:15:00]}
        data_dir: /var/lib/2026-11-20
        """,
    )
    settings = load(file, {})
    mqtt, portal = settings.mqtt, settings.fluvius.portal
    assert (mqtt.protocol, mqtt.client_id, mqtt.username, mqtt.stream, mqtt.tls, mqtt.host) == (
        *("5", "0123", "on", True, False, "fe80::1"),
    )
    assert mqtt.password
    assert mqtt.password.get_secret_value() == "1e3"
    assert portal
    assert portal.password
    assert portal.password.get_secret_value() == "0o17"
    assert settings.followed == (Meter("541448820000000008", "541448820000000008", Energy.GAS, "0012"),)
    assert settings.schedule.at == ("06:15", "09:05", "12:15:30", "18:15")
    assert settings.data_dir == Path("/var/lib/2026-11-20")


def test_a_key_without_value_has_its_default(tmp_path: Path) -> None:
    settings = load(
        with_changes(
            tmp_path / "x.yaml",
            {
                "schedule": None,
                "mqtt.port": None,
                "mqtt.username": "",
                "mqtt.password": "",
                "log.level": None,
            },
        ),
        {},
    )
    assert (settings.mqtt.port, settings.mqtt.username, settings.mqtt.password) == (1883, None, None)
    assert settings.schedule.lookback_days == 7
    assert settings.log.level == "info"


@pytest.mark.parametrize(
    ("mqtt", "port", "tls"),
    [
        ({}, 1883, None),
        ({"tls": True}, 8883, TlsSettings()),
        ({"tls": {"insecure": True}}, 8883, TlsSettings(insecure=True)),
        ({"tls": True, "port": 443, "transport": "websockets"}, 443, TlsSettings()),
        ({"tls": False}, 1883, None),
    ],
)
def test_the_port_follows_tls_unless_it_is_set(
    tmp_path: Path, mqtt: dict[str, Any], port: int, tls: TlsSettings | None
) -> None:
    changes = {f"mqtt.{key}": value for key, value in mqtt.items()}
    settings = load(with_changes(tmp_path / "x.yaml", changes), {})
    assert (settings.mqtt.port, settings.mqtt.tls_settings) == (port, tls)


@pytest.mark.parametrize(
    "url", ["http://localhost:8080", "http://127.0.0.1:8080/", "http://[::1]:1", "https://example.com"]
)
def test_an_address_is_encrypted_or_of_this_machine(tmp_path: Path, url: str) -> None:
    portal = load(with_changes(tmp_path / "x.yaml", {"fluvius.portal.url": url}), {}).fluvius.portal
    assert portal
    assert portal.url == url.rstrip("/")


def test_a_token_is_enough_for_the_portal(tmp_path: Path) -> None:
    portal = {"fluvius.portal": {"token": "hunter2"}}
    assert load(with_changes(tmp_path / "x.yaml", portal), {}).fluvius.portal


@pytest.mark.parametrize(
    ("energy", "text", "instant"),
    [
        ("electricity", "2026-03-15", "2026-03-15T00:00+01:00"),
        ("gas", "2026-03-15", "2026-03-15T06:00+01:00"),
        ("electricity", "2026-03-29", "2026-03-29T00:00+01:00"),
        ("gas", "2026-03-29", "2026-03-29T06:00+02:00"),
        ("electricity", "2026-10-25T02:30+02:00", "2026-10-25T00:30+00:00"),
        ("electricity", "2026-10-25T01:30:00Z", "2026-10-25T02:30+01:00"),
        ("electricity", "2026-07-15 14:45", "2026-07-15T14:45+02:00"),
        ("gas", "2026-07-15T14:00:00", "2026-07-15T12:00+00:00"),
    ],
)
def test_a_bound_is_a_date_or_an_instant_on_an_edge(
    tmp_path: Path, energy: str, text: str, instant: str
) -> None:
    for key in "from", "until":
        changes = {"meters.0.energy": energy, f"meters.0.{key}": text}
        [meter] = load(with_changes(tmp_path / "x.yaml", changes), {}).followed
        assert {"from": meter.since, "until": meter.until}[key] == datetime.fromisoformat(instant)
    assert meter.since is None


def test_bounds_come_from_variables_too(file: Path) -> None:
    environ = {"FLUVIUS2MQTT_METERS__0__FROM": "2026-03-15", "FLUVIUS2MQTT_METERS__0__UNTIL": "2026-03-16"}
    [meter] = load(file, environ).followed
    assert (meter.since, meter.until) == (
        datetime(2026, 3, 14, 23, tzinfo=UTC),
        datetime(2026, 3, 15, 23, tzinfo=UTC),
    )
    [mistake] = mistakes(file, {"FLUVIUS2MQTT_METERS__0__FROM": "tomorrow"})
    assert mistake.startswith("FLUVIUS2MQTT_METERS__0__FROM (meters[0].from): tomorrow is neither")


def test_both_bounds_are_told_at_once(tmp_path: Path) -> None:
    changes = {"meters.0.from": "soon", "meters.0.until": "2026-03-15T14:10"}
    found = mistakes(with_changes(tmp_path / "x.yaml", changes))
    assert [each.split(": ")[1] for each in found] == ["meters[0].from", "meters[0].until"]


def test_the_energy_api_needs_no_meters(tmp_path: Path) -> None:
    assert load(written(tmp_path / "x.yaml", CONTRACT), {}).followed == ()


def test_a_meter_of_the_only_source_needs_no_source(tmp_path: Path) -> None:
    file = written(tmp_path / "x.yaml", CONTRACT + "meters: [{ean: 541448820000000008}]")
    assert [meter.source for meter in load(file, {}).followed] == ["energy_api"]


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    settings = load(
        with_changes(tmp_path / "x.yaml", {"data_dir": "kept", "mqtt.tls": {"ca_file": "ca.pem"}}), {}
    )
    assert settings.data_dir == tmp_path / "kept"
    assert settings.mqtt.tls_settings == TlsSettings(ca_file=tmp_path / "ca.pem")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert mistakes(tmp_path / "x.yaml") == ["x.yaml: cannot be read (No such file or directory)"]
    (tmp_path / "folder.yaml").mkdir()
    assert mistakes(tmp_path / "folder.yaml") == ["folder.yaml: cannot be read (Is a directory)"]
    (tmp_path / "latin.yaml").write_bytes("é: 1".encode("latin-1"))
    assert mistakes(tmp_path / "latin.yaml") == ["latin.yaml: is not UTF-8 text"]


# Secrets


def test_a_secret_comes_from_the_file_beside(tmp_path: Path) -> None:
    written(tmp_path / "secrets.yaml", "fluvius: 0123\n")
    file = written(
        tmp_path / "x.yaml", HOME.replace("password: hunter2}\nm", "password: !secret fluvius}\nm")
    )
    portal = load(file, {}).fluvius.portal
    assert portal
    assert portal.password
    assert portal.password.get_secret_value() == "0123"


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        (None, ["secrets.yaml: cannot be read (No such file or directory); it has the values of !secret"]),
        ("fluvius: *hunter2", ["secrets.yaml: line 1 (fluvius): a value begins with *; put quotes"]),
        ("- fluvius: hunter2", ["secrets.yaml: holds a list; write lines such as mqtt: ... instead"]),
        ("hunter2", ["secrets.yaml: holds text; write lines such as mqtt: ... instead"]),
        (
            "fluvis: hunter2",
            [
                "secrets.yaml: mqtt: is missing; write mqtt:",
                "secrets.yaml: fluvius: is missing; write fluvius:",
            ],
        ),
        (
            "fluvius: {a: b}\nmqtt: !secret mqtt",
            ["secrets.yaml: mqtt: is missing", "secrets.yaml: fluvius: holds a group"],
        ),
    ],
)
def test_a_secret_that_is_not_there_is_told_beside_the_other_mistakes(
    tmp_path: Path, secrets: str | None, words: list[str]
) -> None:
    if secrets:
        written(tmp_path / "secrets.yaml", secrets)
    text = HOME.replace("password: hunter2}\nf", "password: !secret mqtt, port: 0}\nf")
    found = mistakes(written(tmp_path / "x.yaml", text.replace("hunter2", "!secret fluvius")))
    assert [
        m for m, start in zip(found, [*words, "x.yaml: mqtt.port: "], strict=False) if m.startswith(start)
    ] == (found[: len(words) + 1])
    assert found[-1].startswith("x.yaml: mqtt.port: 0 is out of range")
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("path", KEYS, ids=lambda path: ".".join(map(str, path)))
def test_a_secret_is_in_no_message(tmp_path: Path, path: KeyPath) -> None:
    written(tmp_path / "secrets.yaml", "it: hunter2")
    place = ".".join(map(str, path))
    file = with_changes(tmp_path / "x.yaml", {place: "@"})
    values = ["!secret it", "[!secret it]", "{!secret it : 1}", '{"password:hunter2": 1}']
    if re.search("Secret|Settings", str(KEYS[path].annotation)) or place.endswith(
        (".url", ".host", ".email")
    ):
        values += ["hunter2", "[hunter2]", '"https://you:hunter2@example.com:x"']
    for value in values:
        written(file, file.read_text().replace('"@"', value))
        try:
            load(file, {})
        except ConfigError as error:
            assert "hunter2" not in f"{error} {error!r} {error.__context__!r}"  # noqa: PT017 - most are fine


def test_a_secret_is_in_no_repr(tmp_path: Path) -> None:
    portal = {"email": "jan@home.test", "token": "hunter2"}
    statistics = {"url": "ws://h", "token": "hunter2"}
    changes = {
        "fluvius": {"portal": portal, "energy_api": API},
        "meters.0.source": "portal",
        "homeassistant.statistics": statistics,
    }
    settings = load(with_changes(tmp_path / "x.yaml", changes), {})
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_a_secret_in_a_variable_is_in_no_message_either(tmp_path: Path, file: Path) -> None:
    written(tmp_path / "secret", "hunter2")
    for variable, value in {
        "PORT_FILE": str(tmp_path / "secret"),
        "PASSWORD_FILE": "hunter2",
        "PASSWORD": "hunter2",
        "TLS": "*hunter2",
    }.items():
        assert "hunter2" not in told(file, {f"FLUVIUS2MQTT_MQTT__{variable}": value})


def told(path: Path, environ: dict[str, str] | None = None) -> str:
    try:
        return repr(load(path, environ or {}))
    except ConfigError as error:
        return str(error) + repr(error) + repr(error.__context__)


# The environment


def test_four_short_variables_are_enough_for_one_meter() -> None:
    settings = load(None, SHORT | {"FLUVIUS_TIMEZONE": "Europe/Brussels"})
    (meter,) = settings.followed
    portal = settings.fluvius.portal
    assert (meter.ean, meter.serial) == (SHORT["FLUVIUS_EAN"], SHORT["FLUVIUS_METER_SERIAL"])
    assert portal
    assert portal.password
    assert (portal.email, portal.password.get_secret_value()) == ("jan@home.test", "open sesame")
    assert settings.data_dir == Path("data")


@pytest.mark.parametrize(
    ("key", "value"),
    [("NAME", "house"), ("SERIAL", SHORT["FLUVIUS_METER_SERIAL"]), ("EAN", SHORT["FLUVIUS_EAN"])],
)
def test_the_short_variables_of_a_meter_go_together_with_the_long_ones(key: str, value: str) -> None:
    short = {name: text for name, text in SHORT.items() if not name.endswith(f"_{key}")}
    (meter,) = load(None, short | {f"FLUVIUS2MQTT_METERS__0__{key}": value}).followed
    assert (meter.ean, meter.serial) == (SHORT["FLUVIUS_EAN"], SHORT["FLUVIUS_METER_SERIAL"])
    assert meter.name == (value if key == "NAME" else meter.ean)


def test_the_short_variables_fill_in_a_meter_that_the_file_only_names(tmp_path: Path) -> None:
    path = with_changes(tmp_path / "f.yaml", {"meters": [{"name": "house", "energy": "gas"}]})
    (meter,) = load(path, SHORT).followed
    assert (meter.name, meter.ean, meter.energy) == ("house", SHORT["FLUVIUS_EAN"], Energy.GAS)


def test_the_short_variables_hide_no_mistake_of_a_file_s_meters(tmp_path: Path) -> None:
    for meters in "house", ["house"], {"name": "house"}:
        path = with_changes(tmp_path / "f.yaml", {"meters": meters})
        assert "where" in str(mistakes(path, SHORT))


def test_what_is_missing_beside_the_short_variables_is_told_by_their_names() -> None:
    assert [m.split(": ")[0] for m in mistakes(None, {"FLUVIUS_LOGIN": "jan@home.test"})[:2]] == [
        "FLUVIUS_PASSWORD (fluvius.portal.password)",
        "FLUVIUS2MQTT_METERS (meters)",
    ]
    (mistake, _) = mistakes(None, SHORT | {"FLUVIUS_EAN": "1"})
    assert mistake.startswith("FLUVIUS_EAN (meters[0].ean): has 1 digits; write")
    (mistake, _) = mistakes(None, SHORT | {"FLUVIUS_TIMEZONE": "Europe/Paris"})
    assert mistake.startswith("FLUVIUS_TIMEZONE: Fluvius's days are those of Europe/Brussels")


def test_the_environment_goes_before_the_file_and_the_file_before_short_names(file: Path) -> None:
    settings = load(
        file,
        SHORT
        | {
            "FLUVIUS2MQTT_MQTT__HOST": "broker",
            "FLUVIUS2MQTT_MQTT__PORT": "1884",
            "FLUVIUS2MQTT_MQTT__TLS__INSECURE": "true",
            "FLUVIUS2MQTT_FLUVIUS__PORTAL__EMAIL": "an@home.test",
            "FLUVIUS2MQTT_LOG": "{level: debug}",
            "FLUVIUS2MQTT_LOG__FORMAT": "json",
            "FLUVIUS2MQTT_METERS__0__NAME": "house",
            "FLUVIUS2MQTT_METERS__1__EAN": "541448820000000015",
            "FLUVIUS2MQTT_METERS__1__SERIAL": "2",
            "FLUVIUS2MQTT_SCHEDULE__AT": "[06:15]",
            "FLUVIUS2MQTT_SCHEDULE__LOOKBACK_DAYS": "",
        },
    )
    mqtt, portal = settings.mqtt, settings.fluvius.portal
    assert (mqtt.host, mqtt.port, mqtt.username) == ("broker", 1884, "bridge")
    assert mqtt.tls_settings == TlsSettings(insecure=True)
    assert portal
    assert portal.password
    assert (portal.email, portal.password.get_secret_value()) == ("an@home.test", "hunter2")
    assert (settings.log.level, settings.log.format) == ("debug", "json")
    assert [(meter.name, meter.serial) for meter in settings.followed] == [
        ("house", "1SAG1100042063"),
        ("541448820000000015", "2"),
    ]
    assert settings.schedule.at == ("06:15",)
    assert settings.schedule.lookback_days == 7


def test_a_list_in_a_variable_replaces_that_of_the_file(file: Path) -> None:
    meters = "[{ean: 541448820000000015, serial: 2}]"
    assert [meter.serial for meter in load(file, {"FLUVIUS2MQTT_METERS": meters}).meters] == ["2"]


def test_a_page_may_ask_for_all_the_rest(tmp_path: Path) -> None:
    for text in "web: true", "web: {port: 8088}", "{web: {host: 0.0.0.0, password: x}, meters: []}":
        assert not load(written(tmp_path / "f.yaml", text), {}).is_set_up
    assert not load(None, {"FLUVIUS2MQTT_WEB": "yes"}).is_set_up
    for text in "false", "no", "off", "0":
        found = mistakes(None, {"FLUVIUS2MQTT_WEB": text})
        assert "no source of readings" in found[0]


@pytest.mark.parametrize("content", ["open sesame", "open sesame\n", "open sesame\r\n"])
@pytest.mark.parametrize("name", ["FLUVIUS_PASSWORD_FILE", "FLUVIUS2MQTT_FLUVIUS__PORTAL__PASSWORD_FILE"])
def test_a_secret_comes_from_a_file_that_a_variable_names(tmp_path: Path, name: str, content: str) -> None:
    written(tmp_path / "secret", content)
    rest = {key: value for key, value in SHORT.items() if key != "FLUVIUS_PASSWORD"}
    portal = load(None, rest | {name: str(tmp_path / "secret")}).fluvius.portal
    assert portal
    assert portal.password
    assert portal.password.get_secret_value() == "open sesame"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MQTT__HOTS", "x", "MQTT__HOTS: unknown key; did you mean FLUVIUS2MQTT_MQTT__HOST?"),
        ("MQTT_HOST", "x", "MQTT_HOST: unknown key; did you mean FLUVIUS2MQTT_MQTT__HOST?"),
        ("MQTT__HOST__NAME", "x", "MQTT__HOST__NAME: unknown key; did you mean FLUVIUS2MQTT_MQTT__HOST?"),
        ("ZZZZ", "x", "ZZZZ: unknown key; the keys are in config.example.yaml"),
        ("MQTT__PORT", "x", "MQTT__PORT (mqtt.port): x is not a whole number; write the broker's port"),
        ("MQTT", "{hots: x}", "MQTT (mqtt.hots): unknown key; did you mean host?"),
        ("MQTT", "x", "MQTT (mqtt): text is where keys should be"),
        ("METERS", "[{ean: 1}", "METERS: line 1: the [ is not closed"),
        ("METERS__2__EAN", "1", "METERS__2__EAN: there is no number 1 yet; count from 0"),
        ("METERS__X__EAN", "1", "METERS__X__EAN: unknown key; did you mean FLUVIUS2MQTT_METERS__0__EAN?"),
        (
            "MQTT__PASSWORD_FILE",
            "/no/such",
            "PASSWORD_FILE: the file that it names cannot be read (No such file",
        ),
        ("MQTT__PASSWORD_FILE", "\0", "PASSWORD_FILE: the file that it names"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(file: Path, name: str, value: str, words: str) -> None:
    (mistake,) = mistakes(file, {f"FLUVIUS2MQTT_{name}": value})
    assert mistake.startswith(f"FLUVIUS2MQTT_{name}")
    assert words in mistake


def test_a_variable_and_its_file_exclude_each_other(tmp_path: Path, file: Path) -> None:
    written(tmp_path / "secret", "x")
    name = "FLUVIUS2MQTT_MQTT__PASSWORD"
    assert mistakes(file, {name: "x", f"{name}_FILE": str(tmp_path / "secret")}) == [
        f"{name}_FILE: is set together with {name}; keep one of them"
    ]


# Finding the file


def test_the_file_is_looked_for_here_and_in_the_folders_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config, home = tmp_path / "xdg", tmp_path / "home"
    environ = {"XDG_CONFIG_HOME": str(config), "HOME": str(home)}
    assert find(None, environ) is None
    for folder, variables in (
        (home / ".config", {"HOME": str(home)}),
        (home / ".config" / "fluvius2mqtt", {"HOME": str(home)}),
        (config, environ),
        (config / "fluvius2mqtt", environ),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        place = written(folder / "fluvius2mqtt.yaml", HOME)
        assert find(None, variables) == place
    written(tmp_path / "fluvius2mqtt.yaml", HOME)
    assert find(None, environ) == Path("fluvius2mqtt.yaml")
    assert find(Path("other.yaml"), environ) == Path("other.yaml")


def test_without_any_configuration_the_error_says_where_it_looked() -> None:
    (mistake,) = mistakes(None, {"HOME": "/home/you"})
    assert mistake == (
        "no configuration file in fluvius2mqtt.yaml, /home/you/.config/fluvius2mqtt/fluvius2mqtt.yaml, "
        "/home/you/.config/fluvius2mqtt.yaml, /config/fluvius2mqtt.yaml; "
        "run `fluvius2mqtt init`, which asks for what it needs, copy config.example.yaml to one of these, "
        "or set FLUVIUS_LOGIN, FLUVIUS_PASSWORD, FLUVIUS_EAN, FLUVIUS_METER_SERIAL"
    )


# Warnings


def test_a_wrong_check_digit_is_a_warning(tmp_path: Path) -> None:
    ean = {"meters.0.ean": "541448820000000009"}
    (warning,) = load(with_changes(tmp_path / "x.yaml", ean), {}).warnings
    assert (
        warning
        == f"{tmp_path}/x.yaml: meters[0].ean: the last digit does not fit the others; is there a slip in it?"
    )


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has these permissions")
def test_secrets_that_everyone_can_read_are_a_warning(tmp_path: Path, file: Path) -> None:
    file.chmod(0o644)
    assert load(file, {}).warnings == (
        f"{file}: every user of this machine can read the secrets in it; run: chmod o-r {file}",
    )
    written(tmp_path / "secrets.yaml", "it: x")
    written(file, HOME.replace("hunter2", "!secret it")).chmod(0o644)
    assert load(file, {}).warnings == ()
    (tmp_path / "secrets.yaml").chmod(0o644)
    assert len(load(file, {}).warnings) == 1


# Names


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("home", "home"),
        ("Mémé's huis", "meme_s_huis"),
        ("gas / +#", "gas"),
        ("Zonne-energie 2", "zonne-energie_2"),
        ("дом", ""),
    ],
)
def test_a_name_becomes_a_topic_level(name: str, topic: str) -> None:
    assert slug(name) == topic


@given(st.text())
def test_a_slug_is_a_topic_level_and_its_own_slug(name: str) -> None:
    assert re.fullmatch("[a-z0-9_-]*", slug(name))
    assert slug(slug(name)) == slug(name)


# The example and the schema


def leaves(model: BaseModel) -> dict[str, Any]:
    return {
        f"{name}.{below}" if below else name: value
        for name, field in model
        for below, value in (leaves(field) if isinstance(field, BaseModel) else {"": field}).items()
    }


def test_the_example_is_valid_and_shows_the_defaults(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    for placeholder, own in (
        ("you@example.com", "jan@home.test"),
        ("your password", "x"),
        ("42062", "42063"),
    ):
        text = text.replace(placeholder, own)
    example = leaves(load(written(tmp_path / "x.yaml", text), {}))
    yours = {"fluvius.portal.email", "fluvius.portal.password", "meters", "data_dir"}
    defaults = leaves(
        load(written(tmp_path / "y.yaml", HOME.replace("username: bridge, password: hunter2", "")), {})
    )
    assert {k: v for k, v in example.items() if k not in yours} == {
        k: v for k, v in defaults.items() if k not in yours
    }
    written_down = set(leaves_of(yaml.load(EXAMPLE.read_text(), yaml.BaseLoader)))
    with_default = {p for p, field in KEYS.items() if not field.is_required() and field.default is not None}
    sections = {path[:-1] for path in KEYS}
    out_of_use = {
        ("fluvius", "energy_api"),
        ("mqtt", "tls"),
        ("prices",),
        ("day_ahead",),
        ("web",),
        ("sinks",),
        ("metrics",),
    }
    optional = {p for p in with_default if p[:1] in out_of_use or p[:2] in out_of_use}
    assert with_default - optional - sections - {("meters", 0)} <= written_down


def leaves_of(tree: Any, above: KeyPath = ()) -> dict[KeyPath, Any]:
    if isinstance(tree, dict) and above[-1:] != ("fees_per_year",):
        return {p: v for key, value in tree.items() for p, v in leaves_of(value, (*above, key)).items()} | {
            above: 0
        }
    if isinstance(tree, list) and above in (("meters",), ("prices",)):
        return {p: v for each in tree for p, v in leaves_of(each, (*above, 0)).items()} | {above: 0}
    return {above: tree}


def test_meters_of_files_need_neither_an_account_nor_a_serial_number(tmp_path: Path) -> None:
    of_files = {"name": "home", "ean": "541448820000000008", "source": "file"}
    file = written(tmp_path / "f.yaml", json.dumps({"meters": [of_files], "import_dir": "inbox"}))
    settings = load(file, {})
    assert [(meter.source, meter.serial) for meter in settings.followed] == [("file", "")]
    assert settings.import_dir == tmp_path / "inbox"
    of_the_portal = {"name": "shed", "ean": "541448820000000022", "serial": "1"}
    found = mistakes(written(tmp_path / "f.yaml", json.dumps({"meters": [of_files, of_the_portal]})))
    assert ["no source of readings" in each for each in found] == [True]


def test_the_example_shows_every_key() -> None:
    text = re.sub(r"^( *)#(?! )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)

    class Loader(yaml.BaseLoader):
        """Takes `tls` twice, as it stands there when every line is in use."""

    Loader.add_constructor("!secret", lambda _, node: node.value)
    shown = set(leaves_of(yaml.load(text, Loader))) - {()}
    assert shown == set(KEYS) | {("meters", 0), ("prices", 0)}


def test_the_schema_describes_every_key() -> None:
    made = schema()
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "SecretStr" not in json.dumps(made)
    for name, section in [("Settings", made), *made["$defs"].items()]:
        for key, described in section.get("properties", {}).items():
            assert described["description"], f"{name}.{key}"
            assert "default" in described or key in section["required"], f"{name}.{key}"
    assert made["$defs"]["MqttSettings"]["properties"]["port"]["default"] == 1883


# Anything else


names = st.sampled_from(sorted({str(part) for path in KEYS for part in path})) | st.text(max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@given(tree=st.dictionaries(names, json_values, max_size=6))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_json_is_settings_or_mistakes(tmp_path: Path, tree: dict[str, Any]) -> None:
    told(written(tmp_path / "x.yaml", json.dumps(tree))).encode()


@given(
    path=st.sampled_from(sorted(KEYS, key=str)),
    value=json_values,
    variable=st.booleans(),
)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_json_at_any_key_is_settings_or_mistakes(
    tmp_path: Path, path: KeyPath, value: Any, variable: bool
) -> None:
    if variable:
        text = value if isinstance(value, str) else json.dumps(value)
        name = "FLUVIUS2MQTT_" + "__".join(map(str, path)).upper()
        told(written(tmp_path / "x.yaml", HOME), {name: text}).encode()
    else:
        told(with_changes(tmp_path / "x.yaml", {".".join(map(str, path)): value})).encode()


def test_nothing_heavy_is_imported() -> None:
    program = "import sys, bridge.config; print({'requests', 'paho', 'sqlite3', 'rich'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "set()\n"
