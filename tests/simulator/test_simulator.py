"""The simulator behaves as Fluvius was seen to behave, and misbehaves when told to."""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import secrets
import signal
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit
from zoneinfo import ZoneInfo

import pytest
import requests
import yaml

from bridge.simulator import SimulatedMeter, Simulator, command
from bridge.simulator.faults.table import CATALOG, FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BRUSSELS = ZoneInfo("Europe/Brussels")
NOW = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)  # the latest day of electricity
GAS_DAY = date(2026, 11, 16)  # a gas day that is known
HOME, GAS, SHED = "541448820000000008", "541448820000000015", "541448820000000022"
USER_SCOPE = "https://klanten.onmicrosoft.com/MijnFluvius/user_impersonation"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64)"


class Browser:
    """Signs in the way the portal's pages do, one step at a time."""

    def __init__(self, simulator: Simulator) -> None:
        self.url = simulator.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["User-Agent"] = BROWSER
        self.verifier = secrets.token_urlsafe(48)
        self.state = secrets.token_urlsafe(16)
        self.nonce = secrets.token_urlsafe(16)
        self.config = self.session.get(f"{self.url}/api/global/msal/config", timeout=5).json()
        auth = self.config.get("auth", self.config)
        self.authority, self.client_id = auth["authority"], auth["clientId"]
        self.redirect_uri = auth["redirectUri"]

    def close(self) -> None:
        self.session.close()

    def authorize(self, **changes: str) -> requests.Response:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest())
        query = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "response_mode": "query",
            "scope": f"openid offline_access {USER_SCOPE}",
            "code_challenge": challenge.decode().rstrip("="),
            "code_challenge_method": "S256",
            "state": self.state,
            "nonce": self.nonce,
            "prompt": "login",
            "client_info": "1",
            "login_hint": "you@example.com",
        }
        page = self.session.get(f"{self.authority}/oauth2/v2.0/authorize", params=query | changes, timeout=5)
        if page.ok:
            self.settings = javascript(page.text, "SETTINGS")
            self.fields = javascript(page.text, "SA_FIELDS")["AttributeFields"]
            self.tenant = urljoin(self.url, self.settings["hosts"]["tenant"])
            self.step = {"tx": self.settings["transId"], "p": self.settings["hosts"]["policy"]}
        return page

    def submit(
        self, password: str = "simulated", email: str = "you@example.com", **headers: Any
    ) -> requests.Response:
        login = next(field["ID"] for field in self.fields if not field["IS_PASSWORD"])
        secret = next(field["ID"] for field in self.fields if field["IS_PASSWORD"])
        return self.session.post(
            f"{self.tenant}/SelfAsserted",
            params=self.step,
            data={"request_type": "RESPONSE", login: email, secret: password},
            headers={
                "X-CSRF-TOKEN": self.settings["csrf"],
                "X-Requested-With": "XMLHttpRequest",
                "Origin": self.url,
                "Referer": f"{self.authority}/oauth2/v2.0/authorize",
            }
            | {name.replace("_", "-"): value for name, value in headers.items()},
            timeout=5,
        )

    def confirm(self, **changes: str) -> requests.Response:
        query = {"rememberMe": "false", "csrf_token": self.settings["csrf"], **self.step} | changes
        url = f"{self.tenant}/api/{self.settings['api']}/confirmed?{urlencode(query)}"
        while True:
            answer = self.session.get(url, allow_redirects=False, timeout=5)
            if answer.status_code != 302:
                return answer
            url = urljoin(url, answer.headers["Location"])
            if url.startswith(f"{self.redirect_uri}?"):
                self.arrived = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
                return answer

    def redeem(self, **changes: str) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "scope": f"openid offline_access {USER_SCOPE}",
            "code": self.arrived.get("code", ""),
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        return self.session.post(f"{self.authority}/oauth2/v2.0/token", data=form | changes, timeout=5)

    def renew(self, refresh_token: str) -> requests.Response:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        form |= {"client_id": self.client_id, "scope": f"openid offline_access {USER_SCOPE}"}
        return self.session.post(f"{self.authority}/oauth2/v2.0/token", data=form, timeout=5)

    def sign_in(self) -> dict[str, Any]:
        assert self.authorize().status_code == 200
        assert self.submit().json() == {"status": "200"}
        assert self.confirm().status_code == 302
        tokens: dict[str, Any] = self.redeem().json()
        return tokens


class Portal:
    """Asks for readings with a token of its own."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update({"User-Agent": BROWSER, "Accept": "application/json"})
        self.use_a_new_token()

    def use_a_new_token(self) -> None:
        token = self.simulator.sign_in.issue_access_token(self.simulator.now())
        self.session.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        self.session.close()

    def ask(self, ean: str, start: datetime, end: datetime, code: int, **changes: Any) -> requests.Response:
        serials = {HOME: "1SAG1100042062", GAS: "7FLO2100042062", SHED: "1SAG1100042063"}
        query = {
            "historyFrom": start.astimezone(BRUSSELS).isoformat(timespec="milliseconds"),
            "historyUntil": end.astimezone(BRUSSELS).isoformat(timespec="milliseconds"),
            "granularity": str(code),
            "asServiceProvider": "false",
            "meterSerialNumber": serials.get(ean, ""),
            "mandateDisplayMode": "1",
        }
        url = f"{self.simulator.url}/verbruik/api/meter-measurement-history/{ean}"
        return self.session.get(url, params=query | changes, timeout=5)

    def days(self, ean: str, first: date, last: date, **changes: Any) -> requests.Response:
        return self.ask(ean, *span(first, last), 4, **changes)

    def day(self, ean: str = HOME, day: date = DAY, **changes: Any) -> requests.Response:
        return self.days(ean, day, day, **changes)

    def quarters(self, ean: str = HOME, day: date = DAY, code: int = 1, **changes: Any) -> requests.Response:
        return self.ask(ean, *span(day, day), code, **changes)

    def hours(self, ean: str = GAS, day: date = GAS_DAY, code: int = 2, **changes: Any) -> requests.Response:
        return self.ask(ean, *span(day, day, 6), code, **changes)

    def peaks(self, ean: str, first: date, last: date) -> Any:
        start, end = (
            moment.astimezone(BRUSSELS).isoformat(timespec="milliseconds") for moment in span(first, last)
        )
        query = {
            "historyFrom": start,
            "historyUntil": end,
            "asServiceProvider": "false",
            "meterSerialNumber": "1SAG1100042062" if ean == HOME else "7FLO2100042062",
        }
        url = f"{self.simulator.url}/verbruik/api/meter-measurement-spikes/{ean}"
        return self.session.get(url, params=query, timeout=5).json()


def span(first: date, last: date, hour: int = 0) -> tuple[datetime, datetime]:
    """From the first day's first instant to one millisecond before the last one's end, in UTC."""
    start = datetime.combine(first, time(hour), BRUSSELS).astimezone(UTC)
    end = datetime.combine(last + timedelta(days=1), time(hour), BRUSSELS).astimezone(UTC)
    return start, end - timedelta(milliseconds=1)


def exactly(answer: requests.Response) -> Any:
    return json.loads(answer.text, parse_float=Decimal, parse_int=int)


def sums(slots: list[dict[str, Any]]) -> dict[tuple[int, int, int], Decimal]:
    totals: dict[tuple[int, int, int], Decimal] = {}
    for slot in slots:
        for entry in slot["v"]:
            key = (entry["t"], entry["dc"], entry["u"])
            totals[key] = totals.get(key, Decimal(0)) + entry["v"]
    return totals


def javascript(page: str, name: str) -> dict[str, Any]:
    start = page.index(f"var {name} = ") + len(f"var {name} = ")
    content, _ = json.JSONDecoder().raw_decode(page, start)
    assert isinstance(content, dict)
    return content


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(now=lambda: NOW) as simulator:
        yield simulator


@pytest.fixture
def portal(simulator: Simulator) -> Iterator[Portal]:
    portal = Portal(simulator)
    yield portal
    portal.close()


@pytest.fixture
def browser(simulator: Simulator) -> Iterator[Browser]:
    browser = Browser(simulator)
    yield browser
    browser.close()


class TestSignIn:
    def test_a_browser_gets_tokens_that_open_the_portal(self, simulator: Simulator, browser: Browser) -> None:
        tokens = browser.sign_in()
        portal = Portal(simulator)
        portal.session.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        assert portal.day().json()
        portal.close()
        assert tokens["token_type"] == "Bearer"
        assert tokens["expires_in"] == 3600
        assert browser.arrived["state"] == browser.state

    def test_the_id_token_carries_nonce_audience_and_expiry(self, browser: Browser) -> None:
        claims = id_token(browser.sign_in())
        assert claims["nonce"] == browser.nonce
        assert claims["aud"] == browser.client_id
        assert claims["exp"] == NOW.timestamp() + 3600

    def test_every_simulator_has_a_client_id_of_its_own(self, browser: Browser) -> None:
        with Simulator(now=lambda: NOW) as another:
            stranger = Browser(another)
            assert stranger.client_id != browser.client_id
            stranger.close()

    def test_a_program_that_is_no_browser_may_be_refused(self, simulator: Simulator) -> None:
        assert requests.get(f"{simulator.url}/api/global/msal/config", timeout=5).ok
        simulator.fault("browsers-only")
        answer = requests.get(f"{simulator.url}/api/global/msal/config", timeout=5)
        assert answer.status_code == 403

    @pytest.mark.parametrize(
        "changes",
        [
            {"client_id": "another"},
            {"redirect_uri": "https://elsewhere.example/"},
            {"response_type": "token"},
            {"response_mode": "fragment"},
            {"scope": "openid offline_access"},
            {"code_challenge": "short"},
            {"code_challenge_method": "plain"},
            {"state": ""},
            {"nonce": ""},
            {"prompt": "none"},
            {"client_info": ""},
            {"login_hint": ""},
        ],
    )
    def test_a_wrong_authorize_request_is_refused(
        self, simulator: Simulator, browser: Browser, changes: dict[str, str]
    ) -> None:
        simulator.fault("strict-sign-in")
        answer = browser.authorize(**changes)
        assert answer.status_code == 400
        assert next(iter(changes)) in answer.text

    def test_the_page_comes_after_a_redirect_with_cookies(self, browser: Browser) -> None:
        page = browser.authorize()
        assert page.history
        assert len(browser.session.cookies) >= 3

    def test_the_page_may_trip_a_lazy_parser(self, simulator: Simulator, browser: Browser) -> None:
        for name in ("SETTINGS", "SA_FIELDS"):
            lazy = re.search(rf"var {name} = (.*?}});", browser.authorize().text)
            assert lazy
            assert json.loads(lazy[1])
        simulator.fault("braces-in-strings")
        query = {"client_id": browser.client_id, "redirect_uri": browser.redirect_uri}
        query |= {"response_type": "code", "response_mode": "query", "code_challenge": "x" * 43}
        query |= {"code_challenge_method": "S256", "scope": f"openid offline_access {USER_SCOPE}"}
        url = f"{browser.authority}/oauth2/v2.0/authorize"
        page = browser.session.get(url, params=query, timeout=5).text
        for name in ("SETTINGS", "SA_FIELDS"):
            lazy = re.search(rf"\w+ {name} = (.*?}});", page)
            assert lazy
            with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter"):
                json.loads(lazy[1])

    @pytest.mark.parametrize("missing", ["x-ms-cpim-trans", "x-ms-cpim-csrf"])
    def test_a_cookie_that_does_not_come_back_is_refused(self, browser: Browser, missing: str) -> None:
        browser.authorize()
        browser.session.cookies.clear("127.0.0.1", "/", missing)
        assert browser.submit().status_code == 400

    @pytest.mark.parametrize("header", ["X_CSRF_TOKEN", "X_Requested_With", "Origin", "Referer"])
    def test_a_header_that_is_missing_is_refused(self, browser: Browser, header: str) -> None:
        browser.authorize()
        for wrong in (None, "https://elsewhere.example"):
            headers: dict[str, Any] = {header: wrong}
            assert browser.submit(**headers).status_code == 400
        assert browser.submit().json() == {"status": "200"}

    @pytest.mark.parametrize("name", ["tx", "p"])
    def test_a_wrong_transaction_or_policy_is_refused(self, browser: Browser, name: str) -> None:
        browser.authorize()
        browser.step[name] = "another"
        assert browser.submit().status_code == 400

    def test_an_unknown_user_has_a_code_of_its_own(self, browser: Browser) -> None:
        browser.authorize()
        assert browser.submit(email="nobody@example.com").json()["errorCode"] == "AADB2C90053"

    def test_three_wrong_passwords_lock_the_account_for_a_while(
        self, simulator: Simulator, browser: Browser
    ) -> None:
        browser.authorize()
        codes = [browser.submit("wrong").json()["errorCode"] for _ in range(3)]
        assert codes == ["AADB2C90054", "AADB2C90054", "AADB2C90114"]
        assert browser.submit().json()["errorCode"] == "AADB2C90114"
        simulator.now = lambda: NOW + timedelta(minutes=31)
        assert browser.submit().json() == {"status": "200"}

    def test_no_code_without_a_password(self, browser: Browser) -> None:
        browser.authorize()
        answer = browser.confirm()
        assert answer.status_code == 200
        assert "SETTINGS" in answer.text

    @pytest.mark.parametrize("changes", [{"csrf_token": "x"}, {"rememberMe": "yes"}, {"tx": "x"}, {"p": "x"}])
    def test_a_wrong_confirmation_is_refused(self, browser: Browser, changes: dict[str, str]) -> None:
        browser.authorize()
        browser.submit()
        assert browser.confirm(**changes).status_code == 400

    @pytest.mark.parametrize(
        "changes",
        [
            {"client_id": "x"},
            {"scope": "openid"},
            {"code": "x"},
            {"redirect_uri": "https://elsewhere.example/"},
            {"code_verifier": "x" * 43},
            {"grant_type": "password"},
        ],
    )
    def test_a_wrong_token_request_is_refused(self, browser: Browser, changes: dict[str, str]) -> None:
        browser.authorize()
        browser.submit()
        browser.confirm()
        assert browser.redeem(**changes).status_code == 400

    def test_a_code_is_good_once(self, browser: Browser) -> None:
        browser.sign_in()
        again = browser.redeem()
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")

    def test_a_code_does_not_live_long(self, simulator: Simulator, browser: Browser) -> None:
        browser.authorize()
        browser.submit()
        browser.confirm()
        simulator.now = lambda: NOW + timedelta(minutes=6)
        assert browser.redeem().json()["error"] == "invalid_grant"

    def test_refresh_tokens_rotate(self, browser: Browser) -> None:
        first = browser.sign_in()["refresh_token"]
        second = browser.renew(first).json()["refresh_token"]
        assert second != first
        assert browser.renew(first).json()["error"] == "invalid_grant"
        assert browser.renew(second).ok

    def test_refresh_tokens_expire(self, simulator: Simulator, browser: Browser) -> None:
        tokens = browser.sign_in()
        simulator.now = lambda: NOW + timedelta(seconds=tokens["refresh_token_expires_in"] + 1)
        assert browser.renew(tokens["refresh_token"]).status_code == 400

    def test_access_tokens_expire(self, simulator: Simulator, portal: Portal) -> None:
        simulator.now = lambda: NOW + timedelta(seconds=3601)
        assert portal.day().status_code == 401


def id_token(tokens: dict[str, Any]) -> dict[str, Any]:
    middle = tokens["id_token"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return claims


class TestReadings:
    def test_a_day_is_one_slot_with_every_register(self, simulator: Simulator, portal: Portal) -> None:
        (slot,) = exactly(portal.day())
        assert (slot["d"], slot["de"]) == ("2026-11-19T23:00:00Z", "2026-11-20T23:00:00Z")
        assert [set(entry) for entry in slot["v"]] == [{"dc", "t", "st", "v", "vs", "u", "gcuv"}] * 4
        assert sums([slot]) == simulator.day_amounts(HOME, DAY)

    def test_a_day_is_exactly_the_sum_of_its_quarter_hours(
        self, simulator: Simulator, portal: Portal
    ) -> None:
        slots = exactly(portal.quarters())
        assert len(slots) == 96
        assert sums(slots) == simulator.day_amounts(HOME, DAY)

    def test_a_quarter_hour_carries_the_tariff_of_that_moment(self, portal: Portal) -> None:
        for slot in portal.quarters().json():
            local = datetime.fromisoformat(slot["d"]).astimezone(BRUSSELS)
            tariff = 1 if 7 <= local.hour < 22 else 2  # the 20th is a Friday
            assert [(entry["t"], entry["dc"]) for entry in slot["v"]] == [(1, tariff), (2, tariff)]

    def test_a_weekend_has_the_low_tariff_only(self, simulator: Simulator) -> None:
        amounts = simulator.day_amounts(HOME, date(2026, 11, 15))
        assert amounts[1, 1, 3] == amounts[2, 1, 3] == 0
        assert amounts[1, 2, 3] > 0

    def test_a_single_tariff_meter_has_a_total(self, portal: Portal) -> None:
        (slot,) = portal.day(SHED).json()
        assert [(entry["t"], entry["dc"]) for entry in slot["v"]] == [(1, 0)]

    def test_numbers_are_plain_decimals_of_at_most_three_places(self, portal: Portal) -> None:
        numbers = re.findall(r'"v": ([^\[,}]+)', portal.quarters().text)
        assert len(numbers) == 192
        assert all(re.fullmatch(r"\d+(\.\d{1,3})?", number) for number in numbers)

    def test_the_same_day_is_the_same_in_another_simulator(self, simulator: Simulator) -> None:
        assert Simulator(now=lambda: NOW).slot_amounts(HOME, DAY) == simulator.slot_amounts(HOME, DAY)

    def test_the_curves_look_like_a_household(self, simulator: Simulator) -> None:
        summer = simulator.total_amounts(HOME, date(2026, 6, 1), date(2026, 6, 30))
        winter = simulator.total_amounts(HOME, date(2026, 1, 1), date(2026, 1, 30))
        year = simulator.total_amounts(SHED, date(2025, 1, 1), date(2025, 12, 31))
        assert summer[2, 1, 3] > 5 * winter[2, 1, 3]
        assert winter[1, 1, 3] > 2 * summer[1, 1, 3]
        assert 3000 < year[1, 0, 3] < 8000
        night = [simulator.slot_amounts(HOME, DAY)[span(DAY, DAY)[0] + timedelta(hours=h)] for h in (1, 2, 3)]
        assert all(amounts[2, 2, 3] == 0 for amounts in night)

    @pytest.mark.parametrize(
        ("day", "quarters"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100), (date(2026, 10, 26), 96)]
    )
    def test_a_day_has_as_many_quarter_hours_as_the_clock(
        self, portal: Portal, day: date, quarters: int
    ) -> None:
        slots = exactly(portal.quarters(day=day))
        assert len(slots) == quarters
        unused = dict.fromkeys([(1, 1, 3), (2, 1, 3)], Decimal(0))  # the high tariff, on a Sunday
        assert unused | sums(slots) == sums(exactly(portal.day(day=day)))
        assert len(portal.quarters(day=day, code=2).json()) == quarters // 4

    @pytest.mark.parametrize(
        ("day", "hours"), [(date(2026, 3, 28), 23), (date(2026, 10, 24), 25), (date(2026, 10, 25), 24)]
    )
    def test_a_gas_day_has_as_many_hours_as_the_clock(self, portal: Portal, day: date, hours: int) -> None:
        slots = exactly(portal.hours(day=day))
        assert len(slots) == hours
        assert sums(slots) == sums(exactly(portal.ask(GAS, *span(day, day, 6), 4)))

    def test_gas_comes_twice_in_cubic_metres_and_kwh(self, portal: Portal) -> None:
        (slot,) = exactly(portal.day(GAS, GAS_DAY))
        volume, energy = slot["v"]
        assert (volume["u"], energy["u"], volume["t"], volume["dc"]) == (5, 3, 1, 0)
        assert Decimal("10.9") < energy["v"] / volume["v"] < Decimal("11.5")
        assert (slot["d"], slot["de"]) == ("2026-11-16T05:00:00Z", "2026-11-17T05:00:00Z")

    def test_gas_days_are_found_by_calendar_days_and_by_gas_days(self, portal: Portal) -> None:
        by_calendar = portal.days(GAS, date(2026, 11, 10), GAS_DAY).json()
        assert by_calendar == portal.ask(GAS, *span(date(2026, 11, 10), GAS_DAY, 6), 4).json()
        assert len(by_calendar) == 7

    def test_gas_has_no_quarter_hours(self, portal: Portal) -> None:
        assert portal.hours(code=1).json() == []

    def test_a_meter_without_quarter_hours_has_days_only(self, portal: Portal) -> None:
        assert portal.day(SHED).json()
        assert portal.quarters(SHED).json() == []

    def test_many_days_come_in_one_answer(self, portal: Portal) -> None:
        assert len(portal.days(HOME, date(2026, 10, 1), date(2026, 11, 20)).json()) == 51

    def test_code_3_is_days_until_told_otherwise(self, simulator: Simulator, portal: Portal) -> None:
        assert len(portal.quarters(code=3).json()) == 1
        simulator.portal.granularities["3"] = "quarter-hours"
        assert len(portal.quarters(code=3).json()) == 96

    def test_nothing_is_known_before_the_first_day(self) -> None:
        meter = SimulatedMeter(HOME, "1SAG1100042062", since=DAY)
        with Simulator([meter], now=lambda: NOW) as simulator:
            portal = Portal(simulator)
            assert len(portal.days(HOME, date(2026, 11, 1), DAY).json()) == 1
            assert portal.quarters(day=DAY - timedelta(days=1)).json() == []
            portal.close()


class TestWindows:
    @pytest.mark.parametrize("milliseconds", [-1, 1, 1000])
    def test_quarter_hours_need_exactly_one_day(self, portal: Portal, milliseconds: int) -> None:
        start, end = span(DAY, DAY)
        slack = timedelta(milliseconds=milliseconds)
        assert portal.ask(HOME, start, end + slack, 1).json() == []
        assert portal.ask(HOME, start + slack, end, 1).json() == []

    def test_two_days_of_quarter_hours_give_nothing(self, portal: Portal) -> None:
        answer = portal.ask(HOME, *span(DAY - timedelta(days=1), DAY), 1)
        assert (answer.status_code, answer.json()) == (200, [])

    def test_gas_hours_need_the_gas_day(self, portal: Portal) -> None:
        assert portal.ask(GAS, *span(GAS_DAY, GAS_DAY), 2).json() == []

    def test_days_need_whole_days(self, portal: Portal) -> None:
        start, end = span(DAY, DAY)
        assert portal.ask(HOME, start + timedelta(hours=1), end, 4).json() == []

    @pytest.mark.parametrize(
        ("name", "moment"),
        [
            ("historyFrom", "2026-10-25T00:00:00.000+01:00"),
            ("historyUntil", "2026-10-25T23:59:59.999+02:00"),
            ("historyFrom", "2026-10-24T22:00:00.000+00:00"),
        ],
    )
    def test_offsets_may_have_to_be_those_of_brussels(
        self, simulator: Simulator, portal: Portal, name: str, moment: str
    ) -> None:
        changes: dict[str, Any] = {"day": date(2026, 10, 25), name: moment}
        instant = datetime.fromisoformat(moment).astimezone(UTC)
        is_the_same = instant in span(date(2026, 10, 25), date(2026, 10, 25))
        assert len(portal.quarters(**changes).json()) == 100 * is_the_same
        simulator.fault("local-offsets-only")
        assert portal.quarters(**changes).json() == []

    @pytest.mark.parametrize(
        "moment",
        [
            "2026-11-20T00:00:00+01:00",
            "2026-11-19T23:00:00.000Z",
            "2026-11-20",
            "",
            "2026-13-20T00:00:00.000+01:00",
        ],
    )
    def test_moments_may_have_to_be_written_as_the_portal_does(
        self, simulator: Simulator, portal: Portal, moment: str
    ) -> None:
        assert portal.day(historyFrom=moment).status_code == (
            200 if moment.startswith("2026-11-") and "T" in moment else 400
        )
        simulator.fault("local-offsets-only")
        assert portal.day(historyFrom=moment).status_code == 400

    def test_a_span_that_ends_before_it_begins_is_bad(self, portal: Portal) -> None:
        start, end = span(DAY, DAY)
        assert portal.ask(HOME, end, start, 4).status_code == 400

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"meterSerialNumber": "1SAG0000000000"}, 404),
            ({"asServiceProvider": "true"}, 403),
            ({"granularity": "9"}, 400),
            ({"mandateDisplayMode": ""}, 400),
            ({"meterSerialNumber": ""}, 404),
        ],
    )
    def test_wrong_parameters_are_refused(
        self, simulator: Simulator, portal: Portal, changes: dict[str, Any], status: int
    ) -> None:
        for variant in ("display-mode-demanded", "serial-demanded"):
            simulator.fault(variant)
        assert portal.quarters(**changes).status_code == status

    def test_another_mans_meter_is_not_found(self, portal: Portal) -> None:
        assert portal.day("541448820000000039").status_code == 404

    def test_json_may_have_to_be_accepted_and_a_token_must_be_shown(
        self, simulator: Simulator, portal: Portal
    ) -> None:
        simulator.fault("accept-demanded")
        portal.session.headers["Accept"] = "text/html"
        assert portal.day().status_code == 406
        portal.session.headers["Authorization"] = "Bearer nonsense"
        assert portal.day().status_code == 401


class TestDelays:
    def test_a_day_appears_early_the_next_morning(self, simulator: Simulator, portal: Portal) -> None:
        midnight = span(DAY, DAY)[1]
        for hours, known in ((3.9, 0), (6.1, 1)):
            simulator.now = lambda hours=hours: midnight + timedelta(hours=hours)  # type: ignore[misc]
            portal.use_a_new_token()
            assert len(portal.day().json()) == known
            assert len(portal.quarters().json()) == 96 * known

    def test_gas_appears_after_72_hours(self, simulator: Simulator, portal: Portal) -> None:
        end = span(GAS_DAY, GAS_DAY, 6)[1]
        for hours, known in ((71.9, 0), (72.1, 1)):
            simulator.now = lambda hours=hours: end + timedelta(hours=hours)  # type: ignore[misc]
            portal.use_a_new_token()
            assert len(portal.day(GAS, GAS_DAY).json()) == known
            assert len(portal.hours().json()) == 24 * known

    def test_a_meter_can_have_a_delay_of_its_own(self) -> None:
        meter = SimulatedMeter(HOME, "1SAG1100042062", delay=timedelta(days=4))
        with Simulator([meter], now=lambda: NOW) as simulator:
            portal = Portal(simulator)
            assert len(portal.days(HOME, date(2026, 11, 10), DAY).json()) == 7
            portal.close()

    def test_a_day_can_come_before_its_quarter_hours(self, simulator: Simulator, portal: Portal) -> None:
        simulator.delay(HOME, DAY, intervals_until=NOW + timedelta(minutes=5))
        assert len(portal.day().json()) == 1
        assert portal.quarters().json() == []
        simulator.now = lambda: NOW + timedelta(minutes=5)
        assert len(portal.quarters().json()) == 96

    def test_a_day_can_come_later(self, simulator: Simulator, portal: Portal) -> None:
        simulator.delay(HOME, DAY, days_until=NOW + timedelta(minutes=5))
        assert portal.day().json() == portal.quarters().json() == []

    def test_the_latest_published_day_can_be_asked(self, simulator: Simulator) -> None:
        assert simulator.latest_day(HOME) == DAY
        assert simulator.latest_day(GAS) == date(2026, 11, 17)


class TestCorrections:
    @pytest.mark.parametrize("delta", [750, -750, 1, -1])
    @pytest.mark.parametrize("ean", [HOME, SHED])
    def test_day_and_quarter_hours_change_together(self, simulator: Simulator, ean: str, delta: int) -> None:
        before = total(simulator.day_amounts(ean, DAY), 1)
        simulator.correct(ean, DAY, delta_wh=delta)
        after = simulator.day_amounts(ean, DAY)
        assert total(after, 1) - before == Decimal(delta).scaleb(-3)
        slots = simulator.slot_amounts(ean, DAY).values()
        assert sum(total(amounts, 1) for amounts in slots) == total(after, 1)
        assert all(amount >= 0 for amounts in slots for amount in amounts.values())

    def test_the_portal_tells_the_corrected_amounts(self, simulator: Simulator, portal: Portal) -> None:
        simulator.correct(HOME, DAY, delta_wh=-1234)
        assert sums(exactly(portal.day())) == simulator.day_amounts(HOME, DAY)
        assert sums(exactly(portal.quarters())) == simulator.day_amounts(HOME, DAY)

    def test_a_correction_waits_for_its_moment(self, simulator: Simulator) -> None:
        before = simulator.day_amounts(HOME, DAY)
        simulator.correct(HOME, DAY, delta_wh=100, at=NOW + timedelta(hours=1))
        assert simulator.day_amounts(HOME, DAY) == before
        simulator.now = lambda: NOW + timedelta(hours=1)
        assert simulator.day_amounts(HOME, DAY) != before

    def test_gas_is_corrected_in_both_units(self, simulator: Simulator, portal: Portal) -> None:
        before = simulator.day_amounts(GAS, GAS_DAY)
        simulator.correct(GAS, GAS_DAY, delta_wh=5600)
        after = simulator.day_amounts(GAS, GAS_DAY)
        assert after[1, 0, 3] - before[1, 0, 3] == Decimal("5.6")
        assert Decimal("0.48") < after[1, 0, 5] - before[1, 0, 5] < Decimal("0.52")
        assert sums(exactly(portal.hours())) == after

    def test_a_whole_day_can_be_taken_back_but_no_more(self, simulator: Simulator) -> None:
        everything = int(total(simulator.day_amounts(SHED, DAY), 1) * 1000)
        with pytest.raises(ValueError, match="cannot change"):
            simulator.correct(SHED, DAY, delta_wh=-everything - 1)
        simulator.correct(SHED, DAY, delta_wh=-everything)
        assert total(simulator.day_amounts(SHED, DAY), 1) == 0

    def test_injection_is_corrected_too(self, simulator: Simulator) -> None:
        before = simulator.day_amounts(HOME, DAY)
        simulator.correct(HOME, DAY, delta_wh=9, direction=2)
        after = simulator.day_amounts(HOME, DAY)
        assert total(after, 2) - total(before, 2) == Decimal("0.009")
        assert total(after, 1) == total(before, 1)


def total(amounts: dict[tuple[int, int, int], Decimal], direction: int) -> Decimal:
    return sum((value for (t, _, unit), value in amounts.items() if t == direction and unit == 3), Decimal(0))


class TestExchange:
    def test_each_serial_tells_what_it_counted(self, simulator: Simulator, portal: Portal) -> None:
        whole = simulator.day_amounts(HOME, DAY)
        noon = datetime.combine(DAY, time(12), BRUSSELS)
        simulator.exchange(HOME, noon, "1SAG1100099999")
        old, new = exactly(portal.quarters()), exactly(portal.quarters(meterSerialNumber="1SAG1100099999"))
        assert (len(old), len(new)) == (48, 48)
        old_day, new_day = exactly(portal.day()), exactly(portal.day(meterSerialNumber="1SAG1100099999"))
        assert old_day[0]["d"] == new_day[0]["d"] == "2026-11-19T23:00:00Z"
        assert sums(old_day + new_day) == sums(old + new) == whole == simulator.day_amounts(HOME, DAY)
        assert sums(old_day) == simulator.day_amounts(HOME, DAY, serial="1SAG1100042062")
        before = DAY - timedelta(days=1)
        assert portal.day(day=before, meterSerialNumber="1SAG1100099999").json() == []

    def test_the_new_meter_is_unknown_until_it_hangs_there(
        self, simulator: Simulator, portal: Portal
    ) -> None:
        simulator.exchange(HOME, NOW + timedelta(hours=1), "1SAG1100099999")
        assert portal.day(meterSerialNumber="1SAG1100099999").status_code == 404


def test_the_months_peaks_are_the_highest_quarter_hours(simulator: Simulator, portal: Portal) -> None:
    peaks = portal.peaks(HOME, date(2026, 10, 1), date(2026, 11, 30))
    assert [(peak["d"], peak["de"]) for peak in peaks] == [
        ("2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
        ("2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z"),
    ]
    highest = max(
        sum(amount for (t, _, _), amount in amounts.items() if t == 1)
        for day in range(1, 32)
        for amounts in simulator.slot_amounts(HOME, date(2026, 10, day)).values()
    )
    assert Decimal(str(peaks[0]["v"][0]["v"])) == highest * 4
    assert portal.peaks(GAS, date(2026, 10, 1), date(2026, 10, 31)) == []


class TestFaultsOfTheSignIn:
    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            ("wrong-password", "AADB2C90054"),
            ("unknown-user", "AADB2C90053"),
            ("account-locked", "AADB2C90114"),
        ],
    )
    def test_the_password_is_refused(
        self, simulator: Simulator, browser: Browser, fault: str, code: str
    ) -> None:
        simulator.fault(fault)
        browser.authorize()
        answer = browser.submit()
        assert (answer.status_code, answer.json()["errorCode"]) == (200, code)
        simulator.clear()
        assert browser.submit().json() == {"status": "200"}

    def test_extra_step_is_a_page_instead_of_a_redirect(self, simulator: Simulator, browser: Browser) -> None:
        simulator.fault("extra-step", title="Accept the terms")
        browser.authorize()
        browser.submit()
        answer = browser.confirm()
        assert answer.status_code == 200
        assert "Accept the terms" in answer.text

    def test_redirect_error_says_what_went_wrong(self, simulator: Simulator, browser: Browser) -> None:
        simulator.fault("redirect-error", error="server_error", description="AADB2C90289: no")
        browser.authorize()
        browser.submit()
        browser.confirm()
        assert browser.arrived["error"] == "server_error"
        assert browser.arrived["error_description"] == "AADB2C90289: no"

    def test_wrong_state_is_another_state(self, simulator: Simulator, browser: Browser) -> None:
        simulator.fault("wrong-state")
        browser.sign_in()
        assert browser.arrived["state"] != browser.state

    def test_wrong_nonce_is_another_nonce(self, simulator: Simulator, browser: Browser) -> None:
        simulator.fault("wrong-nonce")
        assert id_token(browser.sign_in())["nonce"] != browser.nonce

    def test_expired_token_does_not_open_the_portal(
        self, simulator: Simulator, browser: Browser, portal: Portal
    ) -> None:
        simulator.fault("expired-token")
        portal.session.headers["Authorization"] = f"Bearer {browser.sign_in()['access_token']}"
        assert portal.day().status_code == 401

    def test_refresh_refused(self, simulator: Simulator, browser: Browser) -> None:
        simulator.fault("refresh-refused")
        answer = browser.renew(browser.sign_in()["refresh_token"])
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")

    def test_renamed_login_fields_still_let_a_good_client_in(self, simulator: Simulator) -> None:
        simulator.fault("renamed-login-fields")
        browser = Browser(simulator)
        assert "auth" not in browser.config
        assert browser.sign_in()["access_token"]
        assert browser.fields[0]["IS_PASSWORD"]
        assert browser.settings["hosts"]["tenant"].startswith("http://")
        browser.close()


class TestFaultsOfHttp:
    @pytest.mark.parametrize(
        ("fault", "status"),
        [
            ("bad-request", 400),
            ("unauthorized", 401),
            ("forbidden", 403),
            ("not-found", 404),
            ("too-many-requests", 429),
            ("server-error", 500),
            ("bad-gateway", 502),
            ("unavailable", 503),
        ],
    )
    def test_a_status_for_readings(
        self, simulator: Simulator, portal: Portal, fault: str, status: int
    ) -> None:
        simulator.fault(fault, times=1)
        assert portal.day().status_code == status
        assert portal.day().status_code == 200

    def test_unauthorized_comes_once_in_the_middle(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("unauthorized", after=2)
        assert [portal.day().status_code for _ in range(5)] == [200, 200, 401, 200, 200]

    def test_retry_after_in_seconds(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("too-many-requests", retry_after=17)
        assert portal.day().headers["Retry-After"] == "17"

    def test_retry_after_as_a_date_of_the_simulated_clock(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("too-many-requests-date", retry_after=60)
        answer = portal.day()
        assert answer.headers["Retry-After"] == "Sat, 21 Nov 2026 11:01:00 GMT"
        assert answer.headers["Date"] == "Sat, 21 Nov 2026 11:00:00 GMT"

    @pytest.mark.parametrize(("variant", "date"), [("missing", None), ("empty", ""), ("no-date", "zaterdag")])
    def test_the_date_of_an_answer_may_be_odd(
        self, simulator: Simulator, portal: Portal, variant: str, date: str | None
    ) -> None:
        simulator.fault("odd-date", variant=variant)
        assert portal.day().headers.get("Date") == date

    def test_maintenance_is_a_page_with_200(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("maintenance")
        answer = portal.day()
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/html")

    def test_a_fault_anywhere(self, simulator: Simulator) -> None:
        simulator.fault("server-error", where="config")
        answer = requests.get(
            f"{simulator.url}/api/global/msal/config", headers={"User-Agent": BROWSER}, timeout=5
        )
        assert answer.status_code == 500

    def test_a_fault_for_one_meter(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("not-found", ean=SHED)
        assert portal.day(SHED).status_code == 404
        assert portal.day(HOME).status_code == 200

    def test_a_stall_is_silent_and_then_answers(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("stall", seconds=0.05)
        assert portal.day().json()

    def test_a_stall_ends_when_the_simulator_stops(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("stall", seconds=60)
        stopper = Timer(0.1, simulator.stop)
        stopper.start()
        started = monotonic()
        with pytest.raises(requests.ConnectionError):
            portal.day()
        stopper.join()
        assert monotonic() - started < 30

    def test_cut_breaks_in_the_middle(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("cut")
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            portal.day()

    def test_replace_answers_anything(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("replace", body=b"\xff{", content_type="text/odd", status=207)
        answer = portal.day()
        assert (answer.content, answer.headers["Content-Type"], answer.status_code) == (
            b"\xff{",
            "text/odd",
            207,
        )


class TestFaultsOfReadings:
    def test_missing_amounts(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("missing-amounts", every=4)
        assert len(portal.day().json()[0]["v"]) == 3
        assert portal.day(SHED).json() == []
        assert len([entry for slot in portal.quarters().json() for entry in slot["v"]]) == 144

    def test_null_amounts(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("null-amounts")
        assert [entry["v"] is None for entry in portal.day().json()[0]["v"]] == [True, False, False, False]

    def test_not_validated(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("not-validated", status=3)
        assert {entry["vs"] for slot in portal.quarters().json() for entry in slot["v"]} == {3}

    def test_renamed_fields(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("renamed-fields")
        assert not {"d", "de", "v"} & set(portal.day().json()[0])

    def test_duplicate_slots(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("duplicate-slots")
        assert len(portal.quarters().json()) == 192

    def test_shuffled_slots(self, simulator: Simulator, portal: Portal) -> None:
        in_order = portal.quarters().json()
        simulator.fault("shuffled-slots")
        shuffled = portal.quarters().json()
        assert shuffled != in_order
        assert sorted(shuffled, key=lambda slot: slot["d"]) == in_order

    def test_overlapping_slots(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("overlapping-slots")
        day = DAY - timedelta(days=3)
        assert [slot["d"][:10] for slot in portal.day(day=day).json()] == [
            "2026-11-15",
            "2026-11-16",
            "2026-11-17",
        ]
        assert len(portal.quarters(day=day).json()) == 104
        assert len(portal.day(day=DAY).json()) == 2

    def test_granularity_changed_leaves_a_code_for_quarters_and_one_for_hours(
        self, simulator: Simulator, portal: Portal
    ) -> None:
        simulator.fault("granularity-changed")
        assert [len(portal.quarters(code=code).json()) for code in (1, 2, 3, 4)] == [24, 1, 96, 1]
        assert len(portal.hours(code=1).json()) == 24

    def test_hours_for_quarters(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("hours-for-quarters")
        slots = exactly(portal.quarters())
        assert len(slots) == 24
        assert sums(slots) == simulator.day_amounts(HOME, DAY)

    def test_impossible_amounts(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("impossible-amounts", every=50)
        amounts = [entry["v"] for slot in portal.quarters().json() for entry in slot["v"]]
        assert [i for i, amount in enumerate(amounts) if amount == 999_999_999.999] == [0, 50, 100, 150]

    def test_disagreeing_intervals(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("disagreeing-intervals", amount=250)
        day, quarters = simulator.day_amounts(HOME, DAY), sums(exactly(portal.quarters()))
        assert {key: amount - day[key] for key, amount in quarters.items() if amount != day[key]} == {
            (1, 2, 3): Decimal("0.25")
        }

    def test_uncorrected_intervals(self, simulator: Simulator, portal: Portal) -> None:
        before = portal.quarters().json()
        simulator.correct(HOME, DAY, delta_wh=500)
        simulator.fault("uncorrected-intervals")
        assert portal.quarters().json() == before
        simulator.clear()
        assert portal.quarters().json() != before

    def test_overlapping_months(self, simulator: Simulator, portal: Portal) -> None:
        months = date(2026, 10, 1), date(2026, 11, 30)
        asked = portal.peaks(HOME, *months)
        simulator.fault("overlapping-months")
        answered = portal.peaks(HOME, *months)
        assert answered[-len(asked) :] == asked
        assert len(answered) > len(asked)

    def test_late_day(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("late-day", days=2)
        assert len(portal.days(HOME, DAY - timedelta(days=6), DAY).json()) == 5
        assert portal.quarters().json() == []

    def test_late_intervals(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("late-intervals")
        assert len(portal.day().json()) == 1
        assert portal.quarters().json() == []
        assert len(portal.quarters(day=DAY - timedelta(days=1)).json()) == 96

    def test_late_intervals_can_be_half_there(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("late-intervals", partial=True)
        assert len(portal.quarters().json()) == 48

    @pytest.mark.parametrize(("fault", "wh"), [("correction-up", 300), ("correction-down", -300)])
    def test_corrections_hit_the_day_before_the_latest(
        self, simulator: Simulator, fault: str, wh: int
    ) -> None:
        day = DAY - timedelta(days=1)
        before = total(simulator.day_amounts(HOME, day), 1)
        simulator.fault(fault, amount=300)
        assert total(simulator.day_amounts(HOME, day), 1) - before == Decimal(wh).scaleb(-3)

    def test_exchange_splits_the_latest_day(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("exchange")
        assert len(portal.quarters().json()) == 48
        assert len(portal.quarters(meterSerialNumber="1SAG1100999999").json()) == 48

    @pytest.mark.parametrize(
        ("writing", "words"),
        [("letters", ("P", "D")), ("words", ("Voorlopig", "Definitief")), ("null", (None, None))],
    )
    def test_gas_has_other_kwh_and_the_same_cubic_metres_when_they_are_definitive(
        self, simulator: Simulator, portal: Portal, writing: str, words: tuple[Any, Any]
    ) -> None:
        simulator.fault("provisional-gas", weeks=6, writing=writing)
        asked = []
        for instant in (NOW, NOW + timedelta(weeks=6)):
            simulator.set_today(instant)
            portal.use_a_new_token()
            (slot,) = portal.days(GAS, GAS_DAY, GAS_DAY).json()
            asked.append({entry["u"]: (entry["v"], entry["gcuv"]) for entry in slot["v"]})
        before, after = asked
        assert before[5] == after[5] == (before[5][0], None)
        assert before[3][0] != after[3][0]
        assert (before[3][1], after[3][1]) == words

    @pytest.mark.parametrize(
        ("variant", "check"),
        [
            ("object", lambda answer: isinstance(answer, dict)),
            ("text-amounts", lambda answer: isinstance(answer[0]["v"][0]["v"], str)),
            ("unknown-codes", lambda answer: answer[0]["v"][0]["dc"] == 9),
            ("extra-fields", lambda answer: "extra" in answer[0]),
            ("null", lambda answer: answer is None),
            ("nulls", lambda answer: answer == [None]),
            ("values-no-list", lambda answer: answer[0]["v"] == 9.133),
            ("times-no-times", lambda answer: answer[0]["de"] == "tomorrow"),
        ],
    )
    def test_odd_json(
        self, simulator: Simulator, portal: Portal, variant: str, check: Callable[[Any], bool]
    ) -> None:
        simulator.fault("odd-json", variant=variant)
        assert check(portal.day().json())

    def test_odd_json_takes_turns(self, simulator: Simulator, portal: Portal) -> None:
        simulator.fault("odd-json")
        answers = [portal.day().text for _ in range(8)]
        assert len(set(answers)) == 8


def test_every_fault_of_the_catalog_has_a_test() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    assert [
        name for name in FAULTS if f'"{name}"' not in tests and not name.startswith(("api-", "prices-"))
    ] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "gremlins"}, "too-many-requests"),
        ({"name": "stall", "where": "nowhere"}, "readings-day"),
        ({"name": "stall", "minutes": 3}, "seconds"),
        ({"name": "stall", "seconds": "long"}, "could not convert"),
        ({"name": "odd-json", "variant": "blue"}, "text-amounts"),
        ({"name": "not-found", "ean": 1, "colour": "red"}, "none of its own"),
    ],
)
def test_a_wrong_fault_says_what_there_is(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Simulator().fault(**arguments)


class TestItself:
    def test_it_counts_who_came(self, simulator: Simulator, browser: Browser, portal: Portal) -> None:
        browser.renew(browser.sign_in()["refresh_token"])
        portal.day()
        portal.quarters()
        counts = {name: simulator.count(name) for name in ("sign-in", "renewal", "token", "config")}
        assert counts == {"sign-in": 1, "renewal": 1, "token": 1, "config": 1}
        assert simulator.count("readings-day") == simulator.count("readings-interval") == 1
        assert simulator.count("readings") == 2
        record = simulator.requests[-1]
        assert (record.endpoint, record.ean, record.granularity) == ("readings-interval", HOME, "1")
        assert (record.status, record.at) == (200, NOW)
        simulator.forget_requests()
        assert simulator.count() == 0

    def test_it_keeps_connections_open(self, simulator: Simulator, portal: Portal) -> None:
        portal.day()
        connections = len(simulator._server.connections) if simulator._server else 0
        portal.quarters()
        assert simulator._server
        assert len(simulator._server.connections) == connections == 1

    def test_it_can_go_away_and_come_back(self, simulator: Simulator, portal: Portal) -> None:
        url = simulator.url
        portal.day()
        simulator.stop()
        with pytest.raises(requests.ConnectionError):
            portal.day()
        simulator.start()
        assert simulator.url == url
        assert portal.day().status_code == 200

    def test_its_day_can_be_told(self) -> None:
        simulator = Simulator()
        simulator.set_today(date(2027, 2, 3))
        assert timedelta(0) <= simulator.now() - datetime(2027, 2, 3, 8, tzinfo=UTC) < timedelta(minutes=1)


class TestControls:
    def test_it_tells_its_state(self, simulator: Simulator) -> None:
        simulator.fault("late-day")
        state = requests.get(f"{simulator.url}/simulator/", timeout=5).json()
        assert state["now"] == "2026-11-21T12:00:00+01:00"
        assert [meter["ean"] for meter in state["meters"]] == [HOME, GAS, SHED]
        assert [fault["name"] for fault in state["faults"]] == ["late-day"]
        assert set(state["available_faults"]) == set(CATALOG)

    def test_its_clock_is_set(self, simulator: Simulator) -> None:
        moment = {"now": "2026-12-24T07:00:00+01:00"}
        answer = requests.put(f"{simulator.url}/simulator/now", json=moment, timeout=5)
        assert answer.json()["now"].startswith("2026-12-24T07:00:")

    def test_faults_come_and_go(self, simulator: Simulator, portal: Portal) -> None:
        url = f"{simulator.url}/simulator/faults"
        fault = {"name": "too-many-requests", "times": 1, "retry_after": 5}
        assert requests.post(url, json=fault, timeout=5).ok
        assert portal.day().headers["Retry-After"] == "5"
        requests.post(url, json={"name": "server-error"}, timeout=5)
        assert portal.day().status_code == 500
        requests.delete(url, timeout=5)
        assert portal.day().status_code == 200

    def test_days_are_corrected_and_delayed(self, simulator: Simulator, portal: Portal) -> None:
        before = total(simulator.day_amounts(HOME, DAY), 1)
        change = {"ean": HOME, "date": "2026-11-20", "delta_wh": -40}
        assert requests.post(f"{simulator.url}/simulator/corrections", json=change, timeout=5).ok
        assert total(simulator.day_amounts(HOME, DAY), 1) == before - Decimal("0.04")
        delay = {"ean": HOME, "date": "2026-11-20", "days_until": "2026-11-22T00:00:00+01:00"}
        assert requests.post(f"{simulator.url}/simulator/delays", json=delay, timeout=5).ok
        assert portal.day().json() == []

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("faults", {"name": "gremlins"}),
            ("faults", {}),
            ("faults", []),
            ("now", {"now": "2026-12-24T07:00:00"}),
            ("corrections", {"ean": "1", "date": "2026-11-20", "delta_wh": 1}),
        ],
    )
    def test_a_wrong_wish_is_explained(self, simulator: Simulator, path: str, body: Any) -> None:
        answer = requests.post(f"{simulator.url}/simulator/{path}", json=body, timeout=5)
        assert answer.status_code == 400
        assert answer.json()["error"]

    def test_an_unknown_control_lists_the_known_ones(self, simulator: Simulator) -> None:
        answer = requests.get(f"{simulator.url}/simulator/gremlins", timeout=5)
        assert answer.status_code == 404
        assert "POST /simulator/faults" in answer.json()["error"]


SIMULATE = """
import argparse, sys
from bridge.simulator import command
parser = argparse.ArgumentParser()
command.add_arguments(parser)
sys.exit(command.run(parser.parse_args()))
"""


class TestCommand:
    def test_it_serves_until_it_is_stopped(self) -> None:
        arguments = ["--port", "0", "--today", "2026-11-21", "--customers", "5"]
        arguments += ["--fault", "not-found:times=1,ean=" + GAS]
        with Popen([sys.executable, "-c", SIMULATE, *arguments], stdout=PIPE, text=True) as process:
            assert process.stdout
            lines: list[str] = []
            while not lines or not lines[-1].startswith("Ctrl-C"):
                lines.append(process.stdout.readline())
                assert lines[-1], "it ended too early"
            introduction = "".join(lines)
            configuration = yaml.safe_load(
                introduction[introduction.index("mqtt:") : introduction.index("Or, ")]
            )
            energy_api = yaml.safe_load(
                introduction[introduction.rindex("fluvius:") : introduction.index("Ctrl-C")]
            )["fluvius"]["energy_api"]
            url = configuration["fluvius"]["portal"]["url"]
            state = requests.get(f"{url}/simulator/", timeout=5).json()
            requests.get(f"{url}/api/global/msal/config", headers={"User-Agent": BROWSER}, timeout=5)
            logged = process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
        assert [meter["ean"] for meter in configuration["meters"]] == [HOME, GAS, SHED]
        assert len(state["mandates"]) == 8
        assert energy_api["url"] == f"{url}/esco-sbx/v3"
        assert energy_api["authority"] == f"{url}/{energy_api['tenant_id']}"
        assert state["now"].startswith("2026-11-21T09:00")
        assert state["faults"][0]["ean"] == GAS
        assert "config -> 200" in logged

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            (["--fault", "gremlins"], "--list-faults lists them"),
            (["--fault", "stall:seconds"], "write seconds=VALUE"),
            (["--fault", "stall:x=1"], "--list-faults shows what it takes"),
            (["--today", "soon"], "write a date such as"),
            (["--customers", "1000000"], "write a number from 0 to"),
        ],
    )
    def test_a_wrong_option_is_explained(
        self, wrong: list[str], words: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command.run(command_line(*wrong)) == 2
        assert words in capsys.readouterr().err

    def test_the_faults_are_listed(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert command.run(command_line("--list-faults")) == 0
        assert len(capsys.readouterr().out.splitlines()) == len(CATALOG)

    def test_a_port_that_is_taken_is_an_error(
        self, simulator: Simulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command.run(command_line("--port", str(simulator.port))) == 1
        assert str(simulator.port) in capsys.readouterr().err


def command_line(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)
