"""What someone may ask of a running bridge, over MQTT."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.ledger import LedgerError
from bridge.ledger.days import Days
from bridge.ledger.jobs import Jobs
from bridge.ledger.outbox import Outbox
from bridge.metering.model import Backfill
from bridge.mqtt import Command
from bridge.service.backfills import Backfills
from bridge.service.bridge import Bridge
from tests.rig.mosquitto import Ear, Heard, Mosquitto, eventually
from tests.rig.requests import REQUEST, RESPONSE, ask, at_rest
from tests.rig.world import GAS, HOME, World, says

pytestmark = pytest.mark.usefixtures("_quick")


def test_a_refresh_asks_fluvius_and_says_what_came_of_it(home: World, mosquitto: Mosquitto) -> None:
    with at_rest(home, mosquitto):
        (answer,) = ask(mosquitto, "refresh", '{"transaction": "kitchen-7"}')
        assert answer == {
            "status": "ok",
            "data": {"requests": 1, "new_days": {}},
            "transaction": "kitchen-7",
        }
        assert home.simulator.count() == 1
        home.clock.pass_by(days=1)
        (answer,) = ask(mosquitto, "refresh")
        assert answer["data"]["new_days"] == {"home": ["2026-11-21"]}
        assert "transaction" not in answer
        assert mosquitto.retained()["fluvius/home/day/date"] == "2026-11-21"


def test_a_second_refresh_within_five_minutes_is_refused(home: World, mosquitto: Mosquitto) -> None:
    with at_rest(home, mosquitto):
        ask(mosquitto, "refresh")
        home.clock.pass_by(minutes=4, seconds=50)
        (answer,) = ask(mosquitto, "refresh", '{"transaction": 2}')
        assert answer["status"] == "error"
        assert "once in five minutes" in answer["error"]
        assert answer["transaction"] == 2
        assert home.simulator.count("readings") == 1
        home.clock.pass_by(seconds=15)
        (answer,) = ask(mosquitto, "refresh")
        assert answer["status"] == "ok"
        assert home.simulator.count("readings") == 2


def test_a_request_that_is_one_too_many_is_ignored_and_said_in_the_log(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bridge.service.inbox._WAITING_COMMANDS", 0)
    with at_rest(home, mosquitto):
        mosquitto.publish(f"{REQUEST}/refresh", "")
        eventually(lambda: "Ignored a request on MQTT to refresh: too much is asked for" in caplog.text)


def test_a_refresh_that_fails_says_why(home: World, mosquitto: Mosquitto) -> None:
    with at_rest(home, mosquitto):
        home.simulator.fault("server-error")
        (answer,) = ask(mosquitto, "refresh", '{"transaction": "x"}')
        assert (answer["status"], answer["transaction"]) == ("error", "x")
        assert "HTTP 500" in answer["error"]


def test_a_refresh_before_fluvius_may_be_asked_again_does_not_say_that_it_was(
    home: World, mosquitto: Mosquitto
) -> None:
    with at_rest(home, mosquitto):
        home.simulator.fault("too-many-requests", retry_after=7200)
        ask(mosquitto, "refresh")
        home.clock.pass_by(minutes=10)
        home.simulator.forget_requests()
        (answer,) = ask(mosquitto, "refresh")
        assert home.simulator.count() == 0
        assert answer["status"] == "error"
        assert "not asked" in answer["error"] or "again" in answer["error"]


def test_a_refresh_tries_refused_credentials_once_more(home: World, mosquitto: Mosquitto) -> None:
    home.simulator.fault("extra-step", times=1)
    with home.running():
        eventually(lambda: "refused" in mosquitto.retained().get("fluvius/bridge/health", ""))
        home.clock.pass_by(minutes=6)
        (answer,) = ask(mosquitto, "refresh")
        assert answer["status"] == "ok"
        assert '"ok"' in mosquitto.retained()["fluvius/bridge/health"]


def test_republish_publishes_everything_and_asks_nothing(home: World, mosquitto: Mosquitto) -> None:
    with at_rest(home, mosquitto):
        before = {t: p for t, p in mosquitto.retained("fluvius/home/#").items() if "status" not in t}
        for topic in before:
            mosquitto.publish(topic, "", retain=True)
        (answer,) = ask(mosquitto, "republish", '{"transaction": null}')
        assert answer == {"status": "ok", "data": {}, "transaction": None}
        after = {t: p for t, p in mosquitto.retained("fluvius/home/#").items() if "status" not in t}
        assert after == before
        assert home.simulator.requests == []


def out_of_reach(*_: object) -> None:
    raise LedgerError("the ledger cannot be read")


def test_republish_without_a_ledger_says_that_nothing_was_published(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_rest(home, mosquitto):
        with monkeypatch.context() as broken:
            broken.setattr(Days, "latest_complete_day", out_of_reach)
            (answer,) = ask(mosquitto, "republish", '{"transaction": 4}')
        assert answer == {
            "status": "error",
            "error": "not everything could be published: the ledger cannot be read",
            "data": {},
            "transaction": 4,
        }
        assert ask(mosquitto, "republish")[0]["status"] == "ok"


def test_a_refresh_whose_days_could_not_be_published_says_so(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_rest(home, mosquitto), monkeypatch.context() as broken:
        broken.setattr(Outbox, "unstreamed", out_of_reach)
        (answer,) = ask(mosquitto, "refresh")
        assert answer["status"] == "error"
        assert answer["error"].endswith("could not be published yet: the ledger cannot be read")


def test_republish_names_what_the_broker_refuses(tmp_path: Path, home: World) -> None:
    access = "user bridge\ntopic readwrite fluvius/#\n"
    with Mosquitto(tmp_path / "strict", users={"bridge": "right"}, access=access) as mosquitto:
        home.broker_port = mosquitto.port
        home.changes = {"mqtt.username": "bridge", "mqtt.password": "right", "mqtt.protocol": "5"}
        with at_rest(home, mosquitto):
            (answer,) = ask(mosquitto, "republish")
        assert answer["status"] == "error"
        assert "homeassistant/" in answer["error"]


def test_a_request_with_a_key_that_it_does_not_know_does_nothing(home: World, mosquitto: Mosquitto) -> None:
    wishes: list[tuple[str, dict[str, Any], str]] = [
        ("backfill", {"from": "2026-10-01", "until": "2026-10-02"}, "write from, to, meter, transaction"),
        ("backfill", {"from": "2026-10-01", "meters": ["home"]}, "did you mean meter?"),
        ("refresh", {"meter": "home"}, "write transaction"),
        ("republish", {"meter": "home"}, "write transaction"),
        ("fetch_history", {"from": "2026-10-01"}, "write transaction"),
        ("stop_history", {"meter": "home"}, "write transaction"),
    ]
    with at_rest(home, mosquitto):
        for name, request, advice in wishes:
            (answer,) = ask(mosquitto, name, json.dumps({"transaction": 7, **request}))
            wrong = list(request)[-1]
            assert (answer["error"], answer["transaction"]) == (f"{wrong}: unknown key; {advice}", 7)
        assert home.simulator.requests == []
    with home.ledger() as ledger:
        assert ledger.jobs.open_backfills() == []


def test_a_backfill_that_cannot_be_noted_for_all_meters_begins_none(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.meters = [HOME, GAS]
    begin_backfill = Jobs.begin_backfill

    def filling_up(jobs: Jobs, *arguments: Any) -> Backfill:
        if jobs.open_backfills():
            raise LedgerError("the disk is full")
        return begin_backfill(jobs, *arguments)

    with at_rest(home, mosquitto), monkeypatch.context() as full:
        full.setattr(Jobs, "begin_backfill", filling_up)
        (answer,) = ask(mosquitto, "backfill", '{"from": "2026-10-01"}')
        assert answer["error"] == "the disk is full; none of the meters was begun"
        with home.ledger() as ledger:
            assert ledger.jobs.open_backfills() == []


def test_a_ledger_that_cannot_be_read_for_a_moment_is_the_answer(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: Backfills) -> date:
        raise LedgerError("the disk reports an error")

    with at_rest(home, mosquitto), monkeypatch.context() as disk:
        disk.setattr(Backfills, "first", failing)
        (answer,) = ask(mosquitto, "fetch_history")
        assert answer["error"] == "the disk reports an error"


@pytest.mark.parametrize(
    ("name", "payload"), [("backfill", b'{"from": "2026-10-01"}'), ("fetch_history", b"")]
)
def test_a_single_run_begins_no_history_that_nobody_would_fetch(
    home: World, name: str, payload: bytes
) -> None:
    answers: list[Any] = []
    wished = Command(name, payload, answers.append)
    with home.ledger() as ledger:
        bridge = Bridge(home.settings, ledger, now=home.clock, pause=lambda _: None)
        bridge.wish(wished)
        bridge.once(greeting=home.greeting)
        assert ledger.jobs.open_backfills() == []
    assert "type `fluvius2mqtt backfill" in answers[0]["error"]


def test_the_next_run_is_the_one_that_tries_again(home: World, mosquitto: Mosquitto) -> None:
    home.simulator.fault("server-error")
    with home.running():
        eventually(lambda: "unreachable" in mosquitto.retained().get("fluvius/bridge/health", ""))
        next_run = datetime.fromisoformat(says(mosquitto.retained(), "fluvius/bridge/info")["next_run"])
    assert timedelta(minutes=4) < next_run - home.clock() < timedelta(minutes=6.1)


def test_an_unknown_command_is_answered(home: World, mosquitto: Mosquitto) -> None:
    with at_rest(home, mosquitto):
        (answer,) = ask(mosquitto, "coffee", '{"transaction": 1}')
        assert (answer["status"], answer["transaction"]) == ("error", 1)
        assert "refresh" in answer["error"]


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff\xfe\x00",
        b"{",
        b"[1]",
        b"null",
        b'"text"',
        b"[" * 60_000,
        b'{"transaction": ' + b"1" * 5000 + b"}",
        b'{"transaction": NaN}',
        b'{"transaction": "\\ud800"}',
        b'{"transaction": 1e999}',
        b"x" * 65_536,
        *(b'{"transaction": ' + b"[" * depth + b"]" * depth + b"}" for depth in (150, 300, 450, 900)),
    ],
    ids=range(15),
)
def test_whatever_is_sent_is_answered(home: World, mosquitto: Mosquitto, payload: bytes) -> None:
    with at_rest(home, mosquitto):
        (answer,) = ask(mosquitto, "republish", payload)
        assert answer["status"] in {"ok", "error"}
        assert ask(mosquitto, "republish")[0]["status"] == "ok"


def test_a_thousand_messages_are_one_cycle_and_bounded_answers(home: World, mosquitto: Mosquitto) -> None:
    with at_rest(home, mosquitto), mosquitto.listen(f"{RESPONSE}/#") as ear:
        mosquitto.publish_all([(f"{REQUEST}/refresh", f'{{"transaction": {n}}}') for n in range(1000)])
        until_quiet(ear, mosquitto)
        assert home.simulator.count("readings") == 1
        answers = [json.loads(message.payload) for message in ear.messages]
        numbered = [answer for answer in answers if answer["transaction"] != "last"]
        assert 1 <= len(numbered) <= 1000
        assert [answer["status"] for answer in numbered].count("ok") == 1


def until_quiet(ear: Ear, mosquitto: Mosquitto) -> None:
    """Ask until there is room for the question: the answer to it comes after all the others."""

    def answered() -> bool:
        mosquitto.publish(f"{REQUEST}/republish", '{"transaction": "last"}')
        return any(is_last(message) for message in ear.messages)

    def is_last(message: Heard) -> bool:
        answer = json.loads(message.payload)
        return (answer["status"], answer.get("transaction")) == ("ok", "last")

    eventually(answered, 10)
    last = next(i for i, message in enumerate(ear.messages) if is_last(message))
    del ear.messages[last + 1 :]


@contextmanager
def messages_without_end(mosquitto: Mosquitto) -> Iterator[None]:
    """An automation that went wild, and asks faster than it can be answered."""
    end = threading.Event()

    def ask_on() -> None:
        with mosquitto._watcher() as client:
            while not end.wait(0.001):
                client.publish(f"{REQUEST}/refresh", "")

    automation = threading.Thread(target=ask_on)
    automation.start()
    try:
        yield
    finally:
        end.set()
        automation.join()


def test_messages_without_end_do_not_hold_up_a_cycle(home: World, mosquitto: Mosquitto) -> None:
    with at_rest(home, mosquitto):
        home.clock.pass_by(days=3)
        with messages_without_end(mosquitto):
            eventually(lambda: '"days": 10' in mosquitto.retained()["fluvius/home/total"], 15)
    assert home.simulator.count("readings-day") == 1


def test_a_refresh_during_a_cycle_is_told_that_the_bridge_is_busy(home: World, mosquitto: Mosquitto) -> None:
    with mosquitto.listen(f"{RESPONSE}/#") as ear:
        home.simulator.fault("stall", seconds=1.0, where="readings-interval", times=1)
        with home.running():
            eventually(lambda: home.simulator.count("readings-interval") == 1)
            mosquitto.publish(f"{REQUEST}/refresh", '{"transaction": "now"}')
            ear.wait_for(lambda heard: heard)
            answer = json.loads(ear.messages[0].payload)
            assert (answer["status"], answer["transaction"]) == ("error", "now")
            assert "busy" in answer["error"]
            eventually(lambda: '"days": 7' in mosquitto.retained().get("fluvius/home/total", ""))
    assert home.simulator.count("readings-day") == 1


def test_retained_commands_are_ignored(
    home: World, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    mosquitto.publish(f"{REQUEST}/refresh", "{}", retain=True)
    home.fetch()
    home.clock.pass_by(minutes=6)
    home.simulator.forget_requests()
    with mosquitto.listen(f"{RESPONSE}/#") as ear, home.running():
        eventually(lambda: "fluvius/bridge/health" in mosquitto.retained())  # it listens
        assert ask(mosquitto, "republish")[0]["status"] == "ok"
        ear.wait_for(lambda _: [message.topic for message in ear.messages] == [f"{RESPONSE}/republish"])
    assert home.simulator.requests == []
    assert "must not be retained" in caplog.text


def test_answers_are_never_taken_for_commands(home: World, mosquitto: Mosquitto) -> None:
    with at_rest(home, mosquitto), mosquitto.listen(f"{RESPONSE}/#") as ear:
        mosquitto.publish(f"{RESPONSE}/refresh", "{}")
        mosquitto.publish(f"{REQUEST}/refresh/deeper", "{}")
        assert ask(mosquitto, "republish")[0]["status"] == "ok"
        expected = [f"{RESPONSE}/refresh", f"{RESPONSE}/republish"]
        ear.wait_for(lambda _: [message.topic for message in ear.messages] == expected)
    assert home.simulator.requests == []
