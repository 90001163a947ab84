"""`fluvius2mqtt token`: a bearer token for the portal."""

import argparse
from contextlib import closing
from datetime import UTC, datetime

from bridge.commands.starting import settings_for
from bridge.config import ConfigError
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import open_access
from bridge.folder.claim import make
from bridge.text.endings import DONE
from bridge.text.foreign import clean_lines


def add_arguments(_: argparse.ArgumentParser) -> None:
    """None of its own."""


def command(arguments: argparse.Namespace) -> int:
    """Print the token.

    Raises:
        ConfigError: there is no portal in the configuration.
        FluviusError: see its kinds.
    """
    settings = settings_for(arguments, connects=False)
    if settings.fluvius.portal is None:
        raise ConfigError("there is no fluvius.portal in the configuration to get a token from")
    make(settings.data_dir)
    with closing(PoliteSession()) as http:
        print(clean_lines(open_access(settings, http, lambda: datetime.now(UTC), asked=True).bearer()))
    return DONE
