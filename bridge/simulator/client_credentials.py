"""Azure AD's client credentials, as the Energy API's clients sign in: a secret or a signed assertion."""

from __future__ import annotations

import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bridge.simulator.web import RefusedError, Request, Response, as_json

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

DISCOVERY = re.compile(r"/([^/]+)/v2\.0/\.well-known/openid-configuration")
TOKEN = re.compile(r"/([^/]+)/oauth2/v2\.0/token")
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MICROSOFT = "login.microsoftonline.com"

SECRET_WRONG = (
    7000215,
    (
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
        "value, not the client secret ID, for a secret added to app '{client}'."
    ),
)
SECRET_EXPIRED = (
    7000222,
    (
        "The provided client secret keys for app '{client}' are expired. Visit the Azure portal "
        "to create new keys for your app."
    ),
)
KEY_NOT_FOUND = (
    700027,
    (
        "The certificate with identifier used to sign the client assertion is not registered on application. "
        "[Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}'.]"
    ),
)
KEY_EXPIRED = (
    700027,
    (
        "Client assertion contains an invalid signature. [Reason - The key used is expired., Thumbprint of "
        "key used by client: '{thumbprint}'.]"
    ),
)
SIGNATURE_WRONG = (
    700027,
    (
        "Client assertion failed signature validation. [Reason - The key was found, but use of the key to "
        "verify the signature failed., Thumbprint of key used by client: '{thumbprint}'.]"
    ),
)
UNKNOWN_CLIENT = (
    700016,
    (
        "Application with identifier '{client}' was not found in the directory. This can happen if the "
        "application has not been installed by the administrator of the tenant."
    ),
)
UNKNOWN_TENANT = (
    90002,
    (
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into "
        "the correct cloud."
    ),
)
NO_PROOF = (
    7000216,
    "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
)


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
        self.token_seconds = 3599  # an access token's life
        self.scheme: str | None = None  # of the addresses that are told; None: as X-Forwarded-Proto says
        self.machine_time = time.time  # an assertion's exp and nbf are the machine's, not the simulated day's
        self._certificates: dict[str, Certificate] = {}
        self._tokens: dict[str, tuple[datetime, bool]] = {}
        self._assertions_seen: set[str] = set()

    def register_certificate(self, pem: str | bytes) -> str:
        """Accepts assertions made with this certificate's key; returns its SHA-1 thumbprint."""
        from cryptography import x509  # noqa: PLC0415 - only who signs in with a certificate needs it
        from cryptography.hazmat.primitives.hashes import SHA1  # noqa: PLC0415

        certificate = x509.load_pem_x509_certificate(pem.encode() if isinstance(pem, str) else pem)
        thumbprint = certificate.fingerprint(SHA1())  # noqa: S303 - the protocol's own
        self._certificates[_b64(thumbprint)] = certificate
        return thumbprint.hex().upper()

    def forget_certificates(self) -> None:
        """Accepts no assertion any more."""
        self._certificates.clear()

    def accepts(self, access_token: str, now: datetime, *, in_production: bool) -> bool:
        """Whether a token is one of ours, not expired, and obtained with what the environment asks for."""
        expires, is_certified = self._tokens.get(access_token, (now, False))
        return now < expires and (is_certified or not in_production)

    def issue_access_token(self, now: datetime, *, certified: bool = True) -> str:
        """A good access token without a request for one; certified: obtained with a certificate."""
        token = secrets.token_urlsafe(64)
        self._tokens[token] = (now + timedelta(seconds=self.token_seconds), certified)
        return token

    def forget_tokens(self) -> None:
        """Every token issued so far becomes worthless."""
        self._tokens.clear()

    def discovery(self, request: Request) -> Response:
        """What msal reads before it asks for a token."""
        self._check_tenant(request, DISCOVERY, "invalid_tenant")
        address = f"{self.scheme_of(request)}://{request.headers.get('Host', 'localhost')}"
        return as_json(
            {
                "token_endpoint": f"{address}/{self.tenant}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{address}/{self.tenant}/discovery/v2.0/keys",
                "issuer": f"{address}/{self.tenant}/v2.0",
                "authorization_endpoint": f"{address}/{self.tenant}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{address}/{self.tenant}/oauth2/v2.0/devicecode",
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "tenant_region_scope": "EU",
            }
        )

    def token(self, request: Request) -> Response:
        """An access token for whoever proves to be the client."""
        self._check_tenant(request, TOKEN, "invalid_request")
        form = request.form
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                message = f"The request body must contain the following parameter: '{name}'."
                raise _refused(request, "invalid_request", (900144, message), 400)
        if form["grant_type"] != "client_credentials":
            message = f"The app requested an unsupported grant type '{form['grant_type']}'."
            raise _refused(request, "unsupported_grant_type", (70003, message), 400)
        if form["client_id"] != self.client_id or "api-unknown-client" in request.strikes:
            raise _refused(request, "unauthorized_client", UNKNOWN_CLIENT, 400)
        self._check_scope(request)
        is_certified = self._check_proof(request)
        token = self.issue_access_token(request.now, certified=is_certified)
        seconds = self.token_seconds
        return as_json(
            {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
        )

    def scheme_of(self, request: Request) -> str:
        """The scheme of the addresses that the client is told."""
        return self.scheme or ("https" if request.headers.get("X-Forwarded-Proto") == "https" else "http")

    def _check_tenant(self, request: Request, path: re.Pattern[str], error: str) -> None:
        match = path.fullmatch(request.path)
        tenant = match[1] if match else ""
        if tenant.lower() != self.tenant.lower():
            code, message = UNKNOWN_TENANT
            raise _refused(request, error, (code, message.format(tenant=tenant)), 400)

    def _check_scope(self, request: Request) -> None:
        scope = request.form["scope"]
        asked = [each for each in scope.split() if each not in ("openid", "profile", "offline_access")]
        if any(not each.endswith("/.default") for each in asked):
            message = f"The provided value for scope {scope} is not valid. Client credential flows must have"
            message += " a scope value with /.default suffixed to the resource identifier."
            raise _refused(request, "invalid_scope", (1002012, message), 400)
        if asked != [self.scope]:
            message = f"The resource principal named {scope} was not found in the tenant."
            raise _refused(request, "invalid_resource", (500011, message), 400)

    def _check_proof(self, request: Request) -> bool:
        """Whether it is a certificate; refuses a wrong secret or assertion."""
        form, strikes = request.form, request.strikes
        if "client_assertion" in form:
            self._check_assertion(request)
            return True
        if "client_secret" not in form:
            raise _refused(request, "invalid_client", NO_PROOF, 401)
        if form["client_secret"] != self.secret or "api-wrong-secret" in strikes:
            raise _refused(request, "invalid_client", SECRET_WRONG, 401)
        is_expired = self.secret_expires is not None and request.now >= self.secret_expires
        if is_expired or "api-secret-expired" in strikes:
            raise _refused(request, "invalid_client", SECRET_EXPIRED, 401)
        return False

    def _check_assertion(self, request: Request) -> None:
        import jwt  # noqa: PLC0415 - comes with msal; without it nobody makes an assertion

        if request.form.get("client_assertion_type") != ASSERTION:
            message = "The value of the parameter 'client_assertion_type' is not supported."
            raise _refused(request, "invalid_request", (900023, message), 400)
        assertion = request.form["client_assertion"]
        try:
            header = jwt.get_unverified_header(assertion)
        except jwt.PyJWTError as error:
            raise _malformed(request, str(error)) from None
        certificate = self._certificate(request, header)
        if header.get("alg") != "RS256":
            raise _malformed(request, f"the algorithm is {header.get('alg')}, not RS256")
        options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
        try:
            claims = jwt.decode(assertion, certificate.public_key(), algorithms=["RS256"], options=options)  # type: ignore[arg-type]
        except jwt.InvalidSignatureError:
            reason = (SIGNATURE_WRONG[0], SIGNATURE_WRONG[1].format(thumbprint=_hex(header)))
            raise _refused(request, "invalid_client", reason, 401) from None
        except jwt.PyJWTError as error:
            raise _malformed(request, str(error)) from None
        self._check_claims(request, claims)

    def _certificate(self, request: Request, header: dict[str, Any]) -> Certificate:
        certificate = self._certificates.get(str(header.get("x5t")).rstrip("="))
        thumbprint = _hex(header)
        if certificate is None or "api-certificate-unknown" in request.strikes:
            reason = (KEY_NOT_FOUND[0], KEY_NOT_FOUND[1].format(thumbprint=thumbprint))
            raise _refused(request, "invalid_client", reason, 401)
        is_valid = certificate.not_valid_before_utc <= request.now < certificate.not_valid_after_utc
        if not is_valid or "api-certificate-expired" in request.strikes:
            reason = (KEY_EXPIRED[0], KEY_EXPIRED[1].format(thumbprint=thumbprint))
            raise _refused(request, "invalid_client", reason, 401)
        return certificate

    def _check_claims(self, request: Request, claims: dict[str, Any]) -> None:
        audiences = {
            f"{scheme}://{host}/{self.tenant}/{path}"
            for scheme in ("http", "https")
            for host in (request.headers.get("Host", "localhost"), MICROSOFT)
            for path in ("v2.0", "oauth2/v2.0/token")
        }
        if claims.get("aud") not in audiences:
            message = "Client assertion audience claim does not match Realm issuer."
            raise _refused(request, "invalid_client", (700023, message), 401)
        if not claims.get("iss") == claims.get("sub") == self.client_id:
            message = "Client assertion application identifier doesn't match 'client_id' parameter."
            raise _refused(request, "invalid_client", (700021, message), 401)
        now = self.machine_time()
        expires, begins = claims.get("exp"), claims.get("nbf", now)
        if not isinstance(expires, int | float) or not begins - 300 <= now < expires:
            message = "Client assertion is not within its valid time range."
            raise _refused(request, "invalid_client", (700024, message), 401)
        if not claims.get("jti") or claims["jti"] in self._assertions_seen:
            raise _malformed(request, "the jti is missing or was used before")
        self._assertions_seen.add(claims["jti"])


def _refused(request: Request, error: str, reason: tuple[int, str], status: int) -> RefusedError:
    """An error as Azure AD writes it."""
    code, message = reason
    message = message.replace("{client}", request.form.get("client_id", ""))
    trace, correlation, moment = str(uuid4()), str(uuid4()), f"{request.now:%Y-%m-%d %H:%M:%SZ}"
    return RefusedError(
        as_json(
            {
                "error": error,
                "error_description": f"AADSTS{code}: {message} Trace ID: {trace} Correlation ID: "
                f"{correlation} Timestamp: {moment}",
                "error_codes": [code],
                "timestamp": moment,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"https://{MICROSOFT}/error?code={code}",
            },
            status,
        )
    )


def _malformed(request: Request, why: str) -> RefusedError:
    message = f"InvalidJwtToken - Invalid JWT token due to the following reasons: {why}."
    return _refused(request, "invalid_client", (50027, message), 401)


def _hex(header: dict[str, Any]) -> str:
    """The thumbprint of an assertion's header as Azure AD writes it."""
    try:
        return urlsafe_b64decode(f"{header.get('x5t', '')}==").hex().upper()
    except ValueError:
        return ""


def _b64(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")
