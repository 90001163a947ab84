import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from bridge import URL, __version__
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
    steps = {step["id"]: step["with"] for step in job["steps"] if step.get("id") in ("build", "app")}
    for build in steps.values():
        assert build["sbom"]
        assert build["provenance"] == "mode=max"
        labels = dict(line.split("=", 1) for line in build["labels"].splitlines())
        assert labels.keys() == {f"org.opencontainers.image.{each}" for each in ("revision", "created")}
    attested = [
        step["with"]["subject-digest"] for step in job["steps"] if "actions/attest@" in step.get("uses", "")
    ]
    assert sorted(attested) == sorted(f"${{{{ steps.{each}.outputs.digest }}}}" for each in steps)


def outputs_of_the_version_step(tag: str, folder: Path) -> dict[str, list[str]]:
    """What the workflow hands on when this tag is pushed, run as it is on the forge."""
    job = yaml.safe_load((GITHUB / "workflows" / "checks.yaml").read_text("utf-8"))["jobs"]["image"]
    (script,) = [step["run"] for step in job["steps"] if step.get("id") == "version"]
    file = folder / "output"
    file.touch()
    there = {"GITHUB_REF_NAME": tag, "GITHUB_OUTPUT": str(file), "GITHUB_REPOSITORY": "someone/meters"}
    environ = {"PATH": os.environ["PATH"], **there}
    subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=PROJECT, env=environ, check=True)
    found: dict[str, list[str]] = {}
    for line in file.read_text("utf-8").splitlines():
        if name := re.match(r"([\w-]+)(?:=|<<END$)", line):
            found[name[1]] = [line.partition("=")[2]] if "=" in line else []
        elif line != "END":
            found[list(found)[-1]].append(line)
    return found


def test_an_image_can_be_had_by_its_whole_version_or_the_first_numbers_of_it(tmp_path: Path) -> None:
    outputs = outputs_of_the_version_step(f"v{__version__}", tmp_path)
    major, minor, _ = __version__.split(".")
    wanted = [__version__, f"{major}.{minor}", major, "latest"]
    for name, image in ("tags", "meters"), ("tags-app", "meters-app"):
        assert outputs[name] == [f"ghcr.io/someone/{image}:{tag}" for tag in wanted]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", outputs["created"][0])


def test_a_tag_that_is_not_the_version_publishes_nothing(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        outputs_of_the_version_step("v99.0.0", tmp_path)


def test_pypi_trusts_the_workflow_alone() -> None:
    jobs = yaml.safe_load((GITHUB / "workflows" / "checks.yaml").read_text("utf-8"))["jobs"]
    assert jobs["pypi"]["permissions"] == {"id-token": "write"}
    assert jobs["pypi"]["environment"]["name"] == "pypi"
    assert {"package", "image"} == set(jobs["pypi"]["needs"])
    assert jobs["package"]["needs"] == jobs["image"]["needs"] == "checks"
    assert "permissions" not in jobs["package"]  # what builds can publish nothing


def test_pypi_shows_links_and_pictures_that_lead_into_the_repository(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "bridge", tmp_path / "bridge")
    for name in "Makefile", "pyproject.toml", "README.md", "LICENSE":
        shutil.copy(PROJECT / name, tmp_path)
    subprocess.run(["make", "--silent", "-C", tmp_path, "package-folder"], check=True)
    shown = (tmp_path / "build" / "package" / "README.md").read_text("utf-8")
    links = re.findall(r"(!?)\[[^]]*\]\(([^)]+)\)", shown)
    assert [link for _, link in links if not link.startswith("https://")] == []
    pictures = [link for is_picture, link in links if is_picture]
    pictures += (sized := re.findall(r'<img src="([^"]+)"', shown))
    assert len(pictures) > len(sized) > 0
    assert all(link.startswith(f"{URL}/raw/v{__version__}/docs/") for link in pictures)
    assert f"{URL}/blob/v{__version__}/docs/topics.md" in shown


def test_the_package_says_where_it_lives() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["urls"]["Repository"] == URL
    assert all(each.startswith(URL) for each in project["urls"].values())
    for name, key in ("repository.yaml", "url"), ("addon/config.yaml", "url"):
        assert yaml.safe_load((PROJECT / name).read_text("utf-8"))[key] == URL


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
