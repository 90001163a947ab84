"""The Home Assistant add-on: its page, and its entry point as it is run in the container."""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from bridge import URL, __version__
from bridge.cli import main
from bridge.config import KEYS, ConfigError, KeyPath, Settings, load_options
from bridge.homeassistant import statistics_settings, supervisor
from bridge.homeassistant.supervisor import SupervisorError
from bridge.model import Energy
from bridge.simulator import DEFAULT_METERS, Simulator
from tests.core import TOKEN
from tests.mosquitto import Mosquitto, eventually
from tests.supervisor import ADDON, KIND, NotStartedError, Supervisor, manifest
from tests.test_cli import Ended, Running, command, environment
from tests.world import GAS, HOME, SHED, says

ROOT = ADDON.parent
LANGUAGES = ["de", "en", "fr", "nl"]
DONE, COULD_NOT, WRONG = 0, 1, 2
ACCOUNT = {"email": "you@example.com", "password": "simulated"}
HOUSEHOLD: dict[str, Any] = {"fluvius": {"portal": ACCOUNT}, "meters": [HOME]}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Supervisor]:
    """A Home Assistant with this add-on, and without a broker."""
    house = Supervisor(tmp_path / "data")
    with house.core.open(), house.open():
        yield house


# --- what the Supervisor reads

TEXT, FLAG, NAMES = (str,), (bool,), (list,)
MANIFEST: dict[str, tuple[type, ...]] = {  # Home Assistant's developer documentation, "App configuration"
    "name": TEXT,
    "version": TEXT,
    "slug": TEXT,
    "description": TEXT,
    "arch": NAMES,
    "url": TEXT,
    "startup": TEXT,
    "boot": TEXT,
    "stage": TEXT,
    "init": FLAG,
    "services": NAMES,
    "homeassistant_api": FLAG,
    "apparmor": FLAG,
    "options": (dict,),
    "schema": (dict,),
}
REQUIRED = {"name", "version", "slug", "description", "arch"}
CHOICES = {
    "arch": {"aarch64", "amd64"},
    "startup": {"initialize", "system", "services", "application", "once"},
    "boot": {"auto", "manual", "manual_only"},
    "stage": {"stable", "experimental", "deprecated"},
    "services": {f"mqtt:{right}" for right in ("provide", "want", "need")},
}


def test_the_manifest_has_documented_keys_of_the_right_types() -> None:
    assert manifest().keys() >= REQUIRED
    for key, value in manifest().items():
        assert isinstance(value, MANIFEST[key]), key
    for key, choices in CHOICES.items():
        value = manifest()[key]
        assert set(value if isinstance(value, list) else [value]) <= choices, key


def test_the_add_on_is_this_version_of_this_project() -> None:
    assert (manifest()["version"], manifest()["url"]) == (__version__, URL)
    assert f"## {__version__}\n" in (ADDON / "CHANGELOG.md").read_text("utf-8")


def test_the_repository_is_described_with_documented_keys() -> None:
    repository = yaml.safe_load((ROOT / "repository.yaml").read_text("utf-8"))
    assert repository.keys() == {"name", "url", "maintainer"}
    assert repository["url"] == URL


def test_no_other_file_is_called_like_the_manifest() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    called_so = [name for name in listed.splitlines() if Path(name).stem == "config" and "." in name]
    assert [name for name in called_so if Path(name).suffix in {".yaml", ".yml", ".json"}] == [
        "addon/config.yaml"
    ]


@pytest.mark.parametrize(("name", "size"), [("icon", (128, 128)), ("logo", (250, 100))])
def test_a_picture_has_the_size_that_is_recommended(name: str, size: tuple[int, int]) -> None:
    header = (ADDON / f"{name}.png").read_bytes()[:24]
    assert header.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", header[16:]) == size


def test_the_profile_is_called_like_the_add_on_and_grants_no_capability() -> None:
    profile = (ADDON / "apparmor.txt").read_text("utf-8")
    assert re.findall("^profile ([^ ]+)", profile, re.MULTILINE) == [manifest()["slug"]]
    rules = [line.strip() for line in profile.splitlines() if not line.strip().startswith("#")]
    assert [rule for rule in rules if rule.startswith(("capability", "file,", "/**"))] == []
    writing = [rule for rule in rules if re.search(r"^/.* [mrxik]*w[mrxik]*,$", rule)]
    assert writing == ["/data/** rwk,"]


def test_the_profile_is_understood_by_apparmor() -> None:
    parser = shutil.which("apparmor_parser", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if not parser:
        pytest.skip("apparmor_parser is not installed")
    done = subprocess.run(
        [parser, "--skip-kernel-load", "--skip-cache", str(ADDON / "apparmor.txt")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_assembled_folder_has_all_that_is_built_and_shown(tmp_path: Path) -> None:
    built = tmp_path / "repository" / "fluvius2mqtt"
    subprocess.run(["make", "--silent", "addon", f"ADDON={built}"], cwd=ROOT, check=True)
    assert (built.parent / "repository.yaml").is_file()
    image = (ROOT / "Dockerfile").read_text("utf-8")
    assert (built / "Dockerfile").read_text("utf-8") == f"{image}USER root\n"
    for folder in (ADDON, ROOT / "bridge"):
        below = built if folder == ADDON else built / "bridge"
        files = [each for each in folder.rglob("*") if each.is_file() and "__pycache__" not in each.parts]
        assert [each for each in files if not (below / each.relative_to(folder)).is_file()] == []
    needed = {"pyproject.toml", "requirements.lock", "LICENSE", ".dockerignore"}
    assert {each.name for each in built.iterdir()} >= needed
    assert list(built.rglob("__pycache__")) == []


# --- the options

OPTIONS: dict[KeyPath, Any] = {  # every option: another value than the usual one
    ("fluvius", "portal", "email"): "me@example.com",
    ("fluvius", "portal", "password"): "!öpen: #sesame'\"\\🔑",
    ("meters", 0, "name"): "Mémé's huis",
    ("meters", 0, "ean"): GAS["ean"],
    ("meters", 0, "serial"): GAS["serial"],
    ("meters", 0, "energy"): Energy.GAS,
    ("meters", 0, "from"): "2026-01-01",
    ("meters", 0, "until"): "2026-07-01",
    ("schedule", "at"): ("07:00", "19:30"),
    ("schedule", "jitter_minutes"): 0,
    ("schedule", "lookback_days"): 31,
    ("homeassistant", "statistics"): False,
    ("homeassistant", "discovery"): False,
    ("homeassistant", "discovery_prefix"): "ha",
    ("homeassistant", "discovery_format"): "device",
    ("capacity_tariff", "floor_kw"): Decimal("4.5"),
    ("mqtt", "host"): "broker.local",
    ("mqtt", "port"): 8884,
    ("mqtt", "username"): "bridge",
    ("mqtt", "password"): "hunter2",
    ("mqtt", "tls"): True,
    ("mqtt", "base_topic"): "energy/fluvius",
    ("mqtt", "chart"): False,
    ("mqtt", "stream"): True,
    ("log", "level"): "debug",
}
# Options that make sense with another one only.
NEEDS: dict[KeyPath, dict[str, Any]] = {("mqtt", "password"): {"mqtt": {"username": "bridge"}}}


def leaves(tree: Any, *above: str | int) -> Iterator[tuple[KeyPath, Any]]:
    """The options in a schema and what they are; a list of texts is one option."""
    if isinstance(tree, dict):
        for key, inner in tree.items():
            yield from leaves(inner, *above, key)
    elif isinstance(tree, list) and isinstance(tree[0], dict):
        yield from leaves(tree[0], *above, 0)
    else:
        yield above, tree[0] if isinstance(tree, list) else tree


def arrived(settings: Settings, path: KeyPath) -> Any:
    value: Any = settings.model_dump(by_alias=True)
    for part in path:
        value = value[part]
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def put(tree: Mapping[str, Any], path: KeyPath, value: Any) -> dict[str, Any]:
    """A copy of options with another value in it."""
    changed: dict[str, Any] = json.loads(json.dumps(tree))
    section: Any = changed
    for part in path[:-1]:
        section = section[part] if isinstance(part, int) else section.setdefault(part, {})
    section[path[-1]] = float(value) if isinstance(value, Decimal) else value
    return changed


def test_every_option_has_a_documented_type_and_a_line_in_the_table() -> None:
    options = dict(leaves(manifest()["schema"]))
    assert [kind for kind in options.values() if not KIND.fullmatch(kind)] == []
    assert options.keys() == OPTIONS.keys()


@pytest.mark.parametrize("path", sorted(OPTIONS, key=str), ids=str)
def test_an_option_reaches_the_settings(tmp_path: Path, path: KeyPath) -> None:
    assert path in KEYS
    house = Supervisor(tmp_path)
    house.fill_in(**HOUSEHOLD)
    assert arrived(load_options(house.options, {}), path) != OPTIONS[path]
    house.fill_in(**put({**HOUSEHOLD, **NEEDS.get(path, {})}, path, OPTIONS[path]))
    assert arrived(load_options(house.options, {}), path) == OPTIONS[path]


def in_sections(tree: Any, *above: str | int) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(tree, dict):
        for key, inner in tree.items():
            yield from in_sections(inner, *above, key)
    else:
        yield above, tuple(tree) if isinstance(tree, list) else tree


def test_the_defaults_are_those_of_the_settings_but_for_statistics() -> None:
    ours = dict(in_sections(manifest()["options"]))
    portal = {("fluvius", "portal", key) for key in ACCOUNT}
    assert {path for path, value in ours.items() if value is None} == portal
    others = [path for path in ours.keys() - portal if arrived(Settings(), path) != ours[path]]
    assert others == [("homeassistant", "statistics")]


def test_a_new_add_on_is_not_started_before_the_account_is_filled_in(tmp_path: Path) -> None:
    house = Supervisor(tmp_path)
    with pytest.raises(NotStartedError, match=r"email|password"):
        house.fill_in(meters=[HOME])
    with pytest.raises(NotStartedError, match="serial"):
        house.fill_in(fluvius={"portal": ACCOUNT}, meters=[{"ean": HOME["ean"]}])
    with pytest.raises(NotStartedError, match="ean"):  # a browser's YAML editor has rounded it
        house.fill_in(fluvius={"portal": ACCOUNT}, meters=[{**HOME, "ean": int(HOME["ean"])}])


@pytest.mark.parametrize("empty", ["", None, [], {}])
def test_an_option_that_was_left_empty_counts_as_not_written(tmp_path: Path, empty: Any) -> None:
    left = {
        "mqtt": {"host": empty, "port": empty, "username": empty, "tls": empty, "base_topic": empty},
        "meters": [{**HOME, "name": empty, "energy": empty}],
        "schedule": {"at": empty, "lookback_days": empty},
        "homeassistant": {"statistics": empty},
        "log": empty,
    }
    file = tmp_path / "options.json"
    file.write_text(json.dumps({**HOUSEHOLD, **left}))
    file.chmod(0o600)
    settings = load_options(file, {})
    assert settings.mqtt == Settings().mqtt
    assert settings.schedule == Settings().schedule
    assert settings.log == Settings().log
    assert settings.homeassistant.statistics is True
    assert [meter.name for meter in settings.followed] == [HOME["ean"]]
    assert settings.data_dir == tmp_path


WRONG_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"meters": []}, "Option meters: is empty; write a list of meters"),
    ({"meters": [{**HOME, "ean": HOME["ean"][:-1]}]}, "Option meters[0].ean: has 17 digits; write the conn"),
    ({"meters": [HOME, {**HOME, "name": "x"}]}, "Option meters[1].ean: is that of meters[0] too"),
    ({"schedule": {"at": ["25:00"]}}, "Option schedule.at[0]: 25:00 is no time of day; write times of day"),
    ({"mqtt": {"host": "mqtt://broker"}}, "Option mqtt.host: is no host name; write the broker's host name"),
    ({"mqtt": {"password": "hunter2"}}, "Option mqtt.username: is missing beside password; write the user"),
    ({"mqtt": {"base_topic": "fluvius/#"}}, "Option mqtt.base_topic: 'fluvius/#' is no topic"),
]


@pytest.mark.parametrize(("options", "line"), WRONG_OPTIONS)
def test_a_wrong_option_is_named_as_on_the_page(tmp_path: Path, options: dict[str, Any], line: str) -> None:
    house = Supervisor(tmp_path)
    house.fill_in(**{**HOUSEHOLD, **options})
    with pytest.raises(ConfigError) as caught:
        load_options(house.options, {})
    [mistake] = caught.value.mistakes
    assert mistake.startswith(line)
    assert str(tmp_path) not in mistake


def test_a_slip_in_an_ean_is_told_by_the_option_too(tmp_path: Path) -> None:
    house = Supervisor(tmp_path)
    house.fill_in(**put(HOUSEHOLD, ("meters", 0, "ean"), "541448820000000001"))
    [warning] = load_options(house.options, {}).warnings
    assert warning.startswith("Option meters[0].ean: the last digit does not fit")


# --- the translations


def described(kind: Any, texts: Any, path: str) -> Iterator[Any]:
    """Every option's name and description, after a look at the keys."""
    fields = kind[0] if isinstance(kind, list) else kind
    assert set(texts) == {"name", "description"} | ({"fields"} if isinstance(fields, dict) else set()), path
    yield from (texts["name"], texts["description"])
    if isinstance(fields, dict):
        assert list(texts["fields"]) == list(fields), path
        for key, inner in fields.items():
            yield from described(inner, texts["fields"][key], f"{path}.{key}")


def texts_in(language: str) -> list[Any]:
    file = yaml.safe_load((ADDON / "translations" / f"{language}.yaml").read_text("utf-8"))
    assert file.keys() == {"configuration"}
    schema = manifest()["schema"]
    assert list(file["configuration"]) == list(schema)
    return [text for key in schema for text in described(schema[key], file["configuration"][key], key)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_option_has_a_name_and_a_description(language: str) -> None:
    texts = texts_in(language)
    assert [text for text in texts if text != str(text).strip() or not text] == []
    assert [description for description in texts[1::2] if not description.endswith(".")] == []


def test_the_languages_are_all_there_and_differ() -> None:
    assert sorted(file.stem for file in (ADDON / "translations").iterdir()) == LANGUAGES
    for one, another in (("en", "nl"), ("en", "fr"), ("en", "de"), ("nl", "de")):
        assert set(texts_in(one)[1::2]) & set(texts_in(another)[1::2]) == set()


# --- the broker


def broker(port: int = 1883, **more: Any) -> dict[str, Any]:
    """What the add-on Mosquitto broker tells the Supervisor."""
    usual = {"host": "127.0.0.1", "port": port, "ssl": False, "protocol": "3.1.1", "addon": "core_mosquitto"}
    return {**usual, "username": "addons", "password": "long and random", **more}


def loaded(house: Supervisor, **options: Any) -> Settings:
    house.fill_in(**{**HOUSEHOLD, **options})
    return supervisor.load(house.environment, connects=True)


def test_the_broker_is_the_one_that_the_supervisor_knows(house: Supervisor) -> None:
    house.broker = broker(1884)
    mqtt = loaded(house).mqtt
    assert (mqtt.host, mqtt.port, mqtt.tls, mqtt.protocol) == ("127.0.0.1", 1884, False, "3.1.1")
    assert mqtt.password
    assert (mqtt.username, mqtt.password.get_secret_value()) == ("addons", "long and random")


@pytest.mark.parametrize(
    ("theirs", "ours"), [("3.1", "3.1.1"), ("3.1.1", "3.1.1"), ("5", "5"), (None, "3.1.1")]
)
def test_the_brokers_protocol_is_one_that_we_speak(house: Supervisor, theirs: str | None, ours: str) -> None:
    house.broker = broker(protocol=theirs)
    assert loaded(house).mqtt.protocol == ours


def test_an_encrypted_broker_that_takes_anyone(house: Supervisor) -> None:
    house.broker = {"host": "broker", "port": 8883, "ssl": True, "username": "", "password": ""}
    mqtt = loaded(house).mqtt
    assert (mqtt.port, mqtt.tls, mqtt.username) == (8883, True, None)


def test_what_is_filled_in_goes_before_what_the_supervisor_says(house: Supervisor) -> None:
    house.broker = broker()
    mqtt = loaded(house, mqtt={"username": "me", "password": "mine", "base_topic": "energy"}).mqtt
    assert (mqtt.host, mqtt.username, mqtt.base_topic) == ("127.0.0.1", "me", "energy")


def test_another_broker_is_not_looked_for(house: Supervisor) -> None:
    mqtt = loaded(house, mqtt={"host": "broker.local"}).mqtt
    assert (mqtt.host, mqtt.port, house.asked) == ("broker.local", 1883, [])


def test_warnings_about_the_options_are_kept(house: Supervisor) -> None:
    house.broker = broker()
    house.fill_in(**put(HOUSEHOLD, ("meters", 0, "ean"), "541448820000000001"))
    assert len(supervisor.load(house.environment, connects=True).warnings) == 1


def test_without_a_broker_one_is_asked_for(house: Supervisor) -> None:
    with pytest.raises(
        ConfigError, match=r"^Option mqtt\.host: .*install and start the add-on Mosquitto broker"
    ):
        loaded(house)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, "401: Unauthorized"), r"does not let the add-on ask for the broker \(status 401\); restart"),
        (
            (403, json.dumps({"result": "error", "message": "No access"})),
            r"\(status 403\); restart the add-on",
        ),
        ((502, "Bad Gateway"), r"does not say which broker there is \(status 502\); try again later"),
        ((200, "<html>"), "something unexpected about the broker"),
        ((200, json.dumps({"result": "ok"})), "something unexpected"),
        ((200, json.dumps({"result": "ok", "data": []})), "something unexpected"),
        ((200, json.dumps({"result": "ok", "data": {"host": "broker"}})), "something unexpected"),
        ((200, json.dumps({"result": "ok", "data": {"host": 5, "port": "x"}})), "something unexpected"),
    ],
)
def test_an_answer_that_is_no_broker_is_told_in_a_line(
    house: Supervisor, answer: tuple[int, str], words: str
) -> None:
    house.answer = answer
    with pytest.raises(SupervisorError, match=words) as caught:
        loaded(house)
    assert str(caught.value).endswith("or fill in mqtt.host in the add-on's configuration")
    assert "\n" not in str(caught.value)


def test_a_supervisor_that_is_away_is_told_in_a_line(tmp_path: Path) -> None:
    house = Supervisor(tmp_path, port=1)
    with pytest.raises(
        SupervisorError, match=r"127\.0\.0\.1:1 cannot be reached .*; restart the add-on, or fi"
    ):
        loaded(house)


def test_no_proxy_stands_between_the_add_on_and_the_supervisor(
    house: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    house.broker = broker()
    assert loaded(house).mqtt.username == "addons"


def test_statistics_go_through_the_supervisor() -> None:
    here = {"SUPERVISOR_TOKEN": "token"}
    assert statistics_settings(Settings().homeassistant, here) is None
    wanted = Settings().homeassistant.model_copy(update={"statistics": True})
    for environ, url in (
        (here, "ws://supervisor/core/websocket"),
        ({**here, "SUPERVISOR_URL": "http://127.0.0.1:8124"}, "ws://127.0.0.1:8124/core/websocket"),
    ):
        statistics = statistics_settings(wanted, environ)
        assert statistics
        assert (statistics.url, statistics.token.get_secret_value()) == (url, "token")


# --- the entry point


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A Fluvius that lives today, for a command has no other clock, and is never late."""
    with Simulator([replace(meter, delay=timedelta(0)) for meter in DEFAULT_METERS]) as simulator:
        yield simulator


def in_container(house: Supervisor, url: str = "http://127.0.0.1:1") -> dict[str, str]:
    """The environment in which the add-on's entry point runs; only Fluvius is elsewhere."""
    return environment(**house.environment, FLUVIUS2MQTT_FLUVIUS__PORTAL__URL=url)


@contextmanager
def started(house: Supervisor, simulator: Simulator) -> Iterator[Running]:
    """The add-on's entry point, killed in the end if need be."""
    log = house.data.parent / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command("run"),
            cwd="/",
            env=in_container(house, simulator.url),
            stdout=file,
            stderr=file,
            text=True,
        )
    try:
        yield Running(process, log)
    finally:
        process.kill()
        process.wait(10)


def ended(house: Supervisor, *words: str) -> Ended:
    done = subprocess.run(
        command(*words),
        cwd="/",
        env=in_container(house),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def test_the_add_on_brings_the_readings_to_the_broker_and_the_energy_dashboard(
    house: Supervisor, simulator: Simulator, tmp_path: Path
) -> None:
    with Mosquitto(tmp_path / "mosquitto", users={"addons": "long and random"}) as mosquitto:
        house.broker = broker(mosquitto.port)
        house.fill_in(**{**HOUSEHOLD, "meters": [HOME, SHED], "schedule": {"lookback_days": 5}})
        with started(house, simulator) as addon:
            eventually(lambda: '"ok"' in mosquitto.retained().get("fluvius/bridge/health", ""), 20)
            eventually(lambda: len(house.core.statistics) == 5, 10)
            retained = mosquitto.retained()
            assert ended(house, "healthcheck").out == "healthy\n"
            stopped, took = addon.terminate()
    assert (stopped.status, stopped.error.count("follows home, shed")) == (DONE, 1)
    assert took < 2
    assert TOKEN not in stopped.error
    latest = simulator.latest_day(HOME["ean"]).isoformat()
    assert retained["fluvius/home/day/date"] == latest
    assert says(retained, "fluvius/shed/day")["ean"] == SHED["ean"]
    assert any(topic.startswith("homeassistant/sensor/") for topic in retained)
    assert f"fluvius:{HOME['ean']}_consumption_high" in house.core.statistics
    assert house.asked[0] == "/services/mqtt"
    assert set(house.asked[1:]) == {"/core/websocket"}
    assert {"options.json", "ledger.sqlite", "token.json"} <= {file.name for file in house.data.iterdir()}


@pytest.mark.parametrize("name", ["run", "once", "check", "healthcheck"])
def test_wrong_options_end_every_command_with_a_line_for_each(
    house: Supervisor, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, value in house.environment.items():
        monkeypatch.setenv(variable, value)
    house.fill_in(**{**HOUSEHOLD, "meters": [{**HOME, "ean": "5414"}], "schedule": {"at": ["noon"]}})
    assert main([name]) == WRONG
    ean, at = capsys.readouterr().err.splitlines()
    assert ean.startswith("fluvius2mqtt: Option meters[0].ean: has 4 digits; write the connection's EAN")
    assert at.startswith("Option schedule.at[0]: noon is no time of day; write times of day")
    assert house.asked == []


def test_the_add_on_without_a_broker_ends_and_says_what_to_install(house: Supervisor) -> None:
    house.fill_in(**HOUSEHOLD)
    answer = ended(house, "run")
    assert (answer.status, len(answer.complaint)) == (WRONG, 1)
    assert "install and start the add-on Mosquitto broker" in answer.error


def test_the_add_on_whose_supervisor_does_not_answer_could_not(tmp_path: Path) -> None:
    house = Supervisor(tmp_path / "data", port=1)
    house.fill_in(**HOUSEHOLD)
    answer = ended(house, "run")
    assert (answer.status, len(answer.complaint)) == (COULD_NOT, 1)
    assert "restart the add-on" in answer.error


def test_whoever_only_looks_at_the_data_asks_the_supervisor_nothing(house: Supervisor) -> None:
    house.fill_in(**HOUSEHOLD)
    answer = ended(house, "healthcheck")
    assert (answer.status, answer.out) == (COULD_NOT, f"no bridge works in {house.data}\n")
    assert house.asked == []


@pytest.mark.parametrize("without", ["SUPERVISOR_TOKEN", "ADDON_OPTIONS"])
def test_elsewhere_than_in_the_add_on_nothing_is_asked(house: Supervisor, without: str) -> None:
    house.fill_in(**HOUSEHOLD)
    environ = {name: value for name, value in house.environment.items() if name != without}
    assert supervisor.is_there(house.environment)
    assert not supervisor.is_there(environ)


def test_a_configuration_that_is_asked_for_goes_before_the_options(house: Supervisor, tmp_path: Path) -> None:
    house.fill_in(**HOUSEHOLD)
    file = tmp_path / "mine.yaml"
    file.write_text("mqtt: 5\n")
    answer = ended(house, "run", "--config", str(file))
    assert answer.status == WRONG
    assert f"{file}: mqtt: text stands where keys belong" in answer.error
    assert house.asked == []


def test_starting_elsewhere_imports_nothing_for_the_supervisor(tmp_path: Path) -> None:
    looked = subprocess.run(
        [sys.executable, "-c", "import bridge.homeassistant, sys; print('http.client' in sys.modules)"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert looked.stdout == "False\n"
