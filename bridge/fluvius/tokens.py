"""What is kept of a sign-in between runs: the token, and whether Fluvius refused the credentials."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bridge.fluvius.errors import TryLater
from bridge.folder import private
from bridge.folder.refusals import Refusals


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, and what renews it."""

    access_token: str
    expires_at: datetime  # aware
    refresh_token: str | None
    # A refresh token belongs to the sign-in that gave it, and so to these:
    authority: str = ""
    client_id: str = ""
    scope: str = ""

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at.isoformat()})"


class TokenStore:
    """One account's token, in a file that only its owner can read.

    The file is read anew every time: `check` and `token` may have renewed the token meanwhile.
    """

    def __init__(self, path: Path, account: str) -> None:
        """Use a file.

        Args:
            path: the file; its folder exists.
            account: whose token this is; another account's token is not used.
        """
        self._path, self._name = path, account
        self._account = hashlib.sha256(account.encode()).hexdigest()

    def refusals(self, credentials: str, most: int | None = None) -> Refusals:
        """What is remembered of refusals, which outlives every token, and another account's too."""
        return Refusals(self._path, self._name, credentials, most=most)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While one process signs in, the others wait for what comes of it.

        Raises:
            TryLater: one takes too long.
            FolderError: the folder cannot be written.
        """
        try:
            with private.alone(self._path):
                yield
        except private.Busy:
            raise TryLater("another fluvius2mqtt is signing in just now", reached=False) from None

    @property
    def is_of_another(self) -> bool:
        """Whether the token that is kept is another account's."""
        return private.parts(self._path).get("account") not in (None, self._account)

    @property
    def token(self) -> Token | None:
        """The token of the latest sign-in or renewal."""
        parts = private.parts(self._path)
        try:
            kept = parts["token"]
            texts = [kept[name] for name in ("access_token", "authority", "client_id", "scope")]
            if parts["account"] != self._account or not all(isinstance(text, str) and text for text in texts):
                return None
            return Token(**{**kept, "expires_at": _aware(kept["expires_at"])})
        except (KeyError, TypeError, ValueError):
            return None

    def keep_token(self, token: Token) -> None:
        """Keep a token.

        Raises:
            FolderError: the file cannot be written.
        """
        kept = {**asdict(token), "expires_at": token.expires_at.isoformat()}
        private.replace(self._path, account=self._account, token=kept)

    def forget_token(self) -> None:
        """Keep no token.

        Raises:
            FolderError: the file cannot be written.
        """
        private.replace(self._path, token=None)


def lifetime_of(expires_in: object) -> timedelta:
    """How long a token is good for, by the seconds that came with it; an hour, where they cannot be read."""
    try:
        return timedelta(seconds=max(0, min(float(str(expires_in)), 24 * 3600)))
    except (OverflowError, ValueError):
        return timedelta(hours=1)


def _aware(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} says no time zone")
    return instant
