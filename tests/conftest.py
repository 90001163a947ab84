import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path

import hypothesis
import pytest

pytest.register_assert_rewrite("tests.rig")  # their assertions tell as much as those of a test

from bridge.folder import refusals
from bridge.ledger import Ledger
from bridge.simulator import DEFAULT_METERS, Simulator
from bridge.simulator.household import quarters_of
from tests.rig.chance import often
from tests.rig.commands import PASSWORD, ROOT
from tests.rig.core import Core
from tests.rig.mosquitto import Certificates, Mosquitto
from tests.rig.provider import Provider
from tests.rig.reading import Reader
from tests.rig.world import Clock, World

# A process starts three times as fast with compiled modules, and tests start hundreds.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A machine that is busy is no reason to fail.
hypothesis.settings.register_profile("unhurried", deadline=None, max_examples=often(30, soak=1000))
hypothesis.settings.load_profile("unhurried")

PURE = {"metering", "text", "config"}  # rooms whose tests are over in a moment


@pytest.fixture(scope="session", autouse=True)
def _a_year_of_habits() -> None:
    """What all simulated households share, worked out before anyone waits for an answer about a year."""
    for days in range(400):
        quarters_of(date(2026, 11, 30) - timedelta(days=days))


@pytest.fixture(scope="session", autouse=True)
def _passwords_that_are_easy_to_guess() -> None:
    """Nobody guesses at a test's password, and hundreds of tests sign in."""
    refusals._COST = 2


@pytest.fixture(autouse=True)
def _own_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command in this process leaves its log as it is, for the tests after it."""
    monkeypatch.setattr("bridge.commands.starting.log_to_terminal", lambda *_: None)
    loggers = [logging.getLogger(name) for name in ("bridge", "urllib3", None)]
    before = [(each.level, list(each.handlers)) for each in loggers]
    yield
    for each, (level, handlers) in zip(loggers, before, strict=True):
        each.setLevel(level)
        each.handlers[:] = handlers


@pytest.fixture(autouse=True)
def _own_umask() -> Iterator[None]:
    """A command in this process makes private files; the tests after it may make others."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop of a running bridge looks at the simulated clock often."""
    monkeypatch.setattr("bridge.service.bridge._LOOK_AROUND", 0.05)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that lets everyone in."""
    with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty one."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


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


@pytest.fixture
def today() -> Iterator[Simulator]:
    """A Fluvius that lives today, for a command has no other clock, and is never late."""
    meters = [replace(meter, delay=timedelta(0)) for meter in DEFAULT_METERS]
    with Simulator(meters, password=PASSWORD) as simulator:
        yield simulator


@pytest.fixture
def house(tmp_path: Path, today: Simulator, mosquitto: Mosquitto) -> World:
    """A household of today with a broker, for commands."""
    world = World(tmp_path, today, Clock("2000-01-01 00:00"), mosquitto.port)
    world.password = PASSWORD
    world.changes = {"schedule.lookback_days": 5}
    return world


@pytest.fixture
def hut(tmp_path: Path, today: Simulator) -> World:
    """A house without a broker: nothing listens on its port."""
    world = World(tmp_path, today, Clock("2000-01-01 00:00"), 1)
    world.password = PASSWORD
    world.changes = {"schedule.lookback_days": 5}
    return world


@pytest.fixture
def provider(desk: World) -> Provider:
    """An energy service provider without a broker."""
    return Provider(desk)


@pytest.fixture
def rsa(tmp_path: Path) -> tuple[Path, bytes]:
    """A private key and its certificate, as a provider makes them for production."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa as keys  # noqa: PLC0415

    key = keys.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "provider")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "key.pem"
    form = serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return file, certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def core() -> Iterator[Core]:
    """A Home Assistant that knows nothing yet."""
    with Core().open() as core:
        yield core


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "certificates")


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: brokers keep to their time-outs, and others can compute meanwhile."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Several processes begin with a share of the modules each, so that none is compiled by all of them."""
    if hand := getattr(session.config, "workerinput", {}):
        modules = sorted(path.relative_to(ROOT).with_suffix("") for path in ROOT.glob("tests/*/test_*.py"))
        for module in modules[int(hand["workerid"].removeprefix("gw")) :: hand["workercount"]]:
            with suppress(Exception):  # which is told when its tests are collected
                import_module(".".join(module.parts))


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The order for whoever waits, and the mark `chance` for what hypothesis makes up.

    In one process what needs neither Fluvius nor a broker comes first, so that most mistakes show within
    seconds, and what takes long comes last. Among several each begins with its share of what takes long, so
    that none of them has it left in the end while the others are idle.
    """
    lengthy = [item for item in items if item.get_closest_marker("chance")]
    rest = [item for item in items if not item.get_closest_marker("chance")]
    if hands := getattr(config, "workerinput", {}).get("workercount"):
        items[:] = dealt(lengthy, rest, hands)
    else:
        items[:] = sorted(rest, key=lambda item: item.path.parent.name not in PURE) + lengthy
    for item in items:
        if hypothesis.is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("chance")


def pytest_collection_finish() -> None:
    """What was collected stays: it is not looked through again and again for what could be freed."""
    gc.collect()
    gc.freeze()


def dealt(lengthy: list[pytest.Item], rest: list[pytest.Item], hands: int) -> list[pytest.Item]:
    """All of them, in an order of which xdist's `worksteal` first gives each process an equal part."""
    order = list(rest)
    for hand in reversed(range(hands)):
        begin = len(rest) * hand // hands
        order[begin:begin] = lengthy[hand::hands]
    return order
