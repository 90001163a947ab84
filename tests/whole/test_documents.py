"""What README and the pages in docs print: links lead somewhere, and commands work as they are typed.

All that are ours are typed. Others would change the machine, or need what is not everywhere: git, pip, make,
docker, systemctl, loginctl. Their words are compared with what this folder has, a unit is judged by systemd
itself, and a line for cron is run by a shell as cron does it.
"""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
import yaml

from bridge.config import FILE
from tests.rig.cards import FIXED
from tests.rig.commands import DONE, PASSWORD, ROOT, going_on, typed
from tests.rig.files import Writer
from tests.rig.mosquitto import Mosquitto
from tests.rig.provider import Provider
from tests.rig.terminal import at_a_terminal
from tests.rig.world import HOME, World

PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("addon/*.md")])
READMES = [ROOT / "README.md", ROOT / "README.nl.md"]
OTHERS = sorted([*ROOT.glob("*.md"), ROOT / "tests/README.md"])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
ASK_FIRST = {"remove"}, {"check", "--report"}  # and are answered with yes
OF_OTHERS = {"cd", "cp", "curl", "gh", "loginctl", "mkdir", "nano", "openssl", "sqlite3", "systemctl"}


class Command(NamedTuple):
    """One line of a block of commands, without its comment."""

    page: Path
    words: list[str]


def blocks(page: Path, language: str) -> Iterator[str]:
    fences = re.compile(rf"^( *)```{language}\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
    for found in fences.finditer(page.read_text("utf-8")):
        yield re.sub(rf"^{found[1]}", "", found[2], flags=re.MULTILINE)


def commands(page: Path) -> list[Command]:
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [Command(page, words) for line in lines if (words := shlex.split(line, comments=True))]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"""(?:\]\(|src=")([^")\s]+)""", page.read_text("utf-8")):
        if link.startswith(("https:", "http:")):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_readme_is_short_and_its_contents_name_every_page() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) < 200
    missing = [page.name for page in ROOT.glob("docs/*.md") if f"docs/{page.name}" not in text]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_printed_can_be_typed(page: Path) -> None:
    for _, words in commands(page):
        match words:
            case ["make", *targets]:
                assert {each for each in targets if "=" not in each} <= TARGETS, words
            case ["git", "clone", address]:
                assert address == PROJECT["urls"]["Repository"], words
            case ["git", "pull" | "tag" | "push", *_] | ["python3", "-m", "venv", _]:
                pass
            case [pip, "install", *options, package] if pip.endswith("pip"):
                named = re.fullmatch(r"(?:\.|\./fluvius2mqtt)\[([\w,-]+)\]", package)
                assert named, words
                assert set(named[1].split(",")) <= set(PROJECT["optional-dependencies"]), words
                assert set(options) <= {"--upgrade"}, words
            case ["docker", *rest]:
                assert page.name == "releasing.md" or docker_can(rest), words
            case [first, *_]:
                assert is_ours(words) or first in OF_OTHERS, words


def docker_can(words: list[str]) -> bool:
    """With what this folder has: no image is published yet."""
    match words:
        case ["compose", "up" | "build", *_]:
            return True
        case ["compose", "exec" | "run", *rest]:
            return bool({*rest} & {*SERVICES})
        case ["build", "--tag", "fluvius2mqtt", "."]:
            return True
        case ["run", *rest]:
            return rest[-1] == "fluvius2mqtt" or rest[-2:] == ["fluvius2mqtt", "demo"]
    return False


def is_ours(words: list[str]) -> bool:
    return any(each.rpartition("/")[2] == "fluvius2mqtt" for each in words[:2]) and words[0] != "docker"


def of_ours(page: Path) -> Iterator[list[str]]:
    """The words behind `fluvius2mqtt` of what the page prints, redirections left out."""
    for _, words in commands(page):
        if words[0] in {"make", "docker"} and words[-1] == "demo":
            yield ["demo"]
        elif is_ours(words):
            place = next(n for n, each in enumerate(words) if each.rpartition("/")[2] == "fluvius2mqtt")
            ours = words[place + 1 :]
            if ours:  # otherwise the folder was meant
                yield ours[: ours.index(">")] if ">" in ours else ours


def days_instead_of_years(words: list[str]) -> list[str]:
    """Of what Fluvius is asked for: it takes its time with years."""
    if words[0] not in {"backfill", "export"}:
        return words
    recent = f"{datetime.now(UTC) - timedelta(days=6):%Y-%m-%d}"
    return [recent if re.fullmatch(r"20\d\d-\d\d-\d\d", each) else each for each in words]


def expanded(words: list[str], folder: Path) -> list[str]:
    """As a shell does."""
    found: list[str] = []
    for each in words:
        found += [str(name) for name in sorted(folder.glob(each))] if "*" in each else [each]
    return found


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(of_ours(page))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_commands_that_are_printed_work_in_this_order(page: Path, house: World) -> None:
    prepare(house, page)
    url = house.simulator.url
    for words in of_ours(page):
        match words:
            case ["init"]:
                answer_all(house)
            case ["run"]:
                with going_on(house.folder, "run", FLUVIUS2MQTT_FLUVIUS__PORTAL__URL=url) as bridge:
                    bridge.until_says("Connected to the broker")
                    assert bridge.terminate()[0].status == DONE
            case ["simulate", *_]:
                with going_on(house.folder, *words, "--port", "0") as simulated:
                    simulated.until_says("Ctrl-C ends it")
                    [address] = set(re.findall(r"http://127.0.0.1:\d+", simulated.log))
                    assert requests.get(f"{address}/api/global/msal/config", timeout=10).ok
                    assert simulated.terminate()[0].status == DONE
            case ["demo"]:
                ended = typed(house.folder, "demo", "--seconds", "2")
                assert (ended.status, ended.error) == (DONE, "")
                assert " fluvius/bridge/state online" in ended.out
            case _:
                to_its_end(house, words)


def answer_all(house: World) -> None:
    """At a terminal, in a folder without a configuration; the broker and the account are there."""
    (house.folder / FILE).unlink(missing_ok=True)
    with at_a_terminal(house.folder, "init", FLUVIUS2MQTT_FLUVIUS__PORTAL__URL=house.simulator.url) as person:
        for question, answer in (
            ("Address [", f"127.0.0.1:{house.broker_port}"),
            ("User name", ""),
            ("Which [account]", ""),
            ("E-mail address", house.email),
            ("Password: (it is not shown) ", PASSWORD),
            ("EAN, address or file", HOME["ean"]),
            ("It counts", ""),
            ("Serial number", HOME["serial"]),
            ("Another meter?", ""),
            ("Name of electricity meter", "home"),
            ("Write them?", ""),
            ("Prices [later]", ""),
            ("are in [en]", ""),
        ):
            person.answers(question, answer)
        person.says("Start it with: fluvius2mqtt run")
        assert person.ends() == DONE


def to_its_end(house: World, words: list[str]) -> None:
    typed_words = days_instead_of_years(expanded(words, house.folder))
    config = "--config", str(house.write_configuration())
    answer = ["--yes"] if any(each <= {*words} for each in ASK_FIRST) else []
    ended = typed(house.folder, *typed_words, *answer, *config)
    assert ended.status == DONE, (words, ended.out, ended.error)


@pytest.fixture
def installed(house: World) -> dict[str, str]:
    """The bridge where README puts it, `~/fluvius`; the environment of a user who has it there."""
    home, house.folder = house.folder, house.folder / "fluvius"
    program = house.folder / "bin/fluvius2mqtt"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m bridge "$@"\n')
    program.chmod(0o755)
    return {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": "/usr/bin:/bin"}


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_a_line_for_cron_works_as_cron_does_it(
    page: Path, house: World, installed: dict[str, str], mosquitto: Mosquitto
) -> None:
    house.write_configuration()
    [line] = "".join(blocks(page, "crontab")).splitlines()
    minute, hours, *days, command = line.split(maxsplit=5)
    assert (days, 0 <= int(minute) < 60) == (["*", "*", "*"], True)
    assert all(0 <= int(hour) < 24 for hour in hours.split(","))
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=installed, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (DONE, "")  # cron sends what is said by mail
    assert "fluvius/home/day" in mosquitto.retained()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not everywhere")
@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_systemd_takes_the_unit(page: Path, tmp_path: Path, installed: dict[str, str]) -> None:
    [unit] = blocks(page, "ini")
    file = tmp_path / "fluvius2mqtt.service"
    file.write_text(unit, "utf-8")
    judge = ["systemd-analyze", "--user", "verify", str(file)]
    judged = subprocess.run(judge, env=installed, capture_output=True, text=True, timeout=30, check=False)
    assert (judged.returncode, judged.stderr) == (DONE, "")


def prepare(house: World, page: Path) -> None:
    """A folder with what the pages speak of: an account, prices, other cards, downloads; or a contract."""
    house.meters = [{**HOME, "source": "portal"}]
    house.changes["prices"] = [FIXED]
    if page.name == "providers.md":
        portal = house.changes.get("fluvius")
        Provider(house)
        house.changes.pop("prices")
        assert portal is None
        return
    for name, card in (("green", FIXED), ("dynamic", {**FIXED, "vat": 21})):
        (house.folder / f"{name}.yaml").write_text(yaml.safe_dump({"prices": [card]}), "utf-8")
    writer = Writer(house.simulator, HOME["ean"])
    day = (datetime.now(UTC) - timedelta(days=9)).date()
    for number, name in enumerate(("Verbruikshistoriek_elektriciteit.csv", "downloads.zip")):
        writer.write(house.folder / name, writer.intervals(day - timedelta(days=number), day))
    if page.name not in {"README.md", "README.nl.md", "DOCS.md"}:
        typed(house.folder, "once", "--config", str(house.write_configuration()))
