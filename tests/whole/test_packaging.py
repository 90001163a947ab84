import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from bridge import __version__
from bridge.config import load

PROJECT = Path(__file__).parents[2]
GITHUB = PROJECT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").iterdir())
IN_THE_IMAGE = ("homeassistant", "energy-api", "terminal", "demo", "metrics", "postgresql", "web")
SERVICES: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text("utf-8"))["services"]


def locked() -> dict[str, list[str]]:
    """What is locked, `name==version`, and the hashes below it."""
    found: dict[str, list[str]] = {}
    for line in (PROJECT / "requirements.lock").read_text("utf-8").splitlines():
        word = line.strip().removesuffix("\\").strip()
        if word.startswith("--hash=sha256:"):
            found[list(found)[-1]].append(word)
        elif not line.startswith((" ", "#")):
            found[word.partition(";")[0].strip()] = []
    return found


def needed() -> list[Requirement]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"]
    words = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(word for extra in IN_THE_IMAGE for word in extras[extra] if not word.startswith("fluvius2mqtt[")),
    ]
    return [Requirement(word) for word in words]


@pytest.mark.parametrize("need", needed(), ids=lambda need: need.name)
def test_the_lock_has_a_fitting_version_of_everything_that_the_image_needs(need: Requirement) -> None:
    versions = dict(each.split("==") for each in locked())
    assert need.specifier.contains(versions[need.name]), "run: make lock"


def test_everything_locked_has_one_version_and_hashes() -> None:
    for each, hashes in locked().items():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+(post[0-9]+)?", each)
        assert hashes, each


def test_all_that_the_page_is_made_of_is_packed() -> None:
    packed = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"][
        "package-data"
    ]
    web = PROJECT / "bridge" / "web"
    files = {file for pattern in packed["bridge.web"] for file in web.glob(pattern)}
    assert files == {each for each in web.rglob("*.*") if each.suffix not in (".py", ".pyc")}


def test_the_lock_names_no_address() -> None:
    assert not re.search("://|index-url|find-links", (PROJECT / "requirements.lock").read_text("utf-8"))


def test_only_what_is_named_gets_into_the_build() -> None:
    first, *rules = [
        line for line in (PROJECT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] != "#"
    ]
    assert first == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == {
        "LICENSE",
        "README.md",
        "bridge",
        "pyproject.toml",
        "requirements.lock",
    }


def test_other_peoples_images_are_named_by_version_and_digest() -> None:
    base, *others = re.findall(r"^FROM (\S+)", (PROJECT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}", base)
    assert set(others) == {"base"}
    assert re.fullmatch(r"[a-z-]+:\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", SERVICES["mosquitto"]["image"])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_other_peoples_actions_are_named_by_commit_and_say_their_version(workflow: Path) -> None:
    used = re.findall(r"\buses: *(.+)", workflow.read_text("utf-8"))
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


def test_a_bot_renews_all_that_is_pinned() -> None:
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text("utf-8"))["updates"]
    assert {(each["package-ecosystem"], each["directory"]) for each in updates} == {
        (ecosystem, "/") for ecosystem in ("docker", "docker-compose", "github-actions", "pip")
    }


def test_what_is_published_says_what_is_in_it_and_where_it_came_from() -> None:
    job = yaml.safe_load((GITHUB / "workflows" / "checks.yaml").read_text("utf-8"))["jobs"]["image"]
    (build,) = [step for step in job["steps"] if step.get("id") == "build"]
    assert build["with"]["sbom"]
    assert build["with"]["provenance"] == "mode=max"
    assert job["steps"][-1]["uses"].startswith("actions/attest@")
    assert job["steps"][-1]["with"]["subject-digest"] == "${{ steps.build.outputs.digest }}"


def test_compose_gives_the_bridge_a_broker_and_its_passwords(tmp_path: Path) -> None:
    service, environ = SERVICES["fluvius2mqtt"], {}
    for name in service["secrets"]:
        (tmp_path / name).write_text(f"{name}'s password\n", "utf-8")
    for variable, value in service["environment"].items():
        environ[variable] = value.replace("/run/secrets/", f"{tmp_path}/")
    environ["FLUVIUS2MQTT_FLUVIUS__PORTAL__EMAIL"] = "jan@home.test"
    environ["FLUVIUS2MQTT_METERS__0__SERIAL"] = "1SAG1100042063"
    settings = load(PROJECT / "config.example.yaml", environ)
    assert (settings.mqtt.host, settings.mqtt.username) == ("mosquitto", "bridge")
    assert settings.mqtt.password
    assert settings.mqtt.password.get_secret_value() == "mqtt's password"
    assert settings.fluvius.portal
    assert settings.fluvius.portal.password
    assert settings.fluvius.portal.password.get_secret_value() == "fluvius's password"


@pytest.mark.parametrize("name", SERVICES)
def test_containers_of_compose_may_do_nothing_that_they_need_not(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_the_addon_has_a_config_yaml() -> None:
    listed = subprocess.run(
        ["git", "-C", PROJECT, "ls-files", "config.yaml", "**/config.yaml"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert set(listed.stdout.split()) <= {"addon/config.yaml"}


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert versions[0] == __version__
