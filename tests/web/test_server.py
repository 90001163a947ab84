"""The page's server comes and goes with the bridge."""

import socket
import threading
import time
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection

import pytest
import requests

from tests.rig.mosquitto import eventually
from tests.rig.pages import Browser, page_of
from tests.rig.world import World


def test_it_ends_in_good_order_while_it_is_answering(desk: World) -> None:
    for _ in range(100):
        with page_of(desk) as browser:
            visitor = threading.Thread(target=_visit, args=(browser.root,))
            visitor.start()
            browser.get("/static/style.css")
        visitor.join(5)
        assert not visitor.is_alive()


HEAD = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n"


@pytest.mark.parametrize(
    ("begin", "again"),
    [(HEAD, b"X"), (b"", b"\r\n\r\n"), (HEAD + b"\r\n", b"x")],
    ids=["head", "nothing", "body"],
)
def test_a_request_that_never_comes_to_its_end_is_given_up(
    desk: World, monkeypatch: pytest.MonkeyPatch, begin: bytes, again: bytes
) -> None:
    monkeypatch.setattr("bridge.web.server._PATIENCE", 1)
    with page_of(desk) as browser, connected(browser) as line:
        line.sendall(begin)
        eventually(lambda: is_closed_to(again, line), 20)


def test_a_slow_line_is_given_its_time(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.web.server._PATIENCE", 2)
    with page_of(desk) as browser, connected(browser) as line:
        line.sendall(HEAD + b"\r\n")
        for _ in range(10):
            time.sleep(0.25)
            line.sendall(b"x" * 2000)
        assert line.recv(12) == b"HTTP/1.1 403"  # it is no form of ours


def test_a_browser_that_goes_on_asking_keeps_its_connection(
    desk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.web.server._PATIENCE", 2)
    with page_of(desk) as browser, closing(HTTPConnection("127.0.0.1", browser.port, timeout=5)) as line:
        line.connect()
        asked_with = line.sock
        for _ in range(10):
            time.sleep(0.25)
            line.request("GET", "/static/style.css")
            assert line.getresponse().read()
        assert line.sock is asked_with


@pytest.mark.parametrize(
    "begin", [b"", b"GET / HTTP/1.1\r\nHost:", HEAD + b"\r\nx"], ids=["none", "head", "body"]
)
def test_many_that_ask_nothing_shut_nobody_out(
    desk: World, begin: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with page_of(desk) as browser, ExitStack() as lines:
        for _ in range(150):
            lines.enter_context(connected(browser)).sendall(begin)
        assert browser.get("/state").status_code == 200
    assert caplog.text == ""


def test_many_that_ask_nothing_break_off_no_file_that_is_coming(desk: World) -> None:
    with page_of(desk) as browser, connected(browser) as line, ExitStack() as lines:
        line.sendall(HEAD + b"\r\n" + b"x" * 19_000)
        for _ in range(150):
            lines.enter_context(connected(browser))
        assert browser.get("/state").status_code == 200
        line.sendall(b"x" * 1000)
        assert line.recv(12) == b"HTTP/1.1 403"  # it is no form of ours


def test_who_asks_much_and_takes_no_answer_is_hung_up_on(
    desk: World, caplog: pytest.LogCaptureFixture
) -> None:
    asked = b"GET /static/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with page_of(desk) as browser:
        with connected(browser) as line:
            line.sendall(asked * 100)
            assert answers(line) < 100
        with connected(browser) as line:
            line.sendall(asked * 5 + HEAD.replace(b"20000", b"1\r\nConnection: close") + b"\r\nx")
            assert answers(line) == 5
    assert caplog.text == ""


def answers(line: socket.socket) -> int:
    """How many were right, until the connection ended."""
    said = b""
    with suppress(ConnectionError):
        while more := line.recv(65_536):
            said += more
    return said.count(b"HTTP/1.1 200")


def connected(browser: Browser) -> socket.socket:
    return socket.create_connection(("127.0.0.1", browser.port), 20)


def is_closed_to(more: bytes, line: socket.socket) -> bool:
    line.settimeout(0.1)
    try:
        line.sendall(more)
        return line.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def _visit(root: str) -> None:
    with suppress(requests.RequestException):  # it may come too late
        requests.get(root + "/static/style.css", timeout=3)
