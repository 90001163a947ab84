"""The simplest client that lives: written from the facts alone, with a lazy parser and no more than it needs.

No nonce, no state that anyone looks at, no mandateDisplayMode, no header that a browser sends by itself.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit
from zoneinfo import ZoneInfo

import pytest
import requests

from bridge.simulator import Simulator

BRUSSELS = ZoneInfo("Europe/Brussels")
NOW = datetime(2026, 11, 21, 12, tzinfo=BRUSSELS)
DAY, GAS_DAY = date(2026, 11, 20), date(2026, 11, 16)
HOME, GAS = "541448820000000008", "541448820000000015"
SCOPE = "openid offline_access https://klanten.onmicrosoft.com/MijnFluvius/user_impersonation"
VERIFIER = "a-verifier-that-is-long-enough-to-be-one-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class Simplest:
    """Signs in and asks, step by step as the facts have it."""

    def __init__(self, url: str) -> None:
        self.url, self.http = url, requests.Session()
        self.http.trust_env = False

    def sign_in(self, password: str = "simulated") -> Any:
        """What the token endpoint answers, or what the password was answered when it was refused."""
        config = self.http.get(f"{self.url}/api/global/msal/config", timeout=5).json()["auth"]
        query = {
            "client_id": config["clientId"],
            "redirect_uri": config["redirectUri"],
            "response_type": "code",
            "response_mode": "query",
            "scope": SCOPE,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        authority = config["authority"]
        page = self.http.get(f"{authority}/oauth2/v2.0/authorize", params=query, timeout=5)
        settings, fields = lazily(page.text, "SETTINGS"), lazily(page.text, "SA_FIELDS")["AttributeFields"]
        tenant = urljoin(self.url, settings["hosts"]["tenant"])
        step = {"tx": settings["transId"], "p": settings["hosts"]["policy"]}
        answer = self.http.post(
            f"{tenant}/SelfAsserted",
            params=step,
            data={"request_type": "RESPONSE", fields[0]["ID"]: "you@example.com", fields[1]["ID"]: password},
            headers={
                "X-CSRF-TOKEN": settings["csrf"],
                "X-Requested-With": "XMLHttpRequest",
                "Origin": self.url,
                "Referer": page.url,
            },
            timeout=5,
        )
        if answer.json()["status"] != "200":
            return answer.json()
        query = {"rememberMe": "false", "csrf_token": settings["csrf"], **step}
        form = {
            "grant_type": "authorization_code",
            "client_id": config["clientId"],
            "scope": SCOPE,
            "code": self._code(f"{tenant}/api/{settings['api']}/confirmed", query, config["redirectUri"]),
            "redirect_uri": config["redirectUri"],
            "code_verifier": VERIFIER,
        }
        return self.http.post(f"{authority}/oauth2/v2.0/token", data=form, timeout=5).json()

    def _code(self, url: str, query: dict[str, str], destination: str) -> str:
        answer = self.http.get(url, params=query, allow_redirects=False, timeout=5)
        while not answer.headers["Location"].startswith(f"{destination}?"):
            answer = self.http.get(answer.headers["Location"], allow_redirects=False, timeout=5)
        return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]

    def ask(self, what: str, ean: str, first: datetime, until: datetime, token: str, **more: str) -> Any:
        query = {
            "historyFrom": first.isoformat(timespec="milliseconds"),
            "historyUntil": (until - timedelta(milliseconds=1)).isoformat(timespec="milliseconds"),
            "asServiceProvider": "false",
            "meterSerialNumber": "",
            **more,
        }
        url = f"{self.url}/verbruik/api/meter-measurement-{what}/{ean}"
        answer = self.http.get(url, params=query, headers={"Authorization": f"Bearer {token}"}, timeout=5)
        return json.loads(answer.text, parse_float=Decimal)


def lazily(page: str, name: str) -> Any:
    """The object up to the first brace with a semicolon."""
    match = re.search(rf"var {name} = (.*?}});", page, re.DOTALL)
    assert match
    return json.loads(match[1])


def midnight(day: date, hour: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=BRUSSELS)


def sums(slots: list[dict[str, Any]]) -> dict[tuple[int, int, int], Decimal]:
    totals: dict[tuple[int, int, int], Decimal] = {}
    for slot in slots:
        for entry in slot["v"]:
            key = (entry["t"], entry["dc"], entry["u"])
            totals[key] = totals.get(key, Decimal(0)) + entry["v"]
    return totals


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(now=lambda: NOW) as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Simplest]:
    client = Simplest(simulator.url)
    with client.http:
        yield client


def test_it_gets_a_token_and_every_day_exactly(simulator: Simulator, client: Simplest) -> None:
    token = client.sign_in()["access_token"]
    week = midnight(DAY - timedelta(days=6)), midnight(DAY + timedelta(days=1))
    days = client.ask("history", HOME, *week, token, granularity="4")
    assert len(days) == 7
    assert sums(days) == simulator.total_amounts(HOME, DAY - timedelta(days=6), DAY)


def test_it_gets_quarter_hours_and_gas_hours_without_a_display_mode(
    simulator: Simulator, client: Simplest
) -> None:
    token = client.sign_in()["access_token"]
    day = midnight(DAY), midnight(DAY + timedelta(days=1))
    quarters = client.ask("history", HOME, *day, token, granularity="1")
    assert len(quarters) == 96
    assert sums(quarters) == simulator.day_amounts(HOME, DAY)
    gas_day = midnight(GAS_DAY, 6), midnight(GAS_DAY + timedelta(days=1), 6)
    hours = client.ask("history", GAS, *gas_day, token, granularity="2")
    assert len(hours) == 24
    assert sums(hours) == simulator.day_amounts(GAS, GAS_DAY)


def test_it_gets_the_months_peaks(client: Simplest) -> None:
    token = client.sign_in()["access_token"]
    months = midnight(date(2026, 10, 1)), midnight(date(2026, 12, 1))
    assert len(client.ask("spikes", HOME, *months, token)) == 2


def test_a_token_without_a_nonce_says_none(client: Simplest) -> None:
    claims = client.sign_in()["id_token"].split(".")[1]
    assert "nonce" not in json.loads(base64.urlsafe_b64decode(f"{claims}=="))


def test_a_wrong_password_is_still_refused(client: Simplest) -> None:
    assert client.sign_in("wrong")["errorCode"] == "AADB2C90054"
