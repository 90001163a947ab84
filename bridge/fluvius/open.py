"""A source by its name in the configuration, and what it needs."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial

from bridge.config import PortalSettings, Settings
from bridge.fluvius.access import Access, Account
from bridge.fluvius.energy_api.client import EnergyApi
from bridge.fluvius.energy_api.sign_in import authority, energy_api_account
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.portal import pages, sign_in
from bridge.fluvius.portal.client import Portal
from bridge.fluvius.recording import Recorder
from bridge.fluvius.source import Memory, Source
from bridge.fluvius.tokens import TokenStore

Now = Callable[[], datetime]

_MOST_REFUSED = 2  # at once: a third wrong password may lock the account


def open_source(
    name: str, settings: Settings, http: PoliteSession, memory: Memory, now: Now, *, asked: bool
) -> Source:
    """A source by its name in the configuration. Makes no request yet.

    Args:
        name: `portal` or `energy_api`.
        settings: the configuration, which has that source.
        http: the session that it shall make its requests with.
        memory: what it wants to know again in its next run.
        now: the present instant, aware.
        asked: whether a person waits, so that refused credentials are tried once more.
    """
    if name == "energy_api":
        return open_energy_api(settings, http, now, asked=asked)
    return open_portal(settings, http, memory, now, asked=asked)


def address_of_the_time(name: str, settings: Settings) -> str:
    """What anyone may ask a source for: its answer says what time it is."""
    portal, api = settings.fluvius.portal, settings.fluvius.energy_api
    if name == "energy_api" and api:
        return f"{authority(api)}/v2.0/.well-known/openid-configuration"
    if portal is None:
        raise ValueError("fluvius.portal is not configured")
    return f"{portal.url}{pages.CONFIGURATION}"


def open_portal(
    settings: Settings, http: PoliteSession, memory: Memory, now: Now, *, asked: bool = False
) -> Portal:
    """Mijn Fluvius."""
    if settings.fluvius.portal is None:
        raise ValueError("fluvius.portal is not configured")
    return Portal(http, open_access(settings, http, now, asked=asked), settings.fluvius.portal.url, memory)


def open_energy_api(settings: Settings, http: PoliteSession, now: Now, *, asked: bool = False) -> EnergyApi:
    """The official API.

    Raises:
        CredentialsRefused: the certificate's key cannot be read.
    """
    api = settings.fluvius.energy_api
    if api is None:
        raise ValueError("fluvius.energy_api is not configured")
    account = energy_api_account(api, http)
    store = TokenStore(settings.data_dir / "energy-api.json", account=f"{account.name} {api.client_id}")
    return EnergyApi(http, Access(account, store, now=now, asked=asked), api)


def open_access(settings: Settings, http: PoliteSession, now: Now, *, asked: bool = False) -> Access:
    """The portal's token: the one kept in the data folder, or another."""
    portal = settings.fluvius.portal
    if portal is None:
        raise ValueError("fluvius.portal is not configured")
    store = TokenStore(settings.data_dir / "token.json", account=f"{portal.url} {portal.email}")
    return Access(portal_account(portal, http), store, now=now, asked=asked)


def portal_account(portal: PortalSettings, http: PoliteSession) -> Account:
    """A household's account on Mijn Fluvius."""
    password, token = (
        None if secret is None else secret.get_secret_value() for secret in (portal.password, portal.token)
    )
    return Account(
        name=portal.url,
        credentials=json.dumps([portal.url, portal.email, password, token]),
        sign_in=http.keeping_what_is_odd()(partial(sign_in.sign_in, http, portal)),
        renew=http.keeping_what_is_odd()(partial(sign_in.renew, http, portal)),
        fixed_token=token or None,
        most_refused=None if token else _MOST_REFUSED,
    )


def open_recorder(settings: Settings, now: datetime) -> Recorder:
    """A recorder that knows who is at home."""
    portal, api = settings.fluvius.portal, settings.fluvius.energy_api
    known = [number for meter in settings.followed for number in (meter.ean, meter.serial)]
    kinds: dict[str, str] = {}
    if portal:
        secrets = (portal.password, portal.token)
        known += [portal.email or "", *(each.get_secret_value() for each in secrets if each)]
    if api:
        kinds = {api.tenant_id: "tenant", api.client_id: "client", api.contract_number: "contract"}
        known += [*kinds, api.subscription_key.get_secret_value()]
        known += [api.client_secret.get_secret_value()] if api.client_secret else []
    return Recorder(now, known, kinds)
