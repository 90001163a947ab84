"""The Energy API's token: OAuth client credentials, by Microsoft's own library.

In the sandbox a secret proves who is asking, in production an assertion signed with a certificate's key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from bridge.config import EnergyApiSettings
from bridge.fluvius.access import Account
from bridge.fluvius.errors import CredentialsRefused, ShapeChanged, TryLater
from bridge.fluvius.hosts import trusted
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.tokens import Token, lifetime_of

_AUTHORITY = "https://login.microsoftonline.com"
# Whatever else the token endpoint answers is no refusal of these credentials.
_REFUSALS = {"invalid_client", "unauthorized_client", "invalid_scope", "invalid_request", "access_denied"}


def energy_api_account(settings: EnergyApiSettings, http: PoliteSession) -> Account:
    """An energy service provider's registration with Fluvius.

    Raises:
        CredentialsRefused: the certificate's key cannot be read.
    """
    proof = _proof(settings)
    return Account(
        name=authority(settings),
        credentials=repr(
            (
                authority(settings),
                settings.client_id,
                settings.scope,
                settings.subscription_key.get_secret_value(),
                proof,
            )
        ),
        sign_in=lambda now, _trying: sign_in(http, settings, proof, now),  # no account is locked there
        sign_in_proves_all=False,  # the subscription key is looked at later
        again_after=timedelta(0),  # a run over thousands of meters outlives its token
    )


def authority(settings: EnergyApiSettings) -> str:
    """The address that hands out tokens."""
    return settings.authority or f"{_AUTHORITY}/{settings.tenant_id}"


def sign_in(
    http: PoliteSession, settings: EnergyApiSettings, proof: str | dict[str, str], now: datetime
) -> Token:
    """Get a token.

    Raises:
        CredentialsRefused: in Microsoft's own words.
        TryLater, ShapeChanged: see there.
    """
    import jwt  # noqa: PLC0415 - msal's own
    import msal  # noqa: PLC0415 - an extra, and heavy

    address = authority(settings)
    try:
        client = msal.ConfidentialClientApplication(
            settings.client_id,
            client_credential=proof,
            authority=urlunsplit(urlsplit(address)._replace(scheme="https")),  # it insists
            http_client=_Transport(http, address),
            instance_discovery=False,
        )
        answer = client.acquire_token_for_client(scopes=[settings.scope])
    except (AttributeError, KeyError, TypeError, ValueError, jwt.PyJWTError) as error:
        raise _unusable(error, settings) from error
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
        raise _refusal(answer)
    lifetime = lifetime_of(answer.get("expires_in"))
    return Token(answer["access_token"], now + lifetime, None, address, settings.client_id, settings.scope)


def _proof(settings: EnergyApiSettings) -> str | dict[str, str]:
    """As msal wants it."""
    if settings.certificate is None:
        return settings.client_secret.get_secret_value() if settings.client_secret else ""
    file = settings.certificate.private_key_file
    try:
        key = file.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise CredentialsRefused(
            f"fluvius.energy_api.certificate.private_key_file: {file} cannot be read ({error})"
        ) from error
    return {"private_key": key, "thumbprint": settings.certificate.thumbprint}


def _refusal(answer: Any) -> CredentialsRefused | TryLater:
    error = answer.get("error") if isinstance(answer, dict) else None
    words = str(answer.get("error_description") or error).splitlines()[0] if error else "no token"
    if error in _REFUSALS:
        return CredentialsRefused(f"The Energy API's sign-in refuses us: {words}")
    return TryLater(f"The Energy API's sign-in answered: {words}")


def _unusable(error: Exception, settings: EnergyApiSettings) -> CredentialsRefused | ShapeChanged:
    if settings.certificate and ("key" in str(error).lower() or "pem" in str(error).lower()):
        file = settings.certificate.private_key_file
        return CredentialsRefused(f"The private key in {file} cannot be used: {error}")
    if "Discovery failed" in str(error):
        return CredentialsRefused(
            f"{authority(settings)} is not known; correct fluvius.energy_api.tenant_id, or authority"
        )
    return ShapeChanged(f"The Energy API's sign-in answered something unexpected ({type(error).__name__})")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What msal wants to see of an answer."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise ShapeChanged(f"The Energy API's sign-in answers with HTTP {self.status_code}")


@dataclass(frozen=True, slots=True)
class _Transport:
    """msal's requests through our session; unencrypted where the configuration allows it, on this machine.

    Where it asks is said by the authority's own answers, so that is looked at.
    """

    http: PoliteSession
    authority: str

    def get(self, url: str, **options: Any) -> _Answer:
        return self._ask("get", url, options)

    def post(self, url: str, **options: Any) -> _Answer:
        return self._ask("post", url, options)

    def close(self) -> None:
        """The session is closed by its owner."""

    def _ask(self, method: str, url: str, options: Mapping[str, Any]) -> _Answer:
        ours = {name: options[name] for name in ("params", "data") if name in options}
        ours["headers"] = {**(options.get("headers") or {}), "X-Forwarded-Proto": "https"}  # as it thinks
        address = trusted(
            urlunsplit(urlsplit(url)._replace(scheme=urlsplit(self.authority).scheme)), self.authority
        )
        response = (self.http.get if method == "get" else self.http.post)(address, **ours)
        return _Answer(response.status, response.text, response.headers)
