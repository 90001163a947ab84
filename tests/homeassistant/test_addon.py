"""Home Assistant's add-on: what stands on its page, and what it does with it, started as in its container."""

import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from pydantic import SecretStr

from bridge import IS_RELEASED, URL, __version__
from bridge.config import KEYS, ConfigError, KeyPath, Settings, TlsSettings, WebSettings, load_options
from bridge.config.keys import anywhere
from bridge.folder.claim import claim
from bridge.folder.heartbeat import Heartbeat
from bridge.homeassistant.supervisor import asks_from
from bridge.metering.contract import ByTariff, Dynamic
from bridge.simulator import DEFAULT_METERS, Simulator
from tests.rig.commands import AT_ONCE, COULD_NOT, DONE, WRONG, Ended, Running, environment, typed
from tests.rig.forks import Forked
from tests.rig.mosquitto import SBIN, Mosquitto, eventually
from tests.rig.supervisor import (
    ADDON,
    KIND,
    NotStartedError,
    Supervisor,
    in_the_addon,
    manifest,
    of_the_house,
)
from tests.rig.world import GAS
from tests.rig.world import HOME as EXAMPLE

PROJECT = ADDON.parent
MANIFEST = manifest()
LANGUAGES = {file.stem: file for file in (ADDON / "translations").iterdir()}
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
    "stage": str,
    "backup": str,
    "services": list,
    "homeassistant_api": bool,
    "ingress": bool,
    "ingress_port": int,
    "ingress_stream": bool,
    "panel_icon": str,
    "panel_title": str,
    "apparmor": bool,
    "watchdog": str,
    "map": list,
    "image": str,
    "homeassistant": str,
    "options": dict,
    "schema": dict,
}
HOME = {**EXAMPLE, "serial": "1SAG1100042063"}  # the example's own is refused
ACCOUNT = {"portal": {"email": "jan@home.test", "password": "simulated"}}
OTHERS: dict[KeyPath, Any] = {  # something other than the default, for each option
    ("fluvius", "portal", "email"): "an@home.test",
    ("fluvius", "portal", "password"): "open sesame: 007",
    ("meters", 0, "name"): "cottage",
    ("meters", 0, "ean"): GAS["ean"],
    ("meters", 0, "serial"): "0042",
    ("meters", 0, "energy"): "gas",
    ("meters", 0, "source"): "file",
    ("meters", 0, "from"): "2026-01-01",
    ("meters", 0, "until"): "2026-07-01T14:00:00+02:00",
    ("schedule", "at", 0): "07:30",
    ("schedule", "jitter_minutes"): 0,
    ("schedule", "lookback_days"): 31,
    ("homeassistant", "statistics"): False,
    ("homeassistant", "discovery"): False,
    ("homeassistant", "discovery_prefix"): "ha",
    ("homeassistant", "discovery_format"): "device",
    ("day_ahead", "source"): "mqtt",
    ("day_ahead", "token"): "0123",
    ("capacity_tariff", "floor_kw"): 3.5,
    ("mqtt", "host"): "192.0.2.1",
    ("mqtt", "port"): 1884,
    ("mqtt", "username"): "0123",
    ("mqtt", "password"): "0123",
    ("mqtt", "keepalive"): 30,
    ("mqtt", "base_topic"): "meters",
    ("mqtt", "chart"): False,
    ("mqtt", "stream"): True,
    ("language",): "nl",
    ("log", "level"): "debug",
}


def leaves(tree: Any, above: KeyPath = ()) -> dict[KeyPath, Any]:
    """The single values in nested lists and dictionaries."""
    if isinstance(tree, dict):
        return {
            path: leaf for key, value in tree.items() for path, leaf in leaves(value, (*above, key)).items()
        }
    if isinstance(tree, list):
        return {
            path: leaf for i, value in enumerate(tree) for path, leaf in leaves(value, (*above, i)).items()
        }
    return {above: tree}


def sections(tree: Any, above: KeyPath = ()) -> set[KeyPath]:
    """Every key of the schema, with those that hold others."""
    if isinstance(tree, list):
        return sections(tree[0], above)
    if not isinstance(tree, dict):
        return set()
    return {
        path for key, value in tree.items() for path in ({(*above, key)} | sections(value, (*above, key)))
    }


def texts(fields: dict[str, Any], above: KeyPath = ()) -> dict[KeyPath, dict[str, Any]]:
    """A translation's texts by the keys that they are about."""
    found: dict[KeyPath, dict[str, Any]] = {}
    for key, text in fields.items():
        found |= {(*above, key): text} | texts(text.get("fields", {}), (*above, key))
    return found


def with_option(path: KeyPath, value: Any) -> dict[str, Any]:
    """A household's options, and one more."""
    options: dict[str, Any] = {
        "fluvius": {"portal": dict(ACCOUNT["portal"])},
        "meters": [dict(HOME)],
        "schedule": {"at": ["06:15"]},
        "mqtt": {"username": "someone"},
    }
    here: Any = options
    for part in path[:-1]:
        here = here[part] if isinstance(part, int) else here.setdefault(part, {})
    here[path[-1]] = value
    return options


def reached(settings: Settings, path: KeyPath) -> Any:
    here: Any = settings
    for part in path:
        here = (
            here[part]
            if isinstance(part, int)
            else getattr(here, {"from": "since"}.get(str(part), str(part)))
        )
    return here.get_secret_value() if isinstance(here, SecretStr) else here


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "data").open() as supervisor:
        yield supervisor


@pytest.fixture
def fluvius() -> Iterator[Simulator]:
    """A Fluvius that lives today, as the add-on does, and is never late."""
    meters = [replace(meter, delay=timedelta(0)) for meter in DEFAULT_METERS]
    with Simulator(meters, email=ACCOUNT["portal"]["email"]) as simulator:
        yield simulator


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """The add-on Mosquitto broker: every other add-on is the user `addons` there."""
    with Mosquitto(tmp_path / "mosquitto", users={"addons": "made up", "me": "my own"}) as broker:
        yield broker


def typed_there(supervisor: Supervisor, *words: str, fluvius: Simulator | None = None) -> Ended:
    return typed(supervisor.data, *words, program=None, **in_the_addon(supervisor, fluvius))


@contextmanager
def started(supervisor: Supervisor, fluvius: Simulator | None = None) -> Iterator[Running]:
    """The container's command, in its working directory; killed in the end if need be."""
    log = supervisor.data.parent / "log"
    there = in_the_addon(supervisor, fluvius) if fluvius else supervisor.environment
    process = Forked(supervisor.data, ("run",), environment(**there), log, log)
    try:
        yield Running(process, log)
    finally:
        process.kill()
        process.wait(10)


def asked_from(address: str, supervisor: Supervisor, path: str = "/state", **headers: str) -> int | None:
    """The status of the page's answer to whoever asks from there; None while it does not listen."""
    connection = HTTPConnection("127.0.0.1", supervisor.page, timeout=5, source_address=(address, 0))
    with closing(connection), suppress(ConnectionRefusedError):
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    return None


# --- the manifest and its texts


def test_the_manifest_has_documented_keys_only() -> None:
    assert {key: type(value) for key, value in MANIFEST.items()} == {key: DOCUMENTED[key] for key in MANIFEST}
    assert {"name", "version", "slug", "description", "arch"} <= MANIFEST.keys()


def test_the_manifest_asks_for_the_broker_and_home_assistant_and_nothing_else() -> None:
    assert set(MANIFEST["arch"]) == {"aarch64", "amd64"}
    assert (MANIFEST["services"], MANIFEST["homeassistant_api"]) == (["mqtt:want"], True)
    assert (MANIFEST["apparmor"], MANIFEST["init"]) == (True, False)
    assert MANIFEST["map"] == [
        {"type": "share", "read_only": False},  # for files from Mijn Fluvius
        {"type": "ssl"},  # read only, unless it is said otherwise
    ]
    assert not {"ports", "host_network", "privileged", "full_access"} & MANIFEST.keys()


def test_the_page_is_a_panel_of_home_assistant_for_it_alone() -> None:
    assert MANIFEST["ingress"] is MANIFEST["ingress_stream"] is True
    assert MANIFEST["ingress_port"] == WebSettings().port
    assert re.fullmatch("mdi:[a-z-]+", MANIFEST["panel_icon"])
    assert "ports" not in MANIFEST


def test_the_version_is_that_of_the_program() -> None:
    assert MANIFEST["version"] == __version__
    assert f"## {__version__}" in (ADDON / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("path", "kind"), leaves(MANIFEST["schema"]).items(), ids=lambda each: ".".join(map(str, each))
)
def test_each_option_is_a_key_with_a_documented_type(path: KeyPath, kind: str) -> None:
    assert KIND.fullmatch(kind)
    assert anywhere(path) in KEYS or anywhere(path[:-1]) in KEYS
    assert sum(isinstance(part, str) for part in path) <= 3, "the Supervisor nests two deep"


@pytest.mark.parametrize(("path", "value"), OTHERS.items(), ids=lambda each: str(each)[:60])
def test_each_option_reaches_the_settings(supervisor: Supervisor, path: KeyPath, value: Any) -> None:
    supervisor.fill_in(**with_option(path, value))
    assert reached(load_options(supervisor.options, {}), path) == value


PRICES = "{from: 2026-01-01, consumption: {energy: {high: 0.13, low: 0.11}, grid: 0.05}, vat: 6}"


def test_prices_are_text_on_the_form_and_reach_the_settings(supervisor: Supervisor) -> None:
    supervisor.fill_in(fluvius=ACCOUNT, meters=[HOME], prices=[PRICES, PRICES.replace("01-01", "07-01")])
    settings = load_options(supervisor.options, {})
    contracts = settings.timeline(settings.followed[0]).contracts
    assert [each.energy for each in contracts] == [ByTariff(Decimal("0.13"), Decimal("0.11"))] * 2
    assert [each.since.month for each in contracts] == [12, 6]


@pytest.mark.parametrize(
    ("entry", "mistake"),
    [
        (PRICES[:-1], "Option prices[0]: line 1: the { is not closed"),
        (
            PRICES.replace("0.05", "x"),
            "Option prices[0].consumption.grid: x is not a number; write what the grid",
        ),
        ("0.13", "Option prices[0]: text is where keys should be; write a list of prices"),
    ],
)
def test_a_mistake_in_the_text_of_prices_is_told_with_its_path(
    supervisor: Supervisor, entry: str, mistake: str
) -> None:
    supervisor.fill_in(fluvius=ACCOUNT, meters=[HOME], prices=[entry])
    with pytest.raises(ConfigError) as told:
        load_options(supervisor.options, {})
    assert str(told.value).startswith(mistake)
    assert "\n" not in str(told.value)


def test_the_table_of_options_is_complete() -> None:
    assert OTHERS.keys() | {("prices", 0), ("mqtt", "tls")} == leaves(MANIFEST["schema"]).keys()


def named(tls: TlsSettings) -> dict[str, Any]:
    """Its keys, files by their names alone."""
    return {key: value.name if isinstance(value, Path) else value for key, value in tls}


@pytest.mark.parametrize(
    ("filled_in", "encrypted"),
    [
        ("", None),
        ("false", None),
        ("true", TlsSettings()),
        ("{insecure: true}", TlsSettings(insecure=True)),
        ("{ca_file: ca.pem}", TlsSettings(ca_file=Path("ca.pem"))),
        (
            "{ca_file: ca.pem, cert_file: us.pem, key_file: us.key}",
            TlsSettings(ca_file=Path("ca.pem"), cert_file=Path("us.pem"), key_file=Path("us.key")),
        ),
    ],
)
def test_a_broker_of_its_own_authority_can_be_filled_in(
    supervisor: Supervisor, filled_in: str, encrypted: TlsSettings | None
) -> None:
    supervisor.fill_in(**with_option(("mqtt", "tls"), filled_in))
    for name in "ca.pem", "us.pem", "us.key":
        (supervisor.data / name).touch()
    found = load_options(supervisor.options, {}).mqtt.tls_settings
    assert (found and named(found)) == (encrypted and named(encrypted))


@pytest.mark.parametrize(
    ("filled_in", "mistake"),
    [
        ("{ca_file: /ssl/none.pem}", "Option mqtt.tls.ca_file: /ssl/none.pem"),
        ("{ca_file: ca.pem", "Option mqtt.tls: line 1: the { is not closed"),
        ("{ca: ca.pem}", "Option mqtt.tls.ca: unknown key"),
        ("always", "Option mqtt.tls: text is neither true nor false"),
    ],
)
def test_a_mistake_in_the_text_of_encryption_is_told_with_its_path(
    supervisor: Supervisor, filled_in: str, mistake: str
) -> None:
    supervisor.fill_in(**with_option(("mqtt", "tls"), filled_in))
    with pytest.raises(ConfigError) as told:
        load_options(supervisor.options, {})
    assert str(told.value).startswith(mistake)


def test_options_that_nobody_touched_are_the_bridges_defaults(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.fill_in(fluvius=ACCOUNT, meters=[HOME])
    (tmp_path / "data" / "short.json").write_text(yaml.safe_dump({"fluvius": ACCOUNT, "meters": [HOME]}))
    (tmp_path / "data" / "short.json").chmod(0o600)
    assert load_options(supervisor.options, {}) == load_options(tmp_path / "data" / "short.json", {})


def test_the_household_fills_in_its_account_and_meters_and_the_rest_is_there(supervisor: Supervisor) -> None:
    supervisor.fill_in(fluvius=ACCOUNT, meters=[HOME, GAS])
    settings = load_options(supervisor.options, {})
    assert [meter.name for meter in settings.followed] == ["home", "gas"]
    assert settings.homeassistant.statistics is True
    assert settings.data_dir == supervisor.data
    assert settings.page == WebSettings()
    assert not settings.warnings


def test_meters_of_files_need_no_account_and_have_their_folder(supervisor: Supervisor) -> None:
    supervisor.fill_in(meters=[{"name": "home", "ean": HOME["ean"], "source": "file"}])
    settings = load_options(supervisor.options, {})
    assert [(meter.name, meter.source) for meter in settings.followed] == [("home", "file")]
    assert settings.import_dir == Path("/share/fluvius2mqtt")


def test_what_was_left_empty_on_the_page_was_not_filled_in(supervisor: Supervisor) -> None:
    supervisor.fill_in(
        fluvius=ACCOUNT, meters=[{**HOME, "from": "", "until": ""}], mqtt={"host": "", "username": ""}
    )
    settings = load_options(supervisor.options, {})
    assert "host" not in settings.mqtt.model_fields_set
    assert settings.followed[0].since is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_option_has_a_name_and_a_description_in_each_language(language: str) -> None:
    content = yaml.safe_load(LANGUAGES[language].read_text("utf-8"))
    assert content.keys() == {"configuration"}
    found = texts(content["configuration"])
    assert found.keys() == sections(MANIFEST["schema"])
    for path, text in found.items():
        assert text.keys() - {"fields"} == {"name", "description"}, path
        assert text["name"].strip(), path
        assert text["description"].strip().endswith("."), path


def test_there_are_four_languages() -> None:
    assert LANGUAGES.keys() == {"en", "nl", "fr", "de"}


def test_the_documentation_and_the_texts_use_real_names() -> None:
    documentation = (ADDON / "DOCS.md").read_text("utf-8")
    names = [
        text["name"]
        for text in texts(yaml.safe_load(LANGUAGES["en"].read_text("utf-8"))["configuration"]).values()
    ]
    for each in ("Fluvius", "Meters", "Broker", "Level", "Energy dashboard"):
        assert each in names
        assert f"*{each}*" in documentation or f"**{each}**" in documentation


@pytest.mark.parametrize(("picture", "size"), [("icon.png", (128, 128)), ("logo.png", (250, 100))])
def test_the_pictures_have_the_size_that_home_assistant_shows(picture: str, size: tuple[int, int]) -> None:
    head = (ADDON / picture).read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", head[16:]) == size


def test_the_examples_in_the_documentation_work(supervisor: Supervisor) -> None:
    household, prices = re.findall("```yaml\n(.*?)```", (ADDON / "DOCS.md").read_text("utf-8"), re.DOTALL)
    supervisor.fill_in(**yaml.safe_load(household), **yaml.safe_load(prices))
    with pytest.raises(ConfigError) as caught:
        load_options(supervisor.options, {})
    assert [each.partition(":")[0] for each in caught.value.mistakes] == [
        "Option fluvius.portal.email",
        "Option fluvius.portal.password",
        "Option meters[0].ean",
        "Option meters[0].serial",
    ]
    for example, own in (
        ("you@example.com", "jan@home.test"),
        ("your password", "simulated"),
        ("42062", "42063"),
    ):
        household = household.replace(example, own)
    supervisor.fill_in(**yaml.safe_load(household), **yaml.safe_load(prices))
    settings = load_options(supervisor.options, {})
    assert [meter.name for meter in settings.followed] == ["home", "gas"]
    home, gas = map(settings.timeline, settings.followed)
    assert [type(contract.energy) for contract in home.contracts] == [ByTariff, Dynamic]
    assert not gas.contracts


@pytest.mark.skipif(not shutil.which("apparmor_parser", path=SBIN), reason="needs Debian's package apparmor")
def test_the_apparmor_profile_is_one_and_leaves_no_capability() -> None:
    profile = (ADDON / "apparmor.txt").read_text("utf-8")
    parser = shutil.which("apparmor_parser", path=SBIN)
    assert parser
    subprocess.run([parser, "--skip-kernel-load", "--skip-cache", ADDON / "apparmor.txt"], check=True)
    rules = [line.split("#")[0].strip() for line in profile.splitlines()]
    assert [rule for rule in rules if rule.startswith("profile ")] == [
        "profile fluvius2mqtt flags=(attach_disconnected,mediate_deleted) {"
    ]
    assert not [
        rule for rule in rules if rule.startswith(("capability", "mount", "ptrace", "file,", "network,"))
    ]
    files = [rule.removeprefix("owner ").split() for rule in rules if "/" in rule.split(" ")[0]]
    assert [path for path, rights in files if "w" in rights] == ["/data/**", "/share/fluvius2mqtt/{,**}"]


# --- the folder


SECRET = "nobody else may ever read this"
PRIVATE = [
    "addon/options.json",
    "addon/secrets.yaml",
    "bridge/.env",
    "bridge/secrets.yaml",
    "fluvius2mqtt.yaml",
]


@pytest.fixture(scope="module")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make addon` makes of somebody's copy of the repository."""
    copy = tmp_path_factory.mktemp("copy")
    for name in "addon", "bridge":
        shutil.copytree(PROJECT / name, copy / name)
    for file in PROJECT.iterdir():
        if file.is_file():
            shutil.copy(file, copy)
    for name in PRIVATE:
        (copy / name).write_text(SECRET)
    subprocess.run(["make", "--silent", "-C", copy, "addon"], check=True)
    return copy / "build" / "addon"


def test_make_addon_assembles_all_that_home_assistant_builds_and_shows(assembled: Path) -> None:
    folder = assembled / "fluvius2mqtt"
    files = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    shown = {"config.yaml", "DOCS.md", "README.md", "CHANGELOG.md", "icon.png", "logo.png", "apparmor.txt"}
    built = {
        "Dockerfile",
        ".dockerignore",
        "LICENSE",
        "pyproject.toml",
        "requirements.lock",
        "bridge/py.typed",
    }
    code = {
        str(file.relative_to(PROJECT))
        for file in (PROJECT / "bridge").rglob("*.*")
        if file.suffix in (".py", ".po", ".html", ".css", ".js", ".svg")
    }
    assert files == shown | built | code | {f"translations/{each}.yaml" for each in LANGUAGES}
    assert (assembled / "repository.yaml").read_text() == (PROJECT / "repository.yaml").read_text()


def test_nothing_private_is_in_the_folder(assembled: Path) -> None:
    assert [
        file for file in assembled.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()
    ] == []


def test_its_dockerfile_is_that_of_the_image_for_the_user_who_may_read_the_options(assembled: Path) -> None:
    dockerfile = (assembled / "fluvius2mqtt" / "Dockerfile").read_text("utf-8")
    image = (PROJECT / "Dockerfile").read_text("utf-8")
    assert dockerfile.startswith(image)
    assert dockerfile.removeprefix(image) == "USER root\n"


IMAGE = URL.replace("https://github.com", "ghcr.io")


def test_home_assistant_builds_what_is_in_the_folder(assembled: Path) -> None:
    local = yaml.safe_load((assembled / "fluvius2mqtt" / "config.yaml").read_text("utf-8"))
    assert local | {"image": f"{IMAGE}-app"} == MANIFEST
    assert "image" not in local


def test_make_addon_says_what_to_do_next(assembled: Path) -> None:
    said = subprocess.run(
        ["make", "--silent", "-C", assembled.parents[1], "addon"], check=True, capture_output=True, text=True
    ).stdout
    assert "build/addon/fluvius2mqtt" in said
    assert "/addons" in said
    assert max(map(len, said.splitlines())) < 110


def test_out_of_the_repository_it_is_the_published_image_of_the_same_version() -> None:
    lines = (ADDON / "Dockerfile").read_text("utf-8").splitlines()
    assert lines[2:] == ["ARG BUILD_VERSION", f"FROM {IMAGE}:${{BUILD_VERSION}}", "USER root"]


@pytest.mark.parametrize("page", ["README.md", "README.nl.md", "addon/DOCS.md"])
def test_the_button_adds_this_repository_as_soon_as_there_is_an_image(page: str) -> None:
    text = (PROJECT / page).read_text("utf-8")
    where = quote(URL, safe="")
    assert (
        f"https://my.home-assistant.io/redirect/supervisor_add_addon_repository/?repository_url={where}"
        in text
    )
    later = "Zodra er een versie" if ".nl" in page else "Once a version"
    assert (later in text) is not IS_RELEASED


# --- as in the container


def test_the_addon_finds_broker_and_home_assistant_by_itself(
    supervisor: Supervisor, fluvius: Simulator, broker: Mosquitto
) -> None:
    supervisor.broker = of_the_house(broker)
    supervisor.fill_in(fluvius=ACCOUNT, meters=[EXAMPLE, GAS])
    with started(supervisor, fluvius) as running, broker.listen("fluvius/+/day") as ear:
        running.until_says("follows home, gas")
        ear.wait_for(
            lambda heard: {each.topic for each in heard} >= {"fluvius/home/day", "fluvius/gas/day"}, 20
        )
        wanted = {f"fluvius:{HOME['ean']}_consumption_high", f"fluvius:{GAS['ean']}_volume_total"}
        eventually(lambda: supervisor.core.statistics.keys() >= wanted, 20)
        assert "u'addons'" in broker.log
        ended, seconds = running.terminate()
    assert (ended.status, seconds < AT_ONCE) == (DONE, True)
    assert set(supervisor.asked) == {"/services/mqtt", "/core/websocket"}
    assert {"ledger.sqlite", "token.json"} <= {file.name for file in supervisor.data.iterdir()}
    assert not [word for word in ("made up", "simulated") if word in ended.error]


def test_nothing_has_to_be_filled_in_for_the_page_to_be_there(supervisor: Supervisor) -> None:
    supervisor.fill_in()
    with started(supervisor) as running:
        eventually(lambda: asked_from("127.0.0.1", supervisor) == 200, 20)
        assert asked_from("127.0.0.2", supervisor) == 403
        ended, seconds = running.terminate()
    assert (ended.status, seconds < AT_ONCE) == (DONE, True)
    assert supervisor.asked == []


def test_others_than_the_supervisor_get_nothing_of_the_page(
    supervisor: Supervisor, fluvius: Simulator, broker: Mosquitto
) -> None:
    supervisor.broker = of_the_house(broker)
    supervisor.fill_in(fluvius=ACCOUNT, meters=[HOME])
    with started(supervisor, fluvius):
        eventually(lambda: asked_from("127.0.0.1", supervisor) == 200, 20)
        for path in "/state", "/static/style.css", "/sign-in":
            assert asked_from("127.0.0.2", supervisor, path, **{"X-Forwarded-For": "127.0.0.1"}) == 403


def test_ingress_asks_from_the_address_that_is_documented() -> None:
    assert asks_from({"SUPERVISOR_TOKEN": "0123"}) == "172.30.32.2"


def test_a_broker_on_the_page_is_used_and_the_supervisor_is_not_asked(
    supervisor: Supervisor, fluvius: Simulator, broker: Mosquitto
) -> None:
    supervisor.broker = of_the_house(broker) | {"port": 1}
    mine = {"host": "127.0.0.1", "port": broker.port, "username": "me", "password": "my own"}
    supervisor.fill_in(fluvius=ACCOUNT, meters=[EXAMPLE], mqtt=mine, homeassistant={"statistics": False})
    ended = typed_there(supervisor, "once", fluvius=fluvius)
    assert ended.status == DONE, ended.error
    assert "u'me'" in broker.log
    assert "fluvius/home/day" in broker.retained()
    assert supervisor.asked == []


def test_single_keys_on_the_page_go_before_the_houses_broker(
    supervisor: Supervisor, fluvius: Simulator, broker: Mosquitto
) -> None:
    supervisor.broker = of_the_house(broker)
    mine = {"username": "me", "password": "my own", "base_topic": "energy"}
    supervisor.fill_in(fluvius=ACCOUNT, meters=[EXAMPLE], mqtt=mine)
    assert typed_there(supervisor, "once", fluvius=fluvius).status == DONE
    assert "u'me'" in broker.log
    assert "energy/home/day" in broker.retained()


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (
            ("meters", 0, "ean"),
            "5414488",
            "Option meters[0].ean: has 7 digits; write the connection's EAN: 18 digits",
        ),
        (
            ("meters", 0, "serial"),
            "",
            "Option meters[0].serial: is missing; write the number on the meter itself",
        ),
        (("meters", 0, "from"), "soon", "Option meters[0].from: soon is"),
        (("meters",), [], "Option meters: is empty; write a list of meters"),
        (("schedule", "at"), ["dawn"], "Option schedule.at[0]: dawn is not a time of day; write"),
        (("mqtt", "host"), "mqtt://broker", "Option mqtt.host: is not a host name; write"),
        (("mqtt", "base_topic"), "a/#", "Option mqtt.base_topic: 'a/#' is not a topic; write"),
        (
            ("fluvius", "portal", "password"),
            "",
            "Option fluvius.portal.password: is missing; write the password",
        ),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_wrong_option_is_told_in_one_line_by_its_name(
    supervisor: Supervisor, path: KeyPath, value: Any, line: str
) -> None:
    supervisor.fill_in(**with_option(path, value))
    ended = typed_there(supervisor, "run")
    (complaint,) = ended.complaint
    assert complaint.startswith(f"fluvius2mqtt: {line}")
    assert ended.status == WRONG
    assert supervisor.asked == []


def test_all_wrong_options_are_told_at_once(supervisor: Supervisor) -> None:
    supervisor.fill_in(fluvius=ACCOUNT, meters=[{**HOME, "ean": "1"}, {**GAS, "serial": ""}])
    ended = typed_there(supervisor, "run")
    assert [line.removeprefix("fluvius2mqtt: ").partition(": ")[0] for line in ended.complaint] == [
        "Option meters[0].ean",
        "Option meters[1].serial",
    ]


def test_an_ean_without_quotes_is_refused_on_the_page(supervisor: Supervisor) -> None:
    with pytest.raises(NotStartedError, match="ean"):
        supervisor.fill_in(fluvius=ACCOUNT, meters=[{**HOME, "ean": int(HOME["ean"])}])


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (
            None,
            WRONG,
            "Option mqtt.host: is empty, and Home Assistant has no broker of its own; install and start",
        ),
        (
            (401, "401: Unauthorized"),
            COULD_NOT,
            "does not let the app ask for the broker (status 401); restart",
        ),
        (
            (403, "403: Forbidden"),
            COULD_NOT,
            "does not let the app ask for the broker (status 403); restart",
        ),
        ((502, "Bad Gateway"), COULD_NOT, "does not say which broker there is (status 502); try again later"),
        ((200, "<html>"), COULD_NOT, "says something unexpected"),
        ((200, "[]"), COULD_NOT, "says something unexpected"),
        ((200, '{"data": null}'), COULD_NOT, "says something unexpected"),
        ((200, '{"data": {"host": null, "port": 1883}}'), COULD_NOT, "says something unexpected"),
        ((200, '{"data": {"host": "broker", "port": "many"}}'), COULD_NOT, "says something unexpected"),
        ((200, '{"data": {"host": ["broker"], "port": 1883}}'), COULD_NOT, "says something unexpected"),
    ],
)
def test_a_supervisor_that_names_no_broker_is_told_in_one_line(
    supervisor: Supervisor, answer: tuple[int, str] | None, status: int, words: str
) -> None:
    supervisor.answer = answer
    supervisor.fill_in(fluvius=ACCOUNT, meters=[HOME])
    ended = typed_there(supervisor, "run")
    (complaint,) = ended.complaint
    assert words in complaint
    assert complaint.endswith("or fill in mqtt.host in the app's configuration")
    assert ended.status == status


def test_a_supervisor_that_cannot_be_reached_is_told_in_one_line(tmp_path: Path) -> None:
    with Supervisor(tmp_path / "data").open() as supervisor:
        supervisor.fill_in(fluvius=ACCOUNT, meters=[HOME])
    ended = typed_there(supervisor, "run")
    (complaint,) = ended.complaint
    assert "cannot be reached" in complaint
    assert "Connection refused" in complaint
    assert ended.status == COULD_NOT


def test_check_tries_broker_home_assistant_and_meters(
    supervisor: Supervisor, fluvius: Simulator, broker: Mosquitto
) -> None:
    supervisor.broker = of_the_house(broker)
    supervisor.fill_in(fluvius=ACCOUNT, meters=[EXAMPLE, GAS])
    ended = typed_there(supervisor, "check", fluvius=fluvius)
    assert ended.status == DONE, ended.out + ended.error
    assert str(broker.port) in ended.out
    assert "/core/websocket" in supervisor.asked


def test_commands_that_need_no_broker_do_not_ask_for_one(supervisor: Supervisor, fluvius: Simulator) -> None:
    supervisor.fill_in(fluvius=ACCOUNT, meters=[EXAMPLE])
    first = (fluvius.latest_day(HOME["ean"]) - timedelta(days=2)).isoformat()
    backfilled = typed_there(supervisor, "backfill", "--from", first, fluvius=fluvius)
    assert backfilled.status == DONE, backfilled.error
    assert first in typed_there(supervisor, "show", "--json").out
    assert first in typed_there(supervisor, "export", "--format", "csv").out
    assert typed_there(supervisor, "token", fluvius=fluvius).status == DONE
    assert "no bridge is running" in typed_there(supervisor, "healthcheck").out
    assert supervisor.asked == []


@pytest.mark.parametrize(("silent_for", "status"), [(timedelta(0), DONE), (timedelta(hours=1), COULD_NOT)])
def test_the_watchdog_restarts_what_stands_still_and_nothing_else(
    supervisor: Supervisor, silent_for: timedelta, status: int
) -> None:
    supervisor.fill_in(fluvius=ACCOUNT, meters=[EXAMPLE])
    with claim(supervisor.data):
        beat = Heartbeat(supervisor.data)
        beat.beat(datetime.now(UTC) - silent_for, broker=None, ledger=None, sources={"portal": "refused"})
        assert typed_there(supervisor, "healthcheck").status == status


def test_the_watchdog_leaves_the_page_alone_that_says_why_no_bridge_works(supervisor: Supervisor) -> None:
    supervisor.fill_in(fluvius=ACCOUNT, meters=[HOME], mqtt={"host": "127.0.0.1"})
    (supervisor.data / "ledger.sqlite").write_bytes(b"rot" * 1000)
    with started(supervisor) as running:
        running.until_says("Restore a backup")
        assert asked_from("127.0.0.1", supervisor) == 200
        assert typed_there(supervisor, "healthcheck").status == DONE
        assert running.process.poll() is None


def test_blanks_that_were_pasted_along_do_not_count_but_in_a_password(supervisor: Supervisor) -> None:
    account = {"portal": {"email": " jan@home.test", "password": " simulated "}}
    supervisor.fill_in(fluvius=account, meters=[{**HOME, "serial": f" {HOME['serial']}\n"}])
    settings = load_options(supervisor.options, {})
    assert settings.meters[0].serial == HOME["serial"]
    assert settings.fluvius.portal
    assert settings.fluvius.portal.email == "jan@home.test"
    assert settings.fluvius.portal.password == SecretStr(" simulated ")


def test_broken_options_are_told(supervisor: Supervisor) -> None:
    supervisor.data.mkdir()
    supervisor.options.write_text('{"meters": [')
    with pytest.raises(ConfigError, match=r"options\.json: "):
        load_options(supervisor.options, {})


def test_the_addon_is_where_a_token_and_options_are(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.fill_in(fluvius=ACCOUNT, meters=[HOME])
    without_token = {"ADDON_OPTIONS": str(supervisor.options)}
    ended = typed(tmp_path, "healthcheck", program=None, **without_token)
    assert "no configuration file" in ended.error
