"""What providers are shown, for Kubernetes and for Compose: the bridge reads it, and it fits the image."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from bridge.config import KEYS, Settings, load
from bridge.config.paths import PREFIX, path_of
from tests.rig.commands import ROOT

SECRETS = "/run/secrets/"
IMAGE = (ROOT / "Dockerfile").read_text("utf-8")
HEALTHCHECK = json.loads(re.findall(r"^HEALTHCHECK .*CMD (.*)$", IMAGE, re.MULTILINE)[0])
MOUNTED = dict(re.findall(r"(FLUVIUS2MQTT_\w+)=(\S+)", IMAGE))  # by the image itself
[DSN] = re.findall(r"postgresql://[^\s,]+", (ROOT / "examples/compose.yaml").read_text("utf-8"))
COMPOSE = yaml.safe_load((ROOT / "examples/compose.yaml").read_text("utf-8"))
OURS = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]["fluvius2mqtt"]["image"]
KUBERNETES = {
    each["kind"]: each for each in yaml.safe_load_all((ROOT / "examples/kubernetes.yaml").read_text("utf-8"))
}
STATEFUL = KUBERNETES["StatefulSet"]["spec"]
POD = STATEFUL["template"]
[CONTAINER] = POD["spec"]["containers"]
BRIDGES = {name: each for name, each in COMPOSE["services"].items() if name.startswith("bridge")}
AWAITED = f"{PREFIX}SINKS__"  # keys of a database, where this version has them


def filled_in(text: str) -> str:
    """The configuration of somebody who has a contract."""
    return (
        text.replace("00000000-0000-0000-0000-000000000000", "51111111-7a2d-4e57-8e57-000000000001")
        .replace("https://example.com/.default", "api://contract/.default")
        .replace('"0000000"', '"1234567"')
    )


def settings(folder: Path, text: str, environ: dict[str, str], secrets: dict[str, str]) -> Settings:
    """What a bridge makes of a configuration, with its secrets in files."""
    for name, secret in secrets.items():
        (folder / name).write_text(secret, "utf-8")
    file = folder / "fluvius2mqtt.yaml"
    file.write_text(re.sub(rf"{SECRETS}(\w+/)?", f"{folder}/", filled_in(text)), "utf-8")
    environ = {name: re.sub(rf"^{SECRETS}(\w+/)?", f"{folder}/", each) for name, each in environ.items()}
    known = {name: each for name, each in environ.items() if is_known(name) or not name.startswith(AWAITED)}
    return load(file, {**MOUNTED, **known})


def is_known(variable: str) -> bool:
    return {path_of(variable), path_of(variable.removesuffix("_FILE"))} & KEYS.keys() != set()


def made_up(names: Iterable[str], dsn: str) -> dict[str, str]:
    """Secrets; a database's address is as the example says."""
    return dict.fromkeys(names, "a secret") | {"postgresql": dsn}


def are_apart(found: list[Settings]) -> None:
    """Bridges that share all meters, and nothing else."""
    assert [(each.shard.index, each.shard.of) for each in found] == [
        (n, len(found)) for n in range(len(found))
    ]
    topics, clients, folders = zip(
        *((each.mqtt.base_topic, each.mqtt.client_id, each.data_dir) for each in found), strict=True
    )
    assert len({*topics}) == len({*clients}) == len({*folders}) == len(found)
    for each in found:
        assert each.data_dir.parent == Path("/data")
        assert each.fluvius.energy_api
        assert each.fluvius.energy_api.subscription_key.get_secret_value() == "a secret"
        assert each.mqtt.password
        assert each.ledger.keep_months
        assert each.warnings == ()


def test_the_pods_of_kubernetes_are_the_shards(tmp_path: Path) -> None:
    text = KUBERNETES["ConfigMap"]["data"]["fluvius2mqtt.yaml"]
    secrets = made_up(KUBERNETES["Secret"]["stringData"], KUBERNETES["Secret"]["stringData"]["postgresql"])
    found = []
    for ordinal in range(STATEFUL["replicas"]):
        labels = {"metadata.labels['apps.kubernetes.io/pod-index']": str(ordinal)}
        environ = {
            each["name"]: each["value"]
            if "value" in each
            else labels[each["valueFrom"]["fieldRef"]["fieldPath"]]
            for each in CONTAINER["env"]
        }
        found.append(settings(tmp_path, text, environ, secrets))
    are_apart(found)
    assert {each.name for each in tmp_path.iterdir()} - {*secrets} == {"fluvius2mqtt.yaml"}


def test_kubernetes_runs_the_image_as_it_is_meant_to_be() -> None:
    assert CONTAINER["image"].endswith(f"/{OURS}")
    mounts = {each["mountPath"]: each for each in CONTAINER["volumeMounts"]}
    assert MOUNTED["FLUVIUS2MQTT_DATA_DIR"] == "/data"
    assert mounts["/data"]["name"] == STATEFUL["volumeClaimTemplates"][0]["metadata"]["name"]
    assert "mkdir /config" in IMAGE
    assert mounts["/config"]["readOnly"]
    [user] = re.findall(r"^USER (\d+):(\d+)$", IMAGE, re.MULTILINE)
    context = POD["spec"]["securityContext"]
    assert (str(context["runAsUser"]), str(context["fsGroup"])) == user
    assert CONTAINER["securityContext"]["readOnlyRootFilesystem"]
    for probe in "readinessProbe", "livenessProbe":
        assert CONTAINER[probe]["exec"]["command"] == HEALTHCHECK
    assert CONTAINER["livenessProbe"]["failureThreshold"] > CONTAINER["readinessProbe"].get(
        "failureThreshold", 3
    )


def test_what_kubernetes_names_is_there() -> None:
    volumes = {each["name"]: each for each in POD["spec"]["volumes"]}
    named = {KUBERNETES[kind]["metadata"]["name"] for kind in ("ConfigMap", "Secret", "Service")}
    assert named == {
        volumes["config"]["configMap"]["name"],
        volumes["secrets"]["secret"]["secretName"],
        STATEFUL["serviceName"],
    }
    assert KUBERNETES["Service"]["spec"]["clusterIP"] == "None"
    assert KUBERNETES["Service"]["spec"]["selector"] == POD["metadata"]["labels"]
    assert STATEFUL["selector"]["matchLabels"] == POD["metadata"]["labels"]
    files = {each["value"].rpartition("/")[2] for each in CONTAINER["env"] if each["name"].endswith("_FILE")}
    assert files <= KUBERNETES["Secret"]["stringData"].keys()


def test_the_bridges_of_compose_are_the_shards(tmp_path: Path) -> None:
    text = (ROOT / "examples/provider.yaml").read_text("utf-8")
    found = [
        settings(tmp_path, text, each["environment"], made_up(each["secrets"], DSN))
        for each in BRIDGES.values()
    ]
    are_apart(found)
    volumes = [each["volumes"] for each in BRIDGES.values()]
    assert volumes == [[f"data-{index}:/data"] for index in range(len(BRIDGES))]


def test_what_compose_names_is_there() -> None:
    services = COMPOSE["services"]
    assert services["mosquitto"]["extends"] == {"file": "../compose.yaml", "service": "mosquitto"}
    for each in BRIDGES.values():
        assert each["image"] == OURS
        assert {*each["depends_on"]} <= services.keys()
        assert {*each["secrets"]} <= COMPOSE["secrets"].keys()
        files = [path for name, path in each["environment"].items() if name.endswith("_FILE")]
        assert {path.removeprefix(SECRETS) for path in files} == {*each["secrets"]}
    for each in COMPOSE["configs"].values():
        assert (ROOT / "examples" / each["file"]).exists()
    mosquitto = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]["mosquitto"]
    used = [
        *mosquitto["volumes"],
        *(volume for each in services.values() for volume in each.get("volumes", ())),
    ]
    assert {each.split(":")[0] for each in used} == COMPOSE["volumes"].keys()


def test_compose_leads_to_its_database() -> None:
    address = urlsplit(DSN)
    database = COMPOSE["services"][address.hostname]
    assert re.fullmatch(r"timescale/timescaledb:\d+\.\d+\.\d+-pg\d+", database["image"])
    assert address.username == database["environment"]["POSTGRES_USER"]
    assert address.path == f"/{database['environment']['POSTGRES_DB']}"


@pytest.mark.parametrize("service", BRIDGES)
def test_every_variable_is_a_key(service: str) -> None:
    names = [*BRIDGES[service]["environment"], *(each["name"] for each in CONTAINER["env"])]
    assert [each for each in names if not is_known(each) and not each.startswith(AWAITED)] == []
