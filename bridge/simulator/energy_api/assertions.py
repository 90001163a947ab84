"""Assertions that a client signs with the key of its certificate. They need cryptography and PyJWT."""

import time
from base64 import urlsafe_b64decode
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1

from bridge.simulator.energy_api import refusals
from bridge.simulator.energy_api.refusals import MICROSOFT, refused
from bridge.simulator.request import Request
from bridge.simulator.writing import base64url

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LOOKED_AT_LATER = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}


class Assertions:
    """Who looks at the assertions of one client.

    Args:
        tenant: the tenant's id.
        client_id: the client's id.
    """

    def __init__(self, tenant: str, client_id: str) -> None:
        self._tenant, self._client_id = tenant, client_id
        self._certificates: dict[str, x509.Certificate] = {}
        self._seen: set[str] = set()

    def register(self, pem: str | bytes) -> str:
        """Accepts what is signed with this certificate's key; returns its SHA-1 thumbprint."""
        certificate = x509.load_pem_x509_certificate(pem.encode() if isinstance(pem, str) else pem)
        thumbprint = certificate.fingerprint(SHA1())  # noqa: S303 - the protocol's own
        self._certificates[base64url(thumbprint)] = certificate
        return thumbprint.hex().upper()

    def check(self, request: Request) -> None:
        """Refuses what is no good assertion of the client."""
        if request.form.get("client_assertion_type") != TYPE:
            raise refused(request, refusals.ASSERTION_TYPE_UNKNOWN)
        assertion = request.form["client_assertion"]
        try:
            header = jwt.get_unverified_header(assertion)
        except jwt.PyJWTError as error:
            raise refused(request, refusals.MALFORMED, why=str(error)) from None
        certificate = self._certificate(request, header)
        if header.get("alg") != "RS256":
            raise refused(request, refusals.MALFORMED, why=f"the algorithm is {header.get('alg')}, not RS256")
        key: Any = certificate.public_key()
        options: Any = LOOKED_AT_LATER
        try:
            claims = jwt.decode(assertion, key, algorithms=["RS256"], options=options)
        except jwt.InvalidSignatureError:
            raise refused(request, refusals.SIGNATURE_WRONG, thumbprint=_thumbprint(header)) from None
        except jwt.PyJWTError as error:
            raise refused(request, refusals.MALFORMED, why=str(error)) from None
        self._check_claims(request, claims)

    def _certificate(self, request: Request, header: dict[str, Any]) -> x509.Certificate:
        certificate = self._certificates.get(str(header.get("x5t")).rstrip("="))
        if certificate is None or "api-certificate-unknown" in request.strikes:
            raise refused(request, refusals.KEY_NOT_FOUND, thumbprint=_thumbprint(header))
        is_valid = certificate.not_valid_before_utc <= request.now < certificate.not_valid_after_utc
        if not is_valid or "api-certificate-expired" in request.strikes:
            raise refused(request, refusals.KEY_EXPIRED, thumbprint=_thumbprint(header))
        return certificate

    def _check_claims(self, request: Request, claims: dict[str, Any]) -> None:
        audiences = {
            f"{scheme}://{host}/{self._tenant}/{path}".lower()
            for scheme in ("http", "https")
            for host in (request.host, MICROSOFT)
            for path in ("v2.0", "oauth2/v2.0/token")
        }
        if str(claims.get("aud")).lower() not in audiences:
            raise refused(request, refusals.AUDIENCE_WRONG)
        if not claims.get("iss") == claims.get("sub") == self._client_id:
            raise refused(request, refusals.ISSUER_WRONG)
        now = time.time()  # the machine's, as the client's: the simulated day is not theirs
        expires, begins = claims.get("exp"), claims.get("nbf", now)
        if not isinstance(expires, int | float) or not begins - 300 <= now < expires:
            raise refused(request, refusals.OUT_OF_TIME)
        if not claims.get("jti") or claims["jti"] in self._seen:
            raise refused(request, refusals.MALFORMED, why="the jti is missing or was used before")
        self._seen.add(claims["jti"])


def _thumbprint(header: dict[str, Any]) -> str:
    """The thumbprint of an assertion's header as Azure AD writes it."""
    try:
        return urlsafe_b64decode(f"{header.get('x5t', '')}==").hex().upper()
    except ValueError:
        return ""
