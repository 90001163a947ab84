"""Every fault that the simulator knows: nothing crashes, nothing is invented, everything comes in the end."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from bridge.fetching.due import Occasion
from bridge.fluvius import http
from bridge.simulator.faults.answers import DATES
from bridge.simulator.faults.slots import ODD
from bridge.simulator.faults.table import FAULTS
from tests.rig.mosquitto import Ear, Heard, Mosquitto
from tests.rig.world import GAS, HOME, World, says

LOOKBACK = 5  # days
CATALOG = {name: fault for name, fault in FAULTS.items() if not name.startswith(("api-", "prices-"))}


@dataclass(frozen=True)
class Expected:
    """What a fault does to a household of an electricity and a gas meter.

    Args:
        source: the state of the portal while it lasts.
        words: all of them stand in `health` or in the meters' `status`.
        complete: every day comes in spite of it.
        parameters: the fault's.
    """

    source: str = "ok"
    words: tuple[str, ...] = ()
    complete: bool | str = False  # "fresh": only where nothing was known before
    parameters: dict[str, Any] = field(default_factory=dict)


HARMLESS = Expected(complete=True)
NOT_UNDERSTOOD = Expected("unreachable", ("changed how it writes readings", "newer version"))
NO_LIST = Expected("unreachable", ("something other than a list",))

EXPECTED: dict[str, list[Expected]] = {
    "wrong-password": [Expected("refused", ("does not accept this password", "fluvius.portal.password"))],
    "unknown-user": [Expected("refused", ("no account", "fluvius.portal.email"))],
    "account-locked": [Expected("refused", ("locked", "browser"))],
    "extra-step": [Expected("refused", ("one more step", "browser", "fluvius2mqtt check"))],
    "redirect-error": [
        Expected("refused", ("cancelled the sign-in", "browser")),
        Expected("unreachable", ("busy",), parameters={"error": "server_error", "description": "busy"}),
    ],
    "wrong-state": [Expected("unreachable", ("the state differs",))],
    "wrong-nonce": [Expected("unreachable", ("the nonce differs",))],
    "expired-token": [Expected("unreachable", ("token that it has just given",))],
    "refresh-refused": [HARMLESS],
    "renamed-login-fields": [HARMLESS],
    "unauthorized": [HARMLESS],
    "too-many-requests": [Expected("waiting", ("fewer requests",))],
    "too-many-requests-date": [Expected("waiting", ("fewer requests",))],
    "bad-request": [Expected("unreachable", ("HTTP 400", "newer version"))],
    "forbidden": [Expected(words=("does not know meter", HOME["ean"], HOME["serial"]))],
    "not-found": [Expected(words=("does not know meter", GAS["ean"], GAS["serial"]))],
    "server-error": [Expected("unreachable", ("an error of its own", "HTTP 500"))],
    "bad-gateway": [Expected("unreachable", ("an error of its own", "HTTP 502"))],
    "unavailable": [
        Expected("unreachable", ("an error of its own",)),
        Expected("waiting", ("an error of its own",), parameters={"retry_after": 3600}),
    ],
    "maintenance": [Expected("unreachable", ("maintenance",))],
    "stall": [Expected("unreachable", ("does not answer in time",))],
    "cut": [Expected("unreachable", ("cut the connection",))],
    "replace": [
        Expected(),
        Expected("unreachable", ("not JSON",), parameters={"body": b"[" * 100_000}),
        Expected("unreachable", ("not accept our request",), parameters={"status": 302}),
    ],
    "missing-amounts": [Expected()],
    "null-amounts": [Expected()],
    "not-validated": [HARMLESS],
    "impossible-amounts": [Expected(words=("could not be understood",))],
    "disagreeing-intervals": [Expected(words=("do not add up to the day's amount", "asked for them again"))],
    "uncorrected-intervals": [HARMLESS],
    "overlapping-months": [HARMLESS],
    "renamed-fields": [NOT_UNDERSTOOD],
    "odd-json": [
        Expected("unreachable", ("Fluvius",), parameters={"variant": "each"}),
        *(
            Expected(expected.source, expected.words, expected.complete, {"variant": variant})
            for variant, expected in {
                "object": NO_LIST,
                "text-amounts": NOT_UNDERSTOOD,
                "unknown-codes": NOT_UNDERSTOOD,
                "extra-fields": HARMLESS,
                "null": NO_LIST,
                "nulls": NOT_UNDERSTOOD,
                "values-no-list": NOT_UNDERSTOOD,
                "times-no-times": NOT_UNDERSTOOD,
            }.items()
        ),
    ],
    "duplicate-slots": [HARMLESS],
    "shuffled-slots": [HARMLESS],
    "overlapping-slots": [HARMLESS],
    "granularity-changed": [HARMLESS],
    "hours-for-quarters": [Expected(words=("asked for intervals", "slots of 1:00:00"), complete="fresh")],
    "late-day": [Expected()],
    "late-intervals": [Expected(), Expected(parameters={"partial": True})],
    "correction-up": [Expected(complete=True, parameters={"date": "2026-11-18"})],
    "correction-down": [Expected(complete=True, parameters={"date": "2026-11-18"})],
    "exchange": [Expected()],
    "provisional-gas": [Expected(complete=True)],
    "odd-date": [Expected(complete=True, parameters={"variant": variant}) for variant in DATES],
}
# which only the day beside them tells from the truth, and of old days nobody waits to be told another one
LIES = {"disagreeing-intervals"}
# what differs when there is a ledger and a token already
TELLING_LATER = {
    *("wrong-password", "expired-token", "unauthorized", "too-many-requests", "cut", "replace"),
    *("missing-amounts", "null-amounts", "not-validated", "overlapping-slots", "granularity-changed"),
    *("hours-for-quarters", "late-day", "late-intervals", "impossible-amounts"),
}
CASES = [
    pytest.param(name, expected, fresh, id=f"{name}-{number}-{'fresh' if fresh else 'known'}")
    for name, cases in EXPECTED.items()
    for number, expected in enumerate(cases)
    for fresh in (
        [False] if name in LIES else [True, False] if number == 0 and name in TELLING_LATER else [True]
    )
]
assert {case.parameters.get("variant") for case in EXPECTED["odd-json"]} == {"each", *ODD}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """One for all: each test has a base topic of its own."""
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as mosquitto:
        yield mosquitto


@dataclass
class Household:
    """A bridge whose every word is heard."""

    world: World
    broker: Mosquitto
    ear: Ear
    base: str

    def run(self) -> dict[str, str]:
        """One cycle; returns what the broker then remembers, without the base topic."""
        self.world.once()
        retained = self.broker.retained(f"{self.base}/#")
        return {topic.removeprefix(f"{self.base}/"): payload for topic, payload in retained.items()}

    def until_nothing_is_awaited(self) -> dict[str, str]:
        """What the broker remembers in the end. Refused credentials wait for someone to ask."""
        if says(self.run(), "bridge/health")["portal"]["state"] == "refused":
            self.world.fetch(Occasion.ASKED)
        for _ in range(10):
            retained = self.run()
            healthy = says(retained, "bridge/health")["portal"]["state"] == "ok"
            if healthy and not awaited(retained) and "home/intervals" in retained:
                return retained
            self.world.clock.pass_by(hours=3)
        told = [retained[topic] for topic in ("bridge/health", "home/status", "gas/status")]
        raise AssertionError(f"after 30 hours: {told}")


def awaited(retained: dict[str, str], *names: str) -> list[str]:
    return [
        day for name in names or ("home", "gas") for day in says(retained, f"{name}/status")["days_awaited"]
    ]


@pytest.fixture
def household(desk: World, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Household]:
    monkeypatch.setattr(http, "_SILENCE_SECONDS", 1.0)
    world = World(desk.folder, desk.simulator, desk.clock, broker.port)
    world.meters = [HOME, GAS]
    base = f"fluvius-{desk.simulator.port}-{desk.folder.name}"
    world.changes = {"schedule.lookback_days": LOOKBACK, "mqtt.base_topic": base}
    with broker.listen(f"{base}/#") as ear:
        yield Household(world, broker, ear, base)


def test_every_fault_of_the_catalog_is_expected() -> None:
    assert EXPECTED.keys() == CATALOG.keys()


@pytest.mark.parametrize(("name", "expected", "fresh"), CASES)
def test_a_fault_invents_nothing_says_what_is_wrong_and_loses_nothing(
    household: Household, name: str, expected: Expected, fresh: bool
) -> None:
    world = household.world
    world.changes["mqtt.stream"] = CATALOG[name].slots is not None
    if not fresh or CATALOG[name].event:
        household.run()
        world.clock.pass_by(days=1)
        world.simulator.sign_in.forget_tokens()
    assert world.invented(household.ear.messages) == []
    household.ear.messages.clear()
    world.simulator.fault(name, **expected.parameters)

    retained = household.run()
    # an event makes old what is published before Fluvius is asked
    invented = world.invented([] if CATALOG[name].event else household.ear.messages)
    assert [each for each in invented if name not in LIES or not each.startswith("ledger")] == []
    assert_says(retained, expected)
    complete = expected.complete if isinstance(expected.complete, bool) else fresh
    assert (awaited(retained) == []) == complete

    world.simulator.clear()
    if name == "exchange":
        household.run()
        world.meters = [{**HOME, "serial": "1SAG1100999999"}, GAS]
    retained = household.until_nothing_is_awaited()
    assert_complete_and_true(household, retained)


def assert_says(retained: dict[str, str], expected: Expected) -> None:
    health = says(retained, "bridge/health")["portal"]
    assert health["state"] == expected.source
    told = "".join(retained[topic] for topic in ("bridge/health", "home/status", "gas/status"))
    assert [word for word in expected.words if word not in told] == []


def assert_complete_and_true(household: Household, retained: dict[str, str]) -> None:
    world = household.world
    for meter in (HOME, GAS):
        name, latest = meter["name"], world.simulator.latest_day(meter["ean"])
        total = says(retained, f"{name}/total")
        first, last = (date.fromisoformat(total[key]) for key in ("since", "until"))
        assert last == latest
        assert total["days"] == (last - first).days + 1 >= LOOKBACK
        assert retained[f"{name}/day/date"] == latest.isoformat()
        assert world.total(name) == world.truth(meter["ean"], first, last)
        status = says(retained, f"{name}/status")
        assert (status["error"], status["advice"]) == (None, None)
        assert len(says(retained, f"{name}/intervals")["intervals"]) == (96 if meter is HOME else 24)
    messages = [
        Heard(f"{household.base}/{topic}", payload, retain=True) for topic, payload in retained.items()
    ]
    assert world.invented(messages) == []


def test_a_fault_of_one_meter_does_not_keep_the_other_from_being_read(household: Household) -> None:
    household.world.simulator.fault("not-found", ean=HOME["ean"])
    retained = household.run()
    assert awaited(retained, "gas") == []
    assert len(awaited(retained, "home")) == LOOKBACK
    assert "does not know meter" in says(retained, "home/status")["error"]
    assert says(retained, "gas/status")["error"] is None


def test_a_stalled_answer_costs_one_request_and_ends_the_cycle(household: Household) -> None:
    household.world.simulator.fault("stall", after=2)
    cycle = household.world.once()
    assert "does not answer in time" in str(cycle.errors[0])
    assert household.world.simulator.count("readings") == 3


@pytest.mark.parametrize("seed", range(4))
def test_faults_that_come_and_go_leave_the_truth(household: Household, seed: int) -> None:
    """A week in which every run meets two faults at once."""
    chance = Random(seed)
    world = household.world
    names = [name for name, fault in CATALOG.items() if not fault.event and name not in {"stall", *LIES}]
    for _ in range(7):
        for name in chance.sample(names, 2):
            world.simulator.fault(name, times=chance.randint(1, 5), after=chance.randint(0, 6))
        world.fetch(chance.choice(list(Occasion)))
        assert world.invented() == []
        world.simulator.clear()
        world.clock.instant += timedelta(hours=chance.randint(1, 6))
    world.clock.pass_by(days=1)
    assert_complete_and_true(household, household.until_nothing_is_awaited())
