"""The simulator takes what clients live with, and each variant makes the difference that it says."""

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from bridge.simulator import Simulator
from bridge.simulator.faults.variants import VARIANTS

BRUSSELS = ZoneInfo("Europe/Brussels")
NOW = datetime(2026, 11, 21, 11, tzinfo=UTC)
DAY, GAS_DAY = date(2026, 11, 20), date(2026, 11, 16)
HOME, GAS, STRANGER = "541448820000000008", "541448820000000015", "541448820000000039"
SERIALS = {HOME: "1SAG1100042062", GAS: "7FLO2100042062"}
ONE_DAY = timedelta(days=1)


def at(day: date, hour: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=BRUSSELS)


class Client:
    """Asks both services, with tokens of its own."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator, self.api = simulator, simulator.energy_api
        self.http = requests.Session()
        self.http.trust_env = False
        self.bearer = simulator.sign_in.issue_access_token(NOW)
        self.api_bearer = self.api.credentials.issue_access_token(NOW)

    def portal(
        self, what: str, ean: str, first: date, last: date, hour: int = 0, **more: str
    ) -> requests.Response:
        until = at(last + ONE_DAY, hour) - timedelta(milliseconds=1)
        query = {
            "historyFrom": at(first, hour).isoformat(timespec="milliseconds"),
            "historyUntil": until.isoformat(timespec="milliseconds"),
            "asServiceProvider": "false",
            "meterSerialNumber": SERIALS.get(ean, ""),
            **more,
        }
        url = f"{self.simulator.url}/verbruik/api/meter-measurement-{what}/{ean}"
        headers = {"Authorization": f"Bearer {self.bearer}"}
        return self.http.get(url, params=query, headers=headers, timeout=5)

    def slots(self, ean: str, first: date, last: date, code: int, **more: Any) -> int:
        answer = self.portal("history", ean, first, last, granularity=str(code), **more)
        return len(answer.json()) if answer.status_code == 200 else -answer.status_code

    def ask(self, path: str, **query: str) -> requests.Response:
        url = f"{self.api.url()}{path}"
        return self.http.get(url, params=query, headers=self._of_the_api(), timeout=5)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.http.post(f"{self.api.url()}{path}", json=body, headers=self._of_the_api(), timeout=5)

    def _of_the_api(self) -> dict[str, str]:
        key = self.api.subscription_key
        return {"Authorization": f"Bearer {self.api_bearer}", "Ocp-Apim-Subscription-Key": key}

    def meter(self, ean: str = HOME, **query: str) -> dict[str, Any]:
        query = {"ean": ean, "periodType": "readTime", **query}
        answer = self.ask("/api/mandate/energy", **query).json()
        (meter,) = answer["data"]["headpoint"]["physicalMeters"]
        return dict(meter)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(now=lambda: NOW) as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    client = Client(simulator)
    with client.http:
        yield client


def test_every_variant_has_a_test() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in VARIANTS if f'"{name}"' not in tests] == []


class TestThePortal:
    @pytest.mark.parametrize(
        ("variant", "ean", "asked", "counts"),
        [
            ("display-mode-demanded", HOME, {"code": 1}, (96, -400)),
            ("serial-demanded", HOME, {"code": 4, "meterSerialNumber": ""}, (1, -404)),
            ("unknown-ean-forbidden", STRANGER, {"code": 4}, (-404, -403)),
            ("granularity-3-quarters", HOME, {"code": 3}, (1, 96)),
            ("accept-demanded", HOME, {"code": 4}, (1, -406)),
            ("gas-by-calendar-days", GAS, {"code": 2, "hour": 6}, (24, 0)),
            ("gas-by-calendar-days", GAS, {"code": 4, "hour": 6}, (1, 0)),
            ("gas-by-calendar-days", GAS, {"code": 2}, (0, 24)),
            ("gas-by-calendar-days", GAS, {"code": 4}, (1, 1)),
        ],
    )
    def test_a_day(self, client: Client, variant: str, ean: str, asked: Any, counts: tuple[int, int]) -> None:
        """How many slots there are usually and then, or the status with a minus."""
        day = GAS_DAY if ean == GAS else DAY
        usually = client.slots(ean, day, day, **asked)
        client.simulator.fault(variant)
        assert (usually, client.slots(ean, day, day, **asked)) == counts

    def test_several_days(self, simulator: Simulator, client: Client) -> None:
        assert client.slots(HOME, DAY - 2 * ONE_DAY, DAY, 1) == 0
        simulator.fault("several-days-of-intervals")
        assert client.slots(HOME, DAY - 2 * ONE_DAY, DAY, 1) == 3 * 96
        simulator.fault("short-spans", days=2)
        assert client.slots(HOME, DAY - 2 * ONE_DAY, DAY, 4) == -400
        assert client.slots(HOME, DAY - ONE_DAY, DAY, 4) == 2

    @pytest.mark.parametrize("moment", ["2026-11-19T23:00:00Z", "2026-11-20T00:00:00+01:00"])
    def test_moments_in_other_words(self, simulator: Simulator, client: Client, moment: str) -> None:
        assert client.slots(HOME, DAY, DAY, 4, historyFrom=moment) == 1
        simulator.fault("local-offsets-only")
        assert client.slots(HOME, DAY, DAY, 4, historyFrom=moment) == -400

    def test_who_asks(self, simulator: Simulator, client: Client) -> None:
        url = f"{simulator.url}/api/global/msal/config"
        assert client.http.get(url, timeout=5).status_code == 200
        simulator.fault("browsers-only")
        assert client.http.get(url, timeout=5).status_code == 403

    def test_a_serial_that_is_left_out_is_of_whichever_meter_hung_there(
        self, simulator: Simulator, client: Client
    ) -> None:
        simulator.exchange(HOME, at(DAY, 12), "1SAG1100099999")
        assert client.slots(HOME, DAY, DAY, 1) == 48
        assert client.slots(HOME, DAY, DAY, 1, meterSerialNumber="") == 96

    def test_gas_may_come_sooner(self, simulator: Simulator, client: Client) -> None:
        late = date(2026, 11, 19)
        assert client.slots(GAS, late, late, 4) == 0
        simulator.fault("gas-delay", hours=24)
        assert client.slots(GAS, late, late, 4) == 1

    def test_peaks(self, simulator: Simulator, client: Client) -> None:
        months = date(2026, 10, 1), date(2026, 11, 30)
        assert len(client.portal("spikes", HOME, *months).json()) == 2
        simulator.fault("no-running-month")
        assert len(client.portal("spikes", HOME, *months).json()) == 1

    def test_reactive_energy(self, simulator: Simulator, client: Client) -> None:
        simulator.fault("reactive-energy")
        (slot,) = client.portal("history", HOME, DAY, DAY, granularity="4").json()
        assert [entry["u"] for entry in slot["v"]] == [3, 3, 3, 3, 4]

    @pytest.mark.parametrize(("variant", "status"), [("", 200), ("strict-sign-in", 400)])
    def test_the_sign_in(self, simulator: Simulator, client: Client, variant: str, status: int) -> None:
        assert self._page(simulator, client, variant).status_code == status

    def test_the_sign_in_page(self, simulator: Simulator, client: Client) -> None:
        honest = self._page(simulator, client, "").text
        odd = self._page(simulator, client, "braces-in-strings").text
        assert (honest.count("};"), "var SETTINGS" in honest) == (4, True)
        assert (odd.count("};"), "const SETTINGS" in odd) == (7, True)

    def _page(self, simulator: Simulator, client: Client, variant: str) -> requests.Response:
        if variant:
            simulator.fault(variant)
        config = client.http.get(f"{simulator.url}/api/global/msal/config", timeout=5).json()["auth"]
        query = {
            "client_id": config["clientId"],
            "redirect_uri": config["redirectUri"],
            "response_type": "code",
            "response_mode": "query",
            "code_challenge": "x" * 43,
            "code_challenge_method": "S256",
            "scope": "openid offline_access https://klanten.onmicrosoft.com/MijnFluvius/user_impersonation",
        }
        return client.http.get(f"{config['authority']}/oauth2/v2.0/authorize", params=query, timeout=5)


class TestTheEnergyApi:
    @pytest.mark.parametrize(
        ("path", "query"),
        [
            ("/api/mandate", {"referenceNumber": "simulated"}),
            ("/API/Mandate", {"ReferenceNumber": "simulated"}),
            ("/api/Mandate/Energy", {"EAN": HOME, "PERIODTYPE": "readTime"}),
            ("/api/mandate/energy", {"ean": HOME, "periodType": "insertTime", "granularity": "daily"}),
            ("/api/mandate/Installation", {"Ean": HOME}),
        ],
    )
    def test_names_come_in_any_case_and_most_may_be_left_out(
        self, client: Client, path: str, query: dict[str, str]
    ) -> None:
        assert client.ask(path, **query).status_code == 200

    @pytest.mark.parametrize(
        "moment",
        [
            "2026-11-18T23:00:00Z",
            "2026-11-18T23:00:00.000Z",
            "2026-11-18T23:00:00.0000000Z",
            "2026-11-19T00:00:00+01:00",
            "2026-11-18T23:00:00",
            "2026-11-19",
        ],
    )
    def test_moments_come_in_any_form(self, simulator: Simulator, client: Client, moment: str) -> None:
        days = client.meter(**{"from": moment, "to": "2026-11-20T23:00:00Z"})["dailyEnergy"]
        assert [slot["start"] for slot in days] == ["2026-11-18T23:00:00Z", "2026-11-19T23:00:00Z"]
        simulator.fault("api-strict")
        query = {
            "ean": HOME,
            "periodType": "readTime",
            "referenceNumber": "simulated",
            "granularity": "daily",
        }
        query |= {"from": moment, "to": "2026-11-20T23:00:00Z"}
        strictly = client.ask("/api/mandate/energy", **query).status_code
        assert strictly == (200 if moment == "2026-11-18T23:00:00Z" else 400)

    @pytest.mark.parametrize("name", ["referenceNumber", "granularity", "from", "to"])
    def test_every_parameter_may_be_demanded(self, simulator: Simulator, client: Client, name: str) -> None:
        query = {
            "ean": HOME,
            "periodType": "readTime",
            "referenceNumber": "simulated",
            "granularity": "daily",
        }
        query |= {"from": "2026-11-18T23:00:00Z", "to": "2026-11-20T23:00:00Z"}
        del query[name]
        assert client.ask("/api/mandate/energy", **query).status_code == 200
        simulator.fault("api-strict")
        assert client.ask("/api/mandate/energy", **query).status_code == 400

    def test_no_question_spans_more_than_184_days(self, simulator: Simulator, client: Client) -> None:
        query = {"ean": HOME, "periodType": "insertTime", "to": "2026-11-01T00:00:00Z"}

        def answered(start: str) -> int:
            return client.ask("/api/mandate/energy", **{**query, "from": start}).status_code

        assert (answered("2026-05-01T00:00:00Z"), answered("2026-04-30T23:00:00Z")) == (200, 400)
        simulator.fault("api-short-spans", days=31)
        assert (answered("2026-10-01T00:00:00Z"), answered("2026-09-30T00:00:00Z")) == (200, 400)

    @pytest.mark.parametrize(
        ("variant", "ean", "start"),
        [
            ("api-utc-days", HOME, "2026-11-17T00:00:00Z"),
            ("api-utc-days", GAS, "2026-11-16T00:00:00Z"),
            ("api-days-from-asked", HOME, "2026-11-16T10:00:00Z"),
            ("api-gas-days-from-midnight", GAS, "2026-11-15T23:00:00Z"),
            ("api-gas-days-from-midnight", HOME, "2026-11-16T23:00:00Z"),
        ],
    )
    def test_days_begin_elsewhere_and_hold_what_their_parts_do(
        self, simulator: Simulator, client: Client, variant: str, ean: str, start: str
    ) -> None:
        simulator.fault(variant)
        since = "2026-11-15T10:30:00Z" if ean == GAS else "2026-11-16T10:30:00Z"
        meter = client.meter(ean, **{"from": since, "to": "2026-11-21T10:00:00Z"})
        parts = meter["hourlyEnergy" if ean == GAS else "quarterHourlyEnergy"]
        days = [day for day in meter["dailyEnergy"] if day["start"] >= since]
        first = days[0] if variant != "api-days-from-asked" else {"start": start}
        assert first["start"] == start
        for day in days:
            within = [each for each in parts if day["start"] <= each["start"] < day["end"]]
            unit = len(day["measurements"]) - 1
            totals = [each["measurements"][unit]["offtake"]["total"]["value"] for each in (*within, day)]
            assert sum(totals[:-1]) == pytest.approx(totals[-1])

    def test_the_last_slot_may_be_missing(self, simulator: Simulator, client: Client) -> None:
        query = {"from": "2026-11-19T23:00:00Z", "to": "2026-11-20T23:00:00Z"}
        assert len(client.meter(**query)["quarterHourlyEnergy"]) == 96
        simulator.fault("api-last-slot-missing")
        assert len(client.meter(**query)["quarterHourlyEnergy"]) == 95
        assert len(client.meter(**{**query, "to": "2026-11-21T10:00:00Z"})["quarterHourlyEnergy"]) == 96

    @pytest.mark.parametrize(
        ("writing", "said"),
        [
            ("camel", {"type": "BadRequest", "code": "400", "message": "The request is not valid."}),
            ("gateway", {"error": {"code": "BadRequest", "message": "The request is not valid."}}),
        ],
    )
    def test_errors_in_other_words(self, client: Client, writing: str, said: dict[str, Any]) -> None:
        client.simulator.fault("api-other-errors", writing=writing)
        answer = client.ask("/api/mandate/energy", ean=HOME, periodType="never")
        assert answer.status_code == 400
        mistake = "'periodType' must be one of readTime, insertTime."
        if writing == "camel":
            assert answer.json() == {**said, "validationErrorMessages": [mistake]}
        else:
            assert answer.json()["error"]["message"] == f"{said['error']['message']}; {mistake}"

    def test_an_unknown_ean_may_not_be_found(self, simulator: Simulator, client: Client) -> None:
        query = {"ean": STRANGER, "periodType": "readTime"}
        assert client.ask("/api/mandate/energy", **query).status_code == 403
        simulator.fault("api-unknown-ean-not-found")
        assert client.ask("/api/mandate/energy", **query).status_code == 404

    def test_mandates_from_the_start_were_not_updated_in_the_year_1(self, client: Client) -> None:
        def listed(**filters: str) -> int:
            return len(client.ask("/api/mandate", **filters).json()["data"]["mandates"])

        assert listed(lastUpdatedFrom="2019-01-01T00:00:00Z") == 3
        assert listed(lastUpdatedFrom="2020-06-01T00:00:00Z") == 0
        assert listed(lastUpdatedTo="2019-01-01") == 0

    def test_a_short_url_and_a_mock_need_little(self, simulator: Simulator, client: Client) -> None:
        body = {"DataAccessContractNumber": client.api.contract_number, "ReferenceNumber": "R", "Flow": "B2C"}
        assert client.post("/api/ShortUrlIdentifier", body).json()["data"]["status"] == "success"
        assert [each.service for each in client.api.consent("R", HOME)] == ["VH_onbepaald"]
        mock = {"referenceNumber": "M", "ean": "541440012000000123", "dataServiceType": "VH_dag"}
        assert client.post("/api/mandate/mock", mock).json()["data"] == {"status": "success"}
        assert client.meter(mock["ean"], referenceNumber="M", granularity="daily")["dailyEnergy"]
        simulator.fault("api-strict")
        assert client.post("/api/shortUrlIdentifier", body).status_code == 400
        assert client.post("/api/mandate/mock", mock).status_code == 400

    def test_what_there_is_at_a_connection_point(self, client: Client) -> None:
        def installation(ean: str) -> Any:
            return client.ask("/api/mandate/installation", ean=ean).json()["data"]["installation"]

        home, gas = installation(HOME), installation(GAS)
        assert (home["energyType"], home["meterType"], gas["energyType"]) == ("E", "DM", "G")
        assert [each["type"] for each in home["localProductionInstallations"]] == ["PV"]
        assert gas["localProductionInstallations"] == []
        assert {each["type"] for each in (*home["estimatedVolumes"], *gas["estimatedVolumes"])} == {"EAV"}
        assert client.ask("/api/mandate/installation", ean=STRANGER).status_code == 403
        assert client.ask("/api/mandate/installation").status_code == 400

    def test_what_is_behind_a_connection_says_what_it_is(self, client: Client) -> None:
        client.api.shape(HOME, "metering-on-headpoint", subs=("offtake", "production"))
        answer = client.ask(
            "/api/mandate/energy", ean=HOME, periodType="readTime", granularity="daily"
        ).json()
        subs = answer["data"]["headpoint"]["subHeadpoints"]
        assert [(sub["seqNumber"], sub["type"], bool(sub["vregId"])) for sub in subs] == [
            ("1", "?", False),
            ("2", "PV", True),
        ]

    @pytest.mark.parametrize("version", ["v2.0", "V2.0"])
    @pytest.mark.parametrize("secret", ["simulated~secret", "wrong"])
    def test_a_secret_may_come_by_http_basic(self, client: Client, version: str, secret: str) -> None:
        api = client.api
        pair = base64.b64encode(f"{api.client_id}:{secret}".encode()).decode()
        form = {"grant_type": "client_credentials", "scope": api.scope}
        url = f"{api.authority}/oauth2/{version}/token"
        answer = client.http.post(url, data=form, headers={"Authorization": f"Basic {pair}"}, timeout=5)
        assert answer.status_code == (200 if secret == api.client_secret else 401)

    @pytest.mark.parametrize("header", ["Basic", "Basic ???", "Basic eA=="])
    def test_what_is_no_secret_opens_nothing(self, client: Client, header: str) -> None:
        api = client.api
        form = {"grant_type": "client_credentials", "scope": api.scope, "client_id": api.client_id}
        url = f"{api.authority}/oauth2/v2.0/token"
        answer = client.http.post(url, data=form, headers={"Authorization": header}, timeout=5)
        assert answer.status_code in {400, 401}
