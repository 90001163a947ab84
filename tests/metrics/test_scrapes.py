"""Who may read metrics: at an address of their own, and on the page."""

import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import pytest
import requests

from bridge.config import ConfigError
from bridge.metrics import server
from bridge.metrics.server import MetricsError
from bridge.service.window import Window
from bridge.web.doors import Door
from tests.rig.commands import run
from tests.rig.mosquitto import eventually, free_ports
from tests.rig.pages import page_of
from tests.rig.scrapes import OPEN_METRICS, metrics_of, scraped, understood
from tests.rig.world import World

LOCKED = Door("open sesame")


@pytest.fixture(autouse=True)
def _guessing_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_WRONG", 0.0)


@contextmanager
def alone(world: World, password: str | None = None, host: str = "127.0.0.1") -> Iterator[str]:
    with metrics_of(world.settings, Window(), world.clock, host=host, password=password) as address:
        yield address


def status(address: str, authorization: str | bytes | None = None, **headers: str) -> int:
    said = {"Authorization": authorization} if authorization else {}
    return requests.get(address, headers={**said, **headers}, timeout=10).status_code


# --- at an address of their own


def test_on_this_machine_nothing_is_asked(desk: World) -> None:
    with alone(desk) as address:
        assert 'build_info{version="0.1.0"}' in scraped(address)
        assert status(address.replace("127.0.0.1", "localhost")) == 200
        assert status(address, Host="elsewhere.example.com") == 403  # whose name was made to lead here
        assert status(address.removesuffix("metrics")) == 404
        assert requests.post(address, timeout=10).status_code == 405


@pytest.mark.parametrize("host", ["[", "[::1", "::1", ""])
def test_a_broken_name_is_no_name_of_this_machine(
    desk: World, host: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with alone(desk) as address:
        assert status(address, Host=host) == 403
    assert "Traceback" not in caplog.text + capfd.readouterr().err


def test_where_others_may_ask_a_name_is_as_good_as_an_address(desk: World) -> None:
    with alone(desk, host="0.0.0.0") as address:
        assert status(address, Host="bridge.example.com") == 200


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (None, 401),
        ("Bearer open sesame", 200),
        ("bearer open sesame", 200),
        ("Basic cHJvbWV0aGV1czpvcGVuIHNlc2FtZQ==", 200),  # prometheus:open sesame
        ("Basic OmEgZ3Vlc3M=", 401),  # :a guess
        ("Basic é", 401),
        ("Bearer", 401),
        ("Digest open sesame", 401),
    ],
)
def test_with_a_password_prometheus_has_to_know_it(
    desk: World, authorization: str | None, expected: int
) -> None:
    with alone(desk, "open sesame") as address:
        assert status(address, authorization) == expected


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
@pytest.mark.parametrize("password", ["Zoë", "voilà", "€"])
def test_a_password_may_have_any_letter(desk: World, scheme: str, password: str) -> None:
    rest = password.encode() if scheme == "Bearer" else b64encode(f"prometheus:{password}".encode())
    authorization = f"{scheme} ".encode() + rest
    with alone(desk, password) as address:
        assert status(address, authorization) == 200
        assert status(address, authorization[:-2]) == 401
    desk.changes |= {"metrics": True, "web": {"password": password}}
    with page_of(desk, door=Door(password)) as browser:
        assert browser.get("/metrics", headers={"Authorization": authorization}).status_code == 200


def test_prometheus_is_told_how_to_say_the_password(desk: World) -> None:
    with alone(desk, "x") as address:
        assert requests.get(address, timeout=10).headers["WWW-Authenticate"] == "Basic"
        assert requests.get(address, timeout=10, auth=("anybody", "x")).ok


def test_who_speaks_no_openmetrics_gets_the_older_text(desk: World) -> None:
    with alone(desk) as address:
        answer = requests.get(address, timeout=10)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "# EOF" not in answer.text


def test_those_who_say_nothing_keep_nobody_waiting_and_are_no_crowd(desk: World) -> None:
    with alone(desk) as address, ExitStack() as silent:
        there = "127.0.0.1", urlsplit(address).port
        for _ in range(server._AT_ONCE - 1):
            silent.enter_context(socket.create_connection(there))
        assert status(address) == 200
        for _ in range(server._AT_ONCE):  # more than there are places
            silent.enter_context(socket.create_connection(there))
        with pytest.raises(requests.ConnectionError):
            status(address)
        silent.close()
        eventually(lambda: is_answered(address))


def test_those_who_never_come_to_an_end_are_given_up(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_AT_MOST", 0.5)
    with alone(desk) as address, ExitStack() as endless:
        there = "127.0.0.1", urlsplit(address).port
        lines = [endless.enter_context(socket.create_connection(there)) for _ in range(server._AT_ONCE)]

        def is_answered_among_them() -> bool:
            for each in lines:
                with suppress(ConnectionError):
                    each.sendall(b"x")
            return is_answered(address)

        eventually(is_answered_among_them, 20)


def is_answered(address: str) -> bool:
    try:
        return status(address) == 200
    except requests.ConnectionError:
        return False


def test_a_port_that_somebody_has_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(MetricsError, match=rf"127.0.0.1 port {port} \(.*\); set metrics.host"),
            server.served(lambda *_: [], host="127.0.0.1", port=port, password=None),
        ):
            pass


# --- on the page


def test_on_the_page_they_are_where_they_were_switched_on(desk: World) -> None:
    with page_of(desk) as browser:
        assert browser.get("/metrics").status_code == 404
    desk.changes |= {"metrics": True, "web": True}
    with page_of(desk) as browser:
        assert "fluvius2mqtt_build_info" in browser.get("/metrics").text
        assert 'build_info{version="0.1.0"}' in understood(browser.get("/metrics", headers=OPEN_METRICS).text)
        assert browser.get("/metrics", headers={"Host": "elsewhere.example.com"}).status_code == 403


def test_on_the_page_its_password_is_asked_for(desk: World) -> None:
    desk.changes |= {"metrics": True, "web": {"password": "open sesame"}}
    with page_of(desk, door=LOCKED) as browser:
        asked = browser.get("/metrics", allow_redirects=False)
        assert (asked.status_code, asked.headers["WWW-Authenticate"]) == (401, "Basic")
        assert browser.get("/metrics", auth=("prometheus", "open sesame")).status_code == 200
        assert browser.get("/metrics", headers={"Authorization": "Bearer open sesame"}).status_code == 200
        assert browser.get("/", allow_redirects=False).status_code == 303  # and opens nothing else
        browser.post("/sign-in", {"password": "open sesame"})
        assert browser.get("/metrics").status_code == 200


def test_who_guesses_at_the_password_of_the_page_waits_here_too(desk: World) -> None:
    desk.changes |= {"metrics": True, "web": {"password": "open sesame"}}
    with page_of(desk, door=LOCKED) as browser:
        guesses = [browser.get("/metrics", auth=("", f"guess {n}")).status_code for n in range(4)]
        assert guesses == [401, 401, 401, 429]
        assert browser.get("/metrics", auth=("", "open sesame")).status_code == 429
        desk.clock.pass_by(minutes=1)
        assert browser.get("/metrics", auth=("", "open sesame")).status_code == 200


def test_metrics_with_an_address_of_their_own_are_not_on_the_page(desk: World) -> None:
    desk.changes |= {"metrics": {"port": 9}, "web": True}
    assert desk.settings.metrics_alone
    with page_of(desk) as browser:
        assert browser.get("/metrics").status_code == 404


# --- switched on


@pytest.mark.parametrize(
    ("metrics", "web", "at"),
    [
        (False, False, None),
        (True, False, ("127.0.0.1", 9087)),
        (True, True, None),
        ({"port": 1234}, True, ("127.0.0.1", 1234)),
        ({"host": "0.0.0.0"}, False, ("0.0.0.0", 9087)),
    ],
)
def test_where_they_are(desk: World, metrics: object, web: bool, at: tuple[str, int] | None) -> None:
    desk.changes |= {"metrics": metrics, "web": web}
    found = desk.settings.metrics_alone
    assert (found and (found.host, found.port)) == at


def test_a_wrong_port_is_told(desk: World) -> None:
    desk.changes["metrics"] = {"port": 70000}
    with pytest.raises(ConfigError, match=r"metrics\.port: .*; write the port of metrics"):
        _ = desk.settings


def test_run_serves_them_and_says_where(hut: World) -> None:
    (port,) = free_ports(1)
    hut.changes["metrics"] = {"port": port, "password": "secret"}
    address = f"http://127.0.0.1:{port}/metrics"
    with run(hut) as bridge:
        bridge.until_says(f"metrics are at {address}")
        assert status(address) == 401
        assert status(address, "Bearer secret") == 200
        bridge.terminate()


def test_run_serves_them_on_its_page(hut: World) -> None:
    (port,) = free_ports(1)
    hut.changes |= {"metrics": True, "web": {"port": port}}
    with run(hut) as bridge:
        bridge.until_says("the page is at")
        assert scraped(f"http://127.0.0.1:{port}/metrics")['build_info{version="0.1.0"}'] == 1
        bridge.terminate()
