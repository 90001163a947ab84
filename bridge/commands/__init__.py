"""The commands a person types, one file each. They talk; others decide."""

import argparse
import errno
import io
import os
import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Never

from bridge import __version__
from bridge.commands import examples
from bridge.text.endings import COULD_NOT, WRONG, ForTheUser
from bridge.text.foreign import clean_lines

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_COMMANDS = {  # each a module here, with `add_arguments(parser)` and `command(arguments)`, the exit status
    "init": "asks, tries each answer, and writes the configuration",
    "run": "the bridge: connects, catches up, then works to its schedule until stopped",
    "once": "one cycle, then exits: for cron",
    "check": "tries the configuration, the broker, the sign-in and each meter",
    "backfill": "fetches history into the ledger; goes on where it was interrupted",
    "import": "files downloaded from Mijn Fluvius into the ledger",
    "show": "the latest days, this month and last month, in the terminal",
    "export": "readings out of the ledger: CSV, JSON or Parquet, days or quarter-hours",
    "compare": "what the same readings cost under other contracts, side by side",
    "mandate": "what customers allow (official API): list, request, mock",
    "remove": "removes from the broker all that fluvius2mqtt published",
    "token": "prints a bearer token for the portal",
    "simulate": "a Fluvius on your own machine: portal and Energy API",
    "demo": "the whole bridge, without an account and without a broker",
    "healthcheck": "for the container: exit 0 while the running bridge is healthy",
    "schema": "the configuration's JSON Schema, for editors",
}
_CONFIG = (
    "the configuration (default: fluvius2mqtt.yaml here, then in ~/.config/fluvius2mqtt, ~/.config and"
    " /config)"
)
_VERBOSE = "say more of what is done"


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    os.umask(0o077)  # what we make is nobody else's, SQLite's files too
    if sys.stdout is None:  # closed by who started us: nobody listens
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
    if isinstance(sys.stdout, io.TextIOWrapper):  # a meter's name may have letters that a terminal lacks
        sys.stdout.reconfigure(errors="replace")
    try:
        parser = _parser(words)
        if not words:
            parser.print_help(sys.stderr)
            return WRONG
        parsed = parser.parse_args(words)
        status: int = parsed.command(parsed)
        sys.stdout.flush()
    except ForTheUser as error:
        return _complain(error, error.status)
    except KeyboardInterrupt:
        return _complain("interrupted", COULD_NOT)
    except OSError as error:
        return _unheard(error)
    return status


def _complain(what: object, status: int) -> int:
    words = f"fluvius2mqtt: {clean_lines(what)}"
    if sys.stderr and sys.stderr.isatty():  # elsewhere a mistake stays a line
        words = "\n".join(map(_wrapped, words.split("\n")))
    print(words, file=sys.stderr)
    return status


def _wrapped(line: str) -> str:
    width = get_terminal_size().columns - 1
    return textwrap.fill(line, max(width, 40), break_long_words=False, break_on_hyphens=False)


def _unheard(error: OSError) -> int:
    """Standard output takes no more: `... | head` has seen enough, or a disk is full."""
    enough = isinstance(error, BrokenPipeError)
    if not enough and (error.filename or error.errno not in _NO_ROOM):
        raise error
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries again at its end
    return COULD_NOT if enough else _complain(f"standard output: {error.strerror}", COULD_NOT)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Breaks no word at its hyphen: it may be one to type."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)


class _Parser(argparse.ArgumentParser):
    """Complains in one line, as everything here does; its examples stand as they are to be typed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.formatter_class = _Formatter

    def error(self, message: str) -> Never:
        self.exit(WRONG, f"{clean_lines(f'fluvius2mqtt: {message}; see: {self.prog} --help')}\n")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Of all commands, with the options of those that the words name: only their modules are loaded."""
    parser = _Parser(
        "fluvius2mqtt",
        description="Fluvius meter readings on your MQTT broker.",
        epilog="fluvius2mqtt COMMAND --help says more about a command, with examples.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help=_CONFIG)
    parser.add_argument("--verbose", action="store_true", help=_VERBOSE)
    _add_version(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    again = options_again()
    for name, does in _COMMANDS.items():
        added = commands.add_parser(name, help=does, description=does, parents=[again])
        if name in words:
            module = import_module(f"bridge.commands.{name}")
            module.add_arguments(added)
            added.epilog = "\n\n".join(filter(None, (added.epilog, examples.in_words(name))))
            added.set_defaults(command=module.command)
    return parser


def options_again() -> _Parser:
    """The common options, for behind a command. A default here would undo what was given before it."""
    options = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    options.add_argument("--config", type=Path, metavar="FILE", help=_CONFIG)
    options.add_argument("--verbose", action="store_true", help=_VERBOSE)
    _add_version(options)
    return options


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--version", action="version", version=f"fluvius2mqtt {__version__}", help="print the version"
    )
