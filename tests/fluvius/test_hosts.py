"""Where a password, a code or a refresh token may travel, whatever a page says."""

import json
from urllib.parse import urlsplit

import pytest

from bridge.fluvius.errors import ShapeChanged, TryLater
from bridge.fluvius.hosts import trusted
from bridge.simulator.portal.pages import TENANT
from tests.rig.provider import Provider
from tests.rig.world import World

PORTAL = "https://mijn.fluvius.be"
EVIL = "https://login.example.com"


@pytest.mark.parametrize(
    "url",
    [
        "https://mijn.fluvius.be/",
        "https://login.fluvius.be/klanten.onmicrosoft.com/B2C_1A_x",
        "https://fluvius.be",
        "https://LOGIN.Fluvius.BE./x?y=z#a",
        "https://login.fluvius.be:443/x",
        "https://klanten.b2clogin.com/klanten.onmicrosoft.com",
        "https://klanten.ciamlogin.com/x",
        "https://login.microsoftonline.com/common",
    ],
)
def test_fluvius_and_microsofts_sign_in_are_trusted(url: str) -> None:
    assert trusted(url, PORTAL) == url


@pytest.mark.parametrize(
    "url",
    [
        EVIL,
        "https://fluvius.be.example.com/",
        "https://evilfluvius.be/",
        "https://b2clogin.com.example.com/",
        "https://eviloginb2clogin.com/",
        "https://microsoftonline.com/",
        "https://evil.microsoftonline.com/",
        "https://example.com/https://mijn.fluvius.be/",
        "https://example.com?mijn.fluvius.be",
        "https://example.com#mijn.fluvius.be",
        "https://127.0.0.1/",
        "https://[::1]/",
        "http://localhost/",
    ],
)
def test_any_other_host_is_refused_by_name(url: str) -> None:
    with pytest.raises(ShapeChanged) as refused:
        trusted(url, PORTAL)
    host = urlsplit(url).hostname
    assert f"to {host}, which is neither" in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://mijn.fluvius.be@example.com/",
        "https://mijn.fluvius.be:secret@example.com/",
        "https://example.com\\@mijn.fluvius.be/",
        "https://example.com\\.fluvius.be/",
        "https://example.com%2f.fluvius.be/",
        "https://example.com\t.fluvius.be/",
        "https://mijn.fluvius.be\n",
        "https://example。com/",
        "https://fluvius。be/",
        "https:///mijn.fluvius.be/",
        "https:mijn.fluvius.be/",
        "//mijn.fluvius.be/",
        " https://mijn.fluvius.be/",
        "https://mijn.fluvius.be:443:80/",
        "http://mijn.fluvius.be/",
        "http://login.fluvius.be/",
        "ftp://mijn.fluvius.be/",
        "",
    ],
)
def test_an_address_that_two_programs_may_read_otherwise_is_not_secure(url: str) -> None:
    with pytest.raises(ShapeChanged, match="not secure"):
        trusted(url, PORTAL)


@pytest.mark.parametrize(
    ("url", "home", "is_trusted"),
    [
        ("http://127.0.0.1:81/x", "http://127.0.0.1:80", True),
        ("http://[::1]:81/x", "http://[::1]:80", True),
        ("https://10.0.0.1/x", "https://192.168.0.1", False),
        ("https://1.127.0.0.1/x", "http://127.0.0.1", False),
        ("https://evil.localhost/x", "http://localhost", False),
        ("https://evil.be/x", "https://localhost", False),
        ("https://10.0.0.1/x", "https://8.0.0.1", False),
    ],
)
def test_an_ip_address_and_a_single_name_have_no_siblings(url: str, home: str, is_trusted: bool) -> None:
    if is_trusted:
        assert trusted(url, home) == url
    else:
        with pytest.raises(ShapeChanged):
            trusted(url, home)


def test_a_message_shows_neither_code_nor_control_characters() -> None:
    with pytest.raises(ShapeChanged) as refused:
        trusted("https://x\x1b[31m\n@example.com/?code=secret", PORTAL)
    assert "secret" not in str(refused.value)
    assert str(refused.value).isprintable()


# --- the sign-in


def refused(world: World) -> str:
    (error,) = world.fetch().errors
    assert isinstance(error, TryLater)
    return str(error)


def test_an_authority_elsewhere_is_asked_nothing(desk: World) -> None:
    config = {"authority": f"{EVIL}{TENANT}", "clientId": "x", "redirectUri": f"{desk.simulator.url}/"}
    desk.simulator.fault("replace", where="config", body=json.dumps(config))
    assert "login.example.com" in refused(desk)
    assert desk.simulator.count() == 1


def test_a_page_that_posts_elsewhere_gets_no_password(desk: World) -> None:
    other = desk.simulator.url.replace("127.0.0.1", "localhost")
    settings = {"csrf": "x", "transId": "x", "hosts": {"tenant": f"{other}{TENANT}", "policy": "x"}}
    fields = {"AttributeFields": [{"ID": "u", "IS_PASSWORD": False}, {"ID": "p", "IS_PASSWORD": True}]}
    page = f"var SETTINGS = {json.dumps(settings)};\nvar SA_FIELDS = {json.dumps(fields)};"
    desk.simulator.fault("replace", where="authorize", body=page)
    assert "to localhost, which is neither" in refused(desk)
    assert desk.simulator.count("sign-in") == 0


@pytest.mark.parametrize("where", ["redirectUri", "authority"])
def test_a_name_that_only_begins_like_ours_is_another(desk: World, where: str) -> None:
    here = desk.simulator.url
    config = {"authority": f"{here}{TENANT}", "clientId": "x", "redirectUri": f"{here}/"}
    config[where] = "https://127.0.0.1.example.com/x"
    desk.simulator.fault("replace", where="config", body=json.dumps(config))
    assert "127.0.0.1.example.com" in refused(desk)


def test_a_kept_refresh_token_is_not_sent_elsewhere(desk: World) -> None:
    desk.fetch()
    file = desk.data_dir / "token.json"
    kept = json.loads(file.read_text())
    kept["token"]["authority"] = EVIL
    file.write_text(json.dumps(kept))
    desk.clock.pass_by(days=1)
    desk.simulator.forget_requests()
    assert not desk.fetch().errors
    assert (desk.simulator.count("renewal"), desk.simulator.count("sign-in")) == (0, 1)


# --- the official API


def test_a_discovery_document_that_names_another_host_gets_no_secret(desk: World) -> None:
    """The other host is this machine by another name, so that what it is sent would be seen."""
    provider = Provider(desk)
    authority = provider.api.authority.replace("http:", "https:")  # as msal sees it
    elsewhere = authority.replace("127.0.0.1", "localhost") + "/oauth2/v2.0"
    found = {
        "issuer": f"{authority}/v2.0",
        "authorization_endpoint": f"{elsewhere}/authorize",
        "token_endpoint": f"{elsewhere}/token",
    }
    provider.simulator.fault("replace", where="openid-configuration", body=json.dumps(found))
    (error,) = provider.fetch().errors
    assert isinstance(error, TryLater)
    assert "to localhost, which is neither" in str(error)
    assert provider.asked()["api-token"] == 0


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://login.example.com/x", "login.example.com, which is neither"),
        ("//login.example.com/x", "not secure"),
        ("http://login.microsoftonline.com/x", "not secure"),
    ],
)
@pytest.mark.parametrize("where", ["authorize", "confirmed"])
def test_a_sign_in_is_not_followed_elsewhere(desk: World, where: str, location: str, words: str) -> None:
    desk.simulator.fault("replace", where=where, status=302, location=location)
    cycle = desk.fetch()
    assert words in str(cycle.errors[0])
    assert desk.simulator.count("token") == 0
    assert desk.simulator.count("self-asserted") == (0 if where == "authorize" else 1)
