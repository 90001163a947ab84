"""`fluvius2mqtt check`: tries everything that a run needs, and says what to do about what does not work."""

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bridge.commands import ledger_check, whole_visit
from bridge.commands.file_check import file_findings
from bridge.commands.findings import Finding, show
from bridge.commands.price_check import price_findings
from bridge.commands.report import report
from bridge.commands.starting import end_as_by_ctrl_c, settings_for
from bridge.config import Settings
from bridge.fetching.readable import reading
from bridge.fetching.sources import SOURCES
from bridge.fluvius.errors import CredentialsRefused, FluviusError, TryLater
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import Now, open_access, open_energy_api, open_portal
from bridge.fluvius.seen import Seen
from bridge.folder.claim import FolderError, make, prove_writable
from bridge.homeassistant import advice, statistics_settings
from bridge.ledger import LedgerError
from bridge.metering.mandate import best
from bridge.setup.broker import try_broker
from bridge.setup.tries import Nothing, home_assistant, readings_of
from bridge.text.endings import COULD_NOT, REFUSED
from bridge.text.words import local

_UNKEPT = (
    "Fluvius was not asked: that it refuses a sign-in could not be remembered, and too many lock the account"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether it is the ledger that is looked at."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--ledger", action="store_true", help="only looks whether all that is kept is as it was written"
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
        return report(settings, arguments.report, partial(_fluvius, whole=True), yes=arguments.yes)
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
    elif missing := advice(settings.homeassistant):
        yield Finding("statistics", works=True, words=f"off: {missing}")
    try:
        prove_writable(settings.data_dir)
    except FolderError as error:
        yield Finding("data_dir", works=False, words=f"{error}. {_UNKEPT}")
        return
    yield from price_findings(settings, lambda: datetime.now(UTC))
    yield from file_findings(settings)
    http = PoliteSession()
    try:
        yield from _fluvius(settings, http, signed_in=signed_in)
    finally:
        http.close()
    yield from _odd_answers(settings, http.seen)


def _fluvius(
    settings: Settings, http: PoliteSession, *, signed_in: bool = False, whole: bool = False
) -> Iterator[Finding]:
    """What Fluvius answers; `whole`: to each question that a run asks."""

    def now() -> datetime:
        return datetime.now(UTC)

    if settings.fluvius.energy_api:
        yield from _energy_api(settings, http, now, whole=whole)
    if settings.fluvius.portal:
        yield from _portal(settings, http, now, signed_in=signed_in, whole=whole)


def _energy_api(settings: Settings, http: PoliteSession, now: Now, *, whole: bool) -> Iterator[Finding]:
    try:
        source = open_energy_api(settings, http, now, asked=True)
        mandates = source.mandates()
    except (FluviusError, FolderError) as error:
        yield _failure("energy_api", error)
        return
    good = best(mandates, now())
    problems = {ean: mandate.problem(now()) for ean, mandate in good.items()}
    approved = sum(problem is None for problem in problems.values())
    yield Finding(
        "energy_api", works=True, words=f"{len(mandates)} mandates, {approved} meters may be asked for"
    )
    for meter in settings.followed:
        if meter.source == "energy_api":
            problem = problems.get(meter.ean, "there is no mandate for its EAN")
            yield Finding(meter.label, works=problem is None, words=problem or "its mandate is approved")
    if whole:
        yield from whole_visit.energy(source, settings, good, now())


def _portal(
    settings: Settings, http: PoliteSession, now: Now, *, signed_in: bool, whole: bool
) -> Iterator[Finding]:
    try:
        if not signed_in:
            open_access(settings, http, now, asked=True).try_sign_in()
    except (FluviusError, FolderError) as error:
        yield _failure("sign-in", error)
        return
    has_token = settings.fluvius.portal is not None and settings.fluvius.portal.token is not None
    if not has_token:
        yield Finding("sign-in", works=True, words="Fluvius accepts the e-mail address and the password")
    source = open_portal(settings, http, Nothing(), now, asked=True)
    for meter in (each for each in settings.followed if each.source == "portal"):
        try:
            words = readings_of(source, meter, now(), settings.schedule.lookback_days)
        except CredentialsRefused as error:  # all that proves a token is a question
            yield _failure("sign-in" if has_token else meter.label, error)
            return
        except (FluviusError, FolderError) as error:
            found = _failure(meter.label, error)
        else:
            found = Finding(meter.label, *words)
            if has_token:
                yield Finding("sign-in", works=True, words="Fluvius accepts the token, for an hour or so")
                has_token = False
        yield found
        if whole:
            yield from whole_visit.peaks(source, meter, now())


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


def _failure(what: str, error: FluviusError | FolderError) -> Finding:
    refused = isinstance(error, CredentialsRefused)
    words = f"{error}{_what_to_do(error)}"
    return Finding(what, works=False, words=words, status=REFUSED if refused else COULD_NOT)


def _what_to_do(error: Exception) -> str:
    """Nothing, where the trouble is Fluvius's own."""
    if not isinstance(error, TryLater) or not error.reached:
        return ""
    asked = error.not_before
    when = f"after {local(asked)}" if asked else "after some minutes, then less and less often"
    return f"; there is nothing to do: a running bridge tries again by itself, {when}"


def _meters_in_words(settings: Settings) -> str:
    meters = ", ".join(f"{meter.label} ({meter.energy})" for meter in settings.followed) or "all mandates"
    return "; ".join([f"follows {meters}", *settings.warnings])
