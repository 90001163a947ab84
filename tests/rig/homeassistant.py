"""A real Home Assistant Core for a test: installed, started, onboarded and asked."""

import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
from websockets.sync.client import connect

from tests.rig.mosquitto import free_ports

START = 300.0  # seconds, at most: the first start may install packages
STOP = 300.0  # seconds, at most: the recorder first writes all that it was given
ANSWER = 30.0  # seconds, at most
TEN_YEARS = 10 * 365  # days
GRID_CONNECTIONS = (2026, 3)  # from this version on, a grid source is one pair of meters
OWNER = {"name": "Owner", "username": "owner", "password": "owner"}
NETWORK_HUNGRY_STEPS = ("analytics", "core_config", "integration")
CONFIGURATION = """\
homeassistant:
  name: Home
  time_zone: {time_zone}
  unit_system: metric
  currency: EUR
  country: BE
  language: en
  latitude: 50.85
  longitude: 4.35
http:
  server_host: 127.0.0.1
  server_port: {port}
recorder:
  db_url: sqlite:///{database}
  commit_interval: 1
frontend:
history:
energy:
automation: !include automations.yaml
logger:
  default: warning
"""


class Refused(Exception):
    """Home Assistant said no; `code` and `text` are its own."""

    def __init__(self, command: str, code: str, text: str) -> None:
        super().__init__(f"{command}: {code}: {text}")
        self.code = code
        self.text = text


@dataclass(frozen=True)
class Known:
    """What outlives a stop: the port and, once onboarded, the long-lived token."""

    port: int
    token: str


class HomeAssistant:
    """A real Home Assistant Core in a folder of its own."""

    def __init__(self, command: Sequence[str], folder: Path, *, time_zone: str = "Europe/Brussels") -> None:
        self.folder = folder.resolve()
        self.log_path = self.folder / "hass.log"
        self._command = list(command)
        self._time_zone = time_zone
        self._process: subprocess.Popen[bytes] | None = None
        self._http = requests.Session()
        self._http.trust_env = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Run until everything is set up; the first time also onboard."""
        assert self._process is None, "it runs already"
        if not self._known_file.exists():
            self._prepare()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, "-c", str(self.folder), "--log-no-color"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            if not self.token:
                self._onboard()
            self._wait(self._runs, START)
            self._confirm_port()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End as on shutdown: the recorder writes what it holds."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP)
            raise AssertionError(f"no end within {STOP} s:\n{self.log()}") from None

    def restart(self) -> None:
        self.stop()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._known.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self._known.port}/api/websocket"

    @property
    def token(self) -> str:
        """A long-lived one of the owner."""
        return self._known.token

    @cached_property
    def version(self) -> str:
        """For example 2026.11.0."""
        return str(self._get("/api/config")["version"])

    def log(self) -> str:
        """Its warnings and errors since the first start."""
        return self.log_path.read_text(errors="replace")

    def ask(self, type: str, **fields: Any) -> Any:  # noqa: A002 - Home Assistant's own name
        """The result of one WebSocket command."""
        return self.ask_in_a_row({"type": type, **fields})[0]

    def ask_in_a_row(self, *commands: Mapping[str, Any]) -> list[Any]:
        """The results of WebSocket commands over one connection, each sent after the previous answer."""
        return list(_conversation(self.websocket_url, self.token, commands))

    def states(self) -> dict[str, dict[str, Any]]:
        """All states, by entity id."""
        return {state["entity_id"]: state for state in self.ask("get_states")}

    def entities(self) -> dict[str, dict[str, Any]]:
        """The entity registry, by entity id."""
        return {entity["entity_id"]: entity for entity in self.ask("config/entity_registry/list")}

    def devices(self) -> list[dict[str, Any]]:
        """The device registry."""
        devices: list[dict[str, Any]] = self.ask("config/device_registry/list")
        return devices

    def press(self, entity_id: str) -> None:
        self.ask("call_service", domain="button", service="press", target={"entity_id": entity_id})

    def fill_in(self, entity_id: str, text: str) -> None:
        target = {"entity_id": entity_id}
        self.ask(
            "call_service", domain="text", service="set_value", target=target, service_data={"value": text}
        )

    def dismiss(self, notification: str) -> None:
        wanted = {"notification_id": notification}
        self.ask("call_service", domain="persistent_notification", service="dismiss", service_data=wanted)

    def ignore_repairs(self) -> None:
        """Show none of what it wants repaired."""
        for each in self.ask("repairs/list_issues")["issues"]:
            wanted = {"domain": each["domain"], "issue_id": each["issue_id"], "ignore": True}
            self.ask("repairs/ignore_issue", **wanted)

    def automate(self, name: str, blueprint: str, inputs: Mapping[str, Any]) -> None:
        """Make an automation from a blueprint, and wait until it is on."""
        self._post(
            f"/api/config/automation/config/{name}",
            json={
                "alias": name,
                "trace": {"stored_traces": 100},
                "use_blueprint": {"path": blueprint, "input": {**inputs}},
            },
        )
        self._wait(lambda: self.states().get(f"automation.{name}", {}).get("state") == "on", ANSWER)

    def automate_no_more(self, name: str) -> None:
        path = f"{self.url}/api/config/automation/config/{name}"
        _json(self._http.delete(path, headers=self._signed, timeout=ANSWER))

    def runs(self, automation: str) -> list[str]:
        """How the runs of an automation ended, the first one first."""
        traces = self.ask("trace/list", domain="automation", item_id=automation)
        by_start = sorted(traces, key=lambda each: each["timestamp"]["start"])
        return [each["script_execution"] for each in by_start if each["state"] == "stopped"]

    def rendered(self, template: str, variables: Mapping[str, Any]) -> str:
        """What a template says."""
        wanted = {"template": template, "variables": variables}
        answer = self._http.post(
            f"{self.url}/api/template", json=wanted, headers=self._signed, timeout=ANSWER
        )
        answer.raise_for_status()
        return answer.text

    def statistics(
        self,
        ids: Sequence[str],
        start: datetime,
        end: datetime | None = None,
        period: str = "hour",
        types: Sequence[str] = ("state", "sum", "change"),
    ) -> dict[str, list[dict[str, Any]]]:
        """Rows by statistic id; `start` and `end` of a row are milliseconds since 1970."""
        until = {} if end is None else {"end_time": end.isoformat()}
        rows: dict[str, list[dict[str, Any]]] = self.ask(
            "recorder/statistics_during_period",
            statistic_ids=list(ids),
            start_time=start.isoformat(),
            period=period,
            types=list(types),
            **until,
        )
        return rows

    def add_mqtt(self, port: int, discovery_prefix: str = "homeassistant") -> None:
        """Connect to a broker on this machine, by the dialogues that a user would go through."""
        added = self._dialogue("/api/config/config_entries/flow", "mqtt", broker="127.0.0.1", port=port)
        entry = added["result"]["entry_id"]
        if discovery_prefix != "homeassistant":
            self._dialogue(
                "/api/config/config_entries/options/flow", entry, discovery_prefix=discovery_prefix
            )
        self._wait(lambda: self._entry_state(entry) == "loaded", ANSWER)

    def browser_storage(self) -> dict[str, str]:
        """What a browser at `url` needs in its localStorage to be signed in."""
        lasts = TEN_YEARS * 24 * 3600
        tokens = {
            "access_token": self.token,
            "token_type": "Bearer",
            "refresh_token": "",
            "expires_in": lasts,
            "expires": int((time.time() + lasts) * 1000),
            "hassUrl": self.url,
            "clientId": f"{self.url}/",
        }
        return {"hassTokens": json.dumps(tokens)}

    @property
    def _known_file(self) -> Path:
        return self.folder / "known.json"

    @property
    def _known(self) -> Known:
        return Known(**json.loads(self._known_file.read_text()))

    def _remember(self, known: Known) -> None:
        self._known_file.write_text(json.dumps(vars(known)))

    def _prepare(self) -> None:
        """Write a configuration, and skip those steps of onboarding that load things from the internet."""
        storage = self.folder / ".storage"
        storage.mkdir(parents=True)
        [port] = free_ports(1)
        onboarded = {"version": 4, "key": "onboarding", "data": {"done": list(NETWORK_HUNGRY_STEPS)}}
        (storage / "onboarding").write_text(json.dumps(onboarded))
        (self.folder / "configuration.yaml").write_text(
            CONFIGURATION.format(
                time_zone=self._time_zone, port=port, database=self.folder / "home-assistant_v2.db"
            )
        )
        (self.folder / "automations.yaml").write_text("[]")
        self._remember(Known(port, token=""))

    def _onboard(self) -> None:
        """Make the owner, and a token for this class."""
        client = {"client_id": f"{self.url}/"}
        self._wait(lambda: self._answers("/api/onboarding"), START)
        user = self._post("/api/onboarding/users", json={**OWNER, **client, "language": "en"})
        grant = {"grant_type": "authorization_code", "code": user["auth_code"]}
        short_lived = self._post("/auth/token", data={**grant, **client})["access_token"]
        wish = {"type": "auth/long_lived_access_token", "client_name": "tests", "lifespan": TEN_YEARS}
        [token] = _conversation(self.websocket_url, short_lived, [wish])
        self._remember(Known(self._known.port, token))

    def _confirm_port(self) -> None:
        """Or else Home Assistant from 2026 on returns to port 8123 after five minutes."""
        try:
            on_trial = self.ask("http/config")["pending"] is not None
        except Refused as refused:
            if refused.code != "unknown_command":
                raise
        else:
            if on_trial:
                self.ask("http/config/promote")

    def _dialogue(self, path: str, handler: str, **answers: Any) -> dict[str, Any]:
        """A flow of one form, left as it is where nothing else is said."""
        form = self._post(path, json={"handler": handler})
        assert form["type"] == "form", form
        given = {**_untouched(form["data_schema"]), **answers}
        end: dict[str, Any] = self._post(f"{path}/{form['flow_id']}", json=given)
        assert end["type"] == "create_entry", end
        return end

    def _entry_state(self, entry: str) -> object:
        return self.ask("config_entries/get_single", entry_id=entry)["config_entry"]["state"]

    def _runs(self) -> bool:
        return self._answers("/api/config") and self._get("/api/config")["state"] == "RUNNING"

    def _answers(self, path: str) -> bool:
        try:
            return self._http.get(self.url + path, headers=self._signed, timeout=ANSWER).ok
        except requests.ConnectionError:
            return False

    def _get(self, path: str) -> Any:
        answer = self._http.get(self.url + path, headers=self._signed, timeout=ANSWER)
        return _json(answer)

    def _post(self, path: str, **body: Any) -> Any:
        return _json(self._http.post(self.url + path, headers=self._signed, timeout=ANSWER, **body))

    @property
    def _signed(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _wait(self, condition: Callable[[], object], within: float) -> None:
        """Wait until something holds, at most so many seconds, and not for a Home Assistant that ended."""
        deadline = time.monotonic() + within
        while not condition():
            assert self._process is not None, "it does not run"
            assert self._process.poll() is None, f"Home Assistant ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"still not so after {within} s:\n{self.log()}"
            time.sleep(0.1)


def has_grid_connections(ha_version: str) -> bool:
    """Whether its Energy dashboard asks for import and export together."""
    year, month = (int(part) for part in ha_version.split(".")[:2])
    return (year, month) >= GRID_CONNECTIONS


def energy_preferences(
    ha_version: str,
    consumption: Sequence[str],
    injection: Sequence[str],
    gas: Sequence[str],
    costs: Mapping[str, str],
) -> dict[str, Any]:
    """What `energy/save_prefs` takes.

    Args:
        ha_version: for example 2026.11.0.
        consumption: ids of statistics in kWh.
        injection: likewise.
        gas: ids of statistics in kWh or m³.
        costs: of these ids, the statistics of what it cost, or brought, where there are any.
    """
    grid = _paired_grid if has_grid_connections(ha_version) else _listed_grid
    return {
        "energy_sources": [
            *grid(consumption, injection, costs),
            *(
                {"type": "gas", "stat_energy_from": statistic, "stat_cost": costs.get(statistic)}
                for statistic in gas
            ),
        ],
        "device_consumption": [],
    }


def install(
    python: str, folder: Path, version: str | None = None, *, inside: Sequence[str] = ()
) -> list[str]:
    """Make a virtual environment with Home Assistant, unless it is there, and say how to run it.

    Without a version, it is the newest that this Python takes. What else Home Assistant wants, it
    installs itself, at a start made for that. `inside` comes before every command: a chroot, for example,
    that has the folder at the same path.
    """
    hass = [*inside, str(folder / "bin" / "hass")]
    done = folder / "installed"
    wanted = "homeassistant" if version is None else f"homeassistant=={version}"
    if not done.exists() or done.read_text() != wanted:
        subprocess.run([*inside, python, "-m", "venv", str(folder)], check=True)
        here = str(folder / "bin" / "python")
        subprocess.run([*inside, here, "-m", "pip", "install", "--quiet", "uv"], check=True)
        subprocess.run(
            [*inside, here, "-m", "uv", "pip", "install", "--quiet", "--python", here, wanted], check=True
        )
        shutil.rmtree(folder / "trial", ignore_errors=True)
        with HomeAssistant(hass, folder / "trial"):
            done.write_text(wanted)
    return hass


def _conversation(url: str, token: str, commands: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    with connect(url, max_size=None, proxy=None, open_timeout=ANSWER) as socket:

        def hear() -> dict[str, Any]:
            answer: dict[str, Any] = json.loads(socket.recv(ANSWER))
            return answer

        assert hear()["type"] == "auth_required"
        socket.send(json.dumps({"type": "auth", "access_token": token}))
        assert hear()["type"] == "auth_ok"
        for number, command in enumerate(commands, 1):
            socket.send(json.dumps({"id": number, **command}))
            answer = hear()
            if not answer["success"]:
                error = answer["error"]
                raise Refused(str(command["type"]), error["code"], error["message"])
            yield answer["result"]


def _untouched(form: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What Home Assistant's own pages send for a form in which nobody typed."""
    filled = {}
    for field in form:
        match field:
            case {"name": name, "default": value}:
                filled[name] = value
            case {"name": name, "schema": section}:
                filled[name] = _untouched(section)
            case {"name": name, "required": True, "selector": {"boolean": _}}:
                filled[name] = False
            case {"name": name, "required": True, "selector": {"select": {"options": [str(first), *_]}}}:
                filled[name] = first
    return filled


def _json(answer: requests.Response) -> Any:
    if not answer.ok:
        raise Refused(answer.request.path_url, str(answer.status_code), answer.text)
    return answer.json()


def _listed_grid(
    consumption: Sequence[str], injection: Sequence[str], costs: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Home Assistant before 2026.3: one grid with lists of meters."""
    if not consumption and not injection:
        return []
    return [
        {
            "type": "grid",
            "flow_from": [
                _with_price({"stat_energy_from": statistic, "stat_cost": costs.get(statistic)})
                for statistic in consumption
            ],
            "flow_to": [
                _with_price({"stat_energy_to": statistic, "stat_compensation": costs.get(statistic)})
                for statistic in injection
            ],
            "cost_adjustment_day": 0,
        }
    ]


def _with_price(flow: dict[str, Any]) -> dict[str, Any]:
    return {**flow, "entity_energy_price": None, "number_energy_price": None}


def _paired_grid(
    consumption: Sequence[str], injection: Sequence[str], costs: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Home Assistant from 2026.3 on: a grid for each pair of meters, of which one may miss."""
    return [
        {
            "type": "grid",
            "stat_energy_from": taken,
            "stat_energy_to": given,
            "stat_cost": costs.get(taken),
            "stat_compensation": costs.get(given),
            "cost_adjustment_day": 0,
        }
        for taken, given in itertools.zip_longest(consumption, injection)
    ]
