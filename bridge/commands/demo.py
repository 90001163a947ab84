"""`fluvius2mqtt demo`: the whole bridge, without an account and without a broker."""

import argparse

from bridge.text.endings import ForTheUser


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose broker, and for how long."""
    parser.add_argument("--broker", metavar="HOST[:PORT]", help="use this broker instead of an embedded one")
    parser.add_argument("--seconds", type=float, metavar="N", help="end by itself after so many seconds")


def command(arguments: argparse.Namespace) -> int:
    """Show the bridge at work until told to stop."""
    try:
        from bridge.demo import demo  # noqa: PLC0415 - its broker and its view are extras
    except ModuleNotFoundError as error:
        raise ForTheUser(f"the demo needs {error.name}: pip install 'fluvius2mqtt[demo]'") from None
    return demo(arguments)
