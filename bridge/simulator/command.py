"""The command `simulate`: a Fluvius on your own machine, portal and Energy API."""

import argparse
import logging
import signal
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from threading import Event
from typing import Any

from bridge.simulator.energy_api.customers import MOST_METERS
from bridge.simulator.faults.table import CATALOG
from bridge.simulator.meters import Meters
from bridge.simulator.replay import Replay, UnusableError, introduction, read
from bridge.simulator.server import Served
from bridge.simulator.simulator import Simulator
from bridge.simulator.writing import parse_moment_or_date

DEFAULT_PORT = 8187


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.epilog = (
        "It prints a configuration for each of the two: the portal, and the official\nEnergy API with a"
        " mandate for every meter. Both have the same meters."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--port", default=str(DEFAULT_PORT), help=f"port to listen on (default: {DEFAULT_PORT})"
    )
    parser.add_argument(
        "--today",
        metavar="DATE",
        help="the simulated day, such as 2026-11-21, or a moment with its offset; set the bridge's clock too",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,...]",
        help="misbehave, or vary; repeatable. KEY is one of the fault's own or times, after, where, ean",
    )
    parser.add_argument(
        "--customers",
        default="0",
        metavar="N",
        help="this many more meters for the Energy API, each with a mandate",
    )
    parser.add_argument("--list-faults", action="store_true", help="list the faults and variants, and stop")
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="FILE.zip",
        help="plays back what `check --report` recorded, as of today or of --today",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serves until SIGINT or SIGTERM.

    Returns:
        The exit status: 0 stopped, 1 the port is taken, 2 a wrong option.
    """
    if arguments.list_faults:
        _say(_fault_list())
        return 0
    if arguments.replay:
        return _replay(arguments)
    try:
        simulator = _prepared(arguments)
    except (ValueError, TypeError) as error:
        sys.stderr.write(f"fluvius2mqtt: {error}\n")
        return 2
    return _serve(simulator, lambda: _introduction(simulator))


def _replay(arguments: argparse.Namespace) -> int:
    if arguments.fault or arguments.customers != "0":
        sys.stderr.write("fluvius2mqtt: --replay has its own answers; leave --fault and --customers out\n")
        return 2
    clock = Meters((), None)
    try:
        port = _number("--port", arguments.port, 0, 65535)
        if arguments.today:
            clock.set_today(_moment(arguments.today))
        recording = read(arguments.replay)
    except (ValueError, UnusableError) as error:
        what = f"{arguments.replay}: " if isinstance(error, UnusableError) else ""
        sys.stderr.write(f"fluvius2mqtt: {what}{error}\n")
        return 2
    replay = Replay(recording, clock.now, port=port, host=arguments.host)
    return _serve(replay, lambda: introduction(replay))


def _serve(served: Served, introduction: Callable[[], str]) -> int:
    try:
        served.start()
    except OSError as error:
        place = f"{served.host}:{served.port}"
        sys.stderr.write(
            f"fluvius2mqtt: cannot listen on {place}: {error.strerror}; write another --host or --port\n"
        )
        return 1
    _say(introduction())
    _log_requests()
    _wait_for_the_end()
    served.stop()
    return 0


def _moment(text: str) -> date | datetime:
    try:
        return parse_moment_or_date(text)
    except ValueError:
        raise ValueError(
            f"--today {text}: write a date such as 2026-11-21, or 2026-11-21T09:00:00+01:00"
        ) from None


def _prepared(arguments: argparse.Namespace) -> Simulator:
    """A simulator as the options want it.

    Raises:
        ValueError, TypeError: an option cannot be used; says what to write.
    """
    port = _number("--port", arguments.port, 0, 65535)
    customers = _number("--customers", arguments.customers, 0, MOST_METERS)
    simulator = Simulator(host=arguments.host, port=port)
    if arguments.today:
        simulator.set_today(_moment(arguments.today))
    simulator.energy_api.add_meters(customers)
    for text in arguments.fault:
        name, options = parse_fault(text)
        if name not in CATALOG:
            raise ValueError(f"--fault {name}: there is none of this name; simulate --list-faults lists them")
        try:
            simulator.fault(name, **options)
        except (ValueError, TypeError) as error:
            why = str(error) if name in str(error) else "a value is not of its kind"
            raise ValueError(f"--fault {text}: {why}; simulate --list-faults shows what it takes") from None
    return simulator


def _number(option: str, text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ValueError(f"{option} {text}: write a number from {least} to {most}")
    return int(text)


def parse_fault(text: str) -> tuple[str, dict[str, Any]]:
    """A fault as it is written on the command line, in its name and options.

    Raises:
        ValueError: an option has no value.
    """
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    for option in filter(None, rest.split(",")):
        key, equals, value = option.partition("=")
        if not equals:
            raise ValueError(f"--fault {text}: write {key}=VALUE, or leave it out")
        options[key.strip()] = value.strip()
    return name.strip(), options


def _introduction(simulator: Simulator) -> str:
    meters = "\n".join(
        f'  - {{name: {name}, ean: "{meter.ean}", serial: {meter.serial}, energy: {meter.energy}}}'
        for name, meter in zip(("home", "gas", "shed"), simulator.meters, strict=True)
    )
    energy_api = simulator.energy_api
    return f"""\
A simulated Fluvius answers on {simulator.url}
Account: {simulator.sign_in.email}, password: {simulator.sign_in.password}
It is {simulator.now():%Y-%m-%d %H:%M} UTC there. Controls: curl {simulator.url}/simulator/

A configuration to go with it:

mqtt:
  host: localhost
fluvius:
  portal:
    email: {simulator.sign_in.email}
    password: {simulator.sign_in.password}
    url: {simulator.url}
meters:
{meters}

Or, for the Energy API, in place of `fluvius` and `meters`; the mandates are the meters then:

fluvius:
  energy_api:
    environment: sandbox
    url: {energy_api.url("sandbox")}
    authority: {energy_api.authority}
    tenant_id: {energy_api.tenant}
    client_id: {energy_api.client_id}
    client_secret: {energy_api.client_secret}
    scope: {energy_api.scope}
    subscription_key: {energy_api.subscription_key}
    contract_number: {energy_api.contract_number}

Ctrl-C ends it. Requests:"""


def _fault_list() -> str:
    width = max(map(len, CATALOG))
    return "\n".join(f"{name:{width}}  {fault.summary}" for name, fault in CATALOG.items())


def _log_requests() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S%z"))
    log = logging.getLogger("bridge.simulator")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def _wait_for_the_end() -> None:
    end = Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: end.set())
    end.wait()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
