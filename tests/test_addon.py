"""The add-on: its page in Home Assistant, and the bridge behind it."""

import json
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge import __version__
from bridge.config import KEYS, Settings, load_options
from bridge.simulator import DEFAULT_METERS, Simulator
from tests.mosquitto import Mosquitto, eventually
from tests.supervisor import ADDON, NotStartedError, Supervisor, manifest
from tests.test_cli import environment
from tests.world import GAS, HOME, SHED

ROOT = ADDON.parent
Path_ = tuple[str | int, ...]

# https://developers.home-assistant.io/docs/add-ons/configuration, of those that this add-on needs
DOCUMENTED = {
    "name": str,
    "version": str,
    "slug": str,
    "description": str,
    "url": str,
    "arch": list,
    "init": bool,
    "startup": str,
    "boot": str,
    "services": list,
    "homeassistant_api": bool,
    "options": dict,
    "schema": dict,
    "map": list,
    "image": str,
    "watchdog": str,
    "apparmor": bool,
    "stage": str,
}
OPTIONS = {
    "fluvius": {"portal": {"email": "you@example.com", "password": "simulated"}},
    "meters": [
        {"name": "home", "ean": HOME["ean"], "serial": HOME["serial"]},
        {"name": "gas", "ean": GAS["ean"], "serial": GAS["serial"], "energy": "gas"},
    ],
}


def leaves(schema: Any, above: Path_ = ()) -> Iterator[tuple[Path_, str]]:
    """Every option with its kind; 0 stands for a place in a list."""
    if isinstance(schema, dict):
        for key, kind in schema.items():
            yield from leaves(kind, (*above, key))
    elif isinstance(schema, list):
        yield from leaves(schema[0], (*above, 0))
    else:
        yield above, schema


LEAVES = dict(leaves(manifest()["schema"]))
SAMPLES = {
    "email": "me@example.com",
    "ean": SHED["ean"],
    "at": "05:05",
    "from": "2026-01-01",
    "until": "2026-07-01",
    "floor_kw": 3.5,
    "host": "broker.example.com",
    "discovery_prefix": "elsewhere",
}


def sample(path: Path_, kind: str) -> Any:
    """A value that fits, and is not the default."""
    name = str(path[-1] or path[-2])
    if name in SAMPLES:
        return SAMPLES[name]
    kind = kind.removesuffix("?")
    if kind == "bool":
        return not at(Settings().model_dump(), path)
    if kind.startswith("list("):
        return kind[5:-1].split("|")[-1]
    return (
        int(kind[4:].partition(",")[0]) + 5
        if kind.startswith("int(")
        else 1999
        if kind == "port"
        else "words"
    )


def at(tree: Any, path: Path_) -> Any:
    for part in path:
        tree = tree[part]
    return tree


def with_value(path: Path_, value: Any) -> dict[str, Any]:
    """The options with one more, or another one."""
    options: dict[str, Any] = json.loads(json.dumps(OPTIONS))
    place: Any = options
    for part, following in pairwise(path):
        empty: Any = [] if isinstance(following, int) else {}
        place = place.setdefault(part, empty) if isinstance(place, dict) else place[part]
    if isinstance(place, list):
        place[:] = [value]
    else:
        place[path[-1]] = value
    return options


# --- the page


def test_the_manifest_has_documented_keys_only() -> None:
    content = manifest()
    assert {key: DOCUMENTED[key] for key in content} == {key: type(value) for key, value in content.items()}
    assert content["version"] == __version__
    assert content["services"] == ["mqtt:want"]
    assert (content["homeassistant_api"], content["apparmor"], content["init"]) == (True, True, False)
    assert content["arch"] == ["aarch64", "amd64"]


def test_the_repository_says_whose_it_is() -> None:
    content = yaml.safe_load((ROOT / "repository.yaml").read_text("utf-8"))
    assert {"name", "url", "maintainer"} <= set(content)


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(map(str, path)))
def test_every_option_reaches_the_settings(path: Path_, tmp_path: Path) -> None:
    where = path[:-1] if path[-1] == 0 else path
    assert tuple(0 if isinstance(part, int) else part for part in where) in KEYS
    value = sample(path, LEAVES[path])
    options = with_value(path, value)
    if path == ("mqtt", "password"):
        options["mqtt"]["username"] = "bridge"
    file = tmp_path / "options.json"
    file.write_text(json.dumps(options))
    dumped = load_options(file, {}).model_dump(mode="json", by_alias=True)
    reached = at(dumped, path)
    if "password" in path:
        assert reached == "**********"
    else:
        assert str(reached) == str(value)


def test_the_page_s_defaults_are_the_bridge_s_own() -> None:
    own = Settings().model_dump(mode="json", by_alias=True)
    defaults = {key: value for key, value in manifest()["options"].items() if value != []}
    for path, _ in leaves(defaults):
        value = at(manifest()["options"], path[:-1] if path[-1] == 0 else path)
        if value is not None and path != ("homeassistant", "statistics"):
            expected = at(own, path[:-1] if path[-1] == 0 else path)
            assert expected == value or float(expected) == value, path
    assert manifest()["options"]["homeassistant"]["statistics"] is True


def test_options_nest_no_deeper_than_home_assistant_shows() -> None:
    assert max(len([part for part in path if part != 0]) for path in LEAVES) <= 3


def described(schema: Any) -> dict[str, Any]:
    """The keys of a schema, and below each those of its fields."""
    schema = schema[0] if isinstance(schema, list) else schema
    return {key: described(kind) for key, kind in schema.items()} if isinstance(schema, dict) else {}


def check_words(wanted: Mapping[str, Any], words: Mapping[str, Any]) -> None:
    assert set(words) == set(wanted)
    for key, below in wanted.items():
        assert words[key]["name"].strip(), key
        assert words[key]["description"].strip(), key
        check_words(below, words[key].get("fields", {}))


@pytest.mark.parametrize("language", ["en", "nl", "fr", "de"])
def test_every_option_has_a_name_and_a_description(language: str) -> None:
    content = yaml.safe_load((ADDON / "translations" / f"{language}.yaml").read_text("utf-8"))
    check_words(described(manifest()["schema"]), content["configuration"])


@pytest.mark.parametrize(("name", "size"), [("icon", (128, 128)), ("logo", (250, 100))])
def test_pictures_have_the_size_that_home_assistant_wants(name: str, size: tuple[int, int]) -> None:
    content = (ADDON / f"{name}.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == size


def test_what_make_addon_assembles_can_be_built(tmp_path: Path) -> None:
    target = tmp_path / "fluvius2mqtt"
    command = ["make", "--no-print-directory", "addon", f"ADDON={target}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    there = {str(file.relative_to(target)) for file in target.rglob("*") if file.is_file()}
    assert {"config.yaml", "Dockerfile", "DOCS.md", "CHANGELOG.md", "icon.png", "apparmor.txt"} <= there
    assert {"requirements.lock", "pyproject.toml", "README.md", "LICENSE", "bridge/cli.py"} <= there
    assert "translations/nl.yaml" in there
    assert not [name for name in there if "secret" in name or name.endswith((".sqlite", ".pyc"))]
    copied = {
        line.split()[1]
        for line in (target / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ")
    }
    assert copied <= {"--from=builder", "requirements.lock", "."}
    assert (target / "Dockerfile").read_text().startswith((ROOT / "Dockerfile").read_text())


# --- the bridge behind it


@pytest.fixture
def today() -> Iterator[Simulator]:
    with Simulator([replace(meter, delay=timedelta(0)) for meter in DEFAULT_METERS]) as simulator:
        yield simulator


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "data").open() as supervisor:
        yield supervisor


def in_the_addon(supervisor: Supervisor, fluvius: Simulator) -> dict[str, str]:
    """The environment; the image names the data folder, and a test its own Fluvius."""
    return environment(
        **supervisor.environment,
        FLUVIUS2MQTT_DATA_DIR=str(supervisor.data),
        FLUVIUS2MQTT_FLUVIUS__PORTAL__URL=fluvius.url,
    )


@contextmanager
def running(supervisor: Supervisor, fluvius: Simulator) -> Iterator["subprocess.Popen[str]"]:
    """What the container starts."""
    with (supervisor.data.parent / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bridge", "run"],
            env=in_the_addon(supervisor, fluvius),
            stderr=log,
            text=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(10) == 0


def typed(supervisor: Supervisor, fluvius: Simulator, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "bridge", *words]
    env = in_the_addon(supervisor, fluvius)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_it_finds_the_broker_follows_the_meters_and_imports_statistics(
    supervisor: Supervisor, today: Simulator, tmp_path: Path
) -> None:
    with Mosquitto(tmp_path / "mosquitto", users={"addons": "s3cret"}) as broker:
        supervisor.broker = {
            "host": "127.0.0.1",
            "port": broker.port,
            "ssl": False,
            "username": "addons",
            "password": "s3cret",
            "protocol": "3.1.1",
        }
        supervisor.fill_in(**OPTIONS)
        with running(supervisor, today):
            eventually(lambda: "fluvius/home/day" in broker.retained(), 20)
            eventually(lambda: f"fluvius:{HOME['ean']}_consumption_high" in supervisor.core.statistics, 30)
            assert typed(supervisor, today, "healthcheck").returncode == 0
            shown = json.loads(typed(supervisor, today, "show", "--json").stdout)
        meters = json.loads(broker.retained()["fluvius/bridge/info"])["meters"]
    assert [meter["name"] for meter in meters] == ["home", "gas"]
    assert [meter["meter"] for meter in shown["meters"]] == ["home", "gas"]
    assert "s3cret" not in (tmp_path / "log").read_text()
    assert (supervisor.data / "ledger.sqlite").exists()


def test_a_broker_that_is_filled_in_is_used_and_the_supervisor_not_asked(
    supervisor: Supervisor, today: Simulator, mosquitto: Mosquitto
) -> None:
    supervisor.fill_in(
        **OPTIONS,
        mqtt={"host": "127.0.0.1", "port": mosquitto.port},
        homeassistant={"statistics": False},
    )
    with running(supervisor, today):
        eventually(lambda: "fluvius/home/day" in mosquitto.retained(), 20)
    assert supervisor.asked == []


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (None, 2, "install and start the add-on Mosquitto broker"),
        ((401, "401: Unauthorized"), 1, "does not let the add-on ask for the broker"),
        ((403, ""), 1, "does not let the add-on ask for the broker"),
        ((500, "oops"), 1, "does not say which broker there is (status 500)"),
        ((200, "oops"), 1, "says something unexpected about the broker"),
        ((200, "[]"), 1, "says something unexpected about the broker"),
        ((200, '{"data": {"host": 3, "port": "x"}}'), 1, "says something unexpected about the broker"),
    ],
)
def test_a_supervisor_without_a_broker_is_one_clear_line(
    supervisor: Supervisor, today: Simulator, answer: tuple[int, str] | None, status: int, words: str
) -> None:
    supervisor.answer = answer
    supervisor.fill_in(**OPTIONS)
    ended = typed(supervisor, today, "run")
    assert ended.returncode == status
    assert words in ended.stderr
    assert "fill in mqtt.host" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_supervisor_that_is_not_there_is_one_clear_line(supervisor: Supervisor, today: Simulator) -> None:
    supervisor.fill_in(**OPTIONS)
    supervisor.port = 1
    ended = typed(supervisor, today, "run")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert "cannot be reached" in ended.stderr


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("meters", 0, "ean"), "54144882000000000", "Option meters[0].ean: has 17 digits"),
        (("meters", 0, "from"), "soon", "Option meters[0].from: soon is neither a date nor an instant"),
        (("meters", 0, "serial"), "", "Option meters[0].serial: is missing"),
        (("meters",), [], "Option meters: is empty"),
        (("schedule", "at"), ["6 o'clock"], "Option schedule.at[0]:"),
        (("mqtt", "base_topic"), "a/#", "Option mqtt.base_topic: 'a/#' is no topic"),
    ],
)
def test_a_wrong_option_is_named_as_on_the_page(
    supervisor: Supervisor, today: Simulator, path: Path_, value: Any, words: str
) -> None:
    options = with_value(path, value) if path != ("meters",) else {**OPTIONS, "meters": []}
    if path == ("schedule", "at"):
        options["schedule"] = {"at": value}
    supervisor.fill_in(**options)
    ended = typed(supervisor, today, "run")
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "options.json" not in ended.stderr


def test_the_page_does_not_start_without_an_account(supervisor: Supervisor) -> None:
    with pytest.raises(NotStartedError, match="email"):
        supervisor.fill_in(meters=OPTIONS["meters"])


def test_outside_the_add_on_the_supervisor_is_nobody(tmp_path: Path) -> None:
    env = environment(SUPERVISOR_TOKEN="token", ADDON_OPTIONS=str(tmp_path / "none.json"))
    command = [sys.executable, "-m", "bridge", "check"]
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "no configuration file" in ended.stderr
