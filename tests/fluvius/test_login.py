"""The sign-in, against a Fluvius that is strict about every step of it."""

import base64
import json
import logging
import stat
from collections.abc import Iterator
from uuid import uuid4

import pytest

from bridge.fetching.due import Occasion
from bridge.fluvius import http
from bridge.fluvius.access import Access
from bridge.fluvius.errors import AccountLocked, CredentialsRefused, FluviusError, StepNeeded, TryLater
from bridge.fluvius.open import portal_account
from bridge.fluvius.portal import pages
from bridge.fluvius.tokens import TokenStore
from bridge.simulator.portal.pages import TENANT
from tests.rig.world import HOME, World

STEPS = ("config", "authorize", "redirect", "self-asserted", "confirmed", "token")


def error_of(world: World, occasion: Occasion = Occasion.SCHEDULE) -> Exception:
    (error,) = world.fetch(occasion).errors
    return error


def kept(world: World) -> dict[str, str]:
    token: dict[str, str] = json.loads((world.data_dir / "token.json").read_text())["token"]
    return token


def cost(world: World) -> dict[str, int]:
    world.simulator.forget_requests()
    assert not world.fetch(Occasion.ASKED).errors
    return {group: world.simulator.count(group) for group in ("sign-in", "renewal")}


def test_the_strict_portal_lets_us_in(desk: World) -> None:
    assert not desk.fetch().errors
    assert [record.status for record in desk.simulator.requests if record.status >= 400] == []


@pytest.mark.parametrize("remember_me", [True, False])
def test_the_user_may_be_remembered(desk: World, remember_me: bool) -> None:
    desk.changes["fluvius.portal.remember_me"] = remember_me
    assert not desk.fetch().errors
    (confirmed,) = [record for record in desk.simulator.requests if record.endpoint == "confirmed"]
    assert confirmed.query["rememberMe"] == str(remember_me).lower()


def test_other_names_in_the_configuration_and_on_the_page_are_understood(desk: World) -> None:
    desk.simulator.fault("renamed-login-fields")
    assert not desk.fetch().errors


def test_a_password_of_any_characters_arrives(desk: World) -> None:
    desk.password = desk.simulator.sign_in.password = "é&=+% \"'€ ü\\"
    assert not desk.fetch().errors


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("unknown-user", CredentialsRefused, ("no account", "fluvius.portal.email")),
        ("wrong-password", CredentialsRefused, ("password", "fluvius.portal.password")),
        ("account-locked", AccountLocked, ("locked", "browser", "mijn.fluvius.be")),
    ],
)
def test_refused_credentials_say_what_to_correct(
    desk: World, fault: str, kind: type[Exception], words: tuple[str, ...]
) -> None:
    desk.simulator.fault(fault)
    error = error_of(desk)
    assert type(error) is kind
    assert [word for word in words if word not in str(error)] == []


def test_one_more_step_is_for_the_user_to_take(desk: World) -> None:
    desk.simulator.fault("extra-step")
    error = error_of(desk)
    assert type(error) is StepNeeded
    assert "two-factor" in str(error)
    assert "fluvius2mqtt check" in str(error)


def test_a_sign_in_that_fluvius_ends_says_why(desk: World) -> None:
    desk.simulator.fault("redirect-error", description="AADB2C90118: forgotten")
    assert "forgotten" in str(error_of(desk))


def test_a_sign_in_that_fluvius_cannot_finish_is_tried_later(desk: World) -> None:
    desk.simulator.fault("redirect-error", error="temporarily_unavailable", description="busy")
    assert type(error_of(desk)) is TryLater


@pytest.mark.parametrize(("fault", "word"), [("wrong-state", "state"), ("wrong-nonce", "nonce")])
def test_another_sign_in_than_ours_gives_no_token(desk: World, fault: str, word: str) -> None:
    desk.simulator.fault(fault)
    error = error_of(desk)
    assert isinstance(error, TryLater)
    assert word in str(error)
    assert desk.simulator.count("readings") == 0
    assert TokenStore(desk.data_dir / "token.json", "any").token is None


def id_token(claims: object) -> str:
    return f"x.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.x"


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        5,
        "unreadable",
        "a.b.c",
        id_token({}),
        id_token({"nonce": None}),
        id_token([]),
        id_token("x"),
    ],
)
def test_an_id_token_without_a_nonce_or_that_cannot_be_read_is_no_harm(desk: World, given: object) -> None:
    """PKCE and `state` tie the code to us."""
    token = desk.simulator.sign_in.issue_access_token(desk.clock())
    answer = {"access_token": token, "expires_in": 3600, "id_token": given}
    desk.simulator.fault("replace", where="token", body=json.dumps(answer), times=1)
    assert not desk.fetch().errors


@pytest.mark.parametrize(
    "declared",
    [
        "var SETTINGS = ",
        "let SETTINGS = ",
        "const SETTINGS=",
        "window.SETTINGS =\n",
        "// SETTINGS = {x\nSETTINGS=",
    ],
)
def test_a_page_may_declare_its_variables_as_it_likes(declared: str) -> None:
    page = f'<script>{declared}{{"csrf": "}};", "hosts": {{}}}};var SA_FIELDS = {{}};</script>'
    assert pages._assigned(page, "SETTINGS") == {"csrf": "};", "hosts": {}}


@pytest.mark.parametrize("redirect_uri", ["/", "", None, 5])
def test_a_redirect_uri_may_be_relative_or_left_out(desk: World, redirect_uri: object) -> None:
    """msal.js, which reads this configuration in a browser, takes both."""
    here = desk.simulator.url
    config = {
        "authority": f"{here}{TENANT}",
        "clientId": desk.simulator.sign_in.client_id,
        "redirectUri": redirect_uri,
        "auth": {"redirectUri": f"{here}/"},
    }
    desk.simulator.fault("replace", where="config", body=json.dumps(config))
    assert not desk.fetch().errors


def test_an_error_that_comes_back_without_our_state_still_says_why(desk: World) -> None:
    desk.simulator.fault("redirect-error", description="AADB2C90118: forgotten")
    desk.simulator.fault("wrong-state")
    assert "forgotten" in str(error_of(desk))


@pytest.mark.parametrize("status", ["500", 503])
def test_a_password_that_could_not_be_looked_at_was_not_refused(desk: World, status: object) -> None:
    answer = {"status": status, "errorCode": "AADB2C99001", "message": "Something went wrong"}
    desk.simulator.fault("replace", where="self-asserted", body=json.dumps(answer), times=1)
    assert type(error_of(desk)) is TryLater
    desk.clock.pass_by(hours=1)
    assert not desk.fetch().errors


@pytest.mark.parametrize("body", [b"{}", b"null", b"[]", b'{"access_token": 5}', b"not JSON"])
def test_a_renewal_that_is_answered_oddly_leads_to_a_sign_in(desk: World, body: bytes) -> None:
    desk.fetch()
    desk.clock.pass_by(hours=2)
    desk.simulator.fault("replace", where="renewal", body=body)
    assert cost(desk) == {"sign-in": 1, "renewal": 1}


def test_a_new_client_id_is_noticed_at_the_next_sign_in(desk: World) -> None:
    desk.fetch()
    desk.simulator.sign_in.client_id = str(uuid4())
    desk.clock.pass_by(days=1)
    desk.simulator.forget_requests()
    assert not desk.fetch().errors
    assert (desk.simulator.count("renewal"), desk.simulator.count("sign-in")) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        *(("maintenance", step) for step in STEPS),
        *(("unavailable", step) for step in STEPS),
        *(("stall", step) for step in ("config", "self-asserted", "token")),
        *(("cut", step) for step in ("redirect", "self-asserted", "token")),
    ],
)
def test_trouble_at_any_step_is_nobodys_fault(
    desk: World, fault: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_SILENCE_SECONDS", 1.0)
    desk.simulator.fault(fault, where=step)
    assert type(error_of(desk)) is TryLater
    desk.simulator.clear()
    desk.clock.pass_by(hours=1)
    assert not desk.fetch().errors


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b"<html></html>",
        b'var SETTINGS = {"hosts": 5}; var SA_FIELDS = {"AttributeFields": [null, 3]};',
        b"var SETTINGS = {" + b'"a": {' * 5000,
    ],
    ids=range(5),
)
def test_an_answer_of_another_shape_at_any_step_is_an_error_with_a_name(
    desk: World, step: str, body: bytes
) -> None:
    desk.simulator.fault("replace", where=step, body=body)
    error = error_of(desk)
    assert isinstance(error, FluviusError)
    assert str(error).startswith("Fluvius ")
    assert desk.simulator.count("sign-in") <= 1


def test_endless_redirects_come_to_an_end(desk: World) -> None:
    desk.simulator.fault("replace", where="redirect", status=302, body=b"")
    assert isinstance(error_of(desk), FluviusError)
    assert desk.simulator.count() < 30


# --- where a password may travel


@pytest.mark.parametrize(
    "elsewhere",
    ["http://login.example.com", "ftp://login.example.com", "//login.example.com", "http://[::1", ""],
)
def test_an_authority_that_is_not_secure_is_refused(desk: World, elsewhere: str) -> None:
    config = {"authority": f"{elsewhere}{TENANT}", "clientId": "x", "redirectUri": f"{desk.simulator.url}/"}
    desk.simulator.fault("replace", where="config", body=json.dumps(config))
    error = error_of(desk)
    assert isinstance(error, TryLater)
    assert "not secure" in str(error)
    assert desk.simulator.count() == 1


def test_a_page_that_posts_elsewhere_in_the_clear_gets_no_password(desk: World) -> None:
    settings = {
        "csrf": "x",
        "transId": "x",
        "hosts": {"tenant": f"http://login.example.com{TENANT}", "policy": "x"},
    }
    fields = {"AttributeFields": [{"ID": "u", "IS_PASSWORD": False}, {"ID": "p", "IS_PASSWORD": True}]}
    page = f"var SETTINGS = {json.dumps(settings)};\nvar SA_FIELDS = {json.dumps(fields)};"
    desk.simulator.fault("replace", where="authorize", body=page)
    assert "not secure" in str(error_of(desk))


# --- the token that is kept


def test_the_token_is_kept_for_its_owner_alone(desk: World) -> None:
    desk.fetch()
    file = desk.data_dir / "token.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {each.name for each in desk.data_dir.glob("token*")} == {"token.json", "token.json.lock"}
    desk.clock.pass_by(days=1)
    desk.fetch()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_token_is_used_by_the_next_run(desk: World) -> None:
    desk.fetch()
    assert cost(desk) == {"sign-in": 0, "renewal": 0}


def test_an_expired_token_is_renewed_and_the_new_refresh_token_kept(desk: World) -> None:
    desk.fetch()
    before = kept(desk)
    desk.clock.pass_by(hours=2)
    assert cost(desk) == {"sign-in": 0, "renewal": 1}
    assert kept(desk)["refresh_token"] != before["refresh_token"]
    desk.clock.pass_by(hours=2)
    assert cost(desk) == {"sign-in": 0, "renewal": 1}


def test_a_refresh_token_that_expired_leads_to_a_sign_in(desk: World) -> None:
    desk.fetch()
    desk.clock.pass_by(days=20)
    assert cost(desk) == {"sign-in": 1, "renewal": 1}


def test_names_that_begin_like_null_mean_what_is_written(desk: World) -> None:
    desk.email = desk.simulator.sign_in.email = "nora@example.com"
    desk.password = desk.simulator.sign_in.password = "never mind"
    desk.meters = [{**HOME, "name": "north"}]
    assert not desk.fetch().errors
    assert desk.settings.followed[0].name == "north"


def test_another_accounts_token_is_not_used(desk: World) -> None:
    desk.fetch()
    desk.email = desk.simulator.sign_in.email = "else@example.com"
    assert cost(desk) == {"sign-in": 1, "renewal": 0}


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "null",
        "\x00\x00",
        '{"account": 5, "token": 7}',
        '{"token": {"access_token": "x", "expires_at": "never", "refresh_token": null}}',
    ],
)
def test_a_damaged_token_file_costs_a_sign_in(desk: World, damage: str) -> None:
    desk.fetch()
    (desk.data_dir / "token.json").write_text(damage)
    assert cost(desk) == {"sign-in": 1, "renewal": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": "2026-11-21T10:00:00"},
        {"expires_at": 5},
        {"access_token": None},
        {"access_token": 5},
        {"refresh_token": 5, "expires_at": "2000-01-01T00:00:00+00:00"},
        {"authority": "", "expires_at": "2000-01-01T00:00:00+00:00"},
        {"unknown": 1},
    ],
)
def test_a_token_file_of_another_version_costs_a_sign_in_at_most(
    desk: World, change: dict[str, object]
) -> None:
    desk.fetch()
    file = desk.data_dir / "token.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "token": {**content["token"], **change}}))
    assert cost(desk)["sign-in"] <= 1


# --- the user's own token


@pytest.fixture
def with_token(desk: World) -> World:
    desk.changes["fluvius.portal.password"] = None
    desk.changes["fluvius.portal.token"] = desk.simulator.sign_in.issue_access_token(desk.clock())
    return desk


def test_a_token_from_the_configuration_makes_a_sign_in_needless(with_token: World) -> None:
    assert not with_token.fetch().errors
    assert with_token.simulator.count("sign-in") == 0
    assert with_token.simulator.count("readings-interval") == 7


def test_a_token_from_the_configuration_that_expired_is_for_the_user_to_replace(with_token: World) -> None:
    with_token.clock.pass_by(hours=2)
    for _ in range(3):
        error = error_of(with_token)
        assert isinstance(error, CredentialsRefused)
        assert "fluvius.portal.token" in str(error)
        with_token.clock.pass_by(hours=1)
    assert with_token.simulator.count() == 1
    with_token.changes["fluvius.portal.token"] = with_token.simulator.sign_in.issue_access_token(
        with_token.clock()
    )
    assert not with_token.fetch().errors


# --- secrets


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def secrets_of(world: World) -> list[str]:
    """The password, and what was kept of the sign-in."""
    token = kept(world)
    return [world.password, token["access_token"], token["refresh_token"]]


def test_nothing_secret_is_logged(desk: World, everything_logged: pytest.LogCaptureFixture) -> None:
    desk.password = desk.simulator.sign_in.password = "correct horse"
    desk.fetch()
    secrets = secrets_of(desk)
    desk.clock.pass_by(hours=2)
    desk.fetch(Occasion.ASKED)
    desk.simulator.fault("refresh-refused")
    desk.clock.pass_by(days=1)
    desk.fetch()
    secrets += secrets_of(desk)
    desk.simulator.sign_in.password = "another"
    desk.simulator.sign_in.forget_tokens()
    desk.clock.pass_by(days=1)
    assert isinstance(error_of(desk), CredentialsRefused)
    assert "signing in" in everything_logged.text
    assert [secret for secret in secrets if secret in everything_logged.text] == []


def test_nothing_secret_shows_in_a_repr(desk: World) -> None:
    desk.fetch()
    portal = desk.settings.fluvius.portal
    assert portal
    store = TokenStore(desk.data_dir / "token.json", f"{portal.url} {portal.email}")
    session = http.PoliteSession()
    access = Access(portal_account(portal, session), store, now=desk.clock)
    access.bearer()
    shown = repr([store.token, vars(store), vars(access), desk.settings])
    session.close()
    assert store.token
    assert [secret for secret in secrets_of(desk) if secret in shown] == []


def test_the_refusal_that_is_kept_does_not_help_to_guess_the_password(desk: World) -> None:
    desk.password = "hunter2"
    error_of(desk)
    text = (desk.data_dir / "token.json").read_text()
    assert "hunter2" not in text
    assert desk.email not in text
    assert stat.S_IMODE((desk.data_dir / "token.json").stat().st_mode) == 0o600


def test_a_token_from_a_clock_that_was_wrong_is_replaced(desk: World) -> None:
    desk.clock.move_to("2030-01-01 09:00")
    desk.fetch()
    desk.clock.move_to("2026-11-21 09:00")
    desk.simulator.sign_in.forget_tokens()
    assert not desk.fetch().errors
    assert desk.total() != {}
