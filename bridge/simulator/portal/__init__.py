"""The portal Mijn Fluvius, as fluvius-api.md parts 1 and 2 describe it."""

import re

from bridge.simulator.measurements import Measurements
from bridge.simulator.portal import history, spikes
from bridge.simulator.portal.pages import API, TENANT
from bridge.simulator.portal.published import Published
from bridge.simulator.portal.sign_in import SignIn
from bridge.simulator.request import Request
from bridge.simulator.response import RefusedError, Response, as_page, gateway_error

READINGS = re.compile(r"/verbruik/api/meter-measurement-(history|spikes)/([^/]+)")
ROUTES = {
    ("GET", "/api/global/msal/config"): "config",
    ("GET", f"{TENANT}/oauth2/v2.0/authorize"): "authorize",
    ("GET", f"{TENANT}/api/{API}/start"): "redirect",
    ("POST", f"{TENANT}/SelfAsserted"): "self-asserted",
    ("GET", f"{TENANT}/api/{API}/confirmed"): "confirmed",
    ("GET", f"{TENANT}/api/{API}/complete"): "redirect",
    ("POST", f"{TENANT}/oauth2/v2.0/token"): "token",
}


class Portal:
    """The portal of one account.

    Args:
        measurements: the account's meters.
        sign_in: of the account.
    """

    def __init__(self, measurements: Measurements, sign_in: SignIn) -> None:
        self.measurements = measurements
        self.sign_in = sign_in
        self.granularities = dict(history.GRANULARITIES)

    def endpoint(self, request: Request) -> tuple[str, str | None]:
        """The endpoint of a request, and the EAN it is about."""
        if request.method == "GET" and (asked := READINGS.fullmatch(request.path)):
            if asked[1] == "spikes":
                return "spikes", asked[2]
            is_day = self.granularities.get(request.query.get("granularity", "")) == "days"
            return ("readings-day" if is_day else "readings-interval"), asked[2]
        endpoint = ROUTES.get((request.method, request.path), "elsewhere")
        if endpoint == "token" and request.form.get("grant_type") == "refresh_token":
            return "renewal", None
        return endpoint, None

    def answer(self, request: Request, endpoint: str, ean: str | None) -> Response:
        """The answer to a request."""
        if ean is not None:
            published = self._published(request, ean)
            if endpoint == "spikes":
                return spikes.answer(published)
            return history.answer(published, self.granularities)
        answers = {
            "config": self.sign_in.config,
            "authorize": self.sign_in.authorize,
            "redirect": self.sign_in.start if request.path.endswith("/start") else self.sign_in.complete,
            "self-asserted": self.sign_in.self_asserted,
            "confirmed": self.sign_in.confirmed,
            "token": self.sign_in.token,
            "renewal": self.sign_in.token,
        }
        if endpoint in answers:
            return answers[endpoint](request)
        if request.path == "/":
            return as_page("Mijn Fluvius", "<p>This is the simulator.</p>")
        return as_page("Not Found", status=404)

    def _published(self, request: Request, ean: str) -> Published:
        """What there is of the meter and serial that are asked for."""
        if not self.sign_in.accepts(request.bearer, request.now):
            raise RefusedError(gateway_error(401, "A valid access token is needed."))
        if "accept-demanded" in request.strikes and "application/json" not in request.headers.get(
            "Accept", ""
        ):
            raise RefusedError(gateway_error(406, "Accept must be application/json."))
        if request.query.get("asServiceProvider", "false").lower() != "false":
            message = "asServiceProvider must be false: this is no service provider's account."
            raise RefusedError(gateway_error(403, message))
        meter = self.measurements.meters.get(ean)
        serial = request.query.get("meterSerialNumber") or None
        is_known = serial is None and "serial-demanded" not in request.strikes
        if meter is None or not (is_known or serial in meter.serials):
            status = 403 if "unknown-ean-forbidden" in request.strikes else 404
            raise RefusedError(gateway_error(status, "The EAN or the meter is not yours."))
        if serial not in (None, meter.serial, meter.serial_at(request.now)):
            raise RefusedError(gateway_error(404, "The meter is not there yet."))
        return Published(request, meter, serial, self.measurements)
