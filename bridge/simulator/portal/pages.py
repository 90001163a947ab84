"""What the portal and Azure AD B2C tell a browser that is about to sign in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bridge.simulator.request import Request
from bridge.simulator.response import Response, as_json, as_page

POLICY = "B2C_1A_customer_signup_signin"
TENANT = f"/klanten.onmicrosoft.com/{POLICY}"
API = "CombinedSigninAndSignup"
USER_SCOPE = "https://klanten.onmicrosoft.com/MijnFluvius/user_impersonation"


@dataclass
class Transaction:
    """One sign-in on its way, from the authorize request to the code."""

    asked: Mapping[str, str]  # the authorize request's parameters
    renamed: bool  # fields and hosts under other names
    braces: bool  # in strings of the page, to trip a lazy parser
    transaction_id: str
    csrf: str
    cookies: dict[str, str]
    destination: str = ""  # where the browser goes once the password was right
    signed_in: bool = False

    @property
    def fields(self) -> tuple[str, str]:
        """The names of the login field and the password field."""
        return ("logonIdentifier", "secretPhrase") if self.renamed else ("signInName", "password")


def configuration(request: Request, client_id: str) -> Response:
    """What the portal tells its own pages about signing in."""
    authority = f"{request.base}{TENANT}"
    redirect_uri = f"{request.base}/"
    if "renamed-login-fields" in request.strikes:
        return as_json(
            {
                "authority": authority,
                "clientId": client_id,
                "redirectUri": redirect_uri,
                "defaultScopes": f"openid {USER_SCOPE}",
                "telemetry": None,
            }
        )
    return as_json(
        {
            "auth": {
                "clientId": client_id,
                "authority": authority,
                "knownAuthorities": [request.host],
                "redirectUri": redirect_uri,
                "postLogoutRedirectUri": redirect_uri,
            },
            "cache": {"cacheLocation": "localStorage"},
            "authRequest": {"scopes": ["openid", USER_SCOPE]},
            "protectedResourceMap": {f"{request.base}/verbruik/api/": [USER_SCOPE]},
        }
    )


def sign_in_page(request: Request, transaction: Transaction) -> Response:
    """The page with the two objects."""
    login, password = transaction.fields
    brace, let, const = ("};", "let", "const") if transaction.braces else ("", "var", "var")
    settings = {
        "remoteResource": f"{request.base}/{{Culture:RFC5646}}/unified.html",
        "retryLimit": 3,
        "trimSpacesInPassword": True,
        "api": API,
        "csrf": transaction.csrf,
        "transId": transaction.transaction_id,
        "pageViewId": str(uuid4()),
        "template": f'function () {{ return "{brace}"; }}',
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
            "PAT": f"^.{{1,64}}{brace[1:]}$",
        },
        {"UX_INPUT_TYPE": "Password", "ID": password, "IS_PASSWORD": True, "DN": f"Wachtwoord {brace}"},
    ]
    if transaction.renamed:
        fields.reverse()
    sa_fields = {"AttributeFields": fields, "Options": {"nested": {"deep": {}}}}
    scripts = (
        f'<script>var CP = {{"list":[]}};\n{let} SA_FIELDS = {_script(sa_fields)};</script>\n'
        f'<script>var CONTENT = {{"logo": "{{}}"}};\n{const} SETTINGS = {_script(settings)};</script>'
    )
    return as_page("Aanmelden", scripts)


def _script(content: Any) -> str:
    return json.dumps(content).replace("</", "<\\/")
