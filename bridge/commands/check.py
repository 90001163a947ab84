"""`fluvius2mqtt check`: tries everything that a run needs, and says what to do about what does not work."""

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from bridge.commands import ledger_check
from bridge.commands.broker_check import try_broker
from bridge.commands.findings import Finding, show
from bridge.commands.price_check import price_findings
from bridge.commands.readable import reading
from bridge.commands.starting import end_as_by_ctrl_c, settings_for
from bridge.config import Settings, StatisticsSettings
from bridge.fetching.progress import SWITCH_ON
from bridge.fetching.sources import SOURCES
from bridge.fluvius.errors import CredentialsRefused, FluviusError, TryLater
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import Now, open_access, open_energy_api, open_portal
from bridge.fluvius.seen import Seen
from bridge.fluvius.source import Stepwise
from bridge.folder.claim import FolderError, make, prove_writable
from bridge.homeassistant import advice, door, statistics_settings
from bridge.homeassistant.errors import CommandRefused, CoreAway, TokenRefused
from bridge.ledger import LedgerError
from bridge.metering import completeness, meterday
from bridge.metering.mandate import best
from bridge.metering.model import Energy, Meter, Reading, Unit
from bridge.text.endings import COULD_NOT, REFUSED
from bridge.text.words import local

_UNKEPT = (
    "Fluvius was not asked: that it refuses a sign-in could not be remembered, and too many lock the account"
)


class _Nothing:
    """A memory for one check: what is found is for the user, not for the bridge."""

    def recall(self, _key: str) -> None:
        return None

    def remember(self, _key: str, _value: object) -> None:
        return None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether it is the ledger that is looked at."""
    parser.add_argument(
        "--ledger", action="store_true", help="only looks whether all that is kept is as it was written"
    )


def command(arguments: argparse.Namespace) -> int:
    """Look at the ledger, or try it all."""
    settings = settings_for(arguments, "error", connects=not arguments.ledger)
    end_as_by_ctrl_c()  # so that nothing that was tried stays on the broker
    return ledger_check.check(settings) if arguments.ledger else check(settings)


def check(settings: Settings) -> int:
    """Try it all and print it; returns the exit status.

    Works beside a running bridge. To ask is to ask Fluvius: refused credentials are tried once more, if there
    are tries left today.
    """
    make(settings.data_dir)
    return show(_findings(settings))


def _findings(settings: Settings) -> Iterator[Finding]:
    yield Finding("configuration", works=True, words=_meters_in_words(settings))
    yield Finding("broker", *try_broker(settings))
    if statistics := statistics_settings(settings.homeassistant, os.environ):
        yield _home_assistant(statistics, settings.data_dir)
    elif missing := advice(settings.homeassistant):
        yield Finding("statistics", works=True, words=f"off: {missing}")
    try:
        prove_writable(settings.data_dir)
    except FolderError as error:
        yield Finding("data_dir", works=False, words=f"{error}. {_UNKEPT}")
        return
    yield from price_findings(settings, lambda: datetime.now(UTC))
    http = PoliteSession()
    try:
        yield from _fluvius(settings, http)
    finally:
        http.close()
    yield from _odd_answers(settings, http.seen)


def _home_assistant(statistics: StatisticsSettings, folder: Path) -> Finding:
    known = door.refusals(statistics, folder)
    try:
        with door.entered(statistics, known, lambda: datetime.now(UTC), asked=True) as core:
            core.check()
            words = f"Home Assistant {core.version} takes statistics"
    except (CoreAway, CommandRefused, FolderError, TokenRefused) as error:
        return Finding("statistics", works=False, words=str(error))
    return Finding("statistics", works=True, words=words)


def _fluvius(settings: Settings, http: PoliteSession) -> Iterator[Finding]:
    def now() -> datetime:
        return datetime.now(UTC)

    if settings.fluvius.energy_api:
        yield from _energy_api(settings, http, now)
    if settings.fluvius.portal:
        yield from _portal(settings, http, now)


def _energy_api(settings: Settings, http: PoliteSession, now: Now) -> Iterator[Finding]:
    try:
        mandates = open_energy_api(settings, http, now, asked=True).mandates()
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


def _portal(settings: Settings, http: PoliteSession, now: Now) -> Iterator[Finding]:
    try:
        open_access(settings, http, now, asked=True).try_sign_in()
    except (FluviusError, FolderError) as error:
        yield _failure("sign-in", error)
        return
    has_token = settings.fluvius.portal is not None and settings.fluvius.portal.token is not None
    if not has_token:
        yield Finding("sign-in", works=True, words="Fluvius accepts the e-mail address and the password")
    source = open_portal(settings, http, _Nothing(), now, asked=True)
    for meter in (each for each in settings.followed if each.source == "portal"):
        try:
            found = Finding(meter.label, *_meter(source, meter, now(), settings.schedule.lookback_days))
        except CredentialsRefused as error:  # all that proves a token is a question
            yield _failure("sign-in" if has_token else meter.label, error)
            return
        except (FluviusError, FolderError) as error:
            found = _failure(meter.label, error)
        else:
            if has_token:
                yield Finding("sign-in", works=True, words="Fluvius accepts the token, for an hour or so")
                has_token = False
        yield found


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


def _meter(source: Stepwise, meter: Meter, now: datetime, lookback_days: int) -> tuple[bool, str]:
    """Whether there are readings, and which: the newest day's intervals, or else the oldest's."""
    first, last = meterday.span_within(meter)
    window = [day for day in completeness.window(meter.energy, now, lookback_days) if first <= day <= last]
    if not window:
        return True, f"its from or until leaves nothing of the last {lookback_days} days to ask for"
    readings = source.days(meter, window[0], window[-1]).readings
    days = sorted({meterday.day_of(reading.start, meter.energy) for reading in readings})
    if not days:
        return False, (
            f"no readings since {window[0]}; compare the EAN and the serial number with mijn.fluvius.be,"
            " also after an exchange of the meter"
        )
    if other := _counts_otherwise(meter, readings):
        return False, other
    for day in (days[-1], days[0]):
        intervals = {reading.start for reading in source.intervals(meter, day).readings}
        if intervals:
            return True, f"days up to {days[-1]}, {len(intervals)} intervals on {day}"
    return True, f"days up to {days[-1]}, days only; {SWITCH_ON[meter.energy]}"


def _counts_otherwise(meter: Meter, readings: Iterable[Reading]) -> str | None:
    """Gas comes in m³ too; nothing else does."""
    answered = Energy.GAS if any(each.register.unit is Unit.M3 for each in readings) else Energy.ELECTRICITY
    if answered is meter.energy:
        return None
    return f"Fluvius answers with readings of {answered}; write energy: {answered} for this meter"


def _meters_in_words(settings: Settings) -> str:
    meters = ", ".join(f"{meter.label} ({meter.energy})" for meter in settings.followed) or "all mandates"
    return "; ".join([f"follows {meters}", *settings.warnings])
