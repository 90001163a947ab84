"""The power cut at any moment: a hundred processes killed with SIGKILL, and nothing is lost or counted twice.

A process that has imported everything already forks one child for each attempt, so that an attempt takes no
longer than a cycle. Two bridges follow the same Fluvius through the same days, each with a folder and a base
topic of its own. One is left in peace. The other is killed again and again at random moments, and only what
is left of each day's work is then done in peace too.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest
import requests  # noqa: F401 - so that no child has to import it

from bridge.config import load
from bridge.folder.claim import claim
from bridge.ledger import Ledger
from bridge.metering.meterday import ONE_DAY, span
from bridge.metering.model import Meter
from bridge.service.bridge import Bridge
from bridge.simulator import Simulator
from tests.rig.chance import often
from tests.rig.mosquitto import Ear, Mosquitto
from tests.rig.world import GAS, HOME, SHED, Clock, World

KILLS = often(20, soak=400)
AT_ONCE = 8  # kills a morning, at most
Amounts = dict[tuple[str, str, str], Decimal]
INSTANTS = {"fetched_at", "last_attempt", "last_success", "started", "next_run", "requests_today"}


class Nursery:
    """Starts processes that work through one cycle, and ends some of them before they are done."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def cycle(self, world: World, kill_after: float | None = None) -> tuple[float, bool]:
        """One `once`; returns how many seconds it lived, and whether it was killed."""
        order = {
            "file": str(world.folder / "fluvius2mqtt.yaml"),
            "now": world.clock().isoformat(),
            "kill_after": kill_after,
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        lived, status = json.loads(self._process.stdout.readline())
        assert status in (0, -signal.SIGKILL), f"a cycle ended with {status}"
        return lived, status != 0


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.whole.test_kill"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Nursery(process)
        assert process.stdin
        process.stdin.close()


@dataclass(frozen=True)
class Reached:
    """How far a killed cycle came."""

    requests: int
    readings: int  # requests for readings
    messages: int  # published


class Witness:
    """Sees how far killed cycles come."""

    def __init__(self, simulator: Simulator, ear: Ear) -> None:
        self.seen: list[Reached] = []
        self._simulator, self._ear = simulator, ear
        self._messages = 0

    def look_away(self) -> None:
        self._simulator.forget_requests()
        self._messages = len(self._ear.messages)

    def look(self) -> None:
        counts = self._simulator.count("all"), self._simulator.count("readings")
        self.seen.append(Reached(*counts, len(self._ear.messages) - self._messages))


def base_of(world: World) -> str:
    return str(world.changes["mqtt.base_topic"])


def said(mosquitto: Mosquitto, world: World) -> dict[str, Any]:
    """All that the broker remembers of a bridge, but for the instants of its attempts."""
    base = base_of(world)
    return {
        topic.removeprefix(base): without_instants(payload)
        for topic, payload in mosquitto.retained(f"{base}/#").items()
    }


def without_instants(payload: str) -> Any:
    try:
        content = json.loads(payload, parse_float=Decimal)
    except ValueError:
        return payload
    return _without_instants(content)


def _without_instants(content: Any) -> Any:
    match content:
        case dict():
            return {key: _without_instants(value) for key, value in content.items() if key not in INSTANTS}
        case list():
            return [_without_instants(value) for value in content]
        case _:
            return content


@pytest.mark.chance
@pytest.mark.timeout(often(240, soak=1200))
def test_kills_change_nothing(
    tmp_path: Path, simulator: Simulator, clock: Clock, mosquitto: Mosquitto, nursery: Nursery
) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    calm, cut = (household(tmp_path / name, simulator, clock, mosquitto) for name in ("calm", "cut"))
    meters = calm.settings.followed
    with mosquitto.listen("calm/#") as heard_calm, mosquitto.listen("cut/#") as heard_cut:
        witness = Witness(simulator, heard_cut)
        while len(witness.seen) < KILLS:
            begin = clock.instant
            morning(nursery, calm, cut, witness, chance)
            assert said(mosquitto, cut) == said(mosquitto, calm)
            assert totals(cut, meters) == totals(calm, meters) == truth(cut, meters)
            clock.instant = begin + ONE_DAY  # never at an hour at which Fluvius publishes
            trouble(simulator, clock(), chance)
        assert streamed(heard_cut) == streamed(heard_calm), "an interval was lost, or made up"
        ids = [json.loads(payload)["id"] for payload in streamed(heard_cut)]
        assert len(ids) == len(set(ids)), "a second copy is not known by its id"
    print("\n".join(map(str, witness.seen)))  # noqa: T201
    assert any(not each.requests for each in witness.seen), "none before the first request"
    assert any(each.readings for each in witness.seen), "none between the answers"
    assert any(each.readings and each.messages > 50 for each in witness.seen), "none while publishing"
    assert len(set(witness.seen)) > KILLS / 4, "the kills came at few moments"


def household(folder: Path, simulator: Simulator, clock: Clock, mosquitto: Mosquitto) -> World:
    world = World(folder, simulator, clock, mosquitto.port)
    world.meters = [HOME, GAS, SHED]
    world.changes = {"mqtt.base_topic": folder.name, "mqtt.client_id": folder.name, "mqtt.stream": True}
    world.data_dir.mkdir(parents=True)
    world.write_configuration()
    return world


def morning(nursery: Nursery, calm: World, cut: World, witness: Witness, chance: random.Random) -> None:
    """The same day for both. A kill in each part of the time that a cycle takes, until one comes too late.

    Or until two in a row may have come during a sign-in: after three the account is left in peace for a day.
    """
    takes, _ = nursery.cycle(calm)
    may_be_unanswered = 0
    for part in chance.sample(range(AT_ONCE), AT_ONCE):
        cut.clock.pass_by(minutes=1)
        witness.look_away()
        if not nursery.cycle(cut, kill_after=takes * (part + chance.random()) / AT_ONCE)[1]:
            break
        witness.look()
        reached = witness.seen[-1]
        may_be_unanswered = 0 if reached.readings else may_be_unanswered + bool(reached.requests)
        if may_be_unanswered == 2:
            break
    cut.clock.pass_by(minutes=1)
    nursery.cycle(cut)


def trouble(simulator: Simulator, now: datetime, chance: random.Random) -> None:
    """What Fluvius does meanwhile: corrections, late days and late intervals."""
    yesterday = now.date() - ONE_DAY
    if chance.random() < 0.5:
        day = yesterday - ONE_DAY * chance.randint(1, 5)
        simulator.correct(HOME["ean"], day, delta_wh=chance.randint(-300, 900), at=now)
    if chance.random() < 0.3:
        simulator.delay(HOME["ean"], yesterday, intervals_until=now + timedelta(hours=22))
    if chance.random() < 0.2:
        simulator.delay(SHED["ean"], yesterday, days_until=now + timedelta(hours=22))


def totals(world: World, meters: Sequence[Meter]) -> list[Amounts]:
    with Ledger(world.data_dir / "ledger.sqlite", stream=True) as ledger:
        known = [ledger.sums.total(meter) for meter in meters]
    return [
        {(each.direction, each.tariff, each.unit): amount for each, amount in total.amounts.items()}
        for total in known
        if total
    ]


def truth(world: World, meters: Sequence[Meter]) -> list[Amounts]:
    """What Fluvius says of the days that are complete."""
    sums: list[Amounts] = []
    for meter in meters:
        sums.append({})
        for day in complete_days(world, meter):
            for register, amount in world.truth(meter.ean, day, day).items():
                sums[-1][register] = sums[-1].get(register, Decimal(0)) + amount
    return sums


def complete_days(world: World, meter: Meter) -> list[date]:
    with Ledger(world.data_dir / "ledger.sqlite", stream=True) as ledger:
        total = ledger.sums.total(meter)
        assert total
        return [
            each.date for each in ledger.days.facts(meter, span(total.since, total.until)) if each.complete
        ]


def streamed(ear: Ear) -> set[str]:
    return {message.payload for message in ear.messages if message.topic.endswith("/reading")}


def _serve() -> None:
    """Start a process for each order, and end it when its time has come."""

    for order in map(json.loads, sys.stdin):
        begin = time.monotonic()
        child = os.fork()
        if child == 0:
            _work_and_exit(order)
        if order["kill_after"] is not None:
            time.sleep(order["kill_after"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        answer = time.monotonic() - begin, os.waitstatus_to_exitcode(status)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _work_and_exit(order: dict[str, Any]) -> NoReturn:
    """What `fluvius2mqtt once` does, on the test's clock and without pauses."""
    status = 1
    try:
        settings, now = load(Path(order["file"]), {}), datetime.fromisoformat(order["now"])
        with (
            claim(settings.data_dir),
            Ledger(settings.data_dir / "ledger.sqlite", stream=settings.mqtt.stream) as ledger,
        ):
            cycle = Bridge(settings, ledger, now=lambda: now, pause=lambda _: None).once()
        status = 1 if cycle.errors else 0
    except BaseException:  # noqa: BLE001 - whatever it is, the parent must not go on twice
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    _serve()
