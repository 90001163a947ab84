"""Fluvius' sign-in at Azure AD B2C, as fluvius-api.md part 1 describes it."""

import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode
from uuid import uuid4

from bridge.simulator.portal.pages import API, POLICY, TENANT, Transaction, configuration, sign_in_page
from bridge.simulator.portal.tokens import Tokens, missing_scopes
from bridge.simulator.request import Request
from bridge.simulator.response import RefusedError, Response, as_json, as_page, as_text, redirect
from bridge.simulator.writing import base64url

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
            braces="braces-in-strings" in request.strikes,
            transaction_id=f"StateProperties={base64url(json.dumps({'TID': str(uuid4())}).encode())}=",
            csrf=f"{base64url(secrets.token_bytes(48))}+/==",
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
        state = {"state": transaction.asked["state"]} if transaction.asked.get("state") else {}
        if "wrong-state" in request.strikes:
            state = {"state": secrets.token_urlsafe(16)}
        if fault := request.strikes.get("redirect-error"):
            answer = {
                "error": fault.parameters["error"],
                "error_description": fault.parameters["description"],
                **state,
            }
        else:
            answer = {**state, "code": self.issue_code(transaction.asked, request.now)}
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


def _refuse_unless(wishes: Mapping[str, object]) -> None:
    """Refuses a request for the first wish that it does not fulfil."""
    for reason, is_fulfilled in wishes.items():
        if not is_fulfilled:
            raise _refused(reason)


def _check_authorize(request: Request, client_id: str) -> None:
    asked = request.query
    fixed = {
        "client_id": client_id,
        "redirect_uri": f"{request.base}/",
        "response_type": "code",
        "response_mode": "query",
        "code_challenge_method": "S256",
    }
    names: tuple[str, ...] = ()
    if "strict-sign-in" in request.strikes:
        fixed |= {"prompt": "login", "client_info": "1"}
        names = ("state", "nonce", "login_hint")
    missing = missing_scopes(asked.get("scope", ""))
    challenge = re.fullmatch(r"[A-Za-z0-9_-]{43}", asked.get("code_challenge", ""))
    _refuse_unless(
        {f"{name} must be {value}": asked.get(name) == value for name, value in fixed.items()}
        | {f"{name} is missing": asked.get(name) for name in names}
        | {"code_challenge must be the base64url of a SHA-256, without padding": challenge}
        | {f"the scope lacks {missing}": not missing}
    )


def _check_self_asserted(request: Request, transaction: Transaction) -> None:
    headers, base = request.headers, request.base
    _refuse_unless(
        {
            "X-CSRF-TOKEN is not the page's": headers.get("X-CSRF-TOKEN") == transaction.csrf,
            "X-Requested-With must be XMLHttpRequest": headers.get("X-Requested-With") == "XMLHttpRequest",
            f"Origin must be {base}": headers.get("Origin") == base,
            "Referer must be the sign-in page": headers.get("Referer", "").startswith(f"{base}/"),
            "request_type must be RESPONSE": request.form.get("request_type") == "RESPONSE",
        }
        | {f"the field {name} is missing": name in request.form for name in transaction.fields}
    )
