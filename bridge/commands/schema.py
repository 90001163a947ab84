"""`fluvius2mqtt schema`: the configuration's JSON Schema."""

import argparse
import json

from bridge.config import schema
from bridge.text.endings import DONE


def add_arguments(_: argparse.ArgumentParser) -> None:
    """None of its own."""


def command(_: argparse.Namespace) -> int:
    """Print it."""
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
    return DONE
