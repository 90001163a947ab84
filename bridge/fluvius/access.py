"""A bearer token for one run, whichever way it is got."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Never

from bridge.fluvius.errors import AccountLocked, CredentialsRefused, ShapeChanged, StepNeeded, TryLater
from bridge.fluvius.tokens import Token, TokenStore
from bridge.folder.refusals import Kind, Refusal

log = logging.getLogger(__name__)

_EXPIRES_SOON = timedelta(seconds=60)
_KINDS: dict[type[CredentialsRefused], Kind] = {StepNeeded: Kind.STEP_NEEDED, AccountLocked: Kind.LOCKED}


@dataclass(frozen=True, slots=True)
class Account:
    """How a token is got.

    `sign_in` takes the present instant and what to call just before a password leaves the house; it raises
    CredentialsRefused, StepNeeded, TryLater or ShapeChanged. `renew` returns None where there is none.
    """

    name: str  # for the log
    credentials: str = field(repr=False)  # all that the user may have to correct
    sign_in: Callable[[datetime, Callable[[], None]], Token]
    renew: Callable[[Token, datetime], Token | None] = lambda _token, _now: None
    fixed_token: str | None = field(default=None, repr=False)  # instead of all this
    sign_in_proves_all: bool = True  # that is in the credentials
    again_after: timedelta = timedelta.max  # how soon a run may sign in a second time
    most_refused: int | None = None  # at once, by whichever credentials, before it may be locked


class Access:
    """A bearer token: kept from an earlier run, renewed, or got by signing in.

    Args:
        account: how.
        store: where the token is kept between runs, and what was refused.
        now: the present instant, aware.
        asked: whether a person asked for this run, and so for another try after a refusal.
    """

    def __init__(
        self, account: Account, store: TokenStore, *, now: Callable[[], datetime], asked: bool = False
    ) -> None:
        self._account, self._store, self._now, self._asked = account, store, now, asked
        self._refusals = store.refusals(account.credentials, account.most_refused)
        self._refused: CredentialsRefused | None = None  # in this run
        self._heeded = self._proven = False  # in this run
        self._signed_in_at: datetime | None = None
        self._token = None if account.fixed_token else store.token

    def bearer(self) -> str:
        """A token that should be valid for the next request.

        Raises:
            CredentialsRefused: now, or before and they did not change; says when they are tried again.
            TryLater, ShapeChanged: see there.
        """
        if self._account.fixed_token:
            if self._refused or not self._heeded:
                self._heed_refusals()
            return self._account.fixed_token
        if self._token is None or self._token.expires_at - _EXPIRES_SOON <= self._now():
            self._token = self._renewed() or self._signed_in_anew(unless_another_did=True)
        return self._token.access_token

    def try_sign_in(self) -> None:
        """Prove that the credentials are good, whatever token is kept.

        A running bridge may work with that one: it stays unless there is a better one of the same account.

        Raises:
            CredentialsRefused, TryLater: see there.
        """
        if self._account.fixed_token is None:
            self._token = self._signed_in_anew(is_try=True)

    def another_bearer(self, *, renew: bool) -> str:
        """A token for the request that was answered 401, by renewal if that is worth trying.

        Raises:
            CredentialsRefused, TryLater, ShapeChanged: as for `bearer`.
        """
        if self._account.fixed_token:
            self.refuse(
                CredentialsRefused(
                    "Fluvius does not accept fluvius.portal.token: it is wrong, or has expired; get a new one"
                )
            )
        self._token = (self._renewed() if renew else None) or self._signed_in_anew()
        return self._token.access_token

    def accepted(self) -> None:
        """A request was let in, so all credentials are good."""
        if not self._proven and (self._account.fixed_token or not self._account.sign_in_proves_all):
            self._proven = True
            self._refusals.forget(self._now())

    def refuse(self, error: CredentialsRefused, *, keeps_token: bool = False) -> Never:
        """Remember that these credentials are not good."""
        kind = _KINDS.get(type(error), Kind.WRONG)
        self._refused = _error(self._refusals.keep(kind, str(error), self._now()))
        if not keeps_token:
            self._store.forget_token()
        raise self._refused

    def _renewed(self) -> Token | None:
        if self._token is None or self._token.refresh_token is None:
            return None
        log.info("renewing the token")
        renewed = self._account.renew(self._token, self._now())
        if renewed:
            self._store.keep_token(renewed)
        return renewed

    def _signed_in_anew(self, *, unless_another_did: bool = False, is_try: bool = False) -> Token:
        """One process at a time: the others wait, and heed what came of it."""
        now = self._now()
        if self._signed_in_at and now - self._signed_in_at < self._account.again_after:
            raise TryLater("Fluvius does not accept the token that it has just given")
        with self._store.alone():
            if unless_another_did and (token := self._token_of_another(now)):
                return token
            self._heed_refusals()
            self._signed_in_at = now
            log.info("signing in to %s", self._account.name)
            try:
                token = self._account.sign_in(now, lambda: self._refusals.begin(now))
            except CredentialsRefused as error:
                self.refuse(error, keeps_token=is_try)
            except ShapeChanged as error:
                raise TryLater(str(error)) from error  # the same for every meter of this run
            if not (is_try and self._store.is_of_another):
                self._store.keep_token(token)
            if self._account.sign_in_proves_all:
                self._refusals.forget(now)
            return token

    def _token_of_another(self, now: datetime) -> Token | None:
        kept = self._store.token
        is_new = kept and (self._token is None or kept.access_token != self._token.access_token)
        return kept if kept and is_new and kept.expires_at - _EXPIRES_SOON > now else None

    def _heed_refusals(self) -> None:
        if self._refused:
            raise self._refused
        if standing := self._refusals.standing(self._now(), asked=self._asked):
            self._refused = _error(standing)
            raise self._refused
        self._refusals.prove_writable()
        self._heeded = True


def _error(refusal: Refusal) -> CredentialsRefused:
    match refusal.kind:
        case Kind.LOCKED:
            return AccountLocked(refusal.words, retry_at=refusal.not_before)
        case Kind.STEP_NEEDED:
            return StepNeeded(refusal.words, not_before=refusal.not_before)
        case _:
            return CredentialsRefused(refusal.words, not_before=refusal.not_before)
