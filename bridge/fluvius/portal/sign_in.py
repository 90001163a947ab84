"""The portal's sign-in: Azure AD B2C, authorization code with PKCE, played over plain HTTP.

The steps are those seen between browsers and Mijn Fluvius up to autumn 2026.
"""

import base64
import hashlib
import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from bridge.config import PortalSettings
from bridge.fluvius.errors import (
    AccountLocked,
    CredentialsRefused,
    FluviusError,
    ShapeChanged,
    StepNeeded,
    TryLater,
)
from bridge.fluvius.hosts import trusted
from bridge.fluvius.http import PoliteSession, Response
from bridge.fluvius.portal import pages
from bridge.fluvius.portal.pages import Configuration, Page, changed
from bridge.fluvius.tokens import Token, lifetime_of

log = logging.getLogger(__name__)


_MOST_REDIRECTS = 20
_OF_A_BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

_REFUSALS = {
    "AADB2C90053": "Fluvius knows no account with this e-mail address; correct fluvius.portal.email",
    "AADB2C90054": "Fluvius does not accept this password; correct fluvius.portal.password",
}
_GOOD = {"200", "ok", "success", "true"}
_LOCKED = "AADB2C90114"
_LOCKED_WORDS = (
    "Fluvius has locked this account for a while, after too many wrong passwords; sign in later with a"
    " browser on mijn.fluvius.be, and correct fluvius.portal.password if it is another"
)
_STEP_NEEDED = (
    "Fluvius asks for one more step that only you can take (two-factor authentication, accepted terms or a"
    " new password); sign in with a browser on mijn.fluvius.be, take it, and run `fluvius2mqtt check`"
)


def sign_in(
    http: PoliteSession, settings: PortalSettings, now: datetime, trying: Callable[[], None]
) -> Token:
    """Play the sign-in of a browser, once; `trying` is called just before the password leaves the house.

    Raises:
        CredentialsRefused: the e-mail address or password is wrong.
        AccountLocked: too many wrong ones were tried.
        StepNeeded: Fluvius wants more than e-mail address and password.
        TryLater, ShapeChanged: see there.
    """
    http.forget_cookies()
    answer = _expect(http.get(f"{settings.url}{pages.CONFIGURATION}", headers={"Accept": "application/json"}))
    config = pages.configuration(answer, settings.url)
    proof = _Proof(*(secrets.token_urlsafe(48) for _ in range(3)))
    page = _sign_in_page(http, config, proof, settings)
    trying()
    is_clear = _submit_credentials(http, page, settings)
    code = _authorization_code(http, config, page, proof, settings, is_clear=is_clear)
    return _redeem(http, config, code, proof, now)


def renew(http: PoliteSession, settings: PortalSettings, token: Token, now: datetime) -> Token | None:
    """A new token by refresh token; None when Fluvius does not take it any more, which is normal life.

    Raises:
        TryLater: see there.
    """
    form = {
        "grant_type": "refresh_token",
        "client_id": token.client_id,
        "scope": token.scope,
        "refresh_token": token.refresh_token,
    }
    try:
        authority = trusted(token.authority, settings.url)
        fresh, _ = _token(http.post(f"{authority}/oauth2/v2.0/token", data=form), now)
    except ShapeChanged as error:
        log.info("the token cannot be renewed: %s", error)
        return None
    return replace(
        token,
        access_token=fresh.access_token,
        expires_at=fresh.expires_at,
        refresh_token=fresh.refresh_token or token.refresh_token,
    )


@dataclass(frozen=True, slots=True)
class _Proof:
    """Random texts by which we recognise our own sign-in."""

    verifier: str
    state: str
    nonce: str

    @property
    def challenge(self) -> str:
        return _base64url(hashlib.sha256(self.verifier.encode()).digest())


def _sign_in_page(http: PoliteSession, config: Configuration, proof: _Proof, portal: PortalSettings) -> Page:
    parameters = {
        "client_id": config.client_id,
        "redirect_uri": config.redirect_uri,
        "response_type": "code",
        "response_mode": "query",
        "scope": config.scope,
        "code_challenge": proof.challenge,
        "code_challenge_method": "S256",
        "state": proof.state,
        "nonce": proof.nonce,
        "prompt": "login",
        "client_info": "1",
        "login_hint": portal.email or "",
    }
    landed = _follow(http, f"{config.authority}/oauth2/v2.0/authorize", parameters, config, portal.url)
    return pages.sign_in_page(landed, portal.url)


def _submit_credentials(http: PoliteSession, page: Page, settings: PortalSettings) -> bool:
    """Whether Fluvius says that they are good; where it says nothing, the next step shows it."""
    parts = urlsplit(page.url)
    password = settings.password.get_secret_value() if settings.password else ""
    answer = _expect(
        http.post(
            f"{page.tenant}/SelfAsserted",
            params=page.query,
            data={
                "request_type": "RESPONSE",
                page.login_field: settings.email,
                page.password_field: password,
            },
            headers={
                "X-CSRF-TOKEN": page.csrf,
                "X-Requested-With": "XMLHttpRequest",
                "Origin": f"{parts.scheme}://{parts.netloc}",
                "Referer": page.url,
                "Accept": "application/json",
            },
        )
    )
    if not isinstance(answer, dict):
        raise changed("its answer to the password")
    status = str(answer.get("status")).lower()
    complains = answer.get("errorCode") or answer.get("message")
    if status == "200" or (status in _GOOD | {"none"} and not complains):
        return status in _GOOD
    code = str(answer.get("errorCode"))
    said = f"({code}: {answer.get('message')})"
    if code == _LOCKED:
        raise AccountLocked(_LOCKED_WORDS)
    if code not in _REFUSALS and not status.startswith("4"):  # it did not get as far as the password
        raise TryLater(f"Fluvius did not get as far as the password {said}")
    raise CredentialsRefused(_REFUSALS.get(code, f"Fluvius does not accept the sign-in {said}"))


def _authorization_code(
    http: PoliteSession,
    config: Configuration,
    page: Page,
    proof: _Proof,
    portal: PortalSettings,
    *,
    is_clear: bool,
) -> str:
    parameters = {"rememberMe": str(portal.remember_me).lower(), "csrf_token": page.csrf, **page.query}
    landed = _follow(http, f"{page.tenant}/api/{page.api}/confirmed", parameters, config, portal.url)
    if landed.status == 200:
        pages.heed_maintenance(landed.text)
        raise StepNeeded(_STEP_NEEDED) if is_clear else changed("its answer to the password")
    query = dict(parse_qsl(urlsplit(landed.url).query))
    if "error" in query:  # which gives nothing away, and may come without a state
        raise _ended(query)
    if query.get("state") != proof.state:
        raise ShapeChanged("Fluvius ended another sign-in than the one we began (the state differs)")
    if "code" not in query:
        raise changed("the end of the sign-in")
    return query["code"]


def _ended(query: dict[str, str]) -> FluviusError:
    description = query.get("error_description", query["error"]).splitlines()[0]
    if query["error"] in {"server_error", "temporarily_unavailable"}:
        return TryLater(f"Fluvius could not finish the sign-in: {description}")
    return StepNeeded(
        f"Fluvius ended the sign-in: {description}; sign in once with a browser on mijn.fluvius.be"
    )


def _redeem(http: PoliteSession, config: Configuration, code: str, proof: _Proof, now: datetime) -> Token:
    form = {
        "grant_type": "authorization_code",
        "client_id": config.client_id,
        "scope": config.scope,
        "code": code,
        "redirect_uri": config.redirect_uri,
        "code_verifier": proof.verifier,
    }
    token, nonce = _token(http.post(f"{config.authority}/oauth2/v2.0/token", data=form), now)
    if nonce not in (None, proof.nonce):  # none is no harm: the verifier and the state tie the code to us
        raise ShapeChanged("Fluvius gave the token of another sign-in than ours (the nonce differs)")
    return replace(token, authority=config.authority, client_id=config.client_id, scope=config.scope)


def _token(answer: Response, now: datetime) -> tuple[Token, Any]:
    """The token of an answer, and the nonce of the sign-in that it was given for, if it says that."""
    if answer.status != 200:
        raise ShapeChanged(_with_words(f"Fluvius gives no token (HTTP {answer.status})", answer))
    given = answer.json()
    if not isinstance(given, dict) or not isinstance(given.get("access_token"), str):
        raise changed("the token")
    refresh_token = given.get("refresh_token")
    token = Token(
        access_token=given["access_token"],
        expires_at=now + lifetime_of(given.get("expires_in")),
        refresh_token=refresh_token if isinstance(refresh_token, str) else None,
    )
    return token, _claims(given.get("id_token")).get("nonce")


def _claims(id_token: object) -> dict[str, Any]:
    """What an id_token says. It came straight from Fluvius, so its signature proves nothing more."""
    try:
        _, payload, _ = str(id_token).split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _follow(
    http: PoliteSession, url: str, parameters: dict[str, str], config: Configuration, portal: str
) -> Response:
    """Go where Fluvius sends us, with its cookies, until a page or the redirect URI, which is not opened."""
    response = http.get(url, params=parameters, headers=_OF_A_BROWSER)
    for _ in range(_MOST_REDIRECTS):
        if response.status not in {301, 302, 303, 307, 308}:
            _expect_page(response)
            return response
        try:
            target = urljoin(response.url, response.headers.get("Location", ""))
        except ValueError:
            raise changed("where it redirects the sign-in") from None
        if _is_the_end(target, config.redirect_uri):
            return replace(response, url=target)
        response = http.get(trusted(target, portal), headers=_OF_A_BROWSER)
    raise ShapeChanged("Fluvius redirects the sign-in without end")


def _is_the_end(url: str, redirect_uri: str) -> bool:
    """Whether an address is the redirect URI, with what the sign-in came to."""
    came_to = dict(parse_qsl(urlsplit(url).query))
    return _place(url) == _place(redirect_uri) and not came_to.keys().isdisjoint({"code", "error"})


def _place(url: str) -> tuple[str, str | None, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower().removesuffix(":443"), parts.path or "/"


def _expect(response: Response) -> Any:
    _expect_page(response)
    return response.json()


def _expect_page(response: Response) -> None:
    if response.status != 200:
        raise ShapeChanged(
            _with_words(f"Fluvius does not accept our sign-in request (HTTP {response.status})", response)
        )


def _with_words(sentence: str, response: Response) -> str:
    words = response.words()
    return f"{sentence}: {words}" if words else sentence


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
