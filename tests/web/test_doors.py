"""Who may see the page, and whose forms count."""

import pytest
import requests

from bridge.web.doors import Door
from tests.rig.pages import Browser, page_of, words_of
from tests.rig.world import World

PASSWORD = Door("open sesame")


def test_a_page_without_a_password_answers_only_to_names_of_this_machine(desk: World) -> None:
    with page_of(desk) as browser:
        assert browser.get("/state").status_code == 200
        for name in "attacker.example", "attacker.example:8087", "localhost.attacker.example", "":
            assert browser.get("/state", headers={"Host": name}).status_code == 403, name
        for name in "localhost", "localhost:8087", "127.0.0.1", "[::1]:8087":
            assert browser.get("/state", headers={"Host": name}).status_code == 200, name


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
