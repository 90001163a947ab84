"""The simulated Energy API is as strict as the real one, and misbehaves when told to."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import jwt
import msal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bridge.simulator import SimulatedMeter, Simulator
from bridge.simulator.energy_api.assertions import TYPE as ASSERTION
from bridge.simulator.energy_api.customers import with_check_digit
from bridge.simulator.energy_api.headpoints import reactive_amounts
from bridge.simulator.faults.alterations import places
from bridge.simulator.faults.documents import ODD
from bridge.simulator.faults.table import FAULTS
from bridge.simulator.household import TOTAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.simulator.household import Register

NOW = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)  # the latest day of electricity
GAS_DAY = date(2026, 11, 16)  # a gas day that is known
HOME, GAS, SHED = "541448820000000008", "541448820000000015", "541448820000000022"
SUB = with_check_digit("54144882000000009")
BRUSSELS = ZoneInfo("Europe/Brussels")
THREE_DAYS = timedelta(days=3)
BOTH = "daily,hourly_quarterhourly"
LISTS = ("dailyEnergy", "hourlyEnergy", "quarterHourlyEnergy")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Client:
    """Asks the API with a token of its own."""

    def __init__(self, simulator: Simulator, environment: Any = "sandbox") -> None:
        self.simulator, self.api = simulator, simulator.energy_api
        self.url = self.api.url(environment)
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Ocp-Apim-Subscription-Key"] = self.api.subscription_key
        self.use_a_new_token()

    def use_a_new_token(self, *, certified: bool = True) -> None:
        token = self.api.credentials.issue_access_token(self.simulator.now(), certified=certified)
        self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(f"{self.url}/api/{path}", params=query, timeout=5)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.session.post(f"{self.url}/api/{path}", json=body, timeout=5)

    def mandates(self, **filters: str) -> list[dict[str, Any]]:
        return list(self.get("mandate", **filters).json()["data"]["mandates"])

    def energy(self, ean: str = HOME, **changes: Any) -> requests.Response:
        query = {
            "ean": ean,
            "periodType": "readTime",
            "referenceNumber": "simulated",
            "granularity": BOTH,
            "from": "2026-11-15T23:00:00Z",
            "to": "2026-11-21T23:00:00Z",
        }
        return self.get("mandate/energy", **{k: v for k, v in (query | changes).items() if v is not None})

    def headpoint(self, ean: str = HOME, **changes: Any) -> Any:
        answer = self.energy(ean, **changes)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["headpoint"]

    def meter(self, ean: str = HOME, **changes: Any) -> Any:
        (meter,) = self.headpoint(ean, **changes)["physicalMeters"]
        return meter

    def day(self, ean: str = HOME, day: date = DAY, **changes: Any) -> Any:
        return self.meter(ean, **span(day, 6 if ean == GAS else 0), **changes)

    def stored(self, start: datetime, end: datetime, ean: str = HOME, **changes: Any) -> Any:
        moments = {"from": text(start), "to": text(end)}
        return self.meter(ean, periodType="insertTime", **moments, **changes)


def span(day: date, hour: int = 0) -> dict[str, str]:
    start = datetime(day.year, day.month, day.day, hour, tzinfo=BRUSSELS)
    return {"from": text(start), "to": text(start + timedelta(days=1))}


def text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z"


def days_in(meter: Any) -> list[date]:
    starts = (datetime.fromisoformat(slot["start"]) for slot in meter["dailyEnergy"])
    return [start.astimezone(BRUSSELS).date() for start in starts]


def amounts(slot: Any, direction: str = "offtake", unit: str = "kWh") -> dict[str, Decimal]:
    return {
        tariff: Decimal(str(register["value"]))
        for measurement in slot["measurements"]
        for tariff, register in measurement.get(direction, {}).items()
        if register["unit"] == unit
    }


def total(counted: dict[Register, Decimal], direction: int = 1, unit: int = 3) -> Decimal:
    return sum((amount for (t, _, u), amount in counted.items() if (t, u) == (direction, unit)), Decimal(0))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator(clock: Clock) -> Iterator[Simulator]:
    with Simulator(now=clock) as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    client = Client(simulator)
    with client.session:
        yield client


class TestTokens:
    @pytest.fixture
    def http(self) -> Iterator[requests.Session]:
        with OverHttp() as session:
            session.trust_env = False
            yield session

    def ask(self, simulator: Simulator, **changes: Any) -> requests.Response:
        api = simulator.energy_api
        form = {
            "grant_type": "client_credentials",
            "client_id": api.client_id,
            "client_secret": api.client_secret,
            "scope": api.scope,
        }
        tenant = changes.pop("tenant", api.tenant)
        form = {name: value for name, value in (form | changes).items() if value is not None}
        return requests.post(f"{simulator.url}/{tenant}/oauth2/v2.0/token", data=form, timeout=5)

    def sign_in(self, simulator: Simulator, credential: Any, http: Any, **changes: Any) -> dict[str, Any]:
        api = simulator.energy_api
        application = msal.ConfidentialClientApplication(
            changes.get("client_id", api.client_id),
            client_credential=credential,
            authority=api.authority.replace("http:", "https:"),
            http_client=http,
            instance_discovery=False,
        )
        return dict(application.acquire_token_for_client([changes.get("scope", api.scope)]))

    def test_msal_signs_in_with_a_secret_which_opens_the_sandbox_only(
        self, simulator: Simulator, client: Client, http: OverHttp
    ) -> None:
        result = self.sign_in(simulator, simulator.energy_api.client_secret, http)
        assert result["expires_in"] == 3599
        client.session.headers["Authorization"] = f"Bearer {result['access_token']}"
        assert client.get("mandate").status_code == 200
        client.url = simulator.energy_api.url("production")
        assert client.get("mandate").status_code == 401
        assert simulator.count("api-token") == 1

    def test_msal_signs_in_with_a_certificate_which_opens_production(
        self, simulator: Simulator, client: Client, http: OverHttp
    ) -> None:
        thumbprint = simulator.energy_api.register_certificate(certificate())
        credential = {"private_key": private_key(), "thumbprint": thumbprint}
        result = self.sign_in(simulator, credential, http)
        client.session.headers["Authorization"] = f"Bearer {result['access_token']}"
        client.url = simulator.energy_api.url("production")
        assert client.get("mandate").status_code == 200

    def test_a_certificate_that_is_not_registered_or_has_expired_is_refused(
        self, simulator: Simulator, clock: Clock, http: OverHttp
    ) -> None:
        credential = {"private_key": private_key(), "thumbprint": "A" * 40}
        thumbprint = simulator.energy_api.register_certificate(certificate())
        refused = self.sign_in(simulator, credential, http)
        assert refused["error_codes"] == [700027]
        assert "not registered" in refused["error_description"]
        clock.now += timedelta(days=400)
        refused = self.sign_in(simulator, credential | {"thumbprint": thumbprint}, http)
        assert refused["error_codes"] == [700027]
        assert "expired" in refused["error_description"]

    @pytest.mark.parametrize(
        ("changes", "status", "error", "code"),
        [
            ({"client_secret": "x"}, 401, "invalid_client", 7000215),
            ({"client_secret": None}, 401, "invalid_client", 7000216),
            ({"client_id": "x"}, 400, "unauthorized_client", 700016),
            ({"client_id": None}, 400, "invalid_request", 900144),
            ({"tenant": "x"}, 400, "invalid_request", 90002),
            ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
            ({"scope": "api://simulated-esco"}, 400, "invalid_scope", 1002012),
            ({"scope": "api://x/.default"}, 400, "invalid_resource", 500011),
        ],
    )
    def test_what_is_wrong_is_said_as_azure_ad_says_it(
        self, simulator: Simulator, changes: dict[str, Any], status: int, error: str, code: int
    ) -> None:
        answer = self.ask(simulator, **changes)
        content = answer.json()
        assert (answer.status_code, content["error"], content["error_codes"]) == (status, error, [code])
        assert content["error_description"].startswith(f"AADSTS{code}: ")

    def test_a_secret_expires(self, simulator: Simulator) -> None:
        simulator.energy_api.credentials.secret_expires = NOW
        assert self.ask(simulator).json()["error_codes"] == [7000222]

    def test_an_unknown_tenant_is_no_authority(self, simulator: Simulator) -> None:
        answer = requests.get(f"{simulator.url}/x/v2.0/.well-known/openid-configuration", timeout=5)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_tenant")

    @pytest.mark.parametrize(
        ("headers", "scheme", "expected"),
        [
            ({}, None, "http"),
            ({"X-Forwarded-Proto": "https"}, None, "https"),
            ({}, "https", "https"),
        ],
    )
    def test_addresses_are_told_as_the_client_knows_them(
        self, simulator: Simulator, headers: dict[str, str], scheme: str | None, expected: str
    ) -> None:
        simulator.energy_api.credentials.scheme = scheme
        url = f"{simulator.energy_api.authority}/v2.0/.well-known/openid-configuration"
        told = requests.get(url, headers=headers | {"Host": "login.example"}, timeout=5).json()
        for name in ("token_endpoint", "issuer", "authorization_endpoint"):
            assert told[name].startswith(f"{expected}://login.example/{simulator.energy_api.tenant}/")

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({}, None),
            ({"aud": "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"}, None),
            ({"aud": "https://login.microsoftonline.com/x/v2.0"}, 700023),
            ({"iss": "x"}, 700021),
            ({"sub": "x"}, 700021),
            ({"exp": 1}, 700024),
            ({"exp": None}, 700024),
            ({"nbf": time() + 10_000}, 700024),
            ({"jti": None}, 50027),
        ],
    )
    def test_every_claim_of_an_assertion_is_looked_at(
        self, simulator: Simulator, changes: dict[str, Any], code: int | None
    ) -> None:
        simulator.energy_api.register_certificate(certificate())
        content = self.with_assertion(simulator, assertion(simulator, changes)).json()
        assert content.get("error_codes", [None]) == [code]

    def test_an_assertion_is_good_once(self, simulator: Simulator) -> None:
        simulator.energy_api.register_certificate(certificate())
        once = assertion(simulator)
        assert self.with_assertion(simulator, once).status_code == 200
        assert self.with_assertion(simulator, once).json()["error_codes"] == [50027]

    def test_an_assertion_that_another_key_signed_is_refused(self, simulator: Simulator) -> None:
        simulator.energy_api.register_certificate(certificate())
        answer = self.with_assertion(simulator, assertion(simulator, key=another_key()))
        assert answer.json()["error_codes"] == [700027]
        assert "signature validation" in answer.json()["error_description"]

    def test_what_is_no_assertion_is_refused(self, simulator: Simulator) -> None:
        simulator.energy_api.register_certificate(certificate())
        assert self.with_assertion(simulator, "x.y.z").json()["error_codes"] == [50027]
        answer = self.ask(simulator, client_assertion=assertion(simulator), client_secret=None)
        assert answer.json()["error_codes"] == [900023]

    def with_assertion(self, simulator: Simulator, text: str) -> requests.Response:
        proof = {"client_secret": None, "client_assertion_type": ASSERTION, "client_assertion": text}
        return self.ask(simulator, **proof)


class OverHttp(requests.Session):
    """What msal asks over https arrives as http, as behind a proxy."""

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        assert url.startswith("https:")
        headers = {**(options.pop("headers", None) or {}), "X-Forwarded-Proto": "https"}
        return super().request(method, url.replace("https:", "http:", 1), headers=headers, **options)


@cache
def key_pair() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def another_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_key() -> str:
    return key_pair().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def certificate() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated")])
    made = (
        x509.CertificateBuilder(name, name, key_pair().public_key(), x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
        .sign(key_pair(), SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def assertion(
    simulator: Simulator, changes: dict[str, Any] | None = None, key: rsa.RSAPrivateKey | None = None
) -> str:
    api = simulator.energy_api
    claims = {
        "aud": f"https://login.microsoftonline.com/{api.tenant}/v2.0",
        "iss": api.client_id,
        "sub": api.client_id,
        "jti": uuid4().hex,
        "nbf": int(time()),
        "exp": int(time()) + 600,
    } | (changes or {})
    claims["aud"] = str(claims["aud"]).format(tenant=api.tenant)
    thumbprint = x509.load_pem_x509_certificate(certificate().encode()).fingerprint(SHA1())
    x5t = base64.urlsafe_b64encode(thumbprint).decode().rstrip("=")
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key or key_pair(), algorithm="RS256", headers={"x5t": x5t})


class TestAccess:
    def test_without_the_subscription_key_nobody_comes_in(self, client: Client) -> None:
        for key, word in ((None, "missing"), ("x", "invalid")):
            client.session.headers["Ocp-Apim-Subscription-Key"] = key  # type: ignore[assignment]
            answer = client.get("mandate")
            assert answer.status_code == answer.json()["statusCode"] == 401
            assert f"Access denied due to {word} subscription key" in answer.json()["message"]

    def test_without_a_good_token_nobody_comes_in(self, client: Client, clock: Clock) -> None:
        clock.now += timedelta(seconds=3598)
        assert client.get("mandate").status_code == 200
        clock.now += timedelta(seconds=1)
        assert client.get("mandate").status_code == 401
        for header in (None, "Bearer x", "Basic x"):
            client.session.headers["Authorization"] = header  # type: ignore[assignment]
            assert client.get("mandate").status_code == 401

    def test_an_unknown_address_is_not_found(self, client: Client) -> None:
        assert client.get("mandates").status_code == 404
        assert client.post("mandate/energy", {}).status_code == 404

    def test_a_client_that_wants_no_json_may_get_nothing(self, simulator: Simulator, client: Client) -> None:
        simulator.fault("accept-demanded")
        client.session.headers["Accept"] = "text/html"
        assert client.get("mandate").status_code == 406

    def test_requests_are_counted_per_kind_and_meter(self, simulator: Simulator, client: Client) -> None:
        client.energy()
        client.energy(GAS)
        client.mandates()
        assert (simulator.count("energy"), simulator.count("energy", ean=GAS)) == (2, 1)
        assert (simulator.count("mandates"), simulator.count("energy-api"), simulator.count()) == (1, 3, 3)
        assert simulator.count("readings") == simulator.count("sign-in") == 0
        assert "energy 541448820000000008 2026-11-15..2026-11-21 -> 200" in map(str, simulator.requests)


class TestMandates:
    def test_every_meter_of_the_account_has_one(self, client: Client) -> None:
        answer = client.get("mandate").json()
        assert answer["_meta"] == {"fetchTime": "2026-11-21T11:00:00Z"}
        mandates = answer["data"]["mandates"]
        assert [mandate["ean"] for mandate in mandates] == [HOME, GAS, SHED]
        assert mandates[1] == {
            "referenceNumber": "simulated",
            "status": "Approved",
            "ean": GAS,
            "energyType": "G",
            "dataPeriodFrom": "2019-12-31T23:00:00Z",
            "dataPeriodTo": None,
            "dataServiceType": "VH_kwartier_uur",
            "mandateExpirationDate": "2098-12-31T23:00:00Z",
            "renewalStatus": None,
        }

    def test_it_changes_over_time(self, simulator: Simulator, client: Client, clock: Clock) -> None:
        ean = with_check_digit("54144000000000100")
        tomorrow = NOW + timedelta(days=1)
        mandate = simulator.energy_api.add_mandate(ean, status="Requested", since=tomorrow)
        mandate.approve(NOW + timedelta(days=2))
        simulator.energy_api.mandate(ean).finish(NOW + timedelta(days=3))
        seen = []
        for _ in range(4):
            statuses = [each["status"] for each in client.mandates(ean=ean)]
            seen.append((statuses, client.energy(ean).status_code))
            clock.now += timedelta(days=1)
            client.use_a_new_token()
        assert seen == [([], 403), (["Requested"], 403), (["Approved"], 200), (["Finished"], 403)]

    def test_it_must_be_renewed_and_expires(self, simulator: Simulator, client: Client, clock: Clock) -> None:
        mandate = simulator.energy_api.mandate(HOME)
        mandate.expire(NOW + timedelta(days=92))
        seen = []
        for _ in range(3):
            (found,) = client.mandates(ean=HOME)
            seen.append((found["status"], found["renewalStatus"], client.energy().status_code))
            clock.now += timedelta(days=46)
            client.use_a_new_token()
        assert seen == [
            ("Approved", None, 200),
            ("Approved", "ToBeRenewed", 200),
            ("Approved", "Expired", 403),
        ]
        mandate.expire(NOW + timedelta(days=200))
        mandate.renewal = "RenewalRequested"
        assert client.mandates(renewalStatus="RenewalRequested")[0]["ean"] == HOME

    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            ({"ean": GAS}, [GAS]),
            ({"energyType": "E"}, [HOME, SHED]),
            ({"dataServiceTypes": "VH_dag"}, [SHED]),
            ({"dataServiceTypes": "VH_dag,VH_kwartier_uur"}, [HOME, GAS, SHED]),
            ({"status": "Finished"}, [GAS]),
            ({"referenceNumber": "nobody"}, []),
            ({"lastUpdatedFrom": "2026-11-20T00:00:00Z"}, [GAS]),
            ({"lastUpdatedTo": "2026-11-20T00:00:00Z"}, [HOME, SHED]),
            ({"mandateExpirationDate": "2030-01-01T00:00:00Z"}, []),
            ({"renewalStatus": "Expired"}, []),
        ],
    )
    def test_filters_select(
        self, simulator: Simulator, client: Client, filters: dict[str, str], found: list[str]
    ) -> None:
        simulator.energy_api.mandate(GAS).finish(NOW - timedelta(hours=1))
        expected = found if filters != {"ean": GAS} else [GAS]
        assert [mandate["ean"] for mandate in client.mandates(**filters)] == expected

    def test_a_wrong_filter_is_explained(self, client: Client) -> None:
        answer = client.get("mandate", status="Open", lastUpdatedFrom="yesterday", ean="1")
        assert answer.status_code == 400
        assert set(answer.json()) == {"Type", "Code", "Message", "ValidationErrorMessages"}
        assert len(answer.json()["ValidationErrorMessages"]) == 3

    def test_the_environments_may_differ(self, simulator: Simulator, client: Client) -> None:
        simulator.energy_api.forget_mandates()
        simulator.energy_api.add_mandate(HOME, environment="production")
        assert client.mandates() == []
        client.url = simulator.energy_api.url("production")
        assert [mandate["ean"] for mandate in client.mandates()] == [HOME]

    MOCK: dict[str, Any] = {  # noqa: RUF012 - never changed
        "referenceNumber": "R-1",
        "ean": "541440012000000123",
        "dataServiceType": "VH_dag",
        "dataPeriodFrom": "2026-01-01T00:00:00Z",
        "dataPeriodTo": None,
        "status": "Approved",
        "mandateExpirationDate": "2027-01-01T00:00:00Z",
        "renewalStatus": "ToBeRenewed",
    }

    def test_the_sandbox_makes_mandates_to_test_with(self, client: Client) -> None:
        assert client.post("mandate/mock", self.MOCK).status_code == 200
        (mandate,) = client.mandates(ean=self.MOCK["ean"])
        assert {key: mandate[key] for key in self.MOCK} == self.MOCK
        meter = client.meter(self.MOCK["ean"], referenceNumber="R-1", granularity="daily")
        assert days_in(meter)[-1] == DAY

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"ean": HOME}, "ean"),
            ({"ean": None}, "ean"),
            ({"referenceNumber": ""}, "referenceNumber"),
            ({"dataServiceType": "VH_jaar"}, "dataServiceType"),
            ({"dataPeriodFrom": "2026-01-01"}, "dataPeriodFrom"),
            ({"dataPeriodTo": "2025-01-01T00:00:00Z"}, "dataPeriodTo"),
            ({"status": "Open"}, "status"),
            ({"mandateExpirationDate": None}, "mandateExpirationDate"),
            ({"renewalStatus": "x"}, "renewalStatus"),
        ],
    )
    def test_a_wrong_mock_is_explained(
        self, simulator: Simulator, client: Client, changes: dict[str, Any], name: str
    ) -> None:
        simulator.fault("api-strict")
        answer = client.post("mandate/mock", self.MOCK | changes)
        assert answer.status_code == 400
        assert name in answer.json()["ValidationErrorMessages"][0]

    def test_production_makes_none(self, simulator: Simulator, client: Client) -> None:
        client.url = simulator.energy_api.url("production")
        assert client.post("mandate/mock", self.MOCK).status_code == 404


class TestShortUrls:
    ASKED: dict[str, Any] = {  # noqa: RUF012 - never changed
        "dataAccessContractNumber": "SIM-0000001",
        "referenceNumber": "R-2",
        "flow": "B2C",
        "dataServices": [
            {"dataServiceType": "VH_kwartier_uur", "dataPeriodFrom": "2026-01-01T00:00:00Z"},
        ],
        "numberOfEans": 1,
        "returnUrlSuccess": "https://example.com/thanks",
        "returnUrlFailed": "https://example.com/sorry",
        "sso": False,
        "enterpriseNumber": "0123456789",
    }

    def test_the_customer_follows_it_and_consents(
        self, simulator: Simulator, client: Client, clock: Clock
    ) -> None:
        data = client.post("shortUrlIdentifier", self.ASKED).json()["data"]
        assert (data["status"], data["validTo"]) == ("success", "2026-11-22T11:00:00Z")
        page = f"{simulator.url}/verbruik/dienstverlener?id={data['shortUrlIdentifier']}"
        assert requests.get(page, timeout=5).status_code == 200
        ean = with_check_digit("54144000000000100")
        simulator.energy_api.consent("R-2", ean, status="Requested")
        assert [each["status"] for each in client.mandates(referenceNumber="R-2")] == ["Requested"]
        simulator.energy_api.mandate(ean).approve(NOW)
        assert client.energy(ean, referenceNumber="R-2").status_code == 200
        with pytest.raises(ValueError, match="for 1 EANs"):
            simulator.energy_api.consent("R-2", HOME)
        clock.now += timedelta(hours=24)
        assert requests.get(page, timeout=5).status_code == 410
        with pytest.raises(ValueError, match="no short URL"):
            simulator.energy_api.consent("R-2", ean)

    def test_an_unknown_one_is_not_found(self, simulator: Simulator) -> None:
        page = f"{simulator.url}/verbruik/dienstverlener?id=x"
        assert requests.get(page, timeout=5).status_code == 404

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"dataAccessContractNumber": "x"}, "dataAccessContractNumber"),
            ({"referenceNumber": None}, "referenceNumber"),
            ({"flow": "C2C"}, "flow"),
            ({"dataServices": []}, "dataServices"),
            ({"dataServices": [{"dataServiceType": "VH_dag"}]}, "dataServices[0].dataPeriodFrom"),
            ({"numberOfEans": 0}, "numberOfEans"),
            ({"numberOfEans": "1"}, "numberOfEans"),
            ({"returnUrlSuccess": "thanks"}, "returnUrlSuccess"),
            ({"sso": "yes"}, "sso"),
            ({"enterpriseNumber": "BE 0123"}, "enterpriseNumber"),
        ],
    )
    def test_every_field_is_looked_at(
        self, simulator: Simulator, client: Client, changes: dict[str, Any], name: str
    ) -> None:
        simulator.fault("api-strict")
        answer = client.post("shortUrlIdentifier", self.ASKED | changes)
        assert answer.status_code == 400
        assert f"'{name}'" in answer.json()["ValidationErrorMessages"][0]

    def test_a_body_that_is_no_json_object_is_refused(self, client: Client) -> None:
        assert client.post("shortUrlIdentifier", []).status_code == 400
        url = f"{client.url}/api/shortUrlIdentifier"
        assert client.session.post(url, data={"a": "b"}, timeout=5).status_code == 415

    def test_the_controls_consent_too(self, simulator: Simulator, client: Client) -> None:
        client.post("shortUrlIdentifier", self.ASKED)
        url = f"{simulator.url}/simulator"
        assert requests.post(f"{url}/consents", json={"reference": "R-2", "ean": HOME}, timeout=5).ok
        wish = {"ean": GAS, "reference": "R-3", "status": "Rejected", "expires": "2027-01-01"}
        state = requests.post(f"{url}/mandates", json=wish, timeout=5).json()
        assert [each["referenceNumber"] for each in state["mandates"]] == [
            *("simulated", "R-2"),
            *("simulated", "R-3"),
            "simulated",
        ]


class TestQueries:
    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"ean": None}, "ean"),
            ({"ean": "5414"}, "ean"),
            ({"periodType": None}, "periodType"),
            ({"periodType": "writeTime"}, "periodType"),
            ({"referenceNumber": None}, "referenceNumber"),
            ({"granularity": None}, "granularity"),
            ({"granularity": "monthly"}, "granularity"),
            ({"complexEnergyTypes": "passive"}, "complexEnergyTypes"),
            ({"from": None}, "from"),
            ({"from": "2026-11-01"}, "from"),
            ({"from": "2026-11-01T00:00:00+01:00"}, "from"),
            ({"to": "2026-13-01T00:00:00Z"}, "to"),
            ({"to": "2026-11-01T00:00:00Z"}, "from"),
        ],
    )
    def test_a_wrong_one_is_explained(
        self, simulator: Simulator, client: Client, changes: dict[str, Any], name: str
    ) -> None:
        simulator.fault("api-strict")
        answer = client.energy(**changes)
        assert answer.status_code == 400
        assert f"'{name}'" in answer.json()["ValidationErrorMessages"][0]

    @pytest.mark.parametrize(
        "changes",
        [
            {"ean": "541448820000000039"},
            {"referenceNumber": "nobody"},
            {"ean": SHED},  # days only
            {"from": "2019-12-30T23:00:00Z", "to": "2020-01-02T23:00:00Z"},
        ],
    )
    def test_what_the_mandate_does_not_allow_is_forbidden(
        self, client: Client, changes: dict[str, Any]
    ) -> None:
        answer = client.energy(**{"ean": HOME} | changes)
        assert answer.status_code == 403
        assert set(answer.json()) == {"Type", "Code", "Message"}
        assert client.energy(SHED, granularity="daily").status_code == 200

    def test_nothing_outside_the_data_period_is_given(self, simulator: Simulator, client: Client) -> None:
        simulator.energy_api.forget_mandates(HOME)
        simulator.energy_api.add_mandate(HOME, period_from=date(2026, 11, 18), period_to=date(2026, 11, 20))
        assert client.energy(**span(date(2026, 11, 17))).status_code == 403
        assert client.energy(**span(DAY)).status_code == 403
        assert len(client.day(day=date(2026, 11, 19))["quarterHourlyEnergy"]) == 96
        meter = client.stored(NOW - timedelta(days=30), NOW)
        assert days_in(meter) == [date(2026, 11, 18), date(2026, 11, 19)]


class TestReadings:
    def test_a_double_tariff_meter_has_day_night_and_total(
        self, simulator: Simulator, client: Client
    ) -> None:
        headpoint = client.headpoint(**span(DAY))
        assert (headpoint["$type"], headpoint["ean"], headpoint["energyType"]) == (
            "metering-on-meter",
            HOME,
            "E",
        )
        (meter,) = headpoint["physicalMeters"]
        assert (meter["seqNumber"], meter["meterID"], meter["hourlyEnergy"]) == ("1", "1SAG1100042062", None)
        (day,) = meter["dailyEnergy"]
        assert (day["start"], day["end"]) == ("2026-11-19T23:00:00Z", "2026-11-20T23:00:00Z")
        truth = simulator.day_amounts(HOME, DAY)
        assert amounts(day) == {"day": truth[1, 1, 3], "night": truth[1, 2, 3], "total": total(truth)}
        assert amounts(day, "injection")["total"] == total(truth, 2)
        register = day["measurements"][0]["offtake"]["day"]
        assert register == {
            "value": float(truth[1, 1, 3]),
            "unit": "kWh",
            "validationState": "VAL",
            "gasConversionFactor": None,
        }

    def test_quarter_hours_are_the_truth_too(self, simulator: Simulator, client: Client) -> None:
        slots = client.day(granularity="hourly_quarterhourly")["quarterHourlyEnergy"]
        truth = simulator.slot_amounts(HOME, DAY)
        assert len(slots) == 96
        for slot, (start, counted) in zip(slots, truth.items(), strict=True):
            assert slot["start"] == text(start)
            assert amounts(slot)["total"] == total(counted)
            tariff = "day" if (1, 1, 3) in counted else "night"
            assert amounts(slot) == dict.fromkeys((tariff, "total"), total(counted))

    def test_only_what_was_asked_is_given(self, client: Client) -> None:
        assert client.day(granularity="daily")["quarterHourlyEnergy"] is None
        assert client.day(granularity="hourly_quarterhourly")["dailyEnergy"] is None

    @pytest.mark.parametrize(
        ("registers", "of_the_day", "of_a_quarter"),
        [
            ("day-night", {"day", "night"}, {"night"}),
            ("total-in-intervals", {"day", "night", "total"}, {"total"}),
        ],
    )
    def test_registers_vary(
        self, simulator: Simulator, client: Client, registers: Any, of_the_day: Any, of_a_quarter: Any
    ) -> None:
        simulator.energy_api.shape(HOME, registers=registers)
        meter = client.day()
        assert set(amounts(meter["dailyEnergy"][0])) == of_the_day
        assert set(amounts(meter["quarterHourlyEnergy"][0])) == of_a_quarter

    def test_a_single_tariff_meter_has_a_total_only(self, client: Client) -> None:
        (day,) = client.day(SHED, granularity="daily")["dailyEnergy"]
        assert set(amounts(day)) == {"total"}
        assert set(day["measurements"][0]) == {"offtake"}

    def test_gas_has_every_amount_twice(self, simulator: Simulator, client: Client) -> None:
        meter = client.day(GAS, GAS_DAY)
        (day,) = meter["dailyEnergy"]
        assert (day["start"], day["end"]) == ("2026-11-16T05:00:00Z", "2026-11-17T05:00:00Z")
        truth = simulator.day_amounts(GAS, GAS_DAY)
        assert len(day["measurements"]) == 2
        assert amounts(day, unit="m3") == {"total": truth[1, TOTAL, 5]}
        assert amounts(day, unit="kWh") == {"total": truth[1, TOTAL, 3]}
        assert day["measurements"][1]["offtake"]["total"]["gasConversionFactor"] == "D"
        assert len(meter["hourlyEnergy"]) == 24
        assert meter["quarterHourlyEnergy"] is None

    def test_reactive_energy_is_given_when_asked_for(self, simulator: Simulator, client: Client) -> None:
        (day,) = client.day(complexEnergyTypes="active,reactive")["dailyEnergy"]
        expected = reactive_amounts(int(total(simulator.day_amounts(HOME, DAY)) * 1000))
        assert amounts(day, unit="kVArh") == {
            name: Decimal(value).scaleb(-3) for name, value in expected.items()
        }
        assert set(amounts(day)) == {"day", "night", "total"}
        (day,) = client.day(complexEnergyTypes="reactive")["dailyEnergy"]
        assert amounts(day) == {}

    @pytest.mark.parametrize(
        ("ean", "day", "count"),
        [
            (HOME, date(2026, 3, 29), 92),
            (HOME, date(2026, 10, 25), 100),
            (GAS, date(2026, 3, 28), 23),
            (GAS, date(2026, 10, 24), 25),
        ],
    )
    def test_clocks_change(self, client: Client, ean: str, day: date, count: int) -> None:
        meter = client.day(ean, day)
        assert len(meter["hourlyEnergy" if ean == GAS else "quarterHourlyEnergy"]) == count
        assert len(meter["dailyEnergy"]) == 1

    def test_what_is_not_published_is_not_given(self, client: Client, clock: Clock) -> None:
        clock.now = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
        assert days_in(client.meter())[-1] == date(2026, 11, 19)
        assert days_in(client.meter(GAS))[-1] == date(2026, 11, 16)

    def test_a_meter_without_intervals_has_days_only(self, simulator: Simulator, client: Client) -> None:
        simulator.energy_api.add_mandate(SHED)
        meter = client.day(SHED)
        assert (len(meter["dailyEnergy"]), meter["quarterHourlyEnergy"]) == (1, [])

    def test_an_exchanged_meter_has_two_physical_meters(self, simulator: Simulator, client: Client) -> None:
        simulator.exchange(HOME, datetime(2026, 11, 19, 12, tzinfo=BRUSSELS), "1SAG1100999999")
        old, new = client.headpoint()["physicalMeters"]
        assert [(each["seqNumber"], each["meterID"]) for each in (old, new)] == [
            ("1", "1SAG1100042062"),
            ("2", "1SAG1100999999"),
        ]
        that_day = date(2026, 11, 19)
        assert days_in(old)[-1] == days_in(new)[0] == that_day
        both = amounts(old["dailyEnergy"][-1])["total"] + amounts(new["dailyEnergy"][0])["total"]
        assert both == total(simulator.day_amounts(HOME, that_day))
        assert [each["meterID"] for each in client.headpoint(**span(DAY))["physicalMeters"]] == [
            "1SAG1100999999"
        ]

    def test_a_large_connection_has_sub_headpoints(self, simulator: Simulator, client: Client) -> None:
        eans = simulator.energy_api.shape(
            HOME, "metering-on-headpoint", subs=("offtake", "production", "auxiliary")
        )
        headpoint = client.headpoint(**span(DAY))
        assert "physicalMeters" not in headpoint
        assert amounts(headpoint["dailyEnergy"][0])["total"] == total(simulator.day_amounts(HOME, DAY))
        subs = {sub["$type"]: sub for sub in headpoint["subHeadpoints"]}
        for direction, (name, ean) in zip((1, 3, 4), eans.items(), strict=True):
            sub = subs[f"submetering-{name}"]
            truth = total(simulator.day_amounts(ean, DAY), direction)
            assert sub["ean"] == ean
            assert truth > 0
            assert amounts(sub["dailyEnergy"][0], name) == {"total": truth}
            assert sum(amounts(slot, name)["total"] for slot in sub["quarterHourlyEnergy"]) == truth

    def test_a_headpoint_with_meters_says_everything_twice(
        self, simulator: Simulator, client: Client
    ) -> None:
        simulator.energy_api.shape(HOME, "metering-on-headpoint-and-meter", subs={"production": SUB})
        headpoint = client.headpoint(**span(DAY))
        assert headpoint["physicalMeters"][0]["dailyEnergy"] == headpoint["dailyEnergy"]
        assert headpoint["subHeadpoints"][0]["ean"] == SUB


class TestInsertTimes:
    MORNING = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)

    def test_a_day_is_stored_when_it_is_published(self, simulator: Simulator, client: Client) -> None:
        at = simulator.publication(HOME, DAY).days
        assert days_in(client.stored(self.MORNING, at)) == []
        meter = client.stored(at, NOW)
        assert days_in(meter) == [DAY]
        assert len(meter["quarterHourlyEnergy"]) == 96

    def test_a_late_day_is_stored_late(self, simulator: Simulator, client: Client, clock: Clock) -> None:
        late = date(2026, 11, 10)
        simulator.delay(HOME, late, NOW, NOW + timedelta(hours=5))
        clock.now += timedelta(minutes=30)
        meter = client.stored(NOW, clock.now)
        assert (days_in(meter), meter["quarterHourlyEnergy"]) == ([late], [])
        clock.now += timedelta(hours=5)
        client.use_a_new_token()
        meter = client.stored(NOW + timedelta(hours=1), clock.now)
        assert (days_in(meter), len(meter["quarterHourlyEnergy"])) == ([], 96)

    def test_a_correction_stores_what_it_changed(
        self, simulator: Simulator, client: Client, clock: Clock
    ) -> None:
        old = date(2026, 9, 1)
        simulator.correct(HOME, old, delta_wh=3000, at=NOW + timedelta(hours=1), over=3)
        simulator.correct(HOME, date(2026, 9, 2), delta_wh=-50, over=1)  # at once
        assert days_in(client.stored(NOW, NOW + timedelta(hours=2))) == [date(2026, 9, 2)]
        clock.now += timedelta(hours=2)
        client.use_a_new_token()
        meter = client.stored(NOW + timedelta(hours=1), clock.now)
        assert days_in(meter) == [old]
        assert len(meter["quarterHourlyEnergy"]) == 3
        truth = simulator.slot_amounts(HOME, old)
        for slot in meter["quarterHourlyEnergy"]:
            assert amounts(slot)["total"] == total(truth[datetime.fromisoformat(slot["start"])])

    def test_an_estimated_day_is_stored_again_when_it_is_validated(
        self, simulator: Simulator, client: Client, clock: Clock
    ) -> None:
        until = NOW + timedelta(days=2)
        simulator.energy_api.hold(HOME, DAY, until, "NVAL")
        assert states(client.day()) == {"NVAL"}
        clock.now = until + timedelta(hours=1)
        client.use_a_new_token()
        meter = client.stored(until, clock.now)
        assert (days_in(meter), states(meter)) == ([DAY], {"VAL"})

    def test_days_may_habitually_be_validated_later(
        self, simulator: Simulator, client: Client, clock: Clock
    ) -> None:
        simulator.energy_api.hold_days(THREE_DAYS, state="EST", every=2)
        meter = client.meter(granularity="daily")
        for day, slot in zip(days_in(meter), meter["dailyEnergy"], strict=True):
            is_held = day.toordinal() % 2 == 0 and simulator.publication(HOME, day).days + THREE_DAYS > NOW
            assert states(slot) == {"EST" if is_held else "VAL"}
        gas = client.meter(GAS, **{"from": "2026-11-16T05:00:00Z", "to": "2026-11-18T05:00:00Z"})
        factors = {"EST": "P", "VAL": "D"}
        for slot in gas["dailyEnergy"]:
            register = slot["measurements"][1]["offtake"]["total"]
            assert register["gasConversionFactor"] == factors[register["validationState"]]
        held = DAY if DAY.toordinal() % 2 == 0 else date(2026, 11, 19)
        clock.now = validated = simulator.publication(HOME, held).days + THREE_DAYS
        client.use_a_new_token()
        assert held not in days_in(client.stored(validated, validated))
        clock.now += timedelta(minutes=1)
        assert held in days_in(client.stored(validated, clock.now))

    def test_what_will_be_stored_is_not_given_yet(self, client: Client) -> None:
        assert days_in(client.stored(NOW, NOW + timedelta(days=3))) == []

    def test_a_long_span_gives_every_day(self) -> None:
        with Simulator([SimulatedMeter(HOME, "1", since=date(2026, 9, 1))], lambda: NOW) as simulator:
            client = Client(simulator)
            with client.session:
                meter = client.stored(NOW - timedelta(days=184), NOW, granularity="daily")
        days = days_in(meter)
        assert (days[0], days[-1]) == (date(2026, 9, 1), DAY)
        assert len(days) == (DAY - days[0]).days + 1


def states(content: Any) -> set[str]:
    return {holder[key] for holder, key in places(content, "**.validationState")}


class TestManyMeters:
    def test_they_have_test_eans_mandates_and_a_truth(self, simulator: Simulator, client: Client) -> None:
        eans = simulator.energy_api.add_meters(1000)
        eans += simulator.energy_api.add_meters(9, energy="gas", service="VH_dag")
        assert len(set(eans)) == len(client.mandates()) - 3 == 1009
        assert all(re.fullmatch(r"5414[4-5][0-1][0-2]{3}000000[0-9]{3}", ean) for ean in eans)
        assert all(with_check_digit(ean[:17]) == ean for ean in eans)
        (slot,) = client.day(eans[7], referenceNumber="customer-00007")["dailyEnergy"]
        assert amounts(slot)["total"] == total(simulator.day_amounts(eans[7], DAY))
        assert [each["energyType"] for each in client.mandates(referenceNumber="customer-01008")] == ["G"]
        assert len(simulator.meters) == 3  # the portal's account has not got them

    def test_where_test_eans_are_used_up_others_follow_that_nobody_has(self, simulator: Simulator) -> None:
        eans = simulator.energy_api.add_meters(10_802)
        assert len(set(eans)) == 10_802
        assert all(with_check_digit(ean[:17]) == ean for ean in eans)
        assert [ean[:8] for ean in eans[-2:]] == ["54149999"] * 2

    def test_there_are_bounds(self, simulator: Simulator) -> None:
        with pytest.raises(ValueError, match="100000"):
            simulator.energy_api.add_meters(100_001)


class TestFaults:
    def test_every_one_has_a_test(self) -> None:
        tests = Path(__file__).read_text(encoding="utf-8")
        assert [name for name in FAULTS if f'"{name}"' not in tests and name.startswith("api-")] == []

    @pytest.mark.parametrize(
        ("name", "status"),
        [
            ("api-bad-request", 400),
            ("api-forbidden", 403),
            ("api-not-found", 404),
            ("api-server-error", 500),
            ("api-unavailable", 503),
            ("api-too-many-requests", 429),
        ],
    )
    def test_an_error_has_its_body(
        self, simulator: Simulator, client: Client, name: str, status: int
    ) -> None:
        simulator.fault(name, ean=HOME)
        answer = client.energy()
        assert answer.status_code == status
        assert set(answer.json()) - {"ValidationErrorMessages"} == {"Type", "Code", "Message"}
        assert client.energy(GAS).status_code == 200
        simulator.clear()
        assert client.energy().status_code == 200

    def test_retry_after_may_be_there(self, simulator: Simulator, client: Client) -> None:
        simulator.fault("api-unavailable")
        assert "Retry-After" not in client.get("mandate").headers
        simulator.clear()
        simulator.fault("api-unavailable", retry_after=60)
        assert client.get("mandate").headers["Retry-After"] == "60"
        simulator.clear()
        simulator.fault("api-too-many-requests", retry_after=7, times=1)
        assert client.energy().headers["Retry-After"] == "7"
        assert client.energy().status_code == 200

    def test_the_portals_faults_of_http_hit_the_api_where_they_are_told_to(
        self, simulator: Simulator, client: Client
    ) -> None:
        simulator.fault("too-many-requests-date", where="energy")
        assert client.energy().headers["Retry-After"].endswith("GMT")
        simulator.fault("maintenance", where="mandates")
        assert client.get("mandate").headers["Content-Type"].startswith("text/html")

    def test_a_page_comes_in_place_of_json(self, simulator: Simulator, client: Client) -> None:
        simulator.fault("api-page")
        answer = client.energy()
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")

    @pytest.mark.parametrize(
        ("name", "code", "word"),
        [
            ("api-wrong-secret", 7000215, "Invalid client secret"),
            ("api-secret-expired", 7000222, "expired"),
            ("api-unknown-client", 700016, "not found"),
        ],
    )
    def test_a_secret_is_refused(self, simulator: Simulator, name: str, code: int, word: str) -> None:
        simulator.fault(name)
        content = TestTokens().ask(simulator).json()
        assert content["error_codes"] == [code]
        assert word in content["error_description"]

    @pytest.mark.parametrize(
        ("name", "word"),
        [("api-certificate-unknown", "not registered"), ("api-certificate-expired", "expired")],
    )
    def test_a_certificate_is_refused(self, simulator: Simulator, name: str, word: str) -> None:
        simulator.energy_api.register_certificate(certificate())
        simulator.fault(name)
        content = TestTokens().with_assertion(simulator, assertion(simulator)).json()
        assert content["error_codes"] == [700027]
        assert word in content["error_description"]

    def test_a_token_expires_in_the_middle(self, simulator: Simulator, client: Client) -> None:
        simulator.fault("api-token-expired", after=1)
        assert [client.energy().status_code for _ in range(3)] == [200, 401, 401]
        client.use_a_new_token()
        assert client.energy().status_code == 200

    def test_the_key_is_refused(self, simulator: Simulator, client: Client) -> None:
        simulator.fault("api-key-refused")
        assert "subscription key" in client.energy().json()["message"]

    def test_a_mandate_ends_in_the_middle(self, simulator: Simulator, client: Client) -> None:
        simulator.fault("api-mandate-ended", after=2, ean=HOME)
        assert [client.energy().status_code for _ in range(4)] == [200, 200, 403, 403]
        assert client.energy(GAS).status_code == 200
        assert client.mandates(status="Finished")[0]["ean"] == HOME

    def test_a_short_url_fails(self, simulator: Simulator, client: Client) -> None:
        simulator.fault("api-short-url-failed")
        answer = client.post("shortUrlIdentifier", TestShortUrls.ASKED)
        assert answer.json()["data"]["status"] == "failed"

    @pytest.mark.parametrize(
        ("name", "field", "said"),
        [
            ("api-other-ean", "ean", "541448820000000022"),
            ("api-other-energy", "energyType", "G"),
        ],
    )
    def test_an_answer_about_someone_else(
        self, simulator: Simulator, client: Client, name: str, field: str, said: str
    ) -> None:
        simulator.fault(name)
        assert client.energy().json()["data"]["headpoint"][field] == said

    def test_slots_of_other_times(self, simulator: Simulator, client: Client) -> None:
        asked = client.day()["dailyEnergy"]
        simulator.fault("api-overlapping-slots")
        answered = client.day()["dailyEnergy"]
        assert [slot for slot in answered if slot in asked] == asked
        assert len(answered) == 3 * len(asked)

    def test_impossible_and_disagreeing_amounts(self, simulator: Simulator, client: Client) -> None:
        before = client.day()
        simulator.fault("api-disagreeing-intervals", amount=250)
        after = client.day()
        assert after["dailyEnergy"] == before["dailyEnergy"]
        assert after["quarterHourlyEnergy"][:-1] == before["quarterHourlyEnergy"][:-1]
        assert after["quarterHourlyEnergy"][-1] != before["quarterHourlyEnergy"][-1]
        simulator.clear()
        simulator.fault("api-impossible-amounts")
        assert "999999999.999" in client.energy().text

    def test_any_field_may_be_missing(self, simulator: Simulator, client: Client) -> None:
        simulator.fault("api-missing-field", path="data.headpoint.physicalMeters.*.meterID", every=1)
        assert "meterID" not in client.day()
        simulator.clear()
        simulator.fault("api-missing-field")
        slots = client.day()["quarterHourlyEnergy"]
        assert 0 < len(list(places(slots, "**.value"))) < len(list(places(slots, "**.unit")))
        simulator.clear()
        simulator.fault("api-missing-field", path="data.headpoint.physicalMeters.0.quarterHourlyEnergy.*")
        assert len(client.day()["quarterHourlyEnergy"]) == 96 - 14
        simulator.clear()
        simulator.fault("api-missing-field", where="mandates", path="**.ean", every=2)
        assert ["ean" in mandate for mandate in client.mandates()] == [False, True, False]

    def test_any_field_may_be_null(self, simulator: Simulator, client: Client) -> None:
        simulator.fault("api-null-field", path="**.total", every=1)
        registers = [holder[key] for holder, key in places(client.day(), "**.total")]
        assert len(registers) > 96
        assert set(registers) == {None}

    @pytest.mark.parametrize(
        ("name", "path", "value"),
        [
            ("api-unknown-type", "$type", "metering-on-moon"),
            ("api-unknown-unit", "**.unit", "BTU"),
            ("api-unknown-state", "**.validationState", "FOO"),
        ],
    )
    def test_nobody_heard_of_it(
        self, simulator: Simulator, client: Client, name: str, path: str, value: str
    ) -> None:
        simulator.fault(name)
        assert {holder[key] for holder, key in places(client.headpoint(), path)} == {value}

    @pytest.mark.parametrize("variant", ODD)
    def test_json_may_be_odd(self, simulator: Simulator, client: Client, variant: str) -> None:
        where = "mandates" if variant.startswith("mandates") else "energy"

        def ask() -> requests.Response:
            return client.get("mandate") if where == "mandates" else client.energy()

        honest = ask().json()
        simulator.fault("api-odd-json", variant=variant, where=where)
        odd = ask()
        assert odd.status_code == 200
        assert odd.json() != honest

    def test_odd_json_takes_turns(self, simulator: Simulator, client: Client) -> None:
        simulator.fault("api-odd-json")
        answers = [client.energy(**span(DAY)).text for _ in ODD]
        assert len(set(answers)) == len(ODD) - 1  # two are for mandates

    def test_slots_come_twice_or_out_of_order(self, simulator: Simulator, client: Client) -> None:
        honest = client.day()["quarterHourlyEnergy"]
        simulator.fault("api-duplicate-slots")
        assert client.day()["quarterHourlyEnergy"] == [slot for slot in honest for _ in range(2)]
        simulator.clear()
        simulator.fault("api-shuffled-slots")
        shuffled = client.day()["quarterHourlyEnergy"]
        assert shuffled != honest
        assert sorted(shuffled, key=json.dumps) == sorted(honest, key=json.dumps)


def test_a_constructors_meters_have_mandates() -> None:
    with Simulator([SimulatedMeter(SHED, "1", intervals=False)], lambda: NOW) as simulator:
        client = Client(simulator)
        with client.session:
            assert [each["dataServiceType"] for each in client.mandates()] == ["VH_dag"]
