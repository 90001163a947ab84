"""The image, built for real, and what compose.yaml makes of it, without an engine: `make image-test`.

Needs root, Buildah, debootstrap and runc. Everything happens in a temporary folder, and on loopback.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from bridge import __version__
from tests.bench import HEAD, Figure, fluvius_next_door, is_ok, timed, wait_for
from tests.rig.container import Builder, Container, Image, run
from tests.rig.memory import megabytes
from tests.rig.mosquitto import Ear, Mosquitto
from tests.rig.next_door import FluviusNextDoor
from tests.rig.world import HOME

if TYPE_CHECKING:
    import subprocess

PROJECT = Path(__file__).parent.parent
PRIVATE = "nobody else may ever read this"
AT_HOME = [".env", "bridge/secrets.yaml", "data/token", "fluvius2mqtt.yaml", "secrets.yaml", "secrets/mqtt"]
PASSWORDS = {"fluvius": "simulated", "mqtt": "made up"}
STARTS = 7


def measure(folder: Path) -> Iterator[Figure]:
    image = Builder(folder).build(somebodys_copy(folder / "project"), BUILD_VERSION=__version__)
    yield from contents(image, folder)
    yield from demo(Container(image, folder / "demo"))
    users = {"bridge": PASSWORDS["mqtt"]}
    with fluvius_next_door(folder) as fluvius, Mosquitto(folder / "mosquitto", users=users) as mosquitto:
        households = [household(image, folder / f"start-{i}", fluvius, mosquitto) for i in range(STARTS)]
        yield from starts(households, mosquitto)
        yield from a_closer_look(households[0], mosquitto)


def somebodys_copy(folder: Path) -> Path:
    """What is in the repository or may soon be, and secrets wherever somebody may have left them."""
    files = run("git", "-C", PROJECT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split(
        "\0"
    )
    for name in (name for name in files if name):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((PROJECT / name).read_bytes())
    for name in AT_HOME:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(PRIVATE)
    return folder


def contents(image: Image, folder: Path) -> Iterator[Figure]:
    added = (image.size - image.base_size) / 1e6
    yield Figure("the image's base", "-", f"{image.base_size / 1e6:.1f} MB")
    yield Figure("the image adds", "< 70 MB", f"{added:.1f} MB", added < 70)
    leaked = run("grep", "-rlsF", "--devices=skip", PRIVATE, image.root, status=1).splitlines()
    yield Figure(
        "private files of the build's folder in it", "none", f"{len(leaked)} of {len(AT_HOME)}", not leaked
    )
    versions = {
        image.config["Labels"][f"{space}.version"] for space in ("org.opencontainers.image", "io.hass")
    }
    yield Figure("its labels' version", __version__, ", ".join(versions), versions == {__version__})
    python = next(image.root.glob("opt/fluvius2mqtt/lib/python3.*")).name.removeprefix("python")
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (17, 28, 34)]
    pip = (sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary=:all:", *platforms)
    wheels = folder / "wheels"
    run(*pip, f"--python-version={python}", f"--dest={wheels}", "-r", PROJECT / "requirements.lock")
    yield Figure("wheels for arm64, Python " + python, "all", f"all {len(list(wheels.iterdir()))}", met=True)


def demo(container: Container) -> Iterator[Figure]:
    with container.running("demo", "--seconds", "8") as process:
        said, _ = process.communicate(timeout=30)
    arrived, status = " fluvius/home/day {" in said, process.returncode
    measured = f"{said.count(' fluvius/')} topics, exit status {status}"
    yield Figure("`demo --seconds 8`", "the day of home, exit status 0", measured, arrived and status == 0)


def household(image: Image, folder: Path, fluvius: FluviusNextDoor, mosquitto: Mosquitto) -> Container:
    """The bridge as compose.yaml has it, but with the simulator and this broker."""
    service = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]["fluvius2mqtt"]
    beside = folder.with_suffix(".files")
    beside.mkdir()
    for name in service["secrets"]:
        (beside / name).write_text(PASSWORDS[name] + "\n")
    portal = {"email": "you@example.com", "url": fluvius.url}
    (beside / "fluvius2mqtt").write_text(yaml.safe_dump({"meters": [HOME], "fluvius": {"portal": portal}}))
    places = {f"/run/secrets/{name}": name for name in service["secrets"]}
    places |= {config["target"]: config["source"] for config in service["configs"]}
    address = {"FLUVIUS2MQTT_MQTT__HOST": "127.0.0.1", "FLUVIUS2MQTT_MQTT__PORT": str(mosquitto.port)}
    files = {place: beside / name for place, name in places.items()}
    return Container(image, folder, service["environment"] | address, files)


@contextmanager
def at_work(
    household: Container, mosquitto: Mosquitto
) -> "Iterator[tuple[subprocess.Popen[str], Ear, float]]":
    """A running bridge, what its broker hears, and the seconds from the start to the first day."""
    with mosquitto.listen("fluvius/#") as ear:
        begin = time.monotonic()
        with household.running() as process:
            wait_for(ear, lambda each: each.topic == "fluvius/home/day" and not each.retain)
            yield process, ear, time.monotonic() - begin


def starts(households: list[Container], mosquitto: Mosquitto) -> Iterator[Figure]:
    for what, target in ("fresh install", 1.5), ("later start", 0.5):
        seconds = []
        for household in households:
            with at_work(household, mosquitto) as (process, _, took):
                household.stop(process)
            seconds.append(took)
        yield timed(f"start of the container to first `day`, {what}", target, seconds)


def a_closer_look(household: Container, mosquitto: Mosquitto) -> Iterator[Figure]:
    with at_work(household, mosquitto) as (process, ear, _):
        wait_for(ear, lambda each: each.topic == "fluvius/bridge/health" and is_ok(each))
        time.sleep(2)
        memory = megabytes("VmRSS", household.pid)
        yield Figure("memory of `run` at rest (VmRSS)", "< 50 MB", f"{memory:.1f} MB", memory < 50)
        said = household.execute(*household.image.config["Healthcheck"]["Test"][1:]).strip()
        yield Figure("healthcheck, exit status 0", "healthy", said, said == "healthy")
        powers = household.powers()
        yield Figure("its user and capabilities", "1000, none", powers, powers == "1000, none")
        writable = household.writable()
        yield Figure("where it can write", "/data", ", ".join(writable), writable == ["/data"])
        status, seconds = household.stop(process)
    state = ear.payloads("fluvius/bridge/state")[-1]
    measured = f"{seconds:.2f} s, exit status {status}, {state}"
    good = seconds < 2 and (status, state) == (0, "offline")
    yield Figure("SIGTERM", "< 2 s, exit status 0, offline", measured, good)


def main() -> int:
    for name in [name for name in os.environ if name.startswith("FLUVIUS")]:
        del os.environ[name]
    missed, say = False, sys.stdout
    print(HEAD, file=say, flush=True)
    with tempfile.TemporaryDirectory(prefix="image-test-") as name:
        for figure in measure(Path(name)):
            print(figure, file=say, flush=True)
            missed |= figure.met is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
