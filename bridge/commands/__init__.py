"""The commands a person types. They talk; others decide."""

import argparse
import errno
import io
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from bridge import __version__
from bridge.config import ConfigError, Settings
from bridge.config.asked import day, number_of_days
from bridge.text.foreign import clean_lines
from bridge.text.log_lines import JsonLines, PlainLines

DONE, COULD_NOT, WRONG, REFUSED = 0, 1, 2, 3  # exit status

_SECONDS_TO_STOP = 1.4
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    os.umask(0o077)  # what we make is nobody else's, SQLite's files too
    if sys.stdout is None:  # closed by who started us: nobody listens
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
    if isinstance(sys.stdout, io.TextIOWrapper):  # a meter's name may have letters that a terminal lacks
        sys.stdout.reconfigure(errors="replace")
    try:
        parsed = _parser(words).parse_args(words)
    except ConfigError as error:
        return _complain(error, WRONG)
    from bridge.folder.claim import FolderError
    from bridge.folder.files import OutputError
    from bridge.homeassistant.supervisor import SupervisorError
    from bridge.ledger import LedgerError

    try:
        status: int = parsed.command(parsed)
        sys.stdout.flush()
    except ConfigError as error:
        return _complain(error, WRONG)
    except (FolderError, LedgerError, OutputError, SupervisorError) as error:
        return _complain(error, COULD_NOT)
    except KeyboardInterrupt:
        return _complain("interrupted", COULD_NOT)
    except OSError as error:
        return _unheard(error)
    return status


def _unheard(error: OSError) -> int:
    """Standard output takes no more: `... | head` has seen enough, or a disk is full."""
    enough = isinstance(error, BrokenPipeError)
    if not enough and (error.filename or error.errno not in _NO_ROOM):
        raise error
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries again at its end
    return COULD_NOT if enough else _complain(f"standard output: {error.strerror}", COULD_NOT)


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", type=Path, metavar="FILE", help="the configuration, see config.example.yaml"
    )
    common.add_argument("--verbose", action="store_true", help="say more")
    common.add_argument("--version", action="version", version=f"fluvius2mqtt {__version__}")
    parser = argparse.ArgumentParser(
        "fluvius2mqtt", description="Fluvius meter readings on your MQTT broker.", parents=[common]
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words, description=words, parents=[_options_again()])
        added.set_defaults(command=run)
        return added

    command("run", _run, "the bridge: connects, catches up, then works to its schedule until stopped")
    command("once", _once, "one cycle, then exits: for cron")
    check = command("check", _check, "tries the configuration, the broker, the sign-in and each meter")
    check.add_argument(
        "--ledger", action="store_true", help="only looks whether all that is kept is as it was written"
    )
    backfill = command(
        "backfill", _backfill, "fetches history into the ledger; goes on where it was interrupted"
    )
    backfill.add_argument("--from", required=True, metavar="DATE", help="the first day, such as 2025-01-01")
    backfill.add_argument("--to", metavar="DATE", help="the last day (default: the newest)")
    backfill.add_argument("--meter", metavar="NAME", help="only this one: its name, or its EAN")
    _add_show(command("show", _show, "the latest days, this month and last month, in the terminal"))
    _add_export(command("export", _export, "readings out of the ledger: CSV or JSON, days or quarter-hours"))
    mandate = command("mandate", _mandate, "what customers allow (official API): list, request, mock")
    if "mandate" in words:
        _add_mandate(mandate)
    remove = command("remove", _remove, "takes everything of ours off the broker, after saying what")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    command("token", _token, "prints a bearer token for the portal")
    simulate = command("simulate", _simulate, "a Fluvius on your own machine: portal and Energy API")
    if "simulate" in words:  # or every start of the bridge would load a web server
        _add_simulator(simulate)
    _add_demo(command("demo", _demo, "the whole bridge, without an account and without a broker"))
    command("healthcheck", _healthcheck, "for the container: exit 0 while the running bridge is healthy")
    command("schema", _schema, "the configuration's JSON Schema, for editors")
    return parser


def _options_again() -> argparse.ArgumentParser:
    """The common options, for behind a command. A default here would undo what was given before it."""
    options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    options.add_argument("--config", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    options.add_argument("--verbose", action="store_true", help=argparse.SUPPRESS)
    options.add_argument("--version", action="version", version=f"fluvius2mqtt {__version__}")
    return options


def _run(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    from bridge.folder.claim import claim
    from bridge.ledger import Ledger
    from bridge.service.bridge import Bridge

    with claim(settings.data_dir):
        with Ledger(settings.data_dir / "ledger.sqlite", stream=settings.mqtt.stream) as ledger:
            bridge = Bridge(settings, ledger)
            log.info("fluvius2mqtt %s follows %s", __version__, _followed(settings))
            ended = _until_told_to_stop(bridge.run, bridge.stop)
        if not ended:  # in the middle of a request; whatever was kept is kept, and the last will says offline
            logging.shutdown()
            os._exit(DONE)
    return DONE


def _followed(settings: Settings) -> str:
    return ", ".join(meter.label for meter in settings.followed) or "whoever gave a mandate"


def _until_told_to_stop(work: Callable[[], None], stop: Callable[[], None]) -> bool:
    """Work in a thread until SIGTERM or Ctrl-C; returns whether the work came to its end.

    A thread, because nothing else ends a request that hangs (in a name lookup, say) within two seconds.
    """
    # A signal may reach another thread: it wakes this one only by what Python then writes to the socket.
    wakes, wakened = socket.socketpair()
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    told_to_stop: list[int] = []
    failures: list[BaseException] = []

    def working() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)
        wakes.send(b"\0")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told_to_stop.append(number))
    worker = threading.Thread(target=working, name="bridge", daemon=True)
    worker.start()
    wakened.recv(1)
    if told_to_stop:
        log.info("stopping")
        stop()
    worker.join(_SECONDS_TO_STOP)
    if failures:
        raise failures[0]
    return not worker.is_alive()


def _once(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    from bridge.fluvius.errors import CredentialsRefused
    from bridge.folder.claim import claim
    from bridge.ledger import Ledger
    from bridge.service.bridge import Bridge

    with (
        claim(settings.data_dir),
        Ledger(settings.data_dir / "ledger.sqlite", stream=settings.mqtt.stream) as ledger,
    ):
        cycle = Bridge(settings, ledger).once()
    if any(isinstance(error, CredentialsRefused) for error in cycle.errors):
        return REFUSED
    return COULD_NOT if cycle.errors else DONE


def _check(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments, "error", connects=not arguments.ledger)
    if arguments.ledger:
        from bridge.commands.ledger_check import check
    else:
        from bridge.commands.check import check
    _end_as_by_ctrl_c()  # so that nothing that was tried stays on the broker
    return check(settings)


def _backfill(arguments: argparse.Namespace) -> int:
    # What goes wrong is said once, beside the bars.
    settings = _settings(arguments, "critical", connects=False)
    from bridge.commands.backfill import Ended, run

    for name in ("SIGTERM", "SIGHUP"):  # so that the terminal is left in order
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    given = {name: vars(arguments)[name] for name in ("from", "to", "meter")}
    try:
        return run(settings, {name: value for name, value in given.items() if value is not None})
    except Ended as end:
        return _complain(end, end.status)


def _end(number: int, _: object) -> None:
    sys.exit(f"fluvius2mqtt: {signal.Signals(number).name}; a bridge, or the same command, goes on from here")


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", metavar="N", type=number_of_days, default=14, help="how many (default: 14)")
    parser.add_argument("--meter", metavar="NAME", help="only this one: its name, or its EAN")
    parser.add_argument("--json", action="store_true", help="one JSON document, for programs")


def _show(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments, "error", connects=False)
    from bridge.commands.show import document

    shown = document(settings, arguments.meter, arguments.days, datetime.now(UTC))
    if arguments.json:
        from bridge.text.words import to_json

        print(to_json(shown))
        return DONE
    try:
        from bridge.terminal.report import draw
    except ModuleNotFoundError as error:
        return _complain(
            f"show needs {error.name}: pip install 'fluvius2mqtt[terminal]'; or add --json", COULD_NOT
        )
    draw(shown, sys.stdout)
    return DONE


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("csv", "json"))
    parser.add_argument("--from", metavar="DATE", type=day, dest="first", help="default: the first day known")
    parser.add_argument("--to", metavar="DATE", type=day, dest="last", help="included; default: the latest")
    parser.add_argument("--meter", metavar="NAME", help="only this one: its name, or its EAN")
    parser.add_argument(
        "--resolution", choices=("day", "interval"), default="day", help="days, or quarter-hours (gas: hours)"
    )
    parser.add_argument("--output", metavar="FILE", type=Path, help="a new file; default: standard output")
    parser.add_argument(
        "--decimal", choices=("point", "comma"), help="of CSV's amounts; semicolon goes with comma"
    )
    parser.add_argument("--delimiter", choices=("comma", "semicolon", "tab"), help="between CSV's columns")
    parser.add_argument(
        "--raw", action="store_true", help="with --fetch: Fluvius's own JSON, not kept in the ledger"
    )
    parser.add_argument("--fetch", action="store_true", help="with --raw: ask Fluvius now")


def _export(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments, "error", connects=False)
    _end_as_by_ctrl_c()  # so that no half file stays
    if arguments.raw or arguments.fetch:
        return _export_raw(settings, arguments)
    from bridge.commands.export import export

    _tell(export(settings, arguments, datetime.now(UTC)))
    return DONE


def _end_as_by_ctrl_c() -> None:
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)


def _export_raw(settings: Settings, arguments: argparse.Namespace) -> int:
    from bridge.commands.raw import fetch
    from bridge.fluvius.errors import CredentialsRefused, FluviusError

    try:
        _tell(fetch(settings, arguments, datetime.now(UTC)))
    except CredentialsRefused as error:
        return _complain(error, REFUSED)
    except FluviusError as error:
        return _complain(error, COULD_NOT)
    return DONE


def _tell(remarks: Sequence[str]) -> None:
    for remark in remarks:
        print(remark, file=sys.stderr)


def _remove(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments, "critical")
    from bridge.commands.remove import NotRemoved, remove

    try:
        return remove(settings, yes=arguments.yes)
    except NotRemoved as error:
        return _complain(error, COULD_NOT)


def _token(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments, connects=False)
    from bridge.fluvius import open_access
    from bridge.fluvius.errors import CredentialsRefused, FluviusError
    from bridge.fluvius.http import PoliteSession
    from bridge.folder.claim import make

    if settings.fluvius.portal is None:
        return _complain("there is no fluvius.portal in the configuration to get a token from", WRONG)
    make(settings.data_dir)
    http = PoliteSession()
    try:
        print(clean_lines(open_access(settings, http, lambda: datetime.now(UTC), asked=True).bearer()))
    except CredentialsRefused as error:
        return _complain(error, REFUSED)
    except FluviusError as error:
        return _complain(error, COULD_NOT)
    finally:
        http.close()
    return DONE


def _add_mandate(parser: argparse.ArgumentParser) -> None:
    from bridge.commands.mandate import add_arguments

    add_arguments(parser, _options_again())


def _mandate(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments, "error", connects=False)
    from bridge.commands.mandate import run
    from bridge.fluvius.errors import CredentialsRefused, FluviusError

    try:
        run(settings, arguments)
    except CredentialsRefused as error:
        return _complain(error, REFUSED)
    except FluviusError as error:
        return _complain(error, COULD_NOT)
    return DONE


def _add_simulator(parser: argparse.ArgumentParser) -> None:
    from bridge.simulator.command import add_arguments

    add_arguments(parser)


def _simulate(arguments: argparse.Namespace) -> int:
    _log_to_terminal("debug" if arguments.verbose else "info")
    from bridge.simulator.command import run

    return run(arguments)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--broker", metavar="HOST[:PORT]", help="use this broker instead of an embedded one")
    parser.add_argument("--seconds", type=float, metavar="N", help="end by itself after so many seconds")


def _demo(arguments: argparse.Namespace) -> int:
    try:
        from bridge.demo import demo
    except ModuleNotFoundError as error:
        return _complain(f"the demo needs {error.name}: pip install 'fluvius2mqtt[demo]'", COULD_NOT)
    return demo(arguments)


def _healthcheck(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments, connects=False)
    from bridge.folder import heartbeat
    from bridge.folder.claim import is_claimed, prove_readable
    from bridge.homeassistant import supervisor

    # Its watchdog restarts what is not healthy, again and again; that mends no broker and no password.
    only_silence = supervisor.is_there(os.environ)
    prove_readable(settings.data_dir / "heartbeat.json")
    problems = heartbeat.problems(settings.data_dir, datetime.now(UTC), only_silence=only_silence)
    if not is_claimed(settings.data_dir):
        problems = [f"no bridge works in {settings.data_dir}"]
    print("; ".join(problems) or "healthy")
    return COULD_NOT if problems else DONE


def _schema(_: argparse.Namespace) -> int:
    from bridge.config import schema

    print(json.dumps(schema(), indent=2, ensure_ascii=False))
    return DONE


def _settings(arguments: argparse.Namespace, level: str | None = None, *, connects: bool = True) -> Settings:
    from bridge.config import find, load
    from bridge.homeassistant import supervisor

    if not arguments.config and supervisor.is_there(os.environ):
        settings = supervisor.load(os.environ, connects=connects)
    else:
        settings = load(find(arguments.config, os.environ), os.environ)
    _log_to_terminal("debug" if arguments.verbose else level or settings.log.level, settings.log.format)
    if settings.fluvius.energy_api and find_spec("msal") is None:
        raise ConfigError("fluvius.energy_api: needs msal; run: pip install 'fluvius2mqtt[energy-api]'")
    for warning in settings.warnings:
        log.warning("%s", warning)
    return settings


def _log_to_terminal(level: str, form: str = "text") -> None:
    """Our own log at a level; others' warnings only, for they log frames and answers, secrets and all."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else PlainLines())
    handler.addFilter(_is_ours_or_a_warning)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("bridge").setLevel(level.upper())
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings show whole addresses, with codes


def _is_ours_or_a_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] == "bridge"


def _complain(what: object, status: int) -> int:
    print(f"fluvius2mqtt: {clean_lines(what)}", file=sys.stderr)
    return status
