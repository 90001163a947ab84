"""A bridge is kept running through changes of its configuration, and waited for while there is none."""

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from bridge.config import Settings, load
from bridge.folder.claim import claim
from bridge.ledger import LedgerError
from bridge.mqtt import Command
from bridge.service.bridge import Bridge
from bridge.service.keeper import Keeper
from bridge.text.endings import ForTheUser
from tests.rig.holding import holding
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.newcomer import keeping
from tests.rig.world import World


@pytest.fixture
def nothing(tmp_path: Path) -> Settings:
    """What a first start has: the page, and no more."""
    return load(None, {"FLUVIUS2MQTT_WEB": "true", "FLUVIUS2MQTT_DATA_DIR": str(tmp_path / "data")})


def states(mosquitto: Mosquitto) -> dict[str, str]:
    """What every bridge that ever was here says of itself."""
    retained = mosquitto.retained()
    return {
        topic.partition("/")[0]: text for topic, text in retained.items() if topic.endswith("bridge/state")
    }


def named(house: World, base: str) -> Settings:
    house.changes["mqtt.base_topic"] = house.changes["mqtt.client_id"] = base
    return house.settings


def test_it_waits_while_nothing_is_configured_and_touches_nothing(nothing: Settings) -> None:
    with keeping(Keeper(nothing, is_seen=True)) as keeper:
        keeper.wish(Command("refresh", b""))  # of which nobody knows
        assert keeper.trouble is None
        assert keeper.window.status is None
    assert not nothing.data_dir.exists()


def test_files_for_which_nothing_is_configured_yet_are_said_to_wait(
    nothing: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings = nothing.model_copy(update={"import_dir": nothing.data_dir / "inbox"})
    with keeping(Keeper(settings, is_seen=True)):
        eventually(lambda: "inbox wait until then" in caplog.text)
    assert "no meter is configured yet" in caplog.text


def test_it_takes_over_a_configuration_and_then_another(
    nothing: Settings, house: World, mosquitto: Mosquitto
) -> None:
    with keeping(Keeper(nothing, is_seen=True)) as keeper:
        keeper.take_over(named(house, "first"))
        eventually(lambda: states(mosquitto) == {"first": "online"}, 20)
        seen = keeper.window
        keeper.take_over(named(house, "second"))
        eventually(lambda: states(mosquitto) == {"second": "online"}, 20)  # what was first was taken away
        assert keeper.window is not seen
        eventually(lambda: keeper.window.status is not None, 20)
    assert states(mosquitto) == {"second": "offline"}


def test_what_cannot_start_is_told_and_the_next_one_starts(
    nothing: Settings, house: World, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    with keeping(Keeper(nothing, is_seen=True)) as keeper:
        house.changes["data_dir"] = str(tmp_path / "taken")
        with claim(tmp_path / "taken"):
            keeper.take_over(house.settings)
            eventually(lambda: keeper.trouble is not None, 10)
            assert "another fluvius2mqtt is running in" in str(keeper.trouble)
        keeper.take_over(named(house, "again"))
        assert keeper.trouble is None
        eventually(lambda: states(mosquitto) == {"again": "online"}, 20)


def test_going_back_to_nothing_leaves_nothing_to_be_seen(
    nothing: Settings, house: World, mosquitto: Mosquitto
) -> None:
    with keeping(Keeper(named(house, "first"), is_seen=True)) as keeper:
        eventually(lambda: keeper.window.status is not None, 20)
        keeper.take_over(nothing)
        eventually(lambda: states(mosquitto) == {"first": "offline"}, 20)
        eventually(lambda: keeper.window.status is None, 5)


def test_without_a_page_what_it_begins_with_has_to_start(house: World) -> None:
    house.data_dir.write_text("this is no folder")
    with pytest.raises(ForTheUser):
        Keeper(house.settings).run()


def test_with_a_page_a_damaged_ledger_is_told_until_another_is_there(
    house: World, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    house.data_dir.mkdir()
    ledger = house.data_dir / "ledger.sqlite"
    ledger.write_bytes(b"rot" * 1000)
    with keeping(Keeper(house.settings, is_seen=True)) as keeper:
        eventually(lambda: keeper.trouble is not None, 10)
        assert "ledger.sqlite is damaged" in str(keeper.trouble)
        assert str(keeper.trouble) in caplog.text
        ledger.unlink()
        keeper.take_over(house.settings)
        eventually(lambda: states(mosquitto) == {"fluvius": "online"}, 20)
        assert keeper.trouble is None


def test_a_folder_that_another_lets_go_of_is_taken_then(
    house: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bridge.service.keeper._AGAIN", 0.1)
    with ExitStack() as other:
        other.enter_context(claim(house.data_dir))
        with keeping(Keeper(house.settings, is_seen=True)) as keeper:
            eventually(lambda: keeper.trouble is not None, 10)
            other.close()
            eventually(lambda: states(mosquitto) == {"fluvius": "online"}, 20)
            assert keeper.trouble is None
    assert caplog.text.count("another fluvius2mqtt is running in") == 1


def test_a_ledger_that_another_program_lets_go_of_is_opened_then(
    house: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.service.keeper._AGAIN", 0.1)
    monkeypatch.setattr("bridge.ledger.store._PATIENCE", 0.1)
    with house.ledger():
        pass
    with closing(sqlite3.connect(house.data_dir / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with keeping(Keeper(house.settings, is_seen=True)) as keeper:
            eventually(lambda: keeper.trouble is not None, 10)
            assert "is locked by another program" in str(keeper.trouble)
            other.close()
            eventually(lambda: states(mosquitto) == {"fluvius": "online"}, 20)
            assert keeper.trouble is None


def test_who_asked_a_bridge_that_is_stopped_is_told_so(nothing: Settings, house: World) -> None:
    answers: list[dict[str, Any]] = []
    with keeping(Keeper(house.settings, is_seen=True)) as keeper:
        with holding(house.simulator, "readings"):
            eventually(lambda: house.simulator.count("readings"), 20)
            keeper.take_over(nothing)
            keeper.wish(Command("refresh", b'{"transaction": 7}', answers.append))
        eventually(lambda: answers, 10)
    assert [(each["error"], each["transaction"]) for each in answers] == [
        ("the bridge was stopped meanwhile; ask again", 7)
    ]


def test_who_asks_a_bridge_that_is_asked_too_much_is_told_so_at_once(nothing: Settings, house: World) -> None:
    answers: list[dict[str, Any]] = []
    with keeping(Keeper(house.settings, is_seen=True)) as keeper:
        with holding(house.simulator, "readings"):
            eventually(lambda: house.simulator.count("readings"), 20)
            for _ in range(120):
                keeper.wish(Command("refresh", b"", answers.append))
            refusals = {each["error"] for each in answers}
            keeper.take_over(nothing)
        assert refusals == {"too much is asked for at once; ask again in a minute"}
        eventually(lambda: len(answers) == 120, 10)


def test_a_bridge_that_ends_by_itself_ends_everything_the_second_too(
    nothing: Settings, house: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(_: object) -> float:
        raise LedgerError("gone")

    monkeypatch.setattr(Bridge, "_until_next", no_more)
    keeper = Keeper(nothing, is_seen=True)
    keeper.take_over(house.settings)
    with pytest.raises(LedgerError, match="gone"):
        keeper.run()


@pytest.mark.parametrize("is_set_up", [True, False])
def test_whoever_was_told_to_stop_before_does_not_begin(
    nothing: Settings, house: World, is_set_up: bool
) -> None:
    keeper = Keeper(house.settings if is_set_up else nothing, is_seen=True)
    keeper.stop()
    keeper.run()
    assert not (house.data_dir / "ledger.sqlite").exists()


def test_the_last_of_many_configurations_counts(
    house: World, nothing: Settings, mosquitto: Mosquitto
) -> None:
    with keeping(Keeper(nothing, is_seen=True)) as keeper:
        for base in "a", "b", "c", "d":
            keeper.take_over(named(house, base))
        eventually(lambda: states(mosquitto) == {"d": "online"}, 20)
