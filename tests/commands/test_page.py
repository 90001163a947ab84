"""`run` with the page on, and what commands say while nothing is configured."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from bridge.config import FILE, Settings
from bridge.service.keeper import Keeper
from bridge.setup.place import Place
from bridge.simulator import Simulator
from tests.rig.commands import AT_ONCE, COULD_NOT, DONE, WRONG, command, environment, run, started, typed
from tests.rig.files import Writer
from tests.rig.mosquitto import Mosquitto, eventually, free_ports
from tests.rig.newcomer import Newcomer
from tests.rig.world import HOME, World


def test_a_bridge_with_a_page_says_where_it_is_and_shows_what_is_published(house: World) -> None:
    [port] = free_ports(1)
    house.changes["web"] = {"port": port}
    with run(house) as running:
        running.until_says(f"the page is at http://127.0.0.1:{port}")
        eventually(lambda: "kWh" in page(port, "/meters/home/day"), 20)
        ended, seconds = running.terminate()
    assert (ended.status, seconds < AT_ONCE) == (DONE, True)


def test_run_waits_with_the_page_while_nothing_is_configured(house: World) -> None:
    [port] = free_ports(1)
    house.meters, house.changes = [], {"fluvius": {}, "web": {"port": port}}
    with run(house) as running:
        eventually(lambda: "fluvius2mqtt" in page(port, "/state"), 20)
        ended, seconds = running.terminate()
    assert (ended.status, seconds < AT_ONCE) == (DONE, True)
    assert not (house.data_dir / "ledger.sqlite").exists()


def test_run_waits_for_the_page_to_write_the_file_that_it_was_told_of(tmp_path: Path) -> None:
    [port] = free_ports(1)
    words = "run", "--config", str(tmp_path / "new.yaml")
    process = started(tmp_path, words, environment(FLUVIUS2MQTT_WEB__PORT=str(port)), tmp_path / "log")
    try:
        eventually(lambda: "Your MQTT broker" in page(port, "/"), 20)
    finally:
        process.kill()
        process.wait(10)
    assert {each.name for each in tmp_path.iterdir()} == {"log"}


def test_who_signed_in_before_the_first_start_is_signed_in_after_a_restart(
    tmp_path: Path, today: Simulator, mosquitto: Mosquitto
) -> None:
    [port] = free_ports(1)
    said = {
        "FLUVIUS2MQTT_WEB__PORT": str(port),
        "FLUVIUS2MQTT_WEB__PASSWORD": "open sesame",
        "FLUVIUS2MQTT_MQTT__HOST": "127.0.0.1",
        "FLUVIUS2MQTT_MQTT__PORT": str(mosquitto.port),
        "FLUVIUS2MQTT_LANGUAGE": "en",
    }
    writer = Writer(today, HOME["ean"])
    day = today.now().date() - timedelta(days=3)
    history = writer.write(tmp_path / "home.csv", writer.days(day, day))
    folder = tmp_path / "here"
    folder.mkdir()
    newcomer = Newcomer(Keeper(Settings()), Place(folder / FILE, {}), port)
    with waiting(folder, said, port):
        newcomer.browser.post("/sign-in", {"password": "open sesame"})
        assert not list(folder.iterdir())
        newcomer.look().answer(source="files").answer(history).answer()
        newcomer.answer(statistics="no").answer(prices="later").answer(do="write")
    with waiting(folder, said, port):
        assert newcomer.look("/state").page.url.endswith("/state")


@contextmanager
def waiting(folder: Path, said: dict[str, str], port: int) -> Iterator[None]:
    """`fluvius2mqtt run` in a folder, once its page is there."""
    log = folder.parent / "log"
    process = started(folder, ("run",), environment(**said), log)
    try:
        eventually(lambda: "Password of this page" in page(port, "/sign-in"), 20)
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_with_a_page_a_damaged_ledger_is_said_there_and_the_bridge_does_not_end(house: World) -> None:
    [port] = free_ports(1)
    house.changes["web"] = {"port": port}
    damage(house)
    with run(house) as running:
        eventually(lambda: "Restore a backup" in page(port, "/state"), 20)
        ended, seconds = running.terminate()
    assert (ended.status, seconds < AT_ONCE) == (DONE, True)
    assert ended.error.count("Restore a backup") == 1


def test_without_a_page_a_damaged_ledger_ends_the_bridge(house: World) -> None:
    damage(house)
    ended = typed(house.folder, "run", "--config", str(house.write_configuration()))
    assert "Restore a backup" in ended.error
    assert ended.status == COULD_NOT


@pytest.mark.parametrize("text", ["web: true\nmeters: [", "web: true\nmeters: [{ean: 12}]\n"])
def test_a_configuration_that_cannot_be_used_ends_it_with_a_page_too(tmp_path: Path, text: str) -> None:
    """Who may see the page would stand in it."""
    (tmp_path / "new.yaml").write_text(text)
    ended = typed(tmp_path, "run", "--config", "new.yaml")
    assert "meters" in ended.error or "line 2" in ended.error
    assert ended.status == WRONG


def damage(house: World) -> None:
    house.data_dir.mkdir()
    (house.data_dir / "ledger.sqlite").write_bytes(b"rot" * 1000)


def page(port: int, path: str) -> str:
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=5).text
    except requests.ConnectionError:
        return ""


@pytest.mark.parametrize(
    "words",
    [
        ("once",),
        ("check",),
        ("show",),
        ("export", "--format", "csv"),
        ("token",),
        ("compare", "--prices", "x"),
    ],
)
def test_others_say_who_asks_while_nothing_is_configured(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "x").write_text("prices: []")
    ended = typed(tmp_path, *words, FLUVIUS2MQTT_WEB="true")
    (complaint,) = ended.complaint
    assert "nothing is configured yet; the page asks, while `fluvius2mqtt run` runs" in complaint
    assert ended.status == WRONG


def test_a_bridge_that_waits_to_be_set_up_is_no_reason_to_restart_it(tmp_path: Path) -> None:
    ended = typed(tmp_path, "healthcheck", FLUVIUS2MQTT_WEB="true")
    assert (ended.status, ended.out) == (DONE, "nothing is configured yet, and the page asks\n")


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = typed(tmp_path, "run", FLUVIUS2MQTT_WEB__PORT=str(port))
    (complaint,) = ended.complaint
    assert f"the page cannot listen on 127.0.0.1 port {port} (Address already in use)" in complaint
    assert complaint.endswith("set web.host and web.port to others, or web to false")
    assert ended.status == COULD_NOT


def test_a_page_without_what_it_is_made_of_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "waitress.py").write_text("raise ModuleNotFoundError(name='waitress')")
    ended = typed(tmp_path, "run", program=command(), FLUVIUS2MQTT_WEB="true")
    (complaint,) = ended.complaint
    assert "the page needs waitress; set web to false, or in a copy of https://" in complaint
    assert complaint.endswith("-m pip install '.[web]'")
    assert ended.status == COULD_NOT
