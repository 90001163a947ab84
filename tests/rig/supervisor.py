"""A stand-in for Home Assistant's Supervisor: options, its MQTT service, and the way to Home Assistant.

It behaves as the Supervisor's documentation and its code of August 2026 say.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from bridge.simulator import Simulator
from tests.rig.core import TOKEN, Core, serving
from tests.rig.mosquitto import Mosquitto, free_ports

ADDON = Path(__file__).parents[2] / "addon"
KIND = re.compile(
    r"(?P<name>bool|email|url|port)(?P<optional>\??)"
    r"|(?P<measured>str|password|int|float)(?:\((?P<least>[\d.-]*),(?P<most>[\d.-]*)\))?\??"
    r"|match\((?P<pattern>.*)\)\??"
    r"|list\((?P<choices>.+)\)\??"
)


class NotStartedError(Exception):
    """The Supervisor does not start the add-on with these options."""


def manifest() -> dict[str, Any]:
    """What `addon/config.yaml` says."""
    content: dict[str, Any] = yaml.safe_load((ADDON / "config.yaml").read_text("utf-8"))
    return content


@dataclass
class Supervisor:
    """The Supervisor of a house with this add-on.

    Attributes:
        data: the add-on's `/data`.
        broker: what an add-on registered as the MQTT service; None: there is none.
        answer: status and text instead of the right answer about it.
        page: the port on which the add-on's page listens, for there are several on this machine.
    """

    data: Path
    core: Core = field(default_factory=Core)
    broker: dict[str, Any] | None = None
    answer: tuple[int, str] | None = None
    asked: list[str] = field(default_factory=list)
    port: int = 0
    page: int = field(default_factory=lambda: free_ports(1)[0])

    @property
    def options(self) -> Path:
        return self.data / "options.json"

    @property
    def environment(self) -> dict[str, str]:
        """What the add-on finds in its environment."""
        return {
            "SUPERVISOR_TOKEN": TOKEN,
            "SUPERVISOR_URL": f"http://127.0.0.1:{self.port}",
            "ADDON_OPTIONS": str(self.options),
            "FLUVIUS2MQTT_WEB__PORT": str(self.page),
            "FLUVIUS2MQTT_IMPORT_DIR": str(self.data.parent / "share"),  # this machine has no /share
        }

    def fill_in(self, **filled_in: Any) -> None:
        """The user fills in the add-on's page and starts the add-on.

        Raises:
            NotStartedError: with what the Supervisor says to the user.
        """
        options = validated(manifest()["schema"], merged(manifest()["options"], filled_in), "root")
        self.data.mkdir(exist_ok=True)
        self.options.write_text(json.dumps(options, indent=2, ensure_ascii=False), "utf-8")
        self.options.chmod(0o600)

    @contextmanager
    def open(self) -> Iterator["Supervisor"]:
        with serve(self._talk, "127.0.0.1", self.port, process_request=self._answer) as server:
            self.port = server.socket.getsockname()[1]
            with serving(server):
                yield self

    def _talk(self, connection: ServerConnection) -> None:
        self.core.talk(connection)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.asked.append(request.path)
        if request.path == "/core/websocket":
            return None
        status, text = self.answer or self._about(request)
        return connection.respond(HTTPStatus(status), text)

    def _about(self, request: Request) -> tuple[int, str]:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, "401: Unauthorized"
        if request.path != "/services/mqtt":
            return 404, json.dumps({"result": "error", "message": "Service does not exist"})
        if self.broker is None:
            return 400, json.dumps({"result": "error", "message": "Service not enabled"})
        return 200, json.dumps({"result": "ok", "data": self.broker})


def merged(below: Any, above: Any) -> Any:
    """The manifest's options below what was filled in; lists are replaced."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: merged(below.get(key), value) for key, value in above.items()}


def validated(kind: Any, value: Any, key: str) -> Any:
    """Options as the Supervisor writes them: unknown ones are gone."""
    if isinstance(kind, dict):
        missing = {each for each in kind if not str(kind[each]).endswith("?")} - value.keys()
        if missing:
            raise NotStartedError(f"Missing option '{min(missing)}' in {key}")
        return {each: validated(kind[each], value[each], each) for each in value if each in kind}
    if isinstance(kind, list):
        return [validated(kind[0], each, key) for each in value]
    if value is None:
        raise NotStartedError(f"Missing required option '{key}'")
    return _plain(kind, value, key)


def _plain(kind: str, value: Any, key: str) -> Any:
    found = KIND.fullmatch(kind)
    assert found, kind
    match found["name"] or found["measured"]:
        case "str" | "password":
            fits = isinstance(value, str)
        case "int" | "float" as number:
            value = int(value) if number == "int" else float(value)
            fits = float(found["least"] or "-inf") <= value <= float(found["most"] or "inf")
        case "bool":
            fits = isinstance(value, bool)
        case "port":
            fits = 0 < int(value) < 65536
        case "email":
            fits = re.fullmatch(r"[^@]+@[^@]+\.[^@]+", value) is not None
        case _:
            fits = str(value) in (found["choices"] or "").split("|")
    if not fits:
        raise NotStartedError(f"not a valid value for dictionary value @ data['{key}']")
    return value


def of_the_house(broker: Mosquitto) -> dict[str, Any]:
    """How an add-on registered its broker with the Supervisor."""
    return {
        "addon": "core_mosquitto",
        "host": "127.0.0.1",
        "port": broker.port,
        "ssl": False,
        "username": "addons",
        "password": "made up",
        "protocol": "3.1.1",
    }


def in_the_addon(supervisor: Supervisor, fluvius: Simulator | None = None) -> dict[str, str]:
    address = fluvius.url if fluvius else "http://127.0.0.1:1"  # never the real one
    return supervisor.environment | {"FLUVIUS2MQTT_FLUVIUS__PORTAL__URL": address}
