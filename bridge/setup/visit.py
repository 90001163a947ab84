"""One visit to Fluvius that only looks: whether it knows us, and what it answers about each meter."""

from collections.abc import Iterator
from datetime import UTC, datetime

from bridge.config import Settings
from bridge.fluvius.errors import CredentialsRefused, FluviusError, TryLater
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import Now, open_access, open_energy_api, open_portal
from bridge.folder.claim import FolderError
from bridge.metering.mandate import by_ean
from bridge.setup import whole_visit
from bridge.setup.finding import Finding
from bridge.setup.tries import Nothing, readings_of
from bridge.text.endings import COULD_NOT, REFUSED
from bridge.text.words import local


def fluvius(
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
        mandates = [each for each in source.mandates() if settings.shard.has(each.ean)]
    except (FluviusError, FolderError) as error:
        yield _failure("energy_api", error)
        return
    known = by_ean(mandates, now())
    problems = {ean: mandate.problem(now()) for ean, (mandate, *_) in known.items()}
    approved = sum(problem is None for problem in problems.values())
    yield Finding(
        "energy_api", works=True, words=f"{len(mandates)} mandates, {approved} meters may be asked for"
    )
    for meter in settings.followed:
        if meter.source == "energy_api":
            problem = problems.get(meter.ean, "there is no mandate for its EAN")
            yield Finding(meter.label, works=problem is None, words=problem or "its mandate is approved")
    if whole:
        yield from whole_visit.energy(source, settings, known, now())


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


def _failure(what: str, error: FluviusError | FolderError) -> Finding:
    refused = isinstance(error, CredentialsRefused)
    words = f"{str(error).removesuffix('.')}{_what_to_do(error)}"
    return Finding(what, works=False, words=words, status=REFUSED if refused else COULD_NOT)


def _what_to_do(error: Exception) -> str:
    """Nothing, where the trouble is Fluvius's own."""
    if not isinstance(error, TryLater) or not error.reached:
        return ""
    asked = error.not_before
    when = f"after {local(asked)}" if asked else "after some minutes, then less and less often"
    return f"; there is nothing to do: a running bridge tries again by itself, {when}"
