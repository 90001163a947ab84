"""The whole bridge on a stage: a simulated Fluvius, a broker, and a view of what arrives."""

import argparse
import logging
import os
import queue
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from bridge.config import ConfigError, Settings, load
from bridge.demo import story
from bridge.demo.audience import Audience
from bridge.demo.broker import HOST, EmbeddedBroker, NoBroker
from bridge.demo.events import Ended, Event, Remark
from bridge.demo.view import View, view_of
from bridge.ledger import Ledger
from bridge.metering.model import BRUSSELS
from bridge.publishing.retained import discovery_first
from bridge.service.bridge import Bridge
from bridge.service.inbox import Stopped
from bridge.simulator import Simulator

_PREFIX = "FLUVIUS2MQTT_"
_USERS_BROKER = ("USERNAME", "USERNAME_FILE", "PASSWORD", "PASSWORD_FILE")
_SECONDS_TO_STOP, _SECONDS_TO_TIDY = 1.2, 0.4
_TICK = 0.1  # seconds between two looks at the terminal's size


def demo(arguments: argparse.Namespace) -> int:
    """Show the bridge at work until told to stop; returns the exit status.

    Raises:
        ConfigError: `--broker` is no address.
        BrokenPipeError: whoever read our lines has seen enough.
    """
    try:
        return perform(view_of(sys.stdout), arguments.broker, arguments.seconds, verbose=arguments.verbose)
    except NoBroker as error:
        sys.stderr.write(f"fluvius2mqtt: {error}\n")
        return 1


def perform(
    view: View,
    address: str | None = None,
    seconds: float | None = None,
    *,
    verbose: bool = False,
    present: datetime | None = None,
) -> int:
    """The demo in front of any view.

    Args:
        view: shows it.
        address: HOST[:PORT] of the user's broker; None: an embedded one.
        seconds: end by itself after so many.
        verbose: show what is logged, too.
        present: the story's last morning; None: the latest 09:00 in Flanders.

    Raises:
        ConfigError: the address is none.
        NoBroker: nobody, or nobody who lets us in, is at that address.
    """
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()  # the one queue that a signal handler may put to
    deadline = None if seconds is None else time.monotonic() + seconds
    with _signals_to(events), _logging_to(events, verbose=verbose), ExitStack() as stack:
        host, port = _split(address) if address else (HOST, stack.enter_context(EmbeddedBroker()).port)
        simulator = stack.enter_context(Simulator())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        settings = _settings(simulator, folder, host, port, own=address is None)
        audience = Audience(settings.mqtt, events.put)
        audience.join()
        stack.callback(audience.leave)
        ledger = stack.enter_context(Ledger(settings.data_dir / "ledger.sqlite"))
        if address:
            stack.callback(_tidy, view, audience, ledger)
        listen = f"mosquitto_sub -h {host} -p {port} -t '{settings.mqtt.base_topic}/#' -v"
        with (
            view.of(settings.mqtt.base_topic, listen),
            _players(settings, ledger, simulator, audience, events=events, present=present or _latest_nine()),
        ):
            failure = _show(view, events, deadline)
    if failure:
        raise failure
    return 0


def _show(view: View, events: "queue.SimpleQueue[Event]", deadline: float | None) -> BaseException | None:
    """Until the end; returns why, if it is a sad one."""
    while deadline is None or time.monotonic() < deadline:
        with suppress(queue.Empty):
            event = events.get(timeout=_TICK)
            if isinstance(event, Ended):
                return event.failure
            view.show(event)
        view.refresh()
    return None


@contextmanager
def _players(
    settings: Settings,
    ledger: Ledger,
    simulator: Simulator,
    audience: Audience,
    *,
    events: "queue.SimpleQueue[Event]",
    present: datetime,
) -> Iterator[None]:
    """The bridge and the story, each in its thread."""
    over = threading.Event()

    def pause(seconds: float) -> None:
        if over.wait(seconds):
            raise Stopped

    def play(work: Callable[[], None]) -> None:
        try:
            work()
        except Stopped:
            pass
        except BaseException as failure:  # noqa: BLE001 - raised where the demo ends
            events.put(Ended(failure))

    def now() -> datetime:
        return simulator.now()  # the story moves it

    def unhurried(_seconds: float) -> None:
        pause(story.SECONDS_BETWEEN_REQUESTS)

    tale = story.Story(simulator, audience, events.put, pause, present)
    bridge = Bridge(settings, ledger, now=now, pause=unhurried)
    threads = [threading.Thread(target=play, args=(work,), daemon=True) for work in (bridge.run, tale.tell)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        bridge.stop()
        for thread in threads:
            thread.join(_SECONDS_TO_STOP)


def _tidy(view: View, audience: Audience, ledger: Ledger) -> None:
    topics = discovery_first(ledger.outbox.published_topics())
    done = audience.take_away(topics, _SECONDS_TO_TIDY)
    view.farewell(
        f"The demo's {len(topics)} retained topics are removed from the broker."
        if done
        else "The broker does not answer, so the demo's retained topics are still there."
    )


def _settings(simulator: Simulator, folder: Path, host: str, port: int, *, own: bool) -> Settings:
    """As of a user's file."""
    meters = [
        f'{{name: {name}, ean: "{meter.ean}", serial: {meter.serial}, energy: {meter.energy}}}'
        for name, meter in zip(("home", "gas", "shed"), simulator.meters, strict=True)
    ]
    variables = {
        "MQTT__HOST": host,
        "MQTT__PORT": str(port),
        "MQTT__CLIENT_ID": "fluvius2mqtt-demo",
        "MQTT__BASE_TOPIC": "fluvius" if own else "fluvius-demo",
        "FLUVIUS__PORTAL__EMAIL": simulator.sign_in.email,
        "FLUVIUS__PORTAL__PASSWORD": simulator.sign_in.password,
        "FLUVIUS__PORTAL__URL": simulator.url,
        "METERS": f"[{', '.join(meters)}]",
        "DATA_DIR": str(folder),
    }
    environ = {f"{_PREFIX}{name}": value for name, value in variables.items()}
    return load(None, environ | ({} if own else _login(os.environ)))


def _login(environ: Mapping[str, str]) -> dict[str, str]:
    names = [f"{_PREFIX}MQTT__{name}" for name in _USERS_BROKER]
    return {name: environ[name] for name in names if name in environ}


def _split(address: str) -> tuple[str, int]:
    """HOST, HOST:PORT or [IPv6]:PORT."""
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]") or (":" in host and not host.startswith("[")):
        host, port = address, "1883"
    host = host.removeprefix("[").removesuffix("]")
    if not re.fullmatch(r"[\w.:%-]+", host) or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"--broker {address}: write HOST or HOST:PORT, such as 192.168.1.5:1883")
    return host, int(port)


def _latest_nine() -> datetime:
    now = datetime.now(BRUSSELS)
    nine = now.replace(hour=9, minute=0, second=0, microsecond=0)
    return nine if nine <= now else nine - timedelta(days=1)


@contextmanager
def _signals_to(events: "queue.SimpleQueue[Event]") -> Iterator[None]:
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda *_: events.put(Ended())) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Remarks(logging.Handler):
    def __init__(self, events: "queue.SimpleQueue[Event]") -> None:
        super().__init__()
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        self._events.put(Remark(record.getMessage()))


@contextmanager
def _logging_to(events: "queue.SimpleQueue[Event]", *, verbose: bool) -> Iterator[None]:
    """What the bridge and the simulator log becomes part of the show; the libraries keep quiet."""
    ours, handler = logging.getLogger("bridge"), _Remarks(events)
    ours.setLevel(logging.INFO if verbose else logging.WARNING)
    ours.addHandler(handler)
    ours.propagate = False
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.propagate = True
