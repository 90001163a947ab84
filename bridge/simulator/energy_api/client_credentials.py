"""Azure AD's client credentials, as the Energy API's clients sign in: a secret or a signed assertion."""

import re
import secrets
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from bridge.simulator.energy_api import refusals
from bridge.simulator.energy_api.refusals import refused
from bridge.simulator.request import Request
from bridge.simulator.response import Response, as_json

if TYPE_CHECKING:
    from bridge.simulator.energy_api.assertions import Assertions

DISCOVERY = re.compile(r"/([^/]+)/v2\.0/\.well-known/openid-configuration", re.IGNORECASE)
TOKEN = re.compile(r"/([^/]+)/oauth2/v2\.0/token", re.IGNORECASE)
TOKEN_SECONDS = 3599  # an access token's life


class ClientCredentials:
    """The authority of one tenant with one client.

    Args:
        tenant: the tenant's id.
        client_id: the client's id.
        secret: the client's secret; good for the sandbox only.
        scope: what the client asks for.
    """

    def __init__(self, tenant: str, client_id: str, secret: str, scope: str) -> None:
        self.tenant = tenant
        self.client_id = client_id
        self.secret = secret
        self.scope = scope
        self.secret_expires: datetime | None = None
        self.scheme: str | None = None  # of the addresses that are told; None: as X-Forwarded-Proto says
        self._tokens: dict[str, tuple[datetime, bool]] = {}  # until when, and whether for a certificate

    @cached_property
    def assertions(self) -> "Assertions":
        """Who looks at assertions; without cryptography and PyJWT a client has to sign in with its secret."""
        from bridge.simulator.energy_api.assertions import Assertions  # noqa: PLC0415 - an extra

        return Assertions(self.tenant, self.client_id)

    def accepts(self, access_token: str, now: datetime, *, in_production: bool) -> bool:
        """Whether a token is one of ours, not expired, and obtained with what the environment asks for."""
        expires, is_certified = self._tokens.get(access_token, (now, False))
        return now < expires and (is_certified or not in_production)

    def issue_access_token(self, now: datetime, *, certified: bool = True) -> str:
        """A good access token without a request for one; certified: obtained with a certificate."""
        token = secrets.token_urlsafe(64)
        self._tokens[token] = (now + timedelta(seconds=TOKEN_SECONDS), certified)
        return token

    def forget_tokens(self) -> None:
        """Every token issued so far becomes worthless."""
        self._tokens.clear()

    def discovery(self, request: Request) -> Response:
        """What msal reads before it asks for a token."""
        self._check_tenant(request, DISCOVERY, refusals.UNKNOWN_TENANT._replace(error="invalid_tenant"))
        is_forwarded = request.headers.get("X-Forwarded-Proto") == "https"
        scheme = self.scheme or ("https" if is_forwarded else "http")
        authority = f"{scheme}://{request.host}/{self.tenant}"
        return as_json(
            {
                "token_endpoint": f"{authority}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{authority}/discovery/v2.0/keys",
                "issuer": f"{authority}/v2.0",
                "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{authority}/oauth2/v2.0/devicecode",
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "tenant_region_scope": "EU",
            }
        )

    def token(self, request: Request) -> Response:
        """An access token for whoever proves to be the client."""
        self._check_tenant(request, TOKEN, refusals.UNKNOWN_TENANT)
        form = request.form_with_basic
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                raise refused(request, refusals.MISSING, name=name)
        if form["grant_type"] != "client_credentials":
            raise refused(request, refusals.GRANT_TYPE_UNKNOWN, grant_type=form["grant_type"])
        if form["client_id"] != self.client_id or "api-unknown-client" in request.strikes:
            raise refused(request, refusals.UNKNOWN_CLIENT)
        self._check_scope(request)
        token = self.issue_access_token(request.now, certified=self._is_certified(request))
        return as_json(
            {
                "token_type": "Bearer",
                "expires_in": TOKEN_SECONDS,
                "ext_expires_in": TOKEN_SECONDS,
                "access_token": token,
            }
        )

    def _check_tenant(self, request: Request, path: re.Pattern[str], reason: refusals.Reason) -> None:
        match = path.fullmatch(request.path)
        tenant = match[1] if match else ""
        if tenant.lower() != self.tenant.lower():
            raise refused(request, reason, tenant=tenant)

    def _check_scope(self, request: Request) -> None:
        scope = request.form["scope"]
        asked = [each for each in scope.split() if each not in ("openid", "profile", "offline_access")]
        if any(not each.endswith("/.default") for each in asked):
            raise refused(request, refusals.SCOPE_WRONG, scope=scope)
        if asked != [self.scope]:
            raise refused(request, refusals.SCOPE_UNKNOWN, scope=scope)

    def _is_certified(self, request: Request) -> bool:
        """Whether it is a certificate that proves who asks; refuses a wrong secret or assertion."""
        form, strikes = request.form_with_basic, request.strikes
        if "client_assertion" in form:
            self.assertions.check(request)
            return True
        if "client_secret" not in form:
            raise refused(request, refusals.NO_PROOF)
        if form["client_secret"] != self.secret or "api-wrong-secret" in strikes:
            raise refused(request, refusals.SECRET_WRONG)
        is_expired = self.secret_expires is not None and request.now >= self.secret_expires
        if is_expired or "api-secret-expired" in strikes:
            raise refused(request, refusals.SECRET_EXPIRED)
        return False
