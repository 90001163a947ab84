"""What the portal's sign-in says of itself: its configuration, and its page.

The names are those seen up to autumn 2026. Nothing of it (authority, client id, redirect, scopes) outlives a
sign-in: Fluvius rotates these values.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any
from urllib.parse import urljoin

from bridge.fluvius.errors import ShapeChanged, TryLater
from bridge.fluvius.hosts import trusted
from bridge.fluvius.http import Response

CONFIGURATION = "/api/global/msal/config"
_AUTHORITY = "https://login.fluvius.be/klanten.onmicrosoft.com/B2C_1A_customer_signup_signin"
_REDIRECT = "https://mijn.fluvius.be/"
_SCOPES = ("openid", "offline_access", "https://klanten.onmicrosoft.com/MijnFluvius/user_impersonation")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Where to sign in, and for what."""

    authority: str
    client_id: str
    redirect_uri: str
    scope: str


@dataclass(frozen=True, slots=True)
class Page:
    """The sign-in page: where to post, with which fields."""

    url: str
    tenant: str
    policy: str
    api: str
    csrf: str
    transaction: str
    login_field: str
    password_field: str

    @property
    def query(self) -> dict[str, str]:
        """Which sign-in a request is about."""
        return {"tx": self.transaction, "p": self.policy}


def configuration(answer: Any, portal: str) -> Configuration:
    """What the portal's own configuration says about the sign-in.

    Args:
        answer: the decoded JSON.
        portal: its address.

    Raises:
        ShapeChanged: something is missing, or leads elsewhere.
    """
    if not isinstance(answer, dict):
        raise changed("the sign-in configuration")
    auth = answer["auth"] if isinstance(answer.get("auth"), dict) else {}

    def setting(name: str, otherwise: str | None = None) -> str:
        for value in (answer.get(name), auth.get(name), otherwise):
            if value and isinstance(value, str):
                return value
        raise changed(f"{name} in the sign-in configuration")

    try:
        redirect_uri = urljoin(f"{portal}/", setting("redirectUri", _REDIRECT))
    except ValueError:
        raise changed("redirectUri in the sign-in configuration") from None
    return Configuration(
        authority=trusted(setting("authority", _AUTHORITY), portal).rstrip("/"),
        client_id=setting("clientId"),
        redirect_uri=trusted(redirect_uri, portal),
        scope=" ".join(dict.fromkeys([*_scopes(answer), *_scopes(auth), *_SCOPES])),
    )


def _scopes(config: dict[str, Any]) -> Iterator[str]:
    """Every scope named in the places where Fluvius has put them so far."""
    request = config.get("authRequest")
    resources = config.get("protectedResourceMap")
    places = [
        config.get("scopes"),
        config.get("defaultScopes"),
        config.get("apiScopes"),
        request.get("scopes") if isinstance(request, dict) else None,
        *(resources.values() if isinstance(resources, dict) else ()),
    ]
    for place in places:
        for text in [place] if isinstance(place, str) else place if isinstance(place, list) else []:
            if isinstance(text, str):
                yield from text.split()


def sign_in_page(response: Response, portal: str) -> Page:
    """What the sign-in page's script says.

    Args:
        response: the page.
        portal: the portal's address.

    Raises:
        TryLater: Fluvius is being maintained.
        ShapeChanged: something is missing, or leads elsewhere.
    """
    settings, fields = _assigned(response.text, "SETTINGS"), _assigned(response.text, "SA_FIELDS")
    try:
        tenant = trusted(urljoin(response.url, settings["hosts"]["tenant"]), portal).rstrip("/")
        page = Page(
            url=response.url,
            tenant=tenant,
            policy=settings["hosts"].get("policy") or tenant.rpartition("/")[2],
            api=settings.get("api") or "CombinedSigninAndSignup",
            csrf=settings["csrf"],
            transaction=settings["transId"],
            login_field=next(f["ID"] for f in fields["AttributeFields"] if not _is_for_a_password(f)),
            password_field=next(f["ID"] for f in fields["AttributeFields"] if _is_for_a_password(f)),
        )
    except (AttributeError, KeyError, LookupError, StopIteration, TypeError, ValueError):
        raise changed("the sign-in page") from None
    if not all(isinstance(text, str) for text in astuple(page)):
        raise changed("the sign-in page")
    return page


def _is_for_a_password(field: dict[str, Any]) -> bool:
    named = (field.get("IS_PASSWORD"), field.get("UX_INPUT_TYPE"))
    return not {str(each).lower() for each in named}.isdisjoint({"true", "password"})


def _assigned(page: str, name: str) -> dict[str, Any]:
    """The object that a page's script assigns to a variable or a property, however it declares it."""
    for begin in re.finditer(rf"\b{name}\b[\"'\]]*\s*[=:]\s*(?=\{{)", page):
        try:
            value, _ = json.JSONDecoder().raw_decode(page, begin.end())
        except (ValueError, RecursionError):
            continue
        return value if isinstance(value, dict) else {}
    heed_maintenance(page)
    raise changed(f"the sign-in page (no {name})")


def heed_maintenance(page: str) -> None:
    """Raise TryLater for a page that says that Fluvius is being maintained."""
    if "SETTINGS" not in page and re.search("maintenance|onderhoud", page, re.IGNORECASE):
        raise TryLater("Fluvius is being maintained")


def changed(what: str) -> ShapeChanged:
    """The error for what is not as it was seen."""
    return ShapeChanged(f"Fluvius has changed {what}; look for a newer version of fluvius2mqtt")
