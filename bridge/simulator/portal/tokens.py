"""The portal's tokens: what Azure AD B2C gives for a code, and renews for a refresh token."""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from bridge.simulator.portal.pages import TENANT, USER_SCOPE
from bridge.simulator.request import Request
from bridge.simulator.response import RefusedError, Response, as_json
from bridge.simulator.writing import base64url

SCOPES = ("openid", "offline_access", USER_SCOPE)
CODE_LIVES = timedelta(minutes=5)


class Tokens:
    """Every token of one account, and the codes that are good for some."""

    def __init__(self) -> None:
        self.client_id = str(uuid4())
        self.token_seconds = 3600  # an access token's life
        self.refresh_token_seconds = 14 * 24 * 3600
        self._codes: dict[str, tuple[Mapping[str, str], datetime]] = {}  # what was asked, and until when
        self._access_tokens: dict[str, datetime] = {}
        self._refresh_tokens: dict[str, datetime] = {}

    def accepts(self, access_token: str, now: datetime) -> bool:
        """Whether an access token is one of ours and not expired."""
        expires = self._access_tokens.get(access_token)
        return expires is not None and now < expires

    def issue_access_token(self, now: datetime) -> str:
        """A good access token without a sign-in."""
        token = _jwt(
            {"iss": "simulator", "exp": int(now.timestamp()) + self.token_seconds, "jti": uuid4().hex}
        )
        self._access_tokens[token] = now + timedelta(seconds=self.token_seconds)
        return token

    def forget_tokens(self) -> None:
        """Every token issued so far becomes worthless."""
        self._access_tokens.clear()
        self._refresh_tokens.clear()

    def issue_code(self, asked: Mapping[str, str], now: datetime) -> str:
        """A code for whoever asked that in the authorize request, and knew the password."""
        code = secrets.token_urlsafe(48)
        self._codes[code] = (asked, now + CODE_LIVES)
        return code

    def token(self, request: Request) -> Response:
        """Step 5: a code or a refresh token for tokens."""
        form = request.form
        if form.get("client_id") != self.client_id:
            raise _no_token("invalid_client", "AADB2C90068: client_id is not known")
        if missing := missing_scopes(form.get("scope", "")):
            raise _no_token("invalid_scope", f"AADB2C90117: the scope lacks {missing}")
        if form.get("grant_type") == "authorization_code":
            return self._tokens(request, self._redeem(request).get("nonce"))
        if form.get("grant_type") == "refresh_token":
            self._spend_refresh_token(request)
            return self._tokens(request, None)
        raise _no_token("unsupported_grant_type", "AADB2C90086: the grant_type is not supported")

    def _redeem(self, request: Request) -> Mapping[str, str]:
        """What was asked when the code was issued, if everything fits."""
        form = request.form
        asked, expires = self._codes.pop(form.get("code", ""), ({}, request.now))
        if request.now >= expires:
            raise _no_token("invalid_grant", "AADB2C90080: the code is unknown, expired or used before")
        if form.get("redirect_uri") != asked["redirect_uri"]:
            raise _no_token("invalid_grant", "AADB2C90088: redirect_uri is not the one the code was sent to")
        verifier = form.get("code_verifier", "")
        challenge = base64url(hashlib.sha256(verifier.encode()).digest())
        if not re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier) or challenge != asked["code_challenge"]:
            raise _no_token("invalid_grant", "AADB2C90183: code_verifier does not fit the code_challenge")
        return asked

    def _spend_refresh_token(self, request: Request) -> None:
        expires = self._refresh_tokens.pop(request.form.get("refresh_token", ""), None)
        if "refresh-refused" in request.strikes or expires is None or request.now >= expires:
            raise _no_token(
                "invalid_grant", "AADB2C90080: the refresh token is unknown, expired or used before"
            )

    def _tokens(self, request: Request, nonce: str | None) -> Response:
        now = int(request.now.timestamp())
        access_token = self.issue_access_token(request.now)
        if "expired-token" in request.strikes:
            self._access_tokens[access_token] = request.now
        refresh_token = secrets.token_urlsafe(64)
        self._refresh_tokens[refresh_token] = request.now + timedelta(seconds=self.refresh_token_seconds)
        claims = {
            "iss": f"{request.base}{TENANT}/v2.0/",
            "aud": self.client_id,
            "sub": "you",
            "iat": now,
            "nbf": now,
            "exp": now + self.token_seconds,
        }
        if nonce:
            claims["nonce"] = secrets.token_urlsafe(16) if "wrong-nonce" in request.strikes else nonce
        return as_json(
            {
                "access_token": access_token,
                "id_token": _jwt(claims),
                "token_type": "Bearer",
                "not_before": now,
                "expires_in": self.token_seconds,
                "expires_on": now + self.token_seconds,
                "resource": str(uuid4()),
                "client_info": base64url(json.dumps({"uid": "you"}).encode()),
                "scope": f"openid offline_access {USER_SCOPE}",
                "refresh_token": refresh_token,
                "refresh_token_expires_in": self.refresh_token_seconds,
            }
        )


def missing_scopes(scope: str) -> str:
    """Which of the scopes that a client must ask for are not there."""
    return " ".join(each for each in SCOPES if each not in scope.split())


def _no_token(error: str, description: str) -> RefusedError:
    return RefusedError(as_json({"error": error, "error_description": description}, 400))


def _jwt(claims: Mapping[str, Any]) -> str:
    """A token in three parts; nobody checks the signature, for nobody has the key."""
    header = {"alg": "RS256", "typ": "JWT", "kid": "simulated"}
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), secrets.token_bytes(256))
    return ".".join(base64url(part) for part in parts)
