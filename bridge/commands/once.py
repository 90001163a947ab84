"""`fluvius2mqtt once`: one cycle."""

import argparse

from bridge.commands.starting import settings_for
from bridge.fluvius.errors import CredentialsRefused
from bridge.folder.claim import claim
from bridge.ledger import Ledger
from bridge.service.bridge import Bridge
from bridge.text.endings import COULD_NOT, DONE, REFUSED


def add_arguments(_: argparse.ArgumentParser) -> None:
    """None of its own."""


def command(arguments: argparse.Namespace) -> int:
    """Fetch and publish what there is; the exit status says whether anything kept it from coming."""
    settings = settings_for(arguments, "warning")
    with (
        claim(settings.data_dir),
        Ledger(settings.data_dir / "ledger.sqlite", stream=settings.mqtt.stream) as ledger,
    ):
        cycle = Bridge(settings, ledger).once()
    if any(isinstance(error, CredentialsRefused) for error in cycle.errors):
        return REFUSED
    return COULD_NOT if cycle.errors else DONE
