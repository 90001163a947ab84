"""The official Energy API, as fluvius-api.md part 3 describes it."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bridge.simulator.energy_api.client_credentials import DISCOVERY, TOKEN, ClientCredentials
from bridge.simulator.energy_api.customers import FAR_AWAY, Customers, asked_for
from bridge.simulator.energy_api.energy import query_from
from bridge.simulator.energy_api.headpoints import Shape
from bridge.simulator.energy_api.installations import installation
from bridge.simulator.energy_api.mandates import Environment, Mandate
from bridge.simulator.energy_api.mistakes import in_filters, in_mock, in_short_url, refuse_mistakes
from bridge.simulator.energy_api.naming import moment_of, named
from bridge.simulator.measurements import Measurements
from bridge.simulator.request import Request
from bridge.simulator.response import (
    RefusedError,
    Response,
    api_error,
    as_json,
    as_page,
    gateway_error,
    in_other_words,
)
from bridge.simulator.writing import text

ENVIRONMENTS: dict[str, Environment] = {"esco-live": "production", "esco-sbx": "sandbox"}
API = re.compile(r"/(esco-live|esco-sbx)/v3/api/(.+)", re.IGNORECASE)
LANDING_PAGE = "/verbruik/dienstverlener"
ROUTES = {
    ("POST", "shorturlidentifier"): "short-url",
    ("GET", "mandate"): "mandates",
    ("GET", "mandate/energy"): "energy",
    ("GET", "mandate/installation"): "installation",
    ("POST", "mandate/mock"): "mock",
}


class EnergyApi(Customers):
    """The Energy API of one energy service provider, with its token endpoint.

    Args:
        measurements: the meters.
        now: gives the simulated moment in UTC.
        address: gives the server's address.
    """

    tenant = "51111111-7a2d-4e57-8e57-000000000001"
    client_id = "c1111111-7a2d-4e57-8e57-000000000002"
    client_secret = "simulated~secret"  # noqa: S105 - of a client that does not exist
    scope = "api://simulated-esco/.default"
    subscription_key = "0123456789abcdef0123456789abcdef"
    contract_number = "SIM-0000001"

    def __init__(
        self, measurements: Measurements, now: Callable[[], datetime], address: Callable[[], str]
    ) -> None:
        super().__init__(measurements, now)
        self.credentials = ClientCredentials(self.tenant, self.client_id, self.client_secret, self.scope)
        self._address = address

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
        return self.credentials.assertions.register(pem)

    def endpoint(self, request: Request) -> tuple[str, str | None] | None:
        """The endpoint of a request and the EAN it is about; None: it is not for the Energy API."""
        if request.path == LANDING_PAGE:
            return "landing-page", None
        if request.method == "GET" and DISCOVERY.fullmatch(request.path):
            return "openid-configuration", None
        if request.method == "POST" and TOKEN.fullmatch(request.path):
            return "api-token", None
        if request.path.split("/")[1].lower() in ENVIRONMENTS:
            match = API.fullmatch(request.path)
            endpoint = ROUTES.get((request.method, match[2].lower())) if match else None
            return endpoint or "api-elsewhere", named(request.query).get("ean")
        return None

    def answer(self, request: Request, endpoint: str) -> Response:
        """The answer to a request."""
        if endpoint == "landing-page":
            return self._landing_page(request)
        if endpoint == "openid-configuration":
            return self.credentials.discovery(request)
        if endpoint == "api-token":
            return self.credentials.token(request)
        try:
            return self._answer(request, endpoint)
        except RefusedError as refusal:
            if others := request.strikes.get("api-other-errors"):
                refusal.response = in_other_words(refusal.response, others.parameters["writing"])
            raise

    def _answer(self, request: Request, endpoint: str) -> Response:
        environment = ENVIRONMENTS[request.path.split("/")[1].lower()]
        self._check_access(request, environment)
        answers: dict[str, Callable[[Request, Environment], Any]] = {
            "short-url": self._short_url,
            "mandates": self._mandates,
            "energy": self._energy,
            "installation": self._installation,
            "mock": self._mock,
        }
        if endpoint not in answers or (endpoint == "mock" and environment != "sandbox"):
            return gateway_error(404, "Resource not found")
        data = answers[endpoint](request, environment)
        content = {"_meta": {"fetchTime": text(request.now)}, "data": data}
        return as_json(request.altered_document(content))

    def _check_access(self, request: Request, environment: Environment) -> None:
        key = request.headers.get("Ocp-Apim-Subscription-Key")
        if key != self.subscription_key or "api-key-refused" in request.strikes:
            raise _no_access("AzureApiManagementKey", _WRONG_KEY if key else _NO_KEY)
        if "api-token-expired" in request.strikes:
            self.credentials.forget_tokens()
        in_production = environment == "production"
        if not self.credentials.accepts(request.bearer, request.now, in_production=in_production):
            raise _no_access("Bearer", "Unauthorized. Access token is missing or invalid.")
        accepted = request.headers.get("Accept", "*/*")
        is_json = any(each in accepted for each in ("application/json", "application/*", "*/*"))
        if not is_json and "accept-demanded" in request.strikes:
            raise RefusedError(api_error(406, "NotAcceptable", "Accept must be application/json."))

    def _landing_page(self, request: Request) -> Response:
        short_url = self.mandates.short_urls.get(request.query.get("id", ""))
        if short_url is None:
            return as_page("Not Found", status=404)
        if request.now >= short_url.valid_to:
            return as_page("Deze link is vervallen", status=410)
        return as_page("Verbruik delen", f"<p>{short_url.asked.get('numberOfEans', 1)} EAN</p>")

    def _short_url(self, request: Request, environment: Environment) -> dict[str, Any]:
        body = _body(request)
        refuse_mistakes(in_short_url(body, self.contract_number, strict="api-strict" in request.strikes))
        short_url = self.mandates.add_short_url(body, request.now, environment)
        return {
            "status": "success",
            "shortUrlIdentifier": short_url.identifier,
            "validTo": text(short_url.valid_to),
        }

    def _mandates(self, request: Request, environment: Environment) -> dict[str, Any]:
        filters = named(request.query)
        refuse_mistakes(in_filters(filters))
        selected = self.mandates.selected(filters, environment, request.now)
        return {"mandates": [mandate.as_fluvius_writes(request.now) for mandate in selected]}

    def _energy(self, request: Request, environment: Environment) -> dict[str, Any]:
        query = query_from(request)
        if "api-mandate-ended" in request.strikes:
            for mandate in self.mandates.of(query.ean, query.reference, environment):
                mandate.finish(request.now)
        good = self._good_mandates(request, query.ean, query.reference, environment)
        good = [mandate for mandate in good if mandate.allows(query.granularities)]
        if not good:
            raise _forbidden("The mandate's data service does not include this granularity.")
        if query.period_type == "readTime":
            good = [mandate for mandate in good if mandate.covers(query.start, query.end)]
        if not good:
            raise _forbidden("The period lies outside the mandate's data period.")
        meter = self.measurements.find(query.ean)
        return {"headpoint": meter and self.readings.headpoint(meter, query, good[-1])}

    def _installation(self, request: Request, environment: Environment) -> dict[str, Any]:
        asked = named(request.query)
        refuse_mistakes([(asked.get("ean"), "ean", "is required")])
        self._good_mandates(request, asked["ean"], asked.get("referenceNumber"), environment)
        meter = self.measurements.find(asked["ean"])
        return {
            "installation": meter and installation(meter, self.readings.shapes.get(asked["ean"], Shape()))
        }

    def _good_mandates(
        self, request: Request, ean: str, reference: str | None, environment: Environment
    ) -> list[Mandate]:
        mandates = self.mandates.of(ean, reference, environment)
        if not mandates and "api-unknown-ean-not-found" in request.strikes:
            raise RefusedError(api_error(404, "NotFound", "There is no mandate for this EAN."))
        if good := [mandate for mandate in mandates if mandate.is_good(request.now)]:
            return good
        raise _forbidden("There is no approved mandate for this EAN and reference number.")

    def _mock(self, request: Request, _environment: Environment) -> dict[str, Any]:
        body = _body(request)
        refuse_mistakes(in_mock(body, strict="api-strict" in request.strikes))
        ean = body["ean"]
        if self.measurements.find(ean) is None and ean[4] == "5":  # our own: 54145... are large connections
            self.shape(ean, "metering-on-headpoint", subs=("offtake", "production", "auxiliary"))
        kept = [each for each in self.mandates.by_ean[ean] if each.reference != body["referenceNumber"]]
        self.mandates.by_ean[ean] = kept
        expires = body.get("mandateExpirationDate")
        self.add_mandate(
            ean,
            reference=body["referenceNumber"],
            status=body.get("status") or "Approved",
            since=request.now,
            expires=moment_of(expires) if expires else FAR_AWAY,
            renewal=body.get("renewalStatus") or None,
            environment="sandbox",
            energy="gas" if ean[5] == "1" else "electricity",  # our own too
            **asked_for(body),
        )
        return {"status": "success"}


_NO_KEY = (
    "Access denied due to missing subscription key. Make sure to include subscription key when making"
    " requests to an API."
)
_WRONG_KEY = (
    "Access denied due to invalid subscription key. Make sure to provide a valid key for an active"
    " subscription."
)


def _no_access(kind: str, message: str) -> RefusedError:
    return RefusedError(gateway_error(401, message).with_header("WWW-Authenticate", kind))


def _forbidden(message: str) -> RefusedError:
    return RefusedError(api_error(403, "Forbidden", message))


def _body(request: Request) -> dict[str, Any]:
    """The JSON object of a request."""
    if request.headers.get_content_type() != "application/json":
        raise RefusedError(api_error(415, "UnsupportedMediaType", "Content-Type must be application/json."))
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        mistakes = ["The body must be a JSON object."]
        raise RefusedError(api_error(400, "BadRequest", "The request is not valid.", mistakes))
    return body if "api-strict" in request.strikes else named(body)
