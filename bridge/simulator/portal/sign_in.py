"""Fluvius' sign-in at Azure AD B2C, as fluvius-api.md part 1 describes it: strict about everything."""

from __future__ import annotations

import json
import re
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode
from uuid import uuid4

from bridge.simulator.portal.pages import API, POLICY, TENANT, Transaction, configuration, sign_in_page
from bridge.simulator.portal.tokens import Tokens, missing_scopes
from bridge.simulator.response import RefusedError, Response, as_json, as_page, as_text, redirect

if TYPE_CHECKING:
    from bridge.simulator.request import Request

LOCKED_AFTER = 3  # wrong passwords
LOCKED_FOR = timedelta(minutes=30)

UNKNOWN_USER = ("AADB2C90053", "We can't seem to find your account")
WRONG_PASSWORD = ("AADB2C90054", "Your password is incorrect")
LOCKED = ("AADB2C90114", "Your account is temporarily locked to prevent unauthorized use. Try again later.")


class SignIn(Tokens):
    """The authority of one portal with one account."""

    def __init__(self, email: str, password: str) -> None:
        super().__init__()
        self.email = email
        self.password = password
        self._transactions: dict[str, Transaction] = {}
        self._wrong_passwords = 0
        self._locked_until: datetime | None = None

    def config(self, request: Request) -> Response:
        """Step 1: what the portal tells its own pages about signing in."""
        return configuration(request, self.client_id)

    def authorize(self, request: Request) -> Response:
        """Step 2: starts a transaction and sends the browser on, with a cookie."""
        _check_authorize(request, self.client_id)
        transaction = Transaction(
            asked=request.query,
            renamed="renamed-login-fields" in request.strikes,
            transaction_id=f"StateProperties={_b64(json.dumps({'TID': str(uuid4())}).encode())}",
            csrf=_b64(secrets.token_bytes(48)) + "+/==",
            cookies={"x-ms-cpim-trans": secrets.token_urlsafe(24)},
        )
        self._transactions[transaction.transaction_id] = transaction
        location = f"{TENANT}/api/{API}/start?tx={quote(transaction.transaction_id, safe='')}"
        return redirect(location).with_cookies(transaction.cookies)

    def start(self, request: Request) -> Response:
        """Still step 2: the sign-in page, with a second cookie."""
        transaction = self._transaction(request)
        cookies = {f"x-ms-cpim-cache|{POLICY.lower()}_0": secrets.token_urlsafe(24)}
        cookies["x-ms-cpim-csrf"] = quote(transaction.csrf, safe="")
        transaction.cookies |= cookies
        return sign_in_page(request, transaction).with_cookies(cookies)

    def self_asserted(self, request: Request) -> Response:
        """Step 3: the e-mail address and password."""
        transaction = self._transaction(request)
        _check_self_asserted(request, transaction)
        answer = {"status": "200"}
        if refusal := self._refusal(request, transaction):
            code, message = refusal
            answer = {"status": "400", "errorCode": code, "message": message}
        transaction.signed_in = transaction.signed_in or not refusal
        return as_json(answer, content_type="text/json; charset=utf-8")

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
            return sign_in_page(request, transaction)
        if step := request.strikes.get("extra-step"):
            return as_page(step.parameters["title"], "<form><input name='code'></form>")
        transaction.destination = self._destination(request, transaction)
        hop = f"{request.base}{TENANT}/api/{API}/complete?tx={quote(transaction.transaction_id, safe='')}"
        cookies = {"x-ms-cpim-sso:klanten.onmicrosoft.com_0": secrets.token_urlsafe(24)}
        transaction.cookies |= cookies
        return redirect(hop).with_cookies(cookies)

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
            answer = {"state": state, "code": self.issue_code(transaction.asked, request.now)}
        return f"{transaction.asked['redirect_uri']}?{urlencode(answer)}"

    def complete(self, request: Request) -> Response:
        """Still step 4: the last redirect, which ends the transaction."""
        transaction = self._transaction(request)
        if not transaction.destination:
            raise _refused("the sign-in is not confirmed")
        del self._transactions[transaction.transaction_id]
        return redirect(transaction.destination)

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
    if missing := missing_scopes(asked.get("scope", "")):
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


def _b64(content: bytes) -> str:
    return urlsafe_b64encode(content).decode()
