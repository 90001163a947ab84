"""Fluvius' sign-in at Azure AD B2C, as fluvius-api.md part 1 describes it: strict about everything."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from bridge.simulator.web import (
    RefusedError,
    Request,
    Response,
    as_json,
    as_page,
    as_text,
    redirect,
    with_cookies,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

POLICY = "B2C_1A_customer_signup_signin"
TENANT = f"/klanten.onmicrosoft.com/{POLICY}"
API = "CombinedSigninAndSignup"
USER_SCOPE = "https://klanten.onmicrosoft.com/MijnFluvius/user_impersonation"
SCOPES = ("openid", "offline_access", USER_SCOPE)

LOCKED_AFTER = 3  # wrong passwords
LOCKED_FOR = timedelta(minutes=30)
CODE_LIVES = timedelta(minutes=5)

UNKNOWN_USER = ("AADB2C90053", "We can't seem to find your account")
WRONG_PASSWORD = ("AADB2C90054", "Your password is incorrect")
LOCKED = ("AADB2C90114", "Your account is temporarily locked to prevent unauthorized use. Try again later.")


@dataclass
class Transaction:
    """One sign-in on its way, from the authorize request to the code."""

    asked: Mapping[str, str]  # the authorize request's parameters
    renamed: bool  # fields and hosts under other names
    transaction_id: str
    csrf: str
    cookies: dict[str, str]
    destination: str = ""  # where the browser goes once the password was right
    signed_in: bool = False

    @property
    def fields(self) -> tuple[str, str]:
        """The names of the login field and the password field."""
        return ("logonIdentifier", "secretPhrase") if self.renamed else ("signInName", "password")


@dataclass(frozen=True)
class Code:
    """An authorization code, good for one exchange."""

    asked: Mapping[str, str]
    expires: datetime


class SignIn:
    """The authority of one portal with one account."""

    def __init__(self, email: str, password: str) -> None:
        self.email = email
        self.password = password
        self.client_id = str(uuid4())
        self.token_seconds = 3600  # an access token's life
        self.refresh_token_seconds = 14 * 24 * 3600
        self._transactions: dict[str, Transaction] = {}
        self._codes: dict[str, Code] = {}
        self._access_tokens: dict[str, datetime] = {}
        self._refresh_tokens: dict[str, datetime] = {}
        self._wrong_passwords = 0
        self._locked_until: datetime | None = None

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

    def config(self, request: Request) -> Response:
        """Step 1: what the portal tells its own pages about signing in."""
        authority = f"{request.base}{TENANT}"
        redirect_uri = f"{request.base}/"
        if "renamed-login-fields" in request.strikes:
            return as_json(
                {
                    "authority": authority,
                    "clientId": self.client_id,
                    "redirectUri": redirect_uri,
                    "defaultScopes": f"openid {USER_SCOPE}",
                    "telemetry": None,
                }
            )
        return as_json(
            {
                "auth": {
                    "clientId": self.client_id,
                    "authority": authority,
                    "knownAuthorities": [request.headers.get("Host")],
                    "redirectUri": redirect_uri,
                    "postLogoutRedirectUri": redirect_uri,
                },
                "cache": {"cacheLocation": "localStorage"},
                "authRequest": {"scopes": ["openid", USER_SCOPE]},
                "protectedResourceMap": {f"{request.base}/verbruik/api/": [USER_SCOPE]},
            }
        )

    def authorize(self, request: Request) -> Response:
        """Step 2: starts a transaction and sends the browser on, with a cookie."""
        _check_authorize(request, self.client_id)
        transaction = Transaction(
            asked=request.query,
            renamed="renamed-login-fields" in request.strikes,
            transaction_id=f"StateProperties={_b64(json.dumps({'TID': str(uuid4())}).encode(), pad=True)}",
            csrf=_b64(secrets.token_bytes(48), pad=True) + "+/==",
            cookies={"x-ms-cpim-trans": secrets.token_urlsafe(24)},
        )
        self._transactions[transaction.transaction_id] = transaction
        location = f"{TENANT}/api/{API}/start?tx={quote(transaction.transaction_id, safe='')}"
        return redirect(location, transaction.cookies)

    def start(self, request: Request) -> Response:
        """Still step 2: the sign-in page, with a second cookie."""
        transaction = self._transaction(request)
        cookies = {f"x-ms-cpim-cache|{POLICY.lower()}_0": secrets.token_urlsafe(24)}
        cookies["x-ms-cpim-csrf"] = quote(transaction.csrf, safe="")
        transaction.cookies |= cookies
        return with_cookies(_sign_in_page(request, transaction), cookies)

    def self_asserted(self, request: Request) -> Response:
        """Step 3: the e-mail address and password."""
        transaction = self._transaction(request)
        _check_self_asserted(request, transaction)
        refusal = self._refusal(request, transaction)
        if refusal is not None:
            code, message = refusal
            return as_json(
                {"status": "400", "errorCode": code, "message": message},
                content_type="text/json; charset=utf-8",
            )
        transaction.signed_in = True
        return as_json({"status": "200"}, content_type="text/json; charset=utf-8")

    def _refusal(self, request: Request, transaction: Transaction) -> tuple[str, str] | None:
        login, password = (request.form[name] for name in transaction.fields)
        if "unknown-user" in request.strikes or login.lower() != self.email.lower():
            return UNKNOWN_USER
        if "account-locked" in request.strikes or (self._locked_until and request.now < self._locked_until):
            return LOCKED
        if "wrong-password" in request.strikes or password != self.password:
            self._wrong_passwords += 1
            if self._wrong_passwords >= LOCKED_AFTER:
                self._wrong_passwords = 0
                self._locked_until = request.now + LOCKED_FOR
                return LOCKED
            return WRONG_PASSWORD
        self._wrong_passwords = 0
        return None

    def confirmed(self, request: Request) -> Response:
        """Step 4: on the way back to the portal, with a code."""
        transaction = self._transaction(request)
        if request.query.get("csrf_token") != transaction.csrf:
            raise _refused("csrf_token is not the page's")
        if request.query.get("rememberMe") not in ("true", "false"):
            raise _refused("rememberMe must be true or false")
        if not transaction.signed_in:
            return _sign_in_page(request, transaction)
        if step := request.strikes.get("extra-step"):
            return as_page(step.parameters["title"], "<form><input name='code'></form>")
        transaction.destination = self._destination(request, transaction)
        hop = f"{request.base}{TENANT}/api/{API}/complete?tx={quote(transaction.transaction_id, safe='')}"
        cookies = {"x-ms-cpim-sso:klanten.onmicrosoft.com_0": secrets.token_urlsafe(24)}
        transaction.cookies |= cookies
        return redirect(hop, cookies)

    def _destination(self, request: Request, transaction: Transaction) -> str:
        state = transaction.asked["state"]
        if "wrong-state" in request.strikes:
            state = secrets.token_urlsafe(16)
        if fault := request.strikes.get("redirect-error"):
            answer = {
                "error": fault.parameters["error"],
                "error_description": fault.parameters["description"],
                "state": state,
            }
        else:
            code = secrets.token_urlsafe(48)
            self._codes[code] = Code(transaction.asked, request.now + CODE_LIVES)
            answer = {"state": state, "code": code}
        return f"{transaction.asked['redirect_uri']}?{urlencode(answer)}"

    def complete(self, request: Request) -> Response:
        """Still step 4: the last redirect, which ends the transaction."""
        transaction = self._transaction(request)
        if not transaction.destination:
            raise _refused("the sign-in is not confirmed")
        del self._transactions[transaction.transaction_id]
        return redirect(transaction.destination)

    def token(self, request: Request) -> Response:
        """Step 5: a code or a refresh token for tokens."""
        form = request.form
        if form.get("client_id") != self.client_id:
            raise _no_token("invalid_client", "AADB2C90068: client_id is not known")
        if missing := _missing_scopes(form.get("scope", "")):
            raise _no_token("invalid_scope", f"AADB2C90117: the scope lacks {missing}")
        if form.get("grant_type") == "authorization_code":
            return self._tokens(request, self._redeem(request)["nonce"])
        if form.get("grant_type") == "refresh_token":
            self._spend_refresh_token(request)
            return self._tokens(request, None)
        raise _no_token("unsupported_grant_type", "AADB2C90086: the grant_type is not supported")

    def _redeem(self, request: Request) -> Mapping[str, str]:
        """What was asked when the code was issued, if everything fits."""
        form = request.form
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or request.now >= code.expires:
            raise _no_token("invalid_grant", "AADB2C90080: the code is unknown, expired or used before")
        if form.get("redirect_uri") != code.asked["redirect_uri"]:
            raise _no_token("invalid_grant", "AADB2C90088: redirect_uri is not the one the code was sent to")
        verifier = form.get("code_verifier", "")
        challenge = _b64(hashlib.sha256(verifier.encode()).digest())
        if (
            not re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
            or challenge != code.asked["code_challenge"]
        ):
            raise _no_token("invalid_grant", "AADB2C90183: code_verifier does not fit the code_challenge")
        return code.asked

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
        if nonce is not None:
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
                "client_info": _b64(json.dumps({"uid": "you"}).encode()),
                "scope": f"openid offline_access {USER_SCOPE}",
                "refresh_token": refresh_token,
                "refresh_token_expires_in": self.refresh_token_seconds,
            }
        )

    def _transaction(self, request: Request) -> Transaction:
        """The transaction of `tx`, if every cookie it set came back."""
        transaction = self._transactions.get(request.query.get("tx", ""))
        if transaction is None:
            raise _refused("tx is no sign-in on its way")
        for name, value in transaction.cookies.items():
            if request.cookies.get(name) != value:
                raise _refused(f"the cookie {name} did not come back")
        is_page = request.path.endswith(("/start", "/complete"))
        if not is_page and request.query.get("p") != POLICY:
            raise _refused("p is not the policy")
        return transaction


def _refused(reason: str) -> RefusedError:
    return RefusedError(as_text(f"{reason}\n", 400))


def _no_token(error: str, description: str) -> RefusedError:
    return RefusedError(as_json({"error": error, "error_description": description}, 400))


def _check_authorize(request: Request, client_id: str) -> None:
    asked = request.query
    fixed = {
        "client_id": client_id,
        "redirect_uri": f"{request.base}/",
        "response_type": "code",
        "response_mode": "query",
        "code_challenge_method": "S256",
        "prompt": "login",
        "client_info": "1",
    }
    for name, value in fixed.items():
        if asked.get(name) != value:
            raise _refused(f"{name} must be {value}")
    for name in ("state", "nonce", "login_hint"):
        if not asked.get(name):
            raise _refused(f"{name} is missing")
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", asked.get("code_challenge", "")):
        raise _refused("code_challenge must be the base64url of a SHA-256, without padding")
    if missing := _missing_scopes(asked.get("scope", "")):
        raise _refused(f"the scope lacks {missing}")


def _check_self_asserted(request: Request, transaction: Transaction) -> None:
    headers = request.headers
    if headers.get("X-CSRF-TOKEN") != transaction.csrf:
        raise _refused("X-CSRF-TOKEN is not the page's")
    if headers.get("X-Requested-With") != "XMLHttpRequest":
        raise _refused("X-Requested-With must be XMLHttpRequest")
    if headers.get("Origin") != request.base:
        raise _refused(f"Origin must be {request.base}")
    if not headers.get("Referer", "").startswith(f"{request.base}/"):
        raise _refused("Referer must be the sign-in page")
    if request.form.get("request_type") != "RESPONSE":
        raise _refused("request_type must be RESPONSE")
    for name in transaction.fields:
        if name not in request.form:
            raise _refused(f"the field {name} is missing")


def _missing_scopes(scope: str) -> str:
    return " ".join(each for each in SCOPES if each not in scope.split())


def _sign_in_page(request: Request, transaction: Transaction) -> Response:
    """The page with the two objects; their braces are there to trip a lazy parser."""
    login, password = transaction.fields
    settings = {
        "remoteResource": f"{request.base}/{{Culture:RFC5646}}/unified.html",
        "retryLimit": 3,
        "trimSpacesInPassword": True,
        "api": API,
        "csrf": transaction.csrf,
        "transId": transaction.transaction_id,
        "pageViewId": str(uuid4()),
        "template": 'function () { return "};"; }',
        "suppressElementCss": False,
        "isPageViewIdSentWithHeader": False,
        "hosts": {
            "tenant": f"{request.base if transaction.renamed else ''}{TENANT}",
            "policy": POLICY,
            "static": f"{request.base}/static/",
        },
        "locale": {"lang": "nl", "strings": {"heading": "Meld u aan {0}", "close": "}"}},
    }
    fields = [
        {
            "UX_INPUT_TYPE": "TextBox",
            "ID": login,
            "IS_PASSWORD": False,
            "DN": "E-mail {adres}",
            "PAT": "^.{1,64};$",
        },
        {"UX_INPUT_TYPE": "Password", "ID": password, "IS_PASSWORD": True, "DN": "Wachtwoord };"},
    ]
    if transaction.renamed:
        fields.reverse()
    sa_fields = {"AttributeFields": fields, "Options": {"nested": {"deep": {}}}}
    scripts = (
        f'<script>var CP = {{"list":[]}};\nvar SA_FIELDS = {_script(sa_fields)};</script>\n'
        f'<script>var CONTENT = {{"logo": "{{}}"}};\nvar SETTINGS = {_script(settings)};</script>'
    )
    return as_page("Aanmelden", scripts)


def _script(content: Any) -> str:
    return json.dumps(content).replace("</", "<\\/")


def _jwt(claims: Mapping[str, Any]) -> str:
    """A token in three parts; nobody checks the signature, for nobody has the key."""
    header = {"alg": "RS256", "typ": "JWT", "kid": "simulated"}
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), secrets.token_bytes(256))
    return ".".join(_b64(part) for part in parts)


def _b64(content: bytes, *, pad: bool = False) -> str:
    text = urlsafe_b64encode(content).decode()
    return text if pad else text.rstrip("=")
