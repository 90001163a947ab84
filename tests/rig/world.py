"""A simulated Fluvius, a real broker, and the bridge between them, on one clock that a test moves."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from bridge.config import Settings, load
from bridge.fetching import cycle
from bridge.fetching.due import Occasion
from bridge.ledger import Ledger
from bridge.metering.model import BRUSSELS, Meter
from bridge.service.bridge import Bridge
from bridge.simulator import Simulator
from tests.rig.mosquitto import Heard, Mosquitto
from tests.rig.truth import Truth

HOME = {"name": "home", "ean": "541448820000000008", "serial": "1SAG1100042062"}
GAS = {"name": "gas", "ean": "541448820000000015", "serial": "7FLO2100042062", "energy": "gas"}
SHED = {"name": "shed", "ean": "541448820000000022", "serial": "1SAG1100042063"}


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, local: str) -> None:
        self.instant = self.move_to(local)

    def __call__(self) -> datetime:
        return self.instant

    def move_to(self, local: str) -> datetime:
        self.instant = datetime.fromisoformat(local).replace(tzinfo=BRUSSELS).astimezone(UTC)
        return self.instant

    def pass_by(self, **duration: float) -> None:
        self.instant += timedelta(**duration)


class World:
    """Everything that a household has, on one desk."""

    def __init__(self, folder: Path, simulator: Simulator, clock: Clock, broker_port: int) -> None:
        self.folder, self.simulator, self.clock, self.broker_port = folder, simulator, clock, broker_port
        self.meters: list[dict[str, str]] = [HOME]
        self.email, self.password = "you@example.com", "simulated"
        self.changes: dict[str, Any] = {}
        self.greeting = 10.0  # seconds that `once` waits for the broker
        self._settings: tuple[str, Settings] | None = None  # as they were written, for speed
        self._writing = threading.Lock()  # a page's requests look at the settings too

    @property
    def data_dir(self) -> Path:
        return Path(self.changes.get("data_dir", self.folder / "data"))

    def write_configuration(self) -> Path:
        portal = {"email": self.email, "password": self.password, "url": self.simulator.url}
        tree = {
            "mqtt": {"host": "127.0.0.1", "port": self.broker_port},
            "fluvius": {"portal": portal},
            "meters": self.meters,
            "data_dir": str(self.data_dir),
        }
        for path, value in self.changes.items():
            *above, key = path.split(".")
            place: Any = tree
            for name in above:
                place = place.setdefault(name, {})
            place[key] = value
        file = self.folder / "fluvius2mqtt.yaml"
        file.write_text(yaml.safe_dump(tree), "utf-8")
        file.chmod(0o600)
        return file

    @property
    def settings(self) -> Settings:
        portal = self.simulator.url, self.email, self.password
        written = repr((portal, self.broker_port, self.meters, self.changes))
        with self._writing:
            if self._settings is None or self._settings[0] != written:
                self._settings = written, load(self.write_configuration(), {})
            return self._settings[1]

    def meter(self, name: str = "home") -> Meter:
        return next(meter for meter in self.settings.followed if meter.name == name)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        self.data_dir.mkdir(exist_ok=True)
        with Ledger(self.data_dir / "ledger.sqlite", stream=self.settings.mqtt.stream) as ledger:
            yield ledger

    def once(self) -> cycle.Cycle:
        """What `fluvius2mqtt once` does."""
        with self.ledger() as ledger:
            bridge = Bridge(self.settings, ledger, now=self.clock, pause=lambda _: None)
            return bridge.once(greeting=self.greeting)

    @contextmanager
    def running(self, **options: Any) -> Iterator[Bridge]:
        """What `fluvius2mqtt run` does, in a thread, until the end of the block."""
        options = {"now": self.clock, "pause": lambda _: None, **options}
        with self.ledger() as ledger:
            bridge = Bridge(self.settings, ledger, **options)
            pauses = bridge._broker._connection.pauses
            pauses.shortest, pauses.longest = 0.05, 0.2
            failures: list[BaseException] = []
            thread = threading.Thread(target=_heeding(bridge.run, failures), name="bridge")
            thread.start()
            try:
                yield bridge
            finally:
                bridge.stop()
                thread.join(5)
                assert not failures, f"the bridge ended by itself: {failures}"
            assert not thread.is_alive(), "the bridge does not stop"

    def fetch(self, occasion: Occasion = Occasion.SCHEDULE) -> cycle.Cycle:
        """A cycle without a broker."""
        with self.at_work() as (_, fetcher):
            return fetcher.fetch(occasion)

    @contextmanager
    def at_work(self) -> Iterator[tuple[Ledger, cycle.Fetcher]]:
        """A ledger and its fetcher that stay open, for many cycles without a broker."""
        with self.ledger() as ledger:
            yield (
                ledger,
                cycle.Fetcher(
                    self.settings, ledger, self.clock, pause=lambda _: None, between=lambda _: None
                ),
            )

    def asked(self, group: str = "all") -> int:
        """How many requests Fluvius has had since the last time this was asked for everything."""
        return self.simulator.count(group)

    def total(self, name: str = "home") -> dict[tuple[str, str, str], Decimal]:
        """The running totals in the ledger, by direction, tariff and unit."""
        with self.ledger() as ledger:
            total = ledger.sums.total(self.meter(name))
        return {
            (register.direction, register.tariff, register.unit): amount
            for register, amount in (total.amounts if total else {}).items()
        }

    def truth(self, ean: str, first: date, last: date) -> dict[tuple[str, str, str], Decimal]:
        """The simulator's own sums, in the same words."""
        tariffs, directions = {0: "total", 1: "high", 2: "low"}, {1: "consumption", 2: "injection"}
        units = {3: "kWh", 5: "m³"}
        return {
            (directions[t], tariffs[dc], units[u]): amount
            for (t, dc, u), amount in self.simulator.total_amounts(ean, first, last).items()
        }

    def invented(self, messages: Iterable[Heard] = ()) -> list[str]:
        """Amounts among the messages, or in the ledger, that the simulated meters did not count."""
        base = self.settings.mqtt.base_topic
        truth = Truth(
            self.simulator, {meter.name: (meter.ean, meter.energy) for meter in self.settings.followed}
        )
        payloads = [(message.topic.removeprefix(f"{base}/"), message.payload) for message in messages]
        return [*truth.unlike(payloads), *truth.unlike_rows(self.data_dir / "ledger.sqlite")]


def _heeding(work: Callable[[], None], failures: list[BaseException]) -> Callable[[], None]:
    def heeded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test tells it
            failures.append(error)

    return heeded


def says(retained: dict[str, str], topic: str) -> Any:
    """A retained JSON payload, numbers exact."""
    return json.loads(retained[topic], parse_float=Decimal)


__all__ = ["GAS", "HOME", "SHED", "Clock", "Mosquitto", "World", "says"]
