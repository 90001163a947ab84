"""`fluvius2mqtt simulate`: a Fluvius on your own machine."""

import argparse

from bridge.commands.starting import log_to_terminal
from bridge.simulator.command import add_arguments, run

__all__ = ["add_arguments", "command"]


def command(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    log_to_terminal("debug" if arguments.verbose else "info")
    return run(arguments)
