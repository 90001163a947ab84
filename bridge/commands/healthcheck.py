"""`fluvius2mqtt healthcheck`: for the container."""

import argparse
import os
from datetime import UTC, datetime

from bridge.commands.starting import settings_for
from bridge.folder import heartbeat
from bridge.folder.claim import is_claimed, prove_readable
from bridge.homeassistant import supervisor
from bridge.text.endings import COULD_NOT, DONE


def add_arguments(_: argparse.ArgumentParser) -> None:
    """None of its own."""


def command(arguments: argparse.Namespace) -> int:
    """Whether the bridge that runs here is healthy."""
    settings = settings_for(arguments, connects=False, may_be_empty=True)
    if not settings.is_set_up:
        print("nothing is configured yet, and the page asks")
        return DONE
    # Its watchdog restarts what is not healthy, again and again; that mends no broker, password or ledger.
    only_silence = supervisor.is_there(os.environ)
    prove_readable(settings.data_dir / "heartbeat.json")
    if not is_claimed(settings.data_dir):
        print(f"no bridge is running in {settings.data_dir}")
        return DONE if only_silence else COULD_NOT  # the app's page says why
    problems = heartbeat.problems(settings.data_dir, datetime.now(UTC), only_silence=only_silence)
    print("; ".join(problems) or "healthy")
    return COULD_NOT if problems else DONE
