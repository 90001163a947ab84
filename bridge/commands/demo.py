"""`fluvius2mqtt demo`: the whole bridge, without an account and without a broker."""

import argparse
import math

from bridge.config.asked import UsageError
from bridge.text.endings import ForTheUser
from bridge.text.installing import how_to_get


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose broker, and for how long."""
    parser.add_argument("--broker", metavar="HOST[:PORT]", help="use this broker instead of an embedded one")
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="end by itself after this many seconds")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise UsageError(f"--seconds {text}: write a number above 0, such as 60")
    return seconds


def command(arguments: argparse.Namespace) -> int:
    """Show the bridge at work until told to stop."""
    try:
        from bridge.demo import demo  # noqa: PLC0415 - its broker and its view are extras
    except ModuleNotFoundError as error:
        raise ForTheUser(f"the demo needs {error.name}; {how_to_get('demo')}") from None
    return demo(arguments)
