"""The official Energy API, as fluvius-api.md part 3 describes it: strict about everything."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bridge.simulator.client_credentials import DISCOVERY, TOKEN, ClientCredentials
from bridge.simulator.energy import Habit, Held, Readings, query_from
from bridge.simulator.energy_faults import altered_document
from bridge.simulator.headpoints import Shape
from bridge.simulator.household import SimulatedMeter
from bridge.simulator.mandates import (
    Environment,
    Mandate,
    Mandates,
    filter_mistakes,
    mock_mistakes,
    moment,
    parsed,
    short_url_mistakes,
    text,
)
from bridge.simulator.measurements import FROM_THE_START, Measurements
from bridge.simulator.web import RefusedError, Request, Response, api_error, as_json, as_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bridge.simulator.headpoints import Registers, State, Sub, Type
    from bridge.simulator.household import Energy
    from bridge.simulator.mandates import Renewal, Service, ShortUrl, Status

TENANT = "51111111-7a2d-4e57-8e57-000000000001"
CLIENT_ID = "c1111111-7a2d-4e57-8e57-000000000002"
CLIENT_SECRET = "simulated~secret"  # noqa: S105 - of a client that does not exist
SCOPE = "api://simulated-esco/.default"
SUBSCRIPTION_KEY = "0123456789abcdef0123456789abcdef"
CONTRACT_NUMBER = "SIM-0000001"
REFERENCE = "simulated"

ENVIRONMENTS: dict[str, Environment] = {"esco-live": "production", "esco-sbx": "sandbox"}
API = re.compile(r"/(esco-live|esco-sbx)/v3/api/(.+)")
LANDING_PAGE = "/verbruik/dienstverlener"
ROUTES = {
    ("POST", "shortUrlIdentifier"): "short-url",
    ("GET", "mandate"): "mandates",
    ("GET", "mandate/energy"): "energy",
    ("POST", "mandate/mock"): "mock",
}
LONG_AGO, FAR_AWAY = date(2020, 1, 1), date(2099, 1, 1)
MOST_METERS = 10_800  # so many test EANs have a right check digit


class EnergyApi:
    """The Energy API of one energy service provider, with its token endpoint.

    Args:
        measurements: the meters.
        now: gives the simulated moment in UTC.
        address: gives the server's address.
    """

    def __init__(
        self, measurements: Measurements, now: Callable[[], datetime], address: Callable[[], str]
    ) -> None:
        self.tenant, self.client_id, self.client_secret = TENANT, CLIENT_ID, CLIENT_SECRET
        self.scope, self.subscription_key, self.contract_number = SCOPE, SUBSCRIPTION_KEY, CONTRACT_NUMBER
        self.measurements = measurements
        self.credentials = ClientCredentials(TENANT, CLIENT_ID, CLIENT_SECRET, SCOPE)
        self.mandates = Mandates()
        self.readings = Readings(measurements)
        self._now = now
        self._address = address
        self._generated = 0
        for meter in measurements.meters.values():
            self.add_mandate(meter.ean, service="VH_kwartier_uur" if meter.intervals else "VH_dag")

    # What a client is configured with

    def url(self, environment: Environment = "sandbox") -> str:
        """The API's address; `/api/...` comes after it."""
        name = next(name for name, each in ENVIRONMENTS.items() if each == environment)
        return f"{self._address()}/{name}/v3"

    @property
    def authority(self) -> str:
        """The address that hands out tokens."""
        return f"{self._address()}/{self.tenant}"

    def register_certificate(self, pem: str | bytes) -> str:
        """Lets a client sign in with this certificate; returns its thumbprint."""
        return self.credentials.register_certificate(pem)

    # Its customers

    def add_mandate(
        self,
        ean: str,
        *,
        reference: str = REFERENCE,
        service: Service = "VH_kwartier_uur",
        status: Status = "Approved",
        since: date | datetime = FROM_THE_START,
        period_from: date | datetime = LONG_AGO,
        period_to: date | datetime | None = None,
        expires: date | datetime = FAR_AWAY,
        renewal: Renewal | None = None,
        environment: Environment | None = None,
        energy: Energy = "electricity",
    ) -> Mandate:
        """A mandate more, and a meter when there is none with that EAN.

        Args:
            ean: the connection point.
            reference: the customer's.
            service: how far it goes.
            status: its status since that moment; see Mandate for what may happen to it later.
            since: from when on it exists.
            period_from: of which days readings may be asked for. A date stands for its first instant.
            period_to: the same; None: without end.
            expires: when it ends of itself.
            renewal: None: as the expiry says.
            environment: where it is; None: in both.
            energy: of the new meter.
        """
        meter = self.measurements.find(ean) or self._add_meter(ean, energy)
        mandate = Mandate(
            ean=ean,
            reference=reference,
            energy_type="G" if meter.energy == "gas" else "E",
            service=service,
            period_from=moment(period_from),
            period_to=None if period_to is None else moment(period_to),
            expires=moment(expires),
            environment=environment,
            renewal=renewal,
        )
        mandate.change(status, since)
        return self.mandates.add(mandate)

    def mandate(self, ean: str, reference: str | None = None) -> Mandate:
        """The newest mandate of a connection point.

        Raises:
            ValueError: there is none.
        """
        if found := self.mandates.of(ean, reference, None):
            return found[-1]
        raise ValueError(f"there is no mandate for EAN {ean}")

    def forget_mandates(self, ean: str | None = None) -> None:
        """Nobody has ever allowed anything; with an EAN, not there."""
        if ean is None:
            self.mandates.by_ean.clear()
        else:
            self.mandates.by_ean.pop(ean, None)

    def add_meters(
        self, number: int, *, energy: Energy = "electricity", service: Service = "VH_kwartier_uur"
    ) -> list[str]:
        """So many meters more, each with an approved mandate and a reference of its own; their EANs.

        Raises:
            ValueError: there are not so many test EANs.
        """
        if self._generated + number > MOST_METERS:
            raise ValueError(f"there are no more than {MOST_METERS} test EANs")
        numbers = range(self._generated, self._generated + number)
        self._generated += number
        for i in numbers:
            self.add_mandate(_test_ean(i), reference=f"customer-{i:05}", service=service, energy=energy)
        return [_test_ean(i) for i in numbers]

    def _add_meter(self, ean: str, energy: Energy) -> SimulatedMeter:
        serial = f"{'7FLO' if energy == 'gas' else '1SAG'}{ean[4:9]}{ean[-3:]}"
        self.measurements.put(SimulatedMeter(ean, serial, energy, "single" if energy == "gas" else "double"))
        return self.measurements.customers[ean]

    def shape(
        self,
        ean: str,
        type: Type = "metering-on-meter",  # noqa: A002 - the API's own name
        *,
        registers: Registers = "all",
        subs: Iterable[Sub] | Mapping[Sub, str] = (),
    ) -> dict[Sub, str]:
        """How a headpoint is written from now on.

        Args:
            ean: the headpoint's.
            type: its `$type`.
            registers: see headpoints.Shape.
            subs: its sub-headpoints, with their EANs or without. Simulator.day_amounts and slot_amounts know
                what they counted, by their EANs.

        Returns:
            The EANs of the sub-headpoints.
        """
        if isinstance(subs, dict):
            eans: dict[Sub, str] = dict(subs)
        else:
            eans = {sub: with_check_digit(f"{ean[:10]}{i}{ean[11:17]}") for i, sub in enumerate(subs, 1)}
        for sub, sub_ean in eans.items():
            purpose = "grid" if sub == "offtake" else sub
            meter = SimulatedMeter(sub_ean, "", tariffs="single", injection=False, purpose=purpose)
            self.measurements.customers[sub_ean] = meter
        self.readings.shapes[ean] = Shape(type, registers, tuple(eans.items()))
        return eans

    def hold(self, ean: str, day: date, until: date | datetime, state: State = "EST") -> None:
        """That day's amounts are in this state until a moment; then they are `VAL` and stored again."""
        self.readings.held[ean, day] = Held(state, moment(until))

    def hold_days(
        self, lasting: timedelta, *, state: State = "READ", ean: str | None = None, every: int = 1
    ) -> None:
        """One day in so many is in this state for a while after its publication, then `VAL`.

        Args:
            lasting: how long.
            state: which.
            ean: whose days; None: every meter's.
            every: so manieth.
        """
        self.readings.habits.append(Habit(ean, state, lasting, every))

    def consent(
        self,
        reference: str,
        ean: str,
        *,
        status: Status = "Approved",
        at: date | datetime | None = None,
        expires: date | datetime = FAR_AWAY,
    ) -> list[Mandate]:
        """The customer follows the short URL of that reference and picks an EAN.

        Raises:
            ValueError: no short URL of that reference is valid then, or it has got its EANs.
        """
        since = self._now() if at is None else moment(at)
        short_url = self.mandates.asked_with(reference, since)
        asked = short_url.asked
        others = {each.ean for each in self.mandates.every() if each.reference == reference}
        if len(others | {ean}) > asked["numberOfEans"]:
            raise ValueError(f"the short URL of {reference} is for {asked['numberOfEans']} EANs")
        return [
            self.add_mandate(
                ean,
                reference=reference,
                service=service["dataServiceType"],
                status=status,
                since=since,
                period_from=parsed(service["dataPeriodFrom"]),
                period_to=parsed(service["dataPeriodTo"]) if service.get("dataPeriodTo") else None,
                expires=expires,
                environment=short_url.environment,
            )
            for service in asked["dataServices"]
        ]

    # Its visitors

    def endpoint(self, request: Request) -> tuple[str, str | None] | None:
        """The endpoint of a request and the EAN it is about; None: it is not for the Energy API."""
        if request.path == LANDING_PAGE:
            return "landing-page", None
        if request.method == "GET" and DISCOVERY.fullmatch(request.path):
            return "openid-configuration", None
        if request.method == "POST" and TOKEN.fullmatch(request.path):
            return "api-token", None
        if request.path.split("/")[1:2] and request.path.split("/")[1] in ENVIRONMENTS:
            match = API.fullmatch(request.path)
            endpoint = ROUTES.get((request.method, match[2])) if match else None
            return endpoint or "api-elsewhere", request.query.get("ean")
        return None

    def answer(self, request: Request, endpoint: str) -> Response:
        """The answer to a request."""
        if endpoint == "landing-page":
            return self._landing_page(request)
        if endpoint == "openid-configuration":
            return self.credentials.discovery(request)
        if endpoint == "api-token":
            return self.credentials.token(request)
        environment = ENVIRONMENTS[request.path.split("/")[1]]
        self._check_access(request, environment)
        answers: dict[str, Callable[[Request, Environment], Any]] = {
            "short-url": self._short_url,
            "mandates": self._mandates,
            "energy": self._energy,
            "mock": self._mock,
        }
        if endpoint not in answers or (endpoint == "mock" and environment != "sandbox"):
            return as_json({"statusCode": 404, "message": "Resource not found"}, 404)
        data = answers[endpoint](request, environment)
        content = {"_meta": {"fetchTime": text(request.now)}, "data": data}
        return as_json(altered_document(content, request.strikes))

    def _check_access(self, request: Request, environment: Environment) -> None:
        key = request.headers.get("Ocp-Apim-Subscription-Key")
        if key != self.subscription_key or "api-key-refused" in request.strikes:
            raise _no_access(f"Access denied due to {_KEYS['wrong' if key else 'missing']}")
        if "api-token-expired" in request.strikes:
            self.credentials.forget_tokens()
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        is_production = environment == "production"
        if scheme != "Bearer" or not self.credentials.accepts(
            token, request.now, in_production=is_production
        ):
            raise _no_access("Unauthorized. Access token is missing or invalid.")
        accepted = request.headers.get("Accept", "*/*")
        if not any(each in accepted for each in ("application/json", "application/*", "*/*")):
            raise RefusedError(api_error(406, "NotAcceptable", "Accept must be application/json."))

    def _landing_page(self, request: Request) -> Response:
        short_url = self.mandates.short_urls.get(request.query.get("id", ""))
        if short_url is None:
            return as_page("Not Found", status=404)
        if request.now >= short_url.valid_to:
            return as_page("Deze link is vervallen", status=410)
        return as_page("Verbruik delen", f"<p>{short_url.asked['numberOfEans']} EAN</p>")

    def _short_url(self, request: Request, environment: Environment) -> dict[str, Any]:
        body = _body(request)
        _refuse(short_url_mistakes(body, self.contract_number))
        short_url: ShortUrl = self.mandates.add_short_url(body, request.now, environment)
        return {
            "status": "success",
            "shortUrlIdentifier": short_url.identifier,
            "validTo": text(short_url.valid_to),
        }

    def _mandates(self, request: Request, environment: Environment) -> dict[str, Any]:
        _refuse(filter_mistakes(request.query))
        selected = self.mandates.selected(request.query, environment, request.now)
        return {"mandates": [mandate.as_fluvius_writes(request.now) for mandate in selected]}

    def _energy(self, request: Request, environment: Environment) -> dict[str, Any]:
        query = query_from(request.query, request.now)
        mandates = self.mandates.of(query.ean, query.reference, environment)
        if "api-mandate-ended" in request.strikes:
            for mandate in mandates:
                mandate.finish(request.now)
        good = [mandate for mandate in mandates if mandate.is_good(request.now)]
        if not good:
            raise _forbidden("There is no approved mandate for this EAN and reference number.")
        good = [mandate for mandate in good if mandate.allows(query.granularities)]
        if not good:
            raise _forbidden("The mandate's data service does not include this granularity.")
        if query.period_type == "readTime":
            good = [mandate for mandate in good if mandate.covers(query.start, query.end)]
        if not good:
            raise _forbidden("The period lies outside the mandate's data period.")
        meter = self.measurements.find(query.ean)
        return {"headpoint": meter and self.readings.headpoint(meter, query, good[-1])}

    def _mock(self, request: Request, _environment: Environment) -> dict[str, Any]:
        body = _body(request)
        _refuse(mock_mistakes(body))
        ean = body["ean"]
        if self.measurements.find(ean) is None and ean[4] == "5":  # our own: 54145... are large connections
            self.shape(ean, "metering-on-headpoint", subs=("offtake", "production", "auxiliary"))
        kept = [each for each in self.mandates.by_ean[ean] if each.reference != body["referenceNumber"]]
        self.mandates.by_ean[ean] = kept
        mandate = self.add_mandate(
            ean,
            reference=body["referenceNumber"],
            service=body["dataServiceType"],
            status=body["status"],
            since=request.now,
            period_from=parsed(body["dataPeriodFrom"]),
            period_to=parsed(body["dataPeriodTo"]) if body.get("dataPeriodTo") else None,
            expires=parsed(body["mandateExpirationDate"]),
            renewal=body.get("renewalStatus") or None,
            environment="sandbox",
            energy="gas" if ean[5] == "1" else "electricity",  # our own too
        )
        return {"status": "success", "mandate": mandate.as_fluvius_writes(request.now)}


_KEYS = {
    "missing": (
        "missing subscription key. Make sure to include subscription key when making requests to an API."
    ),
    "wrong": "invalid subscription key. Make sure to provide a valid key for an active subscription.",
}


def _no_access(message: str) -> RefusedError:
    """As Azure API Management answers."""
    response = as_json({"statusCode": 401, "message": message}, 401)
    kind = "AzureApiManagementKey" if "key" in message else "Bearer"
    response.headers.append(("WWW-Authenticate", kind))
    return RefusedError(response)


def _forbidden(message: str) -> RefusedError:
    return RefusedError(api_error(403, "Forbidden", message))


def _refuse(mistakes: Sequence[str]) -> None:
    if mistakes:
        raise RefusedError(api_error(400, "BadRequest", "The request is not valid.", mistakes))


def _body(request: Request) -> dict[str, Any]:
    """The JSON object of a request."""
    if request.headers.get_content_type() != "application/json":
        raise RefusedError(api_error(415, "UnsupportedMediaType", "Content-Type must be application/json."))
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        _refuse(["The body must be a JSON object."])
    return dict(body or {})


def _test_ean(number: int) -> str:
    """A test EAN, 5414[4-5][0-1][0-2]{3}000000[0-9]{3}, with a right check digit."""
    prefix, last = divmod(number, 100)
    digits = [prefix // 3 % 3, prefix // 9 % 3, prefix % 3]
    first, second = divmod(prefix // 27, 2)
    return with_check_digit(f"5414{4 + first}{second}{''.join(map(str, digits))}000000{last:02}")


def with_check_digit(digits: str) -> str:
    """Seventeen digits and the eighteenth."""
    weighted = sum(int(digit) * (3 if i % 2 == 0 else 1) for i, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"
