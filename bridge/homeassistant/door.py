"""Home Assistant's door: a token that it refused is left alone, for each refusal is a failed login there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config import StatisticsSettings
from bridge.folder.refusals import Kind, Refusals
from bridge.homeassistant.errors import CommandRefused, TokenRefused

if TYPE_CHECKING:
    from bridge.homeassistant.core import Core


def refusals(settings: StatisticsSettings, folder: Path) -> Refusals:
    """What a data folder remembers of refusals of this token by this Home Assistant."""
    token = settings.token.get_secret_value()
    return Refusals(folder / "home-assistant.json", settings.url, f"{settings.url} {token}")


@contextmanager
def entered(
    settings: StatisticsSettings,
    known: Refusals,
    now: Callable[[], datetime],
    *,
    asked: bool,
    attend: Callable[[], None] = lambda: None,
) -> "Iterator[Core]":
    """A conversation with Home Assistant.

    Args:
        settings: where it is, and the token.
        known: refusals of that token.
        now: the present instant, aware.
        asked: whether a person waits for it, and so for another try after a refusal.
        attend: called often while waiting; may raise to end that.

    Raises:
        TokenRefused: now or before; says when it is tried again.
        CoreAway: it cannot be reached, or does not answer.
        FolderError: a refusal could not be kept, so nothing is tried.
    """
    from bridge.homeassistant.core import Core  # noqa: PLC0415 - websockets is an extra

    if standing := known.standing(now(), asked=asked):
        raise TokenRefused(standing.words, tried=False)
    known.prove_writable()
    try:
        with Core(settings.url, settings.token.get_secret_value(), attend) as core:
            yield core
    except TokenRefused as error:
        raise TokenRefused(known.keep(Kind.WRONG, str(error), now()).words) from error
    except CommandRefused:  # but the token was not
        known.forget(now())
        raise
    known.forget(now())
