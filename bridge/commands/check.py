"""`fluvius2mqtt check`: tries everything that a run needs, and says what to do about what does not work."""

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from bridge.commands import ledger_check
from bridge.commands.database_check import database_findings
from bridge.commands.file_check import file_findings
from bridge.commands.findings import show
from bridge.commands.price_check import price_findings
from bridge.commands.report import report
from bridge.commands.starting import end_as_by_ctrl_c, settings_for
from bridge.config import Settings
from bridge.fetching.readable import reading
from bridge.fetching.sources import SOURCES
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.seen import Seen
from bridge.folder.claim import FolderError, make, prove_writable
from bridge.homeassistant import advice, statistics_settings
from bridge.ledger import LedgerError
from bridge.setup import visit
from bridge.setup.broker import try_broker
from bridge.setup.finding import Finding
from bridge.setup.tries import home_assistant

_UNKEPT = (
    "Fluvius was not asked: that it refuses a sign-in could not be remembered, and too many lock the account"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether it is the ledger that is looked at."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--ledger", action="store_true", help="only checks whether the ledger still is as it was written"
    )
    either.add_argument(
        "--report",
        type=Path,
        metavar="FILE.zip",
        help="records one visit to Fluvius for a bug report, without anything personal, and asks first",
    )
    parser.add_argument("--yes", action="store_true", help="with --report: do not ask")


def command(arguments: argparse.Namespace) -> int:
    """Look at the ledger, or try it all."""
    settings = settings_for(arguments, "error", connects=not (arguments.ledger or arguments.report))
    end_as_by_ctrl_c()  # so that nothing that was tried stays on the broker
    if arguments.report:
        return report(settings, arguments.report, yes=arguments.yes)
    return ledger_check.check(settings) if arguments.ledger else check(settings)


def check(settings: Settings, *, signed_in: bool = False) -> int:
    """Try it all and print it; returns the exit status.

    Works beside a running bridge. To ask is to ask Fluvius: refused credentials are tried once more, if there
    are tries left today.

    Args:
        settings: the configuration.
        signed_in: whether the account was tried just now, so that its token will do.
    """
    make(settings.data_dir)
    return show(_findings(settings, signed_in=signed_in))


def _findings(settings: Settings, *, signed_in: bool) -> Iterator[Finding]:
    yield Finding("configuration", works=True, words=_meters_in_words(settings))
    yield Finding("broker", *try_broker(settings))
    if statistics := statistics_settings(settings.homeassistant, os.environ):
        yield Finding("statistics", *home_assistant(statistics, settings.data_dir)[:2])
    elif missing := advice(settings):
        yield Finding("statistics", works=True, words=f"off: {missing}")
    try:
        prove_writable(settings.data_dir)
    except FolderError as error:
        yield Finding("data_dir", works=False, words=f"{error}. {_UNKEPT}")
        return
    yield from price_findings(settings, lambda: datetime.now(UTC))
    yield from file_findings(settings)
    yield from database_findings(settings)
    with closing(PoliteSession()) as http:
        yield from visit.fluvius(settings, http, signed_in=signed_in)
    yield from _odd_answers(settings, http.seen)


def _odd_answers(settings: Settings, now: Seen) -> Iterator[Finding]:
    """What was not understood just now, and by the bridge lately; for whoever reports it."""
    kept = [now]
    with suppress(LedgerError, FolderError), reading(settings.data_dir) as records:
        kept += [Seen.from_note(records.notes.recall(f"seen/{name}")) for name in SOURCES]
    if codes := sum((each.new_codes for each in kept), Counter[str]()):
        words = ", ".join(f"{code} ({times:,} times)" for code, times in sorted(codes.items()))
        yield Finding("codes", works=True, words=f"Fluvius uses codes that are not known yet: {words}")
    for odd in {each: None for seen in kept for each in map(str, seen.odd)}:
        words = f"{odd} (its structure, without amounts; please report it)"
        yield Finding("odd answer", works=True, words=words)


def _meters_in_words(settings: Settings) -> str:
    meters = settings.followed_in_words("all mandates", lambda meter: f"{meter.label} ({meter.energy})")
    return "; ".join([f"follows {meters}", *settings.warnings])
