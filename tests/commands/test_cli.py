"""The commands as a person types them: what they print, how they end, and how fast."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge import __version__
from bridge.commands import check, main
from bridge.metering.model import BRUSSELS
from bridge.setup import broker as broker_check
from tests.rig.commands import (
    AT_ONCE,
    COULD_NOT,
    DONE,
    PASSWORD,
    REFUSED,
    WITH_SMALL_FILES,
    WRONG,
    Ended,
    checked,
    command,
    environment,
    findings,
    healthcheck,
    linux,
    once,
    run,
    typed,
    without_privileges,
)
from tests.rig.core import TOKEN, Core
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.waiting import until_healthy
from tests.rig.world import GAS, HOME, SHED, World, says

STATE = "fluvius/bridge/state"


class Typist:
    """Types a command that ends before it does anything, in this process, for speed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> Ended:
        self._capsys.readouterr()
        try:
            status = main(list(words))
        except SystemExit as ending:
            status = int(ending.code or 0)
        printed = self._capsys.readouterr()
        return Ended(status, printed.out, printed.err)


@pytest.fixture
def type_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typist:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/nonexistent")
    return Typist(capsys)


# --- exit statuses and complaints


def test_once_fetches_publishes_and_ends(house: World, mosquitto: Mosquitto) -> None:
    ended = once(house, "--verbose")
    assert (ended.status, ended.out) == (DONE, "")
    latest = house.simulator.latest_day(HOME["ean"]).isoformat()
    retained = mosquitto.retained()
    assert retained["fluvius/home/day/date"] == latest
    assert retained[STATE] == "offline"
    token = json.loads((house.data_dir / "token.json").read_text())["token"]
    assert [
        secret for secret in (token["access_token"], token["refresh_token"]) if secret in ended.error
    ] == []


def test_once_with_the_broker_away_says_what_to_do_and_loses_nothing(
    hut: World, mosquitto: Mosquitto
) -> None:
    ended = once(hut)
    assert ended.status == COULD_NOT
    assert "mqtt.host and mqtt.port" in ended.error
    assert "published next time" in ended.error
    requests = hut.simulator.count()
    hut.broker_port = mosquitto.port
    assert once(hut).status == DONE
    assert hut.simulator.count() == requests
    assert "fluvius/home/day" in mosquitto.retained()


def test_once_with_a_wrong_password_ends_with_3(house: World) -> None:
    house.password = "hunter2"
    for _ in range(2):
        ended = once(house)
        assert ended.status == REFUSED
        assert "fluvius.portal.password" in ended.error
        assert "hunter2" not in ended.error
    assert house.simulator.count("sign-in") == 1


def test_once_with_fluvius_away_ends_with_1(house: World) -> None:
    house.simulator.stop()
    ended = once(house)
    assert ended.status == COULD_NOT
    assert "cannot be reached" in ended.error


def test_a_refused_meter_ends_with_1(house: World) -> None:
    house.meters = [{**HOME, "serial": "1SAG9999999999"}]
    ended = once(house)
    assert ended.status == COULD_NOT
    assert "does not know meter 1SAG9999999999" in ended.error


@pytest.mark.parametrize(
    ("words", "says_so"),
    [
        (["once"], "fluvius2mqtt.yaml"),
        (["once", "--config", "missing.yaml"], "missing.yaml"),
        ([], "COMMAND"),
        (["coffee"], "coffee"),
        (["once", "--colour"], "--colour"),
        (["--config"], "--config"),
    ],
    ids=["no-file", "missing-file", "nothing", "unknown", "option", "no-value"],
)
def test_a_wrong_command_line_ends_with_2(type_here: Typist, words: list[str], says_so: str) -> None:
    ended = type_here(*words)
    assert ended.status == WRONG
    assert says_so in ended.error
    assert ended.out == ""


def test_a_wrong_configuration_ends_with_2_and_names_every_mistake(hut: World) -> None:
    hut.changes |= {"mqtt.prot": 5, "schedule.at": ["25:00"], "fluvius.portal.password": PASSWORD}
    hut.meters = [{**HOME, "ean": "5414"}]
    ended = once(hut)
    assert ended.status == WRONG
    assert [key for key in ("mqtt.prot", "schedule.at", "meters[0].ean") if key not in ended.error] == []
    assert hut.simulator.count() == 0
    assert not hut.data_dir.exists()


@pytest.mark.parametrize("name", ["run", "once", "check", "token", "healthcheck"])
def test_every_command_complains_about_a_wrong_configuration_alike(type_here: Typist, name: str) -> None:
    Path("fluvius2mqtt.yaml").write_text("mqtt: 5\n")
    ended = type_here(name)
    assert ended.status == WRONG
    assert "mqtt" in ended.error


def test_the_configuration_may_come_before_and_after_the_command(hut: World) -> None:
    file = str(hut.write_configuration())
    hut.data_dir.mkdir()
    for words in (["--config", file, "token"], ["token", "--config", file], [f"--config={file}", "token"]):
        assert typed(Path("/"), *words).status == DONE


def test_everything_may_come_from_the_environment(house: World, mosquitto: Mosquitto) -> None:
    secret = house.folder / "secret"
    secret.write_text(f"{PASSWORD}\n")
    ended = typed(
        house.folder,
        "once",
        FLUVIUS_LOGIN=house.email,
        FLUVIUS2MQTT_FLUVIUS__PORTAL__PASSWORD_FILE=str(secret),
        FLUVIUS_EAN=HOME["ean"],
        FLUVIUS_METER_SERIAL=HOME["serial"],
        FLUVIUS2MQTT_FLUVIUS__PORTAL__URL=house.simulator.url,
        FLUVIUS2MQTT_MQTT__HOST="127.0.0.1",
        FLUVIUS2MQTT_MQTT__PORT=str(house.broker_port),
    )
    assert ended.status == DONE
    assert f"fluvius/{HOME['ean']}/day" in mosquitto.retained()
    assert (house.folder / "data" / "ledger.sqlite").exists()


def test_the_installed_command_and_the_module_are_the_same(tmp_path: Path) -> None:
    for program in (command(), [str(Path(sys.executable).parent / "fluvius2mqtt")]):
        ended = typed(tmp_path, "--version", program=program)
        assert (ended.status, ended.out.split()) == (DONE, ["fluvius2mqtt", __version__])


def test_help_needs_no_configuration(type_here: Typist) -> None:
    ended = type_here("--help")
    assert ended.status == DONE
    for name in ("run", "once", "check", "token", "simulate", "demo", "healthcheck", "schema"):
        assert f"    {name} " in ended.out
        assert type_here(name, "--help").status == DONE


def test_the_schema_is_json_for_editors(tmp_path: Path) -> None:
    ended = typed(tmp_path, "schema")
    schema = json.loads(ended.out)
    assert (ended.status, ended.error) == (DONE, "")
    assert {"mqtt", "fluvius", "meters", "schedule", "data_dir", "log"} <= schema["properties"].keys()


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("schema"), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    error = process.stderr.read().decode()
    process.stderr.close()
    process.wait(10)
    assert error == ""


def test_the_log_may_be_json(house: World) -> None:
    house.changes["log.format"] = "json"
    lines = [json.loads(line) for line in once(house, "--verbose").complaint]
    assert {"time", "level", "logger", "message"} <= lines[0].keys()
    assert any("complete" in line["message"] for line in lines)


# --- token


def test_a_token_is_printed_that_the_portal_accepts(hut: World) -> None:
    ended = typed(hut.folder, "token", "--config", str(hut.write_configuration()))
    assert ended.status == DONE
    assert hut.simulator.sign_in.accepts(ended.out.strip(), hut.simulator.now())
    again = typed(hut.folder, "token", "--config", str(hut.write_configuration()))
    assert again.out == ended.out
    assert hut.simulator.count("sign-in") == 1


def test_no_token_for_a_wrong_password(hut: World) -> None:
    hut.password = "hunter2"
    ended = typed(hut.folder, "token", "--config", str(hut.write_configuration()))
    assert (ended.status, ended.out) == (REFUSED, "")
    assert "hunter2" not in ended.error


def test_no_token_while_fluvius_is_away(hut: World) -> None:
    hut.simulator.stop()
    ended = typed(hut.folder, "token", "--config", str(hut.write_configuration()))
    assert (ended.status, ended.out) == (COULD_NOT, "")
    assert "cannot be reached" in ended.error


# --- SIGTERM


def test_sigterm_at_rest(house: World, mosquitto: Mosquitto) -> None:
    with run(house) as bridge:
        until_healthy(mosquitto)
        assert mosquitto.retained()[STATE] == "online"
        ended, took = bridge.terminate()
    assert ended.status == DONE
    assert took < AT_ONCE
    assert mosquitto.retained()[STATE] == "offline"


@pytest.mark.parametrize("where", ["config", "readings-interval"])
def test_sigterm_during_a_stalled_request(house: World, mosquitto: Mosquitto, where: str) -> None:
    house.simulator.fault("stall", where=where)
    with run(house) as bridge:
        eventually(lambda: house.simulator.count(where) == 1, 15)
        ended, took = bridge.terminate()
    assert ended.status == DONE
    assert took < AT_ONCE
    eventually(lambda: mosquitto.retained()[STATE] == "offline")


def test_sigterm_between_two_requests(house: World, mosquitto: Mosquitto) -> None:
    with run(house) as bridge:
        eventually(lambda: house.simulator.count("readings-interval") == 2, 15)
        ended, took = bridge.terminate()
    assert ended.status == DONE
    assert took < AT_ONCE
    assert mosquitto.retained()[STATE] == "offline"


def test_sigterm_while_the_broker_stalls(house: World, mosquitto: Mosquitto) -> None:
    house.simulator.fault("stall", seconds=0.5, where="readings-interval")
    with run(house) as bridge:
        bridge.until_says("Connected to the broker")
        eventually(lambda: house.simulator.count("readings-interval") == 1, 15)
        mosquitto.pause()
        ended, took = bridge.terminate()
        mosquitto.resume()
    assert ended.status == DONE
    assert took < AT_ONCE
    eventually(lambda: mosquitto.retained()[STATE] == "offline")


def test_sigterm_while_the_broker_is_away(hut: World) -> None:
    with run(hut) as bridge:
        bridge.until_says("is not there: is it running")
        ended, took = bridge.terminate()
    assert ended.status == DONE
    assert took < AT_ONCE


SIGNAL_TO_A_THREAD = """
import signal, threading, time
from bridge.commands import run
stopped = threading.Event()
def work():
    time.sleep(0.2)  # until the main thread waits; too short, and the test shows less
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    stopped.wait()
print(run._until_told_to_stop(work, stopped.set))
"""


def test_sigterm_that_reaches_another_thread_is_heeded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNAL_TO_A_THREAD],
        env=environment(),
        capture_output=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == b"True\n"


def test_sigterm_at_once(house: World) -> None:
    with run(house) as bridge:
        bridge.until_says("follows home")
        ended, took = bridge.terminate()
    assert ended.status == DONE
    assert took < AT_ONCE


def test_after_kill_9_the_broker_says_offline_and_the_next_run_works(
    house: World, mosquitto: Mosquitto
) -> None:
    with run(house) as bridge:
        eventually(lambda: house.simulator.count("readings-interval") == 2, 15)
        bridge.process.kill()
        eventually(lambda: mosquitto.retained()[STATE] == "offline")
    assert once(house).status == DONE
    assert says(mosquitto.retained(), "fluvius/home/status")["days_awaited"] == []


# --- beside a running bridge


def test_two_bridges_do_not_work_in_one_folder(house: World, mosquitto: Mosquitto) -> None:
    with run(house) as bridge:
        bridge.until_says("follows home")
        for name in ("run", "once"):
            ended = typed(house.folder, name, "--config", str(house.write_configuration()))
            assert ended.status == COULD_NOT
            assert "another fluvius2mqtt is running in" in ended.error
            assert "data_dir" in ended.error
        eventually(lambda: mosquitto.retained().get(STATE) == "online", 15)
        assert bridge.process.poll() is None


def test_a_running_bridge_is_healthy_and_a_stopped_one_is_not(house: World, mosquitto: Mosquitto) -> None:
    assert healthcheck(house).status == COULD_NOT
    with run(house) as bridge:
        until_healthy(mosquitto)
        ended = healthcheck(house)
        assert (ended.status, ended.out) == (DONE, "healthy\n")
        assert bridge.process.poll() is None
    ended = healthcheck(house)
    assert ended.status == COULD_NOT
    assert "no bridge is running in" in ended.out


def test_a_bridge_without_broker_is_not_healthy(hut: World) -> None:
    with run(hut):
        eventually(lambda: "is not there" in heartbeat(hut), 15)
        ended = healthcheck(hut)
    assert ended.status == COULD_NOT
    assert "mqtt.host" in ended.out


def test_a_bridge_with_a_wrong_password_is_not_healthy(house: World) -> None:
    house.password = "hunter2"
    with run(house):
        eventually(lambda: "refuses the credentials" in heartbeat(house), 15)
        ended = healthcheck(house)
    assert ended.status == COULD_NOT
    assert "credentials" in ended.out


def heartbeat(world: World) -> str:
    file = world.data_dir / "heartbeat.json"
    return file.read_text() if file.exists() else ""


# --- folders that cannot be written


@linux
@pytest.mark.parametrize("name", ["run", "once", "token", "check"])
def test_a_read_only_data_folder_is_said(house: World, name: str) -> None:
    house.data_dir.mkdir()
    house.data_dir.chmod(0o555)
    ended = without_privileges(house, name)
    assert ended.status == COULD_NOT
    assert "cannot be written" in ended.error + ended.out
    assert "data_dir" in ended.error + ended.out
    assert house.simulator.count("sign-in") == 0


@linux
def test_a_ledger_that_may_only_be_read_is_said(house: World) -> None:
    once(house)
    for file in house.data_dir.iterdir():
        file.chmod(0o444)
    house.data_dir.chmod(0o555)
    requests = house.simulator.count()
    ended = without_privileges(house, "once")
    assert ended.status == COULD_NOT
    assert "cannot be written" in ended.error
    assert house.simulator.count() == requests


@pytest.mark.parametrize("name", ["once", "token", "check"])
def test_a_data_folder_that_is_a_file_is_said(hut: World, name: str) -> None:
    hut.data_dir.write_text("")
    ended = typed(hut.folder, name, "--config", str(hut.write_configuration()))
    assert ended.status == COULD_NOT
    assert str(hut.data_dir) in ended.error


@linux
@pytest.mark.parametrize("limit", [0, 20_000, 70_000, 120_000])
def test_a_disk_that_fills_up_loses_nothing(house: World, mosquitto: Mosquitto, limit: int) -> None:
    words = ("once", "--config", str(house.write_configuration()))
    ended = typed(house.folder, str(limit), *words, program=[sys.executable, "-c", WITH_SMALL_FILES])
    assert ended.status == COULD_NOT
    assert re.search("disk|cannot be written", ended.error)
    assert len(ended.error) < 4000
    assert once(house).status == DONE
    latest = house.simulator.latest_day(HOME["ean"])
    assert mosquitto.retained()["fluvius/home/day/date"] == latest.isoformat()
    assert house.invented() == []


# --- check


def test_a_check_in_which_everything_is_fine(house: World, mosquitto: Mosquitto) -> None:
    house.meters = [HOME, GAS, SHED]
    ended = checked(house)
    assert (ended.status, ended.error) == (DONE, "")
    table = findings(ended)
    assert list(table) == ["configuration", "broker", "statistics", "sign-in", "home", "gas", "shed"]
    assert all(works for works, _ in table.values())
    assert "96 intervals" in table["home"][1]
    assert "24 intervals" in table["gas"][1]
    assert "switch on quarter-hour readings" in table["shed"][1]
    assert mosquitto.retained() == {}


@pytest.mark.parametrize(
    ("token", "admin", "works", "words"),
    [
        (TOKEN, True, True, "Home Assistant 2026.11.0 takes statistics"),
        ("wrong", True, False, "does not accept the token"),
        (TOKEN, False, False, "not an administrator's"),
    ],
)
def test_a_check_of_the_statistics(house: World, token: str, admin: bool, works: bool, words: str) -> None:
    with Core(admin=admin).open() as core:
        house.changes["homeassistant.statistics"] = {"url": core.url, "token": token}
        ended = checked(house)
    found = findings(ended)["statistics"]
    assert (ended.status, found[0]) == (DONE if works else COULD_NOT, works)
    assert words in found[1]


@pytest.mark.parametrize(("wrong", "then"), [(1, DONE), (2, REFUSED)])
def test_a_check_with_a_wrong_password_ends_with_3_and_two_a_day_are_tried(
    house: World, wrong: int, then: int
) -> None:
    house.password = "hunter2"
    for number in range(1, wrong + 1):
        ended = checked(house)
        assert ended.status == REFUSED
        assert "hunter2" not in ended.out + ended.error
        works, words = findings(ended)["sign-in"]
        assert not works
        assert "fluvius.portal.password" in words
        assert house.simulator.count("sign-in") == number
    assert findings(ended)["broker"][0]
    house.password = PASSWORD
    assert checked(house).status == then
    assert house.simulator.count("self-asserted") == 2


def test_a_check_after_the_missing_step_was_taken_sets_the_bridge_free(house: World) -> None:
    house.simulator.fault("extra-step")
    assert once(house).status == REFUSED
    house.simulator.clear()
    assert once(house).status == REFUSED
    assert checked(house).status == DONE
    assert once(house).status == DONE


def test_a_check_of_an_unknown_meter_goes_on_to_the_next(house: World) -> None:
    house.meters = [{**HOME, "serial": "1SAG9999999999"}, GAS]
    ended = checked(house)
    assert ended.status == COULD_NOT
    table = findings(ended)
    assert not table["home"][0]
    assert "1SAG9999999999" in table["home"][1]
    assert table["gas"][0]


@pytest.mark.parametrize("bounds", [{"until": "2020-02-03"}, {"from": "2199-01-01"}])
def test_a_check_asks_nothing_of_a_meter_whose_time_is_over_or_to_come(
    house: World, bounds: dict[str, str]
) -> None:
    house.meters = [HOME | bounds, GAS]
    ended = checked(house)
    table = findings(ended)
    assert ended.status == DONE
    assert table["home"][0]
    assert "leaves nothing of the last 5 days" in ended.out
    assert house.simulator.count("readings", ean=HOME["ean"]) == 0


def test_a_check_with_fluvius_away(house: World) -> None:
    house.simulator.stop()
    ended = checked(house)
    assert ended.status == COULD_NOT
    works, words = findings(ended)["sign-in"]
    assert not works
    assert "cannot be reached" in words


def test_a_check_without_a_broker_goes_on_to_fluvius(
    hut: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(broker_check, "_TO_CONNECT", 0.5)
    monkeypatch.setenv("COLUMNS", "500")
    assert check.check(hut.settings) == COULD_NOT
    table = findings(Ended(COULD_NOT, capsys.readouterr().out, ""))
    assert not table["broker"][0]
    assert "mqtt.host" in table["broker"][1]
    assert table["home"][0]


def test_a_check_that_is_ended_takes_away_what_it_tried(tmp_path: Path, hut: World) -> None:
    """A broker that shows nothing is listened to for a while, and has a message for each meter."""
    with Mosquitto(tmp_path / "mosquitto", access="topic write #") as mosquitto:
        hut.broker_port = mosquitto.port
        with run(hut, name="check") as checking:
            eventually(lambda: "fluvius/home/check" in mosquitto.retained(), 15)
            ended, took = checking.terminate()
        assert (ended.status, ended.complaint[-1]) == (COULD_NOT, "fluvius2mqtt: interrupted")
        assert took < AT_ONCE
        assert mosquitto.retained() == {}
    assert hut.simulator.count() == 0


def test_a_check_is_ended_in_the_middle_of_a_request(house: World, mosquitto: Mosquitto) -> None:
    house.simulator.fault("stall", where="readings-interval")
    with run(house, name="check") as checking:
        eventually(lambda: house.simulator.count("readings-interval") == 1, 15)
        ended, took = checking.terminate()
    assert (ended.status, ended.complaint[-1]) == (COULD_NOT, "fluvius2mqtt: interrupted")
    assert took < AT_ONCE
    assert mosquitto.retained() == {}


@pytest.mark.parametrize("refused", ["mqtt.password", "fluvius/#"])
def test_a_check_with_a_broker_that_refuses(
    hut: World, refused: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(broker_check, "_TO_CONNECT", 1.0)
    monkeypatch.setattr(broker_check, "_EACH", 0.5)
    monkeypatch.setenv("COLUMNS", "500")
    users = {"bridge": "another" if refused == "mqtt.password" else PASSWORD}
    access = "user bridge\ntopic readwrite other/#\n"
    with Mosquitto(hut.folder / "mosquitto", users=users, access=access) as mosquitto:
        hut.broker_port = mosquitto.port
        hut.changes |= {"mqtt.username": "bridge", "mqtt.password": PASSWORD}
        assert check.check(hut.settings) == COULD_NOT
    works, words = findings(Ended(COULD_NOT, capsys.readouterr().out, ""))["broker"]
    assert not works
    assert refused in words


def test_a_check_does_not_disturb_a_running_bridge(house: World, mosquitto: Mosquitto) -> None:
    with run(house) as bridge, mosquitto.listen("fluvius/#") as ear:
        until_healthy(mosquitto)
        before = mosquitto.retained()
        heard = len(ear.messages)
        assert checked(house).status == DONE
        assert mosquitto.retained() == before
        assert {message.topic for message in ear.messages[heard:]} <= {
            "fluvius/bridge/check",
            "fluvius/home/check",
        }
        assert bridge.process.poll() is None
        assert ear.payloads(STATE)[-1] == "online"
        _, took = bridge.terminate()
    assert took < AT_ONCE


@pytest.mark.parametrize(
    "words",
    [["show"], ["show", "--json"], ["export", "--format", "csv"], ["backfill", "--from", "LATELY"]],
)
@pytest.mark.parametrize("to", ["a full disk", "nobody"])
def test_standard_output_that_takes_nothing(desk: World, words: list[str], to: str) -> None:
    desk.clock.instant = datetime.now(UTC)  # as the command's own clock says
    desk.fetch()
    lately = str(datetime.now(BRUSSELS).date() - timedelta(days=3))
    words = [word.replace("LATELY", lately) for word in words]
    command = [sys.executable, "-m", "bridge", *words, "--config", str(desk.write_configuration())]
    redirected = ">/dev/full" if to == "a full disk" else ">&-"
    ended = subprocess.run(
        ["sh", "-c", f'"$@" {redirected}', "sh", *command],
        check=False,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    if to == "a full disk":
        assert (ended.returncode, len(ended.stderr.splitlines())) == (COULD_NOT, 1)
        assert "No space left on device" in ended.stderr
    else:
        in_the_morning = r"(home: \d+ of these \d+ days are missing or not complete\n)?"  # yesterday is
        said = in_the_morning if "export" in words else ""
        assert (ended.returncode, bool(re.fullmatch(said, ended.stderr))) == (DONE, True), ended.stderr


def test_an_empty_name_is_no_meter(desk: World, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = str(desk.write_configuration())
    assert main(["backfill", "--from", "2026-11-20", "--meter", "", "--config", configuration]) == WRONG
    assert "there is home" in capsys.readouterr().err
