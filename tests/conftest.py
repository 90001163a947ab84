import os
import signal
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import hypothesis
import pytest

from bridge.simulator import Simulator
from bridge.simulator.household import quarters_of
from tests.rig.mosquitto import Mosquitto
from tests.rig.reading import Reader
from tests.rig.world import Clock, World

# A process starts three times as fast with compiled modules, and tests start hundreds.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A machine that is busy is no reason to fail.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def _a_year_of_habits() -> None:
    """What all simulated households share, worked out before anyone waits for an answer about a year."""
    for days in range(400):
        quarters_of(date(2026, 11, 30) - timedelta(days=days))


@pytest.fixture(autouse=True)
def _own_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command in this process leaves its log as it is, for the tests after it."""
    monkeypatch.setattr("bridge.commands.starting.log_to_terminal", lambda *_: None)


@pytest.fixture(autouse=True)
def _own_umask() -> Iterator[None]:
    """A command in this process makes private files; the tests after it may make others."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that lets everyone in."""
    with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


@pytest.fixture
def clock() -> Clock:
    """A Saturday morning in autumn: the day before is there."""
    return Clock("2026-11-21 09:00")


@pytest.fixture
def simulator(clock: Clock) -> Iterator[Simulator]:
    with Simulator(now=clock) as simulator:
        yield simulator


@pytest.fixture
def home(tmp_path: Path, simulator: Simulator, clock: Clock, mosquitto: Mosquitto) -> World:
    """A household with a broker."""
    return World(tmp_path, simulator, clock, mosquitto.port)


@pytest.fixture
def desk(tmp_path: Path, simulator: Simulator, clock: Clock) -> World:
    """A household without a broker: nothing listens on its port."""
    world = World(tmp_path, simulator, clock, broker_port=1)
    world.greeting = 0.05
    return world


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ledgers that were fetched for one test and serve others."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def reader(
    desk: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shelf: Path
) -> Iterator[Reader]:
    """Someone who types commands; what they do to this process does not outlive the test."""
    monkeypatch.setenv("COLUMNS", "80")
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield Reader(desk, capsys, shelf)
    for number, handler in before.items():
        signal.signal(number, handler)


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: brokers keep to their time-outs, and others can compute meanwhile."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, so that no processor is idle at the end."""
    items.sort(key=lambda item: item.path.stem not in {"test_kill", "test_years", "test_any_answer"})
