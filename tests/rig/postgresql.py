"""A real PostgreSQL for a test, in a folder of its own, on a free port; it refuses to be run by root.

With POSTGRESQL_BIN it is another one than the newest that is installed, with TIMESCALEDB=1 a TimescaleDB.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import psycopg

from tests.rig.mosquitto import Certificates, eventually, free_ports

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: float(place.parent.name))
IS_TIMESCALEDB = bool(os.environ.get("TIMESCALEDB"))
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_SMALL = (
    "shared_buffers=16MB",
    "max_connections=20",
    "wal_level=minimal",
    "max_wal_senders=0",
    "recovery_init_sync_method=syncfs",
    *(["shared_preload_libraries=timescaledb"] if IS_TIMESCALEDB else []),
)


class PostgreSQL:
    """A server; `admin` may do everything, without a password; others need theirs.

    Args:
        lasts: whether it writes to the disk as one that matters does; without that it is quicker.
        settings: further ones, as `name=value`.
    """

    def __init__(self, *settings: str, lasts: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql"))  # one that another user can reach
        self._settings = (*_SMALL, *(() if lasts else _QUICK), *settings)
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._run("initdb", "-D", str(self._data), "-U", "admin", "-A", "trust", "-E", "UTF8", "--no-sync")
        (self._data / "pg_hba.conf").write_text(
            "local all all trust\nhost all admin all trust\nhost all all all scram-sha-256\n"
        )
        self.start()
        if IS_TIMESCALEDB:
            for database in ("template1", "postgres"):
                self.ask("CREATE EXTENSION timescaledb", dsn=self.dsn_of("admin", database))
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._process:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def dsn(self) -> str:
        return self.dsn_of("admin")

    def dsn_of(self, user: str, database: str = "postgres") -> str:
        """An address; `user` may be `name:password`."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def dsn_with(self, **defaults: str) -> str:
        """An address whose sessions begin as those of a role that has these settings."""
        escaped = ((name, value.replace(" ", r"\ ")) for name, value in defaults.items())
        options = " ".join(f"-c {name}={value}" for name, value in escaped)
        return f"{self.dsn}?options={quote(options)}"

    def start(self) -> None:
        for attempt in range(10):
            if not self.port or attempt:
                (self.port,) = free_ports(1)
            if self._launch():
                return
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        """As on shutdown."""
        assert self._process
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        self._process = None

    def kill(self) -> None:
        """As in a power cut: all of its processes at once."""
        assert self._process
        every = self._every()
        for each in every:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self._process.wait(30)
        eventually(lambda: not any(map(_lives, every)))
        self._process = None

    def pause(self) -> None:
        """Stall: connections stay, and nothing is answered."""
        for each in self._every():
            os.kill(each, signal.SIGSTOP)

    def resume(self) -> None:
        for each in self._every():
            os.kill(each, signal.SIGCONT)

    @contextmanager
    def encrypting(self, certificates: Certificates) -> Iterator[None]:
        """With TLS, for whoever wants it."""
        for source, name in (
            (certificates.certificate("server"), "server.crt"),
            (certificates.key("server"), "server.key"),
        ):
            shutil.copy(source, self._data / name)
            (self._data / name).chmod(0o600)
            if self._as:
                os.chown(self._data / name, self._as["user"], self._as["group"])
        self._set_ssl("on")
        try:
            yield
        finally:
            self._set_ssl("off")

    def ask(self, statement: str, *parameters: object, dsn: str | None = None) -> list[Any]:
        with psycopg.connect(dsn or self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def _set_ssl(self, value: str) -> None:
        self.ask(f"ALTER SYSTEM SET ssl = {value}")
        self.ask("SELECT pg_reload_conf()")
        eventually(lambda: self.ask("SHOW ssl") == [(value,)])

    def _every(self) -> list[int]:
        """Its processes, the first one first."""
        assert self._process
        first = self._process.pid
        return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]

    def _launch(self) -> bool:
        """Whether it came up."""
        places = ["-D", str(self._data), "-k", str(self.folder), "-h", "127.0.0.1", "-p", str(self.port)]
        settings = [word for each in self._settings for word in ("-c", each)]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [_program("postgres"), *places, *settings],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._as,
            )
        eventually(lambda: self._answers() or self._ended(), within=60)
        return not self._ended()

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.dsn).close()
            return True
        return False

    def _ended(self) -> bool:
        assert self._process
        return self._process.poll() is not None

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [_program(name), *arguments], check=True, capture_output=True, cwd=self.folder, **self._as
        )


def _lives(process: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _program(name: str) -> str:
    places = [os.environ.get("POSTGRESQL_BIN"), *map(str, _PLACES[-1:]), os.environ.get("PATH")]
    found = shutil.which(name, path=os.pathsep.join(place for place in places if place))
    assert found, f"The tests need {name}: apt-get install postgresql"
    return found
