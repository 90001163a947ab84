"""A bearer token for one run, whichever way it is got."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Never

from bridge.fluvius.errors import CredentialsRefused, ShapeChanged, StepNeeded, TryLater
from bridge.fluvius.tokens import Token, TokenStore

log = logging.getLogger(__name__)

_EXPIRES_SOON = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Account:
    """How a token is got.

    `sign_in` raises CredentialsRefused, StepNeeded, TryLater or ShapeChanged; `renew` returns None where
    that is not to be had.
    """

    name: str  # for the log
    credentials: str = field(repr=False)  # all that the user may have to correct
    sign_in: Callable[[datetime], Token]
    renew: Callable[[Token, datetime], Token | None] = lambda _token, _now: None
    fixed_token: str | None = field(default=None, repr=False)  # instead of all this
    again_after: timedelta = timedelta.max  # how soon a run may sign in a second time


class Access:
    """A bearer token: kept from an earlier run, renewed, or got by signing in.

    Args:
        account: how.
        store: where the token is kept between runs.
        now: the present instant, aware.
        asked: whether a person asked for this run, and so for another try after a refusal.
    """

    def __init__(
        self, account: Account, store: TokenStore, *, now: Callable[[], datetime], asked: bool = False
    ) -> None:
        self._account, self._store, self._now, self._asked = account, store, now, asked
        self._signed_in_at: datetime | None = None
        self._token = None if account.fixed_token else store.token

    def bearer(self) -> str:
        """A token that should be valid for the next request.

        Raises:
            CredentialsRefused: now, or less than a day ago with the same credentials.
            TryLater, ShapeChanged: see there.
        """
        if self._account.fixed_token:
            self._heed_refusal()
            return self._account.fixed_token
        if self._token is None or self._token.expires_at - _EXPIRES_SOON <= self._now():
            self._token = self._renewed() or self._signed_in_anew()
        return self._token.access_token

    def try_sign_in(self) -> None:
        """Prove that the credentials are good, whatever token is kept; the new token is kept.

        Raises:
            CredentialsRefused, TryLater: see there.
        """
        if self._account.fixed_token is None:
            self._token = self._signed_in_anew()

    def another_bearer(self, *, renew: bool) -> str:
        """A token for the request that was answered 401, by renewal if that is worth trying.

        Raises:
            CredentialsRefused, TryLater, ShapeChanged: as for `bearer`.
        """
        if self._account.fixed_token:
            self.refuse(
                CredentialsRefused("Fluvius does not accept fluvius.portal.token any more; get a new one")
            )
        self._token = (self._renewed() if renew else None) or self._signed_in_anew()
        return self._token.access_token

    def refuse(self, error: CredentialsRefused) -> Never:
        """Remember that these credentials are not good, for a day."""
        step_needed = isinstance(error, StepNeeded)
        self._store.keep_refusal(str(error), self._account.credentials, self._now(), step_needed=step_needed)
        raise error

    def _renewed(self) -> Token | None:
        if self._token is None or self._token.refresh_token is None:
            return None
        log.info("renewing the token")
        renewed = self._account.renew(self._token, self._now())
        if renewed:
            self._store.keep_token(renewed)
        return renewed

    def _signed_in_anew(self) -> Token:
        now = self._now()
        if self._signed_in_at and now - self._signed_in_at < self._account.again_after:
            raise TryLater("Fluvius does not accept the token that it has just given")
        self._heed_refusal()
        self._store.prove_writable()
        self._signed_in_at = now
        log.info("signing in to %s", self._account.name)
        try:
            token = self._account.sign_in(now)
        except CredentialsRefused as error:
            self.refuse(error)
        except ShapeChanged as error:
            raise TryLater(str(error)) from error  # the same for every meter of this run
        self._store.keep_token(token)
        return token

    def _heed_refusal(self) -> None:
        refusal = None if self._asked else self._store.refusal
        if refusal and refusal.still_counts(self._account.credentials, self._now()):
            raise (StepNeeded if refusal.step_needed else CredentialsRefused)(refusal.message)
