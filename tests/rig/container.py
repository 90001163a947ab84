"""Images and containers without an engine: Buildah builds, on a base by debootstrap, and runc runs."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
KERNELS = {"cgroup", "cgroup2", "devpts", "mqueue", "proc", "sysfs", "tmpfs"}


def run(*command: object, status: int = 0) -> str:
    """What a program says on its standard output."""
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == status, f"exit status {done.returncode}: {command}\n{done.stdout}"
    return done.stdout


@dataclass(frozen=True)
class Image:
    """An image, laid out in a folder."""

    root: Path
    config: dict[str, Any]
    size: int  # bytes
    base_size: int  # bytes


class Builder:
    """Buildah, with everything that it keeps in a folder of ours."""

    def __init__(self, folder: Path) -> None:
        storage = ("--root", folder / "storage", "--runroot", folder / "run", "--storage-driver", "vfs")
        self._buildah = ("buildah", *storage)

    def build(self, context: Path, **arguments: str) -> Image:
        base_size = self._make_base()
        words = [word for pair in arguments.items() for word in ("--build-arg", "=".join(pair))]
        options = ("--isolation", "chroot", "--format", "docker", "--from", "localhost/base")
        self._run("bud", "--quiet", *options, *words, "--tag", "image", context)
        inspected = json.loads(self._run("inspect", "--type", "image", "image"))
        _, root = self._work_on("image")
        return Image(root, inspected["Docker"]["config"], size_of(root), base_size)

    def _make_base(self) -> int:
        """Like the official image: Debian, and Python without compiled modules. It trusts whom we trust."""
        working, root = self._work_on("scratch")
        packages = "python3,python3-venv,ca-certificates"
        run("debootstrap", "--variant=minbase", f"--include={packages}", "trixie", root)
        for each in [*root.rglob("__pycache__"), root / "var/cache/apt", root / "var/lib/apt"]:
            shutil.rmtree(each)
        shutil.copy(BUNDLE, root / BUNDLE.relative_to("/"))
        (root / "etc/pip.conf").write_text(f"[global]\ncert = {BUNDLE}\n")
        size = size_of(root)
        self._run("commit", "--quiet", working, "base")
        self._run("rm", working)
        return size

    def _work_on(self, image: str) -> tuple[str, Path]:
        working = self._run("from", image)
        return working, Path(self._run("mount", working))

    def _run(self, *words: object) -> str:
        return run(*self._buildah, *words).strip()


def size_of(folder: Path) -> int:
    return int(run("du", "--summarize", "--bytes", folder).split()[0])


@dataclass(frozen=True)
class Container:
    """A container with the machine's network, no capabilities, and a root that cannot be written.

    Its /data is as the image has it, like a new volume, and stays from one run to the next.
    """

    image: Image
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)  # by their place inside, where they are read-only

    def __post_init__(self) -> None:
        self.folder.mkdir()
        run("cp", "--archive", self.image.root / "data", self.folder)

    @property
    def pid(self) -> int:
        return int((self.folder / "pid").read_text())

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """The image's command, or other words behind its entry point, until the end of the block."""
        (self.folder / "config.json").write_text(json.dumps(self._bundle(words)))
        where = ("--bundle", str(self.folder), "--pid-file", f"{self.folder}/pid")
        command = (*self._runc("run"), *where, self.folder.name)
        with (
            (self.folder / "log").open("a") as log,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
        ):
            try:
                yield process
            finally:
                if process.poll() is None:
                    run(*self._runc("delete"), "--force", self.folder.name)

    def execute(self, *command: str) -> str:
        return run(*self._runc("exec"), self.folder.name, *command)

    def stop(self, process: "subprocess.Popen[str]") -> tuple[int, float]:
        """As `docker stop`; returns the exit status, and the seconds that it took."""
        begin = time.monotonic()
        run(*self._runc("kill"), self.folder.name, self.image.config["StopSignal"])
        return process.wait(10), time.monotonic() - begin

    def writable(self) -> list[str]:
        """Where it can write, beside the kernel's own file systems."""
        mounts = [line.split() for line in Path(f"/proc/{self.pid}/mounts").read_text().splitlines()]
        return [
            place
            for _, place, kind, options, *_ in mounts
            if kind not in KERNELS and "rw" in options.split(",")
        ]

    def powers(self) -> str:
        """The user and the capabilities of its first process, as the kernel has them."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        status = {name: values.split() for name, _, values in (line.partition(":") for line in lines)}
        (able,) = status["CapEff"]
        return f"{status['Uid'][0]}, {able if int(able, 16) else 'none'}"

    def _runc(self, verb: str) -> tuple[str, ...]:
        return ("runc", "--root", f"{self.folder}/runc", verb)

    def _bundle(self, words: tuple[str, ...]) -> dict[str, Any]:
        """runc's own proposal, with what the image and a careful `docker run` say."""
        (self.folder / "config.json").unlink(missing_ok=True)
        run(*self._runc("spec"), "--bundle", self.folder)
        bundle: dict[str, Any] = json.loads((self.folder / "config.json").read_text())
        config = self.image.config
        user, group = map(int, config["User"].split(":"))
        bundle["root"] = {"path": str(self.image.root), "readonly": True}
        bundle["process"] |= {
            "terminal": False,
            "user": {"uid": user, "gid": group},
            "args": [*config["Entrypoint"], *(words or config["Cmd"])],
            "env": [*config["Env"], *(f"{name}={value}" for name, value in self.environ.items())],
            "cwd": config["WorkingDir"],
            "capabilities": {},
        }
        shown = [("/data", self.folder / "data", "rw"), *((*each, "ro") for each in self.files.items())]
        bundle["mounts"] += [
            {"destination": place, "source": str(path), "type": "bind", "options": ["bind", mode]}
            for place, path, mode in shown
        ]
        spaces = bundle["linux"]["namespaces"]
        bundle["linux"]["namespaces"] = [space for space in spaces if space["type"] != "network"]
        return bundle
