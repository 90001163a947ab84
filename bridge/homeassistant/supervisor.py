"""The add-on: its options, and the broker that Home Assistant's Supervisor knows of.

Who asks how, and what is answered: Home Assistant's developer documentation (apps, communication) and the
Supervisor's own code as of August 2026. The token is another one after each start of the add-on.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from bridge.config import ConfigError, MqttSettings, Settings, load_options
from bridge.text.deadline import all_within
from bridge.text.foreign import Quoting

TOKEN = "SUPERVISOR_TOKEN"  # noqa: S105 - the variable's name
_OPTIONS = "ADDON_OPTIONS"
_ADDRESS = "SUPERVISOR_URL"

_ASKS_FROM = "172.30.32.2"
_PATIENCE = 10.0  # seconds for the whole answer
_LARGEST_ANSWER = 64 * 1024  # bytes: it is a dozen short lines
_OR = "or fill in mqtt.host in the app's configuration"


class SupervisorError(Quoting):
    """The Supervisor does not say which broker there is; the message says why and what to do."""


def is_there(environment: Mapping[str, str]) -> bool:
    """Whether this is the add-on."""
    return bool(environment.get(TOKEN)) and os.access(options(environment), os.F_OK)


def websocket(environment: Mapping[str, str]) -> str:
    """Where an add-on speaks with Home Assistant."""
    return f"ws{_address(environment).removeprefix('http')}/core/websocket"


def asks_from(environment: Mapping[str, str]) -> str:
    """The address from which Home Assistant's ingress asks for the page."""
    place = urlsplit(_address(environment)).hostname
    return _ASKS_FROM if place in (None, "supervisor") else place


def load(environment: Mapping[str, str], *, connects: bool) -> Settings:
    """The add-on's settings. Without `mqtt.host` among the options, the broker is the Supervisor's.

    As long as nothing is configured that has to do with a broker, none is asked for.

    Args:
        environment: the environment's variables.
        connects: False leaves the broker out, for those who only look at the data.

    Raises:
        ConfigError: the options are wrong, or there is no broker.
        SupervisorError: the Supervisor does not answer as it should.
    """
    settings = load_options(options(environment), environment)
    if not connects or not settings.is_set_up or "host" in settings.mqtt.model_fields_set:
        return settings
    written = settings.mqtt.model_dump(exclude_unset=True)
    try:
        mqtt = MqttSettings.model_validate(broker(environment) | written)
    except ValidationError:
        raise _odd() from None
    return settings.model_copy(update={"mqtt": mqtt})


def options(environment: Mapping[str, str]) -> Path:
    """Where what was filled in stands."""
    return Path(environment.get(_OPTIONS) or "/data/options.json")


def _address(environment: Mapping[str, str]) -> str:
    return environment.get(_ADDRESS) or "http://supervisor"


def broker(environment: Mapping[str, str]) -> dict[str, Any]:
    """The broker in our words, as the Supervisor gave it."""
    status, text = _ask(environment, "/services/mqtt")
    if status in (401, 403):
        raise SupervisorError(
            f"the Supervisor does not let the app ask for the broker (status {status}); "
            f"restart the app, {_OR}"
        )
    if status == 400:
        raise ConfigError(
            "Option mqtt.host: is empty, and Home Assistant has no broker of its own; "
            f"install and start the app Mosquitto broker, {_OR}"
        )
    if status != 200:
        raise SupervisorError(
            f"the Supervisor does not say which broker there is (status {status}); try again later, {_OR}"
        )
    try:
        data = json.loads(text)["data"]
        return {
            "host": data["host"] or "",  # or it would be that of the default
            "port": data["port"],
            "tls": data.get("ssl", False),
            "username": data.get("username"),
            "password": data.get("password"),
            "protocol": "5" if data.get("protocol") == "5" else "3.1.1",
        }
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise _odd() from None


def _ask(environment: Mapping[str, str], path: str) -> tuple[int, bytes]:
    """The status and the text of an answer."""
    from http.client import HTTPConnection, HTTPException  # noqa: PLC0415 - for the add-on alone

    place = urlsplit(_address(environment))
    connection = HTTPConnection(place.hostname or "", place.port, timeout=_PATIENCE)
    try:
        connection.connect()
        opened = connection.sock  # which the connection forgets as soon as the answer begins
        with all_within(_PATIENCE, lambda: [opened]) as is_cut:
            connection.request("GET", path, headers={"Authorization": f"Bearer {environment[TOKEN]}"})
            answer = connection.getresponse()
            text = answer.read(_LARGEST_ANSWER)
    except (OSError, HTTPException) as error:
        raise _unreachable(place.netloc, str(error) or type(error).__name__) from None
    finally:
        connection.close()
    if is_cut.is_set():  # what ends with the connection looks whole
        raise _unreachable(place.netloc, "it does not finish its answer")
    return answer.status, text


def _unreachable(place: str, why: str) -> SupervisorError:
    return SupervisorError(f"the Supervisor at {place} cannot be reached ({why}); restart the app, {_OR}")


def _odd() -> SupervisorError:
    return SupervisorError(
        f"the Supervisor says something unexpected about the broker; update Home Assistant, {_OR}"
    )
