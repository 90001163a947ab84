"""At debug no command tells a secret: not in its log, its output, its errors, nor on a topic."""

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from bridge.simulator import Simulator
from tests.rig.commands import PASSWORD, run, typed
from tests.rig.core import TOKEN, Core
from tests.rig.mosquitto import Heard, Mosquitto, eventually
from tests.rig.provider import Provider
from tests.rig.supervisor import Supervisor, in_the_addon, of_the_house
from tests.rig.world import GAS, HOME, Clock, World

BROKER_PASSWORD = "a password of the broker"
DATABASE_PASSWORD = "password-of-the-database"
MONTH = f"{datetime.now(UTC) - timedelta(days=9):%Y-%m-%d}"
COMMANDS = [
    ["once"],
    ["check"],
    ["check", "--report", "report.zip", "--yes"],
    ["show"],
    ["show", "--json"],
    ["show", "--costs"],
    ["compare", "--prices", "fluvius2mqtt.yaml"],
    ["export", "--format", "csv"],
    ["export", "--raw", "--fetch"],
    ["token"],
    ["mandate", "list"],
    ["mandate", "request", "--reference", "r", "--flow", "B2C", "--service", "day", "--from", MONTH],
    ["mandate", "mock", "--reference", "r", "--ean", "541440000000000099", "--from", MONTH],
    ["backfill", "--from", MONTH],
    ["healthcheck"],
    ["schema"],
]


class Eavesdropper:
    """What Fluvius is told that nobody else may know."""

    def __init__(self, simulator: Simulator) -> None:
        self.heard: set[str] = set()
        answer: Callable[..., Any] = simulator._honest_answer

        def overheard(request: Any, *about: Any) -> Any:
            fields = ("code", "code_verifier", "refresh_token", "client_assertion", "password")
            self.heard |= {request.form[name] for name in fields if name in request.form}
            self.heard |= set(request.cookies.values())
            for name in ("Authorization", "X-CSRF-TOKEN", "Ocp-Apim-Subscription-Key"):
                self.heard |= {request.headers.get(name, "").removeprefix("Bearer ")}
            return answer(request, *about)

        vars(simulator)["_honest_answer"] = overheard

    def found_in(self, text: str, *more: str) -> list[str]:
        """Secrets in a text: what was heard, and those."""
        assert all(more)
        return sorted(secret for secret in {*self.heard, *more} - {""} if secret in text)


@pytest.fixture
def ears(today: Simulator) -> Eavesdropper:
    return Eavesdropper(today)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker", users={"bridge": BROKER_PASSWORD}) as broker:
        yield broker


@pytest.fixture
def house(tmp_path: Path, today: Simulator, broker: Mosquitto, core: Core) -> World:
    """Both of Fluvius's services, a broker with a password, and Home Assistant."""
    world = World(tmp_path, today, Clock("2000-01-01 00:00"), broker.port)
    Provider(world)
    portal = {"email": world.email, "password": PASSWORD, "url": today.url}
    world.changes["fluvius"]["portal"] = portal
    world.changes |= {
        "mqtt.username": "bridge",
        "mqtt.password": BROKER_PASSWORD,
        "homeassistant.statistics": {"url": core.url, "token": TOKEN},
        "sinks.postgresql.dsn": f"postgresql://bridge:{DATABASE_PASSWORD}@127.0.0.1:1/energy",
        "schedule.lookback_days": 5,
        "log.level": "debug",
    }
    world.meters = [{**HOME, "source": "portal"}, {**GAS, "source": "energy_api"}]
    return world


def configured(world: World) -> list[str]:
    """The secrets in the configuration."""
    api = world.changes["fluvius"]["energy_api"]
    return [
        PASSWORD,
        api["client_secret"],
        api["subscription_key"],
        BROKER_PASSWORD,
        DATABASE_PASSWORD,
        TOKEN,
    ]


def told(world: World, words: list[str], env: Mapping[str, str] = MappingProxyType({})) -> str:
    """All that a command says at debug; what `token` prints is its purpose."""
    file = str(world.write_configuration())
    ended = typed(world.folder, *words, "--verbose", "--config", file, program=None, **env)
    return ended.error if words == ["token"] else ended.out + ended.error


def on(topics: list[Heard]) -> str:
    return "\n".join(f"{message.topic} {message.payload}" for message in topics)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_bridge_that_runs_tells_no_secret(
    house: World, broker: Mosquitto, core: Core, ears: Eavesdropper, form: str
) -> None:
    house.changes["log.format"] = form
    with broker.listen("#") as ear, run(house, "--verbose") as running:
        eventually(lambda: core.imports, 20)
        span = f'{{"from": "{MONTH}"}}'
        for request, wish in {"republish": "", "backfill": span, "refresh": "", "nonsense": span}.items():
            broker.publish(f"fluvius/bridge/request/{request}", wish)
            ear.wait_for(lambda _: any(f"response/{request}" in each.topic for each in ear.messages), 20)  # noqa: B023
        ended, _ = running.terminate()
    assert "signing in" in ended.error
    assert ears.found_in(ended.error + on(ear.messages), *configured(house)) == []
    assert len(ears.heard) > 8


def test_no_command_tells_a_secret(house: World, broker: Mosquitto, core: Core, ears: Eavesdropper) -> None:
    with broker.listen("#") as ear:
        output = "\n".join(told(house, words) for words in COMMANDS)
    assert core.imports
    assert "signing in" in output
    assert "NO  postgresql     connection failed" in output
    assert ears.found_in(output + on(ear.messages), *configured(house)) == []


WRONG = {
    "FLUVIUS2MQTT_FLUVIUS__PORTAL__PASSWORD": "wrong password of the portal",
    "FLUVIUS2MQTT_FLUVIUS__ENERGY_API__CLIENT_SECRET": "wrong secret of the client",
    "FLUVIUS2MQTT_FLUVIUS__ENERGY_API__SUBSCRIPTION_KEY": "wrong key of the subscription",
    "FLUVIUS2MQTT_MQTT__PASSWORD": "wrong password of the broker",
    "FLUVIUS2MQTT_SINKS__POSTGRESQL__DSN": "postgresql://bridge:wrong-password@127.0.0.1:1/energy",
    "FLUVIUS2MQTT_HOMEASSISTANT__STATISTICS__TOKEN": "wrong token of Home Assistant",
}


def from_files(folder: Path, secrets: Mapping[str, str]) -> dict[str, str]:
    """As Docker gives them."""
    for name, secret in secrets.items():
        (folder / name).write_text(secret)
    return {f"{name}_FILE": str(folder / name) for name in secrets}


def without_secrets(world: World) -> None:
    del world.changes["fluvius"]["portal"]["password"], world.changes["mqtt.password"]
    for name in ("client_secret", "subscription_key"):
        del world.changes["fluvius"]["energy_api"][name]
    del world.changes["homeassistant.statistics"]["token"]


def test_no_command_tells_a_secret_from_a_file_that_is_refused(
    house: World, broker: Mosquitto, core: Core, ears: Eavesdropper
) -> None:
    without_secrets(house)
    env = from_files(house.folder, WRONG)
    with broker.listen("#") as ear:
        output = "\n".join(told(house, words, env) for words in COMMANDS)
    assert "does not accept this password" in output
    assert "refuses us" in output
    assert core.sign_ins
    assert ears.found_in(output + on(ear.messages), *WRONG.values(), "wrong-password") == []


def test_neither_a_token_nor_a_key_of_the_users_own_is_told(
    house: World, ears: Eavesdropper, rsa: tuple[Path, bytes]
) -> None:
    key = rsa[0].read_text()
    thumbprint = house.simulator.energy_api.register_certificate(rsa[1])
    api = house.changes["fluvius"]["energy_api"]
    del api["client_secret"]
    api["certificate"] = {"private_key_file": str(rsa[0]), "thumbprint": thumbprint}
    api["environment"] = "production"
    good = house.simulator.sign_in.issue_access_token(house.simulator.now())
    output = ""
    for token in ("a token that was made up", good):
        house.changes["fluvius"]["portal"]["token"] = token
        for words in (["once"], ["check"], ["token"], ["mandate", "list"], ["export", "--raw", "--fetch"]):
            output += told(house, words)
    rsa[0].write_text(key[:600])
    output += told(house, ["check"])
    lines = [line for line in key.splitlines() if len(line) == 64]
    assert len(lines) > 20
    assert ears.found_in(output, *lines, good, "a token that was made up", PASSWORD) == []


@pytest.mark.parametrize("answer", [None, (401, "401: Unauthorized"), (200, "{")])
def test_the_addon_tells_no_secret(
    tmp_path: Path, today: Simulator, ears: Eavesdropper, broker: Mosquitto, answer: Any
) -> None:
    with Supervisor(tmp_path / "data").open() as supervisor:
        supervisor.broker = of_the_house(broker) | {"username": "bridge", "password": BROKER_PASSWORD}
        supervisor.answer = answer
        supervisor.fill_in(
            fluvius={"portal": {"email": today.sign_in.email, "password": PASSWORD}},
            meters=[HOME],
            log={"level": "debug"},
        )
        env = in_the_addon(supervisor, today)
        output = ""
        for words in (["once"], ["check"], ["healthcheck"]):
            ended = typed(supervisor.data, *words, "--verbose", program=None, **env)
            output += ended.out + ended.error
    secrets = [TOKEN, BROKER_PASSWORD, PASSWORD]
    assert ears.found_in(output, *secrets) == []


def test_a_library_says_nothing_but_warnings_whichever_it_is(tmp_path: Path) -> None:
    """Also one that is added later, and one that sets its own level."""
    script = (
        "import logging; from bridge.commands import starting; starting.log_to_terminal('debug')\n"
        "logging.getLogger('later').setLevel(1)\n"
        "for name in ('later', 'later.part', 'bridgehead', 'bridge.here'):\n"
        "    for level in ('debug', 'info', 'warning'):\n"
        "        getattr(logging.getLogger(name), level)(f'{name} {level}')\n"
        "logging.getLogger('urllib3.connection').warning('https://x/?code=secret')\n"
    )
    (tmp_path / "script.py").write_text(script)
    said = typed(tmp_path, program=[sys.executable, "script.py"]).error
    assert [line.split(maxsplit=3)[3] for line in said.splitlines()] == [
        "later warning",
        "later.part warning",
        "bridgehead warning",
        "bridge.here debug",
        "bridge.here info",
        "bridge.here warning",
    ]
