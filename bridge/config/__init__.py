"""YAML, environment, secret files, add-on options → one validated `Settings`, or every mistake at once."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.config.broker import MqttSettings, TlsSettings
from bridge.config.draft import SHORT_NAMES, Draft
from bridge.config.errors import ConfigError
from bridge.config.fluvius import (
    EnergyApiSettings,
    PortalSettings,
)
from bridge.config.keys import KEYS, KeyPath
from bridge.config.prices import DayAheadSettings, PriceSettings
from bridge.config.settings import (
    HomeAssistantSettings,
    MetricsSettings,
    ScheduleSettings,
    Settings,
    StatisticsSettings,
    WebSettings,
)
from bridge.text.words import slug

__all__ = [
    "FILE",
    "KEYS",
    "ConfigError",
    "DayAheadSettings",
    "EnergyApiSettings",
    "HomeAssistantSettings",
    "KeyPath",
    "MetricsSettings",
    "MqttSettings",
    "PortalSettings",
    "PriceSettings",
    "ScheduleSettings",
    "Settings",
    "StatisticsSettings",
    "TlsSettings",
    "WebSettings",
    "find",
    "home",
    "load",
    "load_options",
    "schema",
    "slug",
]

FILE = "fluvius2mqtt.yaml"


def _places(environ: Mapping[str, str]) -> Iterator[Path]:
    yield Path(FILE)
    home = environ.get("HOME") or environ.get("USERPROFILE")
    if folder := environ.get("XDG_CONFIG_HOME") or (home and f"{home}/.config"):
        yield Path(folder) / "fluvius2mqtt" / FILE
        yield Path(folder) / FILE
    yield Path("/config") / FILE


def find(explicit: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file: the one asked for, else the first that there is, else none."""
    return explicit or next((place for place in _places(environ) if os.access(place, os.F_OK)), None)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings in a file, if any, and in the environment, which goes first.

    Raises:
        ConfigError: with every mistake that was found.
    """
    draft = Draft(path)
    if path:
        draft.add_file(path)
    draft.add_variables(environ)
    draft.add_short_names(environ)
    if not path and not draft.tree and not draft.mistakes:
        raise ConfigError(_nowhere(environ))
    settings = draft.settings()
    if draft.mistakes or not settings:
        raise ConfigError(*draft.mistakes, *([] if path else [_nowhere(environ)]))
    return settings


def load_options(file: Path, environ: Mapping[str, str]) -> Settings:
    """The settings in an add-on's options and in the environment, which goes first.

    What the page wrote fills in what is not filled in among the options. Where it cannot be used, it is left
    out and warned of: no start fails for it.

    Args:
        file: the `options.json` that the Supervisor writes: JSON is YAML. The data is kept beside it.
        environ: the environment's variables.

    Raises:
        ConfigError: with every mistake that was found, in the words of the add-on's page.
    """
    written = file.with_name(FILE)
    mistakes: list[str] = []
    for below in [written, None] if os.path.lexists(written) else [None]:
        draft = Draft(file, is_addon=True)
        try:
            draft.add_options(file, _written(below) if below else {}, below)
        except ConfigError as error:
            mistakes = list(error.mistakes)
            continue
        draft.add_variables(environ)
        draft.warnings += [f"what the page wrote is left out: {each}" for each in mistakes]
        if (settings := draft.settings()) and not draft.mistakes:
            return settings
        mistakes = draft.mistakes
    raise ConfigError(*mistakes)


def _written(file: Path) -> dict[str, Any]:
    draft = Draft(file)
    draft.add_file(file)
    draft.must_be_right()
    return draft.tree


def home(explicit: Path | None, environ: Mapping[str, str]) -> Path:
    """Where the configuration is, or where it will be: in the container in the folder for it, else here."""
    if found := find(explicit, environ):
        return found
    mounted = Path("/config")
    return (mounted if mounted.is_dir() and os.access(mounted, os.W_OK) else Path()) / FILE


def _nowhere(environ: Mapping[str, str]) -> str:
    places = ", ".join(map(str, _places(environ)))
    return (
        f"no configuration file in {places}; run `fluvius2mqtt init`, which asks for what it needs, copy"
        f" config.example.yaml to one of these, or set {', '.join(SHORT_NAMES)}"
    )


def schema() -> dict[str, Any]:
    """The configuration's JSON Schema (draft 2020-12), for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Settings.model_json_schema()
