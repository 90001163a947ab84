"""Who may see the page, and whose forms count."""

import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.datastructures import LanguageAccept

from bridge.web.doors import Door
from bridge.web.patience import Patience
from bridge.web.sessions import Key, known_key
from tests.rig.pages import Browser, page_of, words_of
from tests.rig.world import Clock, World

PASSWORD = Door("open sesame")


def test_a_page_without_a_password_answers_only_to_names_of_this_machine(desk: World) -> None:
    with page_of(desk) as browser:
        assert browser.get("/state").status_code == 200
        for name in "attacker.example", "attacker.example:8087", "localhost.attacker.example", "":
            assert browser.get("/state", headers={"Host": name}).status_code == 403, name
        for name in "localhost", "localhost:8087", "127.0.0.1", "[::1]:8087":
            assert browser.get("/state", headers={"Host": name}).status_code == 200, name


@pytest.mark.parametrize("host", ["[", "[::1", "]", "::1", "a b", "\xff", "%00"])
def test_a_broken_host_or_origin_is_nobody(desk: World, host: str, caplog: pytest.LogCaptureFixture) -> None:
    with page_of(desk) as browser:
        assert browser.get("/state", headers={"Host": host}).status_code == 403
        answer = browser.post("/state/ask/refresh", headers={"Origin": f"http://{host}"})
        assert answer.status_code == 403
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "path", ["//meters", "/meters//home", "/meters/home/year/" + "9" * 5000, "/meters/home/year/99999"]
)
def test_an_odd_path_leads_nowhere(desk: World, path: str, caplog: pytest.LogCaptureFixture) -> None:
    with page_of(desk) as browser:
        answer = browser.get(path, allow_redirects=False)
    assert answer.status_code == (200 if path == "//meters" else 404)  # slashes before it are the server's
    assert "Traceback" not in caplog.text


def test_the_panel_answers_to_the_supervisor_alone(desk: World) -> None:
    with page_of(desk, door=Door(only_from="127.0.0.1")) as browser:
        assert browser.get("/state", headers={"Host": "homeassistant.local:8123"}).status_code == 200
    with page_of(desk, door=Door(only_from="172.30.32.2")) as browser:
        for headers in {}, {"X-Forwarded-For": "172.30.32.2"}, {"Forwarded": "for=172.30.32.2"}:
            assert browser.get("/state", headers=headers).status_code == 403
            assert browser.get("/static/style.css", headers=headers).status_code == 403


def test_whoever_has_the_password_comes_in_and_goes_out(desk: World) -> None:
    with page_of(desk, door=PASSWORD) as browser:
        assert browser.get("/state").url.endswith("/sign-in")
        assert browser.post("/sign-in", {"password": "open"}).status_code == 403
        browser.post("/sign-in", {"password": "open sesame"})
        assert browser.get("/state").url.endswith("/state")
        assert "Sign out" in words_of(browser.get("/state"))
        browser.post("/sign-out")
        assert browser.get("/state").url.endswith("/sign-in")


def test_a_cookie_from_before_the_sign_in_is_worth_nothing(desk: World) -> None:
    with page_of(desk, door=PASSWORD) as browser:
        browser.get("/sign-in")
        planted = browser.session.cookies.copy()
        browser.post("/sign-in", {"password": "open sesame"})
        browser.session.cookies = planted
        assert browser.get("/state").url.endswith("/sign-in")


def test_another_password_signs_everybody_out(desk: World) -> None:
    with page_of(desk, door=PASSWORD) as browser:
        browser.post("/sign-in", {"password": "open sesame"})
        cookies = browser.session.cookies
    with page_of(desk, door=Door("open barley")) as browser:
        browser.session.cookies = cookies
        assert browser.get("/state").url.endswith("/sign-in")


def test_a_password_is_not_guessed_at(desk: World) -> None:
    with page_of(desk, door=PASSWORD) as browser:
        for _ in range(3):
            assert browser.post("/sign-in", {"password": "wrong"}).status_code == 403
        refused = browser.post("/sign-in", {"password": "open sesame"})
        assert (refused.status_code, "try again in 6 seconds" in words_of(refused)) == (429, True)
        desk.clock.pass_by(seconds=6)
        assert browser.post("/sign-in", {"password": "wrong"}).status_code == 403
        desk.clock.pass_by(seconds=6)
        assert browser.post("/sign-in", {"password": "open sesame"}).status_code == 429
        desk.clock.pass_by(seconds=6)
        assert browser.post("/sign-in", {"password": "open sesame"}).status_code == 200


def test_a_wrong_password_is_forgiven_in_time_and_strangers_lock_nobody_out(clock: Clock) -> None:
    patience = Patience(clock)
    patience.right("10.0.0.1")
    for number in range(100):
        patience.wrong(f"10.0.1.{number}")
    assert patience.pause("10.0.2.1") == timedelta(seconds=30)
    assert patience.pause("10.0.0.1") == timedelta()
    clock.pass_by(seconds=30)
    assert patience.pause("10.0.2.1") == timedelta()
    patience.wrong("10.0.2.1")
    assert patience.pause("10.0.2.2") == timedelta(seconds=30)
    clock.pass_by(minutes=61)
    patience.wrong("10.0.2.1")
    assert patience.pause("10.0.2.2") == timedelta()


def test_a_key_that_is_empty_or_cut_is_none(tmp_path: Path) -> None:
    file = tmp_path / "data" / "page.key"
    assert len(known_key(file.parent).secret) == 32
    assert not file.parent.exists()
    for broken in "", "abcd", "not hexadecimal":
        key = known_key(file.parent)
        key.keep_in(file.parent)
        assert known_key(file.parent).secret == key.secret
        file.write_text(broken)
        assert known_key(file.parent).secret != key.secret
    key.keep_in(file.parent)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_whoever_comes_back_stays_signed_in_and_whoever_stays_away_does_not(desk: World) -> None:
    with page_of(desk, door=PASSWORD) as browser:
        browser.post("/sign-in", {"password": "open sesame"})
        for _ in range(3):
            desk.clock.pass_by(days=20)
            assert browser.get("/state").url.endswith("/state")
        desk.clock.pass_by(days=31)
        assert browser.get("/state").url.endswith("/sign-in")


def test_a_cookie_is_given_once_a_day(desk: World) -> None:
    with page_of(desk) as browser:
        assert "Set-Cookie" in browser.get("/state").headers
        assert "Set-Cookie" not in browser.get("/state").headers
        desk.clock.pass_by(hours=25)
        assert "Set-Cookie" in browser.get("/state").headers


def test_a_clock_that_goes_back_signs_nobody_out(desk: World) -> None:
    with page_of(desk, door=PASSWORD) as browser:
        browser.post("/sign-in", {"password": "open sesame"})
        token = browser.token()
        desk.clock.pass_by(hours=-1)
        assert browser.get("/state").url.endswith("/state")
        sent = browser.session.post(f"{browser.root}/state/ask/refresh", data={"form": token}, timeout=10)
        assert sent.status_code == 200


def test_a_copied_cookie_is_worth_nothing_after_the_sign_out(desk: World) -> None:
    with page_of(desk, door=PASSWORD, key=known_key(desk.data_dir)) as browser:
        browser.post("/sign-in", {"password": "open sesame"})
        copied = browser.session.cookies.copy()
        other = Browser(browser.port)
        other.post("/sign-in", {"password": "open sesame"})
        browser.post("/sign-out")
        browser.session.cookies = copied.copy()
        assert browser.get("/state").url.endswith("/sign-in")
        assert other.get("/state").url.endswith("/state")


def test_who_signed_out_is_remembered_across_restarts_and_the_others_stay_signed_in(desk: World) -> None:
    key = known_key(desk.data_dir)
    key.keep_in(desk.data_dir)
    with page_of(desk, door=PASSWORD, key=key) as browser:
        browser.post("/sign-in", {"password": "open sesame"})
        copied = browser.session.cookies.copy()
        other = Browser(browser.port)
        other.post("/sign-in", {"password": "open sesame"})
        browser.post("/sign-out")
    with page_of(desk, door=PASSWORD, key=known_key(desk.data_dir)) as again:
        again.session.cookies = copied
        assert again.get("/state").url.endswith("/sign-in")
        again.session.cookies = other.session.cookies
        assert again.get("/state").url.endswith("/state")


def test_two_bridges_on_one_host_keep_their_visitors_apart(desk: World) -> None:
    """A browser sends a cookie to every port of a host."""
    with page_of(desk, door=PASSWORD) as browser, page_of(desk, door=PASSWORD, key=Key(b"other")) as other:
        other.session = browser.session
        for each in browser, other:
            each.post("/sign-in", {"password": "open sesame"})
        for each in browser, other:
            assert each.get("/state").url.endswith("/state")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://attacker.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_from_another_site_counts_for_nothing(desk: World, headers: dict[str, str]) -> None:
    with page_of(desk, door=PASSWORD) as browser:
        refused = browser.post("/sign-in", {"password": "open sesame"}, headers=headers)
        assert refused.status_code == 403
        assert browser.get("/state").url.endswith("/sign-in")


def test_a_proxy_that_says_another_name_is_told_to_keep_host(desk: World) -> None:
    said = {"Origin": "http://energy.example"}
    with page_of(desk, door=PASSWORD) as browser:
        refused = browser.post("/sign-in", {"password": "open sesame"}, headers=said)
        assert refused.status_code == 403
        assert "This was sent from http://energy.example, but here the page is called" in words_of(refused)
        assert "proxy_set_header Host $http_host" in words_of(refused)
        behind = Browser(browser.port, Host="energy.example", Origin="http://energy.example")
        assert behind.post("/sign-in", {"password": "open sesame"}).status_code == 200
        by_browser = said | {"Sec-Fetch-Site": "same-origin"}  # with TLS it says so itself
        assert browser.post("/sign-in", {"password": "open sesame"}, headers=by_browser).status_code == 200


def test_a_page_without_a_password_says_what_another_name_needs(desk: World) -> None:
    with page_of(desk) as browser:
        refused = browser.get("/state", headers={"Host": "energy.example"})
        assert (refused.status_code, "set web.password" in refused.text) == (403, True)
        german = browser.get("/state", headers={"Host": "energy.example", "Accept-Language": "de"})
        assert "Ohne Passwort" in german.text
    with page_of(desk, door=Door(only_from="172.30.32.2")) as browser:
        assert browser.get("/state").text == "This page is not for you.\n"
        dutch = browser.get("/state", headers={"Accept-Language": "nl"})
        assert dutch.text == "Deze pagina is niet voor jou bestemd.\n"


@pytest.mark.parametrize(
    "head",
    [
        "GET http://[::1/x HTTP/1.1",
        f"POST / HTTP/1.1\r\nContent-Length: {'9' * 5000}",
        "hello",
        "GET / HTTP/1.1\r\nno header",
        "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",  # as TLS begins
    ],
)
def test_what_is_no_request_is_no_matter_for_the_log(
    desk: World, head: str, caplog: pytest.LogCaptureFixture
) -> None:
    with page_of(desk) as browser, socket.create_connection(("127.0.0.1", browser.port), 5) as line:
        line.sendall(f"{head}\r\nHost: localhost\r\n\r\n".encode())
        assert line.recv(12)[8:] == b" 400"
    assert caplog.text == ""


def test_a_head_that_is_too_large_is_refused(desk: World, caplog: pytest.LogCaptureFixture) -> None:
    with page_of(desk) as browser:
        assert browser.get("/state", headers={"X-More": "x" * 15_000}).status_code == 200
        assert browser.get("/state", headers={"X-More": "x" * 17_000}).status_code == 431
        assert browser.get("/state").status_code == 200
    assert caplog.text == ""


def test_the_browsers_languages_are_looked_through_once(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be thousands in a request."""
    asked: list[object] = []
    best = LanguageAccept.best_match

    def counted(self: LanguageAccept, *matches: Any) -> Any:
        asked.append(self)
        return best(self, *matches)

    monkeypatch.setattr(LanguageAccept, "best_match", counted)
    with page_of(desk) as browser:
        many = ",".join(f"x{number}" for number in range(2000))
        assert browser.get("/state", headers={"Accept-Language": f"{many},nl"}).status_code == 200
    assert len(asked) == 1


def test_many_requests_at_once_are_no_matter_for_the_log(
    desk: World, caplog: pytest.LogCaptureFixture
) -> None:
    with page_of(desk) as browser, ThreadPoolExecutor(20) as visitors:
        answers = list(visitors.map(lambda _: requests.get(f"{browser.root}/state", timeout=10), range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert caplog.text == ""


def test_a_form_of_another_browser_counts_for_nothing(desk: World) -> None:
    with page_of(desk, door=PASSWORD) as browser:
        stranger = Browser(int(browser.root.rpartition(":")[2]))
        fields = {"password": "open sesame", "form": stranger.token()}
        browser.get("/sign-in")
        refused = browser.session.post(f"{browser.root}/sign-in", data=fields, timeout=10)
        assert refused.status_code == 403


def test_every_answer_forbids_what_comes_from_elsewhere(desk: World) -> None:
    with page_of(desk, door=PASSWORD) as browser:
        for path in "/", "/state", "/sign-in", "/static/style.css", "/nowhere":
            answer = requests.get(browser.root + path, allow_redirects=False, timeout=10)
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"], path
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Server" not in answer.headers or "waitress" not in answer.headers["Server"]
