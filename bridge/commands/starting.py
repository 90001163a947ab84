"""What most commands begin with: the settings, the log, and how they end before their time."""

import argparse
import logging
import os
import signal
from importlib.util import find_spec

from bridge.config import ConfigError, Settings, find, load
from bridge.config.paths import PREFIX
from bridge.homeassistant import supervisor
from bridge.text.installing import how_to_get
from bridge.text.log_lines import JsonLines, PlainLines

log = logging.getLogger(__name__)


def settings_for(
    arguments: argparse.Namespace,
    level: str | None = None,
    *,
    connects: bool = True,
    may_be_empty: bool = False,
) -> Settings:
    """The settings, and from now on the log that they want.

    Args:
        arguments: `config` and `verbose`.
        level: of the log, instead of that of the configuration.
        connects: whether the broker will be needed.
        may_be_empty: whether the page may still ask for all of it.

    Raises:
        ConfigError: they cannot be used.
        SupervisorError: see there.
    """
    if not arguments.config and supervisor.is_there(os.environ):
        settings = supervisor.load(os.environ, connects=connects)
    else:
        file = find(arguments.config, os.environ)
        has_page = any(name.startswith(f"{PREFIX}WEB") for name in os.environ)
        if may_be_empty and has_page and file and not os.path.lexists(file):
            file = None  # the page will write it
        settings = load(file, os.environ)
    log_to_terminal("debug" if arguments.verbose else level or settings.log.level, settings.log.format)
    if not (settings.is_set_up or may_be_empty):
        raise ConfigError("nothing is configured yet; the page asks, while `fluvius2mqtt run` runs")
    if settings.fluvius.energy_api and find_spec("msal") is None:
        raise ConfigError(f"fluvius.energy_api: needs msal; {how_to_get('energy-api')}")
    if settings.sinks.postgresql and find_spec("psycopg") is None:
        raise ConfigError(f"sinks.postgresql: needs psycopg; {how_to_get('postgresql')}")
    for warning in settings.warnings:
        log.warning("%s", warning)
    return settings


def log_to_terminal(level: str, form: str = "text") -> None:
    """Our own log at a level; others' warnings only, for they log frames and answers, secrets and all."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else PlainLines())
    handler.addFilter(_is_ours_or_a_warning)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("bridge").setLevel(level.upper())
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings show whole addresses, with codes


def _is_ours_or_a_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] == "bridge"


def end_as_by_ctrl_c() -> None:
    """Let whoever ends us end what we do in good order, as a person at the keyboard would."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
